//! Events of the contracts, in ranges that public endpoints answer.

use super::DeployError;
use crate::L1Error;
use alloy_primitives::Log;
use alloy_sol_types::SolEvent;

/// Blocks of one query.
pub(super) const QUERY_BLOCKS: u64 = 1_000;

/// Ranges that cover the blocks from `first` to `last`, both ends included.
pub(super) fn ranges(first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut next = Some(first).filter(|first| *first <= last);
    std::iter::from_fn(move || {
        let from = next?;
        let to = last.min(from.saturating_add(QUERY_BLOCKS - 1));
        next = to.checked_add(1).filter(|next| *next <= last);
        Some((from, to))
    })
}

/// Decodes an event.
///
/// # Errors
/// A log of another form: the contract is not what its address says.
pub(super) fn decode<E: SolEvent>(what: &'static str, log: &Log) -> Result<Log<E>, DeployError> {
    E::decode_log(log).map_err(|source| {
        L1Error::Abi {
            function: what,
            source,
        }
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_block_once() {
        let all = |first, last| ranges(first, last).collect::<Vec<_>>();
        assert_eq!(all(5, 5), [(5, 5)]);
        assert_eq!(all(0, 999), [(0, 999)]);
        assert_eq!(all(0, 2_000), [(0, 999), (1_000, 1_999), (2_000, 2_000)]);
        assert!(all(6, 5).is_empty());
        assert_eq!(all(u64::MAX, u64::MAX), [(u64::MAX, u64::MAX)]);
    }
}
