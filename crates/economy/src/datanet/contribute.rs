//! Contributions: committed to, revealed and settled, through the registry.

use super::fate::{Status, contribution_at};
use crate::contracts::{
    DatanetRegistry,
    datanet_registry::IDatanetRegistry::{Content, Datanet},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, Bytes, U256};
use anyhow::ensure;
use openledger_attribution::contributions::Contribution;
use openledger_client::{IN_FLIGHT_MAX, Node, Progress, Sender, Step, TooMuchGas, event};
use openledger_precompiles::sketch::{
    commitment,
    limits::{REVEAL_DELAY, SETTLE_MAX},
    space,
};
use openledger_primitives::predeploys::DATANET_REGISTRY;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};

/// How often a commitment is made whose time to be revealed ran out. Each costs its bond.
const ATTEMPTS_MAX: u32 = 3;
/// Blocks that are waited for beyond the first in which commitments can be settled.
const SETTLE_PATIENCE: u32 = 64;

/// What is contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The content; its contributor is whoever sends.
    pub content: Contribution,
    /// Where others find the content.
    pub uri: String,
}

/// A contribution that is revealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revealed {
    /// Its number in the Datanet.
    pub contribution: u64,
    /// The file.
    pub path: PathBuf,
    /// Root over its chunks.
    pub data_root: B256,
    /// Its bytes.
    pub size: u64,
    /// Tokens of its canonical stream.
    pub tokens: u64,
    /// The commitment's block.
    pub commit_block: u64,
    /// The commitment's transaction.
    pub commit_transaction: B256,
    /// The reveal's transaction.
    pub reveal_transaction: B256,
}

/// The space of a Datanet.
pub fn space_of(datanet: U256) -> B256 {
    space(DATANET_REGISTRY, datanet.into())
}

/// A Datanet.
///
/// # Errors
/// A node that doesn't answer; a number that no Datanet has.
pub async fn datanet_at(node: &Node, datanet: U256) -> anyhow::Result<Datanet> {
    node.ask(DATANET_REGISTRY, DatanetRegistry::datanetAtCall { datanet })
        .await
}

/// Commits to contributions and reveals them, as the sender's. `permission` is what the Datanet's access rule asks for. With
/// a journal, what an earlier run did is done.
///
/// # Errors
/// What the registry refuses; SKETCH being paused; commitments that could not be revealed in time again and again.
pub async fn commit_and_reveal(
    sender: &mut Sender,
    datanet: U256,
    offers: &[Offer],
    permission: &Bytes,
) -> anyhow::Result<Vec<Revealed>> {
    let info = datanet_at(sender.node(), datanet).await?;
    let mut contributing = Contributing {
        sender,
        datanet,
        bond: U256::from(info.contributionBond),
        permission,
        next_attempt: BTreeMap::new(),
    };
    let drafts: Vec<Draft<'_>> = offers
        .iter()
        .enumerate()
        .map(|(place, offer)| contributing.draft(place, offer))
        .collect();
    let progress = Progress::new(drafts.len(), "contributions revealed");
    let mut revealed = Vec::with_capacity(drafts.len());
    // A wave is small enough to be revealed long before its time runs out.
    for wave in drafts.chunks(IN_FLIGHT_MAX) {
        revealed.extend(contributing.wave(wave).await?);
        wave.iter().for_each(|_| progress.step());
    }
    Ok(revealed)
}

/// Settles a Datanet's contributions up to and with number `last`, committed to in block `last_block` or before, once
/// their time to be revealed is over. What others settle meanwhile is settled.
///
/// # Errors
/// What the registry refuses; commitments that stay unsettled.
pub async fn settle(
    sender: &mut Sender,
    datanet: U256,
    last: u64,
    last_block: u64,
) -> anyhow::Result<()> {
    let mut page = SETTLE_MAX;
    let mut waited = 0;
    loop {
        let settled = datanet_at(sender.node(), datanet).await?.settled;
        if settled > last {
            return Ok(());
        }
        let from = last_block + REVEAL_DELAY.1 + u64::from(waited);
        sender.await_block(from, "clusters are assigned").await?;
        let left = u16::try_from(last - settled + 1).unwrap_or(u16::MAX);
        let call = DatanetRegistry::settleCall {
            datanet,
            max: page.min(left),
        };
        // In the block to come: whether commitments are old enough goes by its number.
        let pending = BlockNumberOrTag::Pending;
        let would = sender
            .node()
            .ask_at(DATANET_REGISTRY, call.clone(), pending)
            .await?;
        if would == 0 {
            ensure!(
                waited < SETTLE_PATIENCE,
                "contribution {settled} of Datanet {datanet} can't be settled though its time is over"
            );
            waited += 1;
            continue;
        }
        let step = Step::call(
            format!("settle/{settled}/{}", call.max),
            DATANET_REGISTRY,
            &call,
        );
        match sender.send(step).await {
            Ok(_) => {}
            Err(error) if error.is::<TooMuchGas>() && page > 1 => page /= 2,
            Err(error) => return Err(error),
        }
    }
}

/// All that a contribution's transactions are made of.
struct Draft<'a> {
    place: usize,
    offer: &'a Offer,
    salt: B256,
    hash: B256,
}

/// A commitment in a block.
#[derive(Debug, Clone, Copy)]
struct Committed {
    /// Which commitment of the draft it is, counted from 0.
    attempt: u32,
    contribution: u64,
    block: u64,
    transaction: B256,
}

struct Contributing<'a> {
    sender: &'a mut Sender,
    datanet: U256,
    bond: U256,
    permission: &'a Bytes,
    /// Of a draft whose commitment was late, the number of the next one.
    next_attempt: BTreeMap<usize, u32>,
}

impl Contributing<'_> {
    fn draft<'a>(&self, place: usize, offer: &'a Offer) -> Draft<'a> {
        let salt = self.sender.salt(place as u64);
        let content = &offer.content;
        let hash = commitment(
            space_of(self.datanet),
            self.sender.account(),
            &content.signature,
            content.data_root,
            salt,
        );
        Draft {
            place,
            offer,
            salt,
            hash,
        }
    }

    /// Commits to a wave and reveals it.
    async fn wave(&mut self, wave: &[Draft<'_>]) -> anyhow::Result<Vec<Revealed>> {
        let mut commitments: BTreeMap<usize, Committed> = BTreeMap::new();
        loop {
            self.commit(wave, &mut commitments).await?;
            let committed: Vec<Committed> = commitments.values().copied().collect();
            let latest = committed.iter().map(|committed| committed.block).max();
            // The reveals are in the block after the newest one, or later.
            let ready = latest.unwrap_or_default() + REVEAL_DELAY.0 - 1;
            self.sender.await_block(ready, "reveals begin").await?;
            let late = self.late(&committed).await?;
            if !late.iter().any(|late| *late) {
                return self.reveal(wave, &committed).await;
            }
            for ((draft, committed), _) in wave
                .iter()
                .zip(&committed)
                .zip(late)
                .filter(|(_, late)| *late)
            {
                ensure!(
                    committed.attempt + 1 < ATTEMPTS_MAX,
                    "a commitment could not be revealed in time {ATTEMPTS_MAX} times, each of which loses its bond: it is not made \
                     again"
                );
                eprintln!(
                    "contribution {} was not revealed in time and loses its bond: committing to it again",
                    committed.contribution
                );
                self.next_attempt.insert(draft.place, committed.attempt + 1);
                commitments.remove(&draft.place);
            }
        }
    }

    /// Commits to those of a wave that aren't in `commitments`.
    async fn commit(
        &mut self,
        wave: &[Draft<'_>],
        commitments: &mut BTreeMap<usize, Committed>,
    ) -> anyhow::Result<()> {
        let mut steps = Vec::new();
        let mut places = Vec::new();
        for draft in wave
            .iter()
            .filter(|draft| !commitments.contains_key(&draft.place))
        {
            // The latest one that an earlier run began, or that is due now.
            let mut attempt = self.next_attempt.get(&draft.place).copied().unwrap_or(0);
            while self
                .sender
                .is_begun(&step_name("commit", draft.place, attempt + 1))
            {
                attempt += 1;
            }
            let call = DatanetRegistry::commitCall {
                datanet: self.datanet,
                h: draft.hash,
                permission: self.permission.clone(),
            };
            let name = step_name("commit", draft.place, attempt);
            steps.push(Step::call(name, DATANET_REGISTRY, &call).paying(self.bond));
            places.push((draft.place, attempt));
        }
        let receipts = self.sender.send_all(steps).await?;
        for ((place, attempt), receipt) in places.into_iter().zip(&receipts) {
            let event = event::<DatanetRegistry::ContributionCommitted>(receipt)?;
            let committed = Committed {
                attempt,
                contribution: event.contribution,
                block: receipt.block(),
                transaction: receipt.transaction_hash,
            };
            commitments.insert(place, committed);
        }
        Ok(())
    }

    /// Which of the commitments are unrevealed and can't be revealed in the next block any more.
    async fn late(&self, committed: &[Committed]) -> anyhow::Result<Vec<bool>> {
        let head = self.sender.node().head().await?;
        let mut late = Vec::with_capacity(committed.len());
        for committed in committed {
            let is_over = head >= committed.block + REVEAL_DELAY.1;
            late.push(is_over && self.status(committed).await? == Status::Committed);
        }
        Ok(late)
    }

    async fn status(&self, committed: &Committed) -> anyhow::Result<Status> {
        let node = self.sender.node();
        Status::of(&contribution_at(node, self.datanet, committed.contribution).await?)
    }

    async fn reveal(
        &mut self,
        wave: &[Draft<'_>],
        committed: &[Committed],
    ) -> anyhow::Result<Vec<Revealed>> {
        let steps = wave.iter().zip(committed).map(|(draft, committed)| {
            let content = &draft.offer.content;
            let call = DatanetRegistry::revealCall {
                datanet: self.datanet,
                contribution: committed.contribution,
                content: Content {
                    dataRoot: content.data_root,
                    salt: draft.salt,
                    words: content.signature,
                    size: content.size,
                    tokens: content.tokens as u64,
                    uri: draft.offer.uri.clone(),
                },
            };
            let name = step_name("reveal", draft.place, committed.attempt);
            Step::call(name, DATANET_REGISTRY, &call)
        });
        let receipts = self.sender.send_all(steps.collect()).await?;
        let mut revealed = Vec::with_capacity(wave.len());
        for ((draft, committed), receipt) in wave.iter().zip(committed).zip(&receipts) {
            ensure!(
                self.status(committed).await? != Status::Excused,
                "contribution {} is not revealed, as SKETCH is paused: its bond comes back when it is settled, and \
                 it can be contributed again (with another --journal) when the pause is over",
                committed.contribution
            );
            let content = &draft.offer.content;
            revealed.push(Revealed {
                contribution: committed.contribution,
                path: content.path.clone(),
                data_root: content.data_root,
                size: content.size,
                tokens: content.tokens as u64,
                commit_block: committed.block,
                commit_transaction: committed.transaction,
                reveal_transaction: receipt.transaction_hash,
            });
        }
        Ok(revealed)
    }
}

fn step_name(what: &str, place: usize, attempt: u32) -> String {
    format!("{what}/{place}/{attempt}")
}
