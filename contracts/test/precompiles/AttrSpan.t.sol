// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAttrSpan} from "../../src/interfaces/precompiles/IAttrSpan.sol";
import {INativePrecompile} from "../../src/interfaces/precompiles/INativePrecompile.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {MerkleReference} from "../reference/MerkleReference.sol";
import {MixReference} from "../reference/MixReference.sol";
import {PrecompileTest} from "./PrecompileTest.sol";
import {LibSort} from "solady/utils/LibSort.sol";

contract AttrSpanTest is PrecompileTest {
    IAttrSpan private constant SPAN = NativePrecompiles.SPAN;
    bytes32 private constant DATANET = keccak256("datanet");
    uint32 private constant CLUSTER = 7;

    /// @dev A text's entries: all positions that winnowing selects.
    function _entries(uint64 salt, uint32[] memory text) private pure returns (uint256[] memory entries) {
        uint64[] memory hashes = MixReference.kgrams(text, 6, salt);
        uint256[] memory selected = MixReference.winnow(hashes, 8);
        entries = new uint256[](selected.length);
        for (uint256 i = 0; i < selected.length; i++) {
            entries[i] = uint256(hashes[selected[i]] >> 16) << 80 | uint256(CLUSTER) << 48 | (9000 + selected[i]);
        }
        LibSort.sort(entries);
    }

    function _text() private pure returns (uint32[] memory text) {
        text = new uint32[](120);
        for (uint256 i = 0; i < text.length; i++) {
            text[i] = uint32(i * i * 31 % 4099);
        }
    }

    /// @dev Three tokens of something else, then 60 of the text.
    function _query() private pure returns (uint32[] memory query) {
        query = new uint32[](63);
        for (uint256 i = 3; i < query.length; i++) {
            query[i] = _text()[i + 27];
        }
    }

    function _open() private returns (uint64 id, uint64 salt) {
        uint256 start = block.number;
        id = SPAN.commitTokens(DATANET, keccak256("tokens"));
        vm.roll(start + 2);
        salt = uint64(bytes8(keccak256(abi.encodePacked(blockhash(start + 1), id))));
        assertEq(SPAN.openIndex(DATANET, 6, 8, keccak256("tokenizer"), salt), id);
    }

    function _seal(uint64 id) private {
        SPAN.seal(id);
        vm.roll(block.number + 1);
    }

    function _hits(uint64 salt, uint256[] memory entries, uint32[] memory query)
        private
        pure
        returns (IAttrSpan.Hit[] memory hits)
    {
        bytes32[] memory leaves = _leaves(entries);
        uint64[] memory hashes = MixReference.kgrams(query, 6, salt);
        hits = new IAttrSpan.Hit[](hashes.length);
        uint256 count;
        for (uint256 i = 0; i < hashes.length; i++) {
            for (uint256 e = 0; e < entries.length; e++) {
                if (entries[e] >> 80 == hashes[i] >> 16) hits[count++] = _hit(i, e, entries, leaves);
            }
        }
        assembly ("memory-safe") {
            mstore(hits, count)
        }
    }

    function _hit(uint256 pos, uint256 leaf, uint256[] memory entries, bytes32[] memory leaves)
        private
        pure
        returns (IAttrSpan.Hit memory)
    {
        return IAttrSpan.Hit(
            uint32(pos),
            uint48(entries[leaf] >> 80),
            uint32(entries[leaf] >> 48),
            uint48(entries[leaf]),
            uint32(leaf),
            MerkleReference.proof(leaves, leaf)
        );
    }

    function _leaves(uint256[] memory entries) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](entries.length);
        for (uint256 i = 0; i < entries.length; i++) {
            leaves[i] = MerkleReference.leaf(uint64(i), abi.encodePacked(uint128(entries[i])));
        }
    }

    function test_scoreSpans_copy_succeeds() public {
        (uint64 id, uint64 salt) = _open();
        bytes memory packed;
        uint256[] memory entries = _entries(salt, _text());
        for (uint256 i = 0; i < entries.length; i++) {
            packed = abi.encodePacked(packed, uint128(entries[i]));
        }
        SPAN.appendEntries(id, packed);
        SPAN.seal(id);
        vm.expectRevert(abi.encodeWithSelector(IAttrSpan.NotSealed.selector, id));
        SPAN.scoreSpans(id, _query(), 3, 8);
        vm.roll(block.number + 1);
        (uint32[] memory cluster, uint32[] memory tokensWon, uint32 covered) = SPAN.scoreSpans(id, _query(), 3, 8);
        assertEq(cluster.length, 1);
        assertEq(cluster[0], CLUSTER);
        assertEq(tokensWon[0], covered);
        assertGe(covered, 60 - 2 * 12);
        assertLe(covered, 60);
    }

    function test_scoreSpansProved_omission_succeeds() public {
        (uint64 id, uint64 salt) = _open();
        uint256[] memory entries = _entries(salt, _text());
        SPAN.commitRoot(id, MerkleReference.root(_leaves(entries)), uint32(entries.length));
        _seal(id);
        IAttrSpan.Hit[] memory hits = _hits(salt, entries, _query());
        (,, uint32 covered) = SPAN.scoreSpansProved(id, _query(), hits, 3, 8);
        assertGe(covered, 60 - 2 * 12);

        // Without its last hit the claim covers less: the hit is proven missing, and nothing is from the whole claim.
        IAttrSpan.Hit[] memory fewer = new IAttrSpan.Hit[](hits.length - 1);
        for (uint256 i = 0; i < fewer.length; i++) {
            fewer[i] = hits[i];
        }
        IAttrSpan.Hit memory last = hits[hits.length - 1];
        assertTrue(SPAN.provesOmission(id, _query(), keccak256(abi.encode(fewer)), fewer, last));
        assertFalse(SPAN.provesOmission(id, _query(), keccak256(abi.encode(hits)), hits, last));
        assertFalse(SPAN.provesOmission(id, _query(), bytes32(0), fewer, last));
        last.cluster++;
        assertFalse(SPAN.provesOmission(id, _query(), keccak256(abi.encode(fewer)), fewer, last));
        hits[0].cluster++;
        vm.expectRevert(abi.encodeWithSelector(IAttrSpan.BadHit.selector, 0));
        SPAN.scoreSpansProved(id, _query(), hits, 3, 8);
    }

    function test_provesDisorder_swapped_succeeds() public {
        (uint64 id, uint64 salt) = _open();
        uint256[] memory entries = _entries(salt, _text());
        (entries[3], entries[4]) = (entries[4], entries[3]);
        bytes32[] memory leaves = _leaves(entries);
        SPAN.commitRoot(id, MerkleReference.root(leaves), uint32(entries.length));
        _seal(id);
        assertTrue(SPAN.provesDisorder(id, _hit(0, 3, entries, leaves), _hit(0, 4, entries, leaves)));
        assertFalse(SPAN.provesDisorder(id, _hit(0, 5, entries, leaves), _hit(0, 6, entries, leaves)));
        assertFalse(SPAN.provesDisorder(id, _hit(0, 4, entries, leaves), _hit(0, 3, entries, leaves)));
    }

    function test_openIndex_salt_reverts() public {
        uint256 start = block.number;
        uint64 id = SPAN.commitTokens(DATANET, keccak256("tokens"));
        vm.expectRevert(abi.encodeWithSelector(IAttrSpan.SaltWindow.selector, start + 2, start + 250));
        SPAN.openIndex(DATANET, 6, 8, bytes32(0), 0);
        vm.roll(start + 2);
        uint64 drawn = uint64(bytes8(keccak256(abi.encodePacked(blockhash(start + 1), id))));
        vm.expectRevert(abi.encodeWithSelector(IAttrSpan.WrongSalt.selector, drawn ^ 1, drawn));
        SPAN.openIndex(DATANET, 6, 8, bytes32(0), drawn ^ 1);
    }

    function test_appendEntries_refusals_reverts() public {
        (uint64 id,) = _open();
        vm.expectRevert(abi.encodeWithSelector(IAttrSpan.BadEntries.selector, 17));
        SPAN.appendEntries(id, new bytes(17));
        vm.expectRevert(abi.encodeWithSelector(IAttrSpan.EntryOrder.selector, 1));
        SPAN.appendEntries(id, new bytes(32));
        SPAN.appendEntries(id, new bytes(16));
        vm.expectRevert(abi.encodeWithSelector(IAttrSpan.PartialPage.selector, id));
        SPAN.appendEntries(id, new bytes(16));
        vm.prank(address(1));
        vm.expectRevert(abi.encodeWithSelector(INativePrecompile.Unauthorized.selector, address(1)));
        SPAN.seal(id);
    }
}
