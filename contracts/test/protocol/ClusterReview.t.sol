// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClusterReview} from "../../src/interfaces/IClusterReview.sol";
import {IDatanetRegistry} from "../../src/interfaces/IDatanetRegistry.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ClusterReview} from "../../src/protocol/ClusterReview.sol";
import {DatanetTest} from "./DatanetTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract ClusterReviewTest is DatanetTest {
    uint256 private datanet;
    uint32 private cluster;

    function setUp() public override {
        super.setUp();
        datanet = _create();
        cluster = _cluster(datanet, alice, 1);
    }

    function _status() private view returns (IClusterReview.Status) {
        return reviews.reviewOf(datanet, cluster).status;
    }

    function _assertOutcome(IDatanetRegistry.Outcome outcome, bool isFinal) private view {
        assertEq(uint8(registry.clusterAt(datanet, cluster).outcome), uint8(outcome));
        assertEq(registry.clusterAt(datanet, cluster).isFinal, isFinal);
    }

    function _stakeOf(address validator) private view returns (uint256) {
        return staking.stakeOf(IValidatorStaking.Role.Validator, validator);
    }

    function _expectWrongStatus(IClusterReview.Status status) private {
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.WrongStatus.selector, status));
    }

    /// @dev An appeal of carol's.
    function _appeal() private {
        vm.prank(carol);
        reviews.appeal(datanet, cluster, "ipfs://reasons");
    }

    /* SET-UP */

    function test_initialize_twice_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        reviews.initialize(new Setting[](0));
        ClusterReview implementation = new ClusterReview();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
        assertEq(reviews.version(), "1.0.0");
    }

    function test_setParameter_quorumAboveReviewers_reverts() public {
        vm.prank(Predeploys.PARAM_TIMELOCK);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterized.ParametersConflict.selector, bytes32("quorum"), bytes32("reviewers"))
        );
        IParameterized(address(reviews)).setParameter("quorum", 6);
    }

    function test_setParameter_windowsAboveUnbonding_reverts() public {
        _setParameter(Predeploys.CLUSTER_REVIEW, "commitSeconds", 7 days);
        vm.mockCall(
            address(staking), abi.encodeCall(IParameterized.parameter, ("unbondingSeconds")), abi.encode(14 days - 1)
        );
        vm.prank(Predeploys.PARAM_TIMELOCK);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterized.ParametersConflict.selector, bytes32("revealSeconds"), bytes32("unbondingSeconds")
            )
        );
        IParameterized(address(reviews)).setParameter("revealSeconds", 7 days);
    }

    function test_begin_others_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.NotDatanetRegistry.selector, alice));
        vm.prank(alice);
        reviews.begin(datanet, 9, alice);
    }

    /* PANEL */

    /// @dev CR1.
    function test_drawPanel_byNextBlocksHash_succeeds() public {
        uint256 drawBlock = vm.getBlockNumber() + 1;
        assertEq(reviews.reviewOf(datanet, cluster).drawBlock, drawBlock);
        uint256 time = vm.getBlockTimestamp();
        _mine(1, 1);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.NotDrawable.selector, drawBlock));
        reviews.drawPanel(datanet, cluster);
        _mine(1, 1);
        bytes32 round = reviews.roundOf(datanet, cluster, 0);
        address[] memory excluded = new address[](1);
        excluded[0] = alice;
        address[] memory expected =
            staking.draw(keccak256(abi.encode(_hashOfBlock(drawBlock), round)), 5, time, excluded);
        assertEq(expected.length, 5);
        vm.expectEmit(address(reviews));
        emit IClusterReview.PanelDrawn(
            datanet, cluster, round, expected, vm.getBlockTimestamp() + 1 days, vm.getBlockTimestamp() + 2 days
        );
        reviews.drawPanel(datanet, cluster);
        assertEq(abi.encode(reviews.panelOf(round)), abi.encode(expected));
        _expectWrongStatus(IClusterReview.Status.Voting);
        reviews.drawPanel(datanet, cluster);
    }

    /// @dev CR1: an old hash is nobody's choice between panels.
    function test_drawPanel_hashForgotten_succeeds() public {
        vm.roll(vm.getBlockNumber() + 9000);
        reviews.drawPanel(datanet, cluster);
        assertEq(uint8(_status()), uint8(IClusterReview.Status.Waiting));
        assertEq(reviews.reviewOf(datanet, cluster).drawBlock, vm.getBlockNumber() + 1);
        assertEq(reviews.reviewOf(datanet, cluster).round, 0);
        assertEq(_draw(datanet, cluster).length, 5);
    }

    /// @dev CR1: nobody reviews what he contributed.
    function test_drawPanel_contributorExcluded_succeeds() public {
        _setParameter(address(reviews), "reviewers", 7);
        vm.deal(validators[0], BOND);
        cluster = _cluster(datanet, validators[0], 2);
        address[] memory panel = _draw(datanet, cluster);
        assertEq(panel.length, 6);
        for (uint256 i = 0; i < panel.length; ++i) {
            assertNotEq(panel[i], validators[0]);
        }
    }

    /// @dev CR2: without validators nothing stays where it is, and nobody loses anything.
    function test_drawPanel_tooFew_unreviewed_succeeds() public {
        for (uint256 i = 0; i < VALIDATORS - 2; ++i) {
            vm.prank(validators[i]);
            staking.exit(IValidatorStaking.Role.Validator, validators[i]);
        }
        cluster = _cluster(datanet, alice, 2);
        assertEq(_draw(datanet, cluster).length, 0);
        assertEq(reviews.reviewOf(datanet, cluster).round, 1);
        assertEq(uint8(_status()), uint8(IClusterReview.Status.Waiting));
        _draw(datanet, cluster);
        assertEq(uint8(_status()), uint8(IClusterReview.Status.Decided));
        _assertOutcome(IDatanetRegistry.Outcome.Unreviewed, false);
        _finalize(datanet, cluster);
        _assertOutcome(IDatanetRegistry.Outcome.Unreviewed, true);
        assertEq(vault.claimable(alice), BOND);
        assertTrue(registry.isEligible(registry.spaceOf(datanet), cluster, 1), "the score decides");
        assertEq(registry.acceptedClusters(datanet), 0, "no equal part");
    }

    /* VOTES */

    function test_commitReview_hostile_reverts() public {
        address[] memory panel = _draw(datanet, cluster);
        bytes32 choice = _choice(panel[0], 50);
        vm.expectRevert(IClusterReview.NoChoice.selector);
        vm.prank(panel[0]);
        reviews.commitReview(datanet, cluster, panel[0], 0, "");
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.NotVoting.selector, alice));
        _vote(datanet, cluster, alice, 50);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.InvalidSignature.selector, panel[0]));
        vm.prank(panel[1]);
        reviews.commitReview(datanet, cluster, panel[0], choice, "");
        _vote(datanet, cluster, panel[0], 50);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.NotVoting.selector, panel[0]));
        _vote(datanet, cluster, panel[0], 51);
        uint40 until = reviews.reviewOf(datanet, cluster).commitUntil;
        vm.warp(uint256(until) + 1);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.OutsideWindow.selector, 0, until));
        _vote(datanet, cluster, panel[1], 50);
    }

    function test_commitReview_signed_succeeds() public {
        address[] memory panel = _draw(datanet, cluster);
        bytes32 round = _round(datanet, cluster);
        bytes32 choice = _choice(panel[0], 50);
        bytes memory signature = _sign(keys[panel[0]], staking.hashVote(round, choice));
        bytes32 other = _choice(panel[0], 51);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.InvalidSignature.selector, panel[0]));
        reviews.commitReview(datanet, cluster, panel[0], other, signature);
        vm.expectEmit(address(reviews));
        emit IClusterReview.ReviewCommitted(round, panel[0], choice);
        reviews.commitReview(datanet, cluster, panel[0], choice, signature);
        assertEq(reviews.ballotOf(round, panel[0]).choice, choice);
        assertEq(reviews.reviewOf(datanet, cluster).commits, 1);
    }

    /// @dev CR3: a copied commitment opens nothing.
    function test_revealReview_hostile_reverts() public {
        address[] memory panel = _draw(datanet, cluster);
        _vote(datanet, cluster, panel[0], 50);
        vm.prank(panel[1]);
        reviews.commitReview(datanet, cluster, panel[1], _choice(panel[0], 50), "");
        vm.prank(panel[2]);
        reviews.commitReview(datanet, cluster, panel[2], _choice(panel[2], 101), "");
        IClusterReview.Review memory review = reviews.reviewOf(datanet, cluster);
        vm.warp(review.commitUntil);
        vm.expectRevert(
            abi.encodeWithSelector(IClusterReview.OutsideWindow.selector, review.commitUntil, review.revealUntil)
        );
        _open(datanet, cluster, panel[0], 50);
        vm.warp(uint256(review.commitUntil) + 1);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.WrongReveal.selector, panel[0]));
        _open(datanet, cluster, panel[0], 51);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.WrongReveal.selector, panel[1]));
        _open(datanet, cluster, panel[1], 50);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.WrongReveal.selector, panel[2]));
        _open(datanet, cluster, panel[2], 101);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.WrongReveal.selector, panel[3]));
        _open(datanet, cluster, panel[3], 0);
        vm.expectEmit(address(reviews));
        emit IClusterReview.ReviewRevealed(_round(datanet, cluster), panel[0], 50);
        _open(datanet, cluster, panel[0], 50);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.WrongReveal.selector, panel[0]));
        _open(datanet, cluster, panel[0], 50);
        vm.expectRevert(
            abi.encodeWithSelector(IClusterReview.OutsideWindow.selector, review.revealUntil, type(uint40).max)
        );
        reviews.closeReview(datanet, cluster);
        vm.warp(uint256(review.revealUntil) + 1);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.OutsideWindow.selector, 0, review.revealUntil));
        _open(datanet, cluster, panel[1], 50);
    }

    /* OUTCOME */

    /// @dev CR4: the lower median of what was revealed; who owed a reveal loses 1 %, and nobody for his score.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_closeReview_median_succeeds(uint8[5] memory scores, uint8 silent) public {
        address[] memory panel = _draw(datanet, cluster);
        uint256 revealed;
        uint256[] memory sorted = new uint256[](5);
        for (uint256 i = 0; i < 5; ++i) {
            scores[i] %= 101;
            // Of those who are silent at the end, one never committed.
            if (i != 0 || silent & 1 == 0) _vote(datanet, cluster, panel[i], scores[i]);
        }
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).commitUntil) + 1);
        for (uint256 i = 0; i < 5; ++i) {
            if (silent >> i & 1 == 1) continue;
            _open(datanet, cluster, panel[i], scores[i]);
            uint256 place = revealed++;
            sorted[place] = scores[i];
            for (; place > 0 && sorted[place - 1] > sorted[place]; --place) {
                (sorted[place - 1], sorted[place]) = (sorted[place], sorted[place - 1]);
            }
        }
        if (revealed < 5) vm.warp(uint256(reviews.reviewOf(datanet, cluster).revealUntil) + 1);
        reviews.closeReview(datanet, cluster);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(_stakeOf(panel[i]), silent >> i & 1 == 1 ? STAKE * 99 / 100 : STAKE);
        }
        if (revealed < 3) {
            assertEq(uint8(_status()), uint8(IClusterReview.Status.Waiting));
            assertEq(reviews.reviewOf(datanet, cluster).round, 1);
            _assertOutcome(IDatanetRegistry.Outcome.None, false);
        } else {
            bool accepted = sorted[(revealed - 1) / 2] >= 50;
            assertEq(uint8(_status()), uint8(IClusterReview.Status.Decided));
            _assertOutcome(accepted ? IDatanetRegistry.Outcome.Accepted : IDatanetRegistry.Outcome.Rejected, false);
            assertEq(registry.isEligible(registry.spaceOf(datanet), cluster, 1), accepted);
        }
    }

    /// @dev CR2: the last round without quorum ends the review; each round has its own ballots.
    function test_closeReview_noQuorum_unreviewed_succeeds() public {
        address[] memory panel = _draw(datanet, cluster);
        bytes32 first = _round(datanet, cluster);
        for (uint256 i = 0; i < panel.length; ++i) {
            _vote(datanet, cluster, panel[i], 80);
        }
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).revealUntil) + 1);
        reviews.closeReview(datanet, cluster);
        panel = _draw(datanet, cluster);
        assertNotEq(_round(datanet, cluster), first);
        assertEq(reviews.reviewOf(datanet, cluster).commits, 0);
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).commitUntil) + 1);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.WrongReveal.selector, panel[0]));
        _open(datanet, cluster, panel[0], 80);
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).revealUntil) + 1);
        reviews.closeReview(datanet, cluster);
        _assertOutcome(IDatanetRegistry.Outcome.Unreviewed, false);
        _finalize(datanet, cluster);
        assertEq(vault.claimable(alice), BOND);
        _expectWrongStatus(IClusterReview.Status.Final);
        reviews.finalizeReview(datanet, cluster);
    }

    /// @dev CR5, CR6.
    function test_finalizeReview_accepted_succeeds() public {
        address[] memory panel = _draw(datanet, cluster);
        for (uint256 i = 0; i < 5; ++i) {
            _vote(datanet, cluster, panel[i], i < 3 ? 80 : 20);
        }
        for (uint256 i = 0; i < 4; ++i) {
            _open(datanet, cluster, panel[i], i < 3 ? 80 : 20);
        }
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).revealUntil) + 1);
        reviews.closeReview(datanet, cluster);
        assertEq(registry.acceptedClusters(datanet), 0, "not before the appeal's window is over");
        uint40 until = reviews.reviewOf(datanet, cluster).until;
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.OutsideWindow.selector, until, type(uint40).max));
        reviews.finalizeReview(datanet, cluster);
        vm.warp(uint256(until) + 1);
        vm.expectEmit(address(reviews));
        emit IClusterReview.ReviewFinal(datanet, cluster, IDatanetRegistry.Outcome.Accepted);
        reviews.finalizeReview(datanet, cluster);
        _assertOutcome(IDatanetRegistry.Outcome.Accepted, true);
        assertEq(registry.acceptedClusters(datanet), 1);
        assertEq(vault.claimable(alice), BOND);
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(reputation.balanceOf(panel[i]), i < 3 ? 1 ether : 0);
        }
        assertEq(_stakeOf(panel[3]), STAKE, "disagreeing costs nothing");
        assertEq(_stakeOf(panel[4]), STAKE * 99 / 100);
    }

    /// @dev CR5.
    function test_finalizeReview_rejected_succeeds() public {
        address[] memory panel = _draw(datanet, cluster);
        for (uint256 i = 0; i < 5; ++i) {
            _vote(datanet, cluster, panel[i], 49);
        }
        for (uint256 i = 0; i < 4; ++i) {
            _open(datanet, cluster, panel[i], 49);
        }
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).revealUntil) + 1);
        reviews.closeReview(datanet, cluster);
        assertFalse(registry.isEligible(registry.spaceOf(datanet), cluster, 1));
        assertEq(_held("contribution", datanet, 0), BOND, "an appeal may save it");
        _finalize(datanet, cluster);
        assertEq(_held("contribution", datanet, 0), 0);
        assertEq(vault.claimable(alice), 0);
        assertEq(registry.datanetAt(datanet).inReview, 0);
        assertEq(reputation.balanceOf(panel[0]), 1 ether);
        assertEq(reputation.balanceOf(panel[4]), 0, "nothing revealed, nothing earned");
    }

    /// @dev CR4: whom a Datanet lists owes nothing until he commits.
    function test_closeReview_listedReviewers_succeeds() public {
        IDatanetRegistry.Terms memory terms = _terms();
        terms.reviewers = _sorted(4);
        datanet = _create(terms);
        cluster = _cluster(datanet, alice, 1);
        vm.prank(terms.reviewers[0]);
        staking.exit(IValidatorStaking.Role.Validator, terms.reviewers[0]);
        address[] memory panel = _draw(datanet, cluster);
        assertEq(panel.length, 3, "the active ones");
        _vote(datanet, cluster, panel[0], 80);
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).revealUntil) + 1);
        reviews.closeReview(datanet, cluster);
        assertEq(_stakeOf(panel[0]), STAKE * 99 / 100);
        assertEq(_stakeOf(panel[1]), STAKE);
        assertEq(_stakeOf(panel[2]), STAKE);
        assertEq(uint8(_status()), uint8(IClusterReview.Status.Waiting));
        panel = _decide(datanet, cluster, 50);
        _assertOutcome(IDatanetRegistry.Outcome.Accepted, false);
        // RE4: a Datanet's owner could list himself, and agree with himself about whatever he contributes.
        _finalize(datanet, cluster);
        for (uint256 i = 0; i < panel.length; ++i) {
            assertEq(reputation.balanceOf(panel[i]), 0, "reputation isn't for those who were listed");
        }
    }

    function test_setParameter_runningRound_keepsItsOwn_succeeds() public {
        address[] memory panel = _draw(datanet, cluster);
        IClusterReview.Review memory review = reviews.reviewOf(datanet, cluster);
        _setParameter(address(reviews), "threshold", 90);
        _setParameter(address(reviews), "reviewers", 15);
        _setParameter(address(reviews), "quorum", 15);
        _setParameter(address(reviews), "commitSeconds", 1);
        for (uint256 i = 0; i < panel.length; ++i) {
            _vote(datanet, cluster, panel[i], 50);
        }
        for (uint256 i = 0; i < panel.length; ++i) {
            _open(datanet, cluster, panel[i], 50);
        }
        assertEq(reviews.reviewOf(datanet, cluster).revealUntil, review.revealUntil);
        reviews.closeReview(datanet, cluster);
        _assertOutcome(IDatanetRegistry.Outcome.Accepted, false);
    }

    /* APPEAL */

    function test_appeal_hostile_reverts() public {
        vm.startPrank(carol);
        _expectWrongStatus(IClusterReview.Status.Waiting);
        reviews.appeal{value: APPEAL_BOND}(datanet, cluster, "");
        vm.stopPrank();
        _decide(datanet, cluster, 20);
        vm.startPrank(carol);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.WrongBond.selector, 1, APPEAL_BOND));
        reviews.appeal{value: 1}(datanet, cluster, "");
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.TooLong.selector, 1025, 1024));
        reviews.appeal{value: APPEAL_BOND}(datanet, cluster, string(new bytes(1025)));
        uint40 until = reviews.reviewOf(datanet, cluster).until;
        vm.warp(uint256(until) + 1);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.OutsideWindow.selector, 0, until));
        reviews.appeal{value: APPEAL_BOND}(datanet, cluster, "");
        vm.warp(until);
        reviews.appeal{value: APPEAL_BOND}(datanet, cluster, "");
        _expectWrongStatus(IClusterReview.Status.Appealed);
        reviews.appeal{value: APPEAL_BOND}(datanet, cluster, "");
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.NotGovernance.selector, carol));
        reviews.decideAppeal(datanet, cluster, true);
        vm.stopPrank();
    }

    function _appealHeld() private view returns (uint256) {
        return vault.held(address(reviews), keccak256(abi.encode("appeal", datanet, cluster)));
    }

    /// @dev CR7: every outcome, every decision.
    function test_decideAppeal_all_succeeds() public {
        for (uint256 i = 0; i < 4; ++i) {
            (bool before, bool then) = (i & 1 == 1, i & 2 == 2);
            if (i > 0) cluster = _cluster(datanet, bob, i + 1);
            address[] memory panel = _decide(datanet, cluster, before ? 80 : 20);
            uint256 points = reputation.balanceOf(panel[0]);
            uint256 claimable = vault.claimable(carol);
            vm.prank(carol);
            reviews.appeal{value: APPEAL_BOND}(datanet, cluster, "ipfs://reasons");
            assertEq(_appealHeld(), APPEAL_BOND);
            assertEq(registry.isEligible(registry.spaceOf(datanet), cluster, 1), before);
            vm.expectEmit(address(reviews));
            emit IClusterReview.AppealDecided(datanet, cluster, before != then);
            vm.prank(Predeploys.PARAM_TIMELOCK);
            reviews.decideAppeal(datanet, cluster, then);
            _assertOutcome(then ? IDatanetRegistry.Outcome.Accepted : IDatanetRegistry.Outcome.Rejected, true);
            assertEq(registry.isEligible(registry.spaceOf(datanet), cluster, 1), then);
            assertEq(_appealHeld(), 0);
            assertEq(vault.claimable(carol) - claimable, before != then ? APPEAL_BOND : 0);
            assertEq(
                reputation.balanceOf(panel[0]), points + (before == then ? 1 ether : 0), "the final outcome counts"
            );
            _expectWrongStatus(IClusterReview.Status.Final);
            vm.prank(Predeploys.PARAM_TIMELOCK);
            reviews.decideAppeal(datanet, cluster, true);
        }
        assertEq(registry.acceptedClusters(datanet), 2);
    }

    /// @dev CR7: a decision that doesn't come in time changes nothing and costs nobody.
    function test_finalizeReview_appealUndecided_succeeds() public {
        _decide(datanet, cluster, 80);
        vm.prank(carol);
        reviews.appeal{value: APPEAL_BOND}(datanet, cluster, "");
        uint40 until = reviews.reviewOf(datanet, cluster).until;
        assertEq(until, vm.getBlockTimestamp() + 21 days);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.OutsideWindow.selector, until, type(uint40).max));
        reviews.finalizeReview(datanet, cluster);
        vm.warp(uint256(until) + 1);
        vm.expectRevert(abi.encodeWithSelector(IClusterReview.OutsideWindow.selector, 0, until));
        vm.prank(Predeploys.PARAM_TIMELOCK);
        reviews.decideAppeal(datanet, cluster, false);
        reviews.finalizeReview(datanet, cluster);
        _assertOutcome(IDatanetRegistry.Outcome.Accepted, true);
        assertEq(vault.claimable(carol), APPEAL_BOND);
        assertEq(vault.claimable(alice), BOND);
    }

    function test_appeal_unreviewed_succeeds() public {
        _setParameter(address(reviews), "rounds", 1);
        _setParameter(address(reviews), "appealBond", 0);
        _draw(datanet, cluster);
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).revealUntil) + 1);
        reviews.closeReview(datanet, cluster);
        _assertOutcome(IDatanetRegistry.Outcome.Unreviewed, false);
        _appeal();
        vm.prank(Predeploys.PARAM_TIMELOCK);
        reviews.decideAppeal(datanet, cluster, true);
        assertEq(registry.acceptedClusters(datanet), 1);
    }
}
