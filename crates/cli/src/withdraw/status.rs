//! What a withdrawal's stage is, without doing anything about it.

use super::Which;
use crate::bridge::{open, say};
use clap::Args;
use std::process::ExitCode;

/// Flags of `openledger withdraw status`.
#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    which: Which,
}

/// Says how far a withdrawal is and what comes next.
///
/// # Errors
/// A layer that doesn't answer; a transaction that began no withdrawal.
pub(super) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let case = args.which.open().await?;
    let withdrawal = &case.withdrawal;
    say("withdrawal", withdrawal.hash);
    say(
        "amount",
        format_args!(
            "{} of {} to {}",
            open(withdrawal.fields.value),
            withdrawal.fields.sender,
            withdrawal.fields.target
        ),
    );
    say("L2 block", withdrawal.block);
    let seen = case.look(None).await?;
    say("stage", seen.words(withdrawal));
    if let Some(step) = seen.next_step() {
        say("next", args.which.next(step));
    }
    Ok(ExitCode::SUCCESS)
}
