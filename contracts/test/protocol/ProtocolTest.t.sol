// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ProtocolTest} from "./ProtocolTest.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";

/// @dev The fixture itself.
contract ProtocolFixtureTest is ProtocolTest {
    function test_mine_hashesAreInHistory_succeeds() public {
        vm.roll(1000);
        _mine(300, 2);
        assertEq(vm.getBlockNumber(), 1300);
        assertEq(vm.getBlockTimestamp(), 601);
        assertEq(blockhash(1299), _hashOfBlock(1299));
        assertEq(blockhash(1001), bytes32(0));
        assertEq(Blockhash.blockHash(1299), _hashOfBlock(1299));
        assertEq(Blockhash.blockHash(1001), _hashOfBlock(1001));
        assertEq(Blockhash.blockHash(1300), bytes32(0));
    }
}
