//! The batcher: blocks to batches, channels and frames, posted to the L1 inbox.
