// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LoraRegistryReference} from "../reference/LoraRegistryReference.sol";
import {SafetensorsReference} from "../reference/SafetensorsReference.sol";
import {TensorsReference} from "../reference/TensorsReference.sol";
import {VectorsTest} from "./VectorsTest.sol";

/// @notice LORA's reference with what vectors say put into it.
contract RegistryWithVectors is LoraRegistryReference {
    function put(uint64 id, uint64 base, uint16 absBps) external {
        Node storage node = nodes[id];
        (node.exists, node.base, node.absBps) = (true, base, absBps);
    }

    function putParent(uint64 id, uint64 parent, uint16 relBps) external {
        nodes[id].parents.push(Share(parent, relBps));
    }

    function putTrain(uint64 id, bytes32 datanet, uint16 weightBps) external {
        nodes[id].train.push(Train(datanet, 0, 0, weightBps));
    }

    function tensors(bytes calldata header) external pure returns (uint256) {
        return SafetensorsReference.parse(header).length;
    }

    function check(bytes calldata header, TensorsReference.Declared calldata declared) external pure {
        TensorsReference.check(SafetensorsReference.parse(header), declared);
    }
}

/// @notice The Solidity reference of LORA gives what every vector says.
contract PrecompileVectorsLoraTest is VectorsTest {
    constructor() VectorsTest("lora") {}

    function test_lineage_vectors_succeeds() public {
        uint256 count = _count("lineage");
        assertGe(count, 20);
        for (uint256 i = 0; i < count; i++) {
            RegistryWithVectors registry = _registry(i);
            uint64 start = uint64(_uint("lineage", i, "start"));
            (uint64[] memory ids, uint256[] memory amounts) = registry.royaltyFlow(start, _uint("lineage", i, "total"));
            uint256[] memory paidIds = _uints("lineage", i, "paidIds");
            assertEq(ids.length, paidIds.length);
            for (uint256 j = 0; j < ids.length; j++) {
                assertEq(ids[j], paidIds[j]);
            }
            assertEq(amounts, _uints("lineage", i, "paid"));
            (bytes32[] memory datanets, uint32[] memory ppm) = registry.flattenDatanets(start);
            uint256[] memory parts = _uints("lineage", i, "ppm");
            bytes32[] memory expected = _words("lineage", i, "datanets");
            assertEq(datanets.length, expected.length);
            for (uint256 j = 0; j < datanets.length; j++) {
                assertEq(datanets[j], expected[j]);
                assertEq(ppm[j], parts[j]);
            }
        }
    }

    function _registry(uint256 i) private returns (RegistryWithVectors registry) {
        registry = new RegistryWithVectors();
        uint256[] memory base = _uints("lineage", i, "base");
        uint256[] memory absBps = _uints("lineage", i, "absBps");
        for (uint256 n = 0; n < base.length; n++) {
            registry.put(uint64(n + 1), uint64(base[n]), uint16(absBps[n]));
        }
        uint256[] memory edges = _uints("lineage", i, "edges");
        for (uint256 e = 0; e < edges.length; e += 3) {
            registry.putParent(uint64(edges[e]), uint64(edges[e + 1]), uint16(edges[e + 2]));
        }
        uint256[] memory weights = _uints("lineage", i, "weights");
        for (uint256 w = 0; w < weights.length; w += 3) {
            registry.putTrain(uint64(weights[w]), bytes32(weights[w + 1]), uint16(weights[w + 2]));
        }
    }

    function test_header_vectors_succeeds() public {
        RegistryWithVectors registry = new RegistryWithVectors();
        uint256 count = _count("header");
        assertGe(count, 42);
        for (uint256 i = 0; i < count; i++) {
            bytes memory expected = _bytes("header", i, "revert");
            (bool accepted, bytes memory answer) =
                address(registry).staticcall(abi.encodeCall(registry.tensors, (_bytes("header", i, "header"))));
            assertEq(accepted, expected.length == 0);
            if (accepted) {
                assertEq(abi.decode(answer, (uint256)), _uint("header", i, "tensors"));
            } else {
                assertEq(answer, expected);
            }
        }
    }

    function test_adapter_vectors_succeeds() public {
        RegistryWithVectors registry = new RegistryWithVectors();
        uint256 count = _count("adapter");
        assertGe(count, 21);
        for (uint256 i = 0; i < count; i++) {
            bytes memory expected = _bytes("adapter", i, "revert");
            bytes memory call = abi.encodeCall(registry.check, (_bytes("adapter", i, "header"), _declared(i)));
            (bool accepted, bytes memory answer) = address(registry).staticcall(call);
            assertEq(accepted, expected.length == 0);
            if (!accepted) assertEq(answer, expected);
        }
    }

    function _declared(uint256 i) private view returns (TensorsReference.Declared memory declared) {
        declared.prefix = bytes(vm.parseJsonString(json, _key("adapter", i, "prefix")));
        declared.layerFrom = _uint("adapter", i, "layerFrom");
        declared.layerTo = _uint("adapter", i, "layerTo");
        declared.rank = _uint("adapter", i, "rank");
        declared.dtype = uint8(_uint("adapter", i, "dtype"));
        declared.dataLen = _uint("adapter", i, "dataLen");
        uint256[] memory modules = _uints("adapter", i, "modules");
        string[] memory paths = vm.parseJsonStringArray(json, _key("adapter", i, "paths"));
        uint256[] memory inDims = _uints("adapter", i, "inDims");
        uint256[] memory outDims = _uints("adapter", i, "outDims");
        declared.targets = new TensorsReference.Target[](modules.length);
        for (uint256 t = 0; t < modules.length; t++) {
            declared.targets[t] = TensorsReference.Target(uint8(modules[t]), bytes(paths[t]), inDims[t], outDims[t]);
        }
    }

    function test_signature_vectors_succeeds() public {
        RegistryWithVectors registry = new RegistryWithVectors();
        uint256 count = _count("signature");
        assertGe(count, 4);
        for (uint256 i = 0; i < count; i++) {
            bytes32 digest = registry.digestOf(
                _uint("signature", i, "chainId"),
                _word("signature", i, "adapterHash"),
                _word("signature", i, "headerHash"),
                _uint("signature", i, "nonce"),
                _uint("signature", i, "deadline")
            );
            assertEq(digest, _word("signature", i, "digest"));
        }
    }
}
