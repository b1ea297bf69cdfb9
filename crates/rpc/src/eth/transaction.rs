//! Transactions and receipts, one by one.

use crate::{
    api::{Api, Found},
    block_id::BlockId,
    error::Failure,
    json::{Place, Receipts, TransactionJson},
    params::Params,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{B256, Bytes};
use openledger_chain::PreconfirmedTransaction;
use openledger_primitives::{SealedBlock, Transaction};
use std::sync::Arc;

pub(super) const METHODS: Methods = &[
    ("eth_getTransactionByHash", Run::Light(by_hash)),
    (
        "eth_getTransactionByBlockNumberAndIndex",
        Run::Light(by_number_and_index),
    ),
    (
        "eth_getTransactionByBlockHashAndIndex",
        Run::Light(by_block_hash_and_index),
    ),
    ("eth_getRawTransactionByHash", Run::Light(raw_by_hash)),
    (
        "eth_getRawTransactionByBlockNumberAndIndex",
        Run::Light(raw_by_number_and_index),
    ),
    (
        "eth_getRawTransactionByBlockHashAndIndex",
        Run::Light(raw_by_block_hash_and_index),
    ),
    ("eth_getTransactionReceipt", Run::Light(receipt)),
];

/// The block and the index in it of a sealed transaction.
pub(crate) fn sealed(api: &Api, hash: B256) -> Result<Option<(Arc<SealedBlock>, usize)>, Failure> {
    let Some((number, index)) = api.chain.store().transaction_location(hash)? else {
        return Ok(None);
    };
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let Some(block) = api.block(number)? else {
        return Ok(None);
    };
    // Between the two reads the block may have been replaced by an unwind.
    let is_it = block
        .block
        .body
        .transactions
        .get(index)
        .is_some_and(|found| found.tx_hash() == hash);
    Ok(is_it.then_some((block, index)))
}

fn in_sealed(block: &SealedBlock, index: usize) -> Option<TransactionJson<'_>> {
    let header = &block.block.header;
    let place = Place::Sealed {
        block_hash: block.hash,
        block_number: header.number,
        timestamp: header.timestamp,
        index: index as u64,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
    };
    let transaction = block.block.body.transactions.get(index)?;
    let sender = *block.senders.get(index)?;
    Some(TransactionJson::new(
        transaction,
        sender,
        place,
        block.receipts.get(index),
    ))
}

fn by_hash(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["transaction hash"])?.get(0)?;
    // From the newest place to the oldest, so that a transaction that moves on is found.
    if let Some(pooled) = api.mempool().and_then(|pool| pool.get(&hash)) {
        let json = TransactionJson::new(&pooled.transaction, pooled.sender, Place::Pending, None);
        return api.reply(&json);
    }
    if let Some(open) = api.open_block()
        && let Some(found) = open.transaction(&hash)
    {
        let json = TransactionJson::new(
            &found.transaction,
            found.sender,
            Place::Pending,
            Some(&found.receipt),
        );
        return api.reply(&json);
    }
    match sealed(api, hash)? {
        Some((block, index)) => api.reply(&in_sealed(&block, index)),
        None => Ok(Reply::NULL),
    }
}

fn at_index(api: &Api, id: BlockId, index: u64) -> Outcome {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    match api.find(id)? {
        Some(Found::Sealed(number)) => match api.block(number)? {
            Some(block) => api.reply(&in_sealed(&block, index)),
            None => Ok(Reply::NULL),
        },
        Some(Found::Pending(Some(open))) => {
            let json = open.transactions.get(index).map(|found| {
                let place = Place::Open {
                    block_number: open.header.number,
                    timestamp: open.header.timestamp,
                    index: found.index,
                    base_fee: open.header.base_fee_per_gas.unwrap_or_default(),
                };
                TransactionJson::new(
                    &found.transaction,
                    found.sender,
                    place,
                    Some(&found.receipt),
                )
            });
            api.reply(&json)
        }
        Some(Found::Pending(None)) | None => Ok(Reply::NULL),
    }
}

fn by_number_and_index(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block", "transaction index"])?;
    at_index(api, args.get(0)?, args.get(1)?)
}

fn by_block_hash_and_index(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block hash", "transaction index"])?;
    at_index(api, BlockId::Hash(args.get(0)?), args.get(1)?)
}

/// The EIP-2718 bytes of a transaction, wherever it is.
pub(crate) fn raw(api: &Api, hash: B256) -> Result<Option<Bytes>, Failure> {
    if let Some(pooled) = api.mempool().and_then(|pool| pool.get(&hash)) {
        return Ok(Some(pooled.encoded.clone()));
    }
    if let Some(open) = api.open_block()
        && let Some(found) = open.transaction(&hash)
    {
        return Ok(Some(found.transaction.encoded_2718().into()));
    }
    let found = sealed(api, hash)?;
    Ok(found.and_then(|(block, index)| encoded(&block, index)))
}

fn encoded(block: &SealedBlock, index: usize) -> Option<Bytes> {
    block
        .block
        .body
        .transactions
        .get(index)
        .map(|found: &Transaction| found.encoded_2718().into())
}

fn raw_by_hash(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["transaction hash"])?.get(0)?;
    api.reply(&raw(api, hash)?)
}

fn raw_at_index(api: &Api, id: BlockId, index: u64) -> Outcome {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let bytes: Option<Bytes> = match api.find(id)? {
        Some(Found::Sealed(number)) => api.block(number)?.and_then(|block| encoded(&block, index)),
        Some(Found::Pending(Some(open))) => open
            .transactions
            .get(index)
            .map(|found| found.transaction.encoded_2718().into()),
        Some(Found::Pending(None)) | None => None,
    };
    api.reply(&bytes)
}

fn raw_by_number_and_index(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block", "transaction index"])?;
    raw_at_index(api, args.get(0)?, args.get(1)?)
}

fn raw_by_block_hash_and_index(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block hash", "transaction index"])?;
    raw_at_index(api, BlockId::Hash(args.get(0)?), args.get(1)?)
}

/// Of sealed transactions only: clients take whoever has a receipt for mined.
fn receipt(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["transaction hash"])?.get(0)?;
    match sealed(api, hash)? {
        Some((block, index)) => {
            api.reply(&Receipts::sealed(api.chain_config(), &block).at(&block, index))
        }
        None => Ok(Reply::NULL),
    }
}

impl Api {
    /// The receipt of a transaction of the open block: its number, a zero block hash,
    /// `preconfirmed: true`.
    pub(crate) fn preconfirmed_receipt(&self, transaction: &PreconfirmedTransaction) -> Outcome {
        let config = self.chain_config();
        if let Some(open) = self.open_block()
            && open.header.number == transaction.block_number
        {
            return self.reply(&Receipts::open(config, &open).preconfirmed(transaction));
        }
        // Sealed meanwhile; what was promised reads the same.
        let block = self.known_block(transaction.block_number)?;
        self.reply(&Receipts::resealed(config, &block).preconfirmed(transaction))
    }
}
