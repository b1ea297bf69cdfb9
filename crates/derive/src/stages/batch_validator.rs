//! Whether a batch may become the next block. Pure functions of the chain so far.

use crate::stages::Epoch;
use alloc::collections::VecDeque;
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_primitives::{ChainConfig, OpHardforks};
use openledger_protocol::{
    L2BlockRef, OriginDecision, OriginViolation, SingularBatch, SpanBatch,
    has_no_sequencer_transactions, origin_allowed,
};

/// Type byte of a deposit, which only L1 can bring.
const DEPOSIT_TX_TYPE: u8 = 0x7e;
/// Type byte of an EIP-7702 transaction, which Isthmus admits.
const SET_CODE_TX_TYPE: u8 = 4;

/// What is to be done with a batch (OP specification, Holocene, "Batch queue").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchValidity {
    /// It is the next block.
    Accept,
    /// It is of a block that exists already: skip it, and go on in the channel.
    Past,
    /// It is invalid: drop it with the rest of its channel.
    Drop(BatchDrop),
    /// What would decide isn't known: skip it, and go on in the channel.
    Undecided,
}

/// Why a batch is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchDrop {
    /// It is of a later block than the next one.
    #[error("batch at {timestamp} is ahead of the next block, at {next}")]
    Future {
        /// The batch's timestamp.
        timestamp: u64,
        /// The next block's.
        next: u64,
    },
    /// It builds on another block.
    #[error("batch builds on {found}, not on {expected}")]
    Parent {
        /// The parent.
        expected: B256,
        /// The batch's parent hash.
        found: B256,
    },
    /// A span's parent check isn't the parent's.
    #[error("span batch does not build on {expected}")]
    ParentCheck {
        /// The block it should build on.
        expected: B256,
    },
    /// It came later than the sequencing window allows.
    #[error("batch of epoch {epoch} came in L1 block {inclusion}, after its window")]
    TooLate {
        /// Its epoch.
        epoch: u64,
        /// The L1 block that held it.
        inclusion: u64,
    },
    /// Its epoch is neither the current one nor the next.
    #[error("batch is of epoch {epoch}, current is {current}")]
    Epoch {
        /// Its epoch.
        epoch: u64,
        /// The current epoch.
        current: u64,
    },
    /// Its epoch is of another L1 chain.
    #[error("epoch {} has hash {}, not {expected}", found.number, found.hash)]
    EpochHash {
        /// The L1 block's hash.
        expected: B256,
        /// What the batch says.
        found: BlockNumHash,
    },
    /// A span's origin check isn't the L1 block's.
    #[error("span batch does not end on L1 block {expected}")]
    OriginCheck {
        /// The hash of the L1 block.
        expected: B256,
    },
    /// It breaks a rule about timestamps and origins.
    #[error("batch may not have its origin")]
    Origin(OriginViolation),
    /// It has transactions beyond the drift limit.
    #[error("batch at {timestamp} has transactions beyond the drift limit of its origin")]
    Drift {
        /// Its timestamp.
        timestamp: u64,
    },
    /// It has transactions in the block that activates Jovian, or a later fork.
    #[error("batch at {timestamp} has transactions in a fork's first block")]
    Activation {
        /// Its timestamp.
        timestamp: u64,
    },
    /// A transaction is empty.
    #[error("transaction {index} is empty")]
    EmptyTransaction {
        /// Its position.
        index: usize,
    },
    /// A transaction has a type that a batch may not bring.
    #[error("transaction {index} has type {tx_type}")]
    TransactionType {
        /// Its position.
        index: usize,
        /// Its type.
        tx_type: u8,
    },
    /// A span begins between two blocks.
    #[error("span batch at {timestamp} is not aligned with the chain")]
    Misaligned {
        /// Its first timestamp.
        timestamp: u64,
    },
    /// A block of the span names an L1 block that isn't at hand.
    #[error("span batch names L1 block {epoch}, which is out of reach")]
    UnknownEpoch {
        /// The L1 block's number.
        epoch: u64,
    },
}

/// Checks a batch that was included in L1 block `inclusion`.
///
/// `epochs` are consecutive L1 blocks; the first is the parent's origin or, where that epoch's blocks
/// are all there, the one after it.
pub(crate) fn check_singular(
    config: &ChainConfig,
    epochs: &VecDeque<Epoch>,
    parent: &L2BlockRef,
    batch: &SingularBatch,
    inclusion: u64,
) -> BatchValidity {
    let Some(epoch) = epochs.front() else {
        return BatchValidity::Undecided;
    };
    let next = parent.timestamp.saturating_add(config.block_time);
    let timestamp = batch.timestamp;
    if timestamp > next {
        return BatchValidity::Drop(BatchDrop::Future { timestamp, next });
    }
    if timestamp < next {
        return BatchValidity::Past;
    }
    if batch.parent_hash != parent.hash {
        let found = batch.parent_hash;
        return BatchValidity::Drop(BatchDrop::Parent {
            expected: parent.hash,
            found,
        });
    }
    if batch.epoch_num.saturating_add(config.seq_window_size) < inclusion {
        return BatchValidity::Drop(BatchDrop::TooLate {
            epoch: batch.epoch_num,
            inclusion,
        });
    }
    let (origin, next_origin) = match batch.epoch_num.checked_sub(epoch.block.number) {
        Some(0) => (&epoch.block, epochs.get(1)),
        Some(1) => match epochs.get(1) {
            Some(next_epoch) => (&next_epoch.block, epochs.get(2)),
            None => return BatchValidity::Undecided,
        },
        _ => {
            let current = epoch.block.number;
            return BatchValidity::Drop(BatchDrop::Epoch {
                epoch: batch.epoch_num,
                current,
            });
        }
    };
    if batch.epoch_hash != origin.hash {
        let found = batch.epoch();
        return BatchValidity::Drop(BatchDrop::EpochHash {
            expected: origin.hash,
            found,
        });
    }
    let next_origin = next_origin.map(|epoch| &epoch.block);
    match origin_allowed(config, parent, origin, next_origin, timestamp) {
        OriginDecision::Allowed => {}
        OriginDecision::NeedNextOrigin if batch.transactions.is_empty() => {
            return BatchValidity::Undecided;
        }
        OriginDecision::EmptyOnly if batch.transactions.is_empty() => {}
        OriginDecision::NeedNextOrigin | OriginDecision::EmptyOnly => {
            return BatchValidity::Drop(BatchDrop::Drift { timestamp });
        }
        OriginDecision::Forbidden(violation) => {
            return BatchValidity::Drop(BatchDrop::Origin(violation));
        }
    }
    check_transactions(config, batch).map_or(BatchValidity::Accept, BatchValidity::Drop)
}

/// Only the type byte is looked at: what else is wrong with a transaction makes the block invalid,
/// not the batch, and the block is then replaced by one with deposits alone.
fn check_transactions(config: &ChainConfig, batch: &SingularBatch) -> Option<BatchDrop> {
    let timestamp = batch.timestamp;
    if has_no_sequencer_transactions(config, timestamp) && !batch.transactions.is_empty() {
        return Some(BatchDrop::Activation { timestamp });
    }
    let isthmus = config.is_isthmus_active_at_timestamp(timestamp);
    batch
        .transactions
        .iter()
        .enumerate()
        .find_map(|(index, tx)| match tx.first() {
            None => Some(BatchDrop::EmptyTransaction { index }),
            Some(&tx_type @ DEPOSIT_TX_TYPE) => Some(BatchDrop::TransactionType { index, tx_type }),
            Some(&tx_type @ SET_CODE_TX_TYPE) if !isthmus => {
                Some(BatchDrop::TransactionType { index, tx_type })
            }
            Some(_) => None,
        })
}

/// How a span batch stands to the chain, before its blocks are looked at one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanStart {
    /// It begins with the next block.
    AtParent,
    /// It begins with an earlier block, whose parent has this number.
    After(u64),
    /// It is settled already.
    Settled(BatchValidity),
}

/// Where a span batch begins.
pub(crate) fn span_start(config: &ChainConfig, parent: &L2BlockRef, span: &SpanBatch) -> SpanStart {
    let next = parent.timestamp.saturating_add(config.block_time);
    let timestamp = span.start_timestamp(config);
    if timestamp > next {
        return SpanStart::Settled(BatchValidity::Drop(BatchDrop::Future { timestamp, next }));
    }
    if span.end_timestamp(config) < next {
        return SpanStart::Settled(BatchValidity::Past);
    }
    if timestamp == next {
        return SpanStart::AtParent;
    }
    let misaligned = SpanStart::Settled(BatchValidity::Drop(BatchDrop::Misaligned { timestamp }));
    let Some(elapsed) = parent.timestamp.checked_sub(timestamp) else {
        return misaligned;
    };
    // The block time is positive in every chain configuration; zero would make all times alike.
    let Some(remainder) = elapsed.checked_rem(config.block_time) else {
        return misaligned;
    };
    if remainder != 0 {
        return misaligned;
    }
    let blocks = elapsed
        .checked_div(config.block_time)
        .and_then(|blocks| blocks.checked_add(1));
    match blocks.and_then(|blocks| parent.number.checked_sub(blocks)) {
        Some(number) if number >= config.genesis.l2.number => SpanStart::After(number),
        // It would replace the genesis block, whose parent nobody knows.
        _ => SpanStart::Settled(BatchValidity::Undecided),
    }
}

/// Checks what a span batch says of itself as a whole (Holocene's "span batch prefix" rules).
/// `span_parent` is the block that its first block builds on.
pub(crate) fn check_span(
    config: &ChainConfig,
    epochs: &VecDeque<Epoch>,
    span_parent: &L2BlockRef,
    span: &SpanBatch,
    inclusion: u64,
) -> BatchValidity {
    if !span.checks_parent(span_parent.hash) {
        return BatchValidity::Drop(BatchDrop::ParentCheck {
            expected: span_parent.hash,
        });
    }
    let epoch = span.start_epoch_num();
    if epoch.saturating_add(config.seq_window_size) < inclusion {
        return BatchValidity::Drop(BatchDrop::TooLate { epoch, inclusion });
    }
    let current = span_parent.l1_origin.number;
    if epoch > current.saturating_add(1) {
        return BatchValidity::Drop(BatchDrop::Epoch { epoch, current });
    }
    let Some(end) = epochs
        .iter()
        .find(|known| known.block.number == span.end_epoch_num())
    else {
        return BatchValidity::Undecided;
    };
    if !span.checks_l1_origin(end.block.hash) {
        return BatchValidity::Drop(BatchDrop::OriginCheck {
            expected: end.block.hash,
        });
    }
    if epoch < current {
        return BatchValidity::Drop(BatchDrop::Epoch { epoch, current });
    }
    BatchValidity::Accept
}
