// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title IFeeVault
/// @notice Collects one kind of fee, and pays it out to one recipient when anybody asks. Genesis sets the recipient, the
///         minimum and the network; the ProxyAdmin's owner may change them.
interface IFeeVault is IVersioned {
    /// @notice Layer on which the recipient is paid.
    enum WithdrawalNetwork {
        L1,
        L2
    }

    /// @notice `value` wei of OPEN were paid out; `from` asked for it.
    event Withdrawal(uint256 value, address to, address from);

    /// @notice As the shorter event, with the layer.
    event Withdrawal(uint256 value, address to, address from, WithdrawalNetwork withdrawalNetwork);

    /// @notice The recipient changed.
    event RecipientUpdated(address oldRecipient, address newRecipient);

    /// @notice The smallest balance that is paid out changed.
    event MinWithdrawalAmountUpdated(uint256 oldWithdrawalAmount, uint256 newWithdrawalAmount);

    /// @notice The layer changed.
    event WithdrawalNetworkUpdated(WithdrawalNetwork oldWithdrawalNetwork, WithdrawalNetwork newWithdrawalNetwork);

    /// @notice The caller is not the owner of the ProxyAdmin.
    error NotProxyAdminOwner(address caller);

    /// @notice The balance has not reached the minimum.
    error BalanceBelowMinimum(uint256 balance, uint256 minimum);

    /// @notice The recipient is the zero address.
    error ZeroRecipient();

    /// @notice The recipient refused the payment.
    error PaymentFailed(address recipient, uint256 value);

    /// @notice Pays the whole balance to the recipient. On L1, that is a withdrawal which somebody proves and finalizes
    ///         there.
    /// @return value Wei of OPEN that were paid.
    function withdraw() external returns (uint256 value);

    /// @notice Changes the recipient. Owner of the ProxyAdmin only.
    function setRecipient(address newRecipient) external;

    /// @notice Changes the smallest balance that is paid out, in wei of OPEN. Owner of the ProxyAdmin only.
    function setMinWithdrawalAmount(uint256 newMinWithdrawalAmount) external;

    /// @notice Changes the layer on which the recipient is paid. Owner of the ProxyAdmin only.
    function setWithdrawalNetwork(WithdrawalNetwork newWithdrawalNetwork) external;

    /// @notice Wei of OPEN paid out so far.
    function totalProcessed() external view returns (uint256);

    /// @notice Smallest balance that is paid out, in wei of OPEN.
    function minWithdrawalAmount() external view returns (uint256);

    /// @notice Who is paid.
    function recipient() external view returns (address);

    /// @notice Layer on which the recipient is paid.
    function withdrawalNetwork() external view returns (WithdrawalNetwork);

    /// @notice The same as `minWithdrawalAmount`, under its older name.
    function MIN_WITHDRAWAL_AMOUNT() external view returns (uint256);

    /// @notice The same as `recipient`, under its older name.
    function RECIPIENT() external view returns (address);

    /// @notice The same as `withdrawalNetwork`, under its older name.
    function WITHDRAWAL_NETWORK() external view returns (WithdrawalNetwork);
}
