// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IEpochSettlement, Replaced, Settlement, Stage} from "../interfaces/IEpochSettlement.sol";
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
    /// @dev From the first proposal's deadline until everything ends: juries answer in at most 70 hours.
    uint48 private constant DELAY_MAX = 3 days;

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
        if (settled.askUntil == 0) {
            uint48 first = (block.timestamp + parameter(CHALLENGE_SECONDS)).toUint48();
            settled.askUntil = first;
            settled.showUntil = first - _renewal();
            settled.settleUntil = first + DELAY_MAX;
        }
        settled.deadline = settled.askUntil;
        _place(epoch, adapter, settled, scores, results);
        settled.improveUntil = settled.deadline;
    }

    /// @inheritdoc IEpochSettlement
    function challenge(uint64 epoch, uint64 adapter, bytes calldata scores, bytes32[] calldata results, uint256 set)
        external
        nonReentrant
    {
        Settlement storage settled = _requireProposal(epoch, adapter, scores);
        if (block.timestamp > settled.deadline) revert WindowOver(settled.deadline);
        _requireHash(results, settled.resultsHash);
        uint48 deadline = _refute(epoch, adapter, settled.voidDraws, scores, results, set);
        if (deadline != 0) {
            if (deadline <= settled.deadline) return;
            settled.deadline = deadline;
            // Who refutes it then leaves time for another.
            uint48 until = deadline + 2 * _renewal();
            if (settled.settleUntil < until) settled.settleUntil = until;
            emit DeadlineMoved(epoch, adapter, deadline);
            return;
        }
        emit Refuted(epoch, adapter, settled.proposer, msg.sender);
        _punish(epoch, adapter, settled.bond);
        _reopen(settled);
    }

    /// @inheritdoc IEpochSettlement
    function challengeReplaced(
        uint64 epoch,
        uint64 adapter,
        uint256 place,
        bytes calldata scores,
        bytes32[] calldata results,
        uint256 set
    ) external nonReentrant {
        Replaced storage replaced = _requireReplaced(epoch, adapter, place);
        if (block.timestamp > replaced.deadline) revert WindowOver(replaced.deadline);
        _requireScores(scores, replaced.scoresHash);
        _requireHash(results, replaced.resultsHash);
        uint48 deadline = _refute(epoch, adapter, replaced.voidDraws, scores, results, set);
        if (deadline != 0) {
            if (deadline > replaced.deadline) replaced.deadline = deadline;
            return;
        }
        emit ReplacedRefuted(epoch, adapter, place, replaced.proposer, msg.sender);
        uint256 bond = replaced.bond;
        replaced.bond = 0;
        _punish(epoch, adapter, bond);
    }

    /// @inheritdoc IEpochSettlement
    function returnBond(uint64 epoch, uint64 adapter, uint256 place) external {
        Replaced storage replaced = _requireReplaced(epoch, adapter, place);
        if (block.timestamp <= replaced.deadline) revert WindowOpen(replaced.deadline);
        uint256 bond = replaced.bond;
        replaced.bond = 0;
        _payOut(_proposalId(epoch, adapter), replaced.proposer, bond);
    }

    /// @inheritdoc IEpochSettlement
    function replacedOf(uint64 epoch, uint64 adapter, uint256 place) external view returns (Replaced memory) {
        return _storage().replaced[epoch][adapter][place];
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
        _setAside(epoch, adapter, settled);
        _place(epoch, adapter, settled, better, results);
        _scoring().checkImproved(adapter, settled.voidDraws, old, better);
    }

    /// @dev The proposal that stands, which `scores` must be.
    function _requireProposal(uint64 epoch, uint64 adapter, bytes calldata scores)
        private
        view
        returns (Settlement storage settled)
    {
        settled = _requireStage(epoch, adapter, Stage.Proposed);
        _requireScores(scores, settled.scoresHash);
    }

    /// @dev A replaced proposal whose bond is still held.
    function _requireReplaced(uint64 epoch, uint64 adapter, uint256 place)
        private
        view
        returns (Replaced storage replaced)
    {
        replaced = _storage().replaced[epoch][adapter][place];
        if (replaced.bond == 0) revert NoBond(epoch, adapter, place);
    }

    function _requireScores(bytes calldata scores, bytes32 expected) private pure {
        bytes32 given = keccak256(scores);
        if (given != expected) revert WrongScores(given, expected);
    }

    function _requireHash(bytes32[] calldata results, bytes32 expected) internal pure {
        bytes32 given = keccak256(abi.encode(results));
        if (given != expected) revert WrongResults(given, expected);
    }

    /// @dev Computes a set's result again, and reverts if it is the proposal's. 0 if it isn't; a deadline a while after the pause if scores are
    ///      paused, by `IPausable.Paused(selector, until)`.
    function _refute(
        uint64 epoch,
        uint64 adapter,
        uint16 voidDraws,
        bytes calldata scores,
        bytes32[] calldata results,
        uint256 set
    ) private view returns (uint48 deadline) {
        try _scoring().resultHash(epoch, adapter, voidDraws, scores, set) returns (bytes32 right) {
            // Scores that are wrong have none, whatever is proposed.
            if (right != 0 && right == results[set]) revert ProposalHolds(right);
        } catch (bytes memory reason) {
            // Anything else, a lack of gas above all, says nothing about the proposal.
            if (bytes4(reason) != IPausable.Paused.selector) LowLevelCall.bubbleRevert(reason);
            uint256 until;
            assembly ("memory-safe") {
                // Length, selector, first word.
                until := mload(add(reason, 0x44))
            }
            deadline = until.toUint48() + _renewal();
        }
    }

    /// @dev Halves a proposal's bond for who calls.
    function _punish(uint64 epoch, uint64 adapter, uint256 bond) private {
        _forfeit(_proposalId(epoch, adapter), bond, msg.sender);
        IReputation(Predeploys.REPUTATION).award(msg.sender, CHALLENGE_POINTS);
    }

    /// @dev Keeps a proposal that another one replaces, with its bond, for as long as it may be challenged.
    function _setAside(uint64 epoch, uint64 adapter, Settlement storage settled) private {
        uint16 place = settled.replaced++;
        emit ProposalReplaced(epoch, adapter, place, settled.proposer);
        Replaced storage replaced = _storage().replaced[epoch][adapter][place];
        (replaced.proposer, replaced.deadline) = (settled.proposer, settled.deadline);
        (replaced.voidDraws, replaced.bond) = (settled.voidDraws, settled.bond);
        (replaced.scoresHash, replaced.resultsHash) = (settled.scoresHash, settled.resultsHash);
    }

    /// @dev When a window that is renewed now ends.
    function _renewed() private view returns (uint48) {
        return uint48(block.timestamp) + _renewal();
    }

    function _renewal() internal view returns (uint48) {
        return parameter(RENEWAL_SECONDS).toUint48();
    }

    /// @dev Takes proposals again, for a while at least.
    function _reopen(Settlement storage settled) internal {
        settled.stage = Stage.Open;
        settled.proposer = address(0);
        settled.bond = 0;
        settled.scoresHash = 0;
        settled.resultsHash = 0;
        uint48 until = _renewed();
        if (settled.proposeUntil < until) settled.proposeUntil = until;
    }

    /// @dev When the epoch's own window, or a later one that a refuted proposal opened, ends; not so late that what is proposed couldn't be
    ///      challenged for a while before everything ends.
    function _proposeUntil(uint64 epoch, Settlement storage settled) internal view returns (uint48 until) {
        (, uint64 closed) = _router().closedAt(epoch);
        until = (closed + parameter(PROPOSAL_SECONDS)).toUint48();
        if (settled.proposeUntil > until) until = settled.proposeUntil;
        if (settled.askUntil == 0) return until;
        uint48 last = settled.settleUntil - _renewal();
        if (until > last) until = last;
    }

    /// @dev Half of a bond, the greater one, is burnt; the rest is `to`'s.
    function _forfeit(bytes32 id, uint256 amount, address to) internal {
        uint256 part = amount / 2;
        IClaimVault(Predeploys.CLAIM_VAULT).burn(id, amount - part);
        _payOut(id, to, part);
    }

    /// @dev These are called in many places: once each they take less of what a contract may be.
    function _payOut(bytes32 id, address payee, uint256 amount) internal {
        IClaimVault(Predeploys.CLAIM_VAULT).payOut(id, payee, amount);
    }

    function _hold(bytes32 id, uint256 amount) internal {
        IClaimVault(Predeploys.CLAIM_VAULT).hold{value: amount}(id);
    }

    /// @dev Records a proposal of the caller's, whose bond came with the call. Whatever is shown last can be challenged for a while. What isn't
    ///      shown in time to be asked about can't be shown later.
    function _place(
        uint64 epoch,
        uint64 adapter,
        Settlement storage settled,
        bytes calldata scores,
        bytes32[] calldata results
    ) private {
        uint256 bond = parameter(PROPOSAL_BOND);
        if (msg.value != bond) revert WrongBond(msg.value, bond);
        uint16 shown = _scoring().checkForm(epoch, adapter, scores, results.length);
        uint16 more = shown & ~settled.shownDraws;
        if (more != 0) {
            if (block.timestamp > settled.showUntil) revert ShownTooLate(more, settled.showUntil);
            settled.shownDraws |= more;
        }
        uint48 renewed = _renewed();
        if (renewed > settled.settleUntil) revert WindowOver(settled.settleUntil);
        if (settled.deadline < renewed) settled.deadline = renewed;
        settled.proposer = msg.sender;
        settled.bond = bond.toUint128();
        settled.scoresHash = keccak256(scores);
        settled.resultsHash = keccak256(abi.encode(results));
        _hold(_proposalId(epoch, adapter), bond);
        // What a contract calls with is in no transaction: whoever challenges must find it all the same.
        if (msg.sender != tx.origin || msg.sender.code.length != 0) emit ProposalData(epoch, adapter, scores);
        emit Proposed(epoch, adapter, msg.sender, settled.scoresHash, results, settled.deadline);
    }
}
