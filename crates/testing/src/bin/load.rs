//! The load generator's command; see `load --help`.

use clap::Parser as _;
use openledger_testing::load::{Arguments, execute};
use std::process::ExitCode;

/// One thread sends and receives: the node needs the other cores.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match execute(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
