//! A bound on what a call may do on an async worker.

use alloy_primitives::Bytes;
use revm::{
    Inspector,
    bytecode::opcode,
    context_interface::{ContextTr, JournalTr as _},
    inspector::JournalExt,
    interpreter::{
        CallInputs, CallOutcome, Gas, InstructionResult, Interpreter, InterpreterResult,
        interpreter_types::Jumps as _,
    },
};

/// Instructions.
const STEPS_MAX: u32 = 4_096;
/// Calls, and instructions that may read from the database or cost more than a microsecond.
const READS_MAX: u32 = 64;
/// What a signature recovery counts for: some tens of microseconds.
const RECOVERY_READS: u32 = 16;
/// What a hash by a precompile counts for.
const HASH_READS: u32 = 4;
/// Memory, and bytes that one instruction may copy or hash.
const BYTES_MAX: u64 = 16 << 10;
/// Bytes that all instructions together may copy or hash.
const BYTES_TOTAL_MAX: u64 = 128 << 10;

/// Counts what a call does, and stops it when that is no longer worth the name of short. It sees the
/// same gas as anywhere else, so that what it returns before that is what it returns everywhere.
#[derive(Debug)]
pub(super) struct Sprint {
    steps: u32,
    reads: u32,
    bytes: u64,
    is_over: bool,
}

impl Default for Sprint {
    fn default() -> Self {
        Self {
            steps: STEPS_MAX,
            reads: READS_MAX,
            bytes: BYTES_TOTAL_MAX,
            is_over: false,
        }
    }
}

impl Sprint {
    /// Whether the call was stopped: its result is then to be thrown away.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    fn read(&mut self, count: u32) {
        match self.reads.checked_sub(count) {
            Some(reads) => self.reads = reads,
            None => self.is_over = true,
        }
    }

    /// Counts what an instruction handles of the memory: `offsets` and `sizes` are its arguments'
    /// places on the stack.
    fn memory(&mut self, interp: &Interpreter, offsets: &[usize], sizes: &[usize]) {
        let stack = interp.stack.data();
        let argument = |place: &usize| {
            let at = stack.len().checked_sub(place + 1)?;
            stack
                .get(at)
                .map(|value| u64::try_from(*value).unwrap_or(u64::MAX))
        };
        for value in offsets.iter().chain(sizes).filter_map(argument) {
            if value > BYTES_MAX {
                self.is_over = true;
            }
        }
        let handled = sizes
            .iter()
            .filter_map(argument)
            .fold(0, u64::saturating_add);
        match self.bytes.checked_sub(handled) {
            Some(bytes) => self.bytes = bytes,
            None => self.is_over = true,
        }
    }
}

impl<CTX> Inspector<CTX> for Sprint
where
    CTX: ContextTr<Journal: JournalExt>,
{
    #[inline]
    fn step(&mut self, interp: &mut Interpreter, _: &mut CTX) {
        match self.steps.checked_sub(1) {
            Some(steps) => self.steps = steps,
            None => self.is_over = true,
        }
        match interp.bytecode.opcode() {
            opcode::MLOAD | opcode::MSTORE | opcode::MSTORE8 => self.memory(interp, &[0], &[]),
            opcode::KECCAK256 | opcode::RETURN | opcode::REVERT | opcode::LOG0..=opcode::LOG4 => {
                self.memory(interp, &[0], &[1]);
            }
            opcode::CALLDATACOPY | opcode::CODECOPY | opcode::RETURNDATACOPY => {
                self.memory(interp, &[0], &[2]);
            }
            opcode::MCOPY => self.memory(interp, &[0, 1], &[2]),
            opcode::EXTCODECOPY => {
                self.read(1);
                self.memory(interp, &[1], &[3]);
            }
            opcode::SLOAD
            | opcode::SSTORE
            | opcode::BALANCE
            | opcode::EXTCODESIZE
            | opcode::EXTCODEHASH
            | opcode::BLOCKHASH
            | opcode::EXP
            | opcode::SELFDESTRUCT => self.read(1),
            opcode::CALL | opcode::CALLCODE => {
                self.read(1);
                self.memory(interp, &[3, 5], &[4, 6]);
            }
            opcode::DELEGATECALL | opcode::STATICCALL => {
                self.read(1);
                self.memory(interp, &[2, 4], &[3, 5]);
            }
            // Runs init code, and hashes and stores what that returns.
            opcode::CREATE | opcode::CREATE2 => self.is_over = true,
            _ => {}
        }
        if self.is_over {
            interp.halt_oog();
        }
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let address = inputs.bytecode_address;
        if context
            .journal_ref()
            .precompile_addresses()
            .contains(&address)
        {
            match address.split_at(19) {
                (zeros, [last]) if zeros.iter().all(|byte| *byte == 0) => match last {
                    1 => self.read(RECOVERY_READS),
                    2 | 3 => self.read(HASH_READS),
                    4 => {}
                    // Curves and big numbers, whose gas may buy milliseconds.
                    _ => self.is_over = true,
                },
                _ => self.is_over = true,
            }
        }
        self.is_over.then(|| {
            let gas = Gas::new(0);
            let result = InterpreterResult::new(InstructionResult::OutOfGas, Bytes::new(), gas);
            CallOutcome::new(result, 0..0)
        })
    }
}
