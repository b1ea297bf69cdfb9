//! Records of the L1 sender's journal: `openledger_l1::sender_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_l1::sender_record(data));
