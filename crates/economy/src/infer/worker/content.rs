//! Prompts and outputs, which a worker keeps to itself: a jury that asks about a call has to be shown them.

use crate::infer::{
    calls::CallsError,
    message::{ANSWER_BYTES_MAX, BODY_BYTES_MAX},
};
use alloy_primitives::{B256, keccak256};
use openledger_client::files;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Longest file, bytes.
const FILE_BYTES_MAX: u64 = (ANSWER_BYTES_MAX + BODY_BYTES_MAX) as u64;

/// What a call was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Content {
    pub(super) prompt: String,
    pub(super) output: String,
}

impl Content {
    /// Hash of the output.
    pub(super) fn output_hash(&self) -> B256 {
        keccak256(&self.output)
    }
}

/// A directory with a file for each call, which only the worker's account reads.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    directory: PathBuf,
}

impl Contents {
    /// Opens the directory, or makes it.
    pub(super) fn open(directory: PathBuf) -> Result<Self, CallsError> {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory);
        made.map_err(|source| CallsError::Io {
            path: directory.clone(),
            source,
        })?;
        Ok(Self { directory })
    }

    fn path(&self, request_id: B256) -> PathBuf {
        self.directory.join(format!("{request_id}.json"))
    }

    /// Keeps what a call was about; it is on disk when this returns.
    pub(super) fn put(&self, request_id: B256, content: &Content) -> Result<(), CallsError> {
        let path = self.path(request_id);
        let text = serde_json::to_vec(content).map_err(|error| io_error(&path, error))?;
        files::write(&path, &text).map_err(|error| io_error(&path, error))
    }

    /// What a call was about; `None` if it isn't kept.
    pub(super) fn get(&self, request_id: B256) -> Result<Option<Content>, CallsError> {
        let path = self.path(request_id);
        files::read_json_if_any(&path, FILE_BYTES_MAX).map_err(|error| io_error(&path, error))
    }

    /// Forgets a call that nobody paid. A file that stays does no harm.
    pub(super) fn forget(&self, request_id: B256) {
        let _ = fs::remove_file(self.path(request_id));
    }
}

fn io_error(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CallsError {
    CallsError::Io {
        path: path.to_owned(),
        source: io::Error::other(error),
    }
}
