//! An adapter, as the registry has it: what it was trained on, and what it descends from. None of it changes.

use super::ask;
use crate::epoch::{payment::Trained, scoring::Set};
use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, ensure};
use openledger_attribution::chain::SketchSet;
use openledger_client::View;
use openledger_precompiles::{
    LORA,
    lora::{
        ANCESTORS_MAX,
        ILoraRegistry::{self, Share},
        TRAINS_MAX,
        lineage::{Lineage, Node, Parent},
        royalty::{PPM, Weight, flatten_datanets, royalty_flow},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Kind of a set of gradients: only these are scored with a query.
const KIND_INFLUENCE: u8 = 0;

/// An adapter, with everything behind it.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// Its number.
    pub id: u64,
    /// Its base.
    pub base: u64,
    /// Training entries that are scored, in their order.
    pub trained: Vec<Trained>,
    /// Their sketch sets, with rows.
    pub sets: Vec<Set>,
    /// What it descends from.
    pub lineage: Lineage,
    /// Who registered it and each of its ancestors but the base.
    pub developers: BTreeMap<u64, Address>,
    weights: BTreeMap<u64, Vec<Weight>>,
}

impl Adapter {
    /// Reads an adapter with the rows of its sets, each page proved against the block.
    ///
    /// # Errors
    /// A node that doesn't answer, an adapter that there isn't, sets that aren't what sets are.
    pub async fn read(view: &View, id: u64) -> anyhow::Result<Self> {
        let ancestors = ask(view, LORA, ILoraRegistry::lineageCall { id })
            .await
            .with_context(|| format!("adapter {id}"))?;
        ensure!(
            ancestors.len() <= ANCESTORS_MAX,
            "adapter {id} has {} ancestors, more than an adapter can have",
            ancestors.len()
        );
        let (mut nodes, mut developers, mut weights) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut own = None;
        for node in ancestors.into_iter().chain([id]) {
            let registered = ask(view, LORA, ILoraRegistry::getCall { id: node })
                .await?
                .adapter;
            nodes.insert(node, node_of(node, &registered));
            if registered.base != node {
                developers.insert(node, registered.developer);
            }
            weights.insert(node, weights_of(&registered));
            if node == id {
                own = Some(registered);
            }
        }
        let own = own.context("the adapter itself is among the nodes")?;
        ensure!(
            own.base != id && own.train.len() <= TRAINS_MAX,
            "{id} is a base, or has more training entries than an adapter can have"
        );
        let (trained, sets) = scored(view, &own).await?;
        let start = nodes.get(&id).cloned().unwrap_or_default();
        Ok(Self {
            id,
            base: own.base,
            trained,
            sets,
            lineage: Lineage::read(id, start, &mut nodes)?,
            developers,
            weights,
        })
    }

    /// The spaces of the Datanets that it was trained on and is scored by.
    pub fn spaces(&self) -> BTreeSet<B256> {
        self.trained.iter().map(|trained| trained.space).collect()
    }

    /// How a residue is divided: spaces with their wei, in order, the last one with what rounding left.
    pub fn residue_parts(&self, residue: u128) -> Vec<(B256, u128)> {
        let flow = royalty_flow(&self.lineage, U256::from(PPM)).unwrap_or_default();
        let parts = flatten_datanets(&flow, &self.weights);
        let mut left = residue;
        let last = parts.len().saturating_sub(1);
        parts
            .into_iter()
            .enumerate()
            .map(|(place, (space, ppm))| {
                let part = U256::from(residue) * U256::from(ppm) / U256::from(PPM);
                let amount = if place == last {
                    left
                } else {
                    // At most the whole.
                    part.saturating_to::<u128>().min(left)
                };
                left -= amount;
                (space, amount)
            })
            .collect()
    }
}

fn node_of(id: u64, registered: &ILoraRegistry::Adapter) -> Node {
    let parent = |share: &Share| Parent {
        id: share.id,
        rel_bps: share.relBps,
    };
    Node {
        abs_bps: registered.absBps,
        base: (registered.base != id).then_some(registered.base),
        parents: registered.parents.iter().map(parent).collect(),
    }
}

fn weights_of(registered: &ILoraRegistry::Adapter) -> Vec<Weight> {
    let weight = |train: &ILoraRegistry::Train| Weight {
        datanet: train.datanet,
        weight_bps: train.weightBps,
    };
    registered.train.iter().map(weight).collect()
}

/// The training entries that have a set of gradients, with the sets.
async fn scored(
    view: &View,
    registered: &ILoraRegistry::Adapter,
) -> anyhow::Result<(Vec<Trained>, Vec<Set>)> {
    let (mut trained, mut sets) = (Vec::new(), Vec::new());
    for train in &registered.train {
        if train.sketchSet == 0 {
            continue;
        }
        if SketchSet::header(view, train.sketchSet).await?.header.kind != KIND_INFLUENCE {
            continue;
        }
        let set = SketchSet::read(view, train.sketchSet).await?;
        trained.push(Trained {
            set: train.sketchSet,
            space: train.datanet,
            weight_bps: train.weightBps,
        });
        sets.push(Set {
            id: train.sketchSet,
            dim: set.header.dim,
            lambda: set.header.lambda,
            records: set.records().to_vec(),
        });
    }
    Ok((trained, sets))
}
