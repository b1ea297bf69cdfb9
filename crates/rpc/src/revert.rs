//! Reverts in words: `Error(string)` and `Panic(uint256)`, Solidity's own.

use alloy_primitives::{U256, hex};
use std::borrow::Cow;

/// Selector of `Error(string)`.
const ERROR: [u8; 4] = hex!("08c379a0");
/// Selector of `Panic(uint256)`.
const PANIC: [u8; 4] = hex!("4e487b71");
/// Bytes of a reason that are shown.
const REASON_BYTES_MAX: usize = 1024;

/// `execution reverted`, with the reason if the output holds one that has a text.
pub(crate) fn message(output: &[u8]) -> String {
    match reason(output) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".into(),
    }
}

/// The reason in a revert's output; `None` for custom errors, which only the caller can decode.
pub(crate) fn reason(output: &[u8]) -> Option<Cow<'_, str>> {
    let (selector, arguments) = output.split_first_chunk::<4>()?;
    match *selector {
        ERROR => {
            let offset = word(arguments, 0)?;
            let length = word(arguments, offset)?;
            let start = offset.checked_add(32)?;
            let text = arguments.get(start..start.checked_add(length)?)?;
            Some(String::from_utf8_lossy(
                &text[..text.len().min(REASON_BYTES_MAX)],
            ))
        }
        PANIC => {
            let code = U256::from_be_slice(arguments.get(..32)?);
            Some(match panic(code) {
                Some(text) => text.into(),
                None => format!("unknown panic code: {code:#x}").into(),
            })
        }
        _ => None,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at.checked_add(32)?)?;
    U256::from_be_slice(word).try_into().ok()
}

/// Source: Solidity documentation, "Panic via assert and Error via require".
fn panic(code: U256) -> Option<&'static str> {
    Some(match u64::try_from(code).ok()? {
        0x00 => "generic panic",
        0x01 => "assert(false)",
        0x11 => "arithmetic underflow or overflow",
        0x12 => "division or modulo by zero",
        0x21 => "enum overflow",
        0x22 => "invalid encoded storage byte array accessed",
        0x31 => "out-of-bounds array access; popping on an empty array",
        0x32 => "out-of-bounds access of an array or bytesN",
        0x41 => "out of memory",
        0x51 => "uninitialized function",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> Vec<u8> {
        let mut output = ERROR.to_vec();
        output.extend(U256::from(32).to_be_bytes::<32>());
        output.extend(U256::from(text.len()).to_be_bytes::<32>());
        output.extend(text.as_bytes());
        output.resize(4 + 64 + text.len().div_ceil(32) * 32, 0);
        output
    }

    #[test]
    fn solidity_errors_are_read() {
        assert_eq!(message(&error("too much")), "execution reverted: too much");
        assert_eq!(message(&[]), "execution reverted");
        assert_eq!(message(&hex!("01020304")), "execution reverted");
        let mut panicked = PANIC.to_vec();
        panicked.extend(U256::from(0x12).to_be_bytes::<32>());
        assert_eq!(
            message(&panicked),
            "execution reverted: division or modulo by zero"
        );
        panicked[35] = 0x99;
        assert_eq!(
            message(&panicked),
            "execution reverted: unknown panic code: 0x99"
        );
    }

    #[test]
    fn malformed_reasons_are_none() {
        let mut output = error("x");
        output[4..36].fill(0xff);
        assert_eq!(reason(&output), None);
        assert_eq!(reason(&error("x")[..60]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_output_never_panics(panicked in any::<bool>(), rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut output = if panicked { PANIC } else { ERROR }.to_vec();
            output.extend(rest);
            let _ = message(&output);
        }
    }
}
