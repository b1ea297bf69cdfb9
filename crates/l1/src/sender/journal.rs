//! The sender's durable part: what the L1 may have seen is on disk before it is sent, and stays there while a
//! reorg may still drop it from its block.
//!
//! A record is a file of its own, written beside and renamed, so that a crash leaves either the old
//! one or the new one. There is no repair step: what is half written is deleted at the start.
//!
//! | offset  | width  | field          | encoding                                                         |
//! |---------|--------|----------------|------------------------------------------------------------------|
//! | 0       | 4      | magic          | `OLTX`                                                           |
//! | 4       | 1      | version        | 3                                                                |
//! | 5       | 32     | check          | keccak256 of all that follows                                    |
//! | 37      | 2      | t              | length of the tag, big-endian                                    |
//! | 39      | t      | tag            | the candidate's own                                              |
//! | 39 + t  | 8      | gas            | that its data takes as it was given, big-endian; all 0 if unsaid |
//! | 47 + t  | 8      | blob gas       | the same                                                         |
//! | 55 + t  | 8      | other gas      | that its data takes in the other carrier                         |
//! | 63 + t  | 8      | other blob gas | the same                                                         |
//! | 71 + t  | 2      | cancellations  | how many of the newest hashes are of empty ones                  |
//! | 73 + t  | 2      | h              | number of hashes, big-endian                                     |
//! | 75 + t  | 32 · h | hashes         | of all signed forms, oldest first                                |
//! | …       | …      | raw            | the newest signed form, with its blobs                           |
//!
//! Versions 1 and 2 are read but not written. Version 1 has no gas, blob gas and cancellations; version 2 has
//! only the other carrier's gas, which by itself says nothing.

use super::{CarrierGas, DataGas};
use alloy_primitives::{B256, Bytes, keccak256};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 4] = b"OLTX";
const VERSION: u8 = 3;
/// That of records with the other carrier's gas only.
const VERSION_OTHER_GAS: u8 = 2;
/// That of records without what was added for cancellations.
const VERSION_PLAIN: u8 = 1;
const CHECK_AT: usize = 5;
const BODY_AT: usize = CHECK_AT + 32;
/// Longest record that is read, bytes: nine blobs with cell proofs, and room.
const RECORD_BYTES_MAX: u64 = 4 << 20;
/// Most records that are read.
const RECORDS_MAX: usize = 1024;
/// Longest tag, bytes.
pub const TAG_BYTES_MAX: usize = 1024;
const EXTENSION: &str = "tx";
const UNFINISHED: &str = "new";
/// What a damaged record's file is renamed to, for whoever wants to look at it.
const DAMAGED: &str = "damaged";

/// Why the journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file or directory can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There are more records than a sender can have made.
    #[error("{path} has more than {RECORDS_MAX} records: is it the sender's own directory?")]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
    /// The writing thread is gone.
    #[error("writing was interrupted")]
    Interrupted,
}

/// A transaction as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) tag: Bytes,
    /// Gas that its data takes; of an empty transaction's, that in whose place it is.
    pub(super) data_gas: Option<CarrierGas>,
    /// How many of the newest hashes are of empty transactions in its place.
    pub(super) cancellations: usize,
    /// Of all signed forms, oldest first.
    pub(super) hashes: Vec<B256>,
    /// The newest signed form.
    pub(super) raw: Bytes,
}

/// A directory in which a sender keeps what it has sent, until it has been confirmed for
/// [`retain_blocks`](super::TxSenderConfig::retain_blocks). One sender's only.
#[derive(Debug, Clone)]
pub struct SenderJournal {
    directory: PathBuf,
}

impl SenderJournal {
    /// Opens the journal in a directory, which is made if there is none.
    ///
    /// # Errors
    /// If it can't be made or read.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        fs::create_dir_all(directory).map_err(io_at(directory))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// All records with their nonces, ascending. What a crash left half written is deleted; a record
    /// that is damaged is put aside.
    ///
    /// # Errors
    /// If the directory can't be read, or holds too much.
    pub(super) fn load(&self) -> Result<Vec<(u64, Record)>, JournalError> {
        let mut records = Vec::new();
        let entries = fs::read_dir(&self.directory).map_err(io_at(&self.directory))?;
        for entry in entries {
            let path = entry.map_err(io_at(&self.directory))?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            match extension {
                Some(UNFINISHED) => fs::remove_file(&path).map_err(io_at(&path))?,
                Some(EXTENSION) => {
                    let nonce = path
                        .file_stem()
                        .and_then(|stem| stem.to_str()?.parse().ok());
                    let Some(nonce) = nonce else { continue };
                    match read(&path)? {
                        Some(record) => records.push((nonce, record)),
                        None => {
                            tracing::error!(path = %path.display(), "l1 sender's record is damaged: put aside");
                            let aside = path.with_extension(DAMAGED);
                            fs::rename(&path, &aside).map_err(io_at(&path))?;
                        }
                    }
                }
                _ => {}
            }
            if records.len() > RECORDS_MAX {
                return Err(JournalError::TooMany {
                    path: self.directory.clone(),
                });
            }
        }
        records.sort_by_key(|(nonce, _)| *nonce);
        Ok(records)
    }

    /// Writes a record in place of any with the same nonce; it is on the disk when this returns.
    ///
    /// # Errors
    /// If it can't be written. The old record is then still there.
    pub(super) async fn save(&self, nonce: u64, record: Record) -> Result<(), JournalError> {
        let directory = self.directory.clone();
        tokio::task::spawn_blocking(move || {
            let path = path_of(&directory, nonce, EXTENSION);
            let unfinished = path_of(&directory, nonce, UNFINISHED);
            let written = write(&unfinished, &record.encode())
                .and_then(|()| fs::rename(&unfinished, &path))
                .and_then(|()| File::open(&directory)?.sync_all());
            written.map_err(io_at(&path))
        })
        .await
        .map_err(|_| JournalError::Interrupted)?
    }

    /// Forgets a record. One that can't be deleted is met again, and found to be of the past, at the
    /// next start.
    pub(super) async fn remove(&self, nonce: u64) {
        let path = path_of(&self.directory, nonce, EXTENSION);
        let removed = tokio::fs::remove_file(&path).await;
        report_kept(&path, removed);
    }

    /// [`Self::remove`], blocking.
    pub(super) fn discard(&self, nonce: u64) {
        let path = path_of(&self.directory, nonce, EXTENSION);
        let removed = fs::remove_file(&path);
        report_kept(&path, removed);
    }
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.raw.len().saturating_add(4096));
        let length = |len: usize| u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        body.extend(length(self.tag.len()));
        body.extend_from_slice(&self.tag);
        let unsaid = DataGas {
            gas: 0,
            blob_gas: 0,
        };
        let (present, other) = self
            .data_gas
            .map_or((unsaid, unsaid), |gas| (gas.present, gas.other));
        for of in [present, other] {
            body.extend(of.gas.to_be_bytes());
            body.extend(of.blob_gas.to_be_bytes());
        }
        body.extend(length(self.cancellations));
        body.extend(length(self.hashes.len()));
        for hash in &self.hashes {
            body.extend_from_slice(hash.as_slice());
        }
        body.extend_from_slice(&self.raw);
        Self::checked(&body)
    }

    /// A record's body behind its head.
    pub(super) fn checked(body: &[u8]) -> Vec<u8> {
        let mut record = Vec::with_capacity(body.len().saturating_add(BODY_AT));
        record.extend_from_slice(MAGIC);
        record.push(VERSION);
        record.extend_from_slice(keccak256(body).as_slice());
        record.extend_from_slice(body);
        record
    }

    /// Whether these bytes are a record as it is written now.
    pub(super) fn is_of_this_version(record: &[u8]) -> bool {
        record.get(MAGIC.len()) == Some(&VERSION)
    }

    /// What stands behind a record's head.
    #[cfg(test)]
    pub(super) fn body(record: &[u8]) -> Option<&[u8]> {
        record.get(BODY_AT..)
    }

    /// `None` if it is damaged.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(BODY_AT)?;
        let (magic, rest) = head.split_at_checked(MAGIC.len())?;
        let (version, check) = rest.split_first()?;
        if magic != MAGIC || keccak256(body).as_slice() != check {
            return None;
        }
        let (tag, body) = take(body, 1)?;
        let (data_gas, cancellations, body) = match *version {
            VERSION => {
                let (present, body) = take_gas(body)?;
                let (other, body) = take_gas(body)?;
                let (cancellations, body) = take_count(body)?;
                (carrier_gas(present, other)?, cancellations, body)
            }
            VERSION_OTHER_GAS => {
                let (_, body) = take_gas(body)?;
                let (cancellations, body) = take_count(body)?;
                (None, cancellations, body)
            }
            VERSION_PLAIN => (None, 0, body),
            _ => return None,
        };
        let (hashes, raw) = take(body, B256::len_bytes())?;
        if cancellations > hashes.len() / B256::len_bytes() {
            return None;
        }
        Some(Self {
            tag: Bytes::copy_from_slice(tag),
            data_gas,
            cancellations,
            hashes: hashes
                .chunks_exact(B256::len_bytes())
                .map(B256::from_slice)
                .collect(),
            raw: Bytes::copy_from_slice(raw),
        })
    }
}

fn take_gas(body: &[u8]) -> Option<(DataGas, &[u8])> {
    let (gas, body) = body.split_first_chunk()?;
    let (blob_gas, body) = body.split_first_chunk()?;
    let gas = DataGas {
        gas: u64::from_be_bytes(*gas),
        blob_gas: u64::from_be_bytes(*blob_gas),
    };
    Some((gas, body))
}

fn take_count(body: &[u8]) -> Option<(usize, &[u8])> {
    let (count, body) = body.split_first_chunk()?;
    Some((usize::from(u16::from_be_bytes(*count)), body))
}

/// What is said of gas, if anything; `None` if that is none of the forms that are written. What is not
/// said is zero as a whole.
fn carrier_gas(present: DataGas, other: DataGas) -> Option<Option<CarrierGas>> {
    if present.gas > 0 && other.gas > 0 {
        return Some(Some(CarrierGas { present, other }));
    }
    let sum = [present.gas, present.blob_gas, other.gas, other.blob_gas];
    (sum == [0; 4]).then_some(None)
}

/// Splits off a list of items of `width` bytes, whose number comes first.
fn take(bytes: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let (count, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*count)).checked_mul(width)?)
}

fn path_of(directory: &Path, nonce: u64, extension: &str) -> PathBuf {
    directory.join(format!("{nonce:020}.{extension}"))
}

fn report_kept(path: &Path, removed: io::Result<()>) {
    if let Err(error) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "l1 sender's record can't be deleted");
    }
}

fn read(path: &Path) -> Result<Option<Record>, JournalError> {
    if fs::metadata(path).map_err(io_at(path))?.len() > RECORD_BYTES_MAX {
        return Ok(None);
    }
    Ok(Record::decode(&fs::read(path).map_err(io_at(path))?))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(byte: u8, hashes: usize) -> Record {
        Record {
            tag: vec![byte; 3].into(),
            data_gas: byte.is_multiple_of(2).then_some(CarrierGas {
                present: DataGas {
                    gas: 66_000,
                    blob_gas: u64::from(byte),
                },
                other: DataGas {
                    gas: 4_000_000,
                    blob_gas: 0,
                },
            }),
            cancellations: hashes / 2,
            hashes: vec![B256::repeat_byte(byte); hashes],
            raw: vec![byte; 1_000].into(),
        }
    }

    #[tokio::test]
    async fn records_outlive_the_process() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("sender");
        let journal = SenderJournal::open(&path).expect("made");
        assert_eq!(journal.load().expect("read"), []);
        journal.save(10, record(1, 1)).await.expect("written");
        journal.save(9, record(2, 1)).await.expect("written");
        journal.save(10, record(3, 2)).await.expect("written");
        journal.save(11, record(4, 0)).await.expect("written");
        journal.remove(11).await;
        journal.remove(12).await;
        let again = SenderJournal::open(&path).expect("there");
        assert_eq!(
            again.load().expect("read"),
            [(9, record(2, 1)), (10, record(3, 2))]
        );
    }

    #[tokio::test]
    async fn what_is_unfinished_or_damaged_is_not_read() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path();
        let journal = SenderJournal::open(path).expect("made");
        journal.save(1, record(1, 1)).await.expect("written");
        journal.save(2, record(2, 1)).await.expect("written");
        fs::write(path_of(path, 3, UNFINISHED), b"half").expect("written");
        fs::write(path.join("notes.txt"), b"?").expect("written");
        let damaged = path_of(path, 2, EXTENSION);
        let mut bytes = fs::read(&damaged).expect("there");
        *bytes.last_mut().expect("bytes") ^= 1;
        fs::write(&damaged, bytes).expect("written");
        assert_eq!(journal.load().expect("read"), [(1, record(1, 1))]);
        let mut names: Vec<_> = fs::read_dir(path)
            .expect("there")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "00000000000000000001.tx",
                "00000000000000000002.damaged",
                "notes.txt"
            ]
        );
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = record(7, 3).encode();
        assert_eq!(Record::decode(&whole), Some(record(7, 3)));
        for len in 0..whole.len() {
            assert_eq!(Record::decode(&whole[..len]), None);
        }
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        let with_other_gas = [&[0; 6], [1, 2].as_slice(), &[3; 8], &[0, 1]].concat();
        for (version, added) in [(VERSION_PLAIN, vec![]), (VERSION_OTHER_GAS, with_other_gas)] {
            let mut body = vec![0, 2, 8, 9];
            let cancellations = usize::from(!added.is_empty());
            body.extend(added);
            body.extend([0, 1]);
            body.extend([7; 32]);
            body.extend([5; 100]);
            let mut bytes = Record::checked(&body);
            bytes[MAGIC.len()] = version;
            let old = Record {
                tag: vec![8, 9].into(),
                data_gas: None,
                cancellations,
                hashes: vec![B256::repeat_byte(7)],
                raw: vec![5; 100].into(),
            };
            assert_eq!(Record::decode(&bytes), Some(old.clone()));
            assert_eq!(Record::decode(&old.encode()), Some(old));
            bytes[MAGIC.len()] = VERSION + 1;
            assert_eq!(Record::decode(&bytes), None);
        }
    }

    #[test]
    fn gas_is_said_of_both_carriers_or_of_none() {
        let of = |gas, blob_gas| DataGas { gas, blob_gas };
        for (present, other) in [
            (of(1, 0), of(0, 0)),
            (of(0, 0), of(1, 0)),
            (of(0, 1), of(0, 0)),
            (of(0, 1), of(1, 1)),
        ] {
            let mut wrong = record(2, 1);
            wrong.data_gas = Some(CarrierGas { present, other });
            assert_eq!(Record::decode(&wrong.encode()), None);
        }
    }

    #[test]
    fn no_more_are_cancellations_than_there_are() {
        let mut wrong = record(7, 3);
        wrong.cancellations = 4;
        assert_eq!(Record::decode(&wrong.encode()), None);
    }
}
