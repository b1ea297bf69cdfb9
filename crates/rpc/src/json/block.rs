use super::{Place, TransactionJson};
use crate::quantity::Hex;
use alloy_primitives::B256;
use alloy_rlp::Encodable as _;
use openledger_chain::OpenBlock;
use openledger_primitives::{Header, SealedBlock};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::value::RawValue;

/// A block's header.
#[derive(Debug)]
pub(crate) struct HeaderJson<'a> {
    header: &'a Header,
    /// `None`: the open block's, which has no hash, bloom and nonce yet.
    hash: Option<B256>,
}

impl<'a> HeaderJson<'a> {
    /// A sealed header, or that of an open block if it has no hash yet.
    pub(crate) const fn new(header: &'a Header, hash: Option<B256>) -> Self {
        Self { header, hash }
    }

    fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let header = self.header;
        map.serialize_entry("number", &Hex(header.number))?;
        map.serialize_entry("hash", &self.hash)?;
        map.serialize_entry("parentHash", &header.parent_hash)?;
        map.serialize_entry("sha3Uncles", &header.ommers_hash)?;
        map.serialize_entry("miner", &header.beneficiary)?;
        map.serialize_entry("stateRoot", &header.state_root)?;
        map.serialize_entry("transactionsRoot", &header.transactions_root)?;
        map.serialize_entry("receiptsRoot", &header.receipts_root)?;
        map.serialize_entry("logsBloom", &header.logs_bloom)?;
        map.serialize_entry("difficulty", &header.difficulty)?;
        map.serialize_entry("gasLimit", &Hex(header.gas_limit))?;
        map.serialize_entry("gasUsed", &Hex(header.gas_used))?;
        map.serialize_entry("timestamp", &Hex(header.timestamp))?;
        map.serialize_entry("extraData", &header.extra_data)?;
        map.serialize_entry("mixHash", &header.mix_hash)?;
        map.serialize_entry("nonce", &self.hash.map(|_| header.nonce))?;
        if let Some(fee) = header.base_fee_per_gas {
            map.serialize_entry("baseFeePerGas", &Hex(fee))?;
        }
        if let Some(root) = &header.withdrawals_root {
            map.serialize_entry("withdrawalsRoot", root)?;
        }
        if let Some(gas) = header.blob_gas_used {
            map.serialize_entry("blobGasUsed", &Hex(gas))?;
        }
        if let Some(gas) = header.excess_blob_gas {
            map.serialize_entry("excessBlobGas", &Hex(gas))?;
        }
        if let Some(root) = &header.parent_beacon_block_root {
            map.serialize_entry("parentBeaconBlockRoot", root)?;
        }
        if let Some(hash) = &header.requests_hash {
            map.serialize_entry("requestsHash", hash)?;
        }
        Ok(())
    }
}

impl Serialize for HeaderJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.fields(&mut map)?;
        map.end()
    }
}

/// A block.
#[derive(Debug)]
pub(crate) struct BlockJson<'a> {
    header: HeaderJson<'a>,
    size: u64,
    transactions: TransactionsJson<'a>,
    /// Results of the calls of a simulated block.
    calls: Option<&'a RawValue>,
}

/// A block's transactions: all of each, or their hashes.
#[derive(Debug)]
pub(crate) enum TransactionsJson<'a> {
    /// Of a sealed block.
    Sealed { block: &'a SealedBlock, full: bool },
    /// Of the open block.
    Open { block: &'a OpenBlock, full: bool },
    /// Of a block without any.
    None,
}

impl<'a> BlockJson<'a> {
    /// A sealed block.
    pub(crate) fn sealed(block: &'a SealedBlock, full: bool) -> Self {
        Self {
            header: HeaderJson::new(&block.block.header, Some(block.hash)),
            size: block.block.length() as u64,
            transactions: TransactionsJson::Sealed { block, full },
            calls: None,
        }
    }

    /// The open block as it is now.
    pub(crate) fn open(block: &'a OpenBlock, full: bool) -> Self {
        let size = block.header.length()
            + block
                .transactions
                .iter()
                .map(|transaction| transaction.transaction.length())
                .sum::<usize>();
        Self {
            header: HeaderJson::new(&block.header, None),
            size: size as u64,
            transactions: TransactionsJson::Open { block, full },
            calls: None,
        }
    }

    /// A block of which there is nothing but a draft.
    pub(crate) fn draft(header: &'a Header) -> Self {
        Self {
            header: HeaderJson::new(header, None),
            size: header.length() as u64,
            transactions: TransactionsJson::None,
            calls: None,
        }
    }

    /// With the results of its calls.
    pub(crate) const fn with_calls(mut self, calls: &'a RawValue) -> Self {
        self.calls = Some(calls);
        self
    }
}

impl Serialize for BlockJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.header.fields(&mut map)?;
        map.serialize_entry("size", &Hex(self.size))?;
        map.serialize_entry("transactions", &self.transactions)?;
        map.serialize_entry::<_, [(); 0]>("withdrawals", &[])?;
        map.serialize_entry::<_, [(); 0]>("uncles", &[])?;
        if let Some(calls) = self.calls {
            map.serialize_entry("calls", calls)?;
        }
        map.end()
    }
}

impl Serialize for TransactionsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_seq(Some(0))?.end(),
            Self::Sealed { block, full } => {
                let transactions = &block.block.body.transactions;
                let mut seq = serializer.serialize_seq(Some(transactions.len()))?;
                for (index, transaction) in transactions.iter().enumerate() {
                    if !full {
                        seq.serialize_element(&transaction.tx_hash())?;
                        continue;
                    }
                    let header = &block.block.header;
                    let place = Place::Sealed {
                        block_hash: block.hash,
                        block_number: header.number,
                        timestamp: header.timestamp,
                        index: index as u64,
                        base_fee: header.base_fee_per_gas.unwrap_or_default(),
                    };
                    let sender = block.senders.get(index).copied().unwrap_or_default();
                    let receipt = block.receipts.get(index);
                    seq.serialize_element(&TransactionJson::new(
                        transaction,
                        sender,
                        place,
                        receipt,
                    ))?;
                }
                seq.end()
            }
            Self::Open { block, full } => {
                let mut seq = serializer.serialize_seq(Some(block.transactions.len()))?;
                for transaction in &block.transactions {
                    if !full {
                        seq.serialize_element(&transaction.hash)?;
                        continue;
                    }
                    let place = Place::Open {
                        block_number: block.header.number,
                        timestamp: block.header.timestamp,
                        index: transaction.index,
                        base_fee: block.header.base_fee_per_gas.unwrap_or_default(),
                    };
                    seq.serialize_element(&TransactionJson::new(
                        &transaction.transaction,
                        transaction.sender,
                        place,
                        Some(&transaction.receipt),
                    ))?;
                }
                seq.end()
            }
        }
    }
}
