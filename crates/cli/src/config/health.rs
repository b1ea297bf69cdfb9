//! From when on `/health` says that a node is not well.

use super::file::HealthSection;
use anyhow::ensure;
use clap::Args;
use openledger_node::WatchdogConfig;
use std::time::Duration;

/// Age of the head by default, where blocks come as they are sealed.
const HEAD_AGE_MAX: Duration = Duration::from_secs(60);
/// The same in blocks, for chains with long block times.
const HEAD_AGE_BLOCKS: u32 = 4;
/// The longest limit, seconds: 30 days.
const LIMIT_SECONDS_MAX: u64 = 30 * 86_400;

/// Flags and environment of the health's limits.
#[derive(Debug, Clone, Default, Args)]
pub struct HealthFlags {
    /// Seconds from which on the newest block is too old, and a feed that can't be followed is dead
    #[arg(
        long = "health.head-age-max",
        env = "OPENLEDGER_HEALTH_HEAD_AGE_MAX",
        value_name = "SECONDS"
    )]
    pub head_age_max: Option<u64>,
    /// Seconds for which the L1 may not answer, or have no new block [default: 20 L1 blocks, 60 at least]
    #[arg(
        long = "health.l1-silence-max",
        env = "OPENLEDGER_HEALTH_L1_SILENCE_MAX",
        value_name = "SECONDS"
    )]
    pub l1_silence_max: Option<u64>,
    /// Seconds for which the safe head may stand while the L1 goes on [default: three times as long as a batcher
    /// waits]
    #[arg(
        long = "health.safe-silence-max",
        env = "OPENLEDGER_HEALTH_SAFE_SILENCE_MAX",
        value_name = "SECONDS"
    )]
    pub safe_silence_max: Option<u64>,
    /// Seconds for which the finalized head may stand while the L1 finalizes blocks [default: 128 L1 blocks more
    /// than the safe head]
    #[arg(
        long = "health.finalized-silence-max",
        env = "OPENLEDGER_HEALTH_FINALIZED_SILENCE_MAX",
        value_name = "SECONDS"
    )]
    pub finalized_silence_max: Option<u64>,
}

/// Checked limits; what is `None` follows from the chain and its L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthSettings {
    head_age_max: Option<Duration>,
    l1_silence_max: Option<Duration>,
    safe_silence_max: Option<Duration>,
    finalized_silence_max: Option<Duration>,
}

/// Where a node's newest blocks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewestFrom {
    /// Whoever seals them: this node, or a sequencer by its feed.
    Sealing,
    /// L1 alone, so that they are as old as the last batch.
    L1,
}

/// The limits of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthLimits {
    /// Age from which on the head is too old.
    pub head_age_max: Duration,
    /// What is taken for a stall.
    pub watchdog: WatchdogConfig,
}

impl HealthSettings {
    pub(super) fn resolve(file: &HealthSection, flags: &HealthFlags) -> anyhow::Result<Self> {
        let limit = |name: &str, flag: Option<u64>, file: Option<u64>| {
            let Some(seconds) = flag.or(file) else {
                return Ok(None);
            };
            ensure!(
                (1..=LIMIT_SECONDS_MAX).contains(&seconds),
                "health.{name} is {seconds}: from 1 to {LIMIT_SECONDS_MAX} seconds are possible"
            );
            Ok(Some(Duration::from_secs(seconds)))
        };
        Ok(Self {
            head_age_max: limit("head-age-max", flags.head_age_max, file.head_age_max)?,
            l1_silence_max: limit("l1-silence-max", flags.l1_silence_max, file.l1_silence_max)?,
            safe_silence_max: limit(
                "safe-silence-max",
                flags.safe_silence_max,
                file.safe_silence_max,
            )?,
            finalized_silence_max: limit(
                "finalized-silence-max",
                flags.finalized_silence_max,
                file.finalized_silence_max,
            )?,
        })
    }

    /// The limits for a chain with blocks every `block_time` seconds, whose batcher posts at least every
    /// `batch_interval`.
    ///
    /// # Errors
    /// An age that the head has between any two blocks.
    pub(super) fn limits(
        &self,
        block_time: u64,
        l1_block_time: Duration,
        batch_interval: Duration,
        newest: NewestFrom,
    ) -> anyhow::Result<HealthLimits> {
        let block_time = Duration::from_secs(block_time);
        let usual = WatchdogConfig::for_intervals(l1_block_time, batch_interval);
        let safe_silence_max = self.safe_silence_max.unwrap_or(usual.safe_silence_max);
        let finality = usual
            .finalized_silence_max
            .saturating_sub(usual.safe_silence_max);
        let head_age_max = self.head_age_max.unwrap_or(match newest {
            NewestFrom::Sealing => default_head_age_max(block_time),
            NewestFrom::L1 => safe_silence_max,
        });
        ensure!(
            head_age_max > block_time,
            "health.head-age-max is {}: the head of a chain with blocks every {} s is older between any two of them",
            head_age_max.as_secs(),
            block_time.as_secs()
        );
        Ok(HealthLimits {
            head_age_max,
            watchdog: WatchdogConfig {
                l1_silence_max: self.l1_silence_max.unwrap_or(usual.l1_silence_max),
                safe_silence_max,
                finalized_silence_max: self
                    .finalized_silence_max
                    .unwrap_or(safe_silence_max.saturating_add(finality)),
                feed_silence_max: head_age_max,
            },
        })
    }
}

/// Age from which on the head is too old unless told otherwise, where blocks come as they are sealed.
pub(crate) fn default_head_age_max(block_time: Duration) -> Duration {
    HEAD_AGE_MAX.max(block_time.saturating_mul(HEAD_AGE_BLOCKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn settings(text: &str) -> anyhow::Result<HealthSettings> {
        let file: HealthSection = toml::from_str(text)?;
        HealthSettings::resolve(&file, &HealthFlags::default())
    }

    #[test]
    fn limits_follow_from_the_chain() {
        let limits = |newest, block_time| {
            let unset = settings("").unwrap();
            unset.limits(block_time, 12 * SECOND, HOUR, newest).unwrap()
        };
        let sealing = limits(NewestFrom::Sealing, 1);
        assert_eq!(sealing.head_age_max, 60 * SECOND);
        assert_eq!(sealing.watchdog.feed_silence_max, 60 * SECOND);
        assert_eq!(
            limits(NewestFrom::Sealing, 60).head_age_max,
            240 * SECOND,
            "slow blocks are old"
        );
        let from_l1 = limits(NewestFrom::L1, 1);
        assert_eq!(from_l1.head_age_max, 3 * HOUR);
        assert_eq!(
            WatchdogConfig {
                feed_silence_max: sealing.watchdog.feed_silence_max,
                ..from_l1.watchdog
            },
            WatchdogConfig::for_intervals(12 * SECOND, HOUR)
        );
    }

    #[test]
    fn what_is_set_counts() {
        let text = "head-age-max = 30\nl1-silence-max = 100\nsafe-silence-max = 400\n";
        let limits = |text: &str| {
            let set = settings(text).unwrap();
            set.limits(2, 12 * SECOND, HOUR, NewestFrom::L1).unwrap()
        };
        let expected = HealthLimits {
            head_age_max: 30 * SECOND,
            watchdog: WatchdogConfig {
                l1_silence_max: 100 * SECOND,
                safe_silence_max: 400 * SECOND,
                // Two epochs, twice.
                finalized_silence_max: (400 + 128 * 12) * SECOND,
                feed_silence_max: 30 * SECOND,
            },
        };
        assert_eq!(limits(text), expected);
        let finalized = limits(&format!("{text}finalized-silence-max = 500"));
        assert_eq!(finalized.watchdog.finalized_silence_max, 500 * SECOND);
        // A node that has its blocks from L1 is as old as the safe head.
        let from_l1 = limits("safe-silence-max = 400");
        assert_eq!(from_l1.head_age_max, 400 * SECOND);
        let flags = HealthFlags {
            head_age_max: Some(7),
            ..HealthFlags::default()
        };
        let file = toml::from_str(text).unwrap();
        let set = HealthSettings::resolve(&file, &flags).unwrap();
        assert_eq!(set.head_age_max, Some(7 * SECOND));
        assert_eq!(set.l1_silence_max, Some(100 * SECOND));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for name in [
            "head-age-max",
            "l1-silence-max",
            "safe-silence-max",
            "finalized-silence-max",
        ] {
            for seconds in [0, LIMIT_SECONDS_MAX + 1] {
                let error = settings(&format!("{name} = {seconds}")).unwrap_err();
                let named = format!("health.{name} is {seconds}: from 1");
                assert!(error.to_string().contains(&named), "{error}");
            }
        }
        let set = settings("head-age-max = 2").unwrap();
        let limits = |block_time| set.limits(block_time, SECOND, HOUR, NewestFrom::Sealing);
        assert!(limits(1).is_ok());
        let error = limits(2).unwrap_err().to_string();
        assert!(error.contains("health.head-age-max is 2"), "{error}");
    }
}
