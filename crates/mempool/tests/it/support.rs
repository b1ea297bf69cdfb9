//! Keys, transactions and accounts for the tests.

use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::{
    Encodable2718 as _,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use openledger_mempool::{
    AccountReader, AccountState, FeeContext, InsertError, Inserted, Mempool, MempoolConfig,
    RecoveredTransaction,
};
use openledger_primitives::Transaction;
use secp256k1::{Message, SECP256K1, SecretKey};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

pub(crate) const CHAIN_ID: u64 = 161_299;
pub(crate) const BASE_FEE: u64 = 1_000;
/// What L1 adds to every transaction.
pub(crate) const L1_FEE: u64 = 77;
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;

pub(crate) struct Key(SecretKey);

impl Key {
    pub(crate) fn new(seed: u64) -> Self {
        let hash = keccak256(seed.to_be_bytes());
        Self(SecretKey::from_slice(hash.as_slice()).unwrap())
    }

    pub(crate) fn address(&self) -> Address {
        let public = self.0.public_key(SECP256K1).serialize_uncompressed();
        Address::from_slice(&keccak256(&public[1..])[12..])
    }

    pub(crate) fn sign_hash(&self, hash: B256) -> Signature {
        let signature = SECP256K1.sign_ecdsa_recoverable(&Message::from_digest(hash.0), &self.0);
        let (id, bytes) = signature.serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
    }

    pub(crate) fn sign<T>(&self, tx: T) -> Bytes
    where
        Transaction: From<alloy_consensus::Signed<T>>,
        T: SignableTransaction<Signature> + RlpEcdsaEncodableTx,
    {
        let signature = self.sign_hash(tx.signature_hash());
        Transaction::from(tx.into_signed(signature))
            .encoded_2718()
            .into()
    }

    pub(crate) fn recovered<T>(&self, tx: T) -> RecoveredTransaction
    where
        Transaction: From<alloy_consensus::Signed<T>>,
        T: SignableTransaction<Signature> + RlpEcdsaEncodableTx,
    {
        let tx = RecoveredTransaction::decode(&self.sign(tx)).unwrap();
        assert_eq!(tx.sender, self.address());
        tx
    }

    pub(crate) fn transfer(&self, nonce: u64, fee: u128, tip: u128) -> RecoveredTransaction {
        self.recovered(transfer(nonce, fee, tip))
    }

    pub(crate) fn authorize(&self, chain_id: u64, nonce: u64) -> SignedAuthorization {
        let authorization = Authorization {
            chain_id: U256::from(chain_id),
            address: Address::repeat_byte(0xde),
            nonce,
        };
        let signature = self.sign_hash(authorization.signature_hash());
        authorization.into_signed(signature)
    }
}

pub(crate) fn transfer(nonce: u64, fee: u128, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(Address::repeat_byte(0x22)),
        value: U256::from(1),
        ..TxEip1559::default()
    }
}

pub(crate) fn legacy(nonce: u64, price: u128, chain_id: Option<u64>) -> TxLegacy {
    TxLegacy {
        chain_id,
        nonce,
        gas_price: price,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(0x22)),
        ..TxLegacy::default()
    }
}

pub(crate) fn access_list(nonce: u64, price: u128) -> TxEip2930 {
    TxEip2930 {
        chain_id: CHAIN_ID,
        nonce,
        gas_price: price,
        gas_limit: 30_000,
        to: TxKind::Call(Address::repeat_byte(0x22)),
        ..TxEip2930::default()
    }
}

pub(crate) fn set_code(nonce: u64, list: Vec<SignedAuthorization>) -> TxEip7702 {
    TxEip7702 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 2_000,
        max_priority_fee_per_gas: 1,
        to: Address::repeat_byte(0x22),
        authorization_list: list,
        ..TxEip7702::default()
    }
}

/// Accounts by address; those that are not set have 1 OPEN.
#[derive(Default)]
pub(crate) struct Accounts(Mutex<BTreeMap<Address, AccountState>>);

impl Accounts {
    pub(crate) fn get(&self, address: Address) -> AccountState {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&address).copied().unwrap_or_else(rich)
    }

    pub(crate) fn set(&self, address: Address, state: AccountState) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(address, state);
    }

    pub(crate) fn set_nonce(&self, address: Address, nonce: u64) {
        self.set(
            address,
            AccountState {
                nonce,
                ..self.get(address)
            },
        );
    }
}

pub(crate) fn rich() -> AccountState {
    AccountState {
        balance: U256::from(ETHER),
        ..AccountState::default()
    }
}

impl AccountReader for Accounts {
    type Error = Infallible;
    fn account_state(&self, address: Address) -> Result<AccountState, Infallible> {
        Ok(self.get(address))
    }
}

pub(crate) fn l1_cost(_: &[u8], _: u64) -> U256 {
    U256::from(L1_FEE)
}

pub(crate) fn fees() -> FeeContext<'static> {
    FeeContext {
        chain_id: CHAIN_ID,
        base_fee: BASE_FEE,
        gas_limit_max: 60_000_000,
        l1_cost: &l1_cost,
        l2_timestamp: 1,
    }
}

/// A pool with its accounts.
pub(crate) struct Bench {
    pub(crate) pool: Mempool,
    pub(crate) accounts: Accounts,
}

impl Bench {
    pub(crate) fn new(config: MempoolConfig) -> Self {
        Self {
            pool: Mempool::new(config),
            accounts: Accounts::default(),
        }
    }

    pub(crate) fn insert(&self, tx: RecoveredTransaction) -> Result<Inserted, InsertError> {
        self.pool.insert(tx, &self.accounts, &fees())
    }

    /// Inserts and tells what a refusal says.
    pub(crate) fn refusal(&self, tx: RecoveredTransaction) -> String {
        self.insert(tx).expect_err("it is refused").to_string()
    }

    /// Executes the next transaction as a builder does; answers its hash.
    pub(crate) fn execute(&self) -> Option<B256> {
        let tx = self.pool.next_executable(BASE_FEE)?;
        self.accounts.set_nonce(tx.sender, tx.nonce() + 1);
        self.pool.mark_executed(&tx.hash);
        Some(tx.hash)
    }

    pub(crate) fn execute_all(&self) -> Vec<B256> {
        std::iter::from_fn(|| self.execute()).collect()
    }
}
