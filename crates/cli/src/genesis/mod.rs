//! Builds the chain files of a new chain: the genesis state from the committed contract artifacts, and
//! the consensus parameters that go with it.
//!
//! What stands at which address is `contracts/genesis/layout.json` (predeploys, their implementations and
//! storage) and `contracts/artifacts/preinstalls.json` (well-known contracts that every chain has);
//! `alloc.rs` makes the accounts of it, with what differs from chain to chain; `initialize.rs` runs the initialisers of
//! the protocol's contracts. The same parameters always give the same genesis hash.

mod alloc;
mod initialize;
#[cfg(test)]
mod tests;

pub use initialize::ProtocolSettings;
pub(crate) use initialize::local_settings;

use alloc::alloc;
use alloy_genesis::{ChainConfig as GenesisConfig, Genesis};
use alloy_primitives::{Address, B256, Bytes, U256};
use openledger_chain::{ChainFiles, GenesisError, genesis_block};
use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GENESIS_EXTRA_KEY, GenesisExtra, GenesisId,
    L1ChainConfig, L1Contracts, SystemConfig, predeploys,
};
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
    /// Parameters of the protocol's contracts that don't start with their defaults.
    pub settings: ProtocolSettings,
    /// When forks activate. Those up to the genesis block's timestamp are in its state.
    pub forks: ForkTimes,
}

impl GenesisParameters {
    /// Whether the genesis block has Jovian.
    pub(crate) fn begins_with_jovian(&self) -> bool {
        self.forks
            .jovian_time
            .is_some_and(|time| time <= self.timestamp)
    }
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
    /// Settings for a contract that isn't one of the protocol's.
    #[error(
        "there are settings for {name}, which is no contract with parameters: docs/spec/parameters.md lists them"
    )]
    UnknownContract {
        /// Its name.
        name: String,
    },
    /// A setting's name is too long, or its value no number.
    #[error(
        "{contract} can't take the setting {name}: docs/spec/parameters.md lists its parameters"
    )]
    Setting {
        /// The contract.
        contract: String,
        /// The parameter.
        name: String,
    },
    /// A contract refuses its settings.
    #[error("{contract} can't be initialized: {reason}")]
    Initialize {
        /// The contract.
        contract: String,
        /// What it says, in words.
        reason: String,
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
        forks: parameters.forks,
        batch_inbox_address: parameters.l1_contracts.batch_inbox,
        deposit_contract_address: parameters.l1_contracts.portal,
        l1_system_config_address: parameters.l1_contracts.system_config,
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
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
pub fn genesis_supply(genesis: &Genesis) -> U256 {
    sum(genesis.alloc.values().map(|account| &account.balance))
}

/// A sum of amounts; the largest number where it is more.
pub(crate) fn sum<'a>(amounts: impl IntoIterator<Item = &'a U256>) -> U256 {
    amounts
        .into_iter()
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
        min_base_fee: 0,
        da_footprint_gas_scalar: 0,
    }
}

fn genesis(parameters: &GenesisParameters) -> Result<Genesis, GenesisFilesError> {
    Ok(Genesis {
        config: genesis_config(parameters),
        timestamp: parameters.timestamp,
        extra_data: extra_data(FeeConfig::default(), parameters.begins_with_jovian()),
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
/// EIP-1559 parameters"); with Jovian version 1, and no minimum base fee as a big-endian u64 behind them.
fn extra_data(fees: FeeConfig, is_jovian: bool) -> Bytes {
    let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
    let mut data = vec![u8::from(is_jovian)];
    data.extend(word(fees.denominator_canyon));
    data.extend(word(fees.elasticity));
    if is_jovian {
        data.extend(0_u64.to_be_bytes());
    }
    data.into()
}

/// The `config` section: every fork in geth's names, the OP ones and our own settings.
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
        osaka_time: parameters.forks.karst_time,
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
    let forks = parameters.forks;
    // Absent where it isn't scheduled: null would be no time.
    for (name, time) in [
        ("jovianTime", forks.jovian_time),
        ("karstTime", forks.karst_time),
    ] {
        if time.is_some() {
            config.extra_fields.insert(name.to_owned(), fork(time));
        }
    }
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
