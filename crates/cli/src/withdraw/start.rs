//! The first step: burning the OPEN on L2.

use super::{stage::is_refused, withdrawal::Withdrawal};
use crate::bridge::{AccountArgs, ConnectionArgs, OpenAmount, open, say};
use alloy_primitives::{Address, Bytes, U256};
use anyhow::ensure;
use clap::Args;
use openledger_client::{Sender, SenderLimits, Step};
use openledger_l1::contracts::L2ToL1MessagePasser;
use openledger_primitives::predeploys::L2_TO_L1_MESSAGE_PASSER;
use std::process::ExitCode;

/// Flags of `openledger withdraw start`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The account pays the OPEN and the fees on L2. Without --key-file, OPENLEDGER_KEY holds its key.")]
pub(super) struct StartArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    account: AccountArgs,
    /// OPEN to withdraw
    #[arg(long, value_name = "OPEN")]
    amount: OpenAmount,
    /// Who gets it on L1 [default: the account itself]
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
}

/// Begins a withdrawal and waits until it is in a block.
///
/// # Errors
/// Whatever keeps it from beginning.
pub(super) async fn run(args: StartArgs) -> anyhow::Result<ExitCode> {
    let connection = args.connection.open().await?;
    let key = args.account.key(connection.local())?;
    let l2 = connection.l2().await?;
    let (amount, to) = (args.amount.wei(), args.to.unwrap_or(key.address()));
    // It would burn the OPEN for nothing.
    ensure!(
        !is_refused(connection.contracts(), to),
        "--to is {to}, which L1 never calls (the portal, OPEN, the proxies' admin, or zero): what is withdrawn to it \
         is lost"
    );
    let call = L2ToL1MessagePasser::initiateWithdrawalCall {
        target: to,
        // Nothing is called where there is no data.
        gasLimit: U256::ZERO,
        data: Bytes::new(),
    };
    let begin = Step::call("the withdrawal", L2_TO_L1_MESSAGE_PASSER, &call).paying(amount);
    let from = key.address();
    let mut sender = Sender::new(l2.clone(), key, SenderLimits::default());
    let hash = sender.post(&begin).await?;
    say(
        "withdrawing",
        format_args!("{} of {from} to {to}", open(amount)),
    );
    say("L2 transaction", hash);
    let receipt = l2.wait_for(hash).await?;
    let withdrawal = Withdrawal::of(&l2, hash, &receipt, 0).await?;
    say("L2 block", withdrawal.block);
    say("withdrawal", withdrawal.hash);
    say("next", format_args!("openledger withdraw prove {hash}"));
    Ok(ExitCode::SUCCESS)
}
