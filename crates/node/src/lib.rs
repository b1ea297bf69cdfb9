//! What a verifier does beside deriving: it follows the sequencer's feed, and watches itself.
//!
//! A verifier needs nothing but L1 and the chain's files: [`openledger_chain::track`] derives the safe
//! chain from them. With the feed of a sequencer it also has the blocks that are not on L1 yet:
//! [`follow_feed`] imports those that the chain's sequencer signed, on top of the safe chain and never
//! against it. [`watch`] finds out when a head stands still that should move, or the feed is dead, and says
//! so to whoever asks for the node's health.
//!
//! Invariants: nothing that comes from the feed moves the safe or the finalized head; a block enters the
//! chain only if executing it gives the very block that was signed. Start reading at [`follow_feed`].

mod feed;
mod watchdog;

pub use feed::{FeedConfig, FeedConfigError, FeedTrouble, follow_feed};
pub use watchdog::{Observation, Watchdog, WatchdogConfig, watch};
