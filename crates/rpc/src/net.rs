//! `net_`: chain id and peers. Nodes don't speak to each other but through L1.

use crate::{
    api::Api,
    params::Params,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};

pub(crate) const METHODS: Methods = &[
    ("net_version", Run::Light(version)),
    ("net_listening", Run::Light(listening)),
    ("net_peerCount", Run::Light(peer_count)),
];

fn version(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Reply::small(&api.chain_config().l2_chain_id.to_string())
}

fn listening(_: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::TRUE)
}

fn peer_count(_: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::quantity(0_u64))
}
