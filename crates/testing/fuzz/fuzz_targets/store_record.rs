//! Records of the store: `openledger_store::store_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_store::store_record(data));
