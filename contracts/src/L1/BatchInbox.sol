// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IBatchInbox} from "../interfaces/IBatchInbox.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";

/// @title BatchInbox
contract BatchInbox is IBatchInbox {
    /* STORAGE */

    /// @dev Head of a batcher's chain after each entry.
    mapping(address batcher => bytes32[]) private heads;

    /* RECORDING */

    /// @notice Takes batch data: see `IBatchInbox`.
    fallback() external payable {
        if (msg.value != 0) revert ValueRefused(msg.value);
        if (msg.sender != tx.origin) return;

        bytes32[] storage chain = heads[msg.sender];
        uint256 index = chain.length;
        bytes32 previous = index == 0 ? bytes32(0) : chain[index - 1];
        bytes32 calldataHash = keccak256(msg.data);
        bytes32[] memory blobHashes = _blobHashes();
        bytes32 next = _extend(previous, calldataHash, blobHashes);

        chain.push(next);
        emit BatchCommitted(msg.sender, index, next, calldataHash, blobHashes);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IBatchInbox
    function count(address batcher) external view returns (uint256) {
        return heads[batcher].length;
    }

    /// @inheritdoc IBatchInbox
    function head(address batcher) external view returns (bytes32) {
        uint256 length = heads[batcher].length;
        return length == 0 ? bytes32(0) : heads[batcher][length - 1];
    }

    /// @inheritdoc IBatchInbox
    function headAt(address batcher, uint256 index) public view returns (bytes32) {
        uint256 length = heads[batcher].length;
        if (index >= length) revert NoSuchBatch(batcher, index, length);
        return heads[batcher][index];
    }

    /// @inheritdoc IBatchInbox
    function holds(address batcher, uint256 index, bytes32 calldataHash, bytes32[] calldata blobHashes)
        external
        view
        returns (bool)
    {
        bytes32 previous = index == 0 ? bytes32(0) : headAt(batcher, index - 1);
        return headAt(batcher, index) == _extend(previous, calldataHash, blobHashes);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    /// @dev Versioned hashes of the transaction's blobs. No versioned hash is zero, so the first zero is past the last.
    function _blobHashes() private view returns (bytes32[] memory hashes) {
        uint256 length;
        while (blobhash(length) != 0) ++length;
        hashes = new bytes32[](length);
        for (uint256 i; i < length; ++i) {
            hashes[i] = blobhash(i);
        }
    }

    function _extend(bytes32 previous, bytes32 calldataHash, bytes32[] memory blobHashes)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(previous, calldataHash, blobHashes));
    }
}
