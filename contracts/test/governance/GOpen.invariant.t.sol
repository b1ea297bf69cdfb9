// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGOpen} from "../../src/interfaces/IGOpen.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "../protocol/ProtocolTest.sol";
import {CommonBase} from "forge-std/Base.sol";
import {StdUtils} from "forge-std/StdUtils.sol";

/// @dev Some accounts that wrap, unwrap, send and delegate at random; and OPEN that is forced on the contract.
contract GOpenHandler is CommonBase, StdUtils {
    IGOpen private constant TOKEN = IGOpen(Predeploys.G_OPEN);
    uint256 public constant ACTORS = 4;

    uint256 public deposited;
    uint256 public withdrawn;
    uint256 public forced;

    function actor(uint256 index) public pure returns (address) {
        return address(uint160(0xAC7000 + index % ACTORS));
    }

    function deposit(uint256 who, uint256 amount, bool plain) external {
        amount = bound(amount, 0, 1e27);
        vm.deal(actor(who), amount);
        vm.prank(actor(who));
        if (plain) {
            (bool success,) = address(TOKEN).call{value: amount}("");
            require(success, "deposit");
        } else {
            TOKEN.deposit{value: amount}();
        }
        deposited += amount;
    }

    function withdraw(uint256 who, uint256 to, uint256 amount) external {
        amount = bound(amount, 0, TOKEN.balanceOf(actor(who)));
        uint256 before = actor(to).balance;
        vm.prank(actor(who));
        TOKEN.withdrawTo(actor(to), amount);
        require(actor(to).balance == before + amount, "paid something else");
        withdrawn += amount;
    }

    function transfer(uint256 who, uint256 to, uint256 amount) external {
        amount = bound(amount, 0, TOKEN.balanceOf(actor(who)));
        vm.prank(actor(who));
        TOKEN.transfer(actor(to), amount);
    }

    function delegate(uint256 who, uint256 to, bool nobody) external {
        vm.prank(actor(who));
        TOKEN.delegate(nobody ? address(0) : actor(to));
    }

    /// @dev As by SELFDESTRUCT: no code of the receiver's runs.
    function force(uint256 amount) external {
        amount = bound(amount, 0, 1e27);
        vm.deal(address(TOKEN), address(TOKEN).balance + amount);
        forced += amount;
    }

    function pass(uint256 time) external {
        vm.warp(vm.getBlockTimestamp() + bound(time, 0, 1 weeks));
    }
}

/// @dev Properties GV1 and GV2.
contract GOpenInvariantTest is ProtocolTest {
    IGOpen private constant TOKEN = IGOpen(Predeploys.G_OPEN);

    GOpenHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new GOpenHandler();
        targetContract(address(handler));
    }

    function invariant_supply_isDeposits() public view {
        assertEq(TOKEN.totalSupply(), handler.deposited() - handler.withdrawn());
        assertEq(address(TOKEN).balance, TOKEN.totalSupply() + handler.forced());
    }

    function invariant_votes_areDeposits() public view {
        uint256 votes;
        uint256 balances;
        for (uint256 i = 0; i < handler.ACTORS(); ++i) {
            votes += TOKEN.getVotes(handler.actor(i));
            balances += TOKEN.balanceOf(handler.actor(i));
        }
        assertEq(votes, TOKEN.totalSupply());
        assertEq(balances, TOKEN.totalSupply());
    }

    /// @dev Whatever happened, everybody gets out with all that is his.
    function afterInvariant() public {
        for (uint256 i = 0; i < handler.ACTORS(); ++i) {
            address actor = handler.actor(i);
            uint256 before = actor.balance;
            uint256 balance = TOKEN.balanceOf(actor);
            vm.prank(actor);
            TOKEN.withdraw(balance);
            assertEq(actor.balance, before + balance);
        }
        assertEq(TOKEN.totalSupply(), 0);
        for (uint256 i = 0; i < handler.ACTORS(); ++i) {
            assertEq(TOKEN.getVotes(handler.actor(i)), 0);
        }
    }
}
