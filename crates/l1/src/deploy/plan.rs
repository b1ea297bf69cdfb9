//! The steps of a deployment, in the order of their nonces.

use super::{DeployConfig, DeployError, TimelockConfig, VETO_GAME, artifact};
use crate::{
    TxCandidate,
    contracts::{
        AnchorStateRegistry, DisputeGameFactory, L1CrossDomainMessenger, L1StandardBridge, OPEN,
        OptimismMintableERC20Factory, Proxy, ProxyAdmin, RollupPortal, SystemConfig,
        TimelockController, VetoDisputeGame,
    },
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolConstructor};
use artifact::Artifact;
use openledger_primitives::L1Contracts;

/// All OPEN that there is, wei: 1,000,000,000 OPEN.
pub(super) const OPEN_SUPPLY: U256 = U256::from_limbs([0x9fd0_803c_e800_0000, 0x033b_2e3c, 0, 0]);
/// Gas of a creation: what any constructor takes, and for each byte of its code storage (200), calldata
/// (16) and a fifth above that. Explicit, because an estimate would be made before the contracts that a
/// step refers to exist.
const CREATE_GAS: u64 = 400_000;
const CREATE_GAS_PER_BYTE: u64 = 260;
/// Gas of the calls that wire the contracts up.
const CALL_GAS: u64 = 1_000_000;
/// Gas of a transfer of OPEN.
const TRANSFER_GAS: u64 = 200_000;

/// A transaction of the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) candidate: TxCandidate,
    /// Where the contract will be, if the step creates one.
    pub(super) contract: Option<Address>,
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

/// Steps with consecutive nonces.
struct Steps {
    deployer: Address,
    next_nonce: u64,
    steps: Vec<Step>,
}

impl Plan {
    /// The plan of a deployment by an account from this nonce on. The same arguments give the same plan.
    ///
    /// # Errors
    /// More OPEN than there is; a build without its contracts.
    pub(super) fn new(
        deployer: Address,
        first_nonce: u64,
        config: &DeployConfig,
    ) -> Result<Self, DeployError> {
        let too_much = DeployError::Supply {
            supply: OPEN_SUPPLY,
        };
        let rest = config
            .given_out()
            .and_then(|given| OPEN_SUPPLY.checked_sub(given));
        let Some(rest) = rest else {
            return Err(too_much);
        };
        let mut steps = Steps {
            deployer,
            next_nonce: first_nonce,
            steps: Vec::new(),
        };
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
        let constructor = VetoDisputeGame::constructorCall {
            parameters: VetoDisputeGame::Parameters {
                gameType: VETO_GAME,
                maxClockDuration: clocks.max_clock_seconds,
                anchorStateRegistry: registry,
                proposer: config.proposer,
                challenger: config.challenger,
                proposerFallbackSeconds: clocks.proposer_fallback_seconds,
            },
        };
        let game = steps.create(
            "deploying the VetoDisputeGame",
            artifact::VETO_DISPUTE_GAME,
            &constructor.abi_encode(),
        )?;
        let code_timelock = steps.timelock("deploying the code timelock", &config.code_timelock)?;
        let parameter_timelock = match &config.parameter_timelock {
            Some(timelock) => Some(steps.timelock("deploying the parameter timelock", timelock)?),
            None => None,
        };

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
        let call = DisputeGameFactory::setImplementationCall {
            gameType: VETO_GAME,
            implementation: game,
        };
        steps.call("naming the game", factory, call.abi_encode(), CALL_GAS);
        let call = DisputeGameFactory::setInitBondCall {
            gameType: VETO_GAME,
            initBond: U256::from(clocks.init_bond_wei),
        };
        steps.call("setting the bond", factory, call.abi_encode(), CALL_GAS);
        let call = DisputeGameFactory::transferOwnershipCall {
            newOwner: code_timelock,
        };
        steps.call(
            "handing over the DisputeGameFactory",
            factory,
            call.abi_encode(),
            CALL_GAS,
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
            },
            set_up: steps.steps,
        })
    }

    /// Nonce of the first step of the second part.
    pub(super) fn opening_nonce(&self) -> u64 {
        self.first_nonce.saturating_add(self.set_up.len() as u64)
    }

    /// The second part: the anchor's first root, and what lets users in.
    pub(super) fn opening(&self, config: &DeployConfig, anchor_root: B256) -> Vec<Step> {
        let mut steps = Steps {
            deployer: self.deployer,
            next_nonce: self.opening_nonce(),
            steps: Vec::new(),
        };
        let contracts = &self.contracts;
        let registry = AnchorStateRegistry::initializeCall {
            factory: contracts.dispute_game_factory,
            rollupPortal: contracts.portal,
            startingAnchor: AnchorStateRegistry::Proposal {
                root: anchor_root,
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
        let hand_over = ProxyAdmin::transferOwnershipCall {
            newOwner: contracts.code_timelock,
        };
        steps.call(
            "handing over the ProxyAdmin",
            contracts.proxy_admin,
            hand_over.abi_encode(),
            CALL_GAS,
        );
        steps.steps
    }
}

impl Steps {
    fn create(
        &mut self,
        name: &'static str,
        artifact: Artifact,
        arguments: &[u8],
    ) -> Result<Address, DeployError> {
        let contract = self.deployer.create(self.next_nonce);
        let code = artifact.init_code(arguments)?;
        let gas = CREATE_GAS_PER_BYTE
            .saturating_mul(code.len() as u64)
            .saturating_add(CREATE_GAS);
        self.push(Step {
            name,
            candidate: TxCandidate::create(code).with_gas_limit(gas),
            contract: Some(contract),
        });
        Ok(contract)
    }

    fn timelock(
        &mut self,
        name: &'static str,
        config: &TimelockConfig,
    ) -> Result<Address, DeployError> {
        let constructor = TimelockController::constructorCall {
            minDelay: U256::from(config.delay_seconds),
            proposers: config.proposers.clone(),
            executors: config.executors.clone(),
            admin: Address::ZERO,
        };
        self.create(name, artifact::TIMELOCK, &constructor.abi_encode())
    }

    fn call(&mut self, name: &'static str, to: Address, data: Vec<u8>, gas: u64) {
        self.push(Step {
            name,
            candidate: TxCandidate::call(to, data).with_gas_limit(gas),
            contract: None,
        });
    }

    /// Gives a proxy its code and its first call at once.
    fn upgrade(
        &mut self,
        name: &'static str,
        proxy_admin: Address,
        proxy: Address,
        implementation: Address,
        first_call: Vec<u8>,
    ) {
        let call = ProxyAdmin::upgradeAndCallCall {
            proxy,
            implementation,
            data: first_call.into(),
        };
        self.call(name, proxy_admin, call.abi_encode(), CALL_GAS);
    }

    fn transfer(&mut self, name: &'static str, open: Address, to: Address, amount: U256) {
        if amount.is_zero() {
            return;
        }
        let call = OPEN::transferCall { to, value: amount };
        self.call(name, open, call.abi_encode(), TRANSFER_GAS);
    }

    fn push(&mut self, step: Step) {
        self.next_nonce = self.next_nonce.saturating_add(1);
        self.steps.push(step);
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
            if let Some(contract) = step.contract {
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
    fn the_portal_opens_after_all_else() {
        let plan = Plan::new(Address::repeat_byte(9), 0, &config()).expect("a plan");
        let names: Vec<_> = plan
            .opening(&config(), B256::repeat_byte(7))
            .iter()
            .map(|step| step.name)
            .collect();
        assert_eq!(
            names,
            [
                "initializing the AnchorStateRegistry",
                "opening the RollupPortal",
                "handing over the ProxyAdmin"
            ]
        );
        assert!(!plan.set_up.iter().any(|step| names.contains(&step.name)));
    }
}
