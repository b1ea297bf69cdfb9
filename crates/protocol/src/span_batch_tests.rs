use super::*;
use crate::{Batch, test_config::config};
use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, Signature, TxKind, U256, hex};
use proptest::prelude::*;

const CHAIN_ID: u64 = 161_299;

fn sign<T: SignableTransaction<Signature> + RlpEcdsaEncodableTx>(
    tx: T,
    r: U256,
    s: U256,
    parity: bool,
) -> Bytes {
    let mut out = Vec::new();
    tx.eip2718_encode(&Signature::new(r, s, parity), &mut out);
    out.into()
}

fn u256() -> impl Strategy<Value = U256> {
    prop_oneof![
        any::<u64>().prop_map(U256::from),
        any::<[u8; 32]>().prop_map(U256::from_be_bytes)
    ]
}

fn to() -> impl Strategy<Value = TxKind> {
    proptest::option::of(any::<[u8; 20]>())
        .prop_map(|to| to.map_or(TxKind::Create, |to| TxKind::Call(to.into())))
}

fn access_list() -> impl Strategy<Value = AccessList> {
    proptest::collection::vec(
        (
            any::<[u8; 20]>(),
            proptest::collection::vec(any::<[u8; 32]>(), 0..3),
        ),
        0..3,
    )
    .prop_map(|items| {
        AccessList(
            items
                .into_iter()
                .map(|(address, keys)| AccessListItem {
                    address: address.into(),
                    storage_keys: keys.into_iter().map(B256::from).collect(),
                })
                .collect(),
        )
    })
}

prop_compose! {
    pub(crate) fn transaction()(
        kind in 0..5_u8,
        nonce in any::<u64>(),
        gas_limit in any::<u64>(),
        fee in any::<u64>().prop_map(u128::from),
        tip in any::<u32>().prop_map(u128::from),
        to in to(),
        value in u256(),
        input in proptest::collection::vec(any::<u8>(), 0..80),
        access_list in access_list(),
        (r, s, parity) in (u256(), u256(), any::<bool>()),
    ) -> Bytes {
        let input = Bytes::from(input);
        match kind {
            0 | 1 => sign(TxLegacy {
                chain_id: (kind == 0).then_some(CHAIN_ID), nonce, gas_price: fee, gas_limit, to, value, input,
            }, r, s, parity),
            2 => sign(TxEip2930 {
                chain_id: CHAIN_ID, nonce, gas_price: fee, gas_limit, to, value, access_list, input,
            }, r, s, parity),
            3 => sign(TxEip1559 {
                chain_id: CHAIN_ID, nonce, gas_limit, max_fee_per_gas: fee, max_priority_fee_per_gas: tip,
                to, value, access_list, input,
            }, r, s, parity),
            _ => sign(TxEip7702 {
                chain_id: CHAIN_ID, nonce, gas_limit, max_fee_per_gas: fee, max_priority_fee_per_gas: tip,
                to: to.to().copied().unwrap_or(Address::ZERO), value, access_list, input,
                authorization_list: vec![SignedAuthorization::new_unchecked(
                    Authorization { chain_id: U256::from(CHAIN_ID), address: Address::repeat_byte(3), nonce },
                    u8::from(parity), r, s,
                )],
            }, r, s, parity),
        }
    }
}

prop_compose! {
    /// Consecutive blocks, and whether the first one begins an epoch.
    fn span()(
        start in 0..1_000_000_u64,
        epoch in 20..1_000_000_u64,
        blocks in proptest::collection::vec((any::<bool>(), proptest::collection::vec(transaction(), 0..4)), 1..20),
    ) -> (Vec<SingularBatch>, bool) {
        let first_changed = blocks[0].0;
        let mut epoch_num = epoch;
        let blocks = blocks.into_iter().enumerate().map(|(index, (changed, transactions))| {
            if index > 0 && changed {
                epoch_num += 1;
            }
            SingularBatch {
                parent_hash: B256::with_last_byte(index as u8),
                epoch_num,
                epoch_hash: B256::from(U256::from(epoch_num)),
                timestamp: 1_000 + start + index as u64,
                transactions,
            }
        }).collect();
        (blocks, first_changed)
    }
}

#[test]
fn layout_is_the_specification_s() {
    let legacy = sign(
        TxLegacy {
            chain_id: None,
            nonce: 300,
            gas_price: 7,
            gas_limit: 21_000,
            to: TxKind::Call(Address::repeat_byte(0xaa)),
            value: U256::from(1),
            input: Bytes::new(),
        },
        U256::from(0x11),
        U256::from(0x22),
        true,
    );
    let create = sign(
        TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: 1,
            gas_limit: 100_000,
            max_fee_per_gas: 9,
            max_priority_fee_per_gas: 2,
            to: TxKind::Create,
            value: U256::ZERO,
            access_list: AccessList::default(),
            input: Bytes::from_static(&[0x60]),
        },
        U256::from(0x33),
        U256::from(0x44),
        false,
    );
    let block = |index: u64, epoch_num, transactions| SingularBatch {
        parent_hash: B256::repeat_byte(0xee),
        epoch_num,
        epoch_hash: B256::repeat_byte(0xdd),
        timestamp: 1_200 + index,
        transactions,
    };
    let blocks = [
        block(0, 12, vec![legacy, create]),
        block(1, 13, vec![]),
        block(2, 13, vec![]),
    ];
    let span = SpanBatch::from_blocks(&blocks, false, &config()).expect("consecutive");
    let mut out = Vec::new();
    span.encode(&mut out).expect("encodes");
    let expected = hex!(
        "01"                                            // type
        "c801" "0d"                                     // 200 s after genesis, L1 origin 13
        "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
        "dddddddddddddddddddddddddddddddddddddddd"
        "03" "02" "02" "00" "00"                        // 3 blocks, the second changes origin, counts
        "02"                                            // the second transaction creates
        "01"                                            // the first has parity 1
        "0000000000000000000000000000000000000000000000000000000000000011"
        "0000000000000000000000000000000000000000000000000000000000000022"
        "0000000000000000000000000000000000000000000000000000000000000033"
        "0000000000000000000000000000000000000000000000000000000000000044"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "c3010780" "02c580020960c0"                     // [1, 7, ""], 2 ‖ [0, 2, 9, 60, []]
        "ac02" "01"                                     // nonces 300, 1
        "88a401" "a08d06"                               // gas 21,000, 100,000
        "00"                                            // the legacy transaction is unprotected
    );
    assert_eq!(hex::encode(&out), hex::encode(expected));
    assert_eq!(SpanBatch::decode(&out[1..], CHAIN_ID), Ok(span.clone()));
    assert_eq!((span.start_epoch_num(), span.end_epoch_num()), (12, 13));
    assert_eq!(
        (
            span.start_timestamp(&config()),
            span.end_timestamp(&config())
        ),
        (1_200, 1_202)
    );
    assert!(span.checks_parent(B256::repeat_byte(0xee)) && !span.checks_parent(B256::ZERO));
    assert!(span.checks_l1_origin(B256::repeat_byte(0xdd)) && !span.checks_l1_origin(B256::ZERO));
}

#[test]
fn varints_are_read_as_go_reads_them() {
    for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
        let mut out = Vec::new();
        put_uvarint(&mut out, value);
        assert_eq!(Reader(&out).uvarint(), Ok(value));
    }
    // Longer than needed is fine, beyond 64 bits isn't.
    assert_eq!(Reader(&[0x80, 0x00]).uvarint(), Ok(0));
    assert_eq!(Reader(&[0xff; 10]).uvarint(), Err(SpanBatchError::Uvarint));
    let mut over = [0x80; 10];
    over[9] = 2;
    assert_eq!(Reader(&over).uvarint(), Err(SpanBatchError::Uvarint));
    assert_eq!(
        Reader(&[0x80]).uvarint(),
        Err(SpanBatchError::Truncated { missing: 1 })
    );
}

#[test]
fn counts_are_limited_before_memory_is_taken() {
    let mut head = vec![0, 50];
    head.extend([0; 40]);
    let with_count = |count| {
        let mut content = head.clone();
        put_uvarint(&mut content, count);
        content
    };
    assert_eq!(
        SpanBatch::decode(&with_count(0), CHAIN_ID),
        Err(SpanBatchError::NoBlock)
    );
    assert_eq!(
        SpanBatch::decode(&with_count(10_000_001), CHAIN_ID),
        Err(SpanBatchError::TooMany { count: 10_000_001 })
    );
    assert!(matches!(
        SpanBatch::decode(&with_count(10_000_000), CHAIN_ID),
        Err(SpanBatchError::Truncated { .. })
    ));
    // One block that claims many transactions.
    let mut many = with_count(1);
    many.push(0);
    put_uvarint(&mut many, 10_000_000);
    assert!(matches!(
        SpanBatch::decode(&many, CHAIN_ID),
        Err(SpanBatchError::Truncated { .. })
    ));
    // A bit beyond the list, and an origin below zero.
    let mut bits = with_count(1);
    bits.extend([0x02, 0]);
    assert_eq!(
        SpanBatch::decode(&bits, CHAIN_ID),
        Err(SpanBatchError::TrailingBits { len: 1 })
    );
    let mut origin = with_count(3);
    origin[1] = 1;
    origin.extend([0x06, 0, 0, 0]);
    assert_eq!(
        SpanBatch::decode(&origin, CHAIN_ID),
        Err(SpanBatchError::Origin {
            l1_origin_num: 1,
            changes: 2
        })
    );
}

#[test]
fn what_a_span_can_not_hold_is_named() {
    let encode = |tx: Bytes| {
        let batch = SingularBatch {
            timestamp: 1_001,
            transactions: vec![tx],
            ..Default::default()
        };
        let span = SpanBatch::from_blocks(&[batch], true, &config()).expect("one block");
        span.encode(&mut Vec::new())
    };
    assert_eq!(
        encode(Bytes::from_static(&[0x7e, 0xc0])),
        Err(SpanBatchError::TransactionType {
            index: 0,
            tx_type: 0x7e
        })
    );
    assert_eq!(
        encode(Bytes::new()),
        Err(SpanBatchError::Transaction { index: 0 })
    );
    let other_chain = TxLegacy {
        chain_id: Some(CHAIN_ID + 1),
        ..Default::default()
    };
    assert_eq!(
        encode(sign(other_chain, U256::from(1), U256::from(1), false)),
        Err(SpanBatchError::ChainId {
            index: 0,
            chain_id: CHAIN_ID
        })
    );
    let gap = [
        SingularBatch {
            timestamp: 1_001,
            ..Default::default()
        },
        SingularBatch {
            timestamp: 1_003,
            ..Default::default()
        },
    ];
    assert_eq!(
        SpanBatch::from_blocks(&gap, true, &config()),
        Err(SpanBatchError::NotConsecutive { index: 1 })
    );
    assert_eq!(
        SpanBatch::from_blocks(&[], true, &config()),
        Err(SpanBatchError::NoBlock)
    );
}

proptest! {
    #[test]
    fn blocks_come_back((blocks, first_changed) in span()) {
        let config = config();
        let span = SpanBatch::from_blocks(&blocks, first_changed, &config).expect("consecutive");
        let mut out = Vec::new();
        span.encode(&mut out).expect("encodes");
        let decoded = Batch::decode(&Bytes::from(out.clone()), CHAIN_ID);
        prop_assert_eq!(decoded, Ok(Batch::Span(span.clone())));
        // Bytes after the batch don't matter.
        out.push(0xff);
        prop_assert_eq!(SpanBatch::decode(&out[1..], CHAIN_ID), Ok(span.clone()));
        prop_assert_eq!(span.len(), blocks.len());
        let expected: Vec<_> = blocks.iter().map(|block| SpanBlock {
            timestamp: block.timestamp,
            epoch_num: block.epoch_num,
            transactions: block.transactions.clone(),
        }).collect();
        prop_assert_eq!(span.clone().into_blocks(&config).collect::<Vec<_>>(), expected.clone());
        // Skipping is the same as passing over.
        let mut rest = span.into_blocks(&config);
        let skipped = expected.len() / 2;
        rest.skip_to(expected[skipped].timestamp);
        prop_assert_eq!(rest.peek(), expected.get(skipped + 1).map(|next| (next.timestamp, next.epoch_num)));
        prop_assert_eq!(rest.collect::<Vec<_>>(), expected[skipped + 1..].to_vec());
    }

    #[test]
    fn corrupted_spans_decode_or_fail((blocks, first_changed) in span(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let span = SpanBatch::from_blocks(&blocks, first_changed, &config()).expect("consecutive");
        let mut out = Vec::new();
        span.encode(&mut out).expect("encodes");
        prop_assert!(SpanBatch::decode(&out[1..1 + cut.index(out.len() - 1)], CHAIN_ID).is_err());
        let at = at.index(out.len());
        out[at] = byte;
        if let Ok(span) = SpanBatch::decode(&out[1..], CHAIN_ID) {
            // What was read can be written again, unless a number has a longer form than needed.
            span.encode(&mut Vec::new()).expect("encodes");
        }
    }

    #[test]
    fn arbitrary_bytes_decode_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = SpanBatch::decode(&bytes, CHAIN_ID);
    }
}
