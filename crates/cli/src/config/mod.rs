//! Settings of `openledger sequencer` and `openledger verifier`: defaults < TOML file < environment <
//! flags, one name throughout.
//!
//! `http.port` is `port` under `[http]` in the file, `OPENLEDGER_HTTP_PORT` in the environment and
//! `--http.port` on the command line. Flags and environment are clap's; [`SequencerSettings::resolve`]
//! and [`VerifierSettings::resolve`] lay them over the file and turn the outcome into checked values
//! once. Consensus parameters are not settings: they stand in the chain's files.

mod batcher;
mod blobs;
mod file;
mod flags;
mod health;
mod node;
#[cfg(test)]
mod tests;

pub use batcher::{BatchKindArg, BatcherFlags, BatcherSettings, DataAvailabilityArg};
pub use blobs::BlobFlags;
pub use flags::{NodeFlags, SequencerFlags, VerifierFlags};
pub use health::{HealthFlags, HealthLimits, HealthSettings};
pub use node::NodeSettings;

pub(crate) use health::default_head_age_max;

use crate::{node::L1Role, proposer::ProposerRole, services::BATCH_INTERVAL};
use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, ensure};
use file::{FeesSection, File, read_file};
use health::NewestFrom;
use openledger_batcher::{BatcherConfig, CostAlarm, OpenPerEth};
use openledger_builder::BuilderConfig;
use openledger_l1::{VETO_GAME, key_from_env, key_from_file};
use openledger_mempool::MempoolConfig;
use openledger_node::FeedConfig;
use openledger_primitives::{ChainConfig, L1Contracts};
use openledger_proposer::ProposerConfig;
use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Names the batcher's key where no file is given.
pub const BATCHER_KEY_VARIABLE: &str = "OPENLEDGER_BATCHER_KEY";
/// Names the proposer's key where no file is given.
pub const PROPOSER_KEY_VARIABLE: &str = "OPENLEDGER_PROPOSER_KEY";
/// Names the challenger's key where no file is given.
pub const CHALLENGER_KEY_VARIABLE: &str = "OPENLEDGER_CHALLENGER_KEY";
/// Names the feed's key where no file is given.
pub const FEED_KEY_VARIABLE: &str = "OPENLEDGER_FEED_KEY";
/// For how long a channel is kept open unless said otherwise (`docs/decisions/0005-channel-duration.md`).
const CHANNEL_DURATION: Duration = Duration::from_secs(300);

/// Longest time that may be kept of a block for sealing it, milliseconds.
const SEAL_RESERVE_MS_MAX: u64 = 10_000;

/// What the help of a command with settings says of them.
pub(crate) const SETTINGS_HELP: &str = "\
Settings come from the file, then the environment, then flags; the last one wins. A setting has one name: \
http.port is `port` under [http] in the file, OPENLEDGER_HTTP_PORT and --http.port.";

/// Checked settings of a sequencer.
#[derive(Debug, Clone)]
pub struct SequencerSettings {
    /// What every node has.
    pub node: NodeSettings,
    /// The block builder.
    pub builder: BuilderConfig,
    /// The pool.
    pub mempool: MempoolConfig,
    /// Whether batches are posted.
    pub batcher_enabled: bool,
    /// File of the batcher's key.
    pub batcher_key_file: Option<PathBuf>,
    /// L1 blocks after which a channel is closed, full or not; 0 closes it as soon as no block is left to add.
    pub channel_duration: u64,
    /// How batches are made, signed and paid for.
    pub batcher: BatcherSettings,
    /// Whether output roots are claimed.
    pub proposer_enabled: bool,
    /// File of the proposer's key.
    pub proposer_key_file: Option<PathBuf>,
    /// Seconds between claims; the proposer's default if `None`.
    pub proposer_interval: Option<u64>,
    /// The same while a withdrawal waits.
    pub proposer_withdrawal_interval: Option<u64>,
    /// When and at which rate costs of posting are compared with fees; `None` compares nothing.
    pub cost_alarm: Option<CostAlarm>,
    /// File of the feed's key.
    pub feed_key_file: Option<PathBuf>,
}

/// Checked settings of a verifier.
#[derive(Debug, Clone)]
pub struct VerifierSettings {
    /// What every node has.
    pub node: NodeSettings,
    /// The feed that is followed.
    pub feed: Option<FeedConfig>,
}

impl SequencerSettings {
    /// Reads the file, if one is given, and lays `flags` over it.
    ///
    /// # Errors
    /// A file that can't be read or has an unknown or malformed setting; a setting that is missing or
    /// makes no sense.
    pub fn resolve(file: Option<&Path>, flags: SequencerFlags) -> anyhow::Result<Self> {
        let file = read(file)?;
        let SequencerFlags {
            node,
            sequencer_ordering,
            sequencer_stopped,
            sequencer_seal_reserve_ms,
            batcher_enabled,
            batcher_key_file,
            batcher_channel_duration,
            batcher,
            proposer_enabled,
            proposer_key_file,
            proposer_interval,
            proposer_withdrawal_interval,
            fees_open_per_eth,
            fees_alarm_interval,
            feed_key_file,
        } = flags;
        let node = NodeSettings::resolve(&file, node)?;
        ensure!(
            file.feed.url.is_none(),
            "feed.url is a verifier's setting: a sequencer signs its own feed, with feed.key-file"
        );
        let batcher = BatcherSettings::resolve(&file.batcher, batcher)?;
        let mut mempool = file.mempool.unwrap_or_default();
        if let Some(order) = sequencer_ordering
            .map(Into::into)
            .or(file.sequencer.ordering)
        {
            mempool.order = order;
        }
        let channel_duration = batcher_channel_duration
            .or(file.batcher.channel_duration)
            .unwrap_or_else(|| {
                let l1_blocks = CHANNEL_DURATION.as_secs() / node.l1_block_time.as_secs().max(1);
                l1_blocks.max(1)
            });
        Ok(Self {
            node,
            builder: BuilderConfig {
                active: !sequencer_stopped
                    .or(file.sequencer.stopped)
                    .unwrap_or(false),
                seal_reserve: seal_reserve(
                    sequencer_seal_reserve_ms.or(file.sequencer.seal_reserve_ms),
                )?,
                gather_by_fee: mempool.order == openledger_mempool::Ordering::PriorityFee,
                ..BuilderConfig::default()
            },
            mempool,
            batcher_enabled: batcher_enabled.or(file.batcher.enabled).unwrap_or(true),
            batcher_key_file: batcher_key_file.or(file.batcher.key_file),
            channel_duration,
            batcher,
            proposer_enabled: proposer_enabled.or(file.proposer.enabled).unwrap_or(false),
            proposer_key_file: proposer_key_file.or(file.proposer.key_file),
            proposer_interval: proposer_interval.or(file.proposer.interval),
            proposer_withdrawal_interval: proposer_withdrawal_interval
                .or(file.proposer.withdrawal_interval),
            cost_alarm: cost_alarm(&file.fees, fees_open_per_eth, fees_alarm_interval)?,
            feed_key_file: feed_key_file.or(file.feed.key_file),
        })
    }

    /// Age of the head and silences from which on the node is not well, for a chain with this block time.
    ///
    /// # Errors
    /// An age that the head has between any two blocks.
    pub fn health_limits(&self, block_time: u64) -> anyhow::Result<HealthLimits> {
        let (health, l1_block_time) = (self.node.health, self.node.l1_block_time);
        let channel = u32::try_from(self.channel_duration).unwrap_or(u32::MAX);
        let batch_interval = if self.batcher_enabled {
            l1_block_time.saturating_mul(channel)
        } else {
            BATCH_INTERVAL
        };
        health.limits(
            block_time,
            l1_block_time,
            batch_interval,
            NewestFrom::Sealing,
        )
    }

    /// The block builder of a chain with this block time.
    ///
    /// # Errors
    /// A reserve that takes more than half of it.
    pub fn builder(&self, block_time: u64) -> anyhow::Result<BuilderConfig> {
        let reserve = self.builder.seal_reserve;
        ensure!(
            reserve * 2 <= Duration::from_secs(block_time),
            "sequencer.seal-reserve-ms is {}: more than half of the chain's block time of {block_time} s",
            reserve.as_millis()
        );
        Ok(self.builder.clone())
    }

    /// The roles on the L1.
    ///
    /// # Errors
    /// A batcher's or proposer's key that is missing; a proposer on a chain that has no games; limits of the
    /// health as [`Self::health_limits`].
    pub fn l1_role(
        &self,
        chain: &Arc<ChainConfig>,
        contracts: &L1Contracts,
    ) -> anyhow::Result<L1Role> {
        let mut batcher = BatcherConfig {
            channel_duration_max: self.channel_duration,
            cost_alarm: self.cost_alarm,
            ..BatcherConfig::new(chain.clone())
        };
        self.batcher.apply(&mut batcher);
        let batcher_signer = match &self.batcher.signer {
            _ if !self.batcher_enabled => None,
            Some(remote) => Some(remote.clone()),
            None => {
                let key_file = self.batcher_key_file.as_deref();
                let key = required_key("batcher", key_file, BATCHER_KEY_VARIABLE)
                    .context("without batcher.signer-url the batcher signs by itself")?;
                Some(key.into())
            }
        };
        Ok(L1Role {
            urls: self.node.l1_rpc_urls.clone(),
            whole: false,
            blobs: self.node.blobs.clone(),
            block_time: self.node.l1_block_time,
            poll_interval: None,
            batcher_signer,
            batcher,
            sender: self.batcher.sender,
            proposer: self.proposer_role(contracts)?,
            challenger: self.node.challenger_role(contracts)?,
            watchdog: self.health_limits(chain.block_time)?.watchdog,
        })
    }

    fn proposer_role(&self, contracts: &L1Contracts) -> anyhow::Result<Option<ProposerRole>> {
        const ROLE: &str = "proposer";
        if !self.proposer_enabled {
            return Ok(None);
        }
        let factory = factory(ROLE, contracts)?;
        let key_file = self.proposer_key_file.as_deref();
        let key = required_key(ROLE, key_file, PROPOSER_KEY_VARIABLE)?;
        let mut config = ProposerConfig::new(factory, VETO_GAME);
        config.poll_interval = self.node.l1_block_time / 2;
        for (setting, target) in [
            (self.proposer_interval, &mut config.interval),
            (
                self.proposer_withdrawal_interval,
                &mut config.withdrawal_interval,
            ),
        ] {
            if let Some(seconds) = setting {
                ensure!(seconds > 0, "proposer intervals must be at least 1");
                *target = Duration::from_secs(seconds);
            }
        }
        Ok(Some(ProposerRole {
            signer: key.into(),
            config,
        }))
    }

    /// The key that signs the feed; `None` serves none.
    ///
    /// # Errors
    /// A key that can't be read.
    pub fn feed_key(&self) -> anyhow::Result<Option<PrivateKeySigner>> {
        key(self.feed_key_file.as_deref(), FEED_KEY_VARIABLE)
    }
}

impl VerifierSettings {
    /// Reads the file, if one is given, and lays `flags` over it.
    ///
    /// # Errors
    /// As [`SequencerSettings::resolve`], and a section that only a sequencer has.
    pub fn resolve(file: Option<&Path>, flags: VerifierFlags) -> anyhow::Result<Self> {
        let file = read(file)?;
        let defaults = File::default();
        for (name, is_set) in [
            ("sequencer", file.sequencer != defaults.sequencer),
            ("batcher", file.batcher != defaults.batcher),
            ("proposer", file.proposer != defaults.proposer),
            ("fees", file.fees != defaults.fees),
            ("mempool", file.mempool.is_some()),
            ("feed.key-file", file.feed.key_file.is_some()),
        ] {
            ensure!(!is_set, "{name} is a sequencer's setting, not a verifier's");
        }
        let feed = match flags.feed_url.as_ref().or(file.feed.url.as_ref()) {
            Some(url) => Some(FeedConfig::new(url).context("feed.url")?),
            None => None,
        };
        Ok(Self {
            node: NodeSettings::resolve(&file, flags.node)?,
            feed,
        })
    }

    /// Age of the head and silences from which on the node is not well, for a chain with this block time.
    ///
    /// # Errors
    /// An age that the head has between any two blocks.
    pub fn health_limits(&self, block_time: u64) -> anyhow::Result<HealthLimits> {
        let newest = match self.feed {
            Some(_) => NewestFrom::Sealing,
            None => NewestFrom::L1,
        };
        let (health, l1_block_time) = (self.node.health, self.node.l1_block_time);
        health.limits(block_time, l1_block_time, BATCH_INTERVAL, newest)
    }
}

/// Time before a block is due at which execution stops.
fn seal_reserve(milliseconds: Option<u64>) -> anyhow::Result<Duration> {
    let Some(milliseconds) = milliseconds else {
        return Ok(BuilderConfig::default().seal_reserve);
    };
    ensure!(
        (1..=SEAL_RESERVE_MS_MAX).contains(&milliseconds),
        "sequencer.seal-reserve-ms is {milliseconds}: from 1 to {SEAL_RESERVE_MS_MAX} are possible"
    );
    Ok(Duration::from_millis(milliseconds))
}

/// When costs of posting are compared with fees.
fn cost_alarm(
    file: &FeesSection,
    open_per_eth: Option<OpenPerEth>,
    interval: Option<u64>,
) -> anyhow::Result<Option<CostAlarm>> {
    let open_per_eth = match (open_per_eth, &file.open_per_eth) {
        (Some(rate), _) => Some(rate),
        (None, Some(rate)) => {
            let rate = rate.text();
            Some(
                rate.parse()
                    .with_context(|| format!("fees.open-per-eth is {rate}"))?,
            )
        }
        (None, None) => None,
    };
    let interval = interval.or(file.alarm_interval);
    ensure!(
        open_per_eth.is_some() || interval.is_none(),
        "fees.alarm-interval needs fees.open-per-eth"
    );
    ensure!(
        interval != Some(0),
        "fees.alarm-interval must be at least 1"
    );
    Ok(open_per_eth.map(|rate| {
        let alarm = CostAlarm::at(rate);
        CostAlarm {
            interval: interval.map_or(alarm.interval, Duration::from_secs),
            ..alarm
        }
    }))
}

fn read(file: Option<&Path>) -> anyhow::Result<File> {
    match file {
        Some(path) => read_file(path),
        None => Ok(File::default()),
    }
}

/// The key in a file, or else in the environment; `None` if neither is given.
fn key(file: Option<&Path>, variable: &'static str) -> anyhow::Result<Option<PrivateKeySigner>> {
    Ok(match file {
        Some(path) => Some(key_from_file(path)?),
        None if env::var_os(variable).is_some() => Some(key_from_env(variable)?),
        None => None,
    })
}

/// The key of a role that is enabled.
///
/// # Errors
/// A key that can't be read, or that is given nowhere.
fn required_key(
    role: &str,
    file: Option<&Path>,
    variable: &'static str,
) -> anyhow::Result<PrivateKeySigner> {
    key(file, variable)?.with_context(|| {
        format!(
            "the {role} has no key: set {role}.key-file or {variable}, or {role}.enabled = false"
        )
    })
}

/// The factory of the chain's games, for a role that is enabled.
///
/// # Errors
/// A chain that has no games.
fn factory(role: &str, contracts: &L1Contracts) -> anyhow::Result<Address> {
    let factory = contracts.dispute_game_factory;
    ensure!(
        !factory.is_zero(),
        "{role}.enabled, but l1.json names no disputeGameFactory"
    );
    Ok(factory)
}
