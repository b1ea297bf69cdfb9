//! Inspectors that stop when the time is over, or when they have recorded too much.

use crate::{error::Failure, workers::Deadline};
use alloy_primitives::{Address, Log, U256};
use revm::{
    Inspector,
    context_interface::ContextTr,
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter},
};

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u32 = 1_024;
/// Bytes of a recorded step or call, without what it holds.
const RECORD_BYTES: usize = 256;

/// What an inspector keeps of every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    /// Nothing.
    Ignored,
    /// The step and the stack.
    Recorded,
    /// The memory, too.
    WithMemory,
}

/// A bounded inspector. What it records over several transactions counts together.
#[derive(Debug)]
pub(crate) struct Bounded<I> {
    pub(crate) inner: I,
    deadline: Deadline,
    records: Steps,
    steps: u32,
    /// Bytes that may still be recorded, about.
    bytes_left: usize,
    bytes_max: usize,
    ended: Option<End>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Time,
    Size,
}

impl<I> Bounded<I> {
    /// Bounds an inspector.
    pub(crate) const fn new(
        inner: I,
        records: Steps,
        bytes_max: usize,
        deadline: Deadline,
    ) -> Self {
        Self {
            inner,
            deadline,
            records,
            steps: 0,
            bytes_left: bytes_max,
            bytes_max,
            ended: None,
        }
    }

    /// Bytes that may still be recorded, about: for the next inspector of the same request.
    pub(crate) const fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    fn record(&mut self, bytes: usize) {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => self.ended = Some(End::Size),
        }
    }

    /// The failure of a trace that was stopped. Whatever the inspector holds is then of no use.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.ended {
            None => Ok(()),
            Some(End::Time) => Err(self.deadline.failure()),
            Some(End::Size) => Err(Failure::Limit {
                what: "bytes of a trace",
                limit: "trace_bytes_max",
                max: self.bytes_max as u64,
            }),
        }
    }
}

/// Once it has ended it records nothing more, and every frame stops at its next step.
impl<CTX, I> Inspector<CTX> for Bounded<I>
where
    CTX: ContextTr,
    I: Inspector<CTX>,
{
    fn initialize_interp(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        if self.ended.is_none() {
            self.inner.initialize_interp(interp, context);
        }
    }

    fn step(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_PER_LOOK) && self.deadline.is_over() {
            self.ended = Some(End::Time);
        }
        if self.records != Steps::Ignored {
            let memory = if self.records == Steps::WithMemory {
                interp.memory.len()
            } else {
                0
            };
            self.record(RECORD_BYTES + 32 * interp.stack.len() + memory);
        }
        if self.ended.is_some() {
            interp.halt_oog();
            return;
        }
        self.inner.step(interp, context);
    }

    fn step_end(&mut self, interp: &mut Interpreter, context: &mut CTX) {
        if self.ended.is_none() {
            self.inner.step_end(interp, context);
        }
    }

    fn log(&mut self, context: &mut CTX, log: Log) {
        self.record(RECORD_BYTES + log.data.data.len());
        if self.ended.is_none() {
            self.inner.log(context, log);
        }
    }

    fn log_full(&mut self, interp: &mut Interpreter, context: &mut CTX, log: Log) {
        self.record(RECORD_BYTES + log.data.data.len());
        if self.ended.is_none() {
            self.inner.log_full(interp, context, log);
        }
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.record(RECORD_BYTES + inputs.input.len());
        if self.ended.is_some() {
            return None;
        }
        self.inner.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.record(outcome.result.output.len());
        if self.ended.is_none() {
            self.inner.call_end(context, inputs, outcome);
        }
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.record(RECORD_BYTES + inputs.init_code().len());
        if self.ended.is_some() {
            return None;
        }
        self.inner.create(context, inputs)
    }

    fn create_end(
        &mut self,
        context: &mut CTX,
        inputs: &CreateInputs,
        outcome: &mut CreateOutcome,
    ) {
        self.record(outcome.result.output.len());
        if self.ended.is_none() {
            self.inner.create_end(context, inputs, outcome);
        }
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if self.ended.is_none() {
            self.inner.selfdestruct(contract, target, value);
        }
    }
}
