//! The log index: which blocks have a log of an address, or with a topic at a position.
//!
//! A key is a kind (0 address, 1–4 the topic's position and one), a digest of 16 bytes and the block
//! number; there is no value. Digests may collide, so a block found is a candidate.

use crate::{column::Column, error::StoreError, keys, snapshot::Snapshot, store::Store};
use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, B256};
use openledger_primitives::Receipt;
use rocksdb::DBRawIterator;
use std::collections::BTreeSet;

/// Bytes of a kind and a digest.
const POSTING_BYTES: usize = 17;
/// Keys passed one by one before an iterator seeks instead.
const STEPS_MAX: usize = 8;
/// Alternatives of one criterion up to which each keeps its iterator open; with more, their blocks are
/// gathered in memory first.
const OPEN_ITERATORS_MAX: usize = 64;

/// Which blocks may hold logs that match a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogBlocks {
    /// These, ascending. A few may turn out not to match.
    Candidates(Vec<u64>),
    /// The filter names neither address nor topic: every block.
    All,
}

/// A kind and a digest: what the index's keys of one address or topic begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posting([u8; POSTING_BYTES]);

impl Posting {
    fn address(address: Address) -> Self {
        let mut posting = [0; POSTING_BYTES];
        // The tail: addresses of predeploys differ there alone.
        posting[1..].copy_from_slice(&address[4..]);
        Self(posting)
    }

    fn topic(position: u8, topic: &B256) -> Self {
        let mut posting = [0; POSTING_BYTES];
        posting[0] = position + 1;
        // Both halves: a topic may be a hash, a small number or a padded address.
        for (at, byte) in posting[1..].iter_mut().enumerate() {
            *byte = topic[at] ^ topic[at + 16];
        }
        Self(posting)
    }

    /// The key at a block.
    pub(crate) fn at(self, number: u64) -> [u8; POSTING_BYTES + keys::NUMBER_BYTES] {
        let mut key = [0; POSTING_BYTES + keys::NUMBER_BYTES];
        key[..POSTING_BYTES].copy_from_slice(&self.0);
        key[POSTING_BYTES..].copy_from_slice(&number.to_be_bytes());
        key
    }
}

/// What the logs of a block put into the index.
pub(crate) fn log_keys(receipts: &[Receipt]) -> BTreeSet<Posting> {
    let mut postings = BTreeSet::new();
    for log in receipts.iter().flat_map(TxReceipt::logs) {
        postings.insert(Posting::address(log.address));
        for (position, topic) in (0..).zip(log.data.topics()) {
            postings.insert(Posting::topic(position, topic));
        }
    }
    postings
}

/// The blocks of one posting within a range, ascending.
struct Blocks<'s> {
    posting: Posting,
    iterator: DBRawIterator<'s>,
    /// The block that the iterator stands at; `None`: not begun.
    current: Option<u64>,
    ended: bool,
}

impl<'s> Blocks<'s> {
    fn new(snapshot: &'s Snapshot, posting: Posting) -> Self {
        let iterator = snapshot.iterator(Column::LogIndex);
        Self {
            posting,
            iterator,
            current: None,
            ended: false,
        }
    }

    /// The first block at or above `from`, which never goes down from call to call.
    fn seek(&mut self, from: u64) -> Result<Option<u64>, StoreError> {
        for _ in 0..STEPS_MAX {
            match self.current {
                Some(current) if current >= from && !self.ended => return Ok(Some(current)),
                Some(_) if !self.ended => {
                    self.iterator.next();
                    self.read()?;
                }
                _ => break,
            }
        }
        if !self.ended && self.current.is_none_or(|current| current < from) {
            self.iterator.seek(self.posting.at(from));
            self.read()?;
        }
        Ok(self.current.filter(|_| !self.ended))
    }

    fn read(&mut self) -> Result<(), StoreError> {
        let key = self
            .iterator
            .key()
            .filter(|key| key.starts_with(&self.posting.0));
        match key.and_then(keys::number_of) {
            Some(number) => self.current = Some(number),
            None => {
                self.iterator.status()?;
                self.ended = true;
            }
        }
        Ok(())
    }
}

/// Blocks that meet one criterion: any of several postings.
enum Criterion<'s> {
    Open(Vec<Blocks<'s>>),
    Gathered { blocks: Vec<u64>, position: usize },
}

impl<'s> Criterion<'s> {
    fn new(
        snapshot: &'s Snapshot,
        postings: BTreeSet<Posting>,
        from: u64,
        to: u64,
    ) -> Result<Self, StoreError> {
        if postings.len() <= OPEN_ITERATORS_MAX {
            return Ok(Self::Open(
                postings
                    .into_iter()
                    .map(|posting| Blocks::new(snapshot, posting))
                    .collect(),
            ));
        }
        let mut blocks = Vec::new();
        for posting in postings {
            let mut of_posting = Blocks::new(snapshot, posting);
            let mut next = from;
            while let Some(number) = of_posting.seek(next)?.filter(|number| *number <= to) {
                blocks.push(number);
                let Some(above) = number.checked_add(1) else {
                    break;
                };
                next = above;
            }
            // No more than the range has blocks.
            blocks.sort_unstable();
            blocks.dedup();
        }
        Ok(Self::Gathered {
            blocks,
            position: 0,
        })
    }

    /// The first block at or above `from`, which never goes down from call to call.
    fn seek(&mut self, from: u64) -> Result<Option<u64>, StoreError> {
        match self {
            Self::Open(alternatives) => {
                let mut first: Option<u64> = None;
                for blocks in alternatives {
                    if let Some(number) = blocks.seek(from)? {
                        first = Some(first.map_or(number, |first| first.min(number)));
                    }
                }
                Ok(first)
            }
            Self::Gathered { blocks, position } => {
                let rest = blocks.get(*position..).unwrap_or_default();
                *position += rest.partition_point(|number| *number < from);
                Ok(blocks.get(*position).copied())
            }
        }
    }
}

impl Store {
    /// The blocks from `from` to `to`, both included, that may hold a log of any of `addresses` and, at
    /// each position, with any of `topics[position]`; no addresses, and no topics at a position, mean
    /// any.
    ///
    /// Costs an index scan, whatever the length of the range. The caller bounds the range, and so the
    /// answer.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn log_blocks(
        &self,
        addresses: &[Address],
        topics: &[Vec<B256>],
        from: u64,
        to: u64,
    ) -> Result<LogBlocks, StoreError> {
        let view = self.view();
        let mut criteria = Vec::new();
        if !addresses.is_empty() {
            let postings = addresses.iter().copied().map(Posting::address).collect();
            criteria.push(Criterion::new(&view.snapshot, postings, from, to)?);
        }
        for (position, topics) in (0..4_u8).zip(topics) {
            if !topics.is_empty() {
                let postings = topics
                    .iter()
                    .map(|topic| Posting::topic(position, topic))
                    .collect();
                criteria.push(Criterion::new(&view.snapshot, postings, from, to)?);
            }
        }
        if topics.iter().skip(4).any(|topics| !topics.is_empty()) {
            // No log has a fifth topic.
            return Ok(LogBlocks::Candidates(Vec::new()));
        }
        if criteria.is_empty() {
            return Ok(LogBlocks::All);
        }
        let mut candidates = Vec::new();
        let mut next = Some(from);
        while let Some(number) = next.filter(|number| *number <= to) {
            // The criteria leapfrog until all stand at one block.
            let mut at = number;
            for criterion in &mut criteria {
                match criterion.seek(at)? {
                    Some(found) => at = found,
                    None => return Ok(LogBlocks::Candidates(candidates)),
                }
            }
            if at > to {
                break;
            }
            // All stand at `at` only if none had to move past the first one's answer.
            let mut all = true;
            for criterion in &mut criteria {
                all &= criterion.seek(at)? == Some(at);
            }
            if all {
                candidates.push(at);
                next = at.checked_add(1);
            } else {
                next = Some(at);
            }
        }
        Ok(LogBlocks::Candidates(candidates))
    }
}
