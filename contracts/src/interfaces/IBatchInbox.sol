// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title IBatchInbox
/// @notice Where batchers post. Every transaction extends its sender's hash chain by what it carried, so that "batch N
///         held exactly these bytes" can be proved on L1 and checked without it:
///
///             head(-1) = 0
///             head(n)  = keccak256(abi.encode(head(n - 1), keccak256(calldata), blobHashes))
///
///         where `blobHashes` are the versioned hashes of all the transaction's blobs, in order.
///
///         Everything that is not a call of a view below is batch data. Batch data starts with the derivation version
///         byte 0x00, and no selector below does, so no batch is mistaken for a view; blob transactions have empty
///         calldata. A batch is recorded only where the sender is a transaction's own sender (`msg.sender ==
///         tx.origin`): from a contract, nothing happens. The one reason to refuse batch data is value: it would be lost.
///
///         Derivation doesn't read this contract: a batch counts by its transaction, recorded or not. An account with
///         delegated code (EIP-7702) that sends a transaction to itself can call the inbox from inside it, and so add an
///         entry that belongs to no transaction to the inbox; but only to its own chain.
interface IBatchInbox is IVersioned {
    /// @notice `batcher`'s transaction number `index`, counted from zero, was recorded.
    /// @param batcher      Sender of the transaction.
    /// @param index        Its place in the sender's chain.
    /// @param head         Head of the chain with it.
    /// @param calldataHash Hash of its calldata.
    /// @param blobHashes   Versioned hashes of its blobs.
    event BatchCommitted(
        address indexed batcher, uint256 indexed index, bytes32 head, bytes32 calldataHash, bytes32[] blobHashes
    );

    /// @notice Batch data came with value.
    error ValueRefused(uint256 value);

    /// @notice `batcher` has no entry `index` yet.
    error NoSuchBatch(address batcher, uint256 index, uint256 count);

    /// @notice Number of entries in `batcher`'s chain.
    function count(address batcher) external view returns (uint256);

    /// @notice Head of `batcher`'s chain; zero where it is empty.
    function head(address batcher) external view returns (bytes32);

    /// @notice Head of `batcher`'s chain right after entry `index`.
    function headAt(address batcher, uint256 index) external view returns (bytes32);

    /// @notice Whether entry `index` of `batcher`'s chain carried calldata with this hash and exactly these blobs.
    function holds(address batcher, uint256 index, bytes32 calldataHash, bytes32[] calldata blobHashes)
        external
        view
        returns (bool);
}
