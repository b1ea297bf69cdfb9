//! What the chain holds of a set, an index or a space at one block.
//!
//! Nothing that a node says is taken for granted: slots and pages come with Merkle proofs that are checked
//! against the block's state root, and the header against its hash. Whoever trusts the block's hash
//! trusts what is read.

mod sketch_set;
mod space;
mod span_index;

pub use sketch_set::SketchSet;
pub use space::{Commitment, SpaceState};
pub use span_index::{MODE_NATIVE, MODE_PROVED, SpanIndex};
