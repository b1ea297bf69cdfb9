//! Who signed: secp256k1 public key recovery.

use crate::DecodeError;
use alloy_consensus::{SignableTransaction as _, crypto::SECP256K1N_HALF};
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use openledger_primitives::{Transaction, deposit_sender};
use rayon::prelude::*;
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};

/// Signatures below which spreading them over the cores costs more than it saves.
const PARALLEL_MIN: usize = 4;

/// The address whose key signed `digest`.
pub(crate) fn address(signature: &Signature, digest: &B256) -> Result<Address, DecodeError> {
    if signature.s() > SECP256K1N_HALF {
        return Err(DecodeError::HighS);
    }
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    compact[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    let recover = || {
        let id = RecoveryId::try_from(i32::from(signature.v()))?;
        let signature = RecoverableSignature::from_compact(&compact, id)?;
        SECP256K1.recover_ecdsa(&Message::from_digest(digest.0), &signature)
    };
    let key = recover().map_err(|_| DecodeError::InvalidSignature)?;
    // The first byte says "uncompressed"; the address is made of the coordinates.
    let hash = keccak256(&key.serialize_uncompressed()[1..]);
    Ok(Address::from_slice(&hash[12..]))
}

/// The sender of each transaction, in order, on all cores; `None` where a signature is invalid. A
/// deposit's is the one that it names.
pub fn recover_senders(transactions: &[Transaction]) -> Vec<Option<Address>> {
    if transactions.len() < PARALLEL_MIN {
        transactions.iter().map(sender).collect()
    } else {
        transactions.par_iter().map(sender).collect()
    }
}

fn sender(transaction: &Transaction) -> Option<Address> {
    let signed = |signature: &Signature| {
        let digest = match transaction {
            Transaction::Legacy(signed) => signed.tx().signature_hash(),
            Transaction::Eip2930(signed) => signed.tx().signature_hash(),
            Transaction::Eip1559(signed) => signed.tx().signature_hash(),
            Transaction::Eip7702(signed) => signed.tx().signature_hash(),
            _ => return None,
        };
        address(signature, &digest).ok()
    };
    deposit_sender(transaction).or_else(|| signed(transaction.signature()?))
}

/// The distinct authorities whose authorizations could take effect on this chain. Those with an
/// invalid signature or for another chain are skipped by execution, so they reserve nothing.
pub(crate) fn authorities(list: &[SignedAuthorization], chain_id: u64) -> Vec<Address> {
    let authority = |authorization: &SignedAuthorization| {
        let chain = *authorization.chain_id();
        if !chain.is_zero() && chain != U256::from(chain_id) {
            return None;
        }
        let signature = authorization.signature().ok()?;
        address(&signature, &authorization.signature_hash()).ok()
    };
    let mut authorities: Vec<Address> = if list.len() < PARALLEL_MIN {
        list.iter().filter_map(authority).collect()
    } else {
        list.par_iter().filter_map(authority).collect()
    };
    authorities.sort_unstable();
    authorities.dedup();
    authorities
}
