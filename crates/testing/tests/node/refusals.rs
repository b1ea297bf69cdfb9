//! What the chain does not take.

use alloy_consensus::{SignableTransaction as _, TxEip4844, transaction::RlpEcdsaEncodableTx as _};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use anyhow::Result;
use openledger_chain::ChainError;
use openledger_mempool::{DecodeError, RecoveredTransaction};
use openledger_testing::fixture::{Fixture, FixtureOptions, decode};

#[test]
fn a_blob_transaction_is_refused_with_the_reason() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    let blob = TxEip4844 {
        chain_id: fixture.files.rollup.l2_chain_id,
        gas_limit: 21_000,
        max_fee_per_gas: 1,
        max_fee_per_blob_gas: 1,
        blob_versioned_hashes: vec![B256::with_last_byte(1)],
        to: Address::repeat_byte(1),
        ..Default::default()
    };
    let signature = fixture.wallets[0].sign_digest(blob.signature_hash());
    let mut encoded = Vec::new();
    blob.eip2718_encode(&signature, &mut encoded);
    let error = RecoveredTransaction::decode(&encoded).unwrap_err();
    assert!(matches!(error, DecodeError::Blob), "{error}");
    assert!(error.to_string().contains("blob"), "{error}");
    Ok(())
}

/// A block that can't be executed leaves the chain as it was.
#[test]
fn a_block_with_an_invalid_transaction_leaves_no_trace() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    fixture.extend(Vec::new())?;
    let head = fixture.chain.head().hash();
    let to = Address::repeat_byte(1);
    let wrong_nonce = fixture.transfer(0, 1, to, 1)?;
    let too_dear =
        decode(&fixture.sign(1, 0, TxKind::Call(to), U256::MAX >> 1, Bytes::new(), 21_000))?;
    let too_much_gas =
        decode(&fixture.sign(2, 0, TxKind::Call(to), U256::ZERO, Bytes::new(), 60_000_000))?;
    for invalid in [wrong_nonce, too_dear, too_much_gas] {
        let valid = fixture.transfer(3, 0, to, 1)?;
        let mut attributes = fixture.attributes(&[])?;
        attributes.transactions.extend([valid, invalid]);
        let error = fixture.chain.execute(&attributes).unwrap_err();
        assert!(matches!(error, ChainError::Execution(_)), "{error}");
        assert_eq!(fixture.chain.head().hash(), head);
        assert_eq!(fixture.nonce(fixture.wallets[3].address())?, 0);
    }
    fixture.extend(vec![fixture.transfer(3, 0, to, 1)?])?;
    assert_eq!(fixture.balance(to)?, U256::ONE);
    Ok(())
}
