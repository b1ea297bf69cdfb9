// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Claim, GameStatus, GameType, Timestamp} from "../dispute/Types.sol";
import {IAnchorStateRegistry} from "../interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../interfaces/IDisputeGameFactory.sol";
import {IOPEN} from "../interfaces/IOPEN.sol";
import {IRollupPortal} from "../interfaces/IRollupPortal.sol";
import {ISystemConfig} from "../interfaces/ISystemConfig.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {AddressAliasing} from "../libraries/AddressAliasing.sol";
import {EOA} from "../libraries/EOA.sol";
import {OutputRoots} from "../libraries/OutputRoots.sol";
import {ResourceMetering} from "../libraries/ResourceMetering.sol";
import {Withdrawals} from "../libraries/Withdrawals.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";

/// @title RollupPortal
/// @dev Stands behind a `Proxy`, and holds all OPEN that is on L2.
contract RollupPortal is IRollupPortal, Initializable, ReentrancyGuardTransient {
    using ResourceMetering for ResourceMetering.Params;
    using SafeERC20 for IOPEN;
    using Withdrawals for Withdrawals.Withdrawal;

    /* TYPES */

    /// @dev A proof of a withdrawal: the game that it relies on, and when it was made.
    struct ProvenWithdrawal {
        IDisputeGame disputeGameProxy;
        uint64 timestamp;
    }

    /* CONSTANTS */

    /// @inheritdoc IRollupPortal
    uint64 public constant PAUSE_SECONDS = 45 days;
    /// @inheritdoc IRollupPortal
    uint64 public constant PAUSE_COOLDOWN_SECONDS = 15 days;
    /// @inheritdoc IRollupPortal
    uint256 public constant MAX_PROOF_MATURITY_SECONDS = 14 days;

    /// @dev What `l2Sender` says while no withdrawal's target is being called.
    address private constant NO_L2_SENDER = 0x000000000000000000000000000000000000dEaD;
    /// @dev Sender that clients estimate the gas of a withdrawal with. Nobody has its key.
    address private constant ESTIMATION_ADDRESS = address(1);
    uint256 private constant DEPOSIT_VERSION = 0;
    /// @dev Bytes of calldata of a deposit, so that the L2 block that holds it fits into a peer-to-peer message.
    uint256 private constant DEPOSIT_CALLDATA_MAX = 120_000;
    uint64 private constant TX_GAS = 21_000;
    /// @dev Gas of a calldata byte that isn't zero, at the floor of EIP-7623.
    uint64 private constant CALLDATA_BYTE_GAS = 40;
    /// @dev A trie of 32-byte keys has at most one node for each of 64 nibbles, and a leaf.
    uint256 private constant PROOF_NODES_MAX = 65;
    /// @dev Gas that the CALL itself may cost, and what follows it.
    uint256 private constant CALL_OVERHEAD_GAS = 40_000;

    /* IMMUTABLES */

    /// @inheritdoc IRollupPortal
    IOPEN public immutable open;
    /// @inheritdoc IRollupPortal
    uint256 public immutable proofMaturityDelaySeconds;

    /* STORAGE */

    /// @inheritdoc IRollupPortal
    ResourceMetering.Params public params;
    /// @inheritdoc IRollupPortal
    ISystemConfig public systemConfig;
    /// @inheritdoc IRollupPortal
    IAnchorStateRegistry public anchorStateRegistry;
    /// @inheritdoc IRollupPortal
    address public guardian;
    /// @inheritdoc IRollupPortal
    uint64 public pausedUntil;
    /// @inheritdoc IRollupPortal
    uint256 public genesisSupply;
    /// @inheritdoc IRollupPortal
    mapping(bytes32 withdrawalHash => bool) public finalizedWithdrawals;
    /// @inheritdoc IRollupPortal
    mapping(bytes32 withdrawalHash => mapping(address proofSubmitter => ProvenWithdrawal)) public provenWithdrawals;
    /// @inheritdoc IRollupPortal
    mapping(bytes32 withdrawalHash => address[]) public proofSubmitters;

    /// @dev Zero while no withdrawal's target is being called.
    address private transient currentL2Sender;

    /* CONSTRUCTOR */

    /// @param open_         OPEN on L1.
    /// @param delaySeconds  See `proofMaturityDelaySeconds`.
    constructor(IOPEN open_, uint256 delaySeconds) {
        if (address(open_) == address(0)) revert ZeroAddress();
        if (delaySeconds > MAX_PROOF_MATURITY_SECONDS) {
            revert MaturityDelayTooLong(delaySeconds, MAX_PROOF_MATURITY_SECONDS);
        }
        open = open_;
        proofMaturityDelaySeconds = delaySeconds;
        _disableInitializers();
    }

    /// @inheritdoc IRollupPortal
    function initialize(ISystemConfig config, IAnchorStateRegistry registry, address initialGuardian, uint256 supply)
        external
        initializer
    {
        if (address(config) == address(0) || address(registry) == address(0)) revert ZeroAddress();
        uint256 locked = open.balanceOf(address(this));
        if (locked < supply) revert GenesisNotLocked(supply, locked);

        systemConfig = config;
        anchorStateRegistry = registry;
        genesisSupply = supply;
        params = ResourceMetering.start();
        emit GenesisLocked(supply);
        _setGuardian(initialGuardian);
    }

    /* MODIFIERS */

    /// @dev Sells `gasLimit` of L2 gas, after everything else was done, for L1 gas: what the rest of the call used counts
    ///      as paid.
    modifier metered(uint64 gasLimit) {
        uint256 gasBefore = gasleft();
        _;
        ResourceMetering.Params memory bought = params.buy(gasLimit);
        params = bought;
        uint256 cost = bought.l1Gas(gasLimit);
        // Burns what is left of the cost. Bound: gas used never exceeds the gas there was.
        while (gasBefore - gasleft() < cost) {}
    }

    /// @dev Withdrawals stop during a pause.
    modifier whenNotPaused() {
        if (paused()) revert CallPaused();
        _;
    }

    modifier onlyGuardian() {
        if (msg.sender != guardian) revert Unauthorized(msg.sender);
        _;
    }

    /// @notice Refuses ETH, by a name.
    receive() external payable {
        revert EtherRefused(msg.value);
    }

    /* DEPOSITS */

    /// @inheritdoc IRollupPortal
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        external
        payable
        metered(gasLimit)
    {
        if (msg.value != 0) revert EtherRefused(msg.value);
        if (value != 0) revert ValueRefused(value);
        _deposit(to, 0, 0, gasLimit, isCreation, data);
    }

    /// @inheritdoc IRollupPortal
    function depositERC20Transaction(
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external metered(gasLimit) {
        _lock(mint);
        _deposit(to, mint, value, gasLimit, isCreation, data);
    }

    /// @inheritdoc IRollupPortal
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
    ) external metered(gasLimit) {
        // Anybody may have used the permit before, to be in the way: then the allowance is there, or the transfer fails.
        try open.permit(msg.sender, address(this), mint, deadline, v, r, s) {} catch {}
        _lock(mint);
        _deposit(to, mint, value, gasLimit, isCreation, data);
    }

    /// @inheritdoc IRollupPortal
    function donateETH() external payable {
        revert EtherRefused(msg.value);
    }

    /* WITHDRAWALS */

    /// @inheritdoc IRollupPortal
    function proveWithdrawalTransaction(
        Withdrawals.Withdrawal calldata withdrawal,
        uint256 disputeGameIndex,
        OutputRoots.Proof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external whenNotPaused {
        _requireAllowedTarget(withdrawal.target);
        IDisputeGame game = _provingGame(disputeGameIndex, outputRootProof);

        bytes32 withdrawalHash = withdrawal.hash();
        _requireRecorded(withdrawalHash, outputRootProof.messagePasserStorageRoot, withdrawalProof);

        provenWithdrawals[withdrawalHash][msg.sender] =
            ProvenWithdrawal({disputeGameProxy: game, timestamp: uint64(block.timestamp)});
        proofSubmitters[withdrawalHash].push(msg.sender);
        emit WithdrawalProven(withdrawalHash, withdrawal.sender, withdrawal.target);
        emit WithdrawalProvenExtension1(withdrawalHash, msg.sender);
    }

    /// @inheritdoc IRollupPortal
    function finalizeWithdrawalTransaction(Withdrawals.Withdrawal calldata withdrawal) external {
        finalizeWithdrawalTransactionExternalProof(withdrawal, msg.sender);
    }

    /// @inheritdoc IRollupPortal
    /// @dev The target may call anything but this function: the withdrawal is marked final and paid before.
    function finalizeWithdrawalTransactionExternalProof(
        Withdrawals.Withdrawal calldata withdrawal,
        address proofSubmitter
    ) public whenNotPaused nonReentrant {
        _requireAllowedTarget(withdrawal.target);
        bytes32 withdrawalHash = withdrawal.hash();
        checkWithdrawal(withdrawalHash, proofSubmitter);

        finalizedWithdrawals[withdrawalHash] = true;
        if (withdrawal.value != 0) open.safeTransfer(withdrawal.target, withdrawal.value);
        bool success = withdrawal.data.length == 0 || _call(withdrawal);
        emit WithdrawalFinalized(withdrawalHash, success);

        // An estimate looks for the least gas without a revert: that must not be the least gas of a failing call.
        if (!success && tx.origin == ESTIMATION_ADDRESS) revert OptimismPortal_GasEstimation();
    }

    /* ROLES */

    /// @inheritdoc IRollupPortal
    function pause() external onlyGuardian {
        uint64 last = pausedUntil;
        if (last != 0 && block.timestamp < last + PAUSE_COOLDOWN_SECONDS) {
            revert PauseTooSoon(last + PAUSE_COOLDOWN_SECONDS);
        }
        uint64 until = uint64(block.timestamp) + PAUSE_SECONDS;
        pausedUntil = until;
        emit Paused(until);
    }

    /// @inheritdoc IRollupPortal
    function unpause() external onlyGuardian {
        if (!paused()) return;
        pausedUntil = uint64(block.timestamp);
        emit Unpaused();
    }

    /// @inheritdoc IRollupPortal
    function setGuardian(address newGuardian) external {
        if (msg.sender != Ownable(address(systemConfig)).owner()) revert Unauthorized(msg.sender);
        _setGuardian(newGuardian);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IRollupPortal
    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) public view {
        if (finalizedWithdrawals[withdrawalHash]) revert OptimismPortal_AlreadyFinalized();
        ProvenWithdrawal memory proven = provenWithdrawals[withdrawalHash][proofSubmitter];
        if (proven.timestamp == 0) revert OptimismPortal_Unproven();
        if (proven.timestamp <= Timestamp.unwrap(proven.disputeGameProxy.createdAt())) {
            revert OptimismPortal_InvalidProofTimestamp();
        }
        if (block.timestamp - proven.timestamp <= proofMaturityDelaySeconds) {
            revert OptimismPortal_ProofNotOldEnough();
        }
        if (!anchorStateRegistry.isGameClaimValid(proven.disputeGameProxy)) revert OptimismPortal_InvalidRootClaim();
    }

    /// @inheritdoc IRollupPortal
    function minimumGasLimit(uint64 byteCount) public pure returns (uint64) {
        return TX_GAS + byteCount * CALLDATA_BYTE_GAS;
    }

    /// @inheritdoc IRollupPortal
    function l2Sender() external view returns (address) {
        return currentL2Sender == address(0) ? NO_L2_SENDER : currentL2Sender;
    }

    /// @inheritdoc IRollupPortal
    function paused() public view returns (bool) {
        return block.timestamp < pausedUntil;
    }

    /// @inheritdoc IRollupPortal
    function disputeGameFactory() public view returns (IDisputeGameFactory) {
        return anchorStateRegistry.disputeGameFactory();
    }

    /// @inheritdoc IRollupPortal
    function respectedGameType() external view returns (GameType) {
        return anchorStateRegistry.respectedGameType();
    }

    /// @inheritdoc IRollupPortal
    function respectedGameTypeUpdatedAt() external view returns (uint64) {
        return anchorStateRegistry.retirementTimestamp();
    }

    /// @inheritdoc IRollupPortal
    function disputeGameBlacklist(IDisputeGame game) external view returns (bool) {
        return anchorStateRegistry.disputeGameBlacklist(game);
    }

    /// @inheritdoc IRollupPortal
    function disputeGameFinalityDelaySeconds() external view returns (uint256) {
        return anchorStateRegistry.disputeGameFinalityDelaySeconds();
    }

    /// @inheritdoc IRollupPortal
    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256) {
        return proofSubmitters[withdrawalHash].length;
    }

    /// @inheritdoc IVersioned
    /// @dev The number tells wallets which of the OP Stack's portals this one's ABI and errors are like.
    function version() external pure returns (string memory) {
        return "4.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _lock(uint256 mint) private {
        if (mint != 0) open.safeTransferFrom(msg.sender, address(this), mint);
    }

    function _deposit(address to, uint256 mint, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        private
    {
        if (isCreation && to != address(0)) revert BadTarget();
        if (data.length > DEPOSIT_CALLDATA_MAX) revert LargeCalldata();
        // The length is bounded by the line above.
        if (gasLimit < minimumGasLimit(uint64(data.length))) revert SmallGasLimit();

        address from = EOA.isSenderEOA() ? msg.sender : AddressAliasing.applyAlias(msg.sender);
        emit TransactionDeposited(from, to, DEPOSIT_VERSION, abi.encodePacked(mint, value, gasLimit, isCreation, data));
    }

    /// @dev Calls the target with at least the gas that it was promised. What it returns is not copied: it may be long.
    function _call(Withdrawals.Withdrawal calldata withdrawal) private returns (bool success) {
        // Copied here, so that no gas goes to it between the check and the call.
        bytes memory data = withdrawal.data;
        address target = withdrawal.target;
        uint256 promised = withdrawal.gasLimit;
        currentL2Sender = withdrawal.sender;

        // A call gets 63/64 of the gas that is left when it begins (EIP-150). No block has 2^64 gas.
        uint256 gas = gasleft();
        if (promised > type(uint64).max || gas * 63 < promised * 64 + CALL_OVERHEAD_GAS * 63) {
            revert InsufficientGas(gas, promised);
        }
        success = LowLevelCall.callNoReturn(target, data);
        currentL2Sender = address(0);
    }

    function _setGuardian(address newGuardian) private {
        if (newGuardian == address(0)) revert ZeroAddress();
        guardian = newGuardian;
        emit GuardianSet(newGuardian);
    }

    /// @dev The game with this index, if withdrawals can be proved by it and `outputRootProof` opens its claim.
    function _provingGame(uint256 disputeGameIndex, OutputRoots.Proof calldata outputRootProof)
        private
        view
        returns (IDisputeGame game)
    {
        (,, game) = disputeGameFactory().gameAtIndex(disputeGameIndex);
        IAnchorStateRegistry registry = anchorStateRegistry;
        if (
            !registry.isGameProper(game) || !registry.isGameRespected(game)
                || game.status() == GameStatus.CHALLENGER_WINS
        ) revert InvalidDisputeGame();
        if (block.timestamp <= Timestamp.unwrap(game.createdAt())) revert OptimismPortal_InvalidProofTimestamp();

        if (Claim.unwrap(game.rootClaim()) != OutputRoots.hash(outputRootProof)) revert InvalidProof();
    }

    /// @dev What could spend the OPEN that is here or change this contract must not be called from here.
    function _requireAllowedTarget(address target) private view {
        if (
            target == address(this) || target == address(open) || target == ERC1967Utils.getAdmin()
                || target == address(0)
        ) revert BadTarget();
    }

    /// @dev `sentMessages[withdrawalHash]`, the passer's slot 0, must be true in the storage with root `storageRoot`.
    function _requireRecorded(bytes32 withdrawalHash, bytes32 storageRoot, bytes[] calldata proof) private pure {
        if (proof.length > PROOF_NODES_MAX) revert InvalidMerkleProof();
        bytes32 slot = keccak256(abi.encode(withdrawalHash, uint256(0)));
        bytes memory key = abi.encodePacked(keccak256(abi.encode(slot)));
        if (!TrieProof.verify(hex"01", storageRoot, key, proof)) revert InvalidMerkleProof();
    }
}
