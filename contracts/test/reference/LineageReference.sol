// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {RoyaltyReference} from "./RoyaltyReference.sol";

/// @title LineageReference
/// @notice LORA's nodes, what they descend from, and what flows along, written plainly.
abstract contract LineageReference is ILoraRegistry {
    uint32 private constant PPM = 1_000_000;
    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice What is recorded of a base or an adapter. A base's `base` is itself; it has no parents and no training sets.
    struct Node {
        bool exists;
        uint8 status;
        uint8 depth;
        uint16 ancestors;
        uint16 absBps;
        uint64 base;
        uint64 params;
        address owner;
        Share[] parents;
        Train[] train;
    }

    mapping(uint64 id => Node) internal nodes;

    /// @inheritdoc ILoraRegistry
    function isAncestor(uint64 node, uint64 anc) external view returns (bool) {
        uint64[] memory ids = _lineage(node);
        for (uint256 i = 0; i < ids.length - 1; i++) {
            if (ids[i] == anc) return true;
        }
        return false;
    }

    /// @inheritdoc ILoraRegistry
    function lineage(uint64 id) external view returns (uint64[] memory ids) {
        ids = _lineage(id);
        assembly ("memory-safe") {
            mstore(ids, sub(mload(ids), 1))
        }
    }

    /// @inheritdoc ILoraRegistry
    function royaltyFlow(uint64 node, uint256 amount)
        external
        view
        returns (uint64[] memory ids, uint256[] memory amounts)
    {
        ids = _lineage(node);
        amounts = _flow(ids, amount);
    }

    /// @inheritdoc ILoraRegistry
    function flattenDatanets(uint64 id) external view returns (bytes32[] memory datanets, uint32[] memory ppm) {
        uint64[] memory ids = _lineage(id);
        uint256[] memory amounts = _flow(ids, PPM);
        uint256 entries;
        for (uint256 i = 0; i < ids.length; i++) {
            entries += nodes[ids[i]].train.length + 1;
        }
        (datanets, ppm) = (new bytes32[](entries), new uint32[](entries));
        entries = 0;
        for (uint256 i = 0; i < ids.length; i++) {
            Train[] storage train = nodes[ids[i]].train;
            if (train.length == 0) entries = _add(datanets, ppm, entries, 0, amounts[i]);
            uint256[] memory parts = _largestRemainder(train, amounts[i]);
            for (uint256 t = 0; t < train.length; t++) {
                entries = _add(datanets, ppm, entries, train[t].datanet, parts[t]);
            }
        }
        assembly ("memory-safe") {
            mstore(datanets, entries)
            mstore(ppm, entries)
        }
    }

    function _existing(uint64 id) internal view returns (Node storage node) {
        node = nodes[id];
        if (!node.exists) revert UnknownNode(id);
    }

    /// @notice The distinct ancestors and the node itself, ascending. Ancestors have lower ids.
    function _lineage(uint64 id) internal view returns (uint64[] memory ids) {
        _existing(id);
        bool[] memory reached = new bool[](id + 1);
        reached[id] = true;
        uint256 count;
        for (uint64 i = id; i > 0; i--) {
            if (!reached[i]) continue;
            count++;
            reached[nodes[i].base] = true;
            for (uint256 p = 0; p < nodes[i].parents.length; p++) {
                reached[nodes[i].parents[p].id] = true;
            }
        }
        ids = new uint64[](count);
        for (uint64 i = id; i > 0; i--) {
            if (reached[i]) ids[--count] = i;
        }
    }

    function _flow(uint64[] memory ids, uint256 amount) private view returns (uint256[] memory) {
        RoyaltyReference.Node[] memory flow = new RoyaltyReference.Node[](ids.length);
        for (uint256 i = 0; i < ids.length; i++) {
            Node storage node = nodes[ids[i]];
            uint256 count = node.parents.length;
            // The base is an ancestor even if it isn't listed, and then gets its absolute share alone.
            flow[i] = RoyaltyReference.Node(node.absBps, new uint256[](count + 1), new uint256[](count + 1));
            for (uint256 p = 0; p < count; p++) {
                (flow[i].parents[p], flow[i].relBps[p]) = (_place(ids, node.parents[p].id), node.parents[p].relBps);
            }
            flow[i].parents[count] = _place(ids, node.base);
        }
        return RoyaltyReference.flow(flow, ids.length - 1, amount);
    }

    function _place(uint64[] memory ids, uint64 id) private pure returns (uint256 place) {
        while (ids[place] != id) {
            place++;
        }
    }

    /// @notice Adds a part to its datanet's, which stand in ascending order; nothing is not added. The new number of datanets.
    function _add(bytes32[] memory datanets, uint32[] memory ppm, uint256 count, bytes32 datanet, uint256 part)
        private
        pure
        returns (uint256)
    {
        if (part == 0) return count;
        uint256 place;
        while (place < count && datanets[place] < datanet) {
            place++;
        }
        if (place == count || datanets[place] != datanet) {
            for (uint256 i = count++; i > place; i--) {
                (datanets[i], ppm[i]) = (datanets[i - 1], ppm[i - 1]);
            }
            (datanets[place], ppm[place]) = (datanet, 0);
        }
        ppm[place] += uint32(part);
        return count;
    }

    /// @notice An amount by the weights, what is left over one each by the largest remainder, the earlier first.
    function _largestRemainder(Train[] storage train, uint256 amount) private view returns (uint256[] memory parts) {
        parts = new uint256[](train.length);
        uint256[] memory remainders = new uint256[](train.length);
        uint256 rest = amount;
        for (uint256 t = 0; t < train.length; t++) {
            parts[t] = amount * train[t].weightBps / BASIS_POINTS;
            // One more than it is, so that 0 says that it was served.
            remainders[t] = amount * train[t].weightBps % BASIS_POINTS + 1;
            rest -= parts[t];
        }
        if (train.length == 0) return parts;
        for (; rest > 0; rest--) {
            uint256 largest;
            for (uint256 t = 1; t < train.length; t++) {
                if (remainders[t] > remainders[largest]) largest = t;
            }
            remainders[largest] = 0;
            parts[largest]++;
        }
    }
}
