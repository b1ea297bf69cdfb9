//! `trace_`: traces in OpenEthereum's form.

use crate::registry::Methods;

pub(crate) const METHODS: Methods = &[];
