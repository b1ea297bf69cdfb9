//! `eth_`: a file for each part of the namespace.

mod block;
mod call;
mod chain;
mod fee;
mod log;
mod proof;
mod sign;
mod state;
mod submit;
mod transaction;
mod typed_data;

pub(crate) use call::{Bundle, Context};
pub(crate) use fee::{Count, Percentile};
pub(crate) use sign::personal_sign;
pub(crate) use submit::{send_many, send_raw_transaction};
pub(crate) use transaction::{raw as raw_transaction, sealed as sealed_transaction};
pub(crate) use typed_data::typed_data_hash;

use crate::registry::{Methods, Run};

/// The namespace's methods.
pub(crate) const METHODS: &[Methods] = &[
    chain::METHODS,
    block::METHODS,
    transaction::METHODS,
    state::METHODS,
    proof::METHODS,
    call::METHODS,
    fee::METHODS,
    log::METHODS,
    submit::METHODS,
    &[
        ("eth_subscribe", Run::Socket),
        ("eth_unsubscribe", Run::Socket),
    ],
];

/// Methods by which the node signs for accounts that it holds: only a local chain has them.
pub(crate) const SIGNING: Methods = sign::METHODS;
