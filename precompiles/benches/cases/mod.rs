//! Calls that are dear to compute for what they cost: every function over its sizes, worst cases included.
//! Shared by the criterion bench beside this folder and by the program in `../riscv`, so that both measure
//! the same.

mod hostile;
mod lora;
pub(crate) mod sketch;
mod span;
mod split;

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use openledger_precompiles::{CallInput, Host, MemoryHost, Outcome, call};
use openledger_primitives::predeploys::HISTORY_STORAGE;

pub(crate) const WHO: Address = Address::repeat_byte(1);
pub(crate) const DATANET: B256 = B256::repeat_byte(2);
/// Block at which each world begins.
const START: u64 = 1_000;
/// The hash of every block.
pub(crate) const HASH: B256 = B256::repeat_byte(3);

/// What a call does to the state, and how it finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It changes state, of which nothing was touched in the transaction: each run needs a world of its own.
    Writes,
    /// A view of state of which nothing was touched in the transaction.
    Cold,
    /// A view that ran in the transaction before, so that state costs as little as it can.
    Warm,
}

/// A call and the world that it runs in.
pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) to: Address,
    pub(crate) data: Vec<u8>,
    pub(crate) access: Access,
    /// Whether it is refused; otherwise it returns.
    pub(crate) refused: bool,
}

/// Named cases; each is built when it is run.
pub(crate) fn all() -> Vec<(&'static str, fn() -> Case)> {
    [
        sketch::CASES,
        span::CASES,
        split::CASES,
        lora::CASES,
        hostile::CASES,
    ]
    .concat()
}

impl Case {
    pub(crate) fn view<C: SolCall>(
        world: World,
        to: Address,
        arguments: &C,
        access: Access,
    ) -> Self {
        Self {
            world,
            to,
            data: arguments.abi_encode(),
            access,
            refused: false,
        }
    }

    pub(crate) fn write<C: SolCall>(world: World, to: Address, arguments: &C) -> Self {
        Self::view(world, to, arguments, Access::Writes)
    }

    pub(crate) fn refused(self) -> Self {
        Self {
            refused: true,
            ..self
        }
    }

    /// Brings the world to where the call is measured.
    pub(crate) fn prepare(&mut self) {
        if self.access == Access::Warm {
            let mut host = core::mem::take(&mut self.world.host);
            self.run(&mut host);
            self.world.host = host;
        }
    }

    /// Runs the call; its gas and its output.
    pub(crate) fn run(&self, host: &mut dyn Host) -> (u64, Bytes) {
        match raw_call(host, self.to, &self.data) {
            Outcome::Success { gas_used, output } if !self.refused => (gas_used, output),
            Outcome::Revert { gas_used, output } if self.refused => (gas_used, output),
            outcome => unreachable!("{outcome:?}"),
        }
    }
}

/// A host that calls are made on, each in a transaction of its own.
pub(crate) struct World {
    pub(crate) host: MemoryHost,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut host = MemoryHost::new();
        host.block_number = START;
        host.timestamp = 1_800_000_000;
        host.chain_id = 161_299;
        for number in START..START + 400 {
            host.insert_slot(
                HISTORY_STORAGE,
                U256::from(number),
                U256::from_be_bytes(HASH.0),
            );
        }
        Self { host }
    }

    pub(crate) fn skip_blocks(&mut self, blocks: u64) {
        self.host.block_number += blocks;
    }

    /// A call of [`WHO`]'s that succeeds.
    pub(crate) fn call<C: SolCall>(&mut self, to: Address, arguments: &C) -> C::Return {
        let outcome = raw_call(&mut self.host, to, &arguments.abi_encode());
        self.host.end_transaction();
        match outcome {
            Outcome::Success { output, .. } => {
                C::abi_decode_returns(&output).expect("well-formed output")
            }
            outcome => unreachable!("{} {outcome:?}", C::SIGNATURE),
        }
    }
}

fn raw_call(host: &mut dyn Host, to: Address, data: &[u8]) -> Outcome {
    let input = CallInput {
        code_address: to,
        target_address: to,
        caller: WHO,
        value: U256::ZERO,
        is_static: false,
        data,
        gas: u64::MAX,
    };
    call(&input, host)
        .expect("memory doesn't fail")
        .expect("the precompile is there")
}
