//! Reads the contracts back, and says what is not as it should be.

use super::{
    DeployConfig, DeployError, VETO_GAME,
    artifact::{self, Artifact},
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
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use futures::{StreamExt, TryStreamExt, stream};
use openledger_primitives::{L1Contracts, SystemConfig as InitialConfig};
use std::fmt;

/// Calls that are under way at the same time.
const CALLS_MAX: usize = 8;

/// What the contracts are measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectations {
    /// The system configuration of the genesis.
    pub system_config: InitialConfig,
    /// OPEN that the genesis gives out, wei.
    pub genesis_supply: U256,
    /// Who sets the chain's parameters, where that is known.
    pub owner: Option<Address>,
}

impl Expectations {
    /// What a deployment promises.
    pub fn of(config: &DeployConfig) -> Self {
        Self {
            system_config: config.system_config(),
            genesis_supply: config.genesis_supply,
            owner: config.parameter_timelock.is_none().then_some(config.owner),
        }
    }
}

/// A value that was read, in the form in which it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// An address.
    Address(Address),
    /// A hash.
    Hash(B256),
    /// A number.
    Number(U256),
    /// An amount of OPEN or ETH, wei.
    Amount(U256),
    /// Seconds.
    Seconds(U256),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Hash(hash) => write!(f, "{hash}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Amount(wei) => {
                let (whole, rest) = wei.div_rem(U256::from(1_000_000_000_000_000_000_u64));
                let text = format!("{rest:018}");
                match text.trim_end_matches('0') {
                    "" => write!(f, "{whole}"),
                    fraction => write!(f, "{whole}.{fraction}"),
                }
            }
            Self::Seconds(seconds) => write!(f, "{seconds} s"),
        }
    }
}

/// How a value stands to what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is what it must be.
    Right,
    /// It is not.
    Wrong,
    /// It may be anything, and was something else at genesis.
    Changed,
    /// It may be anything.
    Shown,
}

/// One value of the contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Which.
    pub what: &'static str,
    /// What it is.
    pub actual: Value,
    /// What it must be, must be at least, or was at genesis.
    pub expected: Option<Value>,
    /// How the two stand.
    pub standing: Standing,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.what, self.actual)?;
        match (self.standing, &self.expected) {
            (Standing::Wrong, Some(expected)) => write!(f, " on L1, not {expected}"),
            (Standing::Changed, Some(expected)) => write!(f, ", at genesis {expected}"),
            _ => Ok(()),
        }
    }
}

impl Reading {
    /// A value that must be another.
    pub fn must_be(what: &'static str, actual: Value, expected: Value) -> Self {
        let standing = if actual == expected {
            Standing::Right
        } else {
            Standing::Wrong
        };
        Self {
            what,
            actual,
            expected: Some(expected),
            standing,
        }
    }

    /// An amount in wei that must be no less than another.
    pub fn at_least(what: &'static str, actual: U256, least: U256) -> Self {
        let standing = if actual >= least {
            Standing::Right
        } else {
            Standing::Wrong
        };
        Self {
            what,
            actual: Value::Amount(actual),
            expected: Some(Value::Amount(least)),
            standing,
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
                let actual = like(expected, word);
                let standing = if actual == expected {
                    Standing::Right
                } else {
                    Standing::Changed
                };
                Reading {
                    what,
                    actual,
                    expected: Some(expected),
                    standing,
                }
            }
            Self::Show(form) => Reading {
                what,
                actual: form(word),
                expected: None,
                standing: Standing::Shown,
            },
        }
    }
}

/// A word in the form of another value.
fn like(form: Value, word: U256) -> Value {
    match form {
        Value::Address(_) => address(word),
        Value::Hash(_) => Value::Hash(word.into()),
        Value::Number(_) => Value::Number(word),
        Value::Amount(_) => Value::Amount(word),
        Value::Seconds(_) => Value::Seconds(word),
    }
}

/// The first word of a call's answer.
async fn word(
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
    let mut questions = wiring(contracts, game);
    questions.extend(ownership(contracts, expectations));
    questions.extend(parameters(contracts, game, expectations));
    let answers = stream::iter(questions)
        .map(|question| question.answer(client))
        .buffered(CALLS_MAX)
        .try_collect::<Vec<_>>()
        .await?;
    readings.extend(answers);
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
fn wiring(contracts: &L1Contracts, game: Address) -> Vec<Question> {
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
    let mut questions = vec![
        ask(
            "owner of ProxyAdmin",
            contracts.proxy_admin,
            &ProxyAdmin::ownerCall {},
            is(contracts.code_timelock),
        ),
        ask(
            "owner of DisputeGameFactory",
            contracts.dispute_game_factory,
            &DisputeGameFactory::ownerCall {},
            is(contracts.code_timelock),
        ),
        ask(
            "delay of the code timelock",
            contracts.code_timelock,
            &TimelockController::getMinDelayCall {},
            Rule::Show(Value::Seconds),
        ),
        ask(
            "guardian",
            contracts.portal,
            &RollupPortal::guardianCall {},
            Rule::Show(address),
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
            Rule::Show(Value::Seconds),
        ));
        is(timelock)
    } else {
        expectations.owner.map_or(Rule::Show(address), is)
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
            Rule::Show(address),
        ),
        ask(
            "proposer",
            game,
            &VetoDisputeGame::proposerCall {},
            Rule::Show(address),
        ),
        ask(
            "challenger",
            game,
            &VetoDisputeGame::challengerCall {},
            Rule::Show(address),
        ),
        ask(
            "challenge clock",
            game,
            &VetoDisputeGame::maxClockDurationCall {},
            Rule::Show(Value::Seconds),
        ),
        ask(
            "proposer fallback",
            game,
            &VetoDisputeGame::proposerFallbackSecondsCall {},
            Rule::Show(Value::Seconds),
        ),
        ask(
            "finality delay",
            contracts.anchor_state_registry,
            &AnchorStateRegistry::disputeGameFinalityDelaySecondsCall {},
            Rule::Show(Value::Seconds),
        ),
        ask(
            "proof maturity",
            contracts.portal,
            &RollupPortal::proofMaturityDelaySecondsCall {},
            Rule::Show(Value::Seconds),
        ),
        ask(
            "bond of a claim (ETH)",
            contracts.dispute_game_factory,
            &DisputeGameFactory::initBondsCall {
                gameType: VETO_GAME,
            },
            Rule::Show(Value::Amount),
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

    #[test]
    fn amounts_are_shown_in_whole_units() {
        for (wei, text) in [
            (0_u128, "0"),
            (1, "0.000000000000000001"),
            (80_000_000_000_000_000, "0.08"),
            (1_000_000_000_000_000_000, "1"),
            (10_000_500_000_000_000_000_000, "10000.5"),
        ] {
            assert_eq!(Value::Amount(U256::from(wei)).to_string(), text);
        }
    }

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
        let little = Reading::at_least("it", U256::from(6), U256::from(7));
        assert_eq!(little.standing, Standing::Wrong);
        let enough = Reading::at_least("it", U256::from(7), U256::from(7));
        assert_eq!(enough.standing, Standing::Right);
    }
}
