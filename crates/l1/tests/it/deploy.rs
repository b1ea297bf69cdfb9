use crate::{
    anvil_or_skip,
    support::{client, mine, payload, sender_config, signer, spawn_sender},
};
use alloy_eips::BlockId;
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use openledger_l1::{
    CommitmentChain, DeployConfig, InboxReader, L1Client, TxCandidate, commitments_in,
    contracts::{BatchInbox, ProxyAdmin, SystemConfig},
    deploy_contracts,
};
use openledger_protocol::ConfigUpdate;

fn config(owner: Address) -> DeployConfig {
    DeployConfig {
        owner,
        batcher: signer(1).address(),
        gas_limit: 60_000_000,
        base_fee_scalar: 1368,
        blob_base_fee_scalar: 810_949,
        eip1559_denominator: 250,
        eip1559_elasticity: 6,
        operator_fee_scalar: 11,
        operator_fee_constant: 22,
        unsafe_block_signer: Address::repeat_byte(5),
        batch_inbox: None,
    }
}

async fn ask<C: SolCall>(client: &L1Client, to: Address, call: C) -> C::Return {
    let answer = client
        .call(to, call.abi_encode().into(), BlockId::latest())
        .await
        .expect("answered");
    C::abi_decode_returns(&answer).expect("well formed")
}

#[tokio::test]
async fn contracts_are_deployed_and_say_what_was_set() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let owner = signer(2).address();
    let config = config(owner);
    let contracts = deploy_contracts(&client, signer(0), &config)
        .await
        .expect("deployed");

    let system = contracts.system_config;
    assert_eq!(
        ask(&client, system, SystemConfig::batcherHashCall {}).await,
        config.batcher.into_word()
    );
    assert_eq!(
        ask(&client, system, SystemConfig::gasLimitCall {}).await,
        60_000_000
    );
    assert_eq!(
        ask(&client, system, SystemConfig::operatorFeeConstantCall {}).await,
        22
    );
    assert_eq!(
        ask(&client, system, SystemConfig::unsafeBlockSignerCall {}).await,
        Address::repeat_byte(5)
    );
    let admin = contracts.proxy_admin;
    for proxy in [contracts.system_config, contracts.portal] {
        assert_eq!(
            ask(&client, admin, ProxyAdmin::getProxyAdminCall { proxy }).await,
            admin
        );
    }
    assert!(
        client
            .code(contracts.portal, BlockId::latest())
            .await
            .expect("reachable")
            .len()
            > 100
    );

    // The events of the initialization make the system configuration that genesis states.
    let start = ask(&client, system, SystemConfig::startBlockCall {})
        .await
        .to::<u64>();
    let block = client
        .block_with_receipts(BlockId::number(start))
        .await
        .expect("verified");
    let mut derived = openledger_primitives::SystemConfig {
        batcher_address: Address::ZERO,
        overhead: Default::default(),
        scalar: Default::default(),
        gas_limit: 0,
        eip1559_params: Default::default(),
        operator_fee_params: Default::default(),
    };
    let updates = block
        .receipts
        .iter()
        .flat_map(|receipt| receipt.logs())
        .filter(|log| log.address == system)
        .filter_map(|log| ConfigUpdate::decode(log).ok());
    for update in updates {
        update.apply(&mut derived).expect("known updates");
    }
    assert_eq!(derived, config.system_config());
}

#[tokio::test]
async fn deploying_twice_makes_two_sets() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let config = config(signer(0).address());
    let first = deploy_contracts(&client, signer(0), &config)
        .await
        .expect("deployed");
    let again = DeployConfig {
        batch_inbox: Some(first.batch_inbox),
        ..config
    };
    let second = deploy_contracts(&client, signer(0), &again)
        .await
        .expect("deployed");
    assert_ne!(first.system_config, second.system_config);
    assert_eq!(first.batch_inbox, second.batch_inbox);
}

#[tokio::test]
async fn the_inbox_s_chain_is_the_recomputed_one() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let contracts = deploy_contracts(&client, signer(0), &config(signer(0).address()))
        .await
        .expect("deployed");
    let inbox = contracts.batch_inbox;
    let (batcher, _guard) = spawn_sender(&client, 1, sender_config());
    let (other, _other_guard) = spawn_sender(&client, 2, sender_config());

    let payloads: Vec<_> = (0..5).map(|index| payload(0, 10 + 1_000 * index)).collect();
    let mut blocks = Vec::new();
    for data in &payloads {
        let sent = batcher
            .send_and_confirm(TxCandidate::call(inbox, data.clone()))
            .await
            .expect("confirmed");
        assert!(sent.success);
        blocks.push(sent.block);
    }
    // Another account has a chain of its own.
    other
        .send_and_confirm(TxCandidate::call(inbox, payload(0, 3)))
        .await
        .expect("confirmed");
    mine(&anvil, 1).await;

    let reader = InboxReader::new(client.clone(), inbox);
    let expected = CommitmentChain::of(payloads.iter().map(|data| (data.as_ref(), &[][..])));
    assert_eq!(
        reader
            .chain_of(batcher.account(), BlockId::latest())
            .await
            .expect("read"),
        expected
    );
    assert_eq!(expected.count, 5);

    let latest = client.latest().await.expect("reachable").number;
    let all = reader.commitments(0, latest).await.expect("read");
    assert_eq!(all.len(), 6);
    let mut chain = CommitmentChain::default();
    let ours = all
        .iter()
        .filter(|commitment| commitment.batcher == batcher.account());
    for (index, (commitment, data)) in ours.zip(&payloads).enumerate() {
        assert_eq!(commitment.index, index as u64);
        assert_eq!(commitment.block, blocks[index]);
        assert_eq!(commitment.head, chain.extend(data, &[]));
        // The same, from verified receipts.
        let block = client
            .block_with_receipts(commitment.block.hash)
            .await
            .expect("verified");
        assert_eq!(
            commitments_in(&block, inbox).expect("decodes"),
            [(0, commitment.clone())]
        );
        let holds = BatchInbox::holdsCall {
            batcher: batcher.account(),
            index: alloy_primitives::U256::from(index),
            calldataHash: alloy_primitives::keccak256(data),
            blobHashes: vec![],
        };
        assert!(ask(&client, inbox, holds).await);
    }
    assert!(matches!(
        reader.commitments(5, 4).await,
        Err(openledger_l1::L1Error::Range { from: 5, to: 4, .. })
    ));
}
