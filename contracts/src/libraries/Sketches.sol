// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Sketches
/// @notice Vectors of int8, a byte each, as the precompile SKETCH has them: at most 1024 entries, a multiple of 32, none −128.
/// @dev    In assembly, since a jury's tally takes 21 distances of 1,024 entries each: about 60 gas an entry, where Solidity's checked
///         arithmetic takes several times that. `SketchesTest` compares with the plain way.
library Sketches {
    uint256 private constant LOW_BITS = 0x0101010101010101010101010101010101010101010101010101010101010101;
    uint256 private constant HIGH_BITS = 0x8080808080808080808080808080808080808080808080808080808080808080;

    /// @notice Whether these are `dim` entries, `dim` a multiple of 32, and none of them is −128.
    function isSketch(bytes memory sketch, uint256 dim) internal pure returns (bool) {
        if (sketch.length != dim || dim % 32 != 0) return false;
        uint256 found;
        assembly ("memory-safe") {
            let end := add(add(sketch, 32), dim)
            for { let cursor := add(sketch, 32) } lt(cursor, end) { cursor := add(cursor, 32) } {
                // −128 is 0x80. A word has a zero byte if and only if (w − 01…) & ~w & 80… isn't zero.
                let word := xor(mload(cursor), HIGH_BITS)
                found := or(found, and(and(sub(word, LOW_BITS), not(word)), HIGH_BITS))
            }
        }
        return found == 0;
    }

    /// @notice Squared distance of two sketches of the same dimension.
    function distance2(bytes memory a, bytes memory b) internal pure returns (uint256 sum) {
        assert(a.length == b.length && a.length % 32 == 0);
        assembly ("memory-safe") {
            let offset := sub(b, a)
            let end := add(add(a, 32), mload(a))
            for { let cursor := add(a, 32) } lt(cursor, end) { cursor := add(cursor, 32) } {
                // Both raised by 128, so that no byte has a sign; their difference is the same.
                let x := xor(mload(cursor), HIGH_BITS)
                let y := xor(mload(add(cursor, offset)), HIGH_BITS)
                for { let i := 0 } lt(i, 32) { i := add(i, 4) } {
                    let d := sub(byte(i, x), byte(i, y))
                    sum := add(sum, mul(d, d))
                    let j := add(i, 1)
                    d := sub(byte(j, x), byte(j, y))
                    sum := add(sum, mul(d, d))
                    j := add(i, 2)
                    d := sub(byte(j, x), byte(j, y))
                    sum := add(sum, mul(d, d))
                    j := add(i, 3)
                    d := sub(byte(j, x), byte(j, y))
                    sum := add(sum, mul(d, d))
                }
            }
        }
    }

    /// @notice Squared norm of a sketch.
    function norm2(bytes memory a) internal pure returns (uint256 sum) {
        assert(a.length % 32 == 0);
        assembly ("memory-safe") {
            let end := add(add(a, 32), mload(a))
            for { let cursor := add(a, 32) } lt(cursor, end) { cursor := add(cursor, 32) } {
                let x := mload(cursor)
                for { let i := 0 } lt(i, 32) { i := add(i, 1) } {
                    let d := signextend(0, byte(i, x))
                    sum := add(sum, mul(d, d))
                }
            }
        }
    }
}
