//! `openledger epoch finalize`, `carry` and `residue`: what is paid when the windows are over.

use super::{
    chain::ask,
    challenge::{Standing, Verdict},
    pots::{Key, PotArgs, Stage, choose, parameter, settlement},
    scores::SetResult,
};
use alloy_primitives::{B256, U256};
use anyhow::ensure;
use clap::Args;
use openledger_client::{Sender, SenderArgs, Step, TooMuchGas, duration, is_refusal, open, say};
use openledger_contracts::{EpochSettlement, InferenceRouter};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, INFERENCE_ROUTER};
use std::process::ExitCode;

/// Clusters that are paid in a transaction, if they fit.
const PAGE: u64 = 128;
/// Datanets that a residue is divided among in a transaction, if they fit.
const SPACES_PAGE: u64 = 32;

/// Flags of `openledger epoch finalize` and `carry`.
#[derive(Debug, Clone, Args)]
pub struct FinalizeArgs {
    #[command(flatten)]
    which: PotArgs,
    /// Wait until it can be done
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Flags of `openledger epoch residue`.
#[derive(Debug, Clone, Args)]
pub struct ResidueArgs {
    /// The adapter
    #[arg(long, value_name = "ID")]
    adapter: u64,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs `finalize`.
///
/// # Errors
/// A node that doesn't answer, an epoch that can't be finalized, a transaction that the chain refuses.
pub async fn run(args: FinalizeArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let stages = [Stage::Proposed, Stage::Paying];
    let (key, settled) = choose(&sender.view().await?, args.which, &stages).await?;
    wait_for(
        &sender,
        settled.deadline.to(),
        args.wait,
        "until it can't be challenged any more",
    )
    .await?;
    finalize(&mut sender, key).await?;
    tell(&sender, key).await
}

/// Runs `carry`.
///
/// # Errors
/// As [`run`].
pub async fn run_carry(args: FinalizeArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let stages = [Stage::Open, Stage::Proposed, Stage::Paying];
    let (key, _) = choose(&sender.view().await?, args.which, &stages).await?;
    let until = carry_from(&sender.view().await?, key).await?;
    wait_for(&sender, until, args.wait, "until it can be carried").await?;
    carry(&mut sender, key).await?;
    tell(&sender, key).await
}

/// Runs `residue`.
///
/// # Errors
/// As [`run`].
pub async fn run_residue(args: ResidueArgs) -> anyhow::Result<ExitCode> {
    let mut sender = args.sender.open().await?;
    let adapter = args.adapter;
    loop {
        let call = EpochSettlement::carriedOfCall { adapter };
        let state = ask(&sender.view().await?, EPOCH_SETTLEMENT, call).await?;
        let left = if state.residue == 0 {
            // The call itself begins with what was carried for an adapter that nobody uses any more.
            state.carried
        } else {
            state.residue
        };
        if left == 0 {
            break;
        }
        let step = |max: u64| {
            let max = U256::from(max);
            let call = EpochSettlement::distributeResidueCall { adapter, max };
            Step::call("residue", EPOCH_SETTLEMENT, &call)
        };
        match send_page(&mut sender, SPACES_PAGE, step).await {
            Ok(_) => say("residue", format!("of {} divided", open(U256::from(left)))),
            Err(error) if is_refusal::<EpochSettlement::NoResidue>(&error) => break,
            Err(error) => return Err(error),
        }
    }
    say("residue", "nothing is left to divide");
    Ok(ExitCode::SUCCESS)
}

/// A wrong proposal that nobody refuted in time: nobody but its proposer can name the results that the chain has hashes of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the proposal for epoch {epoch} is wrong, and what it would pay is known to its proposer alone: epoch carry settles the epoch without it, \
     once its time is over"
)]
pub struct UnknownResults {
    /// The epoch.
    pub epoch: u64,
}

/// Pays an epoch whose windows are over, in as many transactions as it takes.
///
/// # Errors
/// [`UnknownResults`]; a node that doesn't answer, a transaction that the chain refuses.
pub async fn finalize(sender: &mut Sender, key: Key) -> anyhow::Result<Vec<B256>> {
    let (epoch, adapter) = key;
    let view = sender.view().await?;
    let settled = settlement(&view, key).await?;
    let standing = Standing::read(&view, key, &settled).await?;
    let judgement = match standing.judge(&view).await? {
        Verdict::Right(judgement) => judgement,
        Verdict::Wrong(_) => return Err(UnknownResults { epoch }.into()),
    };
    let results = judgement.results().ok_or(UnknownResults { epoch })?;
    let hashes = judgement.proposed.clone();
    let mut transactions = Vec::new();
    loop {
        let settled = settlement(&sender.view().await?, key).await?;
        if Stage::of(&settled)? == Stage::Settled {
            return Ok(transactions);
        }
        let result = results
            .get(usize::from(settled.set))
            .cloned()
            .unwrap_or_default();
        let step = |max: u64| {
            let call = EpochSettlement::finalizeCall {
                epoch,
                adapter,
                results: hashes.clone(),
                result: encoded(&result),
                max: U256::from(max),
            };
            Step::call("finalize", EPOCH_SETTLEMENT, &call)
        };
        transactions.push(send_page(sender, PAGE, step).await?);
    }
}

/// Settles an epoch without scores.
///
/// # Errors
/// A transaction that the chain refuses.
pub async fn carry(sender: &mut Sender, (epoch, adapter): Key) -> anyhow::Result<B256> {
    let call = EpochSettlement::carryCall { epoch, adapter };
    let step = Step::call("carry", EPOCH_SETTLEMENT, &call);
    Ok(sender.send(step).await?.transaction_hash)
}

/// From when on an epoch can be settled without scores, as far as its own windows say, seconds.
///
/// # Errors
/// A node that doesn't answer.
pub async fn carry_from(view: &openledger_client::View, key: Key) -> anyhow::Result<u64> {
    let settled = settlement(view, key).await?;
    let window = parameter(view, "proposalSeconds")
        .await?
        .saturating_to::<u64>();
    let from: u64 = if Stage::of(&settled)? == Stage::Open {
        let call = InferenceRouter::closedAtCall { epoch: key.0 };
        let closed = ask(view, INFERENCE_ROUTER, call).await?.timestamp;
        let until = closed.saturating_add(window).max(settled.proposeUntil.to());
        if settled.askUntil.is_zero() {
            return Ok(until);
        }
        // What is proposed later could not be challenged any more before everything ends.
        let renewal = parameter(view, "renewalSeconds")
            .await?
            .saturating_to::<u64>();
        let last = settled.settleUntil.to::<u64>().saturating_sub(renewal);
        return Ok(until.min(last));
    } else {
        settled.deadline.to()
    };
    Ok(from.saturating_add(window))
}

/// Sends a step for as many items as fit.
async fn send_page(
    sender: &mut Sender,
    mut page: u64,
    step: impl Fn(u64) -> Step,
) -> anyhow::Result<B256> {
    loop {
        match sender.send(step(page)).await {
            Ok(receipt) => return Ok(receipt.transaction_hash),
            Err(error) if error.is::<TooMuchGas>() && page > 1 => page /= 2,
            Err(error) => return Err(error),
        }
    }
}

async fn wait_for(sender: &Sender, until: u64, wait: bool, why: &str) -> anyhow::Result<()> {
    if wait {
        return sender.await_time(until + 1, why).await;
    }
    let now = sender.node().time().await?;
    ensure!(
        now > until,
        "{} {why} (--wait waits)",
        duration((until + 1).saturating_sub(now))
    );
    Ok(())
}

async fn tell(sender: &Sender, key: Key) -> anyhow::Result<ExitCode> {
    let settled = settlement(&sender.view().await?, key).await?;
    say("settled", format!("epoch {} of adapter {}", key.0, key.1));
    say("contributors", open(U256::from(settled.paid)));
    let left = settled.pool.saturating_sub(settled.paid);
    say(
        "left",
        format!(
            "{} of the pool, carried to later epochs",
            open(U256::from(left))
        ),
    );
    Ok(ExitCode::SUCCESS)
}

fn encoded(result: &SetResult) -> EpochSettlement::Result {
    EpochSettlement::Result {
        clusters: result.clusters.clone(),
        sums: result.sums.clone(),
        shares: result.shares.clone(),
    }
}
