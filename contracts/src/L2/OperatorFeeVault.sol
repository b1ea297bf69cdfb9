// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FeeVault} from "./FeeVault.sol";

/// @title OperatorFeeVault
/// @notice Collects operator fees.
contract OperatorFeeVault is FeeVault {}
