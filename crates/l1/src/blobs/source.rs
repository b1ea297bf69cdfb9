use super::{
    archive::{Archive, ArchiveLocation},
    beacon::{Beacon, Route},
    kzg::{BlobProof, KzgError, verify_blob},
    request::{FetchError, Http},
};
use crate::{ENDPOINTS_MAX, Severity};
use alloy_eips::{BlockNumHash, eip4844::Blob};
use alloy_primitives::{B256, Bytes};
use openledger_protocol::{BLOB_BYTES, decode_blob};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// Most blobs that are asked for at once: more than any L1 block can have.
const REQUEST_BLOBS_MAX: usize = 256;
/// Blobs that may be verified in vain while some are searched for: others of the block, of which no L1 fork
/// admits more, or junk. Each may take 75 ms.
const VAIN_BLOBS_MAX: usize = 72;
/// Time between errors about the same missing blob.
const ALARM_INTERVAL: Duration = Duration::from_secs(60);

/// Where blobs are got from.
#[derive(Debug, Clone)]
pub struct BlobSourceConfig {
    /// URLs of beacon nodes (the root of their API), tried in this order. An anvil's own URL is one
    /// too.
    pub beacon_urls: Vec<String>,
    /// Archives, tried in this order after the beacon nodes.
    pub archives: Vec<ArchiveLocation>,
    /// Longest wait for one answer.
    pub timeout: Duration,
}

impl Default for BlobSourceConfig {
    fn default() -> Self {
        Self {
            beacon_urls: Vec::new(),
            archives: Vec::new(),
            timeout: Duration::from_secs(20),
        }
    }
}

/// An L1 block, as sources of blobs know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobBlock {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its timestamp, seconds, which tells its slot.
    pub timestamp: u64,
}

/// A blob that an L1 block commits to and no source gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingBlob {
    /// The L1 block.
    pub block: BlockNumHash,
    /// Versioned hash of the first blob that is missing.
    pub hash: B256,
    /// When it was first asked for in vain.
    pub since: Instant,
}

/// How the sources are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobStatus {
    /// What is missing now, if anything: derivation waits for it.
    pub missing: Option<MissingBlob>,
    /// Blobs that were got and verified.
    pub fetched: u64,
    /// Blobs that sources gave and that were not what was asked for, or not verifiable.
    pub refused: u64,
}

/// Why blobs can't be had.
#[derive(Debug, thiserror::Error)]
pub enum BlobSourceError {
    /// A URL can't be parsed.
    #[error("beacon URL number {index} is not valid: {source}")]
    InvalidUrl {
        /// Its position in the list, from 0.
        index: usize,
        /// Why.
        #[source]
        source: <reqwest::Url as std::str::FromStr>::Err,
    },
    /// There are too many sources.
    #[error("{given} sources of blobs given; at most {ENDPOINTS_MAX} of each kind are possible")]
    SourceCount {
        /// Sources given.
        given: usize,
    },
    /// The HTTP client can't be made.
    #[error("no HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// More blobs were asked for than a block can have.
    #[error("{given} blobs asked for, more than {REQUEST_BLOBS_MAX}")]
    Request {
        /// Blobs asked for.
        given: usize,
    },
    /// No source has all of them.
    #[error(
        "blob {hash} of L1 block {} ({missing} missing) is with none of {sources} sources", block.number
    )]
    Missing {
        /// The L1 block.
        block: BlockNumHash,
        /// Versioned hash of the first blob that is missing.
        hash: B256,
        /// Blobs that are missing.
        missing: usize,
        /// Sources asked.
        sources: usize,
        /// The last failure, where a source did not simply lack it.
        #[source]
        last: Option<Box<FetchError>>,
    },
    /// The verifying thread is gone.
    #[error("verification of blobs was interrupted")]
    Interrupted,
}

impl BlobSourceError {
    /// What a loop does about the error: a missing blob is waited for, for ever if it must be.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::InvalidUrl { .. }
            | Self::SourceCount { .. }
            | Self::Client(_)
            | Self::Request { .. } => Severity::Fatal,
            Self::Missing { .. } | Self::Interrupted => Severity::Transient,
        }
    }
}

/// A blob as a source gave it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) blob: Bytes,
    pub(crate) proof: Option<BlobProof>,
}

#[derive(Debug)]
struct Inner {
    beacons: Vec<Beacon>,
    archives: Vec<Archive>,
    status: watch::Sender<BlobStatus>,
    /// When the last error about a missing blob was logged.
    alarmed: Mutex<Option<Instant>>,
}

/// Gets blobs from several sources. Cheap to clone.
///
/// Only blobs whose KZG commitment has the versioned hash that was asked for are handed out. A blob
/// that no source has is an error of severity [`Severity::Transient`], an alarm in the log, and
/// [`BlobStatus::missing`].
#[derive(Debug, Clone)]
pub struct BlobSource(Arc<Inner>);

impl BlobSource {
    /// A source over these nodes and archives. Nothing is sent.
    ///
    /// # Errors
    /// A URL that is invalid, or too many of them.
    pub fn new(config: BlobSourceConfig) -> Result<Self, BlobSourceError> {
        let given = config.beacon_urls.len().max(config.archives.len());
        if given > ENDPOINTS_MAX {
            return Err(BlobSourceError::SourceCount { given });
        }
        let client = reqwest::Client::builder()
            .build()
            .map_err(BlobSourceError::Client)?;
        let http = |url| Http::new(client.clone(), url, config.timeout);
        let beacons = config
            .beacon_urls
            .iter()
            .enumerate()
            .map(|(index, url)| {
                let url = url
                    .trim()
                    .parse()
                    .map_err(|source| BlobSourceError::InvalidUrl { index, source })?;
                Ok(Beacon::new(http(url)))
            })
            .collect::<Result<Vec<_>, BlobSourceError>>()?;
        let archives = config
            .archives
            .into_iter()
            .map(|location| match location {
                ArchiveLocation::Directory(path) => Archive::Directory(path),
                ArchiveLocation::Url(url) => Archive::Http(http(url)),
            })
            .collect();
        Ok(Self(Arc::new(Inner {
            beacons,
            archives,
            status: watch::channel(BlobStatus::default()).0,
            alarmed: Mutex::new(None),
        })))
    }

    /// How the sources are doing, and a signal when that changes.
    pub fn status(&self) -> watch::Receiver<BlobStatus> {
        self.0.status.subscribe()
    }

    /// The blobs with these versioned hashes, which block `block` includes, in the order asked for.
    ///
    /// # Errors
    /// [`BlobSourceError::Missing`] if not all can be had now.
    pub async fn blobs(
        &self,
        block: BlobBlock,
        hashes: &[B256],
    ) -> Result<Vec<Arc<Blob>>, BlobSourceError> {
        if hashes.len() > REQUEST_BLOBS_MAX {
            return Err(BlobSourceError::Request {
                given: hashes.len(),
            });
        }
        let mut search = Search {
            missing: hashes.iter().copied().collect(),
            found: BTreeMap::new(),
            last: None,
            vain_left: VAIN_BLOBS_MAX,
        };
        for beacon in &self.0.beacons {
            for route in Route::IN_ORDER {
                if search.missing.is_empty() {
                    break;
                }
                let wanted: Vec<B256> = search.missing.iter().copied().collect();
                let answer = beacon.blobs(block, &wanted, route).await;
                self.take(&mut search, beacon.label(), answer).await?;
            }
        }
        for archive in &self.0.archives {
            let wanted: Vec<B256> = search.missing.iter().copied().collect();
            for hash in wanted {
                let answer = archive.blob(hash).await.map(|blob| {
                    let candidate = |blob| Candidate { blob, proof: None };
                    blob.map(candidate).into_iter().collect()
                });
                self.take(&mut search, &archive.label(), answer).await?;
            }
        }
        if let Some(hash) = search.missing.first().copied() {
            self.alarm(block, hash, search.last.as_ref());
            return Err(BlobSourceError::Missing {
                block: BlockNumHash {
                    number: block.number,
                    hash: block.hash,
                },
                hash,
                missing: search.missing.len(),
                sources: self.0.beacons.len().saturating_add(self.0.archives.len()),
                last: search.last.map(Box::new),
            });
        }
        self.settle(search.found.len(), block);
        Ok(hashes
            .iter()
            .filter_map(|hash| search.found.get(hash).cloned())
            .collect())
    }

    /// What these blobs decode to, in order; a blob that is no encoding of anything is left out, as
    /// the specification says.
    ///
    /// # Errors
    /// As [`Self::blobs`].
    pub async fn payloads(
        &self,
        block: BlobBlock,
        hashes: &[B256],
    ) -> Result<Vec<Bytes>, BlobSourceError> {
        let blobs = self.blobs(block, hashes).await?;
        Ok(blobs
            .iter()
            .zip(hashes)
            .filter_map(|(blob, hash)| match decode_blob(blob.as_slice()) {
                Ok(data) => Some(data.into()),
                Err(error) => {
                    tracing::warn!(blob = %hash, l1_block = block.number, %error, "blob holds no data");
                    None
                }
            })
            .collect())
    }

    /// Keeps what is right of an answer.
    async fn take(
        &self,
        search: &mut Search,
        source: &str,
        answer: Result<Vec<Candidate>, FetchError>,
    ) -> Result<(), BlobSourceError> {
        let candidates = match answer {
            Ok(candidates) => candidates,
            Err(error) => {
                tracing::debug!(%error, "source gives no blobs");
                search.last = Some(error);
                return Ok(());
            }
        };
        if candidates.is_empty() {
            return Ok(());
        }
        let wanted = search.missing.clone();
        let vain_max = search.vain_left;
        let Verified {
            found,
            refused,
            vain,
        } = tokio::task::spawn_blocking(move || verified(candidates, &wanted, vain_max))
            .await
            .map_err(|_| BlobSourceError::Interrupted)?;
        search.vain_left = search.vain_left.saturating_sub(vain);
        if refused > 0 {
            tracing::error!(source, refused, "source gives blobs that fail verification");
            self.0.status.send_modify(|status| {
                status.refused = status.refused.saturating_add(refused);
            });
        }
        for (hash, blob) in found {
            search.missing.remove(&hash);
            search.found.insert(hash, blob);
        }
        Ok(())
    }

    fn alarm(&self, block: BlobBlock, hash: B256, last: Option<&FetchError>) {
        let now = Instant::now();
        self.0.status.send_modify(|status| {
            let same = status.missing.filter(|missing| missing.hash == hash);
            status.missing = Some(same.unwrap_or(MissingBlob {
                block: BlockNumHash {
                    number: block.number,
                    hash: block.hash,
                },
                hash,
                since: now,
            }));
        });
        let mut alarmed = self.0.alarmed.lock();
        if alarmed.is_none_or(|last| now.duration_since(last) >= ALARM_INTERVAL) {
            *alarmed = Some(now);
            let reason = last.map(ToString::to_string).unwrap_or_default();
            tracing::error!(
                blob = %hash,
                l1_block = block.number,
                reason,
                "no source has a blob: derivation waits for it"
            );
        }
    }

    fn settle(&self, fetched: usize, block: BlobBlock) {
        let mut was_missing = false;
        self.0.status.send_modify(|status| {
            // Another block's trouble is not over.
            let this_block = |missing: &MissingBlob| missing.block.number == block.number;
            was_missing = status
                .missing
                .take_if(|missing| this_block(missing))
                .is_some();
            status.fetched = status.fetched.saturating_add(fetched as u64);
        });
        if was_missing {
            *self.0.alarmed.lock() = None;
            tracing::info!(l1_block = block.number, "missing blobs were found");
        }
    }
}

struct Search {
    missing: BTreeSet<B256>,
    found: BTreeMap<B256, Arc<Blob>>,
    last: Option<FetchError>,
    /// How many blobs may still be verified in vain.
    vain_left: usize,
}

/// What came of the candidates of one answer.
struct Verified {
    found: BTreeMap<B256, Arc<Blob>>,
    /// Candidates that are no blobs, or not what comes with them says, or too many.
    refused: u64,
    /// Candidates that were verified and are not wanted.
    vain: usize,
}

/// The candidates that have a hash that is wanted. At most `vain_max` others are looked at. Blocking.
fn verified(candidates: Vec<Candidate>, wanted: &BTreeSet<B256>, vain_max: usize) -> Verified {
    let mut outcome = Verified {
        found: BTreeMap::new(),
        refused: 0,
        vain: 0,
    };
    for Candidate { blob, proof } in candidates {
        if outcome.found.len() == wanted.len() {
            break;
        }
        if blob.len() != BLOB_BYTES || outcome.vain >= vain_max {
            outcome.refused = outcome.refused.saturating_add(1);
            continue;
        }
        let blob = Arc::new(Blob::from_slice(&blob));
        match hash_of(&blob, proof, wanted) {
            Ok(Some(hash)) => {
                outcome.found.insert(hash, blob);
            }
            // Another blob of the same block.
            Ok(None) => outcome.vain = outcome.vain.saturating_add(1),
            Err(error) => {
                tracing::debug!(%error, "blob fails verification");
                outcome.refused = outcome.refused.saturating_add(1);
                outcome.vain = outcome.vain.saturating_add(1);
            }
        }
    }
    outcome
}

/// The verified hash of a blob, if it is one of those wanted.
fn hash_of(
    blob: &Blob,
    proof: Option<BlobProof>,
    wanted: &BTreeSet<B256>,
) -> Result<Option<B256>, KzgError> {
    let hash = match proof {
        // The commitment tells at once whether it is wanted; the proof, that it is the blob's.
        Some(proof) => {
            let hash = alloy_eips::eip4844::kzg_to_versioned_hash(proof.commitment.as_slice());
            if wanted.contains(&hash) {
                verify_blob(blob, hash, Some(proof))?;
            }
            hash
        }
        None => super::kzg::versioned_hash(blob)?,
    };
    Ok(wanted.contains(&hash).then_some(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_looked_at_only_so_often() {
        let wanted = BTreeSet::from([B256::repeat_byte(1)]);
        let short = || Candidate {
            blob: vec![0; 5].into(),
            proof: None,
        };
        // Not below the modulus, which is found at once.
        let invalid = || Candidate {
            blob: vec![0xff; BLOB_BYTES].into(),
            proof: None,
        };
        let junk = (0..3).map(|_| short()).chain((0..6).map(|_| invalid()));
        let outcome = verified(junk.collect(), &wanted, 4);
        assert_eq!((outcome.refused, outcome.vain), (9, 4));
        assert!(outcome.found.is_empty());
        let outcome = verified(vec![invalid()], &wanted, 0);
        assert_eq!((outcome.refused, outcome.vain), (1, 0));
    }
}
