//! Which adapters can have been paid for.

use super::visit_events;
use anyhow::ensure;
use openledger_client::View;
use openledger_contracts::AdapterMarket;
use openledger_primitives::predeploys::ADAPTER_MARKET;
use std::collections::BTreeSet;

/// Most adapters that are looked at.
const ADAPTERS_MAX: usize = 1 << 20;

/// The adapters that were ever listed. Nothing is paid for others: requests and channels are of what is offered.
///
/// # Errors
/// A node that doesn't answer, or whose logs aren't what was asked for.
pub(crate) async fn listed(view: &View) -> anyhow::Result<BTreeSet<u64>> {
    let mut adapters = BTreeSet::new();
    let all = 0..=u64::MAX;
    visit_events(view, ADAPTER_MARKET, &[], all, |found| {
        let event: AdapterMarket::Listed = found.event;
        adapters.insert(event.adapter);
        ensure!(
            adapters.len() <= ADAPTERS_MAX,
            "more than {ADAPTERS_MAX} adapters are listed: name those that are meant by --adapter"
        );
        Ok(())
    })
    .await?;
    Ok(adapters)
}
