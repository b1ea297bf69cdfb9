// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochScoring} from "../interfaces/IEpochScoring.sol";
import {Draw, IEpochSettlement, Result, Scores, Witnesses} from "../interfaces/IEpochSettlement.sol";
import {FeeEntry, IInferenceRouter} from "../interfaces/IInferenceRouter.sol";
import {IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {IAttrSketch} from "../interfaces/precompiles/IAttrSketch.sol";
import {ILoraRegistry} from "../interfaces/precompiles/ILoraRegistry.sol";
import {EpochScores} from "../libraries/EpochScores.sol";
import {FeeTree} from "../libraries/FeeTree.sol";
import {NativePrecompiles} from "../libraries/NativePrecompiles.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title EpochScoring
/// @dev   Stands behind a `Proxy`. It has no state.
contract EpochScoring is IEpochScoring, Initializable {
    using SafeCast for uint256;

    /// @inheritdoc IEpochScoring
    uint256 public constant DRAWS = 16;
    /// @dev Most bytes of scores, so that they fit into the 128 KiB of a challenger's transaction with what else it has: a contract can make longer
    ///      ones than any transaction brings.
    uint256 private constant SCORES_MAX = 126 * 1024;
    /// @dev An improvement leaves at most this part of a witness's squared residual.
    uint256 private constant IMPROVEMENT = 4;
    /// @dev A witness has int16 for the query's int8.
    uint256 private constant WITNESS_BYTES = 2;
    /// @dev Gas of sixteen draws for a cluster of a set, of which it has no more than rows, and for an entry of a row; at most so much leaves
    ///      room for the rest of a challenge within the 30 million gas of a transaction.
    uint256 private constant CLUSTER_GAS = 30_500;
    uint256 private constant CLUSTERS_MAX = 1024;
    uint256 private constant ENTRY_GAS = 4;
    uint256 private constant GAS_MAX = 24_000_000;
    uint256 private constant BPS = 10_000;

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IEpochScoring
    function initialize(Setting[] calldata settings) external initializer {
        if (settings.length != 0) revert IParameterized.UnknownParameter(settings[0].name);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IEpochScoring
    function drawOffset(uint64 epoch, uint64 adapter, uint256 i) public view returns (uint128) {
        bytes32 seed = IEpochSettlement(Predeploys.EPOCH_SETTLEMENT).seedOf(epoch);
        if (seed == 0) revert NoSeed(epoch);
        uint128 fees = _router().feesOf(epoch, adapter);
        if (fees == 0) revert NoFees(epoch, adapter);
        // Below the sum of the fees.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(uint256(keccak256(abi.encodePacked(seed, adapter, uint64(i)))) % fees);
    }

    /// @inheritdoc IEpochScoring
    function setsOf(uint64 adapter) public view returns (uint64[] memory sketchSets, uint256[] memory places) {
        (ILoraRegistry.Adapter memory registered,,,) = NativePrecompiles.LORA.get(adapter);
        ILoraRegistry.Train[] memory train = registered.train;
        sketchSets = new uint64[](train.length);
        places = new uint256[](train.length);
        uint256 count = 0;
        for (uint256 i = 0; i < train.length; ++i) {
            uint64 id = train[i].sketchSet;
            // Only sets of gradients can be scored with a query.
            if (id == 0 || NativePrecompiles.SKETCH.header(id).kind != 0) continue;
            (sketchSets[count], places[count]) = (id, i);
            ++count;
        }
        assembly ("memory-safe") {
            mstore(sketchSets, count)
            mstore(places, count)
        }
    }

    /// @inheritdoc IEpochScoring
    function setAt(uint64 adapter, uint256 set) public view returns (uint64 sketchSet, uint16 dim) {
        (uint64[] memory sketchSets,) = setsOf(adapter);
        if (set >= sketchSets.length) revert UnknownSet(adapter, set);
        sketchSet = sketchSets[set];
        dim = _dim(sketchSet);
    }

    /// @inheritdoc IEpochScoring
    function trainAt(uint64 adapter, uint256 set) external view returns (ILoraRegistry.Train memory) {
        (uint64[] memory sketchSets, uint256[] memory places) = setsOf(adapter);
        if (set >= sketchSets.length) revert UnknownSet(adapter, set);
        (ILoraRegistry.Adapter memory registered,,,) = NativePrecompiles.LORA.get(adapter);
        return registered.train[places[set]];
    }

    /// @inheritdoc IEpochScoring
    function baseOf(uint64 adapter) external view returns (uint64) {
        (ILoraRegistry.Adapter memory registered,,,) = NativePrecompiles.LORA.get(adapter);
        return registered.base;
    }

    /// @inheritdoc IEpochScoring
    function checkForm(uint64 epoch, uint64 adapter, bytes calldata encoded, uint256 results)
        external
        view
        returns (uint16 shown)
    {
        if (encoded.length > SCORES_MAX) revert ScoresTooLong(encoded.length, SCORES_MAX);
        Scores memory scores = abi.decode(encoded, (Scores));
        // Else parts could be named many times over, and what is cheap to propose be too much to compute.
        if (keccak256(abi.encode(scores)) != keccak256(encoded)) revert NotCanonical();
        (uint64[] memory sketchSets,) = setsOf(adapter);
        _requireLength(results, sketchSets.length);
        _requireLength(scores.draws.length, DRAWS);
        _requireLength(scores.witnesses.length, sketchSets.length);
        for (uint256 i = 0; i < DRAWS; ++i) {
            Draw memory draw = scores.draws[i];
            bool isShown = draw.sketches.length != 0;
            if (isShown) _requireLength(draw.sketches.length, sketchSets.length);
            uint256 most = isShown ? FeeTree.PROOF_MAX : 0;
            if (draw.proof.length > most) revert WrongLength(draw.proof.length, most);
        }
        for (uint256 s = 0; s < sketchSets.length; ++s) {
            IAttrSketch.SetHeader memory header = NativePrecompiles.SKETCH.header(sketchSets[s]);
            uint256 cost = CLUSTER_GAS * Math.min(header.rows, CLUSTERS_MAX) + ENTRY_GAS * header.rows * header.dim;
            if (cost > GAS_MAX) revert SetTooLarge(sketchSets[s], cost);
            _checkWitnesses(scores, s, header.dim);
        }
        for (uint256 i = 0; i < DRAWS; ++i) {
            if (scores.draws[i].sketches.length == 0) continue;
            if (!_isDrawn(epoch, adapter, i, scores.draws[i])) revert UnknownDraw(i);
            // forge-lint: disable-next-line(unsafe-typecast) i is below 16
            shown |= uint16(1 << i);
        }
    }

    /// @inheritdoc IEpochScoring
    function resultHash(uint64 epoch, uint64 adapter, uint16 voidDraws, bytes calldata encoded, uint256 set)
        external
        view
        returns (bytes32)
    {
        (bool isValid, Result memory result) = compute(epoch, adapter, voidDraws, encoded, set);
        return isValid ? keccak256(abi.encode(result)) : bytes32(0);
    }

    /// @inheritdoc IEpochScoring
    function compute(uint64 epoch, uint64 adapter, uint16 voidDraws, bytes calldata encoded, uint256 set)
        public
        view
        returns (bool isValid, Result memory result)
    {
        (uint64 sketchSet, uint16 dim) = setAt(adapter, set);
        Scores memory scores = abi.decode(encoded, (Scores));
        bytes[] memory queries = new bytes[](DRAWS);
        for (uint256 i = 0; i < DRAWS; ++i) {
            Draw memory draw = scores.draws[i];
            if (draw.sketches.length == 0) continue;
            if (!_isDrawn(epoch, adapter, i, draw)) return (false, result);
            if (_isVoid(voidDraws, i)) continue;
            if (EpochScores.isQuery(draw.sketches[set], dim)) queries[i] = draw.sketches[set];
        }
        Witnesses memory witnesses = scores.witnesses[set];
        return EpochScores.score(sketchSet, queries, witnesses.x, witnesses.shift, DRAWS);
    }

    /// @inheritdoc IEpochScoring
    function checkImproved(uint64 adapter, uint16 voidDraws, bytes calldata old, bytes calldata better) external view {
        _checkImproved(adapter, voidDraws, abi.decode(old, (Scores)), abi.decode(better, (Scores)));
    }

    /// @inheritdoc IEpochScoring
    function sketchOf(uint64 epoch, uint64 adapter, bytes calldata scores, uint256 draw, uint256 set)
        external
        view
        returns (bytes memory sketch, uint128 fee, uint16 draws)
    {
        (, uint16 dim) = setAt(adapter, set);
        if (draw >= DRAWS) revert UnknownDraw(draw);
        Draw memory drawn = abi.decode(scores, (Scores)).draws[draw];
        if (set >= drawn.sketches.length || !_isDrawn(epoch, adapter, draw, drawn)) revert UnknownDraw(draw);
        sketch = drawn.sketches[set];
        if (!EpochScores.isQuery(sketch, dim)) revert UnknownDraw(draw);
        (fee, draws) = (_fee(epoch, adapter, draw, drawn.price), _sameRequest(epoch, adapter, draw, drawn));
    }

    /// @inheritdoc IEpochScoring
    function workerOf(uint64 epoch, uint64 adapter, uint256 i) external view returns (address) {
        (FeeEntry memory entry,) = _router().entryAt(epoch, adapter, drawOffset(epoch, adapter, i));
        return entry.worker;
    }

    /* INTERNAL */

    function _checkWitnesses(Scores memory scores, uint256 set, uint256 dim) private pure {
        Witnesses memory witnesses = scores.witnesses[set];
        _requireLength(witnesses.x.length, DRAWS);
        _requireLength(witnesses.shift.length, DRAWS);
        for (uint256 i = 0; i < DRAWS; ++i) {
            bytes[] memory sketches = scores.draws[i].sketches;
            bool isShown = sketches.length != 0;
            if (isShown) _requireLength(sketches[set].length, dim);
            _requireLength(witnesses.x[i].length, isShown ? WITNESS_BYTES * dim : 0);
        }
    }

    /// @dev Every draw is the old one, or one with a score that the old proposal left out. Every witness of an old draw is the old one, or
    ///      better by a factor; at least one thing differs.
    function _checkImproved(uint64 adapter, uint16 voidDraws, Scores memory old, Scores memory better) private view {
        (uint64[] memory sketchSets,) = setsOf(adapter);
        bool improved = false;
        for (uint256 i = 0; i < DRAWS; ++i) {
            Draw memory draw = better.draws[i];
            bool isVoid = _isVoid(voidDraws, i);
            if (old.draws[i].sketches.length == 0 && draw.sketches.length != 0) {
                if (isVoid || !_hasQuery(draw)) revert NoImprovement();
                improved = true;
                continue;
            }
            if (keccak256(abi.encode(old.draws[i])) != keccak256(abi.encode(draw))) revert NoImprovement();
            for (uint256 s = 0; s < sketchSets.length; ++s) {
                (Witnesses memory a, Witnesses memory b) = (old.witnesses[s], better.witnesses[s]);
                if (a.shift[i] == b.shift[i] && keccak256(a.x[i]) == keccak256(b.x[i])) continue;
                if (isVoid || draw.sketches.length == 0) revert NoImprovement();
                if (!_isBetter(sketchSets[s], draw.sketches[s], a, b, i)) revert NoImprovement();
                improved = true;
            }
        }
        if (!improved) revert NoImprovement();
    }

    /// @dev Compares r²/q², which don't depend on the shifts, without rounding.
    function _isBetter(uint64 sketchSet, bytes memory q, Witnesses memory old, Witnesses memory better, uint256 i)
        private
        view
        returns (bool)
    {
        (uint256 oldResidual, uint256 oldQuery) =
            NativePrecompiles.SKETCH.residual(sketchSet, q, old.x[i], old.shift[i]);
        (uint256 residual, uint256 query) =
            NativePrecompiles.SKETCH.residual(sketchSet, q, better.x[i], better.shift[i]);
        if (oldResidual == 0) return false;
        // Squares are below 2^150.
        (uint256 leftHigh, uint256 leftLow) = Math.mul512(residual * IMPROVEMENT, oldQuery);
        (uint256 rightHigh, uint256 rightLow) = Math.mul512(oldResidual, query);
        return leftHigh < rightHigh || (leftHigh == rightHigh && leftLow <= rightLow);
    }

    /// @dev Whether a draw with sketches is the request that covers its wei of the fee log.
    function _isDrawn(uint64 epoch, uint64 adapter, uint256 i, Draw memory draw) private view returns (bool) {
        uint128 offset = drawOffset(epoch, adapter, i);
        (FeeEntry memory entry, uint128 start) = _router().entryAt(epoch, adapter, offset);
        FeeTree.Leaf memory leaf = FeeTree.Leaf({
            requestId: draw.requestId, price: draw.price, querySketchHash: keccak256(abi.encode(draw.sketches))
        });
        return FeeTree.covers(entry.root, entry.rootSum, uint256(entry.paidBefore) + offset - start, leaf, draw.proof);
    }

    /// @dev What a worker has of a request of that price, rounded down, and its platform fee.
    function _fee(uint64 epoch, uint64 adapter, uint256 i, uint128 price) private view returns (uint128) {
        (FeeEntry memory entry,) = _router().entryAt(epoch, adapter, drawOffset(epoch, adapter, i));
        return (uint256(price) * _router().splitOf(epoch).platform / BPS + entry.platformFee).toUint128();
    }

    /// @dev Which draws are of wei of the same leaf as draw `i`, which covers its wei. A leaf that an earlier settlement paid for in part has its
    ///      rest in this entry only.
    function _sameRequest(uint64 epoch, uint64 adapter, uint256 i, Draw memory draw)
        private
        view
        returns (uint16 draws)
    {
        uint256 offset = drawOffset(epoch, adapter, i);
        // forge-lint: disable-next-line(unsafe-typecast) it is an offset of the log
        (FeeEntry memory entry, uint128 start) = _router().entryAt(epoch, adapter, uint128(offset));
        uint256 leafStart = 0;
        for (uint256 p = 0; p < draw.proof.length; ++p) {
            if (draw.proof[p].isLeft) leafStart += draw.proof[p].sum;
        }
        // What of the leaf is in the entry, in wei of the log: the tree's wei `paidBefore` is the log's `start`.
        uint256 low = start + (Math.max(leafStart, entry.paidBefore) - entry.paidBefore);
        uint256 high = Math.min(entry.end, uint256(start) + leafStart + draw.price - entry.paidBefore);
        for (uint256 j = 0; j < DRAWS; ++j) {
            uint256 other = drawOffset(epoch, adapter, j);
            // forge-lint: disable-next-line(unsafe-typecast) j is below 16
            if (other >= low && other < high) draws |= uint16(1 << j);
        }
    }

    function _hasQuery(Draw memory draw) private pure returns (bool) {
        for (uint256 s = 0; s < draw.sketches.length; ++s) {
            if (EpochScores.isQuery(draw.sketches[s], draw.sketches[s].length)) return true;
        }
        return false;
    }

    function _isVoid(uint16 voidDraws, uint256 i) private pure returns (bool) {
        return (voidDraws >> i) & 1 == 1;
    }

    function _requireLength(uint256 given, uint256 expected) private pure {
        if (given != expected) revert WrongLength(given, expected);
    }

    function _dim(uint64 sketchSet) private view returns (uint16) {
        IAttrSketch.SetHeader memory header = NativePrecompiles.SKETCH.header(sketchSet);
        return header.dim;
    }

    function _router() private pure returns (IInferenceRouter) {
        return IInferenceRouter(Predeploys.INFERENCE_ROUTER);
    }
}
