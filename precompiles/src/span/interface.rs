use alloy_sol_types::sol;

sol! {
    /// SPAN's functions, events and errors; `contracts/src/interfaces/precompiles/IAttrSpan.sol` says more.
    #[derive(Debug, PartialEq, Eq)]
    interface IAttrSpan {
        /// A claim that leaf `leaf` of a committed index matches at `pos`.
        struct Hit { uint32 pos; uint48 fp; uint32 cluster; uint48 locus; uint32 leaf; bytes32[] proof; }
        /// What is recorded of an index.
        struct IndexHeader { bytes32 datanet; address owner; uint8 k; uint8 w; uint8 mode; uint32 length;
            uint64 salt; uint64 committedBlock; uint64 sealedBlock; bytes32 tokenizerHash; bytes32 tokenRoot;
            bytes32 root; }

        /// There is no such index, or it isn't opened.
        error UnknownIndex(uint64 id);
        /// The caller has committed no tokens for this datanet, or opened the index already.
        error NothingCommitted(bytes32 datanet);
        /// k isn't within 4 to 12.
        error BadK(uint8 k);
        /// w isn't within 2 to 32.
        error BadW(uint8 w);
        /// The index can be opened in the blocks from `first` to `last` only.
        error SaltWindow(uint64 first, uint64 last);
        /// The chain has no hash of that block.
        error NoBlockHash(uint64 blockNumber);
        /// The salt isn't the one that was drawn.
        error WrongSalt(uint64 given, uint64 drawn);
        /// The index is sealed.
        error AlreadySealed(uint64 id);
        /// The index isn't sealed, or in this very block.
        error NotSealed(uint64 id);
        /// The index has the other mode, or none where one is needed, or one where none may be.
        error WrongMode(uint64 id, uint8 mode);
        /// Not a positive multiple of 16 bytes.
        error BadEntries(uint256 length);
        /// The last append left a page unfilled, so it was the last.
        error PartialPage(uint64 id);
        /// More entries than an index holds.
        error IndexFull(uint256 entries, uint32 max);
        /// This entry isn't above its predecessor.
        error EntryOrder(uint32 entry);
        /// An index without leaves.
        error NoLeaves();
        /// More tokens than a query may have.
        error TooManyTokens(uint256 tokens, uint256 max);
        /// More hits than a claim may have.
        error TooManyHits(uint256 hits, uint256 max);
        /// This hit isn't above its predecessor by (pos, leaf).
        error HitOrder(uint256 hit);
        /// This hit doesn't match the query at its position, or its proof doesn't hold.
        error BadHit(uint256 hit);

        /// The first step of an index.
        event TokensCommitted(uint64 indexed id, bytes32 indexed datanet, address owner, bytes32 tokenRoot);
        /// An index was opened with its drawn salt.
        event IndexOpened(uint64 indexed id, bytes32 indexed datanet, address owner, uint64 salt);
        /// Entries were appended.
        event EntriesAppended(uint64 indexed id, uint32 first, uint32 n);
        /// A root was committed.
        event RootCommitted(uint64 indexed id, bytes32 root, uint32 leaves);
        /// The index is immutable from here on.
        event IndexSealed(uint64 indexed id, uint8 mode, uint32 length);

        /// Commits to the tokens of an index before its salt is known.
        function commitTokens(bytes32 datanet, bytes32 tokenRoot) external returns (uint64 id);
        /// Opens the index that was committed last for this datanet.
        function openIndex(bytes32 datanet, uint8 k, uint8 w, bytes32 tokenizerHash, uint64 salt)
            external returns (uint64 id);
        /// Appends entries to a native index.
        function appendEntries(uint64 id, bytes calldata entries) external;
        /// Commits the root of a proved index.
        function commitRoot(uint64 id, bytes32 root, uint32 leaves) external;
        /// Makes the index immutable.
        function seal(uint64 id) external;
        /// SPAN-1 against a native index.
        function scoreSpans(uint64 id, uint32[] calldata tokens, uint8 dfCap, uint16 minSpan) external view
            returns (uint32[] memory cluster, uint32[] memory tokensWon, uint32 covered);
        /// SPAN-1 over the proved hits of a committed index.
        function scoreSpansProved(uint64 id, uint32[] calldata tokens, Hit[] calldata hits, uint8 dfCap,
            uint16 minSpan) external view
            returns (uint32[] memory cluster, uint32[] memory tokensWon, uint32 covered);
        /// Whether a claim left out a hit that changes its result under the default parameters.
        function provesOmission(uint64 id, uint32[] calldata tokens, bytes32 claimedHitsHash,
            Hit[] calldata claimed, Hit calldata missing) external view returns (bool);
        /// Whether two adjacent leaves of a committed index aren't strictly ascending.
        function provesDisorder(uint64 id, Hit calldata leafA, Hit calldata leafB)
            external view returns (bool);
        /// What is recorded of an index.
        function header(uint64 id) external view returns (IndexHeader memory);
    }
}
