// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {CodeTimelock} from "../../src/governance/CodeTimelock.sol";
import {GOpen} from "../../src/governance/GOpen.sol";
import {Governor} from "../../src/governance/Governor.sol";
import {ParamTimelock} from "../../src/governance/ParamTimelock.sol";
import {Reputation} from "../../src/governance/Reputation.sol";
import {Treasury} from "../../src/governance/Treasury.sol";
import {Setting} from "../../src/interfaces/IParameterized.sol";
import {IInitialize} from "../protocol/ProtocolTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Test} from "forge-std/Test.sol";

/// @dev The code behind the proxies.
contract ImplementationsTest is Test {
    function test_initialize_implementation_reverts() public {
        address[6] memory implementations = [
            address(new GOpen()),
            address(new Governor()),
            address(new ParamTimelock()),
            address(new CodeTimelock()),
            address(new Reputation()),
            address(new Treasury())
        ];
        for (uint256 i = 0; i < implementations.length; ++i) {
            vm.expectRevert(Initializable.InvalidInitialization.selector);
            IInitialize(implementations[i]).initialize(new Setting[](0));
        }
    }
}
