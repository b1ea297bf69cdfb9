#![no_main]

#[path = "../node.rs"]
#[allow(dead_code)]
mod node;

libfuzzer_sys::fuzz_target!(|data: &[u8]| node::transaction(data));
