//! What a juror computes again, and from what.

use super::question::{Question, Subject};
use crate::{
    contracts::{DatanetRegistry, InferenceRouter},
    datanet::contents_of,
    epoch::{
        chain::{Proposal, proposals, proposed_scores},
        pots::{Key, closed_in},
        scores::{Draw, Scores},
    },
    infer::chain::RequestStatus,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use anyhow::{Context, bail};
use openledger_client::{Node, View};
use openledger_precompiles::{SKETCH, sketch::IAttrSketch};
use openledger_primitives::predeploys::{DATANET_REGISTRY, INFERENCE_ROUTER};
use serde::Serialize;

/// What a question is about, as far as the chain has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The set whose parameters and seed project the gradient.
    pub set: SetEvidence,
    /// The row; none for a sketch.
    pub row: Option<RowEvidence>,
    /// The call; none for a row.
    pub call: Option<CallEvidence>,
}

/// A sketch set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetEvidence {
    /// Its number.
    pub set: u64,
    /// Whose it is.
    pub owner: Address,
    /// Its Datanet; zero if it is of none.
    pub datanet: U256,
    /// Root of the data that its rows come from.
    pub data_root: B256,
    /// Entries of a row.
    pub dim: u16,
    /// Its seed.
    pub seed: u64,
    /// Bits behind the point that gradients are rounded to.
    pub frac_bits: i8,
    /// What sums are shifted right by.
    pub shift: u8,
    /// Entries of a column of the projection; 0: all.
    pub sparsity: u8,
    /// Most that a row's squared norm may be.
    pub norm_cap2: u32,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowEvidence {
    /// Which one.
    pub row: u32,
    /// The cluster that it says its data belongs to.
    pub cluster: u32,
    /// The class that it says its data is of.
    pub label: u16,
    /// Its entries.
    pub entries: Bytes,
    /// What began the cluster; none if the Datanet has no such cluster.
    pub contribution: Option<ContributionEvidence>,
}

/// A contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContributionEvidence {
    /// Its number.
    pub contribution: u64,
    /// Root over its chunks.
    pub data_root: B256,
    /// Where its contributor says that it is.
    pub uri: String,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallEvidence {
    /// What names it.
    pub request_id: B256,
    /// Its price, wei.
    pub price: U256,
    /// The sketch in question.
    pub sketch: Bytes,
    /// keccak256 of the hashes of prompt and output; none for a channel's call, whose name binds them.
    pub content_hash: Option<B256>,
}

impl Evidence {
    /// Reads what a question is about; `None` once it was acted on.
    ///
    /// # Errors
    /// A node that doesn't answer, or doesn't have what the question is about.
    pub async fn read(view: &View, question: &Question) -> anyhow::Result<Option<Self>> {
        let Some(subject) = &question.subject else {
            return Ok(None);
        };
        let node = view.node();
        let set = SetEvidence::read(node, question.sketch_set).await?;
        let (row, call) = match subject {
            Subject::Row { row } => (Some(RowEvidence::read(node, &set, *row).await?), None),
            Subject::Sketch { .. } => {
                let (draw, sketch) = shown(view, question).await?;
                let call = CallEvidence {
                    request_id: draw.request_id,
                    price: U256::from(draw.price),
                    sketch,
                    content_hash: content_hash(node, draw.request_id).await?,
                };
                (None, Some(call))
            }
        };
        Ok(Some(Self { set, row, call }))
    }
}

impl SetEvidence {
    async fn read(node: &Node, set: u64) -> anyhow::Result<Self> {
        let header = node
            .ask(SKETCH, IAttrSketch::headerCall { setId: set })
            .await?;
        let call = DatanetRegistry::datanetOfCall {
            space: header.subject,
        };
        Ok(Self {
            set,
            owner: header.owner,
            datanet: node.ask(DATANET_REGISTRY, call).await?,
            data_root: header.dataRoot,
            dim: header.dim,
            seed: header.seed,
            frac_bits: header.fracBits,
            shift: header.shift,
            sparsity: header.sparsity,
            norm_cap2: header.normCap2,
        })
    }

    /// The flags by which `openledger attribution sketch` projects a gradient as the set's rows were. Queries are scaled to no norm.
    pub(super) fn flags(&self, is_row: bool) -> String {
        let mut flags = format!(
            "--dim {} --seed {} --frac-bits {} --shift {} --sparsity {}",
            self.dim, self.seed, self.frac_bits, self.shift, self.sparsity
        );
        if is_row {
            flags.push_str(&format!(" --norm-cap2 {}", self.norm_cap2));
        }
        flags
    }
}

impl RowEvidence {
    async fn read(node: &Node, set: &SetEvidence, row: u32) -> anyhow::Result<Self> {
        let call = IAttrSketch::rowCall {
            setId: set.set,
            r: row,
        };
        let found = node.ask(SKETCH, call).await?;
        Ok(Self {
            row,
            cluster: found.cluster,
            label: found.label,
            entries: found.v,
            contribution: contribution(node, set.datanet, found.cluster).await?,
        })
    }
}

/// What began a cluster.
async fn contribution(
    node: &Node,
    datanet: U256,
    cluster: u32,
) -> anyhow::Result<Option<ContributionEvidence>> {
    if datanet.is_zero() {
        return Ok(None);
    }
    let call = DatanetRegistry::clusterAtCall { datanet, cluster };
    let number = node.ask(DATANET_REGISTRY, call).await?.contribution;
    let content = contents_of(node, datanet).await?.remove(&number);
    Ok(content.map(|content| ContributionEvidence {
        contribution: number,
        data_root: content.dataRoot,
        uri: content.uri,
    }))
}

/// The hash of prompt and output that the router keeps of a fulfilled request.
async fn content_hash(node: &Node, request_id: B256) -> anyhow::Result<Option<B256>> {
    let call = InferenceRouter::requestOfCall {
        requestId: request_id,
    };
    let request = node.ask(INFERENCE_ROUTER, call).await?;
    let is_request = RequestStatus::of(&request) == RequestStatus::Fulfilled;
    Ok(is_request.then_some(request.contentHash))
}

/// The proposals that were made for an epoch of an adapter, in order.
///
/// # Errors
/// A node that doesn't answer; an epoch that isn't over.
pub(super) async fn made_for(view: &View, (epoch, adapter): Key) -> anyhow::Result<Vec<Proposal>> {
    let closed = closed_in(view, epoch).await?;
    let closed = closed.with_context(|| format!("epoch {epoch} isn't over"))?;
    let mut made = proposals(view, Some(epoch), adapter, closed).await?;
    Ok(made.remove(&epoch).unwrap_or_default())
}

/// The draw and the sketch that a question is about: some proposal for the epoch showed them, the newest most likely.
///
/// # Errors
/// A node that doesn't answer, or has no such proposal.
pub(super) async fn shown(view: &View, question: &Question) -> anyhow::Result<(Draw, Bytes)> {
    let Some(Subject::Sketch { hash, .. }) = &question.subject else {
        bail!("question {} isn't about a sketch", question.question);
    };
    let made = made_for(view, (question.epoch, question.adapter)).await?;
    for proposal in made.into_iter().rev() {
        let (transaction, hash_of_all) = (proposal.transaction, proposal.scores_hash);
        let scores = proposed_scores(view.node(), transaction, hash_of_all).await?;
        let scores = Scores::decode(&scores)?;
        let found = scores.draws.into_iter().find_map(|draw| {
            let mut sketches = draw.sketches.iter();
            let sketch = sketches.find(|one| keccak256(one) == *hash)?.clone();
            Some((draw, sketch))
        });
        if let Some(found) = found {
            return Ok(found);
        }
    }
    bail!(
        "the node has no proposal for epoch {} of adapter {} that shows the sketch with hash {hash}",
        question.epoch,
        question.adapter
    )
}
