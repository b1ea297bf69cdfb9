//! `openledger attribution cluster`: which contributions the chain would find to be copies.

use super::{clustering::Clustering, contributions};
use alloy_primitives::{Address, B256};
use clap::Args;
use openledger_precompiles::sketch::space;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Flags of `openledger attribution cluster`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A line of LIST is CONTRIBUTOR KIND PATH, in the order of their commitments; CONTRIBUTOR is an address or -. Nothing is \
sent: the rule is the one by which `settle` assigns clusters, from an empty space on.")]
pub(super) struct ClusterArgs {
    /// The contributions
    #[arg(value_name = "LIST")]
    list: PathBuf,
    /// The registry whose space it is
    #[arg(long, value_name = "ADDRESS", default_value_t = Address::ZERO)]
    registry: Address,
    /// The datanet
    #[arg(long, value_name = "BYTES32", default_value_t = B256::ZERO)]
    datanet: B256,
    /// Chunks of the data root have 2^N bytes
    #[arg(
        long,
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u8).range(contributions::CHUNK_LOG2)
    )]
    chunk_log2: u8,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &ClusterArgs) -> anyhow::Result<ExitCode> {
    let contributions = contributions::read(&args.list, args.chunk_log2)?;
    let mut clustering = Clustering::new(space(args.registry, args.datanet));
    let mut lines = Vec::with_capacity(contributions.len());
    for contribution in &contributions {
        let (cluster, is_new) = clustering.settle(&contribution.signature);
        if args.json {
            lines.push(json!({
                "path": contribution.path,
                "cluster": cluster,
                "isNew": is_new,
                "tokens": contribution.tokens,
                "dataRoot": contribution.data_root,
                "signature": contribution.signature,
            }));
        } else {
            let what = if is_new { "new" } else { "a copy" };
            println!(
                "cluster {cluster}, {what}: {} tokens of {} {}",
                contribution.tokens,
                contribution.kind,
                contribution.path.display()
            );
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    } else {
        println!(
            "{} contributions in {} clusters",
            contributions.len(),
            clustering.clusters()
        );
    }
    Ok(ExitCode::SUCCESS)
}
