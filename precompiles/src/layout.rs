//! Where Solidity's standard storage layout puts things.

use alloy_primitives::{B256, U256, keccak256};

/// Slot of `mapping(K => V)` at `slot` for a key that is a value type, as a word: numbers and addresses
/// right-aligned, `bytesN` left-aligned.
pub fn mapping_slot(key: U256, slot: U256) -> U256 {
    mapping_slot_bytes32(B256::from(key), slot)
}

/// Slot of `mapping(bytes32 => V)` at `slot`.
pub fn mapping_slot_bytes32(key: B256, slot: U256) -> U256 {
    let mut preimage = [0; 64];
    let (left, right) = preimage.split_at_mut(32);
    left.copy_from_slice(key.as_slice());
    right.copy_from_slice(&slot.to_be_bytes::<32>());
    U256::from_be_bytes(keccak256(preimage).0)
}

/// The slot `offset` after `slot`, as of a struct's member or a fixed array's element.
pub fn offset_slot(slot: U256, offset: u64) -> U256 {
    slot.wrapping_add(U256::from(offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::uint;

    /// `keccak256(abi.encode(uint256(0), uint256(0)))`.
    #[test]
    fn a_mapping_hashes_key_and_slot() {
        assert_eq!(
            mapping_slot(U256::ZERO, U256::ZERO),
            uint!(0xad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5_U256)
        );
        assert_eq!(offset_slot(U256::from(7), 3), U256::from(10));
        assert_eq!(offset_slot(U256::MAX, 1), U256::ZERO);
    }
}
