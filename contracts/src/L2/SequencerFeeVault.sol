// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FeeVault} from "./FeeVault.sol";

/// @title SequencerFeeVault
/// @notice Collects priority fees. It is the coinbase of every block.
contract SequencerFeeVault is FeeVault {
    /// @notice The same as `recipient`, under its oldest name.
    function l1FeeWallet() external view returns (address) {
        return recipient;
    }
}
