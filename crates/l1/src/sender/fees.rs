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

/// A fee that would be needed and is above the ceiling, wei a gas.
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
    /// Fees for a transaction that is sent for the first time: room for the base fees to double.
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
        let needed = market.base_fee.saturating_add(tip);
        if needed > ceiling.fee_wei {
            return Err(TooExpensive::Gas(needed));
        }
        let max_fee = market
            .base_fee
            .saturating_mul(2)
            .saturating_add(tip)
            .min(ceiling.fee_wei);
        let blob_fee = match carrier {
            Carrier::Calldata => 0,
            Carrier::Blobs => {
                let needed = market.blob_base_fee.max(1);
                if needed > ceiling.blob_fee_wei {
                    return Err(TooExpensive::BlobGas(needed));
                }
                needed
                    .saturating_mul(2)
                    .max(BLOB_FEE_MIN_WEI)
                    .min(ceiling.blob_fee_wei)
            }
        };
        Ok(Self {
            max_fee,
            tip,
            blob_fee,
        })
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
        let has_blobs = self.blob_fee > 0;
        let least_percent = if has_blobs {
            BLOB_FEE_BUMP_PERCENT_MIN
        } else {
            FEE_BUMP_PERCENT_MIN
        };
        let percent = config.fee_bump_percent.max(least_percent);
        let least = raise(self.max_fee, least_percent);
        let tip = raise(self.tip, percent).max(market.tip);
        let next_block = market.base_fee.saturating_add(tip);
        let needed = least.max(next_block);
        if needed > ceiling.fee_wei {
            return Err(TooExpensive::Gas(needed));
        }
        let market_fee = market.base_fee.saturating_mul(2).saturating_add(tip);
        let max_fee = raise(self.max_fee, percent)
            .max(market_fee)
            .min(ceiling.fee_wei);
        let blob_fee = if has_blobs {
            let needed = raise(self.blob_fee, least_percent).max(market.blob_base_fee);
            if needed > ceiling.blob_fee_wei {
                return Err(TooExpensive::BlobGas(needed));
            }
            needed
                .max(market.blob_base_fee.saturating_mul(2))
                .min(ceiling.blob_fee_wei)
        } else {
            0
        };
        Ok(Self {
            max_fee,
            tip,
            blob_fee,
        })
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

    fn fresh(market: Market, carrier: Carrier, limit: u128) -> Result<Fees, TooExpensive> {
        Fees::fresh(market, carrier, ceiling(limit), &config())
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

    proptest! {
        #[test]
        fn a_bump_is_always_accepted_by_nodes_and_below_the_maximum(
            max_fee in 0..1_000 * GWEI,
            tip_part in 0..100_u128,
            blob_fee in prop_oneof![Just(0), 1..1_000 * GWEI],
            base_fee in 0..1_000 * GWEI,
            blob_base_fee in 0..1_000 * GWEI,
            market_tip in 0..50 * GWEI,
            maximum in 0..4_000 * GWEI,
            percent in 0..200_u32,
        ) {
            let fees = Fees { max_fee, tip: max_fee * tip_part / 100, blob_fee };
            let market = Market { base_fee, tip: market_tip, blob_base_fee };
            let config = TxSenderConfig { fee_bump_percent: percent, ..config() };
            let least = if blob_fee > 0 { 200 } else { 110 };
            match fees.bumped(market, ceiling(maximum), &config) {
                Ok(bumped) => {
                    prop_assert!(bumped.max_fee * 100 >= fees.max_fee * least && bumped.max_fee > fees.max_fee);
                    prop_assert!(bumped.tip * 100 >= fees.tip * least && bumped.tip > fees.tip);
                    prop_assert!(bumped.max_fee <= maximum && bumped.blob_fee <= maximum);
                    prop_assert!(bumped.tip <= bumped.max_fee);
                    prop_assert!(!bumped.is_below(market));
                    prop_assert!(bumped.blob_fee >= 2 * blob_fee);
                    prop_assert_eq!(bumped.blob_fee == 0, blob_fee == 0);
                }
                Err(TooExpensive::Gas(needed) | TooExpensive::BlobGas(needed)) => prop_assert!(needed > maximum),
            }
        }
    }
}
