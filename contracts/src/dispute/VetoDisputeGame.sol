// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAnchorStateRegistry} from "../interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../interfaces/IDisputeGameFactory.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {IVetoDisputeGame} from "../interfaces/IVetoDisputeGame.sol";
import {BondDistributionMode, Claim, Duration, GameStatus, GameType, Hash, Timestamp} from "./Types.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {LibClone} from "solady/utils/LibClone.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title VetoDisputeGame
/// @dev The factory makes clones of this contract. What a clone is about stands behind its code: creator (20 bytes), claim
///      (32), hash of the L1 block before (32), number of the L2 block (32).
contract VetoDisputeGame is IVetoDisputeGame {
    /* CONSTANTS */

    /// @inheritdoc IVetoDisputeGame
    uint64 public constant SEQUENCER_DRIFT_SECONDS = 1800;
    /// @inheritdoc IVetoDisputeGame
    uint64 public constant MAX_CLOCK_SECONDS = 7 days;
    /// @inheritdoc IVetoDisputeGame
    uint64 public constant MAX_FALLBACK_SECONDS = 14 days;

    uint256 private constant CLAIM_OFFSET = 20;
    uint256 private constant L1_HEAD_OFFSET = 52;
    uint256 private constant EXTRA_DATA_OFFSET = 84;
    uint256 private constant ARGS_END = 116;

    /* IMMUTABLES */

    /// @inheritdoc IDisputeGame
    GameType public immutable gameType;
    /// @inheritdoc IVetoDisputeGame
    Duration public immutable maxClockDuration;
    /// @inheritdoc IDisputeGame
    IAnchorStateRegistry public immutable anchorStateRegistry;
    /// @inheritdoc IVetoDisputeGame
    address public immutable proposer;
    /// @inheritdoc IVetoDisputeGame
    address public immutable challenger;
    /// @inheritdoc IVetoDisputeGame
    Duration public immutable proposerFallbackSeconds;
    /// @inheritdoc IVetoDisputeGame
    Timestamp public immutable genesisTimestamp;
    /// @inheritdoc IVetoDisputeGame
    Duration public immutable blockTime;

    /// @dev A proposer that never spoke has been silent since then.
    uint256 private immutable deployedAt;

    /* STORAGE */

    /// @inheritdoc IDisputeGame
    Timestamp public createdAt;
    /// @inheritdoc IDisputeGame
    Timestamp public resolvedAt;
    /// @inheritdoc IDisputeGame
    GameStatus public status;
    /// @inheritdoc IDisputeGame
    bool public wasRespectedGameTypeWhenCreated;
    /// @inheritdoc IVetoDisputeGame
    BondDistributionMode public bondDistributionMode;
    /// @inheritdoc IVetoDisputeGame
    uint256 public bond;

    /* CONSTRUCTOR */

    constructor(Parameters memory parameters) {
        // Without a clock nobody can veto; with one that never ends nobody is paid.
        _requireWithin(Duration.unwrap(parameters.maxClockDuration), 1, MAX_CLOCK_SECONDS);
        _requireWithin(Duration.unwrap(parameters.proposerFallbackSeconds), 1, MAX_FALLBACK_SECONDS);
        _requireWithin(Duration.unwrap(parameters.blockTime), 1, SEQUENCER_DRIFT_SECONDS);
        _requireWithin(Timestamp.unwrap(parameters.genesisTimestamp), 1, block.timestamp);
        if (parameters.proposer == address(0) || parameters.challenger == address(0)) revert ZeroAddress();
        gameType = parameters.gameType;
        maxClockDuration = parameters.maxClockDuration;
        anchorStateRegistry = parameters.anchorStateRegistry;
        proposer = parameters.proposer;
        challenger = parameters.challenger;
        proposerFallbackSeconds = parameters.proposerFallbackSeconds;
        genesisTimestamp = parameters.genesisTimestamp;
        blockTime = parameters.blockTime;
        deployedAt = block.timestamp;
    }

    /// @inheritdoc IDisputeGame
    function initialize() external payable {
        if (msg.sender != address(_factory())) revert NotFactory(msg.sender);
        if (Timestamp.unwrap(createdAt) != 0) revert AlreadyInitialized();
        bytes memory what = extraData();
        if (what.length != ARGS_END - EXTRA_DATA_OFFSET || l2BlockNumber() > type(uint64).max) {
            revert BadExtraData(what);
        }
        (, uint256 anchor) = anchorStateRegistry.getAnchorRoot();
        if (l2BlockNumber() <= anchor) revert BlockNotAfterAnchor(l2BlockNumber(), anchor);
        if (l2BlockNumber() > newestPossibleBlock()) revert BlockNotPossible(l2BlockNumber(), newestPossibleBlock());
        if (gameCreator() != proposer && block.timestamp < openToAllAt()) revert ProposerNotSilent(openToAllAt());

        createdAt = Timestamp.wrap(uint64(block.timestamp));
        wasRespectedGameTypeWhenCreated = anchorStateRegistry.respectedGameType() == gameType;
        bond = msg.value;
    }

    /* DECISION */

    /// @inheritdoc IVetoDisputeGame
    function veto() external {
        if (msg.sender != challenger) revert NotChallenger(msg.sender);
        uint256 end = Timestamp.unwrap(expiresAt());
        if (block.timestamp >= end) revert ClockExpired(end);
        _decide(GameStatus.CHALLENGER_WINS);
    }

    /// @inheritdoc IDisputeGame
    function resolve() external returns (GameStatus) {
        uint256 end = Timestamp.unwrap(expiresAt());
        if (block.timestamp < end) revert ClockNotExpired(end);
        _decide(GameStatus.DEFENDER_WINS);
        return GameStatus.DEFENDER_WINS;
    }

    /* BOND */

    /// @inheritdoc IVetoDisputeGame
    function closeGame() public {
        if (bondDistributionMode != BondDistributionMode.UNDECIDED) return;
        // A pause makes every game improper: closing it now would refund it.
        if (anchorStateRegistry.paused()) revert GamePaused();
        IDisputeGame self = IDisputeGame(address(this));
        if (!anchorStateRegistry.isGameFinalized(self)) revert GameNotFinalized();

        BondDistributionMode mode =
            anchorStateRegistry.isGameProper(self) ? BondDistributionMode.NORMAL : BondDistributionMode.REFUND;
        bondDistributionMode = mode;
        emit GameClosed(mode);
        // Refused where the claim was lost or is about an older block than the anchor; neither is this call's matter.
        try anchorStateRegistry.setAnchorState(self) {} catch {}
    }

    /// @inheritdoc IVetoDisputeGame
    function claimCredit(address recipient) external {
        closeGame();
        uint256 amount = credit(recipient);
        if (amount == 0) revert NoCreditToClaim(recipient);
        bond = 0;
        emit CreditClaimed(recipient, amount);
        if (!SafeTransferLib.trySafeTransferETH(recipient, amount, gasleft())) revert BondTransferFailed(recipient);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IVetoDisputeGame
    function credit(address recipient) public view returns (uint256) {
        if (status == GameStatus.IN_PROGRESS) return 0;
        bool refunded = bondDistributionMode == BondDistributionMode.REFUND;
        address winner = refunded || status == GameStatus.DEFENDER_WINS ? gameCreator() : challenger;
        return recipient == winner ? bond : 0;
    }

    /// @inheritdoc IVetoDisputeGame
    function openToAllAt() public view returns (uint256) {
        uint256 spokeAt = deployedAt;
        IDisputeGame last = _factory().lastGameOf(gameType, proposer);
        if (address(last) != address(0)) {
            if (last.status() == GameStatus.CHALLENGER_WINS) return 0;
            spokeAt = Math.max(spokeAt, Timestamp.unwrap(last.createdAt()));
        }
        return spokeAt + Duration.unwrap(proposerFallbackSeconds);
    }

    /// @inheritdoc IVetoDisputeGame
    function newestPossibleBlock() public view returns (uint256) {
        uint256 latest = block.timestamp + SEQUENCER_DRIFT_SECONDS;
        return (latest - Timestamp.unwrap(genesisTimestamp)) / Duration.unwrap(blockTime);
    }

    /// @inheritdoc IVetoDisputeGame
    function expiresAt() public view returns (Timestamp) {
        return Timestamp.wrap(Timestamp.unwrap(createdAt) + Duration.unwrap(maxClockDuration));
    }

    /// @inheritdoc IDisputeGame
    function gameCreator() public view returns (address) {
        return address(bytes20(LibClone.argsOnClone(address(this), 0, CLAIM_OFFSET)));
    }

    /// @inheritdoc IDisputeGame
    function rootClaim() public view returns (Claim) {
        return Claim.wrap(bytes32(LibClone.argsOnClone(address(this), CLAIM_OFFSET, L1_HEAD_OFFSET)));
    }

    /// @inheritdoc IDisputeGame
    function l1Head() external view returns (Hash) {
        return Hash.wrap(bytes32(LibClone.argsOnClone(address(this), L1_HEAD_OFFSET, EXTRA_DATA_OFFSET)));
    }

    /// @inheritdoc IDisputeGame
    function extraData() public view returns (bytes memory) {
        return LibClone.argsOnClone(address(this), EXTRA_DATA_OFFSET);
    }

    /// @inheritdoc IDisputeGame
    function l2BlockNumber() public view returns (uint256) {
        return uint256(bytes32(LibClone.argsOnClone(address(this), EXTRA_DATA_OFFSET, ARGS_END)));
    }

    /// @inheritdoc IDisputeGame
    function l2SequenceNumber() external view returns (uint256) {
        return l2BlockNumber();
    }

    /// @inheritdoc IDisputeGame
    function gameData() external view returns (GameType, Claim, bytes memory) {
        return (gameType, rootClaim(), extraData());
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _decide(GameStatus result) private {
        if (Timestamp.unwrap(createdAt) == 0 || status != GameStatus.IN_PROGRESS) revert GameNotInProgress();
        status = result;
        resolvedAt = Timestamp.wrap(uint64(block.timestamp));
        emit Resolved(result);
    }

    function _requireWithin(uint256 given, uint256 least, uint256 most) private pure {
        if (given < least || given > most) revert ParameterOutOfRange(given, least, most);
    }

    function _factory() private view returns (IDisputeGameFactory) {
        return anchorStateRegistry.disputeGameFactory();
    }
}
