//! What the protocol owes an account, wherever it waits.

use crate::{
    contracts::{ClaimVault, DatanetRegistry, EpochSettlement, InferenceRouter, ValidatorStaking},
    stake::Role,
};
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use anyhow::ensure;
use openledger_client::{Node, Progress};
use openledger_primitives::predeploys::{
    CLAIM_VAULT, DATANET_REGISTRY, EPOCH_SETTLEMENT, INFERENCE_ROUTER, VALIDATOR_STAKING,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Most addresses in one line of rotations that are looked at.
const PLACES_MAX: usize = 1_024;
/// Most clusters, stakes, and epochs of adapters of an account that are looked at, each.
const WAITING_MAX: usize = 1 << 18;

/// What an account is owed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owed {
    /// The account.
    pub account: Address,
    /// Who holds its place, and is paid.
    pub holder: Address,
    /// What the vault owes the holder, wei.
    pub claimable: U256,
    /// Dividends of clusters, not credited yet.
    pub shares: Vec<ClusterShare>,
    /// Rewards of stake, not credited yet.
    pub rewards: Vec<StakeReward>,
    /// What workers are held for.
    pub holds: Vec<Hold>,
}

/// Dividends of a cluster, for those who owned it when they were distributed: mostly, but not always, the account alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterShare {
    /// The Datanet.
    pub datanet: U256,
    /// The cluster.
    pub cluster: u32,
    /// Wei.
    pub amount: U256,
}

/// Rewards of stake, and commission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StakeReward {
    /// The operator's role.
    pub role: Role,
    /// The operator.
    pub operator: Address,
    /// Whose stake it is: the account, or one whose place it holds.
    pub account: Address,
    /// Wei, commission included.
    pub amount: U256,
}

/// A worker's part of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The epoch.
    pub epoch: u64,
    /// The adapter.
    pub adapter: u64,
    /// The worker: the account, or one whose place it holds.
    pub worker: Address,
    /// Wei.
    pub amount: U256,
    /// Whether the epoch is settled, so that it can be released.
    pub is_payable: bool,
}

impl Owed {
    /// All that can be paid now, wei. Of a cluster's dividends a part may be an earlier owner's.
    pub fn payable(&self) -> U256 {
        let shares = self.shares.iter().map(|share| share.amount);
        let rewards = self.rewards.iter().map(|reward| reward.amount);
        let holds = self.holds.iter().filter(|hold| hold.is_payable);
        let waiting = shares.chain(rewards).chain(holds.map(|hold| hold.amount));
        waiting.fold(self.claimable, U256::saturating_add)
    }
}

/// What an account is owed, by the node's logs and the contracts' state.
///
/// # Errors
/// A node that doesn't answer.
pub async fn owed(node: &Node, account: Address) -> anyhow::Result<Owed> {
    let holder = node
        .ask(CLAIM_VAULT, ClaimVault::holderOfCall { account })
        .await?;
    let claimable = node
        .ask(CLAIM_VAULT, ClaimVault::claimableCall { payee: account })
        .await?;
    let head = node.head().await?;
    let places = places(node, account, head).await?;
    Ok(Owed {
        account,
        holder,
        claimable,
        shares: shares(node, &places, head).await?,
        rewards: rewards(node, &places, head).await?,
        holds: holds(node, &places, head).await?,
    })
}

/// The account and the addresses that gave their places to it, the account first.
async fn places(node: &Node, account: Address, head: u64) -> anyhow::Result<Vec<Address>> {
    let mut places = vec![account];
    let mut last = account;
    loop {
        let filter = Filter::new()
            .address(CLAIM_VAULT)
            .event_signature(ClaimVault::Rotated::SIGNATURE_HASH)
            .topic2(last.into_word());
        // Each address takes one place at most.
        let mut giver = None;
        node.visit_logs(&filter, 0..=head, |log| {
            giver.get_or_insert(ClaimVault::Rotated::decode_log(&log.inner)?.from);
            Ok(())
        })
        .await?;
        let Some(from) = giver else {
            return Ok(places);
        };
        last = from;
        ensure!(
            places.len() < PLACES_MAX && !places.contains(&last),
            "the node answers a line of rotations without an end"
        );
        places.push(last);
    }
}

/// Dividends of the clusters that these addresses own or owned.
async fn shares(node: &Node, places: &[Address], head: u64) -> anyhow::Result<Vec<ClusterShare>> {
    let mut clusters = BTreeSet::new();
    let created = Filter::new()
        .address(DATANET_REGISTRY)
        .event_signature(DatanetRegistry::ClusterCreated::SIGNATURE_HASH);
    // The owner isn't indexed.
    node.visit_logs(&created, 0..=head, |log| {
        let event = DatanetRegistry::ClusterCreated::decode_log(&log.inner)?;
        if places.contains(&event.owner) {
            insert(&mut clusters, (event.datanet, event.cluster), "clusters")?;
        }
        Ok(())
    })
    .await?;
    let reassigned = Filter::new()
        .address(DATANET_REGISTRY)
        .event_signature(DatanetRegistry::ClusterReassigned::SIGNATURE_HASH)
        .topic3(topics(places));
    node.visit_logs(&reassigned, 0..=head, |log| {
        let event = DatanetRegistry::ClusterReassigned::decode_log(&log.inner)?;
        insert(&mut clusters, (event.datanet, event.cluster), "clusters")
    })
    .await?;
    let progress = Progress::new(clusters.len(), "clusters looked at");
    let mut shares = Vec::new();
    for (datanet, cluster) in clusters {
        let call = DatanetRegistry::sharesOfCall { datanet, cluster };
        let amount = node.ask(DATANET_REGISTRY, call).await?;
        progress.step();
        if !amount.is_zero() {
            shares.push(ClusterShare {
                datanet,
                cluster,
                amount,
            });
        }
    }
    Ok(shares)
}

/// Rewards of the stake that these addresses have anywhere.
async fn rewards(node: &Node, places: &[Address], head: u64) -> anyhow::Result<Vec<StakeReward>> {
    let delegated = Filter::new()
        .address(VALIDATOR_STAKING)
        .event_signature(ValidatorStaking::Delegated::SIGNATURE_HASH)
        .topic3(topics(places));
    let mut positions = BTreeSet::new();
    node.visit_logs(&delegated, 0..=head, |log| {
        let event = ValidatorStaking::Delegated::decode_log(&log.inner)?;
        let position = (Role::try_from(event.role)?, event.operator, event.account);
        insert(&mut positions, position, "stakes")
    })
    .await?;
    let mut rewards = Vec::new();
    for (role, operator, account) in positions {
        let call = ValidatorStaking::positionOfCall {
            role: role.number(),
            operator,
            account,
        };
        let mut amount = node.ask(VALIDATOR_STAKING, call).await?.rewards;
        if operator == account {
            let call = ValidatorStaking::poolOfCall {
                role: role.number(),
                operator,
            };
            let pool = node.ask(VALIDATOR_STAKING, call).await?;
            amount = amount.saturating_add(pool.commission);
        }
        if !amount.is_zero() {
            rewards.push(StakeReward {
                role,
                operator,
                account,
                amount,
            });
        }
    }
    Ok(rewards)
}

/// What these addresses are held for as workers, who may have served millions of times: nothing before the block in which the first of
/// them became a worker, and nothing for those who never did.
async fn holds(node: &Node, places: &[Address], head: u64) -> anyhow::Result<Vec<Hold>> {
    let Some(first) = worker_since(node, places, head).await? else {
        return Ok(Vec::new());
    };
    let recorded = Filter::new()
        .address(INFERENCE_ROUTER)
        .event_signature(InferenceRouter::FeeRecorded::SIGNATURE_HASH)
        .topic3(topics(places));
    let mut served = BTreeSet::new();
    node.visit_logs(&recorded, first..=head, |log| {
        let event = InferenceRouter::FeeRecorded::decode_log(&log.inner)?;
        let served_in = (event.epoch, event.adapter, event.worker);
        insert(&mut served, served_in, "epochs of adapters")
    })
    .await?;
    let progress = Progress::new(served.len(), "epochs of adapters looked at");
    let current = node
        .ask(INFERENCE_ROUTER, InferenceRouter::currentEpochCall {})
        .await?;
    let mut holds = Vec::new();
    for (epoch, adapter, worker) in served {
        let call = InferenceRouter::heldOfCall {
            epoch,
            adapter,
            worker,
        };
        let amount = node.ask(INFERENCE_ROUTER, call).await?;
        progress.step();
        if amount == 0 {
            continue;
        }
        let fees = InferenceRouter::feesOfCall { epoch, adapter };
        let is_payable = epoch < current
            && (node.ask(INFERENCE_ROUTER, fees).await? == 0
                || node
                    .ask(
                        EPOCH_SETTLEMENT,
                        EpochSettlement::isSettledCall { epoch, adapter },
                    )
                    .await?);
        holds.push(Hold {
            epoch,
            adapter,
            worker,
            amount: U256::from(amount),
            is_payable,
        });
    }
    Ok(holds)
}

/// The block in which the first of these addresses became a worker; `None` if none did.
async fn worker_since(node: &Node, places: &[Address], head: u64) -> anyhow::Result<Option<u64>> {
    let registered = Filter::new()
        .address(VALIDATOR_STAKING)
        .event_signature(ValidatorStaking::Registered::SIGNATURE_HASH)
        .topic1(U256::from(Role::Worker.number()))
        .topic2(topics(places));
    let mut since = None;
    node.visit_logs(&registered, 0..=head, |log| {
        since = since.or(log.block_number);
        Ok(())
    })
    .await?;
    Ok(since)
}

/// Takes note of something that is looked at later.
fn insert<T: Ord>(all: &mut BTreeSet<T>, one: T, what: &str) -> anyhow::Result<()> {
    all.insert(one);
    ensure!(
        all.len() <= WAITING_MAX,
        "the account has more than {WAITING_MAX} {what}"
    );
    Ok(())
}

/// Addresses as topics.
fn topics(places: &[Address]) -> Vec<B256> {
    places.iter().map(Address::into_word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_paid_is_the_sum_of_what_is_settled() {
        let hold = |amount: u64, is_payable| Hold {
            epoch: 1,
            adapter: 2,
            worker: Address::ZERO,
            amount: U256::from(amount),
            is_payable,
        };
        let owed = Owed {
            account: Address::ZERO,
            holder: Address::ZERO,
            claimable: U256::from(1),
            shares: vec![ClusterShare {
                datanet: U256::ONE,
                cluster: 0,
                amount: U256::from(10),
            }],
            rewards: vec![StakeReward {
                role: Role::Worker,
                operator: Address::ZERO,
                account: Address::ZERO,
                amount: U256::from(100),
            }],
            holds: vec![hold(1_000, true), hold(10_000, false)],
        };
        assert_eq!(owed.payable(), U256::from(1_111));
    }
}
