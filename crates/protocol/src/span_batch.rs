use crate::{
    SPAN_BATCH_TYPE, SingularBatch,
    span_transactions::{decode_transactions, encode_transactions},
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use openledger_primitives::ChainConfig;

/// Most blocks, and most transactions, of a span batch (OP specification, Fjord).
pub const MAX_SPAN_BATCH_ELEMENT_COUNT: u64 = 10_000_000;
/// How much of a hash a span batch carries as a check.
const CHECK_LEN: usize = 20;
/// Bits that the first nine bytes of a uvarint hold; the tenth is its last.
const UVARINT_LAST_SHIFT: u32 = 63;

/// A run of consecutive L2 blocks, stored by column.
///
/// | field                    | encoding                                                     |
/// |--------------------------|--------------------------------------------------------------|
/// | relative timestamp       | uvarint: the first block's, less L2 genesis time             |
/// | L1 origin number         | uvarint: the last block's                                    |
/// | parent check             | first 20 bytes of the first block's parent hash              |
/// | L1 origin check          | first 20 bytes of the last block's L1 origin hash            |
/// | block count              | uvarint, at least 1                                          |
/// | origin bits              | bit list, one a block: its origin differs from its parent's  |
/// | transaction counts       | a uvarint a block                                            |
/// | contract creation bits   | bit list, one a transaction                                  |
/// | y parity bits            | bit list, one a transaction                                  |
/// | signatures               | r and s, 32 bytes each, big-endian, a transaction            |
/// | recipients               | 20 bytes a transaction that creates no contract              |
/// | transaction data         | type byte and RLP list of what remains, a transaction        |
/// | nonces                   | a uvarint a transaction                                      |
/// | gas limits               | a uvarint a transaction                                      |
/// | protected bits           | bit list, one a legacy transaction: EIP-155 applies          |
///
/// A bit list of n bits is a big-endian number of ⌈n / 8⌉ bytes whose bit i, counted from the lowest,
/// is item i. Source: OP specification, Delta, "Span batches"; Isthmus adds transaction type 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanBatch {
    rel_timestamp: u64,
    l1_origin_num: u64,
    parent_check: [u8; CHECK_LEN],
    l1_origin_check: [u8; CHECK_LEN],
    origin_bits: Bits,
    /// Where each block's transactions end in `transactions`.
    block_ends: Vec<u32>,
    transactions: Vec<Bytes>,
    start_epoch_num: u64,
    chain_id: u64,
}

/// One block of a span batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanBlock {
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Number of its L1 origin.
    pub epoch_num: u64,
    /// Its transactions, deposits left out.
    pub transactions: Vec<Bytes>,
}

/// The blocks of a span batch in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanBlocks {
    span: SpanBatch,
    index: usize,
    /// Epoch of the block before `index`, or of the first block.
    epoch_num: u64,
    timestamp: u64,
    block_time: u64,
}

impl SpanBlocks {
    /// The next block's timestamp and epoch number.
    fn head(&self) -> Option<(u64, u64)> {
        if self.index >= self.span.len() {
            return None;
        }
        // The first block's bit speaks of what is before the span.
        let changed = self.index > 0 && self.span.origin_bits.get(self.index);
        Some((
            self.timestamp,
            self.epoch_num.saturating_add(u64::from(changed)),
        ))
    }

    fn advance(&mut self, epoch_num: u64) {
        self.epoch_num = epoch_num;
        self.timestamp = self.timestamp.saturating_add(self.block_time);
        self.index = self.index.saturating_add(1);
    }

    /// Skips blocks up to and including the timestamp `last`.
    pub fn skip_to(&mut self, last: u64) {
        while let Some((timestamp, epoch_num)) = self.head()
            && timestamp <= last
        {
            self.advance(epoch_num);
        }
    }

    /// The next block's timestamp and the number of its L1 origin.
    pub fn peek(&self) -> Option<(u64, u64)> {
        self.head()
    }
}

impl Iterator for SpanBlocks {
    type Item = SpanBlock;

    fn next(&mut self) -> Option<SpanBlock> {
        let (timestamp, epoch_num) = self.head()?;
        let end_of = |index: usize| {
            self.span
                .block_ends
                .get(index)
                .and_then(|end| usize::try_from(*end).ok())
        };
        let start = self
            .index
            .checked_sub(1)
            .and_then(end_of)
            .unwrap_or_default();
        let end = end_of(self.index).unwrap_or_default();
        let transactions = self
            .span
            .transactions
            .get(start..end)
            .unwrap_or_default()
            .to_vec();
        self.advance(epoch_num);
        Some(SpanBlock {
            timestamp,
            epoch_num,
            transactions,
        })
    }
}

/// Why bytes are no span batch, or blocks can't be made into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanBatchError {
    /// The bytes end too early.
    #[error("span batch ends {missing} bytes too early")]
    Truncated {
        /// Bytes missing of the field at hand.
        missing: usize,
    },
    /// A number takes more than 64 bits.
    #[error("number exceeds 64 bits")]
    Uvarint,
    /// There is no block.
    #[error("span batch has no block")]
    NoBlock,
    /// There are more blocks, transactions or bytes of a transaction than allowed.
    #[error("{count} elements are more than {MAX_SPAN_BATCH_ELEMENT_COUNT}")]
    TooMany {
        /// How many.
        count: u64,
    },
    /// A bit list has bits beyond its length.
    #[error("bit list has bits beyond its {len}")]
    TrailingBits {
        /// Its length.
        len: usize,
    },
    /// The origin goes back below L1's first block.
    #[error("L1 origin {l1_origin_num} is too low for {changes} changes")]
    Origin {
        /// The last block's origin.
        l1_origin_num: u64,
        /// Changes within the span.
        changes: u64,
    },
    /// The transaction's type can't be in a span batch.
    #[error("transaction {index} has type {tx_type}, which a span batch can't hold")]
    TransactionType {
        /// Position in the batch.
        index: usize,
        /// The type.
        tx_type: u8,
    },
    /// The transaction is malformed.
    #[error("transaction {index} is malformed")]
    Transaction {
        /// Position in the batch.
        index: usize,
    },
    /// The transaction is for another chain.
    #[error("transaction {index} is not for chain {chain_id}")]
    ChainId {
        /// Position in the batch.
        index: usize,
        /// The chain's id.
        chain_id: u64,
    },
    /// The block isn't one block time after the one before, or not on the same or the next origin.
    #[error("block {index} of the span does not follow the one before")]
    NotConsecutive {
        /// Position in the span.
        index: usize,
    },
}

impl SpanBatch {
    /// Makes a span of consecutive blocks. `first_origin_changed` says whether the first block is
    /// the first of its epoch.
    ///
    /// # Errors
    /// No block, blocks that don't follow each other, or more than a batch can hold. Transactions
    /// are looked at only by [`Self::encode`].
    pub fn from_blocks(
        blocks: &[SingularBatch],
        first_origin_changed: bool,
        config: &ChainConfig,
    ) -> Result<Self, SpanBatchError> {
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
            return Err(SpanBatchError::NoBlock);
        };
        check_count(blocks.len() as u64)?;
        let not_first = SpanBatchError::NotConsecutive { index: 0 };
        let rel_timestamp = first
            .timestamp
            .checked_sub(config.genesis.l2_time)
            .ok_or(not_first)?;
        let mut origin_bits = Bits::zeros(blocks.len());
        let mut block_ends = Vec::with_capacity(blocks.len());
        let mut transactions = Vec::new();
        let mut previous: Option<&SingularBatch> = None;
        for (index, block) in blocks.iter().enumerate() {
            let changed = match previous {
                None => first_origin_changed,
                Some(previous) => {
                    let consecutive =
                        previous.timestamp.checked_add(config.block_time) == Some(block.timestamp);
                    let change = block.epoch_num.checked_sub(previous.epoch_num);
                    if !consecutive || !matches!(change, Some(0 | 1)) {
                        return Err(SpanBatchError::NotConsecutive { index });
                    }
                    change == Some(1)
                }
            };
            if changed {
                origin_bits.set(index);
            }
            transactions.extend_from_slice(&block.transactions);
            check_count(transactions.len() as u64)?;
            block_ends.push(u32::try_from(transactions.len()).unwrap_or(u32::MAX));
            previous = Some(block);
        }
        Ok(Self {
            rel_timestamp,
            l1_origin_num: last.epoch_num,
            parent_check: check_of(first.parent_hash),
            l1_origin_check: check_of(last.epoch_hash),
            origin_bits,
            block_ends,
            transactions,
            start_epoch_num: first.epoch_num,
            chain_id: config.l2_chain_id,
        })
    }

    /// Appends the encoded batch, type byte first, to `out`.
    ///
    /// # Errors
    /// A transaction that a span batch can't hold. `out` then has a part of the batch.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), SpanBatchError> {
        out.push(SPAN_BATCH_TYPE);
        put_uvarint(out, self.rel_timestamp);
        put_uvarint(out, self.l1_origin_num);
        out.extend_from_slice(&self.parent_check);
        out.extend_from_slice(&self.l1_origin_check);
        put_uvarint(out, self.block_ends.len() as u64);
        self.origin_bits.encode(out);
        let mut start = 0;
        for end in &self.block_ends {
            put_uvarint(out, u64::from(end.saturating_sub(start)));
            start = *end;
        }
        encode_transactions(&self.transactions, self.chain_id, out)
    }

    /// Decodes what follows the type byte. Bytes after the batch are ignored.
    ///
    /// # Errors
    /// Anything malformed, including a transaction that can't be put together again.
    pub fn decode(content: &[u8], chain_id: u64) -> Result<Self, SpanBatchError> {
        let mut reader = Reader(content);
        let rel_timestamp = reader.uvarint()?;
        let l1_origin_num = reader.uvarint()?;
        let parent_check = reader.array()?;
        let l1_origin_check = reader.array()?;
        let block_count = check_count(reader.uvarint()?)?;
        if block_count == 0 {
            return Err(SpanBatchError::NoBlock);
        }
        let origin_bits = reader.bits(block_count)?;
        // Each count takes a byte at least, so that the room is never more than the input.
        let mut block_ends = Vec::with_capacity(block_count.min(reader.0.len()));
        let mut total = 0_u64;
        for _ in 0..block_count {
            let count = reader.uvarint()?;
            check_count(count)?;
            total = total.saturating_add(count);
            check_count(total)?;
            block_ends.push(u32::try_from(total).unwrap_or(u32::MAX));
        }
        let transactions = decode_transactions(&mut reader, check_count(total)?, chain_id)?;
        // The first block's bit speaks of what is before the span.
        let changes = (1..block_count)
            .filter(|index| origin_bits.get(*index))
            .count() as u64;
        let start_epoch_num = l1_origin_num
            .checked_sub(changes)
            .ok_or(SpanBatchError::Origin {
                l1_origin_num,
                changes,
            })?;
        Ok(Self {
            rel_timestamp,
            l1_origin_num,
            parent_check,
            l1_origin_check,
            origin_bits,
            block_ends,
            transactions,
            start_epoch_num,
            chain_id,
        })
    }

    /// Number of blocks, at least 1.
    pub const fn len(&self) -> usize {
        self.block_ends.len()
    }

    /// Never: a span has a block.
    pub const fn is_empty(&self) -> bool {
        self.block_ends.is_empty()
    }

    /// Timestamp of the first block.
    pub const fn start_timestamp(&self, config: &ChainConfig) -> u64 {
        config.genesis.l2_time.saturating_add(self.rel_timestamp)
    }

    /// Timestamp of the last block.
    pub const fn end_timestamp(&self, config: &ChainConfig) -> u64 {
        let blocks = self.len().saturating_sub(1) as u64;
        self.start_timestamp(config)
            .saturating_add(config.block_time.saturating_mul(blocks))
    }

    /// Number of the first block's L1 origin.
    pub const fn start_epoch_num(&self) -> u64 {
        self.start_epoch_num
    }

    /// Number of the last block's L1 origin.
    pub const fn end_epoch_num(&self) -> u64 {
        self.l1_origin_num
    }

    /// Whether `hash` may be the hash of the first block's parent.
    pub fn checks_parent(&self, hash: B256) -> bool {
        check_of(hash) == self.parent_check
    }

    /// Whether `hash` may be the hash of the last block's L1 origin.
    pub fn checks_l1_origin(&self, hash: B256) -> bool {
        check_of(hash) == self.l1_origin_check
    }

    /// The blocks in order.
    pub const fn into_blocks(self, config: &ChainConfig) -> SpanBlocks {
        SpanBlocks {
            index: 0,
            epoch_num: self.start_epoch_num,
            timestamp: self.start_timestamp(config),
            block_time: config.block_time,
            span: self,
        }
    }
}

fn check_count(count: u64) -> Result<usize, SpanBatchError> {
    if count > MAX_SPAN_BATCH_ELEMENT_COUNT {
        return Err(SpanBatchError::TooMany { count });
    }
    usize::try_from(count).map_err(|_| SpanBatchError::TooMany { count })
}

fn check_of(hash: B256) -> [u8; CHECK_LEN] {
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(&hash[..CHECK_LEN]);
    check
}

/// Appends an unsigned base-128 varint, lowest digits first.
pub(crate) fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A bit list as span batches write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bits {
    /// Big-endian.
    bytes: Vec<u8>,
}

impl Bits {
    pub(crate) fn zeros(len: usize) -> Self {
        Self {
            bytes: alloc::vec![0; len.div_ceil(8)],
        }
    }

    fn byte_of(&self, index: usize) -> Option<usize> {
        self.bytes.len().checked_sub((index / 8).saturating_add(1))
    }

    pub(crate) fn get(&self, index: usize) -> bool {
        self.byte_of(index)
            .and_then(|at| self.bytes.get(at))
            .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    pub(crate) fn set(&mut self, index: usize) {
        if let Some(byte) = self.byte_of(index).and_then(|at| self.bytes.get_mut(at)) {
            *byte |= 1 << (index % 8);
        }
    }

    pub(crate) fn count_ones(&self) -> usize {
        self.bytes
            .iter()
            .map(|byte| byte.count_ones() as usize)
            .fold(0, usize::saturating_add)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }
}

/// Reads a span batch front to back.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], SpanBatchError> {
        let missing = SpanBatchError::Truncated {
            missing: len.saturating_sub(self.0.len()),
        };
        let (head, rest) = self.0.split_at_checked(len).ok_or(missing)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], SpanBatchError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A varint, which need not be the shortest form of its number.
    pub(crate) fn uvarint(&mut self) -> Result<u64, SpanBatchError> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let [byte] = self.array()?;
            // The tenth byte has room for one bit.
            if shift == UVARINT_LAST_SHIFT && byte > 1 {
                return Err(SpanBatchError::Uvarint);
            }
            value |= u64::from(byte & 0x7f)
                .checked_shl(shift)
                .unwrap_or_default();
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(SpanBatchError::Uvarint)
    }

    pub(crate) fn bits(&mut self, len: usize) -> Result<Bits, SpanBatchError> {
        let bytes = self.take(len.div_ceil(8))?;
        if let (Some(first), used @ 1..) = (bytes.first(), len % 8)
            && first >> used != 0
        {
            return Err(SpanBatchError::TrailingBits { len });
        }
        Ok(Bits {
            bytes: bytes.to_vec(),
        })
    }
}

#[cfg(test)]
#[path = "span_batch_tests.rs"]
mod tests;
