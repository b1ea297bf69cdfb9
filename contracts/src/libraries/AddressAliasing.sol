// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title AddressAliasing
/// @notice A contract on L1 sends deposits under its alias, so that nobody is impersonated on L2 by a contract that an
///         L1 account of the same address happens to be. The sum wraps around 2^160.
library AddressAliasing {
    uint160 private constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @notice Sender on L2 of the deposits that the L1 contract `l1Address` makes.
    function applyAlias(address l1Address) internal pure returns (address l2Address) {
        // Wraps on purpose: the map is one to one on the 160 bits.
        unchecked {
            l2Address = address(uint160(l1Address) + OFFSET);
        }
    }

    /// @notice The L1 contract whose alias is `l2Address`.
    function undoAlias(address l2Address) internal pure returns (address l1Address) {
        // Wraps on purpose, as above.
        unchecked {
            l1Address = address(uint160(l2Address) - OFFSET);
        }
    }
}
