//! `openledger sequencer`: the roles of a chain against a given L1, from a settings file.

use crate::{
    config::{SETTINGS_HELP, SequencerFlags, SequencerSettings},
    node::{Node, NodeConfig},
    services::store_path,
    shutdown,
};
use clap::Args;
use openledger_chain::ChainFiles;
use openledger_rpc::RpcConfig;
use std::{path::PathBuf, process::ExitCode, sync::Arc};
use tracing::info;

/// Flags of `openledger sequencer`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = SETTINGS_HELP)]
pub struct SequencerArgs {
    /// Settings file (TOML)
    #[arg(long, env = "OPENLEDGER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub flags: SequencerFlags,
}

/// Runs until Ctrl-C or SIGTERM, or until a role fails.
///
/// # Errors
/// Settings that can't be used, whatever keeps a role from starting, or the role that failed.
pub async fn run(args: SequencerArgs) -> anyhow::Result<ExitCode> {
    shutdown::run(start(args)).await
}

async fn start(args: SequencerArgs) -> anyhow::Result<Node> {
    let settings = SequencerSettings::resolve(args.config.as_deref(), args.flags)?;
    let files = ChainFiles::read(&settings.node.chain)?;
    let store_path = store_path(&settings.node.data_dir)?;
    let role = settings.l1_role(&Arc::new(files.rollup.clone()), &files.l1.contracts)?;
    let feed_key = settings.feed_key()?;
    let block_time = files.rollup.block_time;
    let health = settings.health_limits(block_time)?;
    let config = NodeConfig {
        store_path,
        store: settings.node.store_options(block_time),
        builder: settings.builder(block_time)?,
        mempool: settings.mempool,
        rpc: RpcConfig {
            settled: true,
            health_head_age_max: health.head_age_max,
            ..settings.node.rpc
        },
        l1: Some(role),
        feed_key,
        files,
    };
    let node = Node::start(config).await?;
    let (http, privileged) = node.addresses();
    info!(%http, privileged = privileged.map(|address| address.to_string()), "ready");
    Ok(node)
}
