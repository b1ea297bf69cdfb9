//! What `openledger deposit`, `openledger withdraw` and `openledger fees` share: a chain with its two
//! layers, an account on them, and what is said to the person.
//!
//! `connection.rs` finds the chain and connects to it, `account.rs` is the key, `l1.rs` sends to L1 and
//! `l2.rs` asks and sends to L2, `logs.rs` looks through many blocks; `refusal.rs` puts into words why a contract refuses, `amount.rs` and
//! `words.rs` are the forms in which numbers are read and written.

mod account;
mod amount;
mod connection;
mod l1;
mod l2;
mod logs;
mod refusal;
mod words;

pub(crate) use account::AccountArgs;
pub(crate) use amount::{OpenAmount, decimal, eth, open};
pub(crate) use connection::{Connection, ConnectionArgs};
pub(crate) use l1::{L1Account, POLL_INTERVAL, SendArgs, ask};
use l2::NodeRefusal;
pub(crate) use l2::{L2Node, L2Receipt};
pub(crate) use logs::visit_logs;
pub(crate) use refusal::{explain, is_failing_call};
pub(crate) use words::{duration, say};
