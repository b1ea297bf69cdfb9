//! The price of ETH in OPEN: what L1 costs in one is paid for on L2 in the other.

use alloy_primitives::U256;
use std::{fmt, str::FromStr};

/// Digits behind the point that a rate has.
const DECIMALS: usize = 9;
const NANOS: u64 = 1_000_000_000;

/// OPEN that an ETH costs, exact to a billionth: above zero and at most a billion, which is all the
/// OPEN that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenPerEth(u64);

/// Why a text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// It is no decimal number with at most 9 digits behind the point.
    #[error(
        "OPEN per ETH is written as in \"7500\" or \"7500.25\", with at most {DECIMALS} decimals"
    )]
    Malformed,
    /// It is zero, or more than there is.
    #[error("OPEN per ETH must be above 0 and at most 1000000000")]
    OutOfRange,
}

impl OpenPerEth {
    /// The largest rate, billionths.
    pub const NANOS_MAX: u64 = NANOS * NANOS;

    /// A rate from its billionths.
    ///
    /// # Errors
    /// [`RateError::OutOfRange`].
    pub const fn from_nanos(nanos: u64) -> Result<Self, RateError> {
        if nanos == 0 || nanos > Self::NANOS_MAX {
            return Err(RateError::OutOfRange);
        }
        Ok(Self(nanos))
    }

    /// The rate in billionths.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Wei of OPEN that so many wei of ETH are worth, rounded up. Saturates at the largest number.
    pub fn open_wei(self, eth_wei: U256) -> U256 {
        let (product, overflows) = eth_wei.overflowing_mul(U256::from(self.0));
        if overflows {
            return U256::MAX;
        }
        product.div_ceil(U256::from(NANOS))
    }
}

impl FromStr for OpenPerEth {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) || fraction.len() > DECIMALS {
            return Err(RateError::Malformed);
        }
        let whole: u64 = whole.parse().map_err(|_| RateError::OutOfRange)?;
        let fraction: u64 = format!("{fraction:0<DECIMALS$}")
            .parse()
            .map_err(|_| RateError::Malformed)?;
        let nanos = whole
            .checked_mul(NANOS)
            .and_then(|nanos| nanos.checked_add(fraction))
            .ok_or(RateError::OutOfRange)?;
        Self::from_nanos(nanos)
    }
}

impl fmt::Display for OpenPerEth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / NANOS, self.0 % NANOS);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{fraction:0DECIMALS$}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(text: &str) -> Result<u64, RateError> {
        text.parse().map(OpenPerEth::nanos)
    }

    #[test]
    fn rates_are_read() {
        assert_eq!(nanos("1"), Ok(NANOS));
        assert_eq!(nanos("7500.25"), Ok(7_500_250_000_000));
        assert_eq!(nanos("0.000000001"), Ok(1));
        assert_eq!(nanos("1000000000"), Ok(OpenPerEth::NANOS_MAX));
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "0.0000000001",
            " 1",
        ] {
            assert_eq!(nanos(text), Err(RateError::Malformed), "{text:?}");
        }
        for text in [
            "0",
            "0.0",
            "1000000000.000000001",
            "1000000001",
            "99999999999999999999999",
        ] {
            assert_eq!(nanos(text), Err(RateError::OutOfRange), "{text:?}");
        }
    }

    #[test]
    fn amounts_are_rounded_up() {
        let third = OpenPerEth::from_nanos(333_333_333).unwrap();
        assert_eq!(third.open_wei(U256::from(3)), U256::from(1));
        assert_eq!(third.open_wei(U256::from(4)), U256::from(2));
        assert_eq!(third.open_wei(U256::ZERO), U256::ZERO);
        assert_eq!(third.open_wei(U256::MAX), U256::MAX);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanos in 1..=OpenPerEth::NANOS_MAX) {
            let rate = OpenPerEth::from_nanos(nanos).unwrap();
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }
}
