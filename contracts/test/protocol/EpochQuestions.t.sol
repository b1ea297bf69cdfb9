// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochQuestions, JuryQuestion} from "../../src/interfaces/IEpochQuestions.sol";
import {IEpochScoring} from "../../src/interfaces/IEpochScoring.sol";
import {IEpochSettlement, Result, Scores, Stage} from "../../src/interfaces/IEpochSettlement.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {EpochQuestions} from "../../src/protocol/EpochQuestions.sol";
import {EpochTest} from "./EpochTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract EpochQuestionsTest is EpochTest {
    /// @dev A seventh of a tenth of the bond.
    uint256 private constant JUROR_SHARE = QUESTION_BOND / 10 / 7;

    uint64 private epoch;
    bytes private encoded;
    /// @dev The proposal's result.
    bytes private resultEncoded;

    function setUp() public override {
        super.setUp();
        _serve(5, [int256(1), 1, 0]);
        epoch = _close();
        (Scores memory scores, Result[] memory results, bytes32[] memory found) = _proposeAll(epoch);
        encoded = abi.encode(scores);
        resultEncoded = abi.encode(results[0]);
        assertEq(found[0], keccak256(resultEncoded));
    }

    /// @dev Of the one request.
    function _sketch() private pure returns (bytes memory) {
        return _query([int256(1), 1, 0]);
    }

    function _proposed() private view returns (bytes32[] memory hashes, Result memory result) {
        bytes memory data = resultEncoded;
        hashes = new bytes32[](1);
        hashes[0] = keccak256(data);
        result = abi.decode(data, (Result));
    }

    function _askSketch(uint256 draw) private returns (bytes32) {
        return _askSketch(encoded, draw, 0);
    }

    function _askSketch(bytes memory scores, uint256 draw, uint256 place) private returns (bytes32) {
        vm.prank(challenger);
        return questions.askSketch{value: QUESTION_BOND}(epoch, adapter, scores, draw, place);
    }

    function _askRow(uint32 row) private returns (bytes32) {
        vm.prank(challenger);
        return questions.askRow{value: QUESTION_BOND}(epoch, adapter, 0, row);
    }

    function _workerStake() private view returns (uint256) {
        return staking.stakeOf(IValidatorStaking.Role.Worker, worker);
    }

    function _held(bytes32 question) private view returns (uint256) {
        return vault.held(address(questions), question);
    }

    function _finalizeAll() private {
        vm.warp(uint256(settlement.settlementOf(epoch, adapter).deadline) + 1);
        (bytes32[] memory hashes, Result memory result) = _proposed();
        settlement.finalize(epoch, adapter, hashes, result, 99);
    }

    /* SET-UP */

    function test_initialize_twice_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        questions.initialize(new Setting[](0));
        EpochQuestions implementation = new EpochQuestions();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
        assertEq(questions.version(), "1.0.0");
    }

    function test_setParameter_bondBelowATenth_reverts() public {
        vm.prank(Predeploys.PARAM_TIMELOCK);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterized.ParametersConflict.selector, bytes32("questionBond"), bytes32("proposalBond")
            )
        );
        IParameterized(address(questions)).setParameter("questionBond", 100 ether - 1);
        _setParameter(address(questions), "questionBond", 100 ether);
    }

    /* ASKING */

    /// @dev EQ1.
    function test_ask_wrongly_reverts() public {
        bytes memory scores = encoded;
        vm.startPrank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.WrongBond.selector, 1, QUESTION_BOND));
        questions.askRow{value: 1}(epoch, adapter, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.UnknownSet.selector, adapter, 1));
        questions.askRow{value: QUESTION_BOND}(epoch, adapter, 1, 0);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.UnknownRow.selector, 3, 3));
        _askRow(3);
        bytes32 given = keccak256("other");
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.WrongScores.selector, given, keccak256(scores)));
        _askSketch("other", 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.UnknownDraw.selector, 16));
        _askSketch(scores, 16, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.UnknownSet.selector, adapter, 1));
        _askSketch(scores, 0, 1);
        bytes32 id = _askRow(1);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.AlreadyAsked.selector, id));
        _askRow(1);
        // Every draw is of the one request.
        id = _askSketch(3);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.AlreadyAsked.selector, id));
        _askSketch(4);
        uint48 askUntil = settlement.settlementOf(epoch, adapter).askUntil;
        vm.warp(uint256(askUntil) + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.AskingOver.selector, askUntil));
        _askRow(2);
    }

    /// @dev EQ2: a question delays the payment, until its jury is done.
    function test_answer_undecided_aTenthIsBurnt() public {
        bytes32 id = _askSketch(0);
        JuryQuestion memory question = questions.questionOf(id);
        assertEq(question.place, type(uint16).max);
        assertEq(question.accused, worker);
        assertEq(question.fee, uint256(5 * PRICE) * 500 / 10_000 + PLATFORM_FEE);
        assertEq(_held(id), QUESTION_BOND);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.QuestionOpen.selector, id));
        questions.answer(id, "", "");
        vm.warp(vm.getBlockTimestamp() + 3 days + 1);
        (bytes32[] memory hashes, Result memory result) = _proposed();
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.QuestionsOpen.selector, 1));
        settlement.finalize(epoch, adapter, hashes, result, 99);
        vm.expectEmit(address(questions));
        emit IEpochQuestions.Answered(id, false, false);
        uint256 before = address(vault).balance;
        questions.answer(id, "", "");
        assertEq(_claimable(challenger), QUESTION_BOND * 9 / 10);
        assertEq(address(vault).balance, before - QUESTION_BOND / 10);
        assertEq(_held(id), 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.UnknownQuestion.selector, id));
        questions.answer(id, "", "");
        _finalizeAll();
        _assertStage(epoch, Stage.Settled);
    }

    /// @dev EQ7: what wasn't decided can be asked about once more, under another number, by a jury of its own.
    function test_answer_undecided_mayBeAskedOnceMore() public {
        _setParameter(address(jury), "commitSeconds", 60);
        _setParameter(address(jury), "revealSeconds", 60);
        _setParameter(address(jury), "tallySeconds", 60);
        bytes32 id = _askSketch(0);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.AlreadyAsked.selector, id));
        _askSketch(1);
        _endUndecided(id);
        bytes32 again = _askSketch(1);
        assertNotEq(again, id);
        assertEq(_held(again), QUESTION_BOND);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.AlreadyAsked.selector, id));
        _askSketch(2);
        uint256 state = vm.snapshotState();
        _decide(again, new bytes(DIM), _sketch());
        assertEq(_workerStake(), 900 ether);
        assertTrue(vm.revertToState(state));
        _endUndecided(again);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.AlreadyAsked.selector, id));
        _askSketch(2);
        // What was decided is.
        id = _askRow(1);
        (,, bytes memory vector) = SKETCH.row(set, 1);
        _decide(id, vector, "");
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.AlreadyAsked.selector, id));
        _askRow(1);
    }

    function _endUndecided(bytes32 id) private {
        vm.warp(jury.questionOf(id).tallyEnd);
        questions.answer(id, "", "");
    }

    /// @dev EQ9: four questions at once have the least bond, four more twice that. Where nobody could answer, nobody but the asker pays.
    function test_ask_many_costTheAsker() public {
        bytes32[] memory ids = new bytes32[](4);
        for (uint32 r = 0; r < 3; ++r) {
            ids[r] = _askRow(r);
        }
        ids[3] = _askSketch(0);
        assertEq(questions.bondOf(epoch, adapter), 2 * QUESTION_BOND);
        assertEq(questions.bondOf(epoch + 1, adapter), QUESTION_BOND);
        bytes memory scores = encoded;
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.WrongBond.selector, QUESTION_BOND, 2 * QUESTION_BOND));
        questions.askSketch{value: QUESTION_BOND}(epoch, adapter, scores, 1, 0);
        _mine(4, 1);
        for (uint256 i = 0; i < 4; ++i) {
            jury.draw(ids[i]);
        }
        uint256 staked = _validatorsStake();
        vm.warp(jury.questionOf(ids[0]).tallyEnd);
        for (uint256 i = 0; i < 4; ++i) {
            jury.tally(ids[i], new bytes[](0));
            questions.answer(ids[i], "", "");
        }
        assertEq(_validatorsStake(), staked);
        assertEq(_claimable(challenger), 4 * QUESTION_BOND * 9 / 10);
        assertEq(questions.bondOf(epoch, adapter), QUESTION_BOND);
    }

    function _validatorsStake() private view returns (uint256 sum) {
        for (uint256 i = 0; i < validators.length; ++i) {
            sum += staking.stakeOf(IValidatorStaking.Role.Validator, validators[i]);
        }
    }

    function _assertJurorsPaid(bytes32 id, uint256 share) private view {
        address[] memory jurors = jury.agreeingOf(id);
        assertEq(jurors.length, 7);
        for (uint256 i = 0; i < jurors.length; ++i) {
            assertEq(_claimable(jurors[i]), share);
        }
    }

    /* SKETCHES */

    /// @dev EQ3: a worker who shows prompt and output to some of the jury only has all of it against him all the same.
    function test_sketch_shownToSome_punishesTheWorker() public {
        bytes32 id = _askSketch(0);
        bytes[] memory findings = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            // What the prompt gives is another sketch than the worker's; four were shown nothing.
            findings[i] = i < 3 ? _query([int256(0), 0, 3]) : new bytes(DIM);
        }
        _tallyEach(id, findings, _sketch());
        questions.answer(id, findings[0], _sketch());
        assertEq(_workerStake(), 900 ether);
        _assertStage(epoch, Stage.Open);
    }

    /// @dev EQ3: of a right sketch the worker who shows it to five is safe, whatever the others say.
    function test_sketch_shownToFive_isUpheld() public {
        bytes32 id = _askSketch(0);
        bytes[] memory findings = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            findings[i] = i < 2 ? new bytes(DIM) : _sketch();
        }
        address[] memory jurors = _tallyEach(id, findings, _sketch());
        questions.answer(id, _sketch(), _sketch());
        assertEq(_workerStake(), 1000 ether);
        uint256 share = QUESTION_BOND / 10 / 5;
        for (uint256 i = 0; i < 7; ++i) {
            assertEq(_claimable(jurors[i]), i < 2 ? 0 : share);
        }
        assertEq(_claimable(worker), (QUESTION_BOND - 5 * share) / 2);
    }

    /// @dev EQ3: once for the request, whichever draws it has.
    function test_sketch_rejected_punishesTheWorker() public {
        uint256 hold = router.heldOf(epoch, adapter, worker);
        // The platform's part and the platform fee: all that the request brought him, and all of his hold.
        uint256 fee = uint256(5 * PRICE) * router.splitOf(epoch).platform / 10_000 + PLATFORM_FEE;
        assertEq(hold, fee);
        bytes32 id = _askSketch(0);
        bytes memory finding = _query([int256(0), 0, 3]);
        _tally(id, finding, _sketch());
        vm.expectEmit(address(settlement));
        emit IEpochSettlement.Voided(epoch, adapter, proposer);
        questions.answer(id, finding, _sketch());
        assertEq(_workerStake(), 900 ether);
        assertEq(router.heldOf(epoch, adapter, worker), 0);
        assertEq(_claimable(challenger), QUESTION_BOND - 7 * JUROR_SHARE + 50 ether + fee / 2);
        _assertJurorsPaid(id, JUROR_SHARE);
        assertEq(_claimable(proposer), PROPOSAL_BOND);
        assertEq(_held(id), 0);
        assertGe(reputation.balanceOf(challenger), 10e18);
        assertEq(settlement.settlementOf(epoch, adapter).voidDraws, type(uint16).max);
        _assertStage(epoch, Stage.Open);

        _proposeVoid();
    }

    /// @dev Proposals are made anew; void draws count without a score, and can't be asked about.
    function _proposeVoid() private {
        Scores memory scores = _scores(epoch, SHARP);
        (Result[] memory results, bytes32[] memory right) = _results(epoch, scores);
        assertEq(results[0].clusters.length, 0);
        _propose(epoch, scores, right);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.DrawIsVoid.selector, 2));
        _askSketch(2);
        _payAll(epoch, results, right);
        _assertStage(epoch, Stage.Settled);
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertEq(carried, _pool());
        assertGt(carried, 0);
    }

    /// @dev EQ3: who withholds prompt or output is rejected as if with another sketch: the jury finds zeros.
    function test_sketch_withheld_punishesTheWorker() public {
        _decide(_askSketch(0), new bytes(DIM), _sketch());
        assertEq(_workerStake(), 900 ether);
    }

    /// @dev EQ4.
    function test_sketch_upheld_askerForfeits() public {
        bytes32 id = _askSketch(9);
        uint256 before = address(vault).balance;
        bytes memory near = _query([int256(1), 1, 0]);
        near[0] = bytes1(uint8(near[0]) + 1);
        _decide(id, near, _sketch());
        uint256 rest = QUESTION_BOND - 7 * JUROR_SHARE;
        assertEq(_claimable(worker), rest / 2);
        assertEq(_claimable(challenger), 0);
        assertEq(address(vault).balance, before - (rest - rest / 2));
        assertEq(_held(id), 0);
        _assertJurorsPaid(id, JUROR_SHARE);
        assertEq(_workerStake(), 1000 ether);
        _finalizeAll();
        assertGt(_claimable(alice), 0);
    }

    /// @dev EQ2.
    function test_answer_otherBytes_reverts() public {
        bytes32 id = _askSketch(0);
        bytes memory finding = _query([int256(0), 0, 3]);
        _tally(id, finding, _sketch());
        bytes memory right = _sketch();
        (bytes32 a, bytes32 b) = (keccak256(right), keccak256(finding));
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.WrongSketch.selector, a, b));
        questions.answer(id, right, right);
        vm.expectRevert(abi.encodeWithSelector(IEpochQuestions.WrongSketch.selector, b, a));
        questions.answer(id, finding, finding);
        questions.answer(id, finding, right);
    }

    /// @dev EQ2: an epoch that was opened again isn't carried while a question waits, and a void proposal is none of the proposer's.
    function test_carry_openQuestion_reverts() public {
        bytes32 row = _askRow(2);
        bytes32 id = _askSketch(0);
        // Late, so that the epoch's window is over.
        _decide(id, new bytes(DIM), _sketch());
        (, uint64 closed) = router.closedAt(epoch);
        vm.warp(closed + 7 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.QuestionsOpen.selector, 1));
        settlement.carry(epoch, adapter);
        questions.answer(row, "", "");
        settlement.carry(epoch, adapter);
        _assertStage(epoch, Stage.Settled);
    }

    /* ROWS */

    /// @dev EQ5.
    function test_row_rejected_clusterEarnsNothing() public {
        bytes32 id = _askRow(1);
        assertEq(questions.questionOf(id).accused, developer);
        bytes memory finding = _query([int256(0), 0, 4]);
        _tally(id, finding);
        vm.expectEmit(address(questions));
        emit IEpochQuestions.ClusterRejected(set, 1, 1);
        questions.answer(id, finding, "");
        assertTrue(questions.isRejected(set, 1));
        assertEq(_claimable(challenger), QUESTION_BOND);
        // RE4: the set's owner lost nothing, and could have asked himself.
        assertEq(reputation.balanceOf(challenger), 0);
        // The proposal stands.
        _assertStage(epoch, Stage.Proposed);
        uint128 contributors = router.potOf(epoch, adapter).contributors;
        _finalizeAll();
        assertEq(_claimable(bob), 0);
        (, Result memory result) = _proposed();
        uint256 earned = uint256(contributors) * result.shares[0] / 1e18;
        assertEq(_claimable(alice), earned - earned / 10);
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertEq(carried, contributors - earned);
    }

    /// @dev EQ4.
    function test_row_upheld_askerForfeits() public {
        (,, bytes memory vector) = SKETCH.row(set, 1);
        _decide(_askRow(1), vector, "");
        assertFalse(questions.isRejected(set, 1));
        assertEq(_claimable(developer), (QUESTION_BOND - 7 * JUROR_SHARE) / 2);
        assertEq(_claimable(challenger), 0);
    }

    /* WHO JUDGES */

    /// @dev EQ8: neither asker, proposer and accused judge, nor who holds their places.
    function test_ask_holdersOfTheInterested_areExcluded() public {
        address[3] memory holders =
            [_rotate("worker", "validator0"), _rotate("proposer", "validator1"), _rotate("challenger", "validator2")];
        bytes32 id = _askSketch(0);
        _mine(4, 1);
        address[] memory jurors = jury.draw(id);
        assertEq(jurors.length, VALIDATORS - 3);
        for (uint256 i = 0; i < jurors.length; ++i) {
            for (uint256 j = 0; j < 3; ++j) {
                assertEq(vault.holderOf([worker, proposer, challenger][j]), holders[j]);
                assertNotEq(jurors[i], holders[j], "judges in his own cause");
            }
        }
    }
}
