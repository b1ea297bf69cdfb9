//! Blocks, transactions, receipts and logs in the form that Ethereum's JSON-RPC gives them.
//!
//! Written by hand rather than through `serde`'s flattening, which copies every field through an
//! intermediate map.

mod block;
mod log;
mod receipt;
mod transaction;

pub(crate) use block::{BlockJson, HeaderJson};
pub(crate) use log::{LogJson, LogPlace};
pub(crate) use receipt::Receipts;
pub(crate) use transaction::{Place, TransactionJson};
