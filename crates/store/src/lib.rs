//! The RocksDB store: flat state, trie nodes, versioned history, blocks, receipts, indexes, pruning and unwinding.
