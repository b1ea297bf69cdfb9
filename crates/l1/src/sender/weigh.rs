//! Whether it is worth it to cancel transactions that are stuck.

use super::{Carrier, CarrierGas, DataGas, FeeCeiling, Fees, Market, TxSenderConfig};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;

/// Gas of a transaction that does nothing.
pub(super) const EMPTY_GAS: u64 = 21_000;
/// What cancelling and carrying the data otherwise may cost of what carrying it as it is is worth, percent:
/// fees move meanwhile.
const COST_PERCENT_MAX: u128 = 80;

/// Whether it is worth it to put empty transactions of this carrier, which offer `fees`, in the place of
/// transactions whose data takes this gas, and to carry that data in the other carrier.
///
/// It is, where all of it together costs at most 80 % of what the sender is ready to pay for the data as
/// it is: that at the market's fees, or at the ceiling's where these are lower. Everything costs what
/// a block at the market's base fees charges of what is offered.
pub(super) fn is_worth_cancelling(
    txs: impl IntoIterator<Item = (CarrierGas, Fees)>,
    carrier: Carrier,
    market: Market,
    ceiling: FeeCeiling,
    config: &TxSenderConfig,
) -> bool {
    // The data must not wait in the other carrier just as well.
    let Ok(otherwise) = Fees::fresh(market, carrier.other(), ceiling, config) else {
        return false;
    };
    let (fee, blob_fee) = (otherwise.gas_price(market), market.blob_base_fee);
    let (mut worth, mut cost) = (0_u128, 0_u128);
    for (CarrierGas { present, other }, empty) in txs {
        let ready_to_pay =
            present.cost(fee.min(ceiling.fee_wei), blob_fee.min(ceiling.blob_fee_wei));
        worth = worth.saturating_add(ready_to_pay);
        cost = cost
            .saturating_add(empty_gas(carrier).cost(empty.gas_price(market), blob_fee))
            .saturating_add(other.cost(fee, blob_fee));
    }
    cost <= worth.saturating_mul(COST_PERCENT_MAX) / 100
}

/// What an empty transaction of this kind takes.
const fn empty_gas(carrier: Carrier) -> DataGas {
    DataGas {
        gas: EMPTY_GAS,
        blob_gas: match carrier {
            Carrier::Calldata => 0,
            Carrier::Blobs => DATA_GAS_PER_BLOB,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    fn config() -> TxSenderConfig {
        TxSenderConfig {
            tip_min_wei: GWEI / 100,
            ..TxSenderConfig::default()
        }
    }

    const fn blobs(count: u64) -> DataGas {
        DataGas {
            gas: 66_000,
            blob_gas: count * DATA_GAS_PER_BLOB,
        }
    }

    const fn calldata(gas: u64) -> DataGas {
        DataGas { gas, blob_gas: 0 }
    }

    const fn at(fee: u128, blob_fee: u128) -> FeeCeiling {
        FeeCeiling {
            fee_wei: fee * GWEI,
            blob_fee_wei: blob_fee * GWEI,
        }
    }

    /// Gwei, with a tip of one.
    const fn market(base_fee: u128, blob_base_fee: u128) -> Market {
        Market {
            base_fee: base_fee * GWEI,
            tip: GWEI,
            blob_base_fee: blob_base_fee * GWEI,
        }
    }

    /// Gwei.
    const fn offer(max_fee: u128, tip: u128, blob_fee: u128) -> Fees {
        Fees {
            max_fee: max_fee * GWEI,
            tip: tip * GWEI,
            blob_fee: blob_fee * GWEI,
        }
    }

    #[test]
    fn blobs_pay_from_two_on() {
        let market = market(1, 40);
        let pays = |count, ceiling| {
            let gas = CarrierGas {
                present: blobs(count),
                other: calldata(200_000),
            };
            let tx = (gas, offer(20, 2, 100));
            is_worth_cancelling([tx], Carrier::Blobs, market, ceiling, &config())
        };
        // 21,000 at 3 gwei, a blob at 40 and 200,000 gas at 2 are 5.7e15 wei; each blob is worth 5.2e15.
        assert!(!pays(1, at(100, 50)));
        assert!(pays(2, at(100, 50)));
        // It is worth no more than the ceiling.
        assert!(!pays(2, at(100, 20)));
        assert!(pays(3, at(100, 20)));
        // The data would wait in calldata as well.
        assert!(pays(2, at(2, 50)));
        assert!(!pays(
            2,
            FeeCeiling {
                fee_wei: 2 * GWEI - 1,
                ..at(0, 50)
            }
        ));
    }

    #[test]
    fn a_tip_that_was_doubled_is_counted() {
        let gas = CarrierGas {
            present: calldata(1_000_000),
            other: blobs(1),
        };
        let market = market(10, 1);
        let pays = |empty| {
            let txs = [(gas, empty)];
            is_worth_cancelling(txs, Carrier::Calldata, market, at(100, 100), &config())
        };
        // Worth 11e15 wei, of which 80 % are 8.8e15. Posting in a blob costs 857e12; 378 gwei a gas of the
        // empty one are left.
        assert!(pays(offer(1_000, 368, 0)));
        assert!(!pays(offer(1_000, 369, 0)));
        // What isn't charged isn't counted.
        assert!(pays(offer(378, 378, 0)));
        assert!(!pays(offer(379, 379, 0)));
    }

    #[test]
    fn all_are_weighed_together() {
        let gas = |count| CarrierGas {
            present: blobs(count),
            other: calldata(200_000),
        };
        let weigh = |counts: &[u64]| {
            let txs = counts.iter().map(|count| (gas(*count), offer(20, 2, 100)));
            is_worth_cancelling(txs, Carrier::Blobs, market(1, 40), at(100, 50), &config())
        };
        assert!(!weigh(&[1]) && weigh(&[6]));
        assert!(weigh(&[6, 1]) && weigh(&[1, 6]));
        assert!(!weigh(&[2, 1, 1, 1, 1]));
    }

    #[test]
    fn the_worth_rises_with_the_ceiling_and_the_cost_with_the_market() {
        let gas = CarrierGas {
            present: blobs(3),
            other: calldata(200_000),
        };
        let weigh = |blob_base_fee, ceiling_gwei| {
            let txs = [(gas, offer(20, 2, 1_000))];
            let ceiling = at(100, ceiling_gwei);
            let market = market(1, blob_base_fee);
            is_worth_cancelling(txs, Carrier::Blobs, market, ceiling, &config())
        };
        assert!(weigh(60, 50));
        // Raised once more it would cost more than three blobs at the ceiling are worth.
        assert!(!weigh(120, 50));
        assert!(weigh(120, 100));
    }
}
