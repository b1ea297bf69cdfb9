//! `datanet status`.

use crate::{
    contracts::DatanetRegistry,
    datanet::{DatanetStatus, args::StatusArgs, status},
    output::print,
};
use alloy_primitives::U256;
use openledger_client::{Node, open, say};
use openledger_primitives::predeploys::DATANET_REGISTRY;

/// Most Datanets that are listed.
const LISTED_MAX: u64 = 100;

pub(super) async fn run(args: StatusArgs) -> anyhow::Result<()> {
    let node = args.node.connect().await?;
    if let Some(datanet) = args.datanet {
        let status = status(&node, datanet, args.clusters).await?;
        return print(args.json, &status, || show(&status));
    }
    let all = list_all(&node).await?;
    print(args.json, &all, || {
        for one in &all {
            println!(
                "Datanet {}: {:?}, {:?}, {} contributions, {} accepted clusters{}",
                one.datanet,
                one.data_type,
                one.access,
                one.contributions,
                one.accepted,
                if one.closed { ", closed" } else { "" }
            );
        }
    })
}

/// The last Datanets, without their clusters.
async fn list_all(node: &Node) -> anyhow::Result<Vec<DatanetStatus>> {
    let count: u64 = node
        .ask(DATANET_REGISTRY, DatanetRegistry::datanetCountCall {})
        .await?
        .saturating_to();
    let mut all = Vec::new();
    for number in count.saturating_sub(LISTED_MAX)..count {
        all.push(status(node, U256::from(number + 1), 0).await?);
    }
    Ok(all)
}

fn show(status: &DatanetStatus) {
    let state = if status.closed { "closed" } else { "open" };
    say(
        "Datanet",
        format_args!(
            "{}, {:?}, {:?}, {state}",
            status.datanet, status.data_type, status.access
        ),
    );
    say("space", status.space);
    say(
        "owner",
        format_args!("{}, {} bps", status.owner, status.owner_bps),
    );
    say("licence", status.licence);
    say(
        "contributions",
        format_args!(
            "{}, {} settled; bond {}",
            status.contributions,
            status.settled,
            open(status.contribution_bond)
        ),
    );
    say(
        "clusters",
        format_args!(
            "{} accepted, {} in review",
            status.accepted, status.in_review
        ),
    );
    say("versions", status.versions);
    for cluster in &status.clusters {
        let withdrawn = match cluster.withdrawn_from {
            0 => String::new(),
            epoch => format!(", withdrawn from epoch {epoch} on"),
        };
        println!(
            "cluster {}: contribution {} by {}, {:?} ({:?}){withdrawn}, dividends {}",
            cluster.cluster,
            cluster.contribution,
            cluster.contributor,
            cluster.outcome,
            cluster.review,
            open(cluster.shares)
        );
    }
}
