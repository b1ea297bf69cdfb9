//! Which L1 origin an L2 block may name. The sequencer chooses by these rules, derivation checks by
//! the same.
//!
//! - A block keeps its parent's origin or takes the L1 block right after it.
//! - A block is never older than its origin: `timestamp >= origin.timestamp`.
//! - A block more than `max_sequencer_drift` seconds younger than its origin holds no transactions
//!   of the sequencer's.
//! - Such a block keeps its parent's origin only if it is older than the next L1 block, so that it
//!   couldn't have taken that one. Whether it is can't be told before that L1 block exists.
//!
//! Source: OP specification, "Batch queue".

use crate::{L1Block, L2BlockRef};
use alloy_eips::BlockNumHash;
use openledger_primitives::ChainConfig;

/// What an origin means for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginDecision {
    /// The block may have this origin, and transactions.
    Allowed,
    /// The block may have this origin if the sequencer adds no transactions to it.
    EmptyOnly,
    /// That depends on the next L1 block, which isn't known: wait for it.
    NeedNextOrigin,
    /// The block may not have this origin.
    Forbidden(OriginViolation),
}

/// Why a block may not have an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginViolation {
    /// The origin is neither the parent's nor the one after it.
    #[error("origin {} does not follow the parent's, {}", found.number, parent.number)]
    NotNext {
        /// The parent's origin.
        parent: BlockNumHash,
        /// The block's origin.
        found: BlockNumHash,
    },
    /// The origin isn't on the L1 chain that the parent's origin is on.
    #[error("origin {} conflicts with the parent's, {}", found.number, parent.number)]
    OtherChain {
        /// The parent's origin.
        parent: BlockNumHash,
        /// The block's origin.
        found: BlockNumHash,
    },
    /// The block is older than its origin.
    #[error("block at {timestamp} is older than its origin at {origin_timestamp}")]
    OlderThanOrigin {
        /// The block's timestamp.
        timestamp: u64,
        /// The origin's timestamp.
        origin_timestamp: u64,
    },
    /// The block is beyond the drift limit and could have taken the next origin.
    #[error("block at {timestamp} must take the next origin, at {next_timestamp}")]
    MustAdvance {
        /// The block's timestamp.
        timestamp: u64,
        /// The next origin's timestamp.
        next_timestamp: u64,
    },
}

/// Whether the block at `timestamp` on `parent` may name `origin`.
///
/// `next_origin_known` is the L1 block after `origin`, if it exists yet; another block is taken for
/// unknown.
pub fn origin_allowed(
    config: &ChainConfig,
    parent: &L2BlockRef,
    origin: &L1Block,
    next_origin_known: Option<&L1Block>,
    timestamp: u64,
) -> OriginDecision {
    let advances = origin.number != parent.l1_origin.number;
    let conflict = (parent.l1_origin, origin.id());
    if advances && parent.l1_origin.number.checked_add(1) != Some(origin.number) {
        return forbid(OriginViolation::NotNext {
            parent: conflict.0,
            found: conflict.1,
        });
    }
    let continues = if advances {
        origin.parent_hash == parent.l1_origin.hash
    } else {
        origin.hash == parent.l1_origin.hash
    };
    if !continues {
        return forbid(OriginViolation::OtherChain {
            parent: conflict.0,
            found: conflict.1,
        });
    }
    if timestamp < origin.timestamp {
        return forbid(OriginViolation::OlderThanOrigin {
            timestamp,
            origin_timestamp: origin.timestamp,
        });
    }
    if timestamp <= drift_limit(config, origin) {
        return OriginDecision::Allowed;
    }
    // A block that advances the origin may drift: an L1 that lags must be caught up with.
    if advances {
        return OriginDecision::EmptyOnly;
    }
    match next_origin_known.filter(|next| next.parent_hash == origin.hash) {
        None => OriginDecision::NeedNextOrigin,
        Some(next) if timestamp >= next.timestamp => forbid(OriginViolation::MustAdvance {
            timestamp,
            next_timestamp: next.timestamp,
        }),
        Some(_) => OriginDecision::EmptyOnly,
    }
}

const fn forbid(violation: OriginViolation) -> OriginDecision {
    OriginDecision::Forbidden(violation)
}

/// The last timestamp at which a block with this origin may hold transactions.
fn drift_limit(config: &ChainConfig, origin: &L1Block) -> u64 {
    origin
        .timestamp
        .saturating_add(config.max_sequencer_drift(origin.timestamp))
}

/// What the sequencer should take as the origin of its next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextOrigin {
    /// This L1 block; `empty` if the block may hold no transactions but deposits.
    Take {
        /// The origin.
        origin: L1Block,
        /// Whether the block must be empty.
        empty: bool,
    },
    /// The parent's origin is too old and the next L1 block isn't known: wait for it.
    Wait {
        /// Number of the L1 block that is needed.
        number: u64,
    },
    /// The L1 blocks given don't fit the parent: L1 was reorganized, or the caller is wrong.
    Conflict(OriginViolation),
}

/// The origin for the block after `parent`: the next L1 block as soon as the block isn't older than
/// that, otherwise the parent's own.
///
/// `current` is the parent's origin, `next` the L1 block after it, if the sequencer knows it (one
/// that it withholds for confirmations counts as unknown only while the drift rule allows).
pub fn next_origin(
    config: &ChainConfig,
    parent: &L2BlockRef,
    current: &L1Block,
    next: Option<&L1Block>,
) -> NextOrigin {
    let timestamp = parent.timestamp.saturating_add(config.block_time);
    let origin = match next {
        Some(next) if timestamp >= next.timestamp => next,
        _ => current,
    };
    match origin_allowed(config, parent, origin, next, timestamp) {
        OriginDecision::Allowed => NextOrigin::Take {
            origin: *origin,
            empty: false,
        },
        OriginDecision::EmptyOnly => NextOrigin::Take {
            origin: *origin,
            empty: true,
        },
        OriginDecision::NeedNextOrigin => NextOrigin::Wait {
            number: origin.number.saturating_add(1),
        },
        OriginDecision::Forbidden(violation) => NextOrigin::Conflict(violation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_config::config;
    use alloy_primitives::B256;

    fn l1(number: u64, timestamp: u64) -> L1Block {
        L1Block {
            number,
            hash: B256::with_last_byte(number as u8),
            parent_hash: B256::with_last_byte(number as u8 - 1),
            timestamp,
            ..Default::default()
        }
    }

    fn parent(origin: &L1Block, timestamp: u64) -> L2BlockRef {
        L2BlockRef {
            timestamp,
            l1_origin: origin.id(),
            ..Default::default()
        }
    }

    fn allowed(parent_time: u64, origin: &L1Block, next: Option<&L1Block>) -> OriginDecision {
        let current = l1(5, 100);
        origin_allowed(
            &config(),
            &parent(&current, parent_time),
            origin,
            next,
            parent_time + 1,
        )
    }

    #[test]
    fn origins_advance_one_by_one_on_one_chain() {
        assert_eq!(allowed(200, &l1(5, 100), None), OriginDecision::Allowed);
        assert_eq!(allowed(200, &l1(6, 112), None), OriginDecision::Allowed);
        assert!(matches!(
            allowed(200, &l1(7, 124), None),
            OriginDecision::Forbidden(OriginViolation::NotNext { .. })
        ));
        assert!(matches!(
            allowed(200, &l1(4, 90), None),
            OriginDecision::Forbidden(OriginViolation::NotNext { .. })
        ));
        for other in [
            L1Block {
                parent_hash: B256::ZERO,
                ..l1(6, 112)
            },
            L1Block {
                hash: B256::ZERO,
                ..l1(5, 100)
            },
        ] {
            assert!(matches!(
                allowed(200, &other, None),
                OriginDecision::Forbidden(OriginViolation::OtherChain { .. })
            ));
        }
    }

    #[test]
    fn blocks_are_not_older_than_their_origin() {
        assert_eq!(allowed(111, &l1(6, 112), None), OriginDecision::Allowed);
        assert!(matches!(
            allowed(110, &l1(6, 112), None),
            OriginDecision::Forbidden(OriginViolation::OlderThanOrigin { .. })
        ));
    }

    #[test]
    fn drift_limit_is_exact() {
        let current = l1(5, 100);
        // 1,800 s since Fjord, whatever the file says.
        assert_eq!(allowed(1_899, &current, None), OriginDecision::Allowed);
        assert_eq!(
            allowed(1_900, &current, None),
            OriginDecision::NeedNextOrigin
        );
        assert_eq!(
            allowed(1_900, &current, Some(&l1(6, 1_902))),
            OriginDecision::EmptyOnly
        );
        assert!(matches!(
            allowed(1_900, &current, Some(&l1(6, 1_901))),
            OriginDecision::Forbidden(OriginViolation::MustAdvance { .. })
        ));
        // Advancing is allowed even to an origin that is too old itself, without transactions.
        assert_eq!(allowed(1_920, &l1(6, 120), None), OriginDecision::EmptyOnly);
        assert_eq!(allowed(1_919, &l1(6, 120), None), OriginDecision::Allowed);
    }

    #[test]
    fn the_sequencer_takes_the_next_origin_as_soon_as_it_may() {
        let (current, next) = (l1(5, 100), l1(6, 112));
        let choose = |time, next: Option<&L1Block>| {
            next_origin(&config(), &parent(&current, time), &current, next)
        };
        let take = |origin, empty| NextOrigin::Take { origin, empty };
        assert_eq!(choose(110, Some(&next)), take(current, false));
        assert_eq!(choose(111, Some(&next)), take(next, false));
        assert_eq!(choose(111, None), take(current, false));
        assert_eq!(choose(1_900, None), NextOrigin::Wait { number: 6 });
        assert_eq!(choose(1_900, Some(&l1(6, 5_000))), take(current, true));
        assert_eq!(
            choose(1_900, Some(&l1(6, 1_000))),
            take(l1(6, 1_000), false)
        );
        assert_eq!(choose(4_000, Some(&next)), take(next, true));
        assert!(matches!(
            choose(200, Some(&l1(7, 120))),
            NextOrigin::Conflict(_)
        ));
    }
}
