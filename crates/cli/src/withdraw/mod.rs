//! `openledger withdraw`: OPEN from L2 to L1, in three steps over the contracts.
//!
//! `start` burns the OPEN on L2; once a claim on L1 covers the block in which that happened, `prove` shows
//! the withdrawal to the portal; once the proof is mature and the claim counts, `finalize` has it paid.
//! `status` says which of these is next (`docs/spec/outputs.md`). `prove` and `finalize` take any
//! withdrawal, of other programs and other accounts too: whoever sends them pays only the gas.
//!
//! `withdrawal.rs` is what L2 recorded, `claims.rs` the claims on L1 that it can be proved by, `stage.rs`
//! how far it is; the other files are the subcommands.

mod claims;
mod finalize;
mod prove;
mod stage;
mod start;
mod status;
mod withdrawal;

use crate::{
    bridge::{
        AccountArgs, Connection, ConnectionArgs, L1Account, L2Node, POLL_INTERVAL, SendArgs, say,
    },
    shutdown::or_interrupted,
};
use alloy_primitives::{Address, B256};
use clap::{Args, Subcommand};
use stage::{Seen, look};
use std::{process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};
use withdrawal::Withdrawal;

/// Longest time between looks at a withdrawal that is waited for.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// Flags of `openledger withdraw`.
#[derive(Debug, Clone, Args)]
pub struct WithdrawArgs {
    #[command(subcommand)]
    command: WithdrawCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum WithdrawCommand {
    /// Begin a withdrawal on L2
    Start(start::StartArgs),
    /// Show a withdrawal to L1, once a claim there covers its block
    Prove(prove::ProveArgs),
    /// Have a withdrawal paid, once its proof is mature
    Finalize(finalize::FinalizeArgs),
    /// Say how far a withdrawal is, and what comes next
    Status(status::StatusArgs),
}

/// Which withdrawal.
#[derive(Debug, Clone, Args)]
struct Which {
    /// The L2 transaction that began the withdrawal
    #[arg(value_name = "HASH")]
    hash: B256,
    /// Which of the transaction's withdrawals, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    index: usize,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Who sends a step of a withdrawal to L1.
#[derive(Debug, Clone, Args)]
struct Sender {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    send: SendArgs,
    /// Say how long it takes and end, if it can't be done now
    #[arg(long)]
    no_wait: bool,
}

impl Sender {
    /// The account that sends.
    ///
    /// # Errors
    /// A key that is named nowhere or can't be read.
    fn open(&self, connection: &Connection) -> anyhow::Result<L1Account> {
        let key = self.account.key(connection.local())?;
        Ok(L1Account::new(connection, key, &self.send))
    }
}

/// Runs one of the subcommands.
///
/// # Errors
/// Whatever keeps it from being done.
pub async fn run(args: WithdrawArgs) -> anyhow::Result<ExitCode> {
    let command = async {
        match args.command {
            WithdrawCommand::Start(args) => start::run(args).await,
            WithdrawCommand::Prove(args) => prove::run(args).await,
            WithdrawCommand::Finalize(args) => finalize::run(args).await,
            WithdrawCommand::Status(args) => status::run(args).await,
        }
    };
    let interrupted = ": `openledger withdraw status` says how far it is.";
    or_interrupted(command, interrupted).await
}

/// A withdrawal and the two layers.
struct Case {
    connection: Connection,
    l2: L2Node,
    withdrawal: Withdrawal,
}

impl Which {
    /// Connects, and waits until L2 has the withdrawal in a block.
    ///
    /// # Errors
    /// A node that doesn't know the transaction; a transaction that began no withdrawal.
    async fn open(&self) -> anyhow::Result<Case> {
        let connection = self.connection.open().await?;
        let l2 = connection.l2().await?;
        let withdrawal = Withdrawal::find(&l2, self.hash, self.index).await?;
        Ok(Case {
            connection,
            l2,
            withdrawal,
        })
    }

    /// How the command for the next step is called.
    fn next(&self, step: &str) -> String {
        match self.index {
            0 => format!("openledger withdraw {step} {}", self.hash),
            index => format!("openledger withdraw {step} {} --index {index}", self.hash),
        }
    }
}

impl Case {
    /// How far the withdrawal is. `own` is whose proof comes first if there are several.
    async fn look(&self, own: Option<Address>) -> anyhow::Result<Seen> {
        look(&self.connection, &self.l2, &self.withdrawal, own).await
    }
}

/// Tells each thing that is waited for once.
#[derive(Debug, Default)]
struct Waiting {
    told: Option<String>,
    /// The L1's head when it was last waited.
    l1_head: Option<u64>,
}

impl Waiting {
    /// Waits for the next L1 block, with which alone a withdrawal gets any further; or for a while, since
    /// the node of the chain may be behind.
    async fn on(&mut self, what: String, case: &Case) -> anyhow::Result<()> {
        if self.told.as_ref() != Some(&what) {
            say("waiting", &what);
            self.told = Some(what);
        }
        let began = Instant::now();
        loop {
            sleep(POLL_INTERVAL).await;
            let head = Some(case.connection.l1.latest().await?.number);
            if self.l1_head != head || began.elapsed() > WAIT_MAX {
                self.l1_head = head;
                return Ok(());
            }
        }
    }
}
