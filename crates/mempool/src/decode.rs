//! Bytes to [`RecoveredTransaction`]: the boundary that untrusted input crosses.

use crate::{DecodeError, RecoveredTransaction, recover};
use alloy_consensus::{
    SignableTransaction, Signed, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    transaction::{RlpEcdsaDecodableTx, RlpEcdsaEncodableTx},
};
use alloy_primitives::{Bytes, Signature, keccak256};
use openledger_primitives::Transaction;
use rayon::prelude::*;

/// Encoded bytes of a transaction, at most: go-ethereum's limit, which wallets and tools know.
pub const TRANSACTION_SIZE_MAX: usize = 128 * 1024;

/// EIP-2718 types; a byte from [`LIST`] begins a legacy transaction.
const EIP2930: u8 = 1;
const EIP1559: u8 = 2;
const EIP4844: u8 = 3;
const EIP7702: u8 = 4;
const POST_EXEC: u8 = 0x7d;
const DEPOSIT: u8 = 0x7e;
const LIST: u8 = 0xc0;
/// From here to [`LIST`] an RLP string begins: a typed transaction in its network form, perhaps.
const STRING: u8 = 0x80;

/// [`RecoveredTransaction::decode`] for many, on all cores; the order is kept. One alone is decoded
/// on the calling thread.
pub fn decode_all(raw: &[Bytes]) -> Vec<Result<RecoveredTransaction, DecodeError>> {
    let one = |bytes: &Bytes| {
        check_envelope(bytes)?;
        decode(bytes.clone())
    };
    match raw {
        [] => Vec::new(),
        [single] => vec![one(single)],
        many => many.par_iter().map(one).collect(),
    }
}

/// Refuses by size and type, before anything is copied.
pub(crate) fn check_envelope(raw: &[u8]) -> Result<(), DecodeError> {
    let Some(&first) = raw.first() else {
        return Err(DecodeError::Empty);
    };
    // The type is the better reason: a blob transaction with its sidecar is always too large, too.
    match first {
        EIP4844 => return Err(DecodeError::Blob),
        DEPOSIT => return Err(DecodeError::Deposit),
        POST_EXEC => return Err(DecodeError::PostExec),
        _ => {}
    }
    if raw.len() > TRANSACTION_SIZE_MAX {
        return Err(DecodeError::TooLarge {
            size: raw.len(),
            limit: TRANSACTION_SIZE_MAX,
        });
    }
    match first {
        EIP2930 | EIP1559 | EIP7702 | LIST.. => Ok(()),
        STRING..LIST => Err(DecodeError::Rlp(alloy_rlp::Error::UnexpectedString)),
        ty => Err(DecodeError::UnknownType { ty }),
    }
}

/// Decodes what [`check_envelope`] let pass.
pub(crate) fn decode(encoded: Bytes) -> Result<RecoveredTransaction, DecodeError> {
    match encoded.first() {
        Some(&EIP2930) => signed::<TxEip2930>(encoded, 1, Transaction::Eip2930),
        Some(&EIP1559) => signed::<TxEip1559>(encoded, 1, Transaction::Eip1559),
        Some(&EIP7702) => signed::<TxEip7702>(encoded, 1, Transaction::Eip7702),
        Some(&(LIST..)) => signed::<TxLegacy>(encoded, 0, Transaction::Legacy),
        Some(&ty) => Err(DecodeError::UnknownType { ty }),
        None => Err(DecodeError::Empty),
    }
}

fn signed<T>(
    encoded: Bytes,
    type_bytes: usize,
    envelope: fn(Signed<T>) -> Transaction,
) -> Result<RecoveredTransaction, DecodeError>
where
    T: RlpEcdsaDecodableTx + RlpEcdsaEncodableTx + SignableTransaction<Signature>,
{
    let mut rest = encoded.get(type_bytes..).unwrap_or_default();
    let (tx, signature) = T::rlp_decode_with_signature(&mut rest).map_err(DecodeError::Rlp)?;
    if !rest.is_empty() {
        return Err(DecodeError::TrailingBytes { count: rest.len() });
    }
    // The decoder takes canonical RLP only, so this can't differ. Were that ever to loosen, two byte
    // strings would be one transaction with two hashes: it is worth a fraction of a microsecond.
    if tx.eip2718_encoded_length(&signature) != encoded.len() {
        return Err(DecodeError::NotCanonical);
    }
    let sender = recover::address(&signature, &tx.signature_hash())?;
    let hash = keccak256(&encoded);
    let transaction = envelope(Signed::new_unchecked(tx, signature, hash));
    Ok(RecoveredTransaction {
        transaction,
        sender,
        hash,
        encoded,
    })
}
