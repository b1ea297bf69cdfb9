// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Claim, GameId, GameType, Timestamp} from "../dispute/Types.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IVersioned} from "./IVersioned.sol";

/// @title IDisputeGameFactory
/// @notice Makes dispute games and lists them. Anybody may ask for a game; the game's implementation decides whether it
///         lets itself be started.
interface IDisputeGameFactory is IVersioned {
    /// @notice What `findLatestGames` tells of a game.
    /// @param index     Its index.
    /// @param metadata  Its packed type, creation time and address.
    /// @param timestamp When it was made.
    /// @param rootClaim The output root that it claims.
    /// @param extraData What it is about.
    struct GameSearchResult {
        uint256 index;
        GameId metadata;
        Timestamp timestamp;
        Claim rootClaim;
        bytes extraData;
    }

    /// @notice A game was made.
    event DisputeGameCreated(address indexed disputeProxy, GameType indexed gameType, Claim indexed rootClaim);

    /// @notice Games of a type are clones of another implementation from now on.
    event ImplementationSet(address indexed impl, GameType indexed gameType);

    /// @notice The bond of a type's games changed.
    event InitBondUpdated(GameType indexed gameType, uint256 indexed newBond);

    /// @notice The type has no implementation.
    error NoImplementation(GameType gameType);

    /// @notice What was sent is not the bond.
    error IncorrectBondAmount(uint256 sent, uint256 bond);

    /// @notice The same claim about the same thing was made before.
    error GameAlreadyExists(bytes32 uuid);

    /// @notice Sets the owner. Once only.
    function initialize(address initialOwner) external;

    /// @notice Makes a game, with the bond that was sent.
    /// @param gameType  Its type.
    /// @param rootClaim Output root that is claimed.
    /// @param extraData What it is about: the number of the L2 block, in exactly 32 bytes.
    function create(GameType gameType, Claim rootClaim, bytes calldata extraData)
        external
        payable
        returns (IDisputeGame);

    /// @notice Sets what games of a type are clones of; zero for none. Games that exist stay as they are. Owner only.
    function setImplementation(GameType gameType, IDisputeGame implementation) external;

    /// @notice Sets the bond of a type's games, in wei of ETH. Owner only.
    function setInitBond(GameType gameType, uint256 initBond) external;

    /// @notice The game about exactly this, and when it was made; zeros if there is none.
    function games(GameType gameType, Claim rootClaim, bytes calldata extraData)
        external
        view
        returns (IDisputeGame proxy, Timestamp timestamp);

    /// @notice Game number `index`.
    function gameAtIndex(uint256 index)
        external
        view
        returns (GameType gameType, Timestamp timestamp, IDisputeGame proxy);

    /// @notice How many games there are.
    function gameCount() external view returns (uint256);

    /// @notice The latest games of a type, from index `start` downwards, at most `n`.
    function findLatestGames(GameType gameType, uint256 start, uint256 n)
        external
        view
        returns (GameSearchResult[] memory);

    /// @notice What games of a type are clones of.
    function gameImpls(GameType gameType) external view returns (IDisputeGame);

    /// @notice The bond of a type's games, in wei of ETH.
    function initBonds(GameType gameType) external view returns (uint256);

    /// @notice The game of the type that `creator` made last; zero if none.
    function lastGameOf(GameType gameType, address creator) external view returns (IDisputeGame);

    /// @notice What makes a game unique: the hash of its type, claim and extra data.
    function getGameUUID(GameType gameType, Claim rootClaim, bytes calldata extraData) external pure returns (bytes32);
}
