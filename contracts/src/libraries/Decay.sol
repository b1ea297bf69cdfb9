// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Decay
/// @notice Exponential decay in integers.
library Decay {
    /// @dev ln 2, and 1, in wads (units of 10^-18).
    uint256 private constant LN2_WAD = 693_147_180_559_945_309;
    uint256 private constant WAD = 1e18;

    /// @notice What is left of `value` after `elapsed`: `value · 2^(−elapsed / halfLife)`, exact for whole half-lives, else by a
    ///         factor with 18 digits; rounded down. Never more for a longer time.
    /// @param elapsed  In the unit of `halfLife`.
    /// @param halfLife Not zero.
    function decay(uint256 value, uint256 elapsed, uint256 halfLife) internal pure returns (uint256) {
        uint256 halvings = elapsed / halfLife;
        if (halvings > type(uint8).max) return 0;
        // Between 0 and ln 2, so that the factor is between a half and one.
        uint256 exponent = (elapsed % halfLife) * LN2_WAD / halfLife;
        uint256 factor = uint256(FixedPointMathLib.expWad(-int256(exponent)));
        return Math.mulDiv(value, factor, WAD) >> halvings;
    }
}
