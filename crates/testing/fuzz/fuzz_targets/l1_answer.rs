//! Answers of L1 endpoints: `openledger_l1::l1_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_l1::l1_answer(data));
