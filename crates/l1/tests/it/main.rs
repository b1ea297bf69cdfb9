//! The crate against a real L1 client.
//!
//! Each test starts an anvil of its own, so that they run side by side.

mod blobs;
mod client;
mod deploy;
mod lag;
mod sender;
mod sender_fees;
mod sender_restart;
mod support;
mod watcher;
