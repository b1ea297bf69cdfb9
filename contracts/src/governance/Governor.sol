// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGOpen} from "../interfaces/IGOpen.sol";
import {Bounds, Setting} from "../interfaces/IParameterized.sol";
import {IProtocolGovernor} from "../interfaces/IProtocolGovernor.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "../protocol/Parameterized.sol";
import {GovernorUpgradeable} from "@openzeppelin/contracts-upgradeable/governance/GovernorUpgradeable.sol";
import {
    TimelockControllerUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/TimelockControllerUpgradeable.sol";
import {
    GovernorCountingSimpleUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorCountingSimpleUpgradeable.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {ERC6372Utils} from "@openzeppelin/contracts/utils/ERC6372Utils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";

/// @title Governor
/// @dev Stands behind a `Proxy`. It is its own executor, and since a proposal's calls go to the timelocks only, nothing can make
///      it call itself: `relay` is out of reach.
contract Governor is IProtocolGovernor, GovernorCountingSimpleUpgradeable, Parameterized {
    /* CONSTANTS */

    /// @inheritdoc IProtocolGovernor
    uint256 public constant MAX_CALLS = 16;

    uint256 private constant BPS = 10_000;

    bytes32 private constant PROPOSAL_THRESHOLD = "proposalThreshold";
    bytes32 private constant VOTING_DELAY_SECONDS = "votingDelaySeconds";
    bytes32 private constant VOTING_PERIOD_SECONDS = "votingPeriodSeconds";
    bytes32 private constant QUORUM_BPS = "quorumBps";
    bytes32 private constant QUORUM_MIN = "quorumMin";
    bytes32 private constant REPUTATION_BPS = "reputationBps";
    bytes32 private constant REPUTATION_WEIGHT = "reputationWeight";

    /* STORAGE */

    /// @dev What a proposal has besides OpenZeppelin's.
    struct ProtocolProposal {
        Terms terms;
        /// Reputation that voted, before scaling.
        Tally reputation;
    }

    /// @custom:storage-location erc7201:openledger.storage.Governor
    struct ProtocolGovernorStorage {
        mapping(uint256 proposalId => ProtocolProposal) proposals;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.Governor")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x0781383647ab4679e80a2b7b1861cf94b8f476c6575fbf99e87946fa88513b00;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IProtocolGovernor
    function initialize(Setting[] calldata settings) external initializer {
        __Governor_init("Governor");
        _initializeParameters(settings);
    }

    /// @notice Refuses: the governor holds no OPEN.
    receive() external payable override {
        revert ValueRefused(msg.value);
    }

    /* PROPOSALS */

    /// @inheritdoc IGovernor
    function execute(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) public payable override(IGovernor, GovernorUpgradeable) returns (uint256) {
        if (msg.value != 0) revert ValueRefused(msg.value);
        return super.execute(targets, values, calldatas, descriptionHash);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IProtocolGovernor
    function token() public pure returns (IGOpen) {
        return IGOpen(Predeploys.G_OPEN);
    }

    /// @inheritdoc IERC6372
    function clock() public view override(IERC6372, GovernorUpgradeable) returns (uint48) {
        return Time.timestamp();
    }

    /// @inheritdoc IERC6372
    function CLOCK_MODE() public view override(IERC6372, GovernorUpgradeable) returns (string memory) {
        return ERC6372Utils.timestampClockMode(clock);
    }

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](7);
        all[0] = Bounds(PROPOSAL_THRESHOLD, 10_000e18, 1e18, 1_000_000e18);
        all[1] = Bounds(VOTING_DELAY_SECONDS, 1 days, 1, 7 days);
        all[2] = Bounds(VOTING_PERIOD_SECONDS, 1 weeks, 1, 30 days);
        all[3] = Bounds(QUORUM_BPS, 500, 1, 5000);
        all[4] = Bounds(QUORUM_MIN, 10_000_000e18, 1e18, 100_000_000e18);
        all[5] = Bounds(REPUTATION_BPS, 0, 0, 2000);
        all[6] = Bounds(REPUTATION_WEIGHT, 1000, 1, 1_000_000);
    }

    /// @inheritdoc IGovernor
    function proposalThreshold() public view override(IGovernor, GovernorUpgradeable) returns (uint256) {
        return parameter(PROPOSAL_THRESHOLD);
    }

    /// @inheritdoc IGovernor
    function votingDelay() public view override(IGovernor, GovernorUpgradeable) returns (uint256) {
        return parameter(VOTING_DELAY_SECONDS);
    }

    /// @inheritdoc IGovernor
    function votingPeriod() public view override(IGovernor, GovernorUpgradeable) returns (uint256) {
        return parameter(VOTING_PERIOD_SECONDS);
    }

    /// @inheritdoc IGovernor
    /// @dev That of a proposal made now. An older one has its own: `proposalQuorum`.
    function quorum(uint256 timepoint) public view override(IGovernor, GovernorUpgradeable) returns (uint256) {
        return _quorum(timepoint, parameter(QUORUM_BPS), parameter(QUORUM_MIN));
    }

    /// @inheritdoc IProtocolGovernor
    function proposalTerms(uint256 proposalId) external view returns (Terms memory) {
        return _proposal(proposalId).terms;
    }

    /// @inheritdoc IProtocolGovernor
    function proposalQuorum(uint256 proposalId) public view returns (uint256) {
        Terms memory terms = _proposal(proposalId).terms;
        return _quorum(proposalSnapshot(proposalId), terms.quorumBps, terms.quorumMin);
    }

    /// @inheritdoc IProtocolGovernor
    function proposalReputationVotes(uint256 proposalId) public view returns (Tally memory tally) {
        ProtocolProposal storage proposal = _proposal(proposalId);
        tally = proposal.reputation;
        uint256 total = tally.against + tally.inFavour + tally.abstained;
        if (total == 0) return tally;
        (uint256 against, uint256 inFavour, uint256 abstained) = proposalVotes(proposalId);
        uint256 bps = proposal.terms.reputationBps;
        // With this much more, reputation is the part `bps` of all votes.
        uint256 most = (against + inFavour + abstained) * bps / (BPS - bps);
        if (total <= most) return tally;
        tally.against = Math.mulDiv(tally.against, most, total);
        tally.inFavour = Math.mulDiv(tally.inFavour, most, total);
        tally.abstained = Math.mulDiv(tally.abstained, most, total);
    }

    /* INTERNAL FUNCTIONS */

    /// @inheritdoc GovernorUpgradeable
    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 proposalId) {
        if (targets.length > MAX_CALLS) revert TooManyCalls(targets.length, MAX_CALLS);
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        // The lists are as long as each other: checked above.
        for (uint256 i = 0; i < targets.length; ++i) {
            _checkCall(targets[i], values[i], calldatas[i]);
        }
        // Within their parameters' bounds, which fit.
        _proposal(proposalId).terms = Terms({
            quorumBps: SafeCast.toUint16(parameter(QUORUM_BPS)),
            reputationBps: SafeCast.toUint16(parameter(REPUTATION_BPS)),
            reputationWeight: SafeCast.toUint64(parameter(REPUTATION_WEIGHT)),
            quorumMin: SafeCast.toUint128(parameter(QUORUM_MIN))
        });
    }

    /// @inheritdoc GovernorUpgradeable
    function _getVotes(address account, uint256 timepoint, bytes memory) internal view override returns (uint256) {
        return token().getPastVotes(account, timepoint);
    }

    /// @inheritdoc GovernorUpgradeable
    function _countVote(uint256 proposalId, address account, uint8 support, uint256 totalWeight, bytes memory params)
        internal
        override
        returns (uint256 votes)
    {
        votes = super._countVote(proposalId, account, support, totalWeight, params);
        ProtocolProposal storage proposal = _proposal(proposalId);
        if (proposal.terms.reputationBps == 0) return votes;

        uint256 points = IReputation(Predeploys.REPUTATION).getPastBalance(account, proposalSnapshot(proposalId));
        uint256 weight = points * proposal.terms.reputationWeight;
        if (weight == 0) return votes;
        // Other values of `support` were refused above.
        if (support == uint8(VoteType.Against)) proposal.reputation.against += weight;
        else if (support == uint8(VoteType.For)) proposal.reputation.inFavour += weight;
        else proposal.reputation.abstained += weight;
        emit ReputationVoteCast(account, proposalId, support, weight);
    }

    /// @inheritdoc GovernorUpgradeable
    function _quorumReached(uint256 proposalId) internal view override returns (bool) {
        (, uint256 inFavour, uint256 abstained) = proposalVotes(proposalId);
        return inFavour + abstained >= proposalQuorum(proposalId);
    }

    /// @inheritdoc GovernorUpgradeable
    function _voteSucceeded(uint256 proposalId) internal view override returns (bool) {
        (uint256 against, uint256 inFavour,) = proposalVotes(proposalId);
        Tally memory reputation = proposalReputationVotes(proposalId);
        return inFavour + reputation.inFavour > against + reputation.against;
    }

    function _quorum(uint256 timepoint, uint256 bps, uint256 least) private view returns (uint256) {
        return Math.max(Math.mulDiv(token().getPastTotalSupply(timepoint), bps, BPS, Math.Rounding.Ceil), least);
    }

    function _checkCall(address target, uint256 value, bytes memory data) private pure {
        if (value != 0) revert ValueRefused(value);
        // The first four bytes, with zeros for those that aren't there.
        bytes4 selector = bytes4(data);
        bool allowed = (target == Predeploys.PARAM_TIMELOCK || target == Predeploys.CODE_TIMELOCK)
            && (selector == TimelockControllerUpgradeable.schedule.selector
                || selector == TimelockControllerUpgradeable.scheduleBatch.selector
                || selector == TimelockControllerUpgradeable.cancel.selector);
        if (!allowed) revert CallRefused(target, selector);
    }

    function _proposal(uint256 proposalId) private view returns (ProtocolProposal storage) {
        return _protocolStorage().proposals[proposalId];
    }

    function _protocolStorage() private pure returns (ProtocolGovernorStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
