// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice A sum that belongs to its shares in proportion.
struct SharePool {
    /// wei
    uint128 assets;
    uint128 shares;
}

/// @title SharePools
/// @notice Deposits, redemptions and losses of a pool, each without a loop.
/// @dev    Invariants: assets ≤ shares, so that a share is never worth more than a wei and nobody can make it dear for those who
///         come next; assets is zero if and only if shares is. A deposit and its redemption lose less than a wei together.
library SharePools {
    using SafeCast for uint256;

    /// @notice A pool with more shares than this for each wei has lost all but a billionth, and takes nothing more.
    uint256 internal constant MAX_SHARES_PER_WEI = 1e9;

    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice Adds `amount`, at least 1 wei, and returns its shares, rounded down but at least `amount`.
    function deposit(SharePool storage pool, uint256 amount) internal returns (uint256 shares) {
        (uint256 poolAssets, uint256 poolShares) = (pool.assets, pool.shares);
        shares = poolShares == 0 ? amount : Math.mulDiv(amount, poolShares, poolAssets);
        pool.assets = (poolAssets + amount).toUint128();
        pool.shares = (poolShares + shares).toUint128();
    }

    /// @notice Takes out `shares`, and returns their worth, rounded down.
    function redeem(SharePool storage pool, uint256 shares) internal returns (uint256 amount) {
        amount = worth(pool, shares);
        pool.assets = (pool.assets - amount).toUint128();
        pool.shares = (pool.shares - shares).toUint128();
    }

    /// @notice Takes `bps` hundredths of a percent, below 10,000, of the sum, rounded down, from all shares alike.
    function lose(SharePool storage pool, uint256 bps) internal returns (uint256 amount) {
        amount = uint256(pool.assets) * bps / BASIS_POINTS;
        pool.assets = (pool.assets - amount).toUint128();
    }

    /// @notice What `shares`, no more than there are, are worth, wei, rounded down.
    function worth(SharePool storage pool, uint256 shares) internal view returns (uint256) {
        return shares == 0 ? 0 : Math.mulDiv(shares, pool.assets, pool.shares);
    }

    /// @notice Whether the pool has lost so much that it takes no more deposits.
    function isRuined(SharePool storage pool) internal view returns (bool) {
        return pool.shares > pool.assets * MAX_SHARES_PER_WEI;
    }
}
