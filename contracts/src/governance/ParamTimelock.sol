// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Timelock} from "./Timelock.sol";

/// @title ParamTimelock
/// @notice Changes parameters, pauses functions of the native precompiles, spends the treasury: after two days.
/// @dev Stands behind a `Proxy`.
contract ParamTimelock is Timelock {
    /// @inheritdoc Timelock
    function _delays() internal pure override returns (uint256 initial, uint256 most) {
        return (2 days, 14 days);
    }
}
