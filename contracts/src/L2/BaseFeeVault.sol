// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FeeVault} from "./FeeVault.sol";

/// @title BaseFeeVault
/// @notice Collects base fees, which L2 doesn't burn.
contract BaseFeeVault is FeeVault {}
