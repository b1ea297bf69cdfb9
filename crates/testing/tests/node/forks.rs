//! Forks after Isthmus: Jovian, activated by a block or there from genesis on, and Karst from genesis on.

use crate::{fees, flz};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, b256, hex};
use anyhow::{Context as _, Result, ensure};
use op_alloy_consensus::TxDeposit;
use openledger_chain::ChainError;
use openledger_execution::{EvmExt as _, StateDatabase, evm_env, evm_factory};
use openledger_primitives::{
    BlockAttributes, ForkTimes, SealedBlock, StateReader as _, Transaction, predeploys,
};
use openledger_protocol::{L1Attributes, jovian_upgrade_deposits};
use openledger_testing::{
    fixture::{Fixture, FixtureOptions, GENESIS_TIMESTAMP, decode, jovian_upgrade},
    load::{Random, call_data},
};
use revm::{context::result::ExecutionResult, database::CacheDB};

/// ERC-1967: where a proxy says what is behind it.
const IMPLEMENTATION_SLOT: B256 =
    b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
/// EIP-7825.
const KARST_GAS_MAX: u64 = 16_777_216;

fn fixture(options: FixtureOptions) -> Result<Fixture> {
    Fixture::new(FixtureOptions {
        wallets: 2,
        ..options
    })
}

/// Calls a contract as of the head; fails where the call does.
fn call(fixture: &Fixture, to: Address, input: Bytes) -> Result<Bytes> {
    let (head, state) = fixture.chain.latest();
    let env = evm_env(fixture.chain.config(), &head);
    let mut evm = evm_factory().create(CacheDB::new(StateDatabase(state)), env);
    let result = evm
        .transact_system_call(Address::repeat_byte(0x77), to, input)
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    match result.result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        other => anyhow::bail!("{other:?}"),
    }
}

fn read(fixture: &Fixture, to: Address, signature: &str, arguments: &[U256]) -> Result<U256> {
    let output = call(fixture, to, call_data(signature, arguments))?;
    Ok(U256::from_be_slice(&output))
}

fn first(block: &SealedBlock) -> Result<L1Attributes> {
    let transactions = &block.block.body.transactions;
    Ok(L1Attributes::from_deposit(
        transactions.first().context("no attributes")?,
    )?)
}

/// `L1Block` says what the head's first transaction told it.
fn check_l1_block(fixture: &Fixture) -> Result<()> {
    let head = fixture.chain.head().number;
    let told = first(&*fixture.chain.block(head)?.context("the head")?)?;
    let scalar = told.da_footprint_gas_scalar.unwrap_or_default();
    for (getter, expected) in [
        ("number()", U256::from(told.number)),
        ("timestamp()", U256::from(told.timestamp)),
        ("basefee()", U256::from(told.base_fee)),
        ("hash()", told.hash.into()),
        ("sequenceNumber()", U256::from(told.sequence_number)),
        ("batcherHash()", told.batcher_address.into_word().into()),
        ("baseFeeScalar()", U256::from(told.base_fee_scalar)),
        ("blobBaseFeeScalar()", U256::from(told.blob_base_fee_scalar)),
        ("blobBaseFee()", U256::from(told.blob_base_fee)),
        ("operatorFeeScalar()", U256::from(told.operator_fee_scalar)),
        (
            "operatorFeeConstant()",
            U256::from(told.operator_fee_constant),
        ),
        ("daFootprintGasScalar()", U256::from(scalar)),
    ] {
        let found = read(fixture, predeploys::L1_BLOCK, getter, &[])?;
        assert_eq!(found, expected, "{getter} of block {head}");
    }
    Ok(())
}

/// `GasPriceOracle` says what transactions pay.
fn check_oracle(fixture: &Fixture, operator_fee: impl Fn(u64) -> U256) -> Result<()> {
    let head = fixture.chain.head().number;
    let told = first(&*fixture.chain.block(head)?.context("the head")?)?;
    for gas in [0, 21_000, 30_000_000] {
        let (signature, arguments) = ("getOperatorFee(uint256)", [U256::from(gas)]);
        let found = read(fixture, predeploys::GAS_PRICE_ORACLE, signature, &arguments)?;
        assert_eq!(found, operator_fee(gas), "{gas} gas at block {head}");
    }
    for payload in fees::payloads() {
        let head = [U256::from(32), U256::from(payload.len())];
        let mut input = call_data("getL1Fee(bytes)", &head).to_vec();
        input.extend_from_slice(&payload);
        input.resize(4 + 64 + payload.len().next_multiple_of(32), 0);
        let found = call(fixture, predeploys::GAS_PRICE_ORACLE, input.into())?;
        let expected = fees::l1_fee(&told, flz::compressed_len(&payload) + 68);
        assert_eq!(
            U256::from_be_slice(&found),
            expected,
            "{} bytes",
            payload.len()
        );
    }
    Ok(())
}

/// Jovian's footprint of a transaction, in gas.
fn footprint(transaction: &Transaction, scalar: u64) -> u64 {
    let compressed = flz::compressed_len(&transaction.encoded_2718()) as u64;
    let size = (836_500 * compressed)
        .saturating_sub(42_585_600)
        .max(100_000_000);
    size / 1_000_000 * scalar
}

/// EIP-1559's next base fee, of a block that used less than its target.
fn base_fee_after(base_fee: u64, used: u64, gas_limit: u64) -> u64 {
    let target = gas_limit / 6;
    base_fee - base_fee * (target - used) / target / 250
}

/// Another node that executes the same blocks comes to the same.
fn check_twin(fixture: &Fixture) -> Result<()> {
    let twin = fixture.twin()?;
    for number in 1..=fixture.chain.head().number {
        let block = fixture.chain.block(number)?.context("a block")?;
        let attributes = BlockAttributes::of_block(&block.block).context("fee parameters")?;
        assert_eq!(twin.chain.execute(&attributes)?.hash, block.hash);
    }
    Ok(())
}

fn noise(bytes: usize) -> Bytes {
    let mut random = Random::new(9);
    (0..bytes)
        .map(|_| random.next() as u8)
        .collect::<Vec<u8>>()
        .into()
}

#[test]
fn a_block_activates_jovian() -> Result<()> {
    let (scalar, constant) = (2_500_u32, 99_u64);
    let fixture = fixture(FixtureOptions {
        operator_fee: (scalar, constant),
        forks: ForkTimes {
            jovian_time: Some(GENESIS_TIMESTAMP + 3),
            ..ForkTimes::ISTHMUS
        },
        ..Default::default()
    })?;
    let isthmus = |gas: u64| {
        U256::from(gas) * U256::from(scalar) / U256::from(1_000_000) + U256::from(constant)
    };
    let jovian =
        |gas: u64| U256::from(gas) * U256::from(scalar) * U256::from(100) + U256::from(constant);
    fixture.extend(Vec::new())?;
    let sender = fixture.wallets[0].address();
    let transfer = |nonce| fixture.transfer(0, nonce, Address::repeat_byte(0x99), 5);
    fees::check(&fixture, transfer(0)?, sender, U256::from(5))?;
    check_l1_block(&fixture)?;
    check_oracle(&fixture, isthmus)?;

    // The activation: upgrades behind the attributes, which have the old form.
    let activation = fixture.extend(Vec::new())?;
    assert_eq!(activation.block.header.timestamp, GENESIS_TIMESTAMP + 3);
    assert_eq!(first(&activation)?.da_footprint_gas_scalar, None);
    let upgrades: Vec<Transaction> = jovian_upgrade_deposits(&jovian_upgrade()?)
        .into_iter()
        .map(Transaction::from)
        .collect();
    assert_eq!(activation.block.body.transactions[1..], upgrades);
    for (index, receipt) in activation.receipts.iter().enumerate() {
        ensure!(
            receipt.status(),
            "transaction {index} of the activation failed"
        );
    }
    let header = &activation.block.header;
    assert_eq!(
        hex::encode(&header.extra_data),
        "01000000fa000000060000000000000000"
    );
    assert_eq!(header.blob_gas_used, Some(0));
    let (_, state) = fixture.chain.latest();
    let upgrade = jovian_upgrade()?;
    for (proxy, implementation, init_code) in [
        (
            predeploys::L1_BLOCK,
            address!("3Ba4007f5C922FBb33C454B41ea7a1f11E83df2C"),
            upgrade.l1_block,
        ),
        (
            predeploys::GAS_PRICE_ORACLE,
            address!("4f1db3c6AbD250ba86E0928471A8F7DB3AFd88F1"),
            upgrade.gas_price_oracle,
        ),
    ] {
        let account = state.account(implementation)?.context("no contract")?;
        let code = state.code(account.code_hash)?.context("no code")?;
        ensure!(!code.is_empty() && init_code.ends_with(&code));
        let behind = state.storage(proxy, U256::from_be_bytes(IMPLEMENTATION_SLOT.0))?;
        assert_eq!(behind, U256::from_be_bytes(implementation.into_word().0));
    }
    assert_eq!(
        read(&fixture, predeploys::GAS_PRICE_ORACLE, "isJovian()", &[])?,
        U256::ONE
    );
    check_l1_block(&fixture)?;
    check_oracle(&fixture, jovian)?;

    // From the next block on the rules are Jovian's.
    fixture.extend(Vec::new())?;
    check_l1_block(&fixture)?;
    assert_eq!(
        read(
            &fixture,
            predeploys::L1_BLOCK,
            "daFootprintGasScalar()",
            &[]
        )?,
        U256::from(400)
    );
    check_oracle(&fixture, jovian)?;
    let paid = transfer(1)?;
    fees::check(&fixture, paid.clone(), sender, U256::from(5))?;
    let header = fixture.chain.head();
    assert_eq!(header.blob_gas_used, Some(footprint(&paid, 400)));
    assert_eq!(header.blob_gas_used, Some(40_000));

    // A block's data may count more than its gas.
    let to = TxKind::Call(Address::repeat_byte(0x42));
    let large = decode(&fixture.sign(0, 2, to, U256::ZERO, noise(20_000), 2_000_000))?;
    fees::check(&fixture, large.clone(), sender, U256::ZERO)?;
    let header = fixture.chain.head();
    let counted = footprint(&large, 400);
    assert_eq!(header.blob_gas_used, Some(counted));
    ensure!(
        counted > 4 * header.gas_used,
        "{counted}, {} gas",
        header.gas_used
    );
    let next = fixture.extend(Vec::new())?;
    let base_fee = header.base_fee_per_gas.context("a base fee")?;
    assert_eq!(
        next.block.header.base_fee_per_gas,
        Some(base_fee_after(base_fee, counted, header.gas_limit))
    );
    check_twin(&fixture)
}

#[test]
fn a_chain_begins_with_jovian() -> Result<()> {
    let (scalar, constant) = (7_u32, 5_u64);
    let (min_base_fee, da_scalar) = (5_000_000, 1_000);
    let fixture = fixture(FixtureOptions {
        operator_fee: (scalar, constant),
        min_base_fee,
        da_footprint_gas_scalar: da_scalar,
        gas_limit: 21_000_000,
        forks: ForkTimes {
            jovian_time: Some(0),
            ..ForkTimes::ISTHMUS
        },
        ..Default::default()
    })?;
    assert_eq!(
        hex::encode(&fixture.chain.head().extra_data),
        "01000000fa000000060000000000000000"
    );
    let one = fixture.extend(Vec::new())?;
    assert_eq!(one.block.body.transactions.len(), 1);
    assert_eq!(one.block.header.base_fee_per_gas, Some(996_000));
    // The first block says the least base fee, and the next has it.
    fixture.extend(Vec::new())?;
    assert_eq!(fixture.chain.head().base_fee_per_gas, Some(min_base_fee));
    check_l1_block(&fixture)?;
    check_oracle(&fixture, |gas| {
        U256::from(gas) * U256::from(scalar) * U256::from(100) + U256::from(constant)
    })?;
    assert_eq!(
        read(
            &fixture,
            predeploys::L1_BLOCK,
            "daFootprintGasScalar()",
            &[]
        )?,
        U256::from(da_scalar)
    );

    // 21,000 bytes go into a block, whatever its gas.
    let sender = fixture.wallets[0].address();
    let to = TxKind::Call(Address::repeat_byte(0x42));
    let call =
        |nonce, bytes| decode(&fixture.sign(0, nonce, to, U256::ZERO, noise(bytes), 2_000_000));
    let (half, rest) = (call(0, 13_000)?, call(1, 13_000)?);
    let each = footprint(&half, da_scalar.into());
    ensure!((10_500_001..21_000_000).contains(&each), "{each}");
    let error = fixture
        .extend(vec![half.clone(), rest.clone()])
        .unwrap_err();
    ensure!(is_invalid(&error), "{error:?}");
    for transaction in [half, rest] {
        fees::check(&fixture, transaction, sender, U256::ZERO)?;
        assert_eq!(fixture.chain.head().blob_gas_used, Some(each));
    }
    check_twin(&fixture)
}

fn is_invalid(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(ChainError::Execution(error)) if error.is_invalid_block()
    )
}

#[test]
fn a_chain_begins_with_karst() -> Result<()> {
    let fixture = fixture(FixtureOptions {
        forks: ForkTimes {
            jovian_time: Some(0),
            karst_time: Some(0),
            ..ForkTimes::ISTHMUS
        },
        ..Default::default()
    })?;
    fixture.extend(Vec::new())?;
    check_l1_block(&fixture)?;
    // A transaction may ask for 2^24 gas and no more, a deposit for what L1 lets it.
    let sender = fixture.wallets[0].address();
    let to = TxKind::Call(Address::repeat_byte(0x42));
    let asks = |nonce, gas| decode(&fixture.sign(0, nonce, to, U256::ZERO, Bytes::new(), gas));
    let error = fixture
        .extend(vec![asks(0, KARST_GAS_MAX + 1)?])
        .unwrap_err();
    ensure!(is_invalid(&error), "{error:?}");
    fees::check(&fixture, asks(0, KARST_GAS_MAX)?, sender, U256::ZERO)?;
    let deposit = TxDeposit {
        source_hash: B256::repeat_byte(1),
        from: sender,
        to,
        gas_limit: 20_000_000,
        ..Default::default()
    };
    let block = fixture.deposit(vec![deposit.into()])?;
    let last = block.receipts.last().context("a receipt")?;
    ensure!(last.status() && block.receipts.len() == 2);

    // EIP-7939: count leading zeros. PUSH2 0x00ff CLZ PUSH0 MSTORE PUSH1 32 PUSH0 RETURN.
    let code = hex!("6100ff1e5f5260205ff3");
    let creation = [&hex!("69")[..], &code, &hex!("5f52600a6016f3")].concat();
    let nonce = fixture.nonce(sender)?;
    let create = fixture.sign(
        0,
        nonce,
        TxKind::Create,
        U256::ZERO,
        creation.into(),
        200_000,
    );
    fixture.extend(vec![decode(&create)?])?;
    let zeros = call(&fixture, sender.create(nonce), Bytes::new())?;
    assert_eq!(U256::from_be_slice(&zeros), U256::from(248));
    check_twin(&fixture)
}

/// What each fork charges for, and lets one ask of, its precompiles; ours are there in each.
#[test]
fn precompiles_follow_the_fork() -> Result<()> {
    let pairing = Address::with_last_byte(8);
    let p256 = Address::from_word(U256::from(0x100).into());
    let natives: Vec<Address> = (1..=4_u64)
        .map(|number| Address::from_word(U256::from(0xa00 + number).into()))
        .collect();
    for (jovian_time, karst_time, pairs_max, p256_gas) in [
        (None, None, 586, 3_450),
        (Some(0), None, 427, 3_450),
        (Some(0), Some(0), 300, 6_900),
    ] {
        let fixture = fixture(FixtureOptions {
            forks: ForkTimes {
                jovian_time,
                karst_time,
                ..ForkTimes::ISTHMUS
            },
            ..Default::default()
        })?;
        let (head, state) = fixture.chain.latest();
        let run = |to: Address, input: Vec<u8>| -> Result<(bool, u64)> {
            let env = evm_env(fixture.chain.config(), &head);
            let state = CacheDB::new(StateDatabase(state.clone()));
            let mut evm = evm_factory().create(state, env);
            for native in &natives {
                ensure!(
                    evm.precompiles_mut().get(native).is_some(),
                    "{native} is missing"
                );
            }
            let result = evm
                .transact_system_call(Address::repeat_byte(0x77), to, input.into())
                .map_err(|error| anyhow::anyhow!("{error:?}"))?
                .result;
            Ok((result.is_success(), result.tx_gas_used()))
        };
        // Points at infinity.
        assert!(run(pairing, vec![0; 192 * pairs_max])?.0, "{pairs_max}");
        assert!(!run(pairing, vec![0; 192 * (pairs_max + 1)])?.0);
        let (_, gas) = run(p256, vec![0; 160])?;
        let (_, none) = run(Address::repeat_byte(0x55), vec![0; 160])?;
        assert_eq!(gas - none, p256_gas);
    }
    Ok(())
}

/// A fork that is scheduled for what is past, or taken back after it, would continue blocks that nobody else has.
#[test]
fn a_data_directory_keeps_to_its_schedule() -> Result<()> {
    for (made, opened, is_refused) in [
        (None, Some(GENESIS_TIMESTAMP + 2), true),
        (Some(GENESIS_TIMESTAMP + 2), None, true),
        (None, Some(GENESIS_TIMESTAMP + 3), false),
        (Some(GENESIS_TIMESTAMP + 3), None, false),
    ] {
        let forks = |jovian_time| ForkTimes {
            jovian_time,
            ..ForkTimes::ISTHMUS
        };
        let mut fixture = fixture(FixtureOptions {
            forks: forks(made),
            ..Default::default()
        })?;
        fixture.extend(Vec::new())?;
        fixture.extend(Vec::new())?;
        fixture.files.rollup.forks = forks(opened);
        let opened = fixture.reopen();
        let refused = opened.as_ref().err().and_then(|error| error.downcast_ref());
        assert_eq!(
            matches!(refused, Some(ChainError::OtherForks { number: 2, .. })),
            is_refused,
            "{refused:?}"
        );
        assert_eq!(opened.is_err(), is_refused);
    }
    Ok(())
}
