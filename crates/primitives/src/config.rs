use alloc::collections::BTreeMap;
use alloc::string::String;
use alloy_eips::{BlockNumHash, eip1559::BaseFeeParams, eip7840::BlobParams};
use alloy_hardforks::EthereumHardfork;
use alloy_op_hardforks::{EthereumHardforks, ForkCondition, OpHardfork, OpHardforks};
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

/// Sequencer drift limit since Fjord, seconds (OP specification, "Fjord derivation").
const FJORD_MAX_SEQUENCER_DRIFT: u64 = 1800;
/// Channel timeout since Granite, L1 blocks (OP specification, "Granite derivation").
const GRANITE_CHANNEL_TIMEOUT: u64 = 50;
/// Decompressed bytes of a channel since Fjord (OP specification, "Fjord derivation").
const FJORD_CHANNEL_RLP_BYTES_MAX: usize = 100_000_000;
/// DA footprint gas scalar where the system configuration says zero (OP specification, Jovian, "L1
/// block attributes").
pub const DA_FOOTPRINT_GAS_SCALAR_DEFAULT: u16 = 400;

/// The consensus parameters of a chain, in the form of op-node's `RollupConfig` (`rollup.json`).
///
/// Operators can't override any of them. Field names are the file's; no field is ours alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainConfig {
    /// Where the chain starts, on L1 and L2.
    pub genesis: ChainGenesis,
    /// Seconds between L2 blocks.
    pub block_time: u64,
    /// Seconds that L2 time may run ahead of its L1 origin (1,800 since Fjord, whatever this says).
    pub max_sequencer_drift: u64,
    /// L1 blocks in which a batch must land, counted from its epoch.
    pub seq_window_size: u64,
    /// L1 blocks for which a channel may stay open before Granite (50 since).
    pub channel_timeout: u64,
    /// Chain id of the L1.
    pub l1_chain_id: u64,
    /// Chain id of this chain.
    pub l2_chain_id: u64,
    /// Activation times, seconds; absent means never, zero genesis.
    #[serde(flatten)]
    pub forks: ForkTimes,
    /// L1 address that batch transactions are sent to.
    pub batch_inbox_address: Address,
    /// L1 address of the portal, whose logs are deposits.
    pub deposit_contract_address: Address,
    /// L1 address of the system configuration contract.
    pub l1_system_config_address: Address,
    /// L1 address of the protocol versions contract (unused; zero).
    #[serde(default)]
    pub protocol_versions_address: Address,
    /// EIP-1559 defaults, used where the system configuration says zero.
    #[serde(default)]
    pub chain_op_config: FeeConfig,
    /// What the block that activates Jovian deploys; needed where that isn't genesis. Not in `rollup.json` but
    /// in files of its own.
    #[serde(skip)]
    pub jovian_upgrade: Option<JovianUpgrade>,
}

/// Init code of the contracts that Jovian's upgrade transactions deploy.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct JovianUpgrade {
    /// Of `L1Block`.
    pub l1_block: Bytes,
    /// Of `GasPriceOracle`.
    pub gas_price_oracle: Bytes,
}

impl core::fmt::Debug for JovianUpgrade {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("JovianUpgrade")
            .field("l1_block_bytes", &self.l1_block.len())
            .field("gas_price_oracle_bytes", &self.gas_price_oracle.len())
            .finish()
    }
}

/// Activation times of the OP forks, seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // each field is the activation time of the fork that names it
pub struct ForkTimes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regolith_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canyon_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecotone_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fjord_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granite_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holocene_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isthmus_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jovian_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub karst_time: Option<u64>,
}

impl ForkTimes {
    /// All forks up to Isthmus active at genesis, none later.
    pub const ISTHMUS: Self = Self {
        regolith_time: Some(0),
        canyon_time: Some(0),
        delta_time: Some(0),
        ecotone_time: Some(0),
        fjord_time: Some(0),
        granite_time: Some(0),
        holocene_time: Some(0),
        isthmus_time: Some(0),
        jovian_time: None,
        karst_time: None,
    };
}

/// The first blocks of the chain and its initial system configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainGenesis {
    /// L1 block after which derivation starts.
    pub l1: GenesisId,
    /// The L2 genesis block.
    pub l2: GenesisId,
    /// Timestamp of the L2 genesis block, seconds.
    pub l2_time: u64,
    /// System configuration at genesis.
    pub system_config: SystemConfig,
}

/// A block's hash and number, in the field order and names of `rollup.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GenesisId {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
}

impl From<GenesisId> for BlockNumHash {
    fn from(id: GenesisId) -> Self {
        Self {
            number: id.number,
            hash: id.hash,
        }
    }
}

/// The parameters that L1's `SystemConfig` contract sets, as of some L1 block.
///
/// Source: OP specification, "System configuration" (Isthmus: operator fee; Holocene: EIP-1559;
/// Jovian: minimum base fee, DA footprint).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemConfig {
    /// The account whose transactions to the inbox are batches.
    #[serde(rename = "batcherAddr")]
    pub batcher_address: Address,
    /// Unused since Ecotone.
    pub overhead: B256,
    /// Fee scalars, Ecotone form: byte 0 is 1, bytes 24..28 blob base fee scalar, 28..32 base fee
    /// scalar, big-endian.
    pub scalar: B256,
    /// L2 block gas limit.
    pub gas_limit: u64,
    /// EIP-1559 denominator and elasticity, big-endian u32 each; zero means the chain's defaults.
    #[serde(default)]
    pub eip1559_params: B64,
    /// Operator fee: bytes 20..24 scalar (u32), 24..32 constant (u64), big-endian.
    #[serde(default)]
    pub operator_fee_params: B256,
    /// Least base fee, wei per gas (Jovian).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_base_fee: u64,
    /// Gas per byte of DA footprint (Jovian); zero means
    /// [`DA_FOOTPRINT_GAS_SCALAR_DEFAULT`](crate::DA_FOOTPRINT_GAS_SCALAR_DEFAULT).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub da_footprint_gas_scalar: u16,
}

/// Files that say nothing of Jovian are those of other OP software, too.
fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Why a `SystemConfig` can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SystemConfigError {
    /// The scalar's version byte is not 1 (Ecotone).
    #[error("fee scalar version {version} is not 1 (Ecotone)")]
    ScalarVersion {
        /// Byte 0 of the scalar.
        version: u8,
    },
}

impl SystemConfig {
    /// Packs fee scalars in the Ecotone form.
    pub fn encode_scalar(base_fee_scalar: u32, blob_base_fee_scalar: u32) -> B256 {
        let mut scalar = B256::ZERO;
        scalar.0[0] = 1;
        scalar.0[24..28].copy_from_slice(&blob_base_fee_scalar.to_be_bytes());
        scalar.0[28..32].copy_from_slice(&base_fee_scalar.to_be_bytes());
        scalar
    }

    /// The (base fee scalar, blob base fee scalar) pair.
    pub fn fee_scalars(&self) -> (u32, u32) {
        let word = |at: usize| {
            u32::from_be_bytes([
                self.scalar[at],
                self.scalar[at + 1],
                self.scalar[at + 2],
                self.scalar[at + 3],
            ])
        };
        // Version 0 carries one 256-bit scalar, whose low 32 bits are the base fee scalar.
        if self.scalar[0] == 0 {
            (word(28), 0)
        } else {
            (word(28), word(24))
        }
    }

    /// Packs operator fee parameters.
    pub fn encode_operator_fee(scalar: u32, constant: u64) -> B256 {
        let mut params = B256::ZERO;
        params.0[20..24].copy_from_slice(&scalar.to_be_bytes());
        params.0[24..32].copy_from_slice(&constant.to_be_bytes());
        params
    }

    /// The (scalar, constant) pair of the operator fee.
    pub fn operator_fee(&self) -> (u32, u64) {
        let params = &self.operator_fee_params.0;
        let mut scalar = [0; 4];
        let mut constant = [0; 8];
        scalar.copy_from_slice(&params[20..24]);
        constant.copy_from_slice(&params[24..32]);
        (u32::from_be_bytes(scalar), u64::from_be_bytes(constant))
    }

    /// Gas per byte of DA footprint: what is set, or the default.
    pub const fn da_footprint_gas_scalar_or_default(&self) -> u16 {
        if self.da_footprint_gas_scalar == 0 {
            DA_FOOTPRINT_GAS_SCALAR_DEFAULT
        } else {
            self.da_footprint_gas_scalar
        }
    }
}

/// EIP-1559 defaults of the chain (`chain_op_config` of `rollup.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeConfig {
    /// Gas limit over gas target.
    #[serde(rename = "eip1559Elasticity")]
    pub elasticity: u64,
    /// Base fee change denominator before Canyon.
    #[serde(rename = "eip1559Denominator")]
    pub denominator: u64,
    /// Base fee change denominator since Canyon.
    #[serde(rename = "eip1559DenominatorCanyon")]
    pub denominator_canyon: u64,
}

impl Default for FeeConfig {
    fn default() -> Self {
        Self {
            elasticity: 6,
            denominator: 50,
            denominator_canyon: 250,
        }
    }
}

impl ChainConfig {
    /// EIP-1559 parameters where the system configuration says zero.
    pub fn base_fee_params_default(&self) -> BaseFeeParams {
        BaseFeeParams::new(
            u128::from(self.chain_op_config.denominator_canyon),
            u128::from(self.chain_op_config.elasticity),
        )
    }

    /// [`Self::base_fee_params_default`] as [`SystemConfig::eip1559_params`] has them.
    pub fn eip1559_params_default(&self) -> B64 {
        let FeeConfig {
            denominator_canyon,
            elasticity,
            ..
        } = self.chain_op_config;
        // Both are 32 bits wide wherever they are encoded.
        B64::from((denominator_canyon << 32) | (elasticity & u64::from(u32::MAX)))
    }

    /// How far, in seconds, a block at `timestamp` may run ahead of its L1 origin.
    pub fn max_sequencer_drift(&self, timestamp: u64) -> u64 {
        if self.is_fjord_active_at_timestamp(timestamp) {
            FJORD_MAX_SEQUENCER_DRIFT
        } else {
            self.max_sequencer_drift
        }
    }

    /// For how many L1 blocks a channel may stay open, as of an L1 origin at `timestamp`.
    pub fn channel_timeout(&self, timestamp: u64) -> u64 {
        // Granite shortened it for every chain; the file's value is the one from before.
        if self
            .forks
            .granite_time
            .is_some_and(|time| timestamp >= time)
        {
            GRANITE_CHANNEL_TIMEOUT
        } else {
            self.channel_timeout
        }
    }

    /// Decompressed bytes that a channel may hold.
    pub const fn channel_rlp_bytes_max(&self) -> usize {
        FJORD_CHANNEL_RLP_BYTES_MAX
    }

    /// The number of the L2 block with this timestamp; `None` if no block can have it.
    pub fn block_number_at(&self, timestamp: u64) -> Option<u64> {
        let elapsed = timestamp.checked_sub(self.genesis.l2_time)?;
        (elapsed % self.block_time == 0).then(|| {
            self.genesis
                .l2
                .number
                .saturating_add(elapsed / self.block_time)
        })
    }
}

impl EthereumHardforks for ChainConfig {
    fn ethereum_fork_activation(&self, fork: EthereumHardfork) -> ForkCondition {
        match fork {
            EthereumHardfork::Shanghai => self.op_fork_activation(OpHardfork::Canyon),
            EthereumHardfork::Cancun => self.op_fork_activation(OpHardfork::Ecotone),
            EthereumHardfork::Prague => self.op_fork_activation(OpHardfork::Isthmus),
            EthereumHardfork::Osaka => self.op_fork_activation(OpHardfork::Karst),
            EthereumHardfork::Paris => ForkCondition::TTD {
                activation_block_number: 0,
                fork_block: Some(0),
                total_difficulty: U256::ZERO,
            },
            earlier if earlier < EthereumHardfork::Paris => ForkCondition::Block(0),
            _ => ForkCondition::Never,
        }
    }
}

impl OpHardforks for ChainConfig {
    fn op_fork_activation(&self, fork: OpHardfork) -> ForkCondition {
        let time = match fork {
            OpHardfork::Bedrock => return ForkCondition::Block(0),
            OpHardfork::Regolith => self.forks.regolith_time,
            OpHardfork::Canyon => self.forks.canyon_time,
            OpHardfork::Ecotone => self.forks.ecotone_time,
            OpHardfork::Fjord => self.forks.fjord_time,
            OpHardfork::Granite => self.forks.granite_time,
            OpHardfork::Holocene => self.forks.holocene_time,
            OpHardfork::Isthmus => self.forks.isthmus_time,
            OpHardfork::Jovian => self.forks.jovian_time,
            OpHardfork::Karst => self.forks.karst_time,
            _ => None,
        };
        time.map_or(ForkCondition::Never, ForkCondition::Timestamp)
    }
}

/// What derivation must know of the L1 beyond [`ChainConfig`] (`l1.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1ChainConfig {
    /// Chain id of the L1.
    pub chain_id: u64,
    /// Blob parameters in force from each L1 timestamp on, keyed by that timestamp as a string.
    pub blob_schedule: BTreeMap<u64, BlobSchedule>,
    /// The rollup's contracts on the L1, by name.
    pub contracts: L1Contracts,
    /// Who had which role on the L1 at the beginning; `None` where the chain's maker didn't say. For
    /// people who check the contracts: derivation doesn't read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<L1Roles>,
}

/// Accounts with a role on the L1, and for how long everybody sees what they decide before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Roles {
    /// Queues what the timelocks carry out; owns `SystemConfig` where it has no timelock.
    pub owner: Address,
    /// Claims output roots.
    pub proposer: Address,
    /// May veto claims.
    pub challenger: Address,
    /// May pause withdrawals and set games aside.
    pub guardian: Address,
    /// Signs the sequencer's feed.
    pub unsafe_block_signer: Address,
    /// Delay of the code timelock, seconds.
    pub code_delay_seconds: u64,
    /// Delay of the parameter timelock, seconds; 0 where there is none.
    pub parameter_delay_seconds: u64,
}

/// Blob parameters of one L1 fork (EIP-7840).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobSchedule {
    /// Target blobs a block.
    pub target: u64,
    /// Most blobs a block.
    pub max: u64,
    /// `BLOB_BASE_FEE_UPDATE_FRACTION` of the fork.
    pub base_fee_update_fraction: u64,
}

/// L1 addresses of the rollup's contracts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Contracts {
    /// `SystemConfig` proxy.
    pub system_config: Address,
    /// `RollupPortal` proxy.
    pub portal: Address,
    /// `BatchInbox`.
    pub batch_inbox: Address,
    /// `ProxyAdmin` that owns the proxies.
    pub proxy_admin: Address,
    /// `L1CrossDomainMessenger` proxy; zero where there is none.
    #[serde(default)]
    pub l1_cross_domain_messenger: Address,
    /// `L1StandardBridge` proxy; zero where there is none.
    #[serde(default)]
    pub l1_standard_bridge: Address,
    /// `OPEN`, the token on L1; zero where there is none.
    #[serde(default)]
    pub open: Address,
    /// `DisputeGameFactory` proxy; zero where there is none.
    #[serde(default)]
    pub dispute_game_factory: Address,
    /// `AnchorStateRegistry` proxy; zero where there is none.
    #[serde(default)]
    pub anchor_state_registry: Address,
    /// `OptimismMintableERC20Factory` proxy; zero where there is none.
    #[serde(default)]
    pub optimism_mintable_erc20_factory: Address,
    /// The timelock that owns `ProxyAdmin` and the factory of games; zero where there is none.
    #[serde(default)]
    pub code_timelock: Address,
    /// The timelock that owns `SystemConfig`; zero where there is none.
    #[serde(default)]
    pub parameter_timelock: Address,
    /// The `GovernanceExecutor` of L2's `CodeTimelock`, which queues at [`Self::code_timelock`]; zero where there is none.
    #[serde(default)]
    pub code_executor: Address,
    /// The `GovernanceExecutor` of L2's `ParamTimelock`, which queues at [`Self::parameter_timelock`]; zero where there is
    /// none.
    #[serde(default)]
    pub parameter_executor: Address,
}

impl L1ChainConfig {
    /// Prague's blob parameters from the L1's first block on: what the local L1 runs.
    pub fn prague_schedule() -> BTreeMap<u64, BlobSchedule> {
        BTreeMap::from([(
            0,
            BlobSchedule {
                target: 6,
                max: 9,
                base_fee_update_fraction: 5_007_716,
            },
        )])
    }

    /// Blob base fee in wei of an L1 block with this timestamp and excess blob gas; 1 where the L1
    /// has no blobs yet (OP specification, "L1 attributes").
    pub fn blob_base_fee(&self, timestamp: u64, excess_blob_gas: Option<u64>) -> u128 {
        let Some(excess) = excess_blob_gas else {
            return 1;
        };
        let Some((_, schedule)) = self.blob_schedule.range(..=timestamp).next_back() else {
            return 1;
        };
        let params = BlobParams {
            target_blob_count: schedule.target,
            max_blob_count: schedule.max,
            update_fraction: u128::from(schedule.base_fee_update_fraction),
            ..BlobParams::prague()
        };
        params.calc_blob_fee(excess)
    }
}

/// The name under which our own settings stand in `genesis.json` (`config.openledger`).
pub const GENESIS_EXTRA_KEY: &str = "openledger";

/// Our own settings in `genesis.json` under `config.openledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenesisExtra {
    /// Name of the native token.
    pub native_token: String,
    /// Whether the chain posts batches to L1: only such a chain can be settled.
    pub settled: bool,
}
