//! The journal of the open block: what was preconfirmed, in order, before it is in a sealed block.
//!
//! It has files of its own beside the database, `journal/0`, `journal/1` and so on, so that a
//! preconfirmation waits for one small write and never for the commit of the block before. Each file
//! belongs to one block, or is free for the next: a file is overwritten from its beginning, which needs
//! no change of the directory and none of the file's length.
//!
//! | offset | bytes | header |
//! |---|---|---|
//! | 0 | 8 | `OLJRNL` and the version 0001 |
//! | 8 | 8 | epoch, big-endian |
//! | 16 | 8 | block number, big-endian |
//! | 24 | 8 | checksum of the above |
//!
//! | offset | bytes | record |
//! |---|---|---|
//! | 0 | 4 | length of the content, big-endian |
//! | 4 | 4 | index, big-endian |
//! | 8 | 8 | checksum of the checksum before (the header's, for the first), length, index, content |
//! | 16 | | content |
//!
//! A checksum is the start of a keccak256 hash. The first record that doesn't have its checksum ends the
//! file: it was cut short before it was acknowledged, or is what an earlier block or a failed write left
//! behind. Since checksums are chained, what follows it can't come back to life under later records.
//!
//! A file whose block is at or below the head is free: what it holds is in the chain. The epoch is an
//! entry in `meta` that goes up when the journal is cleared, in the same batch as an unwinding: files of
//! an earlier epoch are free. So commits and unwinding need no write here to be atomic.

use crate::{error::StoreError, store::Store};
use alloy_primitives::{Keccak256, keccak256};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Directory of the journal's files, in the store's.
pub(crate) const DIRECTORY: &str = "journal";
const MAGIC: [u8; 8] = *b"OLJRNL\x00\x01";
/// Bytes of a file's header.
pub(crate) const HEADER_BYTES: usize = 32;
/// Most bytes of a record: far above the largest transaction.
const RECORD_BYTES_MAX: usize = 16 << 20;
/// Files kept for reuse; blocks that can be open at once need no more.
const FREE_FILES_MAX: usize = 4;
/// Bytes above which a file isn't kept at its length.
const FREE_FILE_BYTES_MAX: u64 = 64 << 20;

/// The journal's files. One lock covers them all.
#[derive(Debug)]
pub(crate) struct Journal {
    directory: PathBuf,
    epoch: u64,
    sync: bool,
    /// Files of blocks above the head.
    blocks: BTreeMap<u64, BlockFile>,
    free: Vec<File>,
    /// Name of the next file to be made.
    next_name: u64,
}

/// The file of one block.
#[derive(Debug)]
struct BlockFile {
    file: File,
    /// Checksum of the last of them.
    check: Checksum,
    /// Bytes of header and records that are certain.
    len: u64,
}

/// Start of a keccak256 hash.
pub(crate) type Checksum = [u8; 8];

/// The header of a block's file.
pub(crate) fn header(epoch: u64, block: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&epoch.to_be_bytes());
    header[16..24].copy_from_slice(&block.to_be_bytes());
    let check = keccak256(&header[..24]);
    header[24..].copy_from_slice(&check[..8]);
    header
}

/// The checksum at the end of a header.
pub(crate) fn header_check(header: &[u8; HEADER_BYTES]) -> Checksum {
    let mut check = [0; 8];
    check.copy_from_slice(&header[24..]);
    check
}

fn checksum(before: Checksum, len: [u8; 4], index: [u8; 4], content: &[u8]) -> Checksum {
    let mut hasher = Keccak256::new();
    for part in [&before[..], &len, &index, content] {
        hasher.update(part);
    }
    let mut check = [0; 8];
    check.copy_from_slice(&hasher.finalize()[..8]);
    check
}

/// Appends a record's bytes; `check` is the checksum before and becomes the record's.
pub(crate) fn encode_record(check: &mut Checksum, index: u32, content: &[u8], out: &mut Vec<u8>) {
    // At most RECORD_BYTES_MAX.
    let len = (content.len() as u32).to_be_bytes();
    let index = index.to_be_bytes();
    out.extend_from_slice(&len);
    out.extend_from_slice(&index);
    *check = checksum(*check, len, index, content);
    out.extend_from_slice(check);
    out.extend_from_slice(content);
}

/// Takes the next record off the front: its index and content. `None` at the end. `before` is the
/// checksum before and becomes the record's.
fn decode_record<'a>(before: &mut Checksum, rest: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let (len, after) = rest.split_first_chunk::<4>()?;
    let (index, after) = after.split_first_chunk::<4>()?;
    let (check, after) = after.split_first_chunk::<8>()?;
    let content_len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let (content, after) = after.split_at_checked(content_len)?;
    if content_len > RECORD_BYTES_MAX || checksum(*before, *len, *index, content) != *check {
        return None;
    }
    *before = *check;
    *rest = after;
    Some((u32::from_be_bytes(*index), content))
}

/// The records of a file's content, by index: the last of each index counts.
pub(crate) fn records(bytes: &[u8]) -> BTreeMap<u32, Vec<u8>> {
    let mut records = BTreeMap::new();
    if let Some((header, mut rest)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        let mut check = header_check(header);
        while let Some((index, content)) = decode_record(&mut check, &mut rest) {
            records.insert(index, content.to_vec());
        }
    }
    records
}

/// The block to which a file's content belongs, and the last checksum and the length of header and
/// whole records; `None` if the file is free.
pub(crate) fn live_block(
    bytes: &[u8],
    epoch: u64,
    head: Option<u64>,
) -> Option<(u64, Checksum, u64)> {
    let found = bytes.first_chunk::<HEADER_BYTES>()?;
    let block = u64::from_be_bytes(*found[16..].first_chunk()?);
    if *found != header(epoch, block) || head.is_some_and(|head| block <= head) {
        return None;
    }
    let mut rest = &bytes[HEADER_BYTES..];
    let mut check = header_check(found);
    while decode_record(&mut check, &mut rest).is_some() {}
    Some((block, check, (bytes.len() - rest.len()) as u64))
}

impl BlockFile {
    /// The records, by index: the last of each index counts.
    fn read(&mut self) -> io::Result<BTreeMap<u32, Vec<u8>>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&self.file).take(self.len).read_to_end(&mut bytes)?;
        Ok(records(&bytes))
    }

    /// Appends bytes behind what is certain. What a failed attempt leaves is overwritten by the next.
    fn append(&mut self, bytes: &[u8], check: Checksum, sync: bool) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.len))?;
        self.file.write_all(bytes)?;
        if sync {
            self.file.sync_data()?;
        }
        self.len += bytes.len() as u64;
        self.check = check;
        Ok(())
    }
}

impl Journal {
    /// Opens the journal of a store: files of blocks above `head` in this epoch are taken up.
    pub(crate) fn open(
        store: &Path,
        epoch: u64,
        head: Option<u64>,
        sync: bool,
    ) -> Result<Self, StoreError> {
        let directory = store.join(DIRECTORY);
        let mut journal = Self {
            directory,
            epoch,
            sync,
            blocks: BTreeMap::new(),
            free: Vec::new(),
            next_name: 0,
        };
        journal
            .take_up(head)
            .map_err(|source| journal.error(source))?;
        Ok(journal)
    }

    fn error(&self, source: io::Error) -> StoreError {
        StoreError::Journal {
            path: self.directory.clone(),
            source,
        }
    }

    fn take_up(&mut self, head: Option<u64>) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            // Not ours: left alone.
            let Ok(name) = name.parse::<u64>() else {
                continue;
            };
            self.next_name = self.next_name.max(name.saturating_add(1));
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            let mut bytes = Vec::new();
            (&file).read_to_end(&mut bytes)?;
            match live_block(&bytes, self.epoch, head) {
                Some((block, check, len)) => {
                    self.blocks.insert(block, BlockFile { file, check, len });
                }
                None if self.free.len() < FREE_FILES_MAX => self.free.push(file),
                None => fs::remove_file(&path)?,
            }
        }
        Ok(())
    }

    /// Appends records of one block.
    fn append(&mut self, block: u64, records: &[(u32, &[u8])]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut target = match self.blocks.remove(&block) {
            Some(target) => target,
            None => {
                let header = header(self.epoch, block);
                bytes.extend_from_slice(&header);
                BlockFile {
                    file: self.take_file()?,
                    check: header_check(&header),
                    len: 0,
                }
            }
        };
        let mut check = target.check;
        for (index, content) in records {
            encode_record(&mut check, *index, content, &mut bytes);
        }
        let written = target.append(&bytes, check, self.sync);
        if written.is_ok() || target.len > 0 {
            self.blocks.insert(block, target);
        } else {
            self.free.push(target.file);
        }
        written
    }

    /// A free file, or a new one whose name is on disk.
    fn take_file(&mut self) -> io::Result<File> {
        if let Some(file) = self.free.pop() {
            return Ok(file);
        }
        let path = self.directory.join(self.next_name.to_string());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        self.next_name = self.next_name.saturating_add(1);
        if self.sync {
            File::open(&self.directory)?.sync_all()?;
        }
        Ok(file)
    }

    /// Frees the file of a block that is in the chain now.
    pub(crate) fn forget_block(&mut self, block: u64) {
        if let Some(target) = self.blocks.remove(&block) {
            self.give_back(target);
        }
    }

    /// Frees all files: the epoch is over.
    pub(crate) fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        while let Some((_, target)) = self.blocks.pop_first() {
            self.give_back(target);
        }
    }

    fn give_back(&mut self, target: BlockFile) {
        let file = target.file;
        if target.len > FREE_FILE_BYTES_MAX {
            // Nothing in a free file counts, so it doesn't matter whether this is done.
            let _ = file.set_len(0);
        }
        // More are free only after many blocks were open at once; reopening removes the rest.
        if self.free.len() < FREE_FILES_MAX {
            self.free.push(file);
        }
    }

    /// The epoch in force.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl Store {
    /// Appends records (block number, index, content) and waits for the disk once: gather those of
    /// several transactions into one call. A record of the same block and index is replaced. Never
    /// waits for a commit.
    ///
    /// # Errors
    /// [`StoreError::JournalRecordTooLarge`], with nothing written; [`StoreError::Journal`] if the disk
    /// fails: none of the records is certain then.
    pub fn journal_append(&self, records: &[(u64, u32, &[u8])]) -> Result<(), StoreError> {
        if let Some((_, _, record)) = records.iter().find(|(.., r)| r.len() > RECORD_BYTES_MAX) {
            let (bytes, max) = (record.len(), RECORD_BYTES_MAX);
            return Err(StoreError::JournalRecordTooLarge { bytes, max });
        }
        let mut blocks: BTreeMap<u64, Vec<(u32, &[u8])>> = BTreeMap::new();
        for (block, index, record) in records {
            blocks.entry(*block).or_default().push((*index, record));
        }
        let mut journal = self.lock_journal();
        for (block, records) in blocks {
            journal
                .append(block, &records)
                .map_err(|source| journal.error(source))?;
        }
        Ok(())
    }

    /// The records of a block above the head, in index order.
    ///
    /// # Errors
    /// [`StoreError::Journal`] if the disk fails.
    pub fn journal(&self, block: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut journal = self.lock_journal();
        let records = journal
            .blocks
            .get_mut(&block)
            .map(BlockFile::read)
            .transpose();
        let records = records.map_err(|source| journal.error(source))?;
        Ok(records.unwrap_or_default().into_values().collect())
    }

    /// Deletes all records of all blocks, for good when this returns.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub fn journal_clear(&self) -> Result<(), StoreError> {
        let mut journal = self.lock_journal();
        let epoch = journal.epoch().saturating_add(1);
        let mut batch = rocksdb::WriteBatch::default();
        crate::meta::write_journal_epoch(self.db(), &mut batch, epoch);
        self.db().write_synced(batch)?;
        journal.begin_epoch(epoch);
        Ok(())
    }
}
