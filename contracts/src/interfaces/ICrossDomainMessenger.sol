// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title ICrossDomainMessenger
/// @notice Sends calls to the other layer and makes those that come from there. A call that fails is recorded, and anybody
///         may make it again until it succeeds; one that succeeded is never made again.
///
///         Messages carry no native value in either direction: OPEN crosses by the portal and the message passer. The
///         arguments for it are there, and must be zero.
///
///         The messenger calls any target with any calldata as itself, so it must never own anything: tokens sent to it
///         belong to the first who asks.
interface ICrossDomainMessenger is IVersioned {
    /// @notice A message was handed to the other layer.
    /// @param target       Who is called there.
    /// @param sender       Who sent it.
    /// @param message      Calldata of the call.
    /// @param messageNonce Its nonce, with the version in the top 16 bits.
    /// @param gasLimit     Least gas of the call.
    event SentMessage(address indexed target, address sender, bytes message, uint256 messageNonce, uint256 gasLimit);

    /// @notice Follows every `SentMessage`.
    /// @param sender Who sent the message.
    /// @param value  Native value of the message: zero.
    event SentMessageExtension1(address indexed sender, uint256 value);

    /// @notice The call of this message succeeded.
    event RelayedMessage(bytes32 indexed msgHash);

    /// @notice The call of this message failed, or there was too little gas for it.
    event FailedRelayedMessage(bytes32 indexed msgHash);

    /// @notice A message came with native value.
    error ValueRefused(uint256 value);

    /// @notice The other layer's messenger is not known: this chain doesn't settle.
    error NoOtherMessenger();

    /// @notice No message is being relayed, or the call comes after it.
    error NoMessageIsRelayed();

    /// @notice Messages are not relayed while the portal is paused.
    error Paused();

    /// @notice The nonce has a version that the messengers don't send.
    error UnsupportedMessageVersion(uint16 version);

    /// @notice The caller is not the other messenger, and no such message failed before.
    error MessageNotReplayable(bytes32 msgHash);

    /// @notice The message was relayed before.
    error MessageAlreadyRelayed(bytes32 msgHash);

    /// @notice The messenger never calls this target: it would let a message speak for the messenger.
    error TargetRefused(address target);

    /// @notice The call failed. Only in gas estimates, which must not take a recorded failure for the result.
    error RelayFailed(bytes32 msgHash);

    /// @notice Sends a call to the other layer. If `target` doesn't exist there, the call does nothing and succeeds.
    /// @param target      Who is called there.
    /// @param message     Calldata of the call.
    /// @param minGasLimit Least gas of the call.
    function sendMessage(address target, bytes calldata message, uint32 minGasLimit) external payable;

    /// @notice Makes the call of a message: the first time for the other messenger; after a failure for anybody. Records
    ///         a failure rather than reverting, where the message is one that may be relayed.
    /// @param nonce       Nonce of the message, with the version in the top 16 bits.
    /// @param sender      Who sent it.
    /// @param target      Who is called.
    /// @param value       Zero.
    /// @param minGasLimit Least gas of the call.
    /// @param message     Calldata of the call.
    function relayMessage(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes calldata message
    ) external payable;

    /// @notice Who sent the message that is being relayed. Reverts when none is.
    function xDomainMessageSender() external view returns (address);

    /// @notice Whether the call of the message with this hash succeeded.
    function successfulMessages(bytes32 msgHash) external view returns (bool);

    /// @notice Whether the call of the message with this hash failed once. Stays true when it succeeds later.
    function failedMessages(bytes32 msgHash) external view returns (bool);

    /// @notice Nonce of the next message, with the version in its top 16 bits.
    function messageNonce() external view returns (uint256);

    /// @notice The messenger on the other layer.
    function otherMessenger() external view returns (address);

    /// @notice The same as `otherMessenger`, under its older name.
    function OTHER_MESSENGER() external view returns (address);

    /// @notice Whether messages are not relayed at present.
    function paused() external view returns (bool);

    /// @notice Gas that a message needs on the other layer, so that its call gets `minGasLimit`, whatever happens in it the
    ///         rest of the relay can finish, and the transaction's own cost (EIP-7623 included) is paid.
    function baseGas(bytes calldata message, uint32 minGasLimit) external pure returns (uint64);

    /// @notice Version of the message's encoding.
    function MESSAGE_VERSION() external view returns (uint16);

    /// @notice Gas of relaying a message, without its call.
    function RELAY_CONSTANT_OVERHEAD() external view returns (uint64);

    /// @notice Numerator of the factor on `minGasLimit` that makes up for EIP-150.
    function MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR() external view returns (uint64);

    /// @notice Denominator of the factor on `minGasLimit` that makes up for EIP-150.
    function MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR() external view returns (uint64);

    /// @notice Gas of a byte of calldata.
    function MIN_GAS_CALLDATA_OVERHEAD() external view returns (uint64);

    /// @notice Least gas of a byte of calldata, where a transaction does little else (EIP-7623).
    function FLOOR_CALLDATA_OVERHEAD() external view returns (uint64);

    /// @notice Gas of the CALL instruction itself.
    function RELAY_CALL_OVERHEAD() external view returns (uint64);

    /// @notice Gas that the call doesn't get, for recording its result.
    function RELAY_RESERVED_GAS() external view returns (uint64);

    /// @notice Gas between the check and the call.
    function RELAY_GAS_CHECK_BUFFER() external view returns (uint64);

    /// @notice Gas of a transaction.
    function TX_BASE_GAS() external view returns (uint64);

    /// @notice Bytes of a message's encoding beside the message, at most.
    function ENCODING_OVERHEAD() external view returns (uint64);
}
