// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSpan} from "../../src/interfaces/precompiles/IAttrSpan.sol";
import {MerkleReference} from "./MerkleReference.sol";
import {MixReference} from "./MixReference.sol";
import {SpanReference} from "./SpanReference.sol";

/// @title AttrSpanReference
/// @notice SPAN in Solidity, to stand at its address in tests. It differs from the precompile in gas, in where entries are kept
///         (its own storage, not code pages), in the block hash that the salt is drawn from (BLOCKHASH, not EIP-2935), and in
///         that nothing can be paused.
contract AttrSpanReference is IAttrSpan {
    uint8 private constant EMPTY = 0;
    uint8 private constant NATIVE = 1;
    uint8 private constant PROVED = 2;
    uint8 private constant DF_CAP = 3;
    uint16 private constant MIN_SPAN = 8;
    uint256 private constant ENTRY_BYTES = 16;
    uint256 private constant ENTRIES_PER_PAGE = 1535;
    uint256 private constant ENTRIES_MAX = 64 * ENTRIES_PER_PAGE;
    uint256 private constant TOKENS_MAX = 4096;
    uint256 private constant HITS_MAX = 1024;

    uint64 private lastId;
    mapping(bytes32 committer => uint64 id) private committed;
    mapping(uint64 id => IndexHeader) private headers;
    mapping(uint64 id => uint256[]) private entriesOf;

    /// @inheritdoc IAttrSpan
    function commitTokens(bytes32 datanet, bytes32 tokenRoot) external returns (uint64 id) {
        id = ++lastId;
        committed[keccak256(abi.encode(msg.sender, datanet))] = id;
        IndexHeader storage index = headers[id];
        index.datanet = datanet;
        index.owner = msg.sender;
        index.tokenRoot = tokenRoot;
        index.committedBlock = uint64(block.number);
        emit TokensCommitted(id, datanet, msg.sender, tokenRoot);
    }

    /// @inheritdoc IAttrSpan
    function openIndex(bytes32 datanet, uint8 k, uint8 w, bytes32 tokenizerHash, uint64 salt)
        external
        returns (uint64 id)
    {
        id = committed[keccak256(abi.encode(msg.sender, datanet))];
        IndexHeader storage index = headers[id];
        if (id == 0 || index.k != 0) revert NothingCommitted(datanet);
        if (k < 4 || k > 12) revert BadK(k);
        if (w < 2 || w > 32) revert BadW(w);
        uint64 start = index.committedBlock;
        if (block.number < start + 2 || block.number > start + 250) revert SaltWindow(start + 2, start + 250);
        bytes32 hash = blockhash(start + 1);
        if (hash == 0) revert NoBlockHash(start + 1);
        uint64 drawn = uint64(bytes8(keccak256(abi.encodePacked(hash, id))));
        if (salt != drawn) revert WrongSalt(salt, drawn);
        (index.k, index.w, index.tokenizerHash, index.salt) = (k, w, tokenizerHash, salt);
        emit IndexOpened(id, datanet, msg.sender, salt);
    }

    /// @inheritdoc IAttrSpan
    function appendEntries(uint64 id, bytes calldata entries) external {
        IndexHeader storage index = writable(id);
        if (index.mode == PROVED) revert WrongMode(id, index.mode);
        if (entries.length == 0 || entries.length % ENTRY_BYTES != 0) revert BadEntries(entries.length);
        uint32 first = index.length;
        if (first % ENTRIES_PER_PAGE != 0) revert PartialPage(id);
        uint256 length = first + entries.length / ENTRY_BYTES;
        if (length > ENTRIES_MAX) revert IndexFull(length, uint32(ENTRIES_MAX));
        uint256[] storage list = entriesOf[id];
        for (uint256 i = first; i < length; i++) {
            uint256 offset = (i - first) * ENTRY_BYTES;
            uint256 entry = uint128(bytes16(entries[offset:offset + ENTRY_BYTES]));
            if (i > 0 && entry <= list[i - 1]) revert EntryOrder(uint32(i));
            list.push(entry);
        }
        (index.mode, index.length) = (NATIVE, uint32(length));
        emit EntriesAppended(id, first, uint32(length) - first);
    }

    /// @inheritdoc IAttrSpan
    function commitRoot(uint64 id, bytes32 root, uint32 leaves) external {
        IndexHeader storage index = writable(id);
        if (index.mode != EMPTY) revert WrongMode(id, index.mode);
        if (leaves == 0) revert NoLeaves();
        (index.mode, index.length, index.root) = (PROVED, leaves, root);
        emit RootCommitted(id, root, leaves);
    }

    /// @inheritdoc IAttrSpan
    function seal(uint64 id) external {
        IndexHeader storage index = writable(id);
        if (index.mode == EMPTY) revert WrongMode(id, index.mode);
        index.sealedBlock = uint64(block.number);
        emit IndexSealed(id, index.mode, index.length);
    }

    /// @inheritdoc IAttrSpan
    function scoreSpans(uint64 id, uint32[] calldata tokens, uint8 dfCap, uint16 minSpan)
        external
        view
        returns (uint32[] memory, uint32[] memory, uint32)
    {
        IndexHeader storage index = scorable(id, NATIVE);
        if (tokens.length > TOKENS_MAX) revert TooManyTokens(tokens.length, TOKENS_MAX);
        SpanReference.Scores memory scores = SpanReference.score(
            tokens, entriesOf[id], index.salt, SpanReference.Parameters(index.k, index.w, dfCap, minSpan)
        );
        return (scores.cluster, scores.tokensWon, scores.covered);
    }

    /// @inheritdoc IAttrSpan
    function scoreSpansProved(uint64 id, uint32[] calldata tokens, Hit[] calldata hits, uint8 dfCap, uint16 minSpan)
        external
        view
        returns (uint32[] memory, uint32[] memory, uint32)
    {
        IndexHeader storage index = scorable(id, PROVED);
        if (tokens.length > TOKENS_MAX) revert TooManyTokens(tokens.length, TOKENS_MAX);
        if (hits.length > HITS_MAX) revert TooManyHits(hits.length, HITS_MAX);
        uint64[] memory hashes = MixReference.kgrams(tokens, index.k, index.salt);
        for (uint256 i = 0; i < hits.length; i++) {
            if (i > 0 && place(hits[i]) <= place(hits[i - 1])) revert HitOrder(i);
            if (!matches(hits[i], hashes) || !proven(index, hits[i])) revert BadHit(i);
        }
        SpanReference.Scores memory scores =
            scoreHits(tokens.length, hits, SpanReference.Parameters(index.k, index.w, dfCap, minSpan));
        return (scores.cluster, scores.tokensWon, scores.covered);
    }

    /// @inheritdoc IAttrSpan
    function provesOmission(
        uint64 id,
        uint32[] calldata tokens,
        bytes32 claimedHitsHash,
        Hit[] calldata claimed,
        Hit calldata missing
    ) external view returns (bool) {
        IndexHeader storage index = opened(id);
        if (index.mode != PROVED || tokens.length > TOKENS_MAX || claimed.length > HITS_MAX) return false;
        if (keccak256(abi.encode(claimed)) != claimedHitsHash) return false;
        uint64[] memory hashes = MixReference.kgrams(tokens, index.k, index.salt);
        if (!matches(missing, hashes) || !proven(index, missing)) return false;
        Hit[] memory completed = new Hit[](claimed.length + 1);
        uint256 before;
        for (uint256 i = 0; i < claimed.length; i++) {
            if (i > 0 && place(claimed[i]) <= place(claimed[i - 1])) return false;
            if (claimed[i].leaf >= index.length || !matches(claimed[i], hashes)) return false;
            if (place(claimed[i]) == place(missing)) return false;
            if (place(claimed[i]) < place(missing)) before++;
        }
        for (uint256 i = 0; i < completed.length; i++) {
            completed[i] = i < before ? claimed[i] : i == before ? missing : claimed[i - 1];
        }
        SpanReference.Parameters memory parameters = SpanReference.Parameters(index.k, index.w, DF_CAP, MIN_SPAN);
        bytes32 claimedScores = keccak256(abi.encode(scoreHits(tokens.length, claimed, parameters)));
        return claimedScores != keccak256(abi.encode(scoreHits(tokens.length, completed, parameters)));
    }

    /// @inheritdoc IAttrSpan
    function provesDisorder(uint64 id, Hit calldata leafA, Hit calldata leafB) external view returns (bool) {
        IndexHeader storage index = opened(id);
        if (index.mode != PROVED || uint256(leafA.leaf) + 1 != leafB.leaf) return false;
        return proven(index, leafA) && proven(index, leafB) && entryOf(leafA) >= entryOf(leafB);
    }

    /// @inheritdoc IAttrSpan
    function header(uint64 id) external view returns (IndexHeader memory) {
        return opened(id);
    }

    /// @notice Nothing can be paused here.
    function setPaused(bytes4 selector, uint64) external pure {
        revert NotPausable(selector);
    }

    function opened(uint64 id) private view returns (IndexHeader storage index) {
        index = headers[id];
        if (index.k == 0) revert UnknownIndex(id);
    }

    function writable(uint64 id) private view returns (IndexHeader storage index) {
        index = opened(id);
        if (index.owner != msg.sender) revert Unauthorized(msg.sender);
        if (index.sealedBlock != 0) revert AlreadySealed(id);
    }

    function scorable(uint64 id, uint8 mode) private view returns (IndexHeader storage index) {
        index = opened(id);
        if (index.sealedBlock == 0 || index.sealedBlock >= block.number) revert NotSealed(id);
        if (index.mode != mode) revert WrongMode(id, index.mode);
    }

    function place(Hit memory hit) private pure returns (uint256) {
        return uint256(hit.pos) << 32 | hit.leaf;
    }

    function entryOf(Hit memory hit) private pure returns (uint256) {
        return uint256(hit.fp) << 80 | uint256(hit.cluster) << 48 | hit.locus;
    }

    function matches(Hit memory hit, uint64[] memory hashes) private pure returns (bool) {
        return hit.pos < hashes.length && hashes[hit.pos] >> 16 == hit.fp;
    }

    function proven(IndexHeader storage index, Hit memory hit) private view returns (bool) {
        bytes32 leaf = MerkleReference.leaf(hit.leaf, abi.encodePacked(uint128(entryOf(hit))));
        return MerkleReference.verify(index.root, index.length, hit.leaf, leaf, hit.proof);
    }

    function scoreHits(uint256 tokens, Hit[] memory hits, SpanReference.Parameters memory parameters)
        private
        pure
        returns (SpanReference.Scores memory)
    {
        uint256[] memory positions = new uint256[](hits.length);
        uint256[] memory found = new uint256[](hits.length);
        for (uint256 i = 0; i < hits.length; i++) {
            (positions[i], found[i]) = (hits[i].pos, entryOf(hits[i]));
        }
        return SpanReference.scoreHits(tokens, positions, found, parameters);
    }
}
