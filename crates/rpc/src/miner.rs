//! `miner_`: limits of block building.

use crate::{
    api::Api,
    params::Params,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};

pub(crate) const METHODS: Methods = &[("miner_setMaxDASize", Run::Light(set_max_da_size))];

/// A transaction's and a block's most bytes on L1; zero lifts a limit.
fn set_max_da_size(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["transaction size", "block size"])?;
    let (transaction, block): (u64, u64) = (args.get(0)?, args.get(1)?);
    Ok(if api.sequencer()?.set_data_limits(transaction, block) {
        Reply::TRUE
    } else {
        Reply::FALSE
    })
}
