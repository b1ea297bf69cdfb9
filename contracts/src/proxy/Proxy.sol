// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IProxy} from "../interfaces/IProxy.sol";
import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";
import {Proxy as DelegatingProxy} from "@openzeppelin/contracts/proxy/Proxy.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {StorageSlot} from "@openzeppelin/contracts/utils/StorageSlot.sol";

/// @title Proxy
/// @notice Stands at an address for good while the code behind it can be replaced. It keeps no state of its own but the
///         two ERC-1967 slots, so that genesis can place it by writing these.
contract Proxy is IProxy, DelegatingProxy {
    /* CONSTRUCTOR */

    /// @param initialAdmin Who may set the implementation.
    constructor(address initialAdmin) {
        _setAdmin(initialAdmin);
    }

    /* MODIFIERS */

    /// @dev Runs the function for the admin; delegates the whole call, and does not come back, for anybody else.
    modifier delegateUnlessAdmin() {
        if (msg.sender != ERC1967Utils.getAdmin() && msg.sender != address(0)) _fallback();
        _;
    }

    /// @dev Value that arrives without calldata is for the implementation, too.
    receive() external payable {
        _fallback();
    }

    /* ADMIN FUNCTIONS */

    /// @inheritdoc IProxy
    function upgradeTo(address newImplementation) external delegateUnlessAdmin {
        _setImplementation(newImplementation);
    }

    /// @inheritdoc IProxy
    function upgradeToAndCall(address newImplementation, bytes calldata data)
        external
        payable
        delegateUnlessAdmin
        returns (bytes memory)
    {
        _setImplementation(newImplementation);
        return Address.functionDelegateCall(newImplementation, data);
    }

    /// @inheritdoc IProxy
    function changeAdmin(address newAdmin) external delegateUnlessAdmin {
        _setAdmin(newAdmin);
    }

    /// @inheritdoc IProxy
    function admin() external delegateUnlessAdmin returns (address) {
        return ERC1967Utils.getAdmin();
    }

    /// @inheritdoc IProxy
    function implementation() external delegateUnlessAdmin returns (address) {
        return ERC1967Utils.getImplementation();
    }

    /* INTERNAL FUNCTIONS */

    /// @inheritdoc DelegatingProxy
    function _implementation() internal view override returns (address current) {
        current = ERC1967Utils.getImplementation();
        if (current == address(0)) revert ProxyWithoutImplementation();
    }

    function _setImplementation(address newImplementation) private {
        if (newImplementation.code.length == 0) revert ImplementationWithoutCode(newImplementation);
        StorageSlot.getAddressSlot(ERC1967Utils.IMPLEMENTATION_SLOT).value = newImplementation;
        emit Upgraded(newImplementation);
    }

    function _setAdmin(address newAdmin) private {
        if (newAdmin == address(0)) revert ZeroAdmin();
        address previousAdmin = ERC1967Utils.getAdmin();
        StorageSlot.getAddressSlot(ERC1967Utils.ADMIN_SLOT).value = newAdmin;
        emit AdminChanged(previousAdmin, newAdmin);
    }
}
