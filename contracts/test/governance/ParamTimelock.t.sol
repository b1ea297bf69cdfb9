// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {TimelockTest} from "./TimelockTest.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

contract ParamTimelockTest is TimelockTest {
    function setUp() public override {
        _start(Predeploys.PARAM_TIMELOCK, "ParamTimelock.sol:ParamTimelock", 2 days, 14 days);
    }

    /// @dev Property TL1: not even by a call of its own, which takes two days only.
    function test_grantRole_itself_reverts() public {
        bytes memory data = abi.encodeCall(IAccessControl.grantRole, (ADMIN, mallory));
        _scheduleOwn(data);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, address(timelock), ADMIN)
        );
        timelock.execute(address(timelock), 0, data, 0, 0);
    }
}
