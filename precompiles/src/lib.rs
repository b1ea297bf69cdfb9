//! The chain's native precompiles: attribution scoring (SKETCH, SPAN), exact payment splitting (SPLIT)
//! and the LoRA adapter registry (LORA).
//!
//! Its step in a transaction's way: `crates/execution` hands a call to one of the four addresses to
//! [`call`], with the EVM's journal behind a [`Host`], and turns the [`Outcome`] into revm's. The pure
//! integer functions are public for whoever computes the same values off chain.
//!
//! Invariants: results depend on calldata, the journal's state and the block environment alone; integers
//! only, no unchecked arithmetic; gas is charged before the work that it pays for; state is read and
//! written through the [`Host`] only, so that a revert undoes it; every length is bounded before it is
//! allocated. The rules that all four share stand in `docs/spec/precompiles.md`.
//!
//! Start reading at [`call`], then [`Context`], then a precompile's own folder.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::float_arithmetic)
)]

extern crate alloc;

mod abi;
mod call;
mod context;
mod error;
pub mod gas;
pub mod hash;
mod host;
pub mod integer;
mod layout;
pub mod lora;
mod memory;
pub mod merkle;
mod page;
mod pause;
pub mod sketch;
pub mod span;
pub mod split;

pub use abi::{Arguments, MalformedAbi};
pub use call::{CALLDATA_LEN_MAX, CallInput, Outcome, Precompile, addresses, call};
pub use context::Context;
pub use error::{CommonErrors, HostFailure, Stop};
pub use host::{AccountLoad, Host, HostError, SlotLoad};
pub use layout::{mapping_slot, mapping_slot_bytes32, offset_slot};
pub use memory::MemoryHost;
pub use page::{PAGE_PAYLOAD_MAX, page_address};
pub use pause::{IPausable, PAUSE_INTERVAL_S, PAUSE_MAX_S, PAUSES_SLOT};

/// Address of SKETCH.
pub const SKETCH: alloy_primitives::Address =
    alloy_primitives::address!("0000000000000000000000000000000000000A01");
/// Address of SPAN.
pub const SPAN: alloy_primitives::Address =
    alloy_primitives::address!("0000000000000000000000000000000000000A02");
/// Address of SPLIT.
pub const SPLIT: alloy_primitives::Address =
    alloy_primitives::address!("0000000000000000000000000000000000000A03");
/// Address of LORA.
pub const LORA: alloy_primitives::Address =
    alloy_primitives::address!("0000000000000000000000000000000000000A04");

/// The four, ascending: each stands in the genesis state with nonce [`GENESIS_NONCE`] and code
/// [`GENESIS_CODE`].
pub const GENESIS_ADDRESSES: [alloy_primitives::Address; 4] = [SKETCH, SPAN, SPLIT, LORA];
/// Nonce of the precompiles' accounts: they aren't empty, so EIP-161 spares them.
pub const GENESIS_NONCE: u64 = 1;
/// Code of the precompiles' accounts: INVALID, which a node without them would run, and which an account
/// delegated to one by EIP-7702 runs.
pub const GENESIS_CODE: [u8; 1] = [0xfe];
