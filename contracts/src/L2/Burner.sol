// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Burner
/// @notice Takes the value that it is created with out of existence: a contract that destroys itself in the transaction
///         that created it, in favour of itself, takes its balance with it (EIP-6780).
contract Burner {
    constructor() payable {
        selfdestruct(payable(address(this)));
    }
}
