//! Where blobs come from, for every command that reads batches.

use anyhow::Context;
use clap::Args;
use openledger_l1::{ArchiveLocation, BlobSourceConfig};

/// Flags and environment that say where blobs are got from.
#[derive(Debug, Clone, Default, Args)]
pub struct BlobFlags {
    /// Beacon node URLs, from which blobs are got, tried in order
    #[arg(
        long = "l1.beacon-url",
        env = "OPENLEDGER_L1_BEACON_URL",
        value_name = "URL",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub l1_beacon_url: Option<Vec<String>>,
    /// Archives of blobs, tried in order after the beacon nodes: directories of files named by versioned
    /// hash, or URLs
    #[arg(
        long = "l1.blob-archive",
        env = "OPENLEDGER_L1_BLOB_ARCHIVE",
        value_name = "DIR|URL",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub l1_blob_archive: Option<Vec<String>>,
}

impl BlobFlags {
    /// Where blobs are got from; nowhere, if nothing is given.
    ///
    /// # Errors
    /// An archive that is neither a directory nor a URL.
    pub fn sources(&self) -> anyhow::Result<BlobSourceConfig> {
        let archives = self.l1_blob_archive.iter().flatten();
        Ok(BlobSourceConfig {
            beacon_urls: self.l1_beacon_url.clone().unwrap_or_default(),
            archives: archives
                .map(|text| ArchiveLocation::parse(text).context("l1.blob-archive"))
                .collect::<anyhow::Result<_>>()?,
            ..BlobSourceConfig::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beacon_nodes_and_archives_are_sources() {
        let flags = |beacon: Option<&str>, archive: Option<&str>| BlobFlags {
            l1_beacon_url: beacon.map(|url| vec![url.to_owned()]),
            l1_blob_archive: archive.map(|location| vec![location.to_owned()]),
        };
        let count = |flags: BlobFlags| {
            let sources = flags.sources().unwrap();
            (sources.beacon_urls.len(), sources.archives.len())
        };
        assert_eq!(count(flags(None, None)), (0, 0));
        assert_eq!(count(flags(Some("http://a"), Some("/b"))), (1, 1));
        assert!(flags(None, Some("http://")).sources().is_err());
    }
}
