// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "./ICrossDomainMessenger.sol";
import {IRollupPortal} from "./IRollupPortal.sol";

/// @title IL1CrossDomainMessenger
/// @notice The messenger on L1. Sends by deposits; relays withdrawals that L2's messenger made, which the portal brings.
///         It never calls itself, the portal or OPEN.
interface IL1CrossDomainMessenger is ICrossDomainMessenger {
    /// @notice The portal is the zero address.
    error ZeroPortal();

    /// @notice Sets the portal. Once only.
    function initialize(IRollupPortal newPortal) external;

    /// @notice The portal that messages go through.
    function portal() external view returns (IRollupPortal);

    /// @notice The same as `portal`, under its older name.
    function PORTAL() external view returns (IRollupPortal);
}
