use alloy_primitives::Address;
use std::time::Duration;

/// How a proposer works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposerConfig {
    /// The chain's `DisputeGameFactory`.
    pub factory: Address,
    /// Type of the games that it makes.
    pub game_type: u32,
    /// Time between claims, by the L1's clock.
    pub interval: Duration,
    /// The same while a withdrawal waits for one.
    pub withdrawal_interval: Duration,
    /// Time between looks at the L1.
    pub poll_interval: Duration,
    /// Games of others and its own that are looked through for the newest right claim.
    pub games_max: u64,
}

impl ProposerConfig {
    /// The defaults for a factory: a claim an hour, and one every ten minutes while a withdrawal waits.
    pub const fn new(factory: Address, game_type: u32) -> Self {
        Self {
            factory,
            game_type,
            interval: Duration::from_secs(3_600),
            withdrawal_interval: Duration::from_secs(600),
            poll_interval: Duration::from_secs(6),
            games_max: 512,
        }
    }
}

/// How a challenger works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengerConfig {
    /// The chain's `DisputeGameFactory`.
    pub factory: Address,
    /// Type of the games that it watches.
    pub game_type: u32,
    /// For how long a game is watched, by the L1's clock. Must be longer than its clock and the registry's
    /// finality delay together: a game that is watched no more is neither vetoed nor is its bond claimed.
    pub watch: Duration,
    /// Time between looks at the L1.
    pub poll_interval: Duration,
}

impl ChallengerConfig {
    /// The longest clock and the longest finality delay that the contracts admit (7 days each), and a day
    /// to get the bond.
    const WATCH: Duration = Duration::from_secs(15 * 86_400);

    /// The defaults for a factory.
    pub const fn new(factory: Address, game_type: u32) -> Self {
        Self {
            factory,
            game_type,
            watch: Self::WATCH,
            poll_interval: Duration::from_secs(12),
        }
    }
}
