// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {QueryReward} from "../../examples/QueryReward.sol";
import {EpochTest} from "../protocol/EpochTest.sol";
import {LibString} from "solady/utils/LibString.sol";

/// @dev The example of docs/guides/solidity.md. Clusters 0, 1 and 2 are alice's, bob's and carol's.
contract QueryRewardTest is EpochTest {
    QueryReward internal rewards;
    uint256[3] internal owed;

    function setUp() public override {
        super.setUp();
        rewards = new QueryReward();
        _mine(1, 1);
        owed = _claimable();
        vm.deal(address(this), 100 ether);
    }

    function test_reward_byProduct_succeeds() public {
        address[] memory owners = new address[](2);
        uint256[] memory amounts = new uint256[](2);
        (owners[0], owners[1]) = (alice, bob);
        (amounts[0], amounts[1]) = (667, 333);
        vm.expectEmit(address(rewards));
        emit QueryReward.Rewarded(set, address(this), owners, amounts);
        rewards.reward{value: 1000}(set, _query([int256(2), 1, -1]));
        uint256[3] memory paid = _paid();
        assertEq(paid[0], 667);
        assertEq(paid[1], 333);
        assertEq(paid[2], 0);
        assertEq(address(rewards).balance, 0);
    }

    function test_reward_withdrawnCluster_succeeds() public {
        vm.prank(alice);
        registry.withdraw(datanet, 0);
        _nextEpoch();
        rewards.reward{value: 1000}(set, _query([int256(2), 1, 0]));
        uint256[3] memory paid = _paid();
        assertEq(paid[0], 0);
        assertEq(paid[1], 1000);
    }

    function test_reward_nothingPositive_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(QueryReward.NothingScored.selector, set));
        rewards.reward{value: 1000}(set, _query([int256(-1), -1, 0]));
    }

    function testFuzz_reward_exact_succeeds(uint96 value, int8[3] memory weights) public {
        value = uint96(bound(value, 1, 10 ether));
        int256[3] memory mixed = [int256(weights[0] % 2), weights[1] % 2, 1];
        rewards.reward{value: value}(set, _query(mixed));
        uint256[3] memory paid = _paid();
        assertEq(paid[0] + paid[1] + paid[2], value);
    }

    /// @dev The guide shows the contract that is tested here, character by character.
    function test_guide_showsThisContract_succeeds() public view {
        string memory guide = vm.readFile("../docs/guides/solidity.md");
        assertTrue(LibString.contains(guide, vm.readFile("examples/QueryReward.sol")), "docs/guides/solidity.md");
    }

    /* INTERNAL */

    function _claimable() private view returns (uint256[3] memory) {
        return [vault.claimable(alice), vault.claimable(bob), vault.claimable(carol)];
    }

    function _paid() private view returns (uint256[3] memory paid) {
        paid = _claimable();
        for (uint256 i = 0; i < 3; ++i) {
            paid[i] -= owed[i];
        }
    }
}
