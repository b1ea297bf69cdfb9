// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {GameType, Hash, Proposal} from "../dispute/Types.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IDisputeGameFactory} from "./IDisputeGameFactory.sol";
import {IRollupPortal} from "./IRollupPortal.sol";
import {IVersioned} from "./IVersioned.sol";

/// @title IAnchorStateRegistry
/// @notice Judges dispute games: whether one counts, and which output root is the newest that is beyond doubt (the
///         anchor). The guardian, who is the portal's, can set single games aside, or all up to now.
interface IAnchorStateRegistry is IVersioned {
    /// @notice `game`'s claim became the anchor.
    event AnchorUpdated(IDisputeGame indexed game);

    /// @notice Games of another type count from now on.
    event RespectedGameTypeSet(GameType gameType);

    /// @notice All games made at or before `timestamp` are void.
    event RetirementTimestampSet(uint256 timestamp);

    /// @notice The guardian declared a game void.
    event DisputeGameBlacklisted(IDisputeGame indexed disputeGame);

    /// @notice The caller is not the guardian.
    error Unauthorized(address caller);

    /// @notice The delay until a result counts is longer than `limit`.
    error FinalityDelayTooLong(uint256 delay, uint256 limit);

    /// @notice The game's claim is not valid, or not about a later block than the anchor.
    error InvalidAnchorGame(IDisputeGame game);

    /// @notice Sets what the contract works with. Once only.
    /// @param factory          Lists the games.
    /// @param rollupPortal     Says who the guardian is, and whether there is a pause.
    /// @param startingAnchor   The anchor until a game has been won.
    /// @param startingGameType Type of the games that count.
    function initialize(
        IDisputeGameFactory factory,
        IRollupPortal rollupPortal,
        Proposal calldata startingAnchor,
        GameType startingGameType
    ) external;

    /// @notice Makes the claim of `game` the anchor. Anybody may call, for a game whose claim is valid and about a later
    ///         block.
    function setAnchorState(IDisputeGame game) external;

    /// @notice Sets the type of the games that count. Guardian only.
    function setRespectedGameType(GameType gameType) external;

    /// @notice Declares all games that exist void. Guardian only.
    function updateRetirementTimestamp() external;

    /// @notice Declares a game void. Guardian only.
    function blacklistDisputeGame(IDisputeGame game) external;

    /// @notice The anchor: its output root and L2 block. It is the one that the contract started with while no claim has
    ///         become the anchor, and again after the guardian set aside the game whose claim did.
    function getAnchorRoot() external view returns (Hash root, uint256 l2SequenceNumber);

    /// @notice The same, for any type.
    function anchors(GameType gameType) external view returns (Hash root, uint256 l2SequenceNumber);

    /// @notice The game whose claim became the anchor last, set aside since or not; zero while none has.
    function anchorGame() external view returns (IDisputeGame);

    /// @notice The anchor that the contract started with.
    function startingAnchorRoot() external view returns (Hash root, uint256 l2SequenceNumber);

    /// @notice Whether the factory made the game, to be judged here.
    function isGameRegistered(IDisputeGame game) external view returns (bool);

    /// @notice Whether its type counted when it was made.
    function isGameRespected(IDisputeGame game) external view returns (bool);

    /// @notice Whether it was blacklisted.
    function isGameBlacklisted(IDisputeGame game) external view returns (bool);

    /// @notice Whether it is too old.
    function isGameRetired(IDisputeGame game) external view returns (bool);

    /// @notice Whether it was decided.
    function isGameResolved(IDisputeGame game) external view returns (bool);

    /// @notice Whether it is registered, neither blacklisted nor retired, and there is no pause.
    function isGameProper(IDisputeGame game) external view returns (bool);

    /// @notice Whether it was decided more than `disputeGameFinalityDelaySeconds` ago.
    function isGameFinalized(IDisputeGame game) external view returns (bool);

    /// @notice Whether the game's claim may be relied on: it is proper, respected and finalized, and was defended.
    function isGameClaimValid(IDisputeGame game) external view returns (bool);

    /// @notice The same as `isGameBlacklisted`.
    function disputeGameBlacklist(IDisputeGame game) external view returns (bool);

    /// @notice Type of the games that count.
    function respectedGameType() external view returns (GameType);

    /// @notice Games made at or before this time are void.
    function retirementTimestamp() external view returns (uint64);

    /// @notice Seconds from a game's resolution until its result counts.
    function disputeGameFinalityDelaySeconds() external view returns (uint256);

    /// @notice Longest `disputeGameFinalityDelaySeconds`.
    function MAX_FINALITY_DELAY_SECONDS() external view returns (uint256);

    /// @notice Lists the games.
    function disputeGameFactory() external view returns (IDisputeGameFactory);

    /// @notice Says who the guardian is, and whether there is a pause.
    function portal() external view returns (IRollupPortal);

    /// @notice Who may set games aside.
    function guardian() external view returns (address);

    /// @notice Whether there is a pause.
    function paused() external view returns (bool);
}
