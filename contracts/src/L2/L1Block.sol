// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL1Block} from "../interfaces/IL1Block.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Predeploys} from "../libraries/Predeploys.sol";

/// @title L1Block
/// @dev The node reads the fee parameters straight from this storage, so the order and packing below are consensus:
///      slot 0 number, timestamp; 1 basefee; 2 hash; 3 sequenceNumber, blobBaseFeeScalar, baseFeeScalar; 4 batcherHash;
///      5 l1FeeOverhead; 6 l1FeeScalar; 7 blobBaseFee; 8 operatorFeeConstant, operatorFeeScalar, daFootprintGasScalar.
contract L1Block is IL1Block {
    /* CONSTANTS */

    /// @inheritdoc IL1Block
    address public constant DEPOSITOR_ACCOUNT = Predeploys.DEPOSITOR_ACCOUNT;

    uint256 private constant ECOTONE_LENGTH = 164;
    uint256 private constant ISTHMUS_LENGTH = 176;
    uint256 private constant JOVIAN_LENGTH = 178;

    /* STORAGE */

    /// @inheritdoc IL1Block
    uint64 public number;
    /// @inheritdoc IL1Block
    uint64 public timestamp;
    /// @inheritdoc IL1Block
    uint256 public basefee;
    /// @inheritdoc IL1Block
    bytes32 public hash;
    /// @inheritdoc IL1Block
    uint64 public sequenceNumber;
    /// @inheritdoc IL1Block
    uint32 public blobBaseFeeScalar;
    /// @inheritdoc IL1Block
    uint32 public baseFeeScalar;
    /// @inheritdoc IL1Block
    bytes32 public batcherHash;
    /// @inheritdoc IL1Block
    uint256 public l1FeeOverhead;
    /// @inheritdoc IL1Block
    uint256 public l1FeeScalar;
    /// @inheritdoc IL1Block
    uint256 public blobBaseFee;
    /// @inheritdoc IL1Block
    uint64 public operatorFeeConstant;
    /// @inheritdoc IL1Block
    uint32 public operatorFeeScalar;
    /// @inheritdoc IL1Block
    uint16 public daFootprintGasScalar;

    /* MODIFIERS */

    /// @dev The depositor account calls, and its calldata holds at least `expected` bytes.
    modifier attributes(uint256 expected) {
        if (msg.sender != DEPOSITOR_ACCOUNT) revert NotDepositor();
        if (msg.data.length < expected) revert TruncatedAttributes(msg.data.length, expected);
        _;
    }

    /* DEPOSITOR FUNCTIONS */

    /// @inheritdoc IL1Block
    function setL1BlockValuesEcotone() external attributes(ECOTONE_LENGTH) {
        _setEcotone();
    }

    /// @inheritdoc IL1Block
    function setL1BlockValuesIsthmus() external attributes(ISTHMUS_LENGTH) {
        _setEcotone();
        _setIsthmus();
    }

    /// @inheritdoc IL1Block
    function setL1BlockValuesJovian() external attributes(JOVIAN_LENGTH) {
        _setEcotone();
        _setIsthmus();
        daFootprintGasScalar = uint16(bytes2(msg.data[176:178]));
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IL1Block
    function isCustomGasToken() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IL1Block
    function gasPayingTokenName() external pure returns (string memory) {
        return "OPEN";
    }

    /// @inheritdoc IL1Block
    function gasPayingTokenSymbol() external pure returns (string memory) {
        return "OPEN";
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _setEcotone() private {
        baseFeeScalar = uint32(bytes4(msg.data[4:8]));
        blobBaseFeeScalar = uint32(bytes4(msg.data[8:12]));
        sequenceNumber = uint64(bytes8(msg.data[12:20]));
        timestamp = uint64(bytes8(msg.data[20:28]));
        number = uint64(bytes8(msg.data[28:36]));
        basefee = uint256(bytes32(msg.data[36:68]));
        blobBaseFee = uint256(bytes32(msg.data[68:100]));
        hash = bytes32(msg.data[100:132]);
        batcherHash = bytes32(msg.data[132:164]);
    }

    function _setIsthmus() private {
        operatorFeeScalar = uint32(bytes4(msg.data[164:168]));
        operatorFeeConstant = uint64(bytes8(msg.data[168:176]));
    }
}
