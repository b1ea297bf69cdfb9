//! The header by the Isthmus rules.

use alloy_primitives::{Address, B256, TxKind, U256, b256, keccak256};
use anyhow::{Context as _, Result};
use openledger_primitives::{Account, StateReader as _, predeploys};
use openledger_protocol::{L1Attributes, OutputRoot};
use openledger_testing::{
    fixture::{Fixture, FixtureOptions, decode},
    load::call_data,
};

fn message_passer(fixture: &Fixture) -> Result<Account> {
    let (_, state) = fixture.chain.latest();
    state
        .account(predeploys::L2_TO_L1_MESSAGE_PASSER)?
        .context("no message passer")
}

#[test]
fn the_header_is_what_isthmus_prescribes() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    let mut parent = fixture.chain.head();
    for _ in 0..14 {
        let block = fixture.extend(Vec::new())?;
        let header = &block.block.header;
        let attributes = L1Attributes::from_deposit(&block.block.body.transactions[0])?;
        let origin = fixture.l1_block(attributes.number);
        assert_eq!(attributes.hash, origin.hash);
        assert_eq!(header.parent_hash, parent.hash());
        assert_eq!(header.number, parent.number + 1);
        assert_eq!(header.timestamp, parent.timestamp + 1);
        assert_eq!(header.mix_hash, origin.prev_randao);
        assert_eq!(
            header.parent_beacon_block_root,
            origin.parent_beacon_block_root
        );
        assert_eq!(header.beneficiary, predeploys::SEQUENCER_FEE_VAULT);
        assert_eq!(header.gas_limit, 60_000_000);
        assert_eq!(header.extra_data.as_ref(), [0, 0, 0, 0, 250, 0, 0, 0, 6]);
        assert_eq!(
            (header.blob_gas_used, header.excess_blob_gas),
            (Some(0), Some(0))
        );
        assert_eq!(
            (header.difficulty, header.nonce),
            (U256::ZERO, Default::default())
        );
        // sha256 of nothing: no requests (EIP-7685).
        let no_requests = b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(header.requests_hash, Some(no_requests));
        // keccak256 of an empty RLP list: no ommers.
        assert_eq!(header.ommers_hash, keccak256([0xc0]));
        assert_eq!(
            header.withdrawals_root,
            Some(message_passer(&fixture)?.storage_root)
        );
        assert_eq!(header.hash_slow(), block.hash);
        parent = fixture.chain.head();
    }
    let last = fixture.chain.block(14)?.context("block 14")?;
    let attributes = L1Attributes::from_deposit(&last.block.body.transactions[0])?;
    assert_eq!((attributes.number, attributes.sequence_number), (1, 2));
    Ok(())
}

#[test]
fn fee_parameters_of_the_system_configuration_stand_in_the_extra_data() -> Result<()> {
    let options = FixtureOptions {
        eip1559: Some((50, 10)),
        ..Default::default()
    };
    let fixture = Fixture::new(options)?;
    // The genesis block has the chain's defaults; the system configuration counts from the first block on.
    fixture.extend(Vec::new())?;
    let block = fixture.extend(Vec::new())?;
    assert_eq!(
        block.block.header.extra_data.as_ref(),
        [0, 0, 0, 0, 50, 0, 0, 0, 10]
    );
    Ok(())
}

#[test]
fn the_withdrawals_root_commits_to_withdrawals() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    let before = fixture.extend(Vec::new())?.block.header.withdrawals_root;
    let target = Address::repeat_byte(0x17);
    let mut input = call_data(
        "initiateWithdrawal(address,uint256,bytes)",
        &[
            target.into_word().into(),
            U256::from(100_000),
            U256::from(96),
            U256::from(2),
        ],
    )
    .to_vec();
    input.extend_from_slice(&B256::right_padding_from(&[0xab, 0xcd]).0);
    let to = TxKind::Call(predeploys::L2_TO_L1_MESSAGE_PASSER);
    let value = U256::from(5);
    let signed = fixture.sign(0, 0, to, value, input.into(), 300_000);
    let block = fixture.extend(vec![decode(&signed)?])?;
    let account = message_passer(&fixture)?;
    assert_eq!(account.balance, value);
    assert_ne!(block.block.header.withdrawals_root, before);
    assert_eq!(
        block.block.header.withdrawals_root,
        Some(account.storage_root)
    );

    // The withdrawal's hash is a key of the mapping at slot 0, set to true.
    let word = |value: U256| value.to_be_bytes::<32>();
    let nonce = U256::ONE << 240;
    let encoded = [
        &word(nonce)[..],
        fixture.wallets[0].address().into_word().as_slice(),
        target.into_word().as_slice(),
        &word(value),
        &word(U256::from(100_000)),
        &word(U256::from(192)),
        &word(U256::from(2)),
        &B256::right_padding_from(&[0xab, 0xcd]).0,
    ]
    .concat();
    let slot = keccak256([keccak256(encoded).as_slice(), &[0; 32]].concat());
    let (header, state) = fixture.chain.latest();
    assert_eq!(
        state.storage(predeploys::L2_TO_L1_MESSAGE_PASSER, slot.into())?,
        U256::ONE
    );

    // Output root, version 0: state root, message passer's storage root, block hash.
    let parts = [
        [0; 32],
        header.state_root.0,
        account.storage_root.0,
        header.hash().0,
    ]
    .concat();
    let output = OutputRoot {
        state_root: header.state_root,
        message_passer_storage_root: header.withdrawals_root.context("no withdrawals root")?,
        block_hash: header.hash(),
    };
    assert_eq!(output.hash(), keccak256(parts));
    Ok(())
}
