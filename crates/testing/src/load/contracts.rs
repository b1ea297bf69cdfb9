//! The workloads' contracts: sources beside the bytecode in `contracts/` (`compile.mjs` rewrites it).

use alloy_primitives::{Address, Bytes, U256, hex, keccak256};
use anyhow::{Context as _, Result};

const TOKEN: &str = include_str!("contracts/Token.hex");
const PAIR: &str = include_str!("contracts/Pair.hex");

/// Gas limit over what a call is expected to use, percent.
pub const BURNT_GAS_HEADROOM: u64 = 25;

/// Creation code of the token.
///
/// # Errors
/// The committed bytecode is broken.
pub fn token_creation() -> Result<Bytes> {
    Ok(hex::decode(TOKEN.trim()).context("Token.hex")?.into())
}

/// Creation code of the pair of two tokens.
///
/// # Errors
/// The committed bytecode is broken.
pub fn pair_creation(token0: Address, token1: Address) -> Result<Bytes> {
    let mut code = hex::decode(PAIR.trim()).context("Pair.hex")?;
    code.extend_from_slice(token0.into_word().as_slice());
    code.extend_from_slice(token1.into_word().as_slice());
    Ok(code.into())
}

/// Call data of a function of static one-word arguments, such as `transfer(address,uint256)`.
pub fn call_data(signature: &str, arguments: &[U256]) -> Bytes {
    let mut data = Vec::with_capacity(4 + 32 * arguments.len());
    data.extend_from_slice(&keccak256(signature)[..4]);
    for argument in arguments {
        data.extend_from_slice(&argument.to_be_bytes::<32>());
    }
    data.into()
}

/// An address as an argument.
pub(super) fn word(address: Address) -> U256 {
    address.into_word().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_data_is_selector_and_words() {
        let data = call_data("transfer(address,uint256)", &[U256::from(1), U256::from(2)]);
        assert_eq!(data[..4], hex!("a9059cbb"));
        assert_eq!((data.len(), data[35], data[67]), (68, 1, 2));
    }
}
