// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {CodeTimelock} from "../../src/governance/CodeTimelock.sol";
import {GOpen} from "../../src/governance/GOpen.sol";
import {Governor} from "../../src/governance/Governor.sol";
import {ParamTimelock} from "../../src/governance/ParamTimelock.sol";
import {Reputation} from "../../src/governance/Reputation.sol";
import {Treasury} from "../../src/governance/Treasury.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {AdapterMarket} from "../../src/protocol/AdapterMarket.sol";
import {AgentRegistry} from "../../src/protocol/AgentRegistry.sol";
import {ClaimVault} from "../../src/protocol/ClaimVault.sol";
import {ClusterReview} from "../../src/protocol/ClusterReview.sol";
import {DatanetRegistry} from "../../src/protocol/DatanetRegistry.sol";
import {EpochQuestions} from "../../src/protocol/EpochQuestions.sol";
import {EpochScoring} from "../../src/protocol/EpochScoring.sol";
import {EpochSettlement} from "../../src/protocol/EpochSettlement.sol";
import {InferenceRouter} from "../../src/protocol/InferenceRouter.sol";
import {Jury} from "../../src/protocol/Jury.sol";
import {ModelRegistry} from "../../src/protocol/ModelRegistry.sol";
import {ValidatorStaking} from "../../src/protocol/ValidatorStaking.sol";
import {VoucherChannels} from "../../src/protocol/VoucherChannels.sol";
import {Proxy} from "../../src/proxy/Proxy.sol";
import {PrecompileTest} from "../precompiles/PrecompileTest.sol";

/// @dev What genesis calls on each contract of the protocol.
interface IInitialize {
    function initialize(Setting[] calldata settings) external;
}

/// @title ProtocolTest
/// @notice Starts every test with the protocol's contracts at their addresses, each behind a `Proxy`, initialised as at genesis;
///         the precompiles' references and the history of block hashes (EIP-2935) where the node has them.
abstract contract ProtocolTest is PrecompileTest {
    bytes32 private constant IMPLEMENTATION_SLOT = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 private constant ADMIN_SLOT = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;
    /// @dev OpenZeppelin's `Initializable`.
    bytes32 private constant INITIALIZABLE_SLOT = 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00;

    address internal constant HISTORY_STORAGE = 0x0000F90827F1C53a10cb7A02335B175320002935;
    address private constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;

    /// @dev Contracts are placed in the order of their addresses. A test that needs another code at an address places it
    ///      after `super.setUp()`.
    function setUp() public virtual override {
        super.setUp();
        // EIP-2935's own code.
        vm.etch(
            HISTORY_STORAGE,
            hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
        );
        _deploy(Predeploys.G_OPEN, "GOpen.sol:GOpen");
        _deploy(Predeploys.GOVERNOR, "Governor.sol:Governor");
        _deploy(Predeploys.PARAM_TIMELOCK, "ParamTimelock.sol:ParamTimelock");
        _deploy(Predeploys.CODE_TIMELOCK, "CodeTimelock.sol:CodeTimelock");
        _deploy(Predeploys.REPUTATION, "Reputation.sol:Reputation");
        _deploy(Predeploys.DATANET_REGISTRY, "DatanetRegistry.sol:DatanetRegistry");
        _deploy(Predeploys.VALIDATOR_STAKING, "ValidatorStaking.sol:ValidatorStaking");
        _deploy(Predeploys.MODEL_REGISTRY, "ModelRegistry.sol:ModelRegistry");
        _deploy(Predeploys.ADAPTER_MARKET, "AdapterMarket.sol:AdapterMarket");
        _deploy(Predeploys.INFERENCE_ROUTER, "InferenceRouter.sol:InferenceRouter");
        _deploy(Predeploys.VOUCHER_CHANNELS, "VoucherChannels.sol:VoucherChannels");
        _deploy(Predeploys.EPOCH_SETTLEMENT, "EpochSettlement.sol:EpochSettlement");
        _deploy(Predeploys.CLAIM_VAULT, "ClaimVault.sol:ClaimVault");
        _deploy(Predeploys.AGENT_REGISTRY, "AgentRegistry.sol:AgentRegistry");
        _deploy(Predeploys.TREASURY, "Treasury.sol:Treasury");
        _deploy(Predeploys.JURY, "Jury.sol:Jury");
        _deploy(Predeploys.CLUSTER_REVIEW, "ClusterReview.sol:ClusterReview");
        _deploy(Predeploys.EPOCH_SCORING, "EpochScoring.sol:EpochScoring");
        _deploy(Predeploys.EPOCH_QUESTIONS, "EpochQuestions.sol:EpochQuestions");
    }

    /// @dev Parameters that `predeploy` starts with instead of its defaults.
    function _settings(address predeploy) internal pure virtual returns (Setting[] memory) {
        predeploy;
        return new Setting[](0);
    }

    /// @dev Places `artifact` behind a proxy, without running `initialize`.
    function _place(address predeploy, string memory artifact) internal {
        address implementation = _implementationOf(predeploy);
        vm.etch(implementation, vm.getDeployedCode(artifact));
        // What the constructor would write: nobody initialises an implementation.
        vm.store(implementation, INITIALIZABLE_SLOT, bytes32(uint256(type(uint64).max)));
        vm.etch(predeploy, type(Proxy).runtimeCode);
        vm.store(predeploy, IMPLEMENTATION_SLOT, bytes32(uint256(uint160(implementation))));
        vm.store(predeploy, ADMIN_SLOT, bytes32(uint256(uint160(Predeploys.PROXY_ADMIN))));
        vm.setNonceUnsafe(predeploy, 1);
        vm.label(predeploy, artifact);
    }

    /// @dev Places `artifact` behind a proxy and runs `initialize` with the settings for it.
    function _deploy(address predeploy, string memory artifact) internal {
        _place(predeploy, artifact);
        IInitialize(predeploy).initialize(_settings(predeploy));
    }

    /// @dev Where genesis puts the code behind a predeploy's proxy.
    function _implementationOf(address predeploy) internal pure returns (address) {
        return address(uint160(0xc0D3C0d3C0d3C0D3c0d3C0d3c0D3C0d3c0d30000) | (uint160(predeploy) & 0xffff));
    }

    /// @dev Sets a parameter as governance does.
    function _setParameter(address predeploy, bytes32 name, uint256 value) internal {
        vm.prank(Predeploys.PARAM_TIMELOCK);
        IParameterized(predeploy).setParameter(name, value);
    }

    /// @dev Makes the next `count` blocks, `secondsApart`, with hashes that follow from their numbers, in the history, too.
    function _mine(uint256 count, uint256 secondsApart) internal {
        for (uint256 i = 0; i < count; ++i) {
            uint256 parent = vm.getBlockNumber();
            bytes32 parentHash = _hashOfBlock(parent);
            vm.roll(parent + 1);
            vm.warp(vm.getBlockTimestamp() + secondsApart);
            vm.setBlockhash(parent, parentHash);
            vm.prank(SYSTEM);
            (bool stored,) = HISTORY_STORAGE.call(abi.encode(parentHash));
            assertTrue(stored, "history of block hashes");
        }
    }

    /// @dev Hash of a block that `_mine` has left behind.
    function _hashOfBlock(uint256 number) internal pure returns (bytes32) {
        return keccak256(abi.encode("block", number));
    }
}
