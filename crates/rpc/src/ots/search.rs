//! The transactions of an address, a page at a time, from the store's index.
//!
//! A page lists the newest first, whichever way it was searched for, and holds complete blocks: it is as
//! long as was asked for, or a little longer. Block 0 stands for the end of the chain: the first page is
//! what is before it, the last what is after it.

use crate::{
    api::Api,
    error::Failure,
    json::{Place, Receipts, TransactionJson},
    params::{Args, Number, ParamError, Params},
    quantity::Hex,
    registry::Outcome,
    reply::{Reply, too_large},
    workers::Deadline,
};
use alloy_primitives::Address;
use openledger_primitives::SealedBlock;
use openledger_store::{AddressPage, AddressSearch, TransactionPlace};
use serde::Serialize;

/// Transactions that a page may be asked to have.
const PAGE_SIZE_MAX: usize = 1_000;
/// The flag that a message names.
const FLAG: &str = "--index-addresses";

/// A receipt with its block's timestamp, which the explorer shows beside the transaction.
#[derive(Debug, Serialize)]
struct TimedReceipt<'a, R: Serialize> {
    #[serde(flatten)]
    receipt: &'a R,
    timestamp: Hex<u64>,
}

/// What is asked for.
struct Query {
    address: Address,
    block: u64,
    count: usize,
}

impl Query {
    fn read(args: &Args<'_>) -> Result<Self, Failure> {
        let address = args.get(0)?;
        let Number(block) = args.get(1)?;
        let Number(count) = args.get(2)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > PAGE_SIZE_MAX {
            return Err(args.error(
                2,
                ParamError::TooMany {
                    count,
                    max: PAGE_SIZE_MAX,
                },
            ));
        }
        Ok(Self {
            address,
            block,
            count,
        })
    }
}

/// The names of the parameters.
const PARAMS: &[&str] = &["address", "block", "page size"];

/// The failure that the node doesn't index.
fn check_enabled(api: &Api, method: &'static str) -> Result<(), Failure> {
    if api.chain.store().options().index_addresses {
        return Ok(());
    }
    Err(Failure::NotEnabled { method, flag: FLAG })
}

/// The newest transactions of an address before a block.
pub(super) fn before(api: &Api, params: &Params) -> Outcome {
    check_enabled(api, "ots_searchTransactionsBefore")?;
    let query = Query::read(&params.args(PARAMS)?)?;
    let search = api.chain.store().address_search()?;
    let end = if query.block == 0 {
        u64::MAX
    } else {
        query.block
    };
    let page = search.before(query.address, end, query.count)?;
    // What is older than the index is unknown: neither is this the last page, nor is there another.
    let is_cut_off = !page.has_more && search.is_pruned();
    if is_cut_off && page.transactions.is_empty() {
        return Err(Failure::AddressesPruned {
            oldest: search.oldest(),
        });
    }
    let ends = Ends {
        first: query.block == 0,
        last: !page.has_more && !is_cut_off,
    };
    write(api, &search, &page, ends, params.deadline)
}

/// The oldest transactions of an address after a block.
pub(super) fn after(api: &Api, params: &Params) -> Outcome {
    check_enabled(api, "ots_searchTransactionsAfter")?;
    let query = Query::read(&params.args(PARAMS)?)?;
    let search = api.chain.store().address_search()?;
    if search.is_pruned() && query.block != 0 && query.block.saturating_add(1) < search.oldest() {
        return Err(Failure::AddressesPruned {
            oldest: search.oldest(),
        });
    }
    let page = search.after(query.address, query.block, query.count)?;
    let ends = Ends {
        first: !page.has_more,
        last: query.block == 0 && !search.is_pruned(),
    };
    write(api, &search, &page, ends, params.deadline)
}

/// Which end of an address's transactions a page is.
struct Ends {
    /// Nothing is newer.
    first: bool,
    /// Nothing is older.
    last: bool,
}

/// Items of a JSON array, bounded together with those of another.
#[derive(Default)]
struct Items(Vec<u8>);

impl Items {
    fn push(&mut self, item: &impl Serialize) -> Result<(), Failure> {
        if !self.0.is_empty() {
            self.0.push(b',');
        }
        serde_json::to_writer(&mut self.0, item).map_err(Failure::internal)
    }
}

fn write(
    api: &Api,
    search: &AddressSearch,
    page: &AddressPage,
    ends: Ends,
    deadline: Deadline,
) -> Outcome {
    let bytes_max = api.config.limits.response_bytes_max;
    let (mut transactions, mut receipts) = (Items::default(), Items::default());
    for places in page.transactions.chunk_by(|a, b| a.block == b.block) {
        let Some(first) = places.first() else {
            continue;
        };
        let block = search.block(first.block)?;
        let receipts_of = Receipts::sealed(api.chain_config(), &block);
        for place in places {
            deadline.check()?;
            let (Some(transaction), Some(receipt)) = (
                transaction_json(&block, place),
                receipts_of.at(&block, place.index as usize),
            ) else {
                return Err(Failure::UnknownBlock(place.block));
            };
            transactions.push(&transaction)?;
            receipts.push(&TimedReceipt {
                receipt: &receipt,
                timestamp: Hex(block.block.header.timestamp),
            })?;
            if transactions.0.len().saturating_add(receipts.0.len()) > bytes_max {
                return Err(too_large(bytes_max));
            }
        }
    }
    let Ends { first, last } = ends;
    let ends = format!(r#"],"firstPage":{first},"lastPage":{last}}}"#);
    let json = [
        br#"{"txs":["#.as_slice(),
        &transactions.0,
        br#"],"receipts":["#,
        &receipts.0,
        ends.as_bytes(),
    ];
    Ok(Reply::json(json.concat()))
}

fn transaction_json<'a>(
    block: &'a SealedBlock,
    place: &TransactionPlace,
) -> Option<TransactionJson<'a>> {
    let header = &block.block.header;
    let index = place.index as usize;
    let at = Place::Sealed {
        block_hash: block.hash,
        block_number: header.number,
        timestamp: header.timestamp,
        index: u64::from(place.index),
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
    };
    Some(TransactionJson::new(
        block.block.body.transactions.get(index)?,
        *block.senders.get(index)?,
        at,
        block.receipts.get(index),
    ))
}
