// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGasPriceOracle} from "../../src/interfaces/IGasPriceOracle.sol";
import {IL1Block} from "../../src/interfaces/IL1Block.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {L2Test} from "./L2Test.sol";
import {LibZip} from "solady/utils/LibZip.sol";

contract GasPriceOracleTest is L2Test {
    IGasPriceOracle private constant ORACLE = IGasPriceOracle(Predeploys.GAS_PRICE_ORACLE);

    /// @dev Property G1. `vectors/l1Fee.json` holds data, its FastLZ size as op-revm 20 computes it (the first entries are op-revm's own
    ///      test vectors), L1 prices, and the fee of a transaction that FastLZ compresses to that size and 68 bytes.
    function test_getL1Fee_fixedVectors_succeeds() public {
        string memory json = vm.readFile("test/L2/vectors/l1Fee.json");
        uint256 i;
        for (; vm.keyExistsJson(json, _vector(i, "")); ++i) {
            bytes memory data = vm.parseJsonBytes(json, _vector(i, ".data"));
            _setPrices(
                vm.parseJsonUint(json, _vector(i, ".baseFee")),
                uint32(vm.parseJsonUint(json, _vector(i, ".baseFeeScalar"))),
                vm.parseJsonUint(json, _vector(i, ".blobBaseFee")),
                uint32(vm.parseJsonUint(json, _vector(i, ".blobBaseFeeScalar")))
            );
            assertEq(LibZip.flzCompress(data).length, vm.parseJsonUint(json, _vector(i, ".fastLzSize")), "size");
            assertEq(ORACLE.getL1Fee(data), vm.parseJsonUint(json, _vector(i, ".fee")), "fee");
            assertEq(ORACLE.getL1GasUsed(data), vm.parseJsonUint(json, _vector(i, ".gasUsed")), "gas used");
        }
        assertEq(i, 29);
    }

    /// @dev The smallest size: 100 bytes, at (1000 * 16 * 1000 + 1000 * 1000) millionths of a wei each.
    function test_getL1Fee_smallestSize_succeeds() public {
        _setPrices(1000, 1000, 1000, 1000);
        assertEq(ORACLE.getL1Fee(hex"FACADE"), 1700);
        assertEq(ORACLE.getL1Fee(""), 1700);
    }

    function testFuzz_getL1Fee_anyPrices_succeeds(
        bytes memory data,
        uint128 baseFee,
        uint32 baseFeeScalar,
        uint128 blobBaseFee,
        uint32 blobBaseFeeScalar
    ) public {
        _setPrices(baseFee, baseFeeScalar, blobBaseFee, blobBaseFeeScalar);
        int256 size = int256(LibZip.flzCompress(data).length + 68) * 836_500 - 42_585_600;
        uint256 scaled = uint256(16) * baseFeeScalar * baseFee + uint256(blobBaseFeeScalar) * blobBaseFee;
        uint256 expected = (size < 100_000_000 ? 100_000_000 : uint256(size)) * scaled / 1e12;
        assertEq(ORACLE.getL1Fee(data), expected);
    }

    function testFuzz_getL1Fee_largestPrices_saturates_succeeds(bytes memory data) public {
        _setPrices(type(uint256).max, type(uint32).max, type(uint256).max, type(uint32).max);
        assertEq(ORACLE.getL1Fee(data), type(uint256).max / 1e12);
    }

    function testFuzz_getL1FeeUpperBound_neverBelowFee_succeeds(bytes memory data) public {
        _setPrices(1e9, 1e6, 1e9, 1e6);
        assertGe(ORACLE.getL1FeeUpperBound(data.length), ORACLE.getL1Fee(data));
    }

    function test_getL1FeeUpperBound_known_succeeds() public {
        _setPrices(1000, 1000, 1000, 1000);
        // 1000 + 68 bytes grow to 1068 + 4 + 16; (836500 * 1088 - 42585600) * 17e6 / 1e12.
        assertEq(ORACLE.getL1FeeUpperBound(1000), 14_747);
        assertEq(ORACLE.getL1FeeUpperBound(type(uint256).max), type(uint256).max / 1e12);
    }

    function test_getL1Fee_beforeFjord_reverts() public {
        vm.store(address(ORACLE), 0, bytes32(uint256(1)));
        vm.expectRevert(IGasPriceOracle.ForkNotActive.selector);
        ORACLE.getL1Fee("");
        vm.expectRevert(IGasPriceOracle.ForkNotActive.selector);
        ORACLE.getL1GasUsed("");
        vm.expectRevert(IGasPriceOracle.ForkNotActive.selector);
        ORACLE.getL1FeeUpperBound(0);
    }

    function test_getOperatorFee_isthmus_succeeds() public {
        _setOperatorFee(1000, 10);
        assertEq(ORACLE.getOperatorFee(1000), 11);
        assertEq(ORACLE.getOperatorFee(999), 10);
        assertEq(ORACLE.getOperatorFee(0), 10);
        assertEq(ORACLE.getOperatorFee(type(uint256).max), type(uint256).max / 1e6 + 10);
    }

    function test_getOperatorFee_jovian_succeeds() public {
        _setOperatorFee(1000, 10);
        vm.prank(Predeploys.DEPOSITOR_ACCOUNT);
        ORACLE.setJovian();
        assertEq(ORACLE.getOperatorFee(1000), 100_000_010);
        assertEq(ORACLE.getOperatorFee(type(uint256).max), type(uint256).max);
    }

    function test_getOperatorFee_beforeIsthmus_succeeds() public {
        _setOperatorFee(1000, 10);
        vm.store(address(ORACLE), 0, bytes32(uint256(0x0101)));
        assertEq(ORACLE.getOperatorFee(1000), 0);
    }

    function test_isIsthmus_genesis_succeeds() public view {
        assertTrue(ORACLE.isEcotone());
        assertTrue(ORACLE.isFjord());
        assertTrue(ORACLE.isIsthmus());
        assertFalse(ORACLE.isJovian());
    }

    function test_setForks_inOrder_succeeds() public {
        vm.store(address(ORACLE), 0, 0);
        vm.startPrank(Predeploys.DEPOSITOR_ACCOUNT);
        ORACLE.setEcotone();
        ORACLE.setFjord();
        ORACLE.setIsthmus();
        ORACLE.setJovian();
        assertEq(vm.load(address(ORACLE), 0), bytes32(uint256(0x01010101)));
    }

    function test_setForks_outOfOrder_reverts() public {
        vm.store(address(ORACLE), 0, 0);
        vm.startPrank(Predeploys.DEPOSITOR_ACCOUNT);
        vm.expectRevert(IGasPriceOracle.ForkNotActive.selector);
        ORACLE.setFjord();
        vm.expectRevert(IGasPriceOracle.ForkNotActive.selector);
        ORACLE.setIsthmus();
        vm.expectRevert(IGasPriceOracle.ForkNotActive.selector);
        ORACLE.setJovian();
    }

    function test_setForks_alreadyActive_reverts() public {
        vm.startPrank(Predeploys.DEPOSITOR_ACCOUNT);
        ORACLE.setJovian();
        vm.expectRevert(IGasPriceOracle.ForkAlreadyActive.selector);
        ORACLE.setEcotone();
        vm.expectRevert(IGasPriceOracle.ForkAlreadyActive.selector);
        ORACLE.setFjord();
        vm.expectRevert(IGasPriceOracle.ForkAlreadyActive.selector);
        ORACLE.setIsthmus();
        vm.expectRevert(IGasPriceOracle.ForkAlreadyActive.selector);
        ORACLE.setJovian();
    }

    function test_setForks_notDepositor_reverts() public {
        vm.expectRevert(IGasPriceOracle.NotDepositor.selector);
        ORACLE.setEcotone();
        vm.expectRevert(IGasPriceOracle.NotDepositor.selector);
        ORACLE.setFjord();
        vm.expectRevert(IGasPriceOracle.NotDepositor.selector);
        ORACLE.setIsthmus();
        vm.expectRevert(IGasPriceOracle.NotDepositor.selector);
        ORACLE.setJovian();
    }

    function test_overhead_removed_reverts() public {
        vm.expectRevert(IGasPriceOracle.RemovedByEcotone.selector);
        ORACLE.overhead();
        vm.expectRevert(IGasPriceOracle.RemovedByEcotone.selector);
        ORACLE.scalar();
    }

    function test_prices_mirrorL1Block_succeeds() public {
        _setPrices(1, 2, 3, 4);
        vm.fee(5);
        assertEq(ORACLE.l1BaseFee(), 1);
        assertEq(ORACLE.baseFeeScalar(), 2);
        assertEq(ORACLE.blobBaseFee(), 3);
        assertEq(ORACLE.blobBaseFeeScalar(), 4);
        assertEq(ORACLE.gasPrice(), 5);
        assertEq(ORACLE.baseFee(), 5);
        assertEq(ORACLE.decimals(), 6);
        assertEq(ORACLE.DECIMALS(), 6);
        assertEq(ORACLE.version(), "1.0.0");
    }

    function _setPrices(uint256 baseFee, uint32 baseFeeScalar, uint256 blobBaseFee, uint32 blobBaseFeeScalar) private {
        bytes memory data = bytes.concat(
            abi.encodePacked(
                IL1Block.setL1BlockValuesEcotone.selector,
                baseFeeScalar,
                blobBaseFeeScalar,
                uint64(0),
                uint64(0),
                uint64(0)
            ),
            abi.encodePacked(baseFee, blobBaseFee, bytes32(0), bytes32(0))
        );
        vm.prank(Predeploys.DEPOSITOR_ACCOUNT);
        (bool success,) = Predeploys.L1_BLOCK.call(data);
        assertTrue(success);
    }

    function _setOperatorFee(uint32 scalar, uint64 constant_) private {
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(8)), bytes32((uint256(scalar) << 64) | constant_));
    }

    function _vector(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(".vectors[", vm.toString(i), "]", field);
    }
}
