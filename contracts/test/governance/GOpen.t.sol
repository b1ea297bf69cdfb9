// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGOpen} from "../../src/interfaces/IGOpen.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "../protocol/ProtocolTest.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @dev Tries to unwrap the same balance twice.
contract DoubleWithdrawer {
    IGOpen private constant G_OPEN = IGOpen(Predeploys.G_OPEN);

    bytes public answer;

    function run() external payable {
        G_OPEN.deposit{value: msg.value}();
        G_OPEN.withdraw(msg.value);
    }

    receive() external payable {
        (, answer) = address(G_OPEN).call(abi.encodeCall(IGOpen.withdraw, (msg.value)));
    }
}

/// @dev Refuses payments.
contract Refuser {}

contract GOpenTest is ProtocolTest {
    IGOpen private constant TOKEN = IGOpen(Predeploys.G_OPEN);

    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    bytes32 private constant DELEGATION = keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");

    address private immutable alice = makeAddr("alice");
    address private immutable bob = makeAddr("bob");

    function setUp() public override {
        super.setUp();
        vm.warp(1_700_000_000);
    }

    function _wrap(address account, uint256 amount) private {
        vm.deal(account, amount);
        vm.prank(account);
        TOKEN.deposit{value: amount}();
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", TOKEN.DOMAIN_SEPARATOR(), structHash));
    }

    /* SET-UP */

    function test_metadata_ofGenesis_succeeds() public view {
        assertEq(TOKEN.name(), "Governance OPEN");
        assertEq(TOKEN.symbol(), "gOPEN");
        assertEq(TOKEN.decimals(), 18);
        assertEq(TOKEN.clock(), block.timestamp);
        assertEq(TOKEN.CLOCK_MODE(), "mode=timestamp");
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        TOKEN.initialize(new Setting[](0));
    }

    function test_initialize_setting_reverts() public {
        _place(Predeploys.G_OPEN, "GOpen.sol:GOpen");
        vm.store(Predeploys.G_OPEN, 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, 0);
        Setting[] memory settings = new Setting[](1);
        settings[0] = Setting("fee", 1);
        vm.expectRevert(abi.encodeWithSelector(IParameterized.UnknownParameter.selector, bytes32("fee")));
        TOKEN.initialize(settings);
    }

    /* WRAPPING */

    /// @dev Property GV1.
    function testFuzz_deposit_anyValue_succeeds(uint128 value) public {
        vm.deal(alice, value);
        vm.expectEmit(address(TOKEN));
        emit IGOpen.Deposited(alice, value);
        vm.prank(alice);
        TOKEN.deposit{value: value}();
        assertEq(TOKEN.balanceOf(alice), value);
        assertEq(TOKEN.getVotes(alice), value);
        assertEq(TOKEN.totalSupply(), value);
        assertEq(address(TOKEN).balance, value);
    }

    function test_receive_plainTransfer_succeeds() public {
        vm.deal(alice, 5);
        vm.prank(alice);
        (bool success,) = address(TOKEN).call{value: 5}("");
        assertTrue(success);
        assertEq(TOKEN.balanceOf(alice), 5);
    }

    /// @dev Property GV2.
    function testFuzz_withdraw_upToBalance_succeeds(uint128 value, uint128 out) public {
        out = uint128(bound(out, 0, value));
        _wrap(alice, value);
        vm.expectEmit(address(TOKEN));
        emit IGOpen.Withdrawn(alice, alice, out);
        vm.prank(alice);
        TOKEN.withdraw(out);
        assertEq(alice.balance, out);
        assertEq(TOKEN.balanceOf(alice), value - out);
        assertEq(TOKEN.getVotes(alice), value - out);
        assertEq(TOKEN.totalSupply(), value - out);
    }

    function test_withdrawTo_another_succeeds() public {
        _wrap(alice, 10);
        vm.expectEmit(address(TOKEN));
        emit IGOpen.Withdrawn(alice, bob, 4);
        vm.prank(alice);
        TOKEN.withdrawTo(bob, 4);
        assertEq(bob.balance, 4);
        assertEq(TOKEN.balanceOf(alice), 6);
    }

    function test_withdraw_moreThanBalance_reverts() public {
        _wrap(alice, 10);
        _wrap(bob, 10);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, alice, 10, 11));
        vm.prank(alice);
        TOKEN.withdraw(11);
    }

    function test_withdrawTo_nobodyOrItself_reverts() public {
        _wrap(alice, 10);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        TOKEN.withdrawTo(address(0), 1);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(TOKEN)));
        TOKEN.withdrawTo(address(TOKEN), 1);
    }

    function test_withdrawTo_refuser_reverts() public {
        address refuser = address(new Refuser());
        _wrap(alice, 10);
        vm.expectRevert(abi.encodeWithSelector(IGOpen.PaymentFailed.selector, refuser, 10));
        vm.prank(alice);
        TOKEN.withdrawTo(refuser, 10);
    }

    /// @dev Property GV2, against a caller that calls back.
    function test_withdraw_reentered_succeedsOnce() public {
        _wrap(bob, 10);
        DoubleWithdrawer attacker = new DoubleWithdrawer();
        attacker.run{value: 10}();
        assertEq(address(attacker).balance, 10);
        assertEq(
            attacker.answer(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        assertEq(address(TOKEN).balance, 10);
    }

    function test_transfer_toItself_reverts() public {
        _wrap(alice, 10);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(TOKEN)));
        vm.prank(alice);
        TOKEN.transfer(address(TOKEN), 1);
    }

    /* VOTES */

    function test_transfer_votesFollow_succeeds() public {
        _wrap(alice, 10);
        vm.prank(alice);
        TOKEN.transfer(bob, 4);
        assertEq(TOKEN.getVotes(alice), 6);
        assertEq(TOKEN.getVotes(bob), 4);
    }

    function test_delegate_another_succeeds() public {
        _wrap(alice, 10);
        vm.expectEmit(address(TOKEN));
        emit IVotes.DelegateChanged(alice, alice, bob);
        vm.prank(alice);
        TOKEN.delegate(bob);
        assertEq(TOKEN.delegates(alice), bob);
        assertEq(TOKEN.getVotes(alice), 0);
        assertEq(TOKEN.getVotes(bob), 10);
    }

    /// @dev Nobody is oneself: no vote gets lost, and the next transfer still finds it.
    function test_delegate_nobody_isOneself_succeeds() public {
        _wrap(alice, 10);
        vm.startPrank(alice);
        TOKEN.delegate(address(0));
        assertEq(TOKEN.delegates(alice), alice);
        assertEq(TOKEN.getVotes(alice), 10);
        TOKEN.delegate(bob);
        TOKEN.delegate(address(0));
        assertEq(TOKEN.getVotes(alice), 10);
        assertEq(TOKEN.getVotes(bob), 0);
        TOKEN.withdraw(10);
        assertEq(TOKEN.getVotes(alice), 0);
        assertEq(TOKEN.getVotes(address(0)), 0);
    }

    function test_getPastVotes_bySecond_succeeds() public {
        _wrap(alice, 10);
        skip(5);
        _wrap(alice, 7);
        skip(1);
        assertEq(TOKEN.getPastVotes(alice, 1_700_000_004), 10);
        assertEq(TOKEN.getPastVotes(alice, 1_700_000_005), 17);
        assertEq(TOKEN.getPastVotes(alice, 1_699_999_999), 0);
        assertEq(TOKEN.getPastTotalSupply(1_700_000_004), 10);
    }

    function test_delegateBySig_signature_succeeds() public {
        (address carol, uint256 key) = makeAddrAndKey("carol");
        _wrap(carol, 10);
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, _digest(keccak256(abi.encode(DELEGATION, bob, 0, block.timestamp))));
        TOKEN.delegateBySig(bob, 0, block.timestamp, v, r, s);
        assertEq(TOKEN.getVotes(bob), 10);
        assertEq(TOKEN.nonces(carol), 1);
    }

    function test_permit_signature_succeeds() public {
        (address carol, uint256 key) = makeAddrAndKey("carol");
        _wrap(carol, 10);
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key, _digest(keccak256(abi.encode(PERMIT, carol, bob, 4, 0, block.timestamp))));
        TOKEN.permit(carol, bob, 4, block.timestamp, v, r, s);
        vm.prank(bob);
        TOKEN.transferFrom(carol, bob, 4);
        assertEq(TOKEN.balanceOf(bob), 4);
    }
}
