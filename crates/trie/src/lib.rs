//! Merkle Patricia tries over a node reader: incremental roots and proofs, no database.
