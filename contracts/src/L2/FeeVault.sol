// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFeeVault} from "../interfaces/IFeeVault.sol";
import {IL2ToL1MessagePasser} from "../interfaces/IL2ToL1MessagePasser.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title FeeVault
/// @dev Genesis writes the storage: slot 0 totalProcessed; 1 minWithdrawalAmount; 2 recipient in the low 20 bytes and
///      withdrawalNetwork in the byte above.
abstract contract FeeVault is IFeeVault {
    /* CONSTANTS */

    /// @dev Gas of the L1 call that pays the recipient.
    uint256 private constant L1_GAS_LIMIT = 400_000;

    /* STORAGE */

    /// @inheritdoc IFeeVault
    uint256 public totalProcessed;
    /// @inheritdoc IFeeVault
    uint256 public minWithdrawalAmount;
    /// @inheritdoc IFeeVault
    address public recipient;
    /// @inheritdoc IFeeVault
    WithdrawalNetwork public withdrawalNetwork;

    /* MODIFIERS */

    modifier onlyProxyAdminOwner() {
        if (msg.sender != Ownable(Predeploys.PROXY_ADMIN).owner()) revert NotProxyAdminOwner(msg.sender);
        _;
    }

    /// @notice Fees arrive by the block's accounting; anybody may add to them.
    receive() external payable {}

    /* WITHDRAWAL */

    /// @inheritdoc IFeeVault
    /// @dev A recipient that calls back finds an empty vault.
    function withdraw() external returns (uint256 value) {
        address to = recipient;
        WithdrawalNetwork network = withdrawalNetwork;
        value = address(this).balance;
        if (to == address(0)) revert ZeroRecipient();
        if (value < minWithdrawalAmount) revert BalanceBelowMinimum(value, minWithdrawalAmount);

        totalProcessed += value;
        emit Withdrawal(value, to, msg.sender);
        emit Withdrawal(value, to, msg.sender, network);

        if (network == WithdrawalNetwork.L2) {
            (bool success,) = to.call{value: value}("");
            if (!success) revert PaymentFailed(to, value);
        } else {
            IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER).initiateWithdrawal{value: value}(
                to, L1_GAS_LIMIT, ""
            );
        }
    }

    /* OWNER FUNCTIONS */

    /// @inheritdoc IFeeVault
    function setRecipient(address newRecipient) external onlyProxyAdminOwner {
        if (newRecipient == address(0)) revert ZeroRecipient();
        address oldRecipient = recipient;
        recipient = newRecipient;
        emit RecipientUpdated(oldRecipient, newRecipient);
    }

    /// @inheritdoc IFeeVault
    function setMinWithdrawalAmount(uint256 newMinWithdrawalAmount) external onlyProxyAdminOwner {
        uint256 oldMinWithdrawalAmount = minWithdrawalAmount;
        minWithdrawalAmount = newMinWithdrawalAmount;
        emit MinWithdrawalAmountUpdated(oldMinWithdrawalAmount, newMinWithdrawalAmount);
    }

    /// @inheritdoc IFeeVault
    function setWithdrawalNetwork(WithdrawalNetwork newWithdrawalNetwork) external onlyProxyAdminOwner {
        WithdrawalNetwork oldWithdrawalNetwork = withdrawalNetwork;
        withdrawalNetwork = newWithdrawalNetwork;
        emit WithdrawalNetworkUpdated(oldWithdrawalNetwork, newWithdrawalNetwork);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IFeeVault
    function MIN_WITHDRAWAL_AMOUNT() external view returns (uint256) {
        return minWithdrawalAmount;
    }

    /// @inheritdoc IFeeVault
    function RECIPIENT() external view returns (address) {
        return recipient;
    }

    /// @inheritdoc IFeeVault
    function WITHDRAWAL_NETWORK() external view returns (WithdrawalNetwork) {
        return withdrawalNetwork;
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
