//! `commitAdapter`, `registerAdapter` and `registerAdapterFor`: the nine rules of a registration, in their
//! order, each in a function of its own, and then what is written.

use super::{
    ALPHA_MAX, CHUNK_LOG2_MAX, CHUNK_LOG2_MIN, COMMITMENT_AGE_MIN, RANK_MAX, STATUS_ACTIVE,
    STATUS_DISPUTED, header,
    interface::{
        ILoraRegistry::{
            Adapter, AdapterRegistered, LineageEdge, Share, StatusChanged, Train, TrainedOn,
            commitAdapterCall, registerAdapterCall, registerAdapterForCall,
        },
        LoraErrors,
    },
    parents, price,
    safetensors::{self, Dtype},
    signature,
    storage::{self, BaseFacts, Commitment, Head, Kind, Weights},
    tensors::{self, Expected, Target},
    train,
};
use crate::{Arguments, Context, MalformedAbi, Stop, gas};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};

/// Records a commitment; once, so that its place in the order of all is never lost.
pub(super) fn commit_adapter(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut members = Arguments::new(arguments, 1)?;
    let h = members.bytes32()?;
    members.finish()?;
    context.require_writable()?;
    context.require_not_paused(commitAdapterCall::SELECTOR)?;
    if storage::load_commitment(context, h)?.is_some() {
        return Err(Stop::revert(LoraErrors::AlreadyCommitted { h }));
    }
    let mut counters = storage::load_counters(context)?;
    counters.last_commitment = counters.last_commitment.saturating_add(1);
    storage::store_counters(context, counters)?;
    let commitment = Commitment {
        number: counters.last_commitment,
        block_number: context.block_number(),
    };
    storage::store_commitment(context, h, commitment)?;
    Ok(Vec::new())
}

/// The caller registers an adapter of its own.
pub(super) fn register_adapter(
    context: &mut Context<'_>,
    arguments: &[u8],
) -> Result<Vec<u8>, Stop> {
    let mut members = Arguments::new(arguments, 3)?;
    let (adapter, header, salt) = read_common(&mut members)?;
    members.finish()?;
    context.require_writable()?;
    context.require_not_paused(registerAdapterCall::SELECTOR)?;
    require_base(context, adapter.base)?;
    require_developer(&adapter, context.caller())?;
    let id = register(context, &adapter, header, salt)?;
    Ok(registerAdapterCall::abi_encode_returns(&id))
}

/// The caller registers an adapter of whoever signed it.
pub(super) fn register_adapter_for(
    context: &mut Context<'_>,
    arguments: &[u8],
) -> Result<Vec<u8>, Stop> {
    let mut members = Arguments::new(arguments, 6)?;
    let (adapter, header, salt) = read_common(&mut members)?;
    let (nonce, deadline) = (members.uint256()?, members.uint256()?);
    let signature = members.bytes()?;
    members.finish()?;
    context.require_writable()?;
    context.require_not_paused(registerAdapterForCall::SELECTOR)?;
    require_base(context, adapter.base)?;

    if U256::from(context.timestamp()) > deadline {
        return Err(Stop::revert(LoraErrors::SignatureExpired { deadline }));
    }
    let encoded_len = adapter.abi_encoded_size() as u64;
    context.charge(gas::words(encoded_len).saturating_mul(price::HASH_WORD))?;
    context.charge(price::SIGNATURE)?;
    let digest = signature::digest(
        context.chain_id(),
        keccak256(adapter.abi_encode()),
        adapter.headerHash,
        nonce,
        deadline,
    );
    let developer = signature::signer(digest, signature)
        .ok_or_else(|| Stop::revert(LoraErrors::BadSignature {}))?;
    require_developer(&adapter, developer)?;
    let expected = storage::load_nonce(context, developer)?;
    if nonce != expected {
        return Err(Stop::revert(LoraErrors::BadNonce { expected }));
    }
    storage::store_nonce(context, developer, expected.saturating_add(U256::ONE))?;

    let id = register(context, &adapter, header, salt)?;
    Ok(registerAdapterForCall::abi_encode_returns(&id))
}

/// What both registrations begin with: the adapter, its header, the commitment's salt.
fn read_common<'a>(members: &mut Arguments<'a>) -> Result<(Adapter, &'a [u8], B256), MalformedAbi> {
    let adapter = members.tuple(18, |members| {
        Ok(Adapter {
            base: members.uint64()?,
            rank: members.uint16()?,
            alpha: members.uint32()?,
            moduleMask: members.uint32()?,
            layerFrom: members.uint16()?,
            layerTo: members.uint16()?,
            dtype: members.uint8()?,
            headerHash: members.bytes32()?,
            dataRoot: members.bytes32()?,
            dataLen: members.uint64()?,
            chunkLog2: members.uint8()?,
            train: members.static_array(4, |members| {
                Ok(Train {
                    datanet: members.bytes32()?,
                    sketchSet: members.uint64()?,
                    spanIndex: members.uint64()?,
                    weightBps: members.uint16()?,
                })
            })?,
            parents: members.static_array(2, |members| {
                Ok(Share {
                    id: members.uint64()?,
                    relBps: members.uint16()?,
                })
            })?,
            licence: members.bytes32()?,
            absBps: members.uint16()?,
            developer: members.address()?,
            version: members.uint32()?,
            supersedes: members.uint64()?,
        })
    })?;
    Ok((adapter, members.bytes()?, members.bytes32()?))
}

/// The existence that comes before authority: the adapter's base.
fn require_base(context: &mut Context<'_>, id: u64) -> Result<(), Stop> {
    match storage::load_head(context, id)? {
        Some(head) if head.kind == Kind::Base => Ok(()),
        _ => Err(Stop::revert(LoraErrors::UnknownBase { id })),
    }
}

fn require_developer(adapter: &Adapter, developer: Address) -> Result<(), Stop> {
    if adapter.developer != developer {
        return Err(Stop::revert(LoraErrors::DeveloperMismatch { developer }));
    }
    Ok(())
}

/// Checks the rules in their order and records the adapter, whose base exists and whose developer is
/// who it says.
fn register(
    context: &mut Context<'_>,
    adapter: &Adapter,
    header: &[u8],
    salt: B256,
) -> Result<u64, Stop> {
    let facts = storage::load_base_facts(context, adapter.base)?;
    let targets = check_targets(context, adapter, &facts)?;
    check_header(context, adapter, header, &facts, &targets)?;
    if !(CHUNK_LOG2_MIN..=CHUNK_LOG2_MAX).contains(&adapter.chunkLog2) {
        return Err(Stop::revert(LoraErrors::BadChunkSize {
            chunkLog2: adapter.chunkLog2,
        }));
    }
    train::check(context, &adapter.train)?;
    let mut counters = storage::load_counters(context)?;
    let id = counters.last_id.saturating_add(1);
    let descent = parents::check(context, id, adapter)?;
    let (commitment, displaced) = check_commitment(context, adapter, salt)?;
    check_superseded(context, adapter)?;

    counters.last_id = id;
    storage::store_counters(context, counters)?;
    let head = Head {
        kind: Kind::Adapter,
        status: STATUS_ACTIVE,
        depth: descent.depth,
        // Both are checked against their limits.
        parents: adapter.parents.len() as u8,
        trains: adapter.train.len() as u8,
        ancestors: descent.ancestors,
        abs_bps: adapter.absBps,
        base: adapter.base,
    };
    let params = parameters(adapter, &targets);
    storage::store_head(context, id, &head)?;
    storage::store_adapter(context, id, adapter, params)?;
    storage::push_by_base(context, adapter.base, id)?;
    let weights = Weights {
        id,
        commitment: commitment.number,
    };
    storage::store_weights(context, adapter.headerHash, adapter.dataRoot, weights)?;
    if let Some((other, mut head)) = displaced {
        head.status = STATUS_DISPUTED;
        storage::store_head(context, other, &head)?;
    }
    emit(context, id, adapter, params)?;
    if let Some((other, _)) = displaced {
        context.emit(&StatusChanged {
            id: other,
            status: STATUS_DISPUTED,
        })?;
    }
    Ok(id)
}

/// Rule 1: mask, layers, rank against its limit and then against each target's dimensions, alpha.
fn check_targets(
    context: &mut Context<'_>,
    adapter: &Adapter,
    facts: &BaseFacts,
) -> Result<Vec<Target>, Stop> {
    let mask = adapter.moduleMask;
    // Bits at and above the number of modules; none remain of 32.
    let beyond = mask.checked_shr(u32::from(facts.modules)).unwrap_or(0);
    if mask == 0 || beyond != 0 {
        return Err(Stop::revert(LoraErrors::BadModuleMask {
            mask,
            modules: facts.modules,
        }));
    }
    if adapter.layerFrom >= adapter.layerTo || adapter.layerTo > facts.layers {
        return Err(Stop::revert(LoraErrors::BadLayerRange {
            layerFrom: adapter.layerFrom,
            layerTo: adapter.layerTo,
            layers: facts.layers,
        }));
    }
    check_rank(adapter.rank, u32::from(RANK_MAX))?;
    let mut targets = Vec::with_capacity(mask.count_ones() as usize);
    for module in (0..facts.modules).filter(|module| mask.wrapping_shr(u32::from(*module)) & 1 == 1)
    {
        let stored = storage::load_module(context, adapter.base, module)?;
        check_rank(adapter.rank, stored.inDim.min(stored.outDim))?;
        targets.push(Target {
            module,
            path: stored.path.into(),
            in_dim: stored.inDim,
            out_dim: stored.outDim,
        });
    }
    if adapter.alpha == 0 || adapter.alpha > ALPHA_MAX {
        return Err(Stop::revert(LoraErrors::BadAlpha {
            alpha: adapter.alpha,
        }));
    }
    Ok(targets)
}

fn check_rank(rank: u16, max: u32) -> Result<(), Stop> {
    if rank == 0 || u32::from(rank) > max {
        return Err(Stop::revert(LoraErrors::BadRank { rank, max }));
    }
    Ok(())
}

/// Rules 2, 3 and 4: the header is the one whose hash is declared, is well formed, and describes exactly
/// the declared tensors. Rule 4 follows: each tensor has the size that its shape gives, and they fill the
/// data without gap or overlap, so that `dataLen` is the number of parameters times their size.
fn check_header(
    context: &mut Context<'_>,
    adapter: &Adapter,
    header: &[u8],
    facts: &BaseFacts,
    targets: &[Target],
) -> Result<(), Stop> {
    let header = header::load(context, adapter.headerHash, header)?;
    let parsed = safetensors::parse(&header)?;
    let dtype = Dtype::from_number(adapter.dtype).ok_or_else(|| {
        Stop::revert(LoraErrors::BadDtype {
            dtype: adapter.dtype,
        })
    })?;
    let prefix = storage::load_prefix(context, adapter.base, facts)?;
    let expected = Expected {
        prefix: &prefix,
        layer_from: adapter.layerFrom,
        layer_to: adapter.layerTo,
        targets,
        rank: adapter.rank,
        dtype,
        data_len: adapter.dataLen,
    };
    tensors::check(&parsed, &expected)?;
    Ok(())
}

/// Parameters of an adapter; the limits leave no room for an overflow.
fn parameters(adapter: &Adapter, targets: &[Target]) -> u64 {
    let layers = u64::from(adapter.layerTo.saturating_sub(adapter.layerFrom));
    let dimensions = targets.iter().fold(0u64, |sum, target| {
        sum.saturating_add(u64::from(target.in_dim))
            .saturating_add(u64::from(target.out_dim))
    });
    layers
        .saturating_mul(u64::from(adapter.rank))
        .saturating_mul(dimensions)
}

/// Rule 8: the commitment exists and is old enough, and nobody has these bytes under an earlier one.
/// Answers with the commitment and the adapter, if any, that had them under a later one.
fn check_commitment(
    context: &mut Context<'_>,
    adapter: &Adapter,
    salt: B256,
) -> Result<(Commitment, Option<(u64, Head)>), Stop> {
    let preimage = (
        adapter.developer,
        adapter.headerHash,
        adapter.dataRoot,
        salt,
    );
    let h = keccak256(preimage.abi_encode());
    let commitment = storage::load_commitment(context, h)?
        .ok_or_else(|| Stop::revert(LoraErrors::UnknownCommitment { h }))?;
    let first = commitment.block_number.saturating_add(COMMITMENT_AGE_MIN);
    if context.block_number() < first {
        return Err(Stop::revert(LoraErrors::CommitmentTooYoung {
            committedAt: commitment.block_number,
        }));
    }
    let Some(holder) = storage::load_weights(context, adapter.headerHash, adapter.dataRoot)? else {
        return Ok((commitment, None));
    };
    if holder.commitment <= commitment.number {
        return Err(Stop::revert(LoraErrors::DuplicateWeights { id: holder.id }));
    }
    let head = storage::load_head(context, holder.id)?;
    Ok((commitment, head.map(|head| (holder.id, head))))
}

/// Rule 9: what is superseded is an adapter of the same developer with a lower version.
fn check_superseded(context: &mut Context<'_>, adapter: &Adapter) -> Result<(), Stop> {
    let id = adapter.supersedes;
    if id == 0 {
        return Ok(());
    }
    match storage::load_head(context, id)? {
        Some(head) if head.kind == Kind::Adapter => {}
        _ => return Err(Stop::revert(LoraErrors::UnknownSuperseded { id })),
    }
    let (developer, version, _) = storage::load_owner_facts(context, id)?;
    if developer != adapter.developer {
        return Err(Stop::revert(LoraErrors::SupersededDeveloper { developer }));
    }
    if version >= adapter.version {
        return Err(Stop::revert(LoraErrors::SupersededVersion { version }));
    }
    Ok(())
}

fn emit(context: &mut Context<'_>, id: u64, adapter: &Adapter, params: u64) -> Result<(), Stop> {
    context.emit(&AdapterRegistered {
        id,
        base: adapter.base,
        developer: adapter.developer,
        headerHash: adapter.headerHash,
        dataRoot: adapter.dataRoot,
        params,
    })?;
    for parent in &adapter.parents {
        context.emit(&LineageEdge {
            child: id,
            parent: parent.id,
            relBps: parent.relBps,
        })?;
    }
    for train in &adapter.train {
        context.emit(&TrainedOn {
            id,
            datanet: train.datanet,
            sketchSet: train.sketchSet,
            weightBps: train.weightBps,
        })?;
    }
    Ok(())
}
