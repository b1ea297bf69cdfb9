//! A channel's file, as worker and payer write it: what was appended is on disk before anybody is answered, so that an end of the
//! process, at whatever point, loses no voucher.

use super::calls::{
    CHANNEL_BYTES_MAX, Call, CallsError, ChannelReader, Fault, Header, Record, Replay, channel_path,
};
use alloy_primitives::B256;
use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

/// A channel's file and what it says. Whoever has one holds a [`FileLock`](crate::FileLock) over it.
#[derive(Debug)]
pub struct ChannelJournal {
    path: PathBuf,
    replay: Replay,
    /// Bytes of its whole lines.
    length: u64,
}

impl ChannelJournal {
    /// Begins the file of a channel.
    ///
    /// # Errors
    /// If there is one with a line in it already, or it can't be written.
    pub fn create(directory: &Path, header: Header) -> Result<Self, CallsError> {
        let path = channel_path(directory, header.channel);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(io_at(&path))?;
        let record = Record::Begin(header);
        let line = record.line().map_err(fault_at(&path, 1))?;
        file.write_all(&line)
            .and_then(|()| file.sync_all())
            // The name is on disk once its directory is.
            .and_then(|()| File::open(directory)?.sync_all())
            .map_err(io_at(&path))?;
        Ok(Self {
            path,
            replay: Replay::new(header),
            length: line.len() as u64,
        })
    }

    /// Opens the file of a channel, and cuts off a line that was being written when a process ended; `None` if there is no file, or none
    /// with a whole line: nothing was promised then.
    ///
    /// # Errors
    /// If it can't be read or isn't what it should be.
    pub fn open(directory: &Path, channel: B256) -> Result<Option<Self>, CallsError> {
        let path = channel_path(directory, channel);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_at(&path)(error)),
        };
        let mut reader = ChannelReader::new(BufReader::new(&file));
        let replay = reader
            .replay(channel, drop)
            .map_err(io_at(&path))?
            .map_err(fault_at(&path, reader.line()))?;
        let length = reader.read();
        let Some(replay) = replay else {
            std::fs::remove_file(&path).map_err(io_at(&path))?;
            return Ok(None);
        };
        file.set_len(length)
            .and_then(|()| file.sync_all())
            .map_err(io_at(&path))?;
        Ok(Some(Self {
            path,
            replay,
            length,
        }))
    }

    /// Removes the file of a channel that there isn't. A file that stays does no harm.
    pub fn remove(self) {
        let _ = std::fs::remove_file(self.path);
    }

    /// The channel as its records leave it.
    pub const fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Appends a record; it is on disk when this returns. Answers the call that it pays for, if it does.
    ///
    /// # Errors
    /// A record that can't follow, a file that is full or can't be written. Then nothing has changed, in the file either unless
    /// the disk fails: a next process finds a whole line or none.
    pub fn append(&mut self, record: Record) -> Result<Option<Call>, CallsError> {
        let line = record.line().map_err(fault_at(&self.path, 0))?;
        let mut next = self.replay.clone();
        let paid = next.apply(record).map_err(fault_at(&self.path, 0))?;
        let length = self.length + line.len() as u64;
        if length > CHANNEL_BYTES_MAX {
            let full = Fault::TooLong {
                max: CHANNEL_BYTES_MAX,
            };
            return Err(fault_at(&self.path, 0)(full));
        }
        let mut file = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .map_err(io_at(&self.path))?;
        // What an append that failed left behind.
        file.set_len(self.length)
            .and_then(|()| file.write_all(&line))
            .and_then(|()| file.sync_data())
            .map_err(io_at(&self.path))?;
        self.replay = next;
        self.length = length;
        Ok(paid)
    }
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> CallsError {
    let path = path.to_owned();
    move |source| CallsError::Io { path, source }
}

fn fault_at(path: &Path, line: usize) -> impl FnOnce(Fault) -> CallsError {
    let path = path.to_owned();
    move |source| CallsError::Line { path, line, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::calls::{Paid, VERSION};
    use alloy_primitives::Address;
    use alloy_signer_local::PrivateKeySigner;
    use std::fs;

    fn header() -> Header {
        Header {
            version: VERSION,
            chain_id: 1,
            channel: B256::repeat_byte(1),
            payer: Address::repeat_byte(2),
            payee: Address::repeat_byte(3),
            adapter: 4,
            platform_fee: 5,
        }
    }

    fn offered(number: u64, price: u128) -> Record {
        Record::Offered(Call {
            number,
            prompt_hash: B256::ZERO,
            output_hash: B256::ZERO,
            tokens_in: 1,
            tokens_out: 1,
            price,
            sketches: Vec::new(),
        })
    }

    fn pay(journal: &mut ChannelJournal) {
        let call = journal.replay().offered().unwrap().clone();
        let voucher = journal.replay().voucher_with(&call, 9).unwrap();
        let signed = voucher.sign(&PrivateKeySigner::random(), 1).unwrap();
        let paid = journal.append(Record::Paid(Paid::of(&signed))).unwrap();
        assert_eq!(paid, Some(call));
    }

    #[test]
    fn whatever_is_cut_off_what_was_whole_stays() {
        let directory = tempfile::tempdir().unwrap();
        let channel = header().channel;
        assert!(
            ChannelJournal::open(directory.path(), channel)
                .unwrap()
                .is_none()
        );
        let mut journal = ChannelJournal::create(directory.path(), header()).unwrap();
        assert!(ChannelJournal::create(directory.path(), header()).is_err());
        for number in 1..=3 {
            journal.append(offered(number, u128::from(number))).unwrap();
            pay(&mut journal);
        }
        journal.append(offered(4, 4)).unwrap();
        let path = channel_path(directory.path(), channel);
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len() as u64, journal.length);
        for cut in (0..=whole.len()).step_by(41).chain([whole.len()]) {
            fs::write(&path, &whole[..cut]).unwrap();
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            let Some(mut journal) = ChannelJournal::open(directory.path(), channel).unwrap() else {
                assert_eq!(lines, 0);
                assert!(!path.exists());
                continue;
            };
            let paid = (lines - 1) / 2;
            assert_eq!(journal.replay().count() as usize, paid);
            assert_eq!(
                journal.replay().paid().map(|paid| paid.count as usize),
                (paid > 0).then_some(paid)
            );
            assert_eq!(journal.replay().offered().is_some(), lines % 2 == 0);
            // It goes on from there.
            journal.append(offered(paid as u64 + 1, 7)).unwrap();
            pay(&mut journal);
            let again = ChannelJournal::open(directory.path(), channel)
                .unwrap()
                .unwrap();
            assert_eq!(again.replay().voucher(), journal.replay().voucher());
        }
    }

    #[test]
    fn what_can_t_follow_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = ChannelJournal::create(directory.path(), header()).unwrap();
        let path = channel_path(directory.path(), header().channel);
        let before = fs::read(&path).unwrap();
        assert!(journal.append(offered(2, 1)).is_err());
        assert!(journal.append(Record::Begin(header())).is_err());
        assert_eq!(fs::read(&path).unwrap(), before);
        // What a failed append left behind is written over.
        fs::write(&path, [&before[..], b"{\"offe"].concat()).unwrap();
        journal.append(offered(1, 1)).unwrap();
        let opened = ChannelJournal::open(directory.path(), header().channel).unwrap();
        assert_eq!(opened.unwrap().replay().offered().unwrap().price, 1);
    }
}
