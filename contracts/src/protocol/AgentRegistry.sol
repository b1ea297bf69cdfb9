// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Burner} from "../L2/Burner.sol";
import {Agent, Breach, IAgentRegistry, Policy} from "../interfaces/IAgentRegistry.sol";
import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {Bounds, Setting} from "../interfaces/IParameterized.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Channel, IVoucherChannels, Voucher} from "../interfaces/IVoucherChannels.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "./Parameterized.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title AgentRegistry
/// @dev   Stands behind a `Proxy`.
contract AgentRegistry is IAgentRegistry, Parameterized, EIP712Upgradeable, ReentrancyGuardTransient {
    using SafeCast for uint256;

    /* TYPES */

    struct PolicyVersion {
        uint64 validFrom;
        Policy policy;
    }

    /// @custom:storage-location erc7201:openledger.storage.AgentRegistry
    struct AgentRegistryStorage {
        mapping(address agent => Agent) agents;
        // Version n is at n − 1. Only the last one may not be in force yet.
        mapping(address agent => PolicyVersion[]) versions;
    }

    /* CONSTANTS */

    bytes32 private constant STAKE_MIN = "stakeMin";
    bytes32 private constant POLICY_DELAY_SECONDS = "policyDelaySeconds";
    bytes32 private constant UNBONDING_SECONDS = "unbondingSeconds";

    /// @dev Most adapters, and most payees, of a policy.
    uint256 private constant LIST_MAX = 32;
    uint256 private constant URI_BYTES_MAX = 512;

    bytes32 private constant REGISTER_TYPEHASH = keccak256("Register(address agent,address owner,uint256 deadline)");

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.AgentRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xcd0312cc5914ec1a85ed4dc2a9b6755ca8e572607da561376b7b6561c7fbae00;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IAgentRegistry
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
    }

    /* AGENTS */

    /// @inheritdoc IAgentRegistry
    function register(
        address agent,
        Policy calldata policy,
        bytes32 manifestHash,
        string calldata manifestUri,
        uint256 deadline,
        bytes calldata signature
    ) external payable nonReentrant {
        AgentRegistryStorage storage $ = _storage();
        if (agent == address(0)) revert InvalidAgent(agent);
        if ($.agents[agent].owner != address(0)) revert AlreadyRegistered(agent);
        uint256 stakeMin = parameter(STAKE_MIN);
        if (msg.value < stakeMin) revert StakeTooSmall(msg.value, stakeMin);
        if (agent != msg.sender) _checkAgreed(agent, deadline, signature);

        uint128 stake = msg.value.toUint128();
        uint32 firstVersion = ($.versions[agent].length + 1).toUint32();
        $.agents[agent] = Agent({owner: msg.sender, exitsAt: 0, firstVersion: firstVersion, stake: stake});
        emit AgentRegistered(agent, msg.sender, stake, firstVersion);
        $.versions[agent].push();
        _writePolicy(agent, policy, block.timestamp.toUint64());
        _emitManifest(agent, manifestHash, manifestUri);
    }

    /// @inheritdoc IAgentRegistry
    function setPolicy(address agent, Policy calldata policy) external {
        Agent storage registered = _owned(agent);
        if (registered.exitsAt != 0) revert Exiting(agent);
        PolicyVersion[] storage versions = _storage().versions[agent];
        if (versions[versions.length - 1].validFrom <= block.timestamp) versions.push();
        _writePolicy(agent, policy, (block.timestamp + parameter(POLICY_DELAY_SECONDS)).toUint64());
    }

    /// @inheritdoc IAgentRegistry
    function setManifest(address agent, bytes32 manifestHash, string calldata manifestUri) external {
        _owned(agent);
        _emitManifest(agent, manifestHash, manifestUri);
    }

    /// @inheritdoc IAgentRegistry
    function addStake(address agent) external payable {
        Agent storage registered = _registered(agent);
        if (registered.exitsAt != 0) revert Exiting(agent);
        uint128 amount = msg.value.toUint128();
        uint128 stake = registered.stake + amount;
        registered.stake = stake;
        emit StakeAdded(agent, msg.sender, amount, stake);
    }

    /// @inheritdoc IAgentRegistry
    function startExit(address agent) external {
        Agent storage registered = _owned(agent);
        if (registered.exitsAt != 0) revert Exiting(agent);
        uint64 exitsAt = (block.timestamp + parameter(UNBONDING_SECONDS)).toUint64();
        registered.exitsAt = exitsAt;
        emit ExitStarted(agent, exitsAt);
    }

    /// @inheritdoc IAgentRegistry
    function withdraw(address agent) external nonReentrant {
        Agent memory leaving = _registered(agent);
        if (leaving.exitsAt == 0 || block.timestamp < leaving.exitsAt) revert ExitNotOver(agent, leaving.exitsAt);
        delete _storage().agents[agent];
        emit StakeWithdrawn(agent, leaving.owner, leaving.stake);
        IClaimVault(Predeploys.CLAIM_VAULT).credit{value: leaving.stake}(leaving.owner);
    }

    /// @inheritdoc IAgentRegistry
    function report(Voucher calldata voucher, bytes calldata signature) external nonReentrant {
        IVoucherChannels channels = IVoucherChannels(Predeploys.VOUCHER_CHANNELS);
        if (!channels.isSigned(voucher, signature)) revert InvalidSignature(voucher.payer);
        Channel memory channel = channels.channelOf(voucher.channel);
        Agent memory agent = _storage().agents[channel.payer];
        // The version of a channel whose payer was no agent is 0; an agent's versions begin at 1.
        if (agent.owner == address(0) || channel.policyVersion < agent.firstVersion) {
            revert NotStaked(channel.payer, channel.policyVersion);
        }
        Breach breach = _breach(channel, voucher);
        if (breach == Breach.None) revert WithinPolicy(voucher.channel);

        delete _storage().agents[channel.payer];
        uint128 reward = agent.stake / 2;
        emit StakeForfeited(channel.payer, msg.sender, voucher.channel, breach, agent.stake, agent.stake - reward);
        new Burner{value: agent.stake - reward}();
        if (reward > 0) IClaimVault(Predeploys.CLAIM_VAULT).credit{value: reward}(msg.sender);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IAgentRegistry
    function agentOf(address agent) external view returns (Agent memory) {
        return _storage().agents[agent];
    }

    /// @inheritdoc IAgentRegistry
    function versionOf(address agent) external view returns (uint32) {
        Agent memory registered = _storage().agents[agent];
        if (registered.owner == address(0) || registered.exitsAt != 0) return 0;
        if (registered.stake < parameter(STAKE_MIN)) return 0;
        PolicyVersion[] storage versions = _storage().versions[agent];
        // What isn't in force yet follows one that is: the first of a stake is at once.
        uint256 count = versions.length;
        return (versions[count - 1].validFrom <= block.timestamp ? count : count - 1).toUint32();
    }

    /// @inheritdoc IAgentRegistry
    function policyOf(address agent, uint32 number) external view returns (Policy memory policy, uint64 validFrom) {
        PolicyVersion storage found = _version(agent, number);
        return (found.policy, found.validFrom);
    }

    /// @inheritdoc IAgentRegistry
    function signerOf(address agent, uint32 number) external view returns (address) {
        return _version(agent, number).policy.signer;
    }

    /// @inheritdoc IAgentRegistry
    function breachOf(Voucher calldata voucher) external view returns (Breach) {
        Channel memory channel = IVoucherChannels(Predeploys.VOUCHER_CHANNELS).channelOf(voucher.channel);
        return channel.policyVersion == 0 ? Breach.None : _breach(channel, voucher);
    }

    /* PARAMETERS */

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](3);
        all[0] = Bounds({name: STAKE_MIN, initial: 100 ether, min: 1 ether, max: 1_000_000 ether});
        all[1] = Bounds({name: POLICY_DELAY_SECONDS, initial: 1 days, min: 1, max: 7 days});
        all[2] = Bounds({name: UNBONDING_SECONDS, initial: 14 days, min: 30, max: 60 days});
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _breach(Channel memory channel, Voucher calldata voucher) private view returns (Breach) {
        Policy memory policy = _version(channel.payer, channel.policyVersion).policy;
        if (!_allowsAdapter(policy.adapters, channel.adapter)) return Breach.Adapter;
        if (!_allowsPayee(policy.payees, channel.payee)) return Breach.Payee;
        uint256 spent = voucher.cumulative;
        if (spent > uint256(policy.callMax) * voucher.count) return Breach.Call;
        if (spent > policy.channelMax) return Breach.Channel;
        // Signed at some time from the opening until now: who kept to the policy spent no more than this.
        uint256 daysOpen = block.timestamp / 1 days - uint256(channel.openedAt) / 1 days + 1;
        if (spent > uint256(policy.dayMax) * daysOpen) return Breach.Day;
        return Breach.None;
    }

    function _allowsAdapter(uint64[] memory list, uint64 adapter) private pure returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == adapter) return true;
        }
        return list.length == 0;
    }

    function _allowsPayee(address[] memory list, address payee) private pure returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == payee) return true;
        }
        return list.length == 0;
    }

    /// @dev Writes the last version.
    function _writePolicy(address agent, Policy calldata policy, uint64 validFrom) private {
        if (policy.adapters.length > LIST_MAX) revert TooLong(policy.adapters.length, LIST_MAX);
        if (policy.payees.length > LIST_MAX) revert TooLong(policy.payees.length, LIST_MAX);
        PolicyVersion[] storage versions = _storage().versions[agent];
        uint256 count = versions.length;
        versions[count - 1].validFrom = validFrom;
        versions[count - 1].policy = policy;
        emit PolicySet(agent, count.toUint32(), validFrom, policy);
    }

    function _emitManifest(address agent, bytes32 manifestHash, string calldata manifestUri) private {
        uint256 length = bytes(manifestUri).length;
        if (length > URI_BYTES_MAX) revert TooLong(length, URI_BYTES_MAX);
        emit ManifestSet(agent, manifestHash, manifestUri);
    }

    function _checkAgreed(address agent, uint256 deadline, bytes calldata signature) private view {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        bytes32 hash = _hashTypedDataV4(keccak256(abi.encode(REGISTER_TYPEHASH, agent, msg.sender, deadline)));
        if (!SignatureChecker.isValidSignatureNowCalldata(agent, hash, signature)) revert InvalidSignature(agent);
    }

    function _registered(address agent) private view returns (Agent storage registered) {
        registered = _storage().agents[agent];
        if (registered.owner == address(0)) revert NotRegistered(agent);
    }

    function _owned(address agent) private view returns (Agent storage registered) {
        registered = _registered(agent);
        address owner = registered.owner;
        if (IClaimVault(Predeploys.CLAIM_VAULT).holderOf(owner) != msg.sender) revert NotOwner(msg.sender, owner);
    }

    function _version(address agent, uint32 number) private view returns (PolicyVersion storage) {
        PolicyVersion[] storage versions = _storage().versions[agent];
        if (number == 0 || number > versions.length) revert UnknownVersion(agent, number);
        return versions[number - 1];
    }

    /// @dev Constants, so that a genesis needs no strings in storage.
    function _EIP712Name() internal pure override returns (string memory) {
        return "AgentRegistry";
    }

    function _EIP712Version() internal pure override returns (string memory) {
        return "1";
    }

    function _storage() private pure returns (AgentRegistryStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
