//! The chain from end to end in one process: execution rules, fees, headers, replay and idle growth, over the
//! real store, trie, executor, chain and builder.

mod catch_up;
mod corpus;
mod deposits;
mod fees;
mod flz;
mod header;
mod refusals;
mod replay;
