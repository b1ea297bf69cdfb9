// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {INativePrecompile} from "../../src/interfaces/precompiles/INativePrecompile.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {LoraRegistryReference} from "../reference/LoraRegistryReference.sol";
import {MerkleReference} from "../reference/MerkleReference.sol";
import {PrecompileTest} from "./PrecompileTest.sol";

contract LoraRegistryTest is PrecompileTest {
    ILoraRegistry private constant LORA = NativePrecompiles.LORA;
    address private constant TIMELOCK = 0x4200000000000000000000000000000000001002;
    bytes32 private constant SALT = bytes32(uint256(5));
    bytes private constant JSON =
        '{"layers.0.q_proj.lora_A.weight":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]},"layers.0.q_proj.lora_B.weight":{"dtype":"F32","shape":[4,2],"data_offsets":[64,96]}}';

    uint64 private base;
    bytes private header;

    function setUp() public override {
        super.setUp();
        vm.roll(100);
        vm.warp(1000);
        bytes memory length = new bytes(8);
        length[0] = bytes1(uint8(JSON.length));
        header = bytes.concat(length, JSON);
        base = LORA.registerBase(_base(0));
    }

    function _base(uint16 absBps) private pure returns (ILoraRegistry.Base memory described) {
        described.namePrefix = "layers.";
        described.layers = 2;
        described.absBps = absBps;
        described.modules = new ILoraRegistry.Module[](1);
        described.modules[0] = ILoraRegistry.Module("q_proj", 8, 4);
    }

    function _adapter(uint256 content) private view returns (ILoraRegistry.Adapter memory adapter) {
        adapter.base = base;
        (adapter.rank, adapter.alpha, adapter.moduleMask, adapter.layerTo) = (2, 4, 1, 1);
        (adapter.headerHash, adapter.dataRoot, adapter.dataLen) = (keccak256(header), bytes32(content), 96);
        (adapter.chunkLog2, adapter.developer, adapter.version) = (12, address(this), 1);
    }

    function _commit(ILoraRegistry.Adapter memory adapter) private {
        LORA.commitAdapter(keccak256(abi.encode(adapter.developer, adapter.headerHash, adapter.dataRoot, SALT)));
    }

    function _register(ILoraRegistry.Adapter memory adapter) private returns (uint64) {
        _commit(adapter);
        vm.roll(vm.getBlockNumber() + 2);
        return LORA.registerAdapter(adapter, header, SALT);
    }

    function _child(uint256 content, uint64 a, uint16 aBps, uint64 b, uint16 bBps) private returns (uint64) {
        ILoraRegistry.Adapter memory adapter = _adapter(content);
        adapter.parents = new ILoraRegistry.Share[](2);
        adapter.parents[0] = ILoraRegistry.Share(a, aBps);
        adapter.parents[1] = ILoraRegistry.Share(b, bBps);
        return _register(adapter);
    }

    function _portion(uint256 amount, uint256 bps) private pure returns (uint256) {
        return amount / 10_000 * bps + amount % 10_000 * bps / 10_000;
    }

    function test_registerAdapter_get_succeeds() public {
        ILoraRegistry.Adapter memory adapter = _adapter(1);
        _commit(adapter);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.CommitmentTooYoung.selector, uint64(vm.getBlockNumber())));
        LORA.registerAdapter(adapter, header, SALT);
        vm.roll(vm.getBlockNumber() + 2);
        vm.expectEmit(address(LORA));
        emit ILoraRegistry.AdapterRegistered(2, base, address(this), keccak256(header), bytes32(uint256(1)), 24);
        assertEq(LORA.registerAdapter(adapter, header, SALT), 2);
        (ILoraRegistry.Adapter memory got, uint64 params, uint8 depth, uint16 ancestors) = LORA.get(2);
        assertEq(abi.encode(got), abi.encode(adapter));
        assertEq(params, 24);
        assertEq(depth, 1);
        assertEq(ancestors, 1);
        assertEq(LORA.byBase(base, 0, 9)[0], 2);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.DuplicateWeights.selector, 2));
        LORA.registerAdapter(adapter, header, SALT);
    }

    function test_registerAdapter_earlierCommitment_succeeds() public {
        ILoraRegistry.Adapter memory first = _adapter(1);
        _commit(first);
        ILoraRegistry.Adapter memory copy = _adapter(1);
        copy.developer = address(9);
        _commit(copy);
        vm.roll(vm.getBlockNumber() + 2);
        vm.prank(address(9));
        uint64 copied = LORA.registerAdapter(copy, header, SALT);
        vm.expectEmit(address(LORA));
        emit ILoraRegistry.StatusChanged(copied, 2);
        assertEq(LORA.statusOf(copied), 0);
        uint64 id = LORA.registerAdapter(first, header, SALT);
        assertEq(LORA.statusOf(copied), 2);
        assertEq(LORA.statusOf(id), 0);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.UnknownNode.selector, id + 1));
        LORA.statusOf(id + 1);
        ILoraRegistry.Adapter memory child = _adapter(2);
        child.parents = new ILoraRegistry.Share[](1);
        child.parents[0] = ILoraRegistry.Share(copied, 1);
        _commit(child);
        vm.roll(vm.getBlockNumber() + 2);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.ParentDisputed.selector, copied));
        LORA.registerAdapter(child, header, SALT);
        assertGt(id, copied);
    }

    function test_registerAdapterFor_signature_succeeds() public {
        (address developer, uint256 key) = makeAddrAndKey("developer");
        ILoraRegistry.Adapter memory adapter = _adapter(1);
        adapter.developer = developer;
        _commit(adapter);
        vm.roll(vm.getBlockNumber() + 2);
        bytes32 digest = LoraRegistryReference(address(LORA))
            .digestOf(block.chainid, keccak256(abi.encode(adapter)), adapter.headerHash, 0, 1000);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        bytes memory sig = abi.encodePacked(r, s, v);
        vm.expectRevert(ILoraRegistry.BadSignature.selector);
        LORA.registerAdapterFor(adapter, header, SALT, 0, 1000, abi.encodePacked(r, s, v - 27));
        LORA.registerAdapterFor(adapter, header, SALT, 0, 1000, sig);
        assertEq(LORA.nonces(developer), 1);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.BadNonce.selector, 1));
        LORA.registerAdapterFor(adapter, header, SALT, 0, 1000, sig);
        vm.warp(1001);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.SignatureExpired.selector, 1000));
        LORA.registerAdapterFor(adapter, header, SALT, 0, 1000, sig);
    }

    function testFuzz_royaltyFlow_diamond_succeeds(uint256 amount, uint16 a, uint16 b) public {
        a = uint16(bound(a, 0, 10_000));
        b = uint16(bound(b, 0, 10_000 - a));
        uint64 top = _register(_adapter(1));
        uint64 left = _child(2, top, a, base, b);
        uint64 right = _child(3, top, b, base, a);
        uint64 bottom = _child(4, left, a, right, b);
        (uint64[] memory ids, uint256[] memory amounts) = LORA.royaltyFlow(bottom, amount);
        assertEq(ids.length, 5);
        uint256 sum;
        for (uint256 i = 0; i < 5; i++) {
            assertTrue(i == 0 || ids[i - 1] < ids[i]);
            sum += amounts[i];
        }
        assertEq(sum, amount);
        // The diamond merges: what reaches the top comes from both sides.
        assertEq(amounts[1], _portion(_portion(amount, a), a) + _portion(_portion(amount, b), b));
        assertTrue(LORA.isAncestor(bottom, top));
        assertFalse(LORA.isAncestor(top, bottom));
        assertEq(LORA.lineage(bottom).length, 4);
    }

    function test_flattenDatanets_undeclared_succeeds() public {
        uint64 id = _register(_adapter(1));
        (bytes32[] memory datanets, uint32[] memory ppm) = LORA.flattenDatanets(id);
        assertEq(datanets.length, 1);
        assertEq(datanets[0], 0);
        assertEq(ppm[0], 1_000_000);
    }

    function test_verifyChunk_position_succeeds() public {
        ILoraRegistry.Adapter memory adapter = _adapter(1);
        bytes memory chunk = new bytes(96);
        adapter.dataRoot = MerkleReference.leaf(0, chunk);
        uint64 id = _register(adapter);
        assertTrue(LORA.verifyChunk(id, 0, chunk, new bytes32[](0)));
        assertFalse(LORA.verifyChunk(id, 1, chunk, new bytes32[](0)));
        assertFalse(LORA.verifyChunk(id, 0, new bytes(95), new bytes32[](0)));
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.NotAdapter.selector, base));
        LORA.verifyChunk(base, 0, chunk, new bytes32[](0));
    }

    function test_uploadHeader_parts_succeeds() public {
        bytes32 hash = keccak256(header);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.BadPart.selector, 0));
        LORA.uploadHeader(hash, 1, header);
        LORA.uploadHeader(hash, 0, header);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.PartialPage.selector, 0));
        LORA.uploadHeader(hash, 1, header);
        ILoraRegistry.Adapter memory adapter = _adapter(1);
        _commit(adapter);
        vm.roll(vm.getBlockNumber() + 2);
        assertEq(LORA.registerAdapter(adapter, "", SALT), 2);
    }

    function test_setStatus_roles_reverts() public {
        uint64 id = _register(_adapter(1));
        LORA.setStatus(id, 1);
        vm.expectRevert(abi.encodeWithSelector(INativePrecompile.Unauthorized.selector, address(this)));
        LORA.setStatus(id, 2);
        vm.prank(TIMELOCK);
        LORA.setStatus(id, 2);
        vm.expectRevert(abi.encodeWithSelector(INativePrecompile.Unauthorized.selector, address(this)));
        LORA.setStatus(id, 0);
    }

    function test_registerBase_share_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(INativePrecompile.Unauthorized.selector, address(this)));
        LORA.registerBase(_base(1));
        vm.prank(TIMELOCK);
        LORA.registerBase(_base(1));
    }
}
