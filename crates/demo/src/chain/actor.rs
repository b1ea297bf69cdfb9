//! An account on the chain, and what it sends.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::{BlockNumberOrTag, eip2718::Encodable2718};
use alloy_primitives::{Address, Bytes, TxKind, U64, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use anyhow::{Context, ensure};
use openledger_client::{Node, Receipt, Sender, SenderLimits};
use serde_json::json;

/// Part of an estimate that is added to it: what else happens before the transaction may change what it needs.
const GAS_MARGIN_PERCENT: u64 = 30;
/// What a transaction may pay for a gas at most, wei: the local chain's base fee stays far below.
const FEE_MAX: u128 = 100_000_000_000;
/// Most gas of a transaction of several: a page of rows, a challenge.
const GAS_MAX: u64 = 30_000_000;
/// Milliseconds for which a node is asked to wait until it has executed a transaction.
const EXECUTION_TIMEOUT_MS: u64 = 30_000;

/// An account, whose transactions are executed one after the other: each is answered as soon as it is in the open block.
#[derive(Debug)]
pub(crate) struct Actor {
    node: Node,
    key: PrivateKeySigner,
}

impl Actor {
    /// The account of a key. Nobody else sends for it while it does.
    pub(crate) fn new(node: &Node, key: PrivateKeySigner) -> Self {
        Self {
            node: node.clone(),
            key,
        }
    }

    /// The same account, for commands that send several transactions and wait until they are in blocks.
    pub(crate) fn sender(&self) -> Sender {
        let limits = SenderLimits {
            gas_max: GAS_MAX,
            ..SenderLimits::default()
        };
        Sender::new(self.node.clone(), self.key.clone(), limits)
    }

    /// Its address.
    pub(crate) const fn address(&self) -> Address {
        self.key.address()
    }

    /// Its key.
    pub(crate) const fn key(&self) -> &PrivateKeySigner {
        &self.key
    }

    /// The node that it sends to.
    pub(crate) const fn node(&self) -> &Node {
        &self.node
    }

    /// Calls a contract, and waits until the call is executed.
    ///
    /// # Errors
    /// What the contract refuses, in words.
    pub(crate) async fn call<C: SolCall>(&self, to: Address, call: &C) -> anyhow::Result<Receipt> {
        self.pay(to, call, U256::ZERO).await
    }

    /// The same, with so many wei of OPEN.
    pub(crate) async fn pay<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        value: U256,
    ) -> anyhow::Result<Receipt> {
        self.send(to, call.abi_encode().into(), value)
            .await
            .with_context(|| format!("{} by {}", C::SIGNATURE, self.address()))
    }

    async fn send(&self, to: Address, input: Bytes, value: U256) -> anyhow::Result<Receipt> {
        let request = json!({"from": self.address(), "to": to, "data": input, "value": value});
        let needed: U64 = self
            .node
            .request("eth_estimateGas", (request, BlockNumberOrTag::Pending))
            .await?;
        let nonce = self
            .node
            .nonce(self.address(), BlockNumberOrTag::Pending)
            .await?;
        let transaction = TxEip1559 {
            chain_id: self.node.chain_id(),
            nonce,
            gas_limit: needed.to::<u64>() * (100 + GAS_MARGIN_PERCENT) / 100,
            max_fee_per_gas: FEE_MAX,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(to),
            value,
            input,
            ..TxEip1559::default()
        };
        let signature = self.key.sign_hash_sync(&transaction.signature_hash())?;
        let raw = transaction.into_signed(signature).encoded_2718();
        let receipt: Receipt = self
            .node
            .request(
                "eth_sendRawTransactionSync",
                (Bytes::from(raw), EXECUTION_TIMEOUT_MS),
            )
            .await?;
        ensure!(
            receipt.is_success(),
            "the transaction {} failed",
            receipt.transaction_hash
        );
        Ok(receipt)
    }
}
