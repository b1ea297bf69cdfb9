//! `web3_`: client version and hashing.

use crate::{
    api::Api,
    params::Params,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_primitives::{Bytes, keccak256};

pub(crate) const METHODS: Methods = &[
    ("web3_clientVersion", Run::Light(client_version)),
    ("web3_sha3", Run::Light(sha3)),
];

fn client_version(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Reply::small(&api.client_version)
}

fn sha3(_: &Api, params: &Params) -> Outcome {
    let data: Bytes = params.args(&["data"])?.get(0)?;
    Reply::small(&keccak256(&data))
}
