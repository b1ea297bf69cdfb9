// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IWOPEN} from "../interfaces/IWOPEN.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title WOPEN
/// @dev Without a proxy, without an owner: its code never changes.
contract WOPEN is IWOPEN {
    /* STORAGE */

    /// @inheritdoc IERC20
    mapping(address account => uint256) public balanceOf;
    /// @inheritdoc IERC20
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    /* WRAPPING */

    receive() external payable {
        deposit();
    }

    /// @notice A call of no function of this contract wraps the value sent, as with WETH9.
    fallback() external payable {
        deposit();
    }

    /// @inheritdoc IWOPEN
    function deposit() public payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    /// @inheritdoc IWOPEN
    /// @dev The balance falls before the payment: a caller that calls back can unwrap only what is left.
    function withdraw(uint256 wad) external {
        _spendBalance(msg.sender, wad);
        emit Withdrawal(msg.sender, wad);
        (bool success,) = msg.sender.call{value: wad}("");
        if (!success) revert PaymentFailed(msg.sender, wad);
    }

    /* TOKEN */

    /// @inheritdoc IERC20
    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    /// @inheritdoc IERC20
    function transfer(address to, uint256 value) external returns (bool) {
        _transfer(msg.sender, to, value);
        return true;
    }

    /// @inheritdoc IERC20
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        if (from != msg.sender) {
            uint256 allowed = allowance[from][msg.sender];
            if (allowed != type(uint256).max) {
                if (allowed < value) revert InsufficientAllowance(from, msg.sender, allowed, value);
                // Bound: checked on the line above.
                unchecked {
                    allowance[from][msg.sender] = allowed - value;
                }
            }
        }
        _transfer(from, to, value);
        return true;
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IERC20
    function totalSupply() external view returns (uint256) {
        return address(this).balance;
    }

    /// @inheritdoc IERC20Metadata
    function name() external pure returns (string memory) {
        return "Wrapped OPEN";
    }

    /// @inheritdoc IERC20Metadata
    function symbol() external pure returns (string memory) {
        return "WOPEN";
    }

    /// @inheritdoc IERC20Metadata
    function decimals() external pure returns (uint8) {
        return 18;
    }

    /* INTERNAL FUNCTIONS */

    function _transfer(address from, address to, uint256 value) private {
        _spendBalance(from, value);
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }

    function _spendBalance(address account, uint256 value) private {
        uint256 balance = balanceOf[account];
        if (balance < value) revert InsufficientBalance(account, balance, value);
        // Bound: checked on the line above.
        unchecked {
            balanceOf[account] = balance - value;
        }
    }
}
