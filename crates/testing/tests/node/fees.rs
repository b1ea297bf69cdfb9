//! What a transaction pays, to whom, by the OP specification's formulas computed here a second time.

use crate::flz;
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use anyhow::{Context as _, Result, ensure};
use openledger_execution::{EvmExt as _, StateDatabase, evm_env, evm_factory};
use openledger_primitives::{OpHardforks as _, SealedBlock, Transaction, predeploys};
use openledger_protocol::L1Attributes;
use openledger_testing::{
    fixture::{Fixture, FixtureOptions, TIP_WEI, decode},
    load::{Random, call_data},
};
use revm::{context::result::ExecutionResult, database::CacheDB};

const VAULTS: [Address; 4] = [
    predeploys::SEQUENCER_FEE_VAULT,
    predeploys::BASE_FEE_VAULT,
    predeploys::L1_FEE_VAULT,
    predeploys::OPERATOR_FEE_VAULT,
];

fn vaults(fixture: &Fixture) -> Result<[U256; 4]> {
    let mut balances = [U256::ZERO; 4];
    for (balance, vault) in balances.iter_mut().zip(VAULTS) {
        *balance = fixture.balance(vault)?;
    }
    Ok(balances)
}

/// Fjord's L1 fee of a transaction whose FastLZ length is `compressed`.
pub(crate) fn l1_fee(attributes: &L1Attributes, compressed: usize) -> U256 {
    let size = (836_500 * compressed as u64)
        .saturating_sub(42_585_600)
        .max(100_000_000);
    let price =
        U256::from(attributes.base_fee_scalar) * U256::from(16) * U256::from(attributes.base_fee)
            + U256::from(attributes.blob_base_fee_scalar) * U256::from(attributes.blob_base_fee);
    U256::from(size) * price / U256::from(10).pow(U256::from(12))
}

fn attributes(block: &SealedBlock) -> Result<L1Attributes> {
    let first = block
        .block
        .body
        .transactions
        .first()
        .context("no attributes")?;
    Ok(L1Attributes::from_deposit(first)?)
}

/// Appends a block with one transaction and checks every wei that its sender and the vaults gained or lost.
/// Answers the L1 fee.
pub(crate) fn check(
    fixture: &Fixture,
    transaction: Transaction,
    sender: Address,
    value: U256,
) -> Result<U256> {
    let (scalar, constant) = fixture.files.rollup.genesis.system_config.operator_fee();
    let before = vaults(fixture)?;
    let funds = fixture.balance(sender)?;
    let encoded = transaction.encoded_2718();
    let block = fixture.extend(vec![transaction])?;
    let [attributes_receipt, receipt] = block.receipts.as_slice() else {
        anyhow::bail!("{} receipts", block.receipts.len())
    };
    ensure!(
        attributes_receipt.status() && receipt.status(),
        "a transaction failed"
    );
    let gas = receipt.cumulative_gas_used() - attributes_receipt.cumulative_gas_used();
    let base_fee = block.block.header.base_fee_per_gas.context("no base fee")?;
    let attributes = attributes(&block)?;
    let l1 = l1_fee(&attributes, flz::compressed_len(&encoded));
    let scaled = U256::from(gas) * U256::from(scalar);
    let config = &fixture.files.rollup;
    let operator = if config.is_jovian_active_at_timestamp(block.block.header.timestamp) {
        scaled * U256::from(100) + U256::from(constant)
    } else {
        scaled / U256::from(1_000_000) + U256::from(constant)
    };
    let expected = [
        U256::from(gas) * U256::from(TIP_WEI),
        U256::from(gas) * U256::from(base_fee),
        l1,
        operator,
    ];
    let after = vaults(fixture)?;
    for index in 0..4 {
        assert_eq!(
            after[index] - before[index],
            expected[index],
            "vault {}",
            VAULTS[index]
        );
    }
    let paid = funds - fixture.balance(sender)?;
    assert_eq!(paid, value + expected.iter().sum::<U256>());
    Ok(l1)
}

fn fixture(operator_fee: (u32, u64)) -> Result<Fixture> {
    let fixture = Fixture::new(FixtureOptions {
        operator_fee,
        ..Default::default()
    })?;
    // The first block still runs with what genesis says of the L1: nothing.
    fixture.extend(Vec::new())?;
    Ok(fixture)
}

#[test]
fn a_transfer_pays_its_l2_l1_and_operator_fee() -> Result<()> {
    for operator_fee in [
        (0, 0),
        (0, 7),
        (1_000_000, 0),
        (4_294_967_295, 12_345_678_901),
    ] {
        let fixture = fixture(operator_fee)?;
        let sender = fixture.wallets[0].address();
        let transfer = fixture.transfer(0, 0, Address::repeat_byte(0x99), 12_345)?;
        let l1 = check(&fixture, transfer, sender, U256::from(12_345))?;
        // A transfer is below the least size that is charged: 100 bytes.
        let attributes = attributes(&*fixture.chain.block(2)?.context("block 2")?)?;
        assert_eq!(l1, l1_fee(&attributes, 0));
        assert!(l1 > U256::ZERO);
        assert_eq!(
            fixture.balance(Address::repeat_byte(0x99))?,
            U256::from(12_345)
        );
    }
    Ok(())
}

/// Calldata that compresses well, badly and in parts.
pub(crate) fn payloads() -> Vec<Bytes> {
    let mut random = Random::new(3);
    let mut noise = |count: usize| -> Vec<u8> { (0..count).map(|_| random.next() as u8).collect() };
    let words: Vec<u8> = (0..40u8)
        .flat_map(|index| [&[0; 31][..], &[index % 7][..]].concat())
        .collect();
    let mixed = [
        noise(100),
        vec![0; 600],
        noise(40),
        b"attribution".repeat(30),
    ]
    .concat();
    vec![
        noise(1).into(),
        noise(200).into(),
        noise(3_000).into(),
        vec![0; 5_000].into(),
        words.into(),
        mixed.into(),
    ]
}

#[test]
fn calldata_pays_by_its_compressed_size() -> Result<()> {
    let fixture = fixture((500_000, 1_000))?;
    let sender = fixture.wallets[1].address();
    let mut fees = Vec::new();
    for (nonce, payload) in (0..).zip(payloads()) {
        let to = TxKind::Call(Address::repeat_byte(0x42));
        let signed = fixture.sign(1, nonce, to, U256::ZERO, payload, 1_000_000);
        fees.push(check(&fixture, decode(&signed)?, sender, U256::ZERO)?);
    }
    assert!(
        fees[2] > fees[3] * U256::from(5),
        "noise costs more than zeros: {fees:?}"
    );
    Ok(())
}

/// The oracle contract computes the same fee with another implementation of the compression.
#[test]
fn the_oracle_contract_agrees() -> Result<()> {
    let fixture = fixture((2_500_000, 99))?;
    let head = fixture.chain.block(1)?.context("block 1")?;
    let attributes = attributes(&head)?;
    let (_, state) = fixture.chain.latest();
    let call = |input: Bytes| -> Result<U256> {
        let env = evm_env(fixture.chain.config(), &head.block.header);
        let mut evm = evm_factory().create(CacheDB::new(StateDatabase(state.clone())), env);
        let result = evm
            .transact_system_call(Address::ZERO, predeploys::GAS_PRICE_ORACLE, input)
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        match result.result {
            ExecutionResult::Success { output, .. } => Ok(U256::from_be_slice(output.data())),
            other => anyhow::bail!("{other:?}"),
        }
    };
    for payload in payloads() {
        let mut input = call_data(
            "getL1Fee(bytes)",
            &[U256::from(32), U256::from(payload.len())],
        )
        .to_vec();
        input.extend_from_slice(&payload);
        input.resize(4 + 64 + payload.len().next_multiple_of(32), 0);
        let expected = l1_fee(&attributes, flz::compressed_len(&payload) + 68);
        assert_eq!(call(input.into())?, expected, "{} bytes", payload.len());
    }
    for gas in [0u64, 21_000, 30_000_000] {
        let expected =
            U256::from(gas) * U256::from(2_500_000) / U256::from(1_000_000) + U256::from(99);
        assert_eq!(
            call(call_data("getOperatorFee(uint256)", &[U256::from(gas)]))?,
            expected
        );
    }
    Ok(())
}
