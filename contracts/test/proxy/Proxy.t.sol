// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IProxy} from "../../src/interfaces/IProxy.sol";
import {Proxy} from "../../src/proxy/Proxy.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Answers selectors of the proxy's own, too.
contract Echo {
    uint256 public value;

    error Refused(uint256 value);

    event Received(uint256 value);

    receive() external payable {
        emit Received(msg.value);
    }

    function set(uint256 newValue) external payable returns (uint256) {
        value = newValue;
        return msg.value;
    }

    function refuse(uint256 reason) external pure {
        revert Refused(reason);
    }

    function admin() external pure returns (address) {
        return address(0xADADAD);
    }

    function implementation() external pure returns (address) {
        return address(0x1212);
    }

    function changeAdmin(address newAdmin) external {
        value = uint160(newAdmin);
    }

    function upgradeTo(address newImplementation) external {
        value = uint160(newImplementation);
    }

    function upgradeToAndCall(address newImplementation, bytes calldata data) external payable returns (bytes memory) {
        value = uint160(newImplementation);
        return data;
    }
}

contract ProxyTest is Test {
    bytes32 private constant IMPLEMENTATION_SLOT = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
    bytes32 private constant ADMIN_SLOT = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);

    address private immutable admin = makeAddr("admin");
    address private immutable user = makeAddr("user");
    Proxy private proxy;
    IProxy private asProxy;
    Echo private echo;
    Echo private implementation;

    function setUp() public {
        proxy = new Proxy(admin);
        asProxy = IProxy(address(proxy));
        echo = Echo(payable(address(proxy)));
        implementation = new Echo();
    }

    function test_constructor_setsAdmin_succeeds() public {
        vm.expectEmit();
        emit IProxy.AdminChanged(address(0), admin);
        Proxy fresh = new Proxy(admin);
        assertEq(vm.load(address(fresh), ADMIN_SLOT), bytes32(uint256(uint160(admin))));
        assertEq(vm.load(address(fresh), IMPLEMENTATION_SLOT), 0);
    }

    function test_constructor_zeroAdmin_reverts() public {
        vm.expectRevert(IProxy.ZeroAdmin.selector);
        new Proxy(address(0));
    }

    function test_fallback_withoutImplementation_reverts() public {
        vm.expectRevert(IProxy.ProxyWithoutImplementation.selector);
        vm.prank(user);
        echo.set(1);
        vm.expectRevert(IProxy.ProxyWithoutImplementation.selector);
        vm.prank(user);
        asProxy.admin();
        vm.deal(user, 1);
        vm.prank(user);
        (bool success, bytes memory result) = address(proxy).call{value: 1}("");
        assertFalse(success);
        assertEq(result, abi.encodePacked(IProxy.ProxyWithoutImplementation.selector));
    }

    function test_upgradeTo_admin_succeeds() public {
        vm.expectEmit(address(proxy));
        emit IProxy.Upgraded(address(implementation));
        _upgrade();
        assertEq(vm.load(address(proxy), IMPLEMENTATION_SLOT), bytes32(uint256(uint160(address(implementation)))));
        vm.prank(admin);
        assertEq(asProxy.implementation(), address(implementation));
        vm.prank(admin);
        assertEq(asProxy.admin(), admin);
    }

    function test_upgradeTo_withoutCode_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IProxy.ImplementationWithoutCode.selector, user));
        vm.prank(admin);
        asProxy.upgradeTo(user);
    }

    function test_upgradeToAndCall_admin_succeeds() public {
        vm.deal(admin, 3);
        vm.prank(admin);
        bytes memory result =
            asProxy.upgradeToAndCall{value: 3}(address(implementation), abi.encodeCall(Echo.set, (42)));
        assertEq(abi.decode(result, (uint256)), 3);
        vm.prank(user);
        assertEq(echo.value(), 42);
        assertEq(implementation.value(), 0);
    }

    function test_upgradeToAndCall_callFails_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(Echo.Refused.selector, 7));
        vm.prank(admin);
        asProxy.upgradeToAndCall(address(implementation), abi.encodeCall(Echo.refuse, (7)));
        assertEq(vm.load(address(proxy), IMPLEMENTATION_SLOT), 0);
    }

    function test_changeAdmin_admin_succeeds() public {
        _upgrade();
        vm.expectEmit(address(proxy));
        emit IProxy.AdminChanged(admin, user);
        vm.prank(admin);
        asProxy.changeAdmin(user);
        vm.prank(user);
        assertEq(asProxy.admin(), user);
        vm.prank(admin);
        assertEq(echo.admin(), address(0xADADAD));
    }

    function test_changeAdmin_zero_reverts() public {
        vm.expectRevert(IProxy.ZeroAdmin.selector);
        vm.prank(admin);
        asProxy.changeAdmin(address(0));
    }

    /// @dev Property P1: everybody but the admin reaches the implementation, even by the admin's selectors.
    function testFuzz_adminFunctions_notAdmin_delegates_succeeds(address caller) public {
        vm.assume(caller != admin && caller != address(0));
        _upgrade();
        vm.startPrank(caller);
        assertEq(asProxy.admin(), address(0xADADAD));
        assertEq(asProxy.implementation(), address(0x1212));
        asProxy.changeAdmin(caller);
        assertEq(echo.value(), uint160(caller));
        asProxy.upgradeTo(address(1));
        assertEq(echo.value(), 1);
        assertEq(asProxy.upgradeToAndCall(address(2), hex"aabb"), hex"aabb");
        assertEq(echo.value(), 2);
        vm.stopPrank();
        assertEq(vm.load(address(proxy), ADMIN_SLOT), bytes32(uint256(uint160(admin))));
        assertEq(vm.load(address(proxy), IMPLEMENTATION_SLOT), bytes32(uint256(uint160(address(implementation)))));
    }

    function test_admin_zeroAddressReads_succeeds() public {
        _upgrade();
        vm.startPrank(address(0));
        assertEq(asProxy.admin(), admin);
        assertEq(asProxy.implementation(), address(implementation));
    }

    function test_fallback_valueDataAndErrors_succeeds() public {
        _upgrade();
        vm.deal(user, 10);
        vm.startPrank(user);
        assertEq(echo.set{value: 4}(9), 4);
        assertEq(echo.value(), 9);
        vm.expectEmit(address(proxy));
        emit Echo.Received(6);
        (bool success,) = address(proxy).call{value: 6}("");
        assertTrue(success);
        assertEq(address(proxy).balance, 10);
        vm.expectRevert(abi.encodeWithSelector(Echo.Refused.selector, 5));
        echo.refuse(5);
    }

    function _upgrade() private {
        vm.prank(admin);
        asProxy.upgradeTo(address(implementation));
    }
}
