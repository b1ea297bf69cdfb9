// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../interfaces/IDisputeGameFactory.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Claim, GameId, GameType, Timestamp, packGameId, unpackGameId} from "./Types.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {LibClone} from "solady/utils/LibClone.sol";

/// @title DisputeGameFactory
/// @dev Stands behind a `Proxy`. A game's clone holds, behind its code: creator (20 bytes), claim (32), hash of the L1
///      block before (32), extra data.
contract DisputeGameFactory is IDisputeGameFactory, Initializable, Ownable {
    /* STORAGE */

    /// @inheritdoc IDisputeGameFactory
    mapping(GameType gameType => IDisputeGame) public gameImpls;
    /// @inheritdoc IDisputeGameFactory
    mapping(GameType gameType => uint256) public initBonds;
    /// @inheritdoc IDisputeGameFactory
    mapping(GameType gameType => mapping(address creator => IDisputeGame)) public lastGameOf;

    mapping(bytes32 uuid => GameId) private gameIds;
    GameId[] private gameList;

    /* CONSTRUCTOR */

    /// @dev The implementation itself stays without an owner and can't be initialized.
    constructor() Ownable(msg.sender) {
        _transferOwnership(address(0));
        _disableInitializers();
    }

    /// @inheritdoc IDisputeGameFactory
    function initialize(address initialOwner) external initializer {
        if (initialOwner == address(0)) revert OwnableInvalidOwner(address(0));
        _transferOwnership(initialOwner);
    }

    /* GAMES */

    /// @inheritdoc IDisputeGameFactory
    function create(GameType gameType, Claim rootClaim, bytes calldata extraData)
        external
        payable
        returns (IDisputeGame game)
    {
        IDisputeGame implementation = gameImpls[gameType];
        if (address(implementation) == address(0)) revert NoImplementation(gameType);
        if (msg.value != initBonds[gameType]) revert IncorrectBondAmount(msg.value, initBonds[gameType]);
        bytes32 uuid = getGameUUID(gameType, rootClaim, extraData);
        if (GameId.unwrap(gameIds[uuid]) != 0) revert GameAlreadyExists(uuid);

        bytes32 l1Head = blockhash(block.number - 1);
        game = IDisputeGame(
            LibClone.clone(address(implementation), abi.encodePacked(msg.sender, rootClaim, l1Head, extraData))
        );
        GameId id = packGameId(gameType, Timestamp.wrap(uint64(block.timestamp)), address(game));
        gameIds[uuid] = id;
        gameList.push(id);
        lastGameOf[gameType][msg.sender] = game;
        // The game may refuse, which undoes all of this.
        game.initialize{value: msg.value}();
        emit DisputeGameCreated(address(game), gameType, rootClaim);
    }

    /* OWNER FUNCTIONS */

    /// @inheritdoc IDisputeGameFactory
    function setImplementation(GameType gameType, IDisputeGame implementation) external onlyOwner {
        gameImpls[gameType] = implementation;
        emit ImplementationSet(address(implementation), gameType);
    }

    /// @inheritdoc IDisputeGameFactory
    function setInitBond(GameType gameType, uint256 initBond) external onlyOwner {
        initBonds[gameType] = initBond;
        emit InitBondUpdated(gameType, initBond);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IDisputeGameFactory
    function games(GameType gameType, Claim rootClaim, bytes calldata extraData)
        external
        view
        returns (IDisputeGame proxy, Timestamp timestamp)
    {
        address game;
        (, timestamp, game) = unpackGameId(gameIds[getGameUUID(gameType, rootClaim, extraData)]);
        proxy = IDisputeGame(game);
    }

    /// @inheritdoc IDisputeGameFactory
    function gameAtIndex(uint256 index)
        external
        view
        returns (GameType gameType, Timestamp timestamp, IDisputeGame proxy)
    {
        address game;
        (gameType, timestamp, game) = unpackGameId(gameList[index]);
        proxy = IDisputeGame(game);
    }

    /// @inheritdoc IDisputeGameFactory
    function gameCount() external view returns (uint256) {
        return gameList.length;
    }

    /// @inheritdoc IDisputeGameFactory
    function findLatestGames(GameType gameType, uint256 start, uint256 n)
        external
        view
        returns (GameSearchResult[] memory found)
    {
        if (start >= gameList.length) return found;
        uint256 most = n <= start ? n : start + 1;
        uint256[] memory indexes = new uint256[](most);
        uint256 count;
        for (uint256 next = start + 1; next > 0 && count < most; --next) {
            (GameType candidate,,) = unpackGameId(gameList[next - 1]);
            if (candidate == gameType) indexes[count++] = next - 1;
        }

        found = new GameSearchResult[](count);
        for (uint256 i; i < count; ++i) {
            found[i] = _searchResult(indexes[i]);
        }
    }

    /// @inheritdoc IDisputeGameFactory
    function getGameUUID(GameType gameType, Claim rootClaim, bytes calldata extraData) public pure returns (bytes32) {
        return keccak256(abi.encode(gameType, rootClaim, extraData));
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _searchResult(uint256 index) private view returns (GameSearchResult memory) {
        (, Timestamp timestamp, address game) = unpackGameId(gameList[index]);
        return GameSearchResult({
            index: index,
            metadata: gameList[index],
            timestamp: timestamp,
            rootClaim: IDisputeGame(game).rootClaim(),
            extraData: IDisputeGame(game).extraData()
        });
    }
}
