// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";
import {Voucher} from "./IVoucherChannels.sol";

/// @notice What an agent promises to keep to, sums in wei, platform fees included.
struct Policy {
    /// Most for a call, as the mean of a channel's calls.
    uint128 callMax;
    /// Most for a channel.
    uint128 channelMax;
    /// Most for a channel, times the days (UTC) that it was open: what wasn't spent on one may be on another, and an agent's channels aren't
    /// added up.
    uint128 dayMax;
    /// Whose signature counts as the agent's in the channels that it opens under this policy; zero: nobody else's.
    address signer;
    /// The adapters that it pays for, at most 32; none listed: any.
    uint64[] adapters;
    /// Whom it pays, at most 32; none listed: anybody.
    address[] payees;
}

/// @notice A registered agent.
struct Agent {
    /// Whose the stake is.
    address owner;
    /// When the stake can be withdrawn; 0 while the agent isn't leaving.
    uint64 exitsAt;
    /// First version of its policy that this stake answers for.
    uint32 firstVersion;
    uint128 stake;
}

/// @notice What of its policy a voucher breaks.
enum Breach {
    None,
    Adapter,
    Payee,
    Call,
    Channel,
    Day
}

/// @title IAgentRegistry
/// @notice Agents: programs that pay for inference, with a stake that answers for their spending policy. Its balance is the stakes.
///
///         A policy has versions, from 1. A channel records the version that was in force when its payer opened it, so that every
///         voucher of the channel shows by itself which policy it is under, and a change concerns later channels only. A voucher above
///         the policy remains payable; whoever reports it takes half of the agent's whole stake, and the other half is burnt.
interface IAgentRegistry is IVersioned {
    /* EVENTS */

    event AgentRegistered(address indexed agent, address indexed owner, uint128 stake, uint32 firstVersion);
    event ManifestSet(address indexed agent, bytes32 manifestHash, string manifestUri);
    /// @notice The version is in force from `validFrom` on. It replaces one of its number, if that was not in force yet.
    event PolicySet(address indexed agent, uint32 indexed version, uint64 validFrom, Policy policy);
    event StakeAdded(address indexed agent, address indexed from, uint128 amount, uint128 stake);
    event ExitStarted(address indexed agent, uint64 exitsAt);
    event StakeWithdrawn(address indexed agent, address indexed owner, uint128 amount);
    /// @notice All of the stake is gone: `burnt` of it burnt, the rest the reporter's.
    event StakeForfeited(
        address indexed agent,
        address indexed reporter,
        bytes32 indexed channel,
        Breach breach,
        uint128 stake,
        uint128 burnt
    );

    /* ERRORS */

    error InvalidAgent(address agent);
    error AlreadyRegistered(address agent);
    error NotRegistered(address agent);
    /// @notice The caller doesn't hold the owner's place.
    error NotOwner(address caller, address owner);
    error StakeTooSmall(uint256 given, uint256 min);
    /// @notice A list or text of the policy or manifest is longer than the limit.
    error TooLong(uint256 length, uint256 max);
    /// @notice The agent is leaving.
    error Exiting(address agent);
    /// @notice The stake can be withdrawn from `exitsAt` on, after `startExit`.
    error ExitNotOver(address agent, uint64 exitsAt);
    error SignatureExpired(uint256 deadline);
    /// @notice The agent didn't agree to this owner, or the voucher isn't signed as its channel asks for.
    error InvalidSignature(address signer);
    /// @notice The agent has no stake that answers for this version of its policy.
    error NotStaked(address agent, uint32 version);
    /// @notice The voucher breaks nothing.
    error WithinPolicy(bytes32 channel);
    error UnknownVersion(address agent, uint32 version);

    /// @notice Runs once, at genesis.
    function initialize(Setting[] calldata settings) external;

    /* AGENTS */

    /// @notice Registers an agent with `msg.value` as its stake and the caller as its owner. An agent that isn't the caller agrees by
    ///         signing `Register(address agent,address owner,uint256 deadline)`, EIP-712 or ERC-1271, in the domain
    ///         ("AgentRegistry", "1"). The policy is in force at once.
    /// @param manifestHash Of the document at `manifestUri`, which says what the agent is; the URI has at most 512 bytes.
    /// @param deadline     Last second in which the signature counts.
    /// @dev   Reverts with `InvalidAgent`, `AlreadyRegistered`, `StakeTooSmall`, `SignatureExpired`, `InvalidSignature`, `TooLong`.
    function register(
        address agent,
        Policy calldata policy,
        bytes32 manifestHash,
        string calldata manifestUri,
        uint256 deadline,
        bytes calldata signature
    ) external payable;

    /// @notice Changes the policy for channels that are opened after a delay, so that nobody who looked it up just now is surprised. A
    ///         change that isn't in force yet is replaced. Only who holds the owner's place.
    /// @dev    Reverts with `NotRegistered`, `NotOwner`, `Exiting`, `TooLong`.
    function setPolicy(address agent, Policy calldata policy) external;

    /// @notice Names another manifest. Only who holds the owner's place.
    /// @dev    Reverts with `NotRegistered`, `NotOwner`, `TooLong`.
    function setManifest(address agent, bytes32 manifestHash, string calldata manifestUri) external;

    /// @notice Adds `msg.value` to an agent's stake. Anyone.
    /// @dev    Reverts with `NotRegistered`, `Exiting`.
    function addStake(address agent) external payable;

    /// @notice Ends an agent: channels that it opens from now on are nobody's policy's, and the stake leaves after a delay, in which it
    ///         still answers for what was signed. Only who holds the owner's place.
    /// @dev    Reverts with `NotRegistered`, `NotOwner`, `Exiting`.
    function startExit(address agent) external;

    /// @notice Credits the stake to the owner after the exit. Anyone.
    /// @dev    Reverts with `NotRegistered`, `ExitNotOver`.
    function withdraw(address agent) external;

    /// @notice Takes the whole stake of an agent that signed a voucher above the policy that its channel is under. Anyone: half is
    ///         the caller's. The agent has to register again.
    /// @dev    Reverts with `InvalidSignature`, `NotStaked`, `WithinPolicy`.
    function report(Voucher calldata voucher, bytes calldata signature) external;

    /* VIEW FUNCTIONS */

    /// @notice An agent; all zero if it isn't registered.
    function agentOf(address agent) external view returns (Agent memory);

    /// @notice Version of the policy that a channel which the agent opened now would be under; 0 if it is no agent, is leaving or
    ///         has less than the least stake.
    function versionOf(address agent) external view returns (uint32);

    /// @notice A version of an agent's policy, and from when on it was in force.
    /// @dev    Reverts with `UnknownVersion`.
    function policyOf(address agent, uint32 version) external view returns (Policy memory policy, uint64 validFrom);

    /// @notice Signer of a version. Versions outlive the agent, so that its vouchers remain payable.
    /// @dev    Reverts with `UnknownVersion`.
    function signerOf(address agent, uint32 version) external view returns (address);

    /// @notice What of the policy that its channel is under a voucher breaks, whoever signed it. A channel's days are counted up to now:
    ///         a voucher may break `dayMax` today, and not tomorrow.
    function breachOf(Voucher calldata voucher) external view returns (Breach);
}
