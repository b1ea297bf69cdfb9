//! The protocol's commands: thin clients of its contracts on L2 (`docs/spec/protocol.md`).
//!
//! A module is a part of the protocol. It has what the part does as functions of plain parameters, which other
//! programs call, and the command that reads flags, calls them and prints.
//!
//! Nothing is decided here that a contract decides, and nothing is sent that the contract would refuse: each
//! transaction is estimated in the state that it will meet, and a refusal is told by its name and values.
//!
//! `openledger_client` reaches the chain, `openledger_contracts` has the bindings. Start reading at [`Command`].

pub mod adapter;
pub mod agent;
pub mod claim;
mod command;
pub mod datanet;
mod document;
pub mod epoch;
pub mod explain;
mod file_lock;
pub mod governance;
pub mod infer;
pub mod jury;
pub mod model;
mod output;
mod parameter;
mod shell;
pub mod stake;
pub mod votes;

pub use command::Command;
pub use document::{DocumentError, DocumentHash};
pub use file_lock::FileLock;
pub use openledger_contracts as contracts;
pub use parameter::{parameter, parameter_name};
