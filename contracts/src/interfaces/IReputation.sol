// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IReputation
/// @notice Points that can't be bought, sold or given: for upheld challenges and for revealed reviews that agree with the outcome.
interface IReputation {
    function initialize(Setting[] calldata settings) external;

    /// @notice Adds points. Only `DatanetRegistry` (reviews), `Jury` (verdicts) and `EpochSettlement` (upheld challenges).
    function award(address account, uint256 points) external;

    /// @notice Points now, after decay.
    function balanceOf(address account) external view returns (uint256);
}
