use alloy_consensus::Header;
use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_primitives::L1ChainConfig;

/// What an L2 block may know of its L1 origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L1Block {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Timestamp, seconds.
    pub timestamp: u64,
    /// Base fee, wei per gas; zero where the L1 has none.
    pub base_fee: u64,
    /// `prevRandao`: the header's mix hash.
    pub prev_randao: B256,
    /// EIP-4788 root, where the L1 has one.
    pub parent_beacon_block_root: Option<B256>,
    /// Blob base fee, wei per blob gas; 1 where the L1 has no blobs.
    pub blob_base_fee: u128,
}

impl L1Block {
    /// From a header whose hash is `hash`.
    pub fn from_header(header: &Header, hash: B256, l1: &L1ChainConfig) -> Self {
        Self {
            number: header.number,
            hash,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            prev_randao: header.mix_hash,
            parent_beacon_block_root: header.parent_beacon_block_root,
            blob_base_fee: l1.blob_base_fee(header.timestamp, header.excess_blob_gas),
        }
    }

    /// Number and hash.
    pub const fn id(&self) -> BlockNumHash {
        BlockNumHash {
            number: self.number,
            hash: self.hash,
        }
    }
}
