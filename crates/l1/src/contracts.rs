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
        function basefeeScalar() external view returns (uint32);
        function blobbasefeeScalar() external view returns (uint32);
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

    /// Makes and lists dispute games (`contracts/src/interfaces/IDisputeGameFactory.sol`).
    #[derive(Debug, PartialEq, Eq)]
    interface DisputeGameFactory {
        struct GameSearchResult {
            uint256 index;
            bytes32 metadata;
            uint64 timestamp;
            bytes32 rootClaim;
            bytes extraData;
        }

        event DisputeGameCreated(address indexed disputeProxy, uint32 indexed gameType, bytes32 indexed rootClaim);

        function initialize(address initialOwner) external;
        function create(uint32 gameType, bytes32 rootClaim, bytes calldata extraData) external payable returns (address);
        function setImplementation(uint32 gameType, address implementation) external;
        function setInitBond(uint32 gameType, uint256 initBond) external;
        function gameAtIndex(uint256 index) external view returns (uint32 gameType, uint64 timestamp, address proxy);
        function gameCount() external view returns (uint256);
        function games(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
            external view returns (address proxy, uint64 timestamp);
        function findLatestGames(uint32 gameType, uint256 start, uint256 n)
            external view returns (GameSearchResult[] memory);
        function gameImpls(uint32 gameType) external view returns (address);
        function initBonds(uint32 gameType) external view returns (uint256);
        function owner() external view returns (address);
        function transferOwnership(address newOwner) external;
    }

    /// A claim of an output root (`contracts/src/interfaces/IVetoDisputeGame.sol`).
    #[derive(Debug, PartialEq, Eq)]
    interface DisputeGame {
        function resolve() external returns (uint8);
        function veto() external;
        function claimCredit(address recipient) external;
        function status() external view returns (uint8);
        function gameCreator() external view returns (address);
        function rootClaim() external view returns (bytes32);
        function l2BlockNumber() external view returns (uint256);
        function createdAt() external view returns (uint64);
        function resolvedAt() external view returns (uint64);
        function expiresAt() external view returns (uint64);
        function challenger() external view returns (address);
        function bond() external view returns (uint256);
        function credit(address recipient) external view returns (uint256);
        function anchorStateRegistry() external view returns (address);
    }

    /// What the factory makes clones of (`contracts/src/interfaces/IVetoDisputeGame.sol`).
    #[derive(Debug, PartialEq, Eq)]
    contract VetoDisputeGame {
        struct Parameters {
            uint32 gameType;
            uint64 maxClockDuration;
            address anchorStateRegistry;
            address proposer;
            address challenger;
            uint64 proposerFallbackSeconds;
            uint64 genesisTimestamp;
            uint64 blockTime;
        }

        constructor(Parameters parameters);
        function gameType() external view returns (uint32);
        function maxClockDuration() external view returns (uint64);
        function proposerFallbackSeconds() external view returns (uint64);
        function genesisTimestamp() external view returns (uint64);
        function blockTime() external view returns (uint64);
        function newestPossibleBlock() external view returns (uint256);
        function openToAllAt() external view returns (uint256);
        function proposer() external view returns (address);
        function challenger() external view returns (address);
    }

    /// Which games count (`contracts/src/interfaces/IAnchorStateRegistry.sol`).
    #[derive(Debug, PartialEq, Eq)]
    contract AnchorStateRegistry {
        struct Proposal {
            bytes32 root;
            uint256 l2SequenceNumber;
        }

        constructor(uint256 delaySeconds);
        function initialize(
            address factory,
            address rollupPortal,
            Proposal calldata startingAnchor,
            uint32 startingGameType
        ) external;
        function getAnchorRoot() external view returns (bytes32 root, uint256 l2SequenceNumber);
        function startingAnchorRoot() external view returns (bytes32 root, uint256 l2SequenceNumber);
        function isGameFinalized(address game) external view returns (bool);
        function isGameProper(address game) external view returns (bool);
        function isGameClaimValid(address game) external view returns (bool);
        function respectedGameType() external view returns (uint32);
        function disputeGameFinalityDelaySeconds() external view returns (uint256);
        function isGameRespected(address game) external view returns (bool);
        function disputeGameFactory() external view returns (address);
        function portal() external view returns (address);
        function paused() external view returns (bool);
    }

    /// Locks and pays OPEN (`contracts/src/interfaces/IRollupPortal.sol`).
    #[derive(Debug, PartialEq, Eq)]
    contract RollupPortal {
        event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData);
        event WithdrawalProven(bytes32 indexed withdrawalHash, address indexed from, address indexed to);
        event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);

        struct Withdrawal {
            uint256 nonce;
            address sender;
            address target;
            uint256 value;
            uint256 gasLimit;
            bytes data;
        }

        struct OutputRootProof {
            bytes32 version;
            bytes32 stateRoot;
            bytes32 messagePasserStorageRoot;
            bytes32 latestBlockhash;
        }

        constructor(address token, uint256 delaySeconds);
        function initialize(address config, address registry, address initialGuardian, uint256 supply) external;
        function depositERC20Transaction(
            address to,
            uint256 mint,
            uint256 value,
            uint64 gasLimit,
            bool isCreation,
            bytes calldata data
        ) external;
        function depositERC20TransactionWithPermit(
            address to,
            uint256 mint,
            uint256 value,
            uint64 gasLimit,
            bool isCreation,
            bytes calldata data,
            uint256 deadline,
            uint8 v,
            bytes32 r,
            bytes32 s
        ) external;
        function proveWithdrawalTransaction(
            Withdrawal calldata withdrawal,
            uint256 disputeGameIndex,
            OutputRootProof calldata outputRootProof,
            bytes[] calldata withdrawalProof
        ) external;
        function finalizeWithdrawalTransactionExternalProof(Withdrawal calldata withdrawal, address proofSubmitter)
            external;
        function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) external view;
        function finalizedWithdrawals(bytes32 withdrawalHash) external view returns (bool);
        function provenWithdrawals(bytes32 withdrawalHash, address proofSubmitter)
            external view returns (address disputeGameProxy, uint64 timestamp);
        function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256);
        function proofSubmitters(bytes32 withdrawalHash, uint256 index) external view returns (address);
        function respectedGameType() external view returns (uint32);
        function minimumGasLimit(uint64 byteCount) external pure returns (uint64);
        function paused() external view returns (bool);
        function pause() external;
        function setGuardian(address newGuardian) external;
        function open() external view returns (address);
        function systemConfig() external view returns (address);
        function anchorStateRegistry() external view returns (address);
        function guardian() external view returns (address);
        function pausedUntil() external view returns (uint64);
        function genesisSupply() external view returns (uint256);
        function proofMaturityDelaySeconds() external view returns (uint256);
    }

    /// The token on L1 (`contracts/src/interfaces/IOPEN.sol`).
    #[derive(Debug, PartialEq, Eq)]
    contract OPEN {
        event Transfer(address indexed from, address indexed to, uint256 value);

        constructor(address recipient);
        function transfer(address to, uint256 value) external returns (bool);
        function approve(address spender, uint256 value) external returns (bool);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function nonces(address owner) external view returns (uint256);
        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function totalSupply() external view returns (uint256);
    }

    /// Messages to L2 and from it (`contracts/src/interfaces/IL1CrossDomainMessenger.sol`).
    #[derive(Debug, PartialEq, Eq)]
    interface L1CrossDomainMessenger {
        function initialize(address newPortal) external;
        function portal() external view returns (address);
    }

    /// Tokens to L2 and from it (`contracts/src/interfaces/IL1StandardBridge.sol`).
    #[derive(Debug, PartialEq, Eq)]
    interface L1StandardBridge {
        function initialize(address newMessenger) external;
        function messenger() external view returns (address);
    }

    /// Makes tokens that stand for L2's (`contracts/src/interfaces/IOptimismMintableERC20Factory.sol`).
    #[derive(Debug, PartialEq, Eq)]
    interface OptimismMintableERC20Factory {
        function initialize(address newBridge) external;
        function bridge() external view returns (address);
    }

    /// Where withdrawals begin, on L2 (`contracts/src/interfaces/IL2ToL1MessagePasser.sol`).
    #[derive(Debug, PartialEq, Eq)]
    interface L2ToL1MessagePasser {
        event MessagePassed(
            uint256 indexed nonce,
            address indexed sender,
            address indexed target,
            uint256 value,
            uint256 gasLimit,
            bytes data,
            bytes32 withdrawalHash
        );

        function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data) external payable;
    }

    /// Makes the calls on L1 that an account of L2 sends it (`contracts/src/interfaces/IGovernanceExecutor.sol`).
    #[derive(Debug, PartialEq, Eq)]
    contract GovernanceExecutor {
        constructor(address newMessenger, address newL2Sender);
        function messenger() external view returns (address);
        function l2Sender() external view returns (address);
    }

    /// OpenZeppelin's `TimelockController`.
    #[derive(Debug, PartialEq, Eq)]
    contract TimelockController {
        event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);
        event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender);

        constructor(uint256 minDelay, address[] proposers, address[] executors, address admin);
        function getMinDelay() external view returns (uint256);
        function scheduleBatch(
            address[] calldata targets,
            uint256[] calldata values,
            bytes[] calldata payloads,
            bytes32 predecessor,
            bytes32 salt,
            uint256 delay
        ) external;
        function executeBatch(
            address[] calldata targets,
            uint256[] calldata values,
            bytes[] calldata payloads,
            bytes32 predecessor,
            bytes32 salt
        ) external payable;
    }
}
