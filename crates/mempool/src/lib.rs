//! Transactions waiting for a block: admission, ordering, replacement and limits.
