//! Reads the contracts back, and says what is not as it should be.

mod asked;
mod code;
mod question;

pub(super) use question::{like, word};

use super::{
    DeployConfig, DeployError, GameClocks, GenesisAnchor, Reading, TimelockConfig, VETO_GAME, roles,
};
use crate::{
    L1Client,
    contracts::{DisputeGameFactory, SystemConfig},
};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use asked::{governance, ownership, parameters, wiring};
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

/// Reads the contracts at these addresses.
///
/// # Errors
/// An L1 that doesn't answer; an address without such a contract, or one of another version
/// ([`DeployError::NotAnswered`]).
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

    let mut readings = code::code(client, contracts, game).await?;
    let mut questions = wiring(contracts, game, expectations);
    questions.extend(governance(contracts));
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
    for (timelock, names, expected, executor) in [
        (
            contracts.code_timelock,
            roles::CODE,
            expectations.code_timelock.as_ref(),
            contracts.code_executor,
        ),
        (
            contracts.parameter_timelock,
            roles::PARAMETERS,
            expectations.parameter_timelock.as_ref(),
            contracts.parameter_executor,
        ),
    ] {
        if !timelock.is_zero() {
            // Governance on L2 queues beside whom the deployment names.
            let expected = expected.map(|expected| expected.queued_by(executor));
            let readings_of = roles::roles(client, timelock, set_up, names, expected.as_ref());
            readings.extend(readings_of.await?);
        }
    }
    Ok(readings)
}
