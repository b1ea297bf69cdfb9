//! What posting costs, in calldata and in blobs.

use crate::{BatcherConfig, DataAvailability, L1Point, config::TX_OVERHEAD};
use alloy_primitives::Bytes;
use openledger_l1::{Carrier, CarrierGas, DataGas};
use openledger_protocol::FRAME_OVERHEAD;

/// Gas of any transaction.
const TX_GAS: u128 = 21_000;
/// Gas of recording a transaction in the inbox: two slots written, a log.
const INBOX_GAS: u128 = 45_000;
/// Gas of a byte of calldata that is not zero, which compressed bytes seldom are.
const CALLDATA_BYTE_GAS: u128 = 16;
/// What such a byte costs at least altogether (EIP-7623): 4 tokens at 10 gas.
const CALLDATA_BYTE_FLOOR_GAS: u128 = 40;
/// Gas of a blob (EIP-4844).
const BLOB_GAS: u128 = 131_072;

/// What carries this many compressed bytes, given what carried those before them.
pub(crate) fn choose(
    config: &BatcherConfig,
    l1: L1Point,
    bytes: usize,
    present: Option<Carrier>,
) -> Carrier {
    match config.data_availability {
        DataAvailability::Blobs => return Carrier::Blobs,
        DataAvailability::Calldata => return Carrier::Calldata,
        DataAvailability::Auto => {}
    }
    let Some(blob_base_fee) = blob_base_fee(config, l1) else {
        return Carrier::Calldata;
    };
    let calldata = calldata_cost(config, l1.base_fee, bytes);
    let blobs = blob_cost(config, l1.base_fee, blob_base_fee, bytes);
    let keep = u128::from(100_u32.saturating_sub(config.switch_percent));
    let is_worth_it =
        |other: u128, present: u128| other.saturating_mul(100) < present.saturating_mul(keep);
    match present {
        Some(Carrier::Calldata) if is_worth_it(blobs, calldata) => Carrier::Blobs,
        Some(Carrier::Blobs) if is_worth_it(calldata, blobs) => Carrier::Calldata,
        Some(present) => present,
        None if blobs < calldata => Carrier::Blobs,
        None => Carrier::Calldata,
    }
}

/// Wei a blob gas; `None` where the L1 has no blobs.
fn blob_base_fee(config: &BatcherConfig, l1: L1Point) -> Option<u128> {
    let excess = l1.excess_blob_gas?;
    Some(match &config.l1_chain {
        Some(chain) => chain.blob_base_fee(l1.timestamp, Some(excess)),
        None => alloy_eips::eip7840::BlobParams::prague().calc_blob_fee(excess),
    })
}

fn payloads(config: &BatcherConfig, carrier: Carrier, bytes: usize) -> u128 {
    let room = config
        .payload_bytes_max(carrier)
        .saturating_sub(TX_OVERHEAD + FRAME_OVERHEAD)
        .max(1);
    bytes.div_ceil(room).max(1) as u128
}

/// Gas that posting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingGas {
    /// Gas of the transactions.
    pub gas: u128,
    /// Blob gas of their blobs.
    pub blob_gas: u128,
}

/// What it takes to post so many compressed bytes by `carrier`, in transactions as full as `config` lets
/// them be, about.
pub fn posting_gas(config: &BatcherConfig, carrier: Carrier, bytes: usize) -> PostingGas {
    match carrier {
        Carrier::Calldata => PostingGas {
            gas: calldata_gas(config, bytes),
            blob_gas: 0,
        },
        Carrier::Blobs => {
            let blobs = payloads(config, Carrier::Blobs, bytes);
            let txs = blobs.div_ceil(config.blobs_per_tx() as u128);
            PostingGas {
                gas: txs.saturating_mul(TX_GAS + INBOX_GAS),
                blob_gas: blobs.saturating_mul(BLOB_GAS),
            }
        }
    }
}

/// What it takes to post these payloads, one frame each, by `carrier` and by the other.
pub(crate) fn carrier_gas(
    config: &BatcherConfig,
    carrier: Carrier,
    payloads: &[Bytes],
) -> CarrierGas {
    let compressed = |payload: &Bytes| payload.len().saturating_sub(TX_OVERHEAD + FRAME_OVERHEAD);
    let bytes = payloads.iter().map(compressed).sum();
    let by = |carrier| {
        let PostingGas { gas, blob_gas } = posting_gas(config, carrier, bytes);
        DataGas {
            gas: u64::try_from(gas).unwrap_or(u64::MAX),
            blob_gas: u64::try_from(blob_gas).unwrap_or(u64::MAX),
        }
    };
    CarrierGas {
        present: by(carrier),
        other: by(carrier.other()),
    }
}

fn calldata_gas(config: &BatcherConfig, bytes: usize) -> u128 {
    let txs = payloads(config, Carrier::Calldata, bytes);
    let frames = txs.saturating_mul((TX_OVERHEAD + FRAME_OVERHEAD) as u128);
    let bytes = (bytes as u128).saturating_add(frames);
    let executed = bytes
        .saturating_mul(CALLDATA_BYTE_GAS)
        .saturating_add(txs.saturating_mul(INBOX_GAS));
    let data_gas = executed.max(bytes.saturating_mul(CALLDATA_BYTE_FLOOR_GAS));
    txs.saturating_mul(TX_GAS).saturating_add(data_gas)
}

fn calldata_cost(config: &BatcherConfig, base_fee: u128, bytes: usize) -> u128 {
    calldata_gas(config, bytes).saturating_mul(base_fee.max(1))
}

fn blob_cost(config: &BatcherConfig, base_fee: u128, blob_base_fee: u128, bytes: usize) -> u128 {
    let posting = posting_gas(config, Carrier::Blobs, bytes);
    posting
        .gas
        .saturating_mul(base_fee.max(1))
        .saturating_add(posting.blob_gas.saturating_mul(blob_base_fee))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, l1};

    const GWEI: u128 = 1_000_000_000;

    fn at(base_fee: u128, excess_blob_gas: Option<u64>) -> L1Point {
        L1Point {
            base_fee,
            excess_blob_gas,
            ..l1(10)
        }
    }

    fn auto() -> BatcherConfig {
        BatcherConfig {
            data_availability: DataAvailability::Auto,
            ..BatcherConfig::new(config().chain)
        }
    }

    #[test]
    fn the_cheaper_carries() {
        let config = auto();
        // Blob gas at 1 wei, as on most days of Prague's first year.
        let cheap_blobs = at(GWEI, Some(0));
        assert_eq!(choose(&config, cheap_blobs, 100_000, None), Carrier::Blobs);
        // 100 kB of calldata at 1 gwei cost 4.0e15 wei, a blob 1.3e5 times its fee: they are equal at
        // about 30 gwei of blob fee.
        let excess_of = |fee: u128| {
            (0..400_000_000)
                .step_by(100_000)
                .find(|excess| blob_base_fee(&config, at(1, Some(*excess))) >= Some(fee))
        };
        for (fee, carrier) in [(25 * GWEI, Carrier::Blobs), (35 * GWEI, Carrier::Calldata)] {
            let l1 = at(GWEI, excess_of(fee));
            assert_eq!(choose(&config, l1, 100_000, None), carrier);
            // Not by enough for a switch.
            for present in [Carrier::Blobs, Carrier::Calldata] {
                assert_eq!(choose(&config, l1, 100_000, Some(present)), present);
            }
        }
        let dear_blobs = at(GWEI, excess_of(100 * GWEI));
        let switched = choose(&config, dear_blobs, 100_000, Some(Carrier::Blobs));
        assert_eq!(switched, Carrier::Calldata);
        let switched = choose(&config, cheap_blobs, 100_000, Some(Carrier::Calldata));
        assert_eq!(switched, Carrier::Blobs);
        // Little data fills no blob.
        assert_eq!(
            choose(&config, at(7, Some(0)), 200, None),
            Carrier::Calldata
        );
        // An L1 without blobs; and the operator's word.
        assert_eq!(
            choose(&config, at(GWEI, None), 100_000, None),
            Carrier::Calldata
        );
        let fixed = |data_availability| BatcherConfig {
            data_availability,
            ..auto()
        };
        let blobs = fixed(DataAvailability::Blobs);
        assert_eq!(choose(&blobs, at(1, None), 1, None), Carrier::Blobs);
        let calldata = fixed(DataAvailability::Calldata);
        assert_eq!(
            choose(&calldata, cheap_blobs, 1 << 20, None),
            Carrier::Calldata
        );
    }

    #[test]
    fn a_full_transaction_is_one_in_its_own_carrier() {
        let config = auto();
        for (carrier, payloads) in [(Carrier::Calldata, 1), (Carrier::Blobs, 6)] {
            let payload = Bytes::from(vec![1; config.payload_bytes_max(carrier)]);
            let gas = carrier_gas(&config, carrier, &vec![payload; payloads]);
            let blob_gas = match carrier {
                Carrier::Calldata => 0,
                Carrier::Blobs => 6 * BLOB_GAS as u64,
            };
            assert_eq!(gas.present.blob_gas, blob_gas);
            assert_eq!(gas.other.blob_gas == 0, carrier == Carrier::Blobs);
            let txs = match carrier {
                Carrier::Calldata => 21_000 + 40 * 120_000,
                Carrier::Blobs => 21_000 + 45_000,
            };
            assert_eq!(gas.present.gas, txs);
        }
    }

    #[test]
    fn several_blobs_share_a_transaction() {
        let config = auto();
        let one = blob_cost(&config, GWEI, GWEI, 1_000);
        assert_eq!(one, (TX_GAS + INBOX_GAS + BLOB_GAS) * GWEI);
        let six = blob_cost(&config, GWEI, GWEI, 6 * 130_020);
        assert_eq!(six, (TX_GAS + INBOX_GAS + 6 * BLOB_GAS) * GWEI);
        let seven = blob_cost(&config, GWEI, GWEI, 6 * 130_020 + 1);
        assert_eq!(seven, (2 * (TX_GAS + INBOX_GAS) + 7 * BLOB_GAS) * GWEI);
    }
}
