// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Timelock} from "./Timelock.sol";

/// @title CodeTimelock
/// @notice Changes code and owners, on both layers: after thirty days, more than an exit takes.
/// @dev Stands behind a `Proxy`.
contract CodeTimelock is Timelock {
    /// @inheritdoc Timelock
    function _delays() internal pure override returns (uint256 initial, uint256 most) {
        return (30 days, 90 days);
    }
}
