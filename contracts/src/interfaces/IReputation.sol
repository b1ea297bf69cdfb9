// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IReputation
/// @notice Points that can't be sold or given away: for upheld challenges and questions that cost somebody a bond or stake, and for reviews
///         and verdicts that agree with the outcome. Who has others refute what he did himself pays for points by what is burnt; an account
///         gets `MAX_POINTS` a `PERIOD` at most, whatever it does, but nobody knows who has several. A point is 10^18 units, so that what is left of it can be counted; every amount here is in units. Points stay with
///         the address that earned them, also when it gives its place in `ClaimVault` away.
interface IReputation {
    /// @notice `awarder` gave `account` points, which has `balance` now.
    event Awarded(address indexed account, address indexed awarder, uint256 points, uint256 balance);

    /// @notice Only the contracts where points are earned give them.
    error NotAwarder(address caller);

    /// @notice The time isn't past yet: points may still be given in this second. `now_` is the block's, seconds.
    error FutureLookup(uint256 timestamp, uint48 now_);

    /// @notice Runs once, at genesis. There are no parameters.
    /// @dev    Reverts with `UnknownParameter` for any setting.
    function initialize(Setting[] calldata settings) external;

    /// @notice Adds points, as many of them as `MAX_POINTS` leaves in this period. Only `ClusterReview` (reviews), `Jury` (verdicts),
    ///         `EpochSettlement` (upheld challenges) and `EpochQuestions` (questions that cost a worker his stake).
    /// @param points Units: 10^18 a point.
    /// @dev    Reverts with `NotAwarder`.
    function award(address account, uint256 points) external;

    /// @notice Points now, after decay, in units.
    function balanceOf(address account) external view returns (uint256);

    /// @notice Points at the end of a past second, after decay until then, in units. It never changes afterwards.
    /// @dev    Reverts with `FutureLookup`.
    function getPastBalance(address account, uint256 timestamp) external view returns (uint256);

    /// @notice Time in which points become half as many, seconds.
    function HALF_LIFE() external view returns (uint256);

    /// @notice Length of a period, seconds; the first one began with the epoch of Unix.
    function PERIOD() external view returns (uint256);

    /// @notice Most units that an account is given in a period.
    function MAX_POINTS() external view returns (uint256);
}
