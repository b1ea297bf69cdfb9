use crate::{Arguments, CommonErrors, Context, Host, HostFailure, Stop, gas, pause};
use alloc::vec::Vec;
use alloy_primitives::{Address, Bytes, U256};

/// Most bytes of calldata, selector included.
pub const CALLDATA_LEN_MAX: usize = 131_072;

/// A precompile: each of the four folders exports one as `pub(crate) const PRECOMPILE`.
///
/// [`call`] has done, before `run`, everything that the four have in common: call scheme, value, base
/// gas, the calldata's size, and `setPaused` where `pausable` isn't empty. `run` gets the function's
/// selector and the bytes behind it, and must, for each function and in this order:
/// 1. read the arguments with [`Arguments`], or [`Stop::bad_abi`] for an unknown selector;
/// 2. [`Context::require_writable`] if the function writes state;
/// 3. [`Context::require_not_paused`] if the function is pausable;
/// 4. check that what it names exists;
/// 5. [`Context::require_caller`] or the like;
/// 6. the function's own checks and work, every charge before what it pays for.
///
/// It returns the ABI-encoded result (`SolCall::abi_encode_returns`). It must not touch state but by the
/// context.
#[derive(Debug, Clone, Copy)]
pub struct Precompile {
    /// Where it stands.
    pub address: Address,
    /// Selectors that `setPaused` accepts; empty: there is no `setPaused`.
    pub pausable: &'static [[u8; 4]],
    /// Runs a function.
    pub run: fn(&mut Context<'_>, selector: [u8; 4], arguments: &[u8]) -> Result<Vec<u8>, Stop>,
}

/// The precompiles of the chain, by ascending address.
const PRECOMPILES: &[Precompile] = &[
    crate::sketch::PRECOMPILE,
    crate::span::PRECOMPILE,
    crate::split::PRECOMPILE,
    crate::lora::PRECOMPILE,
];

/// Addresses at which [`call`] answers, ascending; they are warm from a transaction's beginning.
pub fn addresses() -> impl Iterator<Item = Address> {
    PRECOMPILES.iter().map(|precompile| precompile.address)
}

/// A call to a precompile.
#[derive(Debug, Clone, Copy)]
pub struct CallInput<'a> {
    /// Whose code runs: the precompile's address.
    pub code_address: Address,
    /// Whose storage the call works on: equal to `code_address` unless by DELEGATECALL or CALLCODE.
    pub target_address: Address,
    /// `msg.sender`.
    pub caller: Address,
    /// Wei that the call brings.
    pub value: U256,
    /// Whether state may not change.
    pub is_static: bool,
    /// Calldata.
    pub data: &'a [u8],
    /// Gas limit of the call.
    pub gas: u64,
}

/// How a call ended, on every node alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It returned.
    Success {
        /// Gas that it took.
        gas_used: u64,
        /// ABI-encoded result.
        output: Bytes,
    },
    /// It refused; whatever it changed must be undone.
    Revert {
        /// Gas that it took.
        gas_used: u64,
        /// ABI-encoded custom error.
        output: Bytes,
    },
    /// The gas didn't suffice: all of it is taken, and whatever the call changed must be undone.
    OutOfGas,
}

/// Calls the precompile at `input.code_address`; `None` if there is none.
///
/// The caller reverts what was written unless the outcome is [`Outcome::Success`].
///
/// # Errors
/// A failure of the state's database, which says nothing about the call.
pub fn call(input: &CallInput<'_>, host: &mut dyn Host) -> Result<Option<Outcome>, HostFailure> {
    let Some(precompile) = PRECOMPILES
        .iter()
        .find(|precompile| precompile.address == input.code_address)
    else {
        return Ok(None);
    };
    call_precompile(precompile, input, host).map(Some)
}

/// Runs `precompile` on `input`.
pub(crate) fn call_precompile(
    precompile: &Precompile,
    input: &CallInput<'_>,
    host: &mut dyn Host,
) -> Result<Outcome, HostFailure> {
    let mut context = Context::new(
        host,
        precompile.address,
        input.caller,
        input.is_static,
        input.gas,
    );
    let result = run(precompile, input, &mut context);
    let gas_used = input.gas.saturating_sub(context.gas_remaining());
    match result {
        Ok(output) => Ok(Outcome::Success {
            gas_used,
            output: output.into(),
        }),
        Err(Stop::Revert(output)) => Ok(Outcome::Revert {
            gas_used,
            output: output.into(),
        }),
        Err(Stop::OutOfGas) => Ok(Outcome::OutOfGas),
        Err(Stop::Fatal(failure)) => Err(failure),
    }
}

fn run(
    precompile: &Precompile,
    input: &CallInput<'_>,
    context: &mut Context<'_>,
) -> Result<Vec<u8>, Stop> {
    if input.target_address != input.code_address {
        return Err(Stop::revert(CommonErrors::BadCallScheme {}));
    }
    if !input.value.is_zero() {
        return Err(Stop::revert(CommonErrors::NoValue {}));
    }
    context.charge(gas::call(input.data.len() as u64))?;
    if input.data.len() > CALLDATA_LEN_MAX {
        return Err(Stop::bad_abi());
    }
    let (selector, arguments) = input.data.split_first_chunk().ok_or_else(Stop::bad_abi)?;
    if *selector == pause::SET_PAUSED && !precompile.pausable.is_empty() {
        let mut arguments = Arguments::new(arguments, 2)?;
        let (function, until) = (arguments.bytes4()?, arguments.uint64()?);
        arguments.finish()?;
        return pause::set_paused(context, precompile.pausable, function, until);
    }
    (precompile.run)(context, *selector, arguments)
}
