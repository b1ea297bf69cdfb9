//! A step's way into a block: estimated, signed, sent, and why it failed.

use super::{Sender, Step, TooMuchGas};
use crate::{Failure, POLL_INTERVAL, Receipt, journal::Sent, open};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{BlockNumberOrTag, Encodable2718};
use alloy_primitives::{B256, Bytes, TxKind, U64, U128, U256};
use alloy_signer::SignerSync;
use anyhow::anyhow;
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, Instant};

/// Longest wait for a transaction to be in a block.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(180);
/// What is added to an estimate, as a divisor: state may change before the transaction runs.
const ESTIMATE_MARGIN: u64 = 8;

impl Sender {
    /// Signs, records and sends.
    pub(super) async fn send_new(&mut self, step: &Step, nonce: u64) -> anyhow::Result<B256> {
        let gas_limit = self.estimate(step).await?;
        let (fee, tip) = self.fees().await?;
        let transaction = TxEip1559 {
            chain_id: self.node.chain_id(),
            nonce,
            gas_limit,
            max_fee_per_gas: fee,
            max_priority_fee_per_gas: tip,
            to: TxKind::Call(step.to),
            value: step.value,
            input: step.data.clone(),
            ..Default::default()
        };
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash())?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        let hash = *envelope.tx_hash();
        let raw = Bytes::from(envelope.encoded_2718());
        if let Some(journal) = &mut self.journal {
            journal.record(Sent {
                step: step.name.clone(),
                nonce,
                hash,
                raw: raw.clone(),
            })?;
        }
        match self
            .node
            .attempt::<_, B256>("eth_sendRawTransaction", (raw,))
            .await
        {
            Ok(_) => Ok(hash),
            Err(failure) => {
                let cost = U256::from(fee).saturating_mul(U256::from(gas_limit));
                Err(self.refused(step, cost, failure).await)
            }
        }
    }

    /// The gas limit of a step's transaction.
    async fn estimate(&self, step: &Step) -> anyhow::Result<u64> {
        let call = json!({
            "from": self.signer.address(),
            "to": step.to,
            "value": step.value,
            "input": step.data,
        });
        // In the block to come: what some calls write, and whether they may, goes by its number.
        let estimate = self
            .node
            .attempt::<_, U64>("eth_estimateGas", (call, "pending"));
        let estimate: u64 = match estimate.await {
            Ok(estimate) => estimate.to(),
            Err(failure) => return Err(self.refused(step, U256::ZERO, failure).await),
        };
        let max = self.limits.gas_max;
        if estimate > max {
            return Err(anyhow::Error::from(TooMuchGas {
                needed: estimate,
                max,
            })
            .context(step.name.clone()));
        }
        Ok(estimate.saturating_add(estimate / ESTIMATE_MARGIN).min(max))
    }

    /// Why a step is refused that may cost so much gas, in wei: where the account can't pay, that comes first.
    async fn refused(&self, step: &Step, gas_cost: U256, failure: Failure) -> anyhow::Error {
        let account = self.account();
        let balance = match failure {
            Failure::Refused(_) => self.node.balance(account, BlockNumberOrTag::Pending).await,
            Failure::Reverted(_) | Failure::NoAnswer(_) => {
                return anyhow::Error::from(failure).context(step.name.clone());
            }
        };
        match balance {
            Ok(balance) if balance < step.value.saturating_add(gas_cost) || balance.is_zero() => {
                anyhow::Error::from(failure).context(format!(
                    "{}: {account} has {} on L2, which {} and up to {} for gas are more than",
                    step.name,
                    open(balance),
                    open(step.value),
                    open(gas_cost)
                ))
            }
            _ => anyhow::Error::from(failure).context(step.name.clone()),
        }
    }

    /// The most that gas may cost, and the tip: twice the base fee, so that it holds for some blocks.
    async fn fees(&self) -> anyhow::Result<(u128, u128)> {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct BaseFee {
            base_fee_per_gas: U128,
        }
        let block: BaseFee = self
            .node
            .request("eth_getBlockByNumber", ("latest", false))
            .await?;
        let tip: U128 = self.node.request("eth_maxPriorityFeePerGas", ()).await?;
        let tip: u128 = tip.to();
        let base: u128 = block.base_fee_per_gas.to();
        Ok((base.saturating_mul(2).saturating_add(tip), tip))
    }

    pub(super) async fn nonce(&self, tag: BlockNumberOrTag) -> anyhow::Result<u64> {
        self.node.nonce(self.signer.address(), tag).await
    }

    /// The receipt of a step's transaction, for which is waited since `started`.
    pub(super) async fn await_receipt(
        &mut self,
        step: &Step,
        hash: B256,
        started: Instant,
    ) -> anyhow::Result<Receipt> {
        let receipt = loop {
            // A node that doesn't answer for a while may have the transaction all the same.
            let (found, silence) = match self.node.receipt(hash).await {
                Ok(found) => (found, None),
                Err(error) => (None, Some(error)),
            };
            if let Some(receipt) = found {
                break receipt;
            }
            if started.elapsed() >= RECEIPT_TIMEOUT {
                let next = match self.journal {
                    Some(_) => "run the same command again to go on".to_owned(),
                    None => format!(
                        "{hash} may still get into one: look for it before you run the command again"
                    ),
                };
                let seconds = RECEIPT_TIMEOUT.as_secs();
                let words = format!(
                    "{}: transaction {hash} is in no block after {seconds} s: {next}",
                    step.name
                );
                return Err(silence
                    .unwrap_or_else(|| anyhow!("the node has no receipt"))
                    .context(words));
            }
            if silence.is_some() {
                tokio::time::sleep(POLL_INTERVAL).await;
            } else {
                self.pause().await?;
            }
        };
        self.transactions += 1;
        self.gas_used = self.gas_used.saturating_add(receipt.gas_used.to());
        if !receipt.is_success() {
            let reason = self.reason(step, receipt.block()).await;
            return Err(anyhow::Error::from(reason)
                .context(format!("{}: transaction {hash} failed", step.name)));
        }
        Ok(receipt)
    }

    /// Why a step's transaction failed, by making its call again in its block.
    async fn reason(&self, step: &Step, block: u64) -> Failure {
        let call = json!({
            "from": self.signer.address(),
            "to": step.to,
            "value": step.value,
            "input": step.data,
        });
        let answer = self
            .node
            .attempt::<_, Bytes>("eth_call", (call, format!("{block:#x}")));
        match answer.await {
            Err(failure @ (Failure::Reverted(_) | Failure::Refused(_))) => failure,
            Ok(_) | Err(Failure::NoAnswer(_)) => {
                Failure::Refused("out of gas, or the state is another now".to_owned())
            }
        }
    }
}
