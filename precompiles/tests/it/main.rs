//! The precompiles against their vectors and, through [`openledger_precompiles::call`], on a world in
//! memory.
#![allow(clippy::unwrap_used, clippy::panic)]

mod genesis;
mod golden_lora;
mod golden_sketch;
mod interfaces;
mod lora;
mod sketch;
mod sketch_contributions;
mod sketch_vectors;
mod specification;
mod vectors;
mod world;
