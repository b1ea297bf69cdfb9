//! The newest sealed blocks, decoded: most of what is asked for.

use alloy_consensus::Transaction as _;
use openledger_primitives::{Receipt, SealedBlock, Transaction};
use openledger_store::{Store, StoreError};
use std::{collections::VecDeque, sync::Arc};

/// Bytes of blocks that are decoded when the chain is opened: some ten thousand transactions, and as many
/// milliseconds as the start can spare.
const LOAD_BYTES_MAX: usize = 8 << 20;
/// Bytes of a header and what holds a block together.
const BLOCK_BYTES: usize = 1_024;
/// Bytes of an access list's entry or of an authorization, about.
const ENTRY_BYTES: usize = 128;

/// The newest sealed blocks, in order and without a gap. The newest is always here, whatever its size.
#[derive(Debug)]
pub(crate) struct RecentBlocks {
    blocks: VecDeque<(Arc<SealedBlock>, usize)>,
    bytes: usize,
    blocks_max: usize,
    bytes_max: usize,
}

impl RecentBlocks {
    pub(crate) fn new(blocks_max: usize, bytes_max: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            bytes: 0,
            blocks_max,
            bytes_max,
        }
    }

    /// Decodes the newest blocks up to `head`, as after a restart.
    pub(crate) fn load(&mut self, store: &Store, head: u64) -> Result<(), StoreError> {
        let bytes_max = self.bytes_max.min(LOAD_BYTES_MAX);
        for number in (0..=head).rev() {
            if self.blocks.len() >= self.blocks_max || self.bytes >= bytes_max {
                break;
            }
            let Some(block) = store.sealed_block(number)? else {
                break;
            };
            let bytes = block_bytes(&block);
            self.bytes = self.bytes.saturating_add(bytes);
            self.blocks.push_front((Arc::new(block), bytes));
        }
        self.trim();
        Ok(())
    }

    /// Adds the child of the newest block.
    pub(crate) fn push(&mut self, block: Arc<SealedBlock>) {
        let bytes = block_bytes(&block);
        self.bytes = self.bytes.saturating_add(bytes);
        self.blocks.push_back((block, bytes));
        self.trim();
    }

    fn trim(&mut self) {
        while self.blocks.len() > 1
            && (self.blocks.len() > self.blocks_max || self.bytes > self.bytes_max)
        {
            if let Some((_, bytes)) = self.blocks.pop_front() {
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
    }

    /// Forgets the blocks above `to`: they were unwound.
    pub(crate) fn truncate(&mut self, to: u64) {
        while let Some((_, bytes)) = self.blocks.pop_back_if(|(block, _)| block.number() > to) {
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// The block with this number, if it is here.
    pub(crate) fn get(&self, number: u64) -> Option<&Arc<SealedBlock>> {
        let first = self.blocks.front()?.0.number();
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.blocks.get(index).map(|(block, _)| block)
    }
}

/// Bytes that a decoded block takes in memory, about.
pub fn block_bytes(block: &SealedBlock) -> usize {
    let transactions = &block.block.body.transactions;
    let transactions: usize = transactions.iter().map(transaction_bytes).sum();
    let receipts: usize = block.receipts.iter().map(receipt_bytes).sum();
    BLOCK_BYTES + transactions + receipts + block.senders.len() * 20
}

fn transaction_bytes(transaction: &Transaction) -> usize {
    let entries = transaction.access_list().map_or(0, |list| {
        let keys: usize = list.iter().map(|item| item.storage_keys.len()).sum();
        list.len() * ENTRY_BYTES + keys * 32
    }) + transaction
        .authorization_list()
        .map_or(0, |list| list.len() * ENTRY_BYTES);
    size_of::<Transaction>() + transaction.input().len() + entries
}

fn receipt_bytes(receipt: &Receipt) -> usize {
    let logs = receipt.logs().iter();
    let logs: usize = logs
        .map(|log| size_of_val(log) + log.data.topics().len() * 32 + log.data.data.len())
        .sum();
    size_of::<Receipt>() + logs
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction as _, TxEip1559};
    use alloy_primitives::{B256, Signature, U256};
    use openledger_primitives::{Block, Header};

    fn block(number: u64, input: usize) -> Arc<SealedBlock> {
        let mut block = Block {
            header: Header {
                number,
                ..Header::default()
            },
            ..Block::default()
        };
        let tx = TxEip1559 {
            input: vec![0; input].into(),
            ..TxEip1559::default()
        };
        let signature = Signature::new(U256::ONE, U256::ONE, false);
        let transaction = Transaction::Eip1559(tx.into_signed(signature));
        block.body.transactions.push(transaction);
        Arc::new(SealedBlock {
            hash: B256::with_last_byte(number as u8),
            block,
            senders: Vec::new(),
            receipts: Vec::new(),
        })
    }

    fn numbers(recent: &RecentBlocks) -> Vec<u64> {
        (0..20)
            .filter(|number| recent.get(*number).is_some())
            .collect()
    }

    #[test]
    fn the_newest_are_kept_within_both_limits() {
        let mut recent = RecentBlocks::new(4, 40_000);
        for number in 3..9 {
            recent.push(block(number, 0));
        }
        assert_eq!(numbers(&recent), [5, 6, 7, 8]);
        assert_eq!(recent.get(6).map(|block| block.number()), Some(6));
        recent.push(block(9, 36_000));
        assert_eq!(numbers(&recent), [8, 9]);
        // The newest stays even if it is too large alone.
        recent.push(block(10, 90_000));
        assert_eq!(numbers(&recent), [10]);
        recent.push(block(11, 0));
        assert_eq!(numbers(&recent), [11]);
        recent.push(block(12, 0));
        assert_eq!(numbers(&recent), [11, 12]);
    }

    #[test]
    fn unwound_blocks_are_forgotten() {
        let mut recent = RecentBlocks::new(4, 40_000);
        (3..7).for_each(|number| recent.push(block(number, 100)));
        recent.truncate(4);
        assert_eq!(numbers(&recent), [3, 4]);
        recent.push(block(5, 200));
        assert_eq!(numbers(&recent), [3, 4, 5]);
        recent.truncate(0);
        assert_eq!((numbers(&recent), recent.bytes), (vec![], 0));
    }
}
