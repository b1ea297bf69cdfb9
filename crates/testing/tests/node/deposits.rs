//! Deposit transactions: what they mint, and what is left of one that fails.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use anyhow::{Context as _, Result};
use op_alloy_consensus::{OpReceiptEnvelope, TxDeposit};
use openledger_primitives::{StateReader as _, Transaction};
use openledger_testing::{
    fixture::{Fixture, FixtureOptions},
    load::token_creation,
};

const DEPOSITOR: Address = Address::repeat_byte(0xd0);
const TARGET: Address = Address::repeat_byte(0xd1);

fn deposit(
    number: u8,
    mint: u128,
    value: u64,
    to: TxKind,
    gas_limit: u64,
    input: Bytes,
) -> Transaction {
    TxDeposit {
        source_hash: B256::repeat_byte(number),
        from: DEPOSITOR,
        to,
        mint,
        value: U256::from(value),
        gas_limit,
        is_system_transaction: false,
        input,
    }
    .into()
}

#[test]
fn a_deposit_mints_and_transfers_and_pays_nothing() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions {
        operator_fee: (5, 5),
        ..Default::default()
    })?;
    let to = TxKind::Call(TARGET);
    let block = fixture.deposit(vec![deposit(1, 1_000, 300, to, 50_000, Bytes::new())])?;
    assert!(
        block.number() >= 12,
        "the deposit comes with the next L1 block"
    );
    assert!(block.receipts[1].status());
    assert_eq!(fixture.balance(DEPOSITOR)?, U256::from(700));
    assert_eq!(fixture.balance(TARGET)?, U256::from(300));
    assert_eq!(fixture.nonce(DEPOSITOR)?, 1);
    let OpReceiptEnvelope::Deposit(receipt) = &block.receipts[1] else {
        anyhow::bail!("{:?}", block.receipts[1])
    };
    assert_eq!(receipt.receipt.deposit_nonce, Some(0));
    assert_eq!(receipt.receipt.deposit_receipt_version, Some(1));
    Ok(())
}

#[test]
fn a_failing_deposit_keeps_its_mint_and_its_nonce() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    let call = |number, mint, value, gas_limit, input| {
        deposit(number, mint, value, TxKind::Call(TARGET), gas_limit, input)
    };
    let block = fixture.deposit(vec![
        // More value than there is.
        call(1, 1_000, 1_001, 50_000, Bytes::new()),
        // Too little gas for the transaction itself.
        call(2, 20, 10, 20_000, Bytes::new()),
        // A creation whose code reverts: PUSH0 PUSH0 REVERT.
        deposit(
            3,
            3,
            0,
            TxKind::Create,
            100_000,
            Bytes::from_static(&[0x5f, 0x5f, 0xfd]),
        ),
        // One that can: it spends what the failing ones minted.
        call(4, 0, 1_023, 50_000, Bytes::new()),
    ])?;
    let succeeded: Vec<bool> = block
        .receipts
        .iter()
        .map(|receipt| receipt.status())
        .collect();
    assert_eq!(succeeded, [true, false, false, false, true]);
    assert_eq!(fixture.nonce(DEPOSITOR)?, 4);
    assert_eq!(fixture.balance(DEPOSITOR)?, U256::ZERO);
    assert_eq!(fixture.balance(TARGET)?, U256::from(1_023));
    let nonces: Vec<_> = block.receipts[1..]
        .iter()
        .map(|receipt| match receipt {
            OpReceiptEnvelope::Deposit(receipt) => receipt.receipt.deposit_nonce,
            _ => None,
        })
        .collect();
    assert_eq!(nonces, [Some(0), Some(1), Some(2), Some(3)]);
    Ok(())
}

#[test]
fn a_deposit_deploys_at_the_address_of_its_nonce() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    let code = token_creation()?;
    let failing = deposit(1, 0, 1, TxKind::Create, 50_000, Bytes::new());
    let block = fixture.deposit(vec![
        failing,
        deposit(2, 0, 0, TxKind::Create, 2_000_000, code),
    ])?;
    assert!(!block.receipts[1].status() && block.receipts[2].status());
    let (_, state) = fixture.chain.latest();
    let account = state.account(DEPOSITOR.create(1))?.context("no contract")?;
    assert!(
        state
            .code(account.code_hash)?
            .is_some_and(|code| !code.is_empty())
    );
    Ok(())
}
