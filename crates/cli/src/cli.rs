//! Flags and subcommands of the whole command.

use crate::{
    batch::BatchArgs, db::DbArgs, deposit::DepositArgs, dev::DevArgs, fees::FeesArgs, l1::L1Args,
    logging::LogArgs, sequencer::SequencerArgs, verifier::VerifierArgs, withdraw::WithdrawArgs,
};
use clap::{Parser, Subcommand};
use openledger_attribution::AttributionArgs;

/// OpenLedger: an Ethereum layer 2 for AI attribution, with OPEN as its gas token.
#[derive(Debug, Parser)]
#[command(
    name = "openledger",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub log: LogArgs,
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub command: Command,
}

/// What the command can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a local chain: an L1, a sequencer, a batcher and funded accounts
    Dev(DevArgs),
    /// Run the sequencer and the batcher against a given L1
    Sequencer(Box<SequencerArgs>),
    /// Run a verifier: derive the chain from L1 and serve it
    Verifier(Box<VerifierArgs>),
    /// Deploy a chain's contracts to an L1, or read them back
    L1(Box<L1Args>),
    /// List, decode and verify the batches that a chain posted to L1
    Batch(BatchArgs),
    /// Bring OPEN from L1 to L2
    Deposit(Box<DepositArgs>),
    /// Bring OPEN from L2 to L1, in three steps
    Withdraw(Box<WithdrawArgs>),
    /// Set what the chain charges for posting to L1
    Fees(FeesArgs),
    /// Compute and check attribution off chain
    Attribution(AttributionArgs),
    #[command(flatten)]
    #[allow(missing_docs)]
    Economy(openledger_economy::Command),
    /// Examine and maintain a data directory
    Db(DbArgs),
    /// Print the version
    Version,
}

/// Version of the command and of the forms that it reads and writes.
pub fn version_text() -> String {
    format!(
        "openledger {}\nhardforks: up to Isthmus, at genesis; Jovian, at genesis or later; Karst, at genesis",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_and_subcommand_has_help() {
        fn check(command: &clap::Command, path: &str) {
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{path} {}",
                    argument.get_id()
                );
            }
            for subcommand in command.get_subcommands() {
                let path = format!("{path} {}", subcommand.get_name());
                assert!(subcommand.get_about().is_some(), "{path}");
                check(subcommand, &path);
            }
        }
        check(&Cli::command(), "openledger");
    }

    fn refused(arguments: &[&str]) -> clap::error::ErrorKind {
        Cli::try_parse_from(arguments).unwrap_err().kind()
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        use clap::error::ErrorKind::ArgumentConflict;
        assert_eq!(
            refused(&["openledger", "dev", "--instant", "--manual"]),
            ArgumentConflict
        );
        for unsettled in ["--no-batcher", "--instant", "--manual"] {
            let url = [
                "openledger",
                "dev",
                unsettled,
                "--l1.rpc-url",
                "http://localhost:1",
            ];
            assert_eq!(refused(&url), ArgumentConflict);
        }
        assert_eq!(
            refused(&["openledger", "dev", "--instant", "--block-time", "2"]),
            ArgumentConflict
        );
        // The local L1 answers a beacon node's routes itself.
        assert_eq!(
            refused(&["openledger", "dev", "--l1.beacon-url", "http://localhost:1"]),
            clap::error::ErrorKind::MissingRequiredArgument
        );
    }

    #[test]
    fn values_out_of_range_are_refused() {
        use clap::error::ErrorKind::ValueValidation;
        for arguments in [
            ["--block-time", "0"],
            ["--accounts", "0"],
            ["--accounts", "1001"],
            ["--gas-limit", "1000"],
            ["--http.port", "70000"],
        ] {
            let refused = refused(&[&["openledger", "dev"], &arguments[..]].concat());
            assert_eq!(refused, ValueValidation, "{arguments:?}");
        }
    }
}
