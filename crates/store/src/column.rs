//! What lives where. Integers in keys are big-endian, so that keys sort by number.

use crate::options::StoreOptions;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DataBlockIndexType,
    Options,
};

/// A column family.
///
/// | column | key | value |
/// |---|---|---|
/// | `Meta` | name | schema, head, oldest history, safe and finalized heads, callers' own |
/// | `Headers` | number | hash ‖ header RLP |
/// | `BlockNumbers` | block hash | number |
/// | `Bodies` | number | transactions (EIP-2718), senders of signed ones |
/// | `Receipts` | number | status, gas, logs; blooms are recomputed |
/// | `TxIndex` | transaction hash | number, index |
/// | `Accounts` | address | account with storage root |
/// | `Storage` | address ‖ slot | word without leading zeros |
/// | `Code` | code hash | code |
/// | `Trie` | trie path | node RLP |
/// | `AccountHistory` | address ‖ number | account after that block; empty: none |
/// | `StorageHistory` | address ‖ slot ‖ number | word after that block; empty: zero |
/// | `TrieHistory` | trie path ‖ number | node record after that block; empty: none |
/// | `Changes` | number | accounts, slots and trie paths that the block changed |
/// | `LogIndex` | kind, digest ‖ number | nothing |
/// | `Pool` | transaction hash | a pooled transaction |
/// | `AddressIndex` | address ‖ number ‖ index | nothing |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Meta,
    Headers,
    BlockNumbers,
    Bodies,
    Receipts,
    TxIndex,
    Accounts,
    Storage,
    Code,
    Trie,
    AccountHistory,
    StorageHistory,
    TrieHistory,
    Changes,
    LogIndex,
    Pool,
    AddressIndex,
}

/// How a column is read, which decides its layout on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// By whole key, often: small blocks with a hash index, lz4 until the last level, bloom filters.
    Point,
    /// By whole key, rarely: as `Point`, with larger blocks and zstd.
    ColdPoint,
    /// By seeking: large blocks, zstd, no filters, since a seek can't use them.
    Seek,
    /// Short-lived.
    Queue,
}

impl Column {
    /// All column families.
    pub(crate) const ALL: [Self; 17] = [
        Self::Meta,
        Self::Headers,
        Self::BlockNumbers,
        Self::Bodies,
        Self::Receipts,
        Self::TxIndex,
        Self::Accounts,
        Self::Storage,
        Self::Code,
        Self::Trie,
        Self::AccountHistory,
        Self::StorageHistory,
        Self::TrieHistory,
        Self::Changes,
        Self::LogIndex,
        Self::Pool,
        Self::AddressIndex,
    ];

    /// The column family's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Headers => "headers",
            Self::BlockNumbers => "block_numbers",
            Self::Bodies => "bodies",
            Self::Receipts => "receipts",
            Self::TxIndex => "tx_index",
            Self::Accounts => "accounts",
            Self::Storage => "storage",
            Self::Code => "code",
            Self::Trie => "trie",
            Self::AccountHistory => "account_history",
            Self::StorageHistory => "storage_history",
            Self::TrieHistory => "trie_history",
            Self::Changes => "changes",
            Self::LogIndex => "log_index",
            Self::Pool => "pool",
            Self::AddressIndex => "address_index",
        }
    }

    const fn access(self) -> Access {
        match self {
            Self::Accounts | Self::Storage | Self::Trie | Self::Code => Access::Point,
            Self::BlockNumbers | Self::TxIndex => Access::ColdPoint,
            Self::Headers
            | Self::Bodies
            | Self::Receipts
            | Self::AccountHistory
            | Self::StorageHistory
            | Self::TrieHistory
            | Self::Changes
            | Self::LogIndex
            | Self::AddressIndex => Access::Seek,
            Self::Meta | Self::Pool => Access::Queue,
        }
    }

    /// The column family's options.
    pub(crate) fn descriptor(
        self,
        options: &StoreOptions,
        cache: &Cache,
    ) -> ColumnFamilyDescriptor {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(cache);
        table.set_format_version(6);
        // Indexes and filters count against the cache's bound; the top of them stays.
        table.set_cache_index_and_filter_blocks(true);
        table.set_cache_index_and_filter_blocks_with_high_priority(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_pin_top_level_index_and_filter(true);
        let mut family = Options::default();
        // A family alone may fill at most half of all write buffers before it is flushed.
        family.set_write_buffer_size((options.write_buffer_bytes / 2).max(64 << 10));
        family.set_level_compaction_dynamic_level_bytes(true);
        match self.access() {
            Access::Point => {
                table.set_block_size(8 << 10);
                table.set_bloom_filter(10.0, false);
                table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
                table.set_data_block_hash_ratio(0.75);
                family.set_memtable_whole_key_filtering(true);
                family.set_memtable_prefix_bloom_ratio(0.02);
                family.set_compression_type(DBCompressionType::Lz4);
                family.set_bottommost_compression_type(DBCompressionType::Lz4);
            }
            Access::ColdPoint => {
                table.set_block_size(16 << 10);
                table.set_bloom_filter(10.0, false);
                family.set_compression_type(DBCompressionType::Lz4);
                family.set_bottommost_compression_type(DBCompressionType::Zstd);
            }
            Access::Seek => {
                table.set_block_size(32 << 10);
                family.set_compression_type(DBCompressionType::Lz4);
                family.set_bottommost_compression_type(DBCompressionType::Zstd);
            }
            Access::Queue => {
                family.set_write_buffer_size((options.write_buffer_bytes / 4).max(64 << 10));
                family.set_compression_type(DBCompressionType::Lz4);
            }
        }
        family.set_block_based_table_factory(&table);
        ColumnFamilyDescriptor::new(self.name(), family)
    }
}
