// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {AttrSpanReference} from "../reference/AttrSpanReference.sol";
import {AttrSplitReference} from "../reference/AttrSplitReference.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Puts the references of SPAN and SPLIT where the node has the precompiles, for tests of contracts that call them.
abstract contract PrecompileTest is Test {
    function setUp() public virtual {
        vm.etch(address(NativePrecompiles.SPAN), type(AttrSpanReference).runtimeCode);
        vm.etch(address(NativePrecompiles.SPLIT), type(AttrSplitReference).runtimeCode);
    }
}
