// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title ILegacyMintableERC20
/// @notice The form that `IOptimismMintableERC20` had before. The bridge takes tokens of either.
interface ILegacyMintableERC20 {
    /// @notice Makes `amount` for `to`. The bridge only.
    function mint(address to, uint256 amount) external;

    /// @notice Takes `amount` from `from`, without an allowance. The bridge only.
    function burn(address from, uint256 amount) external;

    /// @notice The token on L1 that this one stands for.
    function l1Token() external returns (address);
}
