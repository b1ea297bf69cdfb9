//! Signed transactions of all types, on either chain.

use super::author::{Author, SENDERS_FROM};
use crate::world::transfer;
use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::{
    Decodable2718 as _,
    eip2930::AccessListItem,
    eip4844::Blob,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use anyhow::Result;
use openledger_cli::genesis::LOCAL_CHAIN_ID;
use openledger_primitives::Transaction;
use openledger_testing::{simulated_l1::Order, wallet::Wallet};

/// What a transaction pays at most on L1, and a hundredth of which on L2, wei a gas.
const MAX_FEE: u128 = 1_000_000_000_000;

/// What is sent to L1.
#[derive(Debug, Clone)]
pub(super) enum Sent {
    /// A call in a transaction of EIP-1559.
    Call(Order),
    /// Data for an address in a transaction of this type: 0, 1, 2 or 4.
    Data(u8, Address, Bytes),
    /// A contract.
    Creation(Bytes),
}

impl Author {
    /// Transactions of users, of all types, that the next block may hold.
    pub(super) fn transactions(&mut self, count: u64) -> Result<Vec<Transaction>> {
        let mut transactions = Vec::new();
        let senders = (self.users.len() - SENDERS_FROM) as u64;
        let mut nonces: Vec<Option<u64>> = vec![None; self.users.len()];
        for _ in 0..count {
            let from = SENDERS_FROM + usize::try_from(self.below(senders))?;
            let wallet = self.users[from].clone();
            let nonce = match nonces[from] {
                Some(nonce) => nonce,
                None => self.nonce(wallet.address())?,
            };
            nonces[from] = Some(nonce + 1);
            let raw = self.transaction(&wallet, nonce);
            transactions.push(Transaction::decode_2718_exact(&raw)?);
        }
        Ok(transactions)
    }

    fn transaction(&mut self, wallet: &Wallet, nonce: u64) -> Bytes {
        let kind = self.below(8);
        let bytes = self.below(300) as usize;
        let input: Bytes = self.noise(bytes).into();
        let to = self.random().address();
        let value = U256::from(self.below(1_000_000));
        let gas_limit = 200_000;
        match kind {
            0 | 1 => signed(
                wallet,
                TxLegacy {
                    // Without EIP-155 at times.
                    chain_id: (kind == 0).then_some(LOCAL_CHAIN_ID),
                    nonce,
                    gas_price: MAX_FEE / 100,
                    gas_limit,
                    to: to.into(),
                    value,
                    input,
                },
            ),
            2 => signed(
                wallet,
                TxEip2930 {
                    chain_id: LOCAL_CHAIN_ID,
                    nonce,
                    gas_price: MAX_FEE / 100,
                    gas_limit,
                    to: to.into(),
                    value,
                    input,
                    access_list: vec![AccessListItem {
                        address: to,
                        storage_keys: vec![Default::default()],
                    }]
                    .into(),
                },
            ),
            3 => signed(
                wallet,
                TxEip7702 {
                    chain_id: LOCAL_CHAIN_ID,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: MAX_FEE / 100,
                    max_priority_fee_per_gas: 1,
                    to,
                    value,
                    access_list: Default::default(),
                    authorization_list: vec![authorization(wallet, LOCAL_CHAIN_ID, to)],
                    input,
                },
            ),
            4 => signed(
                wallet,
                TxEip1559 {
                    chain_id: LOCAL_CHAIN_ID,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: MAX_FEE / 100,
                    max_priority_fee_per_gas: 1,
                    to: TxKind::Create,
                    value: U256::ZERO,
                    access_list: Default::default(),
                    input,
                },
            ),
            _ => transfer(wallet, nonce, to, 1, input),
        }
    }
}

/// A transaction with these blobs to an address.
pub(super) fn blob_call(to: Address, blobs: Vec<Blob>) -> Sent {
    Sent::Call(Order {
        blobs,
        ..Order::call(to, Vec::new())
    })
}

/// The raw form.
pub(super) fn sign(chain_id: u64, wallet: &Wallet, nonce: u64, sent: &Sent) -> Bytes {
    let gas_limit = |data: &[u8]| 400_000 + 50 * data.len() as u64;
    let (gas_price, tip) = (MAX_FEE, 2_000_000_000);
    match sent {
        Sent::Call(order) => order.sign(chain_id, wallet, nonce),
        Sent::Creation(input) => signed(
            wallet,
            TxEip1559 {
                chain_id,
                nonce,
                gas_limit: gas_limit(input),
                max_fee_per_gas: gas_price,
                max_priority_fee_per_gas: tip,
                to: TxKind::Create,
                value: U256::ZERO,
                access_list: Default::default(),
                input: input.clone(),
            },
        ),
        Sent::Data(0, to, data) => signed(
            wallet,
            TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price,
                gas_limit: gas_limit(data),
                to: (*to).into(),
                value: U256::ZERO,
                input: data.clone(),
            },
        ),
        Sent::Data(1, to, data) => signed(
            wallet,
            TxEip2930 {
                chain_id,
                nonce,
                gas_price,
                gas_limit: gas_limit(data),
                to: (*to).into(),
                value: U256::ZERO,
                access_list: Default::default(),
                input: data.clone(),
            },
        ),
        Sent::Data(4, to, data) => signed(
            wallet,
            TxEip7702 {
                chain_id,
                nonce,
                gas_limit: gas_limit(data),
                max_fee_per_gas: gas_price,
                max_priority_fee_per_gas: tip,
                to: *to,
                value: U256::ZERO,
                access_list: Default::default(),
                authorization_list: vec![authorization(wallet, chain_id, *to)],
                input: data.clone(),
            },
        ),
        Sent::Data(_, to, data) => Order::call(*to, data.clone())
            .with_gas_limit(gas_limit(data))
            .sign(chain_id, wallet, nonce),
    }
}

/// An authorization that has no effect, its nonce being none that the account will have.
fn authorization(wallet: &Wallet, chain_id: u64, address: Address) -> SignedAuthorization {
    let authorization = Authorization {
        chain_id: U256::from(chain_id),
        address,
        nonce: 1 << 40,
    };
    let signature = wallet.sign_digest(authorization.signature_hash());
    authorization.into_signed(signature)
}

fn signed<T>(wallet: &Wallet, tx: T) -> Bytes
where
    T: SignableTransaction<Signature> + RlpEcdsaEncodableTx,
{
    let signature = wallet.sign_digest(tx.signature_hash());
    let mut encoded = Vec::new();
    tx.eip2718_encode(&signature, &mut encoded);
    encoded.into()
}
