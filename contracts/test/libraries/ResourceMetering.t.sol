// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ResourceMetering} from "../../src/libraries/ResourceMetering.sol";
import {Test} from "forge-std/Test.sol";

contract ResourceMeteringTest is Test {
    using ResourceMetering for ResourceMetering.Params;

    function setUp() public {
        vm.roll(100);
    }

    function buy(ResourceMetering.Params memory params, uint64 gas)
        external
        view
        returns (ResourceMetering.Params memory)
    {
        return params.buy(gas);
    }

    function test_config_constants_succeeds() public pure {
        ResourceMetering.Config memory config = ResourceMetering.config();
        assertEq(config.maxResourceLimit, 20_000_000);
        assertEq(config.elasticityMultiplier, 10);
        assertEq(config.baseFeeMaxChangeDenominator, 8);
        assertEq(config.minimumBaseFee, 1 gwei);
        assertEq(config.systemTxMaxGas, 1_000_000);
        assertEq(config.maximumBaseFee, type(uint128).max);
    }

    /// @dev Prices worked out by hand: a full block raises the price by 9/8, a target block keeps it, an empty one takes an
    ///      eighth.
    function test_buy_nextPrice_succeeds() public view {
        assertEq(_next(8 gwei, 20_000_000, 1), 17 gwei);
        assertEq(_next(8 gwei, 2_000_000, 1), 8 gwei);
        assertEq(_next(8 gwei, 3_000_000, 1), 8.5 gwei);
        assertEq(_next(8 gwei, 1_000_000, 1), 7.5 gwei);
        assertEq(_next(8 gwei, 0, 1), 7 gwei);
        assertEq(_next(8 gwei, 2_000_000, 2), 7 gwei);
        assertEq(_next(8 gwei, 2_000_000, 3), 6.125 gwei);
        assertEq(_next(8 gwei, 2_000_000, 100), 1 gwei);
        assertEq(_next(1 gwei, 0, 1), 1 gwei);
        assertEq(_next(type(uint128).max, 20_000_000, 1), type(uint128).max);
    }

    /// @dev Property R4: whatever was bought before, a purchase neither overflows nor leaves the bounds, and one block never
    ///      sells more than the limit.
    function testFuzz_buy_anyHistory_succeeds(uint128 price, uint64 bought, uint32 blocks, uint64 gas) public {
        price = uint128(bound(price, 1 gwei, type(uint128).max));
        bought = uint64(bound(bought, 0, 20_000_000));
        gas = uint64(bound(gas, 0, 20_000_000));
        vm.roll(uint256(100) + blocks);
        ResourceMetering.Params memory params =
            ResourceMetering.Params({prevBaseFee: price, prevBoughtGas: bought, prevBlockNum: 100});
        uint256 total = blocks == 0 ? uint256(bought) + gas : gas;
        if (total > 20_000_000) {
            vm.expectRevert(
                abi.encodeWithSelector(ResourceMetering.DepositGasLimitExceeded.selector, total, 20_000_000)
            );
            this.buy(params, gas);
            return;
        }
        params = params.buy(gas);
        assertEq(params.prevBoughtGas, total);
        assertEq(params.prevBlockNum, block.number);
        assertGe(params.prevBaseFee, 1 gwei);
        if (blocks == 0) assertEq(params.prevBaseFee, price);
        if (blocks > 0 && bought <= 2_000_000) assertLe(params.prevBaseFee, price);
        params.l1Gas(gas);
    }

    /// @dev The price falls with every empty block, as if it were worked out block by block.
    function testFuzz_buy_emptyBlocks_matchLoop(uint64 price, uint8 blocks) public {
        price = uint64(bound(price, 1 gwei, 1e18));
        vm.assume(blocks > 0);
        uint256 expected = price;
        for (uint256 i; i < blocks; ++i) {
            expected = expected - expected / 8;
            if (expected < 1 gwei) expected = 1 gwei;
        }
        // The closed form rounds once, the loop once a block.
        assertApproxEqAbs(_nextFrom(price, 0, blocks), expected, 256);
    }

    function test_l1Gas_prices_succeed() public {
        ResourceMetering.Params memory params = ResourceMetering.start();
        assertEq(params.prevBlockNum, 100);
        assertEq(params.l1Gas(100_000), 100_000);
        vm.fee(0.5 gwei);
        assertEq(params.l1Gas(100_000), 100_000);
        vm.fee(20 gwei);
        assertEq(params.l1Gas(100_000), 5000);
        params.prevBaseFee = 40 gwei;
        assertEq(params.l1Gas(100_000), 200_000);
    }

    function _nextFrom(uint128 price, uint64 bought, uint256 blocks) private returns (uint256) {
        vm.roll(100 + blocks);
        return _price(price, bought);
    }

    function _price(uint128 price, uint64 bought) private view returns (uint256) {
        ResourceMetering.Params memory params =
            ResourceMetering.Params({prevBaseFee: price, prevBoughtGas: bought, prevBlockNum: 100});
        return params.buy(0).prevBaseFee;
    }

    function _next(uint128 price, uint64 bought, uint64 blocks) private view returns (uint256) {
        ResourceMetering.Params memory params = ResourceMetering.Params({
            prevBaseFee: price, prevBoughtGas: bought, prevBlockNum: uint64(block.number) - blocks
        });
        return params.buy(0).prevBaseFee;
    }
}
