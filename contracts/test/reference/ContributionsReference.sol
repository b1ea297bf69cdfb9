// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {PausesReference} from "./PausesReference.sol";

/// @title ContributionsReference
/// @notice SKETCH's contributions and clusters, written plainly.
abstract contract ContributionsReference is IAttrSketch, PausesReference {
    uint256 private constant REVEAL_FROM = 2;
    uint256 private constant REVEAL_TO = 50;
    uint16 private constant SETTLE_MAX = 64;
    uint256 private constant BANDS = 8;
    uint256 private constant MATCHES_MIN = 16;

    struct Space {
        uint64 commits;
        uint64 settled;
        uint32 clusters;
        mapping(uint32 cluster => uint32[32]) signatures;
        mapping(bytes32 band => uint256) bands;
    }

    struct Commit {
        bytes32 h;
        uint64 blockNumber;
        bool revealed;
        uint32[32] mh;
    }

    mapping(bytes32 space => Space) internal spaces;
    mapping(bytes32 commitId => Commit) private commits;

    /// @inheritdoc IAttrSketch
    function commitContribution(bytes32 datanet, bytes32 h) external whenNotPaused returns (bytes32 commitId) {
        bytes32 id = keccak256(abi.encode(msg.sender, datanet));
        commitId = keccak256(abi.encode(id, spaces[id].commits++));
        commits[commitId].h = h;
        commits[commitId].blockNumber = uint64(block.number);
    }

    /// @inheritdoc IAttrSketch
    function reveal(
        bytes32 datanet,
        bytes32 commitId,
        address contributor,
        bytes32 dataRoot,
        bytes32 salt,
        uint32[32] calldata mh
    ) external whenNotPaused {
        Commit storage commit = commits[commitId];
        uint256 made = commit.blockNumber;
        if (made == 0) revert UnknownCommit(commitId);
        if (block.number < made + REVEAL_FROM || block.number > made + REVEAL_TO) {
            revert RevealWindow(uint64(made + REVEAL_FROM), uint64(made + REVEAL_TO));
        }
        if (commit.revealed) revert AlreadyRevealed(commitId);
        bytes32 id = keccak256(abi.encode(msg.sender, datanet));
        if (commit.h != keccak256(abi.encode(id, contributor, _hash(mh), dataRoot, salt))) {
            revert CommitMismatch(commitId);
        }
        bool some;
        for (uint256 i = 0; i < 32; i++) {
            some = some || mh[i] != type(uint32).max;
        }
        if (!some) revert TooShort();
        (commit.revealed, commit.mh) = (true, mh);
    }

    /// @inheritdoc IAttrSketch
    function settle(bytes32 datanet, uint16 max) external returns (uint16 done) {
        if (max > SETTLE_MAX) revert TooMany(max, SETTLE_MAX);
        bytes32 id = keccak256(abi.encode(msg.sender, datanet));
        Space storage space = spaces[id];
        for (; done < max && space.settled < space.commits; done++) {
            bytes32 commitId = keccak256(abi.encode(id, space.settled));
            Commit storage commit = commits[commitId];
            if (block.number <= commit.blockNumber + REVEAL_TO) break;
            if (commit.revealed) {
                (uint32 cluster, bool isNew) = _assign(space, id, commit.mh);
                emit Clustered(datanet, cluster, commitId, isNew);
            }
            space.settled++;
        }
    }

    /// @inheritdoc IAttrSketch
    function clusterCount(bytes32 space) external view returns (uint32) {
        return spaces[space].clusters;
    }

    /// @notice keccak256 of the words as u32be.
    function _hash(uint32[32] memory mh) private pure returns (bytes32) {
        bytes memory packed;
        for (uint256 i = 0; i < 32; i++) {
            packed = abi.encodePacked(packed, mh[i]);
        }
        return keccak256(packed);
    }

    /// @notice Where band `j` of a signature stands in its space.
    function _band(bytes32 id, uint256 j, uint32[32] memory mh) internal pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                id, uint64(j), uint64(mh[4 * j]), uint64(mh[4 * j + 1]), uint64(mh[4 * j + 2]), uint64(mh[4 * j + 3])
            )
        );
    }

    /// @notice The cluster that a signature joins: the one with most equal words, if 16 are; or a new one.
    function _assign(Space storage space, bytes32 id, uint32[32] memory mh)
        internal
        returns (uint32 cluster, bool isNew)
    {
        uint256 most;
        for (uint256 j = 0; j < BANDS; j++) {
            // A band holds its cluster's number plus one.
            uint256 candidate = space.bands[_band(id, j, mh)];
            if (candidate == 0) continue;
            uint256 equal = _equalWords(space.signatures[uint32(candidate - 1)], mh);
            if (equal > most || (equal == most && candidate - 1 < cluster)) {
                (most, cluster) = (equal, uint32(candidate - 1));
            }
        }
        if (most >= MATCHES_MIN) return (cluster, false);
        if (space.clusters == type(uint32).max) revert SpaceFull();
        cluster = space.clusters++;
        space.signatures[cluster] = mh;
        for (uint256 j = 0; j < BANDS; j++) {
            bytes32 band = _band(id, j, mh);
            if (space.bands[band] == 0) space.bands[band] = uint256(cluster) + 1;
        }
        return (cluster, true);
    }

    function _equalWords(uint32[32] memory a, uint32[32] memory b) private pure returns (uint256 equal) {
        for (uint256 i = 0; i < 32; i++) {
            if (a[i] == b[i]) equal++;
        }
    }
}
