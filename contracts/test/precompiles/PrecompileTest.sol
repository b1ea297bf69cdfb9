// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {AttrSketchReference} from "../reference/AttrSketchReference.sol";
import {AttrSpanReference} from "../reference/AttrSpanReference.sol";
import {AttrSplitReference} from "../reference/AttrSplitReference.sol";
import {LoraRegistryReference} from "../reference/LoraRegistryReference.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Puts the references where the node has the precompiles, for tests of contracts that call them.
abstract contract PrecompileTest is Test {
    function setUp() public virtual {
        vm.etch(address(NativePrecompiles.SKETCH), type(AttrSketchReference).runtimeCode);
        vm.etch(address(NativePrecompiles.SPAN), type(AttrSpanReference).runtimeCode);
        vm.etch(address(NativePrecompiles.SPLIT), type(AttrSplitReference).runtimeCode);
        vm.etch(address(NativePrecompiles.LORA), type(LoraRegistryReference).runtimeCode);
    }
}
