//! The native precompiles over revm's journal.

use alloy_evm::{
    EvmInternals, EvmInternalsError,
    precompiles::{DynPrecompile, Precompile as _, PrecompileInput, PrecompilesMap},
};
use alloy_primitives::{Address, Bytes, Log, U256};
use op_revm::OpSpecId;
use openledger_precompiles::{
    AccountLoad, CallInput, Host, HostError, HostFailure, LORA, Outcome, SKETCH, SPAN, SPLIT,
    SlotLoad,
};
use revm::{
    context::journaled_state::{JournalLoadError, account::JournaledAccountTr},
    context::result::AnyError,
    precompile::{
        PrecompileError, PrecompileHalt, PrecompileId, PrecompileOutput, PrecompileResult, bn254,
    },
    primitives::OnceLock,
    state::Bytecode,
};

/// Longest input of the pairing of alt_bn128 from Karst on, bytes: 300 pairs (OP specification, Karst,
/// "Precompile input size restrictions"). op-revm's table for Karst has Jovian's.
const KARST_BN254_PAIRING_INPUT_MAX: usize = 57_600;

/// Forks that there are.
const FORKS: usize = (OpSpecId::INTEROP as usize)
    .saturating_sub(OpSpecId::BEDROCK as usize)
    .saturating_add(1);

/// Puts the chain's precompiles beside those of the fork `spec`, which `precompiles` holds: they are warm
/// from a transaction's beginning, as the EVM's own.
pub(crate) fn install(precompiles: &mut PrecompilesMap, spec: OpSpecId) {
    // An EVM is made for every call that the RPC answers; the table is built once.
    static TABLES: [OnceLock<PrecompilesMap>; FORKS] = [const { OnceLock::new() }; FORKS];
    let fork = (spec as usize).saturating_sub(OpSpecId::BEDROCK as usize);
    match TABLES.get(fork) {
        Some(table) => {
            let table = table.get_or_init(|| with_natives(precompiles.clone(), spec));
            precompiles.clone_from(table);
        }
        None => *precompiles = with_natives(precompiles.clone(), spec),
    }
}

fn with_natives(mut precompiles: PrecompilesMap, spec: OpSpecId) -> PrecompilesMap {
    if spec.is_enabled_in(OpSpecId::KARST) {
        precompiles.apply_precompile(&bn254::pair::ADDRESS, |pairing| pairing.map(limit_pairing));
    }
    for address in openledger_precompiles::addresses() {
        let id = PrecompileId::Custom(name(address).into());
        precompiles.apply_precompile(&address, |_| Some(DynPrecompile::new_stateful(id, call)));
    }
    precompiles
}

/// The pairing with Karst's limit.
fn limit_pairing(pairing: DynPrecompile) -> DynPrecompile {
    DynPrecompile::new(
        PrecompileId::Bn254Pairing,
        move |input: PrecompileInput<'_>| {
            if input.data.len() > KARST_BN254_PAIRING_INPUT_MAX {
                return Ok(PrecompileOutput::halt(
                    PrecompileHalt::Bn254PairLength,
                    input.reservoir,
                ));
            }
            pairing.call(input)
        },
    )
}

/// Name in traces' spans.
fn name(address: Address) -> &'static str {
    match address {
        SKETCH => "sketch",
        SPAN => "span",
        SPLIT => "split",
        LORA => "lora",
        _ => "openledger",
    }
}

/// Runs a call. A refusal is a revert that returns the unused gas; running out of gas is a halt; nothing
/// but a failed read of the state is an error.
fn call(input: PrecompileInput<'_>) -> PrecompileResult {
    let PrecompileInput {
        data,
        gas,
        reservoir,
        caller,
        value,
        target_address,
        is_static,
        bytecode_address,
        internals,
    } = input;
    let call = CallInput {
        code_address: bytecode_address,
        target_address,
        caller,
        value,
        is_static,
        data,
        gas,
    };
    let outcome = openledger_precompiles::call(&call, &mut Journal(internals))
        .map_err(|failure| PrecompileError::FatalAny(AnyError::new(failure)))?;
    match outcome {
        Some(Outcome::Success { gas_used, output }) => {
            Ok(PrecompileOutput::new(gas_used, output, reservoir))
        }
        Some(Outcome::Revert { gas_used, output }) => {
            Ok(PrecompileOutput::revert(gas_used, output, reservoir))
        }
        Some(Outcome::OutOfGas) => Ok(PrecompileOutput::halt(PrecompileHalt::OutOfGas, reservoir)),
        // Installed at those addresses alone at which there is one.
        None => Err(PrecompileError::Fatal("no such precompile".into())),
    }
}

/// The journal of the transaction that runs, with its block.
struct Journal<'a>(EvmInternals<'a>);

impl Host for Journal<'_> {
    fn slot(
        &mut self,
        address: Address,
        slot: U256,
        skip_cold: bool,
    ) -> Result<SlotLoad, HostError> {
        let mut account = self.0.load_account_mut(address).map_err(failure)?;
        let load = account.sload(slot, skip_cold).map_err(host_error)?;
        Ok(SlotLoad {
            original: load.original_value(),
            present: load.present_value(),
            is_cold: load.is_cold,
        })
    }

    fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostFailure> {
        self.0.sstore(address, slot, value).map_err(failure)?;
        Ok(())
    }

    fn account(&mut self, address: Address, skip_cold: bool) -> Result<AccountLoad, HostError> {
        let load = self
            .0
            .load_account_mut_skip_cold_load(address, skip_cold)
            .map_err(host_error)?;
        Ok(AccountLoad {
            nonce: load.nonce(),
            has_code: !load.account().info.is_empty_code_hash(),
            is_cold: load.is_cold,
        })
    }

    fn code(&mut self, address: Address) -> Result<Bytes, HostFailure> {
        let account = self.0.load_account_code(address).map_err(failure)?;
        Ok(account
            .code()
            .map(Bytecode::original_bytes)
            .unwrap_or_default())
    }

    fn create(&mut self, address: Address, nonce: u64, code: Bytes) -> Result<(), HostFailure> {
        let mut account = self.0.load_account_mut(address).map_err(failure)?;
        account.set_nonce(nonce);
        account.set_code_and_hash_slow(Bytecode::new_legacy(code));
        Ok(())
    }

    fn log(&mut self, log: Log) {
        self.0.log(log);
    }

    fn block_number(&self) -> u64 {
        self.0.block_number().saturating_to()
    }

    fn timestamp(&self) -> u64 {
        self.0.block_timestamp().saturating_to()
    }

    fn chain_id(&self) -> u64 {
        self.0.chain_id()
    }
}

fn failure(error: EvmInternalsError) -> HostFailure {
    HostFailure::new(error)
}

fn host_error<E: core::error::Error + Send + Sync + 'static>(
    error: JournalLoadError<E>,
) -> HostError {
    match error {
        JournalLoadError::ColdLoadSkipped => HostError::ColdSkipped,
        JournalLoadError::DBError(error) => HostFailure::new(error).into(),
    }
}
