//! One parameter of a JSON-RPC request: `openledger_rpc::rpc_param`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openledger_rpc::rpc_param(data));
