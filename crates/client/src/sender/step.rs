//! What is sent.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;

/// A transaction to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does; with a journal, unique within the task.
    pub name: String,
    /// The contract or precompile.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// OPEN that it pays, wei.
    pub value: U256,
}

impl Step {
    /// A transaction with this calldata that pays nothing.
    pub fn new(name: impl Into<String>, to: Address, data: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            to,
            data: data.into(),
            value: U256::ZERO,
        }
    }

    /// A call of a contract that pays nothing.
    pub fn call(name: impl Into<String>, to: Address, call: &impl SolCall) -> Self {
        Self::new(name, to, call.abi_encode())
    }

    /// The same, paying so many wei of OPEN.
    #[must_use]
    pub fn paying(self, value: U256) -> Self {
        Self { value, ..self }
    }
}

/// Gas that a transaction would need, beyond what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transaction needs {needed} gas, more than --gas-max {max}")]
pub struct TooMuchGas {
    pub(super) needed: u64,
    pub(super) max: u64,
}
