//! Prices. Whatever a precompile does is paid for with these, before it does it.

use crate::host::SlotLoad;
use alloy_primitives::U256;

/// Base of every call.
pub const CALL_BASE: u64 = 600;
/// Per 32-byte word of calldata, rounded up.
pub const CALLDATA_WORD: u64 = 3;
/// Multiply-adds per gas, the constant M: how much of the inner loops one gas buys.
///
/// `docs/spec/precompiles.md` records how it was measured.
pub const MULTIPLY_ADDS_PER_GAS: u64 = 16;

/// First access to a storage slot in a transaction (EIP-2929).
pub const SLOT_COLD: u64 = 2_100;
/// A further access, or a write that changes nothing or a slot that is changed already (EIP-2200, EIP-2929).
pub const SLOT_WARM: u64 = 100;
/// Write of a nonzero value to a slot that the transaction found zero.
pub const SLOT_SET: u64 = 20_000;
/// Any other first change of a slot: 5,000 less the cold access that is charged apart.
pub const SLOT_RESET: u64 = 2_900;

/// First access to an account in a transaction (EIP-2929).
pub const ACCOUNT_COLD: u64 = 2_600;
/// A further access to an account.
pub const ACCOUNT_WARM: u64 = 100;

/// Per word of a page's code that is read.
pub const PAGE_READ_WORD: u64 = 3;
/// Base of a page write: what CREATE costs.
pub const PAGE_WRITE_BASE: u64 = 32_000;
/// Per byte of a page's code that is written.
pub const PAGE_WRITE_BYTE: u64 = 200;
/// Per word of a page's code that is written: the hash.
pub const PAGE_WRITE_WORD: u64 = 6;

/// Base of a log, per topic and per byte of data (LOG0 to LOG4).
pub const LOG_BASE: u64 = 375;
/// Per topic of a log.
pub const LOG_TOPIC: u64 = 375;
/// Per byte of a log's data.
pub const LOG_BYTE: u64 = 8;

/// KECCAK256 of `bytes` bytes, as the opcode prices it.
pub const fn keccak(bytes: u64) -> u64 {
    words(bytes).saturating_mul(6).saturating_add(30)
}

/// 32-byte words that hold `bytes` bytes.
pub const fn words(bytes: u64) -> u64 {
    bytes.div_ceil(32)
}

/// Gas of `multiply_adds` multiply-adds, rounded up.
pub const fn multiply_adds(multiply_adds: u64) -> u64 {
    multiply_adds.div_ceil(MULTIPLY_ADDS_PER_GAS)
}

/// What precedes everything else in a call with `bytes` bytes of calldata.
pub const fn call(bytes: u64) -> u64 {
    CALL_BASE.saturating_add(CALLDATA_WORD.saturating_mul(words(bytes)))
}

/// Access to a slot.
pub const fn slot_access(is_cold: bool) -> u64 {
    if is_cold { SLOT_COLD } else { SLOT_WARM }
}

/// Write of `new` to a slot that is loaded as `slot`: EIP-2200's net price with EIP-2929's cold access.
///
/// The 2,300-gas sentry and refunds aren't part of it.
pub fn slot_write(slot: &SlotLoad, new: U256) -> u64 {
    let cold = if slot.is_cold { SLOT_COLD } else { 0 };
    let change = if new == slot.present || slot.present != slot.original {
        SLOT_WARM
    } else if slot.original.is_zero() {
        SLOT_SET
    } else {
        SLOT_RESET
    };
    cold.saturating_add(change)
}

/// Access to an account.
pub const fn account_access(is_cold: bool) -> u64 {
    if is_cold { ACCOUNT_COLD } else { ACCOUNT_WARM }
}

/// Reading a page whose code (prefix byte and payload) has `code_bytes` bytes.
pub const fn page_read(is_cold: bool, code_bytes: u64) -> u64 {
    account_access(is_cold).saturating_add(PAGE_READ_WORD.saturating_mul(words(code_bytes)))
}

/// Writing a page whose code (prefix byte and payload) has `code_bytes` bytes.
pub const fn page_write(code_bytes: u64) -> u64 {
    PAGE_WRITE_BASE
        .saturating_add(PAGE_WRITE_BYTE.saturating_mul(code_bytes))
        .saturating_add(PAGE_WRITE_WORD.saturating_mul(words(code_bytes)))
}

/// A log.
pub const fn log(topics: u64, data_bytes: u64) -> u64 {
    LOG_BASE
        .saturating_add(LOG_TOPIC.saturating_mul(topics))
        .saturating_add(LOG_BYTE.saturating_mul(data_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(original: u64, present: u64, is_cold: bool) -> SlotLoad {
        SlotLoad {
            original: U256::from(original),
            present: U256::from(present),
            is_cold,
        }
    }

    /// The table of EIP-2200 as EIP-2929 reprices it.
    #[test]
    fn slot_writes_cost_what_sstore_costs() {
        for (original, present, new, cold, gas) in [
            (0, 0, 0, true, 2_200),
            (0, 0, 0, false, 100),
            (0, 0, 1, true, 22_100),
            (0, 0, 1, false, 20_000),
            (1, 1, 0, true, 5_000),
            (1, 1, 2, false, 2_900),
            (1, 2, 1, false, 100),
            (1, 2, 3, false, 100),
            (0, 1, 0, false, 100),
            (1, 1, 1, true, 2_200),
        ] {
            assert_eq!(
                slot_write(&slot(original, present, cold), U256::from(new)),
                gas,
                "{original} {present} {new} {cold}"
            );
        }
    }

    #[test]
    fn prices_count_words_rounded_up() {
        assert_eq!(call(0), 600);
        assert_eq!(call(4), 603);
        assert_eq!(call(36), 606);
        assert_eq!(page_read(true, 24_576), 2_600 + 3 * 768);
        assert_eq!(page_read(false, 33), 106);
        assert_eq!(page_write(33), 32_000 + 200 * 33 + 12);
        assert_eq!(log(2, 64), 375 * 3 + 512);
        assert_eq!(multiply_adds(0), 0);
        assert_eq!(multiply_adds(MULTIPLY_ADDS_PER_GAS + 1), 2);
    }
}
