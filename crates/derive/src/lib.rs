//! Derivation: from L1 blocks to the attributes of L2 blocks, by the OP specification (Holocene).
//!
//! A [`Pipeline`] is pure and synchronous. It answers each [`Pipeline::step`] either with the
//! attributes of the next L2 block or with the number of the L1 block that it needs, which the shell
//! reads, checks and hands over ([`parse_l1_block`], [`Pipeline::feed`]). The shell executes the
//! attributes and calls again with the block that came of them; if they can't be executed it says so
//! ([`Pipeline::invalid_payload`]) and gets the same block with nothing but its deposits.
//!
//! The stages stand in reading order in `stages/`: L1 traversal → L1 retrieval → frame queue →
//! channel assembler → channel reader → batch queue (with the batch validator) → attributes queue.
//! Each owns the one before it and pulls from it.
//!
//! Invariants: the same L1 blocks give the same attributes, whatever was batched before or after a
//! restart from a safe block; no input makes a stage panic; what is buffered is bounded by one L1
//! block's data, one channel and one sequencing window of L1 blocks. `no_std` + `alloc`. Start
//! reading at [`Pipeline`].
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::float_arithmetic)
)]

extern crate alloc;

mod error;
mod l1_input;
mod pipeline;
mod stages;
mod start;

pub use error::{DeriveError, Severity};
pub use l1_input::{
    InboxTransaction, L1Input, L1InputError, L1Transaction, parse_l1_block, verify_header,
    verify_receipts, verify_transactions,
};
pub use pipeline::{Pipeline, Step};
pub use stages::{BatchDrop, BatchValidity, Epoch};
pub use start::l1_start_number;
