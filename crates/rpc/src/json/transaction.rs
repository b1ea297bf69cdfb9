use crate::quantity::Hex;
use alloy_consensus::{
    SignableTransaction, Signed, Transaction as _, transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::Typed2718 as _;
use alloy_primitives::{Address, B256, Signature, U256};
use op_alloy_consensus::TxDeposit;
use openledger_primitives::{Receipt, Transaction};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Where a transaction stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// In a sealed block.
    Sealed {
        block_hash: B256,
        block_number: u64,
        timestamp: u64,
        index: u64,
        base_fee: u64,
    },
    /// In the open block, shown as part of it.
    Open {
        block_number: u64,
        timestamp: u64,
        index: u64,
        base_fee: u64,
    },
    /// In the pool; or in the open block, shown alone: clients take one with a block number for mined.
    Pending,
    /// Not sent yet: it has no place, not even an empty one.
    Unsent,
}

/// A transaction with its place.
#[derive(Debug)]
pub(crate) struct TransactionJson<'a> {
    transaction: &'a Transaction,
    hash: B256,
    sender: Address,
    place: Place,
    /// Nonce and receipt version of a deposit, which only its receipt knows.
    deposit: Option<(u64, Option<u64>)>,
}

impl<'a> TransactionJson<'a> {
    /// A transaction at its place; `receipt` is needed for a deposit's nonce.
    pub(crate) fn new(
        transaction: &'a Transaction,
        sender: Address,
        place: Place,
        receipt: Option<&Receipt>,
    ) -> Self {
        let deposit = match (transaction, receipt) {
            (Transaction::Deposit(_), Some(Receipt::Deposit(receipt))) => Some((
                receipt.receipt.deposit_nonce.unwrap_or_default(),
                receipt.receipt.deposit_receipt_version,
            )),
            _ => None,
        };
        Self {
            transaction,
            hash: transaction.tx_hash(),
            sender,
            place,
            deposit,
        }
    }
}

impl Serialize for TransactionJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let base_fee = match self.place {
            Place::Sealed {
                block_hash,
                block_number,
                timestamp,
                index,
                base_fee,
            } => {
                map.serialize_entry("blockHash", &block_hash)?;
                map.serialize_entry("blockNumber", &Hex(block_number))?;
                map.serialize_entry("blockTimestamp", &Hex(timestamp))?;
                map.serialize_entry("transactionIndex", &Hex(index))?;
                Some(base_fee)
            }
            Place::Open {
                block_number,
                timestamp,
                index,
                base_fee,
            } => {
                map.serialize_entry("blockHash", &())?;
                map.serialize_entry("blockNumber", &Hex(block_number))?;
                map.serialize_entry("blockTimestamp", &Hex(timestamp))?;
                map.serialize_entry("transactionIndex", &Hex(index))?;
                Some(base_fee)
            }
            Place::Pending => {
                for name in [
                    "blockHash",
                    "blockNumber",
                    "blockTimestamp",
                    "transactionIndex",
                ] {
                    map.serialize_entry(name, &())?;
                }
                None
            }
            Place::Unsent => None,
        };
        let transaction = self.transaction;
        map.serialize_entry("hash", &self.hash)?;
        map.serialize_entry("type", &Hex(transaction.ty()))?;
        map.serialize_entry("from", &self.sender)?;
        map.serialize_entry("to", &transaction.to())?;
        map.serialize_entry("value", &transaction.value())?;
        map.serialize_entry("gas", &Hex(transaction.gas_limit()))?;
        map.serialize_entry("input", transaction.input())?;
        if let Transaction::Deposit(deposit) = transaction {
            self.deposit_fields(deposit.inner(), &mut map)?;
            return map.end();
        }
        map.serialize_entry("nonce", &Hex(transaction.nonce()))?;
        if let Some(chain_id) = transaction.chain_id() {
            map.serialize_entry("chainId", &Hex(chain_id))?;
        }
        map.serialize_entry("gasPrice", &Hex(transaction.effective_gas_price(base_fee)))?;
        if transaction.is_dynamic_fee() {
            map.serialize_entry("maxFeePerGas", &Hex(transaction.max_fee_per_gas()))?;
            map.serialize_entry(
                "maxPriorityFeePerGas",
                &Hex(transaction.max_priority_fee_per_gas().unwrap_or_default()),
            )?;
        }
        if let Some(list) = transaction.access_list() {
            map.serialize_entry("accessList", list)?;
        }
        if let Some(list) = transaction.authorization_list() {
            map.serialize_entry("authorizationList", list)?;
        }
        match transaction {
            Transaction::Legacy(signed) => {
                let signature = signed.signature();
                let v = match transaction.chain_id() {
                    Some(chain_id) => u128::from(chain_id) * 2 + 35 + u128::from(signature.v()),
                    None => 27 + u128::from(signature.v()),
                };
                map.serialize_entry("v", &Hex(v))?;
                map.serialize_entry("r", &signature.r())?;
                map.serialize_entry("s", &signature.s())?;
            }
            Transaction::Eip2930(signed) => typed_signature(signed, &mut map)?,
            Transaction::Eip1559(signed) => typed_signature(signed, &mut map)?,
            Transaction::Eip7702(signed) => typed_signature(signed, &mut map)?,
            // Unsigned.
            _ => {}
        }
        map.end()
    }
}

fn typed_signature<M: SerializeMap, T>(signed: &Signed<T>, map: &mut M) -> Result<(), M::Error>
where
    T: SignableTransaction<Signature> + RlpEcdsaEncodableTx,
{
    let signature = signed.signature();
    let parity = Hex(u64::from(signature.v()));
    map.serialize_entry("yParity", &parity)?;
    map.serialize_entry("v", &parity)?;
    map.serialize_entry("r", &signature.r())?;
    map.serialize_entry("s", &signature.s())
}

impl TransactionJson<'_> {
    fn deposit_fields<M: SerializeMap>(
        &self,
        deposit: &TxDeposit,
        map: &mut M,
    ) -> Result<(), M::Error> {
        let (nonce, version) = self.deposit.unwrap_or_default();
        map.serialize_entry("nonce", &Hex(nonce))?;
        map.serialize_entry("gasPrice", &Hex(0_u64))?;
        map.serialize_entry("sourceHash", &deposit.source_hash)?;
        map.serialize_entry("mint", &Hex(deposit.mint))?;
        map.serialize_entry("isSystemTx", &deposit.is_system_transaction)?;
        if let Some(version) = version {
            map.serialize_entry("depositReceiptVersion", &Hex(version))?;
        }
        // Deposits have no signature; libraries that read every transaction want one all the same.
        for name in ["v", "r", "s"] {
            map.serialize_entry(name, &U256::ZERO)?;
        }
        Ok(())
    }
}
