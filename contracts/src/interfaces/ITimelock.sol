// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title ITimelock
/// @notice What the two timelocks add to OpenZeppelin's TimelockController, whose functions they have: `Governor` schedules and
///         cancels, anyone executes what is due, `CodeTimelock` gives and takes roles. Calls bring no OPEN, and none is held.
/// @dev    `minDelaySeconds` is the setting of `initialize`. Afterwards the timelock alone changes it, by `updateDelay`;
///         both revert with `ParameterOutOfBounds`.
interface ITimelock {
    /// @notice A call, or the caller, brings OPEN.
    error ValueRefused(uint256 value);

    /// @notice The batch is longer than `most`.
    error TooManyCalls(uint256 given, uint256 most);

    /// @notice Runs once, at genesis. `minDelaySeconds` may be any from one second to the greatest delay.
    /// @dev    Reverts with `UnknownParameter` for any other setting, `ParameterOutOfBounds`.
    function initialize(Setting[] calldata settings) external;

    /// @notice Bounds of the least delay, seconds. The lower one is the default, or what the chain began with if that is less.
    function delayBounds() external view returns (uint256 least, uint256 most);

    /// @notice Most calls of a batch.
    function MAX_CALLS() external view returns (uint256);
}
