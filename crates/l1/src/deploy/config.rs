use super::DeployError;
use alloy_primitives::{Address, B64, B256, U256, keccak256};
use openledger_primitives::L1Roles;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Type of the games that are decided by a clock and a challenger's veto (`VetoDisputeGame`).
pub const VETO_GAME: u32 = 1612;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// What the L1 contracts are set up with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeployConfig {
    /// Sets the chain's parameters: `SystemConfig`'s owner, by way of the parameter timelock if there is
    /// one.
    pub owner: Address,
    /// Who posts batches.
    pub batcher: Address,
    /// Who claims output roots.
    pub proposer: Address,
    /// Who may veto claims.
    pub challenger: Address,
    /// Who may pause withdrawals and set games aside.
    pub guardian: Address,
    /// Whose signature makes an unsafe block credible.
    pub unsafe_block_signer: Address,
    /// Who gets the OPEN that is neither locked nor granted.
    pub treasury: Address,
    /// Gas limit of L2 blocks.
    pub gas_limit: u64,
    /// Seconds between L2 blocks.
    pub block_time: u64,
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
    /// An inbox that exists already; deployed where it is `None`.
    pub batch_inbox: Option<Address>,
    /// OPEN, where it exists already: then the deployer must hold what is locked and granted. Deployed
    /// where it is `None`.
    pub open: Option<Address>,
    /// OPEN that the genesis gives out, wei: locked in the portal.
    pub genesis_supply: U256,
    /// OPEN on L1 for accounts, wei.
    pub grants: Vec<(Address, U256)>,
    /// How long claims and withdrawals wait.
    pub clocks: GameClocks,
    /// Owns the proxies and the factory of games.
    pub code_timelock: TimelockConfig,
    /// Owns `SystemConfig`; where it is `None`, [`Self::owner`] does so itself.
    pub parameter_timelock: Option<TimelockConfig>,
}

/// How long claims and withdrawals wait, seconds, and what a claim costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct GameClocks {
    /// For how long the challenger may veto a claim.
    pub max_clock_seconds: u64,
    /// From a game's decision until it counts.
    pub finality_delay_seconds: u64,
    /// From a withdrawal's proof until it is paid.
    pub proof_maturity_seconds: u64,
    /// Silence of the proposer after which anybody may claim.
    pub proposer_fallback_seconds: u64,
    /// Bond of a claim, wei of ETH.
    pub init_bond_wei: u64,
}

impl GameClocks {
    /// Possible `max_clock_seconds`: without a clock nobody could veto, and with a longer one a proposer
    /// that was vetoed might keep withdrawals waiting for long. `VetoDisputeGame` has the same bounds.
    pub const MAX_CLOCK_SECONDS: RangeInclusive<u64> = 1..=7 * DAY;
    /// Possible `finality_delay_seconds`. With the clock no more than a pause's cooldown of 15 days, so
    /// that a claim made after one pause counts before the next. `AnchorStateRegistry` has the same bound.
    pub const FINALITY_DELAY_SECONDS: RangeInclusive<u64> = 1..=7 * DAY;
    /// Possible `proof_maturity_seconds`: less than a pause's cooldown, too. `RollupPortal` has the same
    /// bound.
    pub const PROOF_MATURITY_SECONDS: RangeInclusive<u64> = 1..=14 * DAY;
    /// Possible `proposer_fallback_seconds`. `VetoDisputeGame` has the same bounds.
    pub const PROPOSER_FALLBACK_SECONDS: RangeInclusive<u64> = 1..=14 * DAY;
    /// Possible `init_bond_wei`: something, and no more than a stranger can be asked to lock: 10 ETH.
    pub const INIT_BOND_WEI: RangeInclusive<u64> = 1..=10_000_000_000_000_000_000;

    fn check(&self) -> Result<(), DeployError> {
        let Self {
            max_clock_seconds,
            finality_delay_seconds,
            proof_maturity_seconds,
            proposer_fallback_seconds,
            init_bond_wei,
        } = *self;
        for (name, given, range) in [
            (
                "clocks.max-clock-seconds",
                max_clock_seconds,
                Self::MAX_CLOCK_SECONDS,
            ),
            (
                "clocks.finality-delay-seconds",
                finality_delay_seconds,
                Self::FINALITY_DELAY_SECONDS,
            ),
            (
                "clocks.proof-maturity-seconds",
                proof_maturity_seconds,
                Self::PROOF_MATURITY_SECONDS,
            ),
            (
                "clocks.proposer-fallback-seconds",
                proposer_fallback_seconds,
                Self::PROPOSER_FALLBACK_SECONDS,
            ),
            ("clocks.init-bond-wei", init_bond_wei, Self::INIT_BOND_WEI),
        ] {
            within(name, given, range)?;
        }
        Ok(())
    }
}

/// Checks that a value is in its range.
fn within(name: &'static str, given: u64, range: RangeInclusive<u64>) -> Result<(), DeployError> {
    if range.contains(&given) {
        return Ok(());
    }
    Err(DeployError::OutOfRange {
        name,
        given,
        least: *range.start(),
        most: *range.end(),
    })
}

impl Default for GameClocks {
    /// 3.5 days each for veto and finality, 7 days for proofs and the proposer's silence, 0.08 ETH.
    fn default() -> Self {
        Self {
            max_clock_seconds: 84 * HOUR,
            finality_delay_seconds: 84 * HOUR,
            proof_maturity_seconds: 7 * DAY,
            proposer_fallback_seconds: 7 * DAY,
            init_bond_wei: 80_000_000_000_000_000,
        }
    }
}

/// A `TimelockController`: proposers queue, and after the delay executors carry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelockConfig {
    /// Shortest time between the two, seconds.
    pub delay_seconds: u64,
    /// Who queues and cancels.
    pub proposers: Vec<Address>,
    /// Who carries out; the zero address means anybody.
    pub executors: Vec<Address>,
}

impl TimelockConfig {
    /// Delay of a code timelock unless said otherwise: longer than it takes to leave.
    pub const CODE_DELAY_SECONDS: u64 = 30 * DAY;
    /// Delay of a parameter timelock unless said otherwise.
    pub const PARAMETER_DELAY_SECONDS: u64 = 2 * DAY;
    /// Longest delay of a code timelock: what is queued when a pause begins, which lasts 45 days at most,
    /// is carried out before it ends. Local chains have none.
    pub const CODE_DELAY_SECONDS_MAX: u64 = 40 * DAY;
    /// Longest delay of a parameter timelock: fees and batchers must be replaced in time.
    pub const PARAMETER_DELAY_SECONDS_MAX: u64 = 30 * DAY;

    /// A timelock that `owner` queues for and anybody carries out.
    pub fn of(owner: Address, delay_seconds: u64) -> Self {
        Self {
            delay_seconds,
            proposers: vec![owner],
            executors: vec![Address::ZERO],
        }
    }

    /// The same, which an account queues for, too; unchanged for the zero address.
    pub(super) fn queued_by(&self, proposer: Address) -> Self {
        let mut proposers = self.proposers.clone();
        proposers.extend((!proposer.is_zero()).then_some(proposer));
        Self {
            proposers,
            ..self.clone()
        }
    }
}

impl DeployConfig {
    /// The defaults: `owner` in every role but the batcher's, which also signs unsafe blocks; no OPEN at
    /// genesis; code behind a timelock of 30 days.
    pub fn new(owner: Address, batcher: Address) -> Self {
        Self {
            owner,
            batcher,
            proposer: owner,
            challenger: owner,
            guardian: owner,
            unsafe_block_signer: batcher,
            treasury: owner,
            gas_limit: 60_000_000,
            block_time: 1,
            // The OP Stack's defaults for blob posters.
            base_fee_scalar: 1_368,
            blob_base_fee_scalar: 810_949,
            eip1559_denominator: 0,
            eip1559_elasticity: 0,
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
            batch_inbox: None,
            open: None,
            genesis_supply: U256::ZERO,
            grants: Vec::new(),
            clocks: GameClocks::default(),
            code_timelock: TimelockConfig::of(owner, TimelockConfig::CODE_DELAY_SECONDS),
            parameter_timelock: None,
        }
    }

    /// Possible `block_time`.
    pub const BLOCK_TIME: RangeInclusive<u64> = 1..=60;

    /// Checks what must be in a range.
    ///
    /// # Errors
    /// [`DeployError::OutOfRange`] with the first value that isn't in its range.
    pub fn check(&self) -> Result<(), DeployError> {
        within("l2.block-time", self.block_time, Self::BLOCK_TIME)?;
        self.clocks.check()?;
        within(
            "timelocks.code-delay-seconds",
            self.code_timelock.delay_seconds,
            0..=TimelockConfig::CODE_DELAY_SECONDS_MAX,
        )?;
        let parameters = self.parameter_timelock.as_ref();
        within(
            "timelocks.parameter-delay-seconds",
            parameters.map_or(0, |timelock| timelock.delay_seconds),
            0..=TimelockConfig::PARAMETER_DELAY_SECONDS_MAX,
        )
    }

    /// Who has which role at the beginning.
    pub fn roles(&self) -> L1Roles {
        let parameters = self.parameter_timelock.as_ref();
        L1Roles {
            owner: self.owner,
            proposer: self.proposer,
            challenger: self.challenger,
            guardian: self.guardian,
            unsafe_block_signer: self.unsafe_block_signer,
            code_delay_seconds: self.code_timelock.delay_seconds,
            parameter_delay_seconds: parameters.map_or(0, |timelock| timelock.delay_seconds),
        }
    }

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
            // The contract has neither.
            min_base_fee: 0,
            da_footprint_gas_scalar: 0,
        }
    }

    /// What is locked and granted together, wei; `None` if that is more than a `uint256`.
    pub fn given_out(&self) -> Option<U256> {
        self.grants
            .iter()
            .try_fold(self.genesis_supply, |sum, (_, amount)| {
                sum.checked_add(*amount)
            })
    }

    /// Says whether two configurations are the same: keccak256 of its JSON form.
    pub fn digest(&self) -> B256 {
        // Numbers, addresses and lists of them: that can always be written.
        let text = serde_json::to_vec(self).unwrap_or_default();
        keccak256(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_system_config_is_what_was_deployed() {
        let config = DeployConfig {
            eip1559_denominator: 250,
            eip1559_elasticity: 6,
            operator_fee_scalar: 3,
            operator_fee_constant: 4,
            ..DeployConfig::new(Address::repeat_byte(1), Address::repeat_byte(2))
        };
        let system = config.system_config();
        assert_eq!(system.batcher_address, config.batcher);
        assert_eq!(system.fee_scalars(), (1368, 810_949));
        assert_eq!(system.gas_limit, 60_000_000);
        assert_eq!(system.eip1559_params.0, [0, 0, 0, 250, 0, 0, 0, 6]);
        assert_eq!(system.operator_fee(), (3, 4));
    }

    #[test]
    fn any_change_changes_the_digest() {
        let config = DeployConfig::new(Address::repeat_byte(1), Address::repeat_byte(2));
        assert_eq!(config.digest(), config.clone().digest());
        let mut other = config.clone();
        other.clocks.max_clock_seconds += 1;
        assert_ne!(config.digest(), other.digest());
        let mut other = config.clone();
        other.grants.push((Address::ZERO, U256::ONE));
        assert_ne!(config.digest(), other.digest());
    }

    #[test]
    fn every_clock_has_a_range() {
        let config = DeployConfig::new(Address::repeat_byte(1), Address::repeat_byte(2));
        config.check().expect("the defaults");
        type Change = fn(&mut DeployConfig, u64);
        let changes: [(&str, RangeInclusive<u64>, Change); 8] = [
            (
                "l2.block-time",
                DeployConfig::BLOCK_TIME,
                |config, value| {
                    config.block_time = value;
                },
            ),
            (
                "clocks.max-clock-seconds",
                GameClocks::MAX_CLOCK_SECONDS,
                |config, value| config.clocks.max_clock_seconds = value,
            ),
            (
                "clocks.finality-delay-seconds",
                GameClocks::FINALITY_DELAY_SECONDS,
                |config, value| config.clocks.finality_delay_seconds = value,
            ),
            (
                "clocks.proof-maturity-seconds",
                GameClocks::PROOF_MATURITY_SECONDS,
                |config, value| config.clocks.proof_maturity_seconds = value,
            ),
            (
                "clocks.proposer-fallback-seconds",
                GameClocks::PROPOSER_FALLBACK_SECONDS,
                |config, value| config.clocks.proposer_fallback_seconds = value,
            ),
            (
                "clocks.init-bond-wei",
                GameClocks::INIT_BOND_WEI,
                |config, value| config.clocks.init_bond_wei = value,
            ),
            (
                "timelocks.code-delay-seconds",
                0..=TimelockConfig::CODE_DELAY_SECONDS_MAX,
                |config, value| config.code_timelock.delay_seconds = value,
            ),
            (
                "timelocks.parameter-delay-seconds",
                0..=TimelockConfig::PARAMETER_DELAY_SECONDS_MAX,
                |config, value| {
                    config.parameter_timelock = Some(TimelockConfig::of(Address::ZERO, value));
                },
            ),
        ];
        for (expected, range, change) in changes {
            let with = |value| {
                let mut config = config.clone();
                change(&mut config, value);
                config.check()
            };
            with(*range.start()).expect(expected);
            with(*range.end()).expect(expected);
            let below = range.start().checked_sub(1);
            for outside in below.into_iter().chain([range.end() + 1, u64::MAX]) {
                assert!(
                    matches!(
                        with(outside),
                        Err(DeployError::OutOfRange { name, given, .. })
                            if name == expected && given == outside
                    ),
                    "{expected} {outside}"
                );
            }
        }
    }

    #[test]
    fn what_is_given_out_is_the_sum() {
        let mut config = DeployConfig::new(Address::ZERO, Address::ZERO);
        config.genesis_supply = U256::from(7);
        config.grants = vec![(Address::ZERO, U256::from(3)), (Address::ZERO, U256::ONE)];
        assert_eq!(config.given_out(), Some(U256::from(11)));
        config.genesis_supply = U256::MAX;
        assert_eq!(config.given_out(), None);
    }
}
