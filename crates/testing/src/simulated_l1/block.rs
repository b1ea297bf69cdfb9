use alloy_consensus::{
    Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction as _, TxEnvelope,
    TxType,
};
use alloy_eips::{BlockNumHash, eip4844::DATA_GAS_PER_BLOB, eip7840::BlobParams};
use alloy_primitives::{Address, B256, Bytes, Log, logs_bloom};
use alloy_rpc_types_eth::{
    Block as RpcBlock, BlockTransactions, Header as RpcHeader, Log as RpcLog, Transaction,
    TransactionReceipt,
};
use revm::database::{CacheDB, EmptyDB};
use std::{collections::BTreeMap, sync::Arc};

/// The accounts after a block.
pub type Accounts = CacheDB<EmptyDB>;

/// A blob with what proves it.
#[derive(Debug, Clone)]
pub struct StoredBlob {
    /// Its 131,072 bytes.
    pub blob: Bytes,
    /// Its KZG commitment.
    pub commitment: Bytes,
    /// The proof of the commitment.
    pub proof: Bytes,
}

/// A transaction that a block includes.
#[derive(Debug, Clone)]
pub struct Included {
    /// The transaction, without its blobs.
    pub envelope: TxEnvelope,
    /// Who sent it.
    pub sender: Address,
    /// Its receipt.
    pub receipt: ReceiptEnvelope,
    /// Gas that it alone used.
    pub gas_used: u64,
    /// What it created, if it did.
    pub contract: Option<Address>,
    /// Its raw form with its blobs, as it was sent: what returns to the pool after a reorganization.
    pub raw: Bytes,
}

/// A block of the simulated L1.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its header.
    pub header: Header,
    /// The header's hash.
    pub hash: B256,
    /// What it includes.
    pub transactions: Vec<Included>,
    /// Its blobs, by versioned hash.
    pub blobs: BTreeMap<B256, Arc<StoredBlob>>,
    /// The accounts after it.
    pub accounts: Arc<Accounts>,
}

impl Block {
    /// Number and hash.
    pub const fn id(&self) -> BlockNumHash {
        BlockNumHash {
            number: self.header.number,
            hash: self.hash,
        }
    }

    /// Base fee, wei a gas.
    pub fn base_fee(&self) -> u64 {
        self.header.base_fee_per_gas.unwrap_or_default()
    }

    /// Base fee of blob gas, wei.
    pub fn blob_base_fee(&self) -> u128 {
        BlobParams::prague().calc_blob_fee(self.header.excess_blob_gas.unwrap_or_default())
    }

    /// The block as JSON-RPC answers it.
    pub(super) fn rpc(&self, full: bool) -> RpcBlock {
        let transactions = if full {
            let all = (0..self.transactions.len()).map(|index| self.rpc_transaction(index));
            BlockTransactions::Full(all.collect())
        } else {
            let hashes = self.transactions.iter().map(|tx| *tx.envelope.tx_hash());
            BlockTransactions::Hashes(hashes.collect())
        };
        RpcBlock {
            header: RpcHeader::new(self.header.clone()),
            transactions,
            withdrawals: Some(Default::default()),
            ..Default::default()
        }
    }

    fn rpc_transaction(&self, index: usize) -> Transaction {
        let tx = &self.transactions[index];
        Transaction {
            inner: alloy_consensus::transaction::Recovered::new_unchecked(
                tx.envelope.clone(),
                tx.sender,
            ),
            block_hash: Some(self.hash),
            block_number: Some(self.header.number),
            transaction_index: Some(index as u64),
            effective_gas_price: Some(tx.envelope.effective_gas_price(Some(self.base_fee()))),
            block_timestamp: Some(self.header.timestamp),
        }
    }

    /// The receipts as JSON-RPC answers them.
    pub(super) fn rpc_receipts(&self) -> Vec<TransactionReceipt> {
        let mut receipts = Vec::with_capacity(self.transactions.len());
        let mut log_index = 0;
        for (index, tx) in self.transactions.iter().enumerate() {
            let tx_hash = *tx.envelope.tx_hash();
            let inner = tx.receipt.clone().map_logs(|log| {
                let log = RpcLog {
                    inner: log,
                    block_hash: Some(self.hash),
                    block_number: Some(self.header.number),
                    block_timestamp: Some(self.header.timestamp),
                    transaction_hash: Some(tx_hash),
                    transaction_index: Some(index as u64),
                    log_index: Some(log_index),
                    removed: false,
                };
                log_index += 1;
                log
            });
            let blobs = tx.envelope.blob_versioned_hashes().map(<[B256]>::len);
            receipts.push(TransactionReceipt {
                inner,
                transaction_hash: tx_hash,
                transaction_index: Some(index as u64),
                block_hash: Some(self.hash),
                block_number: Some(self.header.number),
                gas_used: tx.gas_used,
                effective_gas_price: tx.envelope.effective_gas_price(Some(self.base_fee())),
                blob_gas_used: blobs.map(|count| count as u64 * DATA_GAS_PER_BLOB),
                blob_gas_price: blobs.map(|_| self.blob_base_fee()),
                from: tx.sender,
                to: tx.envelope.to(),
                contract_address: tx.contract,
            });
        }
        receipts
    }
}

/// A receipt of a transaction of this type.
pub(super) fn receipt(
    tx_type: TxType,
    success: bool,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
) -> ReceiptEnvelope {
    let bloom = logs_bloom(&logs);
    let receipt = ReceiptWithBloom {
        receipt: Receipt {
            status: Eip658Value::Eip658(success),
            cumulative_gas_used,
            logs,
        },
        logs_bloom: bloom,
    };
    match tx_type {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    }
}
