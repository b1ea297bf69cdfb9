// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {INativePrecompile} from "./INativePrecompile.sol";
import {IPausable} from "./IPausable.sol";

/// @title IAttrSketch
/// @notice SKETCH, at 0x…0A01: sets of sketched gradients or embeddings, the scores that they give, and the clusters of
///         near-duplicate contributions that the scores count for.
///
///         A set is made by one owner: `openSet`; from 2 to 250 blocks later `drawSeed`; `appendRows`; `seal`. From the next
///         block on anyone scores against it. Vectors are int8, one byte an entry, −128 excluded; scores are summed by
///         cluster and come in ascending order of clusters. What they measure, and what not, stands in
///         docs/spec/precompiles.md: that data was used in training is not proven.
interface IAttrSketch is INativePrecompile, IPausable {
    /// @notice What is recorded of a set.
    /// @param subject     What the set is about: the space of a datanet, keccak256(abi.encode(registry, datanet)).
    /// @param owner       Who may draw, append and seal.
    /// @param dim         Entries of a vector: 64, 128, 256, 512 or 1024.
    /// @param kind        0 influence (gradients), 1 embedding.
    /// @param rows        Number of rows, at most 4096.
    /// @param normCap2    Largest squared norm of a row of kind 0.
    /// @param sumNorm2    Sum of the rows' squared norms.
    /// @param lambda      max(1, ⌈sumNorm2/1024⌉), the ridge of `scoreInfluence`.
    /// @param seed        Of the projection; 0 until drawn.
    /// @param seedBlock   Block of `openSet`.
    /// @param fracBits    Fixed-point bits of gradients before projection.
    /// @param shift       Right shift of projected sums.
    /// @param sparsity    0 dense; 4 or 8 buckets a coordinate.
    /// @param dataRoot    What the rows were computed from, fixed before the seed.
    /// @param digest      Over all appends: keccak256(digest before ‖ keccak256(rows)).
    /// @param sealedBlock Block of `seal`; 0: open.
    struct SetHeader {
        bytes32 subject;
        address owner;
        uint16 dim;
        uint8 kind;
        uint32 rows;
        uint32 normCap2;
        uint64 sumNorm2;
        uint64 lambda;
        uint64 seed;
        uint64 seedBlock;
        int8 fracBits;
        uint8 shift;
        uint8 sparsity;
        bytes32 dataRoot;
        bytes32 digest;
        uint64 sealedBlock;
    }

    /// @notice A set was opened.
    event SetOpened(uint64 indexed setId, bytes32 indexed subject, address owner);

    /// @notice Rows `first` to `first + n - 1` were appended; `digest` covers all so far.
    event RowsAppended(uint64 indexed setId, uint32 first, uint32 n, bytes32 digest);

    /// @notice The set was sealed: it never changes again.
    event SetSealed(uint64 indexed setId, uint32 rows, uint64 lambda);

    /// @notice A revealed contribution got its cluster: a new one, or one that was there.
    /// @param datanet  The argument of `settle`, as the registry names its datanet. Registries can share a name: whose space it
    ///                 is shows in `commitId`, which hashes the space.
    /// @param cluster  Its number in the space.
    /// @param commitId What `commitContribution` returned.
    /// @param isNew    Whether the contribution is the first of the cluster, and stands for it.
    event Clustered(bytes32 indexed datanet, uint32 cluster, bytes32 commitId, bool isNew);

    /// @notice No set has this id.
    error UnknownSet(uint64 setId);

    /// @notice The dimension isn't one of 64, 128, 256, 512 and 1024.
    error BadDim(uint16 dim);

    /// @notice The kind is neither 0 nor 1.
    error BadKind(uint8 kind);

    /// @notice The sparsity isn't 0, 4 or 8.
    error BadSparsity(uint8 sparsity);

    /// @notice The seed can be drawn in the blocks from `first` to `last` only.
    error SeedWindow(uint64 first, uint64 last);

    /// @notice The chain has no hash of that block.
    error NoBlockHash(uint64 blockNumber);

    /// @notice The set's seed isn't drawn.
    error NoSeed(uint64 setId);

    /// @notice The set is sealed.
    error AlreadySealed(uint64 setId);

    /// @notice The set would have more than 4096 rows.
    error TooManyRows(uint64 rows, uint32 max);

    /// @notice The last append left a page unfilled, so it was the last.
    error PartialPage(uint64 setId);

    /// @notice The row is incomplete, or its cluster isn't one of the subject's or is below its predecessor's.
    error BadRow(uint32 row);

    /// @notice An entry of the row is −128.
    error BadInt8(uint32 row, uint16 column);

    /// @notice The row's squared norm is above the cap.
    error NormTooLarge(uint32 row, uint32 norm2);

    /// @notice The set would have more than 1024 clusters, from this row on.
    error TooManyClusters(uint32 row);

    /// @notice The set has no rows.
    error EmptySet(uint64 setId);

    /// @notice Fewer than half of the rows, rounded up, have 100·‖row‖² ≥ 81·normCap2.
    error CapTooLoose(uint32 atCap, uint32 needed);

    /// @notice The set has no such row.
    error UnknownRow(uint32 row, uint32 rows);

    /// @notice The set wasn't sealed in an earlier block.
    error NotSealed(uint64 setId);

    /// @notice The function doesn't apply to sets of this kind.
    error WrongKind(uint8 kind);

    /// @notice The batch is empty or has more than 16 queries, or its arrays differ in length.
    error BadBatch(uint256 queries, uint256 witnesses, uint256 shifts);

    /// @notice A vector hasn't as many bytes as the set's dimension asks for.
    error BadLength(uint256 expected, uint256 actual);

    /// @notice An entry of this query's witness is beyond ±16383.
    error WitnessRange(uint256 query);

    /// @notice This query's shift is above 62.
    error BadShift(uint256 query, uint8 shift);

    /// @notice This query is zero.
    error ZeroQuery(uint256 query);

    /// @notice This query's witness doesn't solve the ridge system: its residual is above 1/256 of the query's norm.
    error WitnessRejected(uint256 query);

    /// @notice K isn't within 1 to 64.
    error BadK(uint8 k);

    /// @notice The caller's space has no such commitment.
    error UnknownCommit(bytes32 commitId);

    /// @notice The commitment can be revealed in the blocks from `first` to `last` only.
    error RevealWindow(uint64 first, uint64 last);

    /// @notice The commitment is revealed already.
    error AlreadyRevealed(bytes32 commitId);

    /// @notice What is revealed isn't what was committed to.
    error CommitMismatch(bytes32 commitId);

    /// @notice The content has no 5-gram, so no signature.
    error TooShort();

    /// @notice More than 64 commitments asked for.
    error TooMany(uint16 asked, uint16 max);

    /// @notice The space has as many clusters as can be numbered.
    error SpaceFull();

    /* SETS */

    /// @notice Opens a set; the caller owns it.
    /// @dev    Emits `SetOpened`. Opening again can't be prevented: contracts should charge a bond for each set.
    function openSet(
        bytes32 subject,
        uint16 dim,
        uint8 kind,
        uint32 normCap2,
        int8 fracBits,
        uint8 shift,
        uint8 sparsity,
        bytes32 dataRoot
    ) external returns (uint64 setId);

    /// @notice Draws the set's seed: the first eight bytes of keccak256(hash of block seedBlock + 1 ‖ u64be setId). The owner
    ///         only, 2 to 250 blocks after `openSet`; later the set is dead.
    /// @dev    A sequencer can bias a block's hash.
    function drawSeed(uint64 setId) external returns (uint64);

    /// @notice Appends rows, each uint32 cluster ‖ uint16 label ‖ dim int8, big-endian. The owner only, until the seal.
    /// @dev    Emits `RowsAppended`. Clusters don't descend. Each call's rows fill whole pages of ⌊24575/(dim+6)⌋ but for the
    ///         last call's.
    /// @return firstRow Number of the first row appended.
    function appendRows(uint64 setId, bytes calldata rows) external returns (uint32 firstRow);

    /// @notice Makes the set immutable. The owner only.
    /// @dev    Emits `SetSealed`. Of kind 0 half of the rows must be at the norm cap.
    function seal(uint64 setId) external;

    /// @notice What is recorded of a set. Never paused.
    function header(uint64 setId) external view returns (SetHeader memory);

    /// @notice A row: its cluster, label and vector. Never paused.
    function row(uint64 setId, uint32 r) external view returns (uint32 cluster, uint16 label, bytes memory v);

    /// @notice Squared distances between a row and a recomputed one, evidence for a jury and no verdict.
    /// @return d2 Σ(row−alt)².
    /// @return n2 ‖row‖².
    /// @return m2 ‖alt‖².
    function rowDistance(uint64 setId, uint32 r, bytes calldata alt)
        external
        view
        returns (uint64 d2, uint64 n2, uint64 m2);

    /* SCORES */

    /// @notice Influence of each cluster on a batch of queries, by witnesses for the inverse that are verified, not trusted.
    ///         With a = G·x, r = 2^shift·q − Gᵀa − lambda·x, a witness is accepted iff 256²·‖r‖² ≤ ‖2^shift·q‖², and the rows'
    ///         scores are a·2^(40−shift): 2^40·gᵀ(GᵀG+Λ)⁻¹q; positive means helpful.
    /// @dev    600 gas + 3 a word of calldata + slots + pages, once a batch, + ⌈2·B·rows·dim/M⌉ + 40·B·dim + 20·B·rows.
    /// @param q     1 to 16 queries of dim int8.
    /// @param x     For each a witness of dim int16, big-endian, within ±16383.
    /// @param shift For each 0 to 62.
    /// @return cluster Ascending.
    /// @return sum     Σ over the batch.
    /// @return sumSq   Σ over the batch of min(score², 2^120).
    function scoreInfluence(uint64 setId, bytes[] calldata q, bytes[] calldata x, uint8[] calldata shift)
        external
        view
        returns (uint32[] memory cluster, int128[] memory sum, uint128[] memory sumSq);

    /// @notice How far a witness is from the solution: of two for one query, the one with the smaller ratio is better. Never
    ///         paused, and no witness is rejected.
    /// @dev    Priced as `scoreInfluence` of one query.
    /// @return residual2 Σ r².
    /// @return query2    Σ (2^shift·q)².
    function residual(uint64 setId, bytes calldata q, bytes calldata x, uint8 shift)
        external
        view
        returns (uint256 residual2, uint256 query2);

    /// @notice Dot products with a query, by cluster: the cheap baseline, which misjudges correlated data.
    function scoreDot(uint64 setId, bytes calldata q) external view returns (uint32[] memory, int128[] memory);

    /// @notice KNN-Shapley values of a set of kind 1 for a query and its label, scaled by 2^40, by cluster.
    /// @param K 1 to 64 neighbours.
    function scoreKnnShapley(uint64 setId, bytes calldata q, uint16 label, uint8 K)
        external
        view
        returns (uint32[] memory, int128[] memory);

    /* CONTRIBUTIONS */

    /// @notice Commits to a contribution in the space keccak256(abi.encode(msg.sender, datanet)).
    /// @param h keccak256(abi.encode(space, contributor, mhHash, dataRoot, salt)), mhHash being keccak256 of the signature's 32
    ///          words as u32be.
    /// @return commitId keccak256(abi.encode(space, uint64 n)), n the commitments before it.
    function commitContribution(bytes32 datanet, bytes32 h) external returns (bytes32 commitId);

    /// @notice Reveals a commitment of the caller's space, 2 to 50 blocks after it.
    /// @param mh MinHash-32 of the content's 5-grams. Nothing on chain binds it to the content: validators recompute it.
    function reveal(
        bytes32 datanet,
        bytes32 commitId,
        address contributor,
        bytes32 dataRoot,
        bytes32 salt,
        uint32[32] calldata mh
    ) external;

    /// @notice Assigns clusters to the caller's space's commitments in their order, from 51 blocks after each on; unrevealed
    ///         ones are skipped for ever. Never paused.
    /// @dev    Emits `Clustered` for each revealed one. An assignment never changes.
    /// @param max At most 64.
    /// @return done How many were taken.
    function settle(bytes32 datanet, uint16 max) external returns (uint16 done);

    /// @notice How many clusters a space has: their numbers are below it. An unknown space has none. Never paused.
    function clusterCount(bytes32 space) external view returns (uint32);
}
