// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {IL2CrossDomainMessenger} from "../interfaces/IL2CrossDomainMessenger.sol";
import {IL2ToL1MessagePasser} from "../interfaces/IL2ToL1MessagePasser.sol";
import {AddressAliasing} from "../libraries/AddressAliasing.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {CrossDomainMessenger} from "../universal/CrossDomainMessenger.sol";

/// @title L2CrossDomainMessenger
/// @dev Genesis writes slot 3, the messenger on L1; zero on a chain that doesn't settle.
contract L2CrossDomainMessenger is IL2CrossDomainMessenger, CrossDomainMessenger {
    /* CONSTANTS */

    /// @dev An L1 transaction has 16,777,216 gas at most. What a withdrawal's payment takes beside its call's gas is 16 a
    ///      byte of calldata, of which there are 250,000 at most (`baseGas` counts 40 a byte), and some 100,000s.
    uint64 private constant GAS_LIMIT_MAX = 10_000_000;

    /* STORAGE */

    /// @inheritdoc IL2CrossDomainMessenger
    address public l1CrossDomainMessenger;

    /* VIEW FUNCTIONS */

    /// @inheritdoc ICrossDomainMessenger
    function otherMessenger() public view override(CrossDomainMessenger, ICrossDomainMessenger) returns (address) {
        return l1CrossDomainMessenger;
    }

    /// @inheritdoc ICrossDomainMessenger
    function paused() public pure override(CrossDomainMessenger, ICrossDomainMessenger) returns (bool) {
        return false;
    }

    /* INTERNAL FUNCTIONS */

    /// @inheritdoc CrossDomainMessenger
    function _send(address to, uint64 gasLimit, bytes memory data) internal override {
        if (gasLimit > GAS_LIMIT_MAX) revert GasLimitTooHigh(gasLimit, GAS_LIMIT_MAX);
        IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER).initiateWithdrawal(to, gasLimit, data);
    }

    /// @inheritdoc CrossDomainMessenger
    function _isOtherMessenger() internal view override returns (bool) {
        address other = l1CrossDomainMessenger;
        return other != address(0) && msg.sender == AddressAliasing.applyAlias(other);
    }

    /// @inheritdoc CrossDomainMessenger
    /// @dev A withdrawal that the messenger makes is a message of its own making on L1, in anybody's name.
    function _isRefusedTarget(address target) internal view override returns (bool) {
        return target == address(this) || target == Predeploys.L2_TO_L1_MESSAGE_PASSER;
    }
}
