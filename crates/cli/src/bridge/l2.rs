//! A node of the chain: what is asked of it, and sent to it.

use super::{POLL_INTERVAL, open};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{BlockNumberOrTag, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256};
use alloy_provider::{
    Provider, RootProvider,
    transport::{RpcError, TransportErrorKind},
};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, Filter, Header, Log, TransactionRequest};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use anyhow::{Context, anyhow, bail, ensure};
use serde::{Deserialize, de::DeserializeOwned};
use std::{fmt::Debug, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// What messages call the node.
const WHERE: &str = "the node at the URL of l2.rpc-url";
/// How long an answer may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a transaction may be unknown to the node that took it.
const UNKNOWN_MAX: Duration = Duration::from_secs(60);
/// Gas above the estimate, percent.
const GAS_MARGIN_PERCENT: u64 = 20;

/// A receipt, as far as it is used here. Deposits have more fields than Ethereum's receipts.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct L2Receipt {
    pub(crate) block_number: U64,
    pub(crate) status: U64,
    pub(crate) logs: Vec<Log>,
    /// Gas that the transaction took.
    pub(crate) gas_used: U64,
    /// 16 for each byte that its data is estimated to take on L1; deposits have none.
    #[serde(default)]
    pub(crate) l1_gas_used: Option<U256>,
}

impl L2Receipt {
    /// Whether the transaction succeeded.
    pub(crate) fn is_success(&self) -> bool {
        self.status == U64::ONE
    }
}

/// What a node answers in place of a result. Its URL may hold a key, and is never repeated.
#[derive(Debug, thiserror::Error)]
#[error("{WHERE} answers {method}: {message}")]
pub(super) struct NodeRefusal {
    method: &'static str,
    /// The node's own words.
    message: String,
}

impl NodeRefusal {
    pub(super) fn of(method: &'static str, message: impl Into<String>) -> Self {
        Self {
            method,
            message: message.into(),
        }
    }
}

/// A node of the chain, by JSON-RPC.
#[derive(Debug)]
pub(crate) struct L2Node {
    provider: RootProvider,
    chain_id: u64,
}

impl L2Node {
    /// Connects to a node.
    ///
    /// # Errors
    /// If it doesn't answer, or is another chain's.
    pub(super) async fn connect(url: &str, expected: u64) -> anyhow::Result<Self> {
        let node = Self {
            provider: RootProvider::new_http(url.parse().context("l2.rpc-url")?),
            chain_id: expected,
        };
        let actual = node.request::<_, U64>("eth_chainId", ()).await?.to::<u64>();
        ensure!(
            actual == expected,
            "the node at the URL of l2.rpc-url has chain id {actual}, the chain has {expected}"
        );
        Ok(node)
    }

    /// The receipt of a transaction in a sealed block; `None` if there is none yet.
    pub(crate) async fn receipt(&self, hash: B256) -> anyhow::Result<Option<L2Receipt>> {
        self.request("eth_getTransactionReceipt", [hash]).await
    }

    /// Whether the node has the transaction, in a block or not.
    pub(crate) async fn knows(&self, hash: B256) -> anyhow::Result<bool> {
        let found: Option<serde_json::Value> =
            self.request("eth_getTransactionByHash", [hash]).await?;
        Ok(found.is_some())
    }

    /// The receipts of a block.
    pub(crate) async fn receipts(&self, block: u64) -> anyhow::Result<Vec<L2Receipt>> {
        let number = BlockNumberOrTag::Number(block);
        let found: Option<Vec<L2Receipt>> = self.request("eth_getBlockReceipts", [number]).await?;
        found.with_context(|| format!("the node has no block {block}"))
    }

    /// The header of a block; `None` if the node has no such block.
    pub(crate) async fn header(&self, block: BlockNumberOrTag) -> anyhow::Result<Option<Header>> {
        // A block answers with the fields of its header beside its transactions.
        self.request("eth_getBlockByNumber", (block, false)).await
    }

    /// Number of the newest sealed block.
    pub(crate) async fn head(&self) -> anyhow::Result<u64> {
        Ok(self.request::<_, U64>("eth_blockNumber", ()).await?.to())
    }

    /// The logs that match a filter. Not verified: a node can leave some out.
    pub(crate) async fn logs(&self, filter: &Filter) -> anyhow::Result<Vec<Log>> {
        self.request("eth_getLogs", [filter.clone()]).await
    }

    /// What a contract answers in the state of the newest block.
    ///
    /// # Errors
    /// Also if it answers in another form.
    pub(crate) async fn ask<C: SolCall>(&self, to: Address, call: C) -> anyhow::Result<C::Return> {
        let request = TransactionRequest::default()
            .to(to)
            .input(call.abi_encode().into());
        let latest = BlockNumberOrTag::Latest;
        let answer: Bytes = self.request("eth_call", (request, latest)).await?;
        C::abi_decode_returns(&answer)
            .with_context(|| format!("{to} on L2 doesn't answer {} as it should", C::SIGNATURE))
    }

    /// The proof of one slot of an account in the state after a block.
    pub(crate) async fn proof(
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
    pub(crate) async fn balance(
        &self,
        account: Address,
        block: BlockNumberOrTag,
    ) -> anyhow::Result<U256> {
        self.request("eth_getBalance", (account, block)).await
    }

    /// The value of a storage slot after a block.
    pub(crate) async fn storage(
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

    /// Signs and sends a call, and answers its hash.
    ///
    /// # Errors
    /// If the account can't pay for it, or it would fail.
    pub(crate) async fn send(
        &self,
        key: &PrivateKeySigner,
        to: Address,
        value: U256,
        input: Bytes,
    ) -> anyhow::Result<B256> {
        let from = key.address();
        let balance = self.balance(from, BlockNumberOrTag::Latest).await?;
        ensure!(
            balance >= value,
            "{from} has {} on L2, and {} are to be withdrawn",
            open(balance),
            open(value)
        );
        let request = TransactionRequest::default()
            .from(from)
            .to(to)
            .value(value)
            .input(input.clone().into());
        let gas: U64 = self
            .request("eth_estimateGas", [request])
            .await
            .with_context(|| {
                format!(
                    "the transaction would fail ({from} has {} on L2, fees come on top of the amount)",
                    open(balance)
                )
            })?;
        let gas_limit = gas.to::<u64>();
        let gas_limit =
            gas_limit.saturating_add(gas_limit.saturating_mul(GAS_MARGIN_PERCENT) / 100);
        let head = self.header(BlockNumberOrTag::Latest).await?;
        let base_fee = head
            .and_then(|head| head.base_fee_per_gas)
            .unwrap_or_default();
        let tip: U256 = self.request("eth_maxPriorityFeePerGas", ()).await?;
        let tip = tip.saturating_to::<u128>();
        let max_fee_per_gas = u128::from(base_fee).saturating_mul(2).saturating_add(tip);
        let gas_cost = U256::from(max_fee_per_gas).saturating_mul(U256::from(gas_limit));
        ensure!(
            balance >= value.saturating_add(gas_cost),
            "{from} has {} on L2: {} and up to {} for gas are more",
            open(balance),
            open(value),
            open(gas_cost)
        );
        let nonce: U64 = self
            .request("eth_getTransactionCount", (from, BlockNumberOrTag::Pending))
            .await?;
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: nonce.to(),
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(to),
            value,
            input,
            ..Default::default()
        };
        let signature = key.sign_hash_sync(&tx.signature_hash())?;
        let signed = TxEnvelope::from(tx.into_signed(signature));
        let raw = Bytes::from(signed.encoded_2718());
        self.request("eth_sendRawTransaction", [raw])
            .await
            .context("the transaction is refused")
    }

    /// Waits for the receipt of a transaction that the node took.
    ///
    /// # Errors
    /// If the node loses it.
    pub(crate) async fn wait_for(&self, hash: B256) -> anyhow::Result<L2Receipt> {
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

    /// Asks the node.
    async fn request<P, R>(&self, method: &'static str, params: P) -> anyhow::Result<R>
    where
        P: serde::Serialize + Clone + Debug + Send + Sync + Unpin,
        R: DeserializeOwned + Debug + Send + Sync + Unpin + 'static,
    {
        let answer = self.provider.raw_request(method.into(), params);
        match timeout(REQUEST_TIMEOUT, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(RpcError::ErrorResp(error))) => {
                Err(NodeRefusal::of(method, error.message).into())
            }
            Ok(Err(RpcError::Transport(TransportErrorKind::HttpError(error)))) => Err(anyhow!(
                "{WHERE} answers {method} with HTTP status {}",
                error.status
            )),
            Ok(Err(RpcError::DeserError { err, .. })) => {
                Err(anyhow!("{WHERE} answers {method} in another form: {err}"))
            }
            Ok(Err(_)) => Err(anyhow!("{WHERE} doesn't answer")),
            Err(_) => Err(anyhow!(
                "{WHERE} doesn't answer {method} within {} s",
                REQUEST_TIMEOUT.as_secs()
            )),
        }
    }
}
