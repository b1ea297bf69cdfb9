// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochScoring} from "../../src/interfaces/IEpochScoring.sol";
import {IEpochSettlement, Result, Scores, Stage} from "../../src/interfaces/IEpochSettlement.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {IPausable} from "../../src/interfaces/precompiles/IPausable.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {EpochScoring} from "../../src/protocol/EpochScoring.sol";
import {EpochSettlement} from "../../src/protocol/EpochSettlement.sol";
import {EpochTest} from "./EpochTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

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

    function _expectConflict(
        bytes32 before,
        uint256 valueBefore,
        bytes32 a,
        bytes32 b,
        bytes32 name,
        uint256 value
    ) private {
        // Room for what isn't tested.
        if (value < 7 days) _setParameter(Predeploys.VALIDATOR_STAKING, "unbondingSeconds", 60 days);
        else _setParameter(Predeploys.VALIDATOR_STAKING, "unbondingSeconds", 14 days);
        _setParameter(address(settlement), before, valueBefore);
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
        vm.expectRevert(
            abi.encodeWithSelector(IEpochSettlement.WrongStage.selector, epoch, adapter, Stage.Proposed)
        );
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, encoded, hashes);
        vm.stopPrank();
    }

    /// @dev ES3.
    function test_propose_form_reverts() public {
        bytes memory encoded = abi.encode(_nothing());
        _expectLength(encoded, 0, 0, 1);
        vm.expectRevert(IEpochScoring.NotCanonical.selector);
        scoring.checkForm(adapter, bytes.concat(encoded, hex"00"), 1);
        vm.expectRevert();
        scoring.checkForm(adapter, hex"00", 1);

        Scores memory scores = _nothing();
        scores.draws = new IEpochSettlementDraw.Draw[](0);
    }

    function _expectLength(bytes memory encoded, uint256 results, uint256 given, uint256 expected) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.WrongLength.selector, given, expected));
        scoring.checkForm(adapter, encoded, results);
    }
}
