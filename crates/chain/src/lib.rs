//! The canonical chain: heads, insert, unwind, the open block's view and subscriptions.
