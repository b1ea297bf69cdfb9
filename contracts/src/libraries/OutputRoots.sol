// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title OutputRoots
/// @notice An output root commits to L2 as of one block. Version 0 is the only one.
library OutputRoots {
    /// @notice What an output root is the hash of.
    /// @param version                  0.
    /// @param stateRoot                State root of the L2 block.
    /// @param messagePasserStorageRoot Storage root of the L2ToL1MessagePasser in that state.
    /// @param latestBlockhash          Hash of the L2 block.
    struct Proof {
        bytes32 version;
        bytes32 stateRoot;
        bytes32 messagePasserStorageRoot;
        bytes32 latestBlockhash;
    }

    /// @notice The output root that `proof` opens.
    function hash(Proof memory proof) internal pure returns (bytes32) {
        return
            keccak256(abi.encode(proof.version, proof.stateRoot, proof.messagePasserStorageRoot, proof.latestBlockhash));
    }
}
