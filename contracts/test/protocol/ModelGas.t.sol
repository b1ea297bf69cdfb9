// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../../src/interfaces/IAdapterMarket.sol";
import {IGOpen} from "../../src/interfaces/IGOpen.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {EpochTest} from "./EpochTest.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ICool {
    function cool(address account) external;
}

/// @dev Gas of a model's life and of a listing, as `snapshots/ModelGasTest.json` commits it: the call alone, without the transaction's 21,000
///      and its calldata. Contracts' storage counts as cold; what precompiles take is their Solidity references'.
contract ModelGasTest is EpochTest {
    IModelRegistry private constant models = IModelRegistry(Predeploys.MODEL_REGISTRY);

    function test_model_gas_succeeds() public {
        vm.deal(developer, 1000 ether);
        vm.prank(alice);
        IGOpen(Predeploys.G_OPEN).deposit{value: 1000 ether}();
        _mine(1, 2);
        _setParameter(address(models), "feedbackWeightMin", 1);
        IModelRegistry.Proposal memory proposal;
        (proposal.purpose, proposal.architecture, proposal.base, proposal.useCase) =
        ("purpose", "architecture", "base", "use case");
        proposal.datanets = new uint256[](1);
        proposal.datanets[0] = datanet;
        (proposal.gatherSeconds, proposal.tuneSeconds, proposal.feedbackSeconds) = (10 days, 20 days, 5 days);
        _cool();
        vm.prank(developer);
        uint256 model = models.propose{value: 1000 ether}(proposal, "ipfs://model");
        vm.snapshotGasLastCall("propose a model");
        _cool();
        vm.prank(Predeploys.PARAM_TIMELOCK);
        models.decide(model, true);
        vm.snapshotGasLastCall("approve a model");
        _cool();
        vm.prank(developer);
        models.beginTuning(model);
        vm.snapshotGasLastCall("begin tuning, 1 Datanet");
        _submit(model);
        _cool();
        vm.prank(alice);
        models.giveFeedback(model, alice, 80, "");
        vm.snapshotGasLastCall("give feedback");
        vm.warp(uint256(models.modelAt(model).until) + 1);
        _cool();
        models.conclude(model);
        vm.snapshotGasLastCall("conclude");
        assertEq(uint8(models.modelAt(model).stage), uint8(IModelRegistry.Stage.Live));
    }

    function _submit(uint256 model) private {
        ILoraRegistry.Base memory described;
        (described.configHash, described.namePrefix, described.layers) = ("architecture", "layers.", 2);
        described.modules = new ILoraRegistry.Module[](1);
        described.modules[0] = ILoraRegistry.Module("q_proj", 8, 4);
        _cool();
        vm.prank(developer);
        models.submitArtefact(model, "artefact", described, "ipfs://artefact");
        vm.snapshotGasLastCall("submit an artefact, 1 module");
    }

    /// @dev The last of a line of eight adapters, each trained on the Datanet, and of the base.
    function test_list_gas_succeeds() public {
        uint64 last = adapter;
        for (uint256 i = 1; i < 8; ++i) {
            ILoraRegistry.Share[] memory parents = new ILoraRegistry.Share[](1);
            parents[0] = ILoraRegistry.Share(last, 1000);
            last = _registerAdapter(bytes32(i), _trainOn(set), parents);
            _cool();
            vm.prank(developer);
            market.list(last, PRICE, 0, "");
            if (i == 1) vm.snapshotGasLastCall("list an adapter with 2 ancestors");
            if (i == 7) vm.snapshotGasLastCall("list an adapter with 8 ancestors");
        }
        assertTrue(market.isOffered(last));
        _cool();
        vm.prank(developer);
        market.update(last, IAdapterMarket.Status.Paused, PRICE, 0, "");
        vm.snapshotGasLastCall("update a listing");
    }

    function _cool() private {
        address[5] memory targets =
            [address(models), address(market), address(registry), address(vault), Predeploys.G_OPEN];
        for (uint256 i = 0; i < targets.length; ++i) {
            ICool(address(vm)).cool(targets[i]);
        }
    }
}
