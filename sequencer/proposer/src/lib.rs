//! The proposer: claims output roots on L1, from which withdrawals are proved.
//!
//! Each claim is a dispute game of the chain's factory. The proposer claims the safe head's output root
//! at an interval, sooner where somebody's withdrawal waits, and never for a block that is not safe. A
//! game of anybody's that claims what is right counts as its own; games that claim anything else are
//! ignored. When a game of its own is decided, it gets the bond back.
//!
//! What is due is decided in `decision.rs`, which does no I/O and reads no clock; `games.rs` reads L1;
//! the loop around them is in `proposer.rs`.
//!
//! Invariants: one transaction at a time, so that no claim is made twice; all state is read from L1 at
//! the start, so that a restart needs nothing. Start reading at [`Proposer`].

#[cfg(test)]
mod anvil_tests;
mod config;
mod decision;
mod games;
mod proposer;
mod source;

pub use config::ProposerConfig;
pub use decision::{Claimed, View};
pub use games::GamesError;
pub use proposer::{Proposer, ProposerError, ProposerStatus};
pub use source::{OutputSource, SourceError};
