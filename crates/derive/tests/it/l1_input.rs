//! What is taken from an L1 block, and the checks of it against its header.

use crate::sim::{BATCHER, STRANGER, config, l1_config};
use alloy_consensus::{
    Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, SignableTransaction, TxEnvelope, TxLegacy,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_primitives::{Address, B256, Bytes, Log, LogData, Signature, TxKind, U256};
use op_alloy_consensus::{TxDeposit, UserDepositSource};
use openledger_derive::{
    L1InputError, L1Transaction, Severity, parse_l1_block, verify_header, verify_receipts,
    verify_transactions,
};
use openledger_primitives::Transaction;
use openledger_protocol::{CONFIG_UPDATE_TOPIC, ConfigUpdate, encode_deposit};

fn receipt(logs: Vec<Log>) -> ReceiptEnvelope {
    ReceiptEnvelope::Eip1559(ReceiptWithBloom {
        receipt: Receipt {
            status: true.into(),
            cumulative_gas_used: 21_000,
            logs,
        },
        logs_bloom: Default::default(),
    })
}

fn deposit() -> TxDeposit {
    TxDeposit {
        from: STRANGER,
        to: TxKind::Call(STRANGER),
        mint: 5,
        value: U256::from(3),
        gas_limit: 100_000,
        ..Default::default()
    }
}

fn gas_limit_update(gas_limit: u64, address: Address) -> Log {
    let mut data = [0; 96];
    data[31] = 32;
    data[63] = 32;
    data[88..].copy_from_slice(&gas_limit.to_be_bytes());
    let topics = vec![CONFIG_UPDATE_TOPIC, B256::ZERO, B256::with_last_byte(2)];
    Log {
        address,
        data: LogData::new_unchecked(topics, data.to_vec().into()),
    }
}

#[test]
fn logs_and_inbox_are_taken_apart() {
    let config = config(2, 100);
    let header = Header {
        number: 7,
        timestamp: 99,
        base_fee_per_gas: Some(11),
        excess_blob_gas: Some(0),
        mix_hash: B256::repeat_byte(4),
        parent_beacon_block_root: Some(B256::repeat_byte(5)),
        ..Default::default()
    };
    let portal_log = encode_deposit(config.deposit_contract_address, &deposit());
    let stray_log = encode_deposit(STRANGER, &deposit());
    let mut malformed = gas_limit_update(1, config.l1_system_config_address);
    malformed.data.data = Bytes::from_static(&[1]);
    let receipts = [
        receipt(vec![stray_log.clone(), portal_log.clone()]),
        receipt(vec![]),
        receipt(vec![
            gas_limit_update(5, STRANGER),
            malformed,
            gas_limit_update(70_000_000, config.l1_system_config_address),
            portal_log,
        ]),
    ];
    let tx = |tx_type, to, input: &'static [u8], blobs: &[&'static [u8]]| L1Transaction {
        tx_type,
        to,
        sender: BATCHER,
        input: Bytes::from_static(input),
        blobs: blobs.iter().map(|blob| Bytes::from_static(blob)).collect(),
    };
    let inbox = Some(config.batch_inbox_address);
    let transactions = [
        tx(2, inbox, b"calldata", &[]),
        tx(2, Some(STRANGER), b"elsewhere", &[]),
        tx(2, None, b"creation", &[]),
        tx(3, inbox, b"ignored", &[b"blob one", b"blob two"]),
        // Type 4 brings no batches.
        tx(4, inbox, b"delegation", &[]),
        tx(0, inbox, b"untyped", &[]),
    ];
    let input =
        parse_l1_block(&config, &l1_config(), &header, &transactions, &receipts).expect("valid");

    let hash = header.hash_slow();
    assert_eq!((input.block.number, input.block.hash), (7, hash));
    assert_eq!((input.block.base_fee, input.block.blob_base_fee), (11, 1));
    assert_eq!(
        input.block.parent_beacon_block_root,
        Some(B256::repeat_byte(5))
    );
    let data: Vec<Vec<Bytes>> = input.inbox.into_iter().map(|tx| tx.data).collect();
    assert_eq!(
        data,
        [
            vec![Bytes::from_static(b"calldata")],
            vec![
                Bytes::from_static(b"blob one"),
                Bytes::from_static(b"blob two")
            ],
            vec![Bytes::from_static(b"untyped")],
        ]
    );
    // Log indices count through the block, whoever emitted the log.
    let with_index = |index| -> Transaction {
        TxDeposit {
            source_hash: UserDepositSource::new(hash, index).source_hash(),
            ..deposit()
        }
        .into()
    };
    assert_eq!(input.deposits, [with_index(1), with_index(5)]);
    assert_eq!(input.config_updates, [ConfigUpdate::GasLimit(70_000_000)]);
}

#[test]
fn a_malformed_deposit_stops_everything() {
    let config = config(2, 100);
    let mut log = encode_deposit(config.deposit_contract_address, &deposit());
    log.data.data = Bytes::new();
    let error = parse_l1_block(
        &config,
        &l1_config(),
        &Header::default(),
        &[],
        &[receipt(vec![log])],
    )
    .expect_err("malformed");
    assert!(matches!(error, L1InputError::Deposit { log_index: 0, .. }));
    assert_eq!(error.severity(), Severity::Fatal);
}

#[test]
fn data_is_checked_against_the_header() {
    let signature = Signature::new(U256::from(1), U256::from(2), false);
    let transactions = [TxEnvelope::from(TxLegacy::default().into_signed(signature))];
    let receipts = [receipt(vec![gas_limit_update(1, STRANGER)])];
    let header = Header {
        transactions_root: calculate_transaction_root(&transactions),
        receipts_root: calculate_receipt_root(&receipts),
        ..Default::default()
    };
    assert_eq!(verify_header(&header, header.hash_slow()), Ok(()));
    assert_eq!(verify_transactions(&header, &transactions), Ok(()));
    assert_eq!(verify_receipts(&header, &receipts), Ok(()));
    let errors = [
        verify_header(&header, B256::ZERO),
        verify_transactions(&header, &[]),
        verify_receipts(&header, &[receipts[0].clone(), receipts[0].clone()]),
    ];
    for error in errors {
        assert_eq!(error.expect_err("wrong").severity(), Severity::Transient);
    }
}
