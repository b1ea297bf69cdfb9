use alloy_sol_types::sol;

sol! {
    /// SKETCH's functions, events and errors.
    #[derive(Debug, PartialEq, Eq)]
    interface IAttrSketch {
        /// What is known of a set.
        struct SetHeader {
            bytes32 subject; address owner; uint16 dim; uint8 kind;
            uint32 rows; uint32 normCap2; uint64 sumNorm2; uint64 lambda; uint64 seed; uint64 seedBlock;
            int8 fracBits; uint8 shift; uint8 sparsity; bytes32 dataRoot; bytes32 digest;
            uint64 sealedBlock;
        }

        /// No set has this id.
        error UnknownSet(uint64 setId);
        /// The dimension isn't one of 64, 128, 256, 512 and 1024.
        error BadDim(uint16 dim);
        /// The kind isn't 0 (influence) or 1 (embedding).
        error BadKind(uint8 kind);
        /// The sparsity isn't 0, 4 or 8.
        error BadSparsity(uint8 sparsity);
        /// The seed can be drawn in the blocks from `first` to `last` only.
        error SeedWindow(uint64 first, uint64 last);
        /// The chain has no hash of that block.
        error NoBlockHash(uint64 blockNumber);
        /// The set's seed isn't drawn.
        error NoSeed(uint64 setId);
        /// The set is sealed.
        error AlreadySealed(uint64 setId);
        /// The set would have more rows than it can.
        error TooManyRows(uint64 rows, uint32 max);
        /// The last append left a page unfilled, so it was the last.
        error PartialPage(uint64 setId);
        /// The row is incomplete, or its cluster isn't known or not in order.
        error BadRow(uint32 row);
        /// An entry of the row is −128.
        error BadInt8(uint32 row, uint16 column);
        /// The row's squared norm is above the cap.
        error NormTooLarge(uint32 row, uint32 norm2);
        /// The set would have more clusters than it can, from this row on.
        error TooManyClusters(uint32 row);
        /// The set has no rows.
        error EmptySet(uint64 setId);
        /// Too few rows are at the norm cap.
        error CapTooLoose(uint32 atCap, uint32 needed);
        /// The set has no such row.
        error UnknownRow(uint32 row, uint32 rows);
        /// The set wasn't sealed in an earlier block.
        error NotSealed(uint64 setId);
        /// The function doesn't apply to sets of this kind.
        error WrongKind(uint8 kind);
        /// The batch is empty or too large, or its arrays differ in length.
        error BadBatch(uint256 queries, uint256 witnesses, uint256 shifts);
        /// A vector hasn't as many bytes as the set's dimension asks for.
        error BadLength(uint256 expected, uint256 actual);
        /// An entry of the witness is out of range.
        error WitnessRange(uint256 query);
        /// The shift is above 62.
        error BadShift(uint256 query, uint8 shift);
        /// The query is zero.
        error ZeroQuery(uint256 query);
        /// The witness doesn't solve the query well enough.
        error WitnessRejected(uint256 query);
        /// K isn't between 1 and 64.
        error BadK(uint8 k);
        /// The caller's space has no such commitment.
        error UnknownCommit(bytes32 commitId);
        /// The commitment can be revealed in the blocks from `first` to `last` only.
        error RevealWindow(uint64 first, uint64 last);
        /// The commitment is revealed.
        error AlreadyRevealed(bytes32 commitId);
        /// What is revealed isn't what was committed to.
        error CommitMismatch(bytes32 commitId);
        /// The content has no 5-gram, so no signature.
        error TooShort();
        /// More commitments asked for than one call settles.
        error TooMany(uint16 asked, uint16 max);
        /// The space has as many clusters as can be numbered.
        error SpaceFull();

        function openSet(bytes32 subject, uint16 dim, uint8 kind, uint32 normCap2, int8 fracBits,
            uint8 shift, uint8 sparsity, bytes32 dataRoot) external returns (uint64 setId);
        function drawSeed(uint64 setId) external returns (uint64 seed);
        function appendRows(uint64 setId, bytes calldata rows) external returns (uint32 firstRow);
        function seal(uint64 setId) external;
        function header(uint64 setId) external view returns (SetHeader memory);
        function row(uint64 setId, uint32 r) external view
            returns (uint32 cluster, uint16 label, bytes memory v);
        function scoreInfluence(uint64 setId, bytes[] calldata q, bytes[] calldata x,
            uint8[] calldata shift) external view
            returns (uint32[] memory cluster, int128[] memory sum, uint128[] memory sumSq);
        function residual(uint64 setId, bytes calldata q, bytes calldata x, uint8 shift) external view
            returns (uint256 residual2, uint256 query2);
        function scoreDot(uint64 setId, bytes calldata q) external view
            returns (uint32[] memory cluster, int128[] memory sum);
        function scoreKnnShapley(uint64 setId, bytes calldata q, uint16 label, uint8 K) external view
            returns (uint32[] memory cluster, int128[] memory sum);
        function rowDistance(uint64 setId, uint32 r, bytes calldata alt) external view
            returns (uint64 d2, uint64 n2, uint64 m2);
        function commitContribution(bytes32 datanet, bytes32 h) external returns (bytes32 commitId);
        function reveal(bytes32 datanet, bytes32 commitId, address contributor, bytes32 dataRoot,
            bytes32 salt, uint32[32] calldata mh) external;
        function settle(bytes32 datanet, uint16 max) external returns (uint16 done);
        function clusterCount(bytes32 space) external view returns (uint32);

        event SetOpened(uint64 indexed setId, bytes32 indexed subject, address owner);
        event RowsAppended(uint64 indexed setId, uint32 first, uint32 n, bytes32 digest);
        event SetSealed(uint64 indexed setId, uint32 rows, uint64 lambda);
        event Clustered(bytes32 indexed datanet, uint32 cluster, bytes32 commitId, bool isNew);
    }
}
