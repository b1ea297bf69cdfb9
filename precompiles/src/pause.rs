use crate::{CommonErrors, Context, Stop, mapping_slot_bytes32};
use alloc::vec::Vec;
use alloy_primitives::{B256, U256, uint};
use alloy_sol_types::{SolCall, sol};
use openledger_primitives::predeploys::PARAMETER_TIMELOCK;

/// Slot of `mapping(bytes4 selector => Pause)`, the first of every precompile that can be paused, where
/// `struct Pause { uint64 until; uint64 since; }` fills the low 16 bytes of a word.
pub const PAUSES_SLOT: U256 = uint!(0_U256);
/// Longest pause, seconds: 14 days.
pub const PAUSE_MAX_S: u64 = 14 * 86_400;
/// Shortest time from the beginning of a pause to the beginning of the next, seconds: 30 days.
pub const PAUSE_INTERVAL_S: u64 = 30 * 86_400;

const _: () = assert!(PAUSE_MAX_S < PAUSE_INTERVAL_S);

sol! {
    /// What every precompile with pausable functions has.
    #[derive(Debug, PartialEq, Eq)]
    interface IPausable {
        /// Pauses a function until `untilTimestamp`, or lifts its pause by a time that isn't ahead.
        function setPaused(bytes4 selector, uint64 untilTimestamp) external;
        /// A function is paused until then; a time that isn't ahead: no longer.
        event PauseSet(bytes4 indexed selector, uint64 untilTimestamp);
    }
}

/// Selector of `setPaused(bytes4,uint64)`.
pub(crate) const SET_PAUSED: [u8; 4] = IPausable::setPausedCall::SELECTOR;

/// What a pause's slot says: the function is paused while the timestamp is below `until`; the latest
/// pause was set at `since`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pause {
    until: u64,
    since: u64,
}

impl Pause {
    fn unpack(word: U256) -> Self {
        let [until, since, ..] = *word.as_limbs();
        Self { until, since }
    }

    fn pack(self) -> U256 {
        U256::from_limbs([self.until, self.since, 0, 0])
    }
}

/// Slot of a function's pause.
fn pause_slot(selector: [u8; 4]) -> U256 {
    let mut key = B256::ZERO;
    if let Some(first) = key.0.first_chunk_mut() {
        *first = selector;
    }
    mapping_slot_bytes32(key, PAUSES_SLOT)
}

impl Context<'_> {
    /// Reads the pause of `selector`, at a slot's price, and refuses while it lasts.
    ///
    /// # Errors
    /// [`CommonErrors::Paused`], [`Stop::OutOfGas`], [`Stop::Fatal`].
    pub fn require_not_paused(&mut self, selector: [u8; 4]) -> Result<(), Stop> {
        let pause = Pause::unpack(self.sload(pause_slot(selector))?);
        if self.timestamp() < pause.until {
            return Err(Stop::revert(CommonErrors::Paused {
                selector: selector.into(),
                until: pause.until,
            }));
        }
        Ok(())
    }
}

/// `setPaused`: writable, pausable at all, the timelock's, then how long and how soon. Reads the
/// function's slot, writes it, logs.
pub(crate) fn set_paused(
    context: &mut Context<'_>,
    pausable: &[[u8; 4]],
    selector: [u8; 4],
    until: u64,
) -> Result<Vec<u8>, Stop> {
    context.require_writable()?;
    if !pausable.contains(&selector) {
        return Err(Stop::revert(CommonErrors::NotPausable {
            selector: selector.into(),
        }));
    }
    context.require_caller(PARAMETER_TIMELOCK)?;
    let slot = pause_slot(selector);
    let mut pause = Pause::unpack(context.sload(slot)?);
    let now = context.timestamp();
    if until > now {
        let latest = now.saturating_add(PAUSE_MAX_S);
        if until > latest {
            return Err(Stop::revert(CommonErrors::PauseTooLong { until, latest }));
        }
        let not_before = match pause.since {
            0 => 0,
            since => since.saturating_add(PAUSE_INTERVAL_S),
        };
        if now < not_before {
            return Err(Stop::revert(CommonErrors::PauseTooSoon {
                notBefore: not_before,
            }));
        }
        pause.since = now;
    }
    pause.until = until;
    context.sstore(slot, pause.pack())?;
    context.emit(&IPausable::PauseSet {
        selector: selector.into(),
        untilTimestamp: until,
    })?;
    Ok(Vec::new())
}
