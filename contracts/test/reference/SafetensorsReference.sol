// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {LibBytes} from "solady/utils/LibBytes.sol";

/// @title SafetensorsReference
/// @notice Headers of safetensors files in the grammar of docs/spec/precompiles.md, written plainly. Whatever is refused
///         reverts with the registry's error.
library SafetensorsReference {
    uint256 private constant PREFIX_BYTES = 8;
    uint256 private constant INTEGER_MAX = 1 << 53;
    uint256 private constant DIMENSIONS_MAX = 8;
    /// @notice What `_peek` answers behind the last byte.
    uint256 private constant END = 256;

    /// @notice A tensor. `offset` is where its name's opening quotation mark stands, `dtype` 0 F32, 1 F16, 2 BF16.
    struct Tensor {
        bytes name;
        uint256 offset;
        uint8 dtype;
        uint256[] shape;
        uint256 begin;
        uint256 end;
    }

    struct Cursor {
        bytes text;
        uint256 place;
    }

    /// @notice A list of names, with where each stands.
    struct Names {
        bytes[] names;
        uint256[] offsets;
        uint256 count;
    }

    /// @notice The tensors of a header, ascending by name.
    function parse(bytes memory header) internal pure returns (Tensor[] memory tensors) {
        Cursor memory cursor = _begin(header);
        // An entry has six bytes at least.
        tensors = new Tensor[](header.length / 6);
        uint256 count;
        bool hasMetadata;
        for (bool more = _opens(cursor, "{", "}"); more; more = _goesOn(cursor, "}")) {
            uint256 offset = cursor.place;
            bytes memory name = _key(cursor);
            if (LibBytes.eq(name, "__metadata__")) {
                if (hasMetadata) revert ILoraRegistry.HeaderDuplicateKey(uint32(offset));
                hasMetadata = true;
                _metadata(cursor);
            } else {
                _refuseUnsupported(name, offset);
                tensors[count++] = _tensor(cursor, name, offset);
            }
        }
        _trailing(cursor);
        assembly ("memory-safe") {
            mstore(tensors, count)
        }
        _sort(tensors);
        for (uint256 i = 1; i < count; i++) {
            if (LibBytes.eq(tensors[i - 1].name, tensors[i].name)) {
                revert ILoraRegistry.HeaderDuplicateKey(uint32(tensors[i].offset));
            }
        }
    }

    function _begin(bytes memory header) private pure returns (Cursor memory cursor) {
        if (header.length < PREFIX_BYTES) revert ILoraRegistry.HeaderTooShort(uint32(header.length));
        uint64 declared;
        for (uint256 i = PREFIX_BYTES; i > 0; i--) {
            declared = declared << 8 | uint8(header[i - 1]);
        }
        if (declared != header.length - PREFIX_BYTES) {
            revert ILoraRegistry.HeaderLengthMismatch(declared, uint64(header.length - PREFIX_BYTES));
        }
        cursor = Cursor(header, PREFIX_BYTES);
        uint256 first = _peek(cursor);
        if (first == END) revert ILoraRegistry.HeaderTruncated();
        if (first != uint8(bytes1("{"))) revert ILoraRegistry.HeaderNotObject();
    }

    function _metadata(Cursor memory cursor) private pure {
        Names memory keys = Names(new bytes[](cursor.text.length / 6), new uint256[](cursor.text.length / 6), 0);
        for (bool more = _opens(cursor, "{", "}"); more; more = _goesOn(cursor, "}")) {
            uint256 offset = cursor.place;
            bytes memory key = _key(cursor);
            _refuseUnsupported(key, offset);
            _string(cursor);
            (keys.names[keys.count], keys.offsets[keys.count]) = (key, offset);
            keys.count++;
        }
        _refuseDuplicates(keys);
    }

    /// @notice Of keys that occur twice the lowest is named, by its second place.
    function _refuseDuplicates(Names memory keys) private pure {
        uint256 found = keys.count;
        for (uint256 i = 0; i < keys.count; i++) {
            for (uint256 j = 0; j < i; j++) {
                if (!LibBytes.eq(keys.names[i], keys.names[j])) continue;
                if (found == keys.count || LibBytes.cmp(keys.names[i], keys.names[found]) < 0) found = i;
            }
        }
        if (found < keys.count) revert ILoraRegistry.HeaderDuplicateKey(uint32(keys.offsets[found]));
    }

    function _tensor(Cursor memory cursor, bytes memory name, uint256 offset)
        private
        pure
        returns (Tensor memory tensor)
    {
        (tensor.name, tensor.offset) = (name, offset);
        uint256 seen;
        for (bool more = _opens(cursor, "{", "}"); more; more = _goesOn(cursor, "}")) {
            uint256 place = cursor.place;
            bytes memory key = _key(cursor);
            uint256 member;
            if (LibBytes.eq(key, "dtype")) {
                (member, tensor.dtype) = (1, _dtype(cursor));
            } else if (LibBytes.eq(key, "shape")) {
                (member, tensor.shape) = (2, _shape(cursor));
            } else if (LibBytes.eq(key, "data_offsets")) {
                member = 4;
                (tensor.begin, tensor.end) = _offsets(cursor);
            } else {
                revert ILoraRegistry.HeaderUnknownKey(uint32(place));
            }
            if (seen & member != 0) revert ILoraRegistry.HeaderDuplicateKey(uint32(place));
            seen |= member;
        }
        if (seen != 7) revert ILoraRegistry.HeaderMissingKey(uint32(offset));
    }

    function _dtype(Cursor memory cursor) private pure returns (uint8) {
        uint256 place = cursor.place;
        bytes memory name = _string(cursor);
        if (LibBytes.eq(name, "F32")) return 0;
        if (LibBytes.eq(name, "F16")) return 1;
        if (LibBytes.eq(name, "BF16")) return 2;
        revert ILoraRegistry.HeaderUnknownDtype(uint32(place));
    }

    function _shape(Cursor memory cursor) private pure returns (uint256[] memory shape) {
        uint256 place = cursor.place;
        bool fits;
        (shape, fits) = _integers(cursor);
        if (!fits) revert ILoraRegistry.HeaderTooManyDimensions(uint32(place));
    }

    function _offsets(Cursor memory cursor) private pure returns (uint256 begin, uint256 end) {
        uint256 place = cursor.place;
        (uint256[] memory pair, bool fits) = _integers(cursor);
        if (!fits || pair.length != 2 || pair[0] > pair[1]) revert ILoraRegistry.HeaderBadOffsets(uint32(place));
        return (pair[0], pair[1]);
    }

    /// @notice A list of integers, at most eight: reading ends with the ninth.
    function _integers(Cursor memory cursor) private pure returns (uint256[] memory list, bool fits) {
        list = new uint256[](DIMENSIONS_MAX);
        uint256 count;
        for (bool more = _opens(cursor, "[", "]"); more; more = _goesOn(cursor, "]")) {
            uint256 value = _integer(cursor);
            if (count == DIMENSIONS_MAX) return (list, false);
            list[count++] = value;
        }
        assembly ("memory-safe") {
            mstore(list, count)
        }
        return (list, true);
    }

    function _integer(Cursor memory cursor) private pure returns (uint256 value) {
        uint256 begin = cursor.place;
        uint256 first = _peek(cursor);
        if (first == uint8(bytes1("-")) || first == uint8(bytes1("+")) || first == uint8(bytes1("."))) {
            revert ILoraRegistry.HeaderNumber(uint32(begin));
        }
        if (!_isDigit(first)) _unexpected(cursor);
        for (uint256 digit = first; _isDigit(digit); digit = _peek(cursor)) {
            // Far above the limit the value doesn't matter.
            if (value <= INTEGER_MAX) value = 10 * value + digit - uint8(bytes1("0"));
            cursor.place++;
        }
        uint256 behind = _peek(cursor);
        bool padded = first == uint8(bytes1("0")) && cursor.place > begin + 1;
        if (padded || behind == uint8(bytes1(".")) || behind == uint8(bytes1("e")) || behind == uint8(bytes1("E"))) {
            revert ILoraRegistry.HeaderNumber(uint32(begin));
        }
        if (value > INTEGER_MAX) revert ILoraRegistry.HeaderNumberTooLarge(uint32(begin));
    }

    function _isDigit(uint256 byte_) private pure returns (bool) {
        return byte_ >= uint8(bytes1("0")) && byte_ <= uint8(bytes1("9"));
    }

    /// @notice A string and the colon behind it.
    function _key(Cursor memory cursor) private pure returns (bytes memory key) {
        key = _string(cursor);
        _expect(cursor, ":");
    }

    function _string(Cursor memory cursor) private pure returns (bytes memory) {
        _expect(cursor, '"');
        uint256 begin = cursor.place;
        while (true) {
            uint256 next = _peek(cursor);
            if (next == END) revert ILoraRegistry.HeaderTruncated();
            if (next == uint8(bytes1('"'))) break;
            if (next == uint8(bytes1("\\"))) revert ILoraRegistry.HeaderEscape(uint32(cursor.place));
            if (next < 0x20) revert ILoraRegistry.HeaderControl(uint32(cursor.place));
            if (next >= 0x80) revert ILoraRegistry.HeaderNotAscii(uint32(cursor.place));
            cursor.place++;
        }
        cursor.place++;
        return LibBytes.slice(cursor.text, begin, cursor.place - 1);
    }

    function _trailing(Cursor memory cursor) private pure {
        for (uint256 next = _peek(cursor); next != END; next = _peek(cursor)) {
            if (next == 0x09 || next == 0x0a || next == 0x0d) {
                revert ILoraRegistry.HeaderWhitespace(uint32(cursor.place));
            }
            if (next != 0x20) revert ILoraRegistry.HeaderTrailing(uint32(cursor.place));
            cursor.place++;
        }
    }

    /// @notice Takes what opens a list or an object; false if it closes at once.
    function _opens(Cursor memory cursor, bytes1 open, bytes1 close) private pure returns (bool) {
        _expect(cursor, open);
        if (_peek(cursor) != uint8(close)) return true;
        cursor.place++;
        return false;
    }

    /// @notice Takes a comma, or what closes: then false.
    function _goesOn(Cursor memory cursor, bytes1 close) private pure returns (bool) {
        uint256 next = _peek(cursor);
        if (next != uint8(bytes1(",")) && next != uint8(close)) _unexpected(cursor);
        cursor.place++;
        return next == uint8(bytes1(","));
    }

    function _expect(Cursor memory cursor, bytes1 wanted) private pure {
        if (_peek(cursor) != uint8(wanted)) _unexpected(cursor);
        cursor.place++;
    }

    function _peek(Cursor memory cursor) private pure returns (uint256) {
        return cursor.place < cursor.text.length ? uint8(cursor.text[cursor.place]) : END;
    }

    function _unexpected(Cursor memory cursor) private pure {
        uint256 next = _peek(cursor);
        if (next == END) revert ILoraRegistry.HeaderTruncated();
        if (next == 0x20 || next == 0x09 || next == 0x0a || next == 0x0d) {
            revert ILoraRegistry.HeaderWhitespace(uint32(cursor.place));
        }
        if (next >= 0x80) revert ILoraRegistry.HeaderNotAscii(uint32(cursor.place));
        revert ILoraRegistry.HeaderSyntax(uint32(cursor.place));
    }

    /// @notice Names of what the registry can't check; of several in one name the first decides.
    function _refuseUnsupported(bytes memory name, uint256 offset) private pure {
        uint256 dora = _first(name, "lora_magnitude_vector", "use_dora");
        uint256 pattern = _first(name, "rank_pattern", "alpha_pattern");
        uint256 saved = LibBytes.indexOf(name, "modules_to_save");
        if (dora < pattern && dora < saved) revert ILoraRegistry.DoraUnsupported(uint32(offset));
        if (pattern < saved) revert ILoraRegistry.RankPatternUnsupported(uint32(offset));
        if (saved < name.length) revert ILoraRegistry.ModulesToSaveUnsupported(uint32(offset));
    }

    /// @notice Where the first of two parts begins in a name; the largest number if neither does.
    function _first(bytes memory name, bytes memory a, bytes memory b) private pure returns (uint256) {
        (uint256 one, uint256 other) = (LibBytes.indexOf(name, a), LibBytes.indexOf(name, b));
        return one < other ? one : other;
    }

    /// @notice By name; equal ones stay in their order.
    function _sort(Tensor[] memory tensors) private pure {
        for (uint256 i = 1; i < tensors.length; i++) {
            Tensor memory tensor = tensors[i];
            uint256 j = i;
            for (; j > 0 && LibBytes.cmp(tensors[j - 1].name, tensor.name) > 0; j--) {
                tensors[j] = tensors[j - 1];
            }
            tensors[j] = tensor;
        }
    }
}
