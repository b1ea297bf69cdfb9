// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SharePool, SharePools} from "../../src/libraries/SharePools.sol";
import {Test} from "forge-std/Test.sol";

/// @dev SP1, SP2: contracts/PROPERTIES.md.
contract SharePoolsTest is Test {
    using SharePools for SharePool;

    SharePool private pool;
    uint256[] private held;

    function test_deposit_first_isOneToOne_succeeds() public {
        assertEq(pool.deposit(7), 7);
        assertEq(pool.deposit(3), 3);
        assertEq(pool.worth(7), 7);
        assertEq(pool.redeem(7), 7);
        assertEq(pool.redeem(3), 3);
        assertEq(pool.assets, 0);
        assertEq(pool.shares, 0);
    }

    /// @dev The attack of the first depositor needs shares that are worth more than what they cost; here none ever is.
    function test_deposit_afterFirstDepositorsWei_losesNothing_succeeds() public {
        pool.deposit(1);
        uint256 victims = pool.deposit(5 ether);
        assertEq(pool.worth(victims), 5 ether);
        pool.redeem(1);
        assertEq(pool.redeem(victims), 5 ether);
    }

    function test_lose_andRedeem_rounds_succeeds() public {
        pool.deposit(1001);
        assertEq(pool.lose(1000), 100);
        assertEq(pool.worth(1001), 901);
        assertEq(pool.worth(500), 450);
        // 1000 · 1001 / 901
        assertEq(pool.deposit(1000), 1110);
        assertEq(pool.worth(1110), 999);
    }

    function test_isRuined_afterManyLosses_succeeds() public {
        pool.deposit(1000 ether);
        uint256 losses;
        while (!pool.isRuined()) {
            pool.lose(1000);
            ++losses;
        }
        // 0.9^n < 10^-9
        assertEq(losses, 197);
        assertGt(pool.assets, 0);
        // All of it can still be taken out: 1000 · 10¹⁸ · 0.9¹⁹⁷.
        assertApproxEqAbs(pool.redeem(1000 ether), 967_774_912_000, 1000);
        assertEq(pool.assets, 0);
    }

    function test_lose_ofAWei_takesNothing_succeeds() public {
        pool.deposit(1);
        assertEq(pool.lose(9999), 0);
        assertEq(pool.assets, 1);
    }

    /// @dev SP1: through any deposits, redemptions and losses a share is worth at most a wei, and assets are zero exactly when
    ///      shares are. SP2: nobody takes out more than he put in, and without a loss in between, less by a wei at most.
    function testFuzz_anySequence_keepsInvariants_succeeds(uint256 seed) public {
        uint256 paidIn;
        uint256 paidOut;
        uint256 lost;
        for (uint256 i = 0; i < 60; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 what = seed % 8;
            if (what < 3) {
                if (pool.isRuined()) continue;
                uint256 amount = 1 + (seed >> 8) % (10 ** ((seed >> 128) % 28));
                uint256 shares = pool.deposit(amount);
                assertGe(shares, amount, "shares of a deposit");
                assertGe(pool.worth(shares) + 1, amount, "worth of a deposit");
                held.push(shares);
                paidIn += amount;
            } else if (what < 6) {
                if (held.length == 0) continue;
                uint256 index = (seed >> 8) % held.length;
                uint256 part = (seed >> 64) % 4 == 0 ? (seed >> 128) % (held[index] + 1) : held[index];
                held[index] -= part;
                paidOut += pool.redeem(part);
            } else {
                lost += pool.lose((seed >> 8) % 10_000);
            }
            assertGe(pool.shares, pool.assets, "assets above shares");
            assertEq(pool.assets == 0, pool.shares == 0, "empty");
            assertEq(paidIn, paidOut + lost + pool.assets, "conservation");
        }
        uint256 rest = pool.assets;
        uint256 sum;
        for (uint256 i = 0; i < held.length; ++i) {
            sum += pool.redeem(held[i]);
        }
        assertEq(sum, rest, "the last one takes what rounding left");
        assertEq(pool.assets, 0);
    }
}
