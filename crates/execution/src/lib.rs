//! The block executor: revm with OP rules and the native precompiles, fees, system calls and sealing.
//!
//! Its step in a transaction's way: a builder's draft (or derived attributes) becomes an executed
//! block, and an executed block, with the state root that the trie computes, a sealed one. Everything
//! here is a pure function of the parent's state, the attributes and the transactions: the sequencer,
//! the verifier and the fault-proof program run this same code.
//!
//! Transaction rules, deposits and L1 fees are op-revm's; the order of system calls and the receipts
//! are alloy-op-evm's. Ours: the attributes' validation, the header, and the one place where native
//! precompiles join ([`evm_factory`]).
//!
//! Start reading at [`BlockExecutor`], then [`seal`](ExecutedBlock::seal).
#![no_std]

extern crate alloc;

mod base_fee;
mod database;
mod error;
mod evm;
mod executor;
mod fees;
mod precompiles;
mod seal;
#[cfg(test)]
mod test_config;

pub use base_fee::next_base_fee;
pub use database::{DatabaseError, StateDatabase};
pub use error::{ExecutionError, SealError, TransactionError};
pub use evm::{
    Evm, EvmFactory, draft_header, evm_env, evm_factory, extra_data, inherited_extra_data,
    pending_env, transaction_gas_max,
};
pub use executor::{BlockExecutor, ExecutedBlock, TransactionOutcome, state_changes};
pub use fees::L1Fees;
pub use seal::{SealedExecution, execute_block, execute_block_from, sender};

pub use alloy_evm::{Evm as EvmExt, EvmEnv, EvmFactory as EvmFactoryExt};
pub use alloy_op_evm::OpTx;
pub use op_revm::{OpHaltReason, OpSpecId};
