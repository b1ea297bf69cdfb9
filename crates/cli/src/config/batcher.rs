//! Settings of the batcher.

use super::file::BatcherSection;
use alloy_primitives::Address;
use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use openledger_batcher::{BatchKind, BatcherConfig, DataAvailability};
use openledger_l1::{BLOBS_PER_TX_MAX, RemoteSigner, TxSenderConfig, TxSigner};
use openledger_protocol::Compression;
use serde::Deserialize;

const WEI_PER_GWEI: u128 = 1_000_000_000;
const BROTLI_QUALITY_MAX: u8 = 11;
const ZLIB_LEVEL_MAX: u8 = 10;

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
            signer_url,
            signer_address,
            fee_target_gwei,
            fee_max_gwei,
            blob_fee_target_gwei,
            blob_fee_max_gwei,
        } = flags;
        let compression = compression.as_deref().or(file.compression.as_deref());
        let blobs_per_tx = blobs_per_tx.or(file.blobs_per_tx);
        if let Some(blobs) = blobs_per_tx {
            ensure!(
                (1..=BLOBS_PER_TX_MAX).contains(&blobs),
                "batcher.blobs-per-tx is {blobs}: from 1 to {BLOBS_PER_TX_MAX} are possible"
            );
        }
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
    }
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
