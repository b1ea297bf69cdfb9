//! Datanets: created, contributed to by commit and reveal, settled into clusters, reviewed.

use super::{actor::Actor, cast::Cast};
use crate::{data::Document, world::Contribution};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, uint};
use alloy_sol_types::{SolEvent, SolValue};
use anyhow::{Context, ensure};
use futures::future::try_join_all;
use openledger_client::{Node, event};
use openledger_contracts::{
    ClusterReview, DatanetRegistry,
    cluster_review::IClusterReview::Review,
    datanet_registry::IDatanetRegistry::{Content, Terms},
};
use openledger_precompiles::{
    merkle,
    sketch::{self, limits::REVEAL_DELAY},
};
use openledger_primitives::predeploys::{CLUSTER_REVIEW, DATANET_REGISTRY};
use std::{collections::BTreeMap, time::Duration};

/// A Datanet's bond and a contribution's, as the local chain's parameters have them.
const DATANET_BOND: U256 = uint!(1_000_000_000_000_000_000_U256);
const CONTRIBUTION_BOND: u128 = 10_000_000_000_000_000;
/// Hundredths of a percent of what clusters earn that the Datanet's owner keeps.
const OWNER_BPS: u16 = 500;
/// Tables.
const TABLE: u8 = 1;
/// What everybody may contribute to.
const PUBLIC: u8 = 0;
/// Most commitments that a transaction settles.
const SETTLE_PAGE: u16 = 16;
/// The score that validators give what has the form that the Datanet asks for. Worth is what the epochs measure.
const REVIEW_SCORE: u8 = 80;
/// The states of a review whose panel isn't drawn yet, and of one that is decided.
const WAITING: u8 = 1;
const DECIDED: u8 = 3;
/// The licence of the data, and of adapters trained on it.
pub(crate) const LICENCE: B256 = B256::repeat_byte(0x1c);
/// How often the chain is asked whether a block or second has come.
const POLL: Duration = Duration::from_millis(100);

/// A file, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Contributor and account.
    pub(crate) from: (usize, usize),
    /// It.
    pub(crate) document: Document,
}

impl File {
    /// The file of a contribution.
    pub(crate) fn new(contribution: &Contribution) -> anyhow::Result<Self> {
        Ok(Self {
            from: (contribution.contributor, contribution.account),
            document: Document::new(contribution)?,
        })
    }
}

/// A Datanet on the chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Datanet {
    /// Its number.
    pub(crate) number: U256,
    /// Its space.
    pub(crate) space: B256,
}

/// A contribution that is committed to.
struct Committed<'a> {
    file: &'a File,
    number: u64,
    block: u64,
    salt: B256,
}

/// Creates a Datanet.
pub(crate) async fn create(owner: &Actor, uri: &str) -> anyhow::Result<Datanet> {
    let call = DatanetRegistry::createCall {
        terms: Terms {
            dataType: TABLE,
            access: PUBLIC,
            ownerBps: OWNER_BPS,
            contributionBond: CONTRIBUTION_BOND,
            licence: LICENCE,
            allowRoot: B256::ZERO,
            checker: Address::ZERO,
            adapterLicences: Vec::new(),
            reviewers: Vec::new(),
        },
        uri: uri.to_owned(),
    };
    let receipt = owner.pay(DATANET_REGISTRY, &call, DATANET_BOND).await?;
    let created = event::<DatanetRegistry::DatanetCreated>(&receipt)?;
    Ok(Datanet {
        number: created.datanet,
        space: created.space,
    })
}

/// Contributes files, each account its own, and answers the block of the last commitment and the number of each. All of a wave are committed to before
/// the first of the next one, so that who copies comes later.
pub(crate) async fn contribute(
    cast: &Cast,
    datanet: &Datanet,
    waves: &[Vec<File>],
) -> anyhow::Result<(u64, Vec<u64>)> {
    let mut all = Vec::new();
    for wave in waves {
        all.extend(commit(cast, datanet, wave).await?);
    }
    let last = all
        .iter()
        .map(|committed| committed.block)
        .max()
        .unwrap_or_default();
    await_block(cast.council.node(), last + REVEAL_DELAY.0).await?;
    reveal(cast, datanet, &all).await?;
    Ok((
        last,
        all.into_iter().map(|committed| committed.number).collect(),
    ))
}

/// Files by the account that they come from.
fn by_account<T>(
    items: impl Iterator<Item = ((usize, usize), T)>,
) -> BTreeMap<(usize, usize), Vec<T>> {
    let mut all: BTreeMap<_, Vec<T>> = BTreeMap::new();
    for (account, item) in items {
        all.entry(account).or_default().push(item);
    }
    all
}

async fn commit<'a>(
    cast: &Cast,
    datanet: &Datanet,
    files: &'a [File],
) -> anyhow::Result<Vec<Committed<'a>>> {
    let mut files_of = by_account(
        files
            .iter()
            .enumerate()
            .map(|(place, file)| (file.from, (place, file))),
    );
    let sent = cast.contributors.iter().map(|(account, actor)| {
        let mine = files_of.remove(account).unwrap_or_default();
        async move {
            let mut committed = Vec::new();
            for (place, file) in mine {
                committed.push((place, commit_one(actor, datanet, file).await?));
            }
            anyhow::Ok(committed)
        }
    });
    let mut committed: Vec<_> = try_join_all(sent).await?.into_iter().flatten().collect();
    committed.sort_unstable_by_key(|(place, _)| *place);
    Ok(committed
        .into_iter()
        .map(|(_, committed)| committed)
        .collect())
}

async fn commit_one<'a>(
    actor: &Actor,
    datanet: &Datanet,
    file: &'a File,
) -> anyhow::Result<Committed<'a>> {
    // Nobody but the account can know it.
    let salt = keccak256([actor.key().to_bytes().as_slice(), &file.document.bytes].concat());
    let h = sketch::commitment(
        datanet.space,
        actor.address(),
        &file.document.signature,
        data_root(&file.document.bytes),
        salt,
    );
    let call = DatanetRegistry::commitCall {
        datanet: datanet.number,
        h,
        permission: Bytes::new(),
    };
    let bond = U256::from(CONTRIBUTION_BOND);
    let receipt = actor.pay(DATANET_REGISTRY, &call, bond).await?;
    let committed = event::<DatanetRegistry::ContributionCommitted>(&receipt)?;
    Ok(Committed {
        file,
        number: committed.contribution,
        block: receipt.block(),
        salt,
    })
}

async fn reveal(cast: &Cast, datanet: &Datanet, committed: &[Committed<'_>]) -> anyhow::Result<()> {
    let mut of = by_account(committed.iter().map(|c| (c.file.from, c)));
    let sent = cast.contributors.iter().map(|(account, actor)| {
        let mine = of.remove(account).unwrap_or_default();
        async move {
            for committed in mine {
                let call = DatanetRegistry::revealCall {
                    datanet: datanet.number,
                    contribution: committed.number,
                    content: Content {
                        dataRoot: data_root(&committed.file.document.bytes),
                        salt: committed.salt,
                        words: committed.file.document.signature,
                        size: committed.file.document.bytes.len() as u64,
                        tokens: committed.file.document.tokens as u64,
                        uri: format!("demo:table/{}", committed.number),
                    },
                };
                actor.call(DATANET_REGISTRY, &call).await?;
            }
            anyhow::Ok(())
        }
    });
    try_join_all(sent).await?;
    Ok(())
}

/// Merkle root over a file's chunks of 64 KiB.
fn data_root(bytes: &[u8]) -> B256 {
    let leaves: Vec<B256> = (0u64..)
        .zip(bytes.chunks(1 << 16))
        .map(|(number, chunk)| merkle::leaf(number, chunk))
        .collect();
    // No file is empty.
    merkle::root(&leaves).unwrap_or_default()
}

/// What became of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// A cluster of its own.
    Cluster(u32),
    /// Another's data.
    Duplicate,
}

/// Settles all contributions once that can be, and answers what became of each when that is in sealed blocks.
pub(crate) async fn settle(
    actor: &Actor,
    datanet: &Datanet,
    last_block: u64,
) -> anyhow::Result<Vec<Settled>> {
    await_block(actor.node(), last_block + REVEAL_DELAY.1 + 1).await?;
    let mut outcomes = BTreeMap::new();
    let mut last_settled = 0;
    loop {
        let call = DatanetRegistry::settleCall {
            datanet: datanet.number,
            max: SETTLE_PAGE,
        };
        let receipt = actor.call(DATANET_REGISTRY, &call).await?;
        last_settled = last_settled.max(receipt.block());
        let before = outcomes.len();
        for log in &receipt.logs {
            if let Ok(settled) = DatanetRegistry::ContributionSettled::decode_log(&log.inner) {
                outcomes
                    .entry(settled.contribution)
                    .or_insert(Settled::Duplicate);
            }
            if let Ok(created) = DatanetRegistry::ClusterCreated::decode_log(&log.inner) {
                outcomes.insert(created.contribution, Settled::Cluster(created.cluster));
            }
        }
        if outcomes.len() == before {
            break;
        }
    }
    await_block(actor.node(), last_settled).await?;
    Ok(outcomes.into_values().collect())
}

/// Reviews all clusters: panels are drawn, commit, reveal, and the outcomes become final. The validators look at the form
/// alone, which copies and junk have, too.
pub(crate) async fn review(cast: &Cast, datanet: &Datanet, clusters: u32) -> anyhow::Result<()> {
    let node = cast.council.node();
    let all: Vec<u32> = (0..clusters).collect();
    await_state(
        node,
        datanet,
        &all,
        "panels can be drawn",
        |review, head, _| review.status == WAITING && head > review.drawBlock.to::<u64>(),
    )
    .await?;
    each_cluster(cast, &all, async |actor: &Actor, cluster: u32| {
        let call = ClusterReview::drawPanelCall {
            datanet: datanet.number,
            cluster,
        };
        actor.call(CLUSTER_REVIEW, &call).await.map(drop)
    })
    .await?;
    let panels = panels(node, datanet, &all).await?;
    vote(cast, datanet, &panels, false).await?;
    vote(cast, datanet, &panels, true).await?;
    each_cluster(cast, &all, async |actor: &Actor, cluster: u32| {
        let call = ClusterReview::closeReviewCall {
            datanet: datanet.number,
            cluster,
        };
        actor.call(CLUSTER_REVIEW, &call).await.map(drop)
    })
    .await?;
    Ok(())
}

/// Makes reviews final that are decided and that nobody appealed against.
pub(crate) async fn finish_reviews(
    cast: &Cast,
    datanet: &Datanet,
    clusters: u32,
) -> anyhow::Result<()> {
    let node = cast.council.node();
    let all: Vec<u32> = (0..clusters).collect();
    await_state(
        node,
        datanet,
        &all,
        "appeals are over",
        |review, _, time| review.status == DECIDED && time > review.until.to::<u64>(),
    )
    .await?;
    each_cluster(cast, &all, async |actor: &Actor, cluster: u32| {
        let call = ClusterReview::finalizeReviewCall {
            datanet: datanet.number,
            cluster,
        };
        actor.call(CLUSTER_REVIEW, &call).await.map(drop)
    })
    .await
}

/// Calls for each cluster once, the work divided among the validators.
async fn each_cluster(
    cast: &Cast,
    clusters: &[u32],
    act: impl AsyncFn(&Actor, u32) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let hands = cast.validators.len();
    let (act, work) = (&act, clusters);
    let shares = cast
        .validators
        .iter()
        .enumerate()
        .map(|(first, validator)| async move {
            for cluster in work.iter().skip(first).step_by(hands) {
                act(validator, *cluster).await?;
            }
            anyhow::Ok(())
        });
    try_join_all(shares).await?;
    Ok(())
}

/// Each cluster's panel in its first round.
async fn panels(
    node: &Node,
    datanet: &Datanet,
    clusters: &[u32],
) -> anyhow::Result<Vec<(u32, Vec<Address>)>> {
    let mut panels = Vec::new();
    for cluster in clusters {
        let of = ClusterReview::roundOfCall {
            datanet: datanet.number,
            cluster: *cluster,
            round: 0,
        };
        let open = BlockNumberOrTag::Pending;
        let round = node.ask_at(CLUSTER_REVIEW, of, open).await?;
        let panel = ClusterReview::panelOfCall { round };
        let panel = node.ask_at(CLUSTER_REVIEW, panel, open).await?;
        ensure!(!panel.is_empty(), "cluster {cluster} has no panel");
        panels.push((*cluster, panel));
    }
    Ok(panels)
}

/// Each validator commits to its reviews, or reveals them.
async fn vote(
    cast: &Cast,
    datanet: &Datanet,
    panels: &[(u32, Vec<Address>)],
    revealing: bool,
) -> anyhow::Result<()> {
    let votes = cast.validators.iter().map(|validator| async move {
        let me = validator.address();
        for (cluster, _) in panels.iter().filter(|(_, panel)| panel.contains(&me)) {
            // Known to the validator alone.
            let salt =
                keccak256((validator.key().to_bytes(), datanet.space, *cluster).abi_encode());
            if revealing {
                let call = ClusterReview::revealReviewCall {
                    datanet: datanet.number,
                    cluster: *cluster,
                    reviewer: me,
                    score: REVIEW_SCORE,
                    salt,
                };
                validator.call(CLUSTER_REVIEW, &call).await?;
            } else {
                let call = ClusterReview::commitReviewCall {
                    datanet: datanet.number,
                    cluster: *cluster,
                    reviewer: me,
                    choice: keccak256((me, U256::from(REVIEW_SCORE), salt).abi_encode()),
                    signature: Bytes::new(),
                };
                validator.call(CLUSTER_REVIEW, &call).await?;
            }
        }
        anyhow::Ok(())
    });
    try_join_all(votes).await?;
    Ok(())
}

/// Waits until a review of each cluster is in a state, given the number and time of the newest block.
async fn await_state(
    node: &Node,
    datanet: &Datanet,
    clusters: &[u32],
    what: &str,
    is_there: impl Fn(&Review, u64, u64) -> bool,
) -> anyhow::Result<()> {
    for cluster in clusters {
        let call = ClusterReview::reviewOfCall {
            datanet: datanet.number,
            cluster: *cluster,
        };
        loop {
            let review = node
                .ask(CLUSTER_REVIEW, call.clone())
                .await
                .context(what.to_owned())?;
            if is_there(&review, node.head().await?, node.time().await?) {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// Waits until a block is sealed.
pub(crate) async fn await_block(node: &Node, number: u64) -> anyhow::Result<()> {
    while node.head().await? < number {
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Waits until a sealed block has at least this timestamp.
pub(crate) async fn await_time(node: &Node, time: u64) -> anyhow::Result<()> {
    while node.time().await? < time {
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
