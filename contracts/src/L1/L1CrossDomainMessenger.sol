// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {IL1CrossDomainMessenger} from "../interfaces/IL1CrossDomainMessenger.sol";
import {IRollupPortal} from "../interfaces/IRollupPortal.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {CrossDomainMessenger} from "../universal/CrossDomainMessenger.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @title L1CrossDomainMessenger
/// @dev Stands behind a `Proxy`.
contract L1CrossDomainMessenger is IL1CrossDomainMessenger, Initializable, CrossDomainMessenger {
    /* STORAGE */

    /// @inheritdoc IL1CrossDomainMessenger
    IRollupPortal public portal;

    /* CONSTRUCTOR */

    /// @dev The implementation itself can't be initialized.
    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IL1CrossDomainMessenger
    function initialize(IRollupPortal newPortal) external initializer {
        if (address(newPortal) == address(0)) revert ZeroPortal();
        portal = newPortal;
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IL1CrossDomainMessenger
    function PORTAL() external view returns (IRollupPortal) {
        return portal;
    }

    /// @inheritdoc ICrossDomainMessenger
    function otherMessenger() public pure override(CrossDomainMessenger, ICrossDomainMessenger) returns (address) {
        return Predeploys.L2_CROSS_DOMAIN_MESSENGER;
    }

    /// @inheritdoc ICrossDomainMessenger
    function paused() public view override(CrossDomainMessenger, ICrossDomainMessenger) returns (bool) {
        return portal.paused();
    }

    /* INTERNAL FUNCTIONS */

    /// @inheritdoc CrossDomainMessenger
    function _send(address to, uint64 gasLimit, bytes memory data) internal override {
        portal.depositTransaction(to, 0, gasLimit, false, data);
    }

    /// @inheritdoc CrossDomainMessenger
    function _isOtherMessenger() internal view override returns (bool) {
        return msg.sender == address(portal) && portal.l2Sender() == otherMessenger();
    }

    /// @inheritdoc CrossDomainMessenger
    /// @dev A deposit that the messenger makes is a message of its own making on L2, in anybody's name. OPEN that was sent
    ///      here by mistake stays, rather than being anybody's.
    function _isRefusedTarget(address target) internal view override returns (bool) {
        return target == address(this) || target == address(portal) || target == address(portal.open());
    }
}
