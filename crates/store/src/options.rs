/// Settings of a [`Store`](crate::Store). None of them changes what is stored; all may differ from
/// one opening to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes of decompressed blocks, indexes and filters kept in memory.
    pub block_cache_bytes: usize,
    /// Bytes of unflushed writes kept in memory over all column families. The write-ahead log grows to
    /// about as much, which bounds the time to reopen after a crash.
    pub write_buffer_bytes: usize,
    /// Files held open.
    pub open_files_max: i32,
    /// Threads for flushing and compaction.
    pub background_jobs_max: i32,
    /// Whether history is kept for ever: pruning does nothing.
    pub archive: bool,
    /// Blocks below the head whose state stays readable. The store doesn't prune by itself: a caller
    /// prunes to `head - history_blocks`, see [`Store::prune`](crate::Store::prune).
    pub history_blocks: u64,
    /// Whether transactions are to be found by address. The store doesn't index by itself: a caller extends
    /// the index, see [`Store::extend_address_index`](crate::Store::extend_address_index).
    pub index_addresses: bool,
    /// Most blocks that one unwinding may remove, which takes their memory. Pruning keeps the history that this
    /// needs.
    pub unwind_blocks_max: u64,
    /// Whether commits and journal writes wait for the disk. Only tests and throw-away chains turn
    /// it off: without it a power loss takes the newest blocks, though a killed process still
    /// loses nothing.
    pub sync: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            block_cache_bytes: 64 << 20,
            write_buffer_bytes: 48 << 20,
            open_files_max: 512,
            background_jobs_max: 2,
            archive: false,
            // 30 days of one-second blocks.
            history_blocks: 30 * 24 * 3600,
            index_addresses: false,
            // About an hour of one-second blocks.
            unwind_blocks_max: 4_096,
            sync: true,
        }
    }
}
