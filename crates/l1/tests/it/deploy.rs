use crate::{
    anvil_or_skip,
    support::{client, mine, payload, sender_config, signer, spawn_sender},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use openledger_l1::{
    CommitmentChain, DeployConfig, DeployError, DeployOptions, Deployment, Expectations,
    GameClocks, GenesisAnchor, InboxReader, L1Client, Reading, Standing, TimelockConfig,
    TxCandidate, VETO_GAME, Value, commitments_in,
    contracts::{
        AnchorStateRegistry, BatchInbox, DisputeGameFactory, OPEN, ProxyAdmin, RollupPortal,
        SystemConfig, VetoDisputeGame,
    },
    deploy_contracts, inspect,
};
use openledger_primitives::L1Contracts;
use openledger_protocol::ConfigUpdate;
use std::time::Duration;

/// Slot of `DisputeGameFactory.initBonds`, behind its owner and its implementations.
const INIT_BONDS_SLOT: u64 = 2;
/// A genesis that is older than any block of anvil's.
const ANCHOR: GenesisAnchor = GenesisAnchor {
    output_root: B256::repeat_byte(7),
    timestamp: 1_700_000_000,
};
const SUPPLY: U256 = U256::from_limbs([5_000_000_000_000_000_000, 0, 0, 0]);

fn config(owner: Address) -> DeployConfig {
    DeployConfig {
        eip1559_denominator: 250,
        eip1559_elasticity: 6,
        operator_fee_scalar: 11,
        operator_fee_constant: 22,
        unsafe_block_signer: Address::repeat_byte(5),
        genesis_supply: SUPPLY,
        grants: vec![(signer(1).address(), U256::from(1_000_000))],
        treasury: Address::repeat_byte(6),
        clocks: GameClocks {
            max_clock_seconds: 10,
            ..GameClocks::default()
        },
        ..DeployConfig::new(owner, signer(1).address())
    }
}

fn options() -> DeployOptions {
    DeployOptions {
        poll_interval: Duration::from_millis(20),
        ..DeployOptions::default()
    }
}

/// A deployment by the first account, from its next nonce on.
async fn begin(client: &L1Client, config: &DeployConfig) -> Deployment {
    let first = Deployment::first_nonce(client, &signer(0).into())
        .await
        .expect("reachable");
    Deployment::begin(
        client.clone(),
        signer(0).into(),
        first,
        config.clone(),
        options(),
        None,
    )
    .expect("a plan")
}

async fn ask<C: SolCall>(client: &L1Client, to: Address, call: C) -> C::Return {
    let answer = client
        .call(to, call.abi_encode().into(), BlockId::latest())
        .await
        .expect("answered");
    C::abi_decode_returns(&answer).expect("well formed")
}

/// What is not as `config` says.
async fn findings(
    client: &L1Client,
    contracts: &L1Contracts,
    config: &DeployConfig,
) -> Vec<&'static str> {
    let readings = inspect(client, contracts, &Expectations::of(config, ANCHOR))
        .await
        .expect("readable");
    assert!(readings.len() > 50);
    readings
        .iter()
        .filter(|reading| reading.standing == Standing::Wrong)
        .map(|reading| reading.what)
        .collect()
}

#[tokio::test]
async fn contracts_are_deployed_and_say_what_was_set() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let owner = signer(2).address();
    let config = config(owner);
    let mut deployment = begin(&client, &config).await;
    let contracts = *deployment.contracts();
    deployment.set_up().await.expect("set up");

    // Nobody can deposit before the chain's genesis is known.
    let approve = OPEN::approveCall {
        spender: contracts.portal,
        value: U256::MAX,
    };
    let deposit = RollupPortal::depositERC20TransactionCall {
        to: owner,
        mint: U256::from(500_000),
        value: U256::from(500_000),
        gasLimit: 100_000,
        isCreation: false,
        data: Bytes::new(),
    };
    let (depositor, _guard) = spawn_sender(&client, 1, sender_config());
    let approved = TxCandidate::call(contracts.open, approve.abi_encode());
    let approved = depositor.send_and_confirm(approved).await.expect("sent");
    assert!(approved.success);
    let deposit = TxCandidate::call(contracts.portal, deposit.abi_encode()).with_gas_limit(500_000);
    let early = depositor
        .send_and_confirm(deposit.clone())
        .await
        .expect("sent");
    assert!(!early.success);
    deployment.open(ANCHOR).await.expect("opened");
    // The code is still the deployer's, to mend what is found to be wrong.
    let code_owner = async || ask(&client, contracts.proxy_admin, ProxyAdmin::ownerCall {}).await;
    assert_eq!(code_owner().await, signer(0).address());
    deployment.hand_over(ANCHOR).await.expect("handed over");
    let deposited = depositor.send_and_confirm(deposit).await.expect("sent");
    assert!(deposited.success);

    let root = AnchorStateRegistry::getAnchorRootCall {};
    let root = ask(&client, contracts.anchor_state_registry, root).await;
    assert_eq!(
        (root.root, root.l2SequenceNumber),
        (ANCHOR.output_root, U256::ZERO)
    );
    let balance =
        async |account| ask(&client, contracts.open, OPEN::balanceOfCall { account }).await;
    assert_eq!(
        balance(contracts.portal).await,
        SUPPLY + U256::from(500_000)
    );
    assert_eq!(balance(signer(1).address()).await, U256::from(500_000));
    assert_eq!(balance(signer(0).address()).await, U256::ZERO);
    let total = ask(&client, contracts.open, OPEN::totalSupplyCall {}).await;
    assert_eq!(
        balance(config.treasury).await,
        total - SUPPLY - U256::from(1_000_000)
    );
    assert_eq!(code_owner().await, contracts.code_timelock);
    let factory_owner = DisputeGameFactory::ownerCall {};
    assert_eq!(
        ask(&client, contracts.dispute_game_factory, factory_owner).await,
        contracts.code_timelock
    );
    // Claims are bounded by the chain's own clock.
    let game = DisputeGameFactory::gameImplsCall {
        gameType: VETO_GAME,
    };
    let game = ask(&client, contracts.dispute_game_factory, game).await;
    let now = client.latest().await.expect("reachable").timestamp;
    assert_eq!(
        ask(&client, game, VetoDisputeGame::newestPossibleBlockCall {}).await,
        U256::from(now + 1_800 - ANCHOR.timestamp)
    );

    // The events of the initialization make the system configuration that genesis states.
    let system = contracts.system_config;
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
        min_base_fee: 0,
        da_footprint_gas_scalar: 0,
    };
    let updates = block
        .receipts
        .iter()
        .flat_map(|receipt| receipt.logs())
        .filter(|log| log.address == system)
        .filter_map(|log| ConfigUpdate::decode(log).ok());
    for update in updates {
        update.apply(&mut derived);
    }
    assert_eq!(derived, config.system_config());
}

#[tokio::test]
async fn an_interrupted_deployment_goes_on_where_it_was() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let config = DeployConfig {
        parameter_timelock: Some(TimelockConfig::of(signer(2).address(), 60)),
        ..config(signer(2).address())
    };
    let first = Deployment::first_nonce(&client, &signer(0).into())
        .await
        .expect("reachable");
    let journal = tempfile::tempdir().expect("a directory");
    let again = || {
        let (client, config) = (client.clone(), config.clone());
        let path = Some(journal.path());
        Deployment::begin(client, signer(0).into(), first, config, options(), path).expect("a plan")
    };
    // Blocks come when asked for, and one of them in the middle of what is sent.
    anvil
        .request("evm_setAutomine", serde_json::json!([false]))
        .await
        .expect("anvil answers");
    let mut deployment = again();
    let contracts = *deployment.contracts();
    let steps = deployment.set_up_steps() as u64;
    let nonce = async |block| {
        let account = signer(0).address();
        client.nonce(account, block).await.expect("reachable")
    };
    tokio::select! {
        outcome = deployment.set_up() => panic!("nothing was mined: {outcome:?}"),
        () = async {
            while nonce(BlockId::pending()).await < first + 5 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            mine(&anvil, 1).await;
            while nonce(BlockId::pending()).await < first + 9 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } => {}
    }
    drop(deployment);
    anvil
        .request("evm_setAutomine", serde_json::json!([true]))
        .await
        .expect("anvil answers");
    mine(&anvil, 1).await;

    let mut deployment = again();
    assert_eq!(*deployment.contracts(), contracts);
    deployment.set_up().await.expect("set up");
    assert_eq!(nonce(BlockId::latest()).await, first + steps);
    drop(deployment);
    // A third run finds nothing to do in the first part, and a fourth nothing at all.
    for _ in 0..2 {
        let mut deployment = again();
        let more = deployment.opening_steps() + deployment.hand_over_steps();
        let all = first + steps + more as u64;
        deployment.set_up().await.expect("done before");
        deployment.open(ANCHOR).await.expect("opened");
        deployment.hand_over(ANCHOR).await.expect("handed over");
        assert_eq!(nonce(BlockId::latest()).await, all);
    }
    assert!(findings(&client, &contracts, &config).await.is_empty());
    let owner = SystemConfig::ownerCall {};
    assert_eq!(
        ask(&client, contracts.system_config, owner).await,
        contracts.parameter_timelock
    );
}

#[tokio::test]
async fn another_l1_and_a_foreign_transaction_are_noticed() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let config = config(signer(2).address());
    let at = |nonce| {
        let (client, config) = (client.clone(), config.clone());
        Deployment::begin(client, signer(0).into(), nonce, config, options(), None).expect("a plan")
    };
    assert!(matches!(
        at(7).set_up().await,
        Err(DeployError::Behind {
            first: 7,
            actual: 0,
            ..
        })
    ));
    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    sender
        .send_and_confirm(TxCandidate::call(Address::ZERO, vec![1]))
        .await
        .expect("sent");
    drop(_guard);
    assert!(matches!(
        at(0).set_up().await,
        Err(DeployError::Missing {
            step: "deploying the ProxyAdmin",
            ..
        })
    ));
}

#[tokio::test]
async fn what_is_not_as_it_should_be_is_found() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let config = config(signer(0).address());
    let mut deployment = begin(&client, &config).await;
    deployment.set_up().await.expect("set up");
    deployment.open(ANCHOR).await.expect("opened");
    deployment.hand_over(ANCHOR).await.expect("handed over");
    let contracts = *deployment.contracts();
    drop(deployment);
    assert!(findings(&client, &contracts, &config).await.is_empty());

    let other = DeployConfig {
        genesis_supply: SUPPLY + U256::ONE,
        ..config.clone()
    };
    assert_eq!(
        findings(&client, &contracts, &other).await,
        ["OPEN locked for genesis"]
    );
    // Another contract, which reverts, and none, which answers nothing.
    let (another, nobody) = (contracts.proxy_admin, Address::repeat_byte(0x99));
    let bridge = |l1_standard_bridge| L1Contracts {
        l1_standard_bridge,
        ..contracts
    };
    let timelock = |code_timelock| L1Contracts {
        code_timelock,
        ..contracts
    };
    for (swapped, question, to) in [
        (bridge(another), "L1StandardBridge.messenger", another),
        (bridge(nobody), "L1StandardBridge.messenger", nobody),
        (timelock(another), "delay of the code timelock", another),
    ] {
        let error = inspect(&client, &swapped, &Expectations::of(&config, ANCHOR)).await;
        let is_named = matches!(
            error,
            Err(DeployError::NotAnswered { what, contract, .. }) if (what, contract) == (question, to)
        );
        assert!(is_named, "{error:?}");
    }

    // The owner may change parameters: that is shown, and no fault.
    let (owner, _guard) = spawn_sender(&client, 0, sender_config());
    let change = SystemConfig::setGasLimitCall {
        newGasLimit: 30_000_000,
    };
    let change = TxCandidate::call(contracts.system_config, change.abi_encode());
    assert!(owner.send_and_confirm(change).await.expect("sent").success);
    let readings = inspect(&client, &contracts, &Expectations::of(&config, ANCHOR))
        .await
        .expect("readable");
    let gas_limit = readings
        .iter()
        .find(|reading| reading.what == "gas limit")
        .expect("read");
    assert_eq!(gas_limit.standing, Standing::Changed);
    assert!(findings(&client, &contracts, &config).await.is_empty());

    // Somebody who could grant roles without delay.
    for (method, parameters) in [
        (
            "anvil_impersonateAccount",
            serde_json::json!([contracts.code_timelock]),
        ),
        (
            "anvil_setBalance",
            serde_json::json!([contracts.code_timelock, "0xde0b6b3a7640000"]),
        ),
        (
            "eth_sendTransaction",
            serde_json::json!([{
                "from": contracts.code_timelock,
                "to": contracts.code_timelock,
                // grantRole(DEFAULT_ADMIN_ROLE, the second account)
                "data": format!("0x2f2ff15d{:064x}{:0>64}", 0, format!("{:x}", signer(1).address())),
            }]),
        ),
    ] {
        anvil
            .request(method, parameters)
            .await
            .expect("anvil answers");
    }
    assert_eq!(
        findings(&client, &contracts, &config).await,
        ["admin of the code timelock"]
    );

    // Other code is found, in a contract and behind a proxy.
    let set_code = async |address: Address, code: &str| {
        anvil
            .request("anvil_setCode", serde_json::json!([address, code]))
            .await
            .expect("anvil answers");
    };
    // Answers every call by a word of zeros.
    set_code(contracts.code_timelock, "0x5f5f5260205ff3").await;
    assert_eq!(
        findings(&client, &contracts, &config).await,
        ["code of the code timelock", "admin of the code timelock"]
    );
    let proxy = contracts.optimism_mintable_erc20_factory;
    let implementation = ProxyAdmin::getProxyImplementationCall { proxy };
    let implementation = ask(&client, contracts.proxy_admin, implementation).await;
    set_code(implementation, "0x5f5f5260205ff3").await;
    assert_eq!(
        findings(&client, &contracts, &config).await,
        [
            "code of the code timelock",
            "code of OptimismMintableERC20Factory",
            "OptimismMintableERC20Factory.bridge",
            "admin of the code timelock"
        ]
    );
    let game = DisputeGameFactory::gameImplsCall {
        gameType: VETO_GAME,
    };
    let game = ask(&client, contracts.dispute_game_factory, game).await;
    set_code(game, "0x5f5f5260205ff3").await;
    let found = findings(&client, &contracts, &config).await;
    assert!(found.contains(&"code of VetoDisputeGame"), "{found:?}");
}

#[tokio::test]
async fn a_later_run_finds_a_call_without_effect() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let config = DeployConfig {
        treasury: signer(0).address(),
        grants: Vec::new(),
        ..config(signer(2).address())
    };
    let again = |config: &DeployConfig| {
        let (client, config) = (client.clone(), config.clone());
        Deployment::begin(client, signer(0).into(), 0, config, options(), None).expect("a plan")
    };
    let mut deployment = again(&config);
    let contracts = *deployment.contracts();
    deployment.set_up().await.expect("set up");
    drop(deployment);
    // A grant whose nonce another transaction took.
    let (sender, guard) = spawn_sender(&client, 0, sender_config());
    sender
        .send_and_confirm(TxCandidate::call(Address::ZERO, vec![1]))
        .await
        .expect("sent");
    drop(guard);
    let amount = U256::from(5);
    let granting = DeployConfig {
        grants: vec![(signer(1).address(), amount)],
        ..config.clone()
    };
    let outcome = again(&granting).set_up().await;
    assert!(
        matches!(
            outcome,
            Err(DeployError::NotDone { step: "granting OPEN", expected, .. })
                if expected == Value::Amount(amount)
        ),
        "{outcome:?}"
    );
    // The bond, as if its call had reverted: DisputeGameFactory.initBonds is at slot 2.
    let slot = alloy_primitives::keccak256(
        [
            U256::from(VETO_GAME).to_be_bytes::<32>(),
            U256::from(INIT_BONDS_SLOT).to_be_bytes::<32>(),
        ]
        .concat(),
    );
    anvil
        .request(
            "anvil_setStorageAt",
            serde_json::json!([contracts.dispute_game_factory, slot, B256::ZERO]),
        )
        .await
        .expect("anvil answers");
    let outcome = again(&config).set_up().await;
    assert!(
        matches!(
            outcome,
            Err(DeployError::NotDone {
                step: "setting the bond",
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_differs_is_found_before_the_code_is_handed_over() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let config = config(signer(2).address());
    let mut deployment = begin(&client, &config).await;
    let contracts = *deployment.contracts();
    deployment.set_up().await.expect("set up");
    assert!(!deployment.opening_begun().await.expect("reachable"));
    // The owner may set parameters at once; the genesis, which was made before, doesn't have them.
    let (owner, _guard) = spawn_sender(&client, 2, sender_config());
    let change = SystemConfig::setGasLimitCall {
        newGasLimit: 30_000_000,
    };
    let change = TxCandidate::call(contracts.system_config, change.abi_encode());
    assert!(owner.send_and_confirm(change).await.expect("sent").success);
    let outcome = deployment.open(ANCHOR).await;
    assert!(
        matches!(
            outcome,
            Err(DeployError::Check(Reading {
                what: "gas limit",
                ..
            }))
        ),
        "{outcome:?}"
    );
    assert!(deployment.opening_begun().await.expect("reachable"));
    for (owned, call) in [
        (contracts.proxy_admin, ProxyAdmin::ownerCall {}),
        (contracts.dispute_game_factory, ProxyAdmin::ownerCall {}),
    ] {
        assert_eq!(ask(&client, owned, call).await, signer(0).address());
    }
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
