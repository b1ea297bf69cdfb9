// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {TimelockTest} from "./TimelockTest.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

contract CodeTimelockTest is TimelockTest {
    function setUp() public override {
        _start(Predeploys.CODE_TIMELOCK, "CodeTimelock.sol:CodeTimelock", 30 days, 90 days);
    }

    function test_grantRole_itself_succeeds() public {
        bytes memory data = abi.encodeCall(IAccessControl.grantRole, (ADMIN, mallory));
        _scheduleOwn(data);
        timelock.execute(address(timelock), 0, data, 0, 0);
        assertTrue(timelock.hasRole(ADMIN, mallory));
    }
}
