// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {GameType} from "../dispute/Types.sol";
import {OutputRoots} from "../libraries/OutputRoots.sol";
import {Withdrawals} from "../libraries/Withdrawals.sol";
import {IAnchorStateRegistry} from "./IAnchorStateRegistry.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IDisputeGameFactory} from "./IDisputeGameFactory.sol";
import {IOPEN} from "./IOPEN.sol";
import {ISystemConfig} from "./ISystemConfig.sol";
import {IVersioned} from "./IVersioned.sol";

/// @title IRollupPortal
/// @notice The way between the layers. A deposit locks OPEN here and becomes a transaction on L2 that mints as much; a
///         withdrawal burns OPEN on L2 and, proved against an output root that stood its dispute game, is paid from here.
///         The ABI is that of the OP Stack's portal, with OPEN where that has ETH. ETH is refused everywhere.
///
///         Whoever deposits is the sender on L2: a contract under its alias, an account (with delegated code, too) under
///         its own address.
/// @dev Errors without values, and those that begin with `OptimismPortal_`, are the ones that wallets know by these names.
interface IRollupPortal is IVersioned {
    /// @notice A deposit was made. Derivation makes an L2 transaction of every such event, in their order.
    /// @param from       Sender on L2.
    /// @param to         Target on L2; zero for a creation.
    /// @param version    Encoding of `opaqueData`: 0.
    /// @param opaqueData abi.encodePacked(uint256 mint, uint256 value, uint64 gasLimit, bool isCreation, bytes data).
    event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData);

    /// @notice A withdrawal was proved.
    /// @param from Sender on L2.
    /// @param to   Target on L1.
    event WithdrawalProven(bytes32 indexed withdrawalHash, address indexed from, address indexed to);

    /// @notice Says who proved the withdrawal of the event before this one.
    event WithdrawalProvenExtension1(bytes32 indexed withdrawalHash, address indexed proofSubmitter);

    /// @notice A withdrawal was paid, and its target called.
    /// @param success Whether the call came back without reverting. The withdrawal is final either way.
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);

    /// @notice The OPEN that L2's genesis gives out was found locked here.
    event GenesisLocked(uint256 amount);

    /// @notice Withdrawals are paused until the time `until`.
    event Paused(uint64 until);

    /// @notice The guardian ended the pause early.
    event Unpaused();

    /// @notice The guardian changed.
    event GuardianSet(address indexed guardian);

    /// @notice ETH was sent. This portal moves OPEN only.
    error EtherRefused(uint256 value);

    /// @notice `depositTransaction` was asked to carry OPEN: that is what `depositERC20Transaction` is for.
    error ValueRefused(uint256 value);

    /// @notice A withdrawal's target is this portal, OPEN, the portal's admin or the zero address; or a creation has one.
    error BadTarget();

    /// @notice A deposit's gas limit is below `minimumGasLimit`.
    error SmallGasLimit();

    /// @notice A deposit has more calldata than 120,000 bytes, which L2's peer-to-peer messages take.
    error LargeCalldata();

    /// @notice Withdrawals are paused, until `pausedUntil`.
    error CallPaused();

    /// @notice A pause can't begin before the time `earliest`.
    error PauseTooSoon(uint64 earliest);

    /// @notice The caller lacks the role.
    error Unauthorized(address caller);

    /// @notice A role or contract would be the zero address.
    error ZeroAddress();

    /// @notice Withdrawals would have to wait for longer than `limit` after their proof.
    error MaturityDelayTooLong(uint256 delay, uint256 limit);

    /// @notice Less OPEN is locked than L2's genesis gives out.
    error GenesisNotLocked(uint256 expected, uint256 locked);

    /// @notice The game was blacklisted, retired or not made by the factory, is of a type that wasn't respected when it
    ///         was created, or its claim was refuted.
    error InvalidDisputeGame();

    /// @notice The output root's parts don't hash to what the game claims.
    error InvalidProof();

    /// @notice The Merkle proof does not show the withdrawal in the L2ToL1MessagePasser's storage.
    error InvalidMerkleProof();

    /// @notice Too little gas is left to give the withdrawal's call the gas that it was promised.
    error InsufficientGas(uint256 gas, uint256 promised);

    /// @notice The withdrawal has been paid.
    error OptimismPortal_AlreadyFinalized();

    /// @notice Nobody, or not this submitter, has proved the withdrawal.
    error OptimismPortal_Unproven();

    /// @notice A withdrawal can't be proved by a game in the second in which the game was made.
    error OptimismPortal_InvalidProofTimestamp();

    /// @notice The proof has not matured yet.
    error OptimismPortal_ProofNotOldEnough();

    /// @notice The game that the proof relies on is not final, or was lost or set aside.
    error OptimismPortal_InvalidRootClaim();

    /// @notice The withdrawal's call failed while gas was being estimated.
    error OptimismPortal_GasEstimation();

    /// @notice Sets what the contract works with. Once only; the genesis' OPEN has to be here by then.
    /// @param config          The chain's parameters; its owner may replace the guardian.
    /// @param registry        Judges dispute games.
    /// @param initialGuardian Who may pause withdrawals.
    /// @param supply          OPEN that L2's genesis gives out, in wei.
    function initialize(ISystemConfig config, IAnchorStateRegistry registry, address initialGuardian, uint256 supply)
        external;

    /// @notice Sends a message to L2 that carries no OPEN. The L1 gas that it burns grows with `gasLimit`.
    /// @param to         Target on L2; zero for a creation.
    /// @param value      Zero.
    /// @param gasLimit   Gas on L2: it is paid for here.
    /// @param isCreation Whether `data` is a contract's creation code.
    /// @param data       Calldata on L2.
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        external
        payable;

    /// @notice Locks `mint` wei of the caller's OPEN, out of its allowance, and mints as much to it on L2, in a
    ///         transaction there that calls `to` with `value`. If that transaction fails the minted OPEN stays with its
    ///         sender.
    /// @param to         Target on L2; zero for a creation.
    /// @param mint       OPEN to lock and mint; may be zero.
    /// @param value      OPEN that the L2 transaction carries, out of the sender's balance after the mint.
    /// @param gasLimit   Gas on L2: it is paid for here, by burning L1 gas.
    /// @param isCreation Whether `data` is a contract's creation code.
    /// @param data       Calldata on L2.
    function depositERC20Transaction(
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external;

    /// @notice `depositERC20Transaction` with the caller's permit of `mint` wei for this contract. A permit that was
    ///         used before, by whomever, doesn't matter as long as the allowance is there.
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

    /// @notice Refuses ETH, by a name.
    function donateETH() external payable;

    /// @notice Proves that L2 recorded `withdrawal`, and starts its maturing for the caller. May be repeated, against
    ///         another game as well; that starts it again.
    /// @param withdrawal       As L2's event has it.
    /// @param disputeGameIndex Index in the factory of a game about a block that is not before the withdrawal's.
    /// @param outputRootProof  What that game's claim is the hash of.
    /// @param withdrawalProof  Nodes of the L2ToL1MessagePasser's storage trie, from the root to the withdrawal's slot.
    function proveWithdrawalTransaction(
        Withdrawals.Withdrawal calldata withdrawal,
        uint256 disputeGameIndex,
        OutputRoots.Proof calldata outputRootProof,
        bytes[] calldata withdrawalProof
    ) external;

    /// @notice Pays a withdrawal that the caller proved: `finalizeWithdrawalTransactionExternalProof` with the caller.
    function finalizeWithdrawalTransaction(Withdrawals.Withdrawal calldata withdrawal) external;

    /// @notice Pays a withdrawal that `proofSubmitter` proved: sends the OPEN to its target, then, if it has calldata,
    ///         calls the target with at least its gas limit and without ETH. While the call runs `l2Sender` is who
    ///         withdrew. No other withdrawal can be paid from inside the call.
    function finalizeWithdrawalTransactionExternalProof(
        Withdrawals.Withdrawal calldata withdrawal,
        address proofSubmitter
    ) external;

    /// @notice Pauses proving and paying withdrawals, for `PAUSE_SECONDS`. Guardian only.
    function pause() external;

    /// @notice Ends a pause before its time. Guardian only.
    function unpause() external;

    /// @notice Replaces the guardian. Only for the owner of `systemConfig`.
    function setGuardian(address newGuardian) external;

    /// @notice Reverts unless the withdrawal could be paid now by what `proofSubmitter` proved; a pause aside, save that
    ///         no game is valid during one.
    function checkWithdrawal(bytes32 withdrawalHash, address proofSubmitter) external view;

    /// @notice Least gas limit of a deposit with `byteCount` bytes of calldata.
    function minimumGasLimit(uint64 byteCount) external pure returns (uint64);

    /// @notice Who withdrew, on L2, while a withdrawal's target is being called; otherwise 0x…dEaD.
    function l2Sender() external view returns (address);

    /// @notice Whether withdrawals are paused.
    function paused() external view returns (bool);

    /// @notice When the last pause ends or ended; zero if there was none.
    function pausedUntil() external view returns (uint64);

    /// @notice Who may pause.
    function guardian() external view returns (address);

    /// @notice OPEN on L1.
    function open() external view returns (IOPEN);

    /// @notice OPEN that L2's genesis gave out, in wei: it was locked before anything else.
    function genesisSupply() external view returns (uint256);

    /// @notice The chain's parameters.
    function systemConfig() external view returns (ISystemConfig);

    /// @notice Judges dispute games.
    function anchorStateRegistry() external view returns (IAnchorStateRegistry);

    /// @notice Lists dispute games.
    function disputeGameFactory() external view returns (IDisputeGameFactory);

    /// @notice Type of the games by which withdrawals can be proved.
    function respectedGameType() external view returns (GameType);

    /// @notice Games made at or before this time are void.
    function respectedGameTypeUpdatedAt() external view returns (uint64);

    /// @notice Whether the guardian declared the game void.
    function disputeGameBlacklist(IDisputeGame game) external view returns (bool);

    /// @notice Seconds from a withdrawal's proof until it can be paid.
    function proofMaturityDelaySeconds() external view returns (uint256);

    /// @notice Longest `proofMaturityDelaySeconds`: what is proved right after a pause can be paid before the next.
    function MAX_PROOF_MATURITY_SECONDS() external view returns (uint256);

    /// @notice Seconds from a game's resolution until its result counts.
    function disputeGameFinalityDelaySeconds() external view returns (uint256);

    /// @notice Whether the withdrawal has been paid.
    function finalizedWithdrawals(bytes32 withdrawalHash) external view returns (bool);

    /// @notice The game by which `proofSubmitter` proved the withdrawal, and when; zeros if it did not.
    function provenWithdrawals(bytes32 withdrawalHash, address proofSubmitter)
        external
        view
        returns (IDisputeGame disputeGameProxy, uint64 timestamp);

    /// @notice Who made the withdrawal's proof number `index`.
    function proofSubmitters(bytes32 withdrawalHash, uint256 index) external view returns (address);

    /// @notice How many proofs of the withdrawal were made.
    function numProofSubmitters(bytes32 withdrawalHash) external view returns (uint256);

    /// @notice Price of L2 gas for deposits: see `ResourceMetering.Params`.
    function params() external view returns (uint128 prevBaseFee, uint64 prevBoughtGas, uint64 prevBlockNum);

    /// @notice How long a pause lasts unless it is ended: long enough to replace code behind a timelock of 30 days.
    function PAUSE_SECONDS() external view returns (uint64);

    /// @notice Least time from a pause's end to the next one's beginning: long enough to prove a withdrawal and be paid.
    function PAUSE_COOLDOWN_SECONDS() external view returns (uint64);
}
