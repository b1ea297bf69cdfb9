//! The builder on a real chain and store, with a made-up L1.

// Helpers of tests are no tests to clippy.
#![allow(clippy::unwrap_used, clippy::panic)]

mod gas;
mod reorganization;
mod restart;
mod support;
