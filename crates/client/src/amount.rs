//! Amounts as people write them: decimal, in OPEN or ETH, of 18 decimals.

use alloy_primitives::{U256, utils::parse_ether};
use std::str::FromStr;

const DECIMALS: usize = 18;
/// All the OPEN that there is.
const SUPPLY_OPEN: u64 = 1_000_000_000;

/// An amount of OPEN: above zero, and no more than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenAmount(U256);

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It is no decimal number with at most 18 digits behind the point.
    #[error("OPEN as in \"25\" or \"0.5\" is expected, with at most {DECIMALS} decimals")]
    Malformed,
    /// It is zero.
    #[error("the amount must be above 0")]
    Zero,
    /// It is more than the supply.
    #[error("there are {SUPPLY_OPEN} OPEN")]
    TooMuch,
}

impl OpenAmount {
    /// The amount in wei.
    pub const fn wei(self) -> U256 {
        self.0
    }
}

impl FromStr for OpenAmount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) || fraction.len() > DECIMALS {
            return Err(AmountError::Malformed);
        }
        let supply = U256::from(SUPPLY_OPEN) * U256::from(10).pow(U256::from(DECIMALS));
        // All that can be wrong still is that the number is too long.
        let wei = parse_ether(text).map_err(|_| AmountError::TooMuch)?;
        match wei {
            wei if wei.is_zero() => Err(AmountError::Zero),
            wei if wei > supply => Err(AmountError::TooMuch),
            wei => Ok(Self(wei)),
        }
    }
}

/// An amount of wei with 18 decimals, as short as it can be written exactly.
pub fn decimal(wei: U256) -> String {
    let unit = U256::from(10).pow(U256::from(DECIMALS));
    let (whole, fraction) = (wei / unit, wei % unit);
    if fraction.is_zero() {
        return whole.to_string();
    }
    let fraction = format!("{:0>DECIMALS$}", fraction.to_string());
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// An amount of OPEN.
pub fn open(wei: U256) -> String {
    format!("{} OPEN", decimal(wei))
}

/// An amount of ETH.
pub fn eth(wei: U256) -> String {
    format!("{} ETH", decimal(wei))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read() {
        let wei = |text: &str| text.parse::<OpenAmount>().map(OpenAmount::wei);
        assert_eq!(wei("0.000000000000000001"), Ok(U256::from(1)));
        assert_eq!(wei("25"), Ok(U256::from(25) * U256::from(10_u64.pow(18))));
        assert_eq!(
            wei("1000000000").map(open),
            Ok("1000000000 OPEN".to_owned())
        );
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "1_000",
            "0x1",
            "1 OPEN",
            "0.0000000000000000001",
        ] {
            assert_eq!(wei(text), Err(AmountError::Malformed), "{text:?}");
        }
        assert_eq!(wei("0.0"), Err(AmountError::Zero));
        assert_eq!(wei("1000000000.1"), Err(AmountError::TooMuch));
        assert_eq!(wei(&"9".repeat(100)), Err(AmountError::TooMuch));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(wei in 1..=10_u128.pow(27)) {
            let amount = U256::from(wei);
            prop_assert_eq!(decimal(amount).parse().map(OpenAmount::wei), Ok(amount));
        }
    }
}
