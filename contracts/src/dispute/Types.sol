// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev Which rules a game is played by.
type GameType is uint32;

/// @dev An output root that somebody claims to be right.
type Claim is bytes32;

/// @dev A hash.
type Hash is bytes32;

/// @dev Seconds since 1970.
type Timestamp is uint64;

/// @dev Seconds.
type Duration is uint64;

/// @dev A game as the factory lists it: type (32 bits), creation time (64 bits), address (160 bits), from the highest.
type GameId is bytes32;

using {sameType as ==, otherType as !=} for GameType global;

/// @dev How a game stands. The numbers are the OP Stack's.
enum GameStatus {
    IN_PROGRESS,
    CHALLENGER_WINS,
    DEFENDER_WINS
}

/// @dev Who gets a game's bond. The numbers are the OP Stack's.
enum BondDistributionMode {
    UNDECIDED,
    NORMAL,
    REFUND
}

/// @dev An output root and the L2 block that it belongs to.
struct Proposal {
    Hash root;
    uint256 l2SequenceNumber;
}

function sameType(GameType a, GameType b) pure returns (bool) {
    return GameType.unwrap(a) == GameType.unwrap(b);
}

function otherType(GameType a, GameType b) pure returns (bool) {
    return GameType.unwrap(a) != GameType.unwrap(b);
}

/// @dev Packs a `GameId`.
function packGameId(GameType gameType, Timestamp timestamp, address game) pure returns (GameId) {
    return GameId.wrap(
        bytes32(
            (uint256(GameType.unwrap(gameType)) << 224) | (uint256(Timestamp.unwrap(timestamp)) << 160) | uint160(game)
        )
    );
}

/// @dev Unpacks a `GameId`.
function unpackGameId(GameId id) pure returns (GameType gameType, Timestamp timestamp, address game) {
    uint256 word = uint256(GameId.unwrap(id));
    // Each cast keeps exactly the bits of its field.
    gameType = GameType.wrap(uint32(word >> 224));
    timestamp = Timestamp.wrap(uint64(word >> 160));
    game = address(uint160(word));
}
