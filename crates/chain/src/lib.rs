//! The canonical chain: heads, insert, unwind, the open block's view and subscriptions.
//!
//! Shared by the sequencer, which builds blocks, and by a verifier, which derives them. [`Chain`] owns
//! the resident state trie and is the only writer of the store's blocks: executed blocks become sealed
//! and durable here, in one step, and everybody else learns of them by [`ChainEvent`]s.
//!
//! The open block, with the transactions that are preconfirmed but not sealed, is published as an
//! immutable [`OpenBlock`] snapshot, which `pending` reads use. What a node's RPC can ask of whoever
//! sequences is the [`Sequencer`] trait; a verifier has none.
//!
//! Invariants: events follow the store (a sealed block that is announced survives `kill -9`); heads
//! are ordered finalized ≤ safe ≤ unsafe. Start reading at [`Chain`].

mod canonical;
mod derivation;
mod driver;
mod error;
mod event;
mod extension;
mod files;
mod genesis;
mod give_way;
mod l1_block;
mod origin;
mod pending;
mod recent;
mod sequencer;
mod track;
mod view;

pub use canonical::{Chain, ChainOptions, Heads};
pub use derivation::{Derivation, DerivedL1};
pub use driver::{Driver, DriverError, OnContradiction, Progress, SafeBlock};
pub use error::ChainError;
pub use event::ChainEvent;
pub use files::{ChainFiles, ChainFilesError};
pub use genesis::{GenesisError, genesis_block};
pub use give_way::{GiveWay, GiveWayError};
pub use l1_block::l1_input;
pub use origin::{l1_holds, newest_with_origin, origin_of, start_driver, unwind_lost_origins};
pub use pending::{OpenBlock, PendingState, PreconfirmedTransaction};
pub use recent::block_bytes;
pub use sequencer::{
    BoxFuture, LocalCommand, LocalError, LocalReply, Sequencer, SequencerError, Submission,
    SubmitError,
};
pub use track::{TrackError, track, track_beside};
pub use view::StateView;
