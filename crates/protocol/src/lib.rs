//! The L1 wire codec: frames, channels, batches, deposits, L1 attributes and output roots.
