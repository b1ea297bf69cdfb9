// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochScoring} from "../../src/interfaces/IEpochScoring.sol";
import {
    Draw,
    IEpochSettlement,
    Result,
    Scores,
    Settlement,
    Stage,
    Witnesses
} from "../../src/interfaces/IEpochSettlement.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {IPausable} from "../../src/interfaces/precompiles/IPausable.sol";
import {FeeTree} from "../../src/libraries/FeeTree.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {EpochScoring} from "../../src/protocol/EpochScoring.sol";
import {EpochSettlement} from "../../src/protocol/EpochSettlement.sol";
import {EpochTest} from "./EpochTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Seeds, proposals, challenges and improvements.
contract EpochSettlementProposalsTest is EpochTest {
    uint64 private epoch;

    function setUp() public override {
        super.setUp();
        _serve(5, [int256(1), 1, 0]);
        _serve(5, [int256(2), 0, -1]);
        epoch = _close();
    }

    /* SET-UP */

    function test_initialize_twice_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        settlement.initialize(new Setting[](0));
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        scoring.initialize(new Setting[](0));
        EpochSettlement implementation = new EpochSettlement();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
        EpochScoring other = new EpochScoring();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        other.initialize(new Setting[](0));
        assertEq(settlement.version(), "1.0.0");
        assertEq(scoring.version(), "1.0.0");
    }

    function test_setParameter_conflicts_revert() public {
        _expectConflict("renewalSeconds", 3 days, "renewalSeconds", "challengeSeconds", "challengeSeconds", 2 days);
        _expectConflict("renewalSeconds", 2 days, "renewalSeconds", "proposalSeconds", "proposalSeconds", 1 days);
        _expectConflict("renewalSeconds", 1 days, "challengeSeconds", "unbondingSeconds", "challengeSeconds", 7 days);
        _expectConflict("renewalSeconds", 1 days, "proposalBond", "questionBond", "proposalBond", 2000 ether + 1);
        _setParameter(address(settlement), "proposalBond", 2000 ether);
    }

    function _expectConflict(bytes32 before, uint256 valueBefore, bytes32 a, bytes32 b, bytes32 name, uint256 value)
        private
    {
        // Room for what isn't tested.
        _setParameter(Predeploys.VALIDATOR_STAKING, "unbondingSeconds", 60 days);
        _setParameter(address(settlement), before, valueBefore);
        if (value >= 7 days) _setParameter(Predeploys.VALIDATOR_STAKING, "unbondingSeconds", 14 days);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        vm.expectRevert(abi.encodeWithSelector(IParameterized.ParametersConflict.selector, a, b));
        IParameterized(address(settlement)).setParameter(name, value);
    }

    /* SEEDS */

    /// @dev ES2.
    function test_drawSeed_once_succeeds() public {
        (uint64 closed,) = router.closedAt(epoch);
        assertEq(settlement.seedOf(epoch), keccak256(abi.encodePacked(_hashOfBlock(closed + 2), epoch)));
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.SeedAlreadyDrawn.selector, epoch));
        settlement.drawSeed(epoch);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.EpochNotClosed.selector, epoch + 1));
        settlement.drawSeed(epoch + 1);
    }

    /// @dev ES2.
    function test_drawSeed_tooEarlyThenLost_isPostponed() public {
        uint64 next = router.currentEpoch();
        vm.warp(router.endsAt(next));
        router.closeEpoch();
        uint64 closed = uint64(vm.getBlockNumber());
        _mine(2, 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.SeedTooEarly.selector, closed + 2));
        settlement.drawSeed(next);
        // Longer than the history.
        vm.roll(closed + 9000);
        uint64 postponed = uint64(vm.getBlockNumber());
        vm.expectEmit(address(settlement));
        emit IEpochSettlement.SeedPostponed(next, postponed);
        assertEq(settlement.drawSeed(next), 0);
        assertEq(settlement.seedOf(next), 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.NoSeed.selector, next));
        scoring.drawOffset(next, adapter, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoSeed.selector, next));
        settlement.propose{value: PROPOSAL_BOND}(next, adapter, "", new bytes32[](1));
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.SeedTooEarly.selector, postponed + 2));
        settlement.drawSeed(next);
        _mine(3, 1);
        assertEq(settlement.drawSeed(next), keccak256(abi.encodePacked(_hashOfBlock(postponed + 2), next)));
    }

    /* PROPOSALS */

    function test_propose_wrongly_reverts() public {
        Scores memory scores = _scores(epoch, SHARP);
        (, bytes32[] memory hashes) = _results(epoch, scores);
        bytes memory encoded = abi.encode(scores);
        vm.startPrank(proposer);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoFees.selector, epoch, adapter + 1));
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter + 1, encoded, hashes);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WrongBond.selector, 1, PROPOSAL_BOND));
        settlement.propose{value: 1}(epoch, adapter, encoded, hashes);
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, encoded, hashes);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WrongStage.selector, epoch, adapter, Stage.Proposed));
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, encoded, hashes);
        vm.stopPrank();
    }

    /// @dev ES3.
    function test_propose_form_reverts() public {
        bytes memory encoded = abi.encode(_nothing());
        _expectLength(encoded, 0, 0, 1);
        vm.expectRevert(IEpochScoring.NotCanonical.selector);
        scoring.checkForm(epoch, adapter, bytes.concat(encoded, hex"00"), 1);
        vm.expectRevert();
        scoring.checkForm(epoch, adapter, hex"00", 1);

        // No longer than a challenger's transaction can bring, though a contract could propose more.
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.ScoresTooLong.selector, 129_025, 129_024));
        scoring.checkForm(epoch, adapter, new bytes(129_025), 1);
        vm.expectRevert(IEpochScoring.NotCanonical.selector);
        scoring.checkForm(epoch, adapter, new bytes(129_024), 1);

        Scores memory scores = _scores(epoch, SHARP);
        scores.draws[3].sketches[0] = new bytes(DIM - 1);
        _expectLength(abi.encode(scores), 1, DIM - 1, DIM);
        scores.draws[3].sketches = new bytes[](2);
        _expectLength(abi.encode(scores), 1, 2, 1);
        scores.draws[3].sketches = new bytes[](0);
        _expectLength(abi.encode(scores), 1, 2 * DIM, 0);
        scores.witnesses[0].x[3] = "";
        scoring.checkForm(epoch, adapter, abi.encode(scores), 1);
        scores.draws[3].proof = new FeeTree.Sibling[](1);
        _expectLength(abi.encode(scores), 1, 1, 0);
        scores.draws[4].proof = new FeeTree.Sibling[](41);
        scores.draws[3].proof = new FeeTree.Sibling[](0);
        _expectLength(abi.encode(scores), 1, 41, 40);
        scores.draws[4].proof = new FeeTree.Sibling[](40);
        scores.witnesses[0].shift = new uint8[](15);
        _expectLength(abi.encode(scores), 1, 15, 16);
        scores.witnesses[0].x = new bytes[](17);
        _expectLength(abi.encode(scores), 1, 17, 16);
        scores.witnesses = new Witnesses[](2);
        _expectLength(abi.encode(scores), 1, 2, 1);
        scores.draws = new Draw[](15);
        _expectLength(abi.encode(scores), 1, 15, 16);
    }

    function _expectLength(bytes memory encoded, uint256 results, uint256 given, uint256 expected) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.WrongLength.selector, given, expected));
        scoring.checkForm(epoch, adapter, encoded, results);
    }

    /* CHALLENGES */

    /// @dev ES4.
    /// @dev What a contract proposes is in no transaction: the log has it. What an account sends is in its transaction.
    function test_propose_byContract_logsTheData() public {
        Scores memory scores = _scores(epoch, SHARP);
        (, bytes32[] memory hashes) = _results(epoch, scores);
        bytes memory data = abi.encode(scores);
        bytes32 topic = IEpochSettlement.ProposalData.selector;
        uint256 before = vm.snapshotState();

        vm.deal(proposer, PROPOSAL_BOND);
        vm.recordLogs();
        vm.prank(proposer, proposer);
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, data, hashes);
        assertEq(_countLogs(topic), 0, "an account's own transaction");
        vm.revertToState(before);

        for (uint256 i = 0; i < 2; ++i) {
            // A contract; an account that delegates its code and calls itself.
            if (i == 1) vm.etch(proposer, abi.encodePacked(hex"ef0100", address(this)));
            vm.deal(proposer, PROPOSAL_BOND);
            vm.prank(proposer, i == 0 ? address(this) : proposer);
            vm.expectEmit(address(settlement));
            emit IEpochSettlement.ProposalData(epoch, adapter, data);
            settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, data, hashes);
            vm.revertToState(before);
        }
    }

    function _countLogs(bytes32 topic) private returns (uint256 count) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic) ++count;
        }
    }

    function test_challenge_wrongResult_halvesTheBond() public {
        Scores memory scores = _scores(epoch, SHARP);
        (Result[] memory results, bytes32[] memory hashes) = _results(epoch, scores);
        ++results[0].shares[0];
        hashes[0] = keccak256(abi.encode(results[0]));
        uint256 burntBefore = address(vault).balance;
        _propose(epoch, scores, hashes);
        vm.expectEmit(address(settlement));
        emit IEpochSettlement.Refuted(epoch, adapter, proposer, challenger);
        _challenge(epoch, scores, hashes);
        assertEq(_claimable(challenger), PROPOSAL_BOND / 2);
        assertEq(_claimable(proposer), 0);
        assertEq(_bond(epoch), 0);
        assertEq(address(vault).balance, burntBefore + PROPOSAL_BOND / 2);
        assertEq(reputation.balanceOf(challenger), 10e18);
        _assertStage(epoch, Stage.Open);
        // Another can be made.
        _proposeAll(epoch);
    }

    /// @dev ES4: no lack of gas refutes a right proposal.
    /// forge-config: default.fuzz.runs = 48
    function testFuzz_challenge_rightProposal_holds(uint256 gas) public {
        (Scores memory scores,, bytes32[] memory hashes) = _proposeAll(epoch);
        bytes memory encoded = abi.encode(scores);
        gas = bound(gas, 50_000, 40_000_000);
        vm.prank(challenger);
        (bool done,) = address(settlement).call{gas: gas}(
            abi.encodeCall(IEpochSettlement.challenge, (epoch, adapter, encoded, hashes, 0))
        );
        assertFalse(done);
        _assertStage(epoch, Stage.Proposed);
        assertEq(_bond(epoch), PROPOSAL_BOND);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalHolds.selector, hashes[0]));
        settlement.challenge(epoch, adapter, encoded, hashes, 0);
    }

    /// @dev ES4.
    function test_challenge_otherData_reverts() public {
        (Scores memory scores,, bytes32[] memory hashes) = _proposeAll(epoch);
        Settlement memory settled = settlement.settlementOf(epoch, adapter);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.UnknownSet.selector, adapter, 1));
        settlement.challenge(epoch, adapter, abi.encode(scores), hashes, 1);
        bytes memory other = abi.encode(_scores(epoch, BLUNT));
        vm.expectRevert(
            abi.encodeWithSelector(IEpochSettlement.WrongScores.selector, keccak256(other), settled.scoresHash)
        );
        settlement.challenge(epoch, adapter, other, hashes, 0);
        bytes32[] memory wrong = new bytes32[](1);
        bytes memory encoded = abi.encode(scores);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEpochSettlement.WrongResults.selector, keccak256(abi.encode(wrong)), settled.resultsHash
            )
        );
        settlement.challenge(epoch, adapter, encoded, wrong, 0);
        vm.warp(uint256(settled.deadline) + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WindowOver.selector, settled.deadline));
        settlement.challenge(epoch, adapter, encoded, hashes, 0);
    }

    /// @dev ES3: the other request's draw in the place of a draw.
    function test_propose_wrongDraw_reverts() public {
        Scores memory scores = _scores(epoch, SHARP);
        (, bytes32[] memory hashes) = _results(epoch, scores);
        (uint256 i, uint256 other) = (0, 1 - _drawn(epoch, 0));
        scores.draws[i] = served[other].draw;
        scores.witnesses[0].x[i] = _solve(_weightsOf(served[other].draw.sketches[0]), SHARP);
        _expectUnknownDraw(epoch, scores, hashes, i);
    }

    /// @dev ES3.
    function test_propose_wrongSketch_reverts() public {
        Scores memory scores = _scores(epoch, SHARP);
        (, bytes32[] memory hashes) = _results(epoch, scores);
        scores.draws[7].sketches[0] = _query([int256(0), 0, 1]);
        scores.witnesses[0].x[7] = _solve([int256(0), 0, 1], SHARP);
        _expectUnknownDraw(epoch, scores, hashes, 7);
    }

    /// @dev ES4.
    function test_challenge_badWitness_refutes() public {
        Scores memory scores = _scores(epoch, SHARP);
        (, bytes32[] memory hashes) = _results(epoch, scores);
        bytes memory right = scores.witnesses[0].x[2];
        scores.witnesses[0].x[2] = new bytes(2 * DIM);
        _refutes(scores, hashes);
        scores.witnesses[0].x[2][0] = 0x7f;
        _refutes(scores, hashes);
        scores.witnesses[0].x[2] = right;
        scores.witnesses[0].shift[2] = 63;
        _refutes(scores, hashes);
    }

    /// @dev ES4: results of right scores, but of fewer draws than are shown.
    function test_challenge_sketchlessResults_refutes() public {
        (, bytes32[] memory hashes) = _results(epoch, _nothing());
        _refutes(_scores(epoch, SHARP), hashes);
    }

    function _refutes(Scores memory scores, bytes32[] memory hashes) private {
        _propose(epoch, scores, hashes);
        _challenge(epoch, scores, hashes);
        _assertStage(epoch, Stage.Open);
    }

    /// @dev ES5: a pause doesn't let a wrong proposal pass.
    function test_challenge_paused_movesTheDeadline() public {
        Scores memory scores = _scores(epoch, SHARP);
        bytes32[] memory hashes = new bytes32[](1);
        _propose(epoch, scores, hashes);
        uint256 until = vm.getBlockTimestamp() + 14 days;
        vm.prank(Predeploys.PARAM_TIMELOCK);
        IPausable(address(SKETCH)).setPaused(IAttrSketch.scoreInfluence.selector, uint64(until));
        vm.warp(vm.getBlockTimestamp() + 2 days);
        vm.expectEmit(address(settlement));
        emit IEpochSettlement.DeadlineMoved(epoch, adapter, uint48(until + 1 days));
        _challenge(epoch, scores, hashes);
        _challenge(epoch, scores, hashes);
        _assertStage(epoch, Stage.Proposed);
        assertEq(settlement.settlementOf(epoch, adapter).deadline, until + 1 days);
        vm.warp(until + 1 days);
        _challenge(epoch, scores, hashes);
        _assertStage(epoch, Stage.Open);
        assertEq(_claimable(challenger), PROPOSAL_BOND / 2);
        // There is time for a right one, though everything would have ended.
        vm.warp(until + 2 days);
        _proposeAll(epoch);
    }

    /* IMPROVEMENTS */

    /// @dev ES6.
    function test_improve_omittedDraw_takesThePlace() public {
        Scores memory old = _scores(epoch, SHARP);
        _omit(old, 5);
        (, bytes32[] memory hashes) = _results(epoch, old);
        _propose(epoch, old, hashes);
        uint48 deadline = settlement.settlementOf(epoch, adapter).deadline;
        Scores memory better = _scores(epoch, SHARP);
        (Result[] memory results, bytes32[] memory right) = _results(epoch, better);
        // What is shown last can be asked about for a day.
        vm.warp(deadline - 1 days);
        vm.expectEmit(address(settlement));
        emit IEpochSettlement.ProposalReplaced(epoch, adapter, 0, proposer);
        _improve(epoch, old, better, right);
        assertEq(_bond(epoch), 2 * PROPOSAL_BOND);
        Settlement memory settled = settlement.settlementOf(epoch, adapter);
        assertEq(settled.proposer, challenger);
        assertEq(settled.deadline, deadline);
        assertEq(settled.askUntil, deadline);
        assertEq(settled.replaced, 1);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WindowOver.selector, deadline));
        settlement.improve{value: PROPOSAL_BOND}(epoch, adapter, abi.encode(better), abi.encode(better), right);
        uint128 stakers = router.potOf(epoch, adapter).stakers;
        _payAll(epoch, results, right);
        assertEq(_claimable(challenger), PROPOSAL_BOND + stakers / 10);
        assertEq(_claimable(proposer), 0);
        settlement.returnBond(epoch, adapter, 0);
        assertEq(_claimable(proposer), PROPOSAL_BOND);
        assertEq(_bond(epoch), 0);
    }

    /// @dev ES6: who lies isn't set free by an improvement, whoever makes it. What stands isn't touched by what becomes of him.
    function test_improve_ofALie_leavesItChallengeable() public {
        Scores memory old = _scores(epoch, SHARP);
        _omit(old, 5);
        bytes32[] memory lie = new bytes32[](1);
        lie[0] = keccak256("lie");
        _propose(epoch, old, lie);
        uint48 deadline = settlement.settlementOf(epoch, adapter).deadline;
        Scores memory better = _scores(epoch, SHARP);
        (Result[] memory results, bytes32[] memory right) = _results(epoch, better);
        _improve(epoch, old, better, right);
        assertEq(_claimable(proposer), 0, "the liar's bond");
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WindowOpen.selector, deadline));
        settlement.returnBond(epoch, adapter, 0);

        vm.warp(deadline);
        bytes memory encoded = abi.encode(old);
        uint256 before = address(vault).balance;
        _expectReplacedRefusals(encoded, lie);
        vm.expectEmit(address(settlement));
        emit IEpochSettlement.ReplacedRefuted(epoch, adapter, 0, proposer, alice);
        vm.prank(alice);
        settlement.challengeReplaced(epoch, adapter, 0, encoded, lie, 0);
        assertEq(_claimable(alice), PROPOSAL_BOND / 2);
        assertEq(address(vault).balance, before - PROPOSAL_BOND / 2);
        assertEq(reputation.balanceOf(alice), 10e18);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoBond.selector, epoch, adapter, 0));
        settlement.challengeReplaced(epoch, adapter, 0, encoded, lie, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoBond.selector, epoch, adapter, 0));
        settlement.returnBond(epoch, adapter, 0);
        _assertStage(epoch, Stage.Proposed);
        assertEq(_bond(epoch), PROPOSAL_BOND);
        _payAll(epoch, results, right);
        _assertStage(epoch, Stage.Settled);
        assertEq(_bond(epoch), 0);
    }

    function _expectReplacedRefusals(bytes memory encoded, bytes32[] memory lie) private {
        bytes32 hash = keccak256("other");
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WrongScores.selector, hash, keccak256(encoded)));
        settlement.challengeReplaced(epoch, adapter, 0, "other", lie, 0);
        bytes32[] memory other = new bytes32[](1);
        (bytes32 a, bytes32 b) = (keccak256(abi.encode(other)), keccak256(abi.encode(lie)));
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WrongResults.selector, a, b));
        settlement.challengeReplaced(epoch, adapter, 0, encoded, other, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoBond.selector, epoch, adapter, 1));
        settlement.challengeReplaced(epoch, adapter, 1, encoded, lie, 0);
    }

    /// @dev ES6: a right one that was replaced is refuted by nobody, in time or later, nor does a pause free a wrong one.
    function test_challengeReplaced_rightOrPaused_holds() public {
        Scores memory old = _scores(epoch, SHARP);
        _omit(old, 5);
        (, bytes32[] memory hashes) = _results(epoch, old);
        _propose(epoch, old, hashes);
        Scores memory better = _scores(epoch, SHARP);
        (, bytes32[] memory right) = _results(epoch, better);
        _improve(epoch, old, better, right);
        bytes memory encoded = abi.encode(old);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalHolds.selector, hashes[0]));
        settlement.challengeReplaced(epoch, adapter, 0, encoded, hashes, 0);
        uint256 until = vm.getBlockTimestamp() + 14 days;
        vm.prank(Predeploys.PARAM_TIMELOCK);
        IPausable(address(SKETCH)).setPaused(IAttrSketch.scoreInfluence.selector, uint64(until));
        settlement.challengeReplaced(epoch, adapter, 0, encoded, hashes, 0);
        assertEq(settlement.replacedOf(epoch, adapter, 0).deadline, until + 1 days);
        assertEq(settlement.replacedOf(epoch, adapter, 0).bond, PROPOSAL_BOND);
        vm.warp(until + 1 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WindowOver.selector, until + 1 days));
        settlement.challengeReplaced(epoch, adapter, 0, encoded, hashes, 0);
        settlement.returnBond(epoch, adapter, 0);
        assertEq(_claimable(proposer), PROPOSAL_BOND);
    }

    /// @dev ES6.
    function test_improve_witness_takesThePlace() public {
        Scores memory old = _scores(epoch, SHARP);
        (old.witnesses[0].x[5], old.witnesses[0].shift[5]) =
        (_solve(_weightsOf(old.draws[5].sketches[0]), BLUNT), BLUNT);
        (, bytes32[] memory hashes) = _results(epoch, old);
        _propose(epoch, old, hashes);
        Scores memory better = _scores(epoch, SHARP);
        (, bytes32[] memory right) = _results(epoch, better);
        _improve(epoch, old, better, right);
        assertEq(settlement.settlementOf(epoch, adapter).proposer, challenger);
        // The other way round it is none, nor is the same again.
        _expectNoImprovement(better, old);
        _expectNoImprovement(better, better);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalHolds.selector, right[0]));
        settlement.challenge(epoch, adapter, abi.encode(better), right, 0);
    }

    /// @dev ES6.
    function test_improve_otherDifference_reverts() public {
        (Scores memory old,,) = _proposeAll(epoch);
        Scores memory other = _scores(epoch, SHARP);
        _omit(other, 5);
        _expectNoImprovement(old, other);
        other = _scores(epoch, SHARP);
        other.draws[5].price += 1;
        _expectUnknownDraw(old, other, 5);
        other = _scores(epoch, SHARP);
        // Half the residual in the norm would be needed.
        other.witnesses[0].x[5] = _solve(_weightsOf(old.draws[5].sketches[0]), SHARP - 1);
        other.witnesses[0].shift[5] = SHARP - 1;
        _expectNoImprovement(old, other);
    }

    /// @dev ES6: a draw that isn't the log's improves nothing.
    function test_improve_uselessDraw_reverts() public {
        Scores memory nothing = _nothing();
        (, bytes32[] memory hashes) = _results(epoch, nothing);
        _propose(epoch, nothing, hashes);
        Scores memory other = _nothing();
        other.draws[0] = served[1 - _drawn(epoch, 0)].draw;
        other.witnesses[0].x[0] = new bytes(2 * DIM);
        _expectUnknownDraw(nothing, other, 0);
        other.draws[0].sketches[0] = new bytes(DIM);
        _expectUnknownDraw(nothing, other, 0);
        other = _nothing();
        other.witnesses[0].shift[1] = 1;
        _expectNoImprovement(nothing, other);
        _show(other, epoch, 1, SHARP);
        _improve(epoch, nothing, other, hashes);
        // A wrong result of an improvement is refuted as any.
        hashes[0] = 0;
        Scores memory more = _scores(epoch, SHARP);
        vm.prank(alice);
        settlement.improve{value: PROPOSAL_BOND}(epoch, adapter, abi.encode(other), abi.encode(more), hashes);
        _challenge(epoch, more, hashes);
        assertEq(_claimable(challenger), PROPOSAL_BOND / 2);
        assertEq(_bond(epoch), 2 * PROPOSAL_BOND, "of those that were replaced");
    }

    /// @dev ES6: a draw without a score improves nothing.
    function test_improve_drawWithoutScore_reverts() public {
        delete served;
        _serve(5, _one(new bytes(DIM)));
        epoch = _close();
        Scores memory nothing = _nothing();
        (, bytes32[] memory hashes) = _results(epoch, nothing);
        _propose(epoch, nothing, hashes);
        Scores memory other = _nothing();
        other.draws[0] = served[0].draw;
        other.witnesses[0].x[0] = new bytes(2 * DIM);
        _expectNoImprovement(nothing, other);
    }

    function _expectUnknownDraw(Scores memory old, Scores memory other, uint256 draw) private {
        bytes memory a = abi.encode(old);
        bytes memory b = abi.encode(other);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.UnknownDraw.selector, draw));
        settlement.improve{value: PROPOSAL_BOND}(epoch, adapter, a, b, new bytes32[](1));
    }

    function _expectNoImprovement(Scores memory old, Scores memory other) private {
        bytes memory a = abi.encode(old);
        bytes memory b = abi.encode(other);
        vm.prank(challenger);
        vm.expectRevert(IEpochScoring.NoImprovement.selector);
        settlement.improve{value: PROPOSAL_BOND}(epoch, adapter, a, b, new bytes32[](1));
    }
}
