//! A candidate signed, as nodes take it.

use super::{Fees, TxCandidate, TxSigner, signer::SignError};
use crate::{KzgError, SidecarVersion};
use alloy_consensus::{
    SignableTransaction, Signed, TxEip1559, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar,
    TxEnvelope, TypedTransaction,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes, TxKind};

/// Bytes of a signed transaction that are not its calldata, with some room.
const ENVELOPE_BYTES: usize = 192;

/// A candidate's place among the account's transactions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) chain_id: Option<u64>,
    pub(super) nonce: u64,
    pub(super) gas_limit: u64,
}

/// A signed form of a candidate, as nodes take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignedForm {
    pub(super) raw: Bytes,
    /// Of the transaction without its blobs.
    pub(super) hash: B256,
    /// How its blobs are proved, if it has any.
    pub(super) version: SidecarVersion,
}

/// Signs a candidate.
pub(super) async fn sign(
    signer: &TxSigner,
    place: Place,
    fees: Fees,
    candidate: &TxCandidate,
    version: SidecarVersion,
) -> Result<SignedForm, SignError> {
    let mut tx = unsigned(place, fees, candidate)?;
    let signature = signer.sign(&mut tx).await?;
    let (envelope, hash) = match (tx, candidate.blobs.clone()) {
        (TypedTransaction::Eip4844(tx), Some(blobs)) => {
            let tx = TxEip4844::from(tx);
            // Of the transaction without its blobs.
            let hash = *tx.clone().into_signed(signature).hash();
            // Cell proofs take long; others are there already.
            let sidecar = tokio::task::spawn_blocking(move || blobs.variant(version))
                .await
                .map_err(|_| KzgError::Interrupted)??;
            let with_sidecar = TxEip4844WithSidecar::from_tx_and_sidecar(tx, sidecar);
            let variant = TxEip4844Variant::TxEip4844WithSidecar(with_sidecar);
            let signed = Signed::new_unchecked(variant, signature, hash);
            (TxEnvelope::Eip4844(signed), hash)
        }
        (tx, _) => {
            let envelope = tx.into_envelope(signature);
            let hash = *envelope.tx_hash();
            (envelope, hash)
        }
    };
    let mut raw = Vec::with_capacity(candidate.data.len().saturating_add(ENVELOPE_BYTES));
    envelope.encode_2718(&mut raw);
    Ok(SignedForm {
        raw: raw.into(),
        hash,
        version,
    })
}

fn unsigned(
    Place {
        chain_id,
        nonce,
        gas_limit,
    }: Place,
    fees: Fees,
    candidate: &TxCandidate,
) -> Result<TypedTransaction, SignError> {
    let chain_id = chain_id.unwrap_or_default();
    let Some(blobs) = &candidate.blobs else {
        return Ok(TypedTransaction::Eip1559(TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee,
            max_priority_fee_per_gas: fees.tip,
            to: candidate.to,
            value: candidate.value,
            input: candidate.data.clone(),
            ..Default::default()
        }));
    };
    let TxKind::Call(to) = candidate.to else {
        return Err(SignError::NoRecipient);
    };
    let tx = TxEip4844 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: fees.max_fee,
        max_priority_fee_per_gas: fees.tip,
        max_fee_per_blob_gas: fees.blob_fee,
        to,
        value: candidate.value,
        input: candidate.data.clone(),
        blob_versioned_hashes: blobs.versioned_hashes().to_vec(),
        ..Default::default()
    };
    Ok(TypedTransaction::Eip4844(TxEip4844Variant::TxEip4844(tx)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlobSidecar, sender::in_flight::origin_of};
    use alloy_eips::eip2718::Decodable2718;
    use alloy_primitives::Address;
    use alloy_signer_local::PrivateKeySigner;

    const PLACE: Place = Place {
        chain_id: Some(31_337),
        nonce: 5,
        gas_limit: 90_000,
    };
    const FEES: Fees = Fees {
        max_fee: 100,
        tip: 3,
        blob_fee: 0,
    };

    #[tokio::test]
    async fn the_signed_form_is_the_candidate() {
        let key = PrivateKeySigner::random();
        let candidate = TxCandidate::call(Address::repeat_byte(7), vec![1, 2, 3]);
        let signer = key.clone().into();
        let SignedForm { raw, hash, .. } =
            sign(&signer, PLACE, FEES, &candidate, SidecarVersion::V0)
                .await
                .expect("local key");
        let envelope = TxEnvelope::decode_2718(&mut raw.as_ref()).expect("well formed");
        assert_eq!(*envelope.tx_hash(), hash);
        assert_eq!(origin_of(&raw), Some((key.address(), Some(31_337))));
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

    #[tokio::test]
    async fn blobs_create_no_contract() {
        let blobs = BlobSidecar::build(&[b"one"]).expect("fits");
        let candidate = TxCandidate {
            to: TxKind::Create,
            ..TxCandidate::blobs(Address::ZERO, blobs)
        };
        let signer = PrivateKeySigner::random().into();
        assert!(matches!(
            sign(&signer, PLACE, FEES, &candidate, SidecarVersion::V0).await,
            Err(SignError::NoRecipient)
        ));
    }
}
