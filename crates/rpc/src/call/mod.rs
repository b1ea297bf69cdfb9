//! Calls that are run and forgotten: `eth_call` and its kin.
//!
//! A call pays no L1 fee and no operator fee, as in op-geth, and gas only if it names a price. Where
//! the L1 fee decides whether an account can pay, the caller of this module adds it.

mod access_list;
mod estimate;
mod overrides;
mod request;
mod run;
mod simulate;
mod simulate_block;
mod sprint;

pub(crate) use access_list::create_access_list;
pub(crate) use estimate::{estimate_gas, placeholder_signature};
pub(crate) use overrides::{BlockOverridesParam, StateOverrides};
pub(crate) use request::CallRequest;
pub(crate) use run::{
    Overlay, call_env, output, overlay, run, run_short, transact_commit, transact_in,
};
pub(crate) use simulate::{Simulation, simulate};
