// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL2ToL1MessagePasser} from "../interfaces/IL2ToL1MessagePasser.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Withdrawals} from "../libraries/Withdrawals.sol";
import {Burner} from "./Burner.sol";

/// @title L2ToL1MessagePasser
/// @dev L1 proves `sentMessages[hash]` by its slot, so the mapping must stay at slot 0.
contract L2ToL1MessagePasser is IL2ToL1MessagePasser {
    using Withdrawals for Withdrawals.Withdrawal;

    /* CONSTANTS */

    /// @inheritdoc IL2ToL1MessagePasser
    uint16 public constant MESSAGE_VERSION = 1;

    /// @dev Gas of the L1 call of a withdrawal that was made by a plain transfer.
    uint256 private constant RECEIVE_GAS_LIMIT = 100_000;

    /* STORAGE */

    /// @inheritdoc IL2ToL1MessagePasser
    mapping(bytes32 withdrawalHash => bool) public sentMessages;

    uint240 private messageCount;

    /* WITHDRAWALS */

    /// @notice A plain transfer withdraws to the sender's own address on L1.
    receive() external payable {
        _initiateWithdrawal(msg.sender, RECEIVE_GAS_LIMIT, "");
    }

    /// @inheritdoc IL2ToL1MessagePasser
    function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data) external payable {
        _initiateWithdrawal(target, gasLimit, data);
    }

    /// @inheritdoc IL2ToL1MessagePasser
    function burn() external {
        uint256 amount = address(this).balance;
        new Burner{value: amount}();
        emit WithdrawerBalanceBurnt(amount);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IL2ToL1MessagePasser
    function messageNonce() public view returns (uint256) {
        return Withdrawals.versionedNonce(messageCount, MESSAGE_VERSION);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _initiateWithdrawal(address target, uint256 gasLimit, bytes memory data) private {
        uint256 nonce = messageNonce();
        bytes32 withdrawalHash = Withdrawals.Withdrawal({
            nonce: nonce, sender: msg.sender, target: target, value: msg.value, gasLimit: gasLimit, data: data
        }).hash();

        sentMessages[withdrawalHash] = true;
        // Bound: one increment a call cannot reach 2^240.
        unchecked {
            ++messageCount;
        }

        emit MessagePassed(nonce, msg.sender, target, msg.value, gasLimit, data, withdrawalHash);
    }
}
