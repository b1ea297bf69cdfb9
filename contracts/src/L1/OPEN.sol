// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IOPEN} from "../interfaces/IOPEN.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// @title OPEN
contract OPEN is ERC20, ERC20Burnable, ERC20Permit, ERC20Votes, IOPEN {
    /* CONSTANTS */

    /// @inheritdoc IOPEN
    uint256 public constant INITIAL_SUPPLY = 1_000_000_000 ether;

    /* CONSTRUCTOR */

    /// @param recipient Who gets the whole supply.
    constructor(address recipient) ERC20("OpenLedger", "OPEN") ERC20Permit("OpenLedger") {
        if (recipient == address(0)) revert ZeroRecipient();
        _mint(recipient, INITIAL_SUPPLY);
    }

    /* HOLDER FUNCTIONS */

    /// @inheritdoc IOPEN
    function burn(uint256 value) public override(IOPEN, ERC20Burnable) {
        super.burn(value);
    }

    /// @inheritdoc IOPEN
    function burnFrom(address account, uint256 value) public override(IOPEN, ERC20Burnable) {
        super.burnFrom(account, value);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(IERC20Permit, ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /* INTERNAL FUNCTIONS */

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
