// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "./ICrossDomainMessenger.sol";

/// @title IGovernanceExecutor
/// @notice Hands on L1 of one account on L2: it makes the calls that this account sends through the messenger, and none else. Made
///         to own contracts on L1, one executor a timelock of L2.
///
///         A call that fails fails the message, so that the messenger keeps it and anyone may repeat it. A message
///         that was sent doesn't expire, neither before its first delivery nor after a failure.
interface IGovernanceExecutor {
    /// @notice A call, without value.
    struct Call {
        address target;
        bytes data;
    }

    /// @notice A call was made, the `index`th of its message.
    event CallExecuted(uint256 indexed index, address indexed target, bytes data);

    /// @notice An address that the executor is made with is zero.
    error ZeroAddress();

    /// @notice The caller isn't the messenger.
    error NotMessenger(address caller);

    /// @notice The message was sent by somebody else on L2.
    error NotOwner(address sender);

    /// @notice There are more calls than `most`.
    error TooManyCalls(uint256 given, uint256 most);

    /// @notice Makes calls in their order: all of them, or none. Only the messenger, with a message of `l2Sender`.
    /// @dev    Reverts with `NotMessenger`, `NotOwner`, `TooManyCalls`, `AddressEmptyCode` where the target has no code, and with
    ///         what a call reverts with (`FailedCall` if with nothing).
    function execute(Call[] calldata calls) external;

    /// @notice The messenger on L1.
    function messenger() external view returns (ICrossDomainMessenger);

    /// @notice Whose calls these are, on L2.
    function l2Sender() external view returns (address);

    /// @notice Most calls of a message.
    function MAX_CALLS() external view returns (uint256);
}
