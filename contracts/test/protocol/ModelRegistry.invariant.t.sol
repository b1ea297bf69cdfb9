// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGOpen} from "../../src/interfaces/IGOpen.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {DatanetTest} from "./DatanetTest.sol";

/// @notice MR6: whatever becomes of proposals, in any order, each one's stake is held, given back or burnt by the table, and time alone
///         ends every one of them. The test is its own handler.
contract ModelRegistryInvariantTest is DatanetTest {
    IModelRegistry private constant models = IModelRegistry(Predeploys.MODEL_REGISTRY);
    IGOpen private constant gOpen = IGOpen(Predeploys.G_OPEN);
    uint256 private constant MODEL_STAKE = 1000 ether;
    uint256 private constant MODELS = 12;

    uint256 private datanet;
    uint256 private givenBack;
    uint256 private burnt;
    uint256 private start;

    function setUp() public override {
        super.setUp();
        datanet = _create();
        _reviewed(datanet, alice, 1, true);
        vm.deal(carol, MODELS * MODEL_STAKE);
        vm.deal(bob, 500_000 ether);
        vm.prank(bob);
        gOpen.deposit{value: 500_000 ether}();
        start = address(vault).balance;
        targetContract(address(this));
        bytes4[] memory selectors = new bytes4[](7);
        selectors[0] = this.propose.selector;
        selectors[1] = this.decide.selector;
        selectors[2] = this.beginTuning.selector;
        selectors[3] = this.submitArtefact.selector;
        selectors[4] = this.giveFeedback.selector;
        selectors[5] = this.end.selector;
        selectors[6] = this.retire.selector;
        targetSelector(FuzzSelector({addr: address(this), selectors: selectors}));
    }

    /* STEPS */

    function propose(uint32 time) external {
        if (models.modelCount() == MODELS) return;
        IModelRegistry.Proposal memory proposal;
        (proposal.purpose, proposal.architecture) = ("purpose", "architecture");
        proposal.datanets = new uint256[](1);
        (proposal.datanets[0], proposal.clusters) = (datanet, 1);
        uint32 step = uint32(bound(time, 1 days, 180 days));
        (proposal.gatherSeconds, proposal.tuneSeconds, proposal.feedbackSeconds) = (step, step, step);
        vm.prank(carol);
        models.propose{value: MODEL_STAKE}(proposal, "");
    }

    function decide(uint256 which, bool approved) external {
        (uint256 model, bool inTime) = _pick(which, IModelRegistry.Stage.Proposed);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        if (!inTime) vm.expectRevert();
        models.decide(model, approved);
        if (inTime && !approved) _ended(1000);
    }

    function beginTuning(uint256 which) external {
        (uint256 model, bool inTime) = _pick(which, IModelRegistry.Stage.Gathering);
        vm.prank(carol);
        if (!inTime) vm.expectRevert();
        models.beginTuning(model);
    }

    function submitArtefact(uint256 which) external {
        (uint256 model, bool inTime) = _pick(which, IModelRegistry.Stage.Tuning);
        ILoraRegistry.Base memory base;
        (base.configHash, base.namePrefix, base.layers) = ("architecture", "layers.", 2);
        base.modules = new ILoraRegistry.Module[](1);
        base.modules[0] = ILoraRegistry.Module("q_proj", 8, 4);
        vm.prank(carol);
        if (!inTime) vm.expectRevert();
        models.submitArtefact(model, "artefact", base, "");
    }

    function giveFeedback(uint256 which, uint8 score) external {
        (uint256 model, bool inTime) = _pick(which, IModelRegistry.Stage.Feedback);
        score %= 101;
        bool given = models.hasGiven(model, bob);
        vm.prank(bob);
        if (!inTime || given) vm.expectRevert();
        models.giveFeedback(model, bob, score, "");
    }

    /// @dev Waits, and ends a stage whose deadline is over, as anyone may.
    function end(uint256 which, uint32 wait) external {
        vm.warp(vm.getBlockTimestamp() + bound(wait, 0, 30 days));
        if (models.modelCount() == 0) return;
        _tryEnd(which % models.modelCount() + 1);
    }

    function retire(uint256 which) external {
        uint256 model = which % MODELS + 1;
        vm.prank(carol);
        if (models.modelAt(model).stage != IModelRegistry.Stage.Live) vm.expectRevert();
        models.retire(model);
    }

    /* INVARIANTS */

    /// forge-config: default.invariant.runs = 16
    /// forge-config: default.invariant.depth = 60
    function invariant_stakes() public view {
        uint256 held = 0;
        for (uint256 model = 1; model <= models.modelCount(); ++model) {
            IModelRegistry.Model memory found = models.modelAt(model);
            bool pending = found.stage <= IModelRegistry.Stage.Feedback;
            assertEq(found.stake, pending ? MODEL_STAKE : 0, "stake");
            assertEq(vault.held(address(models), bytes32(model)), found.stake, "held");
            assertEq(found.until != 0, pending, "every stage before the end has a deadline");
            held += found.stake;
        }
        assertEq(vault.claimable(carol), givenBack, "given back");
        assertEq(held + givenBack + burnt, models.modelCount() * MODEL_STAKE, "sum");
        assertEq(address(vault).balance, start + held + givenBack, "vault");
        assertEq(address(models).balance, 0, "registry");
    }

    /// @dev Nothing stays: when all deadlines are over, anyone ends what is pending, and no stake is left.
    function afterInvariant() public {
        vm.warp(vm.getBlockTimestamp() + 200 days);
        for (uint256 model = 1; model <= models.modelCount(); ++model) {
            _tryEnd(model);
            assertEq(vault.held(address(models), bytes32(model)), 0);
        }
        invariant_stakes();
    }

    /// @dev What the table says of each stage's end by its deadline.
    function _tryEnd(uint256 model) private {
        IModelRegistry.Model memory found = models.modelAt(model);
        bool overdue = found.until != 0 && vm.getBlockTimestamp() > found.until;
        if (found.stage == IModelRegistry.Stage.Feedback) {
            if (!overdue) vm.expectRevert();
            models.conclude(model);
            if (overdue) _ended(found.weight != 0 && found.weightedScore < found.weight * 50 ? 5000 : 0);
        } else {
            if (!overdue) vm.expectRevert();
            models.expire(model);
            if (overdue) _ended(found.stage == IModelRegistry.Stage.Tuning ? 10_000 : 0);
        }
    }

    function _ended(uint256 burntBps) private {
        burnt += MODEL_STAKE * burntBps / 10_000;
        givenBack += MODEL_STAKE - MODEL_STAKE * burntBps / 10_000;
    }

    /// @dev A model, and whether it is in that stage and in time.
    function _pick(uint256 which, IModelRegistry.Stage stage) private view returns (uint256 model, bool inTime) {
        uint256 count = models.modelCount();
        model = count == 0 ? 1 : which % count + 1;
        // The first one from there on that is in the stage.
        for (uint256 i = 0; i < count; ++i) {
            if (models.modelAt(model).stage == stage) break;
            model = model % count + 1;
        }
        inTime = models.modelAt(model).stage == stage && vm.getBlockTimestamp() <= models.modelAt(model).until;
    }
}
