//! Who earned what, and why.

use crate::{
    study::{Worth, part},
    verdict::Condition,
    world::{Field, name},
};
use alloy_primitives::U256;
use openledger_client::decimal;

/// What contributors of the first Datanet were paid, and would have been.
#[derive(Debug)]
pub(crate) struct Earnings<'a> {
    /// By contributor, wei.
    pub(crate) paid: &'a [u128],
    /// Without the copier, without the flooder, and without either.
    pub(crate) without: [&'a [u128]; 3],
    /// Part of all rows.
    pub(crate) row_shares: &'a [f64],
    /// What they are worth.
    pub(crate) worth: &'a Worth,
}

/// The table.
pub(crate) fn earnings(earnings: &Earnings<'_>) -> String {
    let mut lines = vec![format!(
        "{:<14} {:>7} {:>9} {:>12} {:>8} {:>11} {:>9} {:>11}",
        "contributor", "rows", "worth", "paid, OPEN", "of all", "no copies", "no junk", "no cheats"
    )];
    for who in Field::First.contributors() {
        let worth = earnings.worth.losses.iter().find(|(of, _)| *of == who);
        let worth = worth.map_or(0.0, |(_, loss)| *loss);
        let percent = |paid: &[u128]| format!("{:.1} %", part(paid, who) * 100.0);
        let [no_copies, no_junk, neither] = earnings.without;
        let wei = earnings.paid.get(who).copied().unwrap_or_default();
        lines.push(format!(
            "{:<14} {:>7} {:>+9.3} {:>12.6} {:>8} {:>11} {:>9} {:>11}",
            name(who),
            format!(
                "{:.1} %",
                earnings.row_shares.get(who).copied().unwrap_or_default() * 100.0
            ),
            worth,
            wei as f64 / 1e18,
            percent(earnings.paid),
            percent(no_copies),
            percent(no_junk),
            percent(neither),
        ));
    }
    lines.push(String::new());
    lines.push("rows: part of the rows that are trained on (copies have none)".to_owned());
    lines.push("worth: by how much the mean loss of new requests rises if the model is trained without them".to_owned());
    lines.push("no …: part of all payouts, had that cheat not taken part; the same requests drawn, the model trained anew".to_owned());
    lines.join("\n")
}

/// The conditions, a line each.
pub(crate) fn conditions(conditions: &[Condition]) -> String {
    let line = |condition: &Condition| {
        let mark = if condition.holds { "holds " } else { "FAILS " };
        format!("{mark} {} ({})", condition.what, condition.bound)
    };
    conditions.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Who claimed how much, the largest first.
pub(crate) fn claims(claims: &[(String, U256)]) -> String {
    let mut claims = claims.to_vec();
    claims.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
    let line =
        |(name, amount): &(String, U256)| format!("{name:<28} {:>22} OPEN", decimal(*amount));
    claims.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What the second Datanet's contributors were paid by the derived adapter.
pub(crate) fn derived(paid: &[u128]) -> String {
    let line = |who: usize| {
        let wei = paid.get(who).copied().unwrap_or_default();
        format!("{:<28} {:>22} OPEN", name(who), decimal(U256::from(wei)))
    };
    Field::Second
        .contributors()
        .into_iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}
