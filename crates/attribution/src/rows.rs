//! The rows of a set: from a file, or from the chain.

use super::chain::SketchSet;
use anyhow::{bail, ensure};
use clap::Args;
use openledger_client::{BlockArgs, NodeArgs, View, files};
use openledger_precompiles::sketch::{
    Row, lambda,
    limits::{AT_CAP_PERCENT, DIMENSIONS, ENTRIES_MAX, ROWS_MAX, SET_CLUSTERS_MAX},
    record_len, rows,
};
use std::path::{Path, PathBuf};

/// Longest file of rows that is read, bytes: a full set of the widest rows.
const FILE_BYTES_MAX: u64 = ENTRIES_MAX + ROWS_MAX as u64 * 6;
/// The entry that no row may have.
const BAD_ENTRY: u8 = 0x80;

/// Where the rows are.
#[derive(Debug, Clone, Args)]
pub(super) struct RowsArgs {
    /// Take the rows from this file, as `sketch` writes them, instead of the chain
    #[arg(long, value_name = "FILE", requires = "dim", conflicts_with_all = ["set", "block"])]
    pub(super) rows: Option<PathBuf>,
    /// Entries of a row of --rows
    #[arg(long, value_name = "N", requires = "rows")]
    pub(super) dim: Option<u16>,
    /// Take the rows of this SKETCH set from the chain
    #[arg(long, value_name = "ID", required_unless_present = "rows")]
    pub(super) set: Option<u64>,
    #[command(flatten)]
    pub(super) block: BlockArgs,
    #[command(flatten)]
    pub(super) node: NodeArgs,
}

/// Rows, checked as the chain checks them.
#[derive(Debug)]
pub struct Rows {
    /// The records, one after the other.
    pub records: Vec<u8>,
    /// Entries of a row.
    pub dim: u16,
    /// λ of a set with these rows.
    pub lambda: u64,
    /// What they were read from, if that is the chain.
    pub origin: Option<(View, SketchSet)>,
}

impl Rows {
    /// Reads the rows.
    pub(super) async fn load(args: &RowsArgs) -> anyhow::Result<Self> {
        match (&args.rows, args.dim, args.set) {
            (Some(path), Some(dim), _) => Self::from_file(path, dim),
            (None, _, Some(set)) => {
                let node = args.node.connect().await?;
                let view = node.at(args.block.block).await?;
                let set = SketchSet::read(&view, set).await?;
                set.require_sealed(view.block.number)?;
                Ok(Self {
                    records: set.records().to_vec(),
                    dim: set.header.dim,
                    lambda: set.header.lambda,
                    origin: Some((view, set)),
                })
            }
            _ => bail!("name the rows by --rows FILE --dim N or by --set ID"),
        }
    }

    /// Reads a file of rows.
    ///
    /// # Errors
    /// A file that can't be read, or rows that no set takes.
    pub fn from_file(path: &Path, dim: u16) -> anyhow::Result<Self> {
        let records = files::read(path, FILE_BYTES_MAX)?;
        let counted = Counted::of(&records, dim, None)?;
        Ok(Self {
            lambda: lambda(counted.sum_norm2),
            records,
            dim,
            origin: None,
        })
    }

    /// The rows.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        rows(&self.records, self.dim)
    }
}

/// What the chain counts of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Rows.
    pub(super) rows: u32,
    /// Distinct clusters.
    pub(super) clusters: u32,
    /// Rows near the norm cap.
    pub(super) at_cap: u32,
    /// Sum of the squared norms.
    pub(super) sum_norm2: u64,
    /// Cluster of the last row.
    pub(super) last_cluster: u32,
}

impl Counted {
    /// Counts whole rows, and refuses those that no set takes: the error says which row, and what the chain
    /// would call it. `norm_cap2` is the cap of a set of kind 0.
    pub(super) fn of(records: &[u8], dim: u16, norm_cap2: Option<u32>) -> anyhow::Result<Self> {
        ensure!(
            DIMENSIONS.contains(&dim),
            "dimension {dim} is not one of {DIMENSIONS:?} (BadDim)"
        );
        ensure!(
            !records.is_empty() && records.len().is_multiple_of(record_len(dim)),
            "{} bytes aren't rows of {} bytes (BadRow)",
            records.len(),
            record_len(dim)
        );
        let mut counted = Self::default();
        for row in rows(records, dim) {
            counted.add(row, norm_cap2)?;
        }
        Ok(counted)
    }

    fn add(&mut self, row: Row<'_>, norm_cap2: Option<u32>) -> anyhow::Result<()> {
        let number = self.rows;
        ensure!(number < ROWS_MAX, "more than {ROWS_MAX} rows (TooManyRows)");
        if let Some(column) = row.vector.iter().position(|entry| *entry == BAD_ENTRY) {
            bail!("row {number}: entry {column} is -128 (BadInt8)");
        }
        let norm2 = norm2(row.vector);
        if let Some(cap) = norm_cap2 {
            ensure!(
                norm2 <= u64::from(cap),
                "row {number}: squared norm {norm2} is above the cap of {cap} (NormTooLarge)"
            );
            if norm2 * 100 >= u64::from(cap) * AT_CAP_PERCENT {
                self.at_cap += 1;
            }
        }
        if number == 0 || row.cluster != self.last_cluster {
            ensure!(
                number == 0 || row.cluster > self.last_cluster,
                "row {number}: cluster {} comes after cluster {} (BadRow)",
                row.cluster,
                self.last_cluster
            );
            self.clusters += 1;
            ensure!(
                self.clusters <= SET_CLUSTERS_MAX,
                "row {number}: more than {SET_CLUSTERS_MAX} clusters (TooManyClusters)"
            );
        }
        self.last_cluster = row.cluster;
        self.sum_norm2 += norm2;
        self.rows += 1;
        Ok(())
    }
}

/// Squared norm of a vector.
fn norm2(vector: &[u8]) -> u64 {
    vector
        .iter()
        .map(|entry| u64::from((*entry as i8).unsigned_abs()).pow(2))
        .sum()
}

/// The vectors of a file of queries, `dim` bytes each, at most `max`.
pub(super) fn read_vectors(path: &Path, dim: u16, max: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let dim = usize::from(dim);
    let bytes = files::read(path, (dim * max) as u64)?;
    ensure!(
        !bytes.is_empty() && bytes.len().is_multiple_of(dim),
        "{} has {} bytes, no multiple of {dim}: `sketch --raw` writes queries",
        path.display(),
        bytes.len()
    );
    Ok(bytes.chunks_exact(dim).map(<[u8]>::to_vec).collect())
}

#[cfg(test)]
pub(super) fn record(cluster: u32, label: u16, vector: &[i8]) -> Vec<u8> {
    let mut record = cluster.to_be_bytes().to_vec();
    record.extend(label.to_be_bytes());
    record.extend(vector.iter().map(|entry| *entry as u8));
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(records: &[Vec<u8>], cap: Option<u32>) -> String {
        Counted::of(&records.concat(), 64, cap)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn rows_are_counted_as_the_chain_counts_them() {
        let records = [
            record(3, 0, &[1; 64]),
            record(3, 1, &[-2; 64]),
            record(9, 2, &[0; 64]),
        ];
        let counted = Counted::of(&records.concat(), 64, Some(256)).unwrap();
        assert_eq!(
            counted,
            Counted {
                rows: 3,
                clusters: 2,
                at_cap: 1,
                sum_norm2: 64 + 256,
                last_cluster: 9,
            }
        );
        assert!(refusal(&records, Some(255)).contains("NormTooLarge"));
    }

    #[test]
    fn rows_that_no_set_takes_are_named() {
        let good = record(3, 0, &[1; 64]);
        assert!(
            refusal(&[good.clone(), record(2, 0, &[1; 64])], None).contains("row 1: cluster 2")
        );
        let mut bad = [1; 64];
        bad[7] = -128;
        assert!(refusal(&[good.clone(), record(3, 0, &bad)], None).contains("row 1: entry 7"));
        assert!(refusal(&[good[..69].to_vec()], None).contains("BadRow"));
        assert!(refusal(&[], None).contains("BadRow"));
        assert!(Counted::of(&good, 63, None).is_err());
        let many: Vec<_> = (0..1_025)
            .map(|cluster| record(cluster, 0, &[1; 64]))
            .collect();
        assert!(refusal(&many, None).contains("TooManyClusters"));
        let many: Vec<_> = (0..4_097).map(|_| good.clone()).collect();
        assert!(refusal(&many, None).contains("TooManyRows"));
    }
}
