//! The pool through its public interface.

#![allow(clippy::unwrap_used)] // clippy knows tests by their attribute only

mod admission;
mod decode;
mod delegation;
mod lifecycle;
mod support;
mod threads;
