//! The file of a request with escrow.

use super::{CallsError, Fault, LINE_BYTES_MAX, VERSION, check_sketches};
use crate::infer::{Leaf, ids};
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use std::{fs::File, io::Read, path::Path};

/// A request that its worker fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestCall {
    /// Version of the form, 1.
    pub version: u32,
    /// What names it.
    pub request_id: B256,
    /// `keccak256` of the prompt.
    pub prompt_hash: B256,
    /// `keccak256` of the output.
    pub output_hash: B256,
    /// Tokens of the output.
    pub tokens_out: u32,
    /// What it costs without the platform fee, wei.
    #[serde(with = "alloy_serde::quantity")]
    pub price: u128,
    /// The query's sketches.
    pub sketches: Vec<Bytes>,
}

impl RequestCall {
    /// What the fee log has of it.
    pub fn leaf(&self) -> Leaf {
        Leaf {
            request_id: self.request_id,
            price: self.price,
            query_sketch_hash: ids::query_sketch_hash(&self.sketches),
        }
    }

    /// Reads the content of the file of request `expected`.
    ///
    /// # Errors
    /// If it isn't what it should be.
    pub fn parse(bytes: &[u8], expected: B256) -> Result<Self, Fault> {
        if bytes.len() > LINE_BYTES_MAX {
            return Err(Fault::TooLong {
                max: LINE_BYTES_MAX as u64,
            });
        }
        let request: Self = serde_json::from_slice(bytes).map_err(Fault::Json)?;
        if request.version != VERSION {
            return Err(Fault::Version {
                version: request.version,
            });
        }
        if request.request_id != expected {
            return Err(Fault::Name {
                found: request.request_id,
                expected,
            });
        }
        check_sketches(&request.sketches)?;
        Ok(request)
    }

    pub(super) fn read(path: &Path, file: File, expected: B256) -> Result<Self, CallsError> {
        let mut bytes = Vec::new();
        file.take(LINE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| CallsError::Io {
                path: path.to_owned(),
                source,
            })?;
        Self::parse(&bytes, expected).map_err(|source| CallsError::Line {
            path: path.to_owned(),
            line: 1,
            source,
        })
    }
}
