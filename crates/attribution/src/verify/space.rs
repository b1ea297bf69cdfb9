//! `verify space`.

use super::super::{
    chain::{Commitment, SpaceState},
    clustering::Clustering,
    score::{Difference, ON_CHAIN, RECOMPUTED, differ, verdict},
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent;
use anyhow::ensure;
use clap::Args;
use openledger_client::{BlockArgs, NodeArgs, Progress, View};
use openledger_precompiles::{
    SKETCH,
    sketch::{IAttrSketch, space},
};
use std::{collections::BTreeMap, process::ExitCode};

/// Commitments that are read at once.
const COMMITMENTS_PER_READ: u64 = 64;
/// Most commitments of a space that is verified.
const COMMITMENTS_MAX: u64 = 1 << 20;

/// Flags of `openledger attribution verify space`.
#[derive(Debug, Clone, Args)]
pub(super) struct SpaceArgs {
    /// The registry whose space it is
    #[arg(long, value_name = "ADDRESS")]
    registry: Address,
    /// The datanet
    #[arg(long, value_name = "BYTES32")]
    datanet: B256,
    #[command(flatten)]
    block: BlockArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(super) async fn run(args: SpaceArgs) -> anyhow::Result<ExitCode> {
    let node = args.node.connect().await?;
    let view = node.at(args.block.block).await?;
    let space = space(args.registry, args.datanet);
    let state = SpaceState::read(&view, space).await?;
    ensure!(
        state.settled <= COMMITMENTS_MAX,
        "the space has {} settled commitments, more than {COMMITMENTS_MAX}",
        state.settled
    );
    let difference = first_difference(&view, space, args.datanet, state).await?;
    Ok(verdict(
        difference,
        &format!(
            "equal: space {space}, {} commitments, {} settled, {} clusters, at block {} {}",
            state.commits, state.settled, state.clusters, view.block.number, view.block.hash
        ),
    ))
}

async fn first_difference(
    view: &View,
    space: B256,
    datanet: B256,
    state: SpaceState,
) -> anyhow::Result<Option<Difference>> {
    let mut clustering = Clustering::new(space);
    let mut assigned: BTreeMap<B256, (u64, u32, bool)> = BTreeMap::new();
    let progress = Progress::new(usize::try_from(state.settled)?, "commitments settled again");
    let mut first_block = u64::MAX;
    let mut next = 0;
    while next < state.settled {
        let end = state.settled.min(next + COMMITMENTS_PER_READ);
        for commitment in Commitment::read(view, space, next..end).await? {
            first_block = first_block.min(commitment.block);
            if let Some(signature) = &commitment.signature {
                let (cluster, is_new) = clustering.settle(signature);
                assigned.insert(commitment.id, (commitment.number, cluster, is_new));
            }
            progress.step();
        }
        next = end;
    }
    let difference = differ(
        "clusters",
        (ON_CHAIN, state.clusters as usize),
        (RECOMPUTED, clustering.clusters()),
    );
    if difference.is_some() || state.settled == 0 {
        return Ok(difference);
    }
    let topics = [Some(IAttrSketch::Clustered::SIGNATURE_HASH), Some(datanet)];
    for log in view.logs(SKETCH, &topics, first_block).await? {
        let event = IAttrSketch::Clustered::decode_log(&log.inner)?;
        // Another registry may have a datanet of the same name.
        let Some((number, cluster, is_new)) = assigned.remove(&event.commitId) else {
            continue;
        };
        let text = |cluster: u32, is_new: bool| {
            format!("cluster {cluster}{}", if is_new { ", new" } else { "" })
        };
        let difference = differ(
            format!("commitment {number}"),
            ("in its event", text(event.cluster, event.isNew)),
            (RECOMPUTED, text(cluster, is_new)),
        );
        if difference.is_some() {
            return Ok(difference);
        }
    }
    Ok(assigned
        .values()
        .min()
        .map(|(number, cluster, _)| Difference {
            place: format!("commitment {number}"),
            left: ("in the events", "no cluster".to_owned()),
            right: (RECOMPUTED, format!("cluster {cluster}")),
        }))
}
