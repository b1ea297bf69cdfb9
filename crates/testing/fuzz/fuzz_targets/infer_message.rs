//! Messages between payers and workers: `openledger_economy::infer::infer_message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_economy::infer::infer_message(data));
