//! What a transaction should pay.

use crate::{
    api::Api,
    block_id::BlockId,
    error::Failure,
    params::{FromJson, ParamError, Params, Path},
    quantity::Hex,
    registry::{Methods, Outcome, Run},
    reply::Reply,
    workers::Work,
};
use alloy_consensus::Transaction as _;
use openledger_execution::next_base_fee;
use openledger_primitives::{SealedBlock, Transaction};
use serde::Serialize;
use serde_json::value::RawValue;

pub(super) const METHODS: Methods = &[
    ("eth_gasPrice", Run::Light(gas_price)),
    ("eth_baseFee", Run::Light(base_fee)),
    ("eth_blobBaseFee", Run::Light(blob_base_fee)),
    ("eth_maxPriorityFeePerGas", Run::Light(max_priority_fee)),
    ("eth_feeHistory", Run::Heavy(Work::Long, fee_history)),
];

/// Percentiles in one request.
const PERCENTILES_MAX: usize = 100;
/// The blob base fee where blobs don't exist: EIP-4844's least.
const BLOB_BASE_FEE: u64 = 1;

impl Api {
    /// The tip, wei a gas, that should do: the configured least, unless blocks are full; then a tenth
    /// above the median of the last.
    pub(crate) fn suggested_tip(&self) -> Result<u128, Failure> {
        let least = self.config.tip_min_wei;
        let head = self.chain.head();
        let limit = self.config.limits.call_gas_max.min(head.gas_limit);
        // A block is full if a large transaction found no room.
        let room = head.gas_limit.saturating_sub(head.gas_used);
        if room >= limit / 10 {
            return Ok(least);
        }
        let block = self.known_block(head.number)?;
        let mut tips: Vec<u128> = rewards(&block)
            .into_iter()
            .map(|(reward, _)| reward)
            .collect();
        if tips.is_empty() {
            return Ok(least);
        }
        tips.sort_unstable();
        let median = tips[tips.len() / 2];
        Ok((median + median / 10).max(least))
    }

    /// The base fee that the next transaction pays, wei a gas.
    fn pending_base_fee(&self) -> Result<u64, Failure> {
        if let Some(open) = self.open_block() {
            return Ok(open.header.base_fee_per_gas.unwrap_or_default());
        }
        Ok(next_base_fee(self.chain_config(), &self.chain.head())?)
    }
}

fn gas_price(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::quantity(
        u128::from(api.pending_base_fee()?) + api.suggested_tip()?,
    ))
}

fn base_fee(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::quantity(api.pending_base_fee()?))
}

fn blob_base_fee(_: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::quantity(BLOB_BASE_FEE))
}

fn max_priority_fee(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Ok(Reply::quantity(api.suggested_tip()?))
}

/// Tip and gas of each transaction but deposits, which pay none.
fn rewards(block: &SealedBlock) -> Vec<(u128, u64)> {
    let base_fee = block.block.header.base_fee_per_gas.unwrap_or_default();
    let mut before = 0;
    let mut rewards = Vec::new();
    for (transaction, receipt) in block.block.body.transactions.iter().zip(&block.receipts) {
        let cumulative = receipt.cumulative_gas_used();
        let gas = cumulative.saturating_sub(before);
        before = cumulative;
        if !matches!(transaction, Transaction::Deposit(_)) {
            let tip = transaction
                .effective_tip_per_gas(base_fee)
                .unwrap_or_default();
            rewards.push((tip, gas));
        }
    }
    rewards
}

/// The tips at `percentiles` of the block's gas.
fn percentiles_of(block: &SealedBlock, percentiles: &[f64]) -> Vec<Hex<u128>> {
    let mut rewards = rewards(block);
    rewards.sort_unstable();
    let total: u64 = rewards.iter().map(|(_, gas)| *gas).sum();
    let mut index = 0;
    let mut sum = rewards.first().map_or(0, |(_, gas)| *gas);
    percentiles
        .iter()
        .map(|percentile| {
            // An estimate for wallets: the precision of a float is more than enough.
            let threshold = (total as f64 * percentile / 100.0) as u64;
            while sum < threshold && index + 1 < rewards.len() {
                index += 1;
                sum += rewards[index].1;
            }
            Hex(rewards.get(index).map_or(0, |(reward, _)| *reward))
        })
        .collect()
}

/// A number of blocks: a quantity, or a JSON number, which some clients send.
pub(crate) struct Count(u64);

impl FromJson<'_> for Count {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        match raw.get().parse() {
            Ok(count) => Ok(Self(count)),
            Err(_) => u64::from_json(raw, path).map(Self),
        }
    }
}

/// A percentage.
pub(crate) struct Percentile(f64);

impl FromJson<'_> for Percentile {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        raw.get()
            .parse()
            .ok()
            .filter(|value| (0.0..=100.0).contains(value))
            .map(Self)
            .ok_or_else(|| {
                path.error(ParamError::Unknown {
                    expected: "a number from 0 to 100",
                })
            })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    oldest_block: Hex<u64>,
    base_fee_per_gas: Vec<Hex<u64>>,
    gas_used_ratio: Vec<f64>,
    base_fee_per_blob_gas: Vec<Hex<u64>>,
    blob_gas_used_ratio: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Vec<Vec<Hex<u128>>>>,
}

fn fee_history(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["blockCount", "newest block", "reward percentiles"])?;
    let Count(count) = args.get(0)?;
    let newest: BlockId = args.get(1)?;
    let percentiles: Vec<Percentile> = args.or(2, Vec::new())?;
    let percentiles: Vec<f64> = percentiles
        .into_iter()
        .map(|percentile| percentile.0)
        .collect();
    if percentiles.len() > PERCENTILES_MAX {
        let reason = ParamError::TooMany {
            count: percentiles.len(),
            max: PERCENTILES_MAX,
        };
        return Err(args.error(2, reason));
    }
    if percentiles.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(args.error(2, ParamError::Conflict("percentiles must ascend")));
    }
    let head = api.chain.head().number;
    let newest = match newest {
        // The open block's fees are not settled yet.
        BlockId::Pending => head,
        id => api.number(id)?,
    };
    let count = count
        .min(api.config.limits.fee_history_blocks_max)
        .min(newest.saturating_add(1));
    let oldest = (newest + 1).saturating_sub(count);
    let size = usize::try_from(count).unwrap_or_default();
    let mut base_fees = Vec::with_capacity(size + 1);
    let mut ratios = Vec::with_capacity(size);
    let mut reward = Vec::new();
    for number in oldest..oldest + count {
        params.deadline.check()?;
        let header = api.header(number)?;
        base_fees.push(Hex(header.base_fee_per_gas.unwrap_or_default()));
        ratios.push(if header.gas_limit == 0 {
            0.0
        } else {
            header.gas_used as f64 / header.gas_limit as f64
        });
        if !percentiles.is_empty() {
            reward.push(percentiles_of(&*api.known_block(number)?, &percentiles));
        }
    }
    if count > 0 {
        let next = if newest < head {
            api.header(newest + 1)?.base_fee_per_gas.unwrap_or_default()
        } else {
            next_base_fee(api.chain_config(), &*api.header(newest)?)?
        };
        base_fees.push(Hex(next));
    }
    api.reply(&FeeHistory {
        oldest_block: Hex(oldest),
        base_fee_per_blob_gas: vec![Hex(BLOB_BASE_FEE); base_fees.len()],
        blob_gas_used_ratio: vec![0.0; ratios.len()],
        base_fee_per_gas: base_fees,
        gas_used_ratio: ratios,
        reward: (!percentiles.is_empty()).then_some(reward),
    })
}
