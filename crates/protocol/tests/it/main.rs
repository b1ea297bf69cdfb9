//! The codec against documents and against itself.

mod spec;
