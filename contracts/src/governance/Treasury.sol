// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @title Treasury
/// @dev Stands behind a `Proxy`. It calls nobody but `ClaimVault`, and keeps no state that a call back could find half
///      written.
contract Treasury is ITreasury, Initializable {
    /* CONSTANTS */

    /// @inheritdoc ITreasury
    uint256 public constant MAX_MEMO_BYTES = 256;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc ITreasury
    function initialize(Setting[] calldata settings) external initializer {
        if (settings.length != 0) revert IParameterized.UnknownParameter(settings[0].name);
    }

    /* FUNDS */

    receive() external payable {
        emit Received(msg.sender, msg.value);
    }

    /// @inheritdoc ITreasury
    function spend(address to, uint256 amount, string calldata memo) external {
        if (msg.sender != Predeploys.PARAM_TIMELOCK) revert NotParamTimelock(msg.sender);
        if (amount > address(this).balance) revert InsufficientFunds(address(this).balance, amount);
        if (bytes(memo).length > MAX_MEMO_BYTES) revert MemoTooLong(bytes(memo).length, MAX_MEMO_BYTES);
        emit Spent(to, amount, memo);
        IClaimVault(Predeploys.CLAIM_VAULT).credit{value: amount}(to);
    }
}
