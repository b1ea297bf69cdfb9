use super::{LogJson, LogPlace};
use crate::quantity::Hex;
use alloy_consensus::{Transaction as _, TxReceipt as _};
use alloy_eips::{Encodable2718 as _, Typed2718 as _};
use alloy_primitives::{Address, B256, Bloom, U256};
use op_revm::{L1BlockInfo, OpSpecId, estimate_tx_compressed_size};
use openledger_chain::{OpenBlock, PreconfirmedTransaction};
use openledger_primitives::{ChainConfig, Header, Receipt, SealedBlock, Transaction};
use openledger_protocol::L1Attributes;
use serde::Serialize;

/// A receipt, with the OP Stack's fields.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptJson<'a> {
    #[serde(rename = "type")]
    ty: Hex<u8>,
    status: Hex<u64>,
    cumulative_gas_used: Hex<u64>,
    logs: Vec<LogJson<'a>>,
    logs_bloom: Bloom,
    transaction_hash: B256,
    transaction_index: Hex<u64>,
    block_hash: B256,
    block_number: Hex<u64>,
    gas_used: Hex<u64>,
    effective_gas_price: Hex<u128>,
    from: Address,
    to: Option<Address>,
    contract_address: Option<Address>,
    l1_gas_price: U256,
    l1_gas_used: U256,
    l1_fee: U256,
    l1_base_fee_scalar: U256,
    l1_blob_base_fee: U256,
    l1_blob_base_fee_scalar: U256,
    operator_fee_scalar: U256,
    operator_fee_constant: U256,
    /// The transaction's DA footprint, gas (Jovian).
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<Hex<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    da_footprint_gas_scalar: Option<Hex<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposit_nonce: Option<Hex<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposit_receipt_version: Option<Hex<u64>>,
    /// Only of the open block, and then `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    preconfirmed: Option<bool>,
}

/// What the receipts of one block have in common.
#[derive(Debug)]
pub(crate) struct Receipts<'a> {
    header: &'a Header,
    /// Zero of the open block.
    hash: B256,
    preconfirmed: bool,
    l1: L1BlockInfo,
    spec: OpSpecId,
}

/// One receipt and what only its neighbours know.
struct Entry<'a> {
    transaction: &'a Transaction,
    sender: Address,
    receipt: &'a Receipt,
    index: u64,
    gas_used: u64,
    first_log_index: u64,
}

impl<'a> Receipts<'a> {
    fn new(
        config: &ChainConfig,
        header: &'a Header,
        hash: Option<B256>,
        first: Option<&Transaction>,
    ) -> Self {
        let spec = alloy_op_evm::spec_by_timestamp_after_bedrock(config, header.timestamp);
        // Every block but genesis, which has no receipts, begins with the L1 attributes.
        let attributes = first
            .and_then(|first| L1Attributes::from_deposit(first).ok())
            .unwrap_or_default();
        let l1 = L1BlockInfo {
            l1_base_fee: U256::from(attributes.base_fee),
            l1_base_fee_scalar: U256::from(attributes.base_fee_scalar),
            l1_blob_base_fee: Some(U256::from(attributes.blob_base_fee)),
            l1_blob_base_fee_scalar: Some(U256::from(attributes.blob_base_fee_scalar)),
            operator_fee_scalar: Some(U256::from(attributes.operator_fee_scalar)),
            operator_fee_constant: Some(U256::from(attributes.operator_fee_constant)),
            da_footprint_gas_scalar: attributes.da_footprint_gas_scalar,
            ..L1BlockInfo::default()
        };
        Self {
            header,
            hash: hash.unwrap_or_default(),
            preconfirmed: hash.is_none(),
            l1,
            spec,
        }
    }

    /// Of a sealed block.
    pub(crate) fn sealed(config: &ChainConfig, block: &'a SealedBlock) -> Self {
        let first = block.block.body.transactions.first();
        Self::new(config, &block.block.header, Some(block.hash), first)
    }

    /// Of a block that was sealed, as its receipts were before.
    pub(crate) fn resealed(config: &ChainConfig, block: &'a SealedBlock) -> Self {
        let first = block.block.body.transactions.first();
        Self::new(config, &block.block.header, None, first)
    }

    /// Of the open block.
    pub(crate) fn open(config: &ChainConfig, block: &'a OpenBlock) -> Self {
        let first = block.transactions.front().map(|first| &first.transaction);
        Self::new(config, &block.header, None, first)
    }

    /// All receipts of a sealed block, which must be that of [`Receipts::sealed`].
    pub(crate) fn all(&self, block: &'a SealedBlock) -> Vec<ReceiptJson<'a>> {
        let mut before = (0, 0);
        let mut all = Vec::with_capacity(block.receipts.len());
        for index in 0..block.receipts.len() {
            let Some(entry) = entry(block, index, &mut before) else {
                break;
            };
            all.push(self.receipt(entry));
        }
        all
    }

    /// One receipt of a sealed block; `None` if there is none at `index`.
    pub(crate) fn at(&self, block: &'a SealedBlock, index: usize) -> Option<ReceiptJson<'a>> {
        let earlier = block.receipts.get(..index)?;
        let mut before = (
            earlier
                .last()
                .map_or(0, |receipt| receipt.cumulative_gas_used()),
            earlier
                .iter()
                .map(|receipt| receipt.logs().len() as u64)
                .sum(),
        );
        entry(block, index, &mut before).map(|entry| self.receipt(entry))
    }

    /// The receipt of a transaction of the open block.
    pub(crate) fn preconfirmed(&self, transaction: &'a PreconfirmedTransaction) -> ReceiptJson<'a> {
        self.receipt(Entry {
            transaction: &transaction.transaction,
            sender: transaction.sender,
            receipt: &transaction.receipt,
            index: transaction.index,
            gas_used: transaction.gas_used,
            first_log_index: transaction.first_log_index,
        })
    }

    fn receipt(&self, entry: Entry<'a>) -> ReceiptJson<'a> {
        let Entry {
            transaction,
            sender,
            receipt,
            index,
            gas_used,
            first_log_index,
        } = entry;
        let hash = transaction.tx_hash();
        let logs = receipt
            .logs()
            .iter()
            .enumerate()
            .map(|(position, log)| {
                let place = LogPlace {
                    block_hash: self.hash,
                    block_number: self.header.number,
                    block_timestamp: self.header.timestamp,
                    transaction_hash: hash,
                    transaction_index: index,
                    log_index: first_log_index + position as u64,
                    removed: false,
                };
                LogJson::new(log, &place)
            })
            .collect();
        let (deposit_nonce, deposit_receipt_version) = match receipt {
            Receipt::Deposit(deposit) => (
                deposit.receipt.deposit_nonce,
                deposit.receipt.deposit_receipt_version,
            ),
            _ => (None, None),
        };
        let is_deposit = matches!(transaction, Transaction::Deposit(_));
        let nonce = deposit_nonce.unwrap_or_else(|| transaction.nonce());
        let (l1_fee, l1_gas_used, data_bytes) = if is_deposit {
            (U256::ZERO, U256::ZERO, 0)
        } else {
            let encoded = transaction.encoded_2718();
            // The fee of the last transaction is cached inside: a fresh copy has none.
            let fee = self.l1.clone().calculate_tx_l1_cost(&encoded, self.spec);
            let bytes = estimate_tx_compressed_size(&encoded) / 1_000_000;
            (fee, self.l1.data_gas(&encoded, self.spec), bytes)
        };
        let scalar = self.l1.da_footprint_gas_scalar.map(u64::from);
        let effective_gas_price = if is_deposit {
            0
        } else {
            transaction.effective_gas_price(self.header.base_fee_per_gas)
        };
        ReceiptJson {
            ty: Hex(transaction.ty()),
            status: Hex(u64::from(receipt.status())),
            cumulative_gas_used: Hex(receipt.cumulative_gas_used()),
            logs,
            logs_bloom: receipt.bloom(),
            transaction_hash: hash,
            transaction_index: Hex(index),
            block_hash: self.hash,
            block_number: Hex(self.header.number),
            gas_used: Hex(gas_used),
            effective_gas_price: Hex(effective_gas_price),
            from: sender,
            to: transaction.to(),
            contract_address: transaction.is_create().then(|| sender.create(nonce)),
            l1_gas_price: self.l1.l1_base_fee,
            l1_gas_used,
            l1_fee,
            l1_base_fee_scalar: self.l1.l1_base_fee_scalar,
            l1_blob_base_fee: self.l1.l1_blob_base_fee.unwrap_or_default(),
            l1_blob_base_fee_scalar: self.l1.l1_blob_base_fee_scalar.unwrap_or_default(),
            operator_fee_scalar: self.l1.operator_fee_scalar.unwrap_or_default(),
            operator_fee_constant: self.l1.operator_fee_constant.unwrap_or_default(),
            blob_gas_used: scalar.map(|scalar| Hex(data_bytes.saturating_mul(scalar))),
            da_footprint_gas_scalar: scalar.map(Hex),
            deposit_nonce: deposit_nonce.map(Hex),
            deposit_receipt_version: deposit_receipt_version.map(Hex),
            preconfirmed: self.preconfirmed.then_some(true),
        }
    }
}

/// The entry at `index`; `before` holds cumulative gas and logs of those before it, and moves on.
fn entry<'a>(block: &'a SealedBlock, index: usize, before: &mut (u64, u64)) -> Option<Entry<'a>> {
    let receipt = block.receipts.get(index)?;
    let (gas_before, logs_before) = *before;
    let cumulative = receipt.cumulative_gas_used();
    *before = (cumulative, logs_before + receipt.logs().len() as u64);
    Some(Entry {
        transaction: block.block.body.transactions.get(index)?,
        sender: *block.senders.get(index)?,
        receipt,
        index: index as u64,
        gas_used: cumulative.saturating_sub(gas_before),
        first_log_index: logs_before,
    })
}
