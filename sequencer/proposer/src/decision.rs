//! Whether a claim is due.

use crate::ProposerConfig;

/// A right claim that stands on L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Number of the L2 block that it is about.
    pub block: u64,
    /// When it was made, seconds by the L1's clock.
    pub created_at: u64,
}

/// What L1 shows of the claim that this proposer made last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastClaim {
    /// Nothing: the L1 that was asked doesn't have it yet, or a reorg took it.
    Hidden,
    /// It is there and was not vetoed.
    Stands {
        /// Whether the chain still says so.
        right: bool,
    },
    /// It was vetoed.
    Vetoed,
}

/// The newest right claim, where L1 lists `listed` and this proposer made `last`. L1 may be asked at
/// endpoints of which one is behind: what it doesn't list yet was claimed all the same, and another claim
/// would cost another bond.
pub fn newest(listed: Option<Claimed>, last: Option<(Claimed, LastClaim)>) -> Option<Claimed> {
    let remembered = last.and_then(|(claimed, seen)| match seen {
        LastClaim::Hidden | LastClaim::Stands { right: true } => Some(claimed),
        LastClaim::Stands { right: false } | LastClaim::Vetoed => None,
    });
    listed
        .into_iter()
        .chain(remembered)
        .max_by_key(|claimed| claimed.block)
}

/// What the decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Timestamp of the newest L1 block, seconds.
    pub now: u64,
    /// Number of the safe head.
    pub safe: u64,
    /// Number of the block that the anchor is about: claims must be about later ones.
    pub anchor: u64,
    /// The newest right claim; `None` if there is none yet.
    pub newest: Option<Claimed>,
    /// Whether a withdrawal began after the newest claim's block and up to the safe head.
    pub withdrawal_waits: bool,
}

impl View {
    /// Number of the block about which a claim is due; `None` if none is yet.
    pub fn due(&self, config: &ProposerConfig) -> Option<u64> {
        let claim = Some(self.safe);
        let claimed = self
            .newest
            .map_or(0, |newest| newest.block)
            .max(self.anchor);
        if self.safe <= claimed {
            return None;
        }
        let Some(newest) = self.newest else {
            return claim;
        };
        let wait = if self.withdrawal_waits {
            config.withdrawal_interval.min(config.interval)
        } else {
            config.interval
        };
        if self.now >= newest.created_at.saturating_add(wait.as_secs()) {
            claim
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    const CONFIG: ProposerConfig = ProposerConfig::new(Address::ZERO, 6);
    const VIEW: View = View {
        now: 10_000,
        safe: 500,
        anchor: 0,
        newest: Some(Claimed {
            block: 400,
            created_at: 10_000 - 3_600,
        }),
        withdrawal_waits: false,
    };

    #[test]
    fn an_own_claim_counts_before_l1_lists_it_unless_it_was_vetoed() {
        let claimed = |block| Claimed {
            block,
            created_at: 9,
        };
        let (old, own) = (Some(claimed(400)), claimed(500));
        for (seen, expected) in [
            (LastClaim::Hidden, Some(own)),
            (LastClaim::Stands { right: true }, Some(own)),
            (LastClaim::Stands { right: false }, old),
            (LastClaim::Vetoed, old),
        ] {
            assert_eq!(newest(old, Some((own, seen))), expected, "{seen:?}");
        }
        assert_eq!(newest(None, Some((own, LastClaim::Vetoed))), None);
        assert_eq!(newest(old, None), old);
        // Somebody else claimed a later block.
        let later = Some(claimed(501));
        assert_eq!(newest(later, Some((own, LastClaim::Hidden))), later);
    }

    #[test]
    fn the_first_claim_is_due_at_once() {
        let view = View {
            newest: None,
            ..VIEW
        };
        assert_eq!(view.due(&CONFIG), Some(500));
        let nothing_safe = View { safe: 0, ..view };
        assert_eq!(nothing_safe.due(&CONFIG), None);
    }

    #[test]
    fn the_interval_is_kept() {
        assert_eq!(VIEW.due(&CONFIG), Some(500));
        let early = View {
            now: VIEW.now - 1,
            ..VIEW
        };
        assert_eq!(early.due(&CONFIG), None);
    }

    #[test]
    fn a_withdrawal_does_not_wait_for_the_interval() {
        let waiting = View {
            now: VIEW.now - 3_000,
            withdrawal_waits: true,
            ..VIEW
        };
        assert_eq!(waiting.due(&CONFIG), Some(500));
        let early = View {
            now: waiting.now - 1,
            ..waiting
        };
        assert_eq!(early.due(&CONFIG), None);
    }

    #[test]
    fn only_blocks_after_what_is_claimed_and_anchored_are_claimed() {
        for (safe, anchor) in [(400, 0), (399, 0), (500, 500), (500, 501)] {
            let view = View {
                safe,
                anchor,
                ..VIEW
            };
            assert_eq!(view.due(&CONFIG), None, "{safe} {anchor}");
        }
    }
}
