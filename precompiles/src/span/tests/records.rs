//! What calls leave behind: events, and slots where the specification says that they stand.

use super::{super::*, world::*};

#[test]
fn events_tell_what_happened() {
    let mut host = host();
    let token_root = B256::repeat_byte(3);
    let send = |host: &mut MemoryHost, data: Vec<u8>| {
        let outcome = call_raw(host, OWNER, false, &data, GAS);
        assert!(matches!(outcome, Outcome::Success { .. }), "{outcome:?}");
        let logs = host.end_transaction();
        assert_eq!(logs.len(), 1);
        assert_eq!(logs[0].address, SPAN);
        logs[0].data.clone()
    };
    let call = IAttrSpan::commitTokensCall {
        datanet: DATANET,
        tokenRoot: token_root,
    };
    let event = IAttrSpan::TokensCommitted {
        id: 1,
        datanet: DATANET,
        owner: OWNER,
        tokenRoot: token_root,
    };
    assert_eq!(send(&mut host, call.abi_encode()), event.encode_log_data());
    host.block_number += 2;
    let salt = draw(keccak256("hash"), 1);
    let event = IAttrSpan::IndexOpened {
        id: 1,
        datanet: DATANET,
        owner: OWNER,
        salt,
    };
    assert_eq!(
        send(&mut host, open_call(salt).abi_encode()),
        event.encode_log_data()
    );
    let call = IAttrSpan::appendEntriesCall {
        id: 1,
        entries: Bytes::from_static(&[7; 16]),
    };
    let event = IAttrSpan::EntriesAppended {
        id: 1,
        first: 0,
        n: 1,
    };
    assert_eq!(send(&mut host, call.abi_encode()), event.encode_log_data());
    let event = IAttrSpan::IndexSealed {
        id: 1,
        mode: 1,
        length: 1,
    };
    let call = IAttrSpan::sealCall { id: 1 };
    assert_eq!(send(&mut host, call.abi_encode()), event.encode_log_data());
}

/// Where the specification says that each value stands.
#[test]
fn the_storage_layout_is_the_documented_one() {
    let mut host = host();
    let (id, entries, salt) = native(&mut host);
    let peek = |slot: U256| host.peek(SPAN, slot);
    let mapping = |key: B256, slot: u64| {
        U256::from_be_bytes(keccak256((key, U256::from(slot)).abi_encode()).0)
    };
    assert_eq!(peek(U256::from(1)), U256::from(id));
    let committer = keccak256((OWNER, DATANET).abi_encode());
    assert_eq!(peek(mapping(committer, 2)), U256::from(id));
    let index = mapping(B256::from(U256::from(id)), 3);
    let packed = U256::from(START + 2)
        | U256::from(salt) << 64
        | U256::from(entries.len()) << 128
        | U256::from(6) << 160
        | U256::from(8) << 168
        | U256::from(1) << 176;
    assert_eq!(peek(index), packed);
    let owner = U256::from_be_bytes(OWNER.into_word().0);
    assert_eq!(
        peek(index + U256::from(1)),
        U256::from(START) << 160 | owner
    );
    let last = entries.last().unwrap().to_bytes();
    assert_eq!(
        peek(index + U256::from(2)),
        U256::from(u128::from_be_bytes(last))
    );
    assert_eq!(peek(index + U256::from(3)), U256::from_be_bytes(DATANET.0));
    assert_eq!(peek(index + U256::from(4)), U256::from_be_bytes([4; 32]));
    assert_eq!(peek(index + U256::from(5)), U256::from_be_bytes([3; 32]));
}
