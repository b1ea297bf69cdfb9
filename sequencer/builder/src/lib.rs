//! The block builder: executes transactions as they arrive, journals them and seals blocks on time.
//!
//! One thread owns the open block (`engine.rs`, a step a file below `engine/`). A submitted transaction
//! enters the pool, is executed into the open block at once if it can be, and is answered after the group
//! of transactions that arrived with it is journaled in one synced write: that answer is a
//! preconfirmation. When the block time comes the open block is sealed, durable in the same atomic write
//! that clears its journal, and the next one opens. After a crash the journal is replayed in the same
//! order on the same attributes, so that no preconfirmation is broken.
//!
//! A sender whose next transaction asks for more gas or data than the open block has left is set aside
//! until the next block, and the others go on. A transaction that an unwinding put back into the pool is
//! held for a number of blocks while it can't be executed: the deposit that it lives on comes back with a
//! later L1 block.
//!
//! L1 origins come from an [`OriginFeed`]; a feed that stalls never stops the chain: blocks keep their
//! origin, and are empty once the drift rule says so.
//!
//! Start reading at [`Builder::start`], then `engine.rs`.

mod config;
mod draft;
mod engine;
mod error;
mod follow;
mod handle;
mod journal;
mod origin;

pub use config::{BuilderConfig, Mode, TimeSource};
pub use error::BuilderError;
pub use follow::{follow, surviving_origin};
pub use handle::{Builder, BuilderHandle};
pub use origin::{Following, OriginFeed};
