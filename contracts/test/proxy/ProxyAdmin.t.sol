// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IProxy} from "../../src/interfaces/IProxy.sol";
import {Proxy} from "../../src/proxy/Proxy.sol";
import {ProxyAdmin} from "../../src/proxy/ProxyAdmin.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Test} from "forge-std/Test.sol";

contract Counter {
    uint256 public count;

    function add(uint256 amount) external payable {
        count += amount;
    }
}

contract ProxyAdminTest is Test {
    address private immutable owner = makeAddr("owner");
    ProxyAdmin private admin;
    address payable private proxy;
    address private counter;

    function setUp() public {
        admin = new ProxyAdmin(owner);
        proxy = payable(address(new Proxy(address(admin))));
        counter = address(new Counter());
    }

    function test_constructor_owner_succeeds() public view {
        assertEq(admin.owner(), owner);
        assertEq(admin.version(), "1.0.0");
        assertEq(vm.load(address(admin), 0), bytes32(uint256(uint160(owner))));
    }

    function test_upgrade_owner_succeeds() public {
        vm.prank(owner);
        admin.upgrade(proxy, counter);
        assertEq(admin.getProxyImplementation(proxy), counter);
        assertEq(admin.getProxyAdmin(proxy), address(admin));
    }

    function test_upgradeAndCall_owner_succeeds() public {
        vm.deal(owner, 2);
        vm.prank(owner);
        admin.upgradeAndCall{value: 2}(proxy, counter, abi.encodeCall(Counter.add, (5)));
        assertEq(Counter(proxy).count(), 5);
        assertEq(proxy.balance, 2);
    }

    function test_changeProxyAdmin_owner_succeeds() public {
        vm.startPrank(owner);
        admin.upgrade(proxy, counter);
        admin.changeProxyAdmin(proxy, address(this));
        vm.stopPrank();
        assertEq(IProxy(proxy).admin(), address(this));
        vm.expectRevert();
        admin.getProxyAdmin(proxy);
    }

    function testFuzz_ownerFunctions_notOwner_reverts(address caller) public {
        vm.assume(caller != owner);
        bytes memory expected = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(expected);
        admin.upgrade(proxy, counter);
        vm.expectRevert(expected);
        admin.upgradeAndCall(proxy, counter, "");
        vm.expectRevert(expected);
        admin.changeProxyAdmin(proxy, caller);
        vm.expectRevert(expected);
        admin.transferOwnership(caller);
    }

    function test_transferOwnership_owner_succeeds() public {
        vm.prank(owner);
        admin.transferOwnership(address(this));
        admin.upgrade(proxy, counter);
        assertEq(admin.owner(), address(this));
    }
}
