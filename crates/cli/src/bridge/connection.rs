//! The chain that a command is about, and how its two layers are reached.

use super::L2Node;
use crate::derivation::connect;
use anyhow::{Context, ensure};
use clap::Args;
use openledger_chain::ChainFiles;
use openledger_client::LocalChain;
use openledger_l1::L1Client;
use openledger_primitives::L1Contracts;
use std::path::PathBuf;

/// Where a chain is defined, and where its layers are reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConnectionArgs {
    /// Directory of the chain's files (genesis.json, rollup.json, l1.json); the data directory of
    /// `openledger dev` also says where both layers are
    #[arg(long, env = "OPENLEDGER_CHAIN", value_name = "DIR")]
    chain: PathBuf,
    /// L1 RPC URLs, tried in order
    #[arg(
        long = "l1.rpc-url",
        env = "OPENLEDGER_L1_RPC_URL",
        value_name = "URL",
        value_delimiter = ',',
        hide_env_values = true
    )]
    l1_rpc_url: Vec<String>,
    /// RPC URL of a node of the chain
    #[arg(
        long = "l2.rpc-url",
        env = "OPENLEDGER_L2_RPC_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    l2_rpc_url: Option<String>,
}

/// A chain whose files are read and whose L1 answers.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) files: ChainFiles,
    pub(crate) l1: L1Client,
    l2_rpc_url: Option<String>,
    local: Option<LocalChain>,
}

impl ConnectionArgs {
    /// Reads the chain's files and connects to its L1.
    ///
    /// # Errors
    /// Files that can't be used, a chain without contracts on L1; an L1 that doesn't answer or is
    /// another one.
    pub(crate) async fn open(&self) -> anyhow::Result<Connection> {
        let files = ChainFiles::read(&self.chain)
            .with_context(|| format!("--chain {} holds no chain", self.chain.display()))?;
        let L1Contracts {
            portal,
            open,
            dispute_game_factory,
            anchor_state_registry,
            ..
        } = files.l1.contracts;
        for (name, address) in [
            ("portal", portal),
            ("open", open),
            ("disputeGameFactory", dispute_game_factory),
            ("anchorStateRegistry", anchor_state_registry),
        ] {
            ensure!(
                !address.is_zero(),
                "l1.json names no {name}: the chain is unsettled, and nothing crosses to it or from it"
            );
        }
        let local = LocalChain::read_if_any(&self.chain)?;
        let mut urls = self.l1_rpc_url.clone();
        if urls.is_empty() {
            urls.extend(local.as_ref().and_then(|local| local.l1_url.clone()));
        }
        ensure!(!urls.is_empty(), "name the L1 by --l1.rpc-url");
        let l1 = connect(&urls, files.rollup.l1_chain_id).await?;
        let l2_rpc_url = self.l2_rpc_url.clone();
        Ok(Connection {
            l2_rpc_url: l2_rpc_url.or_else(|| local.as_ref().map(|local| local.rpc_url.clone())),
            files,
            l1,
            local,
        })
    }
}

impl Connection {
    /// The chain's contracts on L1.
    pub(crate) const fn contracts(&self) -> &L1Contracts {
        &self.files.l1.contracts
    }

    /// Connects to a node of the chain.
    ///
    /// # Errors
    /// If none is named, it doesn't answer, or is another chain's.
    pub(crate) async fn l2(&self) -> anyhow::Result<L2Node> {
        self.l2_if_any()
            .await?
            .context("name a node of the chain by --l2.rpc-url")
    }

    /// Connects to a node of the chain; `None` if none is named.
    ///
    /// # Errors
    /// If it doesn't answer, or is another chain's.
    pub(crate) async fn l2_if_any(&self) -> anyhow::Result<Option<L2Node>> {
        Ok(match &self.l2_rpc_url {
            Some(url) => Some(L2Node::connect(url, Some(self.files.rollup.l2_chain_id)).await?),
            None => None,
        })
    }

    /// The chain as a local one, whose accounts' keys are known; `None` for any other.
    pub(crate) const fn local(&self) -> Option<&LocalChain> {
        self.local.as_ref()
    }
}
