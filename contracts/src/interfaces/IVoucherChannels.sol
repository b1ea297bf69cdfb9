// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";

/// @notice What a payer owes for all calls of a channel so far.
struct Voucher {
    bytes32 channel;
    address payer;
    address payee;
    /// Prices and platform fees of all calls, wei.
    uint256 cumulative;
    /// Number of all calls.
    uint64 count;
    /// Root of the Merkle sum tree over all calls (`FeeTree`), whose sum is `cumulative` without the platform fees.
    bytes32 leavesRoot;
    /// Last second in which it can be settled.
    uint64 expiry;
}

/// @notice A sum that is locked for one payee.
struct Channel {
    address payer;
    uint64 adapter;
    /// Version of the payer's policy when it opened the channel (`AgentRegistry`); 0 if it was no agent.
    uint32 policyVersion;
    address payee;
    /// Number of the calls that were settled.
    uint64 counted;
    bool closed;
    /// All that was ever locked, wei.
    uint128 locked;
    /// What was settled, wei.
    uint128 paid;
    /// Sum a call for the payee, wei.
    uint128 platformFee;
    uint64 openedAt;
    /// From when on the channel can be closed; 0 while the payer hasn't asked for its exit.
    uint64 closesAt;
}

/// @title IVoucherChannels
/// @notice Sums locked for one payee, one adapter and one platform fee, paid out by signed vouchers. Its balance is what is locked in
///         channels and was not paid.
///
///         A voucher is EIP-712 `Voucher(bytes32 channel,address payer,address payee,uint256 cumulative,uint64 count,bytes32
///         leavesRoot,uint64 expiry)` in the domain ("VoucherChannels", "1", chain id, contract). It is signed by the payer's key,
///         by the payer as a contract (ERC-1271), or by the signer that the payer's policy named when the channel was opened. A
///         contract can take its signatures back: who serves one settles often, or asks for a signer with a key. A key's signature
///         counts whatever code its account runs (EIP-7702).
interface IVoucherChannels is IVersioned {
    /* EVENTS */

    event ChannelOpened(
        bytes32 indexed channel,
        address indexed payer,
        address indexed payee,
        uint64 adapter,
        uint128 platformFee,
        bytes32 salt,
        uint32 policyVersion
    );
    event ToppedUp(bytes32 indexed channel, address indexed from, uint128 amount, uint128 locked);
    /// @notice `price` and `platformFees` were paid, for the calls up to `count`.
    event Settled(
        bytes32 indexed channel,
        address indexed payee,
        uint64 count,
        uint128 price,
        uint128 platformFees,
        uint256 cumulative,
        bytes32 leavesRoot
    );
    /// @notice A voucher of several was not settled, for this reason: the error, or nothing where its gas ran out.
    event SettlementFailed(bytes32 indexed channel, uint256 index, bytes reason);
    event ExitStarted(bytes32 indexed channel, uint64 closesAt);
    /// @notice `rest` went back to the payer.
    event ChannelClosed(bytes32 indexed channel, address indexed payer, uint128 rest);

    /* ERRORS */

    /// @notice Only a worker with stake can be paid by vouchers: with the least stake where a channel is opened, with any where it is settled.
    error PayeeNotActive(address payee);
    error AdapterNotOffered(uint64 adapter);
    /// @notice No value to lock came along.
    error NothingLocked();
    /// @notice The payer opened the same channel before: take another salt.
    error ChannelExists(bytes32 channel);
    error UnknownChannel(bytes32 channel);
    error ChannelAlreadyClosed(bytes32 channel);
    /// @notice The payer is leaving the channel.
    error ChannelExiting(bytes32 channel);
    /// @notice The caller doesn't hold the payer's place.
    error NotPayer(address caller, address payer);
    /// @notice The exit has not begun, or the payee has time left: until `closesAt`, or 0.
    error ExitNotOver(bytes32 channel, uint64 closesAt);
    /// @notice The voucher's payer or payee isn't the channel's.
    error VoucherMismatch(bytes32 channel, address payer, address payee);
    error VoucherExpired(uint64 expiry);
    /// @notice No more calls than were settled before.
    error CountNotRising(uint64 count, uint64 counted);
    error CumulativeBelowPaid(uint256 cumulative, uint256 paid);
    error CumulativeAboveLocked(uint256 cumulative, uint256 locked);
    /// @notice The platform fees of the new calls are more than what is due.
    error PlatformFeesAboveDue(uint256 platformFees, uint256 due);
    /// @notice Neither the payer signed this, nor the signer of its policy.
    error InvalidSignature(address payer);
    /// @notice The lists differ in length, or are longer than the limit.
    error InvalidLength(uint256 length, uint256 expected);

    /// @notice Runs once, at genesis.
    function initialize(Setting[] calldata settings) external;

    /* CHANNELS */

    /// @notice Locks `msg.value` of the caller's for a payee: an active worker that offers to serve the adapter for this platform fee a
    ///         call, wei. Different salts make different channels; a closed one can't be opened again.
    /// @dev    Reverts with `NothingLocked`, `PayeeNotActive`, `AdapterNotOffered`, `ChannelExists`.
    function openChannel(address payee, uint64 adapter, uint128 platformFee, bytes32 salt)
        external
        payable
        returns (bytes32 channel);

    /// @notice Locks more. Anyone; what is left over goes to the payer.
    /// @dev    Reverts with `NothingLocked`, `UnknownChannel`, `ChannelAlreadyClosed`, `ChannelExiting`.
    function topUp(bytes32 channel) external payable;

    /// @notice Starts the payer's exit, in which the payee may still settle. Only who holds the payer's place.
    /// @dev    Reverts with `UnknownChannel`, `ChannelAlreadyClosed`, `NotPayer`, `ChannelExiting`.
    function startExit(bytes32 channel) external;

    /// @notice Credits the payer what was not paid. Who holds the payee's place: at any time; anyone else: after the exit.
    /// @dev    Reverts with `UnknownChannel`, `ChannelAlreadyClosed`, `ExitNotOver`.
    function closeChannel(bytes32 channel) external;

    /// @notice `keccak256(abi.encode(chainId, contract, payer, payee, adapter, platformFee, salt))`.
    function channelIdOf(address payer, address payee, uint64 adapter, uint128 platformFee, bytes32 salt)
        external
        view
        returns (bytes32);

    /// @notice A channel; all zero if there is none.
    function channelOf(bytes32 channel) external view returns (Channel memory);

    /* VOUCHERS */

    /// @notice Pays what a voucher adds to what was paid: the prices to the epoch's pot and the payee's hold, the platform fees to the
    ///         hold, by `InferenceRouter.record`. Anyone, until the channel is closed; the payee must be a registered worker, who may have less
    ///         than the least stake by now.
    /// @dev    Reverts with the errors above that are about vouchers.
    function settle(Voucher calldata voucher, bytes calldata signature) external;

    /// @notice Settles up to 128 vouchers, each with at most 500,000 gas. One that fails holds up no other: says which did.
    /// @dev    Reverts with `InvalidLength`.
    function settleMany(Voucher[] calldata vouchers, bytes[] calldata signatures)
        external
        returns (bool[] memory failed);

    /// @notice Whether a voucher is about a channel that exists, between these two, and is signed as the channel asks for.
    function isSigned(Voucher calldata voucher, bytes calldata signature) external view returns (bool);

    /// @notice EIP-712 hash of a voucher: what is signed.
    function hashVoucher(Voucher calldata voucher) external view returns (bytes32);
}
