// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {IGovernanceExecutor} from "../interfaces/IGovernanceExecutor.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title GovernanceExecutor
/// @dev Without a proxy, without an owner: its code never changes. During its calls the messenger relays nothing else, so
///      that no call can come back here.
contract GovernanceExecutor is IGovernanceExecutor {
    /* CONSTANTS */

    /// @inheritdoc IGovernanceExecutor
    uint256 public constant MAX_CALLS = 64;

    /* IMMUTABLES */

    /// @inheritdoc IGovernanceExecutor
    ICrossDomainMessenger public immutable messenger;
    /// @inheritdoc IGovernanceExecutor
    address public immutable l2Sender;

    /* CONSTRUCTOR */

    /// @param newMessenger The messenger on L1.
    /// @param newL2Sender  The account on L2, one of the two timelocks.
    constructor(ICrossDomainMessenger newMessenger, address newL2Sender) {
        if (address(newMessenger) == address(0) || newL2Sender == address(0)) revert ZeroAddress();
        messenger = newMessenger;
        l2Sender = newL2Sender;
    }

    /* CALLS */

    /// @inheritdoc IGovernanceExecutor
    function execute(Call[] calldata calls) external {
        if (msg.sender != address(messenger)) revert NotMessenger(msg.sender);
        address sender = messenger.xDomainMessageSender();
        if (sender != l2Sender) revert NotOwner(sender);
        if (calls.length > MAX_CALLS) revert TooManyCalls(calls.length, MAX_CALLS);
        for (uint256 i = 0; i < calls.length; ++i) {
            Address.functionCall(calls[i].target, calls[i].data);
            emit CallExecuted(i, calls[i].target, calls[i].data);
        }
    }
}
