//! A node, and what its chain holds of a set, an index or a space at one block.
//!
//! Nothing that a node says is taken for granted: slots and pages come with Merkle proofs that are checked
//! against the block's state root, and the header against its hash. Whoever trusts the block's hash
//! trusts what is read. Start reading at [`View`].

mod refusal;
mod sketch_set;
mod space;
mod span_index;
mod view;

pub(super) use refusal::describe;
pub(super) use sketch_set::SketchSet;
pub(super) use space::{Commitment, SpaceState};
pub(super) use span_index::{MODE_NATIVE, MODE_PROVED, SpanIndex};
pub(super) use view::{Answer, View};

use alloy_primitives::Bytes;
use alloy_provider::{Provider, RootProvider, transport::RpcError};
use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, time::Duration};

/// Longest time that a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest text of a node's error that is shown, characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// Which node is asked.
#[derive(Debug, Clone, Args)]
pub(super) struct NodeArgs {
    /// JSON-RPC of a node of the chain
    #[arg(
        long = "rpc-url",
        env = "OPENLEDGER_RPC_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8545",
        hide_env_values = true
    )]
    pub(super) rpc_url: String,
}

/// Which block's state counts.
#[derive(Debug, Clone, Args)]
pub(super) struct BlockArgs {
    /// The block: a number or a hash; without, the latest
    #[arg(long, value_name = "BLOCK", value_parser = BlockName::parse)]
    pub(super) block: Option<BlockName>,
}

/// A block, as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockName {
    Number(u64),
    Hash(alloy_primitives::B256),
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

/// A node that answers.
#[derive(Debug, Clone)]
pub(super) struct Node {
    provider: RootProvider,
    /// The chain's id, by the node.
    pub(super) chain_id: u64,
}

/// Why a request has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// A call or transaction that was executed and reverted with this data.
    Reverted(Bytes),
    /// The node refused, in its own words.
    Refused(String),
    /// There was no answer, or none that can be understood.
    NoAnswer(anyhow::Error),
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Reverted(data) => anyhow!("the chain refuses: {}", describe(&data)),
            Failure::Refused(message) => anyhow!("the node refuses: {message}"),
            Failure::NoAnswer(error) => error,
        }
    }
}

impl Node {
    /// Asks the node for its chain.
    pub(super) async fn connect(args: &NodeArgs) -> anyhow::Result<Self> {
        let url = args.rpc_url.parse().context("--rpc-url is not a URL")?;
        let mut node = Self {
            provider: RootProvider::new_http(url),
            chain_id: 0,
        };
        let chain_id: alloy_primitives::U64 = node
            .request("eth_chainId", ())
            .await
            .context("no node answers at --rpc-url")?;
        node.chain_id = chain_id.to();
        Ok(node)
    }

    /// A request's result; a failure says which method it was.
    pub(super) async fn request<P, R>(&self, method: &'static str, params: P) -> anyhow::Result<R>
    where
        P: Serialize + Clone + Debug + Send + Sync + Unpin + 'static,
        R: DeserializeOwned + Debug + Send + Sync + Unpin + 'static,
    {
        let answer = self.attempt(method, params).await;
        answer.map_err(anyhow::Error::from).context(method)
    }

    /// A request's result, or why there is none.
    pub(super) async fn attempt<P, R>(&self, method: &'static str, params: P) -> Result<R, Failure>
    where
        P: Serialize + Clone + Debug + Send + Sync + Unpin + 'static,
        R: DeserializeOwned + Debug + Send + Sync + Unpin + 'static,
    {
        let request = self.provider.raw_request(method.into(), params);
        match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
            Err(_) => Err(Failure::NoAnswer(anyhow!(
                "no answer within {} s",
                REQUEST_TIMEOUT.as_secs()
            ))),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(RpcError::ErrorResp(error))) => match error.as_revert_data() {
                Some(data) => Err(Failure::Reverted(data)),
                None => {
                    let message = error.message.chars().take(MESSAGE_CHARS_MAX).collect();
                    Err(Failure::Refused(message))
                }
            },
            Ok(Err(error)) => Err(Failure::NoAnswer(error.into())),
        }
    }

    /// Number of the newest sealed block.
    pub(super) async fn head(&self) -> anyhow::Result<u64> {
        let number: alloy_primitives::U64 = self.request("eth_blockNumber", ()).await?;
        Ok(number.to())
    }

    /// Hash of a sealed block.
    pub(super) async fn block_hash(&self, number: u64) -> anyhow::Result<alloy_primitives::B256> {
        let block: Option<BlockHash> = self
            .request("eth_getBlockByNumber", (format!("{number:#x}"), false))
            .await?;
        match block {
            Some(block) => Ok(block.hash),
            None => bail!("the node has no block {number}"),
        }
    }
}

/// What is asked of a block by its number.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
struct BlockHash {
    hash: alloy_primitives::B256,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

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
