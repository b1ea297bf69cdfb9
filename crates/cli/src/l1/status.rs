use super::solvency::{Flows, l1_flows, l2_withdrawn};
use crate::{
    bridge::{Connection, ConnectionArgs, L2Node},
    genesis::{genesis_output_root, genesis_supply, proxy_admin_owner},
};
use alloy_primitives::U256;
use anyhow::{Context, ensure};
use clap::Args;
use openledger_chain::ChainFiles;
use openledger_l1::{
    Expectations, GenesisAnchor, Reading, Standing, TimelockConfig, Value, contracts::ProxyAdmin,
    inspect,
};
use openledger_primitives::{L1Contracts, L1Roles, predeploys};
use std::process::ExitCode;

/// Flags of `openledger l1 status`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
With --l2.rpc-url, what was withdrawn on L2 is counted as well.")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Leave out what is as it must be
    #[arg(long)]
    brief: bool,
}

/// Reads the contracts back, prints what they say, and answers 1 if something is wrong.
///
/// # Errors
/// Files or an L1 that can't be read; an address where no such contract is.
pub(super) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let connection = args.connection.open().await?;
    let files = &connection.files;
    check_addresses(files)?;

    let roles = files.l1.roles;
    let timelock = |delay: fn(&L1Roles) -> u64| {
        roles.map(|roles| TimelockConfig::of(roles.owner, delay(&roles)))
    };
    let expectations = Expectations {
        system_config: files.rollup.genesis.system_config,
        genesis_supply: genesis_supply(&files.genesis),
        anchor: GenesisAnchor {
            output_root: genesis_output_root(&files.genesis)?,
            timestamp: files.rollup.genesis.l2_time,
        },
        block_time: files.rollup.block_time,
        roles,
        clocks: None,
        code_timelock: timelock(|roles| roles.code_delay_seconds),
        parameter_timelock: timelock(|roles| roles.parameter_delay_seconds),
        deployer: None,
    };
    let mut readings = inspect(&connection.l1, connection.contracts(), &expectations).await?;
    let l2 = connection.l2_if_any().await?;
    readings.extend(l2_code(files, l2.as_ref()).await?);
    readings.extend(solvency(&connection, l2.as_ref()).await?);

    let wrong = print(&readings, args.brief);
    Ok(if wrong == 0 {
        println!("{} values read: nothing is wrong.", readings.len());
        ExitCode::SUCCESS
    } else {
        println!("{} values read: {wrong} WRONG.", readings.len());
        ExitCode::FAILURE
    })
}

/// Checks that the files name the contracts, and the same ones.
fn check_addresses(files: &ChainFiles) -> anyhow::Result<()> {
    let L1Contracts {
        system_config,
        portal,
        batch_inbox,
        proxy_admin,
        l1_cross_domain_messenger,
        l1_standard_bridge,
        open,
        dispute_game_factory,
        anchor_state_registry,
        optimism_mintable_erc20_factory,
        code_timelock,
        // There may be none.
        parameter_timelock: _,
        code_executor: _,
        parameter_executor: _,
    } = files.l1.contracts;
    for (name, address) in [
        ("systemConfig", system_config),
        ("portal", portal),
        ("batchInbox", batch_inbox),
        ("proxyAdmin", proxy_admin),
        ("l1CrossDomainMessenger", l1_cross_domain_messenger),
        ("l1StandardBridge", l1_standard_bridge),
        ("open", open),
        ("disputeGameFactory", dispute_game_factory),
        ("anchorStateRegistry", anchor_state_registry),
        (
            "optimismMintableErc20Factory",
            optimism_mintable_erc20_factory,
        ),
        ("codeTimelock", code_timelock),
    ] {
        ensure!(
            !address.is_zero(),
            "l1.json names no {name}: the chain is unsettled, or older than that contract"
        );
    }
    for (name, in_rollup, in_l1) in [
        (
            "l1_system_config_address",
            files.rollup.l1_system_config_address,
            system_config,
        ),
        (
            "deposit_contract_address",
            files.rollup.deposit_contract_address,
            portal,
        ),
        (
            "batch_inbox_address",
            files.rollup.batch_inbox_address,
            batch_inbox,
        ),
    ] {
        ensure!(
            in_rollup == in_l1,
            "rollup.json's {name} is {in_rollup}, l1.json has {in_l1}"
        );
    }
    Ok(())
}

/// Who may change L2's predeploys: L2's code timelock and nobody else.
pub(super) async fn l2_code(
    files: &ChainFiles,
    l2: Option<&L2Node>,
) -> anyhow::Result<Vec<Reading>> {
    let timelock = Value::Address(predeploys::CODE_TIMELOCK);
    let at_genesis =
        proxy_admin_owner(&files.genesis).context("genesis.json has no ProxyAdmin on L2")?;
    let mut readings = vec![Reading::must_be(
        "owner of L2's ProxyAdmin at genesis",
        Value::Address(at_genesis),
        timelock,
    )];
    if let Some(l2) = l2 {
        let owner = l2
            .ask(predeploys::PROXY_ADMIN, ProxyAdmin::ownerCall {})
            .await?;
        readings.push(Reading::must_be(
            "owner of L2's ProxyAdmin",
            Value::Address(owner),
            timelock,
        ));
    }
    Ok(readings)
}

/// Whether the portal holds what it owes. L2's blocks are looked through after L1's: what is withdrawn
/// meanwhile can't be paid on L1 yet.
async fn solvency(connection: &Connection, l2: Option<&L2Node>) -> anyhow::Result<Vec<Reading>> {
    let flows = l1_flows(connection).await?;
    let withdrawn = match l2 {
        Some(l2) => Some(l2_withdrawn(l2).await?),
        None => None,
    };
    Ok(judge(&flows, withdrawn))
}

/// What the amounts say. Without L2 only what happened on L1 can be checked.
fn judge(flows: &Flows, withdrawn: Option<U256>) -> Vec<Reading> {
    let brought = flows.genesis.saturating_add(flows.deposited);
    let mut readings = vec![
        // What was sent straight to the portal comes on top.
        Reading::at_least(
            "OPEN in the portal against genesis + deposits - paid",
            flows.locked,
            brought.saturating_sub(flows.paid),
        ),
    ];
    if let Some(withdrawn) = withdrawn {
        readings.push(Reading::at_least(
            "OPEN withdrawn on L2 against what was paid on L1",
            withdrawn,
            flows.paid,
        ));
        readings.push(Reading::at_least(
            "OPEN in the portal against L2's supply and deposits under way",
            flows.locked,
            brought.saturating_sub(withdrawn),
        ));
    }
    readings
}

/// Prints a table, and answers how many values are wrong.
fn print(readings: &[Reading], brief: bool) -> usize {
    let width = readings
        .iter()
        .map(|reading| reading.what.len())
        .max()
        .unwrap_or_default();
    let mut wrong = 0;
    for reading in readings {
        let (mark, expected) = match reading.standing {
            Standing::Right if brief => continue,
            Standing::Right => ("ok", None),
            Standing::Shown => ("", None),
            Standing::Changed => (
                "changed",
                reading
                    .expected
                    .map(|value| format!("  at genesis {value}")),
            ),
            Standing::Wrong => {
                wrong += 1;
                (
                    "WRONG",
                    reading.expected.map(|value| format!("  expected {value}")),
                )
            }
        };
        println!(
            "{mark:<8} {:<width$}  {}{}",
            reading.what,
            reading.actual,
            expected.unwrap_or_default()
        );
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flows(locked: u64, deposited: u64, paid: u64) -> Flows {
        Flows {
            genesis: U256::from(100),
            locked: U256::from(locked),
            deposited: U256::from(deposited),
            paid: U256::from(paid),
        }
    }

    fn wrong(flows: &Flows, withdrawn: Option<u64>) -> usize {
        let readings = judge(flows, withdrawn.map(U256::from));
        let is_wrong = |reading: &&Reading| reading.standing == Standing::Wrong;
        readings.iter().filter(is_wrong).count()
    }

    #[test]
    fn a_portal_that_owes_more_than_it_holds_is_found() {
        assert_eq!(wrong(&flows(100, 0, 0), None), 0);
        assert_eq!(wrong(&flows(150, 50, 0), Some(0)), 0);
        // Withdrawn and not paid yet; then paid.
        assert_eq!(wrong(&flows(150, 50, 0), Some(30)), 0);
        assert_eq!(wrong(&flows(120, 50, 30), Some(30)), 0);
        // Somebody sent it more.
        assert_eq!(wrong(&flows(121, 50, 30), Some(30)), 0);
        // OPEN left it in another way.
        assert_eq!(wrong(&flows(119, 50, 30), Some(30)), 2);
        // More was paid than was withdrawn.
        assert_eq!(wrong(&flows(119, 50, 31), None), 0);
        assert_eq!(wrong(&flows(119, 50, 31), Some(30)), 2);
    }
}
