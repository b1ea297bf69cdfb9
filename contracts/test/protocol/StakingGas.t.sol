// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {StakingTest} from "./StakingTest.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ColdVm {
    function cool(address target) external;
}

/// @dev Gas of staking and juries, as `snapshots/StakingGasTest.json` commits it: the call alone, without the transaction's 21,000 and
///      its calldata. Storage counts as cold, as in a transaction of its own. There are 128 validators, as many as the default allows.
contract StakingGasTest is StakingTest {
    IJury private constant jury = IJury(Predeploys.JURY);
    bytes32 private constant QUESTION = keccak256("question");
    bytes32 private constant SALT = keccak256("salt");

    address private immutable alice = makeAddr("alice");

    address[] private list;

    function setUp() public override {
        super.setUp();
        (list,) = _validators(128, MIN_STAKE);
        _delegate(VALIDATOR, list[0], makeAddr("bob"), 5 ether);
        _reward(1 ether);
        _mine(1, 2);
    }

    function test_staking_gas_succeeds() public {
        vm.deal(alice, 1e24);
        _cool();
        vm.prank(alice);
        staking.delegate{value: 10 ether}(VALIDATOR, list[0]);
        vm.snapshotGasLastCall("delegate");

        _mine(1, 2);
        vm.deal(address(this), 100 ether);
        _cool();
        staking.reward{value: 100 ether}();
        vm.snapshotGasLastCall("reward");

        _cool();
        vm.prank(alice);
        staking.undelegate(VALIDATOR, list[0], alice, 4 ether);
        vm.snapshotGasLastCall("undelegate");

        _cool();
        staking.claimRewards(VALIDATOR, list[0], alice);
        vm.snapshotGasLastCall("claimRewards");

        _cool();
        _slashValidator(list[0], alice);
        vm.snapshotGasLastCall("slash");

        vm.warp(block.timestamp + UNBONDING);
        _cool();
        staking.withdraw(VALIDATOR, list[0], alice);
        vm.snapshotGasLastCall("withdraw");

        _cool();
        vm.prank(alice);
        vault.claim();
        vm.snapshotGasLastCall("claim");

        _cool();
        vm.prank(alice);
        staking.register{value: MIN_STAKE + 1}(VALIDATOR, 0);
        vm.snapshotGasLastCall("register, evicting one of 128");

        _cool();
        staking.draw("seed", 7, block.timestamp - 1, new address[](0));
        vm.snapshotGasLastCall("draw 7 of 128");
    }

    function test_jury_gas_succeeds() public {
        _cool();
        vm.prank(Predeploys.EPOCH_QUESTIONS);
        jury.ask(QUESTION, IJury.Subject.Row, 1024, 0, new address[](6));
        vm.snapshotGasLastCall("ask");
        _mine(3, 2);
        _cool();
        address[] memory jurors = jury.draw(QUESTION);
        vm.snapshotGasLastCall("draw a jury from 128");

        bytes[] memory sketches = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            sketches[i] = new bytes(1024);
            for (uint256 j = 0; j < 1024; ++j) {
                sketches[i][j] = bytes1(uint8(60 + i));
            }
            bytes32 choice = keccak256(abi.encode(jurors[i], SALT, sketches[i]));
            _cool();
            vm.prank(jurors[i]);
            jury.commit(QUESTION, choice);
            if (i == 0) vm.snapshotGasLastCall("commit");
        }
        for (uint256 i = 0; i < 7; ++i) {
            _cool();
            jury.reveal(QUESTION, jurors[i], sketches[i], SALT);
            if (i == 0) vm.snapshotGasLastCall("reveal 1024 entries");
        }
        _cool();
        jury.tally(QUESTION, sketches);
        vm.snapshotGasLastCall("tally 7 of 1024 entries");
    }

    function test_claimForMany_gas_succeeds() public {
        address[] memory payees = new address[](20);
        uint256[] memory amounts = new uint256[](20);
        for (uint256 i = 0; i < 20; ++i) {
            payees[i] = makeAddr(vm.toString(i));
            amounts[i] = 1 ether;
        }
        vm.deal(address(this), 20 ether);
        _cool();
        vault.creditMany{value: 20 ether}(payees, amounts);
        vm.snapshotGasLastCall("creditMany, 20 payees");
        _cool();
        vault.claimForMany(payees);
        vm.snapshotGasLastCall("claimForMany, 20 payees");
    }

    function _cool() private {
        address[4] memory targets = [address(staking), address(vault), address(jury), Predeploys.REPUTATION];
        for (uint256 i = 0; i < 4; ++i) {
            ColdVm(address(vm)).cool(targets[i]);
        }
    }
}
