// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title IOptimismMintableERC20
/// @notice What the bridge needs of a token that stands for another on the other layer. A token that announces this
///         interface by ERC-165 is minted and burnt, never locked.
interface IOptimismMintableERC20 {
    /// @notice The token on the other layer that this one stands for.
    function remoteToken() external view returns (address);

    /// @notice The bridge that mints and burns.
    function bridge() external returns (address);

    /// @notice Makes `amount` for `to`. The bridge only.
    function mint(address to, uint256 amount) external;

    /// @notice Takes `amount` from `from`, without an allowance. The bridge only.
    function burn(address from, uint256 amount) external;
}
