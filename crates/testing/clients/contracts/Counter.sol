// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// A number in slot 0 that anyone may change: storage, events and constructor arguments for the client tests.
contract Counter {
    uint256 public number;

    event NumberChanged(address indexed by, uint256 indexed number, string why);

    constructor(uint256 start) payable {
        number = start;
        emit NumberChanged(msg.sender, start, "constructed");
    }

    function setNumber(uint256 next) external {
        number = next;
        emit NumberChanged(msg.sender, next, "set");
    }

    function increment() external payable returns (uint256) {
        number += 1;
        emit NumberChanged(msg.sender, number, "incremented");
        return number;
    }

    /// Emits `count` events, for log queries whose answers must be large.
    function shout(uint256 count) external {
        for (uint256 i = 0; i < count; ++i) {
            emit NumberChanged(msg.sender, i, "shouted");
        }
    }
}
