//! The second step: showing the withdrawal to L1.

use super::{Sender, Waiting, Which, claims::Provable, stage::Stage, withdrawal::Withdrawal};
use crate::bridge::say;
use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use anyhow::bail;
use clap::Args;
use openledger_l1::{TxCandidate, contracts::RollupPortal};
use std::process::ExitCode;

/// Flags of `openledger withdraw prove`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Anybody may prove a withdrawal; the account pays the gas on L1. Without --key-file, OPENLEDGER_KEY holds its key.")]
pub(super) struct ProveArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    sender: Sender,
}

/// Waits for a claim that covers the withdrawal's block, and proves the withdrawal by it.
///
/// # Errors
/// Whatever keeps it from being proved.
pub(super) async fn run(args: ProveArgs) -> anyhow::Result<ExitCode> {
    let case = args.which.open().await?;
    let account = args.sender.open(&case.connection)?;
    let own = Some(account.address());
    let mut waiting = Waiting::default();
    loop {
        let seen = case.look(own).await?;
        let words = seen.words(&case.withdrawal);
        match &seen.stage {
            Stage::Refused => bail!("the withdrawal {words}"),
            Stage::Finalized | Stage::Maturing(_) | Stage::Payable(_) => {
                say("stage", words);
                if let Some(step) = seen.next_step() {
                    say("next", args.which.next(step));
                }
                return Ok(ExitCode::SUCCESS);
            }
            // The portal takes no proof in the claim's own second, and the L1 estimates gas as of its
            // newest block.
            Stage::Provable(provable) if provable.claim.created_at < seen.now => {
                account.require_eth().await?;
                let call = call(&case.withdrawal, provable);
                let portal = case.connection.contracts().portal;
                let candidate = TxCandidate::call(portal, call.abi_encode());
                let proved = account.send("proof", candidate).await?;
                say(
                    "proved",
                    format_args!(
                        "by claim {} about L2 block {}",
                        provable.claim.index, provable.claim.block
                    ),
                );
                say(
                    "L1 transaction",
                    format_args!("{} in block {}", proved.tx_hash, proved.block.number),
                );
                say("next", args.which.next("finalize"));
                return Ok(ExitCode::SUCCESS);
            }
            Stage::Provable(_) => {
                waiting
                    .on("for the next L1 block".to_owned(), &case)
                    .await?;
            }
            Stage::Paused { .. } | Stage::Unclaimed { .. } if args.sender.no_wait => {
                say("stage", words);
                say("next", args.which.next("prove"));
                return Ok(ExitCode::FAILURE);
            }
            // What changes from second to second is told once.
            Stage::Paused { .. } => {
                waiting
                    .on("withdrawals are paused".to_owned(), &case)
                    .await?;
            }
            Stage::Unclaimed { safe, claimed, .. } => {
                let block = case.withdrawal.block;
                let what = match claimed {
                    _ if *safe < block => format!("until L2 block {block} is on L1"),
                    Some(claimed) => format!(
                        "for a claim that covers L2 block {block} (the newest is about {claimed})"
                    ),
                    None => format!("for a claim that covers L2 block {block}"),
                };
                waiting.on(what, &case).await?;
            }
        }
    }
}

fn call(
    withdrawal: &Withdrawal,
    provable: &Provable,
) -> RollupPortal::proveWithdrawalTransactionCall {
    RollupPortal::proveWithdrawalTransactionCall {
        withdrawal: withdrawal.fields.clone(),
        disputeGameIndex: U256::from(provable.claim.index),
        outputRootProof: provable.output.clone(),
        withdrawalProof: provable.nodes.clone(),
    }
}
