//! A node of the chain: what is asked of it.

use crate::{
    Receipt, describe,
    http::{Http, HttpFailure},
};
use alloy_eips::{BlockNumHash, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, Filter, Header, Log, TransactionRequest};
use alloy_sol_types::{SolCall, SolError};
use anyhow::{Context, anyhow, bail, ensure};
use openledger_precompiles::{LORA, SKETCH, SPAN, SPLIT};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, ops::RangeInclusive, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// Longest time that a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest text of a node's error that is shown, characters.
const MESSAGE_CHARS_MAX: usize = 300;
/// Pause between two looks for receipts or blocks.
pub const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long a transaction may be unknown to the node that took it.
const UNKNOWN_MAX: Duration = Duration::from_secs(60);
/// Most logs that [`Node::logs_between`] collects.
const LOGS_MAX: usize = 1 << 20;

/// A request that took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node doesn't answer within {} s", REQUEST_TIMEOUT.as_secs())]
pub(crate) struct TooSlow;

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A call or transaction that was executed and reverted with this data.
    #[error("the chain refuses: {}", describe(.0))]
    Reverted(Bytes),
    /// The node refused, in its own words.
    #[error("the node refuses: {0}")]
    Refused(String),
    /// There was no answer, or none that can be understood.
    #[error(transparent)]
    NoAnswer(anyhow::Error),
}

impl Failure {
    /// Whether a contract refused with the error that `E` is.
    pub fn is<E: SolError>(&self) -> bool {
        matches!(self, Self::Reverted(data) if E::abi_decode(data).is_ok())
    }
}

/// Whether a command failed because a contract refused with the error that `E` is.
pub fn is_refusal<E: SolError>(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Failure>()
        .is_some_and(|failure| failure.is::<E>())
}

/// A node of the chain, by JSON-RPC. Its URL may hold a key, and is never repeated.
#[derive(Debug, Clone)]
pub struct Node {
    http: Http,
    chain_id: u64,
}

impl Node {
    /// Connects to a node; `expected` is the id that its chain must have, if it is known.
    ///
    /// # Errors
    /// If it doesn't answer, or is another chain's.
    pub async fn connect(url: &str, expected: Option<u64>) -> anyhow::Result<Self> {
        let url = url.parse().context("the node's URL is none")?;
        let mut node = Self {
            http: Http::new(url).context("HTTPS can't be spoken")?,
            chain_id: 0,
        };
        let actual: U64 = node
            .request("eth_chainId", ())
            .await
            .context("no node answers at the URL that is named for it")?;
        node.chain_id = actual.to();
        if let Some(expected) = expected {
            ensure!(
                node.chain_id == expected,
                "the node at the URL that is named for it has chain id {}, the chain has {expected}",
                node.chain_id
            );
        }
        Ok(node)
    }

    /// The chain's id, by the node.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// A request's result; a failure says which method it was, and is a [`Failure`] below.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn request<P, R>(&self, method: &'static str, params: P) -> anyhow::Result<R>
    where
        P: Serialize + Clone + Debug + Send + Sync + Unpin,
        R: DeserializeOwned + Debug + Send + Sync + Unpin + 'static,
    {
        let answer = self.attempt(method, params).await;
        answer.map_err(anyhow::Error::from).context(method)
    }

    /// A request's result, or why there is none.
    ///
    /// # Errors
    /// What the caller may decide by.
    pub async fn attempt<P, R>(&self, method: &'static str, params: P) -> Result<R, Failure>
    where
        P: Serialize + Clone + Debug + Send + Sync + Unpin,
        R: DeserializeOwned + Debug + Send + Sync + Unpin + 'static,
    {
        let request = self.http.request(method, params);
        match timeout(REQUEST_TIMEOUT, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(HttpFailure::Error(error))) => match error.revert_data() {
                Some(data) => Err(Failure::Reverted(data)),
                None => {
                    let message = error.message.chars().take(MESSAGE_CHARS_MAX).collect();
                    Err(Failure::Refused(message))
                }
            },
            Ok(Err(HttpFailure::Status(status))) => Err(Failure::NoAnswer(anyhow!(
                "the node answers with HTTP status {status}"
            ))),
            Ok(Err(HttpFailure::TooLong(error))) => Err(Failure::NoAnswer(error.into())),
            Ok(Err(HttpFailure::Malformed(error))) => Err(Failure::NoAnswer(anyhow!(
                "the node answers in another form: {error}"
            ))),
            Ok(Err(HttpFailure::Silence)) => {
                Err(Failure::NoAnswer(anyhow!("the node doesn't answer")))
            }
            Err(_) => Err(Failure::NoAnswer(TooSlow.into())),
        }
    }

    /// Number of the newest sealed block.
    ///
    /// # Errors
    /// [`Failure`], as all below.
    pub async fn head(&self) -> anyhow::Result<u64> {
        Ok(self.request::<_, U64>("eth_blockNumber", ()).await?.to())
    }

    /// The header of a sealed block; `None` if the node has no such block. The open one has no hash, and so no header.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn header(&self, block: BlockNumberOrTag) -> anyhow::Result<Option<Header>> {
        // A block answers with the fields of its header beside its transactions.
        self.request("eth_getBlockByNumber", (block, false)).await
    }

    /// Timestamp of the newest sealed block, seconds.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn time(&self) -> anyhow::Result<u64> {
        let head = self.header(BlockNumberOrTag::Latest).await?;
        Ok(head.context("the node has no block")?.timestamp)
    }

    /// Timestamp of the block to come, which transactions that are sent now are in at the earliest, seconds.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn pending_time(&self) -> anyhow::Result<u64> {
        /// The open block: no header, since it has no hash yet.
        #[derive(Debug, serde::Deserialize)]
        struct Open {
            timestamp: U64,
        }
        let pending = (BlockNumberOrTag::Pending, false);
        match self
            .request::<_, Option<Open>>("eth_getBlockByNumber", pending)
            .await?
        {
            Some(open) => Ok(open.timestamp.to()),
            None => self.time().await,
        }
    }

    /// Hash of a sealed block.
    ///
    /// # Errors
    /// [`Failure`], or a block that there isn't.
    pub async fn block_hash(&self, number: u64) -> anyhow::Result<B256> {
        let header = self.header(BlockNumberOrTag::Number(number)).await?;
        match header {
            Some(header) => Ok(header.hash),
            None => bail!("the node has no block {number}"),
        }
    }

    /// Whether a sealed block is still the chain's: a reorganisation may have put another one in its place, or none.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn is_canonical(&self, block: BlockNumHash) -> anyhow::Result<bool> {
        let header = self.header(BlockNumberOrTag::Number(block.number)).await?;
        Ok(header.is_some_and(|header| header.hash == block.hash))
    }

    /// The receipt of a transaction in a sealed block; `None` if there is none yet.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn receipt(&self, hash: B256) -> anyhow::Result<Option<Receipt>> {
        self.request("eth_getTransactionReceipt", [hash]).await
    }

    /// The receipts of a block.
    ///
    /// # Errors
    /// [`Failure`], or a block that there isn't.
    pub async fn receipts(&self, block: u64) -> anyhow::Result<Vec<Receipt>> {
        let number = BlockNumberOrTag::Number(block);
        let found: Option<Vec<Receipt>> = self.request("eth_getBlockReceipts", [number]).await?;
        found.with_context(|| format!("the node has no block {block}"))
    }

    /// Whether the node has the transaction, in a block or not.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn knows(&self, hash: B256) -> anyhow::Result<bool> {
        let found: Option<serde_json::Value> =
            self.request("eth_getTransactionByHash", [hash]).await?;
        Ok(found.is_some())
    }

    /// Waits for the receipt of a transaction that the node took.
    ///
    /// # Errors
    /// If the node loses it.
    pub async fn wait_for(&self, hash: B256) -> anyhow::Result<Receipt> {
        let mut known_at = Instant::now();
        loop {
            if let Some(receipt) = self.receipt(hash).await? {
                return Ok(receipt);
            }
            if self.knows(hash).await? {
                known_at = Instant::now();
            } else if known_at.elapsed() > UNKNOWN_MAX {
                bail!("the node no longer knows transaction {hash}");
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// The logs that a filter matches, in one request. Not verified: a node can leave some out.
    ///
    /// # Errors
    /// [`Failure::Refused`] where they are more than the node gives at once; [`Self::logs_between`] asks for fewer then.
    pub async fn logs(&self, filter: &Filter) -> anyhow::Result<Vec<Log>> {
        self.request("eth_getLogs", [filter.clone()]).await
    }

    /// The logs that a filter matches in blocks `first` to `last`, by as many requests as it takes: for kinds of which there are few;
    /// others are to be folded by [`Self::visit_logs`].
    ///
    /// # Errors
    /// [`Failure`]; more than 2^20 logs.
    pub async fn logs_between(
        &self,
        filter: &Filter,
        first: u64,
        last: u64,
    ) -> anyhow::Result<Vec<Log>> {
        let mut logs = Vec::new();
        self.visit_logs(filter, first..=last, |log| {
            ensure!(logs.len() < LOGS_MAX, "there are more than {LOGS_MAX} logs");
            logs.push(log.clone());
            Ok(())
        })
        .await?;
        Ok(logs)
    }

    /// Shows `visit` each log that a filter matches in these blocks, the oldest first, however many they are. Not verified: a node
    /// can leave some out.
    ///
    /// # Errors
    /// [`Failure`]; a log that wasn't asked for; what `visit` answers.
    pub async fn visit_logs(
        &self,
        filter: &Filter,
        blocks: RangeInclusive<u64>,
        mut visit: impl FnMut(&Log) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let query = async |part: &Filter| self.logs(part).await;
        crate::visit_logs("L2", filter, blocks.clone(), query, |log| {
            let is_within = log
                .block_number
                .is_some_and(|number| blocks.contains(&number));
            ensure!(
                is_within
                    && filter.matches_address(log.address())
                    && filter.matches_topics(log.topics()),
                "the node gives a log that wasn't asked for (block {:?}, number {:?})",
                log.block_number,
                log.log_index
            );
            visit(log)
        })
        .await
    }

    /// What a contract answers in the state of the newest block.
    ///
    /// # Errors
    /// [`Failure`], also if it answers in another form.
    pub async fn ask<C: SolCall>(&self, to: Address, call: C) -> anyhow::Result<C::Return> {
        self.ask_at(to, call, BlockNumberOrTag::Latest).await
    }

    /// What a contract answers in the state after a block.
    ///
    /// # Errors
    /// [`Failure`], also if it answers in another form.
    pub async fn ask_at<C: SolCall>(
        &self,
        to: Address,
        call: C,
        block: BlockNumberOrTag,
    ) -> anyhow::Result<C::Return> {
        let request = TransactionRequest::default()
            .to(to)
            .input(call.abi_encode().into());
        let answer: Bytes = self
            .attempt("eth_call", (request, block))
            .await
            .map_err(anyhow::Error::from)
            .with_context(|| format!("{} of {}", C::SIGNATURE, name(to)))?;
        C::abi_decode_returns(&answer)
            .with_context(|| format!("{} doesn't answer {} as it should", name(to), C::SIGNATURE))
    }

    /// The proof of one slot of an account in the state after a block, not looked at: [`crate::View`] checks.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn proof(
        &self,
        account: Address,
        slot: B256,
        block: u64,
    ) -> anyhow::Result<EIP1186AccountProofResponse> {
        let number = BlockNumberOrTag::Number(block);
        self.request("eth_getProof", (account, [slot], number))
            .await
    }

    /// The balance of an account after a block, wei of OPEN.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn balance(&self, account: Address, block: BlockNumberOrTag) -> anyhow::Result<U256> {
        self.request("eth_getBalance", (account, block)).await
    }

    /// The value of a storage slot after a block.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn storage(
        &self,
        account: Address,
        slot: U256,
        block: BlockNumberOrTag,
    ) -> anyhow::Result<U256> {
        let slot = B256::from(slot);
        let value: B256 = self
            .request("eth_getStorageAt", (account, slot, block))
            .await?;
        Ok(value.into())
    }

    /// The nonce of an account's next transaction, those in the pool counted if `tag` is pending.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn nonce(&self, account: Address, tag: BlockNumberOrTag) -> anyhow::Result<u64> {
        let nonce: U64 = self
            .request("eth_getTransactionCount", (account, tag))
            .await?;
        Ok(nonce.to())
    }
}

/// An address, by its name if it is the protocol's or a native precompile's.
fn name(address: Address) -> String {
    let precompiles = [
        (SKETCH, "SKETCH"),
        (SPAN, "SPAN"),
        (SPLIT, "SPLIT"),
        (LORA, "LORA"),
    ];
    let precompile = precompiles.iter().find(|(at, _)| *at == address);
    openledger_contracts::protocol_name(address)
        .or(precompile.map(|(_, name)| *name))
        .map_or_else(|| address.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_node_that_isn_t_there_is_told_without_its_url() {
        let error = Node::connect("http://127.0.0.1:1/secret", None)
            .await
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("no node answers"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert!(Node::connect("nowhere", None).await.is_err());
    }

    #[tokio::test]
    async fn a_node_that_answers_without_an_end_is_told_without_its_url() {
        let url = crate::http::tests::serve("200 OK", "                                ", true);
        let error = Node::connect(url.as_str(), None).await.unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("more than 134217728 bytes: ask another node"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn logs_that_weren_t_asked_for_are_refused() {
        let log = Log::<alloy_primitives::LogData> {
            block_number: Some(7),
            ..Log::default()
        };
        let body = format!("{{\"result\":[{}]}}", serde_json::to_string(&log).unwrap());
        let url = crate::http::tests::serve("200 OK", body.leak(), false);
        let node = Node {
            http: Http::new(url).unwrap(),
            chain_id: 1,
        };
        let mut seen = 0;
        let mut visit = async |filter: &Filter, blocks| {
            let count = |_: &Log| {
                seen += 1;
                Ok(())
            };
            node.visit_logs(filter, blocks, count).await.is_ok()
        };
        let any = Filter::new();
        let others = Filter::new().address(Address::repeat_byte(1));
        let about = Filter::new().event_signature(B256::repeat_byte(1));
        assert!(visit(&any, 5..=9).await);
        assert!(!visit(&any, 8..=9).await);
        assert!(!visit(&others, 5..=9).await);
        assert!(!visit(&about, 5..=9).await);
        assert_eq!(seen, 1);
    }
}
