//! Output roots on L1, from which withdrawals are proved: the proposer claims them, the challenger
//! vetoes what others claim wrongly.
//!
//! Each claim is a dispute game of the chain's factory. The proposer claims the safe head's output root
//! at an interval, sooner where somebody's withdrawal waits, and never for a block that is not safe. A
//! game of anybody's that claims what is right counts as its own; games that claim anything else are
//! ignored. When a game of its own is decided, it gets the bond back.
//!
//! The challenger compares every game that is not decided with the output root that this node derived
//! itself, and vetoes one that differs, before its clock runs out.
//!
//! What is due is decided in `decision.rs` and `verdict.rs`, which do no I/O and read no clock;
//! `games.rs` reads L1; what a round does is in `proposer.rs` and `challenger.rs`, the loop around it in
//! `rounds.rs`.
//!
//! Invariants: one claim at a time, and none before what an earlier run sent is settled, so that none is
//! made twice; a claim's block is the safe chain's by number and hash when it is sent; all state is read
//! from L1 at the start. Start reading at [`Proposer`] and [`Challenger`].

#[cfg(test)]
mod anvil_tests;
mod challenger;
mod config;
mod decision;
mod games;
mod proposer;
mod resumed;
mod rounds;
mod source;
mod verdict;

pub use challenger::{Challenger, ChallengerError, ChallengerStatus};
pub use config::{ChallengerConfig, ProposerConfig};
pub use decision::{Claimed, LastClaim, View, newest};
pub use games::GamesError;
pub use proposer::{Proposer, ProposerError, ProposerStatus};
pub use source::{Output, OutputSource, SourceError};
