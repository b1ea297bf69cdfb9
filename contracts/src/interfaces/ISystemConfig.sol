// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ResourceMetering} from "../libraries/ResourceMetering.sol";
import {IVersioned} from "./IVersioned.sol";

/// @title ISystemConfig
/// @notice The chain's parameters that its owner may change on L1. Derivation follows the `ConfigUpdate` events of this
///         contract: a change takes effect in the first L2 block whose L1 origin includes it. It refuses every value that
///         derivation would stop at.
interface ISystemConfig is IVersioned {
    /// @notice Which parameter an event changes, and how its `data` is encoded.
    /// @dev BATCHER: abi.encode(bytes32 batcherHash).
    ///      FEE_SCALARS: abi.encode(uint256 overhead, uint256 scalar), see `overhead` and `scalar`.
    ///      GAS_LIMIT: abi.encode(uint64 gasLimit).
    ///      UNSAFE_BLOCK_SIGNER: abi.encode(address signer).
    ///      EIP_1559_PARAMS: abi.encode(uint256(denominator) << 32 | elasticity).
    ///      OPERATOR_FEE: abi.encode(uint256(operatorFeeScalar) << 64 | operatorFeeConstant).
    enum UpdateType {
        BATCHER,
        FEE_SCALARS,
        GAS_LIMIT,
        UNSAFE_BLOCK_SIGNER,
        EIP_1559_PARAMS,
        OPERATOR_FEE
    }

    /// @notice Everything that `initialize` sets. The units are those of the getters.
    struct Parameters {
        address owner;
        bytes32 batcherHash;
        uint32 basefeeScalar;
        uint32 blobbasefeeScalar;
        uint64 gasLimit;
        address unsafeBlockSigner;
        uint32 eip1559Denominator;
        uint32 eip1559Elasticity;
        uint32 operatorFeeScalar;
        uint64 operatorFeeConstant;
        address batchInbox;
    }

    /// @notice A parameter changed.
    /// @param version    Version of the event's encoding: 0.
    /// @param updateType Which parameter.
    /// @param data       Its new value, encoded as `UpdateType` says.
    event ConfigUpdate(uint256 indexed version, UpdateType indexed updateType, bytes data);

    /// @notice The gas limit is outside of the bounds.
    error GasLimitOutOfBounds(uint64 gasLimit, uint64 minimum, uint64 maximum);

    /// @notice One of denominator and elasticity is zero and the other is not.
    error IncompleteEIP1559Params(uint32 denominator, uint32 elasticity);

    /// @notice The base fee could more than double from a block to the next, or the gas target come near zero.
    error EIP1559ParamsOutOfBounds(uint32 denominator, uint32 elasticity);

    /// @notice More than an address' 160 bits are set.
    error BatcherHashNotAnAddress(bytes32 batcherHash);

    /// @notice The batch inbox is the zero address.
    error ZeroBatchInbox();

    /// @notice Sets every parameter, and the start block, and emits an event for each parameter. Once only.
    function initialize(Parameters calldata parameters) external;

    /// @notice Changes who posts batches. Owner only.
    /// @param newBatcherHash The batcher's address, padded on the left.
    function setBatcherHash(bytes32 newBatcherHash) external;

    /// @notice Changes the weights of L1's fees in the L1 data fee, in millionths. Owner only.
    function setGasConfigEcotone(uint32 newBasefeeScalar, uint32 newBlobbasefeeScalar) external;

    /// @notice Changes the gas limit of L2 blocks. Owner only.
    function setGasLimit(uint64 newGasLimit) external;

    /// @notice Changes whose signature makes a block that was not yet posted credible. Owner only.
    function setUnsafeBlockSigner(address newUnsafeBlockSigner) external;

    /// @notice Changes how fast L2's base fee moves. Both zero stands for the chain's defaults; otherwise the elasticity
    ///         is at most 1,000, and at most the denominator plus one: a full block doubles the fee at most. Owner only.
    function setEIP1559Params(uint32 newDenominator, uint32 newElasticity) external;

    /// @notice Changes the operator fee. Owner only.
    function setOperatorFeeScalars(uint32 newOperatorFeeScalar, uint64 newOperatorFeeConstant) external;

    /// @notice The batcher's address, padded on the left.
    function batcherHash() external view returns (bytes32);

    /// @notice Weight of the L1 base fee, in millionths.
    function basefeeScalar() external view returns (uint32);

    /// @notice Weight of the L1 blob base fee, in millionths.
    function blobbasefeeScalar() external view returns (uint32);

    /// @notice Both weights in one number: version 1 in the highest byte, the blob weight in bits 32 to 63, the other
    ///         below.
    function scalar() external view returns (uint256);

    /// @notice Overhead before Ecotone: zero.
    function overhead() external view returns (uint256);

    /// @notice Gas limit of L2 blocks.
    function gasLimit() external view returns (uint64);

    /// @notice Smallest gas limit: what deposits of one L1 block may use, and the L1 attributes.
    function minimumGasLimit() external view returns (uint64);

    /// @notice Largest gas limit.
    function maximumGasLimit() external view returns (uint64);

    /// @notice Whose signature makes a block that was not yet posted credible.
    function unsafeBlockSigner() external view returns (address);

    /// @notice Denominator of the base fee's change; zero for the chain's default.
    function eip1559Denominator() external view returns (uint32);

    /// @notice Gas limit over gas target; zero for the chain's default.
    function eip1559Elasticity() external view returns (uint32);

    /// @notice Part of the operator fee that grows with gas: millionths of a wei of OPEN per gas.
    function operatorFeeScalar() external view returns (uint32);

    /// @notice Constant part of the operator fee, in wei of OPEN.
    function operatorFeeConstant() external view returns (uint64);

    /// @notice How deposits are priced and limited.
    function resourceConfig() external view returns (ResourceMetering.Config memory);

    /// @notice Where batches are posted.
    function batchInbox() external view returns (address);

    /// @notice L1 block in which this contract was initialized: events need not be looked for before it.
    function startBlock() external view returns (uint256);

    /// @notice Slot of the unsafe block signer, which nodes may read without calling.
    function UNSAFE_BLOCK_SIGNER_SLOT() external view returns (bytes32);

    /// @notice Slot of the batch inbox.
    function BATCH_INBOX_SLOT() external view returns (bytes32);

    /// @notice Slot of the start block.
    function START_BLOCK_SLOT() external view returns (bytes32);

    /// @notice Version of the event's encoding.
    function VERSION() external view returns (uint256);
}
