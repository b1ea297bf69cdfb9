//! What the fuzzer of request bodies feeds: every parser of parameters, on whatever it is given.

use crate::{
    block_id::BlockId,
    call::{BlockOverridesParam, CallRequest, Simulation, StateOverrides},
    config::Limits,
    log_filter::{LogFilter, LogRange},
    params::{Number, Object, Params, Path, Slot},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::borrow::Cow;

/// Names for as many parameters as any method has, and more.
const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h"];

/// Reads each parameter as everything that a parameter can be.
pub(crate) fn params(params: &Params) {
    let Ok(args) = params.args(NAMES) else { return };
    let limits = Limits::default();
    for index in 0..NAMES.len() {
        let _ = (
            args.get::<Address>(index),
            args.get::<B256>(index),
            args.get::<Bytes>(index),
        );
        let _ = (
            args.get::<u64>(index),
            args.get::<u128>(index),
            args.get::<U256>(index),
        );
        let _ = (
            args.get::<Slot>(index),
            args.get::<Number>(index),
            args.get::<bool>(index),
        );
        let _ = (args.get::<BlockId>(index), args.get::<Cow<'_, str>>(index));
        let _ = (
            args.get::<Vec<Slot>>(index),
            args.get::<Vec<Option<B256>>>(index),
        );
        let _ = (
            args.get::<CallRequest>(index),
            args.get::<StateOverrides>(index),
        );
        let _ = (
            args.get::<BlockOverridesParam>(index),
            args.get::<Simulation>(index),
        );
        if let Ok(object) = args.get::<Object<'_>>(index) {
            let path = Path::new("filter");
            let _ = LogFilter::from_object(&object, &path, &limits);
            let _ = LogRange::from_object(&object, &path);
        }
        if let Ok(request) = args.get::<CallRequest>(index) {
            let signature = crate::call::placeholder_signature();
            let _ = request.to_transaction(1, 21_000, 0, signature);
            let _ = request.tx_env(1, 21_000, 0, Bytes::new());
        }
    }
}
