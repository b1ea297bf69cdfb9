// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title IGasPriceOracle
/// @notice Estimates, for wallets and contracts, the fees that the node charges beside execution gas: the L1 data fee and
///         the operator fee. The node computes the same from the signed transaction; before signing, the signature's 68
///         bytes are added here, since they don't compress.
///
///         Amounts are in wei of OPEN: the scalars carry the rate between OPEN and ETH.
interface IGasPriceOracle is IVersioned {
    /// @notice The caller is not the depositor account.
    error NotDepositor();

    /// @notice This value lost its meaning with the Ecotone upgrade.
    error RemovedByEcotone();

    /// @notice The fork's rules are in force already.
    error ForkAlreadyActive();

    /// @notice The fork's rules, or those of the fork before it, are not yet in force.
    error ForkNotActive();

    /// @notice L1 data fee, in wei of OPEN, of the unsigned transaction `unsignedTx`.
    function getL1Fee(bytes memory unsignedTx) external view returns (uint256);

    /// @notice A fee, in wei of OPEN, that the L1 data fee of a transaction of this many bytes practically never passes.
    function getL1FeeUpperBound(uint256 unsignedTxSize) external view returns (uint256);

    /// @notice Estimated size of `unsignedTx` on L1 times 16: L1 gas as if it were posted as calldata.
    function getL1GasUsed(bytes memory unsignedTx) external view returns (uint256);

    /// @notice Operator fee, in wei of OPEN, of a transaction that uses this much gas. Zero before Isthmus.
    function getOperatorFee(uint256 gasUsed) external view returns (uint256);

    /// @notice Tells that the Ecotone upgrade is active. Depositor only.
    function setEcotone() external;

    /// @notice Tells that the Fjord upgrade is active. Depositor only.
    function setFjord() external;

    /// @notice Tells that the Isthmus upgrade is active. Depositor only.
    function setIsthmus() external;

    /// @notice Tells that the Jovian upgrade is active. Depositor only.
    function setJovian() external;

    /// @notice Whether the Ecotone upgrade is active.
    function isEcotone() external view returns (bool);

    /// @notice Whether the Fjord upgrade is active.
    function isFjord() external view returns (bool);

    /// @notice Whether the Isthmus upgrade is active.
    function isIsthmus() external view returns (bool);

    /// @notice Whether the Jovian upgrade is active.
    function isJovian() external view returns (bool);

    /// @notice Base fee of the current L2 block, in wei of OPEN.
    function gasPrice() external view returns (uint256);

    /// @notice Base fee of the current L2 block, in wei of OPEN.
    function baseFee() external view returns (uint256);

    /// @notice Base fee of the L1 origin, in wei of ETH.
    function l1BaseFee() external view returns (uint256);

    /// @notice Blob base fee of the L1 origin, in wei of ETH.
    function blobBaseFee() external view returns (uint256);

    /// @notice Weight of the L1 base fee, in millionths.
    function baseFeeScalar() external view returns (uint32);

    /// @notice Weight of the L1 blob base fee, in millionths.
    function blobBaseFeeScalar() external view returns (uint32);

    /// @notice Reverts: removed by Ecotone.
    function overhead() external view returns (uint256);

    /// @notice Reverts: removed by Ecotone.
    function scalar() external view returns (uint256);

    /// @notice Decimals of the scalars.
    function decimals() external pure returns (uint256);

    /// @notice Decimals of the scalars.
    function DECIMALS() external pure returns (uint256);
}
