// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title ResourceMetering
/// @notice Prices the L2 gas that deposits ask for. It is sold for L1 gas, at a price per gas that follows demand as
///         EIP-1559's base fee does: so that filling L2's blocks from L1 becomes expensive, and one L1 block can't ask for
///         more than an L2 block has.
library ResourceMetering {
    /// @notice The price and what was bought at it.
    /// @param prevBaseFee   Price in the L1 block `prevBlockNum`, in wei of ETH per L2 gas.
    /// @param prevBoughtGas L2 gas bought in that block.
    /// @param prevBlockNum  L1 block of the last purchase.
    struct Params {
        uint128 prevBaseFee;
        uint64 prevBoughtGas;
        uint64 prevBlockNum;
    }

    /// @notice The constants below, in the OP Stack's form.
    struct Config {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    /// @notice L2 gas that the deposits of one L1 block may ask for.
    uint32 internal constant RESOURCE_LIMIT = 20_000_000;

    /// @notice The limit over the target.
    uint8 internal constant ELASTICITY = 10;

    /// @notice The price changes by at most this fraction of itself per L1 block below the target, and by nine times
    ///         as much above it.
    uint8 internal constant BASE_FEE_CHANGE_DENOMINATOR = 8;

    /// @notice Lowest price, in wei of ETH per L2 gas.
    uint32 internal constant BASE_FEE_MIN = 1 gwei;

    /// @notice Highest price, in wei of ETH per L2 gas.
    uint128 internal constant BASE_FEE_MAX = type(uint128).max;

    /// @notice Gas of the transaction that brings the L1 attributes, which stands in the same L2 block.
    uint32 internal constant SYSTEM_TX_GAS = 1_000_000;

    /// @dev L2 gas a block at which the price stays.
    uint256 private constant TARGET = RESOURCE_LIMIT / ELASTICITY;

    /// @notice One L1 block's deposits ask for more L2 gas than it may.
    error DepositGasLimitExceeded(uint256 gas, uint256 limit);

    /// @notice The price before anybody bought.
    function start() internal view returns (Params memory) {
        return Params({prevBaseFee: BASE_FEE_MIN, prevBoughtGas: 0, prevBlockNum: uint64(block.number)});
    }

    /// @notice `params` after `gas` more L2 gas was bought in the current L1 block. Reverts where the block has sold out.
    function buy(Params memory params, uint64 gas) internal view returns (Params memory) {
        uint256 blocks = block.number - params.prevBlockNum;
        if (blocks > 0) {
            // At most BASE_FEE_MAX, and no block number passes 2^64.
            params.prevBaseFee = uint128(_baseFee(params.prevBaseFee, params.prevBoughtGas, blocks));
            params.prevBoughtGas = 0;
            params.prevBlockNum = uint64(block.number);
        }
        uint256 bought = uint256(params.prevBoughtGas) + gas;
        if (bought > RESOURCE_LIMIT) revert DepositGasLimitExceeded(bought, RESOURCE_LIMIT);
        params.prevBoughtGas = uint64(bought);
        return params;
    }

    /// @notice L1 gas that `gas` L2 gas costs, rounded down. L1 gas counts as no cheaper than 1 gwei, so that a low
    ///         L1 base fee doesn't drive the amount up.
    function l1Gas(Params memory params, uint64 gas) internal view returns (uint256) {
        return uint256(gas) * params.prevBaseFee / Math.max(block.basefee, 1 gwei);
    }

    /// @notice The constants.
    function config() internal pure returns (Config memory) {
        return Config({
            maxResourceLimit: RESOURCE_LIMIT,
            elasticityMultiplier: ELASTICITY,
            baseFeeMaxChangeDenominator: BASE_FEE_CHANGE_DENOMINATOR,
            minimumBaseFee: BASE_FEE_MIN,
            systemTxMaxGas: SYSTEM_TX_GAS,
            maximumBaseFee: BASE_FEE_MAX
        });
    }

    /// @dev The price `blocks` (at least 1) blocks after one in which `bought` was sold at `baseFee`. Only the first of
    ///      them is moved by what was bought; nothing was in those between.
    function _baseFee(uint256 baseFee, uint256 bought, uint256 blocks) private pure returns (uint256 next) {
        if (bought >= TARGET) {
            next = baseFee + baseFee * (bought - TARGET) / (TARGET * BASE_FEE_CHANGE_DENOMINATOR);
        } else {
            next = baseFee - baseFee * (TARGET - bought) / (TARGET * BASE_FEE_CHANGE_DENOMINATOR);
        }
        next = Math.min(Math.max(next, BASE_FEE_MIN), BASE_FEE_MAX);
        if (blocks > 1) {
            uint256 kept = FixedPointMathLib.WAD - FixedPointMathLib.WAD / BASE_FEE_CHANGE_DENOMINATOR;
            uint256 factor = FixedPointMathLib.rpow(kept, blocks - 1, FixedPointMathLib.WAD);
            next = Math.max(next * factor / FixedPointMathLib.WAD, BASE_FEE_MIN);
        }
    }
}
