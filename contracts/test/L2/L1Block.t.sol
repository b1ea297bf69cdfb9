// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL1Block} from "../../src/interfaces/IL1Block.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {L2Test} from "./L2Test.sol";

contract L1BlockTest is L2Test {
    IL1Block private constant L1_BLOCK = IL1Block(Predeploys.L1_BLOCK);

    struct Attributes {
        uint32 baseFeeScalar;
        uint32 blobBaseFeeScalar;
        uint64 sequenceNumber;
        uint64 timestamp;
        uint64 number;
        uint256 basefee;
        uint256 blobBaseFee;
        bytes32 hash;
        bytes32 batcherHash;
        uint32 operatorFeeScalar;
        uint64 operatorFeeConstant;
        uint16 daFootprintGasScalar;
    }

    function test_setL1BlockValues_selectors_succeeds() public pure {
        assertEq(IL1Block.setL1BlockValuesEcotone.selector, bytes4(0x440a5e20));
        assertEq(IL1Block.setL1BlockValuesIsthmus.selector, bytes4(0x098999be));
        assertEq(IL1Block.setL1BlockValuesJovian.selector, bytes4(0x3db6be2b));
    }

    function testFuzz_setL1BlockValuesEcotone_anyValues_succeeds(Attributes memory a) public {
        bytes memory data = _ecotone(IL1Block.setL1BlockValuesEcotone.selector, a);
        assertEq(data.length, 164);
        _set(data);
        _assertEcotone(a);
        assertEq(L1_BLOCK.operatorFeeScalar(), 0);
        assertEq(L1_BLOCK.operatorFeeConstant(), 0);
    }

    function testFuzz_setL1BlockValuesIsthmus_anyValues_succeeds(Attributes memory a) public {
        bytes memory data = _isthmus(IL1Block.setL1BlockValuesIsthmus.selector, a);
        assertEq(data.length, 176);
        _set(data);
        _assertEcotone(a);
        assertEq(L1_BLOCK.operatorFeeScalar(), a.operatorFeeScalar);
        assertEq(L1_BLOCK.operatorFeeConstant(), a.operatorFeeConstant);
        assertEq(L1_BLOCK.daFootprintGasScalar(), 0);
    }

    function testFuzz_setL1BlockValuesJovian_anyValues_succeeds(Attributes memory a) public {
        bytes memory data =
            bytes.concat(_isthmus(IL1Block.setL1BlockValuesJovian.selector, a), bytes2(a.daFootprintGasScalar));
        assertEq(data.length, 178);
        _set(data);
        _assertEcotone(a);
        assertEq(L1_BLOCK.operatorFeeScalar(), a.operatorFeeScalar);
        assertEq(L1_BLOCK.operatorFeeConstant(), a.operatorFeeConstant);
        assertEq(L1_BLOCK.daFootprintGasScalar(), a.daFootprintGasScalar);
    }

    /// @dev The slots and offsets from which the node reads the fee parameters.
    function testFuzz_setL1BlockValuesJovian_storageLayout_succeeds(Attributes memory a) public {
        _set(bytes.concat(_isthmus(IL1Block.setL1BlockValuesJovian.selector, a), bytes2(a.daFootprintGasScalar)));
        assertEq(_slot(0), bytes32((uint256(a.timestamp) << 64) | a.number));
        assertEq(_slot(1), bytes32(a.basefee));
        assertEq(_slot(2), a.hash);
        assertEq(
            _slot(3),
            bytes32((uint256(a.baseFeeScalar) << 96) | (uint256(a.blobBaseFeeScalar) << 64) | a.sequenceNumber)
        );
        assertEq(_slot(4), a.batcherHash);
        assertEq(_slot(5), 0);
        assertEq(_slot(6), 0);
        assertEq(_slot(7), bytes32(a.blobBaseFee));
        assertEq(
            _slot(8),
            bytes32(
                (uint256(a.daFootprintGasScalar) << 96) | (uint256(a.operatorFeeScalar) << 64) | a.operatorFeeConstant
            )
        );
    }

    function test_setL1BlockValuesIsthmus_operatorFeeKeepsDaScalar_succeeds() public {
        Attributes memory a;
        a.daFootprintGasScalar = 400;
        _set(bytes.concat(_isthmus(IL1Block.setL1BlockValuesJovian.selector, a), bytes2(a.daFootprintGasScalar)));
        a.operatorFeeScalar = type(uint32).max;
        a.operatorFeeConstant = type(uint64).max;
        _set(_isthmus(IL1Block.setL1BlockValuesIsthmus.selector, a));
        assertEq(L1_BLOCK.daFootprintGasScalar(), 400);
    }

    function testFuzz_setL1BlockValues_notDepositor_reverts(address caller) public {
        vm.assume(caller != Predeploys.DEPOSITOR_ACCOUNT && caller != Predeploys.PROXY_ADMIN && caller != address(0));
        Attributes memory a;
        bytes4[3] memory selectors = _selectors();
        for (uint256 i; i < 3; ++i) {
            vm.prank(caller);
            (bool success, bytes memory result) =
                address(L1_BLOCK).call(bytes.concat(_isthmus(selectors[i], a), bytes2(0)));
            assertFalse(success);
            assertEq(bytes4(result), IL1Block.NotDepositor.selector);
        }
    }

    function test_setL1BlockValues_truncated_reverts() public {
        Attributes memory a;
        bytes4[3] memory selectors = _selectors();
        uint256[3] memory lengths = [uint256(164), 176, 178];
        for (uint256 i; i < 3; ++i) {
            bytes memory data = bytes.concat(_isthmus(selectors[i], a), bytes2(0));
            uint256 short = lengths[i] - 1;
            assembly ("memory-safe") {
                mstore(data, short)
            }
            vm.prank(Predeploys.DEPOSITOR_ACCOUNT);
            (bool success, bytes memory result) = address(L1_BLOCK).call(data);
            assertFalse(success);
            assertEq(result, abi.encodeWithSelector(IL1Block.TruncatedAttributes.selector, short, lengths[i]));
        }
    }

    function test_gasPayingToken_isOpen_succeeds() public view {
        assertTrue(L1_BLOCK.isCustomGasToken());
        assertEq(L1_BLOCK.gasPayingTokenName(), "OPEN");
        assertEq(L1_BLOCK.gasPayingTokenSymbol(), "OPEN");
        assertEq(L1_BLOCK.DEPOSITOR_ACCOUNT(), 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001);
        assertEq(L1_BLOCK.l1FeeOverhead(), 0);
        assertEq(L1_BLOCK.l1FeeScalar(), 0);
        assertEq(L1_BLOCK.version(), "1.0.0");
    }

    function _selectors() private pure returns (bytes4[3] memory) {
        return [
            IL1Block.setL1BlockValuesEcotone.selector,
            IL1Block.setL1BlockValuesIsthmus.selector,
            IL1Block.setL1BlockValuesJovian.selector
        ];
    }

    function _ecotone(bytes4 selector, Attributes memory a) private pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(selector, a.baseFeeScalar, a.blobBaseFeeScalar, a.sequenceNumber, a.timestamp, a.number),
            abi.encodePacked(a.basefee, a.blobBaseFee, a.hash, a.batcherHash)
        );
    }

    function _isthmus(bytes4 selector, Attributes memory a) private pure returns (bytes memory) {
        return bytes.concat(_ecotone(selector, a), abi.encodePacked(a.operatorFeeScalar, a.operatorFeeConstant));
    }

    function _set(bytes memory data) private {
        vm.prank(Predeploys.DEPOSITOR_ACCOUNT);
        (bool success,) = address(L1_BLOCK).call(data);
        assertTrue(success);
    }

    function _slot(uint256 slot) private view returns (bytes32) {
        return vm.load(address(L1_BLOCK), bytes32(slot));
    }

    function _assertEcotone(Attributes memory a) private view {
        assertEq(L1_BLOCK.baseFeeScalar(), a.baseFeeScalar);
        assertEq(L1_BLOCK.blobBaseFeeScalar(), a.blobBaseFeeScalar);
        assertEq(L1_BLOCK.sequenceNumber(), a.sequenceNumber);
        assertEq(L1_BLOCK.timestamp(), a.timestamp);
        assertEq(L1_BLOCK.number(), a.number);
        assertEq(L1_BLOCK.basefee(), a.basefee);
        assertEq(L1_BLOCK.blobBaseFee(), a.blobBaseFee);
        assertEq(L1_BLOCK.hash(), a.hash);
        assertEq(L1_BLOCK.batcherHash(), a.batcherHash);
    }
}
