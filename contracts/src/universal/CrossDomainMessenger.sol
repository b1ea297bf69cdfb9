// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {CrossDomainMessages} from "../libraries/CrossDomainMessages.sol";
import {Withdrawals} from "../libraries/Withdrawals.sol";
import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {LibCall} from "solady/utils/LibCall.sol";

/// @title CrossDomainMessenger
/// @notice What the messengers of both layers have in common.
/// @dev Storage: 0 message count; 1 successfulMessages; 2 failedMessages. The sender of the message that is being relayed
///      is in transient storage: zero, when none is.
abstract contract CrossDomainMessenger is ICrossDomainMessenger {
    using CrossDomainMessages for uint256;
    using TransientSlot for bytes32;
    using TransientSlot for TransientSlot.AddressSlot;

    /* CONSTANTS */

    /// @inheritdoc ICrossDomainMessenger
    uint16 public constant MESSAGE_VERSION = 1;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant RELAY_CONSTANT_OVERHEAD = 200_000;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR = 64;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR = 63;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant MIN_GAS_CALLDATA_OVERHEAD = 16;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant FLOOR_CALLDATA_OVERHEAD = 40;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant RELAY_CALL_OVERHEAD = 40_000;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant RELAY_RESERVED_GAS = 40_000;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant RELAY_GAS_CHECK_BUFFER = 5000;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant TX_BASE_GAS = 21_000;
    /// @inheritdoc ICrossDomainMessenger
    uint64 public constant ENCODING_OVERHEAD = 260;

    /// @dev Sender that clients estimate the gas of a relay with. Nobody has its key.
    address private constant ESTIMATION_ADDRESS = address(1);

    bytes32 private constant RELAYED_SENDER_SLOT = keccak256("crossdomainmessenger.relayedsender");

    /* STORAGE */

    uint240 private messageCount;

    /// @inheritdoc ICrossDomainMessenger
    mapping(bytes32 msgHash => bool) public successfulMessages;
    /// @inheritdoc ICrossDomainMessenger
    mapping(bytes32 msgHash => bool) public failedMessages;

    /* MESSAGES */

    /// @inheritdoc ICrossDomainMessenger
    function sendMessage(address target, bytes calldata message, uint32 minGasLimit) external payable {
        if (msg.value != 0) revert ValueRefused(msg.value);
        address other = otherMessenger();
        if (other == address(0)) revert NoOtherMessenger();

        uint256 nonce = messageNonce();
        // Bound: one increment a call cannot reach 2^240.
        unchecked {
            ++messageCount;
        }
        _send(
            other,
            baseGas(message, minGasLimit),
            CrossDomainMessages.encode(nonce, msg.sender, target, 0, minGasLimit, message)
        );

        emit SentMessage(target, msg.sender, message, nonce, minGasLimit);
        emit SentMessageExtension1(msg.sender, 0);
    }

    /// @inheritdoc ICrossDomainMessenger
    /// @dev The target may call anything. What it finds here: the message has not succeeded, its sender is known, and any
    ///      relay inside this one only records a failure.
    function relayMessage(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 minGasLimit,
        bytes calldata message
    ) external payable {
        if (msg.value != 0) revert ValueRefused(msg.value);
        if (value != 0) revert ValueRefused(value);
        if (paused()) revert Paused();
        if (nonce.version() != MESSAGE_VERSION) revert UnsupportedMessageVersion(nonce.version());

        // Copied here, so that no gas goes to it between the check and the call.
        bytes memory data = message;
        bytes32 msgHash = CrossDomainMessages.hash(nonce, sender, target, value, minGasLimit, data);
        if (!_isOtherMessenger() && !failedMessages[msgHash]) revert MessageNotReplayable(msgHash);
        if (_isRefusedTarget(target)) revert TargetRefused(target);
        if (successfulMessages[msgHash]) revert MessageAlreadyRelayed(msgHash);

        TransientSlot.AddressSlot relayedSender = RELAYED_SENDER_SLOT.asAddress();
        if (!_hasGasFor(minGasLimit) || relayedSender.tload() != address(0)) {
            _recordFailure(msgHash);
            return;
        }

        relayedSender.tstore(sender);
        // What the call returns is not copied: it may be long.
        (bool success,,) = LibCall.tryCall(target, 0, gasleft() - RELAY_RESERVED_GAS, 0, data);
        relayedSender.tstore(address(0));

        if (success) {
            successfulMessages[msgHash] = true;
            emit RelayedMessage(msgHash);
        } else {
            _recordFailure(msgHash);
        }
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc ICrossDomainMessenger
    function xDomainMessageSender() external view returns (address sender) {
        sender = RELAYED_SENDER_SLOT.asAddress().tload();
        if (sender == address(0)) revert NoMessageIsRelayed();
    }

    /// @inheritdoc ICrossDomainMessenger
    function messageNonce() public view returns (uint256) {
        return Withdrawals.versionedNonce(messageCount, MESSAGE_VERSION);
    }

    /// @inheritdoc ICrossDomainMessenger
    function otherMessenger() public view virtual returns (address);

    /// @inheritdoc ICrossDomainMessenger
    function OTHER_MESSENGER() external view returns (address) {
        return otherMessenger();
    }

    /// @inheritdoc ICrossDomainMessenger
    function paused() public view virtual returns (bool);

    /// @inheritdoc ICrossDomainMessenger
    function baseGas(bytes calldata message, uint32 minGasLimit) public pure returns (uint64) {
        uint256 execution = RELAY_CONSTANT_OVERHEAD + RELAY_CALL_OVERHEAD + RELAY_RESERVED_GAS + RELAY_GAS_CHECK_BUFFER
            + (minGasLimit * MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR) / MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR;
        uint256 size = message.length + ENCODING_OVERHEAD;
        // No calldata is long enough for the sum to leave 64 bits.
        return
            uint64(TX_BASE_GAS + Math.max(execution + size * MIN_GAS_CALLDATA_OVERHEAD, size * FLOOR_CALLDATA_OVERHEAD));
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    /// @dev Hands `data` to the other layer, to be called there on `to` with `gasLimit`.
    function _send(address to, uint64 gasLimit, bytes memory data) internal virtual;

    /// @dev Whether the caller speaks for the other messenger.
    function _isOtherMessenger() internal view virtual returns (bool);

    /// @dev Whether a message to `target` could speak for the messenger.
    function _isRefusedTarget(address target) internal view virtual returns (bool);

    function _recordFailure(bytes32 msgHash) private {
        failedMessages[msgHash] = true;
        emit FailedRelayedMessage(msgHash);
        // An estimate looks for the least gas without a revert: that must not be the least gas of a recorded failure.
        if (tx.origin == ESTIMATION_ADDRESS) revert RelayFailed(msgHash);
    }

    /// @dev Whether a call can get `minGasLimit`, so that 1/64 of the gas (EIP-150) and the reserve stay here.
    function _hasGasFor(uint256 minGasLimit) private view returns (bool) {
        // Bound: a message's limit has 32 bits, see `sendMessage`.
        uint256 kept = RELAY_CALL_OVERHEAD + RELAY_RESERVED_GAS + RELAY_GAS_CHECK_BUFFER;
        return gasleft() * MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR
            >= minGasLimit * MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR + kept * MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR;
    }
}
