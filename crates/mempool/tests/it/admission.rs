//! Every reason for which a transaction is refused, with its text.

use crate::support::{
    Accounts, BASE_FEE, Bench, CHAIN_ID, ETHER, Key, L1_FEE, access_list, fees, legacy, rich,
    set_code, transfer,
};
use alloy_eips::eip2930::AccessListItem;
use alloy_primitives::{Address, B256, TxKind, U256};
use openledger_mempool::{
    AccountReader, AccountState, InsertError, Mempool, MempoolConfig, RecoveredTransaction,
};

fn default() -> Bench {
    Bench::new(MempoolConfig::default())
}

#[test]
fn what_is_known_is_refused() {
    let bench = default();
    let tx = Key::new(1).transfer(0, 2_000, 1);
    bench.insert(tx.clone()).unwrap();
    assert_eq!(bench.refusal(tx), "already known");
    assert_eq!(bench.pool.len(), 1);
}

#[test]
fn stateless_rules() {
    let key = Key::new(1);
    let config = MempoolConfig {
        min_tip_wei: 2,
        min_fee_wei: 10,
        authorizations_max: 2,
        ..Default::default()
    };
    let bench = Bench::new(MempoolConfig {
        transaction_gas_max: 50_000_000,
        ..config
    });
    let edit = |change: fn(&mut alloy_consensus::TxEip1559)| {
        let mut tx = transfer(0, 2_000, 2);
        change(&mut tx);
        key.recovered(tx)
    };
    let create = |size: usize, gas_limit: u64| {
        let mut tx = transfer(0, 2_000, 2);
        tx.to = TxKind::Create;
        tx.input = vec![0; size].into();
        tx.gas_limit = gas_limit;
        key.recovered(tx)
    };
    let listed = |gas_limit: u64| {
        let mut tx = access_list(0, 2_000);
        tx.gas_limit = gas_limit;
        tx.access_list.0.push(AccessListItem {
            address: Address::ZERO,
            storage_keys: vec![B256::ZERO; 2],
        });
        key.recovered(tx)
    };
    let authorizing = |count: u64, gas_limit: u64| {
        let list = (0..count)
            .map(|seed| Key::new(seed).authorize(CHAIN_ID, 0))
            .collect();
        let mut tx = set_code(0, list);
        (tx.gas_limit, tx.max_priority_fee_per_gas) = (gas_limit, 2);
        key.recovered(tx)
    };
    let cases: Vec<(RecoveredTransaction, &str)> = vec![
        (
            edit(|tx| tx.chain_id = 1),
            "invalid sender: invalid chain id for signer: have 1 want 161299",
        ),
        (
            key.recovered(legacy(0, 2_000, Some(10))),
            "invalid sender: invalid chain id for signer: have 10 want 161299",
        ),
        (
            key.recovered(legacy(0, 2_000, None)),
            "only replay-protected (EIP-155) transactions allowed over RPC",
        ),
        (
            create(49_153, 1_000_000),
            "max initcode size exceeded: code size 49153 limit 49152",
        ),
        (
            edit(|tx| tx.gas_limit = 60_000_001),
            "exceeds block gas limit: tx gas 60000001, block gas limit 60000000",
        ),
        (
            edit(|tx| tx.gas_limit = 50_000_001),
            "transaction gas limit too high (cap: 50000000, tx: 50000001)",
        ),
        (
            edit(|tx| tx.max_priority_fee_per_gas = 2_001),
            "max priority fee per gas higher than max fee per gas: \
             maxPriorityFeePerGas 2001, maxFeePerGas 2000",
        ),
        (edit(|tx| tx.nonce = u64::MAX), "nonce has max value"),
        (
            edit(|tx| tx.gas_limit = 20_999),
            "intrinsic gas too low: gas 20999, minimum needed 21000",
        ),
        // 21,000 + 32,000 + 33 zero bytes at 4 + 2 words at 2.
        (
            create(33, 53_135),
            "intrinsic gas too low: gas 53135, minimum needed 53136",
        ),
        // 21,000 + 2,400 + 2 keys at 1,900.
        (
            listed(27_199),
            "intrinsic gas too low: gas 27199, minimum needed 27200",
        ),
        (
            authorizing(2, 70_999),
            "intrinsic gas too low: gas 70999, minimum needed 71000",
        ),
        // 100 bytes: 22,600 intrinsic, and 400 tokens at 10 above 21,000.
        (
            edit(|tx| (tx.input, tx.gas_limit) = (vec![1; 100].into(), 24_999)),
            "insufficient gas for floor data gas cost: gas 24999, minimum needed 25000",
        ),
        (
            edit(|tx| tx.max_priority_fee_per_gas = 1),
            "transaction underpriced: gas tip cap 1, minimum needed 2",
        ),
        (
            edit(|tx| tx.max_fee_per_gas = 9),
            "transaction underpriced: gas fee cap 9, minimum needed 10",
        ),
        (
            authorizing(0, 200_000),
            "set code tx must have at least one authorization tuple",
        ),
        (
            authorizing(3, 200_000),
            "too many authorizations: 3, limit 2",
        ),
    ];
    for (tx, text) in cases {
        assert_eq!(bench.refusal(tx), text);
    }
    assert_eq!((bench.pool.len(), bench.pool.bytes()), (0, 0));

    // One less, or one more, and it is taken.
    for tx in [
        create(49_152, 1_000_000),
        create(33, 53_136),
        listed(27_200),
        authorizing(2, 71_000),
        edit(|tx| (tx.input, tx.gas_limit) = (vec![1; 100].into(), 25_000)),
        edit(|tx| tx.gas_limit = 50_000_000),
        edit(|tx| tx.max_fee_per_gas = 10),
    ] {
        let bench = Bench::new(bench.pool.config().clone());
        bench.insert(tx).unwrap();
    }
}

#[test]
fn other_types_and_sizes_are_refused_even_unencoded() {
    let bench = default();
    let deposit =
        openledger_primitives::Transaction::from(op_alloy_consensus::TxDeposit::default());
    let deposit = RecoveredTransaction::new_unchecked(deposit, Address::ZERO);
    assert_eq!(
        bench.refusal(deposit),
        "transaction type not supported: type 0x7e"
    );
    let mut large = Key::new(1).transfer(0, 2_000, 1);
    large.encoded = vec![0; 131_073].into();
    assert_eq!(
        bench.refusal(large),
        "oversized data: transaction size 131073, limit 131072"
    );
}

#[test]
fn unprotected_transactions_pass_where_allowed() {
    let bench = Bench::new(MempoolConfig {
        allow_unprotected: true,
        ..Default::default()
    });
    bench
        .insert(Key::new(1).recovered(legacy(0, 2_000, None)))
        .unwrap();
}

#[test]
fn rules_of_the_sender_account() {
    let bench = default();
    let key = Key::new(1);
    let address = key.address();
    let code_hash = B256::repeat_byte(7);
    bench.accounts.set(
        address,
        AccountState {
            code_hash,
            ..rich()
        },
    );
    assert_eq!(
        bench.refusal(key.transfer(0, 2_000, 1)),
        format!("sender not an eoa: address {address}, codehash: {code_hash}")
    );
    bench.accounts.set(
        address,
        AccountState {
            code_hash,
            is_delegated: true,
            ..rich()
        },
    );
    bench.insert(key.transfer(0, 2_000, 1)).unwrap();

    let key = Key::new(2);
    bench
        .accounts
        .set(key.address(), AccountState { nonce: 5, ..rich() });
    assert_eq!(
        bench.refusal(key.transfer(4, 2_000, 1)),
        "nonce too low: next nonce 5, tx nonce 4"
    );
    assert_eq!(
        bench.refusal(key.transfer(1_030, 2_000, 1)),
        "nonce too high: next nonce 5, tx nonce 1030, gap limit 1024"
    );
    bench.insert(key.transfer(1_029, 2_000, 1)).unwrap();
    // Again, now that the pool knows the account.
    assert_eq!(
        bench.refusal(key.transfer(4, 2_000, 1)),
        "nonce too low: next nonce 5, tx nonce 4"
    );
}

#[test]
fn funds_include_the_l1_fee_and_earlier_transactions() {
    let bench = default();
    let key = Key::new(1);
    let cost = U256::from(21_000 * 2_000 + 1 + L1_FEE);
    let balance = |balance: U256| {
        bench.accounts.set(
            key.address(),
            AccountState {
                balance,
                ..Default::default()
            },
        );
    };
    balance(cost - U256::ONE);
    assert_eq!(
        bench.refusal(key.transfer(0, 2_000, 1)),
        "insufficient funds for gas * price + value: balance 42000077, tx cost 42000078, \
         of which L1 fee 77"
    );
    balance(cost);
    let inserted = bench.insert(key.transfer(0, 2_000, 1)).unwrap();
    assert!(inserted.executable);
    assert_eq!(bench.pool.get(&inserted.hash).unwrap().cost, cost);
    assert_eq!(
        bench.pool.get(&inserted.hash).unwrap().l1_fee,
        U256::from(L1_FEE)
    );
    assert_eq!(
        bench.refusal(key.transfer(1, 2_000, 1)),
        "insufficient funds for gas * price + value: balance 42000078, queued cost 42000078, \
         tx cost 42000078, of which L1 fee 77"
    );
    // A replacement is charged in place of what it replaces.
    assert_eq!(
        bench.refusal(key.transfer(0, 2_200, 2)),
        "insufficient funds for gas * price + value: balance 42000078, tx cost 46200078, \
         of which L1 fee 77"
    );
    balance(cost + U256::from(21_000 * 200));
    assert!(
        bench
            .insert(key.transfer(0, 2_200, 2))
            .unwrap()
            .replaced
            .is_some()
    );

    // Sums beyond 256 bits are refused, not wrapped.
    let mut tx = transfer(0, u128::MAX, 1);
    tx.value = U256::MAX;
    let text = Key::new(3).recovered(tx);
    assert!(
        bench
            .refusal(text)
            .starts_with("insufficient funds for gas * price + value")
    );
}

#[test]
fn below_the_base_fee_it_waits_or_is_refused() {
    let bench = default();
    let tx = Key::new(1).transfer(0, u128::from(BASE_FEE) - 1, 1);
    let inserted = bench.insert(tx.clone()).unwrap();
    assert!(!inserted.executable);
    assert!(bench.pool.next_executable(BASE_FEE).is_none());
    assert_eq!(bench.pool.next_nonce(tx.sender), Some(1));
    assert_eq!(
        bench.pool.next_executable(BASE_FEE - 1).unwrap().hash,
        tx.hash
    );
    assert!(bench.pool.next_executable(BASE_FEE).is_none());

    let bench = Bench::new(MempoolConfig {
        queue_below_base_fee: false,
        ..Default::default()
    });
    assert_eq!(
        bench.refusal(tx.clone()),
        format!(
            "max fee per gas less than block base fee: address {}, maxFeePerGas: 999, baseFee: 1000",
            tx.sender
        )
    );
    assert!(
        bench
            .insert(Key::new(1).transfer(0, u128::from(BASE_FEE), 1))
            .unwrap()
            .executable
    );
}

#[test]
fn a_replacement_pays_ten_percent_more_in_both_caps() {
    // (old cap, old tip), (new cap, new tip), whether it replaces.
    let cases = [
        ((2_000, 100), (2_200, 110), true),
        ((2_000, 100), (2_199, 110), false),
        ((2_000, 100), (2_200, 109), false),
        ((2_000, 100), (9_000, 100), false),
        // Rounded down, but more all the same.
        ((2_009, 9), (2_209, 10), true),
        ((2_009, 9), (2_209, 9), false),
        ((2_009, 9), (2_208, 10), false),
        ((2_000, 0), (2_200, 0), false),
        ((2_000, 0), (2_200, 1), true),
        ((5, 5), (5, 5), false),
        ((5, 5), (6, 6), true),
    ];
    for (old, new, replaces) in cases {
        let bench = default();
        let key = Key::new(1);
        let old = bench.insert(key.transfer(0, old.0, old.1)).unwrap().hash;
        // Different even where the fees are the same.
        let mut tx = transfer(0, new.0, new.1);
        tx.value = U256::from(2);
        let tx = key.recovered(tx);
        let hash = tx.hash;
        match bench.insert(tx) {
            Ok(inserted) => {
                assert!(replaces, "{new:?} replaced {old}");
                assert_eq!(inserted.replaced, Some(old));
                assert!(inserted.evicted.is_empty());
                assert!(bench.pool.contains(&hash) && !bench.pool.contains(&old));
            }
            Err(error) => {
                assert!(!replaces, "{new:?}: {error}");
                assert!(
                    error
                        .to_string()
                        .starts_with("replacement transaction underpriced")
                );
                assert!(bench.pool.contains(&old) && !bench.pool.contains(&hash));
            }
        }
        assert_eq!(bench.pool.len(), 1);
    }
    let bench = default();
    let key = Key::new(1);
    bench.insert(key.transfer(0, 2_000, 100)).unwrap();
    assert_eq!(
        bench.refusal(key.transfer(0, 2_100, 105)),
        "replacement transaction underpriced: needs maxFeePerGas 2200 and maxPriorityFeePerGas 110"
    );
    // A queued one is replaced by the same rule.
    bench.insert(key.transfer(5, 2_000, 100)).unwrap();
    assert!(
        bench
            .refusal(key.transfer(5, 2_100, 110))
            .starts_with("replacement transaction")
    );
    assert!(
        bench
            .insert(key.transfer(5, 2_200, 110))
            .unwrap()
            .replaced
            .is_some()
    );
}

#[test]
fn limits_of_an_account() {
    let bench = Bench::new(MempoolConfig {
        transactions_per_account_max: 4,
        queued_per_account_max: 2,
        ..Default::default()
    });
    let key = Key::new(1);
    bench.insert(key.transfer(5, 2_000, 1)).unwrap();
    let last = bench.insert(key.transfer(6, 2_000, 1)).unwrap().hash;
    assert_eq!(
        bench.refusal(key.transfer(7, 2_000, 1)),
        "account limit exceeded: queued 2 txs, limit 2"
    );
    bench.insert(key.transfer(0, 2_000, 1)).unwrap();
    bench.insert(key.transfer(1, 2_000, 1)).unwrap();
    // What follows on comes before what waits for a gap.
    let inserted = bench.insert(key.transfer(2, 2_000, 1)).unwrap();
    assert_eq!(inserted.evicted, [last]);
    bench.insert(key.transfer(3, 2_000, 1)).unwrap();
    assert_eq!(bench.pool.status(), (4, 0));
    assert_eq!(
        bench.refusal(key.transfer(4, 2_000, 1)),
        "account limit exceeded: pooled 4 txs, limit 4"
    );
    bench.insert(key.transfer(3, 2_200, 2)).unwrap();
    bench.insert(Key::new(2).transfer(0, 2_000, 1)).unwrap();
}

#[test]
fn a_full_pool_gives_up_what_pays_least() {
    let bench = Bench::new(MempoolConfig {
        transactions_max: 3,
        ..Default::default()
    });
    // The builder has told the base fee.
    assert!(bench.pool.next_executable(BASE_FEE).is_none());
    let low = bench
        .insert(Key::new(1).transfer(0, 2_000, 10))
        .unwrap()
        .hash;
    let middle = bench
        .insert(Key::new(2).transfer(0, 9_000, 20))
        .unwrap()
        .hash;
    let gap = bench
        .insert(Key::new(3).transfer(4, 9_000, 90))
        .unwrap()
        .hash;
    // The queued one goes first, however much it pays.
    assert_eq!(
        bench
            .insert(Key::new(4).transfer(0, 2_000, 15))
            .unwrap()
            .evicted,
        [gap]
    );
    assert_eq!(
        bench.refusal(Key::new(5).transfer(0, 2_000, 10)),
        "txpool is full: 3 transactions, 413 bytes, none of them pays less"
            .replace("413", &bench.pool.bytes().to_string())
    );
    assert!(
        bench
            .refusal(Key::new(5).transfer(7, 9_000, 99))
            .starts_with("txpool is full")
    );
    assert_eq!(
        bench
            .insert(Key::new(5).transfer(0, 2_000, 11))
            .unwrap()
            .evicted,
        [low]
    );
    // Its own predecessor is not evicted for a transaction, which would be stuck without it.
    assert!(
        bench
            .refusal(Key::new(5).transfer(1, 9_000, 99))
            .starts_with("txpool is full")
    );
    assert!(bench.pool.contains(&middle));
    // A replacement needs no room.
    bench.insert(Key::new(5).transfer(0, 2_200, 13)).unwrap();
    // What doesn't pay the base fee goes before what does.
    let bench = Bench::new(MempoolConfig {
        transactions_max: 1,
        ..Default::default()
    });
    assert!(bench.pool.next_executable(BASE_FEE).is_none());
    let blocked = bench
        .insert(Key::new(1).transfer(0, 999, 999))
        .unwrap()
        .hash;
    assert_eq!(
        bench
            .insert(Key::new(2).transfer(0, 1_001, 1))
            .unwrap()
            .evicted,
        [blocked]
    );
}

#[test]
fn bytes_are_limited_too() {
    let sized = |seed: u64, size: usize, tip: u128| {
        let mut tx = transfer(0, 2_000, tip);
        (tx.input, tx.gas_limit) = (vec![0; size].into(), 1_000_000);
        Key::new(seed).recovered(tx)
    };
    let bench = Bench::new(MempoolConfig {
        bytes_max: 4_096,
        ..Default::default()
    });
    let small: Vec<B256> = (0..7)
        .map(|seed| {
            bench
                .insert(sized(seed, 400, 10 + u128::from(seed)))
                .unwrap()
                .hash
        })
        .collect();
    let inserted = bench.insert(sized(8, 1_500, 50)).unwrap();
    assert_eq!(inserted.evicted, &small[..inserted.evicted.len()]);
    assert!(!inserted.evicted.is_empty());
    assert!(bench.pool.bytes() <= 4_096);
    assert!(bench.pool.bytes() + 500 > 4_096, "no more left than needed");
    let before = (bench.pool.len(), bench.pool.bytes());
    assert!(
        bench
            .refusal(sized(9, 4_096, 90))
            .starts_with("txpool is full")
    );
    assert!(
        bench
            .refusal(sized(9, 3_000, 30))
            .starts_with("txpool is full")
    );
    assert_eq!((bench.pool.len(), bench.pool.bytes()), before);
}

#[test]
fn a_failed_state_read_is_the_nodes_fault() {
    #[derive(Debug, thiserror::Error)]
    #[error("disk on fire")]
    struct OnFire;
    struct Broken;
    impl AccountReader for Broken {
        type Error = OnFire;
        fn account_state(&self, _: Address) -> Result<AccountState, OnFire> {
            Err(OnFire)
        }
    }
    let pool = Mempool::new(MempoolConfig::default());
    let error = pool
        .insert(Key::new(1).transfer(0, 2_000, 1), &Broken, &fees())
        .unwrap_err();
    assert!(error.is_internal());
    assert_eq!(error.to_string(), "the sender's account can't be read");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "disk on fire"
    );
    assert!(!InsertError::NonceMax.is_internal());
}

#[test]
fn defaults_admit_a_plain_transfer() {
    let accounts = Accounts::default();
    assert_eq!(accounts.get(Address::ZERO).balance, U256::from(ETHER));
    let config: MempoolConfig = MempoolConfig::default();
    assert!(config.queued_per_account_max <= config.transactions_per_account_max);
}
