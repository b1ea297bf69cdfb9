//! The real binary, as a person runs it.

mod config;
mod dev;
mod process;
mod settled;
mod verifier;
