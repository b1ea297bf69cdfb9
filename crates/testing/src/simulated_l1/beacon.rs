//! The beacon node of the simulated L1: blobs by slot. A slot is as long as the time between blocks.

use super::{block::StoredBlob, chain::State};
use alloy_primitives::B256;
use serde_json::{Value, json};
use std::sync::Arc;

/// What is answered to `GET /eth/v1/{path}`; `None` is status 404.
pub(super) fn answer(state: &State, path: &str, query: &str) -> Option<Value> {
    match path {
        "beacon/genesis" => Some(json!({"data": {
            "genesis_time": state.options().timestamp.to_string(),
            "genesis_validators_root": B256::ZERO,
            "genesis_fork_version": "0x00000000",
        }})),
        "config/spec" => Some(json!({"data": {
            "SECONDS_PER_SLOT": state.options().block_time.to_string(),
        }})),
        _ => {
            let (route, slot) = path.strip_prefix("beacon/")?.split_once('/')?;
            let blobs = blobs(state, slot.parse().ok()?)?;
            match route {
                "blobs" => {
                    let wanted = query
                        .split('&')
                        .find_map(|part| part.strip_prefix("versioned_hashes="));
                    let data: Vec<_> = blobs
                        .iter()
                        .filter(|(hash, _)| {
                            wanted.is_none_or(|list| list.contains(&hash.to_string()))
                        })
                        .map(|(_, blob)| &blob.blob)
                        .collect();
                    Some(json!({"data": data}))
                }
                "blob_sidecars" => {
                    let sidecar = |(index, (_, blob)): (usize, &(B256, Arc<StoredBlob>))| {
                        json!({
                            "index": index.to_string(),
                            "blob": blob.blob,
                            "kzg_commitment": blob.commitment,
                            "kzg_proof": blob.proof,
                        })
                    };
                    let data: Vec<Value> = blobs.iter().enumerate().map(sidecar).collect();
                    Some(json!({"data": data}))
                }
                _ => None,
            }
        }
    }
}

/// The blobs of the canonical block in a slot.
fn blobs(state: &State, slot: u64) -> Option<Vec<(B256, Arc<StoredBlob>)>> {
    let block = state.block(slot)?;
    let withheld = state.faults.blobs_withheld_from;
    if withheld.is_some_and(|from| block.header.number >= from) {
        return Some(Vec::new());
    }
    Some(
        block
            .blobs
            .iter()
            .map(|(hash, blob)| (*hash, blob.clone()))
            .collect(),
    )
}
