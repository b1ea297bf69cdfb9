// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAnchorStateRegistry} from "../interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../interfaces/IDisputeGameFactory.sol";
import {IRollupPortal} from "../interfaces/IRollupPortal.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Claim, GameStatus, GameType, Hash, Proposal, Timestamp} from "./Types.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @title AnchorStateRegistry
/// @dev Stands behind a `Proxy`.
contract AnchorStateRegistry is IAnchorStateRegistry, Initializable {
    /* CONSTANTS */

    /// @inheritdoc IAnchorStateRegistry
    uint256 public constant MAX_FINALITY_DELAY_SECONDS = 7 days;

    /* IMMUTABLES */

    /// @inheritdoc IAnchorStateRegistry
    uint256 public immutable disputeGameFinalityDelaySeconds;

    /* STORAGE */

    /// @inheritdoc IAnchorStateRegistry
    IDisputeGameFactory public disputeGameFactory;
    /// @inheritdoc IAnchorStateRegistry
    GameType public respectedGameType;
    /// @inheritdoc IAnchorStateRegistry
    uint64 public retirementTimestamp;
    /// @inheritdoc IAnchorStateRegistry
    IRollupPortal public portal;
    /// @inheritdoc IAnchorStateRegistry
    IDisputeGame public anchorGame;
    /// @inheritdoc IAnchorStateRegistry
    Proposal public startingAnchorRoot;
    /// @inheritdoc IAnchorStateRegistry
    mapping(IDisputeGame game => bool) public disputeGameBlacklist;

    /* CONSTRUCTOR */

    /// @param delaySeconds See `disputeGameFinalityDelaySeconds`.
    constructor(uint256 delaySeconds) {
        if (delaySeconds > MAX_FINALITY_DELAY_SECONDS) {
            revert FinalityDelayTooLong(delaySeconds, MAX_FINALITY_DELAY_SECONDS);
        }
        disputeGameFinalityDelaySeconds = delaySeconds;
        _disableInitializers();
    }

    /// @inheritdoc IAnchorStateRegistry
    function initialize(
        IDisputeGameFactory factory,
        IRollupPortal rollupPortal,
        Proposal calldata startingAnchor,
        GameType startingGameType
    ) external initializer {
        disputeGameFactory = factory;
        portal = rollupPortal;
        startingAnchorRoot = startingAnchor;
        respectedGameType = startingGameType;
        emit RespectedGameTypeSet(startingGameType);
    }

    /* MODIFIERS */

    modifier onlyGuardian() {
        if (msg.sender != guardian()) revert Unauthorized(msg.sender);
        _;
    }

    /* ANCHOR */

    /// @inheritdoc IAnchorStateRegistry
    function setAnchorState(IDisputeGame game) external {
        (, uint256 anchored) = getAnchorRoot();
        if (!isGameClaimValid(game) || game.l2SequenceNumber() <= anchored) revert InvalidAnchorGame(game);
        anchorGame = game;
        emit AnchorUpdated(game);
    }

    /* GUARDIAN FUNCTIONS */

    /// @inheritdoc IAnchorStateRegistry
    function setRespectedGameType(GameType gameType) external onlyGuardian {
        respectedGameType = gameType;
        emit RespectedGameTypeSet(gameType);
    }

    /// @inheritdoc IAnchorStateRegistry
    function updateRetirementTimestamp() external onlyGuardian {
        retirementTimestamp = uint64(block.timestamp);
        emit RetirementTimestampSet(block.timestamp);
    }

    /// @inheritdoc IAnchorStateRegistry
    function blacklistDisputeGame(IDisputeGame game) external onlyGuardian {
        disputeGameBlacklist[game] = true;
        emit DisputeGameBlacklisted(game);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IAnchorStateRegistry
    function getAnchorRoot() public view returns (Hash root, uint256 l2SequenceNumber) {
        IDisputeGame game = anchorGame;
        // A pause changes nothing about the anchor, so that `isGameProper` is not the question.
        if (address(game) == address(0) || isGameBlacklisted(game) || isGameRetired(game)) {
            return (startingAnchorRoot.root, startingAnchorRoot.l2SequenceNumber);
        }
        return (Hash.wrap(Claim.unwrap(game.rootClaim())), game.l2SequenceNumber());
    }

    /// @inheritdoc IAnchorStateRegistry
    function anchors(GameType) external view returns (Hash root, uint256 l2SequenceNumber) {
        return getAnchorRoot();
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRegistered(IDisputeGame game) public view returns (bool) {
        (GameType gameType, Claim rootClaim, bytes memory extraData) = game.gameData();
        (IDisputeGame listed,) = disputeGameFactory.games(gameType, rootClaim, extraData);
        return address(listed) == address(game) && address(game.anchorStateRegistry()) == address(this);
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRespected(IDisputeGame game) public view returns (bool) {
        return game.wasRespectedGameTypeWhenCreated();
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameBlacklisted(IDisputeGame game) public view returns (bool) {
        return disputeGameBlacklist[game];
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRetired(IDisputeGame game) public view returns (bool) {
        return Timestamp.unwrap(game.createdAt()) <= retirementTimestamp;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameResolved(IDisputeGame game) public view returns (bool) {
        return Timestamp.unwrap(game.resolvedAt()) != 0 && game.status() != GameStatus.IN_PROGRESS;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameProper(IDisputeGame game) public view returns (bool) {
        return isGameRegistered(game) && !isGameBlacklisted(game) && !isGameRetired(game) && !paused();
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameFinalized(IDisputeGame game) public view returns (bool) {
        return
            isGameResolved(game)
                && block.timestamp - Timestamp.unwrap(game.resolvedAt()) > disputeGameFinalityDelaySeconds;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameClaimValid(IDisputeGame game) public view returns (bool) {
        return isGameProper(game) && isGameRespected(game) && isGameFinalized(game)
            && game.status() == GameStatus.DEFENDER_WINS;
    }

    /// @inheritdoc IAnchorStateRegistry
    function guardian() public view returns (address) {
        return portal.guardian();
    }

    /// @inheritdoc IAnchorStateRegistry
    function paused() public view returns (bool) {
        return portal.paused();
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
