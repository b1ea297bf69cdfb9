//! A beacon node, or what answers like one.

use super::{
    kzg::BlobProof,
    request::{FetchError, Http},
    source::{BlobBlock, Candidate},
};
use alloy_eips::eip4844::Bytes48;
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Deserializer, de::Error};
use tokio::sync::OnceCell;

/// Longest answer about blobs, bytes: 128 blobs in hexadecimal.
const BLOBS_ANSWER_BYTES_MAX: usize = 128 * 270_000;
/// Longest answer about the chain, bytes.
const CHAIN_ANSWER_BYTES_MAX: usize = 1 << 20;

/// How a node names blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blocks {
    /// By slot.
    Slots { genesis: u64, seconds: u64 },
    /// By the execution block's number: an L1 without a beacon chain, such as anvil, which serves
    /// blobs on the beacon node's route.
    Numbers,
}

/// One endpoint of the beacon API.
#[derive(Debug)]
pub(super) struct Beacon {
    http: Http,
    /// Asked for once.
    blocks: OnceCell<Blocks>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Genesis {
    #[serde(deserialize_with = "quoted")]
    genesis_time: u64,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "SECONDS_PER_SLOT", deserialize_with = "quoted")]
    seconds_per_slot: u64,
}

#[derive(Deserialize)]
struct Sidecar {
    blob: Bytes,
    kzg_commitment: Bytes48,
    kzg_proof: Bytes48,
}

/// The beacon API writes numbers as strings.
fn quoted<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

impl Beacon {
    pub(super) const fn new(http: Http) -> Self {
        Self {
            http,
            blocks: OnceCell::const_new(),
        }
    }

    pub(super) fn label(&self) -> &str {
        self.http.label()
    }

    async fn blocks(&self) -> Result<Blocks, FetchError> {
        let asked = self.blocks.get_or_try_init(|| async {
            let spec: Answer<Spec> = match self
                .http
                .get_json("eth/v1/config/spec", CHAIN_ANSWER_BYTES_MAX)
                .await
            {
                Ok(spec) => spec,
                // Every beacon node has the route.
                Err(error) if error.status() == Some(404) => return Ok(Blocks::Numbers),
                Err(error) => return Err(error),
            };
            let seconds = spec.data.seconds_per_slot;
            if seconds == 0 {
                return Err(FetchError::Slots {
                    source_name: self.label().to_owned(),
                    seconds,
                });
            }
            let genesis: Answer<Genesis> = self
                .http
                .get_json("eth/v1/beacon/genesis", CHAIN_ANSWER_BYTES_MAX)
                .await?;
            Ok(Blocks::Slots {
                genesis: genesis.data.genesis_time,
                seconds,
            })
        });
        asked.await.copied()
    }

    async fn block_id(&self, block: BlobBlock) -> Result<u64, FetchError> {
        match self.blocks().await? {
            Blocks::Numbers => Ok(block.number),
            Blocks::Slots { genesis, seconds } => block
                .timestamp
                .checked_sub(genesis)
                .map(|elapsed| elapsed / seconds)
                .ok_or_else(|| FetchError::BeforeGenesis {
                    source_name: self.label().to_owned(),
                    timestamp: block.timestamp,
                    genesis,
                }),
        }
    }

    /// What the node has for a block by this route, unverified: the blobs asked for, or all.
    ///
    /// # Errors
    /// If it gives no answer of the route's form.
    pub(super) async fn blobs(
        &self,
        block: BlobBlock,
        hashes: &[B256],
        route: Route,
    ) -> Result<Vec<Candidate>, FetchError> {
        let id = self.block_id(block).await?;
        let (path, query) = match route {
            Route::Wanted => {
                let list: Vec<String> = hashes.iter().map(B256::to_string).collect();
                (
                    format!("eth/v1/beacon/blobs/{id}"),
                    Some(format!("versioned_hashes={}", list.join(","))),
                )
            }
            Route::All => (format!("eth/v1/beacon/blobs/{id}"), None),
            Route::Sidecars => (format!("eth/v1/beacon/blob_sidecars/{id}"), None),
        };
        let body = self
            .http
            .get(&path, query.as_deref(), BLOBS_ANSWER_BYTES_MAX)
            .await?;
        Ok(match route {
            Route::Wanted | Route::All => {
                let answer: Answer<Vec<Bytes>> = self.http.json(&body)?;
                let plain = |blob| Candidate { blob, proof: None };
                answer.data.into_iter().map(plain).collect()
            }
            Route::Sidecars => {
                let answer: Answer<Vec<Sidecar>> = self.http.json(&body)?;
                let proved = |sidecar: Sidecar| Candidate {
                    blob: sidecar.blob,
                    proof: Some(BlobProof {
                        commitment: sidecar.kzg_commitment,
                        proof: sidecar.kzg_proof,
                    }),
                };
                answer.data.into_iter().map(proved).collect()
            }
        })
    }
}

/// The ways in which beacon nodes answer, in the order in which they are tried. Nodes differ in
/// which of them they have: `blob_sidecars` is gone from newer ones, `blobs` not yet in older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// `blobs`, by versioned hashes.
    Wanted,
    /// `blobs`, all of the block's.
    All,
    /// `blob_sidecars`, all of the block's.
    Sidecars,
}

impl Route {
    pub(super) const IN_ORDER: [Self; 3] = [Self::Wanted, Self::Sidecars, Self::All];
}
