//! The load generator: transactions signed beforehand, sent over a few kept-alive connections and measured
//! to inclusion, with the node's CPU time and memory.
//!
//! Start reading at [`compare`] (our node and anvil in alternation) or [`run`] (one node that runs already);
//! both are made of [`Accounts`] (who sends, funded and set up before anything is measured), a [`Plan`] (what
//! is sent) and the measurements [`throughput`], [`latency`] and [`reads`].

mod accounts;
mod command;
mod compare;
mod contracts;
mod figures;
mod heavy;
mod latency;
mod plan;
mod random;
mod reads;
mod run;
mod throughput;

pub use accounts::Accounts;
pub use command::{Arguments, execute};
pub use compare::{CompareArguments, compare};
pub use contracts::{BURNT_GAS_HEADROOM, call_data, pair_creation, token_creation};
pub use figures::{Figure, Figures, Latencies, median};
pub use heavy::{Heavy, heavy};
pub use latency::{Latency, Receipts, latency};
pub use plan::{Plan, Workload};
pub use random::Random;
pub use reads::{Read, ReadRate, prepare_reads, reads};
pub use run::{RunArguments, run};
pub use throughput::{RECEIPTS, Throughput, throughput};
