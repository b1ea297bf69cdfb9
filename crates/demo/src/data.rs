//! Contributions as the chain sees them: token streams, signatures, and the clusters that they settle into.

use crate::{task::Example, world::Contribution};
use alloy_primitives::B256;
use openledger_attribution::{
    clustering::Clustering,
    stream::{self, Kind},
};
use openledger_precompiles::sketch::{Signature, signature};
use std::path::Path;

/// A contribution's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Tokens of its canonical stream.
    pub(crate) tokens: usize,
    /// MinHash of that stream.
    pub(crate) signature: Signature,
}

impl Document {
    /// The file of a contribution.
    ///
    /// # Errors
    /// None: a table of numbers has a stream.
    pub(crate) fn new(contribution: &Contribution) -> anyhow::Result<Self> {
        let bytes = contribution.csv().into_bytes();
        let tokens = stream::tokens(Kind::Rows, &bytes, Path::new("table.csv"))?;
        Ok(Self {
            signature: signature(&tokens),
            tokens: tokens.len(),
            bytes,
        })
    }
}

/// Contributions, settled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settled {
    /// Whose each cluster is.
    pub(crate) owners: Vec<usize>,
    /// Rows of the clusters' first contributions, by cluster: what is trained on.
    pub(crate) rows: Vec<(u32, Example)>,
    /// Cluster of each contribution, and whether it began it.
    pub(crate) outcomes: Vec<(u32, bool)>,
}

impl Settled {
    /// Settles contributions in their order by the chain's rule.
    ///
    /// # Errors
    /// As [`Document::new`].
    pub(crate) fn new(space: B256, contributions: &[Contribution]) -> anyhow::Result<Self> {
        let mut clustering = Clustering::new(space);
        let mut settled = Self::default();
        for contribution in contributions {
            let (cluster, is_new) = clustering.settle(&Document::new(contribution)?.signature);
            settled.outcomes.push((cluster, is_new));
            if is_new {
                settled.owners.push(contribution.contributor);
                let rows = contribution.rows.iter().map(|row| (cluster, *row));
                settled.rows.extend(rows);
            }
        }
        Ok(settled)
    }

    /// The rows' samples.
    pub(crate) fn samples(&self) -> Vec<Example> {
        self.rows.iter().map(|(_, sample)| *sample).collect()
    }

    /// Those that aren't a contributor's.
    pub(crate) fn samples_without(&self, contributor: usize) -> Vec<Example> {
        let others = self
            .rows
            .iter()
            .filter(|(cluster, _)| self.owner(*cluster) != Some(contributor));
        others.map(|(_, sample)| *sample).collect()
    }

    /// Whose a cluster is.
    pub(crate) fn owner(&self, cluster: u32) -> Option<usize> {
        self.owners.get(cluster as usize).copied()
    }

    /// A contributor's part of all rows.
    pub(crate) fn row_share(&self, contributor: usize) -> f64 {
        let others = self.samples_without(contributor).len();
        1.0 - others as f64 / self.rows.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{COPIED, COPIER, Cheats, Field, World};

    /// Copies, and copies with changed cells, join the clusters of what they copy; nothing else is taken for a copy.
    #[test]
    fn copies_own_nothing() {
        for seed in 0..4 {
            let contributions = World::new(seed).contributions(Field::First, Cheats::ALL);
            let settled = Settled::new(B256::repeat_byte(1), &contributions).unwrap();
            for (contribution, (cluster, is_new)) in contributions.iter().zip(&settled.outcomes) {
                assert_eq!(*is_new, contribution.contributor != COPIER);
                if !is_new {
                    assert_eq!(settled.owner(*cluster), Some(COPIED));
                }
            }
            assert_eq!(settled.row_share(COPIER), 0.0);
        }
    }
}
