//! How much gas a transaction needs.

use super::{
    BlockOverridesParam, CallRequest, Overlay, StateOverrides, call_env, overlay,
    run::{balance, transact_in},
};
use crate::{
    api::{Api, At},
    error::Failure,
    workers::Deadline,
};
use alloy_eips::Encodable2718 as _;
use alloy_evm::EvmEnv;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use op_revm::{OpHaltReason, OpSpecId};
use openledger_execution::{L1Fees, transaction_gas_max};
use revm::{
    DatabaseRef as _,
    context_interface::result::{ExecutionResult, HaltReason, InvalidTransaction},
    inspector::NoOpInspector,
};

/// Gas of a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a call with value hands to its callee on top.
const CALL_STIPEND: u64 = 2_300;
/// The search ends when the bounds are within this much of each other, thousandths.
const TOLERANCE_PERMILLE: u64 = 15;

/// What one trial of a gas limit showed.
enum Trial {
    /// It suffices.
    Enough(ExecutionResult<OpHaltReason>),
    /// It doesn't.
    TooLittle,
    /// No gas limit does.
    Fails(ExecutionResult<OpHaltReason>),
}

struct Estimate<'a> {
    request: &'a CallRequest,
    env: EvmEnv<OpSpecId>,
    db: Overlay,
    moves: Vec<(Address, Address)>,
    /// The first trial, with the most gas, decides what a failure means.
    is_first: bool,
}

/// The least gas limit, to within [`TOLERANCE_PERMILLE`] above, with which the transaction succeeds.
///
/// By go-ethereum's method: the most gas first, then what was used with a margin, then bisection.
pub(crate) fn estimate_gas(
    api: &Api,
    at: &At,
    request: &CallRequest,
    state: Option<&StateOverrides>,
    block: Option<&BlockOverridesParam>,
    deadline: Deadline,
) -> Result<u64, Failure> {
    let env = call_env(api, at, block);
    let db = overlay(api, at, state, block)?;
    let mut most = match request.gas {
        Some(gas) if gas >= TRANSFER_GAS => gas,
        _ => env.block_env.gas_limit,
    }
    .min(api.config.limits.call_gas_max)
    .min(transaction_gas_max(api.chain_config(), at.header.timestamp));
    if let Some(affordable) = allowance(api, at, request, &db, most)? {
        most = most.min(affordable);
    }
    let is_transfer = match request.kind() {
        TxKind::Call(to) => {
            request.input.is_empty()
                && request.access_list.is_none()
                && request.authorization_list.is_none()
                && db.basic_ref(to)?.is_none_or(|account| account.is_empty_code_hash())
                // A precompile has no code, but runs.
                && to > Address::with_last_byte(0xff)
        }
        TxKind::Create => false,
    };
    let moves = state.map(StateOverrides::moves).unwrap_or_default();
    let mut estimate = Estimate {
        request,
        env,
        db,
        moves,
        is_first: true,
    };
    if is_transfer
        && most >= TRANSFER_GAS
        && let Trial::Enough(_) = estimate.try_gas(TRANSFER_GAS)?
    {
        return Ok(TRANSFER_GAS);
    }
    let first = match estimate.try_gas(most)? {
        Trial::Enough(first) => first,
        Trial::TooLittle => return Err(Failure::GasAllowance { allowance: most }),
        Trial::Fails(result) => return super::output(result).map(|_| most),
    };
    estimate.is_first = false;
    let (mut low, mut high) = (first.tx_gas_used().saturating_sub(1), most);
    // With refunds and the 63/64 rule in mind, this often is enough.
    let gas = first.gas();
    let spent = first
        .tx_gas_used()
        .saturating_add(gas.final_refunded())
        .saturating_add(CALL_STIPEND);
    let guess = spent.saturating_mul(64) / 63;
    if guess < high {
        match estimate.try_gas(guess)? {
            Trial::Enough(_) => high = guess,
            _ => low = guess,
        }
    }
    while low.saturating_add(1) < high {
        if (high - low).saturating_mul(1_000) / high < TOLERANCE_PERMILLE {
            break;
        }
        deadline.check()?;
        // Most need little more than they use, so the lower half is searched first.
        let middle = (low + (high - low) / 2).min(low.saturating_mul(2).max(1));
        match estimate.try_gas(middle)? {
            Trial::Enough(_) => high = middle,
            _ => low = middle,
        }
    }
    Ok(high)
}

impl Estimate<'_> {
    fn try_gas(&mut self, gas_limit: u64) -> Result<Trial, Failure> {
        let tx = self
            .request
            .tx_env(self.env.cfg_env.chain_id, gas_limit, 0, Bytes::new());
        match transact_in(
            &mut self.db,
            self.env.clone(),
            tx,
            NoOpInspector,
            &self.moves,
        ) {
            Ok((result, _)) => Ok(match result.result {
                result @ ExecutionResult::Success { .. } => Trial::Enough(result),
                ExecutionResult::Halt {
                    reason: OpHaltReason::Base(HaltReason::OutOfGas(_)),
                    ..
                } => Trial::TooLittle,
                result if self.is_first => Trial::Fails(result),
                _ => Trial::TooLittle,
            }),
            Err(Failure::Invalid(error)) => match *error {
                InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. } => Ok(Trial::TooLittle),
                error => Err(Failure::Invalid(Box::new(error))),
            },
            Err(failure) => Err(failure),
        }
    }
}

/// What L1 adds to the price of a transaction of this request, wei: L1 data fee and operator fee of
/// `gas_limit`. The bytes are those of the transaction with a placeholder for the signature.
pub(crate) fn l1_cost(
    api: &Api,
    at: &At,
    request: &CallRequest,
    gas_limit: u64,
) -> Result<U256, Failure> {
    let config = api.chain_config();
    let spec = alloy_op_evm::spec_by_timestamp_after_bedrock(&**config, at.header.timestamp);
    let fees = L1Fees::read(&at.state, at.header.number, spec)?;
    let nonce = request.nonce.unwrap_or_default();
    let transaction = request.to_transaction(
        config.l2_chain_id,
        gas_limit,
        nonce,
        placeholder_signature(),
    );
    let encoded = transaction.encoded_2718();
    let operator = fees.operator_fee(&encoded, gas_limit);
    Ok(fees.data_fee(&encoded).saturating_add(operator))
}

/// A signature that is as long, and compresses as badly, as a real one.
pub(crate) fn placeholder_signature() -> Signature {
    let word = |byte: u8| {
        let mut word = [0; 32];
        for (index, digit) in word.iter_mut().enumerate() {
            *digit = byte.wrapping_add((index as u8).wrapping_mul(37)) | 1;
        }
        U256::from_be_bytes(word)
    };
    Signature::new(word(0xa5), word(0x4d) >> 1, true)
}

/// The most gas that the sender can pay for; `None` if the call names no price.
fn allowance(
    api: &Api,
    at: &At,
    request: &CallRequest,
    db: &Overlay,
    most: u64,
) -> Result<Option<u64>, Failure> {
    let value = request.value.unwrap_or_default();
    let address = request.from.unwrap_or_default();
    let fee_cap = U256::from(request.fee_cap());
    if fee_cap.is_zero() && value.is_zero() {
        return Ok(None);
    }
    let balance = balance(db, address)?;
    let l1_fee = if fee_cap.is_zero() {
        U256::ZERO
    } else {
        l1_cost(api, at, request, most)?
    };
    let needed = value.saturating_add(l1_fee);
    let insufficient = |cost| Failure::InsufficientFunds {
        address,
        balance,
        cost,
        l1_fee,
    };
    let left = balance
        .checked_sub(needed)
        .ok_or_else(|| insufficient(needed))?;
    if fee_cap.is_zero() {
        return Ok(None);
    }
    let affordable = u64::try_from(left / fee_cap).unwrap_or(u64::MAX);
    if affordable < TRANSFER_GAS {
        let gas = fee_cap.saturating_mul(U256::from(TRANSFER_GAS));
        return Err(insufficient(needed.saturating_add(gas)));
    }
    Ok(Some(affordable))
}
