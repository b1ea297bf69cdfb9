//! What the fuzzers of requests feed: every parser of parameters, on whatever it is given.

use crate::{
    block_id::BlockId,
    call::{BlockOverridesParam, CallRequest, Simulation, StateOverrides},
    config::Limits,
    debug::TracerOptions,
    eth::{Bundle, Context, Count, Percentile, typed_data_hash},
    log_filter::{LogFilter, LogRange},
    params::{FromJson, Number, Object, Params, Path, Slot},
    websocket::Subscription,
    workers::Deadline,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::value::RawValue;
use std::{borrow::Cow, time::Duration};

/// Names for as many parameters as any method has, and more.
const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h"];

/// Reads each parameter as everything that a parameter can be.
pub(crate) fn params(params: &Params) {
    let Ok(args) = params.args(NAMES) else { return };
    for index in 0..NAMES.len() {
        if let Ok(raw) = args.get::<&RawValue>(index) {
            (0..KINDS).for_each(|kind| parse(kind, raw));
        }
    }
}

/// Reads a parameter's JSON, which follows the first byte, as what that byte says: the target of the
/// fuzzer `rpc_param`. Never panics, whatever it is given.
pub fn rpc_param(data: &[u8]) {
    let Some((&kind, json)) = data.split_first() else {
        return;
    };
    if kind % (KINDS + 1) == KINDS {
        // All the parameters of `eth_subscribe`. A body's parser checks that they are JSON.
        if serde_json::from_slice::<&RawValue>(json).is_ok() {
            let deadline = Deadline::new("request_timeout", Duration::from_secs(60));
            let params = Params::new(axum::body::Bytes::copy_from_slice(json), deadline);
            let _ = Subscription::parse(&params, &Limits::default());
        }
    } else if let Ok(raw) = serde_json::from_slice::<&RawValue>(json) {
        parse(kind % (KINDS + 1), raw);
    }
}

/// Kinds of parameters that [`parse`] knows.
const KINDS: u8 = 15;

/// Reads a parameter as one kind of parameters.
fn parse(kind: u8, raw: &RawValue) {
    let path = Path::new("parameter");
    match kind {
        0 => {
            let _ = (of::<Address>(raw), of::<B256>(raw), of::<Bytes>(raw));
            let _ = (of::<u64>(raw), of::<u128>(raw), of::<U256>(raw));
            let _ = (of::<Slot>(raw), of::<Number>(raw), of::<bool>(raw));
            let _ = (of::<Count>(raw), of::<Cow<'_, str>>(raw));
        }
        1 => read::<BlockId>(raw),
        2 => {
            if let Some(request) = of::<CallRequest>(raw) {
                let signature = crate::call::placeholder_signature();
                let _ = request.to_transaction(1, 21_000, 0, signature);
                let _ = request.tx_env(1, 21_000, 0, Bytes::new());
            }
        }
        3 => read::<StateOverrides>(raw),
        4 => read::<BlockOverridesParam>(raw),
        5 => read::<Simulation>(raw),
        6 => {
            if let Some(object) = of::<Object<'_>>(raw) {
                let _ = LogFilter::from_object(&object, &path, &Limits::default());
                let _ = LogRange::from_object(&object, &path);
            }
        }
        7 => read::<TracerOptions>(raw),
        8 => {
            let _ = typed_data_hash(raw);
        }
        9 => read::<Vec<Bundle>>(raw),
        10 => read::<Context>(raw),
        11 => read::<Vec<Percentile>>(raw),
        12 => read::<Vec<Slot>>(raw),
        13 => read::<Vec<Option<B256>>>(raw),
        _ => read::<Vec<Bytes>>(raw),
    }
}

fn read<'a, T: FromJson<'a>>(raw: &'a RawValue) {
    let _ = of::<T>(raw);
}

fn of<'a, T: FromJson<'a>>(raw: &'a RawValue) -> Option<T> {
    T::from_json(raw, &Path::new("parameter")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path as FilePath};

    /// Whether a parameter is what its kind says.
    fn is_read(kind: u8, json: &str) -> bool {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let path = Path::new("parameter");
        match kind {
            0 => of::<B256>(raw).is_some() || of::<Number>(raw).is_some(),
            1 => of::<BlockId>(raw).is_some(),
            2 => of::<CallRequest>(raw).is_some(),
            3 => of::<StateOverrides>(raw).is_some(),
            4 => of::<BlockOverridesParam>(raw).is_some(),
            5 => of::<Simulation>(raw).is_some(),
            6 => of::<Object<'_>>(raw).is_some_and(|object| {
                LogFilter::from_object(&object, &path, &Limits::default()).is_ok()
            }),
            7 => of::<TracerOptions>(raw).is_some(),
            8 => typed_data_hash(raw).is_ok(),
            9 => of::<Vec<Bundle>>(raw).is_some(),
            10 => of::<Context>(raw).is_some(),
            11 => of::<Vec<Percentile>>(raw).is_some(),
            12 => of::<Vec<Slot>>(raw).is_some(),
            13 => of::<Vec<Option<B256>>>(raw).is_some(),
            14 => of::<Vec<Bytes>>(raw).is_some(),
            _ => {
                let deadline = Deadline::new("request_timeout", Duration::from_secs(60));
                let params = Params::new(json.to_owned().into(), deadline);
                Subscription::parse(&params, &Limits::default()).is_ok()
            }
        }
    }

    #[test]
    fn every_kind_of_parameter_has_a_seed_that_is_one() {
        let corpus =
            FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../testing/fuzz/corpus/rpc_param");
        let mut kinds = BTreeSet::new();
        for entry in fs::read_dir(corpus).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::read(&path).unwrap();
            if path.to_string_lossy().contains("seed-") {
                let json = std::str::from_utf8(&data[1..]).unwrap();
                assert!(is_read(data[0], json), "{}", path.display());
                kinds.insert(data[0]);
            }
        }
        assert!(kinds.into_iter().eq(0..=KINDS));
    }
}
