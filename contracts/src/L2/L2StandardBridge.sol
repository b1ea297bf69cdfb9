// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL2StandardBridge} from "../interfaces/IL2StandardBridge.sol";
import {ILegacyMintableERC20} from "../interfaces/ILegacyMintableERC20.sol";
import {IStandardBridge} from "../interfaces/IStandardBridge.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {StandardBridge} from "../universal/StandardBridge.sol";

/// @title L2StandardBridge
/// @dev Genesis writes slot 1, the bridge on L1; zero on a chain that doesn't settle.
contract L2StandardBridge is IL2StandardBridge, StandardBridge {
    /* STORAGE */

    /// @inheritdoc IL2StandardBridge
    address public l1TokenBridge;

    /* TOKENS */

    /// @inheritdoc IL2StandardBridge
    function withdraw(address l2Token, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        external
        payable
        onlyEOA
    {
        _withdraw(l2Token, msg.sender, amount, minGasLimit, extraData);
    }

    /// @inheritdoc IL2StandardBridge
    function withdrawTo(address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        external
        payable
    {
        _withdraw(l2Token, to, amount, minGasLimit, extraData);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IStandardBridge
    function messenger() public pure override(IStandardBridge, StandardBridge) returns (address) {
        return Predeploys.L2_CROSS_DOMAIN_MESSENGER;
    }

    /// @inheritdoc IStandardBridge
    function otherBridge() public view override(IStandardBridge, StandardBridge) returns (address) {
        return l1TokenBridge;
    }

    /* INTERNAL FUNCTIONS */

    function _withdraw(address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        private
    {
        if (msg.value != 0) revert NativeValueRefused(msg.value);
        if (l2Token == Predeploys.LEGACY_ERC20_ETH) revert TokenRefused(l2Token);
        _initiate(l2Token, ILegacyMintableERC20(l2Token).l1Token(), to, amount, minGasLimit, extraData);
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
        emit WithdrawalInitiated(remoteToken, localToken, from, to, amount, extraData);
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
        emit DepositFinalized(remoteToken, localToken, from, to, amount, extraData);
        super._emitFinalized(localToken, remoteToken, from, to, amount, extraData);
    }
}
