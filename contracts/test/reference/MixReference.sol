// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title MixReference
/// @notice The 64-bit mixers of docs/spec/precompiles.md, k-gram hashes, winnowing and MinHash, written plainly.
library MixReference {
    uint64 internal constant GOLD = 0x9E3779B97F4A7C15;
    uint256 internal constant MINHASH_WORDS = 32;
    uint256 internal constant MINHASH_GRAM = 5;

    /// @notice splitmix64's finaliser. Arithmetic is modulo 2^64.
    function mix64(uint64 z) internal pure returns (uint64) {
        unchecked {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        }
        return z ^ (z >> 31);
    }

    /// @notice Word `index` of splitmix64's stream from `seed`. Arithmetic is modulo 2^64.
    function sm64(uint64 seed, uint64 index) internal pure returns (uint64) {
        unchecked {
            return mix64(seed + (index + 1) * GOLD);
        }
    }

    /// @notice Hashes of all k-grams, by position.
    function kgrams(uint32[] memory tokens, uint256 k, uint64 salt) internal pure returns (uint64[] memory hashes) {
        if (tokens.length < k) return hashes;
        hashes = new uint64[](tokens.length - k + 1);
        for (uint256 i = 0; i < hashes.length; i++) {
            uint64 hash = salt;
            for (uint256 j = i; j < i + k; j++) {
                // Modulo 2^64.
                unchecked {
                    hash = mix64(hash ^ ((uint64(tokens[j]) + 1) * GOLD));
                }
            }
            hashes[i] = hash;
        }
    }

    /// @notice Positions that are the rightmost minimum of some window of `w` hashes, ascending.
    function winnow(uint64[] memory hashes, uint256 w) internal pure returns (uint256[] memory selected) {
        selected = new uint256[](hashes.length);
        uint256 count;
        uint256 windows = hashes.length == 0 ? 0 : hashes.length < w ? 1 : hashes.length - w + 1;
        for (uint256 first = 0; first < windows; first++) {
            uint256 minimum = first;
            for (uint256 i = first; i < first + w && i < hashes.length; i++) {
                if (hashes[i] <= hashes[minimum]) minimum = i;
            }
            if (count == 0 || selected[count - 1] != minimum) selected[count++] = minimum;
        }
        assembly ("memory-safe") {
            mstore(selected, count)
        }
    }

    /// @notice MinHash-32 of a token stream's 5-grams.
    function minhash(uint32[] memory tokens) internal pure returns (uint32[32] memory words) {
        uint64[] memory hashes = kgrams(tokens, MINHASH_GRAM, 0);
        for (uint256 j = 0; j < MINHASH_WORDS; j++) {
            uint64 least = type(uint64).max;
            uint64 salt;
            // Modulo 2^64.
            unchecked {
                salt = mix64(uint64(j + 1) * GOLD);
            }
            for (uint256 i = 0; i < hashes.length; i++) {
                uint64 hash = mix64(hashes[i] ^ salt);
                if (hash < least) least = hash;
            }
            words[j] = uint32(least >> 32);
        }
    }
}
