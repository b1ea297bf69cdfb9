//! A step of a deployment: its transaction, and how the L1 shows that it was done.

use super::{
    DeployError, TimelockConfig,
    artifact::{self, Artifact},
    reading::Value,
};
use crate::{
    TxCandidate,
    contracts::{OPEN, ProxyAdmin, TimelockController},
};
use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolConstructor};

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
    /// How the L1 shows that it was done.
    pub(super) evidence: Evidence,
}

impl Step {
    /// Where the contract will be, if the step creates one.
    pub(super) const fn contract(&self) -> Option<Address> {
        match self.evidence {
            Evidence::Code { contract, .. } => Some(contract),
            Evidence::Answer { .. } | Evidence::Transfer { .. } => None,
        }
    }
}

/// What the L1 shows of a step that was done, however long ago and by which run. Its transaction alone
/// proves nothing: it may have reverted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A contract has this code.
    Code {
        contract: Address,
        artifact: Artifact,
    },
    /// A call answers this word.
    Answer {
        to: Address,
        call: Vec<u8>,
        expected: Value,
    },
    /// The deployer sent as much OPEN: an event, since balances change.
    Transfer {
        open: Address,
        to: Address,
        amount: U256,
    },
}

/// Steps with consecutive nonces.
pub(super) struct Steps {
    deployer: Address,
    next_nonce: u64,
    steps: Vec<Step>,
}

impl Steps {
    /// No steps yet; the first gets this nonce.
    pub(super) const fn from(deployer: Address, next_nonce: u64) -> Self {
        Self {
            deployer,
            next_nonce,
            steps: Vec::new(),
        }
    }

    /// The steps, in order.
    pub(super) fn finish(self) -> Vec<Step> {
        self.steps
    }

    /// A creation; answers where the contract will be.
    ///
    /// # Errors
    /// A build without the contract.
    pub(super) fn create(
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
            evidence: Evidence::Code { contract, artifact },
        });
        Ok(contract)
    }

    /// A timelock without an admin.
    ///
    /// # Errors
    /// A build without the contract.
    pub(super) fn timelock(
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

    /// A call of `to`, after which another call of it answers `expected`.
    pub(super) fn call(
        &mut self,
        name: &'static str,
        to: Address,
        call: &impl SolCall,
        question: &impl SolCall,
        expected: Value,
    ) {
        self.push(Step {
            name,
            candidate: TxCandidate::call(to, call.abi_encode()).with_gas_limit(CALL_GAS),
            evidence: Evidence::Answer {
                to,
                call: question.abi_encode(),
                expected,
            },
        });
    }

    /// Gives a proxy its code and its first call at once.
    pub(super) fn upgrade(
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
        // The code is there only if its first call succeeded.
        self.call(
            name,
            proxy_admin,
            &call,
            &ProxyAdmin::getProxyImplementationCall { proxy },
            Value::Address(implementation),
        );
    }

    /// A transfer of OPEN, unless it is nothing.
    pub(super) fn transfer(
        &mut self,
        name: &'static str,
        open: Address,
        to: Address,
        amount: U256,
    ) {
        if amount.is_zero() {
            return;
        }
        let call = OPEN::transferCall { to, value: amount };
        self.push(Step {
            name,
            candidate: TxCandidate::call(open, call.abi_encode()).with_gas_limit(TRANSFER_GAS),
            evidence: Evidence::Transfer { open, to, amount },
        });
    }

    fn push(&mut self, step: Step) {
        self.next_nonce = self.next_nonce.saturating_add(1);
        self.steps.push(step);
    }
}
