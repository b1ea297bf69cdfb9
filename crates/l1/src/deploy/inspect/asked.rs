//! What the contracts are asked: whom they know, who may change them, what they were set up with.

use super::{
    super::{Expectations, GameClocks, TimelockConfig, VETO_GAME, Value},
    question::{Question, Rule, address, ask},
};
use crate::contracts::{
    AnchorStateRegistry, DisputeGame, DisputeGameFactory, GovernanceExecutor,
    L1CrossDomainMessenger, L1StandardBridge, OPEN, OptimismMintableERC20Factory, ProxyAdmin,
    RollupPortal, SystemConfig, TimelockController, VetoDisputeGame,
};
use alloy_primitives::{Address, U256};
use openledger_primitives::{L1Contracts, L1Roles, predeploys};

/// Who knows whom.
pub(super) fn wiring(
    contracts: &L1Contracts,
    game: Address,
    expectations: &Expectations,
) -> Vec<Question> {
    let is = |address| Rule::Must(Value::Address(address));
    let game_type = Rule::Must(Value::Number(U256::from(VETO_GAME)));
    let registry = contracts.anchor_state_registry;
    vec![
        ask(
            "RollupPortal.open",
            contracts.portal,
            &RollupPortal::openCall {},
            is(contracts.open),
        ),
        ask(
            "RollupPortal.systemConfig",
            contracts.portal,
            &RollupPortal::systemConfigCall {},
            is(contracts.system_config),
        ),
        ask(
            "RollupPortal.anchorStateRegistry",
            contracts.portal,
            &RollupPortal::anchorStateRegistryCall {},
            is(registry),
        ),
        ask(
            "AnchorStateRegistry.disputeGameFactory",
            registry,
            &AnchorStateRegistry::disputeGameFactoryCall {},
            is(contracts.dispute_game_factory),
        ),
        ask(
            "AnchorStateRegistry.portal",
            registry,
            &AnchorStateRegistry::portalCall {},
            is(contracts.portal),
        ),
        ask(
            "AnchorStateRegistry.respectedGameType",
            registry,
            &AnchorStateRegistry::respectedGameTypeCall {},
            game_type,
        ),
        ask(
            "VetoDisputeGame.anchorStateRegistry",
            game,
            &DisputeGame::anchorStateRegistryCall {},
            is(registry),
        ),
        ask(
            "VetoDisputeGame.gameType",
            game,
            &VetoDisputeGame::gameTypeCall {},
            game_type,
        ),
        ask(
            "VetoDisputeGame.genesisTimestamp",
            game,
            &VetoDisputeGame::genesisTimestampCall {},
            Rule::Must(Value::Number(U256::from(expectations.anchor.timestamp))),
        ),
        ask(
            "VetoDisputeGame.blockTime",
            game,
            &VetoDisputeGame::blockTimeCall {},
            Rule::Must(Value::Seconds(U256::from(expectations.block_time))),
        ),
        ask(
            "AnchorStateRegistry.startingAnchorRoot",
            registry,
            &AnchorStateRegistry::startingAnchorRootCall {},
            Rule::Must(Value::Hash(expectations.anchor.output_root)),
        ),
        ask(
            "L1CrossDomainMessenger.portal",
            contracts.l1_cross_domain_messenger,
            &L1CrossDomainMessenger::portalCall {},
            is(contracts.portal),
        ),
        ask(
            "L1StandardBridge.messenger",
            contracts.l1_standard_bridge,
            &L1StandardBridge::messengerCall {},
            is(contracts.l1_cross_domain_messenger),
        ),
        ask(
            "OptimismMintableERC20Factory.bridge",
            contracts.optimism_mintable_erc20_factory,
            &OptimismMintableERC20Factory::bridgeCall {},
            is(contracts.l1_standard_bridge),
        ),
        ask(
            "SystemConfig.batchInbox",
            contracts.system_config,
            &SystemConfig::batchInboxCall {},
            is(contracts.batch_inbox),
        ),
    ]
}

/// The executors of governance, where a chain has them: the messenger that they listen to, and for whom.
pub(super) fn governance(contracts: &L1Contracts) -> Vec<Question> {
    let is = |address| Rule::Must(Value::Address(address));
    let messenger = contracts.l1_cross_domain_messenger;
    let mut questions = Vec::new();
    for (listens, speaks, executor, sender) in [
        (
            "messenger of the code timelock's executor",
            "L2 sender of the code timelock's executor",
            contracts.code_executor,
            predeploys::CODE_TIMELOCK,
        ),
        (
            "messenger of the parameter timelock's executor",
            "L2 sender of the parameter timelock's executor",
            contracts.parameter_executor,
            predeploys::PARAMETER_TIMELOCK,
        ),
    ] {
        if !executor.is_zero() {
            let call = GovernanceExecutor::messengerCall {};
            questions.push(ask(listens, executor, &call, is(messenger)));
            let call = GovernanceExecutor::l2SenderCall {};
            questions.push(ask(speaks, executor, &call, is(sender)));
        }
    }
    questions
}

/// Who may change what.
pub(super) fn ownership(contracts: &L1Contracts, expectations: &Expectations) -> Vec<Question> {
    let is = |address| Rule::Must(Value::Address(address));
    let code_owner = expectations.deployer.unwrap_or(contracts.code_timelock);
    let role = |of: fn(&L1Roles) -> Address| {
        let account = expectations.roles.as_ref().map(of);
        Rule::may_change(account.map(Value::Address), address)
    };
    let delay = |timelock: Option<&TimelockConfig>| {
        let seconds = timelock.map(|timelock| U256::from(timelock.delay_seconds));
        Rule::may_change(seconds.map(Value::Seconds), Value::Seconds)
    };
    let mut questions = vec![
        ask(
            "owner of ProxyAdmin",
            contracts.proxy_admin,
            &ProxyAdmin::ownerCall {},
            is(code_owner),
        ),
        ask(
            "owner of DisputeGameFactory",
            contracts.dispute_game_factory,
            &DisputeGameFactory::ownerCall {},
            is(code_owner),
        ),
        ask(
            "delay of the code timelock",
            contracts.code_timelock,
            &TimelockController::getMinDelayCall {},
            delay(expectations.code_timelock.as_ref()),
        ),
        ask(
            "guardian",
            contracts.portal,
            &RollupPortal::guardianCall {},
            role(|roles| roles.guardian),
        ),
        ask(
            "paused until (0: never was)",
            contracts.portal,
            &RollupPortal::pausedUntilCall {},
            Rule::Show(Value::Number),
        ),
    ];
    let timelock = contracts.parameter_timelock;
    let owner = if !timelock.is_zero() {
        questions.push(ask(
            "delay of the parameter timelock",
            timelock,
            &TimelockController::getMinDelayCall {},
            delay(expectations.parameter_timelock.as_ref()),
        ));
        is(timelock)
    } else {
        role(|roles| roles.owner)
    };
    questions.push(ask(
        "owner of SystemConfig",
        contracts.system_config,
        &SystemConfig::ownerCall {},
        owner,
    ));
    questions
}

/// What the contracts were set up with. `SystemConfig`'s values may change, since its owner may set them.
pub(super) fn parameters(
    contracts: &L1Contracts,
    game: Address,
    expectations: &Expectations,
) -> Vec<Question> {
    let initial = &expectations.system_config;
    let number = |value: u64| Rule::Genesis(Value::Number(U256::from(value)));
    let eip1559 = initial.eip1559_params.0;
    let half = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte))
    };
    let (operator_scalar, operator_constant) = initial.operator_fee();
    let system = contracts.system_config;
    let role = |of: fn(&L1Roles) -> Address| {
        let account = expectations.roles.as_ref().map(of);
        Rule::may_change(account.map(Value::Address), address)
    };
    let clock = |of: fn(&GameClocks) -> u64| {
        let seconds = expectations.clocks.as_ref().map(of);
        let seconds = seconds.map(|seconds| Value::Seconds(U256::from(seconds)));
        Rule::may_change(seconds, Value::Seconds)
    };
    let bond = expectations
        .clocks
        .map(|clocks| Value::Amount(U256::from(clocks.init_bond_wei)));
    vec![
        ask(
            "batcher",
            system,
            &SystemConfig::batcherHashCall {},
            Rule::Genesis(Value::Address(initial.batcher_address)),
        ),
        ask(
            "gas limit",
            system,
            &SystemConfig::gasLimitCall {},
            number(initial.gas_limit),
        ),
        ask(
            "fee scalars",
            system,
            &SystemConfig::scalarCall {},
            Rule::Genesis(Value::Hash(initial.scalar)),
        ),
        ask(
            "EIP-1559 denominator",
            system,
            &SystemConfig::eip1559DenominatorCall {},
            number(half(&eip1559[..4])),
        ),
        ask(
            "EIP-1559 elasticity",
            system,
            &SystemConfig::eip1559ElasticityCall {},
            number(half(&eip1559[4..])),
        ),
        ask(
            "operator fee scalar",
            system,
            &SystemConfig::operatorFeeScalarCall {},
            number(u64::from(operator_scalar)),
        ),
        ask(
            "operator fee constant",
            system,
            &SystemConfig::operatorFeeConstantCall {},
            number(operator_constant),
        ),
        ask(
            "unsafe block signer",
            system,
            &SystemConfig::unsafeBlockSignerCall {},
            role(|roles| roles.unsafe_block_signer),
        ),
        ask(
            "proposer",
            game,
            &VetoDisputeGame::proposerCall {},
            role(|roles| roles.proposer),
        ),
        ask(
            "challenger",
            game,
            &VetoDisputeGame::challengerCall {},
            role(|roles| roles.challenger),
        ),
        ask(
            "challenge clock",
            game,
            &VetoDisputeGame::maxClockDurationCall {},
            clock(|clocks| clocks.max_clock_seconds),
        ),
        ask(
            "proposer fallback",
            game,
            &VetoDisputeGame::proposerFallbackSecondsCall {},
            clock(|clocks| clocks.proposer_fallback_seconds),
        ),
        ask(
            "finality delay",
            contracts.anchor_state_registry,
            &AnchorStateRegistry::disputeGameFinalityDelaySecondsCall {},
            clock(|clocks| clocks.finality_delay_seconds),
        ),
        ask(
            "proof maturity",
            contracts.portal,
            &RollupPortal::proofMaturityDelaySecondsCall {},
            clock(|clocks| clocks.proof_maturity_seconds),
        ),
        ask(
            "bond of a claim (ETH)",
            contracts.dispute_game_factory,
            &DisputeGameFactory::initBondsCall {
                gameType: VETO_GAME,
            },
            Rule::may_change(bond, Value::Amount),
        ),
        ask(
            "OPEN locked for genesis",
            contracts.portal,
            &RollupPortal::genesisSupplyCall {},
            Rule::Must(Value::Amount(expectations.genesis_supply)),
        ),
        ask(
            "OPEN in the portal",
            contracts.open,
            &OPEN::balanceOfCall {
                account: contracts.portal,
            },
            Rule::Show(Value::Amount),
        ),
    ]
}
