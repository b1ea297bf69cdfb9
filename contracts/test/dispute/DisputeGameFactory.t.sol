// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DisputeGameFactory} from "../../src/dispute/DisputeGameFactory.sol";
import {Claim, GameId, GameType, Timestamp, unpackGameId} from "../../src/dispute/Types.sol";
import {VetoDisputeGame} from "../../src/dispute/VetoDisputeGame.sol";
import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../../src/interfaces/IDisputeGameFactory.sol";
import {IVetoDisputeGame} from "../../src/interfaces/IVetoDisputeGame.sol";
import {L1Test} from "../L1/L1Test.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract DisputeGameFactoryTest is L1Test {
    GameType private constant OTHER_GAME = GameType.wrap(7777);

    function test_initialize_once_succeeds() public {
        assertEq(factory.owner(), owner);
        assertEq(factory.version(), "1.0.0");
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        factory.initialize(alice);
        DisputeGameFactory fresh = new DisputeGameFactory();
        assertEq(fresh.owner(), address(0));
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        fresh.initialize(alice);
        address payable proxy = _proxy();
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        admin.upgradeAndCall(proxy, address(fresh), abi.encodeCall(IDisputeGameFactory.initialize, (address(0))));
    }

    function test_DisputeGameCreated_topic_succeeds() public pure {
        assertEq(
            IDisputeGameFactory.DisputeGameCreated.selector, keccak256("DisputeGameCreated(address,uint32,bytes32)")
        );
    }

    function testFuzz_create_game_succeeds(bytes32 root, uint64 l2Block) public {
        l2Block = uint64(bound(l2Block, ANCHOR_BLOCK + 1, implementation.newestPossibleBlock()));
        bytes memory extraData = abi.encode(l2Block);
        vm.expectEmit(false, true, true, true, address(factory));
        emit IDisputeGameFactory.DisputeGameCreated(address(0), VETO_GAME, Claim.wrap(root));
        VetoDisputeGame game = _propose(root, l2Block);

        assertEq(factory.gameCount(), 1);
        (GameType gameType, Timestamp timestamp, IDisputeGame listed) = factory.gameAtIndex(0);
        assertEq(GameType.unwrap(gameType), GameType.unwrap(VETO_GAME));
        assertEq(Timestamp.unwrap(timestamp), block.timestamp);
        assertEq(address(listed), address(game));
        (listed, timestamp) = factory.games(VETO_GAME, Claim.wrap(root), extraData);
        assertEq(address(listed), address(game));
        assertEq(Timestamp.unwrap(timestamp), block.timestamp);
        (listed, timestamp) = factory.games(OTHER_GAME, Claim.wrap(root), extraData);
        assertEq(address(listed), address(0));
        assertEq(Timestamp.unwrap(timestamp), 0);
        assertEq(address(factory.lastGameOf(VETO_GAME, proposer)), address(game));
        assertEq(address(factory.lastGameOf(VETO_GAME, alice)), address(0));
        assertEq(
            factory.getGameUUID(VETO_GAME, Claim.wrap(root), extraData),
            keccak256(abi.encode(VETO_GAME, root, extraData))
        );
        assertEq(address(game).balance, BOND);
    }

    /// @dev Property D1.
    function test_create_twice_reverts() public {
        _propose(keccak256("root"), 200);
        bytes32 uuid = factory.getGameUUID(VETO_GAME, Claim.wrap(keccak256("root")), abi.encode(200));
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.GameAlreadyExists.selector, uuid));
        vm.prank(proposer);
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(keccak256("root")), abi.encode(200));
        _propose(keccak256("root"), 201);
        _propose(keccak256("root 2"), 200);
        assertEq(factory.gameCount(), 3);
    }

    function test_create_noImplementation_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.NoImplementation.selector, OTHER_GAME));
        vm.prank(proposer);
        factory.create(OTHER_GAME, Claim.wrap(0), abi.encode(200));
    }

    function testFuzz_create_wrongBond_reverts(uint256 sent) public {
        sent = bound(sent, 0, 100 ether);
        vm.assume(sent != BOND);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.IncorrectBondAmount.selector, sent, BOND));
        vm.prank(proposer);
        factory.create{value: sent}(VETO_GAME, Claim.wrap(0), abi.encode(200));
    }

    /// @dev Property D2: the extra data is exactly 32 bytes.
    function testFuzz_create_extraData_reverts(bytes memory extraData) public {
        vm.assume(extraData.length != 32);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.BadExtraData.selector, extraData));
        vm.prank(proposer);
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(0), extraData);
        assertEq(factory.gameCount(), 0);
    }

    function test_setImplementation_owner_succeeds() public {
        VetoDisputeGame game = _propose(keccak256("root"), 200);
        VetoDisputeGame next = _implementation();
        vm.expectEmit(address(factory));
        emit IDisputeGameFactory.ImplementationSet(address(next), VETO_GAME);
        vm.prank(owner);
        factory.setImplementation(VETO_GAME, next);
        assertEq(address(factory.gameImpls(VETO_GAME)), address(next));
        // The game that exists is as it was.
        assertEq(Claim.unwrap(game.rootClaim()), keccak256("root"));
        assertTrue(registry.isGameProper(game));
    }

    function test_setInitBond_owner_succeeds() public {
        vm.expectEmit(address(factory));
        emit IDisputeGameFactory.InitBondUpdated(VETO_GAME, 5);
        vm.prank(owner);
        factory.setInitBond(VETO_GAME, 5);
        assertEq(factory.initBonds(VETO_GAME), 5);
    }

    function testFuzz_setters_notOwner_reverts(address caller) public {
        vm.assume(caller != owner && caller != address(admin) && caller != address(0));
        bytes memory expected = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(expected);
        factory.setImplementation(VETO_GAME, implementation);
        vm.expectRevert(expected);
        factory.setInitBond(VETO_GAME, 0);
        vm.expectRevert(expected);
        factory.transferOwnership(caller);
    }

    /// @dev Against a search by hand, among games of two types.
    function testFuzz_findLatestGames_search_succeeds(uint256 kinds, uint256 start, uint256 n) public {
        vm.startPrank(owner);
        factory.setImplementation(OTHER_GAME, _otherImplementation());
        factory.setInitBond(OTHER_GAME, BOND);
        vm.stopPrank();
        uint256 total = 12;
        for (uint256 i; i < total; ++i) {
            GameType gameType = (kinds >> i) & 1 == 0 ? VETO_GAME : OTHER_GAME;
            vm.prank(proposer);
            factory.create{value: BOND}(gameType, Claim.wrap(bytes32(i)), abi.encode(200 + i));
        }
        start = bound(start, 0, total + 2);
        n = bound(n, 0, total + 2);
        IDisputeGameFactory.GameSearchResult[] memory found = factory.findLatestGames(VETO_GAME, start, n);
        uint256 count;
        if (start < total) {
            for (uint256 i = start + 1; i > 0 && count < n; --i) {
                if ((kinds >> (i - 1)) & 1 != 0) continue;
                assertEq(found[count].index, i - 1);
                assertEq(Claim.unwrap(found[count].rootClaim), bytes32(i - 1));
                assertEq(found[count].extraData, abi.encode(200 + i - 1));
                assertEq(Timestamp.unwrap(found[count].timestamp), block.timestamp);
                _checkMetadata(found[count].metadata, i - 1);
                ++count;
            }
        }
        assertEq(found.length, count);
    }

    function test_findLatestGames_none_succeeds() public view {
        assertEq(factory.findLatestGames(VETO_GAME, 0, 100).length, 0);
    }

    function test_findLatestGames_everything_succeeds() public {
        _propose(keccak256("root"), 200);
        assertEq(factory.findLatestGames(VETO_GAME, 0, type(uint256).max).length, 1);
    }

    function _checkMetadata(GameId id, uint256 index) private view {
        (GameType gameType, Timestamp timestamp, address game) = unpackGameId(id);
        (GameType listedType, Timestamp listedTimestamp, IDisputeGame listed) = factory.gameAtIndex(index);
        assertTrue(gameType == listedType);
        assertFalse(gameType != listedType);
        assertEq(Timestamp.unwrap(timestamp), Timestamp.unwrap(listedTimestamp));
        assertEq(game, address(listed));
        // Where clients look for the address: after 12 of the 32 bytes.
        assertEq(address(uint160(uint256(GameId.unwrap(id)))), game);
    }

    function _otherImplementation() private returns (VetoDisputeGame) {
        return new VetoDisputeGame(
            IVetoDisputeGame.Parameters({
                gameType: OTHER_GAME,
                maxClockDuration: implementation.maxClockDuration(),
                anchorStateRegistry: registry,
                proposer: proposer,
                challenger: challenger,
                proposerFallbackSeconds: implementation.proposerFallbackSeconds(),
                genesisTimestamp: implementation.genesisTimestamp(),
                blockTime: implementation.blockTime()
            })
        );
    }
}
