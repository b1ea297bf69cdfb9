//! Whether a claim is right, and whether a wrong one is to be vetoed now.

use crate::Output;
use alloy_primitives::B256;

/// How a claim stands to this node's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is what the chain has.
    Right {
        /// Whether no L1 reorg can change that.
        finally: bool,
    },
    /// It is not.
    Wrong {
        /// What the chain has.
        expected: Option<B256>,
        /// Whether no L1 reorg can change that.
        finally: bool,
    },
    /// This node has not derived the block yet.
    Unknown,
}

/// Judges a claim about `block` (`None`: about nothing that could be a block) by the `output` that the
/// chain has for it, with these safe and finalized heads.
pub(crate) fn judge(
    block: Option<u64>,
    claim: B256,
    output: Option<Output>,
    safe: u64,
    finalized: u64,
) -> Verdict {
    let Some(block) = block else {
        return Verdict::Wrong {
            expected: None,
            finally: true,
        };
    };
    if block > safe {
        return Verdict::Unknown;
    }
    let finally = block <= finalized;
    match output {
        Some(output) if output.root == claim => Verdict::Right { finally },
        Some(output) => Verdict::Wrong {
            expected: Some(output.root),
            finally,
        },
        // A safe block that can't be read: nothing is known of it.
        None => Verdict::Unknown,
    }
}

/// Whether half of a game's clock is over at L1 time `now`. A wrong claim that an L1 reorg might still make
/// right is vetoed from then on, and one that this node can't judge is an alarm.
pub(crate) fn is_late(created_at: u64, expires_at: u64, now: u64) -> bool {
    let clock = expires_at.saturating_sub(created_at);
    now >= created_at.saturating_add(clock / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_judged_by_what_the_chain_has() {
        let (right, wrong) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let output = Some(Output {
            block_hash: B256::repeat_byte(3),
            root: right,
        });
        let judge = |block, claim| judge(block, claim, output, 10, 5);
        assert_eq!(judge(Some(5), right), Verdict::Right { finally: true });
        assert_eq!(judge(Some(6), right), Verdict::Right { finally: false });
        assert_eq!(judge(Some(11), right), Verdict::Unknown);
        assert_eq!(judge(Some(11), wrong), Verdict::Unknown);
        for (block, finally) in [(5, true), (10, false)] {
            assert_eq!(
                judge(Some(block), wrong),
                Verdict::Wrong {
                    expected: Some(right),
                    finally
                }
            );
        }
        assert_eq!(
            judge(None, right),
            Verdict::Wrong {
                expected: None,
                finally: true
            }
        );
        assert_eq!(super::judge(Some(5), wrong, None, 10, 5), Verdict::Unknown);
    }

    #[test]
    fn the_second_half_of_a_clock_is_late() {
        assert!(!is_late(100, 200, 149));
        assert!(is_late(100, 200, 150));
        assert!(is_late(100, 200, 300));
        assert!(is_late(u64::MAX, u64::MAX, u64::MAX));
    }
}
