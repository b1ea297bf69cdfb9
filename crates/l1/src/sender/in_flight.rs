//! Transactions on their way, and how they are signed.

use super::{Fees, SendError, SendResult, TxCandidate};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{
    BlockNumHash,
    eip2718::{Decodable2718, Encodable2718},
};
use alloy_network::TxSignerSync;
use alloy_primitives::{B256, Bytes};
use alloy_signer_local::PrivateKeySigner;
use tokio::{sync::oneshot, time::Instant};

/// Bytes of a signed transaction that are not its calldata, with some room.
const ENVELOPE_BYTES: usize = 192;

/// A transaction that is not confirmed yet.
pub(super) struct InFlight {
    pub(super) nonce: u64,
    pub(super) candidate: TxCandidate,
    pub(super) gas_limit: u64,
    pub(super) fees: Fees,
    /// The newest signed form.
    pub(super) raw: Bytes,
    /// Hashes of all signed forms, oldest first: any of them may be the one that is included. The
    /// fee maximum and the least bump bound their number.
    pub(super) hashes: Vec<B256>,
    /// How often a form was handed to the L1, arrived or not.
    pub(super) tries: u32,
    /// Whether the L1 took any form.
    pub(super) accepted: bool,
    /// The newest form was too cheap to be taken: the next has to offer more.
    pub(super) too_cheap: bool,
    /// When it is sent again unless it is in a block.
    pub(super) due: Instant,
    /// The block in which it was last seen.
    pub(super) seen_in: Option<BlockNumHash>,
    /// The head's number when its nonce was first seen used by no form of it.
    pub(super) taken_since: Option<u64>,
    /// Where the result goes; `None` if it was delivered and a reorg brought it back.
    pub(super) result: Option<oneshot::Sender<SendResult>>,
}

/// A confirmed transaction, kept in case a deeper reorg drops it.
pub(super) struct Retained {
    pub(super) nonce: u64,
    /// The newest signed form.
    pub(super) raw: Bytes,
    pub(super) hashes: Vec<B256>,
    pub(super) block_number: u64,
}

impl Retained {
    /// The transaction as one that is to be sent again. `None` never happens: what is kept was
    /// encoded by [`sign`].
    pub(super) fn into_in_flight(self) -> Option<InFlight> {
        let TxEnvelope::Eip1559(signed) = TxEnvelope::decode_2718(&mut self.raw.as_ref()).ok()?
        else {
            return None;
        };
        let tx = signed.strip_signature();
        Some(InFlight {
            nonce: tx.nonce,
            candidate: TxCandidate {
                to: tx.to,
                data: tx.input,
                gas_limit: Some(tx.gas_limit),
            },
            gas_limit: tx.gas_limit,
            fees: Fees {
                max_fee: tx.max_fee_per_gas,
                tip: tx.max_priority_fee_per_gas,
            },
            raw: self.raw,
            hashes: self.hashes,
            tries: 1,
            accepted: false,
            too_cheap: false,
            due: Instant::now(),
            seen_in: None,
            taken_since: None,
            result: None,
        })
    }
}

/// The signed form of a candidate and its hash.
pub(super) fn sign(
    signer: &PrivateKeySigner,
    chain_id: Option<u64>,
    nonce: u64,
    gas_limit: u64,
    fees: Fees,
    candidate: &TxCandidate,
) -> Result<(Bytes, B256), SendError> {
    let mut tx = TxEip1559 {
        chain_id: chain_id.unwrap_or_default(),
        nonce,
        gas_limit,
        max_fee_per_gas: fees.max_fee,
        max_priority_fee_per_gas: fees.tip,
        to: candidate.to,
        input: candidate.data.clone(),
        ..Default::default()
    };
    let signature = signer.sign_transaction_sync(&mut tx)?;
    let envelope = TxEnvelope::from(tx.into_signed(signature));
    let mut raw = Vec::with_capacity(candidate.data.len().saturating_add(ENVELOPE_BYTES));
    envelope.encode_2718(&mut raw);
    Ok((raw.into(), *envelope.tx_hash()))
}

/// Answers a candidate, if anybody waits for that.
pub(super) fn deliver(result: Option<oneshot::Sender<SendResult>>, outcome: SendResult) {
    if let Some(result) = result {
        // A receiver that is gone doesn't want to know.
        let _ = result.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::transaction::SignerRecoverable;
    use alloy_primitives::{Address, TxKind};

    #[test]
    fn the_signed_form_is_the_candidate() {
        let signer = PrivateKeySigner::random();
        let candidate = TxCandidate::call(Address::repeat_byte(7), vec![1, 2, 3]);
        let fees = Fees {
            max_fee: 100,
            tip: 3,
        };
        let (raw, hash) =
            sign(&signer, Some(31337), 5, 90_000, fees, &candidate).expect("local key");
        let envelope = TxEnvelope::decode_2718(&mut raw.as_ref()).expect("well formed");
        assert_eq!(*envelope.tx_hash(), hash);
        assert_eq!(envelope.recover_signer().expect("signed"), signer.address());
        let TxEnvelope::Eip1559(signed) = envelope else {
            panic!("type 2 expected")
        };
        assert_eq!(
            *signed.tx(),
            TxEip1559 {
                chain_id: 31337,
                nonce: 5,
                gas_limit: 90_000,
                max_fee_per_gas: 100,
                max_priority_fee_per_gas: 3,
                to: TxKind::Call(Address::repeat_byte(7)),
                input: vec![1, 2, 3].into(),
                ..Default::default()
            }
        );
    }
}
