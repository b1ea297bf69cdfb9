//! Properties of whole tries, against a naive construction and alloy-trie.

mod proofs;
mod reference;
mod single;
mod state;
