// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochScoring} from "../../src/interfaces/IEpochScoring.sol";
import {IEpochSettlement, Result, Scores, Settlement, Stage} from "../../src/interfaces/IEpochSettlement.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {EpochTest} from "./EpochTest.sol";

/// @notice Adapters trained on several sketch sets, one of labels among them, which can't be scored.
contract EpochSetsTest is EpochTest {
    uint16 private constant LABELS_BPS = 2500;
    uint16 private constant FIRST_BPS = 4500;
    uint16 private constant SECOND_BPS = 3000;

    uint64 private labels;
    uint64 private second;
    bytes32 private secondSpace;

    /// @dev The second set is of another Datanet, and has the rows' patterns the other way round: cluster 0 has pattern 2.
    function setUp() public override {
        super.setUp();
        labels = _newSet(_rowsOf(3), 1);
        (second, secondSpace) = _newSetOfAnother(bytes.concat(_row(0, 2), _row(1, 1), _row(2, 0)), 0);
        ILoraRegistry.Train[] memory train = new ILoraRegistry.Train[](3);
        train[0] = ILoraRegistry.Train(space, labels, 0, LABELS_BPS);
        train[1] = ILoraRegistry.Train(space, set, 0, FIRST_BPS);
        train[2] = ILoraRegistry.Train(secondSpace, second, 0, SECOND_BPS);
        adapter = _newAdapter("several sets", train);
    }

    function _two(int256[3] memory first, int256[3] memory other) private pure returns (bytes[] memory sketches) {
        sketches = new bytes[](2);
        (sketches[0], sketches[1]) = (_query(first), _query(other));
    }

    /// @dev Sets of labels have no place among those that are scored.
    function test_setsOf_ofLabels_areLeftOut_succeeds() public {
        (uint64[] memory sets, uint256[] memory places) = scoring.setsOf(adapter);
        assertEq(sets.length, 2);
        assertEq(sets[0], set);
        assertEq(sets[1], second);
        assertEq(places[0], 1);
        assertEq(places[1], 2);
        (uint64 id, uint16 dim) = scoring.setAt(adapter, 1);
        assertEq(id, second);
        assertEq(dim, DIM);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.UnknownSet.selector, adapter, 2));
        scoring.setAt(adapter, 2);
    }

    /// @dev ES1: each set divides its own part by its own scores, one after the other; what labels stand for is carried.
    function test_epoch_twoSets_paysEachItsPart_succeeds() public {
        _serve(5, _two([int256(1), 0, 0], [int256(0), 2, 1]));
        uint64 epoch = _close();
        uint128 pool = router.potOf(epoch, adapter).contributors;
        (, Result[] memory results, bytes32[] memory hashes) = _proposeAll(epoch);
        vm.warp(uint256(settlement.settlementOf(epoch, adapter).deadline) + 1);

        // The second one's result isn't taken before the first is paid.
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WrongResults.selector, hashes[1], hashes[0]));
        settlement.finalize(epoch, adapter, hashes, results[1], 9);
        settlement.finalize(epoch, adapter, hashes, results[0], 2);
        settlement.finalize(epoch, adapter, hashes, results[0], 2);
        Settlement memory settled = settlement.settlementOf(epoch, adapter);
        assertEq(settled.set, 1);
        assertEq(settled.cluster, 0);
        uint256 firstPart = uint256(pool) * FIRST_BPS / 10_000;
        // All of the first set's is cluster 0's, but for what rounds.
        uint256 first = firstPart * results[0].shares[0] / 1e18;
        assertApproxEqRel(first, firstPart, 1e15);
        assertEq(settled.paid, first);
        assertEq(_claimable(alice), first - first / 10);

        settlement.finalize(epoch, adapter, hashes, results[1], 9);
        _assertStage(epoch, Stage.Settled);
        uint256 sum = first + _paidOfSecond(pool, results[1]);
        (uint128 carried, uint32 unpaid,) = settlement.carriedOf(adapter);
        assertEq(carried, pool - sum);
        assertEq(_pool(), carried);
        assertGe(carried, uint256(pool) * LABELS_BPS / 10_000);
        assertEq(unpaid, 0);
    }

    /// @dev In the second set bob's cluster has two thirds, and pattern 2 is alice's.
    function _paidOfSecond(uint256 pool, Result memory result) private view returns (uint256 sum) {
        uint256 part = pool * SECOND_BPS / 10_000;
        uint256[3] memory amounts;
        for (uint256 c = 0; c < 3; ++c) {
            amounts[c] = part * result.shares[c] / 1e18;
            sum += amounts[c];
        }
        assertEq(_claimable(bob), amounts[1] - amounts[1] / 10);
        assertApproxEqRel(amounts[1], part * 2 / 3, 1e15);
        assertApproxEqRel(amounts[0], part / 3, 1e15);
        assertLt(amounts[2], part / 1000);
        (int128 inFirst,) = settlement.runningScoreOf(adapter, set, 1);
        (int128 inSecond,) = settlement.runningScoreOf(adapter, second, 1);
        assertLt(inFirst, inSecond / 1000, "scores are of a set");
    }

    /// @dev A query that is zero in one set has a score in the other.
    function test_epoch_zeroInOneSet_itsPartIsCarried_succeeds() public {
        _serve(5, _two([int256(1), 0, 0], [int256(0), 0, 0]));
        uint64 epoch = _close();
        uint128 pool = router.potOf(epoch, adapter).contributors;
        Result[] memory results = _settle(epoch);
        assertEq(results[0].clusters.length, 3);
        assertEq(results[1].clusters.length, 0);
        _assertStage(epoch, Stage.Settled);
        assertApproxEqRel(_claimable(alice), uint256(pool) * FIRST_BPS / 10_000 * 9 / 10, 1e15);
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertGe(carried, uint256(pool) * (LABELS_BPS + SECOND_BPS) / 10_000);
    }

    /// @dev ES4: a challenge is about one set, and finds what is wrong there only.
    function test_challenge_secondSet_refutes() public {
        _serve(5, _two([int256(1), 0, 0], [int256(0), 1, 0]));
        uint64 epoch = _close();
        Scores memory scores = _scores(epoch, SHARP);
        (Result[] memory results, bytes32[] memory hashes) = _results(epoch, scores);
        ++results[1].shares[2];
        hashes[1] = keccak256(abi.encode(results[1]));
        _propose(epoch, scores, hashes);
        bytes memory encoded = abi.encode(scores);
        vm.startPrank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalHolds.selector, hashes[0]));
        settlement.challenge(epoch, adapter, encoded, hashes, 0);
        settlement.challenge(epoch, adapter, encoded, hashes, 1);
        vm.stopPrank();
        _assertStage(epoch, Stage.Open);
        assertEq(_claimable(challenger), PROPOSAL_BOND / 2);
    }

    /// @dev ES3: a proposal shows a sketch and a witness for each set.
    function test_propose_oneSketchForTwoSets_reverts() public {
        _serve(5, _two([int256(1), 0, 0], [int256(0), 1, 0]));
        uint64 epoch = _close();
        Scores memory scores = _scores(epoch, SHARP);
        bytes memory first = scores.draws[0].sketches[0];
        scores.draws[0].sketches = _one(first);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.WrongLength.selector, 1, 2));
        scoring.checkForm(1, adapter, abi.encode(scores), 2);
    }

    /// @dev EQ3: a request's worker is punished once, whichever of its sketches are rejected; reputation comes with the punishment.
    function test_askSketch_bothSets_punishOnce_succeeds() public {
        _serve(5, _two([int256(1), 0, 0], [int256(0), 1, 0]));
        uint64 epoch = _close();
        (Scores memory scores,,) = _proposeAll(epoch);
        bytes memory encoded = abi.encode(scores);
        vm.startPrank(challenger);
        bytes32 inFirst = questions.askSketch{value: QUESTION_BOND}(epoch, adapter, encoded, 0, 0);
        bytes32 inSecond = questions.askSketch{value: QUESTION_BOND}(epoch, adapter, encoded, 0, 1);
        vm.stopPrank();
        assertNotEq(inFirst, inSecond);
        _decide(inFirst, new bytes(DIM), _query([int256(1), 0, 0]));
        uint256 claimable = _claimable(challenger);
        uint256 points = reputation.balanceOf(challenger);
        _decide(inSecond, new bytes(DIM), _query([int256(0), 1, 0]));
        assertEq(_claimable(challenger), claimable + QUESTION_BOND);
        assertLe(reputation.balanceOf(challenger), points);
        assertEq(_stakeOfWorker(), 900 ether);
    }

    /// @dev ES3: a set whose challenge would take more gas than a transaction has is refused with the proposal, to the row.
    function test_propose_setTooLarge_reverts() public {
        bytes memory encoded = abi.encode(_nothing());
        _pretendRows(780);
        scoring.checkForm(1, adapter, encoded, 2);
        _pretendRows(781);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.SetTooLarge.selector, second, 24_020_436));
        scoring.checkForm(1, adapter, encoded, 2);
        // No proposal is possible: the epoch is carried, as any without one.
        _serve(5, _two([int256(1), 0, 0], [int256(0), 1, 0]));
        uint64 epoch = _close();
        vm.prank(proposer);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.SetTooLarge.selector, second, 24_020_436));
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, encoded, new bytes32[](2));
        _carry(epoch);
        _assertStage(epoch, Stage.Settled);
    }

    function _stakeOfWorker() private view returns (uint256) {
        return staking.stakeOf(IValidatorStaking.Role.Worker, worker);
    }

    function _pretendRows(uint32 rows) private {
        IAttrSketch.SetHeader memory header = SKETCH.header(second);
        header.rows = rows;
        vm.mockCall(address(SKETCH), abi.encodeCall(IAttrSketch.header, (second)), abi.encode(header));
    }
}
