// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title EOA
/// @notice Tells accounts that have a key from contracts.
library EOA {
    /// @dev What an account that delegates its code holds (EIP-7702): this, and an address.
    bytes3 private constant DELEGATION_PREFIX = 0xef0100;
    uint256 private constant DELEGATION_LENGTH = 23;

    /// @notice Whether the caller is an account with a key, which has the same owner on both layers. The one that sent
    ///         the transaction is; so is one that delegates its code.
    function isSenderEOA() internal view returns (bool) {
        if (msg.sender == tx.origin) return true;
        if (msg.sender.code.length != DELEGATION_LENGTH) return false;
        return bytes3(msg.sender.code) == DELEGATION_PREFIX;
    }
}
