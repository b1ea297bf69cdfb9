//! Settings of the batcher.

use super::file::BatcherSection;
use alloy_primitives::Address;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use openledger_batcher::{BatchKind, BatcherConfig, DataAvailability};
use openledger_l1::{BLOBS_PER_TX_MAX, RemoteSigner, TxSenderConfig, TxSigner};
use openledger_protocol::Compression;
use serde::Deserialize;
use std::{fmt::Display, ops::RangeInclusive};

const WEI_PER_GWEI: u128 = 1_000_000_000;
const BROTLI_QUALITY_MAX: u8 = 11;
const ZLIB_LEVEL_MAX: u8 = 10;
/// Calldata that one L1 transaction may be given: enough that its own cost is a small part, and less than the
/// 128 KiB of a transaction that L1 nodes take.
const TX_BYTES_TARGET: RangeInclusive<usize> = 1_000..=130_000;
/// L1 transactions of a channel: no more than the batcher has on their way at once.
const CHANNEL_TXS_TARGET: RangeInclusive<usize> = 1..=8;
/// L1 blocks that the safe head may be behind: more than the L1's nodes are apart, less than the usual sequencing
/// window of 12 hours.
const SAFE_LAG_MAX: RangeInclusive<u64> = 2..=3_600;

/// What L1 transactions carry batches in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataAvailabilityArg {
    /// What is cheaper at the time
    Auto,
    /// Blobs
    Blobs,
    /// Calldata
    Calldata,
}

impl From<DataAvailabilityArg> for DataAvailability {
    fn from(choice: DataAvailabilityArg) -> Self {
        match choice {
            DataAvailabilityArg::Auto => Self::Auto,
            DataAvailabilityArg::Blobs => Self::Blobs,
            DataAvailabilityArg::Calldata => Self::Calldata,
        }
    }
}

/// What batches are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchKindArg {
    /// Runs of blocks, by column
    Span,
    /// One block each
    Singular,
}

/// Flags and environment of the batcher.
#[derive(Debug, Clone, Default, Args)]
pub struct BatcherFlags {
    /// What batches are carried in; auto takes what is cheaper at the time
    #[arg(
        long = "batcher.data-availability",
        env = "OPENLEDGER_BATCHER_DATA_AVAILABILITY",
        value_enum
    )]
    pub data_availability: Option<DataAvailabilityArg>,
    /// What batches are made of
    #[arg(
        long = "batcher.batch-kind",
        env = "OPENLEDGER_BATCHER_BATCH_KIND",
        value_enum
    )]
    pub batch_kind: Option<BatchKindArg>,
    /// Compression and quality: brotli-0 to brotli-11, or zlib-0 to zlib-10
    #[arg(
        long = "batcher.compression",
        env = "OPENLEDGER_BATCHER_COMPRESSION",
        value_name = "NAME-QUALITY"
    )]
    pub compression: Option<String>,
    /// Most blobs of one L1 transaction
    #[arg(
        long = "batcher.blobs-per-tx",
        env = "OPENLEDGER_BATCHER_BLOBS_PER_TX",
        value_name = "BLOBS"
    )]
    pub blobs_per_tx: Option<usize>,
    /// Most calldata of one L1 transaction, bytes [default: 120000]
    #[arg(
        long = "batcher.tx-bytes-target",
        env = "OPENLEDGER_BATCHER_TX_BYTES_TARGET",
        value_name = "BYTES"
    )]
    pub tx_bytes_target: Option<usize>,
    /// L1 transactions that a full channel fills [default: 1]
    #[arg(
        long = "batcher.channel-txs-target",
        env = "OPENLEDGER_BATCHER_CHANNEL_TXS_TARGET",
        value_name = "TXS"
    )]
    pub channel_txs_target: Option<usize>,
    /// L1 blocks within which a confirmed channel must have made its blocks safe before it is posted anew
    /// [default: 30]
    #[arg(
        long = "batcher.safe-lag-max",
        env = "OPENLEDGER_BATCHER_SAFE_LAG_MAX",
        value_name = "L1_BLOCKS"
    )]
    pub safe_lag_max: Option<u64>,
    /// A service that signs the batcher's transactions (eth_signTransaction), in place of a key
    #[arg(
        long = "batcher.signer-url",
        env = "OPENLEDGER_BATCHER_SIGNER_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub signer_url: Option<String>,
    /// The account that it signs for
    #[arg(
        long = "batcher.signer-address",
        env = "OPENLEDGER_BATCHER_SIGNER_ADDRESS",
        value_name = "ADDRESS"
    )]
    pub signer_address: Option<Address>,
    /// Fee per gas, gwei, that is paid without hesitation
    #[arg(
        long = "batcher.fee-target-gwei",
        env = "OPENLEDGER_BATCHER_FEE_TARGET_GWEI",
        value_name = "GWEI"
    )]
    pub fee_target_gwei: Option<u64>,
    /// Highest fee per gas, gwei, that is ever paid
    #[arg(
        long = "batcher.fee-max-gwei",
        env = "OPENLEDGER_BATCHER_FEE_MAX_GWEI",
        value_name = "GWEI"
    )]
    pub fee_max_gwei: Option<u64>,
    /// Fee per blob gas, gwei, that is paid without hesitation
    #[arg(
        long = "batcher.blob-fee-target-gwei",
        env = "OPENLEDGER_BATCHER_BLOB_FEE_TARGET_GWEI",
        value_name = "GWEI"
    )]
    pub blob_fee_target_gwei: Option<u64>,
    /// Highest fee per blob gas, gwei, that is ever paid
    #[arg(
        long = "batcher.blob-fee-max-gwei",
        env = "OPENLEDGER_BATCHER_BLOB_FEE_MAX_GWEI",
        value_name = "GWEI"
    )]
    pub blob_fee_max_gwei: Option<u64>,
}

/// Checked settings of the batcher. What is `None` is as the batcher has it.
#[derive(Debug, Clone)]
pub struct BatcherSettings {
    data_availability: Option<DataAvailability>,
    batch_kind: Option<BatchKind>,
    compression: Option<Compression>,
    blobs_per_tx: Option<usize>,
    tx_bytes_target: Option<usize>,
    channel_txs_target: Option<usize>,
    safe_lag_max: Option<u64>,
    /// The service that signs, if one does.
    pub(super) signer: Option<TxSigner>,
    /// What is paid.
    pub(super) sender: TxSenderConfig,
}

impl BatcherSettings {
    pub(super) fn resolve(file: &BatcherSection, flags: BatcherFlags) -> anyhow::Result<Self> {
        let BatcherFlags {
            data_availability,
            batch_kind,
            compression,
            blobs_per_tx,
            tx_bytes_target,
            channel_txs_target,
            safe_lag_max,
            signer_url,
            signer_address,
            fee_target_gwei,
            fee_max_gwei,
            blob_fee_target_gwei,
            blob_fee_max_gwei,
        } = flags;
        let compression = compression.as_deref().or(file.compression.as_deref());
        let blobs_per_tx = blobs_per_tx.or(file.blobs_per_tx);
        let tx_bytes_target = tx_bytes_target.or(file.tx_bytes_target);
        let channel_txs_target = channel_txs_target.or(file.channel_txs_target);
        let safe_lag_max = safe_lag_max.or(file.safe_lag_max);
        within("blobs-per-tx", blobs_per_tx, 1..=BLOBS_PER_TX_MAX)?;
        within("tx-bytes-target", tx_bytes_target, TX_BYTES_TARGET)?;
        within("channel-txs-target", channel_txs_target, CHANNEL_TXS_TARGET)?;
        within("safe-lag-max", safe_lag_max, SAFE_LAG_MAX)?;
        let signer_url = signer_url.as_ref().or(file.signer_url.as_ref());
        let signer = match (signer_url, signer_address.or(file.signer_address)) {
            (Some(url), Some(account)) => {
                let remote = RemoteSigner::new(url, account).context("batcher.signer-url")?;
                Some(remote.into())
            }
            (Some(_), None) => bail!("batcher.signer-url needs batcher.signer-address"),
            (None, Some(_)) => bail!("batcher.signer-address needs batcher.signer-url"),
            (None, None) => None,
        };
        let defaults = TxSenderConfig::default();
        let wei = |gwei: Option<u64>, default: u128| {
            gwei.map_or(default, |gwei| u128::from(gwei) * WEI_PER_GWEI)
        };
        let sender = TxSenderConfig {
            fee_target_wei: wei(
                fee_target_gwei.or(file.fee_target_gwei),
                defaults.fee_target_wei,
            ),
            fee_max_wei: wei(fee_max_gwei.or(file.fee_max_gwei), defaults.fee_max_wei),
            blob_fee_target_wei: wei(
                blob_fee_target_gwei.or(file.blob_fee_target_gwei),
                defaults.blob_fee_target_wei,
            ),
            blob_fee_max_wei: wei(
                blob_fee_max_gwei.or(file.blob_fee_max_gwei),
                defaults.blob_fee_max_wei,
            ),
            ..defaults
        };
        Ok(Self {
            data_availability: data_availability.or(file.data_availability).map(Into::into),
            batch_kind: batch_kind.or(file.batch_kind).map(|choice| match choice {
                BatchKindArg::Span => BatchKind::Span,
                BatchKindArg::Singular => BatchKind::Singular,
            }),
            compression: compression.map(parse_compression).transpose()?,
            blobs_per_tx,
            tx_bytes_target,
            channel_txs_target,
            safe_lag_max,
            signer,
            sender,
        })
    }

    /// Lays the settings over the batcher's own.
    pub(super) fn apply(&self, config: &mut BatcherConfig) {
        if let Some(choice) = self.data_availability {
            config.data_availability = choice;
        }
        if let Some(kind) = self.batch_kind {
            config.batch_kind = kind;
        }
        if let Some(compression) = self.compression {
            config.compression = compression;
        }
        if let Some(blobs) = self.blobs_per_tx {
            config.blobs_per_tx = blobs;
        }
        if let Some(bytes) = self.tx_bytes_target {
            config.tx_bytes_target = bytes;
        }
        if let Some(txs) = self.channel_txs_target {
            config.channel_txs_target = txs;
        }
        if let Some(l1_blocks) = self.safe_lag_max {
            config.safe_lag_max = l1_blocks;
        }
    }
}

/// Checks a number that is set.
fn within<N: PartialOrd + Copy + Display>(
    name: &str,
    given: Option<N>,
    range: RangeInclusive<N>,
) -> anyhow::Result<()> {
    if let Some(given) = given.filter(|given| !range.contains(given)) {
        bail!(
            "batcher.{name} is {given}: from {} to {} are possible",
            range.start(),
            range.end()
        );
    }
    Ok(())
}

fn parse_compression(text: &str) -> anyhow::Result<Compression> {
    let known = text.split_once('-').and_then(|(name, quality)| {
        let quality: u8 = quality.parse().ok()?;
        match name {
            "brotli" if quality <= BROTLI_QUALITY_MAX => Some(Compression::Brotli(quality)),
            "zlib" if quality <= ZLIB_LEVEL_MAX => Some(Compression::Zlib(quality)),
            _ => None,
        }
    });
    known.with_context(|| {
        format!(
            "batcher.compression is {text}: brotli-0 to brotli-{BROTLI_QUALITY_MAX} and zlib-0 to \
             zlib-{ZLIB_LEVEL_MAX} are possible"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(toml: &str, flags: BatcherFlags) -> anyhow::Result<BatcherSettings> {
        BatcherSettings::resolve(&toml::from_str(toml).unwrap(), flags)
    }

    #[test]
    fn settings_of_the_batcher_are_read() {
        let text = r#"
            data-availability = "blobs"
            batch-kind = "singular"
            compression = "zlib-9"
            blobs-per-tx = 2
            tx-bytes-target = 90000
            channel-txs-target = 3
            safe-lag-max = 40
            fee-target-gwei = 5
            fee-max-gwei = 50
            blob-fee-target-gwei = 6
            blob-fee-max-gwei = 60
            signer-url = "http://signer"
            signer-address = "0x0000000000000000000000000000000000000009"
        "#;
        let settings = resolved(text, BatcherFlags::default()).unwrap();
        assert_eq!(settings.data_availability, Some(DataAvailability::Blobs));
        assert_eq!(settings.batch_kind, Some(BatchKind::Singular));
        assert_eq!(settings.compression, Some(Compression::Zlib(9)));
        assert_eq!(settings.blobs_per_tx, Some(2));
        assert_eq!(
            (settings.tx_bytes_target, settings.channel_txs_target),
            (Some(90_000), Some(3))
        );
        assert_eq!(settings.safe_lag_max, Some(40));
        let (sender, gwei) = (settings.sender, WEI_PER_GWEI);
        assert_eq!(
            (sender.fee_target_wei, sender.fee_max_wei),
            (5 * gwei, 50 * gwei)
        );
        assert_eq!(
            (sender.blob_fee_target_wei, sender.blob_fee_max_wei),
            (6 * gwei, 60 * gwei)
        );
        let account = settings.signer.map(|signer| signer.address());
        assert_eq!(account, Some(Address::with_last_byte(9)));

        let flags = BatcherFlags {
            compression: Some("brotli-11".into()),
            data_availability: Some(DataAvailabilityArg::Auto),
            ..BatcherFlags::default()
        };
        let settings = resolved(text, flags).unwrap();
        assert_eq!(settings.compression, Some(Compression::Brotli(11)));
        assert_eq!(settings.data_availability, Some(DataAvailability::Auto));
        let settings = resolved("", BatcherFlags::default()).unwrap();
        assert_eq!(settings.sender, TxSenderConfig::default());
        assert!(settings.signer.is_none() && settings.compression.is_none());
    }

    #[test]
    fn what_is_impossible_is_refused_by_name() {
        for (text, words) in [
            (
                r#"compression = "brotli-12""#,
                "batcher.compression is brotli-12",
            ),
            (r#"compression = "gzip-5""#, "batcher.compression is gzip-5"),
            (r#"compression = "brotli""#, "batcher.compression is brotli"),
            ("blobs-per-tx = 0", "batcher.blobs-per-tx is 0"),
            ("blobs-per-tx = 10", "from 1 to 9"),
            ("tx-bytes-target = 999", "batcher.tx-bytes-target is 999"),
            ("tx-bytes-target = 130001", "from 1000 to 130000"),
            ("channel-txs-target = 0", "batcher.channel-txs-target is 0"),
            ("channel-txs-target = 9", "from 1 to 8"),
            ("safe-lag-max = 1", "batcher.safe-lag-max is 1"),
            ("safe-lag-max = 3601", "from 2 to 3600"),
            (r#"signer-url = "http://a""#, "needs batcher.signer-address"),
            (
                r#"signer-address = "0x0000000000000000000000000000000000000009""#,
                "needs batcher.signer-url",
            ),
        ] {
            let error = resolved(text, BatcherFlags::default()).unwrap_err();
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
    }
}
