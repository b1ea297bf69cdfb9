//! What the chain did.

use super::{Play, cast::Cast, epochs, inference, inference::Payer, served::Served};
use crate::{
    data::Settled,
    world::{CONTRIBUTORS, Contribution, Request},
};
use alloy_primitives::{B256, U256};
use anyhow::Context;
use openledger_contracts::EpochSettlement;
use openledger_economy::epoch::{pots::Key, propose::Draft, scores::SetResult};
use openledger_primitives::predeploys::EPOCH_SETTLEMENT;
use std::{collections::BTreeMap, path::Path};

/// What the chain did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the first Datanet's contributors were paid for each epoch of the first adapter, wei, before the Datanet's owner's part.
    pub(crate) paid: Vec<u128>,
    /// The same for the derived adapter.
    pub(crate) derived_paid: Vec<u128>,
    /// What the first adapter's developer got of the derived adapter's royalties, wei.
    pub(crate) parent_royalty: u128,
    /// Results of the first adapter's epochs.
    pub(crate) results: Vec<SetResult>,
    /// The first adapter's requests that were drawn, by epoch.
    pub(crate) drawn: Vec<Vec<Request>>,
    /// Their sketches, as the chain has them.
    pub(crate) sketches: Vec<Vec<Vec<u8>>>,
    /// The seed of the first adapter's set.
    pub(crate) set_seed: u64,
    /// What the first adapter's epochs' pools were, wei.
    pub(crate) pools: Vec<u128>,
    /// What was contributed to the first Datanet, in the order of the chain's commitments.
    pub(crate) contributions: Vec<Contribution>,
    /// The clusters, as the chain settled them.
    pub(crate) settled: Settled,
    /// What everybody claimed, by name.
    pub(crate) claims: Vec<(String, U256)>,
    /// Calls that were paid by vouchers.
    pub(crate) calls: usize,
    /// Who refuted the dishonest proposal.
    pub(crate) refuted_by: String,
    /// The last line of `openledger epoch verify`.
    pub(crate) verified: String,
    /// Epochs of adapters that were settled.
    pub(crate) settlements: usize,
    /// Number and hash of the chain's last block here.
    pub(crate) last_block: (u64, B256),
    /// The verifier's hash of that block.
    pub(crate) verifier_hash: B256,
}

/// What happened in the epochs.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Epochs of the first adapter.
    pub(super) epochs: Vec<u64>,
    /// Of both.
    pub(super) keys: Vec<Key>,
    pub(super) drafts: Vec<Draft>,
    pub(super) asked: Vec<Request>,
    pub(super) by_id: BTreeMap<B256, Request>,
    pub(super) calls: usize,
    pub(super) refuted_by: String,
}

impl Record {
    /// Finds which request each of the worker's calls was.
    pub(super) fn prompts(&mut self, calls: &Path, payers: &[Payer]) -> anyhow::Result<()> {
        let channels: Vec<B256> = payers.iter().map(|payer| payer.id).collect();
        self.by_id = inference::prompts(calls, &channels, &self.asked)?;
        Ok(())
    }

    /// The requests that were drawn, by epoch.
    fn drawn(&self) -> anyhow::Result<Vec<Vec<Request>>> {
        let requests = |draft: &Draft| {
            let shown = draft.scores.draws.iter().filter(|draw| draw.is_shown());
            let found = shown.map(|draw| {
                let request = self.by_id.get(&draw.request_id).copied();
                request.with_context(|| format!("nobody asked for {}", draw.request_id))
            });
            found.collect::<anyhow::Result<Vec<_>>>()
        };
        self.drafts.iter().map(requests).collect()
    }

    /// Their sketches.
    fn sketches(&self) -> Vec<Vec<Vec<u8>>> {
        let sketches = |draft: &Draft| {
            let shown = draft.scores.draws.iter();
            shown
                .filter_map(|draw| Some(draw.sketches.first()?.to_vec()))
                .collect()
        };
        self.drafts.iter().map(sketches).collect()
    }
}

impl Play<'_> {
    /// What the chain paid, by its events.
    pub(super) async fn outcome(
        &self,
        cast: &Cast,
        served: &Served,
        record: Record,
    ) -> anyhow::Result<Outcome> {
        let (mut paid, mut derived_paid) = (vec![0u128; CONTRIBUTORS], vec![0u128; CONTRIBUTORS]);
        let all: Vec<EpochSettlement::ClusterPaid> =
            epochs::events(&self.node, EPOCH_SETTLEMENT).await?;
        for event in all {
            let who = cast
                .contributor(event.owner)
                .with_context(|| format!("{} is no contributor", event.owner))?;
            let sums = if event.adapter == served.adapter {
                &mut paid
            } else {
                &mut derived_paid
            };
            sums[who] += event.paid.saturating_to::<u128>();
        }
        let royalties: Vec<EpochSettlement::RoyaltyPaid> =
            epochs::events(&self.node, EPOCH_SETTLEMENT).await?;
        let to_parent = royalties
            .iter()
            .filter(|paid| (paid.adapter, paid.id) == (served.derived, served.adapter));
        let parent_royalty: U256 = to_parent.map(|paid| paid.amount).sum();
        let mut pools = Vec::new();
        for epoch in &record.epochs {
            let call = EpochSettlement::settlementOfCall {
                epoch: *epoch,
                adapter: served.adapter,
            };
            let settled = self.node.ask(EPOCH_SETTLEMENT, call).await?;
            pools.push(settled.pool);
        }
        let results = record
            .drafts
            .iter()
            .filter_map(|draft| draft.results.first().cloned());
        let results = results.collect();
        let head = self.node.head().await?;
        Ok(Outcome {
            paid,
            derived_paid,
            parent_royalty: parent_royalty.saturating_to(),
            results,
            drawn: record.drawn()?,
            sketches: record.sketches(),
            set_seed: served.service.seed(),
            pools,
            contributions: Vec::new(),
            settled: Settled::default(),
            claims: Vec::new(),
            calls: record.calls,
            refuted_by: record.refuted_by.clone(),
            verified: String::new(),
            settlements: record.keys.len(),
            last_block: (head, self.node.block_hash(head).await?),
            verifier_hash: B256::ZERO,
        })
    }
}
