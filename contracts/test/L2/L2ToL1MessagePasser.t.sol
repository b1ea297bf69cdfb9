// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL2ToL1MessagePasser} from "../../src/interfaces/IL2ToL1MessagePasser.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {L2Test} from "./L2Test.sol";

contract L2ToL1MessagePasserTest is L2Test {
    IL2ToL1MessagePasser private constant PASSER = IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER);

    address private immutable alice = makeAddr("alice");
    address private immutable bob = makeAddr("bob");

    /// @dev Property M1.
    function testFuzz_initiateWithdrawal_anyArguments_succeeds(
        address sender,
        address target,
        uint128 value,
        uint256 gasLimit,
        bytes memory data,
        uint240 count
    ) public {
        vm.assume(sender != Predeploys.PROXY_ADMIN && sender != address(0));
        vm.assume(count != type(uint240).max);
        vm.store(address(PASSER), bytes32(uint256(1)), bytes32(uint256(count)));
        vm.deal(sender, value);
        uint256 nonce = (uint256(1) << 240) | count;
        assertEq(PASSER.messageNonce(), nonce);
        bytes32 hash = keccak256(abi.encode(nonce, sender, target, value, gasLimit, data));

        vm.expectEmit(address(PASSER));
        emit IL2ToL1MessagePasser.MessagePassed(nonce, sender, target, value, gasLimit, data, hash);
        vm.prank(sender);
        PASSER.initiateWithdrawal{value: value}(target, gasLimit, data);

        assertTrue(PASSER.sentMessages(hash));
        assertEq(PASSER.messageNonce(), nonce + 1);
        assertEq(address(PASSER).balance, value);
        // Slots that L1 proves against.
        assertEq(vm.load(address(PASSER), keccak256(abi.encode(hash, uint256(0)))), bytes32(uint256(1)));
        assertEq(vm.load(address(PASSER), bytes32(uint256(1))), bytes32(uint256(count) + 1));
    }

    function test_initiateWithdrawal_knownHash_succeeds() public {
        // keccak256 of the six ABI words and the padded data, computed outside of Solidity.
        bytes32 hash = 0xbfa130df2abf42678ac7ffdda6b180c81eee3d86e4bc48e59a61aac70de9fc8a;
        vm.deal(address(0xA11CE), 1 ether);
        vm.prank(address(0xA11CE));
        PASSER.initiateWithdrawal{value: 1 ether}(address(0xB0B), 100_000, hex"deadbeef");
        assertTrue(PASSER.sentMessages(hash));
    }

    function test_initiateWithdrawal_eventTopic_succeeds() public pure {
        assertEq(
            IL2ToL1MessagePasser.MessagePassed.selector,
            0x02a52367d10742d8032712c1bb8e0144ff1ec5ffda1ed7d70bb05a2744955054
        );
    }

    function test_initiateWithdrawal_twiceTheSame_distinct_succeeds() public {
        vm.startPrank(alice);
        PASSER.initiateWithdrawal(bob, 0, "");
        PASSER.initiateWithdrawal(bob, 0, "");
        uint256 first = uint256(1) << 240;
        assertTrue(PASSER.sentMessages(keccak256(abi.encode(first, alice, bob, 0, 0, ""))));
        assertTrue(PASSER.sentMessages(keccak256(abi.encode(first + 1, alice, bob, 0, 0, ""))));
        assertFalse(PASSER.sentMessages(keccak256(abi.encode(first + 2, alice, bob, 0, 0, ""))));
    }

    function test_receive_withdrawsToSender_succeeds() public {
        uint256 nonce = PASSER.messageNonce();
        bytes32 hash = keccak256(abi.encode(nonce, alice, alice, 5, 100_000, ""));
        vm.deal(alice, 5);
        vm.expectEmit(address(PASSER));
        emit IL2ToL1MessagePasser.MessagePassed(nonce, alice, alice, 5, 100_000, "", hash);
        vm.prank(alice);
        (bool success,) = address(PASSER).call{value: 5}("");
        assertTrue(success);
        assertTrue(PASSER.sentMessages(hash));
    }

    function test_MESSAGE_VERSION_isOne_succeeds() public view {
        assertEq(PASSER.MESSAGE_VERSION(), 1);
        assertEq(PASSER.version(), "1.0.0");
    }

    function test_burn_event_succeeds() public {
        vm.deal(address(PASSER), 7 ether);
        vm.expectEmit(address(PASSER));
        emit IL2ToL1MessagePasser.WithdrawerBalanceBurnt(7 ether);
        PASSER.burn();
        assertEq(address(PASSER).balance, 0);
    }
}

/// @dev The burner goes at the end of the transaction that made it: `isolate` makes each top-level call a transaction.
contract L2ToL1MessagePasserBurnTest is L2Test {
    /// forge-config: default.isolate = true
    function test_burn_leavesNothing_succeeds() public {
        IL2ToL1MessagePasser passer = IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER);
        for (uint64 nonce = 1; nonce <= 2; ++nonce) {
            vm.deal(address(passer), 7 ether);
            address burner = vm.computeCreateAddress(address(passer), nonce);
            passer.burn();
            assertEq(address(passer).balance, 0);
            assertEq(burner.balance, 0);
            assertEq(burner.code.length, 0);
        }
    }
}
