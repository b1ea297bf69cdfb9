//! Compares derived blocks with those that a node serves.

use alloy_primitives::{B256, U64};
use alloy_provider::{Provider, RootProvider};
use anyhow::Context;
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{fmt, pin::pin};
use tokio::sync::mpsc;

/// Requests to the node that are under way at the same time.
const CONCURRENT_REQUESTS: usize = 16;

/// What derivation says of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) output_root: B256,
}

/// In what a node differs from L1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeDifference {
    Missing {
        number: u64,
        hash: B256,
    },
    Hash {
        number: u64,
        derived: B256,
        served: B256,
    },
    OutputRoot {
        number: u64,
        derived: B256,
        served: B256,
    },
}

impl fmt::Display for NodeDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { number, hash } => {
                write!(
                    f,
                    "block {number}: L1 has {hash}, the node has no such block"
                )
            }
            Self::Hash {
                number,
                derived,
                served,
            } => {
                write!(
                    f,
                    "block {number}: hash {derived} from L1, {served} from the node"
                )
            }
            Self::OutputRoot {
                number,
                derived,
                served,
            } => {
                write!(
                    f,
                    "block {number}: output root {derived} from L1, {served} from the node"
                )
            }
        }
    }
}

/// Compares every block that arrives, in order, until there are no more or one differs. Answers how many
/// were equal, and the difference.
///
/// # Errors
/// If the node doesn't answer.
pub(crate) async fn compare(
    provider: RootProvider,
    blocks: mpsc::Receiver<Derived>,
) -> anyhow::Result<(u64, Option<NodeDifference>)> {
    let blocks = stream::unfold(blocks, |mut blocks| async move {
        let block = blocks.recv().await?;
        Some((block, blocks))
    });
    let compared = blocks
        .map(|block| compare_one(&provider, block))
        .buffered(CONCURRENT_REQUESTS);
    let mut compared = pin!(compared);
    let mut equal = 0;
    while let Some(difference) = compared.next().await {
        match difference? {
            None => equal += 1,
            difference => return Ok((equal, difference)),
        }
    }
    Ok((equal, None))
}

#[derive(Debug, Deserialize)]
struct ServedBlock {
    hash: B256,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServedOutput {
    output_root: B256,
}

async fn compare_one(
    provider: &RootProvider,
    block: Derived,
) -> anyhow::Result<Option<NodeDifference>> {
    let Derived {
        number,
        hash,
        output_root,
    } = block;
    let tag = U64::from(number);
    let served: Option<ServedBlock> = provider
        .raw_request("eth_getBlockByNumber".into(), json!([tag, false]))
        .await
        .with_context(|| format!("block {number} of the node at --l2.rpc-url"))?;
    let Some(served) = served else {
        return Ok(Some(NodeDifference::Missing { number, hash }));
    };
    if served.hash != hash {
        return Ok(Some(NodeDifference::Hash {
            number,
            derived: hash,
            served: served.hash,
        }));
    }
    let output: ServedOutput = provider
        .raw_request::<Value, _>("optimism_outputAtBlock".into(), json!([tag]))
        .await
        .with_context(|| format!("output root of block {number} of the node at --l2.rpc-url"))?;
    let served = output.output_root;
    Ok(
        (served != output_root).then_some(NodeDifference::OutputRoot {
            number,
            derived: output_root,
            served,
        }),
    )
}
