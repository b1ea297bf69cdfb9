use crate::{DecodeError, decode};
use alloy_consensus::Transaction as _;
use alloy_eips::{Encodable2718 as _, Typed2718 as _};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use openledger_primitives::Transaction;

/// A signed transaction with its recovered sender: the only form in which transactions enter the node.
#[derive(Debug, Clone)]
pub struct RecoveredTransaction {
    /// The transaction: type 0, 1, 2 or 4.
    pub transaction: Transaction,
    /// Who signed it.
    pub sender: Address,
    /// keccak256 of `encoded`.
    pub hash: B256,
    /// The EIP-2718 bytes.
    pub encoded: Bytes,
}

impl RecoveredTransaction {
    /// Decodes EIP-2718 bytes and recovers the sender (about 50 µs).
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no transaction that users may send: empty, too large, of
    /// another type, malformed, or with an invalid signature. The chain id is checked at admission.
    pub fn decode(raw: &[u8]) -> Result<Self, DecodeError> {
        decode::check_envelope(raw)?;
        decode::decode(Bytes::copy_from_slice(raw))
    }

    /// Pairs a transaction with a sender that the caller vouches for, whatever its signature says:
    /// for accounts that a local chain impersonates, and for transactions recovered elsewhere.
    pub fn new_unchecked(transaction: Transaction, sender: Address) -> Self {
        let encoded: Bytes = transaction.encoded_2718().into();
        let hash = keccak256(&encoded);
        Self {
            transaction,
            sender,
            hash,
            encoded,
        }
    }

    /// EIP-2718 type.
    pub fn ty(&self) -> u8 {
        self.transaction.ty()
    }

    /// Nonce.
    pub fn nonce(&self) -> u64 {
        self.transaction.nonce()
    }

    /// Gas limit.
    pub fn gas_limit(&self) -> u64 {
        self.transaction.gas_limit()
    }

    /// The most paid for a gas, wei: `maxFeePerGas`, or the gas price.
    pub fn max_fee_per_gas(&self) -> u128 {
        self.transaction.max_fee_per_gas()
    }

    /// The most tipped for a gas, wei: `maxPriorityFeePerGas`, or the gas price.
    pub fn max_priority_fee_per_gas(&self) -> u128 {
        self.transaction
            .max_priority_fee_per_gas()
            .unwrap_or_else(|| self.transaction.max_fee_per_gas())
    }

    /// What it tips for a gas at this base fee, wei; `None` if it doesn't pay the base fee.
    pub fn effective_tip(&self, base_fee: u64) -> Option<u128> {
        let above = self.max_fee_per_gas().checked_sub(u128::from(base_fee))?;
        Some(above.min(self.max_priority_fee_per_gas()))
    }

    /// Wei sent along.
    pub fn value(&self) -> U256 {
        self.transaction.value()
    }

    /// Whom it calls, or that it creates a contract.
    pub fn kind(&self) -> TxKind {
        self.transaction.kind()
    }

    /// Calldata or init code.
    pub fn input(&self) -> &Bytes {
        self.transaction.input()
    }

    /// The chain it is signed for; `None` before EIP-155.
    pub fn chain_id(&self) -> Option<u64> {
        self.transaction.chain_id()
    }

    /// Encoded bytes.
    pub fn size(&self) -> usize {
        self.encoded.len()
    }
}
