use super::limits::{ROW_PREFIX, rows_per_page};

/// A row of a set: `u32be cluster ‖ u16be label ‖ dim × i8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Cluster that the row's data belongs to.
    pub cluster: u32,
    /// Class of the data, for KNN-Shapley.
    pub label: u16,
    /// Entries, in two's complement.
    pub vector: &'a [u8],
}

impl<'a> Row<'a> {
    /// Reads a record; `None` if it is shorter than the prefix.
    pub fn parse(record: &'a [u8]) -> Option<Self> {
        let (prefix, vector) = record.split_first_chunk::<ROW_PREFIX>()?;
        let [a, b, c, d, e, f] = *prefix;
        Some(Self {
            cluster: u32::from_be_bytes([a, b, c, d]),
            label: u16::from_be_bytes([e, f]),
            vector,
        })
    }
}

/// Bytes of a record.
pub const fn record_len(dim: u16) -> usize {
    (dim as usize).saturating_add(ROW_PREFIX)
}

/// The rows in `bytes`, which holds whole records.
pub fn rows(bytes: &[u8], dim: u16) -> impl Iterator<Item = Row<'_>> {
    bytes.chunks_exact(record_len(dim)).filter_map(Row::parse)
}

/// Pages of a set, and how many payload bytes page `page` has.
pub(crate) fn page_count(rows: u32, dim: u16) -> u32 {
    rows.div_ceil(rows_per_page(dim))
}

/// Payload bytes of page `page` of a set with `rows` rows.
pub(crate) fn page_len(rows: u32, dim: u16, page: u32) -> usize {
    let per_page = rows_per_page(dim);
    let here = rows
        .saturating_sub(page.saturating_mul(per_page))
        .min(per_page);
    (here as usize).saturating_mul(record_len(dim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PAGE_PAYLOAD_MAX,
        sketch::limits::{DIMENSIONS, ROWS_MAX},
    };

    #[test]
    fn pages_hold_all_rows() {
        for dim in DIMENSIONS {
            assert_eq!(
                rows_per_page(dim) as usize,
                PAGE_PAYLOAD_MAX / (dim as usize + 6)
            );
            for rows in [0, 1, 22, 23, 24, 93, 94, 351, ROWS_MAX] {
                let pages = page_count(rows, dim);
                let bytes: usize = (0..pages).map(|page| page_len(rows, dim, page)).sum();
                assert_eq!(bytes, rows as usize * record_len(dim));
                assert!((0..pages).all(|page| page_len(rows, dim, page) > 0));
                assert_eq!(page_len(rows, dim, pages), 0);
            }
        }
    }

    #[test]
    fn a_record_has_cluster_label_and_vector() {
        let record = [0, 0, 1, 2, 3, 4, 0xff, 5];
        assert_eq!(
            Row::parse(&record),
            Some(Row {
                cluster: 0x102,
                label: 0x304,
                vector: &[0xff, 5]
            })
        );
        assert_eq!(Row::parse(&record[..5]), None);
    }
}
