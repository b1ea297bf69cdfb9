// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {DatanetTest} from "./DatanetTest.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ICool {
    function cool(address account) external;
}

/// @dev Gas of contributions and their review, as `snapshots/DatanetGasTest.json` commits it: the call alone, without the transaction's 21,000
///      and its calldata. Contracts' storage counts as cold; what precompiles take is their Solidity references'.
contract DatanetGasTest is DatanetTest {
    function test_contribution_gas_succeeds() public {
        uint256 datanet = _create();
        // What comes first pays for what all that follows share.
        _reviewed(datanet, bob, 1, true);
        _cool();
        uint64 contribution = _commit(datanet, alice, 2);
        vm.snapshotGasLastCall("commit");
        _mine(2, 1);
        _cool();
        _reveal(datanet, alice, contribution, 2);
        vm.snapshotGasLastCall("reveal");
        _mine(49, 1);
        _cool();
        registry.settle(datanet, 1);
        vm.snapshotGasLastCall("settle a new cluster");

        _mine(2, 1);
        _cool();
        reviews.drawPanel(datanet, 1);
        vm.snapshotGasLastCall("draw a panel of 5");
        address[] memory panel = reviews.panelOf(_round(datanet, 1));
        for (uint256 i = 0; i < panel.length; ++i) {
            _cool();
            _vote(datanet, 1, panel[i], 80);
            if (i == 0) vm.snapshotGasLastCall("commit a review");
        }
        for (uint256 i = 0; i < panel.length; ++i) {
            _cool();
            _open(datanet, 1, panel[i], 80);
            if (i == 0) vm.snapshotGasLastCall("reveal a review");
        }
        _cool();
        reviews.closeReview(datanet, 1);
        vm.snapshotGasLastCall("close a review of 5");
        vm.warp(uint256(reviews.reviewOf(datanet, 1).until) + 1);
        _cool();
        reviews.finalizeReview(datanet, 1);
        vm.snapshotGasLastCall("finalize a review of 5");

        vm.deal(address(this), 1 ether);
        _cool();
        registry.distribute{value: 1 ether}(registry.spaceOf(datanet));
        vm.snapshotGasLastCall("distribute");
        uint32[] memory clusters = new uint32[](2);
        clusters[1] = 1;
        _cool();
        registry.takeShares(datanet, clusters);
        vm.snapshotGasLastCall("take shares of 2 clusters");
        assertEq(vault.claimable(alice), BOND + 0.5 ether);
    }

    function _cool() private {
        address[5] memory targets =
            [address(registry), address(reviews), address(vault), address(staking), Predeploys.REPUTATION];
        for (uint256 i = 0; i < targets.length; ++i) {
            ICool(address(vm)).cool(targets[i]);
        }
    }
}
