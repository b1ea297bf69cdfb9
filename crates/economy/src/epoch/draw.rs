//! Which requests of an epoch are scored: draws of wei of the fee log.

use super::scores::Draw;
use crate::infer::{Leaf, covers, query_sketch_hash};
use alloy_primitives::{Address, B256, U256, keccak256};

/// Draws of an epoch.
pub const DRAWS: usize = 16;
/// Blocks from the one that closed an epoch, or postponed its seed, to the one whose hash is the seed.
pub const SEED_DELAY: u64 = 2;

/// An epoch's seed, by the hash of its block: `keccak256(hash ‖ u64be epoch)`.
pub fn seed(block_hash: B256, epoch: u64) -> B256 {
    keccak256([block_hash.as_slice(), &epoch.to_be_bytes()].concat())
}

/// The wei of a fee log of `total` wei that draw `i` is of:
/// `uint256(keccak256(seed ‖ u64be adapter ‖ u64be i)) mod total`; `None` of nothing.
pub fn offset(seed: B256, adapter: u64, i: usize, total: u128) -> Option<u128> {
    let i = i as u64;
    let hash = keccak256([seed.as_slice(), &adapter.to_be_bytes(), &i.to_be_bytes()].concat());
    let offset = U256::from_be_bytes(hash.0).checked_rem(U256::from(total))?;
    // Below the total.
    u128::try_from(offset).ok()
}

/// Whether draw `i` counts without a score since a jury rejected its sketch, by the settlement's bits.
pub const fn is_void(void_draws: u16, i: usize) -> bool {
    i < DRAWS && (void_draws >> i) & 1 == 1
}

/// An entry of the fee log: a fulfilled request, or a settled voucher with its new calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeEntry {
    /// Prices of the entries before it, wei: its place in the log.
    pub start: u128,
    /// The same with its own.
    pub end: u128,
    /// Root of the sum tree over all calls of its channel, or the leaf of its request.
    pub root: B256,
    /// The root's sum, wei. Of the tree's wei those from `root_sum − (end − start)` on are the entry's.
    pub root_sum: u128,
    /// Who served.
    pub worker: Address,
}

impl FeeEntry {
    /// The wei of its tree that a wei of the log is, which the entry covers.
    pub const fn in_tree(&self, offset: u128) -> u128 {
        // Less than `root_sum`, if the entry covers the offset.
        (self.root_sum - (self.end - self.start)) + (offset - self.start)
    }

    /// Whether it covers a wei of the log.
    pub const fn covers(&self, offset: u128) -> bool {
        self.start <= offset && offset < self.end
    }

    /// Whether a log can have it: it was paid for, and its tree's sum is at least what was.
    pub const fn is_possible(&self) -> bool {
        self.start < self.end && self.end - self.start <= self.root_sum
    }
}

/// The fee log of (epoch, adapter), or of a long one the entries that draws fall on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeeLog {
    /// In order.
    entries: Vec<FeeEntry>,
    /// All prices, also of entries that aren't kept, wei.
    total: u128,
    /// Ascending; an entry that covers none of these wei isn't kept. Without them all are.
    wanted: Option<Vec<u128>>,
}

/// An entry that no fee log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// Prices don't add up to where the entry is said to end.
    #[error("an entry of {price} wei after {before} wei ends at {end}")]
    End {
        /// Prices before it.
        before: u128,
        /// Its own.
        price: u128,
        /// Where it ends.
        end: u128,
    },
    /// The tree's sum is less than what was paid.
    #[error("{price} wei were paid for a tree of {root_sum}")]
    Root {
        /// What was paid.
        price: u128,
        /// The tree's sum.
        root_sum: u128,
    },
}

impl FeeLog {
    /// Of which only the entries are kept that cover one of these wei.
    pub fn keeping(mut wanted: Vec<u128>) -> Self {
        wanted.sort_unstable();
        Self {
            wanted: Some(wanted),
            ..Self::default()
        }
    }

    /// Of a log of `total` wei, with some of its entries in whatever order; `None` if they aren't of one log.
    pub fn of_entries(mut entries: Vec<FeeEntry>, total: u128) -> Option<Self> {
        entries.sort_unstable_by_key(|entry| entry.start);
        entries.dedup();
        let mut before = 0;
        for entry in &entries {
            if entry.start < before || !entry.is_possible() || entry.end > total {
                return None;
            }
            before = entry.end;
        }
        Some(Self {
            entries,
            total,
            wanted: None,
        })
    }

    /// Appends what a `FeeRecorded` says; what brings no price leaves no entry. Answers whether the entry is kept.
    ///
    /// # Errors
    /// [`BadEntry`]: the events aren't the log's, or not all of them.
    pub fn push(
        &mut self,
        worker: Address,
        root: B256,
        root_sum: u128,
        price: u128,
        end: u128,
    ) -> Result<bool, BadEntry> {
        let start = self.total;
        if start.checked_add(price) != Some(end) {
            return Err(BadEntry::End {
                before: start,
                price,
                end,
            });
        }
        if price == 0 {
            return Ok(false);
        }
        if root_sum < price {
            return Err(BadEntry::Root { price, root_sum });
        }
        self.total = end;
        let entry = FeeEntry {
            start,
            end,
            root,
            root_sum,
            worker,
        };
        let is_kept = self.wanted.as_ref().is_none_or(|wanted| {
            let next = wanted.partition_point(|offset| *offset < start);
            wanted.get(next).is_some_and(|offset| entry.covers(*offset))
        });
        if is_kept {
            self.entries.push(entry);
        }
        Ok(is_kept)
    }

    /// All prices, wei.
    pub const fn total(&self) -> u128 {
        self.total
    }

    /// The entries that are kept, in order.
    pub fn entries(&self) -> &[FeeEntry] {
        &self.entries
    }

    /// The place among the kept entries of the one that covers a wei; `None` beyond the log, or where it isn't kept.
    pub fn place_of(&self, offset: u128) -> Option<usize> {
        let place = self.entries.partition_point(|entry| entry.end <= offset);
        let entry = self.entries.get(place)?;
        entry.covers(offset).then_some(place)
    }

    /// The entry that covers a wei.
    pub fn at(&self, offset: u128) -> Option<&FeeEntry> {
        self.entries.get(self.place_of(offset)?)
    }
}

/// The draws of (epoch, adapter).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draws {
    /// The epoch's seed.
    pub seed: B256,
    /// The adapter.
    pub adapter: u64,
    /// The fee log.
    pub log: FeeLog,
}

impl Draws {
    /// The wei of the log that draw `i` is of, with the entry that covers it; `None` of an empty log.
    pub fn entry(&self, i: usize) -> Option<(u128, &FeeEntry)> {
        let offset = offset(self.seed, self.adapter, i, self.log.total())?;
        Some((offset, self.log.at(offset)?))
    }

    /// Whether a shown draw is the request that covers the wei of draw `i`.
    pub fn is_drawn(&self, i: usize, draw: &Draw) -> bool {
        let Some((offset, entry)) = self.entry(i) else {
            return false;
        };
        let leaf = Leaf {
            request_id: draw.request_id,
            price: draw.price,
            query_sketch_hash: query_sketch_hash(&draw.sketches),
        };
        let offset = U256::from(entry.in_tree(offset));
        let sum = U256::from(entry.root_sum);
        covers(entry.root, sum, offset, &leaf, &draw.proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wei_has_its_entry() {
        let mut log = FeeLog::default();
        let worker = Address::ZERO;
        log.push(worker, B256::repeat_byte(1), 5, 5, 5).unwrap();
        // Platform fees alone leave none.
        log.push(worker, B256::repeat_byte(9), 7, 0, 5).unwrap();
        log.push(worker, B256::repeat_byte(2), 10, 3, 8).unwrap();
        assert_eq!(
            log.push(worker, B256::ZERO, 9, 1, 10),
            Err(BadEntry::End {
                before: 8,
                price: 1,
                end: 10
            })
        );
        assert_eq!(
            log.push(worker, B256::ZERO, 1, 2, 10),
            Err(BadEntry::Root {
                price: 2,
                root_sum: 1
            })
        );
        let roots: Vec<u8> = (0..8)
            .filter_map(|wei| log.at(wei))
            .map(|entry| entry.root[0])
            .collect();
        assert_eq!(roots, [1, 1, 1, 1, 1, 2, 2, 2]);
        assert_eq!(log.at(8), None);
        // Of a voucher's tree, the wei that were paid before are in other entries.
        let in_tree: Vec<u128> = (5..8).map(|wei| log.entries()[1].in_tree(wei)).collect();
        assert_eq!(in_tree, [7, 8, 9]);
        assert_eq!(offset(B256::ZERO, 1, 0, 0), None);
    }

    #[test]
    fn of_a_long_log_the_entries_of_the_draws_are_enough() {
        let (mut whole, mut kept) = (FeeLog::default(), FeeLog::keeping(vec![70, 8, 9, 1_000]));
        let worker = Address::ZERO;
        for (number, end) in (1..).zip([5, 8, 20, 70, 71]) {
            let price = end - whole.total();
            let root = B256::repeat_byte(number);
            whole.push(worker, root, price, price, end).unwrap();
            let is_kept = kept.push(worker, root, price, price, end).unwrap();
            assert_eq!(is_kept, [20, 71].contains(&end), "{end}");
        }
        assert_eq!(kept.total(), whole.total());
        for offset in [8, 9, 19, 70] {
            assert_eq!(kept.at(offset), whole.at(offset));
        }
        assert_eq!(kept.entries().len(), 2);
        for offset in [0, 7, 20, 69, 71, 1_000] {
            assert_eq!(kept.at(offset), None, "{offset}");
        }
        // By the state, which gives each draw its entry.
        let drawn = |offsets: &[u128]| -> Vec<FeeEntry> {
            offsets
                .iter()
                .filter_map(|offset| whole.at(*offset))
                .copied()
                .collect()
        };
        let read = FeeLog::of_entries(drawn(&[70, 9, 8, 70]), 71).unwrap();
        assert_eq!((read.entries(), read.total()), (kept.entries(), 71));
        assert_eq!(FeeLog::of_entries(drawn(&[70]), 70), None);
        let mut overlapping = drawn(&[8, 30]);
        overlapping[1].start -= 1;
        overlapping[1].root_sum += 1;
        assert_eq!(FeeLog::of_entries(overlapping, 71), None);
        let mut unpaid = drawn(&[8]);
        unpaid[0].root_sum = 0;
        assert_eq!(FeeLog::of_entries(unpaid, 71), None);
    }

    #[test]
    fn bits_say_which_draws_are_void() {
        assert!(is_void(0b1000, 3) && !is_void(0b1000, 2) && !is_void(u16::MAX, 16));
    }
}
