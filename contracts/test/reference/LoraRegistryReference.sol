// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {IAttrSpan} from "../../src/interfaces/precompiles/IAttrSpan.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {LineageReference} from "./LineageReference.sol";
import {MerkleReference} from "./MerkleReference.sol";
import {SafetensorsReference} from "./SafetensorsReference.sol";
import {TensorsReference} from "./TensorsReference.sol";
import {LibBytes} from "solady/utils/LibBytes.sol";

/// @title LoraRegistryReference
/// @notice LORA in Solidity, to stand at its address in tests. It differs from the precompile in gas, in where uploaded headers
///         are kept (its own storage, not code pages), and in that nothing can be paused.
contract LoraRegistryReference is LineageReference {
    address private constant TIMELOCK = 0x4200000000000000000000000000000000001002;
    uint256 private constant NAME_BYTES_MAX = 64;
    uint16 private constant LAYERS_MAX = 512;
    uint256 private constant MODULES_MAX = 32;
    uint16 private constant RANK_MAX = 1024;
    uint32 private constant ALPHA_MAX = 65_535;
    uint64 private constant HEADER_MAX = 96 * 1024;
    uint64 private constant UPLOAD_MAX = 384 * 1024;
    uint256 private constant PAGE_BYTES = 24_575;
    uint256 private constant TRAINS_MAX = 16;
    uint256 private constant PARENTS_MAX = 8;
    uint16 private constant DEPTH_MAX = 16;
    uint16 private constant ANCESTORS_MAX = 256;
    uint256 private constant ABS_BPS_MAX = 5000;
    uint256 private constant BASIS_POINTS = 10_000;
    uint64 private constant COMMITMENT_AGE = 2;
    uint256 private constant S_MAX = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant REGISTER_TYPE =
        keccak256("RegisterAdapter(bytes32 adapterHash,bytes32 headerHash,uint256 nonce,uint256 deadline)");

    struct Commitment {
        uint64 number;
        uint64 blockNumber;
    }

    struct Weights {
        uint64 id;
        uint64 commitment;
    }

    struct Upload {
        uint32 parts;
        bytes header;
    }

    uint64 private lastId;
    uint64 private lastCommitment;
    mapping(uint64 id => bytes) private bases;
    mapping(uint64 id => bytes) private adapters;
    mapping(uint64 base => uint64[]) private adaptersByBase;
    mapping(bytes32 h => Commitment) private commitments;
    mapping(bytes32 headerHash => mapping(bytes32 dataRoot => Weights)) private weights;
    mapping(address uploader => mapping(bytes32 headerHash => Upload)) private uploads;
    /// @inheritdoc ILoraRegistry
    mapping(address developer => uint256) public nonces;

    /// @inheritdoc ILoraRegistry
    function registerBase(Base calldata base) external returns (uint64 id) {
        if (base.absBps > 0 && msg.sender != TIMELOCK) revert Unauthorized(msg.sender);
        _checkBase(base);
        id = ++lastId;
        Node storage node = nodes[id];
        (node.exists, node.absBps, node.base, node.owner) = (true, base.absBps, id, msg.sender);
        bases[id] = abi.encode(base);
        emit BaseRegistered(id, base.configHash);
    }

    /// @inheritdoc ILoraRegistry
    function commitAdapter(bytes32 h) external {
        if (commitments[h].number != 0) revert AlreadyCommitted(h);
        commitments[h] = Commitment(++lastCommitment, uint64(block.number));
    }

    /// @inheritdoc ILoraRegistry
    function uploadHeader(bytes32 headerHash, uint32 part, bytes calldata chunk) external {
        if (chunk.length == 0 || chunk.length > PAGE_BYTES) revert BadChunkLength(uint64(chunk.length));
        if (part == 0) delete uploads[msg.sender][headerHash];
        Upload storage upload = uploads[msg.sender][headerHash];
        if (part != upload.parts) revert BadPart(upload.parts);
        if (upload.header.length % PAGE_BYTES != 0) revert PartialPage(part - 1);
        upload.header = bytes.concat(upload.header, chunk);
        if (upload.header.length > UPLOAD_MAX) revert HeaderTooLong(uint64(upload.header.length), UPLOAD_MAX);
        upload.parts++;
    }

    /// @inheritdoc ILoraRegistry
    function registerAdapter(Adapter calldata adapter, bytes calldata header, bytes32 salt)
        external
        returns (uint64 id)
    {
        _requireBase(adapter.base);
        if (adapter.developer != msg.sender) revert DeveloperMismatch(msg.sender);
        return _register(adapter, header, salt);
    }

    /// @inheritdoc ILoraRegistry
    function registerAdapterFor(
        Adapter calldata adapter,
        bytes calldata header,
        bytes32 salt,
        uint256 nonce,
        uint256 deadline,
        bytes calldata sig
    ) external returns (uint64 id) {
        _requireBase(adapter.base);
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        bytes32 digest = digestOf(block.chainid, keccak256(abi.encode(adapter)), adapter.headerHash, nonce, deadline);
        _useNonce(_signer(digest, sig), adapter.developer, nonce);
        return _register(adapter, header, salt);
    }

    /// @inheritdoc ILoraRegistry
    function setStatus(uint64 id, uint8 status) external {
        Node storage node = _existing(id);
        address allowed = status == 2 || node.status == 2 ? TIMELOCK : node.owner;
        if (msg.sender != allowed) revert Unauthorized(msg.sender);
        if (status > 2) revert BadStatus(status);
        node.status = status;
        emit StatusChanged(id, status);
    }

    /// @inheritdoc ILoraRegistry
    function verifyChunk(uint64 id, uint64 idx, bytes calldata chunk, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        if (_existing(id).base == id) revert NotAdapter(id);
        Adapter memory adapter = abi.decode(adapters[id], (Adapter));
        uint256 size = 1 << adapter.chunkLog2;
        uint256 chunks = (adapter.dataLen + size - 1) / size;
        if (idx >= chunks) return false;
        uint256 left = adapter.dataLen - idx * size;
        if (chunk.length != (left < size ? left : size)) return false;
        return MerkleReference.verify(adapter.dataRoot, chunks, idx, MerkleReference.leaf(idx, chunk), proof);
    }

    /// @inheritdoc ILoraRegistry
    function get(uint64 id)
        external
        view
        returns (Adapter memory adapter, uint64 params, uint8 depth, uint16 ancestors)
    {
        Node storage node = _existing(id);
        if (node.base != id) {
            adapter = abi.decode(adapters[id], (Adapter));
        } else {
            (adapter.base, adapter.developer, adapter.absBps) = (id, node.owner, node.absBps);
            adapter.licence = abi.decode(bases[id], (Base)).licence;
        }
        return (adapter, node.params, node.depth, node.ancestors);
    }

    /// @inheritdoc ILoraRegistry
    function statusOf(uint64 id) external view returns (uint8) {
        return _existing(id).status;
    }

    /// @inheritdoc ILoraRegistry
    function byBase(uint64 base, uint64 cursor, uint16 n) external view returns (uint64[] memory ids) {
        if (_existing(base).base != base) revert UnknownBase(base);
        uint64[] storage all = adaptersByBase[base];
        uint256 left = cursor < all.length ? all.length - cursor : 0;
        ids = new uint64[](left < n ? left : n);
        for (uint256 i = 0; i < ids.length; i++) {
            ids[i] = all[cursor + i];
        }
    }

    /// @notice Nothing can be paused here.
    function setPaused(bytes4 selector, uint64) external pure {
        revert NotPausable(selector);
    }

    /// @notice What a developer signs, by EIP-712.
    function digestOf(uint256 chainId, bytes32 adapterHash, bytes32 headerHash, uint256 nonce, uint256 deadline)
        public
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPE, keccak256("LoraRegistry"), keccak256("1"), chainId, address(NativePrecompiles.LORA))
        );
        bytes32 content = keccak256(abi.encode(REGISTER_TYPE, adapterHash, headerHash, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }

    function _requireBase(uint64 id) private view {
        if (id == 0 || nodes[id].base != id) revert UnknownBase(id);
    }

    function _checkBase(Base calldata base) private pure {
        if (base.namePrefix.length > NAME_BYTES_MAX || !_isName(base.namePrefix)) revert BadPrefix();
        if (base.layers == 0 || base.layers > LAYERS_MAX) revert BadLayers(base.layers);
        if (base.modules.length == 0 || base.modules.length > MODULES_MAX) {
            revert BadModuleCount(uint64(base.modules.length));
        }
        for (uint256 i = 0; i < base.modules.length; i++) {
            Module calldata module = base.modules[i];
            bool named = module.path.length > 0 && module.path.length <= NAME_BYTES_MAX && _isName(module.path);
            if (!named || module.inDim == 0 || module.outDim == 0) revert BadModule(uint8(i));
            for (uint256 j = 0; j < i; j++) {
                if (LibBytes.eq(base.modules[j].path, module.path)) revert DuplicateModule(uint8(i));
            }
        }
    }

    function _isName(bytes calldata name) private pure returns (bool) {
        for (uint256 i = 0; i < name.length; i++) {
            if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '"' || name[i] == "\\") return false;
        }
        return true;
    }

    function _signer(bytes32 digest, bytes calldata sig) private pure returns (address signer) {
        if (sig.length != 65) revert BadSignature();
        (bytes32 r, bytes32 s) = (bytes32(sig[0:32]), bytes32(sig[32:64]));
        uint8 v = uint8(sig[64]);
        if ((v != 27 && v != 28) || uint256(s) > S_MAX) revert BadSignature();
        signer = ecrecover(digest, v, r, s);
        if (signer == address(0)) revert BadSignature();
    }

    function _useNonce(address signer, address developer, uint256 nonce) private {
        if (developer != signer) revert DeveloperMismatch(signer);
        if (nonce != nonces[signer]) revert BadNonce(nonces[signer]);
        nonces[signer]++;
    }

    function _register(Adapter calldata adapter, bytes calldata header, bytes32 salt) private returns (uint64 id) {
        uint64 params = _checkContent(adapter, header);
        if (adapter.chunkLog2 < 12 || adapter.chunkLog2 > 20) revert BadChunkSize(adapter.chunkLog2);
        _checkTrains(adapter.train);
        id = lastId + 1;
        _checkParents(adapter, id);
        uint64 other = _checkCommitment(adapter, salt, id);
        _checkSuperseded(adapter);
        lastId = id;
        nodes[id].params = params;
        nodes[id].owner = adapter.developer;
        adapters[id] = abi.encode(adapter);
        adaptersByBase[adapter.base].push(id);
        _announce(adapter, id, params);
        if (other != 0) {
            nodes[other].status = 2;
            emit StatusChanged(other, 2);
        }
    }

    function _announce(Adapter calldata adapter, uint64 id, uint64 params) private {
        emit AdapterRegistered(id, adapter.base, adapter.developer, adapter.headerHash, adapter.dataRoot, params);
        for (uint256 i = 0; i < adapter.parents.length; i++) {
            emit LineageEdge(id, adapter.parents[i].id, adapter.parents[i].relBps);
        }
        for (uint256 i = 0; i < adapter.train.length; i++) {
            Train calldata train = adapter.train[i];
            nodes[id].train.push(train);
            emit TrainedOn(id, train.datanet, train.sketchSet, train.weightBps);
        }
    }

    /// @notice Targets, header and tensors; the number of parameters.
    function _checkContent(Adapter calldata adapter, bytes calldata header) private view returns (uint64 params) {
        Base memory base = abi.decode(bases[adapter.base], (Base));
        TensorsReference.Declared memory declared = _declared(adapter, base);
        SafetensorsReference.Tensor[] memory tensors = SafetensorsReference.parse(_header(adapter.headerHash, header));
        if (adapter.dtype > 2) revert BadDtype(adapter.dtype);
        TensorsReference.check(tensors, declared);
        for (uint256 i = 0; i < declared.targets.length; i++) {
            params += uint64(declared.targets[i].inDim + declared.targets[i].outDim);
        }
        params *= uint64(adapter.layerTo - adapter.layerFrom) * adapter.rank;
    }

    function _declared(Adapter calldata adapter, Base memory base)
        private
        pure
        returns (TensorsReference.Declared memory declared)
    {
        uint256 mask = adapter.moduleMask;
        if (mask == 0 || mask >> base.modules.length != 0) {
            revert BadModuleMask(uint32(mask), uint8(base.modules.length));
        }
        if (adapter.layerFrom >= adapter.layerTo || adapter.layerTo > base.layers) {
            revert BadLayerRange(adapter.layerFrom, adapter.layerTo, base.layers);
        }
        if (adapter.rank == 0 || adapter.rank > RANK_MAX) revert BadRank(adapter.rank, RANK_MAX);
        TensorsReference.Target[] memory targets = new TensorsReference.Target[](base.modules.length);
        uint256 count;
        for (uint256 i = 0; i < base.modules.length; i++) {
            if (mask >> i & 1 == 0) continue;
            Module memory module = base.modules[i];
            uint32 least = module.inDim < module.outDim ? module.inDim : module.outDim;
            if (adapter.rank > least) revert BadRank(adapter.rank, least);
            targets[count++] = TensorsReference.Target(uint8(i), module.path, module.inDim, module.outDim);
        }
        assembly ("memory-safe") {
            mstore(targets, count)
        }
        if (adapter.alpha == 0 || adapter.alpha > ALPHA_MAX) revert BadAlpha(adapter.alpha);
        return TensorsReference.Declared(
            base.namePrefix, adapter.layerFrom, adapter.layerTo, targets, adapter.rank, adapter.dtype, adapter.dataLen
        );
    }

    /// @notice The header of a registration: in calldata, or uploaded by the caller.
    function _header(bytes32 headerHash, bytes calldata given) private view returns (bytes memory header) {
        header = given;
        if (given.length == 0) {
            Upload storage upload = uploads[msg.sender][headerHash];
            if (upload.parts == 0) revert HeaderNotUploaded(headerHash);
            header = upload.header;
        } else if (given.length > HEADER_MAX) {
            revert HeaderTooLong(uint64(given.length), HEADER_MAX);
        }
        if (keccak256(header) != headerHash) revert HeaderHashMismatch(keccak256(header));
    }

    function _checkTrains(Train[] calldata train) private view {
        if (train.length > TRAINS_MAX) revert TooManyTrains(uint64(train.length));
        uint32 sum;
        for (uint8 i = 0; i < train.length; i++) {
            if (train[i].sketchSet == 0 && train[i].spanIndex == 0) revert TrainUnnamed(i);
            if (train[i].sketchSet != 0) _checkSketchSet(train[i], i);
            if (train[i].spanIndex != 0) _checkSpanIndex(train[i], i);
            sum += train[i].weightBps;
        }
        if (train.length > 0 && sum != BASIS_POINTS) revert TrainWeights(sum);
    }

    function _checkSketchSet(Train calldata train, uint8 index) private view {
        try NativePrecompiles.SKETCH.header(train.sketchSet) returns (IAttrSketch.SetHeader memory header) {
            if (header.sealedBlock == 0) revert TrainNotSealed(index);
            if (header.subject != train.datanet) revert TrainDatanetMismatch(index, header.subject);
        } catch {
            revert UnknownSketchSet(train.sketchSet);
        }
    }

    function _checkSpanIndex(Train calldata train, uint8 index) private view {
        try NativePrecompiles.SPAN.header(train.spanIndex) returns (IAttrSpan.IndexHeader memory header) {
            if (header.sealedBlock == 0) revert TrainNotSealed(index);
            if (header.datanet != train.datanet) revert TrainDatanetMismatch(index, header.datanet);
        } catch {
            revert UnknownSpanIndex(train.spanIndex);
        }
    }

    /// @notice Checks the parents, and records the node's place in the lineage.
    function _checkParents(Adapter calldata adapter, uint64 id) private {
        Share[] calldata parents = adapter.parents;
        if (parents.length > PARENTS_MAX) revert TooManyParents(uint64(parents.length));
        uint32 sum;
        for (uint256 i = 0; i < parents.length; i++) {
            for (uint256 j = 0; j < i; j++) {
                if (parents[j].id == parents[i].id) revert DuplicateParent(parents[i].id);
            }
            if (!nodes[parents[i].id].exists || parents[i].id >= id) revert UnknownParent(parents[i].id);
            if (nodes[parents[i].id].status == 2) revert ParentDisputed(parents[i].id);
            sum += parents[i].relBps;
        }
        if (sum > BASIS_POINTS) revert ParentShares(sum);
        Node storage node = nodes[id];
        (node.exists, node.absBps, node.base) = (true, adapter.absBps, adapter.base);
        uint8 depth;
        for (uint256 i = 0; i < parents.length; i++) {
            Node storage parent = nodes[parents[i].id];
            if (parent.base != adapter.base) revert ParentBaseMismatch(parents[i].id, parent.base);
            // A base's depth is 0.
            if (parent.depth > depth) depth = parent.depth;
            node.parents.push(parents[i]);
        }
        if (depth + 1 > DEPTH_MAX) revert TooDeep(depth + 1);
        node.depth = depth + 1;
        _checkAncestors(node, _lineage(id));
    }

    function _checkAncestors(Node storage node, uint64[] memory ids) private {
        uint256 ancestors = ids.length - 1;
        if (ancestors > ANCESTORS_MAX) revert TooManyAncestors(ANCESTORS_MAX);
        uint32 sum;
        for (uint256 i = 0; i < ancestors; i++) {
            sum += nodes[ids[i]].absBps;
        }
        if (sum > ABS_BPS_MAX) revert AbsStackTooHigh(sum);
        node.ancestors = uint16(ancestors);
    }

    /// @notice Checks the commitment and records whose the weights are; the adapter that had them under a later one, or 0.
    function _checkCommitment(Adapter calldata adapter, bytes32 salt, uint64 id) private returns (uint64 other) {
        bytes32 h = keccak256(abi.encode(adapter.developer, adapter.headerHash, adapter.dataRoot, salt));
        Commitment memory commitment = commitments[h];
        if (commitment.number == 0) revert UnknownCommitment(h);
        if (block.number < commitment.blockNumber + COMMITMENT_AGE) revert CommitmentTooYoung(commitment.blockNumber);
        Weights storage holder = weights[adapter.headerHash][adapter.dataRoot];
        other = holder.id;
        if (other != 0 && holder.commitment <= commitment.number) revert DuplicateWeights(other);
        (holder.id, holder.commitment) = (id, commitment.number);
    }

    function _checkSuperseded(Adapter calldata adapter) private view {
        uint64 id = adapter.supersedes;
        if (id == 0) return;
        if (!nodes[id].exists || nodes[id].base == id || id > lastId) revert UnknownSuperseded(id);
        Adapter memory older = abi.decode(adapters[id], (Adapter));
        if (older.developer != adapter.developer) revert SupersededDeveloper(older.developer);
        if (older.version >= adapter.version) revert SupersededVersion(older.version);
    }
}
