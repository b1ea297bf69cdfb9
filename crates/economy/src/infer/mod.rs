//! Paid inference: requests with escrow, and channels whose calls are paid by vouchers.
//!
//! - [`FeeTree`], [`Leaf`], [`request_id`] and the other names, [`Prices`], [`Voucher`], [`Policy`]: what the contracts compute, off
//!   chain. Pure.
//! - [`calls`]: the files of what was served, which whoever proposes an epoch's scores reads.
//! - [`message`]: what payer and worker say to each other; [`PayerChannel`] and [`worker::Worker`] are the two of them.
//! - [`chain`]: what both ask of the chain; [`channel`]: what they send to it.
//! - `commands`, `serve`: `openledger infer`.
//!
//! The rules are in `docs/spec/protocol.md`, "Inference and fees"; how it is used in `docs/guides/inference.md`.

pub mod calls;
pub mod chain;
pub mod channel;
mod client;
mod commands;
mod fee_tree;
mod fuzz;
mod ids;
mod journal;
pub mod message;
mod payer;
mod policy;
mod serve;
#[cfg(test)]
mod vectors;
mod voucher;
pub mod worker;

pub use crate::adapter::Prices;
pub use calls::{CallsDirectory, channel_path, request_path};
pub use chain::{ChannelView, channel_view};
pub use channel::{ChannelTerms, RequestTerms, only_channel, payer_channel};
pub use client::{WorkerClient, WorkerRefusal};
pub use commands::{InferArgs, run};
pub use fee_tree::{
    FeeFrontier, FeeTree, Leaf, Node, PROOF_MAX, Sibling, SumTooLarge, covers, hash_node,
};
pub use fuzz::{calls_file, infer_message};
pub use ids::{call_nonce, channel_id, content_hash, query_sketch_hash, request_id};
pub use journal::ChannelJournal;
pub use payer::{PayerChannel, PayerError, TOKENS_IN_EXTRA};
pub use policy::{Breach, Policy};
pub use voucher::{SignedVoucher, Voucher, call_hash, output_hash, recover, sign};

use channel::check_cost;
