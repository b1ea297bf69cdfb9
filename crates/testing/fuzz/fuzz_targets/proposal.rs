//! Proposals of an epoch's scores: `openledger_economy::epoch::fuzz_proposal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_economy::epoch::fuzz_proposal(data));
