//! EIP-7702: what delegated accounts and authorities may have in flight.

use crate::support::{Bench, CHAIN_ID, Key, rich, set_code, transfer};
use alloy_primitives::{B256, U256};
use openledger_mempool::{AccountState, MempoolConfig, RecoveredTransaction};

fn bench() -> Bench {
    Bench::new(MempoolConfig::default())
}

fn delegate(sender: &Key, nonce: u64, authorities: &[&Key]) -> RecoveredTransaction {
    let list = authorities
        .iter()
        .map(|key| key.authorize(CHAIN_ID, 0))
        .collect();
    sender.recovered(set_code(nonce, list))
}

#[test]
fn a_delegated_sender_has_one_transaction_in_flight() {
    let bench = bench();
    let key = Key::new(1);
    let delegated = AccountState {
        code_hash: B256::repeat_byte(1),
        is_delegated: true,
        ..rich()
    };
    bench.accounts.set(key.address(), delegated);
    assert_eq!(
        bench.refusal(key.transfer(1, 2_000, 1)),
        "gapped-nonce tx from delegated accounts: next nonce 0, tx nonce 1"
    );
    bench.insert(key.transfer(0, 2_000, 1)).unwrap();
    let limit = "in-flight transaction limit reached for delegated accounts";
    assert_eq!(bench.refusal(key.transfer(1, 2_000, 1)), limit);
    assert_eq!(bench.refusal(key.transfer(2, 2_000, 1)), limit);
    bench.insert(key.transfer(0, 2_200, 2)).unwrap();
    bench.execute().unwrap();
    bench.insert(key.transfer(1, 2_000, 1)).unwrap();
}

#[test]
fn a_pending_delegation_limits_its_authority_until_it_leaves() {
    let bench = bench();
    let (sponsor, authority) = (Key::new(1), Key::new(2));
    let hash = bench
        .insert(delegate(&sponsor, 0, &[&authority]))
        .unwrap()
        .hash;
    assert_eq!(
        *bench.pool.get(&hash).unwrap().authorities,
        [authority.address()]
    );
    bench.insert(authority.transfer(0, 2_000, 1)).unwrap();
    assert_eq!(
        bench.refusal(authority.transfer(1, 2_000, 1)),
        "in-flight transaction limit reached for delegated accounts"
    );
    bench.pool.mark_invalid(&hash);
    bench.insert(authority.transfer(1, 2_000, 1)).unwrap();
}

#[test]
fn an_authority_with_several_transactions_is_reserved() {
    let bench = bench();
    let (sponsor, authority) = (Key::new(1), Key::new(2));
    bench.insert(authority.transfer(0, 2_000, 1)).unwrap();
    bench.insert(authority.transfer(5, 2_000, 1)).unwrap();
    assert_eq!(
        bench.refusal(delegate(&sponsor, 0, &[&authority])),
        format!(
            "authority already reserved: {} has 2 txs in the pool",
            authority.address()
        )
    );
    bench.execute().unwrap();
    bench.insert(delegate(&sponsor, 0, &[&authority])).unwrap();
}

#[test]
fn authorizations_without_effect_reserve_nothing() {
    let bench = bench();
    let (sponsor, other_chain, forged) = (Key::new(1), Key::new(2), Key::new(3));
    let good: Vec<Key> = (10..16).map(Key::new).collect();
    let mut list: Vec<_> = good.iter().map(|key| key.authorize(0, 0)).collect();
    list.push(good[0].authorize(CHAIN_ID, 1));
    list.push(other_chain.authorize(1, 0));
    let authorization = forged.authorize(CHAIN_ID, 0);
    list.push(alloy_eips::eip7702::SignedAuthorization::new_unchecked(
        authorization.inner().clone(),
        2,
        authorization.r(),
        authorization.s(),
    ));
    list.push(alloy_eips::eip7702::SignedAuthorization::new_unchecked(
        authorization.inner().clone(),
        0,
        authorization.r(),
        U256::MAX,
    ));
    let mut tx = set_code(0, list);
    tx.gas_limit = 1_000_000;
    let hash = bench.insert(sponsor.recovered(tx)).unwrap().hash;
    let mut expected: Vec<_> = good.iter().map(Key::address).collect();
    expected.sort();
    assert_eq!(*bench.pool.get(&hash).unwrap().authorities, expected);
    for key in [other_chain, forged] {
        bench.insert(key.transfer(0, 2_000, 1)).unwrap();
        bench.insert(key.recovered(transfer(1, 2_000, 1))).unwrap();
    }
}

#[test]
fn an_account_that_became_a_contract_loses_its_transactions() {
    let bench = bench();
    let key = Key::new(1);
    bench.insert(key.transfer(0, 2_000, 1)).unwrap();
    bench.insert(key.transfer(4, 2_000, 1)).unwrap();
    let contract = AccountState {
        code_hash: B256::repeat_byte(1),
        ..rich()
    };
    bench.pool.account_changed(key.address(), contract);
    assert!(bench.pool.is_empty());
}
