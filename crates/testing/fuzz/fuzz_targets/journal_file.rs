//! Files of the journal: `openledger_store::journal_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_store::journal_file(data));
