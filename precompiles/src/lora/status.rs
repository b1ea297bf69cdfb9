//! `setStatus`.

use super::{
    STATUS_DISPUTED,
    interface::{
        ILoraRegistry::{StatusChanged, setStatusCall},
        LoraErrors,
    },
    storage,
};
use crate::{Arguments, Context, MalformedAbi, Stop};
use alloc::vec::Vec;
use alloy_sol_types::SolCall;
use openledger_primitives::predeploys::PARAMETER_TIMELOCK;

/// The developer (of a base: its payee) deprecates and reactivates; the timelock alone disputes and lifts
/// a dispute.
pub(super) fn set_status(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let (id, status) = read(arguments)?;
    context.require_writable()?;
    context.require_not_paused(setStatusCall::SELECTOR)?;
    let mut head = storage::load_head(context, id)?
        .ok_or_else(|| Stop::revert(LoraErrors::UnknownNode { id }))?;
    if status == STATUS_DISPUTED || head.status == STATUS_DISPUTED {
        context.require_caller(PARAMETER_TIMELOCK)?;
    } else {
        let owner = storage::load_owner(context, id, head.kind)?;
        context.require_caller(owner)?;
    }
    if status > STATUS_DISPUTED {
        return Err(Stop::revert(LoraErrors::BadStatus { status }));
    }
    head.status = status;
    storage::store_head(context, id, &head)?;
    context.emit(&StatusChanged { id, status })?;
    Ok(Vec::new())
}

fn read(arguments: &[u8]) -> Result<(u64, u8), MalformedAbi> {
    let mut members = Arguments::new(arguments, 2)?;
    let read = (members.uint64()?, members.uint8()?);
    members.finish()?;
    Ok(read)
}
