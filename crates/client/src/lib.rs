//! What every command needs that acts on the chain from outside.
//!
//! - [`NodeArgs`], [`Node`]: a node of the chain by JSON-RPC; what it answers is bounded in time and length.
//! - [`View`]: the state at one block, whose values are proved against the block's hash.
//! - [`AccountArgs`], [`SenderArgs`], [`Sender`]: an account, and its transactions, several under way at once,
//!   with a journal where an interrupted command must not send twice ([`journal`](SenderArgs::open_with_journal)).
//! - [`describe`]: why the chain refuses, in the words of the specification.
//! - [`OpenAmount`], [`open`], [`say`], [`duration`], [`Progress`], [`files`]: how commands read and write.
//!
//! Nothing here is about a single contract. What belongs to L1 is in `openledger-l1` and the bridge's commands.
//! Errors are `anyhow` as in the command itself, except where a caller decides by them ([`Failure`], [`TooMuchGas`]).

mod account;
mod amount;
pub mod files;
mod http;
mod journal;
mod local;
mod logs;
mod node;
mod node_args;
mod progress;
mod receipt;
mod sender;
mod view;
mod words;

pub use account::{AccountArgs, KEY_VARIABLE};
pub use amount::{AmountError, OpenAmount, decimal, eth, open};
pub use local::{DEV_FILE, LocalChain};
pub use logs::visit_logs;
pub use node::{Failure, Node, POLL_INTERVAL, is_refusal};
pub use node_args::{BlockArgs, BlockName, NodeArgs};
pub use openledger_contracts::describe;
pub use progress::Progress;
pub use receipt::{Receipt, event};
pub use sender::{IN_FLIGHT_MAX, Sender, SenderArgs, SenderLimits, Step, TooMuchGas};
pub use view::{Answer, View};
pub use words::{duration, say};
