//! `registerBase`.

use super::{
    LAYERS_MAX, MODULES_MAX, PATH_LEN_MAX, STATUS_ACTIVE,
    interface::{
        ILoraRegistry::{Base, BaseRegistered, Module, registerBaseCall},
        LoraErrors,
    },
    storage::{self, Head, Kind},
};
use crate::{Arguments, Context, MalformedAbi, Stop};
use alloc::vec::Vec;
use alloy_sol_types::SolCall;
use openledger_primitives::predeploys::PARAMETER_TIMELOCK;

/// Anyone registers a base without an absolute share; one with a share, the timelock alone. The caller is
/// the base's payee.
pub(super) fn register_base(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let base = read(arguments)?;
    context.require_writable()?;
    context.require_not_paused(registerBaseCall::SELECTOR)?;
    if base.absBps > 0 {
        context.require_caller(PARAMETER_TIMELOCK)?;
    }
    check(&base)?;
    let mut counters = storage::load_counters(context)?;
    let id = counters.last_id.saturating_add(1);
    counters.last_id = id;
    storage::store_counters(context, counters)?;
    let head = Head {
        kind: Kind::Base,
        status: STATUS_ACTIVE,
        depth: 0,
        parents: 0,
        trains: 0,
        ancestors: 0,
        abs_bps: base.absBps,
        base: id,
    };
    storage::store_head(context, id, &head)?;
    storage::store_base(context, id, &base, context.caller())?;
    context.emit(&BaseRegistered {
        id,
        configHash: base.configHash,
    })?;
    Ok(registerBaseCall::abi_encode_returns(&id))
}

fn read(arguments: &[u8]) -> Result<Base, MalformedAbi> {
    let mut outer = Arguments::new(arguments, 1)?;
    let base = outer.tuple(7, |members| {
        Ok(Base {
            nameHash: members.bytes32()?,
            configHash: members.bytes32()?,
            namePrefix: members.bytes()?.to_vec().into(),
            layers: members.uint16()?,
            modules: members.tuple_array(3, |members| {
                Ok(Module {
                    path: members.bytes()?.to_vec().into(),
                    inDim: members.uint32()?,
                    outDim: members.uint32()?,
                })
            })?,
            licence: members.bytes32()?,
            absBps: members.uint16()?,
        })
    })?;
    outer.finish()?;
    Ok(base)
}

/// Prefix, layers, number of modules, then each module: its path, its dimensions, its path against those
/// before it.
fn check(base: &Base) -> Result<(), Stop> {
    if base.namePrefix.len() > PATH_LEN_MAX || !is_name(&base.namePrefix) {
        return Err(Stop::revert(LoraErrors::BadPrefix {}));
    }
    if base.layers == 0 || base.layers > LAYERS_MAX {
        return Err(Stop::revert(LoraErrors::BadLayers {
            layers: base.layers,
        }));
    }
    if base.modules.is_empty() || base.modules.len() > MODULES_MAX {
        return Err(Stop::revert(LoraErrors::BadModuleCount {
            count: base.modules.len() as u64,
        }));
    }
    let mut before: Vec<&[u8]> = Vec::with_capacity(base.modules.len());
    for (index, module) in (0u8..).zip(&base.modules) {
        let length = module.path.len();
        if length == 0
            || length > PATH_LEN_MAX
            || !is_name(&module.path)
            || module.inDim == 0
            || module.outDim == 0
        {
            return Err(Stop::revert(LoraErrors::BadModule { index }));
        }
        if before.contains(&module.path.as_ref()) {
            return Err(Stop::revert(LoraErrors::DuplicateModule { index }));
        }
        before.push(&module.path);
    }
    Ok(())
}

/// Whether a header can contain `name`: printable ASCII that JSON doesn't escape.
fn is_name(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\'))
}
