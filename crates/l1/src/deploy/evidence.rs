//! Looks for what steps left on the L1, so that one whose transaction reverted is found by whichever run.

use super::{
    DeployError, Value,
    inspect::{like, word},
    logs,
    step::{Evidence, Step},
};
use crate::{
    L1Client,
    contracts::{OPEN, SystemConfig},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolCall, SolEvent};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

/// Steps that are looked at at the same time.
const CALLS_MAX: usize = 8;
/// Blocks after `SystemConfig`'s initialization in which transfers are looked for: two weeks on mainnet.
const TRANSFER_BLOCKS_MAX: u64 = 100_000;

/// Checks that steps whose transactions are on the L1 had their effect.
///
/// # Errors
/// [`DeployError::Missing`] or [`DeployError::NotDone`] with the first that had none; an L1 that doesn't
/// answer.
pub(super) async fn require_done(
    client: &L1Client,
    deployer: Address,
    system_config: Address,
    steps: impl IntoIterator<Item = &Step>,
) -> Result<(), DeployError> {
    let mut transfers = Vec::new();
    let mut others = Vec::new();
    for step in steps {
        match &step.evidence {
            Evidence::Transfer { open, to, amount } => {
                transfers.push((step.name, *open, *to, *amount));
            }
            Evidence::Code { .. } | Evidence::Answer { .. } => others.push(step),
        }
    }
    stream::iter(others)
        .map(|step| look_at(client, step))
        .buffered(CALLS_MAX)
        .try_collect::<()>()
        .await?;
    let Some((_, open, ..)) = transfers.first() else {
        return Ok(());
    };
    // Each transfer needs an event of its own.
    let mut events = sent(client, deployer, *open, system_config).await?;
    for (step, _, to, amount) in transfers {
        match events.get_mut(&(to, amount)).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => {
                return Err(DeployError::NotDone {
                    step,
                    actual: Value::Amount(U256::ZERO),
                    expected: Value::Amount(amount),
                });
            }
        }
    }
    Ok(())
}

async fn look_at(client: &L1Client, step: &Step) -> Result<(), DeployError> {
    let (actual, expected) = match &step.evidence {
        Evidence::Code { contract, artifact } => {
            let code = client.code(*contract, BlockId::latest()).await?;
            if code.is_empty() {
                return Err(DeployError::Missing {
                    step: step.name,
                    expected: *contract,
                });
            }
            (
                Value::Hash(artifact.hash_of(&code)?),
                Value::Hash(artifact.code_hash()?),
            )
        }
        Evidence::Answer { to, call, expected } => {
            let answer = word(client, step.name, *to, call.clone()).await;
            let answer = answer.map_err(|error| match error {
                DeployError::NotAnswered { contract, .. } => DeployError::Missing {
                    step: step.name,
                    expected: contract,
                },
                error => error,
            })?;
            (like(*expected, answer), *expected)
        }
        // Looked for together, by the caller.
        Evidence::Transfer { .. } => return Ok(()),
    };
    if actual == expected {
        return Ok(());
    }
    Err(DeployError::NotDone {
        step: step.name,
        actual,
        expected,
    })
}

/// How often the deployer sent which amount of OPEN to whom, since the deployment.
async fn sent(
    client: &L1Client,
    deployer: Address,
    open: Address,
    system_config: Address,
) -> Result<BTreeMap<(Address, U256), usize>, DeployError> {
    // Transfers follow `SystemConfig`'s initialization.
    let first = word(
        client,
        "SystemConfig.startBlock",
        system_config,
        SystemConfig::startBlockCall {}.abi_encode(),
    )
    .await?;
    let first: u64 = first.saturating_to();
    let latest = client.latest().await?.number;
    let last = latest.min(first.saturating_add(TRANSFER_BLOCKS_MAX));
    let filter = Filter::new()
        .address(open)
        .event_signature(OPEN::Transfer::SIGNATURE_HASH)
        .topic1(deployer.into_word());
    let mut sent = BTreeMap::new();
    for (from, to) in logs::ranges(first, last) {
        let filter = filter.clone().from_block(from).to_block(to);
        for log in client.logs(&filter).await? {
            let event: alloy_primitives::Log<OPEN::Transfer> =
                logs::decode("OPEN.Transfer", &log.inner)?;
            *sent.entry((event.to, event.value)).or_default() += 1;
        }
    }
    Ok(sent)
}
