use super::{Difference, Progress, VerifyReport};
use crate::{
    address_index::{self, IndexedBlocks},
    column::Column,
    error::StoreError,
    logs::log_keys,
    state::LatestState,
    store::View,
};
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_primitives::{B256, keccak256};

/// Newest blocks whose bodies and indexes are checked.
const BLOCKS_MAX: u64 = 10_000;

/// Checks headers and blocks.
pub(super) fn verify(
    latest: &LatestState,
    report: &mut VerifyReport,
    progress: &mut Progress<'_>,
) -> Result<Option<Difference>, StoreError> {
    let view = latest.view();
    let chain = *view.chain()?;
    let mut parent: Option<B256> = None;
    for number in chain.genesis..=chain.head.number {
        let Some(header) = view.header(number)? else {
            return Ok(Some(Difference::Header { number }));
        };
        let hash = keccak256(alloy_rlp::encode(header.inner()));
        if hash != header.hash() || parent.is_some_and(|parent| parent != header.parent_hash) {
            return Ok(Some(Difference::Header { number }));
        }
        if view.block_number(hash)? != Some(number) {
            return Ok(Some(Difference::BlockIndex { number }));
        }
        parent = Some(hash);
        report.headers += 1;
        progress.step();
    }
    if parent != Some(chain.head.hash) {
        return Ok(Some(Difference::Header {
            number: chain.head.number,
        }));
    }
    let from = chain
        .genesis
        .max(chain.head.number.saturating_sub(BLOCKS_MAX - 1));
    let indexed = IndexedBlocks::read(&view.snapshot)?;
    if let Some(indexed) = indexed
        && view.block_hash(indexed.newest.number)? != Some(indexed.newest.hash)
    {
        return Ok(Some(Difference::AddressIndex {
            number: indexed.newest.number,
        }));
    }
    for number in from..=chain.head.number {
        let is_indexed = indexed.is_some_and(|indexed| indexed.contains(number));
        if let Some(difference) = verify_block(view, number, is_indexed)? {
            return Ok(Some(difference));
        }
        report.blocks += 1;
    }
    Ok(None)
}

fn verify_block(
    view: &View,
    number: u64,
    is_indexed: bool,
) -> Result<Option<Difference>, StoreError> {
    let Some(block) = view.sealed_block(number)? else {
        return Ok(Some(Difference::Header { number }));
    };
    let header = &block.block.header;
    let transactions = &block.block.body.transactions;
    if calculate_transaction_root(transactions) != header.transactions_root {
        return Ok(Some(Difference::Transactions { number }));
    }
    if calculate_receipt_root(&block.receipts) != header.receipts_root {
        return Ok(Some(Difference::Receipts { number }));
    }
    for (index, tx) in (0_u64..).zip(transactions) {
        let hash = tx.tx_hash();
        if view.transaction_location(hash)? != Some((number, index)) {
            return Ok(Some(Difference::TransactionIndex { number, hash }));
        }
    }
    for key in log_keys(&block.receipts) {
        if view
            .snapshot
            .get(Column::LogIndex, key.at(number))?
            .is_none()
        {
            return Ok(Some(Difference::LogIndex { number }));
        }
    }
    if is_indexed {
        for key in address_index::entries(&block) {
            if view.snapshot.get(Column::AddressIndex, key)?.is_none() {
                return Ok(Some(Difference::AddressIndex { number }));
            }
        }
    }
    Ok(None)
}
