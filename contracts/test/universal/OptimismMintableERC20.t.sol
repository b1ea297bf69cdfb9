// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ILegacyMintableERC20} from "../../src/interfaces/ILegacyMintableERC20.sol";
import {IOptimismMintableERC20} from "../../src/interfaces/IOptimismMintableERC20.sol";
import {IOptimismMintableERC20Factory} from "../../src/interfaces/IOptimismMintableERC20Factory.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {OptimismMintableERC20} from "../../src/universal/OptimismMintableERC20.sol";
import {OptimismMintableERC20Factory} from "../../src/universal/OptimismMintableERC20Factory.sol";
import {TwoLayersTest} from "./TwoLayersTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract OptimismMintableERC20Test is TwoLayersTest {
    OptimismMintableERC20 private token;
    address private immutable remote = makeAddr("remote token");

    function setUp() public override {
        super.setUp();
        token = new OptimismMintableERC20(address(L2_BRIDGE), remote, "Remote", "RMT", 6);
    }

    function test_getters_succeeds() public view {
        assertEq(token.name(), "Remote");
        assertEq(token.symbol(), "RMT");
        assertEq(token.decimals(), 6);
        assertEq(token.remoteToken(), remote);
        assertEq(token.l1Token(), remote);
        assertEq(token.REMOTE_TOKEN(), remote);
        assertEq(token.bridge(), address(L2_BRIDGE));
        assertEq(token.l2Bridge(), address(L2_BRIDGE));
        assertEq(token.BRIDGE(), address(L2_BRIDGE));
        assertEq(token.version(), "1.0.0");
    }

    /// @dev The two ids by which bridges tell mintable tokens.
    function testFuzz_supportsInterface_succeeds(bytes4 other) public view {
        assertEq(type(IOptimismMintableERC20).interfaceId, bytes4(0xec4fc8e3));
        assertEq(type(ILegacyMintableERC20).interfaceId, bytes4(0x1d1d8b63));
        vm.assume(other != 0xec4fc8e3 && other != 0x1d1d8b63 && other != 0x01ffc9a7);
        assertTrue(token.supportsInterface(0x01ffc9a7));
        assertTrue(token.supportsInterface(0xec4fc8e3));
        assertTrue(token.supportsInterface(0x1d1d8b63));
        assertFalse(token.supportsInterface(other));
        assertFalse(token.supportsInterface(0xffffffff));
    }

    /// @dev Property T1.
    function testFuzz_mintAndBurn_notBridge_reverts(address caller, address account, uint256 amount) public {
        vm.assume(caller != address(L2_BRIDGE));
        vm.startPrank(caller);
        vm.expectRevert(abi.encodeWithSelector(OptimismMintableERC20.NotBridge.selector, caller));
        token.mint(account, amount);
        vm.expectRevert(abi.encodeWithSelector(OptimismMintableERC20.NotBridge.selector, caller));
        token.burn(account, amount);
    }

    function testFuzz_mintAndBurn_bridge_succeeds(address account, uint256 amount, uint256 burnt) public {
        vm.assume(account != address(0));
        burnt = bound(burnt, 0, amount);
        vm.startPrank(address(L2_BRIDGE));
        vm.expectEmit(address(token));
        emit OptimismMintableERC20.Mint(account, amount);
        token.mint(account, amount);
        vm.expectEmit(address(token));
        emit OptimismMintableERC20.Burn(account, burnt);
        token.burn(account, burnt);
        assertEq(token.balanceOf(account), amount - burnt);
        assertEq(token.totalSupply(), amount - burnt);
    }

    function test_burn_moreThanOwned_reverts() public {
        vm.startPrank(address(L2_BRIDGE));
        token.mint(alice, 1);
        vm.expectRevert();
        token.burn(alice, 2);
    }

    /// @dev Not even Permit2 may take tokens that were not approved.
    function testFuzz_allowance_none_succeeds(address spender) public view {
        assertEq(token.allowance(alice, spender), 0);
        assertEq(token.allowance(alice, 0x000000000022D473030F116dDEE9F6B43aC78BA3), 0);
    }

    function test_permit_succeeds() public {
        (address owner, uint256 key) = makeAddrAndKey("owner");
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                bob,
                9,
                0,
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), permit)));
        token.permit(owner, bob, 9, block.timestamp, v, r, s);
        assertEq(token.allowance(owner, bob), 9);
    }
}

contract OptimismMintableERC20FactoryTest is TwoLayersTest {
    address private immutable remote = makeAddr("remote token");

    function testFuzz_create_succeeds(string memory name, string memory symbol, uint8 decimals) public {
        uint256 snapshot = vm.snapshotState();
        vm.prank(alice);
        address expected = L2_FACTORY.createOptimismMintableERC20WithDecimals(remote, name, symbol, decimals);
        vm.revertToState(snapshot);

        vm.expectEmit(address(L2_FACTORY));
        emit IOptimismMintableERC20Factory.StandardL2TokenCreated(remote, expected);
        vm.expectEmit(address(L2_FACTORY));
        emit IOptimismMintableERC20Factory.OptimismMintableERC20Created(expected, remote, bob);
        vm.prank(bob);
        OptimismMintableERC20 token =
            OptimismMintableERC20(L2_FACTORY.createOptimismMintableERC20WithDecimals(remote, name, symbol, decimals));
        assertEq(address(token), expected, "the address depends on who asks");
        assertEq(L2_FACTORY.deployments(address(token)), remote);
        assertEq(token.name(), name);
        assertEq(token.symbol(), symbol);
        assertEq(token.decimals(), decimals);
        assertEq(token.remoteToken(), remote);
        assertEq(token.bridge(), Predeploys.L2_STANDARD_BRIDGE);

        vm.expectRevert();
        L2_FACTORY.createOptimismMintableERC20WithDecimals(remote, name, symbol, decimals);
    }

    function test_create_olderNames_succeeds() public {
        OptimismMintableERC20 one =
            OptimismMintableERC20(L2_FACTORY.createOptimismMintableERC20(remote, "Remote", "RMT"));
        OptimismMintableERC20 two = OptimismMintableERC20(L2_FACTORY.createStandardL2Token(remote, "Other", "OTH"));
        assertEq(one.decimals(), 18);
        assertEq(two.decimals(), 18);
        assertEq(L2_FACTORY.deployments(address(one)), remote);
        assertEq(L2_FACTORY.deployments(address(two)), remote);
        assertEq(L2_FACTORY.deployments(remote), address(0));
    }

    function test_create_zeroRemote_reverts() public {
        vm.expectRevert(IOptimismMintableERC20Factory.ZeroRemoteToken.selector);
        L2_FACTORY.createOptimismMintableERC20(address(0), "Remote", "RMT");
    }

    /// @dev Property T2: nobody sets another bridge, neither on the predeploy nor on L1.
    function test_initialize_again_reverts() public {
        vm.startPrank(mallory);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        L2_FACTORY.initialize(mallory);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        l1Factory.initialize(mallory);
        OptimismMintableERC20Factory implementation = new OptimismMintableERC20Factory();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(mallory);
        vm.expectRevert(IOptimismMintableERC20Factory.ZeroBridge.selector);
        implementation.createOptimismMintableERC20(remote, "Remote", "RMT");
        vm.stopPrank();
        vm.store(address(implementation), 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, 0);
        vm.expectRevert(IOptimismMintableERC20Factory.ZeroBridge.selector);
        implementation.initialize(address(0));
    }

    function test_abi_succeeds() public view {
        assertEq(
            IOptimismMintableERC20Factory.StandardL2TokenCreated.selector,
            0xceeb8e7d520d7f3b65fc11a262b91066940193b05d4f93df07cfdced0eb551cf
        );
        assertEq(
            IOptimismMintableERC20Factory.OptimismMintableERC20Created.selector,
            0x52fe89dd5930f343d25650b62fd367bae47088bcddffd2a88350a6ecdd620cdb
        );
        assertEq(IOptimismMintableERC20Factory.createOptimismMintableERC20.selector, bytes4(0xce5ac90f));
        assertEq(IOptimismMintableERC20Factory.createOptimismMintableERC20WithDecimals.selector, bytes4(0x8cf0629c));
        assertEq(IOptimismMintableERC20Factory.createStandardL2Token.selector, bytes4(0x896f93d1));
        assertEq(L2_FACTORY.bridge(), Predeploys.L2_STANDARD_BRIDGE);
        assertEq(L2_FACTORY.BRIDGE(), Predeploys.L2_STANDARD_BRIDGE);
        assertEq(l1Factory.bridge(), l1StandardBridge);
        assertEq(L2_FACTORY.version(), "1.0.0");
    }
}
