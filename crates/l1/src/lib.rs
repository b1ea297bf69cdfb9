//! The L1 reader and sender: blocks, receipts, calldata, resubmission and contract bindings.
