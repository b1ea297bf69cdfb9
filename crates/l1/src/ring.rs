use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_primitives::SealedHeader;
use std::collections::VecDeque;

/// The newest headers of the canonical L1 chain, contiguous and at most as many as its capacity.
///
/// Invariant: each header's parent hash is the hash of the one before it.
#[derive(Debug, Clone)]
pub(crate) struct HeaderRing {
    headers: VecDeque<SealedHeader>,
    capacity: usize,
}

impl HeaderRing {
    /// An empty ring for up to `capacity` headers, at least 1.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            headers: VecDeque::new(),
            capacity: capacity.max(1),
        }
    }

    /// The newest header.
    pub(crate) fn tip(&self) -> Option<&SealedHeader> {
        self.headers.back()
    }

    /// The oldest header kept.
    pub(crate) fn oldest(&self) -> Option<&SealedHeader> {
        self.headers.front()
    }

    /// The canonical header at this height, if it is kept.
    pub(crate) fn get(&self, number: u64) -> Option<&SealedHeader> {
        let first = self.headers.front()?.number;
        self.headers
            .get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// Whether this block is kept as canonical.
    pub(crate) fn contains(&self, number: u64, hash: B256) -> bool {
        self.get(number).is_some_and(|header| header.hash() == hash)
    }

    /// Most headers.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Replaces everything above `ancestor` by `branch`, which starts with the ancestor's child.
    /// Where the ancestor is unknown (`None`), `branch` replaces everything.
    pub(crate) fn adopt(
        &mut self,
        ancestor: Option<BlockNumHash>,
        branch: impl IntoIterator<Item = SealedHeader>,
    ) {
        match ancestor {
            Some(ancestor) => {
                while self.tip().is_some_and(|tip| tip.number > ancestor.number) {
                    self.headers.pop_back();
                }
            }
            None => self.headers.clear(),
        }
        for header in branch {
            debug_assert!(
                self.tip()
                    .is_none_or(|tip| tip.hash() == header.parent_hash)
            );
            self.headers.push_back(header);
            if self.headers.len() > self.capacity {
                self.headers.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openledger_primitives::Header;

    /// `count` headers on top of `parent`; `fork` makes branches differ.
    fn chain(parent: Option<&SealedHeader>, count: u64, fork: u64) -> Vec<SealedHeader> {
        let mut out: Vec<SealedHeader> = Vec::new();
        for _ in 0..count {
            let (number, parent_hash) = match out.last().or(parent) {
                Some(parent) => (parent.number + 1, parent.hash()),
                None => (0, B256::ZERO),
            };
            out.push(SealedHeader::new(Header {
                number,
                parent_hash,
                timestamp: fork,
                ..Default::default()
            }));
        }
        out
    }

    #[test]
    fn keeps_the_newest() {
        let mut ring = HeaderRing::new(4);
        assert!(ring.tip().is_none() && ring.get(0).is_none());
        let headers = chain(None, 6, 0);
        ring.adopt(None, headers.clone());
        assert_eq!(ring.oldest(), Some(&headers[2]));
        assert_eq!(ring.tip(), Some(&headers[5]));
        assert_eq!(ring.get(1), None);
        assert_eq!(ring.get(3), Some(&headers[3]));
        assert_eq!(ring.get(6), None);
        assert!(ring.contains(4, headers[4].hash()));
        assert!(!ring.contains(4, headers[3].hash()));
    }

    #[test]
    fn a_branch_replaces_what_stood_above_its_ancestor() {
        let mut ring = HeaderRing::new(10);
        let headers = chain(None, 6, 0);
        ring.adopt(None, headers.clone());
        let branch = chain(Some(&headers[2]), 2, 1);
        ring.adopt(Some(crate::block::id_of(&headers[2])), branch.clone());
        assert_eq!(ring.tip(), Some(&branch[1]));
        assert_eq!(ring.get(2), Some(&headers[2]));
        assert_eq!(ring.get(3), Some(&branch[0]));
        assert_eq!(ring.get(5), None);
    }
}
