//! Whole stores against in-memory models.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests, which clippy can't tell

mod address_index;
mod chain;
mod crash;
mod handles;
mod history;
mod journal;
mod logs;
mod model;
mod open;
mod safe_heads;
mod size;
mod verify;
