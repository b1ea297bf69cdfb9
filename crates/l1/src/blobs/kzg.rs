//! KZG: commitments, proofs and versioned hashes of blobs.
//!
//! The only place where the C library is called. Loading the trusted set-up takes seconds and each
//! commitment or proof about 75 ms: everything here blocks and belongs on a thread that may.

use alloy_eips::{
    eip4844::{
        Blob, BlobTransactionSidecar, Bytes48, c_kzg, c_kzg::KzgSettings, kzg_to_versioned_hash,
    },
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::B256;
use openledger_protocol::{BlobError, encode_blob};
use std::sync::{Arc, OnceLock};

/// Tables for cell proofs, as a power of two of points: none, since they take memory all the time
/// and only transactions of version 1 use them.
const PRECOMPUTE: u64 = 0;
/// Most blobs of one transaction that any L1 fork takes (Prague; six since Osaka).
pub const BLOBS_PER_TX_MAX: usize = 9;

/// Why a blob transaction can't be made, or a blob is not the one asked for.
#[derive(Debug, thiserror::Error)]
pub enum KzgError {
    /// A payload doesn't fit into a blob.
    #[error(transparent)]
    Encoding(#[from] BlobError),
    /// There is no blob, or more than a transaction can carry.
    #[error("{given} blobs given; a transaction carries from 1 to {BLOBS_PER_TX_MAX}")]
    Count {
        /// Blobs given.
        given: usize,
    },
    /// The library refuses: a field element is not below the modulus, or a point is not on the
    /// curve.
    #[error("KZG: {0}")]
    Library(#[from] c_kzg::Error),
    /// The blob has another versioned hash.
    #[error("blob has versioned hash {found}, not {expected}")]
    Hash {
        /// The hash asked for.
        expected: B256,
        /// The hash of the blob.
        found: B256,
    },
    /// The proof that came with a blob doesn't prove it.
    #[error("the proof of blob {expected} is wrong")]
    Proof {
        /// The hash asked for.
        expected: B256,
    },
    /// The thread that did the work is gone.
    #[error("KZG work was interrupted")]
    Interrupted,
}

/// Ethereum's trusted set-up, loaded when it is first needed. Blocking: seconds.
fn settings() -> &'static KzgSettings {
    c_kzg::ethereum_kzg_settings(PRECOMPUTE)
}

/// Commitment and proof that came with a blob.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlobProof {
    pub(crate) commitment: Bytes48,
    pub(crate) proof: Bytes48,
}

/// Checks that `blob` has the versioned hash `expected`. Blocking: 3 ms with a proof, 75 without.
///
/// # Errors
/// If it has not, or the proof is wrong.
pub(crate) fn verify_blob(
    blob: &Blob,
    expected: B256,
    proof: Option<BlobProof>,
) -> Result<(), KzgError> {
    if let Some(BlobProof { commitment, proof }) = proof {
        let found = kzg_to_versioned_hash(commitment.as_slice());
        if found != expected {
            return Err(KzgError::Hash { expected, found });
        }
        let valid = settings().verify_blob_kzg_proof(
            ckzg_blob(blob),
            &c_kzg::Bytes48::new(commitment.0),
            &c_kzg::Bytes48::new(proof.0),
        )?;
        return if valid {
            Ok(())
        } else {
            Err(KzgError::Proof { expected })
        };
    }
    let found = versioned_hash(blob)?;
    if found != expected {
        return Err(KzgError::Hash { expected, found });
    }
    Ok(())
}

/// The versioned hash of a blob (EIP-4844). Blocking: 75 ms.
///
/// # Errors
/// A field element that is not below the modulus.
pub fn versioned_hash(blob: &Blob) -> Result<B256, KzgError> {
    let commitment = settings().blob_to_kzg_commitment(ckzg_blob(blob))?;
    Ok(kzg_to_versioned_hash(commitment.to_bytes().as_slice()))
}

fn ckzg_blob(blob: &Blob) -> &c_kzg::Blob {
    use alloy_eips::eip4844::AsCkzg;
    blob.as_ckzg()
}

/// How a transaction's blobs are proved to the L1's nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SidecarVersion {
    /// One proof a blob (EIP-4844), before Osaka.
    V0,
    /// A proof for each cell of each blob (EIP-7594), since Osaka.
    V1,
}

impl SidecarVersion {
    /// That of a transaction's blobs as nodes take them.
    pub(crate) const fn of(variant: &BlobTransactionSidecarVariant) -> Self {
        match variant {
            BlobTransactionSidecarVariant::Eip4844(_) => Self::V0,
            BlobTransactionSidecarVariant::Eip7594(_) => Self::V1,
        }
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::V0 => Self::V1,
            Self::V1 => Self::V0,
        }
    }
}

/// The blobs of one transaction with commitments and proofs. Cheap to clone.
#[derive(Clone)]
pub struct BlobSidecar(Arc<Inner>);

struct Inner {
    plain: BlobTransactionSidecar,
    hashes: Vec<B256>,
    /// With cell proofs, once a node has asked for them.
    cells: OnceLock<BlobTransactionSidecarVariant>,
}

impl BlobSidecar {
    /// Puts each payload into a blob of its own. Blocking: 150 ms a blob.
    ///
    /// # Errors
    /// No payload or too many, or one that is longer than
    /// [`BLOB_DATA_MAX`](openledger_protocol::BLOB_DATA_MAX).
    pub fn build<P: AsRef<[u8]>>(payloads: &[P]) -> Result<Self, KzgError> {
        check_count(payloads.len())?;
        let blobs = payloads
            .iter()
            .map(|payload| Ok(Blob::from(*encode_blob(payload.as_ref())?)))
            .collect::<Result<Vec<_>, BlobError>>()?;
        let plain = BlobTransactionSidecar::try_from_blobs_with_settings(blobs, settings())?;
        Ok(Self::of(plain))
    }

    fn of(plain: BlobTransactionSidecar) -> Self {
        let hashes = plain.versioned_hashes().collect();
        Self(Arc::new(Inner {
            plain,
            hashes,
            cells: OnceLock::new(),
        }))
    }

    /// A sidecar that was made before, in any version.
    pub(crate) fn from_variant(variant: BlobTransactionSidecarVariant) -> Result<Self, KzgError> {
        check_count(variant.blobs().len())?;
        match variant {
            BlobTransactionSidecarVariant::Eip4844(plain) => Ok(Self::of(plain)),
            BlobTransactionSidecarVariant::Eip7594(with_cells) => {
                // Proofs of version 0 are made when they are asked for, which is never again.
                let plain = BlobTransactionSidecar::new(
                    with_cells.blobs.clone(),
                    with_cells.commitments.clone(),
                    Vec::new(),
                );
                let sidecar = Self::of(plain);
                let _ = sidecar
                    .0
                    .cells
                    .set(BlobTransactionSidecarVariant::Eip7594(with_cells));
                Ok(sidecar)
            }
        }
    }

    /// Versioned hashes of the blobs, in order.
    pub fn versioned_hashes(&self) -> &[B256] {
        &self.0.hashes
    }

    /// Number of blobs, from 1 to [`BLOBS_PER_TX_MAX`].
    pub fn len(&self) -> usize {
        self.0.hashes.len()
    }

    /// Never: a sidecar has a blob.
    pub fn is_empty(&self) -> bool {
        self.0.hashes.is_empty()
    }

    /// The blobs, in order.
    pub fn blobs(&self) -> &[Blob] {
        &self.0.plain.blobs
    }

    /// The form that nodes take. Blocking the first time that version 1 is asked for: 400 ms a blob.
    ///
    /// # Errors
    /// The library fails.
    pub fn variant(
        &self,
        version: SidecarVersion,
    ) -> Result<BlobTransactionSidecarVariant, KzgError> {
        match version {
            SidecarVersion::V0 if self.0.plain.proofs.len() == self.len() => {
                Ok(BlobTransactionSidecarVariant::Eip4844(self.0.plain.clone()))
            }
            SidecarVersion::V0 => {
                let blobs = self.0.plain.blobs.clone();
                let plain =
                    BlobTransactionSidecar::try_from_blobs_with_settings(blobs, settings())?;
                Ok(BlobTransactionSidecarVariant::Eip4844(plain))
            }
            SidecarVersion::V1 => {
                if let Some(cells) = self.0.cells.get() {
                    return Ok(cells.clone());
                }
                let with_cells = self.0.plain.clone().try_into_7594(settings())?;
                let variant = BlobTransactionSidecarVariant::Eip7594(with_cells);
                Ok(self.0.cells.get_or_init(|| variant).clone())
            }
        }
    }

    /// Commitment and proof of each blob, for tests of sources that give them.
    #[cfg(feature = "anvil")]
    pub fn proofs(&self) -> Vec<(Bytes48, Bytes48)> {
        let proofs = self.0.plain.proofs.iter().copied();
        self.0
            .plain
            .commitments
            .iter()
            .copied()
            .zip(proofs)
            .collect()
    }
}

const fn check_count(given: usize) -> Result<(), KzgError> {
    if given == 0 || given > BLOBS_PER_TX_MAX {
        return Err(KzgError::Count { given });
    }
    Ok(())
}

/// Equal if they carry the same blobs.
impl PartialEq for BlobSidecar {
    fn eq(&self, other: &Self) -> bool {
        self.0.hashes == other.0.hashes
    }
}

impl Eq for BlobSidecar {}

/// Hashes only: blobs are long.
impl std::fmt::Debug for BlobSidecar {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("BlobSidecar")
            .field(&self.0.hashes)
            .finish()
    }
}
