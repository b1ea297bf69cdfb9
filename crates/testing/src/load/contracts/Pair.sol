// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Token} from "./Token.sol";

/// @title The load generator's exchange: a constant-product pair of two tokens
/// @notice A swap does what a swap on a real pair does: it reads packed reserves, takes 0.3 %, moves both tokens,
/// reads both balances back, checks the invariant and writes the reserves.
contract Pair {
    Token public immutable token0;
    Token public immutable token1;

    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private updatedAt;

    event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out);
    event Sync(uint112 reserve0, uint112 reserve1);

    error InsufficientOutput(uint256 amountOut, uint256 amountOutMin);
    error Invariant(uint256 before, uint256 after_);

    constructor(Token token0_, Token token1_) {
        token0 = token0_;
        token1 = token1_;
    }

    function reserves() external view returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, updatedAt);
    }

    /// @notice Takes the balances that the pair holds as its reserves: how liquidity is added.
    function sync() external {
        _update(token0.balanceOf(address(this)), token1.balanceOf(address(this)));
    }

    /// @notice Sells `amountIn` of one token (token 0 if `zeroForOne`) for at least `amountOutMin` of the other.
    function swap(bool zeroForOne, uint256 amountIn, uint256 amountOutMin) external returns (uint256 amountOut) {
        (uint256 before0, uint256 before1) = (reserve0, reserve1);
        (Token tokenIn, Token tokenOut) = zeroForOne ? (token0, token1) : (token1, token0);
        (uint256 reserveIn, uint256 reserveOut) = zeroForOne ? (before0, before1) : (before1, before0);
        uint256 amountInLessFee = amountIn * 997;
        amountOut = (amountInLessFee * reserveOut) / (reserveIn * 1000 + amountInLessFee);
        if (amountOut < amountOutMin) revert InsufficientOutput(amountOut, amountOutMin);
        tokenIn.transferFrom(msg.sender, address(this), amountIn);
        tokenOut.transfer(msg.sender, amountOut);
        uint256 balance0 = token0.balanceOf(address(this));
        uint256 balance1 = token1.balanceOf(address(this));
        if (balance0 * balance1 < before0 * before1) revert Invariant(before0 * before1, balance0 * balance1);
        _update(balance0, balance1);
        if (zeroForOne) emit Swap(msg.sender, amountIn, 0, 0, amountOut);
        else emit Swap(msg.sender, 0, amountIn, amountOut, 0);
    }

    function _update(uint256 balance0, uint256 balance1) private {
        reserve0 = uint112(balance0);
        reserve1 = uint112(balance1);
        updatedAt = uint32(block.timestamp);
        emit Sync(reserve0, reserve1);
    }
}
