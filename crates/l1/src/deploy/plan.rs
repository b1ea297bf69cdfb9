//! The steps of a deployment, in the order of their nonces.

use super::{
    DeployConfig, DeployError, VETO_GAME, artifact,
    reading::Value,
    step::{Step, Steps},
};
use crate::contracts::{
    AnchorStateRegistry, DisputeGameFactory, GovernanceExecutor, L1CrossDomainMessenger,
    L1StandardBridge, OPEN, OptimismMintableERC20Factory, Proxy, ProxyAdmin, RollupPortal,
    SystemConfig, VetoDisputeGame,
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolConstructor};
use openledger_primitives::{L1Contracts, predeploys};

/// All OPEN that there is, wei: 1,000,000,000 OPEN.
pub(super) const OPEN_SUPPLY: U256 = U256::from_limbs([0x9fd0_803c_e800_0000, 0x033b_2e3c, 0, 0]);
/// Steps of the second part: as many for any chain, so that the last part's nonces are known.
pub(super) const OPENING_STEPS: usize = 4;

/// What the contracts must know of the block that the chain begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenesisAnchor {
    /// Its output root: the anchor until a claim is won.
    pub output_root: B256,
    /// Its timestamp, seconds: bounds which blocks can be claimed.
    pub timestamp: u64,
}

/// What is behind the proxies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Implementations {
    portal: Address,
    registry: Address,
}

/// The first part of a deployment, and what the second needs of it.
#[derive(Debug)]
pub(super) struct Plan {
    deployer: Address,
    first_nonce: u64,
    implementations: Implementations,
    pub(super) contracts: L1Contracts,
    /// Steps before the chain's genesis is known.
    pub(super) set_up: Vec<Step>,
}

impl Plan {
    /// The plan of a deployment by an account from this nonce on. The same arguments give the same plan.
    ///
    /// # Errors
    /// A value out of its range; more OPEN than there is; a build without its contracts.
    pub(super) fn new(
        deployer: Address,
        first_nonce: u64,
        config: &DeployConfig,
    ) -> Result<Self, DeployError> {
        config.check()?;
        let too_much = DeployError::Supply {
            supply: OPEN_SUPPLY,
        };
        let rest = config
            .given_out()
            .and_then(|given| OPEN_SUPPLY.checked_sub(given));
        let Some(rest) = rest else {
            return Err(too_much);
        };
        let mut steps = Steps::from(deployer, first_nonce);
        let constructor = ProxyAdmin::constructorCall {
            initialOwner: deployer,
        };
        let proxy_admin = steps.create(
            "deploying the ProxyAdmin",
            artifact::PROXY_ADMIN,
            &constructor.abi_encode(),
        )?;
        let open = match config.open {
            Some(open) => open,
            None => {
                let constructor = OPEN::constructorCall {
                    recipient: deployer,
                };
                steps.create("deploying OPEN", artifact::OPEN, &constructor.abi_encode())?
            }
        };
        let batch_inbox = match config.batch_inbox {
            Some(inbox) => inbox,
            None => steps.create("deploying the BatchInbox", artifact::BATCH_INBOX, &[])?,
        };

        let mut proxies = [Address::ZERO; 7];
        let constructor = Proxy::constructorCall {
            initialAdmin: proxy_admin,
        }
        .abi_encode();
        for proxy in &mut proxies {
            *proxy = steps.create("deploying a proxy", artifact::PROXY, &constructor)?;
        }
        let [
            system_config,
            portal,
            factory,
            registry,
            messenger,
            bridge,
            mintable_factory,
        ] = proxies;

        let clocks = &config.clocks;
        let system_config_code =
            steps.create("deploying the SystemConfig", artifact::SYSTEM_CONFIG, &[])?;
        let factory_code = steps.create(
            "deploying the DisputeGameFactory",
            artifact::DISPUTE_GAME_FACTORY,
            &[],
        )?;
        let constructor = RollupPortal::constructorCall {
            token: open,
            delaySeconds: U256::from(clocks.proof_maturity_seconds),
        };
        let portal_code = steps.create(
            "deploying the RollupPortal",
            artifact::ROLLUP_PORTAL,
            &constructor.abi_encode(),
        )?;
        let constructor = AnchorStateRegistry::constructorCall {
            delaySeconds: U256::from(clocks.finality_delay_seconds),
        };
        let registry_code = steps.create(
            "deploying the AnchorStateRegistry",
            artifact::ANCHOR_STATE_REGISTRY,
            &constructor.abi_encode(),
        )?;
        let messenger_code = steps.create(
            "deploying the L1CrossDomainMessenger",
            artifact::L1_CROSS_DOMAIN_MESSENGER,
            &[],
        )?;
        let bridge_code = steps.create(
            "deploying the L1StandardBridge",
            artifact::L1_STANDARD_BRIDGE,
            &[],
        )?;
        let mintable_code = steps.create(
            "deploying the OptimismMintableERC20Factory",
            artifact::MINTABLE_FACTORY,
            &[],
        )?;
        let executor = |l2_sender| {
            GovernanceExecutor::constructorCall {
                newMessenger: messenger,
                newL2Sender: l2_sender,
            }
            .abi_encode()
        };
        let code_executor = steps.create(
            "deploying the code timelock's executor",
            artifact::GOVERNANCE_EXECUTOR,
            &executor(predeploys::CODE_TIMELOCK),
        )?;
        let code_timelock = steps.timelock(
            "deploying the code timelock",
            &config.code_timelock.queued_by(code_executor),
        )?;
        let parameters = match &config.parameter_timelock {
            Some(timelock) => {
                let executor = steps.create(
                    "deploying the parameter timelock's executor",
                    artifact::GOVERNANCE_EXECUTOR,
                    &executor(predeploys::PARAMETER_TIMELOCK),
                )?;
                let timelock = timelock.queued_by(executor);
                let timelock = steps.timelock("deploying the parameter timelock", &timelock)?;
                Some((timelock, executor))
            }
            None => None,
        };
        let (parameter_timelock, parameter_executor) = parameters.unzip();

        let initialize = SystemConfig::initializeCall {
            parameters: SystemConfig::Parameters {
                owner: parameter_timelock.unwrap_or(config.owner),
                batcherHash: config.batcher.into_word(),
                basefeeScalar: config.base_fee_scalar,
                blobbasefeeScalar: config.blob_base_fee_scalar,
                gasLimit: config.gas_limit,
                unsafeBlockSigner: config.unsafe_block_signer,
                eip1559Denominator: config.eip1559_denominator,
                eip1559Elasticity: config.eip1559_elasticity,
                operatorFeeScalar: config.operator_fee_scalar,
                operatorFeeConstant: config.operator_fee_constant,
                batchInbox: batch_inbox,
            },
        };
        for (name, proxy, implementation, first_call) in [
            (
                "initializing the SystemConfig",
                system_config,
                system_config_code,
                initialize.abi_encode(),
            ),
            (
                "initializing the DisputeGameFactory",
                factory,
                factory_code,
                DisputeGameFactory::initializeCall {
                    initialOwner: deployer,
                }
                .abi_encode(),
            ),
            (
                "initializing the L1CrossDomainMessenger",
                messenger,
                messenger_code,
                L1CrossDomainMessenger::initializeCall { newPortal: portal }.abi_encode(),
            ),
            (
                "initializing the L1StandardBridge",
                bridge,
                bridge_code,
                L1StandardBridge::initializeCall {
                    newMessenger: messenger,
                }
                .abi_encode(),
            ),
            (
                "initializing the OptimismMintableERC20Factory",
                mintable_factory,
                mintable_code,
                OptimismMintableERC20Factory::initializeCall { newBridge: bridge }.abi_encode(),
            ),
        ] {
            steps.upgrade(name, proxy_admin, proxy, implementation, first_call);
        }
        let bond = U256::from(clocks.init_bond_wei);
        let call = DisputeGameFactory::setInitBondCall {
            gameType: VETO_GAME,
            initBond: bond,
        };
        let evidence = DisputeGameFactory::initBondsCall {
            gameType: VETO_GAME,
        };
        steps.call(
            "setting the bond",
            factory,
            &call,
            &evidence,
            Value::Amount(bond),
        );
        steps.transfer(
            "locking what genesis gives out",
            open,
            portal,
            config.genesis_supply,
        );
        for (account, amount) in &config.grants {
            steps.transfer("granting OPEN", open, *account, *amount);
        }
        if config.open.is_none() && config.treasury != deployer {
            steps.transfer("filling the treasury", open, config.treasury, rest);
        }

        Ok(Self {
            deployer,
            first_nonce,
            implementations: Implementations {
                portal: portal_code,
                registry: registry_code,
            },
            contracts: L1Contracts {
                system_config,
                portal,
                batch_inbox,
                proxy_admin,
                l1_cross_domain_messenger: messenger,
                l1_standard_bridge: bridge,
                open,
                dispute_game_factory: factory,
                anchor_state_registry: registry,
                optimism_mintable_erc20_factory: mintable_factory,
                code_timelock,
                parameter_timelock: parameter_timelock.unwrap_or_default(),
                code_executor,
                parameter_executor: parameter_executor.unwrap_or_default(),
            },
            set_up: steps.finish(),
        })
    }

    /// Nonce of the first step of the second part.
    pub(super) fn opening_nonce(&self) -> u64 {
        self.first_nonce.saturating_add(self.set_up.len() as u64)
    }

    /// The second part: the game, the anchor's first root, and what lets users in.
    ///
    /// # Errors
    /// A build without its contracts.
    pub(super) fn opening(
        &self,
        config: &DeployConfig,
        anchor: GenesisAnchor,
    ) -> Result<Vec<Step>, DeployError> {
        let mut steps = Steps::from(self.deployer, self.opening_nonce());
        let contracts = &self.contracts;
        let constructor = VetoDisputeGame::constructorCall {
            parameters: VetoDisputeGame::Parameters {
                gameType: VETO_GAME,
                maxClockDuration: config.clocks.max_clock_seconds,
                anchorStateRegistry: contracts.anchor_state_registry,
                proposer: config.proposer,
                challenger: config.challenger,
                proposerFallbackSeconds: config.clocks.proposer_fallback_seconds,
                genesisTimestamp: anchor.timestamp,
                blockTime: config.block_time,
            },
        };
        let game = steps.create(
            "deploying the VetoDisputeGame",
            artifact::VETO_DISPUTE_GAME,
            &constructor.abi_encode(),
        )?;
        let call = DisputeGameFactory::setImplementationCall {
            gameType: VETO_GAME,
            implementation: game,
        };
        let evidence = DisputeGameFactory::gameImplsCall {
            gameType: VETO_GAME,
        };
        steps.call(
            "naming the game",
            contracts.dispute_game_factory,
            &call,
            &evidence,
            Value::Address(game),
        );
        let registry = AnchorStateRegistry::initializeCall {
            factory: contracts.dispute_game_factory,
            rollupPortal: contracts.portal,
            startingAnchor: AnchorStateRegistry::Proposal {
                root: anchor.output_root,
                l2SequenceNumber: U256::ZERO,
            },
            startingGameType: VETO_GAME,
        };
        steps.upgrade(
            "initializing the AnchorStateRegistry",
            contracts.proxy_admin,
            contracts.anchor_state_registry,
            self.implementations.registry,
            registry.abi_encode(),
        );
        let portal = RollupPortal::initializeCall {
            config: contracts.system_config,
            registry: contracts.anchor_state_registry,
            initialGuardian: config.guardian,
            supply: config.genesis_supply,
        };
        steps.upgrade(
            "opening the RollupPortal",
            contracts.proxy_admin,
            contracts.portal,
            self.implementations.portal,
            portal.abi_encode(),
        );
        Ok(steps.finish())
    }

    /// Nonce of the first step of the last part.
    pub(super) fn hand_over_nonce(&self) -> u64 {
        self.opening_nonce().saturating_add(OPENING_STEPS as u64)
    }

    /// The last part: what is the deployer's becomes the code timelock's.
    pub(super) fn hand_over(&self) -> Vec<Step> {
        let mut steps = Steps::from(self.deployer, self.hand_over_nonce());
        let timelock = self.contracts.code_timelock;
        steps.call(
            "handing over the DisputeGameFactory",
            self.contracts.dispute_game_factory,
            &DisputeGameFactory::transferOwnershipCall { newOwner: timelock },
            &DisputeGameFactory::ownerCall {},
            Value::Address(timelock),
        );
        steps.call(
            "handing over the ProxyAdmin",
            self.contracts.proxy_admin,
            &ProxyAdmin::transferOwnershipCall { newOwner: timelock },
            &ProxyAdmin::ownerCall {},
            Value::Address(timelock),
        );
        steps.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> DeployConfig {
        DeployConfig::new(Address::repeat_byte(1), Address::repeat_byte(2))
    }

    #[test]
    fn the_supply_is_a_thousand_million() {
        assert_eq!(OPEN_SUPPLY.to_string(), "1000000000000000000000000000");
    }

    #[test]
    fn addresses_follow_from_the_account_and_its_nonce() {
        let deployer = Address::repeat_byte(9);
        let plan = Plan::new(deployer, 5, &config()).expect("a plan");
        let again = Plan::new(deployer, 5, &config()).expect("a plan");
        assert_eq!(
            (plan.contracts, &plan.set_up),
            (again.contracts, &again.set_up)
        );
        for (index, step) in plan.set_up.iter().enumerate() {
            if let Some(contract) = step.contract() {
                assert_eq!(contract, deployer.create(5 + index as u64), "{}", step.name);
            }
        }
        let contracts = plan.contracts;
        assert_eq!(contracts.proxy_admin, deployer.create(5));
        assert_eq!(contracts.parameter_timelock, Address::ZERO);
        let later = Plan::new(deployer, 6, &config()).expect("a plan");
        assert_ne!(contracts.portal, later.contracts.portal);
    }

    #[test]
    fn what_exists_is_not_deployed() {
        let deployer = Address::repeat_byte(9);
        let all = Plan::new(deployer, 0, &config()).expect("a plan");
        let given = DeployConfig {
            open: Some(Address::repeat_byte(0x11)),
            batch_inbox: Some(Address::repeat_byte(0x12)),
            ..config()
        };
        let plan = Plan::new(deployer, 0, &given).expect("a plan");
        assert_eq!(plan.contracts.open, Address::repeat_byte(0x11));
        assert_eq!(plan.contracts.batch_inbox, Address::repeat_byte(0x12));
        // Neither of them, nor the transfer to the treasury.
        assert_eq!(plan.set_up.len() + 3, all.set_up.len());
    }

    #[test]
    fn no_more_open_than_there_is_can_be_given_out() {
        let mut config = config();
        config.genesis_supply = OPEN_SUPPLY;
        Plan::new(Address::ZERO, 0, &config).expect("all of it");
        config.grants.push((Address::ZERO, U256::ONE));
        assert!(matches!(
            Plan::new(Address::ZERO, 0, &config),
            Err(DeployError::Supply { .. })
        ));
    }

    #[test]
    fn a_value_out_of_its_range_makes_no_plan() {
        let mut config = config();
        config.clocks.max_clock_seconds = 0;
        assert!(matches!(
            Plan::new(Address::ZERO, 0, &config),
            Err(DeployError::OutOfRange { given: 0, .. })
        ));
    }

    #[test]
    fn the_portal_opens_after_all_else_and_the_code_is_handed_over_last() {
        let plan = Plan::new(Address::repeat_byte(9), 3, &config()).expect("a plan");
        let anchor = GenesisAnchor {
            output_root: B256::repeat_byte(7),
            timestamp: 8,
        };
        let opening = plan.opening(&config(), anchor).expect("a plan");
        let names = |steps: &[Step]| steps.iter().map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(
            names(&opening),
            [
                "deploying the VetoDisputeGame",
                "naming the game",
                "initializing the AnchorStateRegistry",
                "opening the RollupPortal",
            ]
        );
        assert_eq!(opening.len(), OPENING_STEPS);
        assert_eq!(
            opening[0].contract(),
            Some(Address::repeat_byte(9).create(plan.opening_nonce()))
        );
        let last = plan.hand_over();
        assert_eq!(
            names(&last),
            [
                "handing over the DisputeGameFactory",
                "handing over the ProxyAdmin",
            ]
        );
        assert_eq!(
            plan.hand_over_nonce(),
            3 + (plan.set_up.len() + opening.len()) as u64
        );
        let later = [names(&opening), names(&last)].concat();
        assert!(!plan.set_up.iter().any(|step| later.contains(&step.name)));
    }
}
