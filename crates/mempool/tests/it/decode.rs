use crate::support::{CHAIN_ID, Key, access_list, legacy, set_code, transfer};
use alloy_eips::{Decodable2718 as _, Encodable2718 as _, eip2930::AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use openledger_mempool::{DecodeError, RecoveredTransaction, TRANSACTION_SIZE_MAX, decode_all};
use openledger_primitives::Transaction;
use proptest::prelude::*;

/// The order of secp256k1.
const ORDER: U256 = U256::from_be_bytes(hex!(
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
));

#[test]
fn the_example_of_eip_155_has_its_sender() {
    let raw = hex!(
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764"
        "00008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cb"
        "e9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    );
    let tx = RecoveredTransaction::decode(&raw).unwrap();
    assert_eq!(
        tx.sender,
        address!("9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f")
    );
    assert_eq!(
        (tx.nonce(), tx.gas_limit(), tx.chain_id()),
        (9, 21_000, Some(1))
    );
    assert_eq!(tx.max_fee_per_gas(), 20_000_000_000);
    assert_eq!(tx.hash, keccak256(raw));
}

#[test]
fn every_type_comes_back_with_its_sender_and_bytes() {
    let key = Key::new(1);
    let mut with_list = access_list(4, 9);
    with_list.access_list.0.push(AccessListItem {
        address: Address::repeat_byte(1),
        storage_keys: vec![B256::repeat_byte(2)],
    });
    for (ty, raw) in [
        (0, key.sign(legacy(3, 7, Some(CHAIN_ID)))),
        (0, key.sign(legacy(3, 7, None))),
        (1, key.sign(with_list)),
        (2, key.sign(transfer(5, 8, 6))),
        (4, key.sign(set_code(6, vec![Key::new(2).authorize(0, 0)]))),
    ] {
        let tx = RecoveredTransaction::decode(&raw).unwrap();
        assert_eq!(tx.ty(), ty);
        assert_eq!(tx.sender, key.address());
        assert_eq!(tx.encoded, raw);
        assert_eq!(tx.hash, keccak256(&raw));
        assert_eq!(Bytes::from(tx.transaction.encoded_2718()), raw);
        let again = RecoveredTransaction::new_unchecked(tx.transaction, tx.sender);
        assert_eq!((again.hash, again.encoded), (tx.hash, tx.encoded));
    }
}

#[test]
fn effective_tip_is_what_is_left_above_the_base_fee() {
    let tx = Key::new(1).transfer(0, 100, 30);
    for (base_fee, tip) in [
        (0, Some(30)),
        (70, Some(30)),
        (71, Some(29)),
        (100, Some(0)),
        (101, None),
    ] {
        assert_eq!(tx.effective_tip(base_fee), tip, "at {base_fee}");
    }
    let tx = Key::new(1).recovered(legacy(0, 100, Some(CHAIN_ID)));
    assert_eq!(tx.effective_tip(40), Some(60));
}

#[test]
fn every_refusal_has_its_name_and_text() {
    let key = Key::new(1);
    let good = key.sign(transfer(0, 1, 1));
    let mut trailing = good.to_vec();
    trailing.extend([0, 0]);
    let mut truncated = good.to_vec();
    truncated.pop();
    let mut high_s = transfer(0, 1, 1);
    high_s.nonce = 1;
    let high_s = {
        let signature = key.sign_hash(alloy_consensus::SignableTransaction::signature_hash(
            &high_s,
        ));
        let signature =
            alloy_primitives::Signature::new(signature.r(), ORDER - signature.s(), !signature.v());
        encode(high_s, signature)
    };
    let no_key = encode(
        transfer(0, 1, 1),
        alloy_primitives::Signature::new(U256::ZERO, U256::ONE, false),
    );
    let r_too_large = encode(
        transfer(0, 1, 1),
        alloy_primitives::Signature::new(ORDER, U256::ONE, false),
    );
    let mut large = transfer(0, 1, 1);
    large.input = vec![1; TRANSACTION_SIZE_MAX].into();
    let large = key.sign(large);
    let large_size = large.len();
    let cases: [(&[u8], String); 15] = [
        (&[], "empty transaction data".into()),
        (
            &large,
            format!("oversized data: transaction size {large_size}, limit 131072"),
        ),
        (
            &[3],
            "blob transactions are not supported: this chain keeps no blobs for its users; \
             use calldata"
                .into(),
        ),
        (
            &[0x7e, 1, 2],
            "deposit transactions come from L1 only".into(),
        ),
        (
            &[0x7d],
            "post-exec transactions are made by the block builder only".into(),
        ),
        (&[0], "transaction type not supported: type 0x00".into()),
        (
            &[5, 0xc0],
            "transaction type not supported: type 0x05".into(),
        ),
        (&[0x7f], "transaction type not supported: type 0x7f".into()),
        (
            &[0x80],
            "invalid transaction encoding: unexpected string".into(),
        ),
        (&trailing, "2 trailing bytes after the transaction".into()),
        (
            &truncated,
            "invalid transaction encoding: input too short".into(),
        ),
        (
            &[0xc0],
            "invalid transaction encoding: input too short".into(),
        ),
        (
            &high_s,
            "invalid sender: invalid transaction v, r, s values: \
             s is above half the curve's order (EIP-2)"
                .into(),
        ),
        (
            &no_key,
            "invalid sender: invalid transaction v, r, s values: no public key fits the signature"
                .into(),
        ),
        (
            &r_too_large,
            "invalid sender: invalid transaction v, r, s values: no public key fits the signature"
                .into(),
        ),
    ];
    for (raw, text) in cases {
        let error = RecoveredTransaction::decode(raw).expect_err(&text);
        assert_eq!(error.to_string(), text);
        let pair = [Bytes::copy_from_slice(raw), good.clone()];
        let both = decode_all(&pair);
        assert_eq!(both[0].as_ref().err(), Some(&error));
        assert!(both[1].is_ok());
    }
}

fn encode(tx: alloy_consensus::TxEip1559, signature: alloy_primitives::Signature) -> Vec<u8> {
    let signed = alloy_consensus::SignableTransaction::into_signed(tx, signature);
    Transaction::from(signed).encoded_2718()
}

#[test]
fn the_size_limit_is_exact() {
    let key = Key::new(1);
    let sized = |input: usize| {
        let mut tx = transfer(0, 1, 1);
        tx.input = vec![1; input].into();
        key.sign(tx)
    };
    let overhead = sized(TRANSACTION_SIZE_MAX).len() - TRANSACTION_SIZE_MAX;
    let largest = sized(TRANSACTION_SIZE_MAX - overhead);
    assert_eq!(largest.len(), TRANSACTION_SIZE_MAX);
    assert!(RecoveredTransaction::decode(&largest).is_ok());
    let larger = sized(TRANSACTION_SIZE_MAX - overhead + 1);
    assert_eq!(
        RecoveredTransaction::decode(&larger).unwrap_err(),
        DecodeError::TooLarge {
            size: TRANSACTION_SIZE_MAX + 1,
            limit: TRANSACTION_SIZE_MAX
        }
    );
}

#[test]
fn many_are_decoded_in_order() {
    let key = Key::new(1);
    let mut raw: Vec<Bytes> = (0..100)
        .map(|nonce| key.sign(transfer(nonce, 1, 1)))
        .collect();
    raw[40] = Bytes::from_static(&[3]);
    let decoded = decode_all(&raw);
    assert_eq!(decoded.len(), 100);
    for (nonce, tx) in decoded.into_iter().enumerate() {
        if nonce == 40 {
            assert_eq!(tx.unwrap_err(), DecodeError::Blob);
        } else {
            let tx = tx.unwrap();
            assert_eq!((tx.nonce(), tx.sender), (nonce as u64, key.address()));
        }
    }
    assert!(decode_all(&[]).is_empty());
    assert_eq!(decode_all(&raw[7..8])[0].as_ref().unwrap().nonce(), 7);
}

/// Whatever is accepted is canonical, and is what the reference decoder reads.
fn check(raw: &[u8]) {
    let Ok(tx) = RecoveredTransaction::decode(raw) else {
        return;
    };
    assert_eq!(tx.encoded.as_ref(), raw);
    assert_eq!(tx.hash, keccak256(raw));
    assert_eq!(tx.transaction.encoded_2718(), raw);
    let mut rest = raw;
    let reference = Transaction::decode_2718(&mut rest).unwrap();
    assert!(rest.is_empty());
    assert_eq!(reference, tx.transaction);
}

fn any_transaction() -> impl Strategy<Value = Bytes> {
    let input = prop::collection::vec(any::<u8>(), 0..100);
    let create = prop::bool::weighted(0.2);
    (
        0..5u8,
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        input,
        create,
        any::<[u8; 32]>(),
    )
        .prop_map(|(kind, nonce, gas_limit, fee, input, create, value)| {
            let key = Key::new(nonce % 7);
            let fee = u128::from(fee);
            let to = if create {
                TxKind::Create
            } else {
                TxKind::Call(Address::repeat_byte(3))
            };
            let value = U256::from_be_bytes(value);
            match kind {
                0 | 3 => {
                    let mut tx = legacy(nonce, fee, (kind == 0).then_some(gas_limit));
                    (tx.gas_limit, tx.input, tx.to, tx.value) =
                        (gas_limit, input.into(), to, value);
                    key.sign(tx)
                }
                1 => {
                    let mut tx = access_list(nonce, fee);
                    (tx.gas_limit, tx.input, tx.to, tx.value) =
                        (gas_limit, input.into(), to, value);
                    tx.access_list.0.push(AccessListItem {
                        address: Address::repeat_byte(9),
                        storage_keys: vec![B256::repeat_byte(1); (nonce % 3) as usize],
                    });
                    key.sign(tx)
                }
                2 => {
                    let mut tx = transfer(nonce, fee, fee / 2);
                    (tx.gas_limit, tx.input, tx.to, tx.value) =
                        (gas_limit, input.into(), to, value);
                    key.sign(tx)
                }
                _ => {
                    let list = (0..nonce % 3).map(|i| key.authorize(i, nonce)).collect();
                    let mut tx = set_code(nonce, list);
                    (tx.gas_limit, tx.input, tx.value) = (gas_limit, input.into(), value);
                    key.sign(tx)
                }
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_was_signed_is_decoded(raw in any_transaction()) {
        prop_assert!(RecoveredTransaction::decode(&raw).is_ok());
        check(&raw);
    }

    #[test]
    fn mutations_are_refused_or_canonical(
        raw in any_transaction(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut raw = raw.to_vec();
        for (at, byte, edit) in edits {
            let at = at.index(raw.len());
            match edit {
                0 => raw[at] = byte,
                1 => raw.insert(at, byte),
                2 if raw.len() > 1 => { raw.remove(at); }
                _ => raw[at] ^= 1 << (byte % 8),
            }
        }
        check(&raw);
    }

    #[test]
    fn random_bytes_are_refused_or_canonical(
        ty in prop::sample::select(vec![1u8, 2, 4, 0xc0, 0xf8, 0xf9]),
        mut raw in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        check(&raw);
        raw.insert(0, ty);
        check(&raw);
    }
}
