//! Files: the settings file, the token.

use super::batcher::{BatchKindArg, DataAvailabilityArg};
use crate::files::{parse_toml, read_text};
use alloy_primitives::Address;
use anyhow::{Context, ensure};
use openledger_mempool::MempoolConfig;
use openledger_rpc::Limits;
use serde::Deserialize;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Longest settings file, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Longest token file, bytes.
const TOKEN_BYTES_MAX: u64 = 4096;
/// Shortest token, characters.
const TOKEN_CHARS_MIN: usize = 16;

/// The settings file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) chain: Option<PathBuf>,
    pub(super) data_dir: Option<PathBuf>,
    #[serde(default)]
    pub(super) l1: L1Section,
    #[serde(default)]
    pub(super) http: HttpSection,
    #[serde(default)]
    pub(super) privileged: PrivilegedSection,
    #[serde(default)]
    pub(super) sequencer: SequencerSection,
    #[serde(default)]
    pub(super) batcher: BatcherSection,
    #[serde(default)]
    pub(super) proposer: ProposerSection,
    #[serde(default)]
    pub(super) challenger: ChallengerSection,
    #[serde(default)]
    pub(super) fees: FeesSection,
    #[serde(default)]
    pub(super) store: StoreSection,
    #[serde(default)]
    pub(super) feed: FeedSection,
    #[serde(default)]
    pub(super) health: HealthSection,
    /// The limits of JSON-RPC, by its own names.
    pub(super) rpc: Option<Limits>,
    /// The pool's own settings, by its own names.
    pub(super) mempool: Option<MempoolConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct L1Section {
    pub(super) rpc_url: Option<OneOrMany>,
    pub(super) beacon_url: Option<OneOrMany>,
    pub(super) blob_archive: Option<OneOrMany>,
    pub(super) block_time: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(value: OneOrMany) -> Self {
        match value {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HttpSection {
    pub(super) addr: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) api: Option<Vec<String>>,
    pub(super) cors: Option<Vec<String>>,
    pub(super) tip_min_wei: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PrivilegedSection {
    pub(super) addr: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) token_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SequencerSection {
    pub(super) ordering: Option<openledger_mempool::Ordering>,
    pub(super) stopped: Option<bool>,
    pub(super) seal_reserve_ms: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct BatcherSection {
    pub(super) enabled: Option<bool>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) channel_duration: Option<u64>,
    pub(super) signer_url: Option<String>,
    pub(super) signer_address: Option<Address>,
    pub(super) data_availability: Option<DataAvailabilityArg>,
    pub(super) batch_kind: Option<BatchKindArg>,
    pub(super) compression: Option<String>,
    pub(super) blobs_per_tx: Option<usize>,
    pub(super) tx_bytes_target: Option<usize>,
    pub(super) channel_txs_target: Option<usize>,
    pub(super) safe_lag_max: Option<u64>,
    pub(super) fee_target_gwei: Option<u64>,
    pub(super) fee_max_gwei: Option<u64>,
    pub(super) blob_fee_target_gwei: Option<u64>,
    pub(super) blob_fee_max_gwei: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProposerSection {
    pub(super) enabled: Option<bool>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) interval: Option<u64>,
    pub(super) withdrawal_interval: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ChallengerSection {
    pub(super) enabled: Option<bool>,
    pub(super) key_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FeesSection {
    pub(super) open_per_eth: Option<Decimal>,
    pub(super) alarm_interval: Option<u64>,
}

/// A decimal number, which may stand in quotes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Decimal {
    Text(String),
    Whole(u64),
    Fraction(f64),
}

impl Decimal {
    /// The number as it is written.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct StoreSection {
    pub(super) history_days: Option<u64>,
    pub(super) archive: Option<bool>,
    pub(super) index_addresses: Option<bool>,
    pub(super) cache_mb: Option<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FeedSection {
    pub(super) key_file: Option<PathBuf>,
    pub(super) url: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HealthSection {
    pub(super) head_age_max: Option<u64>,
    pub(super) l1_silence_max: Option<u64>,
    pub(super) safe_silence_max: Option<u64>,
    pub(super) finalized_silence_max: Option<u64>,
}

/// Reads and parses a settings file.
///
/// # Errors
/// A file that can't be read, is too long, or has an unknown or malformed setting.
pub(super) fn read_file(path: &Path) -> anyhow::Result<File> {
    parse_toml(&read_text(path, FILE_BYTES_MAX)?).with_context(|| path.display().to_string())
}

/// Reads the privileged listener's token.
///
/// # Errors
/// A file that can't be read or holds no token.
pub(super) fn read_token(path: &Path) -> anyhow::Result<String> {
    let token = read_text(path, TOKEN_BYTES_MAX)?.trim().to_owned();
    ensure!(
        token.chars().count() >= TOKEN_CHARS_MIN && token.chars().all(|c| c.is_ascii_graphic()),
        "{} holds no token: at least {TOKEN_CHARS_MIN} printable ASCII characters on one line",
        path.display()
    );
    Ok(token)
}
