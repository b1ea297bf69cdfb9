//! `openledger sequencer`: the roles of a chain against a given L1, from a settings file.

use crate::{
    config::{SequencerFlags, SequencerSettings},
    node::{Node, NodeConfig},
    one_line, shutdown,
};
use anyhow::Context;
use clap::Args;
use openledger_chain::ChainFiles;
use openledger_rpc::RpcConfig;
use std::{fs, path::PathBuf, process::ExitCode, sync::Arc};
use tracing::{error, info};

/// Flags of `openledger sequencer`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Settings come from the file, then the environment, then flags; the last one wins. A setting has one name: \
http.port is `port` under [http] in the file, OPENLEDGER_HTTP_PORT and --http.port.")]
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
    let shutdown = shutdown::on_signal()?;
    let settings = SequencerSettings::resolve(args.config.as_deref(), args.flags)?;
    let files = ChainFiles::read(&settings.node.chain)?;
    fs::create_dir_all(&settings.node.data_dir).with_context(|| {
        format!(
            "data-dir {} can't be used",
            settings.node.data_dir.display()
        )
    })?;
    let role = settings.l1_role(&Arc::new(files.rollup.clone()), &files.l1.contracts)?;
    let feed_key = settings.feed_key()?;
    let config = NodeConfig {
        store_path: settings.node.data_dir.join("db"),
        store: settings.node.store_options(files.rollup.block_time),
        mempool: settings.mempool,
        builder: settings.builder,
        rpc: RpcConfig {
            settled: true,
            ..settings.node.rpc
        },
        l1: Some(role),
        feed_key,
        files,
    };
    let mut node = tokio::select! {
        node = Node::start(config) => node?,
        () = shutdown.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    let (http, privileged) = node.addresses();
    info!(%http, privileged = privileged.map(|address| address.to_string()), "ready");
    let failure = tokio::select! {
        () = shutdown.cancelled() => None,
        failure = node.failed() => Some(failure),
    };
    if let Some(failure) = &failure {
        error!(error = one_line(failure), "stopping");
    }
    let stopped = node.stop().await;
    match failure {
        Some(failure) => Err(failure),
        None => stopped.map(|()| ExitCode::SUCCESS),
    }
}
