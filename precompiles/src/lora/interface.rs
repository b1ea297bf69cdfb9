use alloy_sol_types::sol;

sol! {
    /// The registry's functions and events.
    #[derive(Debug, PartialEq, Eq)]
    interface ILoraRegistry {
        /// A module of a base's layers, such as `self_attn.q_proj`.
        struct Module { bytes path; uint32 inDim; uint32 outDim; }
        /// A base model.
        struct Base {
            bytes32 nameHash; bytes32 configHash; bytes namePrefix; uint16 layers; Module[] modules;
            bytes32 licence; uint16 absBps;
        }
        /// A parent with its share.
        struct Share { uint64 id; uint16 relBps; }
        /// A declared training set with its weight; an id of 0 names none.
        struct Train { bytes32 datanet; uint64 sketchSet; uint64 spanIndex; uint16 weightBps; }
        /// A LoRA adapter.
        struct Adapter {
            uint64 base; uint16 rank; uint32 alpha; uint32 moduleMask; uint16 layerFrom; uint16 layerTo;
            uint8 dtype; bytes32 headerHash; bytes32 dataRoot; uint64 dataLen; uint8 chunkLog2;
            Train[] train; Share[] parents; bytes32 licence; uint16 absBps; address developer;
            uint32 version; uint64 supersedes;
        }

        /// Registers a base; its caller is its payee. With a share: the timelock alone.
        function registerBase(Base calldata base) external returns (uint64 id);
        /// Commits to an adapter: `keccak256(abi.encode(developer, headerHash, dataRoot, salt))`.
        function commitAdapter(bytes32 h) external;
        /// Writes the next page of the caller's header; part 0 begins it.
        function uploadHeader(bytes32 headerHash, uint32 part, bytes calldata chunk) external;
        /// Registers the caller's adapter; an empty header stands for the uploaded one.
        function registerAdapter(Adapter calldata adapter, bytes calldata header, bytes32 salt)
            external returns (uint64 id);
        /// Registers the adapter of whoever signed it.
        function registerAdapterFor(Adapter calldata adapter, bytes calldata header, bytes32 salt,
            uint256 nonce, uint256 deadline, bytes calldata sig) external returns (uint64 id);
        /// The nonce that a developer's next signature must have.
        function nonces(address developer) external view returns (uint256);
        /// Whether `chunk` is the one at `idx` of an adapter's data.
        function verifyChunk(uint64 id, uint64 idx, bytes calldata chunk, bytes32[] calldata proof)
            external view returns (bool);
        /// A base or an adapter.
        function get(uint64 id) external view
            returns (Adapter memory adapter, uint64 params, uint8 depth, uint16 ancestors);
        /// Whether `anc` is a proper ancestor of `node`.
        function isAncestor(uint64 node, uint64 anc) external view returns (bool);
        /// The distinct ancestors, ascending.
        function lineage(uint64 id) external view returns (uint64[] memory);
        /// At most `n` adapters of a base from the `cursor`-th on, in the order of registration.
        function byBase(uint64 base, uint64 cursor, uint16 n) external view returns (uint64[] memory);
        /// The datanets behind a node, ascending, with their parts of a million.
        function flattenDatanets(uint64 id) external view
            returns (bytes32[] memory datanets, uint32[] memory ppm);
        /// The node and its distinct ancestors, ascending, with what each gets of `amount`.
        function royaltyFlow(uint64 node, uint256 amount) external view
            returns (uint64[] memory ids, uint256[] memory amounts);
        /// Sets a status: 0 active, 1 deprecated, 2 disputed.
        function setStatus(uint64 id, uint8 status) external;
        function statusOf(uint64 id) external view returns (uint8);

        /// A base was registered.
        event BaseRegistered(uint64 indexed id, bytes32 indexed configHash);
        /// An adapter was registered.
        event AdapterRegistered(uint64 indexed id, uint64 indexed base, address indexed developer,
            bytes32 headerHash, bytes32 dataRoot, uint64 params);
        /// An adapter lists a parent.
        event LineageEdge(uint64 indexed child, uint64 indexed parent, uint16 relBps);
        /// An adapter declares a training set.
        event TrainedOn(uint64 indexed id, bytes32 indexed datanet, uint64 sketchSet, uint16 weightBps);
        /// A status was set.
        event StatusChanged(uint64 indexed id, uint8 status);
    }

    /// What the registry refuses with. `at` is a byte's offset in the safetensors header, from its length
    /// prefix on; of a tensor, where its name begins.
    #[derive(Debug, PartialEq, Eq)]
    interface LoraErrors {
        // ---- Bases
        /// There is no such base.
        error UnknownBase(uint64 id);
        /// The prefix is too long, or not printable ASCII without quote and backslash.
        error BadPrefix();
        /// The number of layers isn't within 1 to 512.
        error BadLayers(uint16 layers);
        /// The number of modules isn't within 1 to 32.
        error BadModuleCount(uint64 count);
        /// A module's path is empty, too long or not printable ASCII, or a dimension is zero.
        error BadModule(uint8 index);
        /// A module's path is an earlier one's.
        error DuplicateModule(uint8 index);

        // ---- Rule 1: targets
        /// The mask is zero, or names a module that the base doesn't have.
        error BadModuleMask(uint32 mask, uint8 modules);
        /// The layers aren't a range within the base's.
        error BadLayerRange(uint16 layerFrom, uint16 layerTo, uint16 layers);
        /// The rank isn't within 1 to `max`.
        error BadRank(uint16 rank, uint32 max);
        /// Alpha isn't within 1 to 65,535.
        error BadAlpha(uint32 alpha);

        // ---- Rule 2: the header
        /// The header is longer than it may be.
        error HeaderTooLong(uint64 length, uint64 max);
        /// There is no header in calldata, and the caller uploaded none.
        error HeaderNotUploaded(bytes32 headerHash);
        /// The header has another hash.
        error HeaderHashMismatch(bytes32 actual);
        /// Shorter than the length prefix.
        error HeaderTooShort(uint32 length);
        /// The length prefix doesn't say how many bytes follow.
        error HeaderLengthMismatch(uint64 declared, uint64 actual);
        /// The JSON doesn't begin with `{`.
        error HeaderNotObject();
        /// The JSON ends too soon.
        error HeaderTruncated();
        /// A byte above 0x7F.
        error HeaderNotAscii(uint32 at);
        /// A control character in a string.
        error HeaderControl(uint32 at);
        /// A backslash in a string.
        error HeaderEscape(uint32 at);
        /// White space outside strings, other than spaces behind the object.
        error HeaderWhitespace(uint32 at);
        /// Something other than spaces behind the object.
        error HeaderTrailing(uint32 at);
        /// Any other byte that the grammar doesn't allow there.
        error HeaderSyntax(uint32 at);
        /// A number with a sign, a leading zero, a fraction or an exponent.
        error HeaderNumber(uint32 at);
        /// An integer above 2^53.
        error HeaderNumberTooLarge(uint32 at);
        /// A key that its object has already.
        error HeaderDuplicateKey(uint32 at);
        /// A tensor's member that is none of the three.
        error HeaderUnknownKey(uint32 at);
        /// A tensor without one of the three.
        error HeaderMissingKey(uint32 at);
        /// A data type other than F32, F16 and BF16.
        error HeaderUnknownDtype(uint32 at);
        /// More than eight dimensions.
        error HeaderTooManyDimensions(uint32 at);
        /// Offsets that aren't two integers, the first at most the second.
        error HeaderBadOffsets(uint32 at);
        /// A name of DoRA's.
        error DoraUnsupported(uint32 at);
        /// A name of a rank or alpha pattern's, or ranks that differ among tensors.
        error RankPatternUnsupported(uint32 at);
        /// A name of `modules_to_save`, or a tensor that is no low-rank factor.
        error ModulesToSaveUnsupported(uint32 at);

        // ---- Rule 3: the tensors
        /// The declared data type isn't 0, 1 or 2.
        error BadDtype(uint8 dtype);
        /// A factor that the adapter doesn't declare.
        error TensorUnexpected(uint32 at);
        /// A factor that is declared and not there: 0 for A, 1 for B.
        error TensorMissing(uint16 layer, uint8 module, uint8 factor);
        /// A shape other than the declared one.
        error TensorShape(uint32 at, uint32 rows, uint32 columns);
        /// A data type other than the declared one.
        error TensorDtype(uint32 at);
        /// A range that isn't as long as shape and data type say.
        error TensorSize(uint32 at, uint64 expected, uint64 actual);
        /// A tensor that doesn't begin where the one before it ends.
        error TensorOffset(uint32 at, uint64 expected, uint64 actual);
        /// The tensors don't end where the data does.
        error DataLenMismatch(uint64 expected, uint64 actual);

        // ---- Rule 5: the data
        /// The chunks' size isn't within 2^12 to 2^20.
        error BadChunkSize(uint8 chunkLog2);

        // ---- Rule 6: training sets
        /// More than 16 training sets.
        error TooManyTrains(uint64 count);
        /// A training set that names neither a sketch set nor a span index.
        error TrainUnnamed(uint8 index);
        /// There is no such sketch set.
        error UnknownSketchSet(uint64 id);
        /// There is no such span index.
        error UnknownSpanIndex(uint64 id);
        /// What a training set names isn't sealed.
        error TrainNotSealed(uint8 index);
        /// What a training set names is of another datanet.
        error TrainDatanetMismatch(uint8 index, bytes32 subject);
        /// The weights don't sum to 10,000.
        error TrainWeights(uint32 sum);

        // ---- Rule 7: lineage
        /// More than eight parents.
        error TooManyParents(uint64 count);
        /// A parent that is listed before.
        error DuplicateParent(uint64 id);
        /// A parent that isn't registered.
        error UnknownParent(uint64 id);
        /// A parent that is disputed.
        error ParentDisputed(uint64 id);
        /// The parents' shares sum to more than 10,000.
        error ParentShares(uint32 sum);
        /// A parent of another base, or another base.
        error ParentBaseMismatch(uint64 id, uint64 base);
        /// Deeper than 16.
        error TooDeep(uint16 depth);
        /// More than `max` distinct ancestors.
        error TooManyAncestors(uint16 max);
        /// The distinct ancestors' absolute shares sum to more than 5,000.
        error AbsStackTooHigh(uint32 sum);

        // ---- Rule 8: commitment and signature
        /// The commitment stands already.
        error AlreadyCommitted(bytes32 h);
        /// There is no such commitment.
        error UnknownCommitment(bytes32 h);
        /// The commitment is less than two blocks old.
        error CommitmentTooYoung(uint64 committedAt);
        /// These bytes are registered under an earlier commitment, or this very one.
        error DuplicateWeights(uint64 id);
        /// The adapter names a developer other than the caller or signer, `developer`.
        error DeveloperMismatch(address developer);
        /// The deadline, seconds, has passed.
        error SignatureExpired(uint256 deadline);
        /// Not 65 bytes, `v` not 27 or 28, `s` in the upper half, or no signer.
        error BadSignature();
        /// The signer's nonce is another.
        error BadNonce(uint256 expected);

        // ---- Rule 9: supersession
        /// What is superseded isn't a registered adapter.
        error UnknownSuperseded(uint64 id);
        /// What is superseded is another developer's.
        error SupersededDeveloper(address developer);
        /// What is superseded has no lower version.
        error SupersededVersion(uint32 version);

        // ---- Uploads
        /// The next part of the header is another.
        error BadPart(uint32 expected);
        /// A part is empty or longer than a page.
        error BadChunkLength(uint64 length);
        /// That part didn't fill its page, so that none can follow it.
        error PartialPage(uint32 part);

        // ---- Status and reads
        /// There is neither a base nor an adapter of that number.
        error UnknownNode(uint64 id);
        /// It is a base.
        error NotAdapter(uint64 id);
        /// The status isn't 0, 1 or 2.
        error BadStatus(uint8 status);
    }
}
