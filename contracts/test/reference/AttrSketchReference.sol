// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {ContributionsReference} from "./ContributionsReference.sol";
import {InfluenceReference} from "./InfluenceReference.sol";

/// @title AttrSketchReference
/// @notice SKETCH in Solidity, to stand at its address in tests. It differs from the precompile in gas, in where rows are kept
///         (its own storage, not code pages), and in the block hash that seeds are drawn from (BLOCKHASH, not EIP-2935).
contract AttrSketchReference is ContributionsReference {
    uint256 private constant PAGE_BYTES = 24_575;
    uint256 private constant PREFIX_BYTES = 6;
    uint32 private constant ROWS_MAX = 4096;
    uint32 private constant CLUSTERS_MAX = 1024;
    uint256 private constant BATCH_MAX = 16;
    uint256 private constant SHIFT_MAX = 62;
    int256 private constant WITNESS_MAX = 16_383;
    uint8 private constant K_MAX = 64;
    uint256 private constant TOLERANCE = 256;
    uint256 private constant SQUARE_MAX = 1 << 120;

    struct Set {
        SetHeader header;
        bool drawn;
        uint32 atCap;
        uint32 clusters;
        uint32 lastCluster;
        bytes[] records;
    }

    struct Query {
        int256[] q;
        int256[] x;
        uint256 shift;
    }

    uint64 private setCount;
    mapping(uint64 setId => Set) internal sets;

    /// @inheritdoc IAttrSketch
    function openSet(
        bytes32 subject,
        uint16 dim,
        uint8 kind,
        uint32 normCap2,
        int8 fracBits,
        uint8 shift,
        uint8 sparsity,
        bytes32 dataRoot
    ) external whenNotPaused returns (uint64 setId) {
        if (dim != 64 && dim != 128 && dim != 256 && dim != 512 && dim != 1024) revert BadDim(dim);
        if (kind > 1) revert BadKind(kind);
        if (sparsity != 0 && sparsity != 4 && sparsity != 8) revert BadSparsity(sparsity);
        setId = ++setCount;
        SetHeader storage opened = sets[setId].header;
        opened.subject = subject;
        opened.owner = msg.sender;
        opened.dim = dim;
        opened.kind = kind;
        opened.normCap2 = normCap2;
        opened.fracBits = fracBits;
        opened.shift = shift;
        opened.sparsity = sparsity;
        opened.dataRoot = dataRoot;
        opened.seedBlock = uint64(block.number);
        emit SetOpened(setId, subject, msg.sender);
    }

    /// @inheritdoc IAttrSketch
    function drawSeed(uint64 setId) external whenNotPaused returns (uint64 seed) {
        Set storage set = _owned(setId);
        uint64 start = set.header.seedBlock;
        if (block.number < start + 2 || block.number > start + 250) revert SeedWindow(start + 2, start + 250);
        bytes32 hash = blockhash(start + 1);
        if (hash == 0) revert NoBlockHash(start + 1);
        seed = uint64(bytes8(keccak256(abi.encodePacked(hash, setId))));
        (set.header.seed, set.drawn) = (seed, true);
    }

    /// @inheritdoc IAttrSketch
    function appendRows(uint64 setId, bytes calldata rows) external whenNotPaused returns (uint32 firstRow) {
        Set storage set = _writable(setId);
        firstRow = set.header.rows;
        uint256 length = PREFIX_BYTES + set.header.dim;
        uint32 whole = uint32(rows.length / length);
        if (whole == 0 || rows.length % length != 0) revert BadRow(firstRow + whole);
        if (firstRow + whole > ROWS_MAX) revert TooManyRows(firstRow + whole, ROWS_MAX);
        if (firstRow % (PAGE_BYTES / length) != 0) revert PartialPage(setId);
        for (uint256 i = 0; i < whole; i++) {
            _append(set, rows[i * length:(i + 1) * length]);
        }
        set.header.digest = keccak256(abi.encodePacked(set.header.digest, keccak256(rows)));
        emit RowsAppended(setId, firstRow, whole, set.header.digest);
    }

    /// @inheritdoc IAttrSketch
    function seal(uint64 setId) external whenNotPaused {
        Set storage set = _writable(setId);
        SetHeader storage sealing = set.header;
        if (sealing.rows == 0) revert EmptySet(setId);
        uint32 needed = (sealing.rows + 1) / 2;
        if (sealing.kind == 0 && set.atCap < needed) revert CapTooLoose(set.atCap, needed);
        sealing.sealedBlock = uint64(block.number);
        sealing.lambda = (sealing.sumNorm2 + 1023) / 1024;
        if (sealing.lambda == 0) sealing.lambda = 1;
        emit SetSealed(setId, sealing.rows, sealing.lambda);
    }

    /// @inheritdoc IAttrSketch
    function header(uint64 setId) external view returns (SetHeader memory) {
        return _existing(setId).header;
    }

    /// @inheritdoc IAttrSketch
    function row(uint64 setId, uint32 r) external view returns (uint32 cluster, uint16 label, bytes memory v) {
        bytes memory record = _record(_existing(setId), r);
        v = new bytes(record.length - PREFIX_BYTES);
        for (uint256 i = 0; i < v.length; i++) {
            v[i] = record[PREFIX_BYTES + i];
        }
        return (_cluster(record), _label(record), v);
    }

    /// @inheritdoc IAttrSketch
    function rowDistance(uint64 setId, uint32 r, bytes calldata alt)
        external
        view
        returns (uint64 d2, uint64 n2, uint64 m2)
    {
        Set storage set = _existing(setId);
        if (alt.length != set.header.dim) revert BadLength(set.header.dim, alt.length);
        bytes memory record = _record(set, r);
        for (uint256 i = 0; i < alt.length; i++) {
            int256 entry = _int8(record[PREFIX_BYTES + i]);
            int256 other = _int8(alt[i]);
            d2 += uint64(uint256((entry - other) * (entry - other)));
            n2 += uint64(uint256(entry * entry));
            m2 += uint64(uint256(other * other));
        }
    }

    /// @inheritdoc IAttrSketch
    function scoreInfluence(uint64 setId, bytes[] calldata q, bytes[] calldata x, uint8[] calldata shift)
        external
        view
        whenNotPaused
        returns (uint32[] memory cluster, int128[] memory sum, uint128[] memory sumSq)
    {
        Set storage set = _scorable(setId, 0);
        if (q.length == 0 || q.length > BATCH_MAX || x.length != q.length || shift.length != q.length) {
            revert BadBatch(q.length, x.length, shift.length);
        }
        Query[] memory queries = new Query[](q.length);
        for (uint256 b = 0; b < q.length; b++) {
            queries[b] = _query(set.header.dim, b, q[b], x[b], shift[b]);
        }
        return _scoreBatch(set, queries);
    }

    /// @inheritdoc IAttrSketch
    function residual(uint64 setId, bytes calldata q, bytes calldata x, uint8 shift)
        external
        view
        returns (uint256 residual2, uint256 query2)
    {
        Set storage set = _scorable(setId, 0);
        Query memory query = _query(set.header.dim, 0, q, x, shift);
        int256 lambda = int256(uint256(set.header.lambda));
        (, residual2, query2) = InfluenceReference.influence(_vectors(set), query.q, query.x, lambda, query.shift);
    }

    /// @inheritdoc IAttrSketch
    function scoreDot(uint64 setId, bytes calldata q)
        external
        view
        whenNotPaused
        returns (uint32[] memory, int128[] memory)
    {
        Set storage set = _scorable(setId, type(uint8).max);
        if (q.length != set.header.dim) revert BadLength(set.header.dim, q.length);
        return _narrow(set, InfluenceReference.dot(_vectors(set), _entries(q)));
    }

    /// @inheritdoc IAttrSketch
    function scoreKnnShapley(uint64 setId, bytes calldata q, uint16 label, uint8 K)
        external
        view
        whenNotPaused
        returns (uint32[] memory, int128[] memory)
    {
        Set storage set = _scorable(setId, 1);
        if (q.length != set.header.dim) revert BadLength(set.header.dim, q.length);
        if (K == 0 || K > K_MAX) revert BadK(K);
        uint256[] memory labels = new uint256[](set.records.length);
        for (uint256 i = 0; i < labels.length; i++) {
            labels[i] = _label(set.records[i]);
        }
        return _narrow(set, InfluenceReference.knnShapley(_vectors(set), labels, _entries(q), label, K));
    }

    function _isPausable(bytes4 selector) internal pure override returns (bool) {
        return selector == IAttrSketch.openSet.selector || selector == IAttrSketch.drawSeed.selector
            || selector == IAttrSketch.appendRows.selector || selector == IAttrSketch.seal.selector
            || selector == IAttrSketch.scoreInfluence.selector || selector == IAttrSketch.scoreDot.selector
            || selector == IAttrSketch.scoreKnnShapley.selector || selector == IAttrSketch.commitContribution.selector
            || selector == IAttrSketch.reveal.selector;
    }

    function _existing(uint64 setId) private view returns (Set storage set) {
        set = sets[setId];
        if (set.header.dim == 0) revert UnknownSet(setId);
    }

    function _owned(uint64 setId) private view returns (Set storage set) {
        set = _existing(setId);
        if (set.header.owner != msg.sender) revert Unauthorized(msg.sender);
    }

    function _writable(uint64 setId) private view returns (Set storage set) {
        set = _owned(setId);
        if (set.header.sealedBlock != 0) revert AlreadySealed(setId);
        if (!set.drawn) revert NoSeed(setId);
    }

    /// @notice A set that can be scored; of any kind if `kind` is 255.
    function _scorable(uint64 setId, uint8 kind) private view returns (Set storage set) {
        set = _existing(setId);
        uint64 sealedBlock = set.header.sealedBlock;
        if (sealedBlock == 0 || sealedBlock >= block.number) revert NotSealed(setId);
        if (kind != type(uint8).max && kind != set.header.kind) revert WrongKind(set.header.kind);
    }

    function _append(Set storage set, bytes calldata record) private {
        uint32 number = set.header.rows;
        uint256 norm2;
        for (uint256 i = PREFIX_BYTES; i < record.length; i++) {
            if (record[i] == 0x80) revert BadInt8(number, uint16(i - PREFIX_BYTES));
            norm2 += uint256(_int8(record[i]) * _int8(record[i]));
        }
        if (set.header.kind == 0 && norm2 > set.header.normCap2) revert NormTooLarge(number, uint32(norm2));
        uint32 cluster = _cluster(record);
        bool first = number == 0;
        if (cluster >= spaces[set.header.subject].clusters || (!first && cluster < set.lastCluster)) {
            revert BadRow(number);
        }
        if ((first || cluster != set.lastCluster) && ++set.clusters > CLUSTERS_MAX) revert TooManyClusters(number);
        if (100 * norm2 >= 81 * uint256(set.header.normCap2)) set.atCap++;
        set.lastCluster = cluster;
        set.header.sumNorm2 += uint64(norm2);
        set.header.rows = number + 1;
        set.records.push(record);
    }

    function _query(uint256 dim, uint256 b, bytes calldata q, bytes calldata x, uint8 shift)
        private
        pure
        returns (Query memory query)
    {
        if (q.length != dim) revert BadLength(dim, q.length);
        if (x.length != 2 * dim) revert BadLength(2 * dim, x.length);
        query = Query(_entries(q), _witness(x), shift);
        for (uint256 d = 0; d < dim; d++) {
            if (query.x[d] > WITNESS_MAX || query.x[d] < -WITNESS_MAX) revert WitnessRange(b);
        }
        if (shift > SHIFT_MAX) revert BadShift(b, shift);
        for (uint256 d = 0; d < dim; d++) {
            if (query.q[d] != 0) return query;
        }
        revert ZeroQuery(b);
    }

    function _scoreBatch(Set storage set, Query[] memory queries)
        private
        view
        returns (uint32[] memory cluster, int128[] memory sum, uint128[] memory sumSq)
    {
        int256[] memory rows = _vectors(set);
        (sum, sumSq) = (new int128[](set.clusters), new uint128[](set.clusters));
        for (uint256 b = 0; b < queries.length; b++) {
            int256[] memory sums;
            (cluster, sums) = _sumByCluster(set, _certified(set, rows, b, queries[b]));
            for (uint256 c = 0; c < sums.length; c++) {
                uint256 square = uint256(sums[c] * sums[c]);
                sum[c] += int128(sums[c]);
                sumSq[c] += uint128(square < SQUARE_MAX ? square : SQUARE_MAX);
            }
        }
    }

    /// @notice The rows' scores for query `b`, whose witness must be right.
    function _certified(Set storage set, int256[] memory rows, uint256 b, Query memory query)
        private
        view
        returns (int256[] memory a)
    {
        uint256 residual2;
        uint256 query2;
        int256 lambda = int256(uint256(set.header.lambda));
        (a, residual2, query2) = InfluenceReference.influence(rows, query.q, query.x, lambda, query.shift);
        if (TOLERANCE * TOLERANCE * residual2 > query2) revert WitnessRejected(b);
        for (uint256 k = 0; k < a.length; k++) {
            a[k] = InfluenceReference.scaleScore(a[k], query.shift);
        }
    }

    function _narrow(Set storage set, int256[] memory scores)
        private
        view
        returns (uint32[] memory cluster, int128[] memory sum)
    {
        int256[] memory sums;
        (cluster, sums) = _sumByCluster(set, scores);
        sum = new int128[](sums.length);
        for (uint256 c = 0; c < sums.length; c++) {
            sum[c] = int128(sums[c]);
        }
    }

    /// @notice Rows stand in order of their clusters.
    function _sumByCluster(Set storage set, int256[] memory scores)
        private
        view
        returns (uint32[] memory cluster, int256[] memory sums)
    {
        (cluster, sums) = (new uint32[](set.clusters), new int256[](set.clusters));
        uint256 place;
        for (uint256 i = 0; i < scores.length; i++) {
            uint32 number = _cluster(set.records[i]);
            if (i > 0 && number != cluster[place]) place++;
            cluster[place] = number;
            sums[place] += scores[i];
        }
    }

    function _record(Set storage set, uint32 r) private view returns (bytes memory) {
        if (r >= set.header.rows) revert UnknownRow(r, set.header.rows);
        return set.records[r];
    }

    /// @notice The rows' entries, one row after the other.
    function _vectors(Set storage set) private view returns (int256[] memory entries) {
        uint256 dim = set.header.dim;
        entries = new int256[](set.records.length * dim);
        for (uint256 i = 0; i < set.records.length; i++) {
            bytes memory record = set.records[i];
            for (uint256 d = 0; d < dim; d++) {
                entries[i * dim + d] = _int8(record[PREFIX_BYTES + d]);
            }
        }
    }

    function _entries(bytes calldata packed) private pure returns (int256[] memory entries) {
        entries = new int256[](packed.length);
        for (uint256 i = 0; i < packed.length; i++) {
            entries[i] = _int8(packed[i]);
        }
    }

    function _witness(bytes calldata packed) private pure returns (int256[] memory entries) {
        entries = new int256[](packed.length / 2);
        for (uint256 i = 0; i < entries.length; i++) {
            entries[i] = int16(uint16(bytes2(packed[2 * i:2 * i + 2])));
        }
    }

    function _cluster(bytes memory record) private pure returns (uint32) {
        return uint32(bytes4(record));
    }

    function _label(bytes memory record) private pure returns (uint16) {
        return uint16(uint8(record[4])) << 8 | uint8(record[5]);
    }

    function _int8(bytes1 entry) private pure returns (int256) {
        return int8(uint8(entry));
    }
}
