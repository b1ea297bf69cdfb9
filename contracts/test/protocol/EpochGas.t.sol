// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Result, Scores} from "../../src/interfaces/IEpochSettlement.sol";
import {EpochTest} from "./EpochTest.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ICool {
    function cool(address account) external;
}

/// @dev Gas of what an epoch's settlement takes, as `snapshots/EpochGasTest.json` commits it: the call alone, without the transaction's 21,000
///      and its calldata. Contracts' storage counts as cold; what precompiles take is their Solidity references'.
contract EpochGasTest is EpochTest {
    function _cool() private {
        address[7] memory accounts = [
            address(router),
            address(settlement),
            address(questions),
            address(vault),
            address(staking),
            address(jury),
            address(registry)
        ];
        for (uint256 i = 0; i < accounts.length; ++i) {
            ICool(address(vm)).cool(accounts[i]);
        }
    }

    function test_settlement_gas_succeeds() public {
        _serve(5, [int256(1), 1, 0]);
        uint64 epoch = router.currentEpoch();
        vm.warp(router.endsAt(epoch));
        _mine(1, 0);
        _cool();
        router.closeEpoch();
        vm.snapshotGasLastCall("close an epoch");
        _mine(3, 1);
        _cool();
        settlement.drawSeed(epoch);
        vm.snapshotGasLastCall("draw a seed");
        Scores memory scores = _scores(epoch, SHARP);
        (Result[] memory results, bytes32[] memory hashes) = _results(epoch, scores);
        _cool();
        _propose(epoch, scores, hashes);
        vm.snapshotGasLastCall("propose, 16 draws of 64 entries");
        _cool();
        vm.prank(challenger);
        bytes32 question = questions.askRow{value: QUESTION_BOND}(epoch, adapter, 0, 1);
        vm.snapshotGasLastCall("ask about a row");
        (,, bytes memory row) = SKETCH.row(set, 1);
        _tally(question, row);
        _cool();
        questions.answer(question, row, "");
        vm.snapshotGasLastCall("answer");
        vm.warp(uint256(settlement.settlementOf(epoch, adapter).deadline) + 1);
        _cool();
        settlement.finalize(epoch, adapter, hashes, results[0], 0);
        vm.snapshotGasLastCall("finalize, royalties of 2 nodes");
        _cool();
        settlement.finalize(epoch, adapter, hashes, results[0], 3);
        vm.snapshotGasLastCall("finalize, 2 of 3 clusters paid");
        _cool();
        router.release(epoch, adapter, worker);
        vm.snapshotGasLastCall("release");
        assertTrue(settlement.isSettled(epoch, adapter));
    }

    function test_carry_gas_succeeds() public {
        _serve(5, [int256(1), 1, 0]);
        uint64 epoch = _close();
        (, uint64 closed) = router.closedAt(epoch);
        vm.warp(closed + 7 days + 1);
        _cool();
        settlement.carry(epoch, adapter);
        vm.snapshotGasLastCall("carry");
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertGt(carried, 0);
    }
}
