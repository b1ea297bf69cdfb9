//! The worked examples of `docs/spec/deposits.md`, `outputs.md` and `messages.md` are what derivation reads
//! and what is committed to. That they are what the contracts do as well is a test of the contracts.

use crate::spec::{bytes, text};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Log, LogData, TxKind, U256, hex, keccak256};
use openledger_protocol::{
    OutputRoot, TRANSACTION_DEPOSITED_TOPIC, decode_deposit, encode_deposit,
};
use serde_json::Value;

const DEPOSITS: &str = include_str!("../../../../docs/spec/deposits.md");
const OUTPUTS: &str = include_str!("../../../../docs/spec/outputs.md");
const MESSAGES: &str = include_str!("../../../../docs/spec/messages.md");

fn json(page: &str, name: &str) -> Value {
    serde_json::from_str(text(page, &format!("json {name}"))).expect("JSON")
}

fn address(value: &Value) -> Address {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("an address")
}

/// A number, or its digits as a string.
fn number(value: &Value) -> U256 {
    match value {
        Value::String(text) => text.parse().expect("a number"),
        value => U256::from(value.as_u64().expect("a number")),
    }
}

fn data(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex")).expect("hex digits")
}

fn word(bytes: &[u8]) -> B256 {
    B256::try_from(bytes).expect("32 bytes")
}

/// Bytes as the last argument of an ABI encoding: its length, and the bytes padded to whole words.
fn dynamic(data: &[u8]) -> Vec<u8> {
    let mut encoded = U256::from(data.len()).to_be_bytes_vec();
    encoded.extend(data);
    encoded.resize(encoded.len().next_multiple_of(32), 0);
    encoded
}

#[test]
fn a_deposit_is_the_transaction_that_the_page_shows() {
    let example = json(DEPOSITS, "deposit");
    let opaque = bytes(DEPOSITS, "opaque-data");
    let log = Log {
        address: Address::repeat_byte(0xaa),
        data: LogData::new_unchecked(
            vec![
                TRANSACTION_DEPOSITED_TOPIC,
                address(&example["from"]).into_word(),
                address(&example["to"]).into_word(),
                B256::ZERO,
            ],
            [U256::from(32).to_be_bytes_vec(), dynamic(&opaque)]
                .concat()
                .into(),
        ),
    };
    let hash = word(&data(&example["l1BlockHash"]));
    let index = number(&example["logIndex"]).to();
    let deposit = decode_deposit(&log, hash, index).expect("a deposit");
    assert_eq!(deposit.source_hash, word(&bytes(DEPOSITS, "source-hash")));
    assert_eq!(deposit.from, address(&example["from"]));
    assert_eq!(deposit.to, TxKind::Call(address(&example["to"])));
    assert_eq!(U256::from(deposit.mint), number(&example["mint"]));
    assert_eq!(deposit.value, number(&example["value"]));
    assert_eq!(U256::from(deposit.gas_limit), number(&example["gasLimit"]));
    assert_eq!(deposit.input.to_vec(), data(&example["data"]));
    assert!(!deposit.is_system_transaction);

    assert_eq!(encode_deposit(log.address, &deposit), log);
    let transaction = deposit.encoded_2718();
    assert_eq!(
        hex::encode(&transaction),
        hex::encode(bytes(DEPOSITS, "transaction"))
    );
    assert_eq!(
        keccak256(&transaction),
        word(&bytes(DEPOSITS, "transaction-hash"))
    );
}

#[test]
fn a_withdrawal_stands_where_the_output_root_commits_to_it() {
    let example = json(OUTPUTS, "withdrawal");
    let encoded = [
        number(&example["nonce"]).to_be_bytes_vec(),
        address(&example["sender"]).into_word().to_vec(),
        address(&example["target"]).into_word().to_vec(),
        number(&example["value"]).to_be_bytes_vec(),
        number(&example["gasLimit"]).to_be_bytes_vec(),
        U256::from(192).to_be_bytes_vec(),
        dynamic(&data(&example["data"])),
    ]
    .concat();
    let hash = keccak256(encoded);
    assert_eq!(hash, word(&bytes(OUTPUTS, "withdrawal-hash")));
    let slot = keccak256([hash, B256::ZERO].concat());
    assert_eq!(slot, word(&bytes(OUTPUTS, "slot")));

    let leaf = bytes(OUTPUTS, "leaf");
    assert_eq!(leaf.len(), 36);
    assert_eq!(keccak256(slot).as_slice(), &leaf[3..35]);
    let output = bytes(OUTPUTS, "output");
    assert_eq!(output.len(), 128);
    assert_eq!(output[..32], [0; 32]);
    let root = OutputRoot {
        state_root: word(&output[32..64]),
        message_passer_storage_root: word(&output[64..96]),
        block_hash: word(&output[96..]),
    };
    assert_eq!(root.message_passer_storage_root, keccak256(&leaf));
    assert_eq!(root.hash(), word(&bytes(OUTPUTS, "output-root")));
}

#[test]
fn a_game_is_known_by_what_it_claims() {
    let extra_data = bytes(OUTPUTS, "extra-data");
    assert_eq!(extra_data, U256::from(1_000).to_be_bytes_vec());
    // abi.encode(uint32 gameType, bytes32 rootClaim, bytes extraData)
    let encoded = [
        U256::from(1_612).to_be_bytes_vec(),
        bytes(OUTPUTS, "output-root"),
        U256::from(96).to_be_bytes_vec(),
        dynamic(&extra_data),
    ]
    .concat();
    assert_eq!(keccak256(encoded), word(&bytes(OUTPUTS, "game-uuid")));
}

#[test]
fn the_newest_block_that_can_be_claimed_is_bounded_by_time() {
    let example = json(OUTPUTS, "newest-block");
    let part = |name: &str| number(&example[name]).to::<u64>();
    // Derivation's own bound on how far a block may be ahead of its L1 origin, since Fjord.
    let drift = 1_800;
    let newest = (part("l1Timestamp") + drift - part("genesisTimestamp")) / part("blockTime");
    assert_eq!(newest, part("newestPossibleBlock"));
}

#[test]
fn a_message_is_its_calldata() {
    let example = json(MESSAGES, "message");
    let encoded = [
        hex!("d764ad0b").to_vec(),
        number(&example["nonce"]).to_be_bytes_vec(),
        address(&example["sender"]).into_word().to_vec(),
        address(&example["target"]).into_word().to_vec(),
        number(&example["value"]).to_be_bytes_vec(),
        number(&example["minGasLimit"]).to_be_bytes_vec(),
        U256::from(192).to_be_bytes_vec(),
        dynamic(&data(&example["message"])),
    ]
    .concat();
    assert_eq!(
        hex::encode(&encoded),
        hex::encode(bytes(MESSAGES, "encoded"))
    );
    assert_eq!(keccak256(&encoded), word(&bytes(MESSAGES, "hash")));
}
