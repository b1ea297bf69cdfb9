use alloy_primitives::{B256, keccak256};

/// What a version 0 output root commits to.
///
/// | offset | width | field                                                |
/// |--------|-------|------------------------------------------------------|
/// | 0      | 32    | version: zero                                        |
/// | 32     | 32    | state root                                           |
/// | 64     | 32    | storage root of the message passer                   |
/// | 96     | 32    | block hash                                           |
///
/// Source: OP specification, "L2 output commitment construction".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputRoot {
    /// State root of the block.
    pub state_root: B256,
    /// Storage root of `L2ToL1MessagePasser`; since Isthmus the header's withdrawals root.
    pub message_passer_storage_root: B256,
    /// Hash of the block.
    pub block_hash: B256,
}

impl OutputRoot {
    /// The output root: keccak256 of the 128 bytes above.
    pub fn hash(&self) -> B256 {
        let mut preimage = [0; 128];
        preimage[32..64].copy_from_slice(self.state_root.as_slice());
        preimage[64..96].copy_from_slice(self.message_passer_storage_root.as_slice());
        preimage[96..].copy_from_slice(self.block_hash.as_slice());
        keccak256(preimage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_hash_of_the_four_words() {
        let output = OutputRoot {
            state_root: B256::repeat_byte(1),
            message_passer_storage_root: B256::repeat_byte(2),
            block_hash: B256::repeat_byte(3),
        };
        let words = [[0; 32], [1; 32], [2; 32], [3; 32]].concat();
        assert_eq!(output.hash(), keccak256(words));
    }
}
