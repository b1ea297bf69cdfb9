//! From what posting costs on L1 to what transactions are charged on L2.
//!
//! The chain charges, in wei of OPEN, `size × (16 × baseFeeScalar × L1 base fee + blobBaseFeeScalar × L1
//! blob base fee) / 10^12` for a transaction of so many millionths of a byte, and an operator fee
//! (`docs/spec/execution.md`). Posting a byte costs gas at the one price and blob gas at the other, in wei
//! of ETH: so the scalars are these amounts of gas times the rate, and the charge follows the L1's prices.
//!
//! Scalars are 32 bits. A rate that asks for more leaves a part uncovered, which grows with the prices; at
//! given prices it is a fixed amount for a typical transaction, which goes into the operator fee's constant
//! (64 bits), and beyond that into its scalar. All of it is rounded up.

use alloy_primitives::{U256, U512};
use openledger_batcher::{OpenPerEth, PostingGas};

const MILLION: u64 = 1_000_000;
const NANOS: u64 = 1_000_000_000;
/// Weight of the base fee scalar in the L1 fee.
const BASE_FEE_WEIGHT: u64 = 16;
/// What a unit of the operator fee's scalar is in wei a gas since Jovian.
const JOVIAN_OPERATOR_FEE_WEI: u64 = 100;

/// What posting a byte takes on L1, millionths of gas and of blob gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteCost {
    pub(super) gas: u64,
    pub(super) blob_gas: u64,
}

/// What the L1 charges, wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct L1Prices {
    pub(super) base_fee: u128,
    pub(super) blob_base_fee: u128,
}

/// A transaction like most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypicalTx {
    /// Bytes that it is estimated to take on L1.
    pub(super) bytes: u64,
    /// Gas that it uses on L2.
    pub(super) gas: u64,
}

/// What a unit of the operator fee's scalar means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperatorFeeRule {
    /// A millionth of a wei a gas.
    Isthmus,
    /// 100 wei a gas.
    Jovian,
}

/// What `SystemConfig` charges by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FeeSettings {
    pub(super) base_fee_scalar: u32,
    pub(super) blob_base_fee_scalar: u32,
    pub(super) operator_fee_scalar: u32,
    pub(super) operator_fee_constant: u64,
}

/// What the settings are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// OPEN that an ETH costs.
    pub(super) rate: OpenPerEth,
    /// What is charged beyond the cost, percent.
    pub(super) margin_percent: u32,
}

/// Settings, and what they would be if they had no limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pricing {
    pub(super) settings: FeeSettings,
    pub(super) base_fee_scalar_wanted: U256,
    pub(super) blob_base_fee_scalar_wanted: U256,
    /// What scalars at their limit leave uncovered of a typical transaction at the given prices, wei.
    pub(super) rest_wei: U256,
    /// What the operator fee at its limits leaves uncovered of that, wei.
    pub(super) uncovered_wei: U256,
}

impl ByteCost {
    /// The mean over what posting so many bytes takes.
    pub(super) fn of(posting: PostingGas, bytes: u64) -> Self {
        let mean = |gas: u128| {
            let millionths = gas.saturating_mul(u128::from(MILLION));
            u64::try_from(millionths.div_ceil(u128::from(bytes.max(1)))).unwrap_or(u64::MAX)
        };
        Self {
            gas: mean(posting.gas),
            blob_gas: mean(posting.blob_gas),
        }
    }
}

impl Pricing {
    /// Whether a scalar is at its limit.
    pub(super) fn is_saturated(&self) -> bool {
        self.base_fee_scalar_wanted > U256::from(self.settings.base_fee_scalar)
            || self.blob_base_fee_scalar_wanted > U256::from(self.settings.blob_base_fee_scalar)
    }

    /// The settings with which transactions pay for posting.
    pub(super) fn of(
        byte: ByteCost,
        terms: Terms,
        prices: L1Prices,
        typical: TypicalTx,
        rule: OperatorFeeRule,
    ) -> Self {
        let base_wanted = scalar(byte.gas, terms, BASE_FEE_WEIGHT);
        let blob_wanted = scalar(byte.blob_gas, terms, 1);
        let base_fee_scalar = saturate(base_wanted);
        let blob_base_fee_scalar = saturate(blob_wanted);

        let base_rest = (base_wanted - U256::from(base_fee_scalar))
            .saturating_mul(U256::from(BASE_FEE_WEIGHT))
            .saturating_mul(U256::from(prices.base_fee));
        let blob_rest = (blob_wanted - U256::from(blob_base_fee_scalar))
            .saturating_mul(U256::from(prices.blob_base_fee));
        let rest_wei = base_rest
            .saturating_add(blob_rest)
            .saturating_mul(U256::from(typical.bytes))
            .div_ceil(U256::from(MILLION));

        let operator_fee_constant = u64::try_from(rest_wei).unwrap_or(u64::MAX);
        let rest = rest_wei - U256::from(operator_fee_constant);
        let gas = U256::from(typical.gas.max(1));
        let operator_fee_scalar = saturate(match rule {
            OperatorFeeRule::Isthmus => rest.saturating_mul(U256::from(MILLION)).div_ceil(gas),
            OperatorFeeRule::Jovian => {
                rest.div_ceil(gas.saturating_mul(U256::from(JOVIAN_OPERATOR_FEE_WEI)))
            }
        });
        let by_gas = gas.saturating_mul(U256::from(operator_fee_scalar));
        let by_gas = match rule {
            OperatorFeeRule::Isthmus => by_gas / U256::from(MILLION),
            OperatorFeeRule::Jovian => by_gas.saturating_mul(U256::from(JOVIAN_OPERATOR_FEE_WEI)),
        };
        Self {
            settings: FeeSettings {
                base_fee_scalar,
                blob_base_fee_scalar,
                operator_fee_scalar,
                operator_fee_constant,
            },
            base_fee_scalar_wanted: base_wanted,
            blob_base_fee_scalar_wanted: blob_wanted,
            rest_wei,
            uncovered_wei: rest.saturating_sub(by_gas),
        }
    }
}

/// Hundreds of billionths by which the cost in ETH becomes the charge in OPEN.
fn factor(terms: Terms) -> U512 {
    U512::from(terms.rate.nanos()) * (U512::from(100) + U512::from(terms.margin_percent))
}

/// The scalar that charges for so many millionths of gas a byte.
fn scalar(gas: u64, terms: Terms, weight: u64) -> U256 {
    let unit = U512::from(weight) * U512::from(NANOS) * U512::from(100);
    // 64, 60 and 33 bits make no more than 157.
    (U512::from(gas) * factor(terms))
        .div_ceil(unit)
        .saturating_to()
}

fn saturate(wanted: U256) -> u32 {
    u32::try_from(wanted).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use op_revm::{L1BlockInfo, OpSpecId, estimate_tx_compressed_size};
    use proptest::prelude::*;

    const GWEI: u128 = 1_000_000_000;
    const TYPICAL: TypicalTx = TypicalTx {
        bytes: 150,
        gas: 60_000,
    };
    const PRICES: L1Prices = L1Prices {
        base_fee: 5 * GWEI,
        blob_base_fee: GWEI,
    };

    /// Wei of OPEN that posting `size` millionths of a byte costs at the rate, the margin included, rounded
    /// down.
    fn cost(byte: ByteCost, terms: Terms, prices: L1Prices, size: u64) -> U256 {
        let wei = U512::from(byte.gas) * U512::from(prices.base_fee)
            + U512::from(byte.blob_gas) * U512::from(prices.blob_base_fee);
        let open = wei * U512::from(size) * factor(terms);
        let unit = U512::from(MILLION) * U512::from(MILLION) * U512::from(NANOS) * U512::from(100);
        (open / unit).saturating_to()
    }

    fn terms(rate: &str, margin_percent: u32) -> Terms {
        Terms {
            rate: rate.parse().unwrap(),
            margin_percent,
        }
    }

    fn price(byte: ByteCost, terms: Terms) -> Pricing {
        Pricing::of(byte, terms, PRICES, TYPICAL, OperatorFeeRule::Isthmus)
    }

    #[test]
    fn scalars_are_gas_times_the_rate() {
        // OP's scalars for a token that is worth an ETH.
        let byte = ByteCost {
            gas: 16 * 1_368,
            blob_gas: 810_949,
        };
        let par = price(byte, terms("1", 0)).settings;
        assert_eq!(
            (par.base_fee_scalar, par.blob_base_fee_scalar),
            (1_368, 810_949)
        );
        assert_eq!((par.operator_fee_scalar, par.operator_fee_constant), (0, 0));
        let dearer = price(byte, terms("2000.5", 10)).settings;
        // 1368 × 2000.5 × 1.1 = 3010352.4; 810949 × 2000.5 × 1.1 = 1784533821.95
        assert_eq!(
            (dearer.base_fee_scalar, dearer.blob_base_fee_scalar),
            (3_010_353, 1_784_533_822)
        );
    }

    #[test]
    fn what_does_not_fit_goes_to_the_operator_fee() {
        let byte = ByteCost {
            gas: 0,
            blob_gas: 1_000_000,
        };
        let fits = price(byte, terms("4294.967295", 0));
        assert!(!fits.is_saturated());
        assert_eq!(fits.settings.blob_base_fee_scalar, u32::MAX);
        assert_eq!(fits.rest_wei, U256::ZERO);
        let saturated = price(byte, terms("4294.967296", 0));
        assert!(saturated.is_saturated());
        assert_eq!(saturated.settings.blob_base_fee_scalar, u32::MAX);
        // A millionth of a wei of blob base fee and byte: 1 gwei × 150 / 10^6.
        assert_eq!(saturated.rest_wei, U256::from(150_000));
        assert_eq!(saturated.settings.operator_fee_constant, 150_000);
        assert_eq!(saturated.uncovered_wei, U256::ZERO);
    }

    #[test]
    fn the_operator_fee_has_limits_too() {
        let byte = ByteCost {
            gas: 40_000_000,
            blob_gas: 0,
        };
        let rule = OperatorFeeRule::Isthmus;
        let all = Pricing::of(byte, terms("1000000000", 0), PRICES, TYPICAL, rule);
        assert_eq!(all.settings.operator_fee_constant, u64::MAX);
        assert_eq!(all.settings.operator_fee_scalar, u32::MAX);
        let charged = U256::from(u64::MAX) + U256::from(u64::from(u32::MAX) * 60_000 / 1_000_000);
        assert_eq!(all.uncovered_wei, all.rest_wei - charged);
        // Jovian's unit is 10^8 times as large.
        let jovian = OperatorFeeRule::Jovian;
        let less = Pricing::of(byte, terms("617000", 0), PRICES, TYPICAL, jovian);
        assert_eq!(less.settings.operator_fee_constant, u64::MAX);
        assert!(less.settings.operator_fee_scalar > 0);
        assert_eq!(less.uncovered_wei, U256::ZERO);
    }

    #[test]
    fn a_byte_costs_the_mean() {
        let posting = PostingGas {
            gas: 66_000,
            blob_gas: 131_072,
        };
        let byte = ByteCost::of(posting, 130_000);
        assert_eq!((byte.gas, byte.blob_gas), (507_693, 1_008_247));
        let none = ByteCost::of(posting, 0);
        assert_eq!(none.gas, 66_000_000_000);
    }

    /// What op-revm charges, L1 fee and operator fee apart.
    fn charged(
        settings: FeeSettings,
        prices: L1Prices,
        tx: &[u8],
        gas: u64,
        rule: OperatorFeeRule,
    ) -> (U256, U256) {
        let spec = match rule {
            OperatorFeeRule::Isthmus => OpSpecId::ISTHMUS,
            OperatorFeeRule::Jovian => OpSpecId::JOVIAN,
        };
        let mut info = L1BlockInfo {
            l1_base_fee: U256::from(prices.base_fee),
            l1_base_fee_scalar: U256::from(settings.base_fee_scalar),
            l1_blob_base_fee: Some(U256::from(prices.blob_base_fee)),
            l1_blob_base_fee_scalar: Some(U256::from(settings.blob_base_fee_scalar)),
            operator_fee_scalar: Some(U256::from(settings.operator_fee_scalar)),
            operator_fee_constant: Some(U256::from(settings.operator_fee_constant)),
            ..L1BlockInfo::default()
        };
        let operator_fee = info.operator_fee_charge(tx, U256::from(gas), spec);
        (info.calculate_tx_l1_cost(tx, spec), operator_fee)
    }

    fn byte_costs() -> impl Strategy<Value = ByteCost> {
        (0_u64..100_000_000, 0_u64..10_000_000)
            .prop_map(|(gas, blob_gas)| ByteCost { gas, blob_gas })
    }

    fn price_pairs() -> impl Strategy<Value = L1Prices> {
        (1_u128..10_000 * GWEI, 1_u128..10_000 * GWEI).prop_map(|(base_fee, blob_base_fee)| {
            L1Prices {
                base_fee,
                blob_base_fee,
            }
        })
    }

    /// A signed transaction's bytes, as far as their size matters: the first says that it is no deposit.
    fn txs() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..2_000).prop_map(|mut tx| {
            tx.insert(0, 2);
            tx
        })
    }

    fn rates(nanos_max: u64) -> impl Strategy<Value = OpenPerEth> {
        (1..=nanos_max).prop_map(|nanos| OpenPerEth::from_nanos(nanos).unwrap())
    }

    proptest! {
        /// Where no scalar is at its limit every transaction pays for itself, at any price of the L1, and
        /// no more than the rounding too much.
        #[test]
        fn fees_cover_the_cost_at_the_rate(
            byte in byte_costs(),
            rate in rates(40_000_000_000),
            margin_percent in 0_u32..200,
            prices in price_pairs(),
            later in price_pairs(),
            tx in txs(),
        ) {
            let terms = Terms { rate, margin_percent };
            let rule = OperatorFeeRule::Isthmus;
            let pricing = Pricing::of(byte, terms, prices, TYPICAL, rule);
            prop_assert!(!pricing.is_saturated());
            prop_assert_eq!(pricing.settings.operator_fee_constant, 0);
            let size = estimate_tx_compressed_size(&tx);
            for prices in [prices, later] {
                let (fee, _) = charged(pricing.settings, prices, &tx, 21_000, rule);
                let cost = cost(byte, terms, prices, size);
                prop_assert!(fee >= cost, "{} < {}", fee, cost);
                let units = U256::from(prices.base_fee) * U256::from(16) + U256::from(prices.blob_base_fee);
                let rounding = units * U256::from(size) / U256::from(10_u64.pow(12)) + U256::ONE;
                prop_assert!(fee <= cost + rounding, "{} > {} + {}", fee, cost, rounding);
            }
        }

        /// Where one is, transactions up to the typical size pay for themselves at the given prices with
        /// the operator fee, unless that is said to leave something uncovered.
        #[test]
        fn the_operator_fee_makes_up_for_what_saturates(
            byte in byte_costs(),
            rate in rates(OpenPerEth::NANOS_MAX),
            prices in price_pairs(),
            tx in txs(),
            more_gas in 0_u64..1_000_000,
            is_jovian in any::<bool>(),
        ) {
            let terms = Terms { rate, margin_percent: 0 };
            let rule = if is_jovian { OperatorFeeRule::Jovian } else { OperatorFeeRule::Isthmus };
            let size = estimate_tx_compressed_size(&tx);
            let typical = TypicalTx { bytes: size.div_ceil(MILLION), gas: 50_000 };
            let pricing = Pricing::of(byte, terms, prices, typical, rule);
            let gas = typical.gas + more_gas;
            let (fee, operator_fee) = charged(pricing.settings, prices, &tx, gas, rule);
            let cost = cost(byte, terms, prices, size);
            prop_assert!(fee + operator_fee + pricing.uncovered_wei >= cost);
            if !pricing.is_saturated() {
                prop_assert!(pricing.rest_wei.is_zero() && operator_fee.is_zero());
            }
        }
    }
}
