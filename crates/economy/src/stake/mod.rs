//! `openledger stake`: stake of validators and workers, own and delegated.

mod command;
mod report;
mod role;

pub use command::StakeArgs;
pub use report::{BadSignedVote, SignedVote, report_votes};
pub use role::Role;

pub(crate) use command::run;

use crate::contracts::{
    ValidatorStaking,
    validator_staking::IValidatorStaking::{Leaving, PoolState},
};
use alloy_primitives::{Address, U256};
use anyhow::ensure;
use openledger_client::{Node, Sender, Step, event, open};
use openledger_primitives::predeploys::VALIDATOR_STAKING;

/// Makes the sender an operator, with so many wei added to its stake.
///
/// # Errors
/// What the contract refuses: too little stake, no seat.
pub async fn register(
    sender: &mut Sender,
    role: Role,
    commission_bps: u16,
    amount: U256,
) -> anyhow::Result<()> {
    let call = ValidatorStaking::registerCall {
        role: role.number(),
        commissionBps: commission_bps,
    };
    let step = Step::call("register", VALIDATOR_STAKING, &call).paying(amount);
    sender.send(step).await.map(drop)
}

/// Ends an operator's work; its own stake begins to leave. `operator` is the sender, or one whose place it holds.
///
/// # Errors
/// What the contract refuses.
pub async fn exit(sender: &mut Sender, role: Role, operator: Address) -> anyhow::Result<()> {
    let call = ValidatorStaking::exitCall {
        role: role.number(),
        operator,
    };
    let step = Step::call("exit", VALIDATOR_STAKING, &call);
    sender.send(step).await.map(drop)
}

/// Adds so many wei to an operator's pool in the sender's name. Answers the shares.
///
/// # Errors
/// What the contract refuses.
pub async fn delegate(
    sender: &mut Sender,
    role: Role,
    operator: Address,
    amount: U256,
) -> anyhow::Result<U256> {
    let call = ValidatorStaking::delegateCall {
        role: role.number(),
        operator,
    };
    let step = Step::call("delegate", VALIDATOR_STAKING, &call).paying(amount);
    let receipt = sender.send(step).await?;
    Ok(event::<ValidatorStaking::Delegated>(&receipt)?.shares)
}

/// Lets stake of the sender's leave an operator's pool: so many wei, or all of it. Answers what leaves, wei, and from when on it can
/// be withdrawn, seconds.
///
/// # Errors
/// More than there is; what the contract refuses.
pub async fn undelegate(
    sender: &mut Sender,
    role: Role,
    operator: Address,
    amount: Option<U256>,
) -> anyhow::Result<(U256, U256)> {
    let account = sender.account();
    let position = position(sender.node(), role, operator, account).await?;
    let shares = match amount {
        None => position.shares,
        Some(amount) => {
            ensure!(
                amount <= position.stake,
                "{account} has {} with {operator}, less than {}",
                open(position.stake),
                open(amount)
            );
            // Rounded up, so that what leaves isn't below the amount; never above what there is.
            let shares = amount.saturating_mul(position.shares);
            shares.div_ceil(position.stake.max(U256::ONE))
        }
    };
    let call = ValidatorStaking::undelegateCall {
        role: role.number(),
        operator,
        account,
        shares,
    };
    let step = Step::call("undelegate", VALIDATOR_STAKING, &call);
    let receipt = sender.send(step).await?;
    let event = event::<ValidatorStaking::Undelegated>(&receipt)?;
    Ok((event.amount, event.releaseAt))
}

/// Credits an account at the vault with all of its stake with an operator whose unbonding is over. Answers how much, wei.
///
/// # Errors
/// What the contract refuses.
pub async fn withdraw(
    sender: &mut Sender,
    role: Role,
    operator: Address,
    account: Address,
) -> anyhow::Result<U256> {
    let call = ValidatorStaking::withdrawCall {
        role: role.number(),
        operator,
        account,
    };
    let receipt = sender
        .send(Step::call("withdraw", VALIDATOR_STAKING, &call))
        .await?;
    // Nothing to withdraw leaves no event.
    let withdrawn = event::<ValidatorStaking::Withdrawn>(&receipt);
    Ok(withdrawn.map_or(U256::ZERO, |event| event.amount))
}

/// Credits an account at the vault with its rewards, and the operator with his commission. Answers how much, wei.
///
/// # Errors
/// What the contract refuses.
pub async fn claim_rewards(
    sender: &mut Sender,
    role: Role,
    operator: Address,
    account: Address,
) -> anyhow::Result<U256> {
    let call = ValidatorStaking::claimRewardsCall {
        role: role.number(),
        operator,
        account,
    };
    let receipt = sender
        .send(Step::call("take the rewards", VALIDATOR_STAKING, &call))
        .await?;
    let claimed = event::<ValidatorStaking::RewardsClaimed>(&receipt);
    Ok(claimed.map_or(U256::ZERO, |event| event.amount))
}

/// An account's part of an operator's pool.
///
/// # Errors
/// A node that doesn't answer.
pub async fn position(
    node: &Node,
    role: Role,
    operator: Address,
    account: Address,
) -> anyhow::Result<ValidatorStaking::positionOfReturn> {
    let call = ValidatorStaking::positionOfCall {
        role: role.number(),
        operator,
        account,
    };
    node.ask(VALIDATOR_STAKING, call).await
}

/// An operator's pool.
///
/// # Errors
/// A node that doesn't answer.
pub async fn pool(node: &Node, role: Role, operator: Address) -> anyhow::Result<PoolState> {
    let call = ValidatorStaking::poolOfCall {
        role: role.number(),
        operator,
    };
    node.ask(VALIDATOR_STAKING, call).await
}

/// What of an account is leaving an operator's pool.
///
/// # Errors
/// A node that doesn't answer.
pub async fn leaving(
    node: &Node,
    role: Role,
    operator: Address,
    account: Address,
) -> anyhow::Result<Vec<Leaving>> {
    let call = ValidatorStaking::leavingOfCall {
        role: role.number(),
        operator,
        account,
    };
    node.ask(VALIDATOR_STAKING, call).await
}
