//! Both commands against a real L1 client.

use super::{
    config::DeployFile,
    state::{DeployState, Origin},
    status::l2_code,
};
use crate::testing::{CHAIN, DEPLOYER, DEPLOYER_KEY, Site};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use openledger_chain::ChainFiles;
use openledger_l1::{
    DeployOptions, Deployment, GenesisAnchor, Standing,
    contracts::{AnchorStateRegistry, OPEN, ProxyAdmin},
};
use openledger_primitives::{GenesisId, predeploys};
use serde_json::json;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_deployed_once_and_stands_its_check() {
    let Some(site) = Site::start(&[]).await else {
        return;
    };
    let client = &site.client;
    assert!(site.deploy(CHAIN).await.unwrap());
    let out = site.out();
    let files = ChainFiles::read(&out).unwrap();
    assert_eq!(
        files.rollup.genesis.system_config.batcher_address,
        Address::with_last_byte(2)
    );
    assert_eq!(
        files.rollup.genesis.system_config.eip1559_params.0,
        [0, 0, 0, 250, 0, 0, 0, 6]
    );
    let contracts = files.l1.contracts;
    let call = AnchorStateRegistry::getAnchorRootCall {}.abi_encode();
    let answer = client
        .call(
            contracts.anchor_state_registry,
            call.into(),
            BlockId::latest(),
        )
        .await
        .unwrap();
    assert_eq!(
        answer[..32],
        *crate::genesis::genesis_output_root(&files.genesis).unwrap()
    );
    let nonce = client.nonce(DEPLOYER, BlockId::latest()).await.unwrap();
    assert!(site.status().await.unwrap());

    // L2's code waits for its code timelock.
    assert_eq!(
        crate::genesis::proxy_admin_owner(&files.genesis),
        Some(predeploys::CODE_TIMELOCK)
    );
    let roles = files.l1.roles.unwrap();
    assert_eq!(roles.owner, Address::with_last_byte(1));
    assert_eq!(roles.code_delay_seconds, 30 * 86_400);

    // Again: nothing is sent, and the same is said.
    assert!(site.deploy(CHAIN).await.unwrap());
    let again = client.nonce(DEPLOYER, BlockId::latest()).await.unwrap();
    assert_eq!(again, nonce);
    assert_eq!(ChainFiles::read(&out).unwrap().rollup, files.rollup);
    // Other settings are not this deployment's.
    let other = CHAIN.replace("max-clock-seconds = 10", "max-clock-seconds = 11");
    let error = site.deploy(&other).await.unwrap_err();
    assert!(error.to_string().contains("settings"), "{error:#}");

    // OPEN leaves the portal in a way that is no withdrawal.
    let client_call = OPEN::balanceOfCall {
        account: contracts.portal,
    };
    let balance = client
        .call(
            contracts.open,
            client_call.abi_encode().into(),
            BlockId::latest(),
        )
        .await
        .unwrap();
    assert!(U256::from_be_slice(&balance) > U256::ZERO);
    let slot = alloy_primitives::keccak256(
        [
            contracts.portal.into_word().as_slice(),
            U256::ZERO.to_be_bytes::<32>().as_slice(),
        ]
        .concat(),
    );
    site.anvil
        .request(
            "anvil_setStorageAt",
            json!([contracts.open, slot, format!("0x{:064x}", 1)]),
        )
        .await
        .unwrap();
    assert!(!site.status().await.unwrap());
}

/// What a run leaves that was interrupted after the set-up, and after the portal opened if `opened`; the
/// L1 block that it took for the chain's first has left the L1 since.
async fn interrupted(site: &Site, opened: bool) -> DeployState {
    let config = DeployFile::parse(CHAIN).unwrap().contracts().unwrap();
    let signer: alloy_signer_local::PrivateKeySigner = DEPLOYER_KEY.parse().unwrap();
    let out = site.out();
    fs::create_dir_all(&out).unwrap();
    let mut deployment = Deployment::begin(
        site.client.clone(),
        signer.into(),
        0,
        config.clone(),
        DeployOptions::default(),
        Some(&out.join("deploy-transactions")),
    )
    .unwrap();
    deployment.set_up().await.unwrap();
    let state = DeployState {
        l1_chain_id: 31337,
        deployer: DEPLOYER,
        first_nonce: 0,
        config: config.digest(),
        contracts: *deployment.contracts(),
        origin: Some(Origin {
            block: GenesisId {
                hash: B256::repeat_byte(1),
                number: 3,
            },
            timestamp: 1_700_000_000,
        }),
        complete: false,
    };
    if opened {
        let anchor = GenesisAnchor {
            output_root: B256::repeat_byte(2),
            timestamp: 1_700_000_000,
        };
        deployment.open(anchor).await.unwrap();
    }
    state.write(&out).unwrap();
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_block_that_l1_lost_is_replaced_while_the_portal_is_closed() {
    let Some(site) = Site::start(&[]).await else {
        return;
    };
    let client = &site.client;
    let state = interrupted(&site, false).await;
    assert!(site.deploy(CHAIN).await.unwrap());
    let files = ChainFiles::read(&site.out()).unwrap();
    assert_eq!(files.l1.contracts, state.contracts);
    let origin = files.rollup.genesis.l1;
    let header = client.header_by_number(origin.number).await.unwrap();
    assert_eq!(header.map(|header| header.hash()), Some(origin.hash));
    assert!(site.status().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_block_that_l1_lost_later_keeps_the_code_from_being_handed_over() {
    let Some(site) = Site::start(&[]).await else {
        return;
    };
    let client = &site.client;
    let state = interrupted(&site, true).await;
    let nonce = client.nonce(DEPLOYER, BlockId::latest()).await.unwrap();
    let error = site.deploy(CHAIN).await.unwrap_err();
    assert!(error.to_string().contains("since a reorg"), "{error:#}");
    let again = client.nonce(DEPLOYER, BlockId::latest()).await.unwrap();
    assert_eq!(again, nonce);
    let owner = client
        .call(
            state.contracts.proxy_admin,
            ProxyAdmin::ownerCall {}.abi_encode().into(),
            BlockId::latest(),
        )
        .await
        .unwrap();
    assert_eq!(Address::from_word(B256::from_slice(&owner)), DEPLOYER);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_of_l2_code_without_delay_is_wrong() {
    let Some(site) = Site::start(&[]).await else {
        return;
    };
    assert!(site.deploy(CHAIN).await.unwrap());
    let mut files = ChainFiles::read(&site.out()).unwrap();
    for (owner, standing) in [
        (predeploys::CODE_TIMELOCK, Standing::Right),
        (Address::with_last_byte(9), Standing::Wrong),
    ] {
        let admin = files
            .genesis
            .alloc
            .get_mut(&predeploys::PROXY_ADMIN)
            .unwrap();
        let storage = admin.storage.as_mut().unwrap();
        storage.insert(B256::ZERO, owner.into_word());
        let readings = l2_code(&files, None).await.unwrap();
        let standings: Vec<_> = readings.iter().map(|reading| reading.standing).collect();
        assert_eq!(standings, [standing]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_a_contract_refuses_are_refused_before_anything_is_sent() {
    let Some(site) = Site::start(&[]).await else {
        return;
    };
    let file = format!("{CHAIN}\n[protocol.Jury]\ndrawSeconds = \"4\"\n");
    let error = site.deploy(&file).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("drawSeconds is 4: from 5 to 7200"),
        "{error:#}"
    );
    let client = &site.client;
    let nonce = client.nonce(DEPLOYER, BlockId::latest()).await.unwrap();
    assert_eq!(nonce, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_l1_is_refused() {
    let Some(site) = Site::start(&["--chain-id", "5"]).await else {
        return;
    };
    let error = site.deploy(CHAIN).await.unwrap_err();
    assert!(format!("{error:#}").contains("31337"), "{error:#}");
    assert!(site.status().await.is_err());
}
