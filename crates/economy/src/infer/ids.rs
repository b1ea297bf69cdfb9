//! Names and hashes of requests, calls and channels, as the contracts compute them (`docs/spec/protocol.md`, "Inference and fees").

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolValue;
use openledger_primitives::predeploys::{INFERENCE_ROUTER, VOUCHER_CHANNELS};

/// `keccak256(abi.encode(chainId, router, payer, nonce))`: what names a request.
pub fn request_id(chain_id: u64, payer: Address, nonce: U256) -> B256 {
    keccak256((U256::from(chain_id), INFERENCE_ROUTER, payer, nonce).abi_encode())
}

/// The nonce of a channel's call, `uint256(keccak256(abi.encode(channel, number, promptHash, outputHash)))`, which binds what the
/// call is about to its id. Numbers count from 1.
pub fn call_nonce(channel: B256, number: u64, prompt_hash: B256, output_hash: B256) -> U256 {
    keccak256((channel, number, prompt_hash, output_hash).abi_encode()).into()
}

/// `keccak256(abi.encode(promptHash, outputHash))`: what the router keeps of a fulfilled request.
pub fn content_hash(prompt_hash: B256, output_hash: B256) -> B256 {
    keccak256((prompt_hash, output_hash).abi_encode())
}

/// `keccak256(abi.encode(bytes[] sketches))`: one sketch for each of the adapter's train entries that has a sketch set of kind 0.
pub fn query_sketch_hash(sketches: &[Bytes]) -> B256 {
    keccak256(sketches.abi_encode())
}

/// `keccak256(abi.encode(chainId, contract, payer, payee, adapter, platformFee, salt))`: what names a channel.
pub fn channel_id(
    chain_id: u64,
    payer: Address,
    payee: Address,
    adapter: u64,
    platform_fee: u128,
    salt: B256,
) -> B256 {
    let parts = (
        U256::from(chain_id),
        VOUCHER_CHANNELS,
        payer,
        payee,
        adapter,
        platform_fee,
        salt,
    );
    keccak256(parts.abi_encode())
}
