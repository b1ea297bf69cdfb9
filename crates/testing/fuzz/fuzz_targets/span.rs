#![no_main]

extern crate alloc;

#[path = "../precompiles.rs"]
#[allow(dead_code)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::span(data));
