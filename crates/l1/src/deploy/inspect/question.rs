//! A call to a contract, and what is asked of its answer.

use super::super::{DeployError, Reading, Value};
use crate::{L1Client, L1Error};
use alloy_eips::BlockId;
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;

/// What is asked of a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    Must(Value),
    Genesis(Value),
    Show(fn(U256) -> Value),
}

/// A call whose answer is one word.
pub(super) struct Question {
    what: &'static str,
    to: Address,
    data: Vec<u8>,
    rule: Rule,
}

pub(super) fn ask(what: &'static str, to: Address, call: &impl SolCall, rule: Rule) -> Question {
    Question {
        what,
        to,
        data: call.abi_encode(),
        rule,
    }
}

pub(super) fn address(value: U256) -> Value {
    Value::Address(Address::from_word(value.into()))
}

impl Question {
    pub(super) async fn answer(self, client: &L1Client) -> Result<Reading, DeployError> {
        let word = word(client, self.what, self.to, self.data).await?;
        Ok(self.rule.judge(self.what, word))
    }
}

impl Rule {
    fn judge(self, what: &'static str, word: U256) -> Reading {
        match self {
            Self::Must(expected) => Reading::must_be(what, like(expected, word), expected),
            Self::Genesis(expected) => {
                Reading::at_genesis(what, like(expected, word), Some(expected))
            }
            Self::Show(form) => Reading::at_genesis(what, form(word), None),
        }
    }

    /// A value that may change, and was this one at genesis if that is known.
    pub(super) fn may_change(genesis: Option<Value>, form: fn(U256) -> Value) -> Self {
        genesis.map_or(Self::Show(form), Self::Genesis)
    }
}

/// A word in the form of another value.
pub(in crate::deploy) fn like(form: Value, word: U256) -> Value {
    match form {
        Value::Address(_) | Value::Nobody => address(word),
        Value::Hash(_) => Value::Hash(word.into()),
        Value::Number(_) => Value::Number(word),
        Value::Amount(_) => Value::Amount(word),
        Value::Seconds(_) => Value::Seconds(word),
    }
}

/// The first word of a call's answer.
///
/// # Errors
/// [`DeployError::NotAnswered`] if the call reverts or answers nothing; an L1 that can't be read.
pub(in crate::deploy) async fn word(
    client: &L1Client,
    what: &'static str,
    to: Address,
    data: Vec<u8>,
) -> Result<U256, DeployError> {
    let not_answered = |source| DeployError::NotAnswered {
        what,
        contract: to,
        source: Box::new(source),
    };
    let answer = match client.call(to, data.into(), BlockId::latest()).await {
        Ok(answer) => answer,
        Err(error) if error.is_revert() => return Err(not_answered(error)),
        Err(error) => return Err(error.into()),
    };
    let first: Option<[u8; 32]> = answer.get(..32).and_then(|word| word.try_into().ok());
    match first {
        Some(word) => Ok(U256::from_be_bytes(word)),
        // As from an address without code.
        None => Err(not_answered(L1Error::Abi {
            function: what,
            source: alloy_sol_types::Error::Overrun,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Standing;

    #[test]
    fn a_rule_says_how_a_value_stands() {
        let seven = Value::Number(U256::from(7));
        let standing = |rule: Rule, word: u64| rule.judge("it", U256::from(word)).standing;
        assert_eq!(standing(Rule::Must(seven), 7), Standing::Right);
        assert_eq!(standing(Rule::Must(seven), 8), Standing::Wrong);
        assert_eq!(standing(Rule::Genesis(seven), 8), Standing::Changed);
        assert_eq!(standing(Rule::Show(Value::Number), 8), Standing::Shown);
        let wrong = Rule::Must(seven).judge("it", U256::from(8));
        assert_eq!(wrong.to_string(), "it is 8 on L1, not 7");
    }
}
