//! `admin_`: the sequencer's control, as op-node has it.

use crate::{
    api::Api,
    params::Params,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_primitives::B256;
use futures::future::BoxFuture;
use std::sync::Arc;

pub(crate) const METHODS: Methods = &[
    ("admin_startSequencer", Run::Async(start)),
    ("admin_stopSequencer", Run::Async(stop)),
    ("admin_sequencerActive", Run::Light(active)),
];

/// Starts on the head that is named; on any, if it is zero or not named.
fn start(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let head: B256 = params.args(&["head hash"])?.or(0, B256::ZERO)?;
        api.sequencer()?.start(head).await?;
        tracing::info!(%head, "sequencer started over RPC");
        Ok(Reply::NULL)
    })
}

fn stop(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        params.none()?;
        let head = api.sequencer()?.stop().await?;
        tracing::info!(%head, "sequencer stopped over RPC");
        Reply::small(&head)
    })
}

fn active(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::boolean(
        api.sequencer
            .as_ref()
            .is_some_and(|sequencer| sequencer.is_active()),
    ))
}
