use super::{BlockOverridesParam, CallRequest, StateOverrides, sprint::Sprint};
use crate::{
    api::{Api, At},
    cache::CallState,
    error::{Failure, SimulationError},
};
use alloy_evm::{Evm as _, EvmEnv};
use alloy_op_evm::{OpEvmContext, OpTx};
use alloy_primitives::{Address, Bytes, U256};
use op_revm::{L1BlockInfo, OpHaltReason, OpSpecId};
use openledger_execution::{evm_env, evm_factory};
use revm::{
    DatabaseCommit as _, Inspector,
    context_interface::result::{ExecutionResult, ResultAndState},
    database::CacheDB,
};

/// Input of a call that may run on an async worker.
const SHORT_INPUT_BYTES_MAX: usize = 16 << 10;

/// State that a call may change for itself, and that its next run finds changed.
pub(crate) type Overlay = CacheDB<CallState>;

/// What a call is run in.
pub(crate) fn call_env(
    api: &Api,
    at: &At,
    overrides: Option<&BlockOverridesParam>,
) -> EvmEnv<OpSpecId> {
    let mut env = evm_env(api.chain_config(), &at.header);
    let cfg = &mut env.cfg_env;
    cfg.disable_block_gas_limit = true;
    cfg.disable_eip3607 = true;
    cfg.disable_nonce_check = true;
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    if let Some(overrides) = overrides {
        overrides.apply(&mut env.block_env);
    }
    env
}

/// A state with overrides on top.
pub(crate) fn overlay(
    api: &Api,
    at: &At,
    state: Option<&StateOverrides>,
    block: Option<&BlockOverridesParam>,
) -> Result<Overlay, Failure> {
    let mut db = CacheDB::new(CallState::new(at.state.clone(), api.call_caches.clone()));
    if let Some(state) = state {
        state.apply(&mut db)?;
    }
    if let Some(block) = block {
        block.apply_hashes(&mut db);
    }
    Ok(db)
}

/// L1 values that charge nothing.
pub(super) fn no_l1_fee(block: U256) -> L1BlockInfo {
    L1BlockInfo {
        // The block's number says that these are its values, so that none are read from the state.
        l2_block: Some(block),
        l1_blob_base_fee: Some(U256::ZERO),
        l1_blob_base_fee_scalar: Some(U256::ZERO),
        operator_fee_scalar: Some(U256::ZERO),
        operator_fee_constant: Some(U256::ZERO),
        ..L1BlockInfo::default()
    }
}

/// Runs one call without L1 fee on `db`, which it doesn't change.
pub(crate) fn transact_in<I>(
    db: &mut Overlay,
    mut env: EvmEnv<OpSpecId>,
    tx: OpTx,
    inspector: I,
    moves: &[(Address, Address)],
) -> Result<(ResultAndState<OpHaltReason>, I), Failure>
where
    I: for<'a> Inspector<OpEvmContext<&'a mut Overlay>>,
{
    // A call without a price is not held against the base fee.
    env.cfg_env.disable_base_fee = tx.0.base.gas_price == 0;
    let number = env.block_env.number;
    let mut evm = evm_factory().create_with_inspector(db, env, inspector);
    evm.ctx_mut().chain = no_l1_fee(number);
    move_precompiles(evm.precompiles_mut(), moves)?;
    let result = evm.transact_raw(tx).map_err(Failure::from_evm)?;
    let inspector = evm.into_inner().0.inspector;
    Ok((result, inspector))
}

/// Runs one call without L1 fee on `db`, and keeps what it changed there.
pub(crate) fn transact_commit(
    db: &mut Overlay,
    mut env: EvmEnv<OpSpecId>,
    tx: OpTx,
    moves: &[(Address, Address)],
) -> Result<ExecutionResult<OpHaltReason>, Failure> {
    env.cfg_env.disable_base_fee = tx.0.base.gas_price == 0;
    let number = env.block_env.number;
    let mut evm = evm_factory().create(&mut *db, env);
    evm.ctx_mut().chain = no_l1_fee(number);
    move_precompiles(evm.precompiles_mut(), moves)?;
    let executed = evm.transact_raw(tx).map_err(Failure::from_evm)?;
    db.commit(executed.state);
    Ok(executed.result)
}

/// Moves precompiles as state overrides say.
pub(crate) fn move_precompiles(
    precompiles: &mut alloy_evm::precompiles::PrecompilesMap,
    moves: &[(Address, Address)],
) -> Result<(), Failure> {
    if moves.is_empty() {
        return Ok(());
    }
    precompiles
        .move_precompiles(moves.iter().copied())
        .map_err(|_| {
            let address = moves.first().map_or(Address::ZERO, |(from, _)| *from);
            Failure::Simulation(SimulationError::MovePrecompile(address))
        })
}

/// The gas that a call gets: what it asks for, what its sender can pay for if it doesn't say, and
/// never more than the configuration allows.
pub(crate) fn gas_limit(
    api: &Api,
    request: &CallRequest,
    balance: impl FnOnce(Address) -> Result<U256, Failure>,
) -> Result<u64, Failure> {
    let max = api.config.limits.call_gas_max;
    if let Some(gas) = request.gas {
        return Ok(gas.min(max));
    }
    let fee_cap = request.fee_cap();
    if fee_cap == 0 {
        return Ok(max);
    }
    let balance = balance(request.from.unwrap_or_default())?;
    let left = balance.saturating_sub(request.value.unwrap_or_default());
    let affordable = left / U256::from(fee_cap);
    Ok(u64::try_from(affordable).unwrap_or(u64::MAX).min(max))
}

/// Runs `eth_call`.
pub(crate) fn run(
    api: &Api,
    at: &At,
    request: &CallRequest,
    state: Option<&StateOverrides>,
    block: Option<&BlockOverridesParam>,
) -> Result<ExecutionResult<OpHaltReason>, Failure> {
    let env = call_env(api, at, block);
    let chain_id = env.cfg_env.chain_id;
    let is_plain =
        state.is_none_or(StateOverrides::is_empty) && block.is_none_or(|block| !block.has_hashes());
    if is_plain {
        let db = CallState::new(at.state.clone(), api.call_caches.clone());
        let gas_limit = gas_limit(api, request, |address| db.balance(address))?;
        let tx = request.tx_env(chain_id, gas_limit, 0, Bytes::new());
        return plain(db, env, tx);
    }
    let mut db = overlay(api, at, state, block)?;
    let gas_limit = gas_limit(api, request, |address| balance(&db, address))?;
    let tx = request.tx_env(chain_id, gas_limit, 0, Bytes::new());
    let moves = state.map(StateOverrides::moves).unwrap_or_default();
    transact_commit(&mut db, env, tx, &moves)
}

/// Runs `eth_call` at once if it turns out to be short; `None` if it isn't, or has overrides, so that
/// it is to be run on a worker.
pub(crate) fn run_short(
    api: &Api,
    at: &At,
    request: &CallRequest,
) -> Option<Result<ExecutionResult<OpHaltReason>, Failure>> {
    let is_small = request.to.is_some()
        && request.input.len() <= SHORT_INPUT_BYTES_MAX
        && request.access_list.is_none()
        && request.authorization_list.is_none();
    if !is_small {
        return None;
    }
    let mut env = call_env(api, at, None);
    let db = CallState::new(at.state.clone(), api.call_caches.clone());
    let gas_limit = match gas_limit(api, request, |address| db.balance(address)) {
        Ok(gas_limit) => gas_limit,
        Err(failure) => return Some(Err(failure)),
    };
    let tx = request.tx_env(env.cfg_env.chain_id, gas_limit, 0, Bytes::new());
    env.cfg_env.disable_base_fee = tx.0.base.gas_price == 0;
    let number = env.block_env.number;
    let mut evm = evm_factory().create_with_inspector(db, env, Sprint::default());
    evm.ctx_mut().chain = no_l1_fee(number);
    let result = evm.transact_raw(tx);
    if evm.inspector().is_over() {
        return None;
    }
    Some(
        result
            .map(|result| result.result)
            .map_err(Failure::from_evm),
    )
}

/// The shortest way: no overrides, no inspector.
fn plain(
    db: CallState,
    mut env: EvmEnv<OpSpecId>,
    tx: OpTx,
) -> Result<ExecutionResult<OpHaltReason>, Failure> {
    env.cfg_env.disable_base_fee = tx.0.base.gas_price == 0;
    let number = env.block_env.number;
    let mut evm = evm_factory().create(db, env);
    evm.ctx_mut().chain = no_l1_fee(number);
    let result = evm.transact_raw(tx).map_err(Failure::from_evm)?;
    Ok(result.result)
}

/// An account's balance, overrides included.
pub(crate) fn balance(db: &Overlay, address: Address) -> Result<U256, Failure> {
    use revm::DatabaseRef as _;
    Ok(db
        .basic_ref(address)?
        .map_or(U256::ZERO, |account| account.balance))
}

/// What a call returned, or the failure that it ended in.
pub(crate) fn output(result: ExecutionResult<OpHaltReason>) -> Result<Bytes, Failure> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(Failure::Reverted { output }),
        ExecutionResult::Halt { reason, .. } => Err(Failure::halted(&reason)),
    }
}
