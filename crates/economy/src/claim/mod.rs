//! `openledger claim`: what the protocol owes an account, collected and paid.
//!
//! OPEN moves by pull: contracts credit `ClaimVault`, and only a claim sends it out. Three kinds of earnings wait for a call
//! of anyone's before they are credited: clusters' parts of dividends, rewards of stake, and what a worker is held for until
//! its epoch is settled. [`owed`] finds all of them, [`collect`] has them credited, [`claim`] pays; [`rotate`] gives an
//! address's place to another one.

mod command;
mod owed;
mod rotation;

pub use command::ClaimArgs;
pub use owed::{ClusterShare, Hold, Owed, StakeReward, owed};
pub use rotation::rotate;

pub(crate) use command::run;

use crate::contracts::{ClaimVault, DatanetRegistry, InferenceRouter, ValidatorStaking};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolEvent;
use openledger_client::{Receipt, Sender, Step};
use openledger_primitives::predeploys::{
    CLAIM_VAULT, DATANET_REGISTRY, INFERENCE_ROUTER, VALIDATOR_STAKING,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Clusters that one `takeShares` takes.
const SHARES_PER_CALL: usize = 64;
/// Payees of one `claimForMany`: fewer than the vault takes, so that the gas of all of them fits a transaction.
const PAYEES_PER_CALL: usize = 64;

/// A payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Paid {
    /// Who was paid.
    pub payee: Address,
    /// Wei.
    pub amount: U256,
}

/// Has what waits for it credited to the vault. Anyone may send this.
///
/// # Errors
/// What a contract refuses.
pub async fn collect(sender: &mut Sender, owed: &[Owed]) -> anyhow::Result<()> {
    let mut steps = Vec::new();
    let mut shares: BTreeMap<U256, Vec<u32>> = BTreeMap::new();
    for share in owed.iter().flat_map(|owed| &owed.shares) {
        shares.entry(share.datanet).or_default().push(share.cluster);
    }
    for (datanet, mut clusters) in shares {
        clusters.sort_unstable();
        clusters.dedup();
        for clusters in clusters.chunks(SHARES_PER_CALL) {
            let call = DatanetRegistry::takeSharesCall {
                datanet,
                clusters: clusters.to_vec(),
            };
            let name = format!("take the dividends of Datanet {datanet}");
            steps.push(Step::call(name, DATANET_REGISTRY, &call));
        }
    }
    for reward in owed.iter().flat_map(|owed| &owed.rewards) {
        let call = ValidatorStaking::claimRewardsCall {
            role: reward.role.number(),
            operator: reward.operator,
            account: reward.account,
        };
        let name = format!("take the rewards of stake with {}", reward.operator);
        steps.push(Step::call(name, VALIDATOR_STAKING, &call));
    }
    for hold in owed.iter().flat_map(|owed| &owed.holds) {
        if !hold.is_payable {
            continue;
        }
        let call = InferenceRouter::releaseCall {
            epoch: hold.epoch,
            adapter: hold.adapter,
            worker: hold.worker,
        };
        let name = format!(
            "release what {} earned in epoch {}",
            hold.worker, hold.epoch
        );
        steps.push(Step::call(name, INFERENCE_ROUTER, &call));
    }
    sender.send_all(steps).await.map(drop)
}

/// Pays accounts what the vault owes them, to the holders of their places. Anyone may send this. Answers who was paid, and
/// how much; whose code doesn't take the payment keeps its claim.
///
/// # Errors
/// What the vault refuses.
pub async fn claim(sender: &mut Sender, accounts: &[Address]) -> anyhow::Result<Vec<Paid>> {
    let steps = accounts.chunks(PAYEES_PER_CALL).map(|payees| match payees {
        // By itself an account's code may use as much gas as it wants to.
        [payee] => {
            let call = ClaimVault::claimForCall { payee: *payee };
            Step::call(format!("claim for {payee}"), CLAIM_VAULT, &call)
        }
        payees => {
            let call = ClaimVault::claimForManyCall {
                payees: payees.to_vec(),
            };
            Step::call(
                format!("claim for {} accounts", payees.len()),
                CLAIM_VAULT,
                &call,
            )
        }
    });
    let receipts = sender.send_all(steps.collect()).await?;
    Ok(receipts.iter().flat_map(payments).collect())
}

/// The vault's payments in a transaction.
fn payments(receipt: &Receipt) -> Vec<Paid> {
    let logs = receipt.logs.iter();
    logs.filter(|log| log.address() == CLAIM_VAULT)
        .filter_map(|log| ClaimVault::Claimed::decode_log(&log.inner).ok())
        .map(|event| Paid {
            payee: event.payee,
            amount: event.amount,
        })
        .collect()
}
