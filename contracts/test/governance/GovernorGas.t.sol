// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IParameterized} from "../../src/interfaces/IParameterized.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {GovernanceTest} from "./GovernanceTest.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ICool {
    function cool(address account) external;
}

/// @dev Gas of governance, as `snapshots/GovernorGasTest.json` commits it: the call alone, without the transaction's 21,000 and its calldata.
///      Storage counts as cold, as in a transaction of its own.
contract GovernorGasTest is GovernanceTest {
    function test_governance_gas_succeeds() public {
        Plan memory plan = _plan(
            PARAM_TIMELOCK,
            Predeploys.EPOCH_QUESTIONS,
            abi.encodeCall(IParameterized.setParameter, ("questionBond", 300 ether))
        );
        _cool();
        uint256 id = _propose(plan);
        vm.snapshotGasLastCall("propose 1 call");
        _awaitVote();
        _cool();
        _vote(voter, id, FOR);
        vm.snapshotGasLastCall("vote");
        _awaitResult();
        _cool();
        _execute(plan);
        vm.snapshotGasLastCall("schedule 1 call");
        skip(PARAM_TIMELOCK.getMinDelay());
        _cool();
        _carryOut(plan);
        vm.snapshotGasLastCall("execute 1 call, a parameter");
        assertEq(IParameterized(Predeploys.EPOCH_QUESTIONS).parameter("questionBond"), 300 ether);
    }

    function _cool() private {
        address[4] memory targets =
            [address(GOVERNOR), address(PARAM_TIMELOCK), address(G_OPEN), Predeploys.EPOCH_QUESTIONS];
        for (uint256 i = 0; i < targets.length; ++i) {
            ICool(address(vm)).cool(targets[i]);
        }
    }
}
