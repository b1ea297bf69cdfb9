//! The codec against documents and against itself.

mod settlement;
mod spec;
