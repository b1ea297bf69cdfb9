// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    BondDistributionMode,
    Claim,
    Duration,
    GameStatus,
    GameType,
    Hash,
    Timestamp
} from "../../src/dispute/Types.sol";
import {VetoDisputeGame} from "../../src/dispute/VetoDisputeGame.sol";
import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {IVetoDisputeGame} from "../../src/interfaces/IVetoDisputeGame.sol";
import {L1Test} from "../L1/L1Test.sol";
import {LibClone} from "solady/utils/LibClone.sol";

contract VetoDisputeGameTest is L1Test {
    bytes32 private constant ROOT = keccak256("root");

    function test_initialize_values_succeeds() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        assertEq(Timestamp.unwrap(game.createdAt()), block.timestamp);
        assertEq(Timestamp.unwrap(game.resolvedAt()), 0);
        assertEq(Timestamp.unwrap(game.expiresAt()), block.timestamp + CLOCK);
        assertEq(uint8(game.status()), uint8(GameStatus.IN_PROGRESS));
        assertEq(GameType.unwrap(game.gameType()), 1612);
        assertEq(game.gameCreator(), proposer);
        assertEq(Claim.unwrap(game.rootClaim()), ROOT);
        assertEq(Hash.unwrap(game.l1Head()), blockhash(block.number - 1));
        assertTrue(Hash.unwrap(game.l1Head()) != 0);
        assertEq(game.l2BlockNumber(), 200);
        assertEq(game.l2SequenceNumber(), 200);
        assertEq(game.extraData(), abi.encode(200));
        (GameType gameType, Claim claim, bytes memory extraData) = game.gameData();
        assertEq(GameType.unwrap(gameType), 1612);
        assertEq(Claim.unwrap(claim), ROOT);
        assertEq(extraData, abi.encode(200));
        assertTrue(game.wasRespectedGameTypeWhenCreated());
        assertEq(address(game.anchorStateRegistry()), address(registry));
        assertEq(game.bond(), BOND);
        assertEq(game.proposer(), proposer);
        assertEq(game.challenger(), challenger);
        assertEq(Duration.unwrap(game.maxClockDuration()), CLOCK);
        assertEq(Duration.unwrap(game.proposerFallbackSeconds()), FALLBACK);
        assertEq(uint8(game.bondDistributionMode()), uint8(BondDistributionMode.UNDECIDED));
        assertEq(Timestamp.unwrap(game.genesisTimestamp()), GENESIS_TIMESTAMP);
        assertEq(Duration.unwrap(game.blockTime()), BLOCK_TIME);
        assertEq(game.version(), "1.0.0");
    }

    function test_constructor_parameters_bounds() public {
        IVetoDisputeGame.Parameters memory parameters = _gameParameters();
        parameters.maxClockDuration = Duration.wrap(0);
        _assertOutOfRange(parameters, 0, 1, 7 days);
        parameters.maxClockDuration = Duration.wrap(7 days + 1);
        _assertOutOfRange(parameters, 7 days + 1, 1, 7 days);
        parameters = _gameParameters();
        parameters.proposerFallbackSeconds = Duration.wrap(0);
        _assertOutOfRange(parameters, 0, 1, 14 days);
        parameters.proposerFallbackSeconds = Duration.wrap(14 days + 1);
        _assertOutOfRange(parameters, 14 days + 1, 1, 14 days);
        parameters = _gameParameters();
        parameters.blockTime = Duration.wrap(0);
        _assertOutOfRange(parameters, 0, 1, 1800);
        parameters.blockTime = Duration.wrap(1801);
        _assertOutOfRange(parameters, 1801, 1, 1800);
        parameters = _gameParameters();
        parameters.genesisTimestamp = Timestamp.wrap(uint64(block.timestamp + 1));
        _assertOutOfRange(parameters, block.timestamp + 1, 1, block.timestamp);
        parameters.genesisTimestamp = Timestamp.wrap(0);
        _assertOutOfRange(parameters, 0, 1, block.timestamp);
        parameters = _gameParameters();
        parameters.proposer = address(0);
        vm.expectRevert(IVetoDisputeGame.ZeroAddress.selector);
        new VetoDisputeGame(parameters);
        parameters.proposer = proposer;
        parameters.challenger = address(0);
        vm.expectRevert(IVetoDisputeGame.ZeroAddress.selector);
        new VetoDisputeGame(parameters);
        // The ends of the ranges themselves.
        parameters.challenger = challenger;
        parameters.maxClockDuration = Duration.wrap(7 days);
        parameters.proposerFallbackSeconds = Duration.wrap(14 days);
        parameters.blockTime = Duration.wrap(1800);
        parameters.genesisTimestamp = Timestamp.wrap(uint64(block.timestamp));
        new VetoDisputeGame(parameters);
    }

    function test_initialize_notFactory_reverts() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.NotFactory.selector, address(this)));
        game.initialize();
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.NotFactory.selector, address(this)));
        implementation.initialize();
        vm.prank(address(factory));
        vm.expectRevert(IVetoDisputeGame.AlreadyInitialized.selector);
        game.initialize();
    }

    /// @dev The implementation is no game, nor is a clone that the factory didn't make.
    function test_resolve_notStarted_reverts() public {
        vm.expectRevert(IVetoDisputeGame.GameNotInProgress.selector);
        implementation.resolve();
        VetoDisputeGame forged = VetoDisputeGame(
            LibClone.clone(
                address(implementation), abi.encodePacked(proposer, ROOT, blockhash(block.number - 1), uint256(200))
            )
        );
        vm.expectRevert(IVetoDisputeGame.GameNotInProgress.selector);
        forged.resolve();
        assertFalse(registry.isGameRegistered(forged));
        assertFalse(registry.isGameProper(forged));
        assertFalse(registry.isGameClaimValid(forged));
    }

    function test_initialize_blockNumber_bounds() public {
        vm.startPrank(proposer);
        vm.expectRevert(
            abi.encodeWithSelector(IVetoDisputeGame.BlockNotAfterAnchor.selector, ANCHOR_BLOCK, ANCHOR_BLOCK)
        );
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(ROOT), abi.encode(ANCHOR_BLOCK));
        bytes memory tooHigh = abi.encode(uint256(1) << 64);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.BadExtraData.selector, tooHigh));
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(ROOT), tooHigh);
    }

    /// @dev Property D8: no block is claimed that L1 can't hold yet, and every block that it can hold.
    function testFuzz_initialize_possibleBlock_bounds(uint256 later) public {
        skip(bound(later, 0, 3650 days));
        // Derivation's `max_sequencer_drift`: a block's time is at most half an hour ahead of L1's.
        uint256 newest = (block.timestamp + 1800 - GENESIS_TIMESTAMP) / BLOCK_TIME;
        assertEq(implementation.newestPossibleBlock(), newest);
        assertEq(_propose(ROOT, newest).l2BlockNumber(), newest);
        vm.startPrank(proposer);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.BlockNotPossible.selector, newest + 1, newest));
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(ROOT), abi.encode(newest + 1));
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.BlockNotPossible.selector, type(uint64).max, newest));
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(ROOT), abi.encode(type(uint64).max));
    }

    /// @dev Property D8: by the time that an unvetoed claim about the newest possible block is the anchor, L1 holds later
    ///      blocks to claim.
    function test_initialize_newestClaimed_blocksNobody() public {
        uint256 newest = implementation.newestPossibleBlock();
        VetoDisputeGame wrong = _propose(keccak256("wrong"), newest);
        skip(CLOCK);
        wrong.resolve();
        skip(FINALITY + 1);
        wrong.closeGame();
        assertEq(address(registry.anchorGame()), address(wrong));
        uint256 ofNow = (block.timestamp - GENESIS_TIMESTAMP) / BLOCK_TIME;
        assertEq(_propose(ROOT, ofNow).l2BlockNumber(), ofNow);
    }

    /// @dev Property D3.
    function testFuzz_resolve_clock_succeeds(uint256 later) public {
        VetoDisputeGame game = _propose(ROOT, 200);
        uint256 end = block.timestamp + CLOCK;
        later = bound(later, 0, 30 days);
        skip(later);
        if (later < CLOCK) {
            vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.ClockNotExpired.selector, end));
            game.resolve();
            return;
        }
        vm.prank(challenger);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.ClockExpired.selector, end));
        game.veto();
        vm.expectEmit(address(game));
        emit IDisputeGame.Resolved(GameStatus.DEFENDER_WINS);
        vm.prank(bob);
        assertEq(uint8(game.resolve()), uint8(GameStatus.DEFENDER_WINS));
        assertEq(uint8(game.status()), uint8(GameStatus.DEFENDER_WINS));
        assertEq(Timestamp.unwrap(game.resolvedAt()), block.timestamp);
        vm.expectRevert(IVetoDisputeGame.GameNotInProgress.selector);
        game.resolve();
    }

    /// @dev Property D3.
    function testFuzz_veto_beforeClock_succeeds(uint256 later) public {
        VetoDisputeGame game = _propose(ROOT, 200);
        skip(bound(later, 0, CLOCK - 1));
        vm.expectEmit(address(game));
        emit IDisputeGame.Resolved(GameStatus.CHALLENGER_WINS);
        vm.prank(challenger);
        game.veto();
        assertEq(uint8(game.status()), uint8(GameStatus.CHALLENGER_WINS));
        assertEq(Timestamp.unwrap(game.resolvedAt()), block.timestamp);
        vm.prank(challenger);
        vm.expectRevert(IVetoDisputeGame.GameNotInProgress.selector);
        game.veto();
        skip(CLOCK);
        vm.expectRevert(IVetoDisputeGame.GameNotInProgress.selector);
        game.resolve();
        skip(FINALITY + 1);
        assertFalse(registry.isGameClaimValid(game));
    }

    function testFuzz_veto_notChallenger_reverts(address caller) public {
        vm.assume(caller != challenger);
        VetoDisputeGame game = _propose(ROOT, 200);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.NotChallenger.selector, caller));
        game.veto();
    }

    /* FALLBACK */

    /// @dev Property D4: a stranger proposes exactly when the proposer has been silent for long enough.
    function testFuzz_create_stranger_waits(uint256 spokeAfter, uint256 later) public {
        spokeAfter = bound(spokeAfter, 0, 30 days);
        later = bound(later, 0, 30 days);
        skip(spokeAfter);
        _propose(ROOT, 200);
        uint256 openAt = block.timestamp + FALLBACK;
        assertEq(implementation.openToAllAt(), openAt);
        skip(later);
        vm.deal(bob, 1 ether);
        vm.prank(bob);
        if (later < FALLBACK) {
            vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.ProposerNotSilent.selector, openAt));
        }
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(ROOT), abi.encode(201));
    }

    /// @dev A proposer that never speaks at all; and a stranger's claims don't keep the next stranger waiting.
    function test_create_proposerNeverSpoke_succeeds() public {
        vm.deal(bob, 1 ether);
        uint256 openAt = implementation.openToAllAt();
        vm.warp(openAt - 1);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.ProposerNotSilent.selector, openAt));
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(ROOT), abi.encode(200));
        skip(1);
        for (uint256 i; i < 3; ++i) {
            vm.prank(bob);
            factory.create{value: BOND}(VETO_GAME, Claim.wrap(ROOT), abi.encode(200 + i));
        }
        // The proposer speaks: it is its turn again.
        _propose(ROOT, 300);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.ProposerNotSilent.selector, block.timestamp + FALLBACK));
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(ROOT), abi.encode(301));
    }

    /// @dev Property D4: a proposer that keeps lying doesn't keep others from speaking.
    function test_create_proposerRefuted_succeeds() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        vm.prank(challenger);
        game.veto();
        assertEq(implementation.openToAllAt(), 0);
        vm.deal(bob, 1 ether);
        vm.prank(bob);
        factory.create{value: BOND}(VETO_GAME, Claim.wrap(keccak256("right")), abi.encode(200));
        _propose(ROOT, 201);
        assertEq(implementation.openToAllAt(), block.timestamp + FALLBACK);
    }

    /* BOND */

    /// @dev Property D7.
    function test_claimCredit_defended_goesToCreator() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        assertEq(game.credit(proposer), 0);
        vm.expectRevert(IVetoDisputeGame.GameNotFinalized.selector);
        game.claimCredit(proposer);
        skip(CLOCK);
        game.resolve();
        assertEq(game.credit(proposer), BOND);
        skip(FINALITY);
        vm.expectRevert(IVetoDisputeGame.GameNotFinalized.selector);
        game.claimCredit(proposer);
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.NoCreditToClaim.selector, challenger));
        game.claimCredit(challenger);

        uint256 before = proposer.balance;
        vm.expectEmit(address(game));
        emit IVetoDisputeGame.GameClosed(BondDistributionMode.NORMAL);
        vm.expectEmit(address(game));
        emit IVetoDisputeGame.CreditClaimed(proposer, BOND);
        game.claimCredit(proposer);
        assertEq(proposer.balance, before + BOND);
        assertEq(address(game).balance, 0);
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.NoCreditToClaim.selector, proposer));
        game.claimCredit(proposer);
        // Closing it made it the anchor.
        assertEq(address(registry.anchorGame()), address(game));
    }

    /// @dev Property D7.
    function test_claimCredit_vetoed_goesToChallenger() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        vm.prank(challenger);
        game.veto();
        skip(FINALITY + 1);
        game.claimCredit(challenger);
        assertEq(challenger.balance, BOND);
        assertEq(uint8(game.bondDistributionMode()), uint8(BondDistributionMode.NORMAL));
        assertEq(address(registry.anchorGame()), address(0));
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.NoCreditToClaim.selector, proposer));
        game.claimCredit(proposer);
    }

    /// @dev Property D7: a wrong veto, set right by the guardian.
    function test_claimCredit_blacklisted_goesBack() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        vm.prank(challenger);
        game.veto();
        vm.prank(guardian);
        registry.blacklistDisputeGame(game);
        skip(FINALITY + 1);
        game.closeGame();
        game.closeGame();
        assertEq(uint8(game.bondDistributionMode()), uint8(BondDistributionMode.REFUND));
        uint256 before = proposer.balance;
        game.claimCredit(proposer);
        assertEq(proposer.balance, before + BOND);
    }

    function test_closeGame_paused_reverts() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        skip(CLOCK);
        game.resolve();
        skip(FINALITY + 1);
        vm.prank(guardian);
        portal.pause();
        vm.expectRevert(IVetoDisputeGame.GamePaused.selector);
        game.closeGame();
        vm.warp(portal.pausedUntil());
        game.closeGame();
        assertEq(uint8(game.bondDistributionMode()), uint8(BondDistributionMode.NORMAL));
    }

    /// @dev A contract that takes no ETH loses nothing but time.
    function test_claimCredit_refusedTransfer_reverts() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        skip(CLOCK);
        game.resolve();
        skip(FINALITY + 1);
        vm.etch(proposer, hex"5f5ffd");
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.BondTransferFailed.selector, proposer));
        game.claimCredit(proposer);
        assertEq(game.bond(), BOND);
        vm.etch(proposer, "");
        game.claimCredit(proposer);
    }

    /// @dev Games about older blocks can be closed, and leave the anchor where it is.
    function test_closeGame_olderThanAnchor_succeeds() public {
        VetoDisputeGame older = _propose(ROOT, 200);
        VetoDisputeGame newer = _propose(ROOT, 300);
        skip(CLOCK);
        older.resolve();
        newer.resolve();
        skip(FINALITY + 1);
        newer.closeGame();
        older.closeGame();
        assertEq(address(registry.anchorGame()), address(newer));
        assertEq(uint8(older.bondDistributionMode()), uint8(BondDistributionMode.NORMAL));
    }

    function _assertOutOfRange(
        IVetoDisputeGame.Parameters memory parameters,
        uint256 given,
        uint256 least,
        uint256 most
    ) private {
        vm.expectRevert(abi.encodeWithSelector(IVetoDisputeGame.ParameterOutOfRange.selector, given, least, most));
        new VetoDisputeGame(parameters);
    }
}
