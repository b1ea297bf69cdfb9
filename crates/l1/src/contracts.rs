//! Bindings of the L1 contracts, as far as the node calls them.
#![allow(missing_docs)] // the interfaces under contracts/src/interfaces document every item

use alloy_sol_types::sol;

sol! {
    /// The chain's parameters on L1 (`contracts/src/interfaces/ISystemConfig.sol`).
    #[derive(Debug, PartialEq, Eq)]
    interface SystemConfig {
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

        event ConfigUpdate(uint256 indexed version, uint8 indexed updateType, bytes data);

        function initialize(Parameters calldata parameters) external;
        function setBatcherHash(bytes32 newBatcherHash) external;
        function setGasConfigEcotone(uint32 newBasefeeScalar, uint32 newBlobbasefeeScalar) external;
        function setGasLimit(uint64 newGasLimit) external;
        function setUnsafeBlockSigner(address newUnsafeBlockSigner) external;
        function setEIP1559Params(uint32 newDenominator, uint32 newElasticity) external;
        function setOperatorFeeScalars(uint32 newOperatorFeeScalar, uint64 newOperatorFeeConstant) external;

        function batcherHash() external view returns (bytes32);
        function scalar() external view returns (uint256);
        function gasLimit() external view returns (uint64);
        function eip1559Denominator() external view returns (uint32);
        function eip1559Elasticity() external view returns (uint32);
        function operatorFeeScalar() external view returns (uint32);
        function operatorFeeConstant() external view returns (uint64);
        function unsafeBlockSigner() external view returns (address);
        function batchInbox() external view returns (address);
        function startBlock() external view returns (uint256);
        function owner() external view returns (address);
    }

    /// Where batches are posted (`contracts/src/interfaces/IBatchInbox.sol`).
    #[derive(Debug, PartialEq, Eq)]
    interface BatchInbox {
        event BatchCommitted(
            address indexed batcher, uint256 indexed index, bytes32 head, bytes32 calldataHash, bytes32[] blobHashes
        );

        function count(address batcher) external view returns (uint256);
        function head(address batcher) external view returns (bytes32);
        function headAt(address batcher, uint256 index) external view returns (bytes32);
        function holds(address batcher, uint256 index, bytes32 calldataHash, bytes32[] calldata blobHashes)
            external view returns (bool);
    }

    /// An upgradable contract's address (`contracts/src/interfaces/IProxy.sol`).
    #[derive(Debug, PartialEq, Eq)]
    contract Proxy {
        constructor(address initialAdmin);
        event Upgraded(address indexed implementation);
        event AdminChanged(address previousAdmin, address newAdmin);
        function upgradeTo(address newImplementation) external;
        function upgradeToAndCall(address newImplementation, bytes calldata data) external payable returns (bytes memory);
        function changeAdmin(address newAdmin) external;
        function admin() external returns (address);
        function implementation() external returns (address);
    }

    /// The owner of the proxies (`contracts/src/interfaces/IProxyAdmin.sol`).
    #[derive(Debug, PartialEq, Eq)]
    contract ProxyAdmin {
        constructor(address initialOwner);
        function upgrade(address proxy, address implementation) external;
        function upgradeAndCall(address proxy, address implementation, bytes calldata data) external payable;
        function changeProxyAdmin(address proxy, address newAdmin) external;
        function getProxyImplementation(address proxy) external view returns (address);
        function getProxyAdmin(address proxy) external view returns (address);
        function owner() external view returns (address);
        function transferOwnership(address newOwner) external;
    }
}
