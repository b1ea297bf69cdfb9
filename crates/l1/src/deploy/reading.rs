//! What was read of the contracts, and how it stands to what is expected.

use alloy_primitives::{Address, B256, U256};
use std::fmt;

/// A value that was read, in the form in which it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// An address.
    Address(Address),
    /// A hash.
    Hash(B256),
    /// A number.
    Number(U256),
    /// An amount of OPEN or ETH, wei.
    Amount(U256),
    /// Seconds.
    Seconds(U256),
    /// No account.
    Nobody,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Hash(hash) => write!(f, "{hash}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Amount(wei) => {
                let (whole, rest) = wei.div_rem(U256::from(1_000_000_000_000_000_000_u64));
                let text = format!("{rest:018}");
                match text.trim_end_matches('0') {
                    "" => write!(f, "{whole}"),
                    fraction => write!(f, "{whole}.{fraction}"),
                }
            }
            Self::Seconds(seconds) => write!(f, "{seconds} s"),
            Self::Nobody => write!(f, "nobody"),
        }
    }
}

/// How a value stands to what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is what it must be.
    Right,
    /// It is not.
    Wrong,
    /// It may be anything, and was something else at genesis.
    Changed,
    /// It may be anything.
    Shown,
}

/// One value of the contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Which.
    pub what: &'static str,
    /// What it is.
    pub actual: Value,
    /// What it must be, must be at least, or was at genesis.
    pub expected: Option<Value>,
    /// How the two stand.
    pub standing: Standing,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.what, self.actual)?;
        match (self.standing, &self.expected) {
            (Standing::Wrong, Some(expected)) => write!(f, " on L1, not {expected}"),
            (Standing::Changed, Some(expected)) => write!(f, ", at genesis {expected}"),
            _ => Ok(()),
        }
    }
}

impl Reading {
    /// A value that must be another.
    pub fn must_be(what: &'static str, actual: Value, expected: Value) -> Self {
        let standing = if actual == expected {
            Standing::Right
        } else {
            Standing::Wrong
        };
        Self {
            what,
            actual,
            expected: Some(expected),
            standing,
        }
    }

    /// A value that may change, and was this one at genesis; `None` where that isn't known.
    pub fn at_genesis(what: &'static str, actual: Value, genesis: Option<Value>) -> Self {
        let standing = match genesis {
            None => Standing::Shown,
            Some(genesis) if genesis == actual => Standing::Right,
            Some(_) => Standing::Changed,
        };
        Self {
            what,
            actual,
            expected: genesis,
            standing,
        }
    }

    /// An amount in wei that must be no less than another.
    pub fn at_least(what: &'static str, actual: U256, least: U256) -> Self {
        let standing = if actual >= least {
            Standing::Right
        } else {
            Standing::Wrong
        };
        Self {
            what,
            actual: Value::Amount(actual),
            expected: Some(Value::Amount(least)),
            standing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_whole_units() {
        for (wei, text) in [
            (0_u128, "0"),
            (1, "0.000000000000000001"),
            (80_000_000_000_000_000, "0.08"),
            (1_000_000_000_000_000_000, "1"),
            (10_000_500_000_000_000_000_000, "10000.5"),
        ] {
            assert_eq!(Value::Amount(U256::from(wei)).to_string(), text);
        }
    }

    #[test]
    fn an_amount_must_be_enough() {
        let standing = |actual| Reading::at_least("it", U256::from(actual), U256::from(7)).standing;
        assert_eq!(standing(6), Standing::Wrong);
        assert_eq!(standing(7), Standing::Right);
    }

    #[test]
    fn what_may_change_is_no_fault() {
        let [one, two] = [1, 2].map(|byte| Value::Address(Address::with_last_byte(byte)));
        let standing = |genesis| Reading::at_genesis("it", one, genesis).standing;
        assert_eq!(standing(Some(one)), Standing::Right);
        assert_eq!(standing(Some(two)), Standing::Changed);
        assert_eq!(standing(None), Standing::Shown);
        assert_eq!(
            Reading::must_be("it", Value::Nobody, one).standing,
            Standing::Wrong
        );
    }
}
