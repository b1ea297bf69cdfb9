// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAgentRegistry, Policy} from "../../src/interfaces/IAgentRegistry.sol";
import {Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {InferenceTest} from "./InferenceTest.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ICool {
    function cool(address account) external;
}

/// @dev Gas of agents, as `snapshots/AgentGasTest.json` commits it: the call alone, without the transaction's 21,000 and its calldata. Storage
///      counts as cold, as in a transaction of its own.
contract AgentGasTest is InferenceTest {
    IAgentRegistry private constant registry = IAgentRegistry(Predeploys.AGENT_REGISTRY);

    function test_agent_gas_succeeds() public {
        Policy memory policy = Policy(1 ether, 8 ether, 6 ether, payer, new uint64[](2), new address[](2));
        (policy.adapters[0], policy.adapters[1]) = (99, ADAPTER);
        (policy.payees[0], policy.payees[1]) = (anyone, worker);
        _cool();
        vm.prank(payer);
        registry.register{value: 100 ether}(payer, policy, "hash", "ipfs://manifest", 0, "");
        vm.snapshotGasLastCall("register, lists of 2");
        _cool();
        vm.prank(payer);
        registry.setPolicy(payer, policy);
        vm.snapshotGasLastCall("set a policy, lists of 2");
        Voucher memory voucher = _voucher(_openChannel(20 ether, "channel"), 9 ether, 9);
        bytes memory signature = _sign(voucher, payerKey);
        _cool();
        registry.report(voucher, signature);
        vm.snapshotGasLastCall("report");
        assertEq(vault.claimable(address(this)), 50 ether);
    }

    function _cool() private {
        address[3] memory targets = [address(registry), address(channels), address(vault)];
        for (uint256 i = 0; i < targets.length; ++i) {
            ICool(address(vm)).cool(targets[i]);
        }
    }
}
