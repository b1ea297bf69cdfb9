//! The file of `openledger l1 deploy`.

use crate::{
    files::{parse_toml, read_text},
    genesis::{
        BASE_FEE_SCALAR, BLOB_BASE_FEE_SCALAR, DEFAULT_GAS_LIMIT, GAS_LIMIT_RANGE,
        ProtocolSettings, sum,
    },
};
use alloy_primitives::{Address, U256, utils::parse_ether};
use anyhow::{Context, ensure};
use openledger_l1::{DeployConfig, GameClocks, TimelockConfig};
use openledger_primitives::{BlobSchedule, ForkTimes, L1ChainConfig};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// Longest file, bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most accounts that a genesis gives OPEN to, or that get some on L1.
const ACCOUNTS_MAX: usize = 10_000;
/// Most deep a step may have to lie, L1 blocks.
const CONFIRMATIONS_MAX: u64 = 64;
/// What it is unless said otherwise.
const DEFAULT_CONFIRMATIONS: u64 = 4;

/// A new chain, as its makers describe it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DeployFile {
    pub(super) l1: L1Section,
    pub(super) l2: L2Section,
    pub(super) roles: RolesSection,
    #[serde(default)]
    fees: FeesSection,
    #[serde(default)]
    clocks: GameClocks,
    #[serde(default)]
    timelocks: TimelocksSection,
    /// OPEN at genesis on L2, by account: amounts as text, in OPEN.
    #[serde(default)]
    allocations: BTreeMap<Address, String>,
    /// OPEN on L1, by account: amounts as text, in OPEN.
    #[serde(default)]
    grants: BTreeMap<Address, String>,
    /// Parameters of the protocol's contracts that don't start with their defaults, by contract and name: numbers as text,
    /// in the contracts' units.
    #[serde(default)]
    protocol: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct L1Section {
    pub(super) chain_id: u64,
    /// Blocks, its own included, after which a step is done.
    #[serde(default = "default_confirmations")]
    pub(super) confirmations: u64,
    /// Highest fee per gas that is ever offered, gwei.
    pub(super) fee_max_gwei: Option<u64>,
    /// An inbox that exists already.
    batch_inbox: Option<Address>,
    /// OPEN, where it exists already.
    open: Option<Address>,
    /// Blob parameters from L1 timestamps on; Prague's from the beginning where none are given.
    #[serde(default)]
    blob_schedule: Vec<BlobSection>,
}

const fn default_confirmations() -> u64 {
    DEFAULT_CONFIRMATIONS
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BlobSection {
    from: u64,
    target: u64,
    max: u64,
    base_fee_update_fraction: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct L2Section {
    pub(super) chain_id: u64,
    pub(super) block_time: u64,
    #[serde(default = "default_gas_limit")]
    pub(super) gas_limit: u64,
    /// When Jovian activates, seconds since the Unix epoch: 0 for the genesis block, never where it isn't given.
    jovian_time: Option<u64>,
    /// The same for Karst, which can be at genesis alone.
    karst_time: Option<u64>,
}

const fn default_gas_limit() -> u64 {
    DEFAULT_GAS_LIMIT
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RolesSection {
    owner: Address,
    pub(super) batcher: Address,
    proposer: Address,
    challenger: Address,
    guardian: Address,
    unsafe_block_signer: Address,
    treasury: Address,
    /// Whom L2's fee vaults pay.
    pub(super) fee_recipient: Address,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct FeesSection {
    base_fee_scalar: u32,
    blob_base_fee_scalar: u32,
    eip1559_denominator: u32,
    eip1559_elasticity: u32,
    operator_fee_scalar: u32,
    operator_fee_constant: u64,
}

impl Default for FeesSection {
    fn default() -> Self {
        Self {
            base_fee_scalar: BASE_FEE_SCALAR,
            blob_base_fee_scalar: BLOB_BASE_FEE_SCALAR,
            eip1559_denominator: 0,
            eip1559_elasticity: 0,
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct TimelocksSection {
    code_delay_seconds: u64,
    parameter_delay_seconds: u64,
}

impl Default for TimelocksSection {
    fn default() -> Self {
        Self {
            code_delay_seconds: TimelockConfig::CODE_DELAY_SECONDS,
            parameter_delay_seconds: TimelockConfig::PARAMETER_DELAY_SECONDS,
        }
    }
}

impl DeployFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A file that can't be read or is too long, an unknown or malformed setting, a value that makes no
    /// sense; each by its name.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        Self::parse(&read_text(path, FILE_BYTES_MAX)?).with_context(|| path.display().to_string())
    }

    /// Parses and checks a file's text.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let file: Self = parse_toml(text)?;
        let (min, max) = (GAS_LIMIT_RANGE.start(), GAS_LIMIT_RANGE.end());
        ensure!(
            GAS_LIMIT_RANGE.contains(&file.l2.gas_limit),
            "l2.gas-limit is {}: from {min} to {max} are possible",
            file.l2.gas_limit
        );
        ensure!(
            file.l2.karst_time.is_none_or(|time| time == 0),
            "l2.karst-time is {}: a chain has Karst from genesis on (0) or not at all",
            file.l2.karst_time.unwrap_or_default()
        );
        ensure!(
            file.l2.karst_time.is_none() || file.l2.jovian_time == Some(0),
            "l2.karst-time builds on Jovian: set l2.jovian-time to 0 as well"
        );
        ensure!(
            file.l2.chain_id > 0 && file.l2.chain_id != file.l1.chain_id,
            "l2.chain-id is {}: it must be neither 0 nor the L1's",
            file.l2.chain_id
        );
        ensure!(
            (1..=CONFIRMATIONS_MAX).contains(&file.l1.confirmations),
            "l1.confirmations is {}: from 1 to {CONFIRMATIONS_MAX} are possible",
            file.l1.confirmations
        );
        let FeesSection {
            eip1559_denominator: denominator,
            eip1559_elasticity: elasticity,
            ..
        } = file.fees;
        ensure!(
            (denominator == 0) == (elasticity == 0),
            "fees.eip1559-denominator and fees.eip1559-elasticity are zero together or not at all"
        );
        for (name, accounts) in [("allocations", &file.allocations), ("grants", &file.grants)] {
            ensure!(
                accounts.len() <= ACCOUNTS_MAX,
                "{name} has {} accounts, more than {ACCOUNTS_MAX}",
                accounts.len()
            );
        }
        let RolesSection {
            owner,
            batcher,
            proposer,
            challenger,
            guardian,
            unsafe_block_signer,
            treasury,
            fee_recipient,
        } = &file.roles;
        for (name, account) in [
            ("owner", owner),
            ("batcher", batcher),
            ("proposer", proposer),
            ("challenger", challenger),
            ("guardian", guardian),
            ("unsafe-block-signer", unsafe_block_signer),
            ("treasury", treasury),
            ("fee-recipient", fee_recipient),
        ] {
            ensure!(!account.is_zero(), "roles.{name} must not be zero");
        }
        ensure!(
            batcher != proposer,
            "roles.batcher and roles.proposer are both {batcher}: each sender needs an account of its own"
        );
        // Amounts, and whatever has a range.
        file.contracts()?.check()?;
        file.settings()?;
        Ok(file)
    }

    /// OPEN at genesis, wei.
    pub(super) fn funded(&self) -> anyhow::Result<BTreeMap<Address, U256>> {
        amounts("allocations", &self.allocations)
    }

    /// Parameters of the protocol's contracts that don't start with their defaults.
    pub(super) fn settings(&self) -> anyhow::Result<ProtocolSettings> {
        let values = |contract: &String, values: &BTreeMap<String, String>| {
            let parsed = values.iter().map(|(name, text)| {
                let value = text.parse().with_context(|| {
                    format!(
                        "protocol.{contract}.{name} is {text:?}: a whole number is expected, sums in wei"
                    )
                })?;
                Ok((name.clone(), value))
            });
            parsed.collect::<anyhow::Result<_>>()
        };
        let settings = self.protocol.iter();
        settings
            .map(|(contract, named)| Ok((contract.clone(), values(contract, named)?)))
            .collect()
    }

    fn granted(&self) -> anyhow::Result<BTreeMap<Address, U256>> {
        amounts("grants", &self.grants)
    }

    /// The L1's blob parameters.
    pub(super) fn blob_schedule(&self) -> BTreeMap<u64, BlobSchedule> {
        if self.l1.blob_schedule.is_empty() {
            return L1ChainConfig::prague_schedule();
        }
        self.l1
            .blob_schedule
            .iter()
            .map(|fork| {
                let schedule = BlobSchedule {
                    target: fork.target,
                    max: fork.max,
                    base_fee_update_fraction: fork.base_fee_update_fraction,
                };
                (fork.from, schedule)
            })
            .collect()
    }

    /// When the chain's forks activate.
    pub(super) const fn forks(&self) -> ForkTimes {
        ForkTimes {
            jovian_time: self.l2.jovian_time,
            karst_time: self.l2.karst_time,
            ..ForkTimes::ISTHMUS
        }
    }

    /// What the contracts are set up with.
    pub(super) fn contracts(&self) -> anyhow::Result<DeployConfig> {
        let roles = &self.roles;
        let timelock = |delay| TimelockConfig::of(roles.owner, delay);
        Ok(DeployConfig {
            proposer: roles.proposer,
            challenger: roles.challenger,
            guardian: roles.guardian,
            unsafe_block_signer: roles.unsafe_block_signer,
            treasury: roles.treasury,
            gas_limit: self.l2.gas_limit,
            block_time: self.l2.block_time,
            base_fee_scalar: self.fees.base_fee_scalar,
            blob_base_fee_scalar: self.fees.blob_base_fee_scalar,
            eip1559_denominator: self.fees.eip1559_denominator,
            eip1559_elasticity: self.fees.eip1559_elasticity,
            operator_fee_scalar: self.fees.operator_fee_scalar,
            operator_fee_constant: self.fees.operator_fee_constant,
            batch_inbox: self.l1.batch_inbox,
            open: self.l1.open,
            genesis_supply: sum(self.funded()?.values()),
            grants: self.granted()?.into_iter().collect(),
            clocks: self.clocks,
            code_timelock: timelock(self.timelocks.code_delay_seconds),
            // No delay: no timelock.
            parameter_timelock: (self.timelocks.parameter_delay_seconds > 0)
                .then(|| timelock(self.timelocks.parameter_delay_seconds)),
            ..DeployConfig::new(roles.owner, roles.batcher)
        })
    }
}

fn amounts(
    name: &'static str,
    accounts: &BTreeMap<Address, String>,
) -> anyhow::Result<BTreeMap<Address, U256>> {
    accounts
        .iter()
        .map(|(account, text)| {
            let is_plain = !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.');
            let amount = parse_ether(text).ok().filter(|_| is_plain);
            let amount = amount.with_context(|| {
                format!("{name}.{account} is {text:?}: OPEN as in \"10000.5\" is expected")
            })?;
            Ok((*account, amount))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CHAIN;

    #[test]
    fn a_file_says_what_is_deployed() {
        let file = DeployFile::parse(CHAIN).unwrap();
        let config = file.contracts().unwrap();
        let open = |tenths: u64| U256::from(tenths) * U256::from(100_000_000_000_000_000_u64);
        assert_eq!(config.genesis_supply, open(100_005));
        assert_eq!(config.grants, [(Address::with_last_byte(11), open(30))]);
        assert_eq!(config.clocks.max_clock_seconds, 10);
        assert_eq!(
            config.clocks.proof_maturity_seconds,
            GameClocks::default().proof_maturity_seconds
        );
        assert_eq!(config.code_timelock.delay_seconds, 30 * 86_400);
        let timelock = config.parameter_timelock.unwrap();
        assert_eq!(timelock.delay_seconds, 2 * 86_400);
        assert_eq!(timelock.proposers, [Address::with_last_byte(1)]);
        assert_eq!(
            (config.eip1559_denominator, config.eip1559_elasticity),
            (250, 6)
        );
        assert_eq!(file.l2.gas_limit, DEFAULT_GAS_LIMIT);
        assert_eq!(file.forks(), ForkTimes::ISTHMUS);
        let text = CHAIN.replace("block-time = 1", "block-time = 1\njovian-time = 1900000000");
        let later = DeployFile::parse(&text).unwrap().forks();
        assert_eq!(later.jovian_time, Some(1_900_000_000));
        assert_eq!(file.blob_schedule(), L1ChainConfig::prague_schedule());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (from, to, words) in [
            ("block-time = 1", "block-time = 0", "l2.block-time"),
            ("block-time = 1", "block-time = 61", "l2.block-time is 61"),
            (
                "max-clock-seconds = 10",
                "max-clock-seconds = 604801",
                "clocks.max-clock-seconds is 604801: from 1 to 604800",
            ),
            (
                "max-clock-seconds = 10",
                "proof-maturity-seconds = 18446744073709551615",
                "clocks.proof-maturity-seconds",
            ),
            (
                "[clocks]",
                "[timelocks]\ncode-delay-seconds = 3456001\n[clocks]",
                "timelocks.code-delay-seconds is 3456001",
            ),
            (
                "block-time = 1",
                "block-time = 1\ngas-limit = 5",
                "l2.gas-limit is 5",
            ),
            (
                "block-time = 1",
                "block-time = 1\nkarst-time = 5",
                "l2.karst-time is 5",
            ),
            (
                "block-time = 1",
                "block-time = 1\njovian-time = 5\nkarst-time = 0",
                "set l2.jovian-time to 0",
            ),
            (
                "chain-id = 1612",
                "chain-id = 31337",
                "l2.chain-id is 31337",
            ),
            (
                "confirmations = 1",
                "confirmations = 65",
                "l1.confirmations is 65",
            ),
            (
                "confirmations = 1",
                "confirmations = 1\nspeed = 1",
                "unknown field `speed`",
            ),
            (
                "[clocks]",
                "[protocol.Jury]\ndrawSeconds = \"soon\"\n[clocks]",
                "protocol.Jury.drawSeconds is \"soon\"",
            ),
            ("\"10000.5\"", "\"-1\"", "allocations.0x0000"),
            ("\"10000.5\"", "\"a lot\"", "allocations.0x0000"),
            (
                "elasticity = 6",
                "elasticity = 0",
                "fees.eip1559-denominator",
            ),
            (
                "proposer = \"0x0000000000000000000000000000000000000003\"",
                "proposer = \"0x0000000000000000000000000000000000000002\"",
                "roles.batcher and roles.proposer",
            ),
            (
                "guardian = \"0x0000000000000000000000000000000000000005\"",
                "guardian = \"0x0000000000000000000000000000000000000000\"",
                "roles.guardian",
            ),
        ] {
            assert!(CHAIN.contains(from), "{from}");
            let error = DeployFile::parse(&CHAIN.replace(from, to)).unwrap_err();
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
    }

    #[test]
    fn a_schedule_of_blobs_can_be_given() {
        let more = "confirmations = 1\nblob-schedule = [{ from = 5, target = 1, max = 2, \
                    base-fee-update-fraction = 3 }]";
        let file = DeployFile::parse(&CHAIN.replace("confirmations = 1", more)).unwrap();
        assert_eq!(file.blob_schedule()[&5].max, 2);
        let none = CHAIN.replace(
            "[clocks]",
            "[timelocks]\nparameter-delay-seconds = 0\n[clocks]",
        );
        let config = DeployFile::parse(&none).unwrap().contracts().unwrap();
        assert_eq!(config.parameter_timelock, None);
    }
}
