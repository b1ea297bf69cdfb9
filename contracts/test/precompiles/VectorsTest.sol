// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";

/// @notice A file of vectors, read by section, number and member.
abstract contract VectorsTest is Test {
    string private file;
    string internal json;

    constructor(string memory file_) {
        file = file_;
    }

    function setUp() public {
        // tools/differential.sh runs other vectors.
        string memory folder = vm.envOr("PRECOMPILE_VECTORS", string("test/precompiles/vectors"));
        json = vm.readFile(string.concat(folder, "/", file, ".json"));
    }

    function _count(string memory section) internal view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(".counts.", section));
    }

    function _key(string memory section, uint256 i, string memory member) internal pure returns (string memory) {
        return string.concat(".", section, "[", vm.toString(i), "].", member);
    }

    function _uint(string memory section, uint256 i, string memory member) internal view returns (uint256) {
        return vm.parseJsonUint(json, _key(section, i, member));
    }

    function _uints(string memory section, uint256 i, string memory member) internal view returns (uint256[] memory) {
        return vm.parseJsonUintArray(json, _key(section, i, member));
    }

    function _ints(string memory section, uint256 i, string memory member) internal view returns (int256[] memory) {
        return vm.parseJsonIntArray(json, _key(section, i, member));
    }

    function _tokens(string memory section, uint256 i) internal view returns (uint32[] memory tokens) {
        uint256[] memory wide = _uints(section, i, "tokens");
        tokens = new uint32[](wide.length);
        for (uint256 j = 0; j < wide.length; j++) {
            tokens[j] = uint32(wide[j]);
        }
    }

    function _bytes(string memory section, uint256 i, string memory member) internal view returns (bytes memory) {
        return vm.parseJsonBytes(json, _key(section, i, member));
    }

    function _word(string memory section, uint256 i, string memory member) internal view returns (bytes32) {
        return vm.parseJsonBytes32(json, _key(section, i, member));
    }

    function _words(string memory section, uint256 i, string memory member) internal view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(json, _key(section, i, member));
    }
}
