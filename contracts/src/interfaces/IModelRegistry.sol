// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IModelRegistry
/// @notice Life of a model: proposal, vote, gathering of data, tuning, feedback, live, retired.
interface IModelRegistry {
    function initialize(Setting[] calldata settings) external;

    /// @notice Whom a base id of the LORA registry belongs to, if a model here stands for it; else zero.
    function payeeOfBase(uint64 base) external view returns (address);
}
