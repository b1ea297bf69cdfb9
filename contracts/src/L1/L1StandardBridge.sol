// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL1CrossDomainMessenger} from "../interfaces/IL1CrossDomainMessenger.sol";
import {IL1StandardBridge} from "../interfaces/IL1StandardBridge.sol";
import {IStandardBridge} from "../interfaces/IStandardBridge.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {StandardBridge} from "../universal/StandardBridge.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @title L1StandardBridge
/// @dev Stands behind a `Proxy`.
contract L1StandardBridge is IL1StandardBridge, Initializable, StandardBridge {
    /* STORAGE */

    /// @dev Read by `messenger`.
    address private l1Messenger;

    /* CONSTRUCTOR */

    /// @dev The implementation itself can't be initialized.
    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IL1StandardBridge
    function initialize(address newMessenger) external initializer {
        if (newMessenger == address(0)) revert ZeroMessenger();
        l1Messenger = newMessenger;
    }

    /* NATIVE VALUE */

    /// @inheritdoc IL1StandardBridge
    function depositETH(uint32, bytes calldata) external payable {
        revert NativeValueRefused(msg.value);
    }

    /// @inheritdoc IL1StandardBridge
    function depositETHTo(address, uint32, bytes calldata) external payable {
        revert NativeValueRefused(msg.value);
    }

    /* TOKENS */

    /// @inheritdoc IL1StandardBridge
    function depositERC20(
        address l1Token,
        address l2Token,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external onlyEOA {
        _initiate(l1Token, l2Token, msg.sender, amount, minGasLimit, extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function depositERC20To(
        address l1Token,
        address l2Token,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external {
        _initiate(l1Token, l2Token, to, amount, minGasLimit, extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function finalizeERC20Withdrawal(
        address l1Token,
        address l2Token,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) external {
        _finalize(l1Token, l2Token, from, to, amount, extraData);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IStandardBridge
    function messenger() public view override(IStandardBridge, StandardBridge) returns (address) {
        return l1Messenger;
    }

    /// @inheritdoc IStandardBridge
    function otherBridge() public pure override(IStandardBridge, StandardBridge) returns (address) {
        return Predeploys.L2_STANDARD_BRIDGE;
    }

    /// @inheritdoc IL1StandardBridge
    function l2TokenBridge() external pure returns (address) {
        return otherBridge();
    }

    /* INTERNAL FUNCTIONS */

    /// @inheritdoc StandardBridge
    function _isRefusedToken(address token) internal view override returns (bool) {
        return token == address(IL1CrossDomainMessenger(l1Messenger).portal().open());
    }

    /// @inheritdoc StandardBridge
    function _emitInitiated(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) internal override {
        emit ERC20DepositInitiated(localToken, remoteToken, from, to, amount, extraData);
        super._emitInitiated(localToken, remoteToken, from, to, amount, extraData);
    }

    /// @inheritdoc StandardBridge
    function _emitFinalized(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) internal override {
        emit ERC20WithdrawalFinalized(localToken, remoteToken, from, to, amount, extraData);
        super._emitFinalized(localToken, remoteToken, from, to, amount, extraData);
    }
}
