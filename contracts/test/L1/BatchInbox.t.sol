// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BatchInbox} from "../../src/L1/BatchInbox.sol";
import {IBatchInbox} from "../../src/interfaces/IBatchInbox.sol";
import {IVersioned} from "../../src/interfaces/IVersioned.sol";
import {Test} from "forge-std/Test.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ICool {
    function cool(address account) external;
}

/// @dev Posts as a contract.
contract Poster {
    function post(address inbox, bytes calldata data) external returns (bool success) {
        (success,) = inbox.call(data);
    }
}

contract BatchInboxTest is Test {
    BatchInbox private inbox;
    address private immutable batcher = makeAddr("batcher");
    address private immutable other = makeAddr("other");

    function setUp() public {
        inbox = new BatchInbox();
    }

    function test_fallback_calldata_succeeds() public {
        bytes memory data = hex"00aabbcc";
        bytes32[] memory blobs = new bytes32[](0);
        bytes32 head = keccak256(abi.encode(bytes32(0), keccak256(data), blobs));

        vm.expectEmit(address(inbox));
        emit IBatchInbox.BatchCommitted(batcher, 0, head, keccak256(data), blobs);
        _post(batcher, data, blobs);

        assertEq(inbox.count(batcher), 1);
        assertEq(inbox.head(batcher), head);
        assertEq(inbox.headAt(batcher, 0), head);
        assertTrue(inbox.holds(batcher, 0, keccak256(data), blobs));
    }

    /// @dev The chain computed by hand: head(0) of a transaction without calldata and with one blob.
    function test_fallback_knownHead_succeeds() public {
        bytes32[] memory blobs = new bytes32[](1);
        blobs[0] = 0x01000000000000000000000000000000000000000000000000000000000000aa;
        _post(batcher, "", blobs);
        assertEq(
            inbox.head(batcher),
            keccak256(
                bytes.concat(
                    bytes32(0),
                    hex"c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
                    bytes32(uint256(0x60)),
                    bytes32(uint256(1)),
                    blobs[0]
                )
            )
        );
    }

    /// @dev Property B2.
    function testFuzz_fallback_sequence_succeeds(bytes[5] memory data, bytes32[3] memory hashes, uint256 seed) public {
        bytes32 head;
        for (uint256 i; i < 5; ++i) {
            bytes memory batch = bytes.concat(hex"00", data[i]);
            bytes32[] memory blobs = _blobs(hashes, (seed >> (8 * i)) % 4);
            head = keccak256(abi.encode(head, keccak256(batch), blobs));
            vm.expectEmit(address(inbox));
            emit IBatchInbox.BatchCommitted(batcher, i, head, keccak256(batch), blobs);
            _post(batcher, batch, blobs);
            assertEq(inbox.headAt(batcher, i), head);
            assertTrue(inbox.holds(batcher, i, keccak256(batch), blobs));
            assertFalse(inbox.holds(batcher, i, keccak256(bytes.concat(batch, hex"00")), blobs));
            assertFalse(inbox.holds(batcher, i, keccak256(batch), _blobs(hashes, (blobs.length + 1) % 4)));
        }
        assertEq(inbox.count(batcher), 5);
        assertEq(inbox.head(batcher), head);
    }

    function test_fallback_mostBlobs_succeeds() public {
        bytes32[] memory blobs = new bytes32[](9);
        for (uint256 i; i < 9; ++i) {
            blobs[i] = bytes32((uint256(1) << 248) | (i + 1));
        }
        _post(batcher, "", blobs);
        assertTrue(inbox.holds(batcher, 0, keccak256(""), blobs));
    }

    function test_fallback_sendersAreSeparate_succeeds() public {
        bytes32[] memory blobs = new bytes32[](0);
        _post(batcher, hex"0001", blobs);
        _post(other, hex"0002", blobs);
        _post(batcher, hex"0003", blobs);
        assertEq(inbox.count(batcher), 2);
        assertEq(inbox.count(other), 1);
        assertEq(inbox.head(other), keccak256(abi.encode(bytes32(0), keccak256(hex"0002"), blobs)));
    }

    function test_fallback_fromContract_ignored_succeeds() public {
        Poster poster = new Poster();
        vm.recordLogs();
        vm.prank(batcher, batcher);
        assertTrue(poster.post(address(inbox), hex"0001"));
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(inbox.count(address(poster)), 0);
        assertEq(inbox.count(batcher), 0);
    }

    function testFuzz_fallback_value_reverts(uint128 value, bytes memory data) public {
        vm.assume(value > 0);
        vm.deal(batcher, value);
        vm.prank(batcher, batcher);
        (bool success, bytes memory result) = address(inbox).call{value: value}(bytes.concat(hex"00", data));
        assertFalse(success);
        assertEq(result, abi.encodeWithSelector(IBatchInbox.ValueRefused.selector, value));
    }

    /// @dev Property B1: whatever follows the version byte is recorded: no batch reaches a view, and none is refused.
    function testFuzz_fallback_anyBatch_neverReverts_succeeds(bytes memory data) public {
        bytes memory batch = bytes.concat(hex"00", data);
        _post(batcher, batch, new bytes32[](0));
        assertTrue(inbox.holds(batcher, 0, keccak256(batch), new bytes32[](0)));
    }

    /// @dev The artifact tells whether a function is missing here.
    function test_selectors_noneLooksLikeABatch_succeeds() public view {
        string memory artifact = vm.readFile("artifacts/BatchInbox.json");
        uint256 functions;
        for (uint256 i; vm.keyExistsJson(artifact, string.concat(".abi[", vm.toString(i), "]")); ++i) {
            string memory entry = string.concat(".abi[", vm.toString(i), "]");
            if (keccak256(bytes(vm.parseJsonString(artifact, string.concat(entry, ".type")))) == keccak256("function"))
            {
                ++functions;
            }
        }
        bytes4[5] memory selectors = [
            IBatchInbox.count.selector,
            IBatchInbox.head.selector,
            IBatchInbox.headAt.selector,
            IBatchInbox.holds.selector,
            IVersioned.version.selector
        ];
        assertEq(functions, selectors.length, "a function is missing from this test");
        for (uint256 i; i < selectors.length; ++i) {
            assertTrue(selectors[i][0] != 0);
        }
    }

    function test_headAt_noSuchBatch_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IBatchInbox.NoSuchBatch.selector, batcher, 0, 0));
        inbox.headAt(batcher, 0);
        vm.expectRevert(abi.encodeWithSelector(IBatchInbox.NoSuchBatch.selector, batcher, 0, 0));
        inbox.holds(batcher, 0, 0, new bytes32[](0));
        _post(batcher, hex"00", new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(IBatchInbox.NoSuchBatch.selector, batcher, 1, 1));
        inbox.holds(batcher, 1, 0, new bytes32[](0));
    }

    function test_head_empty_succeeds() public view {
        assertEq(inbox.head(batcher), 0);
        assertEq(inbox.count(batcher), 0);
        assertEq(inbox.version(), "1.0.0");
    }

    function _post(address from, bytes memory data, bytes32[] memory blobs) private {
        vm.blobhashes(blobs);
        vm.prank(from, from);
        (bool success,) = address(inbox).call(data);
        assertTrue(success);
        vm.blobhashes(new bytes32[](0));
    }

    function _blobs(bytes32[3] memory hashes, uint256 length) private pure returns (bytes32[] memory blobs) {
        blobs = new bytes32[](length);
        for (uint256 i; i < length; ++i) {
            // As a versioned hash: the version byte, which is 1, then the rest.
            blobs[i] = bytes32((uint256(1) << 248) | (uint256(hashes[i]) >> 8));
        }
    }
}

/// @dev Gas of a record, as `snapshots/BatchInboxGasTest.json` commits it: the call alone, without the transaction's 21,000
///      and its calldata.
contract BatchInboxGasTest is Test {
    BatchInbox private inbox;
    address private immutable batcher = makeAddr("batcher");

    function setUp() public {
        inbox = new BatchInbox();
        _post("", 1);
    }

    function test_fallback_gas_succeeds() public {
        _snapshot("calldata, 1 byte", hex"00", 0);
        _snapshot("1 blob", "", 1);
        _snapshot("6 blobs", "", 6);
        _snapshot("9 blobs", "", 9);
        _snapshot("calldata, 120000 bytes", new bytes(120_000), 0);
    }

    /// @dev Storage counts as cold, as in a transaction of its own.
    function _snapshot(string memory name, bytes memory data, uint256 blobs) private {
        ICool(address(vm)).cool(address(inbox));
        _post(data, blobs);
        vm.snapshotGasLastCall(name);
    }

    function _post(bytes memory data, uint256 blobs) private {
        bytes32[] memory hashes = new bytes32[](blobs);
        for (uint256 i; i < blobs; ++i) {
            hashes[i] = bytes32((uint256(1) << 248) | (i + 1));
        }
        vm.blobhashes(hashes);
        vm.prank(batcher, batcher);
        (bool success,) = address(inbox).call(data);
        assertTrue(success);
    }
}
