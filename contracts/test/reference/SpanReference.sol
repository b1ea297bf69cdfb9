// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {MixReference} from "./MixReference.sol";
import {LibSort} from "solady/utils/LibSort.sol";

/// @title SpanReference
/// @notice SPAN-1, written plainly. An entry is its 16 bytes as a number: fp << 80 | cluster << 48 | locus.
library SpanReference {
    uint256 internal constant CANDIDATES_MAX = 64;
    uint256 private constant U32 = type(uint32).max;
    uint256 private constant U48 = type(uint48).max;

    struct Parameters {
        uint8 k;
        uint8 w;
        uint8 dfCap;
        uint16 minSpan;
    }

    struct Scores {
        uint32[] cluster;
        uint32[] tokensWon;
        uint32 covered;
    }

    /// @notice Scores tokens against a whole index in order.
    function score(uint32[] memory tokens, uint256[] memory entries, uint64 salt, Parameters memory parameters)
        internal
        pure
        returns (Scores memory)
    {
        uint64[] memory hashes = MixReference.kgrams(tokens, parameters.k, salt);
        uint256[] memory positions = new uint256[](hashes.length * CANDIDATES_MAX);
        uint256[] memory found = new uint256[](hashes.length * CANDIDATES_MAX);
        uint256 count;
        for (uint256 i = 0; i < hashes.length; i++) {
            uint256 taken;
            for (uint256 e = 0; e < entries.length && taken < CANDIDATES_MAX; e++) {
                if (entries[e] >> 80 == hashes[i] >> 16) {
                    positions[count] = i;
                    found[count] = entries[e];
                    count++;
                    taken++;
                }
            }
        }
        assembly ("memory-safe") {
            mstore(positions, count)
            mstore(found, count)
        }
        return scoreHits(tokens.length, positions, found, parameters);
    }

    /// @notice Scores matches in order of position, then index order: entry `found[i]` at position `positions[i]`.
    function scoreHits(uint256 tokens, uint256[] memory positions, uint256[] memory found, Parameters memory parameters)
        internal
        pure
        returns (Scores memory)
    {
        // Steps 1 and 2: a hit as cluster << 96 | (locus - position + 2^32) << 32 | position.
        uint256[] memory hits = new uint256[](found.length);
        uint256 count;
        for (uint256 from = 0; from < found.length;) {
            uint256 to = from;
            while (to < found.length && positions[to] == positions[from]) to++;
            uint256 end = to - from > CANDIDATES_MAX ? from + CANDIDATES_MAX : to;
            if (distinctClusters(found, from, end) <= parameters.dfCap) {
                for (uint256 i = from; i < end; i++) {
                    uint256 alignment = (found[i] & U48) + (1 << 32) - positions[i];
                    hits[count++] = ((found[i] >> 48) & U32) << 96 | alignment << 32 | positions[i];
                }
            }
            from = to;
        }
        assembly ("memory-safe") {
            mstore(hits, count)
        }
        LibSort.sort(hits);
        return assign(tokens, spansOf(hits, parameters));
    }

    function distinctClusters(uint256[] memory found, uint256 from, uint256 to) private pure returns (uint256 count) {
        for (uint256 i = from; i < to; i++) {
            bool seen = false;
            for (uint256 j = from; j < i; j++) {
                if ((found[i] >> 48) & U32 == (found[j] >> 48) & U32) seen = true;
            }
            if (!seen) count++;
        }
    }

    /// @notice Steps 2 and 3: spans as (2^32 - 1 - length) << 64 | cluster << 32 | start, in the order of step 4.
    function spansOf(uint256[] memory hits, Parameters memory parameters)
        private
        pure
        returns (uint256[] memory spans)
    {
        spans = new uint256[](hits.length);
        uint256 count;
        uint256 gap = uint256(parameters.w) + parameters.k - 1;
        for (uint256 from = 0; from < hits.length;) {
            uint256 last = from;
            while (
                last + 1 < hits.length && hits[last + 1] >> 32 == hits[from] >> 32
                    && (hits[last + 1] & U32) - (hits[last] & U32) <= gap
            ) last++;
            uint256 start = hits[from] & U32;
            uint256 length = (hits[last] & U32) + parameters.k - start;
            if (length >= parameters.minSpan) {
                spans[count++] = (U32 - length) << 64 | (hits[from] >> 96) << 32 | start;
            }
            from = last + 1;
        }
        assembly ("memory-safe") {
            mstore(spans, count)
        }
        LibSort.sort(spans);
    }

    /// @notice Steps 4 and 5.
    function assign(uint256 tokens, uint256[] memory spans) private pure returns (Scores memory scores) {
        bool[] memory taken = new bool[](tokens);
        // A span's cluster << 32 | tokens won.
        uint256[] memory won = new uint256[](spans.length);
        for (uint256 i = 0; i < spans.length; i++) {
            uint256 start = spans[i] & U32;
            uint256 end = start + U32 - (spans[i] >> 64);
            uint256 count;
            for (uint256 t = start; t < end; t++) {
                if (!taken[t]) {
                    taken[t] = true;
                    count++;
                }
            }
            won[i] = ((spans[i] >> 32) & U32) << 32 | count;
            scores.covered += uint32(count);
        }
        LibSort.sort(won);
        scores.cluster = new uint32[](won.length);
        scores.tokensWon = new uint32[](won.length);
        uint256 clusters;
        for (uint256 i = 0; i < won.length; i++) {
            if (won[i] & U32 == 0) continue;
            uint32 cluster = uint32(won[i] >> 32);
            if (clusters == 0 || scores.cluster[clusters - 1] != cluster) scores.cluster[clusters++] = cluster;
            scores.tokensWon[clusters - 1] += uint32(won[i]);
        }
        uint32[] memory ids = scores.cluster;
        uint32[] memory counts = scores.tokensWon;
        assembly ("memory-safe") {
            mstore(ids, clusters)
            mstore(counts, clusters)
        }
    }
}
