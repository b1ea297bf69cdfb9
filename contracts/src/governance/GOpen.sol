// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGOpen} from "../interfaces/IGOpen.sol";
import {IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {
    NoncesUpgradeable,
    VotesUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/utils/VotesUpgradeable.sol";
import {ERC20Upgradeable} from "@openzeppelin/contracts-upgradeable/token/ERC20/ERC20Upgradeable.sol";
import {
    ERC20PermitUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20PermitUpgradeable.sol";
import {
    ERC20VotesUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20VotesUpgradeable.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ERC6372Utils} from "@openzeppelin/contracts/utils/ERC6372Utils.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";

/// @title GOpen
/// @dev Stands behind a `Proxy`.
contract GOpen is IGOpen, ERC20VotesUpgradeable, ERC20PermitUpgradeable, ReentrancyGuardTransient {
    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IGOpen
    function initialize(Setting[] calldata settings) external initializer {
        if (settings.length != 0) revert IParameterized.UnknownParameter(settings[0].name);
        __ERC20_init("Governance OPEN", "gOPEN");
        __ERC20Permit_init("Governance OPEN");
    }

    /* WRAPPING */

    receive() external payable {
        deposit();
    }

    /// @inheritdoc IGOpen
    function deposit() public payable {
        _mint(msg.sender, msg.value);
        emit Deposited(msg.sender, msg.value);
    }

    /// @inheritdoc IGOpen
    function withdraw(uint256 amount) external {
        withdrawTo(msg.sender, amount);
    }

    /// @inheritdoc IGOpen
    /// @dev The balance falls before the payment.
    function withdrawTo(address to, uint256 amount) public nonReentrant {
        if (to == address(0) || to == address(this)) revert ERC20InvalidReceiver(to);
        _burn(msg.sender, amount);
        emit Withdrawn(msg.sender, to, amount);
        (bool success,) = to.call{value: amount}("");
        if (!success) revert PaymentFailed(to, amount);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IERC6372
    function clock() public view override(IERC6372, VotesUpgradeable) returns (uint48) {
        return Time.timestamp();
    }

    /// @inheritdoc IERC6372
    function CLOCK_MODE() public view override(IERC6372, VotesUpgradeable) returns (string memory) {
        return ERC6372Utils.timestampClockMode(clock);
    }

    /// @inheritdoc IVotes
    /// @dev Whoever named nobody votes itself, so that all deposits are votes.
    function delegates(address account) public view override(IVotes, VotesUpgradeable) returns (address) {
        address chosen = super.delegates(account);
        return chosen == address(0) ? account : chosen;
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner)
        public
        view
        override(IERC20Permit, ERC20PermitUpgradeable, NoncesUpgradeable)
        returns (uint256)
    {
        return super.nonces(owner);
    }

    /* INTERNAL FUNCTIONS */

    /// @dev To name nobody is to name oneself, as `delegates` answers.
    function _delegate(address account, address delegatee) internal override {
        super._delegate(account, delegatee == address(0) ? account : delegatee);
    }

    /// @dev gOPEN sent to this contract could never be unwrapped.
    function _update(address from, address to, uint256 value)
        internal
        override(ERC20Upgradeable, ERC20VotesUpgradeable)
    {
        if (to == address(this)) revert ERC20InvalidReceiver(to);
        super._update(from, to, value);
    }
}
