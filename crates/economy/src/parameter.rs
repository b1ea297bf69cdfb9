//! The contracts' parameters (`docs/spec/parameters.md`).

use crate::contracts::DatanetRegistry;
use alloy_primitives::{Address, B256, U256};
use openledger_client::Node;

/// The value of a contract's parameter. Names are ASCII and at most 32 bytes long; a longer one is cut.
///
/// # Errors
/// A node that doesn't answer; a parameter that the contract doesn't have.
pub async fn parameter(node: &Node, contract: Address, name: &str) -> anyhow::Result<U256> {
    // Every contract with parameters has this function.
    let name = parameter_name(name);
    node.ask(contract, DatanetRegistry::parameterCall { name })
        .await
}

/// A parameter's name as contracts have it: left-aligned.
pub fn parameter_name(name: &str) -> B256 {
    let mut word = B256::ZERO;
    for (to, from) in word.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn names_are_left_aligned() {
        let word = parameter_name("stake");
        assert_eq!(&word[..6], &hex!("7374616b6500"));
        assert_eq!(word[6..], [0; 26]);
    }
}
