//! The chain from end to end in one process: execution rules, fees, headers, replay and idle growth, over the
//! real store, trie, executor, chain and builder.

// The precompiles' cases, which a bare machine runs as well, call it by name.
extern crate alloc;

mod catch_up;
mod corpus;
mod deposits;
mod derivation;
mod fees;
mod flz;
mod forks;
mod header;
mod precompiles;
mod refusals;
mod replay;
