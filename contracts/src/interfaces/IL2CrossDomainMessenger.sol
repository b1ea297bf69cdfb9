// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "./ICrossDomainMessenger.sol";

/// @title IL2CrossDomainMessenger
/// @notice The messenger on L2. Sends by withdrawals; relays the deposits that L1's messenger made, which arrive under its
///         alias. It never calls itself or the message passer. Genesis sets the address of L1's messenger.
interface IL2CrossDomainMessenger is ICrossDomainMessenger {
    /// @notice A message would need more gas on L1 than a transaction there can have (EIP-7825), and never arrive.
    error GasLimitTooHigh(uint64 gasLimit, uint64 maximum);

    /// @notice The same as `otherMessenger`, under its older name.
    function l1CrossDomainMessenger() external view returns (address);
}
