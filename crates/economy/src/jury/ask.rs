//! Asking, with a bond.

use super::evidence::made_for;
use crate::{
    contracts::{EpochQuestions, EpochScoring},
    epoch::{
        audit::Settlement,
        chain::{ask, proposed_scores},
        pots::{Key, settlement},
        scores::Scores,
    },
};
use alloy_primitives::{B256, U256};
use anyhow::{Context, ensure};
use openledger_client::{Sender, Step, View, event};
use openledger_primitives::predeploys::{EPOCH_QUESTIONS, EPOCH_SCORING};

/// Asks a jury whether a row of a sketch set of the adapter's is what data and model give. `set` is the set's number; without one,
/// the adapter's only set. Answers the question's name.
///
/// # Errors
/// An epoch without a proposal, or too late; a set that isn't the adapter's; what the chain refuses.
pub async fn ask_row(
    sender: &mut Sender,
    key: Key,
    set: Option<u64>,
    row: u32,
) -> anyhow::Result<B256> {
    let view = sender.view().await?;
    asking(&view, key).await?;
    let call = EpochQuestions::askRowCall {
        epoch: key.0,
        adapter: key.1,
        set: U256::from(place_of(&view, key.1, set).await?),
        row,
    };
    let step = Step::call("ask about the row", EPOCH_QUESTIONS, &call);
    send(sender, key, step).await
}

/// Asks a jury whether a drawn call's sketch for a set is what prompt and model give. Answers the question's name.
///
/// # Errors
/// As [`ask_row`]; a draw that the proposal doesn't show.
pub async fn ask_sketch(
    sender: &mut Sender,
    key: Key,
    set: Option<u64>,
    draw: usize,
) -> anyhow::Result<B256> {
    let view = sender.view().await?;
    let settled = asking(&view, key).await?;
    let place = place_of(&view, key.1, set).await?;
    let made = made_for(&view, key).await?;
    let last = made
        .last()
        .filter(|last| last.scores_hash == settled.scoresHash)
        .context("the node has no event of the proposal that stands")?;
    let scores = proposed_scores(view.node(), last.transaction, last.scores_hash).await?;
    let shown = Scores::decode(&scores)?;
    let shown = shown
        .draws
        .get(draw)
        .with_context(|| format!("there are {} draws, counted from 0", shown.draws.len()))?;
    ensure!(
        shown.is_shown(),
        "the proposal leaves draw {draw} out: it counts without a score, and there is no sketch to ask about"
    );
    ensure!(
        (settled.voidDraws >> draw) & 1 == 0,
        "a jury rejected draw {draw} already: it counts without a score (DrawIsVoid)"
    );
    let call = EpochQuestions::askSketchCall {
        epoch: key.0,
        adapter: key.1,
        scores,
        draw: U256::from(draw),
        set: U256::from(place),
    };
    let step = Step::call("ask about the sketch", EPOCH_QUESTIONS, &call);
    send(sender, key, step).await
}

/// The settlement of an epoch that a jury can be asked about now.
async fn asking(view: &View, key: Key) -> anyhow::Result<Settlement> {
    let settled = settlement(view, key).await?;
    let until: u64 = settled.askUntil.to();
    ensure!(
        view.node().pending_time().await? <= until,
        "the time to ask about epoch {} of adapter {} is over since {until} (AskingOver)",
        key.0,
        key.1
    );
    Ok(settled)
}

/// The place of a set among those that the adapter is scored by.
async fn place_of(view: &View, adapter: u64, set: Option<u64>) -> anyhow::Result<usize> {
    let call = EpochScoring::setsOfCall { adapter };
    let sets = ask(view, EPOCH_SCORING, call).await?.sketchSets;
    let names = || {
        let names: Vec<String> = sets.iter().map(u64::to_string).collect();
        names.join(", ")
    };
    match (set, sets.as_slice()) {
        (_, []) => anyhow::bail!("adapter {adapter} is scored by no sketch set"),
        (None, [_]) => Ok(0),
        (None, _) => anyhow::bail!(
            "adapter {adapter} is scored by several sketch sets: name one by --set ({})",
            names()
        ),
        (Some(set), _) => sets.iter().position(|one| *one == set).with_context(|| {
            format!(
                "adapter {adapter} isn't scored by set {set}, but by {}",
                names()
            )
        }),
    }
}

async fn send(sender: &mut Sender, (epoch, adapter): Key, step: Step) -> anyhow::Result<B256> {
    // It doubles with every few that are open.
    let call = EpochQuestions::bondOfCall { epoch, adapter };
    let bond = sender.node().ask(EPOCH_QUESTIONS, call).await?;
    let receipt = sender.send(step.paying(bond)).await?;
    Ok(event::<EpochQuestions::Asked>(&receipt)?.question)
}
