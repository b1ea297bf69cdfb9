// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDatanetRegistry} from "../../src/interfaces/IDatanetRegistry.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {DatanetTest} from "./DatanetTest.sol";

/// @dev Owners of clusters, and what they share.
contract ClusterDividendsTest is DatanetTest {
    uint256 private datanet;
    bytes32 private space;

    function setUp() public override {
        super.setUp();
        datanet = _create();
        space = registry.spaceOf(datanet);
        vm.deal(address(this), 1000 ether);
    }

    function _take(uint32 cluster) private {
        uint32[] memory clusters = new uint32[](1);
        clusters[0] = cluster;
        registry.takeShares(datanet, clusters);
    }

    function _ownerIn(uint32 cluster, uint64 epoch) private view returns (address payee) {
        (payee,,) = registry.payeesOf(space, cluster, epoch);
    }

    /// @dev What a payee is owed beyond his bonds.
    function _earned(address payee, uint256 bonds) private view returns (uint256) {
        return vault.claimable(payee) - bonds * BOND;
    }

    /* DIVIDENDS */

    function test_distribute_noneAccepted_toTreasury_succeeds() public {
        registry.distribute{value: 0}(space);
        registry.distribute{value: 5}(space);
        registry.distribute{value: 6}("unknown");
        _cluster(datanet, alice, 1);
        registry.distribute{value: 7}(space);
        _reviewed(datanet, bob, 2, false);
        registry.distribute{value: 8}(space);
        assertEq(vault.claimable(Predeploys.TREASURY), 26);
        assertEq(_held("dividends", datanet, 0), 0);
    }

    /// @dev DV1, DV2: equal parts to the wei, nothing of what came before.
    function test_distribute_laterCluster_succeeds() public {
        uint32 first = _reviewed(datanet, alice, 1, true);
        registry.distribute{value: 101}(space);
        uint32 second = _reviewed(datanet, bob, 2, true);
        assertEq(registry.acceptedClusters(datanet), 2);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.Distributed(datanet, 11, 5, 2);
        registry.distribute{value: 11}(space);
        assertEq(registry.datanetAt(datanet).dust, 1);
        assertEq(registry.sharesOf(datanet, first), 106);
        assertEq(registry.sharesOf(datanet, second), 5);
        registry.distribute{value: 1}(space);
        assertEq(registry.datanetAt(datanet).dust, 0);
        uint32[] memory clusters = new uint32[](2);
        (clusters[0], clusters[1]) = (first, second);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.SharesTaken(datanet, first, alice, 107);
        registry.takeShares(datanet, clusters);
        registry.takeShares(datanet, clusters);
        assertEq(_earned(alice, 1), 107);
        assertEq(_earned(bob, 1), 6);
        assertEq(_held("dividends", datanet, 0), 0);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.TooLong.selector, 65, 64));
        registry.takeShares(datanet, new uint32[](65));
        clusters[0] = 2;
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.UnknownCluster.selector, datanet, 2));
        registry.takeShares(datanet, clusters);
    }

    /// @dev DV1: whatever comes, what is held is what can be taken and the dust.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_distribute_conserves_succeeds(uint96[6] memory amounts, uint8 order) public {
        uint32 first = _reviewed(datanet, alice, 1, true);
        uint32 second;
        uint32 third;
        uint256 total;
        for (uint256 i = 0; i < amounts.length; ++i) {
            if (i == 2) second = _reviewed(datanet, bob, 2, true);
            if (i == 4) third = _reviewed(datanet, carol, 3, true);
            if (order >> i & 1 == 1) _take(first);
            amounts[i] = uint96(amounts[i] % 1e27);
            total += amounts[i];
            vm.deal(address(this), amounts[i]);
            registry.distribute{value: amounts[i]}(space);
        }
        uint256 open =
            registry.sharesOf(datanet, first) + registry.sharesOf(datanet, second) + registry.sharesOf(datanet, third);
        assertEq(_held("dividends", datanet, 0), open + registry.datanetAt(datanet).dust);
        _take(first);
        _take(second);
        _take(third);
        uint256 dust = registry.datanetAt(datanet).dust;
        assertEq(_earned(alice, 1) + _earned(bob, 1) + _earned(carol, 1) + dust, total);
        assertGe(_earned(alice, 1), _earned(bob, 1));
        assertGe(_earned(bob, 1), _earned(carol, 1));
        assertLt(dust, 3);
    }

    /* WITHDRAWAL */

    /// @dev DN7.
    function test_withdraw_fromNextEpoch_succeeds() public {
        uint32 cluster = _reviewed(datanet, alice, 1, true);
        _reviewed(datanet, bob, 2, true);
        registry.distribute{value: 20}(space);
        uint64 epoch = router.currentEpoch();
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, bob, alice));
        vm.prank(bob);
        registry.withdraw(datanet, cluster);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.ClusterWithdrawn(datanet, cluster, epoch + 1);
        vm.prank(alice);
        registry.withdraw(datanet, cluster);
        assertTrue(registry.isEligible(space, cluster, epoch));
        assertFalse(registry.isEligible(space, cluster, epoch + 1));
        assertEq(_ownerIn(cluster, epoch), alice, "past claims stay");
        assertEq(_earned(alice, 1), 10, "what was distributed is paid");
        registry.distribute{value: 20}(space);
        assertEq(registry.sharesOf(datanet, cluster), 0);
        assertEq(registry.sharesOf(datanet, 1), 30);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.AlreadyWithdrawn.selector, datanet, cluster));
        vm.prank(alice);
        registry.withdraw(datanet, cluster);
    }

    /// @dev DN7: a withdrawal saves no bond, and a withdrawn cluster never begins to share.
    function test_withdraw_inReview_succeeds() public {
        uint32 junk = _cluster(datanet, alice, 1);
        vm.prank(alice);
        registry.withdraw(datanet, junk);
        _decide(datanet, junk, 0);
        _finalize(datanet, junk);
        assertEq(vault.claimable(alice), 0);
        uint32 good = _cluster(datanet, alice, 2);
        vm.prank(alice);
        registry.withdraw(datanet, good);
        _decide(datanet, good, 100);
        _finalize(datanet, good);
        assertEq(vault.claimable(alice), BOND);
        assertEq(registry.acceptedClusters(datanet), 0);
        assertFalse(registry.clusterAt(datanet, good).sharing);
    }

    /* REASSIGNMENT */

    /// @dev DN8.
    function test_reassignCluster_fromNextEpoch_succeeds() public {
        uint32 cluster = _cluster(datanet, alice, 1);
        uint64 epoch = router.currentEpoch();
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotGovernance.selector, owner));
        vm.prank(owner);
        registry.reassignCluster(datanet, cluster, bob);
        vm.startPrank(Predeploys.PARAM_TIMELOCK);
        vm.expectRevert(IDatanetRegistry.NoOwner.selector);
        registry.reassignCluster(datanet, cluster, address(0));
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.UnknownCluster.selector, datanet, 1));
        registry.reassignCluster(datanet, 1, bob);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.ClusterReassigned(datanet, cluster, bob, epoch + 1);
        registry.reassignCluster(datanet, cluster, bob);
        vm.stopPrank();
        assertEq(_ownerIn(cluster, 0), alice);
        assertEq(_ownerIn(cluster, epoch), alice);
        assertEq(_ownerIn(cluster, epoch + 1), bob);
        assertEq(_ownerIn(cluster, type(uint64).max), bob);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, alice, bob));
        vm.prank(alice);
        registry.withdraw(datanet, cluster);
        epoch = _nextEpoch();
        vm.prank(Predeploys.PARAM_TIMELOCK);
        registry.reassignCluster(datanet, cluster, carol);
        assertEq(_ownerIn(cluster, epoch - 1), alice);
        assertEq(_ownerIn(cluster, epoch), bob);
        assertEq(_ownerIn(cluster, epoch + 1), carol);
        (, address datanetOwner, uint16 bps) = registry.payeesOf(space, cluster, epoch);
        assertEq(datanetOwner, owner);
        assertEq(bps, 1000);
    }

    /// @dev DV3: a dividend is his who owned the cluster in the epoch in which it was distributed, whenever it is taken.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_takeShares_reassigned_succeeds(uint8 takes) public {
        uint32 cluster = _reviewed(datanet, alice, 1, true);
        registry.distribute{value: 1}(space);
        if (takes & 1 == 1) _take(cluster);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        registry.reassignCluster(datanet, cluster, bob);
        registry.distribute{value: 10}(space);
        if (takes & 2 == 2) _take(cluster);
        _nextEpoch();
        registry.distribute{value: 100}(space);
        if (takes & 4 == 4) _take(cluster);
        registry.distribute{value: 1000}(space);
        _nextEpoch();
        registry.distribute{value: 10_000}(space);
        if (takes & 8 == 8) _take(cluster);
        vm.startPrank(Predeploys.PARAM_TIMELOCK);
        registry.reassignCluster(datanet, cluster, owner);
        registry.reassignCluster(datanet, cluster, carol);
        vm.stopPrank();
        registry.distribute{value: 100_000}(space);
        if (takes & 16 == 16) _take(cluster);
        _nextEpoch();
        registry.distribute{value: 1_000_000}(space);
        _take(cluster);
        assertEq(_earned(alice, 1), 11);
        assertEq(vault.claimable(bob), 111_100);
        assertEq(vault.claimable(carol), 1_000_000);
        assertEq(_held("dividends", datanet, 0), 0);
    }
}
