use crate::{
    Confirmed, L1Client, L1Error, SendError, TxCandidate, TxSender, TxSenderConfig,
    contracts::{Proxy, ProxyAdmin, SystemConfig},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B64, Bytes};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolConstructor};
use openledger_primitives::L1Contracts;
use serde::Deserialize;
use std::{borrow::Cow, time::Duration};
use tokio_util::sync::CancellationToken;

const PROXY: &str = include_str!("../../../contracts/artifacts/Proxy.json");
const PROXY_ADMIN: &str = include_str!("../../../contracts/artifacts/ProxyAdmin.json");
const SYSTEM_CONFIG: &str = include_str!("../../../contracts/artifacts/SystemConfig.json");
const BATCH_INBOX: &str = include_str!("../../../contracts/artifacts/BatchInbox.json");

/// Gas of a deployment: twice what the largest contract takes. Explicit, because an estimate would
/// be made before the contracts that a step refers to exist.
const CREATE_GAS: u64 = 4_000_000;
/// Gas of the calls that wire the contracts up.
const CALL_GAS: u64 = 1_000_000;
/// Time between looks at the L1.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What the L1 contracts are set up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployConfig {
    /// Who may change the parameters and upgrade the proxies.
    pub owner: Address,
    /// Who posts batches.
    pub batcher: Address,
    /// Gas limit of L2 blocks.
    pub gas_limit: u64,
    /// Weight of the L1 base fee, millionths.
    pub base_fee_scalar: u32,
    /// Weight of the L1 blob base fee, millionths.
    pub blob_base_fee_scalar: u32,
    /// EIP-1559 denominator; with the elasticity zero for the chain's defaults.
    pub eip1559_denominator: u32,
    /// EIP-1559 elasticity.
    pub eip1559_elasticity: u32,
    /// Operator fee per gas, millionths of a wei of OPEN.
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction, wei of OPEN.
    pub operator_fee_constant: u64,
    /// Whose signature makes an unsafe block credible.
    pub unsafe_block_signer: Address,
    /// An inbox that exists already; deployed where it is `None`.
    pub batch_inbox: Option<Address>,
}

impl DeployConfig {
    /// The system configuration that the chain starts with.
    pub fn system_config(&self) -> openledger_primitives::SystemConfig {
        let mut eip1559_params = B64::ZERO;
        eip1559_params.0[..4].copy_from_slice(&self.eip1559_denominator.to_be_bytes());
        eip1559_params.0[4..].copy_from_slice(&self.eip1559_elasticity.to_be_bytes());
        openledger_primitives::SystemConfig {
            batcher_address: self.batcher,
            overhead: Default::default(),
            scalar: openledger_primitives::SystemConfig::encode_scalar(
                self.base_fee_scalar,
                self.blob_base_fee_scalar,
            ),
            gas_limit: self.gas_limit,
            eip1559_params,
            operator_fee_params: openledger_primitives::SystemConfig::encode_operator_fee(
                self.operator_fee_scalar,
                self.operator_fee_constant,
            ),
        }
    }
}

/// Why the contracts could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The L1 can't be read.
    #[error(transparent)]
    L1(Box<L1Error>),
    /// A transaction was not confirmed.
    #[error("{step}: {source}")]
    Send {
        /// What it should have done.
        step: &'static str,
        /// Why.
        #[source]
        source: Box<SendError>,
    },
    /// A transaction reverted.
    #[error("{step}: transaction {tx_hash} reverted in L1 block {block}")]
    Reverted {
        /// What it should have done.
        step: &'static str,
        /// The transaction.
        tx_hash: alloy_primitives::B256,
        /// The block's number.
        block: u64,
    },
    /// A contract is not where the account's nonce says, because the account is used elsewhere.
    #[error(
        "{step}: the contract is at {actual:?}, not at {expected}: the account is used elsewhere"
    )]
    Address {
        /// The contract.
        step: &'static str,
        /// Where it should be.
        expected: Address,
        /// Where it is.
        actual: Option<Address>,
    },
    /// The contracts do not answer what they were set up with.
    #[error("{what} is {actual} on L1, not {expected}")]
    Check {
        /// What was asked for.
        what: &'static str,
        /// What was set.
        expected: Address,
        /// The contract's answer.
        actual: Address,
    },
    /// A compiled contract can't be read.
    #[error("contract artifact {name}: {source}")]
    Artifact {
        /// The contract.
        name: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl From<L1Error> for DeployError {
    fn from(error: L1Error) -> Self {
        Self::L1(Box::new(error))
    }
}

/// Deploys the rollup's contracts to an L1 and returns their addresses.
///
/// These are a ProxyAdmin, the BatchInbox (not upgradable), the SystemConfig behind a proxy, and the
/// RollupPortal's proxy, which has no implementation yet. All transactions are sent at once, so that
/// they can share a block. If it is interrupted, what was deployed stays and is not used again.
///
/// # Errors
/// If a transaction fails or the contracts don't answer what was set.
pub async fn deploy_contracts(
    client: &L1Client,
    signer: PrivateKeySigner,
    config: &DeployConfig,
) -> Result<L1Contracts, DeployError> {
    let stop = CancellationToken::new();
    let _stop_at_return = stop.clone().drop_guard();
    let deployer = signer.address();
    let first_nonce = client.nonce(deployer, BlockId::pending()).await?;
    let sender_config = TxSenderConfig {
        poll_interval: POLL_INTERVAL,
        in_flight_max: 16,
        ..TxSenderConfig::default()
    };
    let (sender, _task) = TxSender::spawn(client.clone(), signer, sender_config, stop);

    let mut plan = Plan {
        deployer,
        next_nonce: first_nonce,
        steps: Vec::new(),
    };
    let proxy_admin = plan.create(
        "deploying the ProxyAdmin",
        init_code(
            "ProxyAdmin",
            PROXY_ADMIN,
            &ProxyAdmin::constructorCall {
                initialOwner: deployer,
            }
            .abi_encode(),
        )?,
    );
    let batch_inbox = match config.batch_inbox {
        Some(inbox) => inbox,
        None => plan.create(
            "deploying the BatchInbox",
            init_code("BatchInbox", BATCH_INBOX, &[])?,
        ),
    };
    let implementation = plan.create(
        "deploying the SystemConfig",
        init_code("SystemConfig", SYSTEM_CONFIG, &[])?,
    );
    let owned_by_admin = Proxy::constructorCall {
        initialAdmin: proxy_admin,
    }
    .abi_encode();
    let system_config = plan.create(
        "deploying the SystemConfig's proxy",
        init_code("Proxy", PROXY, &owned_by_admin)?,
    );
    let portal = plan.create(
        "deploying the portal's proxy",
        init_code("Proxy", PROXY, &owned_by_admin)?,
    );
    let initialize = SystemConfig::initializeCall {
        parameters: SystemConfig::Parameters {
            owner: config.owner,
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
    plan.call(
        "initializing the SystemConfig",
        proxy_admin,
        ProxyAdmin::upgradeAndCallCall {
            proxy: system_config,
            implementation,
            data: initialize.abi_encode().into(),
        }
        .abi_encode(),
    );
    if config.owner != deployer {
        plan.call(
            "handing over the ProxyAdmin",
            proxy_admin,
            ProxyAdmin::transferOwnershipCall {
                newOwner: config.owner,
            }
            .abi_encode(),
        );
    }
    plan.carry_out(&sender).await?;

    let contracts = L1Contracts {
        system_config,
        portal,
        batch_inbox,
        proxy_admin,
    };
    check(client, &contracts, config).await?;
    Ok(contracts)
}

struct Step {
    name: &'static str,
    candidate: TxCandidate,
    /// Where the contract will be, if the step creates one.
    contract: Option<Address>,
}

/// Transactions in the order of their nonces.
struct Plan {
    deployer: Address,
    next_nonce: u64,
    steps: Vec<Step>,
}

impl Plan {
    fn create(&mut self, name: &'static str, init_code: Bytes) -> Address {
        let contract = self.deployer.create(self.next_nonce);
        let candidate = TxCandidate::create(init_code).with_gas_limit(CREATE_GAS);
        self.push(Step {
            name,
            candidate,
            contract: Some(contract),
        });
        contract
    }

    fn call(&mut self, name: &'static str, to: Address, data: Vec<u8>) {
        let candidate = TxCandidate::call(to, data).with_gas_limit(CALL_GAS);
        self.push(Step {
            name,
            candidate,
            contract: None,
        });
    }

    fn push(&mut self, step: Step) {
        self.next_nonce = self.next_nonce.saturating_add(1);
        self.steps.push(step);
    }

    async fn carry_out(self, sender: &TxSender) -> Result<(), DeployError> {
        let mut results = Vec::new();
        for step in self.steps {
            let name = step.name;
            let failed = |source| DeployError::Send {
                step: name,
                source: Box::new(source),
            };
            results.push((
                name,
                step.contract,
                sender.send(step.candidate).await.map_err(failed)?,
            ));
        }
        for (step, expected, result) in results {
            let confirmed: Confirmed =
                result
                    .await
                    .unwrap_or(Err(SendError::Stopped))
                    .map_err(|source| DeployError::Send {
                        step,
                        source: Box::new(source),
                    })?;
            if !confirmed.success {
                let (tx_hash, block) = (confirmed.tx_hash, confirmed.block.number);
                return Err(DeployError::Reverted {
                    step,
                    tx_hash,
                    block,
                });
            }
            if let Some(expected) = expected
                && confirmed.contract != Some(expected)
            {
                return Err(DeployError::Address {
                    step,
                    expected,
                    actual: confirmed.contract,
                });
            }
            tracing::info!(
                step,
                tx_hash = %confirmed.tx_hash,
                l1_block = confirmed.block.number,
                gas_used = confirmed.gas_used,
                "l1 deployment step"
            );
        }
        Ok(())
    }
}

/// Asks the contracts what they were set up with.
async fn check(
    client: &L1Client,
    contracts: &L1Contracts,
    config: &DeployConfig,
) -> Result<(), DeployError> {
    let latest = BlockId::latest();
    let ask = |to: Address, data: Vec<u8>| client.call(to, data.into(), latest);
    let abi = |function| move |source| L1Error::Abi { function, source };

    let inbox = ask(
        contracts.system_config,
        SystemConfig::batchInboxCall {}.abi_encode(),
    )
    .await?;
    let inbox = SystemConfig::batchInboxCall::abi_decode_returns(&inbox)
        .map_err(abi("SystemConfig.batchInbox"))?;
    let owner = ask(
        contracts.system_config,
        SystemConfig::ownerCall {}.abi_encode(),
    )
    .await?;
    let owner =
        SystemConfig::ownerCall::abi_decode_returns(&owner).map_err(abi("SystemConfig.owner"))?;
    let admin_owner = ask(contracts.proxy_admin, ProxyAdmin::ownerCall {}.abi_encode()).await?;
    let admin_owner =
        ProxyAdmin::ownerCall::abi_decode_returns(&admin_owner).map_err(abi("ProxyAdmin.owner"))?;
    for (what, expected, actual) in [
        ("SystemConfig.batchInbox", contracts.batch_inbox, inbox),
        ("SystemConfig.owner", config.owner, owner),
        ("ProxyAdmin.owner", config.owner, admin_owner),
    ] {
        if expected != actual {
            return Err(DeployError::Check {
                what,
                expected,
                actual,
            });
        }
    }
    Ok(())
}

/// The creation code of a compiled contract, with its encoded constructor arguments.
fn init_code(name: &'static str, artifact: &str, arguments: &[u8]) -> Result<Bytes, DeployError> {
    #[derive(Deserialize)]
    struct Artifact<'a> {
        #[serde(borrow)]
        bytecode: Cow<'a, str>,
    }
    let artifact: Artifact<'_> =
        serde_json::from_str(artifact).map_err(|source| DeployError::Artifact { name, source })?;
    let code: Bytes =
        artifact
            .bytecode
            .parse()
            .map_err(
                |error: alloy_primitives::hex::FromHexError| DeployError::Artifact {
                    name,
                    source: serde::de::Error::custom(error),
                },
            )?;
    Ok([&code, arguments].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_hold_code() {
        for (name, artifact) in [
            ("Proxy", PROXY),
            ("ProxyAdmin", PROXY_ADMIN),
            ("SystemConfig", SYSTEM_CONFIG),
            ("BatchInbox", BATCH_INBOX),
        ] {
            let code = init_code(name, artifact, &[1, 2]).expect("an artifact");
            assert!(code.len() > 1_000 && code.ends_with(&[1, 2]), "{name}");
        }
        assert!(matches!(
            init_code("none", "{}", &[]),
            Err(DeployError::Artifact { name: "none", .. })
        ));
    }

    #[test]
    fn the_first_system_config_is_what_was_deployed() {
        let config = DeployConfig {
            owner: Address::repeat_byte(1),
            batcher: Address::repeat_byte(2),
            gas_limit: 60_000_000,
            base_fee_scalar: 1368,
            blob_base_fee_scalar: 810_949,
            eip1559_denominator: 250,
            eip1559_elasticity: 6,
            operator_fee_scalar: 3,
            operator_fee_constant: 4,
            unsafe_block_signer: Address::repeat_byte(5),
            batch_inbox: None,
        };
        let system = config.system_config();
        assert_eq!(system.batcher_address, config.batcher);
        assert_eq!(system.fee_scalars(), (1368, 810_949));
        assert_eq!(system.operator_fee(), (3, 4));
        assert_eq!(system.eip1559_params.0, [0, 0, 0, 250, 0, 0, 0, 6]);
    }
}
