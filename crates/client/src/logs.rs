//! Log queries over more blocks than an endpoint answers for at once.

use crate::Failure;
use alloy_rpc_types_eth::{Filter, Log};
use anyhow::ensure;
use openledger_l1::L1Error;
use std::{ops::RangeInclusive, time::Duration};
use tokio::time::Instant;

/// Blocks of a query unless the endpoint takes fewer: what our own node answers at once from its index, and
/// most services allow.
const QUERY_BLOCKS: u64 = 10_000;
/// Most blocks that are looked through: thirty years of one a second.
const RANGE_MAX: u64 = 1_000_000_000;
/// Time between lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Shows `visit` every log that `filter` wants in `blocks`, the oldest first, by queries that are as long as
/// the endpoint takes: one that is refused or takes too long is asked again for half of its blocks. `layer` is
/// what the person is told of, where it takes long.
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
    let (mut from, last) = blocks.into_inner();
    ensure!(
        last.saturating_sub(from) <= RANGE_MAX,
        "{layer}: {} blocks are more than can be looked through",
        last.saturating_sub(from)
    );
    let mut length = QUERY_BLOCKS;
    let mut told = Instant::now();
    while from <= last {
        // No more than RANGE_MAX beyond `last`.
        let length_now = length.min(last - from + 1);
        let to = from + (length_now - 1);
        let part = filter.clone().from_block(from).to_block(to);
        match query(&part).await {
            Ok(logs) => logs.iter().try_for_each(&mut visit)?,
            Err(error) if length_now > 1 && is_too_long(&error) => {
                length = length_now / 2;
                continue;
            }
            Err(error) => return Err(error),
        }
        from = to + 1;
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            eprintln!("{layer}: looked through to block {to} of {last}");
        }
    }
    Ok(())
}

/// Whether fewer blocks might be answered: nothing else tells an endpoint's limits.
fn is_too_long(error: &anyhow::Error) -> bool {
    let l1 = error.downcast_ref::<L1Error>();
    matches!(l1, Some(L1Error::Refused { .. } | L1Error::Timeout { .. }))
        || matches!(error.downcast_ref::<Failure>(), Some(Failure::Refused(_)))
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
            // Three refusals: 10,000, 5,000 and 2,500 are too many.
            (0, 9_999, 2_000, 3 + 8),
            (0, 24, 1, 4 + 25),
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
