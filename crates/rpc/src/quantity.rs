//! Hex quantities, as the Ethereum JSON-RPC specification has them: `0x`, then hex digits without
//! leading zeros.

use alloy_primitives::U256;
use serde::{Serialize, Serializer};

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuantityError {
    /// No `0x`.
    #[error("hex string without 0x prefix")]
    Prefix,
    /// Nothing after `0x`.
    #[error("hex string \"0x\" has no digits")]
    Empty,
    /// A zero before other digits.
    #[error("hex number with leading zero digits")]
    LeadingZero,
    /// Something that is no hex digit.
    #[error("invalid hex digit")]
    Digit,
    /// More bits than the parameter has.
    #[error("hex number > {bits} bits")]
    TooLarge {
        /// Bits that fit.
        bits: u32,
    },
}

/// The digits of a quantity.
fn digits(text: &str) -> Result<&[u8], QuantityError> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or(QuantityError::Prefix)?
        .as_bytes();
    match digits {
        [] => Err(QuantityError::Empty),
        [b'0', _, ..] => Err(QuantityError::LeadingZero),
        digits => Ok(digits),
    }
}

fn nibble(digit: u8) -> Result<u8, QuantityError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(QuantityError::Digit),
    }
}

/// Parses a quantity of at most 64 bits.
pub(crate) fn parse_u64(text: &str) -> Result<u64, QuantityError> {
    parse_u128(text)
        .and_then(|value| u64::try_from(value).map_err(|_| QuantityError::TooLarge { bits: 64 }))
        .map_err(|error| match error {
            QuantityError::TooLarge { .. } => QuantityError::TooLarge { bits: 64 },
            error => error,
        })
}

/// Parses a quantity of at most 128 bits.
pub(crate) fn parse_u128(text: &str) -> Result<u128, QuantityError> {
    let digits = digits(text)?;
    let mut value = 0_u128;
    for (index, digit) in digits.iter().enumerate() {
        let nibble = nibble(*digit)?;
        if index >= 32 {
            return Err(QuantityError::TooLarge { bits: 128 });
        }
        value = value << 4 | u128::from(nibble);
    }
    Ok(value)
}

/// Parses a quantity of at most 256 bits.
pub(crate) fn parse_u256(text: &str) -> Result<U256, QuantityError> {
    parse_word(digits(text)?)
}

/// Parses up to 32 bytes of hex as a number, leading zeros and an odd number of digits allowed: how
/// storage slots are written in practice.
pub(crate) fn parse_slot(text: &str) -> Result<U256, QuantityError> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or(QuantityError::Prefix)?;
    if digits.is_empty() {
        return Err(QuantityError::Empty);
    }
    parse_word(digits.as_bytes())
}

fn parse_word(digits: &[u8]) -> Result<U256, QuantityError> {
    let mut bytes = [0_u8; 32];
    for (index, digit) in digits.iter().rev().enumerate() {
        let nibble = nibble(*digit)?;
        let byte = bytes.get_mut(31_usize.wrapping_sub(index / 2));
        let Some(byte) = byte else {
            return Err(QuantityError::TooLarge { bits: 256 });
        };
        *byte |= if index % 2 == 0 { nibble } else { nibble << 4 };
    }
    Ok(U256::from_be_bytes(bytes))
}

/// A number that is serialized as a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hex<T>(pub(crate) T);

impl Serialize for Hex<u64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(u128::from(self.0), serializer)
    }
}

impl Serialize for Hex<usize> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0 as u128, serializer)
    }
}

impl Serialize for Hex<u128> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

impl Serialize for Hex<u8> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(u128::from(self.0), serializer)
    }
}

fn serialize<S: Serializer>(value: u128, serializer: S) -> Result<S::Ok, S::Error> {
    let mut buffer = [0_u8; 34];
    serializer.serialize_str(format(value, &mut buffer))
}

/// Writes `value` as a quantity into `buffer`.
pub(crate) fn format(mut value: u128, buffer: &mut [u8; 34]) -> &str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = DIGITS[(value & 15) as usize];
        value >>= 4;
        if value == 0 {
            break;
        }
    }
    at -= 1;
    buffer[at] = b'x';
    at -= 1;
    buffer[at] = b'0';
    // ASCII by construction.
    core::str::from_utf8(&buffer[at..]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_are_strict() {
        assert_eq!(parse_u64("0x0"), Ok(0));
        assert_eq!(parse_u64("0x41"), Ok(65));
        assert_eq!(parse_u64("0xfF"), Ok(255));
        assert_eq!(parse_u64("0xffffffffffffffff"), Ok(u64::MAX));
        assert_eq!(parse_u64("0x"), Err(QuantityError::Empty));
        assert_eq!(parse_u64("0x0400"), Err(QuantityError::LeadingZero));
        assert_eq!(parse_u64("0x00"), Err(QuantityError::LeadingZero));
        assert_eq!(parse_u64("ff"), Err(QuantityError::Prefix));
        assert_eq!(parse_u64(""), Err(QuantityError::Prefix));
        assert_eq!(parse_u64("0xg"), Err(QuantityError::Digit));
        assert_eq!(parse_u64("0x-1"), Err(QuantityError::Digit));
        assert_eq!(
            parse_u64("0x10000000000000000"),
            Err(QuantityError::TooLarge { bits: 64 })
        );
        let long = format!("0x1{}", "0".repeat(64));
        assert_eq!(parse_u64(&long), Err(QuantityError::TooLarge { bits: 64 }));
        assert_eq!(
            parse_u128(&long),
            Err(QuantityError::TooLarge { bits: 128 })
        );
        assert_eq!(
            parse_u256(&long),
            Err(QuantityError::TooLarge { bits: 256 })
        );
        assert_eq!(parse_u256(&format!("0x{}", "f".repeat(64))), Ok(U256::MAX));
    }

    #[test]
    fn slots_may_be_padded() {
        assert_eq!(parse_slot("0x0"), Ok(U256::ZERO));
        assert_eq!(parse_slot("0x001"), Ok(U256::from(1)));
        assert_eq!(parse_slot(&format!("0x{:064x}", 77)), Ok(U256::from(77)));
        assert_eq!(parse_slot("0x"), Err(QuantityError::Empty));
        let long = format!("0x{}", "0".repeat(65));
        assert_eq!(
            parse_slot(&long),
            Err(QuantityError::TooLarge { bits: 256 })
        );
    }

    proptest! {
        #[test]
        fn formatting_is_what_parsing_reads(value in any::<u128>(), shift in 0..128_u32) {
            let value = value >> shift;
            let mut buffer = [0; 34];
            let text = super::format(value, &mut buffer).to_owned();
            prop_assert_eq!(&text, &format!("{value:#x}"));
            prop_assert_eq!(parse_u128(&text), Ok(value));
            prop_assert_eq!(parse_u256(&text), Ok(U256::from(value)));
            prop_assert_eq!(serde_json::to_string(&Hex(value)).unwrap(), format!("\"{value:#x}\""));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC*") {
            let _ = (parse_u64(&text), parse_u256(&text), parse_slot(&text));
        }
    }
}
