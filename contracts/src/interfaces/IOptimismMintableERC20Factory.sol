// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title IOptimismMintableERC20Factory
/// @notice Makes tokens that the bridge of this layer mints and burns. Anybody may make one for any remote token, with any
///         name: that the factory made it says nothing about the token that it names. The same arguments give the same
///         address, once.
interface IOptimismMintableERC20Factory is IVersioned {
    /// @notice A token was made.
    event StandardL2TokenCreated(address indexed remoteToken, address indexed localToken);

    /// @notice Follows every `StandardL2TokenCreated`.
    event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer);

    /// @notice The remote token is the zero address.
    error ZeroRemoteToken();

    /// @notice The bridge is the zero address.
    error ZeroBridge();

    /// @notice Sets the bridge. Once only; on L2 genesis did it.
    function initialize(address newBridge) external;

    /// @notice Makes a token with 18 decimals.
    /// @param remoteToken The token on the other layer that it stands for.
    /// @return localToken Its address.
    function createOptimismMintableERC20(address remoteToken, string calldata name, string calldata symbol)
        external
        returns (address localToken);

    /// @notice Makes a token.
    function createOptimismMintableERC20WithDecimals(
        address remoteToken,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external returns (address localToken);

    /// @notice The same as `createOptimismMintableERC20`, under its older name.
    function createStandardL2Token(address remoteToken, string calldata name, string calldata symbol)
        external
        returns (address localToken);

    /// @notice The remote token of a token that this factory made; zero for any other.
    function deployments(address localToken) external view returns (address remoteToken);

    /// @notice The bridge that mints and burns the tokens.
    function bridge() external view returns (address);

    /// @notice The same as `bridge`, under its older name.
    function BRIDGE() external view returns (address);
}
