//! Which node, and which block, a command is about.

use crate::{LocalChain, Node};
use alloy_primitives::B256;
use anyhow::bail;
use clap::Args;
use std::path::PathBuf;

/// Where a node is asked if none is named.
const DEFAULT_URL: &str = "http://127.0.0.1:8545";

/// Which node is asked.
#[derive(Debug, Clone, Default, Args)]
pub struct NodeArgs {
    /// JSON-RPC of a node of the chain [default: what --chain says, else http://127.0.0.1:8545]
    #[arg(
        long = "rpc-url",
        visible_alias = "l2.rpc-url",
        env = "OPENLEDGER_RPC_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub rpc_url: Option<String>,
    /// Data directory of `openledger dev`, which says where its node is and holds the keys of --account
    #[arg(long, env = "OPENLEDGER_CHAIN", value_name = "DIR")]
    pub chain: Option<PathBuf>,
}

impl NodeArgs {
    /// The local chain that is named, if one is.
    ///
    /// # Errors
    /// A directory whose file can't be used.
    pub fn local(&self) -> anyhow::Result<Option<LocalChain>> {
        match &self.chain {
            Some(directory) => LocalChain::read_if_any(directory),
            None => Ok(None),
        }
    }

    /// Connects to the node.
    ///
    /// # Errors
    /// If none answers, or it is another chain's than the one that is named.
    pub async fn connect(&self) -> anyhow::Result<Node> {
        let local = self.local()?;
        let chain_id = local.as_ref().map(|local| local.chain_id);
        if let Some(url) = &self.rpc_url {
            return Node::connect(url, chain_id).await;
        }
        match (&self.chain, local) {
            (_, Some(local)) => Node::connect(&local.rpc_url, chain_id).await,
            (Some(directory), None) => bail!(
                "{} says of no node: name one by --rpc-url",
                directory.display()
            ),
            (None, None) => Node::connect(DEFAULT_URL, None).await,
        }
    }
}

/// Which block's state counts.
#[derive(Debug, Clone, Args)]
pub struct BlockArgs {
    /// The block: a number or a hash; without, the latest
    #[arg(long, value_name = "BLOCK", value_parser = BlockName::parse)]
    pub block: Option<BlockName>,
}

/// A block, as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockName {
    /// By its number.
    Number(u64),
    /// By its hash.
    Hash(B256),
}

impl BlockName {
    fn parse(text: &str) -> Result<Self, BadBlockName> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        text.parse().map(Self::Hash).map_err(|_| BadBlockName)
    }
}

/// What names no block.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("neither a number nor a hash of 32 bytes in hexadecimal")]
struct BadBlockName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_named_by_number_or_hash() {
        assert_eq!(BlockName::parse("12").unwrap(), BlockName::Number(12));
        let hash = B256::repeat_byte(0xab);
        assert_eq!(
            BlockName::parse(&hash.to_string()).unwrap(),
            BlockName::Hash(hash)
        );
        for wrong in ["", "latest", "-1", "0x12"] {
            assert!(BlockName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
