//! Which logs a caller wants: `eth_getLogs`, log filters and log subscriptions.

use crate::{
    api::{Api, Found},
    block_id::BlockId,
    cache::LogEntry,
    config::Limits,
    error::Failure,
    params::{FromJson, Object, ParamError, Path},
    workers::Deadline,
};
use alloy_primitives::{Address, B256, Log};
use openledger_store::LogBlocks;
use serde_json::value::RawValue;

/// Topics that a log has at most.
const TOPICS_MAX: usize = 4;
/// Blocks for which the index is read at a time: between two such reads the clock is looked at.
const INDEX_BLOCKS: u64 = 10_000;

/// Criteria of a log itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogFilter {
    /// Emitted by one of these; any if empty.
    pub(crate) addresses: Vec<Address>,
    /// At each position one of these; any if empty.
    pub(crate) topics: Vec<Vec<B256>>,
}

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogRange {
    /// In one block.
    Block(B256),
    /// From one block to another, both included.
    Blocks {
        /// The first; latest if not given.
        from: Option<BlockId>,
        /// The last; latest if not given.
        to: Option<BlockId>,
    },
}

impl LogFilter {
    /// Reads `address` and `topics` of a filter object.
    pub(crate) fn from_object(
        object: &Object<'_>,
        path: &Path<'_>,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let terms = |count: usize, path: &Path<'_>| {
            if count > limits.filter_terms_max {
                return Err(path.error(ParamError::TooMany {
                    count,
                    max: limits.filter_terms_max,
                }));
            }
            Ok(())
        };
        let addresses: Vec<Address> = match object.raw("address") {
            Some(raw) => one_or_many(raw, &path.field("address"))?,
            None => Vec::new(),
        };
        terms(addresses.len(), &path.field("address"))?;
        let topics_path = path.field("topics");
        let positions: Vec<Option<&RawValue>> =
            object.optional("topics", path)?.unwrap_or_default();
        if positions.len() > TOPICS_MAX {
            let reason = ParamError::TooMany {
                count: positions.len(),
                max: TOPICS_MAX,
            };
            return Err(topics_path.error(reason));
        }
        let mut topics = Vec::with_capacity(positions.len());
        for (index, raw) in positions.into_iter().enumerate() {
            let path = topics_path.index(index);
            let alternatives: Vec<Option<B256>> = match raw {
                Some(raw) => one_or_many(raw, &path)?,
                None => Vec::new(),
            };
            terms(alternatives.len(), &path)?;
            // A null among the alternatives means any.
            topics.push(
                alternatives
                    .into_iter()
                    .collect::<Option<Vec<_>>>()
                    .unwrap_or_default(),
            );
        }
        Ok(Self { addresses, topics })
    }

    /// Whether a log is wanted.
    pub(crate) fn matches(&self, log: &Log) -> bool {
        if !self.addresses.is_empty() && !self.addresses.contains(&log.address) {
            return false;
        }
        let topics = log.data.topics();
        self.topics.len() <= topics.len()
            && self.topics.iter().zip(topics).all(|(alternatives, topic)| {
                alternatives.is_empty() || alternatives.contains(topic)
            })
    }
}

fn one_or_many<'a, T: FromJson<'a>>(raw: &'a RawValue, path: &Path<'_>) -> Result<Vec<T>, Failure> {
    if raw.get().starts_with('[') {
        Vec::from_json(raw, path)
    } else {
        Ok(vec![T::from_json(raw, path)?])
    }
}

impl LogRange {
    /// Reads `blockHash`, `fromBlock` and `toBlock` of a filter object.
    pub(crate) fn from_object(object: &Object<'_>, path: &Path<'_>) -> Result<Self, Failure> {
        let from: Option<BlockId> = object.optional("fromBlock", path)?;
        let to: Option<BlockId> = object.optional("toBlock", path)?;
        match object.optional("blockHash", path)? {
            Some(_) if from.is_some() || to.is_some() => Err(path.error(ParamError::Conflict(
                "cannot specify both blockHash and fromBlock/toBlock, choose one or the other",
            ))),
            Some(hash) => Ok(Self::Block(hash)),
            None => Ok(Self::Blocks { from, to }),
        }
    }
}

/// A growing JSON array of logs, bounded.
pub(crate) struct LogsJson {
    json: Vec<u8>,
    count: usize,
    count_max: usize,
    bytes_max: usize,
}

impl LogsJson {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            json: vec![b'['],
            count: 0,
            count_max: limits.logs_max,
            bytes_max: limits.response_bytes_max,
        }
    }

    /// Whether as many logs are in it as may be.
    pub(crate) fn is_full(&self) -> bool {
        self.count >= self.count_max
    }

    /// Adds a log.
    pub(crate) fn push(&mut self, json: &[u8]) -> Result<(), Failure> {
        if self.is_full() {
            return Err(Failure::Limit {
                what: "logs in an answer",
                limit: "logs_max",
                max: self.count_max as u64,
            });
        }
        if self.json.len() + json.len() > self.bytes_max {
            return Err(crate::reply::too_large(self.bytes_max));
        }
        if self.count > 0 {
            self.json.push(b',');
        }
        self.json.extend_from_slice(json);
        self.count += 1;
        Ok(())
    }

    /// The whole array.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.json.push(b']');
        self.json
    }
}

impl Api {
    /// The logs of sealed blocks that a filter wants.
    pub(crate) fn find_logs(
        &self,
        filter: &LogFilter,
        range: LogRange,
        deadline: Deadline,
    ) -> Result<Vec<u8>, Failure> {
        let limits = &self.config.limits;
        let mut out = LogsJson::new(limits);
        let (from, to) = match range {
            LogRange::Block(hash) => match self.find(BlockId::Hash(hash))? {
                Some(Found::Sealed(number)) => (number, number),
                _ => return Err(Failure::UnknownBlockHash(hash)),
            },
            LogRange::Blocks { from, to } => {
                // A range up to the head may begin above it: nothing is there yet.
                let open_ended = !matches!(to, Some(BlockId::Number(_)));
                let from = self.range_end(from)?;
                let to = self.range_end(to)?;
                if from > to && open_ended {
                    return Ok(out.finish());
                }
                if from > to {
                    return Err(Failure::BlockRange { from, to });
                }
                (from, to)
            }
        };
        if to - from >= limits.logs_block_range_max {
            return Err(Failure::Limit {
                what: "blocks in a log query",
                limit: "logs_block_range_max",
                max: limits.logs_block_range_max,
            });
        }
        let to = to.min(self.chain.head().number);
        if from > to {
            return Ok(out.finish());
        }
        self.visit_logs(filter, from, to, deadline, |_, entry| {
            out.push(entry.json())
        })?;
        Ok(out.finish())
    }

    /// An end of a range; may be above the head. Logs are of sealed blocks, so `pending` is latest.
    fn range_end(&self, id: Option<BlockId>) -> Result<u64, Failure> {
        match id {
            None | Some(BlockId::Pending | BlockId::Latest) => Ok(self.chain.head().number),
            Some(BlockId::Number(number)) => Ok(number),
            Some(id) => self.number(id),
        }
    }

    /// Shows each log of a range of blocks that a filter wants, with its block's number.
    pub(crate) fn visit_logs(
        &self,
        filter: &LogFilter,
        from: u64,
        to: u64,
        deadline: Deadline,
        mut visit: impl FnMut(u64, &LogEntry) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.logs.verify(&self.chain)?;
        let mut block = |number: u64| {
            let Some(entries) = self.logs.get(number, &self.chain)? else {
                return Ok(());
            };
            for entry in entries.iter().filter(|entry| filter.matches(&entry.log)) {
                visit(number, entry)?;
            }
            deadline.check()
        };
        if from == to {
            return block(from);
        }
        for (first, last) in parts(from, to) {
            deadline.check()?;
            let store = self.chain.store();
            match store.log_blocks(&filter.addresses, &filter.topics, first, last)? {
                LogBlocks::Candidates(numbers) => numbers.into_iter().try_for_each(&mut block)?,
                LogBlocks::All => {
                    for number in first..=last {
                        // Most blocks of a quiet chain have no logs, and their headers say so.
                        if store
                            .header(number)?
                            .is_some_and(|header| !header.logs_bloom.is_zero())
                        {
                            block(number)?;
                        }
                        deadline.check()?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A range of blocks in parts, each with its first and last block.
fn parts(from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut next = (from <= to).then_some(from);
    std::iter::from_fn(move || {
        let first = next?;
        let last = to.min(first.saturating_add(INDEX_BLOCKS - 1));
        next = last.checked_add(1).filter(|following| *following <= to);
        Some((first, last))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, LogData};

    fn parse(json: &str) -> Result<(LogFilter, LogRange), Failure> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let path = Path::new("filter");
        let object = Object::from_json(raw, &path)?;
        let limits = Limits {
            filter_terms_max: 3,
            ..Limits::default()
        };
        Ok((
            LogFilter::from_object(&object, &path, &limits)?,
            LogRange::from_object(&object, &path)?,
        ))
    }

    fn log(address: u8, topics: &[u8]) -> Log {
        let topics = topics
            .iter()
            .map(|topic| B256::repeat_byte(*topic))
            .collect();
        Log {
            address: Address::repeat_byte(address),
            data: LogData::new_unchecked(topics, Bytes::new()),
        }
    }

    fn word(byte: u8) -> String {
        format!("\"{}\"", B256::repeat_byte(byte))
    }

    #[test]
    fn criteria_are_read_and_applied() {
        let address = format!("\"{}\"", Address::repeat_byte(1));
        let json = format!(
            r#"{{"address":{address},"topics":[null,[{},{}],{}]}}"#,
            word(2),
            word(3),
            word(4)
        );
        let (filter, range) = parse(&json).unwrap();
        assert_eq!(
            range,
            LogRange::Blocks {
                from: None,
                to: None
            }
        );
        assert!(filter.matches(&log(1, &[9, 2, 4])));
        assert!(filter.matches(&log(1, &[9, 3, 4, 5])));
        assert!(!filter.matches(&log(1, &[9, 4, 4])));
        assert!(!filter.matches(&log(2, &[9, 2, 4])));
        assert!(!filter.matches(&log(1, &[9, 2])));
        let (any, _) = parse("{}").unwrap();
        assert!(any.matches(&log(7, &[])));
        // A null alternative is a wildcard, but the position must exist.
        let (wild, _) = parse(&format!(r#"{{"topics":[[null,{}]]}}"#, word(1))).unwrap();
        assert!(wild.matches(&log(7, &[9])));
        assert!(!wild.matches(&log(7, &[])));
    }

    #[test]
    fn parts_cover_a_range_without_overlap() {
        let of = |from, to| parts(from, to).collect::<Vec<_>>();
        assert_eq!(of(5, 5), [(5, 5)]);
        assert_eq!(of(6, 5), []);
        assert_eq!(of(1, INDEX_BLOCKS), [(1, INDEX_BLOCKS)]);
        let expected = [(0, 9_999), (10_000, 19_999), (20_000, 20_000)];
        assert_eq!(of(0, 20_000), expected);
        let end = u64::MAX;
        assert_eq!(of(end - 1, end), [(end - 1, end)]);
    }

    #[test]
    fn bad_filters_are_refused() {
        let five = format!(r#"{{"topics":[null,null,null,null,{}]}}"#, word(1));
        assert!(
            parse(&five)
                .unwrap_err()
                .to_string()
                .contains("filter.topics")
        );
        let terms = [word(1), word(2), word(3), word(4)].join(",");
        let failure = parse(&format!(r#"{{"topics":[[{terms}]]}}"#)).unwrap_err();
        assert_eq!(failure.code(), -32602);
        assert!(
            failure.to_string().contains("4 elements, at most 3"),
            "{failure}"
        );
        let both = format!(r#"{{"blockHash":{},"fromBlock":"0x1"}}"#, word(1));
        assert_eq!(parse(&both).unwrap_err().code(), -32602);
        assert_eq!(parse(r#"{"address":"0x12"}"#).unwrap_err().code(), -32602);
        assert!(
            parse(r#"{"topics":[["0x12"]]}"#)
                .unwrap_err()
                .to_string()
                .contains("filter.topics[0][0]")
        );
    }

    #[test]
    fn answers_are_bounded() {
        let limits = Limits {
            logs_max: 2,
            response_bytes_max: 100,
            ..Limits::default()
        };
        let mut out = LogsJson::new(&limits);
        out.push(b"1").unwrap();
        out.push(b"2").unwrap();
        assert!(out.push(b"3").unwrap_err().to_string().contains("logs_max"));
        assert_eq!(out.finish(), b"[1,2]");
        let mut out = LogsJson::new(&limits);
        assert!(
            out.push(&[b'1'; 200])
                .unwrap_err()
                .to_string()
                .contains("response_bytes_max")
        );
    }
}
