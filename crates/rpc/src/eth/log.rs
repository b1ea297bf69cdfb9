//! Logs and filters.

use crate::{
    api::Api,
    error::Failure,
    filters::{Changes, Kind},
    json::{Place, TransactionJson},
    log_filter::{LogFilter, LogRange},
    params::{Object, ParamError, Params, Path, text},
    quantity,
    registry::{Methods, Outcome, Run},
    reply::Reply,
    workers::Work,
};
use alloy_primitives::{B256, U256};
use serde_json::value::RawValue;

pub(super) const METHODS: Methods = &[
    ("eth_getLogs", Run::Heavy(Work::Long, get_logs)),
    ("eth_newFilter", Run::Light(new_filter)),
    ("eth_newBlockFilter", Run::Light(new_block_filter)),
    (
        "eth_newPendingTransactionFilter",
        Run::Light(new_pending_filter),
    ),
    ("eth_getFilterChanges", Run::Heavy(Work::Long, changes)),
    ("eth_getFilterLogs", Run::Heavy(Work::Long, filter_logs)),
    ("eth_uninstallFilter", Run::Light(uninstall)),
];

fn criteria(api: &Api, params: &Params) -> Result<(LogFilter, LogRange), Failure> {
    let object: Object<'_> = params.args(&["filter"])?.get(0)?;
    let path = Path::new("filter");
    Ok((
        LogFilter::from_object(&object, &path, &api.config.limits)?,
        LogRange::from_object(&object, &path)?,
    ))
}

fn get_logs(api: &Api, params: &Params) -> Outcome {
    let (filter, range) = criteria(api, params)?;
    api.find_logs(&filter, range, params.deadline)
        .map(Reply::json)
}

fn install(api: &Api, kind: Kind) -> Outcome {
    Ok(Reply::quantity(
        api.filters.install(kind, api.chain.head().number)?,
    ))
}

fn new_filter(api: &Api, params: &Params) -> Outcome {
    let (filter, range) = criteria(api, params)?;
    install(api, Kind::Logs(filter, range))
}

fn new_block_filter(api: &Api, params: &Params) -> Outcome {
    params.none()?;
    install(api, Kind::Blocks)
}

fn new_pending_filter(api: &Api, params: &Params) -> Outcome {
    let full = params.args(&["full transactions"])?.or(0, false)?;
    install(api, Kind::Pending { full })
}

/// A filter's id; one that no filter can have is no filter's.
fn id(params: &Params) -> Result<u128, Failure> {
    let args = params.args(&["filter identifier"])?;
    let raw: &RawValue = args.get(0)?;
    let path = Path::new("filter identifier");
    let text = text(raw, &path, "a filter's id in hex")?;
    let id: U256 =
        quantity::parse_slot(&text).map_err(|error| path.error(ParamError::from(error)))?;
    u128::try_from(id).map_err(|_| Failure::UnknownFilter)
}

fn uninstall(api: &Api, params: &Params) -> Outcome {
    Ok(Reply::boolean(api.filters.uninstall(id(params)?)))
}

fn changes(api: &Api, params: &Params) -> Outcome {
    match api.filters.poll(id(params)?, api, params.deadline)? {
        Changes::Hashes(hashes) => api.reply(&hashes),
        Changes::Logs(json) => Ok(Reply::json(json)),
        Changes::Transactions(hashes) => full_transactions(api, &hashes),
    }
}

/// Those of the transactions that still wait.
fn full_transactions(api: &Api, hashes: &[B256]) -> Outcome {
    let open = api.open_block();
    let mut json = vec![b'['];
    for hash in hashes {
        let preconfirmed = open.as_ref().and_then(|open| open.transaction(hash));
        let pooled = api.mempool().and_then(|pool| pool.get(hash));
        let transaction = match (preconfirmed, &pooled) {
            (Some(found), _) => {
                TransactionJson::new(&found.transaction, found.sender, Place::Pending, None)
            }
            (None, Some(found)) => {
                TransactionJson::new(&found.transaction, found.sender, Place::Pending, None)
            }
            (None, None) => continue,
        };
        if json.len() > 1 {
            json.push(b',');
        }
        serde_json::to_writer(&mut json, &transaction).map_err(Failure::internal)?;
        if json.len() > api.config.limits.response_bytes_max {
            return Err(crate::reply::too_large(
                api.config.limits.response_bytes_max,
            ));
        }
    }
    json.push(b']');
    Ok(Reply::json(json))
}

fn filter_logs(api: &Api, params: &Params) -> Outcome {
    let (filter, range) = api.filters.logs(id(params)?)?;
    api.find_logs(&filter, range, params.deadline)
        .map(Reply::json)
}
