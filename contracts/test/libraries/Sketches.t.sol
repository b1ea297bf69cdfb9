// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Sketches} from "../../src/libraries/Sketches.sol";
import {Test} from "forge-std/Test.sol";

/// @dev SK1: contracts/PROPERTIES.md.
contract SketchesTest is Test {
    function testFuzz_distance2_isThePlainOne_succeeds(uint256 seed, uint8 words) public pure {
        (bytes memory a, bytes memory b) = (_random(seed, words), _random(~seed, words));
        assertEq(Sketches.distance2(a, b), _plainDistance2(a, b));
        assertEq(Sketches.distance2(b, a), Sketches.distance2(a, b));
        assertEq(Sketches.distance2(a, a), 0);
        assertEq(Sketches.norm2(a), _plainDistance2(a, new bytes(a.length)));
    }

    function test_distance2_extremes_succeeds() public pure {
        bytes memory high = _constant(1024, 0x7f);
        bytes memory low = _constant(1024, 0x81);
        assertEq(Sketches.norm2(high), 1024 * 127 * 127);
        assertEq(Sketches.norm2(low), 1024 * 127 * 127);
        assertEq(Sketches.distance2(high, low), 1024 * 254 * 254);
        assertEq(Sketches.norm2(""), 0);
        assertEq(Sketches.distance2("", ""), 0);
    }

    function testFuzz_isSketch_refusesMinus128_succeeds(uint256 seed, uint8 words, uint16 place, bool spoilt)
        public
        pure
    {
        uint256 dim = 32 * (1 + uint256(words) % 32);
        bytes memory sketch = _random(seed, uint8(dim / 32));
        for (uint256 i = 0; i < dim; ++i) {
            if (sketch[i] == 0x80) sketch[i] = 0x7f;
        }
        if (spoilt) sketch[place % dim] = 0x80;
        assertEq(Sketches.isSketch(sketch, dim), !spoilt);
        assertFalse(Sketches.isSketch(sketch, dim + 32));
    }

    /// @dev The bytes next to 0x80, side by side: borrows between bytes must not make a difference.
    function test_isSketch_neighboursOfMinus128_succeeds() public pure {
        bytes1[5] memory values = [bytes1(0x00), 0x01, 0x7f, 0x81, 0xff];
        for (uint256 i = 0; i < 5; ++i) {
            for (uint256 j = 0; j < 5; ++j) {
                bytes memory sketch = _constant(64, values[i]);
                for (uint256 k = 0; k < 64; k += 3) {
                    sketch[k] = values[j];
                }
                assertTrue(Sketches.isSketch(sketch, 64));
                sketch[(i * 7 + j * 11) % 64] = 0x80;
                assertFalse(Sketches.isSketch(sketch, 64));
            }
        }
    }

    function test_isSketch_otherLengths_succeeds() public pure {
        assertFalse(Sketches.isSketch(new bytes(33), 33));
        assertFalse(Sketches.isSketch(new bytes(0), 64));
        assertFalse(Sketches.isSketch(new bytes(65), 64));
        assertTrue(Sketches.isSketch(new bytes(64), 64));
    }

    /// @dev The reason for assembly: a tally of seven sketches of 1,024 entries stays far below a block's gas.
    function test_distance2_gas_succeeds() public view {
        (bytes memory a, bytes memory b) = (_random(1, 32), _random(2, 32));
        uint256 before = gasleft();
        uint256 fast = Sketches.distance2(a, b);
        uint256 fastGas = before - gasleft();
        before = gasleft();
        uint256 plain = _plainDistance2(a, b);
        uint256 plainGas = before - gasleft();
        assertEq(fast, plain);
        assertLt(fastGas, 80_000);
        assertGt(plainGas, 4 * fastGas);
    }

    function _plainDistance2(bytes memory a, bytes memory b) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < a.length; ++i) {
            int256 d = int256(int8(uint8(a[i]))) - int256(int8(uint8(b[i])));
            sum += uint256(d * d);
        }
    }

    function _random(uint256 seed, uint8 words) private pure returns (bytes memory sketch) {
        words = words % 33;
        sketch = new bytes(uint256(words) * 32);
        for (uint256 i = 0; i < words; ++i) {
            bytes32 word = keccak256(abi.encode(seed, i));
            for (uint256 j = 0; j < 32; ++j) {
                sketch[i * 32 + j] = word[j];
            }
        }
    }

    function _constant(uint256 dim, bytes1 value) private pure returns (bytes memory sketch) {
        sketch = new bytes(dim);
        for (uint256 i = 0; i < dim; ++i) {
            sketch[i] = value;
        }
    }
}
