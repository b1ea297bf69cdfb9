use super::{FEE_BUMP_PERCENT_MIN, TxSenderConfig};
use crate::{L1Client, L1Error};

/// Blocks whose priority fees are looked at.
const HISTORY_BLOCKS: u64 = 10;
/// The percentile of a block's priority fees that counts.
const HISTORY_PERCENTILE: f64 = 50.0;

/// What the L1 asks for now, wei a gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Market {
    /// Base fee of the next block.
    pub base_fee: u128,
    /// Priority fee that others pay.
    pub tip: u128,
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
        Ok(Self { base_fee, tip })
    }
}

/// What a transaction offers, wei a gas (EIP-1559).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// Most that it pays altogether.
    pub max_fee: u128,
    /// Most that it pays above the base fee.
    pub tip: u128,
}

impl Fees {
    /// Fees for a transaction that is sent for the first time: room for the base fee to double.
    ///
    /// # Errors
    /// The fee that would be needed, where even the next block's is above the configured maximum.
    pub fn fresh(market: Market, config: &TxSenderConfig) -> Result<Self, u128> {
        let tip = market.tip.max(config.tip_min_wei);
        let needed = market.base_fee.saturating_add(tip);
        if needed > config.fee_max_wei {
            return Err(needed);
        }
        let max_fee = market
            .base_fee
            .saturating_mul(2)
            .saturating_add(tip)
            .min(config.fee_max_wei);
        Ok(Self { max_fee, tip })
    }

    /// Fees for sending it again: at least the bump above these in both parts, as nodes require of
    /// a replacement, and at least what the market asks.
    ///
    /// # Errors
    /// The fee that would be needed, where that is above the configured maximum.
    pub fn bumped(self, market: Market, config: &TxSenderConfig) -> Result<Self, u128> {
        let raise = |fee: u128, percent: u32| {
            fee.saturating_mul(u128::from(percent.saturating_add(100)))
                .div_ceil(100)
                .max(fee.saturating_add(1))
        };
        let percent = config.fee_bump_percent.max(FEE_BUMP_PERCENT_MIN);
        let least = raise(self.max_fee, FEE_BUMP_PERCENT_MIN);
        let tip = raise(self.tip, percent).max(market.tip);
        let next_block = market.base_fee.saturating_add(tip);
        let needed = least.max(next_block);
        if needed > config.fee_max_wei {
            return Err(needed);
        }
        let market_fee = market.base_fee.saturating_mul(2).saturating_add(tip);
        let max_fee = raise(self.max_fee, percent)
            .max(market_fee)
            .min(config.fee_max_wei);
        Ok(Self { max_fee, tip })
    }

    /// Whether a block with this base fee can't include the transaction.
    pub const fn is_below(self, base_fee: u128) -> bool {
        self.max_fee < base_fee
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GWEI: u128 = 1_000_000_000;

    fn config(fee_max_wei: u128) -> TxSenderConfig {
        TxSenderConfig {
            fee_max_wei,
            tip_min_wei: GWEI / 100,
            ..TxSenderConfig::default()
        }
    }

    #[test]
    fn fresh_fees_leave_room_below_the_maximum() {
        let market = Market {
            base_fee: 10 * GWEI,
            tip: GWEI,
        };
        assert_eq!(
            Fees::fresh(market, &config(100 * GWEI)),
            Ok(Fees {
                max_fee: 21 * GWEI,
                tip: GWEI
            })
        );
        assert_eq!(
            Fees::fresh(market, &config(15 * GWEI)),
            Ok(Fees {
                max_fee: 15 * GWEI,
                tip: GWEI
            })
        );
        assert_eq!(
            Fees::fresh(market, &config(11 * GWEI)),
            Ok(Fees {
                max_fee: 11 * GWEI,
                tip: GWEI
            })
        );
        assert_eq!(Fees::fresh(market, &config(11 * GWEI - 1)), Err(11 * GWEI));
        let idle = Market {
            base_fee: 7,
            tip: 0,
        };
        assert_eq!(
            Fees::fresh(idle, &config(GWEI)).map(|fees| fees.tip),
            Ok(GWEI / 100)
        );
    }

    proptest! {
        #[test]
        fn a_bump_is_always_accepted_by_nodes_and_below_the_maximum(
            max_fee in 0..1_000 * GWEI,
            tip_part in 0..100_u128,
            base_fee in 0..1_000 * GWEI,
            market_tip in 0..50 * GWEI,
            maximum in 0..2_000 * GWEI,
            percent in 0..200_u32,
        ) {
            let fees = Fees { max_fee, tip: max_fee * tip_part / 100 };
            let market = Market { base_fee, tip: market_tip };
            let config = TxSenderConfig { fee_bump_percent: percent, ..config(maximum) };
            match fees.bumped(market, &config) {
                Ok(bumped) => {
                    prop_assert!(bumped.max_fee * 100 >= fees.max_fee * 110 && bumped.max_fee > fees.max_fee);
                    prop_assert!(bumped.tip * 100 >= fees.tip * 110 && bumped.tip > fees.tip);
                    prop_assert!(bumped.max_fee <= maximum);
                    prop_assert!(bumped.tip <= bumped.max_fee);
                    prop_assert!(!bumped.is_below(base_fee));
                }
                Err(needed) => prop_assert!(needed > maximum),
            }
        }
    }
}
