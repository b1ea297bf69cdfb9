//! Bodies of JSON-RPC requests: `openledger_rpc::rpc_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_rpc::rpc_body(data));
