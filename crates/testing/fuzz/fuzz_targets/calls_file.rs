//! Files of what a worker served: `openledger_economy::infer::calls_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_economy::infer::calls_file(data));
