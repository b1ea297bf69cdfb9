// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title IL2ToL1MessagePasser
/// @notice Records withdrawals. Its storage root is part of every output root, so that L1 can verify that a withdrawal
///         was made here.
interface IL2ToL1MessagePasser is IVersioned {
    /// @notice A withdrawal was recorded.
    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );

    /// @notice The OPEN that had been withdrawn was taken out of existence on L2.
    event WithdrawerBalanceBurnt(uint256 indexed amount);

    /// @notice Records a withdrawal of the value sent.
    /// @param target   Who is called on L1, once the withdrawal is finalized.
    /// @param gasLimit Least gas of that call.
    /// @param data     Calldata of that call.
    function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data) external payable;

    /// @notice Burns the balance. Anybody may call: the OPEN is locked in the L1 portal and no longer belongs to L2.
    function burn() external;

    /// @notice Whether the withdrawal with this hash was recorded.
    function sentMessages(bytes32 withdrawalHash) external view returns (bool);

    /// @notice Nonce of the next withdrawal, with the version in its top 16 bits.
    function messageNonce() external view returns (uint256);

    /// @notice Version of the withdrawal's encoding.
    function MESSAGE_VERSION() external view returns (uint16);
}
