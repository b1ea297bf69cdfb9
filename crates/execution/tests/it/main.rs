//! The chain's EVM from outside.
#![allow(clippy::unwrap_used, clippy::panic)]

mod precompiles;
