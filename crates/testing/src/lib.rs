//! Cross-crate tests, the load generator, the crash test and Ethereum state tests; nothing depends on it.
//!
//! [`load`] is the load generator (binary `load`), on top of a lean HTTP client ([`http`], [`rpc`]), keys
//! ([`wallet`]) and node processes ([`process`]), which the crash test uses, too. `fixture` runs a chain in
//! this process, for tests and benchmarks.

#[cfg(feature = "node")]
pub mod fixture;
pub mod http;
pub mod load;
#[cfg(feature = "node")]
pub mod posted;
pub mod process;
pub mod rpc;
#[cfg(feature = "node")]
pub mod simulated_l1;
pub mod wallet;
