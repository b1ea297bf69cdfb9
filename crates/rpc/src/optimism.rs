//! `optimism_`: what op-node answers.

use crate::{
    api::Api,
    block_id::BlockId,
    context::{L1BlockRef, L1Status},
    error::Failure,
    params::Params,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_primitives::B256;
use openledger_primitives::{BlockNumHash, SealedHeader};
use openledger_protocol::{L1Attributes, OutputRoot};
use serde::Serialize;

pub(crate) const METHODS: Methods = &[
    ("optimism_outputAtBlock", Run::Light(output_at_block)),
    ("optimism_syncStatus", Run::Light(sync_status)),
    ("optimism_rollupConfig", Run::Light(rollup_config)),
    ("optimism_version", Run::Light(version)),
    (
        "optimism_safeHeadAtL1Block",
        Run::Light(safe_head_at_l1_block),
    ),
];

/// A block's hash and number, numbers in decimal as op-node gives them.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct BlockIdJson {
    hash: B256,
    number: u64,
}

impl From<BlockNumHash> for BlockIdJson {
    fn from(block: BlockNumHash) -> Self {
        Self {
            hash: block.hash,
            number: block.number,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct L2BlockRefJson {
    hash: B256,
    number: u64,
    parent_hash: B256,
    timestamp: u64,
    l1origin: BlockIdJson,
    sequence_number: u64,
}

#[derive(Debug, Serialize)]
struct SyncStatus {
    current_l1: L1BlockRef,
    current_l1_finalized: L1BlockRef,
    head_l1: L1BlockRef,
    safe_l1: L1BlockRef,
    finalized_l1: L1BlockRef,
    unsafe_l2: L2BlockRefJson,
    safe_l2: L2BlockRefJson,
    finalized_l2: L2BlockRefJson,
    pending_safe_l2: L2BlockRefJson,
    cross_unsafe_l2: L2BlockRefJson,
    local_safe_l2: L2BlockRefJson,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputAtBlock {
    version: B256,
    output_root: B256,
    block_ref: L2BlockRefJson,
    withdrawal_storage_root: B256,
    state_root: B256,
    sync_status: SyncStatus,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SafeHead {
    l1_block: BlockIdJson,
    safe_head: BlockIdJson,
}

fn block_ref(api: &Api, number: u64) -> Result<L2BlockRefJson, Failure> {
    let header = api.header(number)?;
    block_ref_of(api, &header)
}

fn block_ref_of(api: &Api, header: &SealedHeader) -> Result<L2BlockRefJson, Failure> {
    let (l1origin, sequence_number) = if header.number == 0 {
        let genesis = api.chain_config().genesis.l1;
        (
            BlockIdJson {
                hash: genesis.hash,
                number: genesis.number,
            },
            0,
        )
    } else {
        let block = api.known_block(header.number)?;
        let first = block.block.body.transactions.first();
        let attributes = first
            .ok_or(Failure::Unavailable("the block has no L1 attributes"))
            .and_then(|first| L1Attributes::from_deposit(first).map_err(Failure::internal))?;
        let origin = BlockIdJson {
            hash: attributes.hash,
            number: attributes.number,
        };
        (origin, attributes.sequence_number)
    };
    Ok(L2BlockRefJson {
        hash: header.hash(),
        number: header.number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        l1origin,
        sequence_number,
    })
}

/// What is known of the L1; on a chain without L1 the origin that its genesis names.
fn l1_status(api: &Api) -> L1Status {
    match &api.l1_status {
        Some(status) => *status.borrow(),
        None => {
            let genesis = api.chain_config().genesis.l1;
            let origin = L1BlockRef {
                hash: genesis.hash,
                number: genesis.number,
                ..L1BlockRef::default()
            };
            L1Status {
                current: origin,
                head: origin,
                safe: origin,
                finalized: origin,
            }
        }
    }
}

fn status(api: &Api) -> Result<SyncStatus, Failure> {
    // A head may be unwound between the look at it and the one at its block.
    status_now(api).or_else(|_| status_now(api))
}

fn status_now(api: &Api) -> Result<SyncStatus, Failure> {
    let l1 = l1_status(api);
    let heads = api.chain.heads();
    Ok(SyncStatus {
        current_l1: l1.current,
        current_l1_finalized: l1.finalized,
        head_l1: l1.head,
        safe_l1: l1.safe,
        finalized_l1: l1.finalized,
        unsafe_l2: block_ref(api, heads.unsafe_head.number)?,
        safe_l2: block_ref(api, heads.safe.number)?,
        finalized_l2: block_ref(api, heads.finalized.number)?,
        pending_safe_l2: block_ref(api, heads.safe.number)?,
        cross_unsafe_l2: block_ref(api, heads.unsafe_head.number)?,
        local_safe_l2: block_ref(api, heads.safe.number)?,
    })
}

fn sync_status(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    api.reply(&status(api)?)
}

fn output_at_block(api: &Api, params: &Params) -> Outcome {
    let id: BlockId = params.args(&["block"])?.get(0)?;
    let header = api.header(api.number(id)?)?;
    let withdrawal_storage_root = header.withdrawals_root.ok_or(Failure::Unavailable(
        "the header has no withdrawals root: it is older than Isthmus",
    ))?;
    let output = OutputRoot {
        state_root: header.state_root,
        message_passer_storage_root: withdrawal_storage_root,
        block_hash: header.hash(),
    };
    api.reply(&OutputAtBlock {
        version: B256::ZERO,
        output_root: output.hash(),
        block_ref: block_ref_of(api, &header)?,
        withdrawal_storage_root,
        state_root: header.state_root,
        sync_status: status(api)?,
    })
}

fn rollup_config(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    api.reply(&**api.chain_config())
}

fn version(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    Reply::small(&api.client_version)
}

/// The safe head as of an L1 block, with the L1 block that made it the safe head.
fn safe_head_at_l1_block(api: &Api, params: &Params) -> Outcome {
    let number: u64 = params.args(&["L1 block"])?.get(0)?;
    let known = api.chain.store().safe_head_at(number)?;
    // One above the safe head is being taken back at this moment.
    let safe = BlockIdJson::from(api.chain.heads().safe);
    if let Some(known) = known.filter(|known| known.safe.number <= safe.number) {
        return Reply::small(&SafeHead {
            l1_block: known.l1.into(),
            safe_head: known.safe.into(),
        });
    }
    let current = l1_status(api).current;
    if number < current.number {
        return Err(Failure::Unavailable(
            "safe head not found: the L1 block is before the first that this node remembers",
        ));
    }
    Reply::small(&SafeHead {
        l1_block: BlockIdJson {
            hash: current.hash,
            number: current.number,
        },
        safe_head: safe,
    })
}
