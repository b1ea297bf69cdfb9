//! Who has which role in a timelock.
//!
//! `TimelockController` doesn't list its roles, and asking it about known accounts finds no others. Its
//! events do: all of them from its constructor's on, so that nobody is left out.

use super::{DeployError, Reading, Standing, TimelockConfig, Value, logs};
use crate::{L1Client, contracts::TimelockController};
use alloy_primitives::{Address, B256, b256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use std::collections::{BTreeMap, BTreeSet};

/// Blocks before `SystemConfig`'s initialization in which a timelock's constructor is looked for: two
/// weeks on mainnet, which a deployment that was interrupted may have taken.
const CONSTRUCTOR_BLOCKS_MAX: u64 = 100_000;

/// Grants the other roles.
const DEFAULT_ADMIN_ROLE: B256 = B256::ZERO;
/// `keccak256("PROPOSER_ROLE")`: queues.
const PROPOSER_ROLE: B256 =
    b256!("b09aa5aeb3702cfd50b6b62bc4532604938f21248a27a1d5ca736082b6819cc1");
/// `keccak256("CANCELLER_ROLE")`: takes back what was queued.
const CANCELLER_ROLE: B256 =
    b256!("fd643c72710c63c0180259aba6b2d05451e3591a24e58b62239378085726f783");
/// `keccak256("EXECUTOR_ROLE")`: carries out.
const EXECUTOR_ROLE: B256 =
    b256!("d8aa0f3194971a2a116679f7c2090f6939c8d4e01a2a8d7e41d55e5351469e63");

/// What the readings of a timelock are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    admin: &'static str,
    proposer: &'static str,
    canceller: &'static str,
    executor: &'static str,
}

pub(super) const CODE: Names = Names {
    admin: "admin of the code timelock",
    proposer: "proposer of the code timelock",
    canceller: "canceller of the code timelock",
    executor: "executor of the code timelock (0: anybody)",
};
pub(super) const PARAMETERS: Names = Names {
    admin: "admin of the parameter timelock",
    proposer: "proposer of the parameter timelock",
    canceller: "canceller of the parameter timelock",
    executor: "executor of the parameter timelock (0: anybody)",
};

/// Accounts by role.
type Holders = BTreeMap<B256, BTreeSet<Address>>;

/// Reads the roles of a timelock that was made no later than L1 block `set_up`.
///
/// # Errors
/// An L1 that doesn't answer; a timelock without events ([`DeployError::NoRoles`]).
pub(super) async fn roles(
    client: &L1Client,
    timelock: Address,
    set_up: u64,
    names: Names,
    expected: Option<&TimelockConfig>,
) -> Result<Vec<Reading>, DeployError> {
    let holders = holders(client, timelock, set_up).await?;
    Ok(judge(&holders, timelock, names, expected))
}

fn judge(
    holders: &Holders,
    timelock: Address,
    names: Names,
    expected: Option<&TimelockConfig>,
) -> Vec<Reading> {
    let of = |role| holders.get(&role).cloned().unwrap_or_default();
    // Whoever else could grant roles would need no delay for it. Without any admin roles stay as they are.
    let mut readings: Vec<_> = of(DEFAULT_ADMIN_ROLE)
        .into_iter()
        .map(|admin| Reading::must_be(names.admin, Value::Address(admin), Value::Address(timelock)))
        .collect();
    for (what, role, accounts) in [
        (
            names.proposer,
            PROPOSER_ROLE,
            expected.map(|config| &config.proposers),
        ),
        (
            names.canceller,
            CANCELLER_ROLE,
            expected.map(|config| &config.proposers),
        ),
        (
            names.executor,
            EXECUTOR_ROLE,
            expected.map(|config| &config.executors),
        ),
    ] {
        let actual = of(role);
        for account in &actual {
            let account = Value::Address(*account);
            let Some(accounts) = accounts else {
                readings.push(Reading::at_genesis(what, account, None));
                continue;
            };
            let is_expected = accounts
                .iter()
                .any(|known| Value::Address(*known) == account);
            readings.push(Reading {
                what,
                actual: account,
                expected: Some(if is_expected { account } else { Value::Nobody }),
                standing: if is_expected {
                    Standing::Right
                } else {
                    Standing::Changed
                },
            });
        }
        for missing in accounts.into_iter().flatten() {
            if !actual.contains(missing) {
                let genesis = Some(Value::Address(*missing));
                readings.push(Reading::at_genesis(what, Value::Nobody, genesis));
            }
        }
    }
    readings
}

async fn holders(
    client: &L1Client,
    timelock: Address,
    set_up: u64,
) -> Result<Holders, DeployError> {
    let first = constructor_block(client, timelock, set_up).await?;
    let latest = client.latest().await?.number;
    let filter = Filter::new().address(timelock).event_signature(vec![
        TimelockController::RoleGranted::SIGNATURE_HASH,
        TimelockController::RoleRevoked::SIGNATURE_HASH,
    ]);
    let mut holders = Holders::new();
    for (from, to) in logs::ranges(first, latest) {
        let filter = filter.clone().from_block(from).to_block(to);
        for log in client.logs(&filter).await? {
            let log = &log.inner;
            if log.topics().first() == Some(&TimelockController::RoleGranted::SIGNATURE_HASH) {
                let event: alloy_primitives::Log<TimelockController::RoleGranted> =
                    logs::decode("TimelockController.RoleGranted", log)?;
                holders.entry(event.role).or_default().insert(event.account);
            } else {
                let event: alloy_primitives::Log<TimelockController::RoleRevoked> =
                    logs::decode("TimelockController.RoleRevoked", log)?;
                holders
                    .entry(event.role)
                    .or_default()
                    .remove(&event.account);
            }
        }
    }
    Ok(holders)
}

/// The block of the timelock's constructor, or one not long before: it makes the timelock its own admin.
async fn constructor_block(
    client: &L1Client,
    timelock: Address,
    set_up: u64,
) -> Result<u64, DeployError> {
    let filter = Filter::new()
        .address(timelock)
        .event_signature(TimelockController::RoleGranted::SIGNATURE_HASH)
        .topic1(DEFAULT_ADMIN_ROLE)
        .topic2(timelock.into_word());
    let mut to = set_up;
    let end = set_up.saturating_sub(CONSTRUCTOR_BLOCKS_MAX);
    loop {
        let from = to.saturating_sub(logs::QUERY_BLOCKS - 1).max(end);
        let range = filter.clone().from_block(from).to_block(to);
        if !client.logs(&range).await?.is_empty() {
            return Ok(from);
        }
        if from == end {
            return Err(DeployError::NoRoles {
                timelock,
                blocks: set_up - end + 1,
                before: set_up + 1,
            });
        }
        to = from - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    const TIMELOCK: Address = Address::repeat_byte(7);
    const OWNER: Address = Address::repeat_byte(1);

    fn holders_of(owner: Address, admins: &[Address]) -> Holders {
        [
            (DEFAULT_ADMIN_ROLE, admins.iter().copied().collect()),
            (PROPOSER_ROLE, [owner].into()),
            (CANCELLER_ROLE, [owner].into()),
            (EXECUTOR_ROLE, [Address::ZERO].into()),
        ]
        .into()
    }

    fn standings(holders: &Holders, expected: Option<&TimelockConfig>) -> Vec<Standing> {
        judge(holders, TIMELOCK, CODE, expected)
            .iter()
            .map(|reading| reading.standing)
            .collect()
    }

    #[test]
    fn roles_have_the_names_that_they_hash() {
        assert_eq!(PROPOSER_ROLE, keccak256("PROPOSER_ROLE"));
        assert_eq!(CANCELLER_ROLE, keccak256("CANCELLER_ROLE"));
        assert_eq!(EXECUTOR_ROLE, keccak256("EXECUTOR_ROLE"));
    }

    #[test]
    fn an_admin_besides_the_timelock_is_wrong_and_other_roles_may_change() {
        let expected = TimelockConfig::of(OWNER, 5);
        let right = holders_of(OWNER, &[TIMELOCK]);
        assert_eq!(standings(&right, Some(&expected)), [Standing::Right; 4]);
        assert_eq!(
            standings(&right, None),
            [
                Standing::Right,
                Standing::Shown,
                Standing::Shown,
                Standing::Shown
            ]
        );
        let renounced = holders_of(OWNER, &[]);
        assert_eq!(standings(&renounced, Some(&expected)), [Standing::Right; 3]);
        let deployer = holders_of(OWNER, &[OWNER, TIMELOCK]);
        assert_eq!(
            standings(&deployer, Some(&expected)),
            [
                Standing::Wrong,
                Standing::Right,
                Standing::Right,
                Standing::Right,
                Standing::Right
            ]
        );
        // Another account queues in place of the one at genesis.
        let other = holders_of(Address::repeat_byte(2), &[TIMELOCK]);
        let found = judge(&other, TIMELOCK, CODE, Some(&expected));
        let changed: Vec<_> = found
            .iter()
            .filter(|reading| reading.standing == Standing::Changed)
            .map(ToString::to_string)
            .collect();
        assert_eq!(changed.len(), 4, "{changed:?}");
        assert!(changed[0].contains("at genesis nobody"), "{changed:?}");
        assert!(changed[1].contains("is nobody, at genesis"), "{changed:?}");
    }
}
