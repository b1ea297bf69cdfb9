//! Reads the contracts back, and says what is not as it should be.

use super::{
    DeployConfig, DeployError, GameClocks, GenesisAnchor, Reading, Standing, TimelockConfig,
    VETO_GAME, Value,
    artifact::{self, Artifact},
    roles,
};
use crate::{
    L1Client, L1Error,
    contracts::{
        AnchorStateRegistry, DisputeGame, DisputeGameFactory, L1CrossDomainMessenger,
        L1StandardBridge, OPEN, OptimismMintableERC20Factory, ProxyAdmin, RollupPortal,
        SystemConfig, TimelockController, VetoDisputeGame,
    },
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use futures::{StreamExt, TryStreamExt, stream};
use openledger_primitives::{L1Contracts, L1Roles, SystemConfig as InitialConfig};

/// Calls that are under way at the same time.
const CALLS_MAX: usize = 8;

/// What the contracts are measured by. What is `None` is shown as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    /// The system configuration of the genesis.
    pub system_config: InitialConfig,
    /// OPEN that the genesis gives out, wei.
    pub genesis_supply: U256,
    /// The block that the chain begins with.
    pub anchor: GenesisAnchor,
    /// Seconds between L2 blocks.
    pub block_time: u64,
    /// Who had which role at genesis.
    pub roles: Option<L1Roles>,
    /// How long claims and withdrawals waited at genesis.
    pub clocks: Option<GameClocks>,
    /// The code timelock at genesis.
    pub code_timelock: Option<TimelockConfig>,
    /// The parameter timelock at genesis, if there is one.
    pub parameter_timelock: Option<TimelockConfig>,
    /// Who owns `ProxyAdmin` and the factory of games before they are handed over; `None`: the code
    /// timelock, as must be afterwards.
    pub deployer: Option<Address>,
}

impl Expectations {
    /// What a deployment promises.
    pub fn of(config: &DeployConfig, anchor: GenesisAnchor) -> Self {
        Self {
            system_config: config.system_config(),
            genesis_supply: config.genesis_supply,
            anchor,
            block_time: config.block_time,
            roles: Some(config.roles()),
            clocks: Some(config.clocks),
            code_timelock: Some(config.code_timelock.clone()),
            parameter_timelock: config.parameter_timelock.clone(),
            deployer: None,
        }
    }
}

/// What is asked of a value.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Must(Value),
    Genesis(Value),
    Show(fn(U256) -> Value),
}

/// A call whose answer is one word.
struct Question {
    what: &'static str,
    to: Address,
    data: Vec<u8>,
    rule: Rule,
}

fn ask(what: &'static str, to: Address, call: &impl SolCall, rule: Rule) -> Question {
    Question {
        what,
        to,
        data: call.abi_encode(),
        rule,
    }
}

fn address(value: U256) -> Value {
    Value::Address(Address::from_word(value.into()))
}

impl Question {
    async fn answer(self, client: &L1Client) -> Result<Reading, DeployError> {
        let word = word(client, self.what, self.to, self.data).await?;
        Ok(self.rule.judge(self.what, word))
    }
}

impl Rule {
    fn judge(self, what: &'static str, word: U256) -> Reading {
        match self {
            Self::Must(expected) => Reading::must_be(what, like(expected, word), expected),
            Self::Genesis(expected) => {
                Reading::at_genesis(what, like(expected, word), Some(expected))
            }
            Self::Show(form) => Reading::at_genesis(what, form(word), None),
        }
    }

    /// A value that may change, and was this one at genesis if that is known.
    fn may_change(genesis: Option<Value>, form: fn(U256) -> Value) -> Self {
        genesis.map_or(Self::Show(form), Self::Genesis)
    }
}

/// A word in the form of another value.
pub(super) fn like(form: Value, word: U256) -> Value {
    match form {
        Value::Address(_) | Value::Nobody => address(word),
        Value::Hash(_) => Value::Hash(word.into()),
        Value::Number(_) => Value::Number(word),
        Value::Amount(_) => Value::Amount(word),
        Value::Seconds(_) => Value::Seconds(word),
    }
}

/// The first word of a call's answer.
pub(super) async fn word(
    client: &L1Client,
    what: &'static str,
    to: Address,
    data: Vec<u8>,
) -> Result<U256, DeployError> {
    let answer = client.call(to, data.into(), BlockId::latest()).await?;
    let first: Option<[u8; 32]> = answer.get(..32).and_then(|word| word.try_into().ok());
    match first {
        Some(word) => Ok(U256::from_be_bytes(word)),
        // As from an address without code.
        None => Err(L1Error::Abi {
            function: what,
            source: alloy_sol_types::Error::Overrun,
        }
        .into()),
    }
}

/// Reads the contracts at these addresses.
///
/// # Errors
/// An L1 that doesn't answer; an address without such a contract.
pub async fn inspect(
    client: &L1Client,
    contracts: &L1Contracts,
    expectations: &Expectations,
) -> Result<Vec<Reading>, DeployError> {
    let game = DisputeGameFactory::gameImplsCall {
        gameType: VETO_GAME,
    };
    let game = word(
        client,
        "DisputeGameFactory.gameImpls",
        contracts.dispute_game_factory,
        game.abi_encode(),
    )
    .await?;
    let game = Address::from_word(game.into());

    let mut readings = code(client, contracts, game).await?;
    let mut questions = wiring(contracts, game, expectations);
    questions.extend(ownership(contracts, expectations));
    questions.extend(parameters(contracts, game, expectations));
    let answers = stream::iter(questions)
        .map(|question| question.answer(client))
        .buffered(CALLS_MAX)
        .try_collect::<Vec<_>>()
        .await?;
    readings.extend(answers);
    readings.extend(timelocks(client, contracts, expectations).await?);
    Ok(readings)
}

/// Who may do what by way of the timelocks.
async fn timelocks(
    client: &L1Client,
    contracts: &L1Contracts,
    expectations: &Expectations,
) -> Result<Vec<Reading>, DeployError> {
    // Whatever is at the address of a timelock: that it is one is the code's matter.
    let set_up = word(
        client,
        "SystemConfig.startBlock",
        contracts.system_config,
        SystemConfig::startBlockCall {}.abi_encode(),
    )
    .await?;
    let set_up = set_up.saturating_to();
    let mut readings = Vec::new();
    for (timelock, names, expected) in [
        (
            contracts.code_timelock,
            roles::CODE,
            expectations.code_timelock.as_ref(),
        ),
        (
            contracts.parameter_timelock,
            roles::PARAMETERS,
            expectations.parameter_timelock.as_ref(),
        ),
    ] {
        if !timelock.is_zero() {
            readings.extend(roles::roles(client, timelock, set_up, names, expected).await?);
        }
    }
    Ok(readings)
}

/// The code of every contract against what is built in.
async fn code(
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
    if !contracts.parameter_timelock.is_zero() {
        direct.push((
            "code of the parameter timelock",
            contracts.parameter_timelock,
            artifact::TIMELOCK,
        ));
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

/// Who knows whom.
fn wiring(contracts: &L1Contracts, game: Address, expectations: &Expectations) -> Vec<Question> {
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

/// Who may change what.
fn ownership(contracts: &L1Contracts, expectations: &Expectations) -> Vec<Question> {
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
fn parameters(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Standing;

    #[test]
    fn a_rule_says_how_a_value_stands() {
        let seven = Value::Number(U256::from(7));
        let standing = |rule: Rule, word: u64| rule.judge("it", U256::from(word)).standing;
        assert_eq!(standing(Rule::Must(seven), 7), Standing::Right);
        assert_eq!(standing(Rule::Must(seven), 8), Standing::Wrong);
        assert_eq!(standing(Rule::Genesis(seven), 8), Standing::Changed);
        assert_eq!(standing(Rule::Show(Value::Number), 8), Standing::Shown);
        let wrong = Rule::Must(seven).judge("it", U256::from(8));
        assert_eq!(wrong.to_string(), "it is 8 on L1, not 7");
    }
}
