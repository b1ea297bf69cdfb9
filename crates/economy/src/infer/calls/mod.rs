//! What a worker served, in files: what whoever proposes an epoch's scores reads, and what worker and payer keep of a channel.
//!
//! A calls directory holds a file for each channel and one for each request with escrow:
//!
//! - `channel-0x….jsonl`, named by the channel: a line a [`Record`], each a JSON object. The first one is `begin`, with the version
//!   (1) and the channel; then come `offered`, a call that the worker would do for this price, and `paid`, the payer's voucher for it.
//!   A call counts once it is paid; an offer that another follows was never paid. Lines are only ever appended: one without a line
//!   break at its end was being written, and isn't there yet.
//! - `request-0x….json`, named by the request: a [`RequestCall`].
//!
//! Sketches stand in the files as the chain commits to them: one for each of the adapter's train entries with a sketch set of kind 0,
//! in their order. Prompts and outputs don't; their hashes do. Wei are hexadecimal quantities, other numbers plain.
//!
//! Reading checks everything that the files can show by themselves: numbers, sums, roots, limits. Whether the chain has the channel,
//! whose key signed, and whether a sketch is the prompt's, it can't.

mod channel;
mod record;
mod replay;
mod request;

pub use channel::{ChannelCalls, ChannelReader};
pub use record::{Header, Paid, Record};
pub use replay::{CALLS_MAX, Replay};
pub use request::RequestCall;

use super::{Leaf, ids};
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Version of the files' form.
pub const VERSION: u32 = 1;
/// Most sketches of a call: an adapter has at most 16 train entries.
pub const SKETCHES_MAX: usize = 16;
/// Most entries of a sketch.
pub const SKETCH_BYTES_MAX: usize = 1_024;
/// Longest line, and longest file of a request, bytes: all sketches in hexadecimal, and the rest.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// Longest file of a channel, bytes.
pub const CHANNEL_BYTES_MAX: u64 = 512 << 20;

/// Why files of calls can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CallsError {
    /// The file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line isn't what it should be.
    #[error("line {line} of {}: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: Fault,
    },
}

/// What is wrong with a line or a call.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It isn't the JSON that it should be.
    #[error("not the form that is expected: {0}")]
    Json(#[source] serde_json::Error),
    /// It is too long.
    #[error("more than {max} bytes")]
    TooLong {
        /// The limit.
        max: u64,
    },
    /// The form is another version's.
    #[error("version {version} of the form, and {VERSION} is known: use a newer openledger")]
    Version {
        /// What the file says.
        version: u32,
    },
    /// The file is about something else than its name says.
    #[error("it is about {found}, and the file's name says {expected}")]
    Name {
        /// What it is about.
        found: B256,
        /// What its name says.
        expected: B256,
    },
    /// A record where none of its kind can be.
    #[error("a record `{kind}` has no place here")]
    Place {
        /// Which kind.
        kind: &'static str,
    },
    /// A number that isn't the next.
    #[error("call {found} where {expected} is next")]
    Number {
        /// The call's.
        found: u64,
        /// The next.
        expected: u64,
    },
    /// A voucher whose root or sum isn't that of the calls.
    #[error("the voucher for {count} calls doesn't match them")]
    Voucher {
        /// Its count.
        count: u64,
    },
    /// More calls than a channel may have.
    #[error("more than {CALLS_MAX} calls: open another channel")]
    TooManyCalls,
    /// The prices are more than 128 bits together.
    #[error(transparent)]
    Sum(#[from] super::SumTooLarge),
    /// Too many sketches, or one that can't be one.
    #[error(
        "{count} sketches of up to {longest} entries, and there are at most {SKETCHES_MAX} of {SKETCH_BYTES_MAX}, none with -128"
    )]
    Sketches {
        /// How many.
        count: usize,
        /// Entries of the longest.
        longest: usize,
    },
}

/// A call of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Call {
    /// Which one of the channel, from 1.
    pub number: u64,
    /// `keccak256` of the prompt.
    pub prompt_hash: B256,
    /// `keccak256` of the output.
    pub output_hash: B256,
    /// Tokens of the prompt.
    pub tokens_in: u32,
    /// Tokens of the output.
    pub tokens_out: u32,
    /// What it costs without the platform fee, wei.
    #[serde(with = "alloy_serde::quantity")]
    pub price: u128,
    /// The query's sketches.
    pub sketches: Vec<Bytes>,
}

impl Call {
    /// What names the call.
    pub fn request_id(&self, header: &Header) -> B256 {
        let nonce = ids::call_nonce(
            header.channel,
            self.number,
            self.prompt_hash,
            self.output_hash,
        );
        ids::request_id(header.chain_id, header.payer, nonce)
    }

    /// What the channel's tree has of it.
    pub fn leaf(&self, header: &Header) -> Leaf {
        Leaf {
            request_id: self.request_id(header),
            price: self.price,
            query_sketch_hash: ids::query_sketch_hash(&self.sketches),
        }
    }
}

/// Whether sketches may be some adapter's: their number, their lengths, and that none has the entry −128.
///
/// # Errors
/// If they may not.
pub fn check_sketches(sketches: &[Bytes]) -> Result<(), Fault> {
    let is_possible = |sketch: &Bytes| {
        !sketch.is_empty() && sketch.len() <= SKETCH_BYTES_MAX && !sketch.contains(&0x80)
    };
    if sketches.len() <= SKETCHES_MAX && sketches.iter().all(is_possible) {
        return Ok(());
    }
    Err(Fault::Sketches {
        count: sketches.len(),
        longest: sketches
            .iter()
            .map(|sketch| sketch.len())
            .max()
            .unwrap_or_default(),
    })
}

/// A directory in which a worker publishes what it served.
#[derive(Debug, Clone)]
pub struct CallsDirectory {
    path: PathBuf,
}

impl CallsDirectory {
    /// Opens a directory. Its files are read when they are asked for.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn open(path: &Path) -> Result<Self, CallsError> {
        let failed = |source| CallsError::Io {
            path: path.to_owned(),
            source,
        };
        std::fs::read_dir(path).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// What was paid in a channel; `None` if there is no file of it.
    ///
    /// # Errors
    /// If its file can't be read or isn't what it should be.
    pub fn channel(&self, channel: B256) -> Result<Option<ChannelCalls>, CallsError> {
        let path = channel_path(&self.path, channel);
        match open_if_any(&path)? {
            Some(file) => ChannelCalls::read(&path, file, channel).map(Some),
            None => Ok(None),
        }
    }

    /// A fulfilled request; `None` if there is no file of it.
    ///
    /// # Errors
    /// If its file can't be read or isn't what it should be.
    pub fn request(&self, request_id: B256) -> Result<Option<RequestCall>, CallsError> {
        let path = request_path(&self.path, request_id);
        match open_if_any(&path)? {
            Some(file) => RequestCall::read(&path, file, request_id).map(Some),
            None => Ok(None),
        }
    }
}

/// What the name of a channel's file begins with.
const CHANNEL_PREFIX: &str = "channel-";
/// What it ends with.
const CHANNEL_SUFFIX: &str = ".jsonl";

/// The file of a channel.
pub fn channel_path(directory: &Path, channel: B256) -> PathBuf {
    directory.join(format!("{CHANNEL_PREFIX}{channel}{CHANNEL_SUFFIX}"))
}

/// The lock of a channel's file.
pub fn channel_lock_path(directory: &Path, channel: B256) -> PathBuf {
    directory.join(format!("{CHANNEL_PREFIX}{channel}.lock"))
}

/// The channel that a file is of; `None` for any other file.
pub fn channel_of(path: &Path) -> Option<B256> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix(CHANNEL_PREFIX)?
        .strip_suffix(CHANNEL_SUFFIX)?
        .parse()
        .ok()
}

/// The file of a request.
pub fn request_path(directory: &Path, request_id: B256) -> PathBuf {
    directory.join(format!("request-{request_id}.json"))
}

fn open_if_any(path: &Path) -> Result<Option<File>, CallsError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CallsError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_s_file_says_whose_it_is() {
        let (directory, channel) = (Path::new("calls"), B256::repeat_byte(7));
        assert_eq!(channel_of(&channel_path(directory, channel)), Some(channel));
        for other in [
            channel_lock_path(directory, channel),
            request_path(directory, channel),
            directory.join("channel-0x07.jsonl"),
        ] {
            assert_eq!(channel_of(&other), None, "{}", other.display());
        }
    }
}
