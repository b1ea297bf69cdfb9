// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {INativePrecompile} from "./INativePrecompile.sol";
import {IPausable} from "./IPausable.sol";

/// @title ILoraRegistry
/// @notice LORA, at 0x…0A04: the registry of base models and LoRA adapters, their lineage, and the royalties along it. Ids
///         count bases and adapters together, from 1; a parent's id is below its child's.
///
///         Checked are the shape of an adapter, tensor by tensor from the header of its safetensors file, and who committed to
///         its bytes first. That the weights were trained on anything is not proven.
interface ILoraRegistry is INativePrecompile, IPausable {
    /// @notice A module of each of a base's layers.
    /// @param path   Such as "self_attn.q_proj": at most 64 ASCII bytes.
    /// @param inDim  Columns of lora_A.
    /// @param outDim Rows of lora_B.
    struct Module {
        bytes path;
        uint32 inDim;
        uint32 outDim;
    }

    /// @notice A base model.
    /// @param nameHash   Hash of its name.
    /// @param configHash Hash of its configuration.
    /// @param namePrefix Of its tensors' names, before the layer's number: at most 64 ASCII bytes.
    /// @param layers     1 to 512.
    /// @param modules    At most 32.
    /// @param licence    Hash of its licence.
    /// @param absBps     Absolute share of every payment for a descendant; above 0 only from the parameter timelock.
    struct Base {
        bytes32 nameHash;
        bytes32 configHash;
        bytes namePrefix;
        uint16 layers;
        Module[] modules;
        bytes32 licence;
        uint16 absBps;
    }

    /// @notice A parent.
    /// @param id     Of an adapter on the same base, or the base.
    /// @param relBps Basis points of what flows into the child.
    struct Share {
        uint64 id;
        uint16 relBps;
    }

    /// @notice A declared training set.
    /// @param datanet   The datanet's space.
    /// @param sketchSet A sealed SKETCH set with that subject, or 0 if there is a span index.
    /// @param spanIndex A sealed SPAN index of that datanet, or 0 if there is a sketch set.
    /// @param weightBps Its weight; all together 10000.
    struct Train {
        bytes32 datanet;
        uint64 sketchSet;
        uint64 spanIndex;
        uint16 weightBps;
    }

    /// @notice An adapter.
    /// @param base       Its base's id.
    /// @param rank       1 to 1024, at most either dimension of each target module.
    /// @param alpha      1 to 65535.
    /// @param moduleMask Bit i: module i of the base is a target.
    /// @param layerFrom  First layer.
    /// @param layerTo    Layer after the last.
    /// @param dtype      0 F32, 1 F16, 2 BF16.
    /// @param headerHash keccak256 of the safetensors header, length prefix included.
    /// @param dataRoot   Merkle root over the data section's chunks.
    /// @param dataLen    Bytes of the data section.
    /// @param chunkLog2  Base-2 logarithm of a chunk's size, 12 to 20.
    /// @param train      At most 16.
    /// @param parents    At most 8.
    /// @param licence    Hash of its licence.
    /// @param absBps     Absolute share of every payment for a descendant.
    /// @param developer  Who registers it and is paid.
    /// @param version    Of the developer's own count.
    /// @param supersedes An older adapter of the developer, or 0.
    struct Adapter {
        uint64 base;
        uint16 rank;
        uint32 alpha;
        uint32 moduleMask;
        uint16 layerFrom;
        uint16 layerTo;
        uint8 dtype;
        bytes32 headerHash;
        bytes32 dataRoot;
        uint64 dataLen;
        uint8 chunkLog2;
        Train[] train;
        Share[] parents;
        bytes32 licence;
        uint16 absBps;
        address developer;
        uint32 version;
        uint64 supersedes;
    }

    /// @notice A base was registered.
    event BaseRegistered(uint64 indexed id, bytes32 indexed configHash);

    /// @notice An adapter was registered, with this number of parameters.
    event AdapterRegistered(
        uint64 indexed id,
        uint64 indexed base,
        address indexed developer,
        bytes32 headerHash,
        bytes32 dataRoot,
        uint64 params
    );

    /// @notice An adapter has this parent.
    event LineageEdge(uint64 indexed child, uint64 indexed parent, uint16 relBps);

    /// @notice An adapter declares this training set.
    event TrainedOn(uint64 indexed id, bytes32 indexed datanet, uint64 sketchSet, uint16 weightBps);

    /// @notice The status is now 0 active, 1 deprecated or 2 disputed.
    event StatusChanged(uint64 indexed id, uint8 status);

    /* ERRORS: BASES */

    /// @notice No base has this id.
    error UnknownBase(uint64 id);
    /// @notice The prefix is too long or isn't plain ASCII.
    error BadPrefix();
    /// @notice The base has no layers, or more than 512.
    error BadLayers(uint16 layers);
    /// @notice The base has no modules, or more than 32.
    error BadModuleCount(uint64 count);
    /// @notice This module's path or dimensions aren't allowed.
    error BadModule(uint8 index);
    /// @notice This module's path is another's.
    error DuplicateModule(uint8 index);

    /* ERRORS: TARGETS */

    /// @notice The mask is empty or names a module that the base hasn't.
    error BadModuleMask(uint32 mask, uint8 modules);
    /// @notice The layers are none, or beyond the base's.
    error BadLayerRange(uint16 layerFrom, uint16 layerTo, uint16 layers);
    /// @notice The rank is 0 or above `max`.
    error BadRank(uint16 rank, uint32 max);
    /// @notice Alpha isn't within 1 to 65535.
    error BadAlpha(uint32 alpha);

    /* ERRORS: THE HEADER. `offset` is of a byte in it. */

    /// @notice The header is longer than `max` bytes.
    error HeaderTooLong(uint64 length, uint64 max);
    /// @notice No header with this hash was uploaded whole.
    error HeaderNotUploaded(bytes32 headerHash);
    /// @notice The header's hash is another.
    error HeaderHashMismatch(bytes32 actual);
    /// @notice The header has no room for its length.
    error HeaderTooShort(uint32 length);
    /// @notice The header's length isn't what it says.
    error HeaderLengthMismatch(uint64 declared, uint64 actual);
    /// @notice The header doesn't begin with an object.
    error HeaderNotObject();
    /// @notice The header ends within its object.
    error HeaderTruncated();
    /// @notice A byte beyond ASCII.
    error HeaderNotAscii(uint32 offset);
    /// @notice A control character.
    error HeaderControl(uint32 offset);
    /// @notice An escape in a string.
    error HeaderEscape(uint32 offset);
    /// @notice White space outside of strings.
    error HeaderWhitespace(uint32 offset);
    /// @notice Something other than spaces behind the object.
    error HeaderTrailing(uint32 offset);
    /// @notice Not the JSON that is allowed.
    error HeaderSyntax(uint32 offset);
    /// @notice A number with a sign, a leading zero, a fraction or an exponent.
    error HeaderNumber(uint32 offset);
    /// @notice A number above 2^53.
    error HeaderNumberTooLarge(uint32 offset);
    /// @notice A key that its object has already.
    error HeaderDuplicateKey(uint32 offset);
    /// @notice A key that a tensor doesn't have.
    error HeaderUnknownKey(uint32 offset);
    /// @notice A tensor without one of dtype, shape and data_offsets.
    error HeaderMissingKey(uint32 offset);
    /// @notice A data type that adapters don't have.
    error HeaderUnknownDtype(uint32 offset);
    /// @notice A shape of more than eight dimensions.
    error HeaderTooManyDimensions(uint32 offset);
    /// @notice Offsets that aren't two, or descend.
    error HeaderBadOffsets(uint32 offset);
    /// @notice A name of DoRA's.
    error DoraUnsupported(uint32 offset);
    /// @notice A name of a rank or alpha pattern's, or tensors whose ranks differ from each other.
    error RankPatternUnsupported(uint32 offset);
    /// @notice A module saved whole: a name of `modules_to_save`, or a tensor that is no low-rank factor.
    error ModulesToSaveUnsupported(uint32 offset);

    /* ERRORS: TENSORS */

    /// @notice The data type isn't 0, 1 or 2.
    error BadDtype(uint8 dtype);
    /// @notice A tensor that the targets don't have.
    error TensorUnexpected(uint32 offset);
    /// @notice A target's factor (0 lora_A, 1 lora_B) is missing.
    error TensorMissing(uint16 layer, uint8 module, uint8 factor);
    /// @notice The tensor hasn't this shape.
    error TensorShape(uint32 offset, uint32 rows, uint32 columns);
    /// @notice The tensor hasn't the adapter's data type.
    error TensorDtype(uint32 offset);
    /// @notice The tensor hasn't this many bytes.
    error TensorSize(uint32 offset, uint64 expected, uint64 actual);
    /// @notice The tensor doesn't begin where the one before it ends.
    error TensorOffset(uint32 offset, uint64 expected, uint64 actual);
    /// @notice The data section hasn't this length.
    error DataLenMismatch(uint64 expected, uint64 actual);
    /// @notice `chunkLog2` isn't within 12 to 20.
    error BadChunkSize(uint8 chunkLog2);

    /* ERRORS: TRAINING SETS */

    /// @notice More than 16 training sets.
    error TooManyTrains(uint64 count);
    /// @notice This training set names neither a sketch set nor a span index.
    error TrainUnnamed(uint8 index);
    /// @notice SKETCH has no such set.
    error UnknownSketchSet(uint64 id);
    /// @notice SPAN has no such index.
    error UnknownSpanIndex(uint64 id);
    /// @notice This training set's sketch set or index isn't sealed.
    error TrainNotSealed(uint8 index);
    /// @notice This training set's sketch set or index is about something else.
    error TrainDatanetMismatch(uint8 index, bytes32 subject);
    /// @notice The weights don't add up to 10000.
    error TrainWeights(uint32 sum);

    /* ERRORS: LINEAGE */

    /// @notice More than 8 parents.
    error TooManyParents(uint64 count);
    /// @notice A parent listed twice.
    error DuplicateParent(uint64 id);
    /// @notice No parent has this id.
    error UnknownParent(uint64 id);
    /// @notice The parent is disputed.
    error ParentDisputed(uint64 id);
    /// @notice The relative shares add up to more than 10000.
    error ParentShares(uint32 sum);
    /// @notice The parent has another base, or is another base.
    error ParentBaseMismatch(uint64 id, uint64 base);
    /// @notice The depth would be above 16.
    error TooDeep(uint16 depth);
    /// @notice More than 256 distinct ancestors.
    error TooManyAncestors(uint16 max);
    /// @notice The distinct ancestors' absolute shares add up to more than 5000.
    error AbsStackTooHigh(uint32 sum);

    /* ERRORS: COMMITMENT AND SIGNATURE */

    /// @notice The commitment is there already.
    error AlreadyCommitted(bytes32 h);
    /// @notice Nobody committed to this.
    error UnknownCommitment(bytes32 h);
    /// @notice The commitment is less than 2 blocks old.
    error CommitmentTooYoung(uint64 committedAt);
    /// @notice These bytes were registered as this adapter, under an earlier commitment.
    error DuplicateWeights(uint64 id);
    /// @notice The adapter names another developer than the caller or signer.
    error DeveloperMismatch(address developer);
    /// @notice The signature's deadline, in seconds, has passed.
    error SignatureExpired(uint256 deadline);
    /// @notice Not 65 bytes, v neither 27 nor 28, a high s, or no signer.
    error BadSignature();
    /// @notice The developer's next nonce is `expected`.
    error BadNonce(uint256 expected);

    /* ERRORS: SUPERSESSION, UPLOADS, STATUS, READS */

    /// @notice No adapter has the superseded id.
    error UnknownSuperseded(uint64 id);
    /// @notice The superseded adapter is this developer's.
    error SupersededDeveloper(address developer);
    /// @notice The version isn't above the superseded adapter's.
    error SupersededVersion(uint32 version);
    /// @notice The next part to upload is `expected`.
    error BadPart(uint32 expected);
    /// @notice The chunk is empty, or longer than a page.
    error BadChunkLength(uint64 length);
    /// @notice The part before this one didn't fill its page, so it was the last.
    error PartialPage(uint32 part);
    /// @notice Nothing has this id.
    error UnknownNode(uint64 id);
    /// @notice This is a base.
    error NotAdapter(uint64 id);
    /// @notice The status isn't 0, 1 or 2.
    error BadStatus(uint8 status);

    /* REGISTRATION */

    /// @notice Registers a base. With an absolute share the parameter timelock only, who is then its payee.
    /// @dev    Emits `BaseRegistered`.
    function registerBase(Base calldata base) external returns (uint64 id);

    /// @notice Commits to an adapter, at least 2 blocks before it is registered.
    /// @param h keccak256(abi.encode(developer, headerHash, dataRoot, salt)).
    function commitAdapter(bytes32 h) external;

    /// @notice Uploads a header of more than 96 KiB, up to 384 KiB, part by part.
    /// @param headerHash keccak256 of the whole header.
    /// @param part       From 0, in order; all but the last fill a page of 24,575 bytes.
    function uploadHeader(bytes32 headerHash, uint32 part, bytes calldata chunk) external;

    /// @notice Registers an adapter; the caller is its developer.
    /// @dev    Emits `AdapterRegistered`, `LineageEdge` for each parent, `TrainedOn` for each training set; and `StatusChanged`
    ///         for an adapter of the same bytes under a later commitment, which becomes disputed. It stops exact copies only.
    /// @param header The safetensors header, u64le length first; empty if it was uploaded.
    /// @param salt   Of the commitment.
    function registerAdapter(Adapter calldata adapter, bytes calldata header, bytes32 salt) external returns (uint64 id);

    /// @notice Registers an adapter for the developer that signed it, by EIP-712: RegisterAdapter(bytes32 adapterHash,bytes32
    ///         headerHash,uint256 nonce,uint256 deadline) in the domain ("LoraRegistry", "1", chain id, this address);
    ///         adapterHash is keccak256(abi.encode(adapter)).
    /// @param nonce    The developer's next.
    /// @param deadline Seconds.
    /// @param sig      r ‖ s ‖ v, low s, v 27 or 28.
    function registerAdapterFor(
        Adapter calldata adapter,
        bytes calldata header,
        bytes32 salt,
        uint256 nonce,
        uint256 deadline,
        bytes calldata sig
    ) external returns (uint64 id);

    /// @notice Sets a status. 0 and 1: the developer (of a base its payee); 2 and its undoing: the parameter timelock.
    /// @dev    Emits `StatusChanged`.
    function setStatus(uint64 id, uint8 status) external;

    /* READING; never paused */

    /// @notice The next nonce of a developer's signature.
    function nonces(address developer) external view returns (uint256);

    /// @notice Whether `chunk` is the one with number `idx` of an adapter's data.
    /// @dev    600 gas + slots + 6 a word + 42 a sibling.
    function verifyChunk(uint64 id, uint64 idx, bytes calldata chunk, bytes32[] calldata proof)
        external
        view
        returns (bool);

    /// @notice An adapter or base, its parameters, depth (of a base 0) and number of distinct ancestors.
    function get(uint64 id) external view returns (Adapter memory adapter, uint64 params, uint8 depth, uint16 ancestors);

    /// @notice Status of an adapter or base: 0 active, 1 deprecated, 2 disputed.
    function statusOf(uint64 id) external view returns (uint8);

    /// @notice Whether `anc` is a proper ancestor of `node`.
    function isAncestor(uint64 node, uint64 anc) external view returns (bool);

    /// @notice The distinct ancestors, ascending; the base is one.
    function lineage(uint64 id) external view returns (uint64[] memory);

    /// @notice At most `n` adapters of a base from the `cursor`-th on, in order of registration.
    function byBase(uint64 base, uint64 cursor, uint16 n) external view returns (uint64[] memory);

    /// @notice The datanets behind an adapter, ascending, with their parts of a million; what declares none is under datanet 0.
    function flattenDatanets(uint64 id) external view returns (bytes32[] memory datanets, uint32[] memory ppm);

    /// @notice Divides a payment for `node` among it and its distinct ancestors: each ancestor gets ⌊amount·absBps/10⁴⌋; the
    ///         rest flows from the node down, each parent getting ⌊inflow·relBps/10⁴⌋, each node keeping the residue.
    /// @return ids     Ascending.
    /// @return amounts They add up to `amount` exactly.
    function royaltyFlow(uint64 node, uint256 amount)
        external
        view
        returns (uint64[] memory ids, uint256[] memory amounts);
}
