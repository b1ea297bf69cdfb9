//! Contributions of a space: committed, revealed, and settled into clusters.

use super::{
    interface::IAttrSketch,
    limits::{BANDS, REVEAL_DELAY, SETTLE_MAX, SIGNATURE_WORDS},
    minhash::{Signature, band_slots, closest, is_empty, signature_hash},
    storage::{
        CommitSlots, CommitStatus, SpaceCounters, SpaceSlots, load_signature, store_signature,
    },
};
use crate::{Arguments, Context, Stop};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};

/// The space of a registry's datanet: `keccak256(abi.encode(registry, datanet))`.
pub fn space(registry: Address, datanet: B256) -> B256 {
    keccak256((registry, datanet).abi_encode())
}

/// Id of a space's commitment: `keccak256(abi.encode(space, uint64 number))`, the first one's number
/// being 0.
pub fn commit_id(space: B256, number: u64) -> B256 {
    keccak256((space, number).abi_encode())
}

/// What is committed to: `keccak256(abi.encode(space, contributor, signatureHash, dataRoot, salt))`.
pub fn commitment(
    space: B256,
    contributor: Address,
    signature: &Signature,
    data_root: B256,
    salt: B256,
) -> B256 {
    let preimage = (
        space,
        contributor,
        signature_hash(signature),
        data_root,
        salt,
    );
    keccak256(preimage.abi_encode())
}

pub(crate) fn commit_contribution(
    context: &mut Context<'_>,
    arguments: &[u8],
) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 2)?;
    let (datanet, hash) = (arguments.bytes32()?, arguments.bytes32()?);
    arguments.finish()?;
    context.require_writable()?;
    context.require_not_paused(IAttrSketch::commitContributionCall::SELECTOR)?;

    let space = space(context.caller(), datanet);
    let slot = SpaceSlots::new(space).counters();
    let mut counters = SpaceCounters::unpack(context.sload(slot)?);
    let commit_id = commit_id(space, counters.commits);
    // A counter that grows by one a call can't wrap.
    counters.commits = counters.commits.wrapping_add(1);
    context.sstore(slot, counters.pack())?;
    let slots = CommitSlots::new(commit_id);
    let status = CommitStatus {
        block: context.block_number(),
        is_revealed: false,
    };
    context.sstore(slots.hash(), hash.into())?;
    context.sstore(slots.status(), status.pack())?;
    Ok(IAttrSketch::commitContributionCall::abi_encode_returns(
        &commit_id,
    ))
}

/// Clusters of a space, whosever it is; 0 for one that nobody wrote. A registry that settles one commitment at a
/// time learns from it whether that made a cluster, and which.
pub(crate) fn cluster_count(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 1)?;
    let space = arguments.bytes32()?;
    arguments.finish()?;
    let counters = SpaceCounters::unpack(context.sload(SpaceSlots::new(space).counters())?);
    Ok(IAttrSketch::clusterCountCall::abi_encode_returns(
        &counters.clusters,
    ))
}

pub(crate) fn reveal(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 5usize.saturating_add(SIGNATURE_WORDS))?;
    let (datanet, commit_id) = (arguments.bytes32()?, arguments.bytes32()?);
    let contributor = arguments.address()?;
    let (data_root, salt) = (arguments.bytes32()?, arguments.bytes32()?);
    let mut signature: Signature = [0; SIGNATURE_WORDS];
    for word in &mut signature {
        *word = arguments.uint32()?;
    }
    arguments.finish()?;
    context.require_writable()?;
    context.require_not_paused(IAttrSketch::revealCall::SELECTOR)?;

    let slots = CommitSlots::new(commit_id);
    let mut status = CommitStatus::unpack(context.sload(slots.status())?);
    if status.block == 0 {
        return Err(Stop::revert(IAttrSketch::UnknownCommit {
            commitId: commit_id,
        }));
    }
    let (first, last) = (
        status.block.saturating_add(REVEAL_DELAY.0),
        status.block.saturating_add(REVEAL_DELAY.1),
    );
    if !(first..=last).contains(&context.block_number()) {
        return Err(Stop::revert(IAttrSketch::RevealWindow { first, last }));
    }
    if status.is_revealed {
        return Err(Stop::revert(IAttrSketch::AlreadyRevealed {
            commitId: commit_id,
        }));
    }
    // The caller's space is part of the preimage, so that nobody reveals in another's.
    let space = space(context.caller(), datanet);
    let committed = B256::from(context.sload(slots.hash())?);
    if committed != commitment(space, contributor, &signature, data_root, salt) {
        return Err(Stop::revert(IAttrSketch::CommitMismatch {
            commitId: commit_id,
        }));
    }
    if is_empty(&signature) {
        return Err(Stop::revert(IAttrSketch::TooShort {}));
    }
    store_signature(context, slots.signature(), &signature)?;
    status.is_revealed = true;
    context.sstore(slots.status(), status.pack())?;
    Ok(Vec::new())
}

pub(crate) fn settle(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut arguments = Arguments::new(arguments, 2)?;
    let (datanet, max) = (arguments.bytes32()?, arguments.uint16()?);
    arguments.finish()?;
    context.require_writable()?;

    if max > SETTLE_MAX {
        return Err(Stop::revert(IAttrSketch::TooMany {
            asked: max,
            max: SETTLE_MAX,
        }));
    }
    let space = space(context.caller(), datanet);
    let slot = SpaceSlots::new(space).counters();
    let mut counters = SpaceCounters::unpack(context.sload(slot)?);
    let mut done = 0u16;
    while done < max && counters.settled < counters.commits {
        let commit_id = commit_id(space, counters.settled);
        let slots = CommitSlots::new(commit_id);
        let status = CommitStatus::unpack(context.sload(slots.status())?);
        if context.block_number() <= status.block.saturating_add(REVEAL_DELAY.1) {
            break;
        }
        if status.is_revealed {
            let signature = load_signature(context, slots.signature())?;
            let (cluster, is_new) = assign(context, space, &mut counters, &signature)?;
            context.emit(&IAttrSketch::Clustered {
                datanet,
                cluster,
                commitId: commit_id,
                isNew: is_new,
            })?;
        }
        counters.settled = counters.settled.saturating_add(1);
        done = done.saturating_add(1);
    }
    if done > 0 {
        context.sstore(slot, counters.pack())?;
    }
    Ok(IAttrSketch::settleCall::abi_encode_returns(&done))
}

/// The cluster of a signature, and whether it is a new one.
///
/// Reads the eight band slots, then the signature of each cluster found there, in order of first
/// appearance; a new cluster writes its signature, then the band slots that are empty.
fn assign(
    context: &mut Context<'_>,
    space: B256,
    counters: &mut SpaceCounters,
    signature: &Signature,
) -> Result<(u32, bool), Stop> {
    let bands = band_slots(space, signature);
    let mut empty = Vec::with_capacity(BANDS);
    let mut candidates: Vec<(u32, Signature)> = Vec::with_capacity(BANDS);
    for band in bands {
        // A band slot holds its cluster's number plus one; 2^32 at most.
        let Some(cluster) = context.sload(band)?.as_limbs()[0].checked_sub(1) else {
            empty.push(band);
            continue;
        };
        let cluster = cluster as u32;
        if !candidates.iter().any(|(known, _)| *known == cluster) {
            let slot = SpaceSlots::new(space).signature(cluster);
            candidates.push((cluster, load_signature(context, slot)?));
        }
    }
    let candidates = candidates.iter().map(|(cluster, known)| (*cluster, known));
    if let Some(cluster) = closest(signature, candidates) {
        return Ok((cluster, false));
    }
    let cluster = counters.clusters;
    counters.clusters = cluster
        .checked_add(1)
        .ok_or_else(|| Stop::revert(IAttrSketch::SpaceFull {}))?;
    store_signature(
        context,
        SpaceSlots::new(space).signature(cluster),
        signature,
    )?;
    for band in empty {
        context.sstore(band, U256::from(counters.clusters))?;
    }
    Ok((cluster, true))
}
