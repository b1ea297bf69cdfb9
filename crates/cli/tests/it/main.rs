//! The real binary, as a person runs it.

mod attribution;
mod config;
mod datanet;
mod dev;
mod epoch;
mod governance;
mod infer;
mod late_l1;
mod process;
mod settled;
mod stranger;
mod verifier;
