//! What was paid for an adapter, epoch by epoch, and the seeds of the draws.

use super::{Found, Place, events, topic};
use crate::epoch::{
    draw::{Draws, FeeLog, SEED_DELAY, seed},
    payment::{Pot, portion},
};
use alloy_primitives::B256;
use anyhow::{Context, ensure};
use openledger_client::View;
use openledger_contracts::{EpochSettlement, InferenceRouter};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, INFERENCE_ROUTER};
use std::collections::BTreeMap;

/// How an epoch's prices are divided, basis points; contributors have the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// An epoch's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// The block in which it was closed.
    pub block: u64,
    /// That block's time, seconds.
    pub time: u64,
}

/// A price that was recorded, an entry of the fee log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedFee {
    /// Where.
    pub place: Place,
    /// By which transaction.
    pub transaction: B256,
    /// What was paid, wei, without platform fees.
    pub price: u128,
}

/// Epochs with fees of an adapter.
#[derive(Debug, Clone, Default)]
pub struct Fees {
    /// The fee logs.
    pub logs: BTreeMap<u64, FeeLog>,
    /// Where each of their entries comes from.
    pub recorded: BTreeMap<u64, Vec<RecordedFee>>,
    /// Every epoch's end.
    pub closings: BTreeMap<u64, Closing>,
    /// Seeds that were drawn.
    pub seeds: BTreeMap<u64, B256>,
    /// Every epoch's division of prices.
    pub splits: BTreeMap<u64, Split>,
}

impl Fees {
    /// Reads them, and checks seeds against the hashes of their blocks.
    ///
    /// # Errors
    /// A node that doesn't answer, or whose logs contradict each other.
    pub async fn read(view: &View, adapter: u64) -> anyhow::Result<Self> {
        let mut fees = Self::default();
        fees.read_log(view, adapter).await?;
        let closed: Vec<Found<InferenceRouter::EpochClosed>> =
            events(view, INFERENCE_ROUTER, &[]).await?;
        for Found { event, .. } in closed {
            let closing = Closing {
                block: event.blockNumber,
                time: event.timestamp,
            };
            fees.closings.insert(event.epoch, closing);
        }
        fees.read_splits(view).await?;
        fees.read_seeds(view).await?;
        Ok(fees)
    }

    async fn read_log(&mut self, view: &View, adapter: u64) -> anyhow::Result<()> {
        let recorded: Vec<Found<InferenceRouter::FeeRecorded>> =
            events(view, INFERENCE_ROUTER, &[None, topic(adapter)]).await?;
        for found in recorded {
            let fee = found.event;
            let log = self.logs.entry(fee.epoch).or_default();
            log.push(fee.worker, fee.root, fee.rootSum, fee.price, fee.end)
                .with_context(|| format!("the fee log of epoch {} isn't whole", fee.epoch))?;
            if fee.price > 0 {
                let places = self.recorded.entry(fee.epoch).or_default();
                places.push(RecordedFee {
                    place: found.place,
                    transaction: found.transaction,
                    price: fee.price,
                });
            }
        }
        self.logs.retain(|_, log| log.total() > 0);
        Ok(())
    }

    /// The first epoch began at genesis, without an event.
    async fn read_splits(&mut self, view: &View) -> anyhow::Result<()> {
        let first = super::ask(
            view,
            INFERENCE_ROUTER,
            InferenceRouter::splitOfCall { epoch: 1 },
        )
        .await?;
        let split = Split {
            platform: first.platform,
            model: first.model,
            adapters: first.adapters,
            stakers: first.stakers,
        };
        self.splits.insert(1, split);
        let began: Vec<Found<InferenceRouter::EpochBegan>> =
            events(view, INFERENCE_ROUTER, &[]).await?;
        for Found { event, .. } in began {
            let split = Split {
                platform: event.split.platform,
                model: event.split.model,
                adapters: event.split.adapters,
                stakers: event.split.stakers,
            };
            self.splits.insert(event.epoch, split);
        }
        Ok(())
    }

    async fn read_seeds(&mut self, view: &View) -> anyhow::Result<()> {
        let postponed: Vec<Found<EpochSettlement::SeedPostponed>> =
            events(view, EPOCH_SETTLEMENT, &[]).await?;
        // The last one counts.
        let from: BTreeMap<u64, u64> = postponed
            .iter()
            .map(|found| (found.event.epoch, found.event.blockNumber))
            .collect();
        let drawn: Vec<Found<EpochSettlement::SeedDrawn>> =
            events(view, EPOCH_SETTLEMENT, &[]).await?;
        for Found { event, .. } in drawn {
            let epoch = event.epoch;
            if self.logs.contains_key(&epoch) {
                let closed = self.closings.get(&epoch).map(|closing| closing.block);
                let from = from.get(&epoch).copied().or(closed);
                let number = from
                    .and_then(|block| block.checked_add(SEED_DELAY))
                    .with_context(|| format!("epoch {epoch} has a seed and isn't closed"))?;
                let hash = view.node().block_hash(number).await?;
                ensure!(
                    seed(hash, epoch) == event.seed,
                    "the seed of epoch {epoch} is {}, and doesn't follow from block {number}",
                    event.seed
                );
            }
            self.seeds.insert(epoch, event.seed);
        }
        Ok(())
    }

    /// The draws of an epoch; `None` before its seed is drawn, or without fees.
    pub fn draws(&self, epoch: u64, adapter: u64) -> Option<Draws> {
        Some(Draws {
            seed: *self.seeds.get(&epoch)?,
            adapter,
            log: self.logs.get(&epoch)?.clone(),
        })
    }

    /// The pot of an epoch, computed from its prices.
    ///
    /// # Errors
    /// If the chain doesn't say how the epoch's prices are divided.
    pub fn pot(&self, epoch: u64) -> anyhow::Result<Pot> {
        let split = self
            .splits
            .get(&epoch)
            .with_context(|| format!("epoch {epoch} hasn't begun"))?;
        let mut pot = Pot::default();
        for fee in self.recorded.get(&epoch).into_iter().flatten() {
            split.divide(fee.price, &mut pot);
        }
        Ok(pot)
    }
}
