//! The third step: having the withdrawal paid.

use super::{Case, Sender, Waiting, Which, stage::Stage};
use crate::bridge::{L1Account, duration, explain, is_failing_call, open, say};
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{anyhow, bail};
use clap::Args;
use openledger_l1::{
    TxCandidate,
    contracts::{DisputeGame, RollupPortal},
};
use std::process::ExitCode;

/// Who the portal lets estimates be made for: for it alone, a call that fails makes the whole fail, so that
/// the estimate is of the gas with which it succeeds.
const ESTIMATION_ADDRESS: Address = Address::with_last_byte(1);
/// Gas above such an estimate, percent.
const GAS_MARGIN_PERCENT: u64 = 50;

/// Flags of `openledger withdraw finalize`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Anybody may have a withdrawal paid; the account pays the gas on L1. Without --key-file, OPENLEDGER_KEY holds its \
key.")]
pub(super) struct FinalizeArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    sender: Sender,
    /// Have it paid even if the call that it makes fails, which can't be made again
    #[arg(long)]
    allow_failing_call: bool,
}

/// Waits until the proof is mature and its claim counts, and has the withdrawal paid.
///
/// # Errors
/// Whatever keeps it from being paid.
pub(super) async fn run(args: FinalizeArgs) -> anyhow::Result<ExitCode> {
    let case = args.which.open().await?;
    let account = args.sender.open(&case.connection)?;
    let own = Some(account.address());
    let mut waiting = Waiting::default();
    // Seconds are told once, and not counted down.
    let mut matures = None;
    loop {
        let seen = case.look(own).await?;
        let words = seen.words(&case.withdrawal);
        match seen.stage {
            Stage::Finalized => {
                say("stage", words);
                return Ok(ExitCode::SUCCESS);
            }
            Stage::Refused => bail!("the withdrawal {words}"),
            Stage::Unclaimed { .. } | Stage::Provable(_) => bail!(
                "the withdrawal is not proved, or the claim that its proof relied on fell: it {words}. Next: {}",
                args.which.next("prove")
            ),
            Stage::Payable(proof) => {
                account.require_eth().await?;
                return pay(&case, &account, proof.submitter, args.allow_failing_call).await;
            }
            Stage::Maturing(_) | Stage::Paused { .. } if args.sender.no_wait => {
                say("stage", words);
                say("next", args.which.next("finalize"));
                return Ok(ExitCode::FAILURE);
            }
            Stage::Maturing(proof) if proof.needs_resolve => {
                account.require_eth().await?;
                let resolve = DisputeGame::resolveCall {}.abi_encode();
                let candidate = TxCandidate::call(proof.game, resolve);
                // Somebody else may have been faster: then the next look shows it.
                match account.send("decision of the claim", candidate).await {
                    Ok(decided) => say("claim decided", decided.tx_hash),
                    Err(error) => {
                        let what = format!("the claim can't be decided: {error}");
                        waiting.on(what, &case).await?;
                    }
                }
            }
            Stage::Maturing(proof) => {
                let what = matures.get_or_insert_with(|| {
                    format!("{} until it can be paid", duration(proof.seconds))
                });
                waiting.on(what.clone(), &case).await?;
            }
            Stage::Paused { .. } => {
                waiting
                    .on("withdrawals are paused".to_owned(), &case)
                    .await?;
            }
        }
    }
}

/// Has it paid, by the proof of `submitter`.
async fn pay(
    case: &Case,
    account: &L1Account,
    submitter: Address,
    allow_failing_call: bool,
) -> anyhow::Result<ExitCode> {
    let (l1, portal) = (&case.connection.l1, case.connection.contracts().portal);
    let withdrawal = &case.withdrawal;
    let call = RollupPortal::finalizeWithdrawalTransactionExternalProofCall {
        withdrawal: withdrawal.fields.clone(),
        proofSubmitter: submitter,
    };
    let call = call.abi_encode();
    let mut candidate = TxCandidate::call(portal, call.clone());
    if !withdrawal.fields.data.is_empty() {
        let request = TransactionRequest::default()
            .from(ESTIMATION_ADDRESS)
            .to(portal)
            .input(alloy_primitives::Bytes::from(call).into());
        match l1.estimate_gas(request).await {
            Ok(gas) => {
                let margin = gas.saturating_mul(GAS_MARGIN_PERCENT) / 100;
                candidate = candidate.with_gas_limit(gas.saturating_add(margin));
            }
            Err(error) if is_failing_call(&error) && allow_failing_call => {}
            Err(error) if is_failing_call(&error) => bail!(
                "the withdrawal's call of {} would fail now, and can't be made again: try later, or give \
                 --allow-failing-call to have only the {} paid",
                withdrawal.fields.target,
                open(withdrawal.fields.value)
            ),
            Err(error) => return Err(anyhow!("the payment is refused: {}", explain(&error))),
        }
    }
    let paid = account.send("payment", candidate).await?;
    say(
        "paid",
        format_args!(
            "{} to {}",
            open(withdrawal.fields.value),
            withdrawal.fields.target
        ),
    );
    say(
        "L1 transaction",
        format_args!("{} in block {}", paid.tx_hash, paid.block.number),
    );
    if !call_succeeded(case, paid.tx_hash).await? {
        say(
            "note",
            "the call that the withdrawal makes failed; it is paid all the same",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the call that the withdrawal makes succeeded, or there is none.
async fn call_succeeded(case: &Case, tx: B256) -> anyhow::Result<bool> {
    let receipt = case.connection.l1.receipt(tx).await?;
    let finalized = receipt
        .iter()
        .flat_map(|receipt| receipt.inner.logs())
        .find_map(|log| {
            let event = RollupPortal::WithdrawalFinalized::decode_log(&log.inner).ok()?;
            (event.withdrawalHash == case.withdrawal.hash).then_some(event.success)
        });
    Ok(finalized.unwrap_or(true))
}
