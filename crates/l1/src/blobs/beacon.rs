//! A beacon node, or what answers like one.

use super::{
    kzg::BlobProof,
    request::{FetchError, Http},
    source::{BlobBlock, Candidate},
};
use alloy_eips::eip4844::Bytes48;
use alloy_primitives::{B256, Bytes};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};
use tokio::sync::OnceCell;

/// Most blobs of an answer: more than any L1 block can have.
pub(crate) const ANSWER_BLOBS_MAX: usize = 128;
/// Longest answer about blobs, bytes: so many blobs in hexadecimal.
const BLOBS_ANSWER_BYTES_MAX: usize = ANSWER_BLOBS_MAX * 270_000;
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

/// A list of at most [`ANSWER_BLOBS_MAX`] items: many short ones take far more memory than their text.
struct Bounded<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Vec<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "at most {ANSWER_BLOBS_MAX} blobs")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = from.next_element()? {
                    if items.len() >= ANSWER_BLOBS_MAX {
                        return Err(A::Error::invalid_length(items.len() + 1, &self));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }

        from.deserialize_seq(Items(PhantomData)).map(Self)
    }
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
            let get = |path| self.http.get(path, None, CHAIN_ANSWER_BYTES_MAX);
            let spec = match get("eth/v1/config/spec").await {
                Ok(spec) => spec,
                // Every beacon node has the route.
                Err(error) if error.status() == Some(404) => return Ok(Blocks::Numbers),
                Err(error) => return Err(error),
            };
            let answer = get("eth/v1/beacon/genesis").await?;
            let source_name = || self.label().to_owned();
            let (genesis, seconds) =
                parse_slots(&spec, &answer).map_err(|source| FetchError::Malformed {
                    source_name: source_name(),
                    source,
                })?;
            if seconds == 0 {
                return Err(FetchError::Slots {
                    source_name: source_name(),
                    seconds,
                });
            }
            Ok(Blocks::Slots { genesis, seconds })
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
        parse_blobs(route, &body).map_err(|source| FetchError::Malformed {
            source_name: self.label().to_owned(),
            source,
        })
    }
}

/// What an answer to a route holds, unverified.
///
/// # Errors
/// If it has not the route's form.
pub(crate) fn parse_blobs(route: Route, body: &[u8]) -> Result<Vec<Candidate>, serde_json::Error> {
    Ok(match route {
        Route::Wanted | Route::All => {
            let answer: Answer<Bounded<Bytes>> = serde_json::from_slice(body)?;
            let plain = |blob| Candidate { blob, proof: None };
            answer.data.0.into_iter().map(plain).collect()
        }
        Route::Sidecars => {
            let answer: Answer<Bounded<Sidecar>> = serde_json::from_slice(body)?;
            let proved = |sidecar: Sidecar| Candidate {
                blob: sidecar.blob,
                proof: Some(BlobProof {
                    commitment: sidecar.kzg_commitment,
                    proof: sidecar.kzg_proof,
                }),
            };
            answer.data.0.into_iter().map(proved).collect()
        }
    })
}

/// How a beacon node names blocks, by its specification and its genesis.
///
/// # Errors
/// If either has not its form.
pub(crate) fn parse_slots(spec: &[u8], genesis: &[u8]) -> Result<(u64, u64), serde_json::Error> {
    let spec: Answer<Spec> = serde_json::from_slice(spec)?;
    let genesis: Answer<Genesis> = serde_json::from_slice(genesis)?;
    Ok((genesis.data.genesis_time, spec.data.seconds_per_slot))
}

/// The ways in which beacon nodes answer, in the order in which they are tried. Nodes differ in
/// which of them they have: `blob_sidecars` is gone from newer ones, `blobs` not yet in older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// `blobs`, by versioned hashes.
    Wanted,
    /// `blobs`, all of the block's.
    All,
    /// `blob_sidecars`, all of the block's.
    Sidecars,
}

impl Route {
    pub(crate) const IN_ORDER: [Self; 3] = [Self::Wanted, Self::Sidecars, Self::All];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_too_many_blobs_are_refused() {
        let answer = |count: usize| format!(r#"{{"data":[{}]}}"#, vec![r#""0x""#; count].join(","));
        for route in [Route::Wanted, Route::All] {
            let read = parse_blobs(route, answer(ANSWER_BLOBS_MAX).as_bytes());
            assert_eq!(read.map(|blobs| blobs.len()).ok(), Some(ANSWER_BLOBS_MAX));
            let error = parse_blobs(route, answer(ANSWER_BLOBS_MAX + 1).as_bytes());
            let error = error.expect_err("too many").to_string();
            assert!(error.contains("at most 128 blobs"), "{error}");
        }
        assert!(parse_blobs(Route::Sidecars, answer(1).as_bytes()).is_err());
    }
}
