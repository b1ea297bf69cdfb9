//! JSON-RPC over HTTP and WebSocket, one file a namespace.
//!
//! The first step in a transaction's way: bytes come in, `eth_sendRawTransaction` makes them a
//! recovered transaction and hands it to the [`Sequencer`](openledger_chain::Sequencer). Everything
//! else here answers questions about the [`Chain`](openledger_chain::Chain).
//!
//! A body is parsed into calls (`envelope.rs`), each call's method looked up (`registry.rs`) and run
//! (`dispatch.rs`): light methods at once on the async worker, costly ones on a bounded set of threads
//! with a deadline (`workers.rs`), so that a slow call never holds up another. Handlers read their
//! parameters strictly (`params.rs`) and answer JSON that is written straight from the chain's types
//! (`json/`). What goes wrong is a [`Failure`](error::Failure), whose codes and texts are decided in
//! `error.rs` alone.
//!
//! Invariants: receipts, `newHeads` and `logs` speak of sealed blocks only; every request, answer,
//! queue and cache is bounded by [`Limits`] or a named constant; internal errors are logged, not
//! told; the privileged listener serves what the public one must not.
//!
//! Start reading at [`serve`], then `dispatch.rs`, then `eth/`.

mod admin;
mod api;
mod block_id;
mod bounded;
mod cache;
mod call;
mod config;
mod context;
mod debug;
mod dispatch;
mod envelope;
mod error;
mod eth;
mod feed;
mod filters;
mod fuzz;
mod http;
mod hub;
mod json;
mod local;
mod log_filter;
mod metrics;
mod miner;
mod native_calls;
mod net;
mod optimism;
mod ots;
mod params;
mod patient;
mod quantity;
mod registry;
mod reply;
mod revert;
mod rpc;
mod server;
mod trace;
mod txpool;
mod web3;
mod websocket;
mod witness;
mod workers;

pub use config::{Limits, Namespace, RpcConfig, UnknownNamespace};
pub use context::{L1BlockRef, L1Status, MetricsHook, RpcContext};
pub use envelope::rpc_body;
pub use error::RpcError;
pub use fuzz::rpc_param;
pub use server::{RpcHandle, serve};
