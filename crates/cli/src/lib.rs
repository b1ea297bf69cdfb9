//! The `openledger` command: one file a subcommand.
//!
//! This is the outermost shell. It reads flags, environment and files into checked values, starts the
//! roles of the other packages with them, and stops them in order. Nothing about the chain is decided
//! here, except what a new chain starts from ([`genesis`]).
//!
//! - [`dev`]: a local chain with a local L1, in one command.
//! - [`sequencer`]: the same roles against a given L1, configured by a file.
//! - [`verifier`]: a node that derives the chain from L1 and serves it.
//! - [`l1`]: deploys a chain's contracts to an L1, and reads them back.
//! - [`batch`]: what stands on L1: list, show, and verify the whole chain from it.
//! - [`deposit`], [`withdraw`]: OPEN from L1 to L2 and back.
//! - [`fees`]: what the chain charges for posting to L1.
//! - `openledger_attribution`: the off-chain side of attribution scoring; `openledger_economy`: the protocol's
//!   commands.
//! - [`db`]: statistics and care of a data directory.
//!
//! Errors are `anyhow` here and nowhere below: a command has one line to say what is wrong and what to
//! do. Start reading at [`run`], then [`node`], which both `dev` and `sequencer` start.

pub mod batch;
mod batcher;
mod bridge;
mod catch_up;
pub mod cli;
pub mod config;
pub mod db;
pub mod deposit;
pub mod derivation;
pub mod dev;
pub mod fees;
mod files;
pub mod genesis;
pub mod l1;
mod l1_roles;
pub mod logging;
mod metrics;
pub mod node;
pub mod proposer;
mod roles;
pub mod sequencer;
mod services;
pub mod shutdown;
mod sync_status;
#[cfg(test)]
mod testing;
pub mod unsettled;
pub mod verifier;
pub mod withdraw;

pub use cli::{Cli, Command};

use std::process::ExitCode;

/// Runs a subcommand to its end.
///
/// # Errors
/// Whatever keeps the command from doing what was asked, in words for the person who asked.
pub async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Dev(args) => dev::run(args).await,
        Command::Sequencer(args) => sequencer::run(*args).await,
        Command::Verifier(args) => verifier::run(*args).await,
        Command::L1(args) => l1::run(*args).await,
        Command::Batch(args) => batch::run(args).await,
        Command::Deposit(args) => deposit::run(*args).await,
        Command::Withdraw(args) => withdraw::run(*args).await,
        Command::Fees(args) => fees::run(args).await,
        Command::Attribution(args) => openledger_attribution::run(args).await,
        Command::Economy(command) => command.run().await,
        Command::Db(args) => db::run(args).await,
        Command::Version => {
            println!("{}", cli::version_text());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// An error with its causes on one line, none of them twice: many errors repeat their cause in their own
/// text.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string().replace('\n', " ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::one_line;
    use anyhow::anyhow;

    #[test]
    fn causes_are_told_once() {
        let error = anyhow!("no such file")
            .context("/a: no such file")
            .context("reading\nthe chain");
        assert_eq!(one_line(&error), "reading the chain: /a: no such file");
        assert_eq!(one_line(&anyhow!("alone")), "alone");
    }
}
