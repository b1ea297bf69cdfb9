// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OutputRoots} from "../../src/libraries/OutputRoots.sol";

/// @dev The smallest L2 that recorded a withdrawal: the message passer's storage trie is one leaf.
library LeafTrie {
    /// @dev The trie's one node: `sentMessages[withdrawalHash]` is true.
    function leaf(bytes32 withdrawalHash) internal pure returns (bytes memory) {
        bytes32 slot = keccak256(abi.encode(withdrawalHash, uint256(0)));
        // A list of 35 bytes: a string of 33 (0x20 marks a leaf with an even path), and the value 1.
        return abi.encodePacked(hex"e3a120", keccak256(abi.encode(slot)), hex"01");
    }

    function proof(bytes32 withdrawalHash) internal pure returns (bytes[] memory nodes) {
        nodes = new bytes[](1);
        nodes[0] = leaf(withdrawalHash);
    }

    function outputRootProof(bytes32 withdrawalHash) internal pure returns (OutputRoots.Proof memory) {
        return OutputRoots.Proof({
            version: 0,
            stateRoot: keccak256("state root"),
            messagePasserStorageRoot: keccak256(leaf(withdrawalHash)),
            latestBlockhash: keccak256("block hash")
        });
    }
}
