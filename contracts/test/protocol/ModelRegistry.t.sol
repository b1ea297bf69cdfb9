// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDatanetRegistry} from "../../src/interfaces/IDatanetRegistry.sol";
import {IGOpen} from "../../src/interfaces/IGOpen.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ModelRegistry} from "../../src/protocol/ModelRegistry.sol";
import {DatanetTest} from "./DatanetTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract ModelRegistryTest is DatanetTest {
    IModelRegistry private constant models = IModelRegistry(Predeploys.MODEL_REGISTRY);
    ILoraRegistry private constant LORA = NativePrecompiles.LORA;
    IGOpen private constant gOpen = IGOpen(Predeploys.G_OPEN);
    uint256 private constant MODEL_STAKE = 1000 ether;

    uint256 private datanet;

    function setUp() public override {
        super.setUp();
        datanet = _create();
        vm.deal(alice, 1_000_000 ether);
        vm.deal(bob, 1_000_000 ether);
        vm.prank(alice);
        gOpen.deposit{value: 60_000 ether}();
        vm.prank(bob);
        gOpen.deposit{value: 500_000 ether}();
    }

    /* STEPS */

    function _proposal() private view returns (IModelRegistry.Proposal memory proposal) {
        (proposal.purpose, proposal.architecture, proposal.base, proposal.useCase) =
        ("purpose", "architecture", "base", "use case");
        proposal.datanets = new uint256[](1);
        (proposal.datanets[0], proposal.clusters) = (datanet, 1);
        (proposal.gatherSeconds, proposal.tuneSeconds, proposal.feedbackSeconds) = (10 days, 20 days, 5 days);
    }

    function _base() private pure returns (ILoraRegistry.Base memory base) {
        (base.configHash, base.namePrefix, base.layers) = ("architecture", "layers.", 2);
        base.modules = new ILoraRegistry.Module[](1);
        base.modules[0] = ILoraRegistry.Module("q_proj", 8, 4);
    }

    function _propose() private returns (uint256) {
        vm.prank(carol);
        return models.propose{value: MODEL_STAKE}(_proposal(), "ipfs://model");
    }

    function _approved() private returns (uint256 model) {
        model = _propose();
        vm.prank(Predeploys.PARAM_TIMELOCK);
        models.decide(model, true);
    }

    function _tuning() private returns (uint256 model) {
        if (registry.acceptedClusters(datanet) == 0) _reviewed(datanet, alice, 1, true);
        model = _approved();
        vm.prank(carol);
        models.beginTuning(model);
    }

    function _feedback() private returns (uint256 model) {
        model = _tuning();
        vm.prank(carol);
        models.submitArtefact(model, "artefact", _base(), "ipfs://artefact");
    }

    function _give(uint256 model, address voter, uint8 score) private {
        vm.prank(voter);
        models.giveFeedback(model, voter, score, "");
    }

    function _pass(uint256 model) private {
        vm.warp(uint256(models.modelAt(model).until) + 1);
    }

    function _live() private returns (uint256 model) {
        model = _feedback();
        _give(model, bob, 80);
        _pass(model);
        models.conclude(model);
    }

    function _assertEnd(uint256 model, IModelRegistry.Stage stage, uint256 returned) private view {
        assertEq(uint8(models.modelAt(model).stage), uint8(stage));
        assertEq(models.modelAt(model).stake, 0);
        assertEq(vault.held(address(models), bytes32(model)), 0);
        assertEq(vault.claimable(carol), returned);
    }

    function _expectWrongStage(uint256 model, IModelRegistry.Stage stage) private {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.WrongStage.selector, model, stage));
    }

    /* SET-UP */

    function test_initialize_twice_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        models.initialize(new Setting[](0));
        ModelRegistry implementation = new ModelRegistry();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
        assertEq(models.version(), "1.0.0");
    }

    function test_setParameter_stepsCross_reverts() public {
        vm.prank(Predeploys.PARAM_TIMELOCK);
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterized.ParametersConflict.selector, bytes32("stepMinSeconds"), bytes32("stepMaxSeconds")
            )
        );
        IParameterized(address(models)).setParameter("stepMaxSeconds", 1 days - 1);
    }

    /* PROPOSAL */

    function test_propose_stores_succeeds() public {
        IModelRegistry.Proposal memory proposal = _proposal();
        vm.expectEmit(address(models));
        emit IModelRegistry.ModelProposed(1, carol, proposal, "ipfs://model");
        vm.expectEmit(address(models));
        emit IModelRegistry.StageEntered(1, IModelRegistry.Stage.Proposed, vm.getBlockTimestamp() + 21 days);
        assertEq(_propose(), 1);
        IModelRegistry.Model memory model = models.modelAt(1);
        assertEq(abi.encode(model.proposal), abi.encode(proposal));
        assertEq(model.proposer, carol);
        assertEq(model.stake, MODEL_STAKE);
        assertEq(vault.held(address(models), bytes32(uint256(1))), MODEL_STAKE);
        assertEq(models.modelCount(), 1);
    }

    function test_propose_hostile_reverts() public {
        vm.startPrank(carol);
        IModelRegistry.Proposal memory proposal = _proposal();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.WrongStake.selector, 1, MODEL_STAKE));
        models.propose{value: 1}(proposal, "");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.TooLong.selector, 1025, 1024));
        models.propose{value: MODEL_STAKE}(proposal, string(new bytes(1025)));
        proposal.tuneSeconds = 1 days - 1;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.InvalidDuration.selector, 1 days - 1, 1 days, 180 days));
        models.propose{value: MODEL_STAKE}(proposal, "");
        proposal.tuneSeconds = 180 days + 1;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.InvalidDuration.selector, 180 days + 1, 1 days, 180 days));
        models.propose{value: MODEL_STAKE}(proposal, "");
        proposal = _proposal();
        proposal.datanets = new uint256[](0);
        vm.expectRevert(IModelRegistry.InvalidDatanets.selector);
        models.propose{value: MODEL_STAKE}(proposal, "");
        proposal.datanets = new uint256[](17);
        vm.expectRevert(IModelRegistry.InvalidDatanets.selector);
        models.propose{value: MODEL_STAKE}(proposal, "");
        proposal.datanets = new uint256[](2);
        (proposal.datanets[0], proposal.datanets[1]) = (datanet, datanet);
        vm.expectRevert(IModelRegistry.InvalidDatanets.selector);
        models.propose{value: MODEL_STAKE}(proposal, "");
        proposal.datanets[1] = datanet + 1;
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.UnknownDatanet.selector, datanet + 1));
        models.propose{value: MODEL_STAKE}(proposal, "");
        vm.stopPrank();
    }

    /// @dev MR1.
    function test_decide_byOthers_reverts() public {
        uint256 model = _propose();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotDecider.selector, bob));
        vm.prank(bob);
        models.decide(model, true);
        _setParameter(address(models), "council", uint160(bob));
        vm.prank(bob);
        models.decide(model, true);
        assertEq(uint8(models.modelAt(model).stage), uint8(IModelRegistry.Stage.Gathering));
        assertEq(models.modelAt(model).until, vm.getBlockTimestamp() + 10 days);
        _expectWrongStage(model, IModelRegistry.Stage.Gathering);
        vm.prank(bob);
        models.decide(model, false);
    }

    /// @dev MR2: denied.
    function test_decide_denied_succeeds() public {
        uint256 model = _propose();
        vm.expectEmit(address(models));
        emit IModelRegistry.StakeSettled(model, MODEL_STAKE * 9 / 10, MODEL_STAKE / 10);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        models.decide(model, false);
        _assertEnd(model, IModelRegistry.Stage.Denied, MODEL_STAKE * 9 / 10);
    }

    /// @dev MR7: the council's denial alone burns nothing.
    function test_decide_deniedByCouncil_burnsNothing() public {
        uint256 model = _propose();
        _setParameter(address(models), "council", uint160(bob));
        vm.prank(bob);
        models.decide(model, false);
        _assertEnd(model, IModelRegistry.Stage.Denied, MODEL_STAKE);
    }

    /// @dev MR7: what a stake and feedback go by is what was in force when the model was proposed, in every stage.
    function test_setParameter_later_changesNoModel() public {
        uint256 denied = _propose();
        uint256 late = _tuning();
        uint256 refused = _feedback();
        IModelRegistry.Terms memory terms = models.termsOf(denied);
        assertEq(terms.denialBurntBps, 1000);
        assertEq(terms.tuningBurntBps, 10_000);
        assertEq(terms.refusalBurntBps, 5000);
        assertEq(terms.feedbackThreshold, 50);
        assertEq(terms.feedbackWeightMax, 100_000 ether);
        assertEq(terms.feedbackWeightMin, 100_000 ether);
        address target = address(models);
        _setParameter(target, "denialBurntBps", 10_000);
        _setParameter(target, "tuningBurntBps", 0);
        _setParameter(target, "refusalBurntBps", 10_000);
        _setParameter(target, "feedbackThreshold", 1);
        _setParameter(target, "feedbackWeightMax", 1 ether);
        _setParameter(target, "feedbackWeightMin", 1_000_000 ether);
        assertEq(keccak256(abi.encode(models.termsOf(refused))), keccak256(abi.encode(terms)));

        vm.prank(Predeploys.PARAM_TIMELOCK);
        models.decide(denied, false);
        _assertEnd(denied, IModelRegistry.Stage.Denied, MODEL_STAKE * 9 / 10);
        _give(refused, bob, 49);
        assertEq(models.modelAt(refused).weight, 100_000 ether);
        _pass(refused);
        models.conclude(refused);
        _assertEnd(refused, IModelRegistry.Stage.Refused, MODEL_STAKE * 9 / 10 + MODEL_STAKE / 2);
        _pass(late);
        models.expire(late);
        _assertEnd(late, IModelRegistry.Stage.Expired, MODEL_STAKE * 9 / 10 + MODEL_STAKE / 2);
        // Who proposes now has the terms of now.
        assertEq(models.termsOf(_propose()).denialBurntBps, 10_000);
        assertEq(models.termsOf(99).feedbackThreshold, 0);
    }

    /// @dev MR2: nobody decided.
    function test_expire_proposed_succeeds() public {
        uint256 model = _propose();
        uint40 until = models.modelAt(model).until;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.DeadlineAhead.selector, until));
        models.expire(model);
        vm.warp(uint256(until) + 1);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.DeadlinePassed.selector, until));
        vm.prank(Predeploys.PARAM_TIMELOCK);
        models.decide(model, true);
        models.expire(model);
        _assertEnd(model, IModelRegistry.Stage.Expired, MODEL_STAKE);
        _expectWrongStage(model, IModelRegistry.Stage.Expired);
        models.expire(model);
        _expectWrongStage(9, IModelRegistry.Stage.None);
        models.expire(9);
    }

    /* GATHERING, TUNING */

    function test_beginTuning_milestone_reverts() public {
        uint256 model = _approved();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotHolder.selector, bob, carol));
        vm.prank(bob);
        models.beginTuning(model);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.TooFewClusters.selector, 0, 1));
        vm.prank(carol);
        models.beginTuning(model);
        _reviewed(datanet, alice, 1, true);
        vm.prank(carol);
        models.beginTuning(model);
        assertEq(uint8(models.modelAt(model).stage), uint8(IModelRegistry.Stage.Tuning));
    }

    /// @dev MR2: the data didn't come.
    function test_expire_gathering_succeeds() public {
        uint256 model = _approved();
        _pass(model);
        models.expire(model);
        _assertEnd(model, IModelRegistry.Stage.Expired, MODEL_STAKE);
    }

    /// @dev MR2: no artefact.
    function test_expire_tuning_succeeds() public {
        uint256 model = _tuning();
        _pass(model);
        models.expire(model);
        _assertEnd(model, IModelRegistry.Stage.Expired, 0);
    }

    function test_submitArtefact_hostile_reverts() public {
        uint256 model = _tuning();
        ILoraRegistry.Base memory base = _base();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotHolder.selector, bob, carol));
        vm.prank(bob);
        models.submitArtefact(model, "artefact", base, "");
        vm.startPrank(carol);
        base.configHash = "another";
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.WrongArchitecture.selector, bytes32("another"), bytes32("architecture")
            )
        );
        models.submitArtefact(model, "artefact", base, "");
        base = _base();
        base.absBps = 1;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.AbsoluteShare.selector, 1));
        models.submitArtefact(model, "artefact", base, "");
        base = _base();
        base.layers = 0;
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.BadLayers.selector, 0));
        models.submitArtefact(model, "artefact", base, "");
        vm.stopPrank();
    }

    /// @dev MR3.
    function test_submitArtefact_registersBase_succeeds() public {
        uint256 model = _feedback();
        uint64 base = models.modelAt(model).base;
        (ILoraRegistry.Adapter memory registered,,,) = LORA.get(base);
        assertEq(registered.base, base);
        assertEq(registered.developer, address(models));
        assertEq(models.modelOfBase(base), model);
        assertEq(models.payeeOfBase(base), address(0), "not before it is live");
        assertEq(models.modelAt(model).snapshot, vm.getBlockTimestamp() - 1);
    }

    /* FEEDBACK */

    /// @dev MR4.
    function test_giveFeedback_weights_succeeds() public {
        uint256 model = _feedback();
        vm.expectEmit(address(models));
        emit IModelRegistry.FeedbackGiven(model, alice, 40, 60_000 ether);
        _give(model, alice, 40);
        vm.expectEmit(address(models));
        emit IModelRegistry.FeedbackGiven(model, bob, 90, 100_000 ether);
        _give(model, bob, 90);
        assertEq(models.modelAt(model).weight, 160_000 ether);
        assertEq(models.modelAt(model).weightedScore, 60_000 ether * 40 + 100_000 ether * 90);
        assertTrue(models.hasGiven(model, alice));
        assertFalse(models.hasGiven(model, carol));
    }

    /// @dev MR4.
    function test_giveFeedback_hostile_reverts() public {
        uint256 model = _feedback();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.InvalidScore.selector, 101));
        _give(model, alice, 101);
        // Votes that came after the artefact weigh nothing.
        vm.startPrank(owner);
        gOpen.deposit{value: 1000 ether}();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NoWeight.selector, owner));
        models.giveFeedback(model, owner, 100, "");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.InvalidSignature.selector, alice));
        models.giveFeedback(model, alice, 100, "");
        vm.stopPrank();
        _give(model, alice, 10);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.AlreadyGiven.selector, alice));
        _give(model, alice, 10);
        uint40 until = models.modelAt(model).until;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.DeadlineAhead.selector, until));
        models.conclude(model);
        _pass(model);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.DeadlinePassed.selector, until));
        _give(model, bob, 10);
        _expectWrongStage(model, IModelRegistry.Stage.Feedback);
        models.expire(model);
    }

    function test_giveFeedback_signed_succeeds() public {
        uint256 model = _feedback();
        (, uint256 key) = makeAddrAndKey("alice");
        bytes memory signature = _sign(key, models.hashFeedback(model, 70));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.InvalidSignature.selector, alice));
        models.giveFeedback(model, alice, 71, signature);
        models.giveFeedback(model, alice, 70, signature);
        assertEq(models.modelAt(model).weightedScore, 60_000 ether * 70);
        uint256 other = _feedback();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.InvalidSignature.selector, alice));
        models.giveFeedback(other, alice, 70, signature);
    }

    /// @dev MR2, MR4: the mean decides, to the wei.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_conclude_mean_succeeds(uint8 a, uint8 b) public {
        (a, b) = (a % 101, b % 101);
        uint256 model = _feedback();
        _give(model, alice, a);
        _give(model, bob, b);
        _pass(model);
        models.conclude(model);
        bool live = 60_000 * uint256(a) + 100_000 * uint256(b) >= 160_000 * 50;
        _assertEnd(
            model, live ? IModelRegistry.Stage.Live : IModelRegistry.Stage.Refused, live ? MODEL_STAKE : MODEL_STAKE / 2
        );
    }

    /// @dev MR2: too few voters.
    function test_conclude_littleWeight_succeeds() public {
        uint256 model = _feedback();
        _give(model, alice, 100);
        _pass(model);
        models.conclude(model);
        _assertEnd(model, IModelRegistry.Stage.Expired, MODEL_STAKE);
        assertEq(models.payeeOfBase(models.modelAt(model).base), address(0));
        uint256 proposed = _propose();
        _pass(proposed);
        _expectWrongStage(proposed, IModelRegistry.Stage.Proposed);
        models.conclude(proposed);
    }

    /* LIVE */

    /// @dev MR3.
    function test_retire_payeeStays_succeeds() public {
        uint256 model = _live();
        uint64 base = models.modelAt(model).base;
        assertEq(models.payeeOfBase(base), carol);
        _expectWrongStage(model, IModelRegistry.Stage.Live);
        models.expire(model);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotHolder.selector, bob, carol));
        vm.prank(bob);
        models.retire(model);
        vm.expectEmit(address(models));
        emit IModelRegistry.StageEntered(model, IModelRegistry.Stage.Retired, 0);
        vm.prank(carol);
        models.retire(model);
        assertEq(models.payeeOfBase(base), carol);
        assertEq(LORA.statusOf(base), 1);
        _expectWrongStage(model, IModelRegistry.Stage.Retired);
        vm.prank(carol);
        models.retire(model);
        assertEq(models.payeeOfBase(base + 1), address(0));
    }

    function test_retire_disputedBase_succeeds() public {
        uint256 model = _live();
        uint64 base = models.modelAt(model).base;
        vm.mockCall(address(LORA), abi.encodeCall(ILoraRegistry.statusOf, (base)), abi.encode(uint8(2)));
        vm.mockCallRevert(address(LORA), abi.encodeWithSelector(ILoraRegistry.setStatus.selector), "");
        vm.prank(carol);
        models.retire(model);
        assertEq(uint8(models.modelAt(model).stage), uint8(IModelRegistry.Stage.Retired));
    }

    /// @dev MR5: a pause of LORA costs no stake.
    function test_submitArtefact_paused_succeeds() public {
        uint256 model = _tuning();
        uint40 until = models.modelAt(model).until;
        uint64 paused = uint64(until) + 3 days;
        ILoraRegistry.Base memory base = _base();
        bytes memory reason =
            abi.encodeWithSignature("Paused(bytes4,uint64)", ILoraRegistry.registerBase.selector, paused);
        vm.mockCallRevert(address(LORA), abi.encodeWithSelector(ILoraRegistry.registerBase.selector), reason);
        vm.warp(until);
        vm.startPrank(carol);
        vm.expectEmit(address(models));
        emit IModelRegistry.StageEntered(model, IModelRegistry.Stage.Tuning, uint256(paused) + 1 days);
        assertEq(models.submitArtefact(model, "artefact", base, ""), 0);
        assertEq(models.modelAt(model).until, paused + 1 days);
        // An early pause takes no time away.
        reason = abi.encodeWithSignature("Paused(bytes4,uint64)", ILoraRegistry.registerBase.selector, until);
        vm.mockCallRevert(address(LORA), abi.encodeWithSelector(ILoraRegistry.registerBase.selector), reason);
        models.submitArtefact(model, "artefact", base, "");
        assertEq(models.modelAt(model).until, paused + 1 days);
        vm.mockCallRevert(address(LORA), abi.encodeWithSelector(ILoraRegistry.registerBase.selector), "");
        vm.expectRevert(bytes(""));
        models.submitArtefact(model, "artefact", base, "");
        vm.clearMockedCalls();
        vm.warp(paused);
        assertEq(models.submitArtefact(model, "artefact", base, ""), 1);
        vm.stopPrank();
    }
}
