//! The command: flags, calls, lines.

use super::{Owed, Paid, claim, collect, owed};
use crate::output::print;
use alloy_primitives::{Address, U256};
use anyhow::{Context, ensure};
use clap::Args;
use openledger_client::{SenderArgs, open};
use serde::Serialize;
use std::process::ExitCode;

/// Most accounts that are claimed for at once.
const ACCOUNTS_MAX: usize = 1_024;

/// Flags of `openledger claim`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Dividends of clusters, rewards of stake and what workers are held for in settled epochs are credited first; then each account \
is paid what the vault owes it. What is paid goes to whoever holds the account's place.")]
pub struct ClaimArgs {
    /// Claim for these accounts [default: the account that sends]
    #[arg(long = "for", value_name = "ADDRESS", num_args = 1..)]
    accounts: Vec<Address>,
    /// Say what is owed, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was found and paid.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Claimed {
    owed: Vec<Owed>,
    paid: Vec<Paid>,
}

/// Runs the command.
pub(crate) async fn run(args: ClaimArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        args.accounts.len() <= ACCOUNTS_MAX,
        "--for takes at most {ACCOUNTS_MAX} accounts"
    );
    let local = args.sender.node.local()?;
    let key = args.sender.account.key_if_any(local.as_ref())?;
    let mut accounts = args.accounts;
    if accounts.is_empty() {
        let key = key.as_ref().context(
            "name the account by --for, or its key by --key-file, OPENLEDGER_KEY or --account",
        )?;
        accounts.push(key.address());
    }
    let node = args.sender.node.connect().await?;
    let mut found = Vec::with_capacity(accounts.len());
    for account in &accounts {
        found.push(owed(&node, *account).await?);
    }
    let mut paid = Vec::new();
    let is_any = found.iter().any(|owed| !owed.payable().is_zero());
    if is_any && !args.dry_run {
        let mut sender = args.sender.open().await?;
        collect(&mut sender, &found).await?;
        paid = claim(&mut sender, &accounts).await?;
    }
    let claimed = Claimed { owed: found, paid };
    print(args.json, &claimed, || show(&claimed, args.dry_run))?;
    Ok(ExitCode::SUCCESS)
}

fn show(claimed: &Claimed, is_dry: bool) {
    for owed in &claimed.owed {
        let line = |what: &str, amount: U256| println!("{}: {} {what}", owed.account, open(amount));
        line("in the vault", owed.claimable);
        for share in &owed.shares {
            let what = format!(
                "of dividends of cluster {} of Datanet {}",
                share.cluster, share.datanet
            );
            line(&what, share.amount);
        }
        for reward in &owed.rewards {
            line(
                &format!("of rewards of stake with {}", reward.operator),
                reward.amount,
            );
        }
        for hold in &owed.holds {
            let when = if hold.is_payable {
                ""
            } else {
                ", to be paid once the epoch is settled"
            };
            let what = format!(
                "served in epoch {} with adapter {}{when}",
                hold.epoch, hold.adapter
            );
            line(&what, hold.amount);
        }
        if owed.holder != owed.account {
            println!("{}: its place is {}'s", owed.account, owed.holder);
        }
    }
    for paid in &claimed.paid {
        println!("paid {} to {}", open(paid.amount), paid.payee);
    }
    if claimed.paid.is_empty() && !is_dry {
        println!("nothing was paid");
    }
}
