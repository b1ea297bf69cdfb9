//! A world in memory that calls run on, one transaction each.

use alloy_primitives::{Address, B256, Log, U256, keccak256};
use alloy_sol_types::{SolCall, SolError};
use openledger_precompiles::{CallInput, MemoryHost, Outcome, call};
use openledger_primitives::predeploys::HISTORY_STORAGE;

/// Enough for every call.
pub(crate) const GAS: u64 = 1_000_000_000;

pub(crate) struct World {
    pub(crate) host: MemoryHost,
    pub(crate) logs: Vec<Log>,
    pub(crate) gas_used: u64,
}

impl World {
    /// At block 1,000, with the hashes of all blocks before it and many after.
    pub(crate) fn new() -> Self {
        let mut host = MemoryHost::new();
        host.block_number = 1_000;
        host.timestamp = 1_800_000_000;
        host.chain_id = 161_299;
        for number in 900..2_000u64 {
            host.insert_slot(
                HISTORY_STORAGE,
                U256::from(number % 8191),
                block_hash(number).into(),
            );
        }
        Self {
            host,
            logs: Vec::new(),
            gas_used: 0,
        }
    }

    pub(crate) fn skip_blocks(&mut self, blocks: u64) {
        self.host.block_number += blocks;
        self.host.timestamp += blocks;
    }

    /// A transaction that calls; what it changed is undone unless it succeeds.
    pub(crate) fn run(&mut self, input: CallInput<'_>) -> Outcome {
        let before = self.host.snapshot();
        let outcome = call(&input, &mut self.host).unwrap().unwrap();
        if !matches!(outcome, Outcome::Success { .. }) {
            self.host.restore(before);
        }
        self.logs = self.host.end_transaction();
        if let Outcome::Success { gas_used, .. } | Outcome::Revert { gas_used, .. } = &outcome {
            self.gas_used = *gas_used;
        }
        outcome
    }

    /// A call that returns, or the revert data.
    pub(crate) fn call<C: SolCall>(
        &mut self,
        to: Address,
        from: Address,
        arguments: &C,
    ) -> Result<C::Return, Vec<u8>> {
        let data = arguments.abi_encode();
        match self.run(input(to, from, &data)) {
            Outcome::Success { output, .. } => {
                Ok(C::abi_decode_returns_validate(&output).expect("well-formed output"))
            }
            Outcome::Revert { output, .. } => Err(output.to_vec()),
            Outcome::OutOfGas => panic!("out of gas"),
        }
    }
}

/// A plain call.
pub(crate) fn input(to: Address, from: Address, data: &[u8]) -> CallInput<'_> {
    CallInput {
        code_address: to,
        target_address: to,
        caller: from,
        value: U256::ZERO,
        is_static: false,
        data,
        gas: GAS,
    }
}

/// The hash of a block.
pub(crate) fn block_hash(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

/// Asserts that a call reverted with `error`.
#[track_caller]
pub(crate) fn refused<T: core::fmt::Debug, E: SolError + core::fmt::Debug>(
    result: Result<T, Vec<u8>>,
    error: E,
) {
    match result {
        Ok(value) => panic!("{value:?} instead of {error:?}"),
        Err(data) => assert_eq!(
            alloy_primitives::hex::encode(data),
            alloy_primitives::hex::encode(error.abi_encode()),
            "{error:?}"
        ),
    }
}
