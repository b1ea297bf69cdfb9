// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IWOPEN} from "../../src/interfaces/IWOPEN.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {L2Test} from "./L2Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @dev Tries to unwrap the same balance twice.
contract DoubleUnwrapper {
    bool public secondSucceeded;

    function run() external payable {
        IWOPEN(Predeploys.WOPEN).deposit{value: msg.value}();
        IWOPEN(Predeploys.WOPEN).withdraw(msg.value);
    }

    receive() external payable {
        (secondSucceeded,) = Predeploys.WOPEN.call(abi.encodeCall(IWOPEN.withdraw, (msg.value)));
    }
}

/// @dev Refuses payments.
contract Refuser {
    function run() external payable {
        IWOPEN(Predeploys.WOPEN).deposit{value: msg.value}();
        IWOPEN(Predeploys.WOPEN).withdraw(msg.value);
    }
}

contract WOPENTest is L2Test {
    IWOPEN private constant TOKEN = IWOPEN(Predeploys.WOPEN);

    address private immutable alice = makeAddr("alice");
    address private immutable bob = makeAddr("bob");

    function test_metadata_asWETH9_succeeds() public view {
        assertEq(TOKEN.name(), "Wrapped OPEN");
        assertEq(TOKEN.symbol(), "WOPEN");
        assertEq(TOKEN.decimals(), 18);
    }

    function testFuzz_deposit_anyValue_succeeds(uint128 value) public {
        vm.deal(alice, value);
        vm.expectEmit(address(TOKEN));
        emit IWOPEN.Deposit(alice, value);
        vm.prank(alice);
        TOKEN.deposit{value: value}();
        assertEq(TOKEN.balanceOf(alice), value);
        assertEq(TOKEN.totalSupply(), value);
    }

    function test_receive_wraps_succeeds() public {
        vm.deal(alice, 3);
        vm.startPrank(alice);
        (bool plain,) = address(TOKEN).call{value: 1}("");
        (bool unknown,) = address(TOKEN).call{value: 2}(hex"01020304");
        assertTrue(plain && unknown);
        assertEq(TOKEN.balanceOf(alice), 3);
    }

    function testFuzz_withdraw_part_succeeds(uint128 value, uint128 part) public {
        part = uint128(bound(part, 0, value));
        _wrap(alice, value);
        vm.expectEmit(address(TOKEN));
        emit IWOPEN.Withdrawal(alice, part);
        vm.prank(alice);
        TOKEN.withdraw(part);
        assertEq(alice.balance, part);
        assertEq(TOKEN.balanceOf(alice), value - part);
        assertEq(TOKEN.totalSupply(), value - part);
    }

    function test_withdraw_tooMuch_reverts() public {
        _wrap(alice, 5);
        vm.expectRevert(abi.encodeWithSelector(IWOPEN.InsufficientBalance.selector, alice, 5, 6));
        vm.prank(alice);
        TOKEN.withdraw(6);
    }

    function test_withdraw_reentered_reverts() public {
        _wrap(bob, 10);
        DoubleUnwrapper attacker = new DoubleUnwrapper();
        vm.deal(address(this), 4);
        attacker.run{value: 4}();
        assertFalse(attacker.secondSucceeded());
        assertEq(address(attacker).balance, 4);
        assertEq(TOKEN.totalSupply(), 10);
    }

    function test_withdraw_refused_reverts() public {
        Refuser refuser = new Refuser();
        vm.deal(address(this), 4);
        vm.expectRevert(abi.encodeWithSelector(IWOPEN.PaymentFailed.selector, address(refuser), 4));
        refuser.run{value: 4}();
    }

    function test_transfer_balance_succeeds() public {
        _wrap(alice, 5);
        vm.expectEmit(address(TOKEN));
        emit IERC20.Transfer(alice, bob, 2);
        vm.prank(alice);
        assertTrue(TOKEN.transfer(bob, 2));
        assertEq(TOKEN.balanceOf(alice), 3);
        assertEq(TOKEN.balanceOf(bob), 2);
    }

    function test_transfer_self_succeeds() public {
        _wrap(alice, 5);
        vm.prank(alice);
        TOKEN.transfer(alice, 5);
        assertEq(TOKEN.balanceOf(alice), 5);
    }

    function test_transfer_tooMuch_reverts() public {
        _wrap(alice, 5);
        vm.expectRevert(abi.encodeWithSelector(IWOPEN.InsufficientBalance.selector, alice, 5, 6));
        vm.prank(alice);
        TOKEN.transfer(bob, 6);
    }

    function test_transferFrom_allowance_succeeds() public {
        _wrap(alice, 5);
        vm.expectEmit(address(TOKEN));
        emit IERC20.Approval(alice, address(this), 4);
        vm.prank(alice);
        assertTrue(TOKEN.approve(address(this), 4));
        assertTrue(TOKEN.transferFrom(alice, bob, 3));
        assertEq(TOKEN.allowance(alice, address(this)), 1);
        assertEq(TOKEN.balanceOf(bob), 3);
    }

    function test_transferFrom_unlimited_succeeds() public {
        _wrap(alice, 5);
        vm.prank(alice);
        TOKEN.approve(address(this), type(uint256).max);
        TOKEN.transferFrom(alice, bob, 5);
        assertEq(TOKEN.allowance(alice, address(this)), type(uint256).max);
    }

    function test_transferFrom_own_succeeds() public {
        _wrap(alice, 5);
        vm.prank(alice);
        TOKEN.transferFrom(alice, bob, 5);
        assertEq(TOKEN.balanceOf(bob), 5);
    }

    function test_transferFrom_tooMuch_reverts() public {
        _wrap(alice, 5);
        vm.prank(alice);
        TOKEN.approve(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(IWOPEN.InsufficientAllowance.selector, alice, address(this), 1, 2));
        TOKEN.transferFrom(alice, bob, 2);
    }

    function _wrap(address account, uint256 value) private {
        vm.deal(account, value);
        vm.prank(account);
        TOKEN.deposit{value: value}();
    }
}

/// @dev Wraps, unwraps and moves as a few accounts.
contract WOPENHandler is L2Test {
    IWOPEN private constant TOKEN = IWOPEN(Predeploys.WOPEN);

    function setUp() public override {}

    function account(uint256 seed) public pure returns (address) {
        return address(uint160(0x1000 + seed % 4));
    }

    function wrap(uint256 who, uint96 value) external {
        vm.deal(account(who), value);
        vm.prank(account(who));
        TOKEN.deposit{value: value}();
    }

    function unwrap(uint256 who, uint96 value) external {
        vm.startPrank(account(who));
        TOKEN.withdraw(bound(value, 0, TOKEN.balanceOf(account(who))));
        vm.stopPrank();
    }

    function move(uint256 from, uint256 to, uint96 value) external {
        vm.startPrank(account(from));
        TOKEN.transfer(account(to), bound(value, 0, TOKEN.balanceOf(account(from))));
        vm.stopPrank();
    }
}

contract WOPENInvariantTest is L2Test {
    IWOPEN private constant TOKEN = IWOPEN(Predeploys.WOPEN);

    WOPENHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new WOPENHandler();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = WOPENHandler.wrap.selector;
        selectors[1] = WOPENHandler.unwrap.selector;
        selectors[2] = WOPENHandler.move.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
    }

    /// @dev Property W1.
    function invariant_everyTokenIsBacked() public view {
        uint256 sum;
        for (uint256 i; i < 4; ++i) {
            sum += TOKEN.balanceOf(handler.account(i));
        }
        assertEq(sum, address(TOKEN).balance);
        assertEq(sum, TOKEN.totalSupply());
    }
}
