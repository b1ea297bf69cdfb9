// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ISystemConfig} from "../interfaces/ISystemConfig.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {ResourceMetering} from "../libraries/ResourceMetering.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {StorageSlot} from "@openzeppelin/contracts/utils/StorageSlot.sol";

/// @title SystemConfig
/// @dev Stands behind a `Proxy`. Nodes that follow unsafe blocks read the signer by `UNSAFE_BLOCK_SIGNER_SLOT`.
contract SystemConfig is ISystemConfig, Initializable, Ownable {
    /* CONSTANTS */

    /// @inheritdoc ISystemConfig
    uint256 public constant VERSION = 0;
    /// @inheritdoc ISystemConfig
    bytes32 public constant UNSAFE_BLOCK_SIGNER_SLOT = keccak256("systemconfig.unsafeblocksigner");
    /// @inheritdoc ISystemConfig
    bytes32 public constant BATCH_INBOX_SLOT = bytes32(uint256(keccak256("systemconfig.batchinbox")) - 1);
    /// @inheritdoc ISystemConfig
    bytes32 public constant START_BLOCK_SLOT = bytes32(uint256(keccak256("systemconfig.startBlock")) - 1);

    uint64 private constant GAS_LIMIT_MAX = 1_000_000_000;
    /// @dev With it the gas target stays far from zero, by which the base fee's change is divided.
    uint32 private constant ELASTICITY_MAX = 1000;

    /* STORAGE */

    /// @inheritdoc ISystemConfig
    bytes32 public batcherHash;
    /// @inheritdoc ISystemConfig
    uint64 public gasLimit;
    /// @inheritdoc ISystemConfig
    uint32 public basefeeScalar;
    /// @inheritdoc ISystemConfig
    uint32 public blobbasefeeScalar;
    /// @inheritdoc ISystemConfig
    uint32 public eip1559Denominator;
    /// @inheritdoc ISystemConfig
    uint32 public eip1559Elasticity;
    /// @inheritdoc ISystemConfig
    uint64 public operatorFeeConstant;
    /// @inheritdoc ISystemConfig
    uint32 public operatorFeeScalar;

    /* CONSTRUCTOR */

    /// @dev The implementation itself stays without an owner and can't be initialized.
    constructor() Ownable(msg.sender) {
        _transferOwnership(address(0));
        _disableInitializers();
    }

    /// @inheritdoc ISystemConfig
    function initialize(Parameters calldata parameters) external initializer {
        if (parameters.owner == address(0)) revert OwnableInvalidOwner(address(0));
        if (parameters.batchInbox == address(0)) revert ZeroBatchInbox();
        _transferOwnership(parameters.owner);

        StorageSlot.getUint256Slot(START_BLOCK_SLOT).value = block.number;
        StorageSlot.getAddressSlot(BATCH_INBOX_SLOT).value = parameters.batchInbox;
        _setBatcherHash(parameters.batcherHash);
        _setGasConfigEcotone(parameters.basefeeScalar, parameters.blobbasefeeScalar);
        _setGasLimit(parameters.gasLimit);
        _setUnsafeBlockSigner(parameters.unsafeBlockSigner);
        _setEIP1559Params(parameters.eip1559Denominator, parameters.eip1559Elasticity);
        _setOperatorFeeScalars(parameters.operatorFeeScalar, parameters.operatorFeeConstant);
    }

    /* OWNER FUNCTIONS */

    /// @inheritdoc ISystemConfig
    function setBatcherHash(bytes32 newBatcherHash) external onlyOwner {
        _setBatcherHash(newBatcherHash);
    }

    /// @inheritdoc ISystemConfig
    function setGasConfigEcotone(uint32 newBasefeeScalar, uint32 newBlobbasefeeScalar) external onlyOwner {
        _setGasConfigEcotone(newBasefeeScalar, newBlobbasefeeScalar);
    }

    /// @inheritdoc ISystemConfig
    function setGasLimit(uint64 newGasLimit) external onlyOwner {
        _setGasLimit(newGasLimit);
    }

    /// @inheritdoc ISystemConfig
    function setUnsafeBlockSigner(address newUnsafeBlockSigner) external onlyOwner {
        _setUnsafeBlockSigner(newUnsafeBlockSigner);
    }

    /// @inheritdoc ISystemConfig
    function setEIP1559Params(uint32 newDenominator, uint32 newElasticity) external onlyOwner {
        _setEIP1559Params(newDenominator, newElasticity);
    }

    /// @inheritdoc ISystemConfig
    function setOperatorFeeScalars(uint32 newOperatorFeeScalar, uint64 newOperatorFeeConstant) external onlyOwner {
        _setOperatorFeeScalars(newOperatorFeeScalar, newOperatorFeeConstant);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc ISystemConfig
    function scalar() public view returns (uint256) {
        return (uint256(1) << 248) | (uint256(blobbasefeeScalar) << 32) | basefeeScalar;
    }

    /// @inheritdoc ISystemConfig
    function overhead() public pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc ISystemConfig
    function minimumGasLimit() public pure returns (uint64) {
        return uint64(ResourceMetering.RESOURCE_LIMIT) + ResourceMetering.SYSTEM_TX_GAS;
    }

    /// @inheritdoc ISystemConfig
    function maximumGasLimit() public pure returns (uint64) {
        return GAS_LIMIT_MAX;
    }

    /// @inheritdoc ISystemConfig
    function unsafeBlockSigner() external view returns (address) {
        return StorageSlot.getAddressSlot(UNSAFE_BLOCK_SIGNER_SLOT).value;
    }

    /// @inheritdoc ISystemConfig
    function batchInbox() external view returns (address) {
        return StorageSlot.getAddressSlot(BATCH_INBOX_SLOT).value;
    }

    /// @inheritdoc ISystemConfig
    function startBlock() external view returns (uint256) {
        return StorageSlot.getUint256Slot(START_BLOCK_SLOT).value;
    }

    /// @inheritdoc ISystemConfig
    function resourceConfig() external pure returns (ResourceMetering.Config memory) {
        return ResourceMetering.config();
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.1.0";
    }

    /* INTERNAL FUNCTIONS */

    function _setBatcherHash(bytes32 newBatcherHash) private {
        if (uint256(newBatcherHash) > type(uint160).max) revert BatcherHashNotAnAddress(newBatcherHash);
        batcherHash = newBatcherHash;
        emit ConfigUpdate(VERSION, UpdateType.BATCHER, abi.encode(newBatcherHash));
    }

    function _setGasConfigEcotone(uint32 newBasefeeScalar, uint32 newBlobbasefeeScalar) private {
        basefeeScalar = newBasefeeScalar;
        blobbasefeeScalar = newBlobbasefeeScalar;
        emit ConfigUpdate(VERSION, UpdateType.FEE_SCALARS, abi.encode(overhead(), scalar()));
    }

    function _setGasLimit(uint64 newGasLimit) private {
        if (newGasLimit < minimumGasLimit() || newGasLimit > maximumGasLimit()) {
            revert GasLimitOutOfBounds(newGasLimit, minimumGasLimit(), maximumGasLimit());
        }
        gasLimit = newGasLimit;
        emit ConfigUpdate(VERSION, UpdateType.GAS_LIMIT, abi.encode(newGasLimit));
    }

    function _setUnsafeBlockSigner(address newUnsafeBlockSigner) private {
        StorageSlot.getAddressSlot(UNSAFE_BLOCK_SIGNER_SLOT).value = newUnsafeBlockSigner;
        emit ConfigUpdate(VERSION, UpdateType.UNSAFE_BLOCK_SIGNER, abi.encode(newUnsafeBlockSigner));
    }

    function _setEIP1559Params(uint32 newDenominator, uint32 newElasticity) private {
        if ((newDenominator == 0) != (newElasticity == 0)) {
            revert IncompleteEIP1559Params(newDenominator, newElasticity);
        }
        if (newElasticity > ELASTICITY_MAX || newElasticity > uint256(newDenominator) + 1) {
            revert EIP1559ParamsOutOfBounds(newDenominator, newElasticity);
        }
        eip1559Denominator = newDenominator;
        eip1559Elasticity = newElasticity;
        emit ConfigUpdate(
            VERSION, UpdateType.EIP_1559_PARAMS, abi.encode((uint256(newDenominator) << 32) | newElasticity)
        );
    }

    function _setOperatorFeeScalars(uint32 newOperatorFeeScalar, uint64 newOperatorFeeConstant) private {
        operatorFeeScalar = newOperatorFeeScalar;
        operatorFeeConstant = newOperatorFeeConstant;
        emit ConfigUpdate(
            VERSION, UpdateType.OPERATOR_FEE, abi.encode((uint256(newOperatorFeeScalar) << 64) | newOperatorFeeConstant)
        );
    }
}
