// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGOpen} from "./IGOpen.sol";
import {Setting} from "./IParameterized.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @title IProtocolGovernor
/// @notice Proposals and votes of gOPEN. A proposal's calls schedule and cancel at the two timelocks, and do nothing else. The
///         functions are those of OpenZeppelin's Governor; support is 0 against, 1 for, 2 abstain.
///
///         A proposal keeps the quorum and the part of reputation that were in force when it was made.
///
///         Where reputation has a part, a voter's reputation at the proposal's snapshot is counted beside his gOPEN. All of it
///         together weighs at most that part of all votes cast; beyond, each voter's is scaled down alike. It decides between
///         for and against; the quorum is of gOPEN alone.
/// @dev    Parameters: `proposalThreshold` wei, `votingDelaySeconds`, `votingPeriodSeconds`, `quorumBps` of the past gOPEN supply,
///         `quorumMin` wei, `reputationBps` of all votes cast, `reputationWeight` votes a unit of reputation.
interface IProtocolGovernor is IGovernor {
    /// @notice What a proposal was made under.
    struct Terms {
        /// Part of the gOPEN supply at the snapshot, basis points.
        uint16 quorumBps;
        /// Greatest part of reputation in all votes cast, basis points.
        uint16 reputationBps;
        /// Votes that a unit of reputation weighs.
        uint64 reputationWeight;
        /// Least quorum, wei of gOPEN.
        uint128 quorumMin;
    }

    /// @notice Votes by support.
    struct Tally {
        uint256 against;
        uint256 inFavour;
        uint256 abstained;
    }

    /// @notice A voter's reputation was counted, before any scaling.
    event ReputationVoteCast(address indexed voter, uint256 indexed proposalId, uint8 support, uint256 weight);

    /// @notice A proposal calls something else than a timelock's `schedule`, `scheduleBatch` or `cancel`.
    error CallRefused(address target, bytes4 selector);

    /// @notice A proposal has more calls than `most`.
    error TooManyCalls(uint256 given, uint256 most);

    /// @notice A call, or the caller, brings OPEN. The governor holds none.
    error ValueRefused(uint256 value);

    /// @notice Runs once, at genesis.
    function initialize(Setting[] calldata settings) external;

    /// @notice What votes.
    function token() external view returns (IGOpen);

    /// @notice Terms of a proposal; zeros if there is none.
    function proposalTerms(uint256 proposalId) external view returns (Terms memory);

    /// @notice gOPEN that must have voted for, or abstained, for a proposal to pass, wei.
    /// @dev    Reverts with `ERC5805FutureLookup` until the snapshot is past.
    function proposalQuorum(uint256 proposalId) external view returns (uint256);

    /// @notice Votes of reputation on a proposal as they count now: scaled to their greatest part.
    function proposalReputationVotes(uint256 proposalId) external view returns (Tally memory);

    /// @notice Most calls of a proposal.
    function MAX_CALLS() external view returns (uint256);
}
