use super::{CompareArguments, RunArguments, compare, run};
use anyhow::Result;
use clap::{Parser, Subcommand};

/// The load generator: transactions and reads against a node, or ours and anvil in alternation.
#[derive(Debug, Parser)]
#[command(name = "load", about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts our node and anvil in alternation and compares them
    Compare(CompareArguments),
    /// Runs one workload against a node that runs already
    Run(RunArguments),
}

/// Does what the command line says.
///
/// # Errors
/// As the commands.
pub async fn execute(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Compare(arguments) => compare(arguments).await,
        Command::Run(arguments) => run(arguments).await,
    }
}
