// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IEpochSettlement, Result, Settlement, Stage} from "../interfaces/IEpochSettlement.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IPausable} from "../interfaces/precompiles/IPausable.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {EpochStorage} from "./EpochStorage.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title EpochProposals
/// @notice Seeds, proposals, challenges and improvements.
abstract contract EpochProposals is EpochStorage, ReentrancyGuardTransient {
    using SafeCast for uint256;

    /// @dev Blocks from the one that closed an epoch to the one whose hash is the seed.
    uint64 private constant SEED_DELAY = 2;
    /// @dev Reputation of an upheld challenge.
    uint256 internal constant CHALLENGE_POINTS = 10e18;

    /// @inheritdoc IEpochSettlement
    function drawSeed(uint64 epoch) external returns (bytes32 seed) {
        EpochSettlementStorage storage $ = _storage();
        (uint64 closed,) = _router().closedAt(epoch);
        if (closed == 0) revert EpochNotClosed(epoch);
        if ($.seeds[epoch] != 0) revert SeedAlreadyDrawn(epoch);
        uint64 from = $.seedBlocks[epoch] == 0 ? closed : $.seedBlocks[epoch];
        uint256 number = from + SEED_DELAY;
        if (block.number <= number) revert SeedTooEarly(number);
        bytes32 hash = Blockhash.blockHash(number);
        if (hash == 0) {
            $.seedBlocks[epoch] = uint64(block.number);
            emit SeedPostponed(epoch, uint64(block.number));
            return 0;
        }
        seed = keccak256(abi.encodePacked(hash, epoch));
        $.seeds[epoch] = seed;
        emit SeedDrawn(epoch, seed);
    }

    /// @inheritdoc IEpochSettlement
    function propose(uint64 epoch, uint64 adapter, bytes calldata scores, bytes32[] calldata results)
        external
        payable
        nonReentrant
    {
        if (seedOf(epoch) == 0) revert NoSeed(epoch);
        if (_router().feesOf(epoch, adapter) == 0) revert NoFees(epoch, adapter);
        Settlement storage settled = _requireStage(epoch, adapter, Stage.Open);
        uint48 until = _proposeUntil(epoch, settled);
        if (block.timestamp > until) revert ProposalsOver(until);
        settled.stage = Stage.Proposed;
        settled.deadline = (block.timestamp + parameter(CHALLENGE_SECONDS)).toUint48();
        settled.improveUntil = settled.deadline;
        // Questions delay an epoch once: about later proposals there is less time to ask.
        if (settled.askUntil == 0) settled.askUntil = settled.deadline;
        _place(epoch, adapter, settled, scores, results);
    }

    /// @inheritdoc IEpochSettlement
    function challenge(uint64 epoch, uint64 adapter, bytes calldata scores, bytes32[] calldata results, uint256 set)
        external
        nonReentrant
    {
        Settlement storage settled = _requireProposal(epoch, adapter, scores);
        if (block.timestamp > settled.deadline) revert WindowOver(settled.deadline);
        _requireResults(settled, results);
        try _scoring().compute(epoch, adapter, settled.voidDraws, scores, set) returns (
            bool isValid, Result memory result
        ) {
            bytes32 right = keccak256(abi.encode(result));
            if (isValid && right == results[set]) revert ProposalHolds(right);
        } catch (bytes memory reason) {
            // Anything else, a lack of gas above all, says nothing about the proposal.
            if (bytes4(reason) != IPausable.Paused.selector) LowLevelCall.bubbleRevert(reason);
            _movePast(epoch, adapter, settled, reason);
            return;
        }
        address proposer = settled.proposer;
        _forfeit(_proposalId(epoch, adapter), settled.bond, msg.sender);
        _reopen(settled);
        IReputation(Predeploys.REPUTATION).award(msg.sender, CHALLENGE_POINTS);
        emit Refuted(epoch, adapter, proposer, msg.sender);
    }

    /// @inheritdoc IEpochSettlement
    function improve(
        uint64 epoch,
        uint64 adapter,
        bytes calldata old,
        bytes calldata better,
        bytes32[] calldata results
    ) external payable nonReentrant {
        Settlement storage settled = _requireProposal(epoch, adapter, old);
        if (block.timestamp > settled.improveUntil) revert WindowOver(settled.improveUntil);
        IClaimVault(Predeploys.CLAIM_VAULT).payOut(_proposalId(epoch, adapter), settled.proposer, settled.bond);
        _place(epoch, adapter, settled, better, results);
        _scoring().checkImproved(epoch, adapter, settled.voidDraws, old, better);
    }

    /// @dev The proposal that stands, which `scores` must be.
    function _requireProposal(uint64 epoch, uint64 adapter, bytes calldata scores)
        private
        view
        returns (Settlement storage settled)
    {
        settled = _requireStage(epoch, adapter, Stage.Proposed);
        bytes32 given = keccak256(scores);
        if (given != settled.scoresHash) revert WrongScores(given, settled.scoresHash);
    }

    function _requireResults(Settlement storage settled, bytes32[] calldata results) internal view {
        bytes32 given = keccak256(abi.encode(results));
        if (given != settled.resultsHash) revert WrongResults(given, settled.resultsHash);
    }

    /// @dev Moves the deadline to a while after a pause, `reason` being `IPausable.Paused(selector, until)`.
    function _movePast(uint64 epoch, uint64 adapter, Settlement storage settled, bytes memory reason) private {
        uint256 until;
        assembly ("memory-safe") {
            // Length, selector, first word.
            until := mload(add(reason, 0x44))
        }
        uint48 deadline = (until + parameter(RENEWAL_SECONDS)).toUint48();
        if (settled.deadline >= deadline) return;
        settled.deadline = deadline;
        emit DeadlineMoved(epoch, adapter, deadline);
    }

    /// @dev Takes proposals again, for a while at least.
    function _reopen(Settlement storage settled) internal {
        settled.stage = Stage.Open;
        settled.proposer = address(0);
        settled.bond = 0;
        settled.scoresHash = 0;
        settled.resultsHash = 0;
        uint48 until = (block.timestamp + parameter(RENEWAL_SECONDS)).toUint48();
        if (settled.proposeUntil < until) settled.proposeUntil = until;
    }

    /// @dev When the epoch's own window, or a later one that a refuted proposal opened, ends.
    function _proposeUntil(uint64 epoch, Settlement storage settled) internal view returns (uint48) {
        (, uint64 closed) = _router().closedAt(epoch);
        uint48 until = (closed + parameter(PROPOSAL_SECONDS)).toUint48();
        return settled.proposeUntil > until ? settled.proposeUntil : until;
    }

    /// @dev Half of a bond, the greater one, is burnt; the rest is `to`'s.
    function _forfeit(bytes32 id, uint256 amount, address to) internal {
        IClaimVault vault = IClaimVault(Predeploys.CLAIM_VAULT);
        uint256 part = amount / 2;
        vault.burn(id, amount - part);
        vault.payOut(id, to, part);
    }

    /// @dev Records a proposal of the caller's, whose bond came with the call. Whatever is shown last can be challenged and asked about for a
    ///      while.
    function _place(
        uint64 epoch,
        uint64 adapter,
        Settlement storage settled,
        bytes calldata scores,
        bytes32[] calldata results
    ) private {
        uint256 bond = parameter(PROPOSAL_BOND);
        if (msg.value != bond) revert WrongBond(msg.value, bond);
        _scoring().checkForm(adapter, scores, results.length);
        uint48 renewed = (block.timestamp + parameter(RENEWAL_SECONDS)).toUint48();
        if (settled.deadline < renewed) settled.deadline = renewed;
        if (settled.askUntil < renewed) settled.askUntil = renewed;
        settled.proposer = msg.sender;
        settled.bond = bond.toUint128();
        settled.scoresHash = keccak256(scores);
        settled.resultsHash = keccak256(abi.encode(results));
        IClaimVault(Predeploys.CLAIM_VAULT).hold{value: bond}(_proposalId(epoch, adapter));
        // What a contract calls with is in no transaction: whoever challenges must find it all the same.
        if (msg.sender != tx.origin || msg.sender.code.length != 0) emit ProposalData(epoch, adapter, scores);
        emit Proposed(epoch, adapter, msg.sender, settled.scoresHash, results, settled.deadline);
    }
}
