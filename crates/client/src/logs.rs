//! Log queries over more blocks than an endpoint answers for at once.

use crate::{Failure, http::TooLong, node::TooSlow};
use alloy_rpc_types_eth::{Filter, Log};
use anyhow::ensure;
use openledger_l1::L1Error;
use std::{ops::RangeInclusive, time::Duration};
use tokio::time::Instant;

/// Blocks of the first query: what our own node answers at once from its index, and most services allow.
const QUERY_BLOCKS: u64 = 10_000;
/// Most blocks of a query.
const QUERY_BLOCKS_MAX: u64 = 1 << 20;
/// Answers after which the next query may be twice as long; each query that is refused for that doubles their number.
const CALM_QUERIES: u32 = 4;
const CALM_QUERIES_MAX: u32 = 1 << 16;
/// Most blocks that are looked through: thirty years of one a second.
const RANGE_MAX: u64 = 1_000_000_000;
/// Time between lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// How many blocks are asked for at once: as many as the endpoint takes, which it tells by refusing more. How many that
/// are depends on how many logs they have as well, so that longer queries are tried again later.
#[derive(Debug)]
struct Length {
    blocks: u64,
    /// Answers since the length changed.
    calm: u32,
    /// Answers before a longer query is tried.
    patience: u32,
    /// Whether the length is one that is tried.
    is_trial: bool,
}

impl Length {
    const fn new() -> Self {
        Self {
            blocks: QUERY_BLOCKS,
            calm: 0,
            patience: CALM_QUERIES,
            is_trial: false,
        }
    }

    fn answered(&mut self) {
        self.calm += 1;
        self.is_trial = false;
        if self.calm >= self.patience && self.blocks < QUERY_BLOCKS_MAX {
            *self = Self {
                blocks: (self.blocks * 2).min(QUERY_BLOCKS_MAX),
                calm: 0,
                patience: self.patience,
                is_trial: true,
            };
        }
    }

    /// After a query of so many blocks, more than one.
    fn refused(&mut self, asked: u64) {
        if self.is_trial {
            self.patience = (self.patience * 2).min(CALM_QUERIES_MAX);
        }
        *self = Self {
            blocks: asked / 2,
            calm: 0,
            patience: self.patience,
            is_trial: false,
        };
    }
}

/// Shows `visit` every log that `filter` wants in `blocks`, the oldest first, by queries that are as long as
/// the endpoint takes: one that is refused, takes too long or has too long an answer is asked again for half of its
/// blocks. `layer` is what the person is told of, where it takes long.
///
/// # Errors
/// What `query` answers for a single block or for another reason than the length; what `visit` answers.
pub async fn visit_logs(
    layer: &str,
    filter: &Filter,
    blocks: RangeInclusive<u64>,
    query: impl AsyncFn(&Filter) -> anyhow::Result<Vec<Log>>,
    mut visit: impl FnMut(&Log) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (first, last) = blocks.into_inner();
    ensure!(
        last.saturating_sub(first) <= RANGE_MAX,
        "{layer}: {} blocks are more than can be looked through",
        last.saturating_sub(first)
    );
    let mut from = first;
    let mut length = Length::new();
    let mut seen = 0_u64;
    let mut told = Instant::now();
    while from <= last {
        // No more than RANGE_MAX beyond `last`.
        let length_now = length.blocks.min(last - from + 1);
        let to = from + (length_now - 1);
        let part = filter.clone().from_block(from).to_block(to);
        match query(&part).await {
            Ok(logs) => {
                seen = seen.saturating_add(logs.len() as u64);
                logs.iter().try_for_each(&mut visit)?;
                length.answered();
            }
            Err(error) if length_now > 1 && is_too_long(&error) => {
                length.refused(length_now);
                continue;
            }
            Err(error) => return Err(error),
        }
        from = to + 1;
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            let percent = (u128::from(from - first) * 100) / u128::from(last - first + 1);
            eprintln!("{layer}: looked through to block {to} of {last} ({percent} %, {seen} logs)");
        }
    }
    Ok(())
}

/// Whether fewer blocks might be answered: nothing else tells an endpoint's limits.
fn is_too_long(error: &anyhow::Error) -> bool {
    let l1 = error.downcast_ref::<L1Error>();
    matches!(l1, Some(L1Error::Refused { .. } | L1Error::Timeout { .. }))
        || match error.downcast_ref::<Failure>() {
            Some(Failure::Refused(_)) => true,
            Some(Failure::NoAnswer(error)) => error.is::<TooLong>() || error.is::<TooSlow>(),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::BlockNumberOrTag;
    use anyhow::anyhow;
    use std::cell::RefCell;

    fn ends(filter: &Filter) -> (u64, u64) {
        let number = |end: Option<BlockNumberOrTag>| end.unwrap().as_number().unwrap();
        let option = &filter.block_option;
        (
            number(option.get_from_block().copied()),
            number(option.get_to_block().copied()),
        )
    }

    /// An endpoint that answers for so many blocks at once, with a log in each.
    async fn visited(
        blocks: RangeInclusive<u64>,
        blocks_max: u64,
    ) -> (anyhow::Result<()>, Vec<u64>, usize) {
        let (mut seen, asked) = (Vec::new(), RefCell::new(0));
        let outcome = visit_logs(
            "L2",
            &Filter::new(),
            blocks,
            async |part| {
                *asked.borrow_mut() += 1;
                let (from, to) = ends(part);
                if to - from >= blocks_max {
                    return Err(Failure::Refused("too many blocks".to_owned()).into());
                }
                let log = |number| Log {
                    block_number: Some(number),
                    ..Log::default()
                };
                Ok((from..=to).map(log).collect())
            },
            |log| {
                seen.extend(log.block_number);
                Ok(())
            },
        )
        .await;
        (outcome, seen, asked.into_inner())
    }

    #[tokio::test]
    async fn every_block_is_seen_once_whatever_the_endpoint_s_limit() {
        for (first, last, blocks_max, queries) in [
            (5, 5, 1, 1),
            (0, 9_999, QUERY_BLOCKS, 1),
            (7, 20_006, QUERY_BLOCKS, 2),
            // Three refusals: 10,000, 5,000 and 2,500 are too many. A fourth is tried after four answers, and the next after eight.
            (0, 9_999, 2_000, 3 + 8 + 1),
            // 25, 12, 6 and 3 are too many; two are tried after four answers, and after eight more.
            (0, 24, 1, 4 + 25 + 2),
            // Four of 10,000 blocks, four of 20,000, and what is left.
            (0, 199_999, u64::MAX, 4 + 4 + 2),
        ] {
            let (outcome, seen, asked) = visited(first..=last, blocks_max).await;
            outcome.unwrap();
            assert_eq!(seen, (first..=last).collect::<Vec<_>>());
            assert_eq!(asked, queries, "{first} to {last} by {blocks_max}");
        }
        // The last block there can be.
        let (outcome, seen, _) = visited(u64::MAX - 3..=u64::MAX - 1, 2).await;
        outcome.unwrap();
        assert_eq!(seen.len(), 3);
        #[expect(clippy::reversed_empty_ranges)]
        let (outcome, seen, asked) = visited(6..=5, 1).await;
        assert!(outcome.is_ok() && seen.is_empty() && asked == 0);
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_or_too_late_is_asked_for_in_parts() {
        let reasons: [fn() -> anyhow::Error; 2] =
            [|| TooLong { limit: 1 }.into(), || TooSlow.into()];
        for reason in reasons {
            let seen = RefCell::new(0);
            let query = async |part: &Filter| {
                let (from, to) = ends(part);
                if to - from >= 3 {
                    return Err(
                        anyhow::Error::from(Failure::NoAnswer(reason())).context("eth_getLogs")
                    );
                }
                *seen.borrow_mut() += to - from + 1;
                Ok(Vec::new())
            };
            let outcome = visit_logs("L2", &Filter::new(), 0..=99, query, |_| Ok(())).await;
            outcome.unwrap();
            assert_eq!(seen.into_inner(), 100);
        }
    }

    #[tokio::test]
    async fn what_fewer_blocks_don_t_mend_is_an_error() {
        let (outcome, ..) = visited(0..=7, 0).await;
        assert!(outcome.unwrap_err().to_string().contains("too many blocks"));
        let (outcome, _, asked) = visited(0..=RANGE_MAX + 1, 1).await;
        assert!(outcome.is_err() && asked == 0);
        let asked = RefCell::new(0);
        let query = async |_: &Filter| {
            *asked.borrow_mut() += 1;
            Err(anyhow!("out of reach"))
        };
        let outcome = visit_logs("L2", &Filter::new(), 0..=7, query, |_| Ok(())).await;
        assert!(outcome.is_err() && asked.into_inner() == 1);
    }
}
