//! What `openledger deposit`, `openledger withdraw` and `openledger fees` share: a chain with its two
//! layers, an account on them, and what is said to the person.
//!
//! `connection.rs` finds the chain and connects to it, `l1.rs` sends to L1; `refusal.rs` puts into words why a
//! contract on L1 refuses. What every command on L2 has in common is in `openledger_client`.

mod connection;
mod l1;
mod refusal;

pub(crate) use connection::{Connection, ConnectionArgs};
pub(crate) use l1::{L1Account, POLL_INTERVAL, SendArgs, ask};
pub(crate) use openledger_client::{
    AccountArgs, Node as L2Node, OpenAmount, Receipt as L2Receipt, decimal, duration, eth, open,
    say, visit_logs,
};
pub(crate) use refusal::{explain, is_failing_call};
