use crate::load;
use alloy_consensus::{
    Header, ReceiptEnvelope, TxEnvelope,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_eips::{Decodable2718, eip2718::Eip2718Error, eip4844::Blob};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Decodable as _;
use kona_genesis::RollupConfig;
use op_alloy_consensus::OpBlock;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a record can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON of the form that the journeys write.
    #[error("the record is malformed")]
    Json(#[from] serde_json::Error),
    /// A header or an L2 block.
    #[error("the record holds malformed RLP")]
    Rlp(#[from] alloy_rlp::Error),
    /// A transaction or a receipt.
    #[error("the record holds a malformed transaction or receipt")]
    Envelope(#[from] Eip2718Error),
    /// An L1 block is not what its header or the next header commits to.
    #[error("L1 block {number} does not match the {what} that commits to it")]
    L1 {
        /// Its number.
        number: u64,
        /// What commits to it.
        what: &'static str,
    },
    /// A blob is longer than a blob is.
    #[error("blob {hash} has {bytes} bytes")]
    Blob {
        /// Its versioned hash.
        hash: B256,
        /// Its length.
        bytes: usize,
    },
    /// There is no L1 block.
    #[error("the record holds no L1 block")]
    Empty,
}

/// An L1, and what was derived from it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The chain's configuration, as kona reads it.
    pub rollup: RollupConfig,
    /// L1 blocks from that of genesis on.
    pub l1: Vec<L1Block>,
    /// All their blobs by versioned hash. Not checked against it: nobody else says what is in them.
    pub blobs: BTreeMap<B256, Box<Blob>>,
    /// The genesis block of L2.
    pub genesis: OpBlock,
    /// What our pipeline derived, from block 1 on.
    pub derived: Vec<Derived>,
}

/// An L1 block.
#[derive(Debug, Clone)]
pub struct L1Block {
    /// Its header.
    pub header: Header,
    /// The header's hash.
    pub hash: B256,
    /// Its transactions, whose root is the header's.
    pub transactions: Vec<TxEnvelope>,
    /// Their receipts, whose root is the header's.
    pub receipts: Vec<ReceiptEnvelope>,
}

/// A block that our pipeline derived.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Its attributes, in the form of the Engine API.
    pub attributes: Value,
    /// Whether they could not be executed, so that the block has their deposits alone.
    pub refused: bool,
    /// Number of the L1 block that completed it.
    pub derived_from: u64,
    /// Whether no further block of the same span batch follows.
    pub is_last_in_span: bool,
    /// The block that came of them.
    pub block: OpBlock,
}

mod file {
    use super::{B256, Bytes, Value};
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Record {
        pub(super) rollup: Value,
        pub(super) l1: Vec<L1Block>,
        pub(super) genesis: Bytes,
        pub(super) derived: Vec<Derived>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct L1Block {
        pub(super) header: Bytes,
        pub(super) transactions: Vec<Bytes>,
        pub(super) receipts: Vec<Bytes>,
        pub(super) blobs: BTreeMap<B256, Bytes>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    pub(super) struct Derived {
        pub(super) attributes: Value,
        pub(super) refused: bool,
        pub(super) derived_from: u64,
        pub(super) is_last_in_span: bool,
        pub(super) block: Bytes,
    }
}

impl Record {
    /// Reads a record and checks that each L1 block is what its header says and follows the one before.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn parse(json: &[u8]) -> Result<Self, RecordError> {
        let file: file::Record = serde_json::from_slice(json)?;
        let mut l1: Vec<L1Block> = Vec::with_capacity(file.l1.len());
        let mut blobs = BTreeMap::new();
        for block in file.l1 {
            for (hash, bytes) in block.blobs {
                let mut blob = Blob::default();
                let place = blob.get_mut(..bytes.len()).ok_or(RecordError::Blob {
                    hash,
                    bytes: bytes.len(),
                })?;
                place.copy_from_slice(&bytes);
                blobs.insert(hash, Box::new(blob));
            }
            let header = Header::decode(&mut block.header.as_ref())?;
            let transactions = decode_all::<TxEnvelope>(&block.transactions)?;
            let receipts = decode_all::<ReceiptEnvelope>(&block.receipts)?;
            let differs = |what| RecordError::L1 {
                number: header.number,
                what,
            };
            if l1
                .last()
                .is_some_and(|before| before.hash != header.parent_hash)
            {
                return Err(differs("parent hash"));
            }
            if calculate_transaction_root(&transactions) != header.transactions_root {
                return Err(differs("transactions root"));
            }
            if calculate_receipt_root(&receipts) != header.receipts_root {
                return Err(differs("receipts root"));
            }
            l1.push(L1Block {
                hash: header.hash_slow(),
                header,
                transactions,
                receipts,
            });
        }
        if l1.is_empty() {
            return Err(RecordError::Empty);
        }
        let derived = file.derived.into_iter().map(|derived| {
            Ok(Derived {
                attributes: derived.attributes,
                refused: derived.refused,
                derived_from: derived.derived_from,
                is_last_in_span: derived.is_last_in_span,
                block: OpBlock::decode(&mut derived.block.as_ref())?,
            })
        });
        Ok(Self {
            rollup: load(&file.rollup.to_string())?,
            l1,
            blobs,
            genesis: OpBlock::decode(&mut file.genesis.as_ref())?,
            derived: derived.collect::<Result<_, RecordError>>()?,
        })
    }
}

fn decode_all<T: Decodable2718>(encoded: &[Bytes]) -> Result<Vec<T>, Eip2718Error> {
    encoded
        .iter()
        .map(|bytes| T::decode_2718(&mut bytes.as_ref()))
        .collect()
}
