//! Cross-crate tests, the L1 simulator, the load generator and Ethereum state tests.
