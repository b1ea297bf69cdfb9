// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FeeVault} from "./FeeVault.sol";

/// @title L1FeeVault
/// @notice Collects L1 data fees.
contract L1FeeVault is FeeVault {}
