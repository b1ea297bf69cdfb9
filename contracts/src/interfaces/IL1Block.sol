// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title IL1Block
/// @notice What L2 knows of L1: the block that the current L2 block follows (its L1 origin), and the fee parameters that
///         the system configuration on L1 holds. The node writes it by the first transaction of every block.
///
///         The setters take their arguments tightly packed after the selector, big-endian, not ABI-encoded:
///
///         | offset | size | value                | since   |
///         |--------|------|----------------------|---------|
///         | 4      | 4    | base fee scalar      | Ecotone |
///         | 8      | 4    | blob base fee scalar | Ecotone |
///         | 12     | 8    | sequence number      | Ecotone |
///         | 20     | 8    | L1 timestamp         | Ecotone |
///         | 28     | 8    | L1 block number      | Ecotone |
///         | 36     | 32   | L1 base fee          | Ecotone |
///         | 68     | 32   | L1 blob base fee     | Ecotone |
///         | 100    | 32   | L1 block hash        | Ecotone |
///         | 132    | 32   | batcher hash         | Ecotone |
///         | 164    | 4    | operator fee scalar  | Isthmus |
///         | 168    | 8    | operator fee constant| Isthmus |
///         | 176    | 2    | DA footprint scalar  | Jovian  |
interface IL1Block is IVersioned {
    /// @notice The caller is not the depositor account.
    error NotDepositor();

    /// @notice The packed arguments end early.
    error TruncatedAttributes(uint256 actual, uint256 expected);

    /// @notice Takes the attributes in the Ecotone form, 164 bytes with the selector. Depositor only.
    function setL1BlockValuesEcotone() external;

    /// @notice Takes the attributes in the Isthmus form, 176 bytes with the selector. Depositor only.
    function setL1BlockValuesIsthmus() external;

    /// @notice Takes the attributes in the Jovian form, 178 bytes with the selector. Depositor only.
    function setL1BlockValuesJovian() external;

    /// @notice The only account that may call the setters.
    function DEPOSITOR_ACCOUNT() external pure returns (address);

    /// @notice Number of the L1 origin.
    function number() external view returns (uint64);

    /// @notice Timestamp of the L1 origin, in seconds.
    function timestamp() external view returns (uint64);

    /// @notice Base fee of the L1 origin, in wei of ETH.
    function basefee() external view returns (uint256);

    /// @notice Hash of the L1 origin.
    function hash() external view returns (bytes32);

    /// @notice How many L2 blocks before this one have the same L1 origin.
    function sequenceNumber() external view returns (uint64);

    /// @notice Weight of the L1 blob base fee in the L1 data fee, in millionths.
    function blobBaseFeeScalar() external view returns (uint32);

    /// @notice Weight of the L1 base fee in the L1 data fee, in millionths.
    function baseFeeScalar() external view returns (uint32);

    /// @notice The batcher's address, padded on the left.
    function batcherHash() external view returns (bytes32);

    /// @notice Overhead of the L1 data fee before Ecotone: always zero here.
    function l1FeeOverhead() external view returns (uint256);

    /// @notice Scalar of the L1 data fee before Ecotone: always zero here.
    function l1FeeScalar() external view returns (uint256);

    /// @notice Blob base fee of the L1 origin, in wei of ETH.
    function blobBaseFee() external view returns (uint256);

    /// @notice Constant part of the operator fee, in wei of OPEN.
    function operatorFeeConstant() external view returns (uint64);

    /// @notice Part of the operator fee that grows with gas: millionths of a wei of OPEN per gas.
    function operatorFeeScalar() external view returns (uint32);

    /// @notice Gas of a block's limit that each byte of estimated L1 data takes. Zero before Jovian.
    function daFootprintGasScalar() external view returns (uint16);

    /// @notice Whether the chain's gas token is something other than ETH: it is OPEN.
    function isCustomGasToken() external pure returns (bool);

    /// @notice Name of the gas token.
    function gasPayingTokenName() external pure returns (string memory);

    /// @notice Symbol of the gas token.
    function gasPayingTokenSymbol() external pure returns (string memory);
}
