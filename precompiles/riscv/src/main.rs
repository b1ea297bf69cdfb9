//! The cases of the precompiles' bench as a program for a bare RV64IM machine, one a run: its argument is
//! the case's number. The counter in `precompiles/examples/instructions` runs it.
//!
//! It also does what a proof of the call has to and a node doesn't: every page's code is hashed when it is
//! read, since a proof has it by its hash, and when it is written, since the account holds its hash.
#![no_std]
#![no_main]

extern crate alloc;

#[path = "../../benches/cases/mod.rs"]
mod cases;
mod machine;

use alloc::collections::BTreeSet;
use alloy_primitives::{Address, B256, Bytes, Log, Signature, U256, keccak256, uint};
use core::hint::black_box;
use openledger_precompiles::{
    AccountLoad, Host, HostError, HostFailure, MemoryHost, SlotLoad, gas,
};

/// What ECRECOVER costs.
const ECRECOVER_GAS: u64 = 3_000;

/// Entry: the case's number, and the bounds of free memory.
#[unsafe(no_mangle)]
extern "C" fn _start(number: usize, free_begin: usize, free_end: usize) -> ! {
    machine::give_memory(free_begin, free_end);
    let cases = cases::all();
    match (cases.get(number), number.checked_sub(cases.len())) {
        (Some((name, build)), _) => {
            let mut case = build();
            case.prepare();
            let mut host = Proving {
                hashed: BTreeSet::new(),
                inner: core::mem::take(&mut case.world.host),
            };
            if case.access == cases::Access::Warm {
                // What was read before was hashed before.
                case.run(&mut host);
            }
            machine::begin();
            let (gas, output) = case.run(&mut host);
            machine::pause();
            machine::end(gas, &keccak256(&output), name);
        }
        (None, Some(0)) => ecrecover(),
        (None, Some(1)) => keccak(),
        // Nothing is counted: there are no more.
        _ => {}
    }
    machine::exit(0)
}

fn ecrecover() {
    let digest = keccak256("message");
    // The private key 1 and the nonce 1: s = digest + r.
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let r = uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);
    let signature = Signature::new(r, U256::from_be_bytes(digest.0).add_mod(r, order), false);
    machine::begin();
    let _ = black_box(signature.recover_address_from_prehash(&digest));
    machine::pause();
    machine::end(ECRECOVER_GAS, &B256::ZERO, "ECRECOVER");
}

fn keccak() {
    let bytes = alloc::vec![7; 131_072];
    machine::begin();
    let hash = keccak256(&bytes);
    machine::pause();
    machine::end(gas::keccak(131_072), &hash, "KECCAK256 of 128 KiB");
}

/// A world in memory, whose pages are hashed as a proof hashes them.
struct Proving {
    inner: MemoryHost,
    /// Accounts whose code was hashed in this transaction.
    hashed: BTreeSet<Address>,
}

impl Host for Proving {
    fn slot(
        &mut self,
        address: Address,
        slot: U256,
        skip_cold: bool,
    ) -> Result<SlotLoad, HostError> {
        self.inner.slot(address, slot, skip_cold)
    }

    fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostFailure> {
        self.inner.set_slot(address, slot, value)
    }

    fn account(&mut self, address: Address, skip_cold: bool) -> Result<AccountLoad, HostError> {
        self.inner.account(address, skip_cold)
    }

    fn code(&mut self, address: Address) -> Result<Bytes, HostFailure> {
        let code = self.inner.code(address)?;
        if self.hashed.insert(address) {
            black_box(keccak256(&code));
        }
        Ok(code)
    }

    fn create(&mut self, address: Address, nonce: u64, code: Bytes) -> Result<(), HostFailure> {
        self.hashed.insert(address);
        black_box(keccak256(&code));
        self.inner.create(address, nonce, code)
    }

    fn log(&mut self, log: Log) {
        self.inner.log(log);
    }

    fn block_number(&self) -> u64 {
        self.inner.block_number()
    }

    fn timestamp(&self) -> u64 {
        self.inner.timestamp()
    }

    fn chain_id(&self) -> u64 {
        self.inner.chain_id()
    }
}
