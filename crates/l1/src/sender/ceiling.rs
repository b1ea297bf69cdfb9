//! What the sender is ready to pay: little while there is time, more as data piles up and the
//! deadline comes near, never more than the maximum.

use super::{Carrier, TxSenderConfig};
use std::time::Duration;

/// Parts of one, in which the curve is computed.
const ONE: u128 = 1_000;
/// The time after which waiting alone makes the sender ready to pay eleven times the target.
const WAIT_UNIT: Duration = Duration::from_secs(600);
/// Weight of the square of the time waited, in [`WAIT_UNIT`]s.
const WAIT_WEIGHT: u128 = 10;
/// Largest part of a square that is computed: beyond it any maximum is reached.
const PART_MAX: u128 = 1_000 * ONE;

/// How urgent the sender's transactions are, as who gives them to it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// Data that waits to be posted, in thousandths of what is an ordinary amount.
    pub backlog_permille: u32,
    /// For how long the oldest of it has waited.
    pub waited: Duration,
    /// How much of the time to the deadline is over, in thousandths; from 1,000 on it has passed.
    pub deadline_permille: u32,
    /// What data would be carried in if it were given now; `None` if that makes no difference. It is
    /// no part of the ceiling: transactions of the other carrier that are stuck may be cancelled.
    pub carrier: Option<Carrier>,
}

/// Most wei a gas that may be offered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeCeiling {
    /// For gas.
    pub fee_wei: u128,
    /// For blob gas.
    pub blob_fee_wei: u128,
}

impl FeeCeiling {
    /// The ceiling under this pressure: the target times
    /// `1 + (backlog · (1 + urgency))² + 10 · (waited / 10 min)²`, where urgency rises from 0 to 1
    /// over the first half of the time to the deadline and leads to the maximum over the second.
    pub fn under(pressure: Pressure, config: &TxSenderConfig) -> Self {
        let factor = factor(pressure);
        let of = |target: u128, maximum: u128| {
            let risen = target.saturating_mul(factor) / ONE;
            let deadline = u128::from(pressure.deadline_permille);
            let half = ONE / 2;
            // From half of the time on, linearly up to the maximum at three quarters.
            let late = deadline.saturating_sub(half).min(half / 2);
            let urgent = maximum.saturating_mul(late) / (half / 2);
            risen.max(urgent).max(target).min(maximum)
        };
        Self {
            fee_wei: of(config.fee_target_wei, config.fee_max_wei),
            blob_fee_wei: of(config.blob_fee_target_wei, config.blob_fee_max_wei),
        }
    }

    /// Most that is ever offered.
    pub const fn maximum(config: &TxSenderConfig) -> Self {
        Self {
            fee_wei: config.fee_max_wei,
            blob_fee_wei: config.blob_fee_max_wei,
        }
    }

    /// The ceiling of a transaction of this kind. One with blobs can only be replaced by one that
    /// offers twice as much of everything, so that it leaves the upper half of what is ever offered
    /// to its replacement, until the ceiling is at the maximum of both fees.
    pub fn of(self, carrier: Carrier, config: &TxSenderConfig) -> Self {
        let maximum = Self::maximum(config);
        if carrier == Carrier::Calldata || self == maximum {
            return self;
        }
        Self {
            fee_wei: self.fee_wei.min(maximum.fee_wei / 2),
            blob_fee_wei: self.blob_fee_wei.min(maximum.blob_fee_wei / 2),
        }
    }
}

fn factor(pressure: Pressure) -> u128 {
    let urgency = u128::from(pressure.deadline_permille)
        .saturating_mul(2)
        .min(ONE);
    // An ordinary amount is no pressure.
    let backlog = u128::from(pressure.backlog_permille.saturating_sub(1_000));
    let backlog = backlog.saturating_mul(ONE + urgency) / ONE;
    let waited = pressure.waited.as_millis().saturating_mul(ONE) / WAIT_UNIT.as_millis();
    ONE.saturating_add(square(backlog))
        .saturating_add(square(waited).saturating_mul(WAIT_WEIGHT))
}

/// Of thousandths, in thousandths.
fn square(part: u128) -> u128 {
    let part = part.min(PART_MAX);
    part * part / ONE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GWEI: u128 = 1_000_000_000;

    fn config() -> TxSenderConfig {
        TxSenderConfig {
            fee_target_wei: 10 * GWEI,
            fee_max_wei: 500 * GWEI,
            blob_fee_target_wei: 2 * GWEI,
            blob_fee_max_wei: 100 * GWEI,
            ..TxSenderConfig::default()
        }
    }

    fn fee(pressure: Pressure) -> u128 {
        FeeCeiling::under(pressure, &config()).fee_wei / GWEI
    }

    #[test]
    fn the_curve_is_the_documented_one() {
        let calm = Pressure::default();
        assert_eq!(fee(calm), 10);
        assert_eq!(FeeCeiling::under(calm, &config()).blob_fee_wei, 2 * GWEI);
        // 1 + 10.
        let waited = Duration::from_secs(600);
        assert_eq!(fee(Pressure { waited, ..calm }), 110);
        // 1 + 2².
        let backlog_permille = 3_000;
        assert_eq!(
            fee(Pressure {
                backlog_permille,
                ..calm
            }),
            50
        );
        // 1 + (2 · 2)² where half of the time is over.
        let deadline_permille = 500;
        assert_eq!(
            fee(Pressure {
                backlog_permille,
                deadline_permille,
                ..calm
            }),
            170
        );
        // Half way from half to three quarters, and from there on.
        assert_eq!(
            fee(Pressure {
                deadline_permille: 625,
                ..calm
            }),
            250
        );
        for deadline_permille in [750, 1_000, u32::MAX] {
            assert_eq!(
                fee(Pressure {
                    deadline_permille,
                    ..calm
                }),
                500
            );
        }
    }

    proptest! {
        #[test]
        fn more_pressure_never_lowers_it_and_the_maximum_holds(
            backlog in any::<u32>(), more in any::<u32>(),
            waited in 0..1_000_000_u64, longer in 0..1_000_000_u64,
            deadline in any::<u32>(), nearer in any::<u32>(),
        ) {
            let before = Pressure {
                backlog_permille: backlog,
                waited: Duration::from_secs(waited),
                deadline_permille: deadline,
                carrier: None,
            };
            let after = Pressure {
                backlog_permille: backlog.saturating_add(more),
                waited: Duration::from_secs(waited + longer),
                deadline_permille: deadline.saturating_add(nearer),
                carrier: None,
            };
            let (low, high) = (FeeCeiling::under(before, &config()), FeeCeiling::under(after, &config()));
            prop_assert!(low.fee_wei <= high.fee_wei && low.blob_fee_wei <= high.blob_fee_wei);
            prop_assert!(high.fee_wei <= 500 * GWEI && high.blob_fee_wei <= 100 * GWEI);
            prop_assert!(low.fee_wei >= 10 * GWEI);
        }
    }
    #[test]
    fn blobs_leave_the_upper_half_until_the_maximum_is_reached() {
        let config = config();
        let at = |fee, blob_fee| FeeCeiling {
            fee_wei: fee * GWEI,
            blob_fee_wei: blob_fee * GWEI,
        };
        for (ceiling, of_blobs) in [
            (at(10, 2), at(10, 2)),
            (at(400, 60), at(250, 50)),
            (at(500, 99), at(250, 50)),
            (at(499, 100), at(250, 50)),
            (at(500, 100), at(500, 100)),
        ] {
            assert_eq!(ceiling.of(Carrier::Blobs, &config), of_blobs);
            assert_eq!(ceiling.of(Carrier::Calldata, &config), ceiling);
        }
    }
}
