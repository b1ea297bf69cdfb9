//! One block of a simulation.

use super::{
    CallRequest, Overlay,
    estimate::placeholder_signature,
    run::move_precompiles,
    simulate::{Block, Progress, Simulation},
};
use crate::{
    api::{Api, At},
    error::{Failure, SimulationError},
    json::{BlockJson, LogJson, LogPlace},
    quantity::Hex,
    revert,
    workers::Deadline,
};
use alloy_consensus::{
    Receipt as TransactionReceipt, TxReceipt as _,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_eips::{Encodable2718 as _, Typed2718 as _, eip7685::EMPTY_REQUESTS_HASH};
use alloy_evm::{Evm as _, block::SystemCaller};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, Signature, U256};
use op_revm::{L1BlockInfo, OpHaltReason};
use openledger_chain::StateView;
use openledger_execution::{evm_env, evm_factory};
use openledger_primitives::{
    AccountChange, AccountInfo, BlockBody, EMPTY_ROOT_HASH, Header, NodeReader, Receipt,
    SealedBlock, StateChanges, StateReader, Transaction, predeploys,
};
use openledger_store::StoreError;
use openledger_trie::{MaybeSync, ResidentLimits, StateTrie};
use revm::{
    DatabaseCommit as _, DatabaseRef as _,
    context_interface::result::{ExecutionResult, InvalidTransaction},
    database::AccountState,
};
use revm_inspectors::transfer::TransferInspector;
use serde::Serialize;
use std::cmp::Ordering;

/// Number and timestamp of a block, and which of the given ones it is; `None` fills a gap.
pub(super) struct Draft {
    pub(super) number: u64,
    pub(super) timestamp: u64,
    pub(super) given: Option<usize>,
}

/// What a call of a simulated block did.
struct Ran {
    transaction: Transaction,
    sender: Address,
    result: ExecutionResult<OpHaltReason>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallJson<'a> {
    return_data: &'a Bytes,
    logs: Vec<LogJson<'a>>,
    gas_used: Hex<u64>,
    max_used_gas: Hex<u64>,
    status: Hex<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CallError<'a>>,
}

#[derive(Serialize)]
struct CallError<'a> {
    code: i64,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Bytes>,
}

/// `eth_simulateV1`'s code for a call that stopped with an error of the EVM.
const VM_EXECUTION_ERROR: i64 = -32015;

/// Runs a block, answers it as JSON, and moves `progress` on.
pub(super) fn run_block(
    api: &Api,
    at: &At,
    progress: &mut Progress,
    mut header: Header,
    block: &Block,
    simulation: &Simulation,
    deadline: Deadline,
) -> Result<Vec<u8>, Failure> {
    block.state.apply(&mut progress.db)?;
    block.overrides.apply_hashes(&mut progress.db);
    let ran = run_calls(api, progress, &header, block, simulation, deadline)?;

    let mut cumulative_gas_used = 0;
    let mut receipts = Vec::with_capacity(ran.len());
    for call in &ran {
        cumulative_gas_used += call.result.tx_gas_used();
        receipts.push(receipt(call, cumulative_gas_used));
    }
    let (transactions, senders): (Vec<_>, Vec<_>) = ran
        .iter()
        .map(|call| (call.transaction.clone(), call.sender))
        .unzip();
    let (state_root, passer_root) = roots(at, &progress.db)?;
    header.gas_used = cumulative_gas_used;
    header.transactions_root = calculate_transaction_root(&transactions);
    header.receipts_root = calculate_receipt_root(&receipts);
    header.logs_bloom = receipts
        .iter()
        .fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
    header.state_root = state_root;
    header.withdrawals_root = Some(passer_root);
    header.requests_hash = Some(EMPTY_REQUESTS_HASH);
    let hash = header.hash_slow();
    progress
        .db
        .cache
        .block_hashes
        .insert(U256::from(header.number), hash);
    progress.parent = header.clone();
    progress.parent_hash = hash;

    let calls = calls_json(&header, hash, &ran)?;
    let body = BlockBody {
        transactions,
        ommers: Vec::new(),
        withdrawals: Some(Default::default()),
    };
    let sealed = SealedBlock {
        hash,
        block: openledger_primitives::Block { header, body },
        senders,
        receipts,
    };
    let json = BlockJson::sealed(&sealed, simulation.full_transactions).with_calls(&calls);
    serde_json::to_vec(&json).map_err(Failure::internal)
}

fn run_calls(
    api: &Api,
    progress: &mut Progress,
    header: &Header,
    block: &Block,
    simulation: &Simulation,
    deadline: Deadline,
) -> Result<Vec<Ran>, Failure> {
    let config = api.chain_config();
    let mut env = evm_env(config, header);
    env.cfg_env.disable_block_gas_limit = true;
    env.cfg_env.tx_gas_limit_cap = Some(u64::MAX);
    if !simulation.validation {
        env.cfg_env.disable_eip3607 = true;
        env.cfg_env.disable_nonce_check = true;
        env.cfg_env.disable_base_fee = true;
    }
    let inspector = TransferInspector::new(false).with_logs(true);
    let mut evm = evm_factory().create_with_inspector(&mut progress.db, env, inspector);
    move_precompiles(evm.precompiles_mut(), &block.state.moves())?;
    evm.disable_inspector();
    SystemCaller::new(config.clone())
        .apply_pre_execution_changes(header, &mut evm)
        .map_err(Failure::internal)?;
    evm.set_inspector_enabled(simulation.trace_transfers);
    let mut ran = Vec::with_capacity(block.calls.len());
    let mut block_gas_left = header.gas_limit;
    for call in &block.calls {
        deadline.check()?;
        let sender = call.from.unwrap_or_default();
        let expected = evm
            .db()
            .basic_ref(sender)?
            .map_or(0, |account| account.nonce);
        let nonce = call.nonce.unwrap_or(expected);
        if simulation.validation {
            check_nonce(nonce, expected)?;
        }
        let wanted = call.gas.unwrap_or(block_gas_left);
        if wanted > block_gas_left {
            return Err(Failure::Simulation(SimulationError::BlockGas {
                requested: wanted,
                available: block_gas_left,
            }));
        }
        let gas_limit = wanted.min(progress.gas_left);
        let typed = with_default_type(call);
        let transaction =
            typed.to_transaction(config.l2_chain_id, gas_limit, nonce, no_signature());
        let encoded = if simulation.validation {
            let signed = typed.to_transaction(
                config.l2_chain_id,
                gas_limit,
                nonce,
                placeholder_signature(),
            );
            signed.encoded_2718().into()
        } else {
            // Nothing is charged for L1: see `no_l1_fee`.
            evm.ctx_mut().chain = no_l1_fee(header.number);
            Bytes::new()
        };
        let tx = typed.tx_env(config.l2_chain_id, gas_limit, nonce, encoded);
        let executed = evm
            .transact_raw(tx)
            .map_err(Failure::from_evm)
            .map_err(|failure| Failure::SimulatedCall(Box::new(failure)))?;
        evm.db_mut().commit(executed.state);
        let used = executed.result.tx_gas_used();
        block_gas_left = block_gas_left.saturating_sub(used);
        progress.gas_left = progress.gas_left.saturating_sub(used);
        ran.push(Ran {
            transaction,
            sender,
            result: executed.result,
        });
    }
    Ok(ran)
}

/// A wrong nonce is told before a wrong fee, as go-ethereum does; the EVM looks at fees first.
fn check_nonce(tx: u64, state: u64) -> Result<(), Failure> {
    let error = match tx.cmp(&state) {
        Ordering::Equal => return Ok(()),
        Ordering::Less => InvalidTransaction::NonceTooLow { tx, state },
        Ordering::Greater => InvalidTransaction::NonceTooHigh { tx, state },
    };
    Err(Failure::SimulatedCall(Box::new(Failure::Invalid(
        Box::new(error),
    ))))
}

fn no_l1_fee(number: u64) -> L1BlockInfo {
    super::run::no_l1_fee(U256::from(number))
}

/// Calls are of type 2 unless they say otherwise, as the specification has it.
fn with_default_type(call: &CallRequest) -> CallRequest {
    let mut call = call.clone();
    if call.ty.is_none() && call.gas_price.is_none() {
        call.ty = Some(2);
    }
    call
}

/// Nobody signs what is simulated.
fn no_signature() -> Signature {
    Signature::new(U256::ZERO, U256::ZERO, false)
}

fn receipt(call: &Ran, cumulative_gas_used: u64) -> Receipt {
    let receipt = TransactionReceipt {
        status: call.result.is_success().into(),
        cumulative_gas_used,
        logs: success_logs(&call.result).to_vec(),
    }
    .with_bloom();
    match call.transaction.ty() {
        4 => Receipt::Eip7702(receipt),
        2 => Receipt::Eip1559(receipt),
        1 => Receipt::Eip2930(receipt),
        _ => Receipt::Legacy(receipt),
    }
}

fn success_logs(result: &ExecutionResult<OpHaltReason>) -> &[Log] {
    match result {
        ExecutionResult::Success { logs, .. } => logs,
        _ => &[],
    }
}

fn calls_json(
    header: &Header,
    hash: B256,
    ran: &[Ran],
) -> Result<Box<serde_json::value::RawValue>, Failure> {
    let empty = Bytes::new();
    let mut log_index = 0;
    let mut calls = Vec::with_capacity(ran.len());
    for (index, call) in ran.iter().enumerate() {
        let logs = success_logs(&call.result)
            .iter()
            .map(|log| {
                let place = LogPlace {
                    block_hash: hash,
                    block_number: header.number,
                    block_timestamp: header.timestamp,
                    transaction_hash: call.transaction.tx_hash(),
                    transaction_index: index as u64,
                    log_index,
                    removed: false,
                };
                log_index += 1;
                LogJson::new(log, &place)
            })
            .collect();
        let (return_data, error) = match &call.result {
            ExecutionResult::Success { output, .. } => (output.data(), None),
            ExecutionResult::Revert { output, .. } => (
                output,
                Some(CallError {
                    code: 3,
                    message: revert::message(output),
                    data: Some(output),
                }),
            ),
            ExecutionResult::Halt { reason, .. } => (
                &empty,
                Some(CallError {
                    code: VM_EXECUTION_ERROR,
                    message: format!("vm execution error: {}", Failure::halted(reason)),
                    data: None,
                }),
            ),
        };
        calls.push(CallJson {
            return_data,
            logs,
            gas_used: Hex(call.result.tx_gas_used()),
            max_used_gas: Hex(call.result.gas().total_gas_spent()),
            status: Hex(u64::from(call.result.is_success())),
            error,
        });
    }
    serde_json::value::to_raw_value(&calls).map_err(Failure::internal)
}

/// State root, and storage root of the message passer, of a state with what the simulation changed.
/// Zero where the simulation stands on the open block, which has no root to go on from.
fn roots(at: &At, db: &Overlay) -> Result<(B256, B256), Failure> {
    match &at.state {
        StateView::Latest(state) => roots_on(at.header.state_root, &**state, db),
        StateView::Historical(state) => roots_on(at.header.state_root, &**state, db),
        StateView::Pending(_) => Ok((B256::ZERO, EMPTY_ROOT_HASH)),
    }
}

fn roots_on<S>(root: B256, state: &S, db: &Overlay) -> Result<(B256, B256), Failure>
where
    S: StateReader<Error = StoreError> + NodeReader<Error = StoreError> + MaybeSync,
{
    let changes = changes(state, db)?;
    let mut trie = StateTrie::new(root, ResidentLimits::default());
    let updates = trie
        .update(&changes, state, state)
        .map_err(Failure::internal)?;
    let passer = match updates
        .storage_roots
        .get(&predeploys::L2_TO_L1_MESSAGE_PASSER)
    {
        Some(root) => *root,
        None => state
            .account(predeploys::L2_TO_L1_MESSAGE_PASSER)?
            .map_or(EMPTY_ROOT_HASH, |account| account.storage_root),
    };
    Ok((updates.root, passer))
}

/// How the overlay differs from the state below it.
fn changes<S: StateReader<Error = StoreError>>(
    state: &S,
    db: &Overlay,
) -> Result<StateChanges, Failure> {
    let mut changes = StateChanges::default();
    for (address, account) in &db.cache.accounts {
        let before = state.account(*address)?;
        let exists =
            !matches!(account.account_state, AccountState::NotExisting) && !account.info.is_empty();
        let info = exists.then_some(AccountInfo {
            nonce: account.info.nonce,
            balance: account.info.balance,
            code_hash: account.info.code_hash,
        });
        let storage_wiped = before.is_some()
            && matches!(
                account.account_state,
                AccountState::NotExisting | AccountState::StorageCleared
            );
        let mut storage = std::collections::BTreeMap::new();
        for (slot, value) in &account.storage {
            let old = if storage_wiped {
                U256::ZERO
            } else {
                state.storage(*address, *slot)?
            };
            if old != *value {
                storage.insert(*slot, *value);
            }
        }
        let same = match (&info, &before) {
            (Some(info), Some(before)) => {
                (info.nonce, info.balance, info.code_hash)
                    == (before.nonce, before.balance, before.code_hash)
            }
            (None, None) => true,
            _ => false,
        };
        if same && storage.is_empty() && !storage_wiped {
            continue;
        }
        if info.is_none() {
            storage.clear();
        }
        changes.accounts.insert(
            *address,
            AccountChange {
                info,
                storage_wiped,
                storage,
            },
        );
    }
    Ok(changes)
}
