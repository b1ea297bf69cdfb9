//! SKETCH's limits, and the relations between them that the arithmetic relies on.

use crate::{CALLDATA_LEN_MAX, PAGE_PAYLOAD_MAX};

/// Dimensions that a set can have.
pub const DIMENSIONS: [u16; 5] = [64, 128, 256, 512, 1024];
/// Largest of [`DIMENSIONS`].
pub const DIM_MAX: usize = 1024;
/// Most rows of a set.
pub const ROWS_MAX: u32 = 4096;
/// Most entries of a set, rows × dim.
pub const ENTRIES_MAX: u64 = 1 << 22;
/// Most distinct clusters of a set.
pub const SET_CLUSTERS_MAX: u32 = 1024;
/// Most queries of a batch.
pub const BATCH_MAX: usize = 16;
/// Most neighbours K of KNN-Shapley; the least is 1.
pub const NEIGHBOURS_MAX: u8 = 64;
/// Largest magnitude of a witness's entry.
pub const WITNESS_MAX: i16 = 16_383;
/// Largest shift of a query.
pub const SHIFT_MAX: u8 = 62;
/// A witness is accepted if its residual is at most the query's norm divided by this.
pub const RESIDUAL_DIVISOR: u32 = 256;
/// Scores are scaled by two to this power.
pub const SCORE_BITS: u8 = 40;
/// A cluster's squared sum counts up to this value.
pub const SQUARE_MAX: u128 = 1 << 120;
/// `sumNorm2` is divided by this to give lambda.
pub const LAMBDA_DIVISOR: u64 = 1024;
/// A row is at the cap if 100 · ‖row‖² is at least this many times `normCap2`.
pub const AT_CAP_PERCENT: u64 = 81;

/// Bytes of a row record before its vector: cluster and label.
pub const ROW_PREFIX: usize = 6;

/// First and last block after `seedBlock` at which the seed can be drawn.
pub const SEED_DELAY: (u64, u64) = (2, 250);
/// First and last block after a commitment at which it can be revealed.
pub const REVEAL_DELAY: (u64, u64) = (2, 50);
/// Most commitments that one `settle` takes.
pub const SETTLE_MAX: u16 = 64;

/// Words of a MinHash signature.
pub const SIGNATURE_WORDS: usize = 32;
/// Bands of a signature.
pub const BANDS: usize = 8;
/// Words of a band.
pub const BAND_WORDS: usize = 4;
/// Equal words that make two signatures of one cluster.
pub const MATCHES_MIN: usize = 16;
/// Tokens of a gram that a signature hashes.
pub const GRAM_TOKENS: usize = 5;

/// Rows of a page of a set with `dim` dimensions.
pub const fn rows_per_page(dim: u16) -> u32 {
    let record = (dim as u32).saturating_add(ROW_PREFIX as u32);
    match (PAGE_PAYLOAD_MAX as u32).checked_div(record) {
        Some(rows) => rows,
        // A record has at least its prefix.
        None => 0,
    }
}

const _: () = {
    assert!(DIMENSIONS[4] as usize == DIM_MAX);
    // No set can have more entries than ENTRIES_MAX: the rows' limit implies it.
    assert!(ROWS_MAX as u64 * DIM_MAX as u64 == ENTRIES_MAX);
    // A row fits a page, and a full page of the widest rows an append.
    assert!(rows_per_page(DIM_MAX as u16) > 0);
    assert!(CALLDATA_LEN_MAX > PAGE_PAYLOAD_MAX + 256);
    // a_k fits 32 bits, even for entries of −128.
    assert!((DIM_MAX as i64) * 128 * (WITNESS_MAX as i64) < 1 << 31);
    // Neither half of a_k, times an entry, overflows 32 bits within FLUSH_ROWS rows.
    assert!(super::kernel::FLUSH_ROWS as i64 * 128 * (1 << 15) < 1 << 31);
    // u_d fits 64 bits.
    assert!((ROWS_MAX as i128) * 128 * (1 << 31) < 1 << 63);
    // A squared distance fits 32 bits.
    assert!((DIM_MAX as i64) * 255 * 255 < 1 << 31);
    // The bands cover the signature.
    assert!(BANDS * BAND_WORDS == SIGNATURE_WORDS);
    // A batch's squares fit 128 bits.
    assert!(SQUARE_MAX < u128::MAX / BATCH_MAX as u128);
    // A batch of the widest queries and witnesses fits in the calldata.
    assert!(BATCH_MAX * (DIM_MAX + 32 + 2 * DIM_MAX + 32 + 32) + 1024 < CALLDATA_LEN_MAX);
    // Seeds and reveals are read from block hashes that EIP-2935 still serves.
    assert!(SEED_DELAY.0 < SEED_DELAY.1 && SEED_DELAY.1 < 8191);
    assert!(REVEAL_DELAY.0 < REVEAL_DELAY.1);
};
