// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Claim, GameStatus, GameType, Hash, Timestamp} from "../dispute/Types.sol";
import {IAnchorStateRegistry} from "./IAnchorStateRegistry.sol";
import {IVersioned} from "./IVersioned.sol";

/// @title IDisputeGame
/// @notice A claim that an output root is right, and how it fares. The factory makes one clone of an implementation for
///         each claim; what it is about stands in the clone's code.
interface IDisputeGame is IVersioned {
    /// @notice The game was decided.
    event Resolved(GameStatus indexed status);

    /// @notice Starts the game. The factory calls it, once, with the bond.
    function initialize() external payable;

    /// @notice Decides the game, when its time has come. Anybody may call.
    function resolve() external returns (GameStatus);

    /// @notice When the game was made.
    function createdAt() external view returns (Timestamp);

    /// @notice When it was decided; zero before.
    function resolvedAt() external view returns (Timestamp);

    /// @notice How it stands.
    function status() external view returns (GameStatus);

    /// @notice Its type.
    function gameType() external view returns (GameType);

    /// @notice Who made the claim.
    function gameCreator() external view returns (address);

    /// @notice The output root that is claimed.
    function rootClaim() external view returns (Claim);

    /// @notice Hash of the L1 block before the one in which the game was made.
    function l1Head() external view returns (Hash);

    /// @notice Number of the L2 block that the claim is about.
    function l2BlockNumber() external view returns (uint256);

    /// @notice The same, under the name that newer tools use.
    function l2SequenceNumber() external view returns (uint256);

    /// @notice What the claim is about, as the factory got it: the number of the L2 block, in 32 bytes.
    function extraData() external view returns (bytes memory);

    /// @notice Type, claim and extra data: what makes the game unique in the factory.
    function gameData() external view returns (GameType, Claim, bytes memory);

    /// @notice Whether games of this type counted when this one was made.
    function wasRespectedGameTypeWhenCreated() external view returns (bool);

    /// @notice Which registry judges the game.
    function anchorStateRegistry() external view returns (IAnchorStateRegistry);
}
