//! Accounts: balance, nonce, code, storage.

use crate::{
    api::Api,
    block_id::BlockId,
    error::Failure,
    params::{FromJson as _, Object, ParamError, Params, Path, Slot},
    quantity::Hex,
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use openledger_chain::StateView;
use openledger_primitives::{Account, StateReader as _};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub(super) const METHODS: Methods = &[
    ("eth_getBalance", Run::Light(balance)),
    ("eth_getCode", Run::Light(code)),
    ("eth_getStorageAt", Run::Light(storage_at)),
    ("eth_getStorageValues", Run::Light(storage_values)),
    ("eth_getTransactionCount", Run::Light(transaction_count)),
    ("eth_getAccount", Run::Light(account)),
    ("eth_getAccountInfo", Run::Light(account_info)),
];

fn balance(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "block"])?;
    let address: Address = args.get(0)?;
    let state = api.state(args.or(1, BlockId::Latest)?)?;
    let balance = state
        .account(address)?
        .map_or(U256::ZERO, |account| account.balance);
    Reply::small(&balance)
}

fn code_of(state: &StateView, account: Option<&Account>) -> Result<Bytes, Failure> {
    match account {
        Some(account) if account.code_hash != openledger_primitives::EMPTY_CODE_HASH => {
            Ok(state.code(account.code_hash)?.unwrap_or_default())
        }
        _ => Ok(Bytes::new()),
    }
}

fn code(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "block"])?;
    let address: Address = args.get(0)?;
    let state = api.state(args.or(1, BlockId::Latest)?)?;
    let account = state.account(address)?;
    api.reply(&code_of(&state, account.as_ref())?)
}

fn storage_at(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "storage slot", "block"])?;
    let address: Address = args.get(0)?;
    let slot: Slot = args.get(1)?;
    let state = api.state(args.or(2, BlockId::Latest)?)?;
    let value = state.storage(address, slot.value)?;
    Reply::small(&B256::from(value))
}

/// Several slots of several accounts at once.
fn storage_values(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["requests", "block"])?;
    let raw: &RawValue = args.get(0)?;
    let path = Path::new("requests");
    let object = Object::from_json(raw, &path)?;
    let mut wanted = Vec::new();
    let mut count = 0;
    for (key, raw) in object.iter() {
        let path = path.field(key);
        let address: Address = key.parse().map_err(|_| {
            path.error(ParamError::Unknown {
                expected: "addresses in hex as fields",
            })
        })?;
        let slots = Vec::<Slot>::from_json(raw, &path)?;
        count += slots.len();
        wanted.push((address, slots));
    }
    let max = api.config.limits.proofs_keys_max;
    if count > max {
        return Err(path.error(ParamError::TooMany { count, max }));
    }
    let state = api.state(args.or(1, BlockId::Latest)?)?;
    let mut values = BTreeMap::new();
    for (address, slots) in wanted {
        let read = |slot: &Slot| state.storage(address, slot.value).map(B256::from);
        values.insert(
            address,
            slots.iter().map(read).collect::<Result<Vec<_>, _>>()?,
        );
    }
    api.reply(&values)
}

/// The nonce after the pool's consecutive ones, for `pending`.
pub(super) fn next_nonce(api: &Api, address: Address, state: &StateView) -> Result<u64, Failure> {
    let nonce = state.account(address)?.map_or(0, |account| account.nonce);
    let pooled = api.mempool().and_then(|pool| pool.next_nonce(address));
    Ok(pooled.map_or(nonce, |pooled| pooled.max(nonce)))
}

fn transaction_count(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "block"])?;
    let address: Address = args.get(0)?;
    let id = args.or(1, BlockId::Latest)?;
    let state = api.state(id)?;
    let nonce = if id == BlockId::Pending {
        next_nonce(api, address, &state)?
    } else {
        state.account(address)?.map_or(0, |account| account.nonce)
    };
    Ok(Reply::quantity(nonce))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountJson {
    balance: U256,
    nonce: Hex<u64>,
    code_hash: B256,
    storage_root: B256,
}

/// The account as the trie holds it; `null` if there is none. An open block has no tries, so for
/// `pending` the storage root is that of latest.
fn account(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "block"])?;
    let address: Address = args.get(0)?;
    let state = api.state(args.or(1, BlockId::Latest)?)?;
    let account = state.account(address)?;
    let storage_root = match (&state, &account) {
        (StateView::Pending(_), Some(_)) => {
            let sealed = api.chain.latest().1.account(address)?;
            sealed.unwrap_or_default().storage_root
        }
        (_, Some(account)) => account.storage_root,
        (_, None) => return Ok(Reply::NULL),
    };
    let Some(account) = account else {
        return Ok(Reply::NULL);
    };
    Reply::small(&AccountJson {
        balance: account.balance,
        nonce: Hex(account.nonce),
        code_hash: account.code_hash,
        storage_root,
    })
}

#[derive(Serialize)]
struct AccountInfoJson {
    balance: U256,
    nonce: Hex<u64>,
    code: Bytes,
}

fn account_info(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "block"])?;
    let address: Address = args.get(0)?;
    let state = api.state(args.or(1, BlockId::Latest)?)?;
    let account = state.account(address)?;
    let code = code_of(&state, account.as_ref())?;
    let account = account.unwrap_or_default();
    api.reply(&AccountInfoJson {
        balance: account.balance,
        nonce: Hex(account.nonce),
        code,
    })
}
