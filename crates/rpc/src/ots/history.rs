//! What is found by bisecting the state's history: nonces only rise, and code that is there stays.

use super::trace::{Moment, run_next, walk};
use crate::{
    api::Api, debug::Replay, error::Failure, params::Number, params::Params, registry::Outcome,
    reply::Reply, workers::Deadline,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use openledger_chain::StateView;
use openledger_primitives::{EMPTY_CODE_HASH, Receipt, SealedBlock, StateReader as _, Transaction};
use openledger_store::StoreError;
use revm_inspectors::tracing::types::CallKind;
use serde::Serialize;

/// How the code of a delegated account begins (EIP-7702).
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

#[derive(Debug, Serialize)]
struct Creator {
    /// The transaction.
    hash: B256,
    /// Who created it: an account, or the contract that it called.
    creator: Address,
}

/// The first block whose state meets a condition that holds from there on; `None` if the head's doesn't,
/// or if genesis' did.
fn first_block(
    api: &Api,
    deadline: Deadline,
    meets: impl Fn(&StateView) -> Result<bool, Failure>,
) -> Result<Option<u64>, Failure> {
    let (head, latest) = api.chain.latest();
    if !meets(&StateView::Latest(latest))? {
        return Ok(None);
    }
    let oldest = api.chain.store().oldest_history()?;
    if meets(&api.chain.state_at(oldest)?)? {
        let Some(number) = oldest.checked_sub(1) else {
            return Ok(None);
        };
        return Err(StoreError::HistoryPruned { number, oldest }.into());
    }
    // It is not met at `low`, and met at `high`.
    let (mut low, mut high) = (oldest, head.number);
    while high - low > 1 {
        deadline.check()?;
        let middle = low + (high - low) / 2;
        if meets(&api.chain.state_at(middle)?)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

/// The nonce of a transaction; a deposit's is in its receipt.
fn nonce_of(block: &SealedBlock, index: usize, transaction: &Transaction) -> Option<u64> {
    match block.receipts.get(index)? {
        Receipt::Deposit(deposit) => deposit.receipt.deposit_nonce,
        _ => Some(transaction.nonce()),
    }
}

/// The hash of the sealed transaction of an account with a nonce.
pub(super) fn by_sender_and_nonce(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "nonce"])?;
    let sender: Address = args.get(0)?;
    let Number(nonce) = args.get(1)?;
    let number = first_block(api, params.deadline, |state| {
        let account = state.account(sender)?;
        Ok(account.is_some_and(|account| account.nonce > nonce))
    })?;
    let Some(number) = number else {
        return Ok(Reply::NULL);
    };
    let block = api.known_block(number)?;
    let transactions = block.block.body.transactions.iter().enumerate();
    let mut of_sender =
        transactions.filter(|(index, _)| block.senders.get(*index) == Some(&sender));
    let found = of_sender
        .find(|(index, transaction)| nonce_of(&block, *index, transaction) == Some(nonce))
        .map(|(_, transaction)| transaction.tx_hash());
    api.reply(&found)
}

fn is_contract(state: &StateView, address: Address) -> Result<bool, Failure> {
    let Some(account) = state.account(address)? else {
        return Ok(false);
    };
    if account.code_hash == EMPTY_CODE_HASH {
        return Ok(false);
    }
    let code = state.code(account.code_hash)?.unwrap_or_default();
    Ok(!code.starts_with(&DELEGATION))
}

/// Who created a contract, and in which transaction; `None` of an account without code, and of what is
/// there since genesis.
pub(super) fn contract_creator(api: &Api, params: &Params) -> Outcome {
    let address: Address = params.args(&["address"])?.get(0)?;
    let number = first_block(api, params.deadline, |state| is_contract(state, address))?;
    let Some(number) = number else {
        return Ok(Reply::NULL);
    };
    let mut replay = Replay::sealed(api, api.known_block(number)?)?;
    let mut bytes = api.config.limits.trace_bytes_max;
    while let Some(hash) = replay.next_hash() {
        let (nodes, result) = run_next(&mut replay, &mut bytes, params.deadline)?;
        let mut creator = None;
        walk(&nodes, |moment, node, lasting| {
            let trace = &node.trace;
            let is_creation = matches!(trace.kind, CallKind::Create | CallKind::Create2);
            if moment == Moment::Begin && lasting && is_creation && trace.address == address {
                creator = Some(trace.caller);
            }
        });
        if let Some(creator) = creator {
            return api.reply(&Creator { hash, creator });
        }
        replay.commit(result);
    }
    // Put there by a command of a local chain, outside any transaction.
    Ok(Reply::NULL)
}
