// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IProxy} from "../interfaces/IProxy.sol";
import {IProxyAdmin} from "../interfaces/IProxyAdmin.sol";
import {IStaticProxy} from "../interfaces/IStaticProxy.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title ProxyAdmin
/// @notice The admin of every proxy on its layer. On L2 it stands behind a proxy whose admin is itself.
/// @dev Storage: slot 0 holds the owner, which genesis writes on L2.
contract ProxyAdmin is IProxyAdmin, Ownable {
    /* CONSTRUCTOR */

    constructor(address initialOwner) Ownable(initialOwner) {}

    /* OWNER FUNCTIONS */

    /// @inheritdoc IProxyAdmin
    function upgrade(address payable proxy, address implementation) external onlyOwner {
        IProxy(proxy).upgradeTo(implementation);
    }

    /// @inheritdoc IProxyAdmin
    function upgradeAndCall(address payable proxy, address implementation, bytes calldata data)
        external
        payable
        onlyOwner
    {
        IProxy(proxy).upgradeToAndCall{value: msg.value}(implementation, data);
    }

    /// @inheritdoc IProxyAdmin
    function changeProxyAdmin(address payable proxy, address newAdmin) external onlyOwner {
        IProxy(proxy).changeAdmin(newAdmin);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IProxyAdmin
    function getProxyImplementation(address proxy) external view returns (address) {
        return IStaticProxy(proxy).implementation();
    }

    /// @inheritdoc IProxyAdmin
    function getProxyAdmin(address payable proxy) external view returns (address) {
        return IStaticProxy(proxy).admin();
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
