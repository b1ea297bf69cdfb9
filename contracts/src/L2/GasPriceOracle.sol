// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGasPriceOracle} from "../interfaces/IGasPriceOracle.sol";
import {IL1Block} from "../interfaces/IL1Block.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {LibZip} from "solady/utils/LibZip.sol";

/// @title GasPriceOracle
/// @dev Storage: slot 0 holds one byte a fork flag, Ecotone lowest. The chain starts at Isthmus, so genesis sets the
///      first three, and the rules before Fjord are not implemented. Sums and products saturate, as the node's do.
contract GasPriceOracle is IGasPriceOracle {
    using Math for uint256;

    /* CONSTANTS */

    /// @inheritdoc IGasPriceOracle
    uint256 public constant DECIMALS = 6;

    IL1Block private constant L1_BLOCK = IL1Block(Predeploys.L1_BLOCK);

    /// @dev Line fitted to brotli's output as a function of FastLZ's, in millionths of a byte.
    uint256 private constant COST_INTERCEPT = 42_585_600;
    uint256 private constant COST_FASTLZ_COEFFICIENT = 836_500;
    uint256 private constant SIZE_MIN = 100_000_000;

    /// @dev Bytes that a signature adds to a transaction.
    uint256 private constant SIGNATURE_SIZE = 68;

    uint256 private constant CALLDATA_BYTE_GAS = 16;
    uint256 private constant SIZE_SCALE = 1e6;
    uint256 private constant FEE_SCALE = 1e12;
    uint256 private constant OPERATOR_FEE_SCALE = 1e6;
    uint256 private constant OPERATOR_FEE_JOVIAN_FACTOR = 100;

    /* STORAGE */

    /// @inheritdoc IGasPriceOracle
    bool public isEcotone;
    /// @inheritdoc IGasPriceOracle
    bool public isFjord;
    /// @inheritdoc IGasPriceOracle
    bool public isIsthmus;
    /// @inheritdoc IGasPriceOracle
    bool public isJovian;

    /* MODIFIERS */

    modifier onlyDepositor() {
        if (msg.sender != Predeploys.DEPOSITOR_ACCOUNT) revert NotDepositor();
        _;
    }

    modifier onlyFjord() {
        if (!isFjord) revert ForkNotActive();
        _;
    }

    /* DEPOSITOR FUNCTIONS */

    /// @inheritdoc IGasPriceOracle
    function setEcotone() external onlyDepositor {
        if (isEcotone) revert ForkAlreadyActive();
        isEcotone = true;
    }

    /// @inheritdoc IGasPriceOracle
    function setFjord() external onlyDepositor {
        if (!isEcotone) revert ForkNotActive();
        if (isFjord) revert ForkAlreadyActive();
        isFjord = true;
    }

    /// @inheritdoc IGasPriceOracle
    function setIsthmus() external onlyDepositor {
        if (!isFjord) revert ForkNotActive();
        if (isIsthmus) revert ForkAlreadyActive();
        isIsthmus = true;
    }

    /// @inheritdoc IGasPriceOracle
    function setJovian() external onlyDepositor {
        if (!isIsthmus) revert ForkNotActive();
        if (isJovian) revert ForkAlreadyActive();
        isJovian = true;
    }

    /* FEES */

    /// @inheritdoc IGasPriceOracle
    function getL1Fee(bytes memory unsignedTx) external view onlyFjord returns (uint256) {
        return _l1Fee(LibZip.flzCompress(unsignedTx).length + SIGNATURE_SIZE);
    }

    /// @inheritdoc IGasPriceOracle
    function getL1FeeUpperBound(uint256 unsignedTxSize) external view onlyFjord returns (uint256) {
        uint256 txSize = unsignedTxSize.saturatingAdd(SIGNATURE_SIZE);
        // Data that doesn't compress grows by one byte in 255 or so, and by a few to begin with.
        return _l1Fee(txSize.saturatingAdd(txSize / 255).saturatingAdd(16));
    }

    /// @inheritdoc IGasPriceOracle
    function getL1GasUsed(bytes memory unsignedTx) external view onlyFjord returns (uint256) {
        uint256 size = _estimatedSize(LibZip.flzCompress(unsignedTx).length + SIGNATURE_SIZE);
        return size.saturatingMul(CALLDATA_BYTE_GAS) / SIZE_SCALE;
    }

    /// @inheritdoc IGasPriceOracle
    function getOperatorFee(uint256 gasUsed) external view returns (uint256) {
        if (!isIsthmus) return 0;
        uint256 variable = gasUsed.saturatingMul(L1_BLOCK.operatorFeeScalar());
        variable = isJovian ? variable.saturatingMul(OPERATOR_FEE_JOVIAN_FACTOR) : variable / OPERATOR_FEE_SCALE;
        return variable.saturatingAdd(L1_BLOCK.operatorFeeConstant());
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IGasPriceOracle
    function gasPrice() external view returns (uint256) {
        return block.basefee;
    }

    /// @inheritdoc IGasPriceOracle
    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    /// @inheritdoc IGasPriceOracle
    function l1BaseFee() external view returns (uint256) {
        return L1_BLOCK.basefee();
    }

    /// @inheritdoc IGasPriceOracle
    function blobBaseFee() external view returns (uint256) {
        return L1_BLOCK.blobBaseFee();
    }

    /// @inheritdoc IGasPriceOracle
    function baseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.baseFeeScalar();
    }

    /// @inheritdoc IGasPriceOracle
    function blobBaseFeeScalar() external view returns (uint32) {
        return L1_BLOCK.blobBaseFeeScalar();
    }

    /// @inheritdoc IGasPriceOracle
    function overhead() external pure returns (uint256) {
        revert RemovedByEcotone();
    }

    /// @inheritdoc IGasPriceOracle
    function scalar() external pure returns (uint256) {
        revert RemovedByEcotone();
    }

    /// @inheritdoc IGasPriceOracle
    function decimals() external pure returns (uint256) {
        return DECIMALS;
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    /// @dev Fee of a transaction that FastLZ compresses to `fastLzSize` bytes; rounded down.
    function _l1Fee(uint256 fastLzSize) private view returns (uint256) {
        uint256 calldataPrice =
            L1_BLOCK.basefee().saturatingMul(CALLDATA_BYTE_GAS).saturatingMul(L1_BLOCK.baseFeeScalar());
        uint256 blobPrice = L1_BLOCK.blobBaseFee().saturatingMul(L1_BLOCK.blobBaseFeeScalar());
        return _estimatedSize(fastLzSize).saturatingMul(calldataPrice.saturatingAdd(blobPrice)) / FEE_SCALE;
    }

    /// @dev Estimated size on L1, in millionths of a byte.
    function _estimatedSize(uint256 fastLzSize) private pure returns (uint256) {
        return fastLzSize.saturatingMul(COST_FASTLZ_COEFFICIENT).saturatingSub(COST_INTERCEPT).max(SIZE_MIN);
    }
}
