// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL2CrossDomainMessenger} from "../../src/interfaces/IL2CrossDomainMessenger.sol";
import {IL2StandardBridge} from "../../src/interfaces/IL2StandardBridge.sol";
import {IOptimismMintableERC20Factory} from "../../src/interfaces/IOptimismMintableERC20Factory.sol";
import {IProxy} from "../../src/interfaces/IProxy.sol";
import {IProxyAdmin} from "../../src/interfaces/IProxyAdmin.sol";
import {IVersioned} from "../../src/interfaces/IVersioned.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProxyAdmin} from "../../src/proxy/ProxyAdmin.sol";
import {L2Test} from "../L2/L2Test.sol";

contract NewVersion is IVersioned {
    function version() external pure returns (string memory) {
        return "2.0.0";
    }
}

/// @dev `L2Test` builds the genesis; these check that it hangs together.
contract LayoutTest is L2Test {
    function test_proxies_slots_succeeds() public view {
        address[30] memory proxied = _proxied();
        for (uint256 i; i < proxied.length; ++i) {
            address implementation =
                address(uint160(0xc0D3C0d3C0d3C0D3c0d3C0d3c0D3C0d3c0d30000) | (uint160(proxied[i]) & 0xffff));
            assertEq(vm.load(proxied[i], IMPLEMENTATION_SLOT), bytes32(uint256(uint160(implementation))));
            assertEq(vm.load(proxied[i], ADMIN_SLOT), bytes32(uint256(uint160(Predeploys.PROXY_ADMIN))));
            assertGt(implementation.code.length, 0);
            // OpenZeppelin's Governor has a version of its own, and the contracts beside it none.
            if (i < 11) assertEq(IVersioned(proxied[i]).version(), "1.0.0");
        }
    }

    function test_counterparts_areL1s_succeeds() public view {
        IL2CrossDomainMessenger messenger = IL2CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
        assertEq(messenger.otherMessenger(), l1CrossDomainMessenger);
        assertEq(messenger.messageNonce(), uint256(1) << 240);
        IL2StandardBridge bridge = IL2StandardBridge(Predeploys.L2_STANDARD_BRIDGE);
        assertEq(bridge.otherBridge(), l1StandardBridge);
        assertEq(bridge.messenger(), address(messenger));
        IOptimismMintableERC20Factory factory =
            IOptimismMintableERC20Factory(Predeploys.OPTIMISM_MINTABLE_ERC20_FACTORY);
        assertEq(factory.bridge(), address(bridge));
        assertEq(
            vm.load(address(factory), 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00),
            bytes32(uint256(1))
        );
    }

    function test_proxyAdmin_upgradesEachAndItself_succeeds() public {
        address[30] memory proxied = _proxied();
        ProxyAdmin admin = ProxyAdmin(Predeploys.PROXY_ADMIN);
        assertEq(admin.owner(), Predeploys.CODE_TIMELOCK);
        address newVersion = address(new NewVersion());
        for (uint256 i; i < proxied.length; ++i) {
            if (proxied[i] == Predeploys.PROXY_ADMIN) continue;
            vm.prank(Predeploys.CODE_TIMELOCK);
            IProxyAdmin(admin).upgrade(payable(proxied[i]), newVersion);
            assertEq(admin.getProxyImplementation(proxied[i]), newVersion);
            assertEq(IVersioned(proxied[i]).version(), "2.0.0");
        }
        vm.prank(Predeploys.CODE_TIMELOCK);
        IProxyAdmin(admin).upgrade(payable(address(admin)), newVersion);
        assertEq(admin.version(), "2.0.0");
    }

    function test_proxies_notAdmin_cannotUpgrade_reverts() public {
        address[30] memory proxied = _proxied();
        address newVersion = address(new NewVersion());
        for (uint256 i; i < proxied.length; ++i) {
            vm.prank(Predeploys.CODE_TIMELOCK);
            vm.expectRevert();
            IProxy(proxied[i]).upgradeTo(newVersion);
        }
    }

    /// @dev The committed artifacts are what these sources compile to.
    function test_artifacts_matchSources_succeeds() public view {
        string[36] memory names = [
            "AdapterMarket",
            "AgentRegistry",
            "BaseFeeVault",
            "BatchInbox",
            "ClaimVault",
            "ClusterReview",
            "CodeTimelock",
            "DatanetRegistry",
            "EpochQuestions",
            "EpochScoring",
            "EpochSettlement",
            "GOpen",
            "GasPriceOracle",
            "Governor",
            "InferenceRouter",
            "Jury",
            "L1Block",
            "L1CrossDomainMessenger",
            "L1FeeVault",
            "L1StandardBridge",
            "L2CrossDomainMessenger",
            "L2StandardBridge",
            "L2ToL1MessagePasser",
            "ModelRegistry",
            "OperatorFeeVault",
            "OptimismMintableERC20Factory",
            "ParamTimelock",
            "Proxy",
            "ProxyAdmin",
            "Reputation",
            "SequencerFeeVault",
            "SystemConfig",
            "Treasury",
            "ValidatorStaking",
            "VoucherChannels",
            "WOPEN"
        ];
        for (uint256 i; i < names.length; ++i) {
            string memory artifact = vm.readFile(string.concat("artifacts/", names[i], ".json"));
            string memory source = keccak256(bytes(names[i])) == keccak256("Proxy")
                ? "src/proxy/Proxy.sol:Proxy"
                : string.concat(names[i], ".sol:", names[i]);
            // By hashes, so that a failure names the contract and prints no code.
            assertEq(keccak256(vm.parseJsonBytes(artifact, ".bytecode")), keccak256(vm.getCode(source)), names[i]);
            assertEq(
                keccak256(vm.parseJsonBytes(artifact, ".deployedBytecode")),
                keccak256(vm.getDeployedCode(source)),
                names[i]
            );
            assertFalse(vm.keyExistsJson(artifact, ".immutableReferences"), names[i]);
            // EIP-170.
            assertLt(vm.getDeployedCode(source).length, 24_576, names[i]);
        }
    }

    function _proxied() private pure returns (address[30] memory) {
        return [
            Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            Predeploys.GAS_PRICE_ORACLE,
            Predeploys.L2_STANDARD_BRIDGE,
            Predeploys.OPTIMISM_MINTABLE_ERC20_FACTORY,
            Predeploys.SEQUENCER_FEE_VAULT,
            Predeploys.L1_BLOCK,
            Predeploys.L2_TO_L1_MESSAGE_PASSER,
            Predeploys.PROXY_ADMIN,
            Predeploys.BASE_FEE_VAULT,
            Predeploys.L1_FEE_VAULT,
            Predeploys.OPERATOR_FEE_VAULT,
            Predeploys.G_OPEN,
            Predeploys.GOVERNOR,
            Predeploys.PARAM_TIMELOCK,
            Predeploys.CODE_TIMELOCK,
            Predeploys.REPUTATION,
            Predeploys.DATANET_REGISTRY,
            Predeploys.VALIDATOR_STAKING,
            Predeploys.MODEL_REGISTRY,
            Predeploys.ADAPTER_MARKET,
            Predeploys.INFERENCE_ROUTER,
            Predeploys.VOUCHER_CHANNELS,
            Predeploys.EPOCH_SETTLEMENT,
            Predeploys.CLAIM_VAULT,
            Predeploys.AGENT_REGISTRY,
            Predeploys.TREASURY,
            Predeploys.JURY,
            Predeploys.CLUSTER_REVIEW,
            Predeploys.EPOCH_SCORING,
            Predeploys.EPOCH_QUESTIONS
        ];
    }
}
