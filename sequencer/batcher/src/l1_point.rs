/// The L1's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L1Point {
    /// Its number.
    pub number: u64,
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Its base fee, wei a gas.
    pub base_fee: u128,
    /// Its excess blob gas; `None` where the L1 has no blobs.
    pub excess_blob_gas: Option<u64>,
}
