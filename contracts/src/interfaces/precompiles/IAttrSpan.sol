// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {INativePrecompile} from "./INativePrecompile.sol";
import {IPausable} from "./IPausable.sol";

/// @title IAttrSpan
/// @notice SPAN, at 0x…0A02: which documents the tokens of a text were copied from, by winnowed fingerprints of k-grams.
///
///         An index is made in steps by one owner: `commitTokens`; from 2 to 250 blocks later `openIndex`, with the salt that
///         the chain drew; `appendEntries` (native: entries in code pages) or `commitRoot` (proved: entries off chain under a
///         Merkle root); `seal`. From the next block on anyone scores against it.
///
///         An entry is 16 bytes: uint48 fingerprint, uint32 cluster, uint48 locus, big-endian, in strictly ascending order.
///         Scores are SPAN-1's, which docs/spec/precompiles.md defines. Paraphrase defeats it: it finds copies.
interface IAttrSpan is INativePrecompile, IPausable {
    /// @notice A leaf of a proved index that has the query's fingerprint at a position.
    /// @param pos     Position in the query, of the k-gram's first token.
    /// @param fp      The entry's fingerprint.
    /// @param cluster The entry's cluster.
    /// @param locus   The entry's locus.
    /// @param leaf    Number of the leaf.
    /// @param proof   Siblings from the leaf up.
    struct Hit {
        uint32 pos;
        uint48 fp;
        uint32 cluster;
        uint48 locus;
        uint32 leaf;
        bytes32[] proof;
    }

    /// @notice What is recorded of an index.
    /// @param datanet        The space of the datanet that it is about.
    /// @param owner          Who may fill and seal it.
    /// @param k              Tokens in a k-gram, 4 to 12.
    /// @param w              Hashes in a winnowing window, 2 to 32.
    /// @param mode           0 empty, 1 native, 2 proved.
    /// @param length         Number of entries or leaves.
    /// @param salt           The hashes' salt.
    /// @param committedBlock Block of `commitTokens`.
    /// @param sealedBlock    Block of `seal`; 0: open.
    /// @param tokenizerHash  Hash of the tokenizer that made the tokens.
    /// @param tokenRoot      Merkle root of the token streams, committed before the salt was known.
    /// @param root           Merkle root of the entries in mode 2, else zero.
    struct IndexHeader {
        bytes32 datanet;
        address owner;
        uint8 k;
        uint8 w;
        uint8 mode;
        uint32 length;
        uint64 salt;
        uint64 committedBlock;
        uint64 sealedBlock;
        bytes32 tokenizerHash;
        bytes32 tokenRoot;
        bytes32 root;
    }

    /// @notice The tokens of an index to be were committed to.
    event TokensCommitted(uint64 indexed id, bytes32 indexed datanet, address owner, bytes32 tokenRoot);

    /// @notice An index was opened.
    event IndexOpened(uint64 indexed id, bytes32 indexed datanet, address owner, uint64 salt);

    /// @notice Entries `first` to `first + n - 1` were appended.
    event EntriesAppended(uint64 indexed id, uint32 first, uint32 n);

    /// @notice The root of the index's leaves was committed.
    event RootCommitted(uint64 indexed id, bytes32 root, uint32 leaves);

    /// @notice The index was sealed: it never changes again.
    event IndexSealed(uint64 indexed id, uint8 mode, uint32 length);

    /// @notice No index has this id, or it isn't opened.
    error UnknownIndex(uint64 id);

    /// @notice The caller has committed to no tokens for this datanet since it last opened an index.
    error NothingCommitted(bytes32 datanet);

    /// @notice `k` isn't within 4 to 12.
    error BadK(uint8 k);

    /// @notice `w` isn't within 2 to 32.
    error BadW(uint8 w);

    /// @notice The index can be opened in the blocks from `first` to `last` only.
    error SaltWindow(uint64 first, uint64 last);

    /// @notice The chain has no hash of that block.
    error NoBlockHash(uint64 blockNumber);

    /// @notice The salt given isn't the one that was drawn.
    error WrongSalt(uint64 given, uint64 drawn);

    /// @notice The index is sealed.
    error AlreadySealed(uint64 id);

    /// @notice The index wasn't sealed in an earlier block.
    error NotSealed(uint64 id);

    /// @notice The index's mode isn't one that the function works on.
    error WrongMode(uint64 id, uint8 mode);

    /// @notice The entries aren't a positive multiple of 16 bytes.
    error BadEntries(uint256 length);

    /// @notice The last append left a page unfilled, so it was the last.
    error PartialPage(uint64 id);

    /// @notice The index would have more than 98,240 entries (64 pages of 1,535).
    error IndexFull(uint256 entries, uint32 max);

    /// @notice This entry, counted from the index's first, isn't above its predecessor.
    error EntryOrder(uint32 entry);

    /// @notice A tree without leaves.
    error NoLeaves();

    /// @notice More than 4,096 tokens. (Calldata's limit comes first, at 4,090.)
    error TooManyTokens(uint256 tokens, uint256 max);

    /// @notice More than 1,024 hits.
    error TooManyHits(uint256 hits, uint256 max);

    /// @notice This hit isn't above its predecessor by (pos, leaf).
    error HitOrder(uint256 hit);

    /// @notice The query doesn't have this hit's fingerprint at its position, or its proof doesn't hold.
    error BadHit(uint256 hit);

    /// @notice Commits to the tokens of an index before its salt is known. A later commitment of the same caller for the same
    ///         datanet takes this one's place, with a new id.
    /// @dev    Emits `TokensCommitted`. A salt known before would let k-grams be crafted that collide. Committing again is a
    ///         new draw: contracts that accept indexes should charge a bond for each.
    /// @param datanet   The space of the datanet.
    /// @param tokenRoot Merkle root of the token streams.
    /// @return id Of the index that the caller opens next for this datanet.
    function commitTokens(bytes32 datanet, bytes32 tokenRoot) external returns (uint64 id);

    /// @notice Opens the index that the caller committed to last for this datanet, 2 to 250 blocks after.
    /// @dev    Emits `IndexOpened`. A sequencer can bias a block's hash.
    /// @param datanet       As committed.
    /// @param k             Tokens in a k-gram, 4 to 12.
    /// @param w             Hashes in a winnowing window, 2 to 32.
    /// @param tokenizerHash Hash of the tokenizer.
    /// @param salt          Must be the first eight bytes of keccak256(hash of block committedBlock + 1 ‖ u64be id).
    /// @return id As `commitTokens` gave it.
    function openIndex(bytes32 datanet, uint8 k, uint8 w, bytes32 tokenizerHash, uint64 salt)
        external
        returns (uint64 id);

    /// @notice Appends entries to an index without a root. The owner only, until the seal.
    /// @dev    Emits `EntriesAppended`. Each call's entries fill whole pages of 1,535 but for the last call's.
    /// @param entries 16 bytes each, strictly ascending, also against what is there.
    function appendEntries(uint64 id, bytes calldata entries) external;

    /// @notice Commits the Merkle root of an index without entries. Once, the owner only, until the seal.
    /// @dev    Emits `RootCommitted`. A leaf is keccak256(0x00 ‖ u64be number ‖ entry), a node keccak256(0x01 ‖ left ‖ right),
    ///         an odd node rises unchanged. That the entries ascend isn't checked: see `provesDisorder`.
    function commitRoot(uint64 id, bytes32 root, uint32 leaves) external;

    /// @notice Makes an index that has entries or a root immutable. The owner only.
    /// @dev    Emits `IndexSealed`.
    function seal(uint64 id) external;

    /// @notice Scores tokens against a native index that was sealed in an earlier block.
    /// @dev    600 gas + 3 a word of calldata + two slots + (4·k + 300) a token + all the index's pages + 120 a hit.
    /// @param tokens  At most 4,096.
    /// @param dfCap   A position whose first 64 entries belong to more distinct clusters counts for none; taken literally
    ///                (0: nothing matches). 3 is recommended.
    /// @param minSpan Shorter spans don't count, in tokens; taken literally. 8 is recommended.
    /// @return cluster   Clusters that won tokens, ascending.
    /// @return tokensWon How many each.
    /// @return covered   How many together. Pay covered/n of the span pool; the rest joins the influence pool.
    function scoreSpans(uint64 id, uint32[] calldata tokens, uint8 dfCap, uint16 minSpan)
        external
        view
        returns (uint32[] memory cluster, uint32[] memory tokensWon, uint32 covered);

    /// @notice Scores tokens over proved hits of a proved index that was sealed in an earlier block. Sound, not complete:
    ///         whoever relies on it lets others refute it by `provesOmission` and `provesDisorder`.
    /// @dev    As `scoreSpans`, with a third slot in place of pages, and for each hit 180 gas + 42 a sibling.
    /// @param hits At most 1,024, strictly ascending by (pos, leaf).
    function scoreSpansProved(uint64 id, uint32[] calldata tokens, Hit[] calldata hits, uint8 dfCap, uint16 minSpan)
        external
        view
        returns (uint32[] memory cluster, uint32[] memory tokensWon, uint32 covered);

    /// @notice Whether a claim of hits leaves out one that changes its result with dfCap 3 and minSpan 8. Anything malformed
    ///         answers false; only an id that isn't opened reverts. Never paused.
    /// @param claimedHitsHash keccak256(abi.encode(claimed)), which the claimant posted.
    /// @param claimed         The claim's hits. Their proofs aren't verified again.
    /// @param missing         A hit that isn't among them, with its proof.
    function provesOmission(
        uint64 id,
        uint32[] calldata tokens,
        bytes32 claimedHitsHash,
        Hit[] calldata claimed,
        Hit calldata missing
    ) external view returns (bool);

    /// @notice Whether two adjacent leaves of a proved index aren't strictly ascending: such an index must score nothing, which
    ///         is for the contracts that use it to enforce. Never paused.
    /// @param leafA The lower leaf; `pos` doesn't matter.
    /// @param leafB The leaf after it.
    function provesDisorder(uint64 id, Hit calldata leafA, Hit calldata leafB) external view returns (bool);

    /// @notice What is recorded of an opened index. Never paused.
    function header(uint64 id) external view returns (IndexHeader memory);
}
