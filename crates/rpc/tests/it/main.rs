//! The server over HTTP and WebSocket, on a real chain.

mod blocks;
mod calls;
mod corpus;
mod fixture;
mod listeners;
mod local;
mod logs;
mod sockets;
mod traces;
mod transactions;
mod wire;
