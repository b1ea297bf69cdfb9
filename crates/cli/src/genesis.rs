//! Builds the chain files of a new chain: the genesis state from the committed contract artifacts, and
//! the consensus parameters that go with it.
//!
//! What stands at which address is `contracts/genesis/layout.json` (predeploys, their implementations and
//! storage) and `contracts/artifacts/preinstalls.json` (well-known contracts that every chain has); this
//! file only adds what differs from chain to chain. The same parameters always give the same genesis hash.

use alloy_genesis::{ChainConfig as GenesisConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, U160, U256, address};
use openledger_chain::{ChainFiles, GenesisError, genesis_block};
use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GENESIS_EXTRA_KEY, GenesisExtra, GenesisId,
    L1ChainConfig, L1Contracts, SystemConfig, predeploys,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Chain id of a local chain.
pub const LOCAL_CHAIN_ID: u64 = 161_299;
/// Gas limit of a block unless said otherwise.
pub const DEFAULT_GAS_LIMIT: u64 = 60_000_000;
/// Smallest and largest gas limit that the `SystemConfig` contract admits.
pub const GAS_LIMIT_RANGE: std::ops::RangeInclusive<u64> = 21_000_000..=1_000_000_000;
/// Base fee of the genesis block, wei of OPEN: 0.001 gwei, as OP chains start.
pub const GENESIS_BASE_FEE_WEI: u64 = 1_000_000;
/// Weight of the L1 base fee in the L1 data fee, millionths: the OP Stack's default for blob posters.
pub const BASE_FEE_SCALAR: u32 = 1_368;
/// Weight of the L1 blob base fee in the L1 data fee, millionths.
pub const BLOB_BASE_FEE_SCALAR: u32 = 810_949;

/// Seconds that L2 time may run ahead of its L1 origin; overridden by the constant of Fjord.
const MAX_SEQUENCER_DRIFT: u64 = 600;
/// L1 blocks in which a batch must land.
const SEQUENCER_WINDOW: u64 = 3_600;
/// L1 blocks for which a channel may stay open before Granite; overridden by its constant.
const CHANNEL_TIMEOUT: u64 = 300;

const LAYOUT: &str = include_str!("../../../contracts/genesis/layout.json");
const PREINSTALLS: &str = include_str!("../../../contracts/artifacts/preinstalls.json");
/// The artifacts that `layout.json` names.
const ARTIFACTS: &[(&str, &str)] = &[
    (
        "BaseFeeVault",
        include_str!("../../../contracts/artifacts/BaseFeeVault.json"),
    ),
    (
        "GasPriceOracle",
        include_str!("../../../contracts/artifacts/GasPriceOracle.json"),
    ),
    (
        "L1Block",
        include_str!("../../../contracts/artifacts/L1Block.json"),
    ),
    (
        "L1FeeVault",
        include_str!("../../../contracts/artifacts/L1FeeVault.json"),
    ),
    (
        "L2CrossDomainMessenger",
        include_str!("../../../contracts/artifacts/L2CrossDomainMessenger.json"),
    ),
    (
        "L2StandardBridge",
        include_str!("../../../contracts/artifacts/L2StandardBridge.json"),
    ),
    (
        "L2ToL1MessagePasser",
        include_str!("../../../contracts/artifacts/L2ToL1MessagePasser.json"),
    ),
    (
        "OperatorFeeVault",
        include_str!("../../../contracts/artifacts/OperatorFeeVault.json"),
    ),
    (
        "OptimismMintableERC20Factory",
        include_str!("../../../contracts/artifacts/OptimismMintableERC20Factory.json"),
    ),
    (
        "Proxy",
        include_str!("../../../contracts/artifacts/Proxy.json"),
    ),
    (
        "ProxyAdmin",
        include_str!("../../../contracts/artifacts/ProxyAdmin.json"),
    ),
    (
        "SequencerFeeVault",
        include_str!("../../../contracts/artifacts/SequencerFeeVault.json"),
    ),
    (
        "WOPEN",
        include_str!("../../../contracts/artifacts/WOPEN.json"),
    ),
];

/// What differs between two chains.
#[derive(Debug, Clone)]
pub struct GenesisParameters {
    /// Chain id.
    pub chain_id: u64,
    /// Timestamp of the genesis block, seconds: that of its L1 origin.
    pub timestamp: u64,
    /// Seconds between blocks.
    pub block_time: u64,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// Owner of the L2 `ProxyAdmin`.
    pub proxy_admin_owner: Address,
    /// Whom the fee vaults pay.
    pub fee_recipient: Address,
    /// Accounts with OPEN at genesis, wei.
    pub funded: BTreeMap<Address, U256>,
    /// Whether the chain posts batches to L1.
    pub settled: bool,
    /// The L1 block after which derivation starts.
    pub l1_origin: GenesisId,
    /// Chain id of the L1.
    pub l1_chain_id: u64,
    /// The rollup's contracts on L1; zero for an unsettled chain.
    pub l1_contracts: L1Contracts,
    /// The account that posts batches.
    pub batcher: Address,
}

/// Why chain files could not be built.
#[derive(Debug, thiserror::Error)]
pub enum GenesisFilesError {
    /// A committed contract file doesn't have the expected form: the build is broken.
    #[error("contract file {name}: {source}")]
    Form {
        /// The file.
        name: &'static str,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The layout names an artifact that isn't built in.
    #[error("layout.json names the artifact {name}, which is not built in")]
    UnknownArtifact {
        /// Its name.
        name: String,
    },
    /// The layout asks for a value of the chain that isn't known here.
    #[error("layout.json asks for the value {name}, which is not known")]
    UnknownValue {
        /// Its name.
        name: String,
    },
    /// Two genesis accounts have the same address.
    #[error("two genesis accounts have the address {address}")]
    Duplicate {
        /// The address.
        address: Address,
    },
    /// The gas limit is outside of what the `SystemConfig` contract admits.
    #[error("gas limit {given} is not between {min} and {max}")]
    GasLimit {
        /// What was asked for.
        given: u64,
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// The genesis block could not be made.
    #[error(transparent)]
    Block(#[from] GenesisError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Layout {
    proxy_artifact: String,
    nonce: u64,
    predeploys: Vec<Predeploy>,
    precompiles: Vec<NativePrecompile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Predeploy {
    #[serde(rename = "name")]
    _name: String,
    address: Address,
    implementation: Option<Address>,
    artifact: String,
    storage: BTreeMap<B256, B256>,
    chain_dependent: Vec<ChainDependent>,
}

/// An account that a native precompile answers for; its code runs only where the precompile is unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NativePrecompile {
    #[serde(rename = "name")]
    _name: String,
    address: Address,
    code: Bytes,
}

/// A slot whose low 20 bytes are an address of this chain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainDependent {
    slot: B256,
    value: String,
    #[serde(rename = "note")]
    _note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preinstall {
    #[serde(rename = "name")]
    _name: String,
    address: Address,
    code: Bytes,
    nonce: u64,
    storage: Option<BTreeMap<B256, B256>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    deployed_bytecode: Bytes,
}

/// The three files of a chain with these parameters.
///
/// # Errors
/// [`GenesisFilesError::GasLimit`] for a gas limit that L1 would refuse; otherwise only if the committed
/// contract files are broken.
pub fn chain_files(parameters: &GenesisParameters) -> Result<ChainFiles, GenesisFilesError> {
    let (min, max) = (*GAS_LIMIT_RANGE.start(), *GAS_LIMIT_RANGE.end());
    if !GAS_LIMIT_RANGE.contains(&parameters.gas_limit) {
        return Err(GenesisFilesError::GasLimit {
            given: parameters.gas_limit,
            min,
            max,
        });
    }
    let genesis = genesis(parameters)?;
    let (block, _, _) = genesis_block(&genesis)?;
    let rollup = ChainConfig {
        genesis: ChainGenesis {
            l1: parameters.l1_origin,
            l2: GenesisId {
                hash: block.hash,
                number: 0,
            },
            l2_time: parameters.timestamp,
            system_config: system_config(parameters),
        },
        block_time: parameters.block_time,
        max_sequencer_drift: MAX_SEQUENCER_DRIFT,
        seq_window_size: SEQUENCER_WINDOW,
        channel_timeout: CHANNEL_TIMEOUT,
        l1_chain_id: parameters.l1_chain_id,
        l2_chain_id: parameters.chain_id,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: parameters.l1_contracts.batch_inbox,
        deposit_contract_address: parameters.l1_contracts.portal,
        l1_system_config_address: parameters.l1_contracts.system_config,
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
    };
    let l1 = L1ChainConfig {
        chain_id: parameters.l1_chain_id,
        blob_schedule: L1ChainConfig::prague_schedule(),
        contracts: parameters.l1_contracts,
        // Whoever deploys the contracts knows.
        roles: None,
    };
    Ok(ChainFiles {
        genesis,
        rollup,
        l1,
    })
}

/// What an L1 contract's address becomes where it speaks on L2 (OP specification, "Address Aliasing").
pub fn alias(contract: Address) -> Address {
    const OFFSET: U160 =
        U160::from_be_bytes(address!("1111000000000000000000000000000000001111").0.0);
    U160::from_be_bytes(contract.0.0)
        .wrapping_add(OFFSET)
        .into()
}

/// Who owns L2's `ProxyAdmin` in a genesis; `None` if it has no such account.
pub fn proxy_admin_owner(genesis: &Genesis) -> Option<Address> {
    let storage = genesis
        .alloc
        .get(&predeploys::PROXY_ADMIN)?
        .storage
        .as_ref()?;
    Some(Address::from_word(*storage.get(&B256::ZERO)?))
}

/// OPEN that a genesis gives out, wei.
pub fn genesis_supply(funded: &BTreeMap<Address, U256>) -> U256 {
    funded
        .values()
        .fold(U256::ZERO, |sum, amount| sum.saturating_add(*amount))
}

/// The output root of the genesis block: the anchor's first.
///
/// # Errors
/// [`GenesisFilesError::Block`].
pub fn genesis_output_root(genesis: &Genesis) -> Result<B256, GenesisFilesError> {
    let (block, _, _) = genesis_block(genesis)?;
    // Every genesis is of Isthmus, where headers have a withdrawals root.
    Ok(crate::proposer::output_root(&block).unwrap_or_default())
}

/// The system configuration with which a chain starts, as its `SystemConfig` contract is initialized.
pub fn system_config(parameters: &GenesisParameters) -> SystemConfig {
    SystemConfig {
        batcher_address: parameters.batcher,
        overhead: B256::ZERO,
        scalar: SystemConfig::encode_scalar(BASE_FEE_SCALAR, BLOB_BASE_FEE_SCALAR),
        gas_limit: parameters.gas_limit,
        eip1559_params: Default::default(),
        operator_fee_params: SystemConfig::encode_operator_fee(0, 0),
    }
}

fn genesis(parameters: &GenesisParameters) -> Result<Genesis, GenesisFilesError> {
    Ok(Genesis {
        config: genesis_config(parameters),
        timestamp: parameters.timestamp,
        extra_data: holocene_extra_data(FeeConfig::default()),
        gas_limit: parameters.gas_limit,
        coinbase: predeploys::SEQUENCER_FEE_VAULT,
        alloc: alloc(parameters)?,
        base_fee_per_gas: Some(u128::from(GENESIS_BASE_FEE_WEI)),
        excess_blob_gas: Some(0),
        blob_gas_used: Some(0),
        ..Default::default()
    })
}

/// Version 0, denominator and elasticity as big-endian u32 (OP specification, "Holocene: Dynamic
/// EIP-1559 parameters").
fn holocene_extra_data(fees: FeeConfig) -> Bytes {
    let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
    let mut data = vec![0];
    data.extend(word(fees.denominator_canyon));
    data.extend(word(fees.elasticity));
    data.into()
}

/// The `config` section: every fork at genesis in geth's names, the OP ones and our own settings.
fn genesis_config(parameters: &GenesisParameters) -> GenesisConfig {
    let start = Some(0);
    let mut config = GenesisConfig {
        chain_id: parameters.chain_id,
        homestead_block: start,
        eip150_block: start,
        eip155_block: start,
        eip158_block: start,
        byzantium_block: start,
        constantinople_block: start,
        petersburg_block: start,
        istanbul_block: start,
        muir_glacier_block: start,
        berlin_block: start,
        london_block: start,
        arrow_glacier_block: start,
        gray_glacier_block: start,
        merge_netsplit_block: start,
        shanghai_time: start,
        cancun_time: start,
        prague_time: start,
        terminal_total_difficulty: Some(U256::ZERO),
        terminal_total_difficulty_passed: true,
        ..Default::default()
    };
    let fees = FeeConfig::default();
    let extra = GenesisExtra {
        native_token: "OPEN".to_owned(),
        settled: parameters.settled,
    };
    let fork = |time: Option<u64>| serde_json::json!(time);
    let forks = ForkTimes::ISTHMUS;
    config.extra_fields.extend([
        ("bedrockBlock".to_owned(), fork(start)),
        ("regolithTime".to_owned(), fork(forks.regolith_time)),
        ("canyonTime".to_owned(), fork(forks.canyon_time)),
        ("deltaTime".to_owned(), fork(forks.delta_time)),
        ("ecotoneTime".to_owned(), fork(forks.ecotone_time)),
        ("fjordTime".to_owned(), fork(forks.fjord_time)),
        ("graniteTime".to_owned(), fork(forks.granite_time)),
        ("holoceneTime".to_owned(), fork(forks.holocene_time)),
        ("isthmusTime".to_owned(), fork(forks.isthmus_time)),
        (
            "optimism".to_owned(),
            serde_json::json!({
                "eip1559Elasticity": fees.elasticity,
                "eip1559Denominator": fees.denominator,
                "eip1559DenominatorCanyon": fees.denominator_canyon,
            }),
        ),
        (GENESIS_EXTRA_KEY.to_owned(), serde_json::json!(extra)),
    ]);
    config
}

fn alloc(
    parameters: &GenesisParameters,
) -> Result<BTreeMap<Address, GenesisAccount>, GenesisFilesError> {
    let layout: Layout = parse("layout.json", LAYOUT)?;
    let preinstalls: Vec<Preinstall> = parse("preinstalls.json", PREINSTALLS)?;
    let proxy_code = deployed_code(&layout.proxy_artifact)?;
    let mut accounts = Accounts::default();

    for predeploy in layout.predeploys {
        let mut storage = predeploy.storage;
        for dependent in predeploy.chain_dependent {
            let address = match dependent.value.as_str() {
                "feeRecipient" => parameters.fee_recipient,
                "proxyAdminOwner" => parameters.proxy_admin_owner,
                "l1CrossDomainMessenger" => parameters.l1_contracts.l1_cross_domain_messenger,
                "l1StandardBridge" => parameters.l1_contracts.l1_standard_bridge,
                _ => {
                    return Err(GenesisFilesError::UnknownValue {
                        name: dependent.value,
                    });
                }
            };
            let word = storage.entry(dependent.slot).or_default();
            word.0[12..].copy_from_slice(address.as_slice());
        }
        let code = deployed_code(&predeploy.artifact)?;
        let code = match predeploy.implementation {
            Some(implementation) => {
                accounts.add(implementation, contract(layout.nonce, code, None))?;
                proxy_code.clone()
            }
            None => code,
        };
        accounts.add(
            predeploy.address,
            contract(layout.nonce, code, Some(storage)),
        )?;
    }
    for precompile in layout.precompiles {
        let account = contract(layout.nonce, precompile.code, None);
        accounts.add(precompile.address, account)?;
    }
    for preinstall in preinstalls {
        let account = contract(preinstall.nonce, preinstall.code, preinstall.storage);
        accounts.add(preinstall.address, account)?;
    }
    for (address, balance) in &parameters.funded {
        accounts.add(
            *address,
            GenesisAccount {
                balance: *balance,
                ..Default::default()
            },
        )?;
    }
    Ok(accounts.0)
}

#[derive(Default)]
struct Accounts(BTreeMap<Address, GenesisAccount>);

impl Accounts {
    fn add(&mut self, address: Address, account: GenesisAccount) -> Result<(), GenesisFilesError> {
        match self.0.insert(address, account) {
            None => Ok(()),
            Some(_) => Err(GenesisFilesError::Duplicate { address }),
        }
    }
}

fn contract(nonce: u64, code: Bytes, storage: Option<BTreeMap<B256, B256>>) -> GenesisAccount {
    GenesisAccount {
        nonce: Some(nonce),
        code: Some(code),
        storage: storage.filter(|slots| !slots.is_empty()),
        ..Default::default()
    }
}

fn deployed_code(name: &str) -> Result<Bytes, GenesisFilesError> {
    let (name, text) = ARTIFACTS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| GenesisFilesError::UnknownArtifact {
            name: name.to_owned(),
        })?;
    Ok(parse::<Artifact>(name, text)?.deployed_bytecode)
}

fn parse<T: serde::de::DeserializeOwned>(
    name: &'static str,
    text: &str,
) -> Result<T, GenesisFilesError> {
    serde_json::from_str(text).map_err(|source| GenesisFilesError::Form { name, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    use alloy_primitives::{address, b256};
    use std::{fs, path::Path};

    #[test]
    fn aliases_are_those_of_the_specification() {
        let page = include_str!("../../../docs/spec/messages.md");
        let (_, rest) = page.split_once("```json aliases\n").unwrap();
        let (examples, _) = rest.split_once("```").unwrap();
        let examples: Vec<BTreeMap<String, Address>> = serde_json::from_str(examples).unwrap();
        assert_eq!(examples.len(), 3);
        for example in examples {
            assert_eq!(alias(example["l1"]), example["l2"]);
        }
    }

    fn parameters() -> GenesisParameters {
        GenesisParameters {
            chain_id: LOCAL_CHAIN_ID,
            timestamp: 1_800_000_000,
            block_time: 1,
            gas_limit: DEFAULT_GAS_LIMIT,
            proxy_admin_owner: address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            fee_recipient: address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
            funded: BTreeMap::from([(
                address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
                U256::from(10_000) * U256::from(10).pow(U256::from(18)),
            )]),
            settled: true,
            l1_origin: GenesisId {
                hash: b256!("1111111111111111111111111111111111111111111111111111111111111111"),
                number: 7,
            },
            l1_chain_id: 900,
            l1_contracts: L1Contracts {
                system_config: Address::repeat_byte(1),
                portal: Address::repeat_byte(2),
                batch_inbox: Address::repeat_byte(3),
                proxy_admin: Address::repeat_byte(4),
                l1_cross_domain_messenger: Address::repeat_byte(6),
                l1_standard_bridge: Address::repeat_byte(7),
                ..L1Contracts::default()
            },
            batcher: Address::repeat_byte(5),
        }
    }

    #[test]
    fn the_genesis_hash_is_a_function_of_the_parameters() {
        let hash = |parameters: &GenesisParameters| {
            chain_files(parameters).unwrap().rollup.genesis.l2.hash
        };
        let one = parameters();
        assert_eq!(hash(&one), hash(&one.clone()));
        let other = GenesisParameters {
            fee_recipient: Address::repeat_byte(9),
            ..one.clone()
        };
        assert_ne!(hash(&one), hash(&other));
        // Of the L1's addresses only those that L2's contracts call are in the state.
        let other = GenesisParameters {
            batcher: Address::repeat_byte(9),
            l1_contracts: L1Contracts {
                system_config: Address::repeat_byte(9),
                portal: Address::repeat_byte(9),
                batch_inbox: Address::repeat_byte(9),
                proxy_admin: Address::repeat_byte(9),
                ..one.l1_contracts
            },
            ..one.clone()
        };
        assert_eq!(hash(&one), hash(&other));
        for l1_contracts in [
            L1Contracts {
                l1_cross_domain_messenger: Address::repeat_byte(9),
                ..one.l1_contracts
            },
            L1Contracts {
                l1_standard_bridge: Address::repeat_byte(9),
                ..one.l1_contracts
            },
        ] {
            let other = GenesisParameters {
                l1_contracts,
                ..one.clone()
            };
            assert_ne!(hash(&one), hash(&other));
        }
    }

    #[test]
    fn every_predeploy_and_preinstall_has_code() {
        let genesis = chain_files(&parameters()).unwrap().genesis;
        let code = |address: &Address| genesis.alloc[address].code.clone().unwrap_or_default();
        for address in [
            predeploys::WRAPPED_OPEN,
            predeploys::L2_CROSS_DOMAIN_MESSENGER,
            predeploys::L2_STANDARD_BRIDGE,
            predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY,
            predeploys::GAS_PRICE_ORACLE,
            predeploys::SEQUENCER_FEE_VAULT,
            predeploys::L1_BLOCK,
            predeploys::L2_TO_L1_MESSAGE_PASSER,
            predeploys::PROXY_ADMIN,
            predeploys::BASE_FEE_VAULT,
            predeploys::L1_FEE_VAULT,
            predeploys::OPERATOR_FEE_VAULT,
            predeploys::HISTORY_STORAGE,
            predeploys::BEACON_ROOTS,
            address!("cA11bde05977b3631167028862bE2a173976CA11"),
            address!("4e59b44847b379578588920cA78FbF26c0B4956C"),
            address!("000000000022D473030F116dDEE9F6B43aC78BA3"),
            address!("0000000071727De22E5E9d8BAf0edAc6f37da032"),
            address!("4337084D9E255Ff0702461CF8895CE9E3b5Ff108"),
            address!("1820a4B7618BdE71Dce8cdc73aAB6C95905faD24"),
        ] {
            assert!(!code(&address).is_empty(), "{address}");
        }
        // EIP-1967: the slot of each proxy's implementation holds an address that has code.
        let slot = b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
        let mut proxies = 0;
        for account in genesis.alloc.values() {
            if let Some(word) = account
                .storage
                .as_ref()
                .and_then(|storage| storage.get(&slot))
            {
                assert!(!code(&Address::from_word(*word)).is_empty());
                proxies += 1;
            }
        }
        assert_eq!(proxies, 11);
    }

    #[test]
    fn native_precompiles_are_accounts_that_are_not_empty() {
        let genesis = chain_files(&parameters()).unwrap().genesis;
        for address in [
            address!("0000000000000000000000000000000000000A01"),
            address!("0000000000000000000000000000000000000A02"),
            address!("0000000000000000000000000000000000000A03"),
            address!("0000000000000000000000000000000000000A04"),
        ] {
            let account = &genesis.alloc[&address];
            assert_eq!(account.nonce, Some(1), "{address}");
            assert_eq!(account.code.as_ref().unwrap()[..], [0xfe], "{address}");
            assert!(account.balance.is_zero() && account.storage.is_none());
        }
    }

    #[test]
    fn owner_recipient_and_accounts_are_the_chains() {
        let parameters = parameters();
        let genesis = chain_files(&parameters).unwrap().genesis;
        let slot = |address: Address, slot: u64| {
            genesis.alloc[&address].storage.as_ref().unwrap()[&B256::from(U256::from(slot))]
        };
        assert_eq!(
            Address::from_word(slot(predeploys::PROXY_ADMIN, 0)),
            parameters.proxy_admin_owner
        );
        let recipient = slot(predeploys::BASE_FEE_VAULT, 2);
        assert_eq!(Address::from_word(recipient), parameters.fee_recipient);
        assert_eq!(
            recipient[11], 1,
            "the byte above says that the vault pays on L2"
        );
        for (address, balance) in &parameters.funded {
            assert_eq!(genesis.alloc[address].balance, *balance);
        }
        assert_eq!(genesis.extra_data.as_ref(), [0, 0, 0, 0, 250, 0, 0, 0, 6]);
    }

    #[test]
    fn messenger_and_bridge_know_their_counterparts() {
        let word = |parameters: &GenesisParameters, address: Address, slot: B256| {
            let genesis = chain_files(parameters).unwrap().genesis;
            genesis.alloc[&address]
                .storage
                .as_ref()
                .and_then(|storage| storage.get(&slot))
                .copied()
                .unwrap_or_default()
        };
        let slot = |slot: u64| B256::from(U256::from(slot));
        let settled = parameters();
        let unsettled = GenesisParameters {
            l1_contracts: L1Contracts::default(),
            ..parameters()
        };
        for (parameters, messenger, bridge) in [
            (
                &settled,
                settled.l1_contracts.l1_cross_domain_messenger,
                settled.l1_contracts.l1_standard_bridge,
            ),
            (&unsettled, Address::ZERO, Address::ZERO),
        ] {
            assert_eq!(
                word(parameters, predeploys::L2_CROSS_DOMAIN_MESSENGER, slot(3)),
                messenger.into_word()
            );
            assert_eq!(
                word(parameters, predeploys::L2_STANDARD_BRIDGE, slot(1)),
                bridge.into_word()
            );
            // The factory's tokens obey L2's bridge, and nobody can initialize it again (ERC-7201
            // "openzeppelin.storage.Initializable").
            let factory = predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY;
            assert_eq!(
                word(parameters, factory, slot(0)),
                predeploys::L2_STANDARD_BRIDGE.into_word()
            );
            let initialized =
                b256!("f0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00");
            assert_eq!(word(parameters, factory, initialized), slot(1));
        }
    }

    #[test]
    fn our_own_settings_stand_in_genesis_only() {
        let files = chain_files(&parameters()).unwrap();
        let extra: GenesisExtra =
            serde_json::from_value(files.genesis.config.extra_fields[GENESIS_EXTRA_KEY].clone())
                .unwrap();
        assert_eq!(
            extra,
            GenesisExtra {
                native_token: "OPEN".to_owned(),
                settled: true
            }
        );
        let rollup = serde_json::to_value(&files.rollup).unwrap();
        assert!(rollup.get(GENESIS_EXTRA_KEY).is_none());
    }

    #[test]
    fn a_gas_limit_that_l1_refuses_is_refused_here() {
        for gas_limit in [20_999_999, 1_000_000_001] {
            let parameters = GenesisParameters {
                gas_limit,
                ..parameters()
            };
            assert!(matches!(
                chain_files(&parameters),
                Err(GenesisFilesError::GasLimit { given, .. }) if given == gas_limit
            ));
        }
    }

    #[test]
    fn files_survive_writing_and_reading() {
        let directory = tempfile::tempdir().unwrap();
        let files = chain_files(&parameters()).unwrap();
        files.write(directory.path()).unwrap();
        let read = ChainFiles::read(directory.path()).unwrap();
        assert_eq!(read.rollup, files.rollup);
        assert_eq!(read.l1, files.l1);
        assert_eq!(
            genesis_block(&read.genesis).unwrap().0.hash,
            files.rollup.genesis.l2.hash
        );
    }

    /// The file that `crates/testing/kona` loads with another implementation is the one that we write.
    /// `UPDATE_VECTORS=1` rewrites it.
    #[test]
    fn the_rollup_file_that_kona_loads_is_ours() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/kona/rollup.json");
        let directory = tempfile::tempdir().unwrap();
        chain_files(&parameters())
            .unwrap()
            .write(directory.path())
            .unwrap();
        let written = fs::read_to_string(directory.path().join("rollup.json")).unwrap();
        if std::env::var_os("UPDATE_VECTORS").is_some() {
            fs::write(&path, &written).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            written,
            "run it with UPDATE_VECTORS=1"
        );
    }
}
