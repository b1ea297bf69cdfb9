//! What a transaction offers: for the first time, again, and for its cancellation.

use super::{Carrier, FEE_BUMP_PERCENT_MIN, FeeCeiling, TxSenderConfig};
use crate::{L1Client, L1Error};

/// Blocks whose priority fees are looked at.
const HISTORY_BLOCKS: u64 = 10;
/// The percentile of a block's priority fees that counts.
const HISTORY_PERCENTILE: f64 = 50.0;
/// Smallest bump of all fees that nodes accept for the replacement of a blob transaction, percent.
pub const BLOB_FEE_BUMP_PERCENT_MIN: u32 = 100;
/// Lowest fee for blob gas that is offered, wei: what is not needed is not paid, and doubling from 1
/// would take thirty replacements to get anywhere.
const BLOB_FEE_MIN_WEI: u128 = 1_000_000_000;

/// What the L1 asks for now, wei a gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Market {
    /// Base fee of the next block.
    pub base_fee: u128,
    /// Priority fee that others pay.
    pub tip: u128,
    /// Base fee of blob gas of the next block; 0 where the L1 doesn't say.
    pub blob_base_fee: u128,
}

impl Market {
    /// Asks the L1.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn now(client: &L1Client) -> Result<Self, L1Error> {
        let history = client
            .fee_history(HISTORY_BLOCKS, &[HISTORY_PERCENTILE])
            .await?;
        let base_fee = history.base_fee_per_gas.last().copied().unwrap_or_default();
        let blob_base_fee = history
            .base_fee_per_blob_gas
            .last()
            .copied()
            .unwrap_or_default();
        // Empty blocks say 0 and are no evidence of what inclusion costs.
        let mut tips: Vec<u128> = history
            .reward
            .unwrap_or_default()
            .into_iter()
            .filter_map(|block| block.first().copied())
            .filter(|tip| *tip > 0)
            .collect();
        tips.sort_unstable();
        let median = tips.get(tips.len() / 2).copied();
        let tip = match median {
            Some(median) => median,
            None => client.priority_fee_suggestion().await?.unwrap_or_default(),
        };
        Ok(Self {
            base_fee,
            tip,
            blob_base_fee,
        })
    }
}

/// A fee that would be needed and is above what may be offered now, wei a gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooExpensive {
    /// Of gas.
    Gas(u128),
    /// Of blob gas.
    BlobGas(u128),
}

/// What a transaction offers, wei a gas (EIP-1559, EIP-4844).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// Most that it pays altogether.
    pub max_fee: u128,
    /// Most that it pays above the base fee.
    pub tip: u128,
    /// Most that it pays for blob gas; 0 for a transaction without blobs.
    pub blob_fee: u128,
}

impl Fees {
    /// Fees for a transaction that is sent for the first time: room for the base fees to double, as far
    /// as the ceiling ([`FeeCeiling::of`]) admits it.
    ///
    /// # Errors
    /// The fee that would be needed, where even the next block's is above the ceiling.
    pub fn fresh(
        market: Market,
        carrier: Carrier,
        ceiling: FeeCeiling,
        config: &TxSenderConfig,
    ) -> Result<Self, TooExpensive> {
        let tip = market.tip.max(config.tip_min_wei);
        let has_blobs = carrier == Carrier::Blobs;
        let least = Self {
            max_fee: market.base_fee.saturating_add(tip),
            tip,
            blob_fee: if has_blobs {
                market.blob_base_fee.max(1)
            } else {
                0
            },
        };
        let wanted = Self {
            max_fee: market.base_fee.saturating_mul(2).saturating_add(tip),
            tip,
            blob_fee: if has_blobs {
                least.blob_fee.saturating_mul(2).max(BLOB_FEE_MIN_WEI)
            } else {
                0
            },
        };
        least.raised_to(wanted, ceiling, config)
    }

    /// Fees for sending it again: at least the bump above these in all parts, as nodes require of
    /// a replacement, and at least what the market asks.
    ///
    /// # Errors
    /// The fee that would be needed, where that is above the ceiling.
    pub fn bumped(
        self,
        market: Market,
        ceiling: FeeCeiling,
        config: &TxSenderConfig,
    ) -> Result<Self, TooExpensive> {
        let (least, wanted) = self.replacement(market, config);
        least.raised_to(wanted, ceiling, config)
    }

    /// Fees for an empty transaction in place of one that offers these. It is worth what it saves,
    /// which is decided elsewhere, so that no ceiling applies to it but the maximum.
    ///
    /// # Errors
    /// The fee that would be needed, where that is above the maximum.
    pub fn cancelling(self, market: Market, config: &TxSenderConfig) -> Result<Self, TooExpensive> {
        let (least, wanted) = self.replacement(market, config);
        let maximum = FeeCeiling::maximum(config);
        least.check(maximum)?;
        Ok(wanted.at_most(maximum))
    }

    /// The least that a replacement has to offer, and what leaves some room.
    fn replacement(self, market: Market, config: &TxSenderConfig) -> (Self, Self) {
        let has_blobs = self.blob_fee > 0;
        let least_percent = if has_blobs {
            BLOB_FEE_BUMP_PERCENT_MIN
        } else {
            FEE_BUMP_PERCENT_MIN
        };
        let percent = config.fee_bump_percent.max(least_percent);
        // A tip that nodes require is not one that the market does: what the base fee leaves of the
        // maximum is paid of it (EIP-1559).
        let next_block = market.base_fee.saturating_add(market.tip);
        let least = Self {
            max_fee: raise(self.max_fee, least_percent).max(next_block),
            tip: raise(self.tip, least_percent).max(market.tip),
            blob_fee: if has_blobs {
                raise(self.blob_fee, least_percent).max(market.blob_base_fee)
            } else {
                0
            },
        };
        let tip = raise(self.tip, percent).max(least.tip);
        let wanted = Self {
            max_fee: raise(self.max_fee, percent)
                .max(market.base_fee.saturating_mul(2).saturating_add(tip)),
            tip,
            blob_fee: if has_blobs {
                least.blob_fee.max(market.blob_base_fee.saturating_mul(2))
            } else {
                0
            },
        };
        (least, wanted)
    }

    /// `wanted`, as far as the ceiling admits it; `self` is what it can't do without.
    ///
    /// With blobs that leaves room for a replacement, which has to offer twice as much of everything: none
    /// of the fees is above half of the maximum. Where that is not enough, the transaction can never be
    /// replaced, and offers the maximum of both fees at once. Its tip is doubled, as a replacement
    /// would have done.
    ///
    /// # Errors
    /// The part of `self` that is above the ceiling.
    fn raised_to(
        self,
        wanted: Self,
        ceiling: FeeCeiling,
        config: &TxSenderConfig,
    ) -> Result<Self, TooExpensive> {
        if self.blob_fee == 0 {
            self.check(ceiling)?;
            return Ok(wanted.at_most(ceiling));
        }
        let ceiling = ceiling.of(Carrier::Blobs, config);
        self.check(ceiling)?;
        let maximum = FeeCeiling::maximum(config);
        let half = FeeCeiling {
            fee_wei: maximum.fee_wei / 2,
            blob_fee_wei: maximum.blob_fee_wei / 2,
        };
        if self.check(half).is_err() {
            let last = Self {
                max_fee: maximum.fee_wei,
                tip: wanted.tip.saturating_mul(2),
                blob_fee: maximum.blob_fee_wei,
            };
            return Ok(last.at_most(maximum));
        }
        Ok(wanted.at_most(ceiling).at_most(half))
    }

    const fn check(self, ceiling: FeeCeiling) -> Result<(), TooExpensive> {
        if self.max_fee > ceiling.fee_wei {
            return Err(TooExpensive::Gas(self.max_fee));
        }
        if self.blob_fee > ceiling.blob_fee_wei {
            return Err(TooExpensive::BlobGas(self.blob_fee));
        }
        Ok(())
    }

    fn at_most(self, ceiling: FeeCeiling) -> Self {
        let max_fee = self.max_fee.min(ceiling.fee_wei);
        Self {
            max_fee,
            tip: self.tip.min(max_fee),
            blob_fee: self.blob_fee.min(ceiling.blob_fee_wei),
        }
    }

    /// What a block with this base fee, if it can include the transaction, charges, wei a gas.
    pub(super) fn gas_price(self, market: Market) -> u128 {
        market.base_fee.saturating_add(self.tip).min(self.max_fee)
    }

    /// Whether a block with these base fees can't include the transaction.
    pub const fn is_below(self, market: Market) -> bool {
        self.max_fee < market.base_fee
            || (self.blob_fee > 0 && self.blob_fee < market.blob_base_fee)
    }
}

fn raise(fee: u128, percent: u32) -> u128 {
    fee.saturating_mul(u128::from(percent.saturating_add(100)))
        .div_ceil(100)
        .max(fee.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GWEI: u128 = 1_000_000_000;

    fn config() -> TxSenderConfig {
        TxSenderConfig {
            tip_min_wei: GWEI / 100,
            ..TxSenderConfig::default()
        }
    }

    const fn ceiling(fee_wei: u128) -> FeeCeiling {
        FeeCeiling {
            fee_wei,
            blob_fee_wei: fee_wei,
        }
    }

    /// With maxima that are far away.
    fn fresh(market: Market, carrier: Carrier, limit: u128) -> Result<Fees, TooExpensive> {
        Fees::fresh(market, carrier, ceiling(limit), &config_with(1_000))
    }

    #[test]
    fn fresh_fees_leave_room_below_the_maximum() {
        let market = Market {
            base_fee: 10 * GWEI,
            tip: GWEI,
            blob_base_fee: 0,
        };
        for (limit, max_fee) in [(100, 21), (15, 15), (11, 11)] {
            assert_eq!(
                fresh(market, Carrier::Calldata, limit * GWEI),
                Ok(Fees {
                    max_fee: max_fee * GWEI,
                    tip: GWEI,
                    blob_fee: 0
                })
            );
        }
        assert_eq!(
            fresh(market, Carrier::Calldata, 11 * GWEI - 1),
            Err(TooExpensive::Gas(11 * GWEI))
        );
        let idle = Market {
            base_fee: 7,
            tip: 0,
            blob_base_fee: 1,
        };
        assert_eq!(
            fresh(idle, Carrier::Calldata, GWEI).map(|fees| fees.tip),
            Ok(GWEI / 100)
        );
    }

    #[test]
    fn blobs_have_a_fee_of_their_own() {
        let market = Market {
            base_fee: 1,
            tip: 1,
            blob_base_fee: 5 * GWEI,
        };
        for (blob_base_fee, limit, blob_fee) in [
            (5 * GWEI, 100, Ok(10 * GWEI)),
            (5 * GWEI, 7, Ok(7 * GWEI)),
            (5 * GWEI, 4, Err(TooExpensive::BlobGas(5 * GWEI))),
            (0, 100, Ok(GWEI)),
        ] {
            let market = Market {
                blob_base_fee,
                ..market
            };
            assert_eq!(
                fresh(market, Carrier::Blobs, limit * GWEI).map(|fees| fees.blob_fee),
                blob_fee
            );
        }
        let fees = Fees {
            max_fee: 1_000,
            tip: 10,
            blob_fee: 100,
        };
        assert!(fees.is_below(Market {
            base_fee: 0,
            tip: 0,
            blob_base_fee: 101
        }));
        assert!(!fees.is_below(Market {
            base_fee: 1_000,
            tip: 0,
            blob_base_fee: 100
        }));
    }

    /// Both maxima, gwei.
    fn config_with(maximum: u128) -> TxSenderConfig {
        TxSenderConfig {
            fee_max_wei: maximum * GWEI,
            blob_fee_max_wei: maximum * GWEI,
            ..config()
        }
    }

    #[test]
    fn blobs_leave_room_for_a_replacement() {
        let config = config_with(100);
        let at = |base_fee: u128, blob_base_fee: u128| Market {
            base_fee: base_fee * GWEI,
            tip: GWEI,
            blob_base_fee: blob_base_fee * GWEI,
        };
        let first = |market, limit: u128| {
            Fees::fresh(market, Carrier::Blobs, ceiling(limit * GWEI), &config)
                .map(|fees| (fees.max_fee / GWEI, fees.tip / GWEI, fees.blob_fee / GWEI))
                .map_err(|needed| match needed {
                    TooExpensive::Gas(wei) => (wei / GWEI, 0),
                    TooExpensive::BlobGas(wei) => (0, wei / GWEI),
                })
        };
        for limit in [60, 99, 100] {
            // Twice the market would be more than half of the maximum.
            assert_eq!(first(at(30, 40), limit), Ok((50, 1, 50)));
        }
        // More than half is needed: not before the ceiling is at the maximum, and then all at once.
        assert_eq!(first(at(50, 1), 99), Err((51, 0)));
        assert_eq!(first(at(1, 51), 99), Err((0, 51)));
        assert_eq!(first(at(50, 1), 100), Ok((100, 2, 100)));
        assert_eq!(first(at(1, 51), 100), Ok((100, 2, 100)));
        assert_eq!(first(at(1, 101), 100), Err((0, 101)));

        // The same of a replacement: blob gas is dear, gas is not.
        let stuck = Fees {
            max_fee: 3 * GWEI,
            tip: GWEI,
            blob_fee: 40 * GWEI,
        };
        let market = at(1, 60);
        let waits = stuck.bumped(market, ceiling(99 * GWEI), &config);
        assert_eq!(waits, Err(TooExpensive::BlobGas(80 * GWEI)));
        let last = stuck.bumped(market, ceiling(100 * GWEI), &config);
        let all = Fees {
            max_fee: 100 * GWEI,
            tip: 4 * GWEI,
            blob_fee: 100 * GWEI,
        };
        assert_eq!(last, Ok(all));
        // It can neither be replaced nor cancelled, and need not: it offers what is ever offered.
        assert!(all.bumped(market, ceiling(100 * GWEI), &config).is_err());
        assert!(all.cancelling(market, &config).is_err());
        assert!(stuck.cancelling(market, &config).is_ok());
    }

    #[test]
    fn a_tip_that_nodes_require_is_not_one_that_the_market_does() {
        let stuck = Fees {
            max_fee: 40 * GWEI,
            tip: 30 * GWEI,
            blob_fee: GWEI,
        };
        let market = Market {
            base_fee: 45 * GWEI,
            tip: GWEI,
            blob_base_fee: 1,
        };
        // 45 + 60 would be above the maximum.
        let bumped = stuck.bumped(market, ceiling(100 * GWEI), &config_with(100));
        assert_eq!(
            bumped.map(|fees| (fees.max_fee, fees.blob_fee)),
            Ok((100 * GWEI, 100 * GWEI))
        );
    }

    proptest! {
        #[test]
        fn a_replacement_is_always_taken_by_nodes_and_below_the_maximum(
            max_fee in 0..1_000 * GWEI,
            tip_part in 0..100_u128,
            blob_fee in prop_oneof![Just(0), 1..1_000 * GWEI],
            base_fee in 0..1_000 * GWEI,
            blob_base_fee in 0..1_000 * GWEI,
            market_tip in 0..50 * GWEI,
            maximum in 0..4_000 * GWEI,
            ceiling_percent in 0..=100_u128,
            percent in 0..200_u32,
            cancels in any::<bool>(),
        ) {
            let fees = Fees { max_fee, tip: max_fee * tip_part / 100, blob_fee };
            let market = Market { base_fee, tip: market_tip, blob_base_fee };
            let config = TxSenderConfig {
                fee_bump_percent: percent,
                fee_max_wei: maximum,
                blob_fee_max_wei: maximum,
                ..config()
            };
            let limit = maximum * ceiling_percent / 100;
            let (offered, limit) = if cancels {
                (fees.cancelling(market, &config), maximum)
            } else {
                (fees.bumped(market, ceiling(limit), &config), limit)
            };
            let least = if blob_fee > 0 { 200 } else { 110 };
            match offered {
                Ok(offered) => {
                    prop_assert!(offered.max_fee * 100 >= fees.max_fee * least && offered.max_fee > fees.max_fee);
                    prop_assert!(offered.tip * 100 >= fees.tip * least && offered.tip > fees.tip);
                    prop_assert!(offered.max_fee <= limit && offered.blob_fee <= limit);
                    prop_assert!(offered.tip <= offered.max_fee);
                    prop_assert!(!offered.is_below(market));
                    prop_assert!(offered.blob_fee >= 2 * blob_fee);
                    prop_assert_eq!(offered.blob_fee == 0, blob_fee == 0);
                    prop_assert!(cancels || leaves_room_or_offers_all(offered, maximum));
                }
                Err(TooExpensive::Gas(needed) | TooExpensive::BlobGas(needed)) => {
                    let limit = if blob_fee > 0 && limit < maximum { limit.min(maximum / 2) } else { limit };
                    prop_assert!(needed > limit);
                }
            }
        }

        #[test]
        fn what_is_sent_first_can_be_replaced_or_offers_all(
            base_fee in 0..1_000 * GWEI,
            blob_base_fee in 0..1_000 * GWEI,
            tip in 0..50 * GWEI,
            maximum in 1..4_000 * GWEI,
            ceiling_percent in 0..=100_u128,
        ) {
            let market = Market { base_fee, tip, blob_base_fee };
            let config = TxSenderConfig {
                fee_max_wei: maximum,
                blob_fee_max_wei: maximum,
                ..config()
            };
            let limit = maximum * ceiling_percent / 100;
            if let Ok(fees) = Fees::fresh(market, Carrier::Blobs, ceiling(limit), &config) {
                prop_assert!(fees.max_fee <= limit && fees.blob_fee <= limit && fees.tip <= fees.max_fee);
                prop_assert!(!fees.is_below(market));
                prop_assert!(leaves_room_or_offers_all(fees, maximum));
            }
        }
    }

    fn leaves_room_or_offers_all(fees: Fees, maximum: u128) -> bool {
        let has_room = fees.max_fee <= maximum / 2 && fees.blob_fee <= maximum / 2;
        let offers_all = fees.max_fee == maximum && fees.blob_fee == maximum;
        fees.blob_fee == 0 || has_room || offers_all
    }
}
