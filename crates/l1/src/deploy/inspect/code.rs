//! The contracts' code.

use super::{
    super::{
        DeployError, Reading, Standing, Value,
        artifact::{self, Artifact},
    },
    question::{Rule, ask, word},
};
use crate::{L1Client, contracts::ProxyAdmin};
use alloy_eips::BlockId;
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use openledger_primitives::L1Contracts;

/// The code of every contract against what is built in.
pub(super) async fn code(
    client: &L1Client,
    contracts: &L1Contracts,
    game: Address,
) -> Result<Vec<Reading>, DeployError> {
    let mut direct = vec![
        (
            "code of ProxyAdmin",
            contracts.proxy_admin,
            artifact::PROXY_ADMIN,
        ),
        ("code of OPEN", contracts.open, artifact::OPEN),
        (
            "code of BatchInbox",
            contracts.batch_inbox,
            artifact::BATCH_INBOX,
        ),
        ("code of VetoDisputeGame", game, artifact::VETO_DISPUTE_GAME),
        (
            "code of the code timelock",
            contracts.code_timelock,
            artifact::TIMELOCK,
        ),
    ];
    // What a chain may be without.
    for (what, contract, artifact) in [
        (
            "code of the parameter timelock",
            contracts.parameter_timelock,
            artifact::TIMELOCK,
        ),
        (
            "code of the code timelock's executor",
            contracts.code_executor,
            artifact::GOVERNANCE_EXECUTOR,
        ),
        (
            "code of the parameter timelock's executor",
            contracts.parameter_executor,
            artifact::GOVERNANCE_EXECUTOR,
        ),
    ] {
        if !contract.is_zero() {
            direct.push((what, contract, artifact));
        }
    }
    let proxied = [
        (
            "code of SystemConfig",
            contracts.system_config,
            artifact::SYSTEM_CONFIG,
        ),
        (
            "code of RollupPortal",
            contracts.portal,
            artifact::ROLLUP_PORTAL,
        ),
        (
            "code of DisputeGameFactory",
            contracts.dispute_game_factory,
            artifact::DISPUTE_GAME_FACTORY,
        ),
        (
            "code of AnchorStateRegistry",
            contracts.anchor_state_registry,
            artifact::ANCHOR_STATE_REGISTRY,
        ),
        (
            "code of L1CrossDomainMessenger",
            contracts.l1_cross_domain_messenger,
            artifact::L1_CROSS_DOMAIN_MESSENGER,
        ),
        (
            "code of L1StandardBridge",
            contracts.l1_standard_bridge,
            artifact::L1_STANDARD_BRIDGE,
        ),
        (
            "code of OptimismMintableERC20Factory",
            contracts.optimism_mintable_erc20_factory,
            artifact::MINTABLE_FACTORY,
        ),
    ];
    let mut readings = Vec::new();
    for (what, contract, artifact) in direct {
        readings.push(compiled(client, what, contract, artifact).await?);
    }
    for (what, proxy, artifact) in proxied {
        let proxy_code = compiled(client, what, proxy, artifact::PROXY).await?;
        if proxy_code.standing != Standing::Right {
            readings.push(proxy_code);
            continue;
        }
        let admin = ProxyAdmin::getProxyAdminCall { proxy };
        let admin = ask(
            "admin of a proxy",
            contracts.proxy_admin,
            &admin,
            Rule::Must(Value::Address(contracts.proxy_admin)),
        );
        readings.push(admin.answer(client).await?);
        let implementation = ProxyAdmin::getProxyImplementationCall { proxy };
        let implementation = word(
            client,
            what,
            contracts.proxy_admin,
            implementation.abi_encode(),
        )
        .await?;
        let implementation = Address::from_word(implementation.into());
        readings.push(compiled(client, what, implementation, artifact).await?);
    }
    Ok(readings)
}

async fn compiled(
    client: &L1Client,
    what: &'static str,
    contract: Address,
    artifact: Artifact,
) -> Result<Reading, DeployError> {
    let deployed = client.code(contract, BlockId::latest()).await?;
    Ok(Reading::must_be(
        what,
        Value::Hash(artifact.hash_of(&deployed)?),
        Value::Hash(artifact.code_hash()?),
    ))
}
