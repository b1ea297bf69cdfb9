//! `ots_`: what the Otterscan explorer asks.

use crate::registry::Methods;

pub(crate) const METHODS: Methods = &[];
