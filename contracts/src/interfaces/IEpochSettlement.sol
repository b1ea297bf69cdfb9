// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IEpochSettlement
/// @notice Proposals, challenges and payment of the pots of each (epoch, adapter).
interface IEpochSettlement {
    function initialize(Setting[] calldata settings) external;

    /// @notice Whether nothing can change any more about what workers are paid for (epoch, adapter).
    function isSettled(uint64 epoch, uint64 adapter) external view returns (bool);

    /// @notice Takes a pot from the router, in the call in which it asked for it.
    function receivePot() external payable;
}
