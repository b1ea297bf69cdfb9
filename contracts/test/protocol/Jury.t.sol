// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IReputation} from "../../src/interfaces/IReputation.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {Jury} from "../../src/protocol/Jury.sol";
import {StakingTest} from "./StakingTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract JuryTest is StakingTest {
    IJury private constant jury = IJury(Predeploys.JURY);
    IReputation private constant reputation = IReputation(Predeploys.REPUTATION);
    bytes32 private constant QUESTION = keccak256("question");
    bytes32 private constant SALT = keccak256("salt");
    uint16 private constant DIM = 128;

    address[] private list;
    uint256[] private keys;
    address private immutable asker = Predeploys.EPOCH_QUESTIONS;

    function setUp() public override {
        super.setUp();
        (list, keys) = _validators(12, MIN_STAKE);
        _mine(1, 2);
    }

    /* GENESIS AND PARAMETERS */

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        jury.initialize(new Setting[](0));
        Jury implementation = new Jury();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
    }

    /// @dev JU6: whatever governance sets, a question has ended after three days.
    function test_parameters_windowsBelowThreeDays_succeeds() public view {
        assertEq(Jury(address(jury)).version(), "1.0.0");
        assertEq(jury.JURORS(), 7);
        assertEq(jury.QUORUM(), 5);
        IParameterized parameterized = IParameterized(address(jury));
        uint256 sum;
        for (uint256 i = 0; i < 4; ++i) {
            sum += parameterized.parameters()[i].max;
        }
        assertLe(sum, 3 days);
        // The hash that draws must be known to the end of the draw: 8,191 blocks, of a second at least.
        assertLe(parameterized.parameters()[0].max, 8191);
    }

    function test_setParameter_longerThanUnbonding_reverts() public {
        _setParameter(address(staking), "unbondingSeconds", staking.minUnbonding());
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterized.ParametersConflict.selector, bytes32("commitSeconds"), bytes32("unbondingSeconds")
            )
        );
        vm.prank(Predeploys.PARAM_TIMELOCK);
        IParameterized(address(jury)).setParameter("commitSeconds", 24 hours + 1);
        _setParameter(address(jury), "commitSeconds", 24 hours - 1);
    }

    /* ASKING */

    function test_ask_succeeds() public {
        address[] memory excluded = new address[](1);
        excluded[0] = list[0];
        vm.expectEmit(address(jury));
        emit IJury.Asked(QUESTION, IJury.Subject.Row, DIM, block.number + 2, excluded);
        vm.prank(asker);
        jury.ask(QUESTION, IJury.Subject.Row, DIM, 0, excluded);

        IJury.Question memory info = jury.questionOf(QUESTION);
        assertEq(uint8(info.subject), uint8(IJury.Subject.Row));
        assertEq(info.dim, DIM);
        assertEq(info.drawBlock, block.number + 2);
        assertEq(info.askedAt, block.timestamp);
        assertEq(info.drawEnd, block.timestamp + 1 hours);
        assertEq(info.commitEnd, block.timestamp + 25 hours);
        assertEq(info.revealEnd, block.timestamp + 37 hours);
        assertEq(info.tallyEnd, block.timestamp + 43 hours);
        _assertVerdict(IJury.Verdict.Open, 0);
    }

    function test_ask_refused_reverts() public {
        address[] memory none = new address[](0);
        vm.expectRevert(abi.encodeWithSelector(IJury.NotAsker.selector, address(this)));
        jury.ask(QUESTION, IJury.Subject.Row, DIM, 0, none);
        vm.startPrank(asker);
        uint16[6] memory dims = [uint16(0), 32, 96, 127, 2048, 65_535];
        for (uint256 i = 0; i < 6; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJury.InvalidDim.selector, dims[i]));
            jury.ask(QUESTION, IJury.Subject.Row, dims[i], 0, none);
        }
        vm.expectRevert(abi.encodeWithSelector(IJury.InvalidLength.selector, 9, 8));
        jury.ask(QUESTION, IJury.Subject.Row, DIM, 0, new address[](9));
        jury.ask(QUESTION, IJury.Subject.Row, DIM, 0, none);
        vm.expectRevert(abi.encodeWithSelector(IJury.AlreadyAsked.selector, QUESTION));
        jury.ask(QUESTION, IJury.Subject.Sketch, DIM, keccak256("sketch"), none);
        vm.stopPrank();
    }

    function test_unknownQuestion_reverts() public {
        bytes memory unknown = abi.encodeWithSelector(IJury.UnknownQuestion.selector, QUESTION);
        vm.expectRevert(unknown);
        jury.draw(QUESTION);
        vm.expectRevert(unknown);
        jury.commit(QUESTION, "choice");
        vm.expectRevert(unknown);
        jury.reveal(QUESTION, list[0], new bytes(DIM), SALT);
        vm.expectRevert(unknown);
        jury.tally(QUESTION, new bytes[](7));
        _assertVerdict(IJury.Verdict.None, 0);
        assertEq(jury.questionOf(QUESTION).askedAt, 0);
    }

    /* THE DRAW */

    /// @dev JU1: the jury is the draw by stakes of the question's time and the hash of the second block after it, whoever draws when.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_draw_succeeds(uint16 later) public {
        address[] memory excluded = new address[](3);
        (excluded[0], excluded[1], excluded[2]) = (list[2], list[3], makeAddr("nobody"));
        uint256 asked = block.timestamp;
        uint256 drawBlock = block.number + 2;
        vm.prank(asker);
        jury.ask(QUESTION, IJury.Subject.Row, DIM, 0, excluded);
        address[] memory expected =
            staking.draw(keccak256(abi.encode(_hashOfBlock(drawBlock), QUESTION)), 7, asked, excluded);
        _mine(3 + later % 600, 1);
        // Neither stake nor leaving moves it any more.
        _delegate(VALIDATOR, list[5], makeAddr("alice"), 1e24);
        _exit(VALIDATOR, expected[0]);

        vm.expectEmit(address(jury));
        emit IJury.JuryDrawn(QUESTION, expected);
        address[] memory jurors = jury.draw(QUESTION);
        assertEq(jurors.length, 7);
        assertEq(keccak256(abi.encode(jurors)), keccak256(abi.encode(expected)));
        assertEq(keccak256(abi.encode(jury.questionOf(QUESTION).jurors)), keccak256(abi.encode(expected)));
        vm.expectRevert(abi.encodeWithSelector(IJury.AlreadyDrawn.selector, QUESTION));
        jury.draw(QUESTION);
    }

    function test_draw_tooEarly_reverts() public {
        _ask();
        uint256 drawBlock = block.number + 2;
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJury.DrawTooEarly.selector, drawBlock));
            jury.draw(QUESTION);
            _mine(1, 2);
        }
        jury.draw(QUESTION);
    }

    function test_draw_tooLate_isUndecided_reverts() public {
        _ask();
        _mine(3, 2);
        vm.warp(jury.questionOf(QUESTION).drawEnd - 1);
        _assertVerdict(IJury.Verdict.Open, 0);
        vm.warp(jury.questionOf(QUESTION).drawEnd);
        vm.expectRevert(abi.encodeWithSelector(IJury.DrawTooLate.selector, QUESTION));
        jury.draw(QUESTION);
        _assertVerdict(IJury.Verdict.Undecided, 0);
        vm.expectRevert(abi.encodeWithSelector(IJury.NothingToTally.selector, QUESTION));
        jury.tally(QUESTION, new bytes[](7));
    }

    function test_draw_hashForgotten_reverts() public {
        _ask();
        vm.roll(block.number + 3 + 8191);
        vm.expectRevert(abi.encodeWithSelector(IJury.DrawTooLate.selector, QUESTION));
        jury.draw(QUESTION);
    }

    /// @dev JU7: too few for a quorum owe nothing.
    function test_draw_tooFew_isUndecided_succeeds() public {
        for (uint256 i = 4; i < 12; ++i) {
            _exit(VALIDATOR, list[i]);
        }
        _mine(1, 2);
        _ask();
        _mine(3, 2);
        assertEq(jury.draw(QUESTION).length, 4);
        _assertVerdict(IJury.Verdict.Undecided, 0);
        vm.expectRevert(abi.encodeWithSelector(IJury.AlreadyDrawn.selector, QUESTION));
        jury.draw(QUESTION);
        vm.expectRevert(abi.encodeWithSelector(IJury.NothingToTally.selector, QUESTION));
        jury.tally(QUESTION, new bytes[](4));
        vm.expectRevert(abi.encodeWithSelector(IJury.NotJuror.selector, QUESTION, list[0]));
        vm.prank(list[0]);
        jury.commit(QUESTION, "choice");
    }

    /* VOTES */

    function test_commit_bySignature_succeeds() public {
        address[] memory jurors = _askAndDraw();
        bytes32 round = jury.roundOf(QUESTION);
        assertEq(round, keccak256(abi.encode(address(jury), QUESTION)));
        bytes32 choice = _choice(jurors[0], _sketch(1));
        bytes memory signature = _signVote(_keyOf(jurors[0]), round, choice);

        vm.expectRevert(abi.encodeWithSelector(IJury.InvalidSignature.selector, jurors[1]));
        jury.commitFor(QUESTION, jurors[1], choice, signature);
        vm.expectRevert(abi.encodeWithSelector(IJury.InvalidSignature.selector, jurors[0]));
        jury.commitFor(QUESTION, jurors[0], keccak256("other"), signature);
        vm.expectEmit(address(jury));
        emit IJury.Committed(QUESTION, jurors[0], choice);
        jury.commitFor(QUESTION, jurors[0], choice, signature);
        (bytes32 stored, bytes32 sketchHash) = jury.voteOf(QUESTION, jurors[0]);
        assertEq(stored, choice);
        assertEq(sketchHash, 0);

        // The signature is evidence: another one of the round costs a tenth.
        bytes memory another = _signVote(_keyOf(jurors[0]), round, "another");
        assertEq(
            staking.reportConflictingVotes(jurors[0], round, choice, "another", signature, another), MIN_STAKE / 10
        );
    }

    function test_commit_refused_reverts() public {
        address[] memory jurors = _askAndDraw();
        address outsider = _outsider(jurors);
        vm.expectRevert(abi.encodeWithSelector(IJury.NotJuror.selector, QUESTION, outsider));
        vm.prank(outsider);
        jury.commit(QUESTION, "choice");
        vm.startPrank(jurors[0]);
        vm.expectRevert(IJury.InvalidChoice.selector);
        jury.commit(QUESTION, 0);
        jury.commit(QUESTION, "choice");
        vm.expectRevert(abi.encodeWithSelector(IJury.AlreadyVoted.selector, QUESTION, jurors[0]));
        jury.commit(QUESTION, "choice");
        vm.stopPrank();
        uint256 end = jury.questionOf(QUESTION).commitEnd;
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IJury.CommitTooLate.selector, end));
        vm.prank(jurors[1]);
        jury.commit(QUESTION, "choice");
    }

    /// @dev JU2: nobody reveals while others may commit, and a commitment opens to one vector of the right form, for who made it.
    function test_reveal_refused_reverts() public {
        address[] memory jurors = _askAndDraw();
        bytes memory sketch = _sketch(1);
        _commit(jurors[0], sketch);
        // A copy of the first one's commitment.
        bytes32 copied = _choice(jurors[0], sketch);
        vm.prank(jurors[1]);
        jury.commit(QUESTION, copied);
        bytes memory bad = _sketch(1);
        bad[DIM - 1] = 0x80;
        _commit(jurors[2], bad);
        _commit(jurors[3], new bytes(64));

        uint256 commitEnd = jury.questionOf(QUESTION).commitEnd;
        vm.expectRevert(abi.encodeWithSelector(IJury.RevealTooEarly.selector, commitEnd));
        jury.reveal(QUESTION, jurors[0], sketch, SALT);
        vm.warp(commitEnd);
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongReveal.selector, QUESTION, jurors[0]));
        jury.reveal(QUESTION, jurors[0], sketch, bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongReveal.selector, QUESTION, jurors[0]));
        jury.reveal(QUESTION, jurors[0], _sketch(2), SALT);
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongReveal.selector, QUESTION, jurors[1]));
        jury.reveal(QUESTION, jurors[1], sketch, SALT);
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongReveal.selector, QUESTION, jurors[4]));
        jury.reveal(QUESTION, jurors[4], sketch, SALT);
        vm.expectRevert(IJury.InvalidSketch.selector);
        jury.reveal(QUESTION, jurors[2], bad, SALT);
        vm.expectRevert(IJury.InvalidSketch.selector);
        jury.reveal(QUESTION, jurors[3], new bytes(64), SALT);
        address outsider = _outsider(jurors);
        vm.expectRevert(abi.encodeWithSelector(IJury.NotJuror.selector, QUESTION, outsider));
        jury.reveal(QUESTION, outsider, sketch, SALT);

        vm.expectEmit(address(jury));
        emit IJury.Revealed(QUESTION, jurors[0], sketch);
        jury.reveal(QUESTION, jurors[0], sketch, SALT);
        (, bytes32 sketchHash) = jury.voteOf(QUESTION, jurors[0]);
        assertEq(sketchHash, keccak256(sketch));
        vm.expectRevert(abi.encodeWithSelector(IJury.AlreadyVoted.selector, QUESTION, jurors[0]));
        jury.reveal(QUESTION, jurors[0], sketch, SALT);

        uint256 revealEnd = jury.questionOf(QUESTION).revealEnd;
        vm.warp(revealEnd);
        vm.expectRevert(abi.encodeWithSelector(IJury.RevealTooLate.selector, revealEnd));
        jury.reveal(QUESTION, jurors[2], bad, SALT);
    }

    /* VERDICTS */

    /// @dev All agree at once: no window needs to be waited for.
    function test_tally_unanimous_withoutWaiting_succeeds() public {
        address[] memory jurors = _askAndDraw();
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = _sketch(1);
            _commit(jurors[i], sketches[i]);
        }
        for (uint256 i = 0; i < 7; ++i) {
            uint256 revealEnd = jury.questionOf(QUESTION).revealEnd;
            vm.expectRevert(abi.encodeWithSelector(IJury.TallyTooEarly.selector, revealEnd));
            jury.tally(QUESTION, sketches);
            jury.reveal(QUESTION, jurors[i], sketches[i], SALT);
        }
        bytes32 finding = keccak256(_sketch(1));
        vm.expectEmit(address(jury));
        emit IJury.Tallied(QUESTION, IJury.Verdict.Decided, finding);
        (IJury.Verdict verdict, bytes32 returned) = jury.tally(QUESTION, sketches);
        assertEq(uint8(verdict), uint8(IJury.Verdict.Decided));
        assertEq(returned, finding);
        _assertVerdict(IJury.Verdict.Decided, finding);
        for (uint256 i = 0; i < 7; ++i) {
            assertEq(reputation.balanceOf(jurors[i]), 1e18);
            assertEq(staking.stakeOf(VALIDATOR, jurors[i]), MIN_STAKE);
        }
        vm.expectRevert(abi.encodeWithSelector(IJury.NothingToTally.selector, QUESTION));
        jury.tally(QUESTION, sketches);
    }

    /// @dev JU3, JU4: the verdict is that of the plain rule, whatever jurors reveal or don't; who doesn't reveal loses a hundredth, who
    ///      agrees with the finding earns a point, and nobody else gains or loses.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_tally_isThePlainRule_succeeds(uint256 seed) public {
        address[] memory jurors = _askAndDraw();
        bytes[] memory sketches = new bytes[](7);
        uint256 kinds = 1 + seed % 3;
        for (uint256 i = 0; i < 7; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            // Most near one of a few vectors, at a distance about the tolerance; some silent.
            if (dice % 8 == 0) continue;
            sketches[i] = _near(_sketch((dice >> 8) % 5 == 0 ? (dice >> 16) % kinds : 0), dice);
            _commit(jurors[i], sketches[i]);
        }
        vm.warp(jury.questionOf(QUESTION).commitEnd);
        for (uint256 i = 0; i < 7; ++i) {
            if (sketches[i].length != 0) jury.reveal(QUESTION, jurors[i], sketches[i], SALT);
        }
        vm.warp(jury.questionOf(QUESTION).revealEnd);
        (bool found, uint256 first) = _plainFinding(sketches);
        (, bytes32 finding) = jury.tally(QUESTION, sketches);
        assertEq(finding, found ? keccak256(sketches[first]) : bytes32(0));
        _assertVerdict(found ? IJury.Verdict.Decided : IJury.Verdict.Undecided, finding);
        // Where nobody can be known to have known, nobody pays.
        bool voted = false;
        for (uint256 i = 0; i < 7; ++i) {
            voted = voted || sketches[i].length != 0;
        }
        for (uint256 i = 0; i < 7; ++i) {
            bool silent = sketches[i].length == 0;
            bool agrees = found && !silent && _agree(sketches[first], sketches[i]);
            assertEq(staking.stakeOf(VALIDATOR, jurors[i]), silent && voted ? MIN_STAKE * 99 / 100 : MIN_STAKE);
            assertEq(reputation.balanceOf(jurors[i]), agrees ? 1e18 : 0);
        }
        assertEq(vault.claimable(address(this)), 0);
    }

    /// @dev Five that agree decide, four don't, though each of the four agrees with a fifth.
    function test_tally_fourAndABridge_isUndecided_succeeds() public {
        // On a line: 0 … 4, with steps of the tolerance's half: neighbours up to two apart agree.
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = _constant(100);
            for (uint256 j = 0; j < i * 3; ++j) {
                sketches[i][j] = bytes1(uint8(60));
            }
        }
        (bool found,) = _plainFinding(sketches);
        assertFalse(found);
        (, bytes32 finding) = _vote(sketches);
        assertEq(finding, 0);
        _assertVerdict(IJury.Verdict.Undecided, 0);
    }

    /// @dev The bound itself: d²·400 = m² agrees, one more doesn't.
    function test_tally_atTheBound_succeeds() public {
        // 128 entries of 20: m² = 51,200, so that d² may be 128 at most.
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = _constant(20);
        }
        // d² = 128, with a greater norm of its own.
        for (uint256 j = 0; j < 128; ++j) {
            sketches[1][j] = bytes1(uint8(21));
        }
        // d² = 129.
        for (uint256 j = 0; j < 125; ++j) {
            sketches[2][j] = bytes1(uint8(21));
        }
        sketches[2][125] = bytes1(uint8(22));
        // d² = 128, but a lesser norm of its own.
        sketches[3] = _constant(19);
        assertTrue(_agree(sketches[0], sketches[1]));
        assertFalse(_agree(sketches[0], sketches[2]));
        assertFalse(_agree(sketches[0], sketches[3]));
        address[] memory jurors = _askAndDraw();
        _commitAndReveal(jurors, sketches);
        (, bytes32 finding) = jury.tally(QUESTION, sketches);
        assertEq(finding, keccak256(sketches[0]));
        assertEq(reputation.balanceOf(jurors[1]), 1e18);
        assertEq(reputation.balanceOf(jurors[2]), 0);
        assertEq(reputation.balanceOf(jurors[3]), 0);
        assertEq(staking.stakeOf(VALIDATOR, jurors[2]), MIN_STAKE);
    }

    /// @dev Two sets of five: the first in order of draw, not the one that is found last.
    function test_tally_severalSets_firstInOrderOfDraw_succeeds() public {
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = _constant(100);
        }
        // The first is alone; the second and the last don't agree, but both agree with the others.
        sketches[0] = _constant(uint8(int8(-100)));
        for (uint256 j = 0; j < 20; ++j) {
            sketches[1][j] = bytes1(uint8(90));
            sketches[6][j] = bytes1(uint8(110));
        }
        assertFalse(_agree(sketches[1], sketches[6]));
        assertTrue(_agree(sketches[1], sketches[2]));
        (, bytes32 finding) = _vote(sketches);
        assertEq(finding, keccak256(sketches[1]));
    }

    function test_tally_zeroVectors_succeeds() public {
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = _constant(i == 3 ? 1 : 0);
        }
        (, bytes32 finding) = _vote(sketches);
        assertEq(finding, keccak256(new bytes(DIM)));
    }

    function test_tally_wrongSketches_reverts() public {
        address[] memory jurors = _askAndDraw();
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 6; ++i) {
            sketches[i] = _sketch(1);
        }
        _commitAndReveal(jurors, sketches);
        vm.warp(jury.questionOf(QUESTION).revealEnd);
        vm.expectRevert(abi.encodeWithSelector(IJury.InvalidLength.selector, 6, 7));
        jury.tally(QUESTION, new bytes[](6));
        // Left out, replaced, and made up.
        bytes memory kept = sketches[2];
        sketches[2] = "";
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongSketch.selector, jurors[2]));
        jury.tally(QUESTION, sketches);
        sketches[2] = _sketch(2);
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongSketch.selector, jurors[2]));
        jury.tally(QUESTION, sketches);
        sketches[2] = kept;
        sketches[6] = _sketch(1);
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongSketch.selector, jurors[6]));
        jury.tally(QUESTION, sketches);
        sketches[6] = "";
        jury.tally(QUESTION, sketches);
    }

    /// @dev JU5: a verdict that is over stays: counted too late, jurors still pay, but nothing is decided any more.
    function test_tally_tooLate_isUndecided_succeeds() public {
        address[] memory jurors = _askAndDraw();
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 6; ++i) {
            sketches[i] = _sketch(1);
        }
        _commitAndReveal(jurors, sketches);
        uint256 end = jury.questionOf(QUESTION).tallyEnd;
        vm.warp(end - 1);
        _assertVerdict(IJury.Verdict.Open, 0);
        vm.warp(end);
        _assertVerdict(IJury.Verdict.Undecided, 0);
        uint256 state = vm.snapshotState();
        jury.tally(QUESTION, new bytes[](0));
        _assertVerdict(IJury.Verdict.Undecided, 0);
        assertTrue(vm.revertToState(state));
        jury.tally(QUESTION, sketches);
        _assertVerdict(IJury.Verdict.Undecided, 0);
        assertEq(staking.stakeOf(VALIDATOR, jurors[6]), MIN_STAKE * 99 / 100);
        assertEq(reputation.balanceOf(jurors[0]), 0);
        vm.expectRevert(abi.encodeWithSelector(IJury.NothingToTally.selector, QUESTION));
        jury.tally(QUESTION, sketches);
    }

    /// @dev Who left after the draw still pays for the vote that it owes.
    function test_tally_jurorWhoLeft_isSlashed_succeeds() public {
        address[] memory jurors = _askAndDraw();
        _exit(VALIDATOR, jurors[0]);
        bytes[] memory sketches = new bytes[](7);
        sketches[6] = _sketch(1);
        _commitAndReveal(jurors, sketches);
        vm.warp(jury.questionOf(QUESTION).revealEnd);
        vm.expectEmit(address(staking));
        emit IValidatorStaking.Slashed(VALIDATOR, jurors[0], UNREVEALED, MIN_STAKE / 100, address(0));
        jury.tally(QUESTION, sketches);
        assertEq(staking.leavingOf(VALIDATOR, jurors[0], jurors[0])[0].amount, MIN_STAKE * 99 / 100);
        assertEq(staking.stakeOf(VALIDATOR, jurors[1]), MIN_STAKE * 99 / 100);
        _assertVerdict(IJury.Verdict.Undecided, 0);
    }

    /// @dev JU4: where nobody revealed, only who committed owed a vote.
    function test_tally_nobodyRevealed_onlyCommittedPay_succeeds() public {
        address[] memory jurors = _askAndDraw();
        _commit(jurors[3], _sketch(1));
        vm.warp(jury.questionOf(QUESTION).revealEnd);
        jury.tally(QUESTION, new bytes[](7));
        _assertVerdict(IJury.Verdict.Undecided, 0);
        for (uint256 i = 0; i < 7; ++i) {
            assertEq(staking.stakeOf(VALIDATOR, jurors[i]), i == 3 ? MIN_STAKE * 99 / 100 : MIN_STAKE);
        }
        assertEq(jury.agreeingOf(QUESTION).length, 0);
    }

    /* SKETCHES */

    /// @dev JU8: jurors who are against a sketch need not agree with each other, and those who are for it neither.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_tallySketch_bySides_succeeds(uint256 seed) public {
        bytes memory asked = _sketch(1);
        address[] memory jurors = _askSketchAndDraw(asked);
        bytes[] memory sketches = new bytes[](8);
        uint256 odds = 1 + seed % 9;
        for (uint256 i = 0; i < 7; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            if (dice % 12 == 0) continue;
            // Near the sketch, at a distance about the tolerance; nothing; or something else.
            bool near = (dice >> 8) % 10 < odds;
            if (near) sketches[i] = _near(_sketch(1), dice);
            else sketches[i] = (dice >> 16) % 2 == 0 ? new bytes(DIM) : _sketch(2 + i);
        }
        (uint256 against, uint256 inFavour) = (0, 0);
        for (uint256 i = 0; i < 7; ++i) {
            if (sketches[i].length == 0) continue;
            if (_isAgainst(asked, sketches[i])) ++against;
            else ++inFavour;
        }
        _commitAndReveal(jurors, sketches);
        vm.warp(jury.questionOf(QUESTION).revealEnd);
        sketches[7] = asked;
        (IJury.Verdict verdict, bytes32 finding) = jury.tally(QUESTION, sketches);
        bool decided = against >= 5 || inFavour >= 5;
        assertEq(uint8(verdict), uint8(decided ? IJury.Verdict.Decided : IJury.Verdict.Undecided));
        address[] memory agreeing = jury.agreeingOf(QUESTION);
        uint256 place;
        for (uint256 i = 0; i < 7; ++i) {
            bool agrees = decided && sketches[i].length != 0 && _isAgainst(asked, sketches[i]) == (against >= 5);
            assertEq(reputation.balanceOf(jurors[i]), agrees ? 1e18 : 0);
            if (!agrees) continue;
            // The finding is the first one's of the side that decides.
            if (place == 0) assertEq(finding, keccak256(sketches[i]));
            assertEq(agreeing[place++], jurors[i]);
        }
        assertEq(agreeing.length, place);
        assertEq(finding == 0, !decided);
    }

    /// @dev JU8, at the bound: d²·400 = n² of the sketch is for it, one more against.
    function test_tallySketch_atTheBound_succeeds() public {
        // 128 entries of 20: n² = 51,200, so that d² may be 128 at most.
        bytes memory asked = _constant(20);
        bytes[] memory sketches = new bytes[](8);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = _constant(i < 3 ? 21 : 19);
        }
        // d² = 129, for two.
        for (uint256 i = 5; i < 7; ++i) {
            sketches[i] = _constant(19);
            sketches[i][0] = bytes1(uint8(20));
            sketches[i][1] = bytes1(uint8(20));
            sketches[i][2] = bytes1(uint8(18));
            assertTrue(_isAgainst(asked, sketches[i]));
        }
        address[] memory jurors = _askSketchAndDraw(asked);
        _commitAndReveal(jurors, sketches);
        sketches[7] = asked;
        (, bytes32 finding) = jury.tally(QUESTION, sketches);
        assertEq(finding, keccak256(sketches[0]));
        assertEq(jury.agreeingOf(QUESTION).length, 5);
    }

    /// @dev JU8: the sketch in question is what was asked about, and nothing else.
    function test_tallySketch_anotherSketch_reverts() public {
        bytes memory asked = _sketch(1);
        address[] memory jurors = _askSketchAndDraw(asked);
        bytes[] memory sketches = new bytes[](8);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = asked;
        }
        _commitAndReveal(jurors, sketches);
        vm.expectRevert(abi.encodeWithSelector(IJury.InvalidLength.selector, 7, 8));
        jury.tally(QUESTION, new bytes[](7));
        sketches[7] = _sketch(2);
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongSketch.selector, address(0)));
        jury.tally(QUESTION, sketches);
        sketches[7] = asked;
        jury.tally(QUESTION, sketches);
        _assertVerdict(IJury.Verdict.Decided, keccak256(asked));
    }

    function test_tally_noPoints_succeeds() public {
        _setParameter(address(jury), "agreementPoints", 0);
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = _sketch(1);
        }
        (address juror,) = _vote(sketches);
        assertEq(reputation.balanceOf(juror), 0);
    }

    /// @dev What began keeps its windows.
    function test_setParameter_runningQuestion_keepsItsWindows_succeeds() public {
        _ask();
        IJury.Question memory before = jury.questionOf(QUESTION);
        _setParameter(address(jury), "drawSeconds", 5);
        _setParameter(address(jury), "commitSeconds", 5);
        assertEq(keccak256(abi.encode(jury.questionOf(QUESTION))), keccak256(abi.encode(before)));
    }

    /// @dev The largest vectors, all revealed, all different: a tally fits a block many times.
    function test_tally_largest_gas_succeeds() public {
        vm.prank(asker);
        jury.ask(QUESTION, IJury.Subject.Row, 1024, 0, new address[](0));
        _mine(3, 2);
        address[] memory jurors = jury.draw(QUESTION);
        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = new bytes(1024);
            for (uint256 j = 0; j < 1024; ++j) {
                sketches[i][j] = bytes1(uint8(60 + i));
            }
        }
        _commitAndReveal(jurors, sketches);
        uint256 before = gasleft();
        jury.tally(QUESTION, sketches);
        assertLt(before - gasleft(), 3_000_000);
    }

    /* HELPERS */

    function _ask() private {
        vm.prank(asker);
        jury.ask(QUESTION, IJury.Subject.Row, DIM, 0, new address[](0));
    }

    function _askAndDraw() private returns (address[] memory) {
        _ask();
        _mine(3, 2);
        return jury.draw(QUESTION);
    }

    function _askSketchAndDraw(bytes memory sketch) private returns (address[] memory) {
        vm.prank(asker);
        jury.ask(QUESTION, IJury.Subject.Sketch, DIM, keccak256(sketch), new address[](0));
        _mine(3, 2);
        return jury.draw(QUESTION);
    }

    function _isAgainst(bytes memory asked, bytes memory found) private pure returns (bool) {
        int256 distance;
        int256 norm;
        for (uint256 i = 0; i < asked.length; ++i) {
            int256 x = int8(uint8(asked[i]));
            int256 y = int8(uint8(found[i]));
            distance += (x - y) * (x - y);
            norm += x * x;
        }
        return distance * 400 > norm;
    }

    function _commit(address juror, bytes memory sketch) private {
        vm.prank(juror);
        jury.commit(QUESTION, _choice(juror, sketch));
    }

    function _commitAndReveal(address[] memory jurors, bytes[] memory sketches) private {
        for (uint256 i = 0; i < jurors.length; ++i) {
            if (sketches[i].length != 0) _commit(jurors[i], sketches[i]);
        }
        vm.warp(jury.questionOf(QUESTION).commitEnd);
        for (uint256 i = 0; i < jurors.length; ++i) {
            if (sketches[i].length != 0) jury.reveal(QUESTION, jurors[i], sketches[i], SALT);
        }
    }

    function _vote(bytes[] memory sketches) private returns (address firstJuror, bytes32 finding) {
        address[] memory jurors = _askAndDraw();
        _commitAndReveal(jurors, sketches);
        (, finding) = jury.tally(QUESTION, sketches);
        return (jurors[0], finding);
    }

    function _assertVerdict(IJury.Verdict expected, bytes32 expectedFinding) private view {
        (IJury.Verdict verdict, bytes32 finding) = jury.verdictOf(QUESTION);
        assertEq(uint8(verdict), uint8(expected));
        assertEq(finding, expectedFinding);
    }

    function _choice(address juror, bytes memory sketch) private pure returns (bytes32) {
        return keccak256(abi.encode(juror, SALT, sketch));
    }

    function _keyOf(address account) private view returns (uint256) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == account) return keys[i];
        }
        revert("no validator");
    }

    function _outsider(address[] memory jurors) private view returns (address) {
        for (uint256 i = 0; i < list.length; ++i) {
            bool drawn;
            for (uint256 j = 0; j < jurors.length; ++j) {
                if (jurors[j] == list[i]) drawn = true;
            }
            if (!drawn) return list[i];
        }
        revert("all drawn");
    }

    function _constant(uint8 value) private pure returns (bytes memory sketch) {
        sketch = new bytes(DIM);
        for (uint256 i = 0; i < DIM; ++i) {
            sketch[i] = bytes1(value);
        }
    }

    /// @dev A vector of its own for each number.
    function _sketch(uint256 number) private pure returns (bytes memory sketch) {
        sketch = new bytes(DIM);
        for (uint256 i = 0; i < DIM; ++i) {
            bytes1 value = keccak256(abi.encode(number, i))[0];
            sketch[i] = value == 0x80 ? bytes1(0x81) : value;
        }
    }

    /// @dev The vector with some entries moved by one to eight, so that its distance is sometimes above the tolerance.
    function _near(bytes memory sketch, uint256 dice) private pure returns (bytes memory) {
        for (uint256 i = 0; i < DIM; ++i) {
            if ((dice >> (i % 128)) & 1 == 0) continue;
            int256 moved = int256(int8(uint8(sketch[i]))) + int256(1 + (dice >> 240) % 8);
            sketch[i] = bytes1(uint8(int8(moved > 127 ? int256(127) : moved)));
        }
        return sketch;
    }

    /// @dev The rule word by word: all sets of five in lexical order.
    function _plainFinding(bytes[] memory s) private pure returns (bool, uint256) {
        for (uint256 a = 0; a < 3; ++a) {
            for (uint256 b = a + 1; b < 4; ++b) {
                for (uint256 c = b + 1; c < 5; ++c) {
                    for (uint256 d = c + 1; d < 6; ++d) {
                        for (uint256 e = d + 1; e < 7; ++e) {
                            if (_allAgree(s, [a, b, c, d, e])) return (true, a);
                        }
                    }
                }
            }
        }
        return (false, 0);
    }

    function _allAgree(bytes[] memory s, uint256[5] memory members) private pure returns (bool) {
        for (uint256 i = 0; i < 5; ++i) {
            if (s[members[i]].length == 0) return false;
            for (uint256 j = 0; j < i; ++j) {
                if (!_agree(s[members[i]], s[members[j]])) return false;
            }
        }
        return true;
    }

    function _agree(bytes memory a, bytes memory b) private pure returns (bool) {
        int256 distance;
        int256 normA;
        int256 normB;
        for (uint256 i = 0; i < a.length; ++i) {
            int256 x = int8(uint8(a[i]));
            int256 y = int8(uint8(b[i]));
            distance += (x - y) * (x - y);
            normA += x * x;
            normB += y * y;
        }
        return distance * 400 <= normA && distance * 400 <= normB;
    }
}
