// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochSettlement, Result, Scores, Settlement, Stage} from "../../src/interfaces/IEpochSettlement.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {EpochTest} from "./EpochTest.sol";

/// @notice How long an epoch can be delayed: one window to ask juries, and an end of everything.
contract EpochWindowsTest is EpochTest {
    uint64 private epoch;
    uint256 private closedAt;

    /// @dev The call that is in question, and the wei before it.
    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 6; ++i) {
            _serve(5, [int256(1), 0, 0]);
        }
        epoch = _close();
        (, uint64 closed) = router.closedAt(epoch);
        closedAt = closed;
    }

    function _settled() private view returns (Settlement memory) {
        return settlement.settlementOf(epoch, adapter);
    }

    /// @dev Asks about a draw's sketch, and has it rejected.
    function _void(Scores memory scores, uint256 draw) private {
        bytes memory encoded = abi.encode(scores);
        uint256 bond = questions.bondOf(epoch, adapter);
        vm.prank(challenger);
        bytes32 question = questions.askSketch{value: bond}(epoch, adapter, encoded, draw, 0);
        _decide(question, new bytes(DIM), scores.draws[draw].sketches[0]);
    }

    /// @dev All draws but those of the request that the last one is of.
    function _hiding() private view returns (Scores memory scores) {
        scores = _scores(epoch, SHARP);
        uint256 hidden = _drawn(epoch, DRAWS - 1);
        for (uint256 i = 0; i < DRAWS; ++i) {
            if (_drawn(epoch, i) == hidden) _omit(scores, i);
        }
    }

    function _lie() private pure returns (bytes32[] memory lie) {
        lie = new bytes32[](1);
        lie[0] = keccak256("lie");
    }

    /// @dev ES15: however many questions are upheld one after the other, the time to ask stays the first proposal's, and everything ends three
    ///      days after that.
    function test_questions_waveAfterWave_delayOnce() public {
        (Scores memory scores,,) = _proposeAll(epoch);
        Settlement memory first = _settled();
        assertEq(first.askUntil, first.deadline);
        assertEq(first.settleUntil, uint256(first.deadline) + 3 days);
        (, bytes32[] memory hashes) = _results(epoch, scores);
        for (uint256 i = 0; i < DRAWS; ++i) {
            if ((_settled().voidDraws >> i) & 1 == 1) continue;
            _void(scores, i);
            _assertStage(epoch, Stage.Open);
            (, hashes) = _results(epoch, scores);
            vm.deal(proposer, 10_000 ether);
            _propose(epoch, scores, hashes);
            assertEq(_settled().askUntil, first.askUntil);
            assertLe(_settled().deadline, first.settleUntil);
        }
        vm.warp(uint256(first.askUntil) + 1);
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.AskingOver.selector, first.askUntil));
        questions.askRow{value: QUESTION_BOND}(epoch, adapter, 0, 0);
        settlement.finalize(epoch, adapter, hashes, _results1(scores), 9);
        _assertStage(epoch, Stage.Settled);
    }

    function _results1(Scores memory scores) private view returns (Result memory) {
        (Result[] memory results,) = _results(epoch, scores);
        return results[0];
    }

    /// @dev ES15: a question of the last second, answered as late as juries do: there is time for a proposal without the draw, and it passes
    ///      within three days of what would have been the end.
    function test_question_atTheEnd_leavesTimeForAnotherProposal() public {
        (Scores memory scores,,) = _proposeAll(epoch);
        Settlement memory first = _settled();
        vm.warp(first.askUntil);
        bytes memory encoded = abi.encode(scores);
        vm.prank(challenger);
        bytes32 question = questions.askSketch{value: QUESTION_BOND}(epoch, adapter, encoded, 0, 0);
        _tally(question, new bytes(DIM), scores.draws[0].sketches[0]);
        vm.warp(first.askUntil + 43 hours);
        questions.answer(question, new bytes(DIM), scores.draws[0].sketches[0]);
        (Result[] memory results, bytes32[] memory hashes) = _results(epoch, scores);
        vm.warp(first.settleUntil - 1 days);
        _propose(epoch, scores, hashes);
        assertEq(_settled().deadline, first.settleUntil);
        vm.warp(uint256(first.settleUntil) + 1);
        settlement.finalize(epoch, adapter, hashes, results[0], 9);
        _assertStage(epoch, Stage.Settled);
        assertGt(_claimable(alice), 0);
    }

    /// @dev ES15: who refutes his own proposals again and again delays an epoch to its end, and no longer.
    function test_refutations_endWithTheEpoch() public {
        Scores memory scores = _scores(epoch, SHARP);
        _propose(epoch, scores, _lie());
        Settlement memory first = _settled();
        vm.warp(first.deadline);
        _challenge(epoch, scores, _lie());
        vm.warp(first.settleUntil - 1 days - 1);
        vm.expectRevert();
        settlement.carry(epoch, adapter);
        _propose(epoch, scores, _lie());
        vm.warp(_settled().deadline);
        _challenge(epoch, scores, _lie());
        bytes memory encoded = abi.encode(scores);
        vm.prank(proposer);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalsOver.selector, first.settleUntil - 1 days));
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, encoded, _lie());
        settlement.carry(epoch, adapter);
        _assertStage(epoch, Stage.Settled);
        assertLe(vm.getBlockTimestamp(), first.settleUntil);
    }

    /// @dev ES15: improvements don't last longer either.
    function test_improve_afterTheEnd_reverts() public {
        Scores memory old = _scores(epoch, BLUNT);
        _propose(epoch, old, _lie());
        Settlement memory first = _settled();
        vm.warp(first.deadline);
        _challenge(epoch, old, _lie());
        vm.warp(first.settleUntil - 1 days);
        _propose(epoch, old, _lie());
        vm.warp(first.settleUntil - 1 days + 1);
        bytes memory a = abi.encode(old);
        bytes memory b = abi.encode(_scores(epoch, SHARP));
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WindowOver.selector, first.settleUntil));
        settlement.improve{value: PROPOSAL_BOND}(epoch, adapter, a, b, _lie());
    }

    /// @dev ES15: a draw that nobody could be asked about in time isn't shown any more; those that a proposal showed are, whatever became of it.
    function test_show_afterTheTimeForIt_reverts() public {
        Scores memory scores = _scores(epoch, SHARP);
        Scores memory less = _hiding();
        _propose(epoch, less, _lie());
        Settlement memory first = _settled();
        assertEq(first.showUntil, first.askUntil - 1 days);
        uint16 hidden = ~first.shownDraws;
        assertGt(hidden, 0);
        vm.warp(uint256(first.showUntil) + 1);
        (, bytes32[] memory hashes) = _results(epoch, scores);
        (bytes memory a, bytes memory b) = (abi.encode(less), abi.encode(scores));
        bytes memory late = abi.encodeWithSelector(IEpochSettlement.ShownTooLate.selector, hidden, first.showUntil);
        vm.prank(challenger);
        vm.expectRevert(late);
        settlement.improve{value: PROPOSAL_BOND}(epoch, adapter, a, b, hashes);
        _challenge(epoch, less, _lie());
        vm.prank(proposer);
        vm.expectRevert(late);
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, b, hashes);
        (Result[] memory results, bytes32[] memory right) = _results(epoch, less);
        _propose(epoch, less, right);
        _payAll(epoch, results, right);
        _assertStage(epoch, Stage.Settled);
    }

    /// @dev ES15: shown once in time, a draw can be shown in any later proposal, also where an improver brings it back.
    function test_show_whatWasShown_succeeds() public {
        Scores memory scores = _scores(epoch, SHARP);
        Scores memory less = _hiding();
        _propose(epoch, scores, _lie());
        vm.warp(uint256(_settled().showUntil) + 1);
        _challenge(epoch, scores, _lie());
        (, bytes32[] memory hashes) = _results(epoch, less);
        _propose(epoch, less, hashes);
        (, hashes) = _results(epoch, scores);
        _improve(epoch, less, scores, hashes);
        assertEq(_settled().proposer, challenger);
    }

    /// @dev VS9: a worker who leaves when his epoch ends can be slashed for whatever a proposal shows, however late, and whoever refutes his
    ///      own proposals meanwhile.
    function test_worker_leavingAtTheClose_isFoundOut() public {
        vm.prank(worker);
        staking.exit(IValidatorStaking.Role.Worker, worker);
        Scores memory scores = _scores(epoch, SHARP);
        // As late as possible, and hidden as long as possible.
        vm.warp(closedAt + 7 days);
        _propose(epoch, _hiding(), _lie());
        vm.warp(_settled().showUntil);
        _challenge(epoch, _hiding(), _lie());
        (, bytes32[] memory hashes) = _results(epoch, scores);
        _propose(epoch, scores, hashes);
        vm.warp(_settled().askUntil);
        bytes memory encoded = abi.encode(scores);
        vm.prank(challenger);
        bytes32 question = questions.askSketch{value: QUESTION_BOND}(epoch, adapter, encoded, DRAWS - 1, 0);
        bytes memory sketch = scores.draws[DRAWS - 1].sketches[0];
        _tally(question, new bytes(DIM), sketch);
        vm.warp(_settled().askUntil + 43 hours);
        questions.answer(question, new bytes(DIM), sketch);
        vm.warp(vm.getBlockTimestamp() + 14 days);
        assertEq(staking.withdraw(IValidatorStaking.Role.Worker, worker, worker), 900 ether);
    }
}
