//! The file of a channel, read.

use super::{CHANNEL_BYTES_MAX, Call, CallsError, Fault, Header, LINE_BYTES_MAX, Record, Replay};
use crate::infer::Leaf;
use alloy_primitives::B256;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// Reads a channel's file line by line.
#[derive(Debug)]
pub struct ChannelReader<R> {
    source: R,
    /// Bytes of the whole lines that were read.
    read: u64,
    line: usize,
}

impl<R: BufRead> ChannelReader<R> {
    /// Begins.
    pub const fn new(source: R) -> Self {
        Self {
            source,
            read: 0,
            line: 0,
        }
    }

    /// Bytes of the whole lines that were read, with their breaks.
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// Number of the last line, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The next record; `None` at the end, or where a line has no break yet.
    ///
    /// # Errors
    /// What can't be read, or is no record.
    pub fn next_record(&mut self) -> io::Result<Option<Result<Record, Fault>>> {
        let mut line = Vec::new();
        // A line of the greatest length, its break, and a byte that shows that there is more.
        let max = LINE_BYTES_MAX as u64 + 2;
        let length = (&mut self.source).take(max).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok((length as u64 == max).then(|| {
                self.line += 1;
                Err(Fault::TooLong {
                    max: LINE_BYTES_MAX as u64,
                })
            }));
        }
        self.read += length as u64;
        self.line += 1;
        if self.read > CHANNEL_BYTES_MAX {
            return Ok(Some(Err(Fault::TooLong {
                max: CHANNEL_BYTES_MAX,
            })));
        }
        line.pop();
        Ok(Some(Record::parse(&line)))
    }

    /// Reads to the end, and shows every paid call to `visit`, in order. `None` of a file without a whole line.
    ///
    /// # Errors
    /// What can't be read, and lines that can't be where they are.
    pub fn replay(
        &mut self,
        channel: B256,
        mut visit: impl FnMut(Call),
    ) -> io::Result<Result<Option<Replay>, Fault>> {
        let mut replay: Option<Replay> = None;
        while let Some(record) = self.next_record()? {
            let applied = record.and_then(|record| match &mut replay {
                Some(replay) => replay.apply(record),
                None => Replay::begin(record, channel).map(|begun| {
                    replay = Some(begun);
                    None
                }),
            });
            match applied {
                Ok(paid) => paid.into_iter().for_each(&mut visit),
                Err(fault) => return Ok(Err(fault)),
            }
        }
        Ok(Ok(replay))
    }
}

/// The paid calls of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCalls {
    /// What never changes of the channel.
    pub header: Header,
    /// The calls, the first one's number being 1.
    pub calls: Vec<Call>,
}

impl ChannelCalls {
    /// What names the call at a place, counted from 0.
    pub fn request_id(&self, place: usize) -> Option<B256> {
        Some(self.calls.get(place)?.request_id(&self.header))
    }

    /// What the tree has of the call at a place, counted from 0.
    pub fn leaf(&self, place: usize) -> Option<Leaf> {
        Some(self.calls.get(place)?.leaf(&self.header))
    }

    /// The leaves under the voucher for `count` calls; `None` if there are fewer.
    pub fn leaves(&self, count: u64) -> Option<Vec<Leaf>> {
        let calls = self.calls.get(..usize::try_from(count).ok()?)?;
        Some(calls.iter().map(|call| call.leaf(&self.header)).collect())
    }

    /// Reads a channel's lines. `None` if there is no whole one.
    ///
    /// # Errors
    /// The number of a line, from 1, and what is wrong with it.
    pub fn parse(bytes: &[u8], channel: B256) -> Result<Option<Self>, (usize, Fault)> {
        let mut reader = ChannelReader::new(bytes);
        match Self::collect(&mut reader, channel) {
            Ok(parsed) => parsed.map_err(|fault| (reader.line(), fault)),
            // Memory is always read.
            Err(_) => Ok(None),
        }
    }

    fn collect(
        reader: &mut ChannelReader<impl BufRead>,
        channel: B256,
    ) -> io::Result<Result<Option<Self>, Fault>> {
        let mut calls = Vec::new();
        let replay = reader.replay(channel, |call| calls.push(call))?;
        Ok(replay.map(|replay| {
            replay.map(|replay| Self {
                header: *replay.header(),
                calls,
            })
        }))
    }

    pub(super) fn read(path: &Path, file: File, channel: B256) -> Result<Self, CallsError> {
        let mut reader = ChannelReader::new(BufReader::new(file));
        let fault = match Self::collect(&mut reader, channel) {
            Ok(Ok(Some(calls))) => return Ok(calls),
            Ok(Ok(None)) => Fault::Place { kind: "end" },
            Ok(Err(fault)) => fault,
            Err(source) => {
                return Err(CallsError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        Err(CallsError::Line {
            path: path.to_owned(),
            line: reader.line(),
            source: fault,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{
        CallsDirectory, FeeTree,
        calls::{Paid, VERSION},
        channel_path,
    };
    use alloy_primitives::{Address, Bytes, U256};
    use alloy_signer_local::PrivateKeySigner;

    fn header() -> Header {
        Header {
            version: VERSION,
            chain_id: 161_299,
            channel: B256::repeat_byte(1),
            payer: Address::repeat_byte(2),
            payee: Address::repeat_byte(3),
            adapter: 4,
            platform_fee: 5,
        }
    }

    fn call(number: u64) -> Call {
        Call {
            number,
            prompt_hash: B256::with_last_byte(number as u8),
            output_hash: B256::repeat_byte(8),
            tokens_in: 9,
            tokens_out: 10,
            price: 1_000 + u128::from(number),
            sketches: vec![Bytes::from(vec![1, 2]), Bytes::from(vec![3])],
        }
    }

    /// Lines of a channel with so many paid calls; before each there is an offer that nobody paid.
    fn lines(count: u64) -> Vec<Record> {
        let key = PrivateKeySigner::random();
        let mut replay = Replay::new(header());
        let mut records = vec![Record::Begin(header())];
        for number in 1..=count {
            let unpaid = Call {
                price: 1,
                ..call(number)
            };
            let voucher = replay.voucher_with(&call(number), 99).unwrap();
            let signed = voucher.sign(&key, header().chain_id).unwrap();
            for record in [
                Record::Offered(unpaid),
                Record::Offered(call(number)),
                Record::Paid(Paid::of(&signed)),
            ] {
                replay.apply(record.clone()).unwrap();
                records.push(record);
            }
            assert_eq!(replay.voucher(), Some(signed));
        }
        records
    }

    fn bytes(records: &[Record]) -> Vec<u8> {
        let lines = records.iter().map(|record| record.line().unwrap());
        lines.collect::<Vec<_>>().concat()
    }

    #[test]
    fn what_is_written_is_read_up_to_the_last_whole_line() {
        let records = lines(3);
        let text = bytes(&records);
        let whole = ChannelCalls::parse(&text, header().channel)
            .unwrap()
            .unwrap();
        assert_eq!(whole.calls, [call(1), call(2), call(3)]);
        assert_eq!(whole.header, header());
        for cut in 0..text.len() {
            let parsed = ChannelCalls::parse(&text[..cut], header().channel).unwrap();
            let lines = text[..cut].iter().filter(|byte| **byte == b'\n').count();
            let paid = lines.saturating_sub(1) / 3;
            let count = parsed.map(|parsed| parsed.calls.len());
            assert_eq!(count, (lines > 0).then_some(paid), "{cut}");
        }
    }

    #[test]
    fn vouchers_have_the_root_and_the_sum_of_the_calls() {
        let records = lines(5);
        let calls = ChannelCalls::parse(&bytes(&records), header().channel)
            .unwrap()
            .unwrap();
        for record in &records {
            let Record::Paid(paid) = record else { continue };
            let leaves = calls.leaves(paid.count).unwrap();
            let root = FeeTree::new(&leaves).unwrap().root().unwrap();
            assert_eq!(root.hash, paid.leaves_root);
            assert_eq!(
                paid.cumulative,
                U256::from(root.sum) + U256::from(5 * paid.count)
            );
        }
        assert_eq!(calls.leaves(6), None);
        assert_eq!(calls.leaf(5), None);
        assert_eq!(
            calls.request_id(0),
            Some(calls.calls[0].request_id(&header()))
        );
    }

    #[test]
    fn every_wrong_line_is_named() {
        let good = lines(2);
        let fault = |records: &[Record]| {
            ChannelCalls::parse(&bytes(records), header().channel).unwrap_err()
        };
        let change = |place: usize, change: &dyn Fn(&mut Record)| {
            let mut records = good.clone();
            change(&mut records[place]);
            fault(&records)
        };
        let (line, wrong) = fault(&good[1..]);
        assert!(
            line == 1 && matches!(wrong, Fault::Place { kind: "offered" }),
            "{wrong}"
        );
        let (line, wrong) = fault(&[&good[..1], &good].concat());
        assert!(
            line == 2 && matches!(wrong, Fault::Place { kind: "begin" }),
            "{wrong}"
        );
        let (line, wrong) = fault(&[&good[..4], &good[3..4]].concat());
        assert!(
            line == 5 && matches!(wrong, Fault::Place { kind: "paid" }),
            "{wrong}"
        );
        let (line, wrong) = fault(&[&good[..1], &good[4..]].concat());
        assert!(
            line == 2
                && matches!(
                    wrong,
                    Fault::Number {
                        found: 2,
                        expected: 1
                    }
                ),
            "{wrong}"
        );
        let (line, wrong) = change(0, &|record| {
            let Record::Begin(header) = record else {
                unreachable!()
            };
            header.version = 2;
        });
        assert!(
            line == 1 && matches!(wrong, Fault::Version { version: 2 }),
            "{wrong}"
        );
        let (_, wrong) = change(0, &|record| {
            let Record::Begin(header) = record else {
                unreachable!()
            };
            header.channel = B256::ZERO;
        });
        assert!(matches!(wrong, Fault::Name { .. }), "{wrong}");
        // What a voucher commits to: the price, the sketches, what the call is about, its sum and count.
        for change_call in [
            |call: &mut Call| call.price += 1,
            |call: &mut Call| call.sketches[0] = Bytes::from(vec![2, 2]),
            |call: &mut Call| call.prompt_hash = B256::ZERO,
            |call: &mut Call| call.output_hash = B256::ZERO,
        ] {
            let (line, wrong) = change(5, &|record| {
                let Record::Offered(call) = record else {
                    unreachable!()
                };
                change_call(call);
            });
            assert!(
                line == 7 && matches!(wrong, Fault::Voucher { count: 2 }),
                "{wrong}"
            );
        }
        for change_paid in [
            |paid: &mut Paid| paid.cumulative += U256::from(1),
            |paid: &mut Paid| paid.count += 1,
            |paid: &mut Paid| paid.leaves_root = B256::ZERO,
        ] {
            let (line, wrong) = change(6, &|record| {
                let Record::Paid(paid) = record else {
                    unreachable!()
                };
                change_paid(paid);
            });
            assert!(
                line == 7 && matches!(wrong, Fault::Voucher { .. }),
                "{wrong}"
            );
        }
        for sketches in [
            vec![Bytes::from(vec![0x80])],
            vec![Bytes::new()],
            vec![Bytes::from(vec![1; 1_025])],
            vec![Bytes::from(vec![1]); 17],
        ] {
            let (_, wrong) = change(5, &|record| {
                let Record::Offered(call) = record else {
                    unreachable!()
                };
                call.sketches.clone_from(&sketches);
            });
            assert!(matches!(wrong, Fault::Sketches { .. }), "{wrong}");
        }
    }

    #[test]
    fn lines_are_bounded() {
        let mut text = bytes(&lines(1)[..1]);
        text.extend(vec![b' '; LINE_BYTES_MAX + 1]);
        let read = |text: &[u8]| ChannelCalls::parse(text, header().channel);
        // Not whole yet, and never to be.
        assert!(read(&text).unwrap().is_some());
        text.push(b'\n');
        assert!(matches!(read(&text), Err((2, Fault::TooLong { .. }))));
        text.extend([b' '; 10]);
        assert!(matches!(read(&text), Err((2, Fault::TooLong { .. }))));
    }

    #[test]
    fn a_directory_has_the_files_of_its_channels() {
        let directory = tempfile::tempdir().unwrap();
        let calls = CallsDirectory::open(directory.path()).unwrap();
        let channel = header().channel;
        assert!(calls.channel(channel).unwrap().is_none());
        let path = channel_path(directory.path(), channel);
        std::fs::write(&path, bytes(&lines(2))).unwrap();
        assert_eq!(calls.channel(channel).unwrap().unwrap().calls.len(), 2);
        std::fs::write(&path, b"{}\n").unwrap();
        let wrong = calls.channel(channel).unwrap_err().to_string();
        assert!(
            wrong.starts_with("line 1 of ") && wrong.contains("channel-0x0101"),
            "{wrong}"
        );
        std::fs::write(&path, b"").unwrap();
        assert!(calls.channel(channel).is_err());
        assert!(CallsDirectory::open(&directory.path().join("no")).is_err());
    }
}
