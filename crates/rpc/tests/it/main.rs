//! The server over HTTP and WebSocket, on a real chain.

// Helpers of tests are no tests to clippy.
#![allow(clippy::unwrap_used, clippy::panic)]

mod blocks;
mod calls;
mod corpus;
mod feed;
mod fixture;
mod listeners;
mod local;
mod logs;
mod ots;
mod search;
mod sockets;
mod traces;
mod transactions;
mod wire;
