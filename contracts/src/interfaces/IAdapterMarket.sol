// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IAdapterMarket
/// @notice Who is paid for a registry id, at which price it serves, and whether it does.
interface IAdapterMarket {
    function initialize(Setting[] calldata settings) external;

    /// @notice Whom royalties of a registry id go to: the payee that was set; else an adapter's developer, or a base's model's
    ///         payee in `ModelRegistry`; else the treasury.
    function payeeOf(uint64 id) external view returns (address);

    /// @notice Price of a call, wei: per thousand tokens in and out, rounded up.
    /// @dev    Reverts if the adapter isn't offered.
    function quote(uint64 adapter, uint256 tokensIn, uint256 tokensOut) external view returns (uint256);

    /// @notice Whether the adapter is offered: listed, active, not disputed.
    function isOffered(uint64 adapter) external view returns (bool);
}
