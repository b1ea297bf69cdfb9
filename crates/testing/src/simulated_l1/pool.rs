//! The transactions that wait, under the rules of the L1's nodes that matter to a sender: nonces, balance,
//! fees, replacement (10 %, for blobs twice as much), sizes, and one kind of transaction an account.

use super::block::{Block, StoredBlob};
use alloy_consensus::{
    Transaction as _, TxEip4844Variant, TxEnvelope, transaction::SignerRecoverable,
};
use alloy_eips::{
    Decodable2718,
    eip4844::{BlobTransactionSidecar, c_kzg},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

/// Most bytes of a transaction without blobs.
const TX_BYTES_MAX: usize = 128 * 1024;
/// Most transactions with blobs that an account may have waiting.
const BLOB_TXS_MAX: usize = 16;
/// Nonces that may be left out before a transaction without blobs.
const NONCE_GAP_MAX: u64 = 64;

/// How blobs must be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SidecarRule {
    /// One proof a blob: before Osaka.
    BlobProofs,
    /// A proof for each cell: since Osaka.
    CellProofs,
}

/// Why the pool refuses a transaction, in the words of geth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the texts say it
pub enum Refusal {
    #[error("rlp: the transaction can't be decoded")]
    Encoding,
    #[error("invalid sender")]
    Sender,
    #[error("invalid chain id for signer: have {have} want {want}")]
    ChainId { have: u64, want: u64 },
    #[error("already known")]
    Known,
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow { next: u64, nonce: u64 },
    #[error("nonce too high: tx nonce {nonce}, gapped nonce {next}")]
    NonceGap { next: u64, nonce: u64 },
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas { gas: u64, needed: u64 },
    #[error("exceeds block gas limit")]
    BlockGas,
    #[error("oversized data: transaction size {size}, limit {TX_BYTES_MAX}")]
    Oversized { size: usize },
    #[error("transaction underpriced: gas tip cap 0, minimum needed 1")]
    NoTip,
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFee,
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}")]
    Funds { balance: U256, cost: U256 },
    #[error("address already reserved")]
    Reserved,
    #[error("account limit exceeded: pooled {BLOB_TXS_MAX} txs")]
    AccountLimit,
    #[error("invalid sidecar version")]
    SidecarVersion,
    #[error("missing sidecar in blob transaction")]
    NoSidecar,
    #[error("invalid blob: the proofs are wrong")]
    Blobs,
}

/// A transaction that waits.
#[derive(Debug, Clone)]
pub struct Pooled {
    /// Without its blobs.
    pub envelope: TxEnvelope,
    /// Who sent it.
    pub sender: Address,
    /// As it was sent.
    pub raw: Bytes,
    /// Its blobs, by versioned hash.
    pub blobs: BTreeMap<B256, Arc<StoredBlob>>,
    /// Its place among the arrivals.
    arrival: u64,
}

impl Pooled {
    /// Decodes a raw transaction; blobs are checked against their hashes.
    ///
    /// # Errors
    /// What is wrong with it by itself.
    pub(super) fn decode(raw: Bytes, rule: SidecarRule) -> Result<Self, Refusal> {
        let envelope = TxEnvelope::decode_2718_exact(&raw).map_err(|_| Refusal::Encoding)?;
        let sender = envelope.recover_signer().map_err(|_| Refusal::Sender)?;
        let mut blobs = BTreeMap::new();
        let envelope = match envelope {
            TxEnvelope::Eip4844(signed) => {
                let (tx, signature, hash) = signed.into_parts();
                let TxEip4844Variant::TxEip4844WithSidecar(tx) = tx else {
                    return Err(Refusal::NoSidecar);
                };
                let (tx, sidecar) = tx.into_parts();
                let sidecar = plain(sidecar, rule, &tx.blob_versioned_hashes)?;
                let parts = sidecar
                    .blobs
                    .iter()
                    .zip(&sidecar.commitments)
                    .zip(&sidecar.proofs);
                for (hash, ((blob, commitment), proof)) in
                    tx.blob_versioned_hashes.iter().zip(parts)
                {
                    let stored = StoredBlob {
                        blob: Bytes::copy_from_slice(blob.as_slice()),
                        commitment: Bytes::copy_from_slice(commitment.as_slice()),
                        proof: Bytes::copy_from_slice(proof.as_slice()),
                    };
                    blobs.insert(*hash, Arc::new(stored));
                }
                TxEnvelope::Eip4844(alloy_consensus::Signed::new_unchecked(
                    TxEip4844Variant::TxEip4844(tx),
                    signature,
                    hash,
                ))
            }
            other => other,
        };
        Ok(Self {
            envelope,
            sender,
            raw,
            blobs,
            arrival: 0,
        })
    }

    /// Its hash.
    pub fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }

    /// Whether it carries blobs.
    pub fn has_blobs(&self) -> bool {
        self.envelope.is_eip4844()
    }

    /// The most that it can cost, wei.
    fn cost(&self) -> U256 {
        let tx = &self.envelope;
        let gas = U256::from(tx.gas_limit()).saturating_mul(U256::from(tx.max_fee_per_gas()));
        let blob_gas = U256::from(tx.blob_gas_used().unwrap_or_default());
        let blob_fee = U256::from(tx.max_fee_per_blob_gas().unwrap_or_default());
        gas.saturating_add(tx.value())
            .saturating_add(blob_gas.saturating_mul(blob_fee))
    }

    /// Whether a block with these base fees can include it.
    fn is_affordable_at(&self, base_fee: u64, blob_base_fee: u128) -> bool {
        let tx = &self.envelope;
        tx.max_fee_per_gas() >= u128::from(base_fee)
            && tx
                .max_fee_per_blob_gas()
                .is_none_or(|fee| fee >= blob_base_fee)
    }

    /// Whether its fees are at least this much above those of another, in percent.
    fn outbids(&self, other: &Self, percent: u128) -> bool {
        let raised = |fee: u128| fee.saturating_mul(100 + percent).div_ceil(100);
        let (new, old) = (&self.envelope, &other.envelope);
        new.max_fee_per_gas() >= raised(old.max_fee_per_gas())
            && new.max_priority_fee_per_gas().unwrap_or_default()
                >= raised(old.max_priority_fee_per_gas().unwrap_or_default())
            && new.max_fee_per_blob_gas().unwrap_or_default()
                >= raised(old.max_fee_per_blob_gas().unwrap_or_default())
    }
}

/// The sidecar with one proof a blob, checked.
fn plain(
    sidecar: BlobTransactionSidecarVariant,
    rule: SidecarRule,
    hashes: &[B256],
) -> Result<BlobTransactionSidecar, Refusal> {
    // Without tables for cells: the set-up that the node's own code has loaded.
    let settings = c_kzg::ethereum_kzg_settings(0);
    sidecar
        .validate(hashes, settings)
        .map_err(|_| Refusal::Blobs)?;
    match (sidecar, rule) {
        (BlobTransactionSidecarVariant::Eip4844(sidecar), SidecarRule::BlobProofs) => Ok(sidecar),
        (BlobTransactionSidecarVariant::Eip7594(sidecar), SidecarRule::CellProofs) => {
            BlobTransactionSidecar::try_from_blobs_with_settings(sidecar.blobs, settings)
                .map_err(|_| Refusal::Blobs)
        }
        _ => Err(Refusal::SidecarVersion),
    }
}

/// What waits, by sender and nonce.
#[derive(Debug, Default)]
pub struct Pool {
    accounts: BTreeMap<Address, BTreeMap<u64, Pooled>>,
    arrivals: u64,
}

impl Pool {
    /// Takes a transaction.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn add(
        &mut self,
        mut tx: Pooled,
        chain_id: u64,
        head: &Block,
    ) -> Result<B256, Refusal> {
        let hash = tx.hash();
        let envelope = &tx.envelope;
        if let Some(have) = envelope.chain_id().filter(|have| *have != chain_id) {
            return Err(Refusal::ChainId {
                have,
                want: chain_id,
            });
        }
        if !tx.has_blobs() && tx.raw.len() > TX_BYTES_MAX {
            return Err(Refusal::Oversized { size: tx.raw.len() });
        }
        if envelope.gas_limit() > head.header.gas_limit {
            return Err(Refusal::BlockGas);
        }
        let needed = intrinsic_gas(envelope);
        if envelope.gas_limit() < needed {
            return Err(Refusal::IntrinsicGas {
                gas: envelope.gas_limit(),
                needed,
            });
        }
        let tip = envelope.max_priority_fee_per_gas();
        if tip == Some(0) {
            return Err(Refusal::NoTip);
        }
        if tip.is_some_and(|tip| tip > envelope.max_fee_per_gas()) {
            return Err(Refusal::TipAboveFee);
        }
        let account = head.account(tx.sender);
        let nonce = envelope.nonce();
        if nonce < account.nonce {
            return Err(Refusal::NonceTooLow {
                next: account.nonce,
                nonce,
            });
        }
        let next = self.pending_nonce(tx.sender, account.nonce);
        let own = self.accounts.entry(tx.sender).or_default();
        if own
            .values()
            .any(|other| other.has_blobs() != tx.has_blobs())
        {
            return Err(Refusal::Reserved);
        }
        let gap_max = if tx.has_blobs() { 0 } else { NONCE_GAP_MAX };
        if nonce > next.saturating_add(gap_max) {
            return Err(Refusal::NonceGap { next, nonce });
        }
        let others = own
            .iter()
            .filter(|(other, _)| **other != nonce)
            .fold(U256::ZERO, |sum, (_, other)| {
                sum.saturating_add(other.cost())
            });
        let cost = others.saturating_add(tx.cost());
        if cost > account.balance {
            return Err(Refusal::Funds {
                balance: account.balance,
                cost,
            });
        }
        if tx.has_blobs() && own.len() >= BLOB_TXS_MAX && !own.contains_key(&nonce) {
            return Err(Refusal::AccountLimit);
        }
        self.arrivals += 1;
        tx.arrival = self.arrivals;
        match own.entry(nonce) {
            Entry::Occupied(old) if old.get().hash() == hash => return Err(Refusal::Known),
            Entry::Occupied(mut old) => {
                let percent = if tx.has_blobs() { 100 } else { 10 };
                if !tx.outbids(old.get(), percent) {
                    return Err(Refusal::ReplacementUnderpriced);
                }
                old.insert(tx);
            }
            Entry::Vacant(place) => {
                place.insert(tx);
            }
        }
        Ok(hash)
    }

    /// The nonce after those that an account has waiting without a gap.
    pub(super) fn pending_nonce(&self, account: Address, mined: u64) -> u64 {
        let own = self.accounts.get(&account);
        (mined..)
            .find(|nonce| own.is_none_or(|own| !own.contains_key(nonce)))
            .unwrap_or(mined)
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.accounts.values().map(BTreeMap::len).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What an account has waiting, by nonce.
    pub fn of(&self, account: Address) -> impl Iterator<Item = &Pooled> {
        self.accounts
            .get(&account)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// Forgets what an account has waiting, or everything.
    pub fn forget(&mut self, account: Option<Address>) {
        match account {
            Some(account) => {
                self.accounts.remove(&account);
            }
            None => self.accounts.clear(),
        }
    }

    /// What waits, in the order of arrival, as it was sent.
    pub(super) fn into_raw(self) -> impl Iterator<Item = Bytes> {
        let accounts = self.accounts.into_values();
        let mut all: Vec<Pooled> = accounts.flat_map(BTreeMap::into_values).collect();
        all.sort_by_key(|tx| tx.arrival);
        all.into_iter().map(|tx| tx.raw)
    }

    /// Forgets what is in a block, or can't be in one any more.
    pub(super) fn settle(&mut self, head: &Block) {
        for (address, own) in &mut self.accounts {
            let next = head.account(*address).nonce;
            own.retain(|nonce, _| *nonce >= next);
        }
        self.accounts.retain(|_, own| !own.is_empty());
    }

    /// The transaction that a block would take next: the best-paying one that is next of its account.
    /// `next_nonce` tells the accounts' nonces, `admits` what else must hold.
    pub(super) fn best(
        &self,
        base_fee: u64,
        blob_base_fee: u128,
        next_nonce: impl Fn(Address) -> u64,
        admits: impl Fn(&Pooled) -> bool,
    ) -> Option<Pooled> {
        let firsts = self
            .accounts
            .iter()
            .filter_map(|(address, own)| own.get(&next_nonce(*address)));
        firsts
            .filter(|tx| tx.is_affordable_at(base_fee, blob_base_fee) && admits(tx))
            .max_by_key(|tx| {
                let tip = tx
                    .envelope
                    .effective_tip_per_gas(base_fee)
                    .unwrap_or_default();
                (tip, std::cmp::Reverse(tx.arrival))
            })
            .cloned()
    }
}

/// Gas that a transaction needs to be valid (EIP-2028, EIP-3860, EIP-7623).
fn intrinsic_gas(tx: &TxEnvelope) -> u64 {
    let zeros = tx.input().iter().filter(|byte| **byte == 0).count() as u64;
    let others = tx.input().len() as u64 - zeros;
    let tokens = zeros + 4 * others;
    let creation = if tx.is_create() {
        32_000 + 2 * (tx.input().len() as u64).div_ceil(32)
    } else {
        0
    };
    (21_000 + creation + 4 * tokens).max(21_000 + 10 * tokens)
}
