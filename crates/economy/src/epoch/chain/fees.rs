//! What was paid for an adapter, epoch by epoch, and the seeds of the draws.
//!
//! An epoch may have millions of payments: they are added up while they are read, and of the fee log only the entries are kept
//! that draws fall on.

use super::{Found, Place, ask, events_from, topic, visit_events};
use crate::epoch::{
    draw::{BadEntry, DRAWS, Draws, FeeLog, SEED_DELAY, offset, seed},
    payment::{Pot, portion},
    pots::{blocks_of, closed_in, fees_of},
};
use alloy_primitives::B256;
use anyhow::{Context, ensure};
use openledger_client::View;
use openledger_contracts::{EpochSettlement, InferenceRouter};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, INFERENCE_ROUTER};
use std::collections::{BTreeMap, BTreeSet};

/// How an epoch's prices are divided, basis points; contributors have the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Split {
    /// Who serves.
    pub platform: u16,
    /// The model.
    pub model: u16,
    /// The adapter and its ancestors.
    pub adapters: u16,
    /// Stakers and the proposer.
    pub stakers: u16,
}

impl Split {
    /// Adds a price's parts to a pot; all but the contributors' are rounded down.
    fn divide(&self, price: u128, pot: &mut Pot) {
        let [platform, model, adapters, stakers] =
            [self.platform, self.model, self.adapters, self.stakers].map(|bps| portion(price, bps));
        pot.model = pot.model.saturating_add(model);
        pot.adapters = pot.adapters.saturating_add(adapters);
        pot.stakers = pot.stakers.saturating_add(stakers);
        // The others have less than a whole together, on a chain that keeps its rules.
        let others = platform
            .saturating_add(model)
            .saturating_add(adapters)
            .saturating_add(stakers);
        let rest = price.saturating_sub(others);
        pot.contributors = pot.contributors.saturating_add(rest);
    }
}

/// Where an entry of the fee log was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedFee {
    /// Where.
    pub place: Place,
    /// By which transaction.
    pub transaction: B256,
}

/// What was paid for an adapter in an epoch.
#[derive(Debug, Clone, Default)]
struct EpochFees {
    /// The seed, if it is drawn.
    seed: Option<B256>,
    split: Split,
    /// With the entries that draws fall on.
    log: FeeLog,
    /// Where each of these was recorded.
    recorded: Vec<RecordedFee>,
    pot: Pot,
    /// Where the first was recorded.
    first: Option<Place>,
}

impl EpochFees {
    /// Before anything is added, of an epoch whose prices add up to `total` wei by the contract.
    fn new(adapter: u64, seed: Option<B256>, split: Split, total: u128) -> Self {
        let drawn = |seed| (0..DRAWS).filter_map(move |i| offset(seed, adapter, i, total));
        Self {
            seed,
            split,
            log: FeeLog::keeping(seed.into_iter().flat_map(drawn).collect()),
            recorded: Vec::new(),
            pot: Pot::default(),
            first: None,
        }
    }

    fn add(&mut self, found: &Found<InferenceRouter::FeeRecorded>) -> Result<(), BadEntry> {
        let fee = &found.event;
        let is_kept = self
            .log
            .push(fee.worker, fee.root, fee.rootSum, fee.price, fee.end)?;
        if is_kept {
            self.recorded.push(RecordedFee {
                place: found.place,
                transaction: found.transaction,
            });
        }
        self.split.divide(fee.price, &mut self.pot);
        if fee.price > 0 {
            self.first.get_or_insert(found.place);
        }
        Ok(())
    }
}

/// Epochs with fees of an adapter.
#[derive(Debug, Clone, Default)]
pub struct Fees {
    adapter: u64,
    epochs: BTreeMap<u64, EpochFees>,
}

impl Fees {
    /// Reads those of these epochs in which anything was paid, from the blocks in which they ran, and checks seeds against the hashes of
    /// their blocks, sums against the contract's.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose logs contradict each other or the contract.
    pub async fn read(
        view: &View,
        adapter: u64,
        epochs: impl IntoIterator<Item = u64>,
    ) -> anyhow::Result<Self> {
        let (mut fees, mut totals) = (BTreeMap::new(), BTreeMap::new());
        for epoch in epochs.into_iter().collect::<BTreeSet<u64>>() {
            let total = fees_of(view, (epoch, adapter)).await?;
            if total == 0 {
                continue;
            }
            let seed = read_seed(view, epoch).await?;
            let split = read_split(view, epoch).await?;
            fees.insert(epoch, EpochFees::new(adapter, seed, split, total));
            totals.insert(epoch, total);
        }
        let mut read = Self {
            adapter,
            epochs: fees,
        };
        read.visit(view).await?;
        for (epoch, total) in totals {
            let found = read.total(epoch);
            ensure!(
                found == total,
                "the node's events of epoch {epoch} add up to {found} wei for adapter {adapter}, and the contract has {total}: it leaves \
                 events out"
            );
        }
        Ok(read)
    }

    /// Adds up what was recorded.
    async fn visit(&mut self, view: &View) -> anyhow::Result<()> {
        let (Some(first), Some(last)) = (
            self.epochs.keys().next().copied(),
            self.epochs.keys().next_back().copied(),
        ) else {
            return Ok(());
        };
        let blocks = *blocks_of(view, first).await?.start()..=*blocks_of(view, last).await?.end();
        // Of one epoch nothing else is asked for.
        let only = (first == last).then_some(first).and_then(topic);
        let arguments = [only, topic(self.adapter)];
        let adapter = self.adapter;
        let epochs = &mut self.epochs;
        visit_events(view, INFERENCE_ROUTER, &arguments, blocks, |found| {
            let event: &InferenceRouter::FeeRecorded = &found.event;
            let epoch = event.epoch;
            ensure!(
                event.adapter == adapter,
                "the node gives another adapter's fee"
            );
            match epochs.get_mut(&epoch) {
                Some(fees) => fees
                    .add(&found)
                    .with_context(|| format!("the fee log of epoch {epoch} isn't whole")),
                None => Ok(()),
            }
        })
        .await
    }

    /// Epochs with fees, in order.
    pub fn epochs(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.epochs.keys().copied()
    }

    /// What was paid in an epoch, wei.
    pub fn total(&self, epoch: u64) -> u128 {
        self.epochs.get(&epoch).map_or(0, |fees| fees.log.total())
    }

    /// Whether an epoch's seed is drawn.
    pub fn is_drawn(&self, epoch: u64) -> bool {
        self.epochs
            .get(&epoch)
            .is_some_and(|fees| fees.seed.is_some())
    }

    /// The draws of an epoch; `None` before its seed is drawn, or without fees.
    pub fn draws(&self, epoch: u64) -> Option<Draws> {
        let fees = self.epochs.get(&epoch)?;
        Some(Draws {
            seed: fees.seed?,
            adapter: self.adapter,
            log: fees.log.clone(),
        })
    }

    /// Where the entry was recorded that covers a wei of the epoch's log on which a draw falls.
    pub fn recorded(&self, epoch: u64, offset: u128) -> Option<&RecordedFee> {
        let fees = self.epochs.get(&epoch)?;
        fees.recorded.get(fees.log.place_of(offset)?)
    }

    /// Where the first price of an epoch was recorded.
    pub fn first(&self, epoch: u64) -> Option<Place> {
        self.epochs.get(&epoch)?.first
    }

    /// The pot of an epoch, computed from its prices.
    pub fn pot(&self, epoch: u64) -> Pot {
        self.epochs
            .get(&epoch)
            .map_or(Pot::default(), |fees| fees.pot)
    }
}

async fn read_split(view: &View, epoch: u64) -> anyhow::Result<Split> {
    let call = InferenceRouter::splitOfCall { epoch };
    let split = ask(view, INFERENCE_ROUTER, call).await?;
    Ok(Split {
        platform: split.platform,
        model: split.model,
        adapters: split.adapters,
        stakers: split.stakers,
    })
}

/// An epoch's seed, if it is drawn, checked against the hash that it is of.
async fn read_seed(view: &View, epoch: u64) -> anyhow::Result<Option<B256>> {
    let call = EpochSettlement::seedOfCall { epoch };
    let drawn = ask(view, EPOCH_SETTLEMENT, call).await?;
    if drawn == B256::ZERO {
        return Ok(None);
    }
    let closed = closed_in(view, epoch).await?;
    let closed = closed.with_context(|| format!("epoch {epoch} has a seed and isn't closed"))?;
    let follows = async |from: u64| -> anyhow::Result<bool> {
        let number = from.saturating_add(SEED_DELAY);
        Ok(seed(view.node().block_hash(number).await?, epoch) == drawn)
    };
    if follows(closed).await? {
        return Ok(Some(drawn));
    }
    // The hash was lost: the last postponement counts.
    let postponed: Vec<Found<EpochSettlement::SeedPostponed>> =
        events_from(view, EPOCH_SETTLEMENT, &[topic(epoch)], closed).await?;
    let from = postponed
        .last()
        .map_or(closed, |found| found.event.blockNumber);
    ensure!(
        follows(from).await?,
        "the seed of epoch {epoch} is {drawn}, and doesn't follow from the second block after {from}"
    );
    Ok(Some(drawn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn of_many_payments_the_sums_are_kept_and_what_the_draws_fall_on() {
        const PAYMENTS: u64 = 50_000;
        const PRICE: u128 = 1_003;
        let split = Split {
            platform: 500,
            model: 2_000,
            adapters: 2_500,
            stakers: 500,
        };
        let total = u128::from(PAYMENTS) * PRICE;
        let seed = B256::repeat_byte(7);
        let mut fees = EpochFees::new(3, Some(seed), split, total);
        let mut found = Found {
            place: Place::default(),
            transaction: B256::ZERO,
            event: InferenceRouter::FeeRecorded {
                epoch: 9,
                adapter: 3,
                worker: Address::ZERO,
                root: B256::ZERO,
                rootSum: PRICE,
                price: PRICE,
                platformFees: 0,
                end: 0,
            },
        };
        for number in 0..PAYMENTS {
            found.place.block = number;
            found.event.root = B256::from(alloy_primitives::U256::from(number));
            found.event.end += PRICE;
            fees.add(&found).unwrap();
        }
        // One that was left out is noticed.
        found.event.end += 2 * PRICE;
        assert!(fees.add(&found).is_err());
        assert!(fees.log.entries().len() <= DRAWS && !fees.log.entries().is_empty());
        let parts = [200, 250, 50].map(|part| u128::from(PAYMENTS) * part);
        assert_eq!([fees.pot.model, fees.pot.adapters, fees.pot.stakers], parts);
        // Of 1,003 the platform has 50.
        let rest = total - parts.iter().sum::<u128>() - u128::from(PAYMENTS) * 50;
        assert_eq!(fees.pot.contributors, rest);
        let read = Fees {
            adapter: 3,
            epochs: BTreeMap::from([(9, fees)]),
        };
        let draws = read.draws(9).unwrap();
        for i in 0..DRAWS {
            let (offset, entry) = draws.entry(i).unwrap();
            let recorded = read.recorded(9, offset).unwrap();
            assert_eq!(u128::from(recorded.place.block), offset / PRICE);
            assert_eq!(entry.start, offset / PRICE * PRICE);
        }
        assert_eq!(read.total(9), total);
        assert!(read.is_drawn(9) && !read.is_drawn(8) && read.draws(8).is_none());
    }
}
