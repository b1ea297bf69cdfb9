//! Answers of beacon nodes: `openledger_l1::beacon_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_l1::beacon_answer(data));
