// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RollupPortal} from "../../src/L1/RollupPortal.sol";
import {IProxyAdmin} from "../../src/interfaces/IProxyAdmin.sol";
import {L1Test} from "./L1Test.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @dev What an upgrade could put behind the portal's proxy.
contract Drainer {
    function version() external pure returns (string memory) {
        return "drained";
    }
}

/// @dev Property U1: code changes only after the timelock's delay.
contract UpgradeTest is L1Test {
    uint256 private constant DELAY = 30 days;

    TimelockController private timelock;

    function setUp() public override {
        super.setUp();
        address[] memory proposers = new address[](1);
        proposers[0] = owner;
        // Anybody may execute what is due; nobody is admin but the timelock itself.
        address[] memory executors = new address[](1);
        timelock = new TimelockController(DELAY, proposers, executors, address(0));
        admin.transferOwnership(address(timelock));
    }

    function testFuzz_upgrade_delay_succeeds(uint256 later) public {
        later = bound(later, 0, 2 * DELAY);
        address next = address(new Drainer());
        bytes memory call = abi.encodeCall(IProxyAdmin.upgrade, (payable(address(portal)), next));
        vm.prank(owner);
        timelock.schedule(address(admin), 0, call, 0, 0, DELAY);
        skip(later);
        if (later < DELAY) {
            vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        }
        timelock.execute(address(admin), 0, call, 0, 0);
        assertEq(portal.version(), later < DELAY ? "4.0.0" : "drained");
    }

    function test_upgrade_withoutTimelock_reverts() public {
        address next = address(new Drainer());
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this)));
        admin.upgrade(payable(address(portal)), next);
        vm.prank(owner);
        vm.expectPartialRevert(TimelockController.TimelockInsufficientDelay.selector);
        timelock.schedule(address(admin), 0, "", 0, 0, DELAY - 1);
    }

    /// @dev What an upgrade keeps: all that is in the proxy's storage.
    function test_upgrade_storage_stays() public {
        vm.prank(guardian);
        portal.pause();
        uint64 until = portal.pausedUntil();
        address next = address(new RollupPortal(open, MATURITY + 1));
        bytes memory call = abi.encodeCall(IProxyAdmin.upgrade, (payable(address(portal)), next));
        vm.prank(owner);
        timelock.schedule(address(admin), 0, call, 0, 0, DELAY);
        skip(DELAY);
        timelock.execute(address(admin), 0, call, 0, 0);
        assertEq(portal.proofMaturityDelaySeconds(), MATURITY + 1);
        assertEq(portal.pausedUntil(), until);
        assertEq(portal.guardian(), guardian);
        assertEq(portal.genesisSupply(), GENESIS_SUPPLY);
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY);
    }
}
