// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Withdrawals
/// @notice The identity of a withdrawal, the same on both layers.
library Withdrawals {
    /// @notice A withdrawal as L2 records it and L1 executes it.
    /// @param nonce    Versioned nonce: the version in the top 16 bits, the count in the low 240.
    /// @param sender   Who withdrew, on L2.
    /// @param target   Who is called on L1.
    /// @param value    OPEN to release, in wei.
    /// @param gasLimit Least gas of the call on L1.
    /// @param data     Calldata of the call on L1.
    struct Withdrawal {
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }

    /// @notice Identity of `withdrawal`: the hash of its six fields as ABI arguments (without the struct's own offset).
    function hash(Withdrawal memory withdrawal) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                withdrawal.nonce,
                withdrawal.sender,
                withdrawal.target,
                withdrawal.value,
                withdrawal.gasLimit,
                withdrawal.data
            )
        );
    }

    /// @notice Puts `version` into the top 16 bits of `count`.
    function versionedNonce(uint240 count, uint16 version) internal pure returns (uint256) {
        return (uint256(version) << 240) | count;
    }
}
