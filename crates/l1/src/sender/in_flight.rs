//! Transactions on their way.

use super::{
    Fees, SendResult, TxCandidate,
    journal::Record,
    signed::{Place, SignedForm},
};
use crate::{BlobSidecar, SidecarVersion};
use alloy_consensus::{
    TxEip4844Variant, TxEip4844WithSidecar, TxEnvelope, transaction::SignerRecoverable,
};
use alloy_eips::{BlockNumHash, eip2718::Decodable2718};
use alloy_primitives::{Address, B256, Bytes, TxKind};
use tokio::{sync::oneshot, time::Instant};

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
    /// How many of the newest are those of empty transactions in its place: above 0 it is being
    /// cancelled, and is not sent as it was any more.
    pub(super) cancellations: usize,
    /// How often a form was handed to the L1, arrived or not.
    pub(super) tries: u32,
    /// Whether the L1 took any form.
    pub(super) accepted: bool,
    /// The newest form was too cheap to be taken: the next has to offer more.
    pub(super) too_cheap: bool,
    /// Since when nodes have refused it because of another kind of transaction.
    pub(super) reserved_since: Option<Instant>,
    /// How the newest form's blobs are proved, if it has any.
    pub(super) sidecar_version: SidecarVersion,
    /// The L1 doesn't take them so.
    pub(super) wrong_sidecar: bool,
    /// The log says that nodes refuse it for a reason that may pass.
    pub(super) refusal_told: bool,
    /// When it is sent again unless it is in a block.
    pub(super) due: Instant,
    /// The block in which it was last seen.
    pub(super) seen_in: Option<BlockNumHash>,
    /// The head's number when its nonce was first seen used by no form of it.
    pub(super) taken_since: Option<u64>,
    /// An earlier run sent it.
    pub(super) is_resumed: bool,
    /// Where the result goes; `None` if it was delivered and a reorg brought it back.
    pub(super) result: Option<oneshot::Sender<SendResult>>,
}

impl InFlight {
    /// What the journal keeps of it.
    pub(super) fn record(&self) -> Record {
        Record {
            tag: self.candidate.tag.clone(),
            data_gas: self.candidate.data_gas,
            cancellations: self.cancellations,
            hashes: self.hashes.clone(),
            raw: self.raw.clone(),
        }
    }

    /// A candidate that is about to be sent for the first time.
    pub(super) fn new(
        candidate: TxCandidate,
        place: Place,
        fees: Fees,
        signed: SignedForm,
    ) -> Self {
        let SignedForm { raw, hash, version } = signed;
        Self {
            nonce: place.nonce,
            candidate,
            gas_limit: place.gas_limit,
            fees,
            raw,
            hashes: vec![hash],
            cancellations: 0,
            tries: 0,
            accepted: false,
            too_cheap: false,
            reserved_since: None,
            sidecar_version: version,
            wrong_sidecar: false,
            refusal_told: false,
            due: Instant::now(),
            seen_in: None,
            taken_since: None,
            is_resumed: false,
            result: None,
        }
    }

    /// Whether it is being cancelled.
    pub(super) const fn is_cancelling(&self) -> bool {
        self.cancellations > 0
    }

    /// Whether it was never anything else than an empty transaction in place of another's.
    pub(super) const fn frees_nonce_of_others(&self) -> bool {
        self.is_cancelling() && self.cancellations == self.hashes.len()
    }

    /// Whether this is the hash of an empty transaction in its place.
    pub(super) fn is_cancellation(&self, hash: B256) -> bool {
        let newest = self.hashes.iter().rev().take(self.cancellations);
        newest.into_iter().any(|cancellation| *cancellation == hash)
    }

    /// A transaction that was sent before, as one that is to be sent again. `None` if it isn't one
    /// that a sender makes.
    pub(super) fn restore(record: Record) -> Option<Self> {
        let envelope = TxEnvelope::decode_2718(&mut record.raw.as_ref()).ok()?;
        let mut sidecar_version = SidecarVersion::V0;
        let (tx, blobs) = match envelope {
            TxEnvelope::Eip1559(signed) => {
                let tx = signed.strip_signature();
                let fees = Fees {
                    max_fee: tx.max_fee_per_gas,
                    tip: tx.max_priority_fee_per_gas,
                    blob_fee: 0,
                };
                (
                    (tx.nonce, tx.gas_limit, fees, tx.to, tx.value, tx.input),
                    None,
                )
            }
            TxEnvelope::Eip4844(signed) => {
                let TxEip4844Variant::TxEip4844WithSidecar(with_sidecar) = signed.strip_signature()
                else {
                    return None;
                };
                let TxEip4844WithSidecar { tx, sidecar } = with_sidecar;
                let fees = Fees {
                    max_fee: tx.max_fee_per_gas,
                    tip: tx.max_priority_fee_per_gas,
                    blob_fee: tx.max_fee_per_blob_gas,
                };
                sidecar_version = SidecarVersion::of(&sidecar);
                let blobs = BlobSidecar::from_variant(sidecar).ok()?;
                let to = TxKind::Call(tx.to);
                let place = (tx.nonce, tx.gas_limit, fees, to, tx.value, tx.input);
                (place, Some(blobs))
            }
            _ => return None,
        };
        let (nonce, gas_limit, fees, to, value, data) = tx;
        Some(Self {
            nonce,
            candidate: TxCandidate {
                to,
                data,
                value,
                gas_limit: Some(gas_limit),
                blobs,
                tag: record.tag,
                data_gas: record.data_gas,
                begins: false,
            },
            gas_limit,
            fees,
            raw: record.raw,
            hashes: record.hashes,
            cancellations: record.cancellations,
            tries: 1,
            accepted: false,
            too_cheap: false,
            reserved_since: None,
            sidecar_version,
            wrong_sidecar: false,
            refusal_told: false,
            due: Instant::now(),
            seen_in: None,
            taken_since: None,
            is_resumed: false,
            result: None,
        })
    }
}

/// Who signed a transaction and for which chain; `None` if it isn't one that a sender makes.
pub(super) fn origin_of(raw: &Bytes) -> Option<(Address, Option<u64>)> {
    use alloy_consensus::Transaction;
    let envelope = TxEnvelope::decode_2718(&mut raw.as_ref()).ok()?;
    Some((envelope.recover_signer().ok()?, envelope.chain_id()))
}

/// A confirmed transaction, kept in case a deeper reorg drops it.
pub(super) struct Retained {
    pub(super) nonce: u64,
    pub(super) record: Record,
    pub(super) block_number: u64,
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
    use crate::sender::{CarrierGas, DataGas, signed::sign};
    use alloy_primitives::U256;
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
    async fn a_record_brings_a_blob_transaction_back() {
        let key = PrivateKeySigner::random();
        let blobs = BlobSidecar::build(&[b"one".as_slice(), b"two"]).expect("fits");
        let candidate = TxCandidate::blobs(Address::repeat_byte(7), blobs.clone())
            .with_tag(vec![9; 5])
            .with_data_gas(CarrierGas {
                present: DataGas {
                    gas: 66_000,
                    blob_gas: 2 * 131_072,
                },
                other: DataGas {
                    gas: 5_000_000,
                    blob_gas: 0,
                },
            });
        let fees = Fees {
            blob_fee: 8,
            ..FEES
        };
        let signer = key.clone().into();
        for version in [SidecarVersion::V0, SidecarVersion::V1] {
            let signed = sign(&signer, PLACE, fees, &candidate, version)
                .await
                .expect("local key");
            let SignedForm { raw, hash, .. } = signed.clone();
            assert_eq!(origin_of(&raw), Some((key.address(), Some(31_337))));
            let record = Record {
                tag: candidate.tag.clone(),
                data_gas: candidate.data_gas,
                cancellations: 0,
                hashes: vec![hash],
                raw: raw.clone(),
            };
            let back = InFlight::restore(record.clone()).expect("own");
            assert_eq!((back.nonce, back.gas_limit, back.fees), (5, 90_000, fees));
            assert_eq!(back.sidecar_version, version);
            assert_eq!(back.record(), record);
            let given = candidate.clone().with_gas_limit(90_000);
            assert_eq!(back.candidate, given);
            // Signed again, in the same way and in the other, it is the same transaction.
            let same = sign(&signer, PLACE, fees, &back.candidate, version).await;
            assert_eq!(same.expect("local key"), signed);
            let other = sign(&signer, PLACE, fees, &back.candidate, version.other()).await;
            assert_eq!(other.expect("local key").hash, hash);
        }
        let garbage = Record {
            tag: Bytes::new(),
            data_gas: None,
            cancellations: 0,
            hashes: vec![],
            raw: vec![2, 0xc0].into(),
        };
        assert!(InFlight::restore(garbage).is_none());
    }

    #[tokio::test]
    async fn a_record_tells_cancellations_from_the_transaction() {
        let signer = PrivateKeySigner::random().into();
        let candidate = TxCandidate::call(Address::repeat_byte(7), vec![1]);
        let signed = sign(&signer, PLACE, FEES, &candidate, SidecarVersion::V0).await;
        let mut tx = InFlight::new(candidate, PLACE, FEES, signed.expect("local key"));
        assert!(!tx.is_cancelling() && !tx.frees_nonce_of_others());
        let (own, empty) = (tx.hashes[0], B256::repeat_byte(9));
        assert!(!tx.is_cancellation(own));
        tx.hashes.push(empty);
        tx.cancellations = 1;
        let back = InFlight::restore(tx.record()).expect("own");
        for tx in [tx, back] {
            assert!(tx.is_cancelling() && !tx.frees_nonce_of_others());
            assert!(tx.is_cancellation(empty) && !tx.is_cancellation(own));
        }
    }

    #[tokio::test]
    async fn a_record_keeps_the_value() {
        let candidate = TxCandidate::call(Address::repeat_byte(7), vec![1])
            .with_value(U256::from(80_000_000_000_000_000_u64))
            .with_gas_limit(90_000);
        let signer = PrivateKeySigner::random().into();
        let signed = sign(&signer, PLACE, FEES, &candidate, SidecarVersion::V0).await;
        let SignedForm { raw, hash, .. } = signed.expect("local key");
        let record = Record {
            tag: Bytes::new(),
            data_gas: None,
            cancellations: 0,
            hashes: vec![hash],
            raw,
        };
        let back = InFlight::restore(record).expect("own");
        assert_eq!(back.candidate, candidate);
    }
}
