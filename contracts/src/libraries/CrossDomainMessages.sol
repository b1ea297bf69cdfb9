// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";

/// @title CrossDomainMessages
/// @notice The encoding of messages between the two messengers, and their identity.
library CrossDomainMessages {
    /// @notice Calldata that the other messenger is called with: a call of `relayMessage`.
    function encode(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes memory message
    ) internal pure returns (bytes memory) {
        return abi.encodeCall(ICrossDomainMessenger.relayMessage, (nonce, sender, target, value, minGasLimit, message));
    }

    /// @notice Identity of a message of version 1: the hash of its encoding.
    function hash(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes memory message
    ) internal pure returns (bytes32) {
        return keccak256(encode(nonce, sender, target, value, minGasLimit, message));
    }

    /// @notice The version in the top 16 bits of a nonce.
    function version(uint256 nonce) internal pure returns (uint16) {
        // Sixteen bits are left of the word.
        return uint16(nonce >> 240);
    }
}
