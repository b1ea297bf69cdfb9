//! Blocks, headers and receipts of whole blocks.

use crate::{
    api::{Api, Found},
    block_id::BlockId,
    error::Failure,
    json::{BlockJson, HeaderJson, Receipts},
    params::Params,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_primitives::B256;

pub(super) const METHODS: Methods = &[
    ("eth_getBlockByNumber", Run::Light(by_number)),
    ("eth_getBlockByHash", Run::Light(by_hash)),
    ("eth_getHeaderByNumber", Run::Light(header_by_number)),
    ("eth_getHeaderByHash", Run::Light(header_by_hash)),
    ("eth_getBlockReceipts", Run::Light(receipts)),
    (
        "eth_getBlockTransactionCountByNumber",
        Run::Light(count_by_number),
    ),
    (
        "eth_getBlockTransactionCountByHash",
        Run::Light(count_by_hash),
    ),
    (
        "eth_getUncleCountByBlockNumber",
        Run::Light(uncle_count_by_number),
    ),
    (
        "eth_getUncleCountByBlockHash",
        Run::Light(uncle_count_by_hash),
    ),
    (
        "eth_getUncleByBlockNumberAndIndex",
        Run::Light(uncle_by_number),
    ),
    ("eth_getUncleByBlockHashAndIndex", Run::Light(uncle_by_hash)),
];

fn by_number(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block", "hydrated transactions"])?;
    block(api, args.get(0)?, args.or(1, false)?)
}

fn by_hash(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block hash", "hydrated transactions"])?;
    block(api, BlockId::Hash(args.get(0)?), args.or(1, false)?)
}

fn block(api: &Api, id: BlockId, full: bool) -> Outcome {
    match api.find(id)? {
        None => Ok(Reply::NULL),
        Some(Found::Sealed(number)) => match api.block(number)? {
            Some(block) => api.reply(&BlockJson::sealed(&block, full)),
            None => Ok(Reply::NULL),
        },
        Some(Found::Pending(Some(open))) => api.reply(&BlockJson::open(&open, full)),
        Some(Found::Pending(None)) => {
            let draft = api.draft(&api.chain.head())?;
            api.reply(&BlockJson::draft(&draft))
        }
    }
}

fn header_by_number(api: &Api, params: &Params) -> Outcome {
    header(api, params.args(&["block"])?.get(0)?)
}

fn header_by_hash(api: &Api, params: &Params) -> Outcome {
    header(api, BlockId::Hash(params.args(&["block hash"])?.get(0)?))
}

fn header(api: &Api, id: BlockId) -> Outcome {
    match api.find(id)? {
        None => Ok(Reply::NULL),
        Some(Found::Sealed(number)) => {
            let header = api.header(number)?;
            api.reply(&HeaderJson::new(&header, Some(header.hash())))
        }
        Some(Found::Pending(open)) => {
            let header = match open {
                Some(open) => open.header.clone(),
                None => api.draft(&api.chain.head())?,
            };
            api.reply(&HeaderJson::new(&header, None))
        }
    }
}

fn receipts(api: &Api, params: &Params) -> Outcome {
    let id: BlockId = params.args(&["block"])?.get(0)?;
    match api.find(id)? {
        None => Ok(Reply::NULL),
        Some(Found::Sealed(number)) => match api.block(number)? {
            Some(block) => api.reply(&Receipts::sealed(api.chain_config(), &block).all(&block)),
            None => Ok(Reply::NULL),
        },
        Some(Found::Pending(None)) => Reply::small::<[(); 0]>(&[]),
        Some(Found::Pending(Some(open))) => {
            let receipts = Receipts::open(api.chain_config(), &open);
            let all: Vec<_> = open
                .transactions
                .iter()
                .map(|transaction| receipts.preconfirmed(transaction))
                .collect();
            api.reply(&all)
        }
    }
}

/// How many transactions a block has; `None` if there is no such block.
fn count(api: &Api, id: BlockId) -> Result<Option<usize>, Failure> {
    Ok(match api.find(id)? {
        None => None,
        Some(Found::Sealed(number)) => api.block(number)?.map(|block| block.senders.len()),
        Some(Found::Pending(open)) => Some(open.map_or(0, |open| open.transactions.len())),
    })
}

fn count_by_number(api: &Api, params: &Params) -> Outcome {
    let count = count(api, params.args(&["block"])?.get(0)?)?;
    Ok(count.map_or(Reply::NULL, |count| Reply::quantity(count as u64)))
}

fn count_by_hash(api: &Api, params: &Params) -> Outcome {
    let hash: B256 = params.args(&["block hash"])?.get(0)?;
    let count = count(api, BlockId::Hash(hash))?;
    Ok(count.map_or(Reply::NULL, |count| Reply::quantity(count as u64)))
}

/// There are no uncles; `null` if there is no such block either.
fn no_uncles(api: &Api, id: BlockId) -> Outcome {
    Ok(match api.find(id)? {
        Some(_) => Reply::quantity(0_u64),
        None => Reply::NULL,
    })
}

fn uncle_count_by_number(api: &Api, params: &Params) -> Outcome {
    no_uncles(api, params.args(&["block"])?.get(0)?)
}

fn uncle_count_by_hash(api: &Api, params: &Params) -> Outcome {
    no_uncles(api, BlockId::Hash(params.args(&["block hash"])?.get(0)?))
}

fn uncle_by_number(_: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block", "uncle index"])?;
    args.get::<BlockId>(0)?;
    args.get::<u64>(1)?;
    Ok(Reply::NULL)
}

fn uncle_by_hash(_: &Api, params: &Params) -> Outcome {
    let args = params.args(&["block hash", "uncle index"])?;
    args.get::<B256>(0)?;
    args.get::<u64>(1)?;
    Ok(Reply::NULL)
}
