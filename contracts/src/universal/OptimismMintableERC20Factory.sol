// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IOptimismMintableERC20Factory} from "../interfaces/IOptimismMintableERC20Factory.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {OptimismMintableERC20} from "./OptimismMintableERC20.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @title OptimismMintableERC20Factory
/// @dev Stands behind a `Proxy` on both layers. On L2 genesis writes slot 0, the bridge, and the slot of `Initializable`, so
///      that nobody else sets the bridge.
contract OptimismMintableERC20Factory is IOptimismMintableERC20Factory, Initializable {
    /* CONSTANTS */

    uint8 private constant DEFAULT_DECIMALS = 18;

    /* STORAGE */

    /// @inheritdoc IOptimismMintableERC20Factory
    address public bridge;
    /// @inheritdoc IOptimismMintableERC20Factory
    mapping(address localToken => address remoteToken) public deployments;

    /* CONSTRUCTOR */

    /// @dev The implementation itself can't be initialized.
    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function initialize(address newBridge) external initializer {
        if (newBridge == address(0)) revert ZeroBridge();
        bridge = newBridge;
    }

    /* CREATION */

    /// @inheritdoc IOptimismMintableERC20Factory
    function createOptimismMintableERC20(address remoteToken, string calldata name, string calldata symbol)
        external
        returns (address)
    {
        return _create(remoteToken, name, symbol, DEFAULT_DECIMALS);
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function createOptimismMintableERC20WithDecimals(
        address remoteToken,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external returns (address) {
        return _create(remoteToken, name, symbol, decimals);
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function createStandardL2Token(address remoteToken, string calldata name, string calldata symbol)
        external
        returns (address)
    {
        return _create(remoteToken, name, symbol, DEFAULT_DECIMALS);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IOptimismMintableERC20Factory
    function BRIDGE() external view returns (address) {
        return bridge;
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _create(address remoteToken, string calldata name, string calldata symbol, uint8 decimals)
        private
        returns (address localToken)
    {
        if (remoteToken == address(0)) revert ZeroRemoteToken();
        if (bridge == address(0)) revert ZeroBridge();
        bytes32 salt = keccak256(abi.encode(remoteToken, name, symbol, decimals));
        localToken = address(new OptimismMintableERC20{salt: salt}(bridge, remoteToken, name, symbol, decimals));

        deployments[localToken] = remoteToken;
        emit StandardL2TokenCreated(remoteToken, localToken);
        emit OptimismMintableERC20Created(localToken, remoteToken, msg.sender);
    }
}
