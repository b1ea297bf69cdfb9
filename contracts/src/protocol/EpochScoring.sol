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

/// @title EpochScoring
/// @dev   Stands behind a `Proxy`. It has no state.
contract EpochScoring is IEpochScoring, Initializable {
    /// @inheritdoc IEpochScoring
    uint256 public constant DRAWS = 16;
    /// @dev An improvement leaves at most this part of a witness's squared residual.
    uint256 private constant IMPROVEMENT = 4;

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
        return _setsOf(adapter);
    }

    /// @inheritdoc IEpochScoring
    function setAt(uint64 adapter, uint256 set) public view returns (uint64 sketchSet, uint16 dim) {
        (uint64[] memory sketchSets,) = setsOf(adapter);
        if (set >= sketchSets.length) revert UnknownSet(adapter, set);
        sketchSet = sketchSets[set];
        dim = NativePrecompiles.SKETCH.header(sketchSet).dim;
    }

    /// @inheritdoc IEpochScoring
    function checkForm(uint64 adapter, bytes calldata scores) external view {
        _checkForm(adapter, abi.decode(scores, (Scores)));
    }

    /// @inheritdoc IEpochScoring
    function compute(uint64 epoch, uint64 adapter, uint16 voidDraws, bytes calldata encoded)
        external
        view
        returns (bool isValid, Result[] memory results)
    {
        Scores memory scores = abi.decode(encoded, (Scores));
        (uint64[] memory sketchSets,) = setsOf(adapter);
        results = new Result[](sketchSets.length);
        bool[] memory scored = new bool[](DRAWS);
        for (uint256 i = 0; i < DRAWS; ++i) {
            Draw memory draw = scores.draws[i];
            if (draw.sketches.length == 0) continue;
            if (!_isDrawn(epoch, adapter, i, draw)) return (false, new Result[](0));
            scored[i] = draw.sketches.length == sketchSets.length && (voidDraws >> i) & 1 == 0;
        }
        for (uint256 s = 0; s < sketchSets.length; ++s) {
            uint256 dim = NativePrecompiles.SKETCH.header(sketchSets[s]).dim;
            bytes[] memory queries = new bytes[](DRAWS);
            for (uint256 i = 0; i < DRAWS; ++i) {
                if (!scored[i]) continue;
                bytes memory query = scores.draws[i].sketches[s];
                if (EpochScores.isQuery(query, dim)) queries[i] = query;
            }
            (isValid, results[s]) =
                EpochScores.score(sketchSets[s], queries, scores.witnesses[s].x, scores.witnesses[s].shift, DRAWS);
            if (!isValid) return (false, new Result[](0));
        }
        return (true, results);
    }

    /// @inheritdoc IEpochScoring
    function checkImproved(uint64 epoch, uint64 adapter, bytes calldata old, bytes calldata better) external view {
        Scores memory improved = abi.decode(better, (Scores));
        _checkForm(adapter, improved);
        _checkImproved(epoch, adapter, abi.decode(old, (Scores)), improved);
    }

    /// @inheritdoc IEpochScoring
    function sketchOf(uint64 epoch, uint64 adapter, bytes calldata scores, uint256 draw, uint256 set)
        external
        view
        returns (bytes memory sketch, uint128 price)
    {
        if (draw >= DRAWS) revert UnknownDraw(draw);
        Draw memory drawn = abi.decode(scores, (Scores)).draws[draw];
        (, uint16 dim) = setAt(adapter, set);
        if (set >= drawn.sketches.length || !_isDrawn(epoch, adapter, draw, drawn)) revert UnknownDraw(draw);
        (sketch, price) = (drawn.sketches[set], drawn.price);
        if (!EpochScores.isQuery(sketch, dim)) revert UnknownDraw(draw);
    }

    /// @inheritdoc IEpochScoring
    function workerOf(uint64 epoch, uint64 adapter, uint256 i) external view returns (address) {
        (FeeEntry memory entry,) = _router().entryAt(epoch, adapter, drawOffset(epoch, adapter, i));
        return entry.worker;
    }

    /* INTERNAL */

    function _checkForm(uint64 adapter, Scores memory scores) private view {
        if (scores.draws.length != DRAWS) revert WrongLength(scores.draws.length, DRAWS);
        (uint64[] memory sketchSets,) = setsOf(adapter);
        if (scores.witnesses.length != sketchSets.length) {
            revert WrongLength(scores.witnesses.length, sketchSets.length);
        }
        for (uint256 s = 0; s < scores.witnesses.length; ++s) {
            Witnesses memory witnesses = scores.witnesses[s];
            if (witnesses.x.length != DRAWS) revert WrongLength(witnesses.x.length, DRAWS);
            if (witnesses.shift.length != DRAWS) revert WrongLength(witnesses.shift.length, DRAWS);
        }
    }

    /// @dev Every draw is the old one, or one that the old proposal left out and that the fee log has. Every witness of an old draw is the
    ///      old one, or better by a factor; at least one thing differs.
    function _checkImproved(uint64 epoch, uint64 adapter, Scores memory old, Scores memory better) private view {
        (uint64[] memory sketchSets,) = setsOf(adapter);
        bool improved = false;
        for (uint256 i = 0; i < DRAWS; ++i) {
            Draw memory before = old.draws[i];
            Draw memory draw = better.draws[i];
            if (before.sketches.length == 0 && draw.sketches.length != 0) {
                if (!_isDrawn(epoch, adapter, i, draw)) revert NoImprovement();
                improved = true;
                continue;
            }
            if (keccak256(abi.encode(before)) != keccak256(abi.encode(draw))) revert NoImprovement();
            for (uint256 s = 0; s < sketchSets.length; ++s) {
                if (_isSame(old.witnesses[s], better.witnesses[s], i)) continue;
                if (draw.sketches.length != sketchSets.length) revert NoImprovement();
                bytes memory q = draw.sketches[s];
                if (!_isBetter(sketchSets[s], q, old.witnesses[s], better.witnesses[s], i)) revert NoImprovement();
                improved = true;
            }
        }
        if (!improved) revert NoImprovement();
    }

    function _isSame(Witnesses memory a, Witnesses memory b, uint256 i) private pure returns (bool) {
        return a.shift[i] == b.shift[i] && keccak256(a.x[i]) == keccak256(b.x[i]);
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

    /// @dev Training entries whose sketch set holds influence sketches, so that queries can be scored against it.
    function _setsOf(uint64 adapter) private view returns (uint64[] memory sketchSets, uint256[] memory places) {
        (ILoraRegistry.Adapter memory registered,,,) = NativePrecompiles.LORA.get(adapter);
        ILoraRegistry.Train[] memory train = registered.train;
        sketchSets = new uint64[](train.length);
        places = new uint256[](train.length);
        uint256 count = 0;
        for (uint256 i = 0; i < train.length; ++i) {
            uint64 id = train[i].sketchSet;
            if (id == 0) continue;
            IAttrSketch.SetHeader memory header = NativePrecompiles.SKETCH.header(id);
            if (header.kind != 0) continue;
            (sketchSets[count], places[count]) = (id, i);
            ++count;
        }
        assembly ("memory-safe") {
            mstore(sketchSets, count)
            mstore(places, count)
        }
    }

    function _router() private pure returns (IInferenceRouter) {
        return IInferenceRouter(Predeploys.INFERENCE_ROUTER);
    }
}
