use crate::Severity;
use alloc::vec::Vec;
use alloy_consensus::{
    Header, ReceiptEnvelope, TxEnvelope,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_primitives::{Address, B256, Bytes};
use openledger_primitives::{ChainConfig, L1ChainConfig, Transaction};
use openledger_protocol::{
    CONFIG_UPDATE_TOPIC, ConfigUpdate, DepositError, L1Block, TRANSACTION_DEPOSITED_TOPIC,
    decode_deposit,
};

/// Transaction type of a blob transaction (EIP-4844).
const BLOB_TX_TYPE: u8 = 3;
/// Types that may carry batches: 0 to 3, and deposits where the L1 is itself a rollup.
const BATCH_TX_TYPES: [u8; 5] = [0, 1, 2, BLOB_TX_TYPE, 0x7e];

/// Everything that derivation takes from one L1 block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct L1Input {
    /// The block.
    pub block: L1Block,
    /// What was sent to the batch inbox, by anyone, in order. Who the batcher is at this block is
    /// for the pipeline to say: the block itself may change it.
    pub inbox: Vec<InboxTransaction>,
    /// User deposits in log order.
    pub deposits: Vec<Transaction>,
    /// Changes of the system configuration in log order, malformed ones left out.
    pub config_updates: Vec<ConfigUpdate>,
}

/// A transaction to the batch inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxTransaction {
    /// Who sent it.
    pub sender: Address,
    /// Its calldata, or for a blob transaction what its blobs decode to, in order. Each is read as
    /// data of its own.
    pub data: Vec<Bytes>,
}

/// A transaction of an L1 block, as far as derivation looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1Transaction {
    /// EIP-2718 type; 0 for untyped.
    pub tx_type: u8,
    /// The recipient; `None` for a contract creation.
    pub to: Option<Address>,
    /// The sender, recovered by the caller. Only read if the transaction goes to the batch inbox.
    pub sender: Address,
    /// Calldata.
    pub input: Bytes,
    /// For a blob transaction to the batch inbox: what each of its blobs decodes to, checked by the
    /// caller against the blob's hash, blobs that don't decode left out. Empty otherwise.
    pub blobs: Vec<Bytes>,
}

/// Why an L1 block's data can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum L1InputError {
    /// The header has another hash.
    #[error("header hashes to {found}, not {expected}")]
    Header {
        /// The hash asked for.
        expected: B256,
        /// The header's hash.
        found: B256,
    },
    /// The transactions aren't the header's.
    #[error("transactions have root {found}, block {number} has {expected}")]
    Transactions {
        /// The block.
        number: u64,
        /// The header's transactions root.
        expected: B256,
        /// The transactions' root.
        found: B256,
    },
    /// The receipts aren't the header's.
    #[error("receipts have root {found}, block {number} has {expected}")]
    Receipts {
        /// The block.
        number: u64,
        /// The header's receipts root.
        expected: B256,
        /// The receipts' root.
        found: B256,
    },
    /// The portal emitted a deposit that can't be decoded.
    #[error("deposit in log {log_index} of L1 block {number} can't be decoded")]
    Deposit {
        /// The block.
        number: u64,
        /// Index among the block's logs.
        log_index: u64,
        /// What is wrong.
        source: DepositError,
    },
}

impl L1InputError {
    /// What to do about it: data that doesn't match its header comes from a wrong answer, a deposit
    /// that can't be decoded from L1 itself.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Header { .. } | Self::Transactions { .. } | Self::Receipts { .. } => {
                Severity::Transient
            }
            Self::Deposit { .. } => Severity::Fatal,
        }
    }
}

/// Takes from an L1 block what derivation needs. The caller has verified header, transactions and
/// receipts against the block's hash ([`verify_header`] and its siblings).
///
/// Of `transactions` those that don't go to the batch inbox may be left out; the others are in block
/// order. `receipts` are all of the block's, in order.
///
/// # Errors
/// A malformed deposit. Malformed configuration updates are left out, as the specification says.
pub fn parse_l1_block(
    config: &ChainConfig,
    l1: &L1ChainConfig,
    header: &Header,
    transactions: &[L1Transaction],
    receipts: &[ReceiptEnvelope],
) -> Result<L1Input, L1InputError> {
    let hash = header.hash_slow();
    let inbox = transactions
        .iter()
        .filter(|tx| tx.to == Some(config.batch_inbox_address))
        .filter(|tx| BATCH_TX_TYPES.contains(&tx.tx_type))
        .map(|tx| InboxTransaction {
            sender: tx.sender,
            // The calldata of a blob transaction is ignored.
            data: if tx.tx_type == BLOB_TX_TYPE {
                tx.blobs.clone()
            } else {
                [tx.input.clone()].into()
            },
        })
        .collect();
    let mut deposits = Vec::new();
    let mut config_updates = Vec::new();
    // Log indices count through the whole block; only successful transactions have logs.
    for (log_index, log) in (0_u64..).zip(receipts.iter().flat_map(ReceiptEnvelope::logs)) {
        let topic = log.topics().first();
        if log.address == config.deposit_contract_address
            && topic == Some(&TRANSACTION_DEPOSITED_TOPIC)
        {
            let deposit =
                decode_deposit(log, hash, log_index).map_err(|source| L1InputError::Deposit {
                    number: header.number,
                    log_index,
                    source,
                })?;
            deposits.push(deposit.into());
        }
        if log.address == config.l1_system_config_address && topic == Some(&CONFIG_UPDATE_TOPIC) {
            config_updates.extend(ConfigUpdate::decode(log).ok());
        }
    }
    Ok(L1Input {
        block: L1Block::from_header(header, hash, l1),
        inbox,
        deposits,
        config_updates,
    })
}

/// Checks that a header has the hash `expected`.
///
/// # Errors
/// [`L1InputError::Header`] if not.
pub fn verify_header(header: &Header, expected: B256) -> Result<(), L1InputError> {
    let found = header.hash_slow();
    if found != expected {
        return Err(L1InputError::Header { expected, found });
    }
    Ok(())
}

/// Checks that these are all transactions of the header's block.
///
/// # Errors
/// [`L1InputError::Transactions`] if not.
pub fn verify_transactions(
    header: &Header,
    transactions: &[TxEnvelope],
) -> Result<(), L1InputError> {
    let found = calculate_transaction_root(transactions);
    if found != header.transactions_root {
        let expected = header.transactions_root;
        return Err(L1InputError::Transactions {
            number: header.number,
            expected,
            found,
        });
    }
    Ok(())
}

/// Checks that these are all receipts of the header's block.
///
/// # Errors
/// [`L1InputError::Receipts`] if not.
pub fn verify_receipts(header: &Header, receipts: &[ReceiptEnvelope]) -> Result<(), L1InputError> {
    let found = calculate_receipt_root(receipts);
    if found != header.receipts_root {
        let expected = header.receipts_root;
        return Err(L1InputError::Receipts {
            number: header.number,
            expected,
            found,
        });
    }
    Ok(())
}
