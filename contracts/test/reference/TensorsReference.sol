// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {SafetensorsReference} from "./SafetensorsReference.sol";
import {LibBytes} from "solady/utils/LibBytes.sol";
import {LibString} from "solady/utils/LibString.sol";

/// @title TensorsReference
/// @notice Whether a header's tensors are those that an adapter declares, written plainly. Whatever is refused reverts with
///         the registry's error.
library TensorsReference {
    /// @notice A module that the adapter targets.
    struct Target {
        uint8 module;
        bytes path;
        uint256 inDim;
        uint256 outDim;
    }

    /// @notice What the adapter declares.
    struct Declared {
        bytes prefix;
        uint256 layerFrom;
        uint256 layerTo;
        Target[] targets;
        uint256 rank;
        uint8 dtype;
        uint256 dataLen;
    }

    /// @notice A factor that is declared: 0 for A, 1 for B.
    struct Factor {
        bytes name;
        uint256 layer;
        uint256 target;
        uint256 number;
        bool found;
    }

    /// @notice Checks tensors, which ascend by name.
    function check(SafetensorsReference.Tensor[] memory tensors, Declared memory declared) internal pure {
        Factor[] memory factors = _factors(declared);
        Factor[] memory placed = new Factor[](tensors.length);
        for (uint256 i = 0; i < tensors.length; i++) {
            placed[i] = _find(factors, tensors[i]);
        }
        for (uint256 i = 0; i < factors.length; i++) {
            if (factors[i].found) continue;
            uint8 module = declared.targets[factors[i].target].module;
            revert ILoraRegistry.TensorMissing(uint16(factors[i].layer), module, uint8(factors[i].number));
        }
        for (uint256 i = 0; i < tensors.length; i++) {
            _checkTensor(tensors, placed, i, declared);
        }
        _checkRanges(tensors, declared.dataLen);
    }

    /// @notice All factors, by layer, module, A before B.
    function _factors(Declared memory declared) private pure returns (Factor[] memory factors) {
        factors = new Factor[]((declared.layerTo - declared.layerFrom) * declared.targets.length * 2);
        uint256 count;
        for (uint256 layer = declared.layerFrom; layer < declared.layerTo; layer++) {
            for (uint256 t = 0; t < declared.targets.length; t++) {
                bytes memory stem =
                    abi.encodePacked(declared.prefix, LibString.toString(layer), ".", declared.targets[t].path);
                factors[count++] = Factor(abi.encodePacked(stem, ".lora_A.weight"), layer, t, 0, false);
                factors[count++] = Factor(abi.encodePacked(stem, ".lora_B.weight"), layer, t, 1, false);
            }
        }
    }

    function _find(Factor[] memory factors, SafetensorsReference.Tensor memory tensor)
        private
        pure
        returns (Factor memory)
    {
        for (uint256 i = 0; i < factors.length; i++) {
            if (!LibBytes.eq(factors[i].name, tensor.name)) continue;
            factors[i].found = true;
            return factors[i];
        }
        if (!LibBytes.contains(tensor.name, ".lora_")) {
            revert ILoraRegistry.ModulesToSaveUnsupported(uint32(tensor.offset));
        }
        revert ILoraRegistry.TensorUnexpected(uint32(tensor.offset));
    }

    function _checkTensor(
        SafetensorsReference.Tensor[] memory tensors,
        Factor[] memory placed,
        uint256 i,
        Declared memory declared
    ) private pure {
        SafetensorsReference.Tensor memory tensor = tensors[i];
        Target memory target = declared.targets[placed[i].target];
        bool isA = placed[i].number == 0;
        uint256 rows = isA ? declared.rank : target.outDim;
        uint256 columns = isA ? target.inDim : declared.rank;
        if (tensor.shape.length != 2 || tensor.shape[0] != rows || tensor.shape[1] != columns) {
            _refuseRankPattern(tensors, placed, declared);
            revert ILoraRegistry.TensorShape(uint32(tensor.offset), uint32(rows), uint32(columns));
        }
        if (tensor.dtype != declared.dtype) revert ILoraRegistry.TensorDtype(uint32(tensor.offset));
        uint256 size = rows * columns * (declared.dtype == 0 ? 4 : 2);
        if (tensor.end - tensor.begin != size) {
            revert ILoraRegistry.TensorSize(uint32(tensor.offset), uint64(size), uint64(tensor.end - tensor.begin));
        }
    }

    /// @notice Reverts if all other dimensions are right and the ranks differ among each other; the first that isn't the
    ///         declared one is named.
    function _refuseRankPattern(
        SafetensorsReference.Tensor[] memory tensors,
        Factor[] memory placed,
        Declared memory declared
    ) private pure {
        uint256 named = tensors.length;
        bool differ;
        uint256 first;
        for (uint256 i = 0; i < tensors.length; i++) {
            if (tensors[i].shape.length != 2) return;
            uint256 a = placed[i].number;
            Target memory target = declared.targets[placed[i].target];
            // A is [rank, in], B is [out, rank].
            if (tensors[i].shape[1 - a] != (a == 0 ? target.inDim : target.outDim)) return;
            uint256 rank = tensors[i].shape[a];
            if (i == 0) first = rank;
            differ = differ || rank != first;
            if (named == tensors.length && rank != declared.rank) named = i;
        }
        if (differ && named < tensors.length) {
            revert ILoraRegistry.RankPatternUnsupported(uint32(tensors[named].offset));
        }
    }

    /// @notice By (begin, end, offset) each begins where the one before it ends.
    function _checkRanges(SafetensorsReference.Tensor[] memory tensors, uint256 dataLen) private pure {
        bool[] memory taken = new bool[](tensors.length);
        uint256 end;
        for (uint256 i = 0; i < tensors.length; i++) {
            uint256 next = tensors.length;
            for (uint256 j = 0; j < tensors.length; j++) {
                if (!taken[j] && (next == tensors.length || _before(tensors[j], tensors[next]))) next = j;
            }
            taken[next] = true;
            if (tensors[next].begin != end) {
                revert ILoraRegistry.TensorOffset(
                    uint32(tensors[next].offset), uint64(end), uint64(tensors[next].begin)
                );
            }
            end = tensors[next].end;
        }
        if (end != dataLen) revert ILoraRegistry.DataLenMismatch(uint64(dataLen), uint64(end));
    }

    function _before(SafetensorsReference.Tensor memory a, SafetensorsReference.Tensor memory b)
        private
        pure
        returns (bool)
    {
        if (a.begin != b.begin) return a.begin < b.begin;
        if (a.end != b.end) return a.end < b.end;
        return a.offset < b.offset;
    }
}
