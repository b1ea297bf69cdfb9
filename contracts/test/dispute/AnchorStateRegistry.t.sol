// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AnchorStateRegistry} from "../../src/dispute/AnchorStateRegistry.sol";
import {GameType, Hash, Proposal} from "../../src/dispute/Types.sol";
import {VetoDisputeGame} from "../../src/dispute/VetoDisputeGame.sol";
import {IAnchorStateRegistry} from "../../src/interfaces/IAnchorStateRegistry.sol";
import {L1Test} from "../L1/L1Test.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract AnchorStateRegistryTest is L1Test {
    bytes32 private constant ROOT = keccak256("root");

    function test_initialize_values_succeeds() public {
        assertEq(address(registry.disputeGameFactory()), address(factory));
        assertEq(address(registry.portal()), address(portal));
        assertEq(registry.guardian(), guardian);
        assertEq(GameType.unwrap(registry.respectedGameType()), 1612);
        assertEq(registry.disputeGameFinalityDelaySeconds(), FINALITY);
        assertEq(registry.retirementTimestamp(), 0);
        assertEq(registry.version(), "1.0.0");
        _assertAnchor(keccak256("anchor"), ANCHOR_BLOCK);
        (Hash root, uint256 l2Block) = registry.startingAnchorRoot();
        assertEq(Hash.unwrap(root), keccak256("anchor"));
        assertEq(l2Block, ANCHOR_BLOCK);

        Proposal memory anchor = Proposal({root: root, l2SequenceNumber: 0});
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        registry.initialize(factory, portal, anchor, VETO_GAME);
        AnchorStateRegistry fresh = new AnchorStateRegistry(FINALITY);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        fresh.initialize(factory, portal, anchor, VETO_GAME);
    }

    function test_constructor_delay_bounds() public {
        uint256 most = registry.MAX_FINALITY_DELAY_SECONDS();
        assertEq(new AnchorStateRegistry(most).disputeGameFinalityDelaySeconds(), most);
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.FinalityDelayTooLong.selector, most + 1, most));
        new AnchorStateRegistry(most + 1);
    }

    /// @dev Property D5: the claim of a game is valid only in the last of these stages.
    function test_isGameClaimValid_stages_succeeds() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        assertTrue(registry.isGameRegistered(game));
        assertTrue(registry.isGameRespected(game));
        assertTrue(registry.isGameProper(game));
        assertFalse(registry.isGameBlacklisted(game));
        assertFalse(registry.isGameRetired(game));
        assertFalse(registry.isGameResolved(game));
        assertFalse(registry.isGameFinalized(game));
        assertFalse(registry.isGameClaimValid(game));
        skip(CLOCK);
        game.resolve();
        assertTrue(registry.isGameResolved(game));
        assertFalse(registry.isGameFinalized(game));
        skip(FINALITY);
        assertFalse(registry.isGameFinalized(game));
        assertFalse(registry.isGameClaimValid(game));
        skip(1);
        assertTrue(registry.isGameFinalized(game));
        assertTrue(registry.isGameClaimValid(game));

        vm.startPrank(guardian);
        uint256 before = vm.snapshotState();
        registry.blacklistDisputeGame(game);
        assertTrue(registry.isGameBlacklisted(game));
        assertTrue(registry.disputeGameBlacklist(game));
        assertFalse(registry.isGameProper(game));
        assertFalse(registry.isGameClaimValid(game));
        vm.revertToState(before);
        registry.updateRetirementTimestamp();
        assertTrue(registry.isGameRetired(game));
        assertFalse(registry.isGameClaimValid(game));
        vm.revertToState(before);
        portal.pause();
        assertFalse(registry.isGameProper(game));
        assertFalse(registry.isGameClaimValid(game));
    }

    function test_isGameRespected_typeChanged_succeeds() public {
        VetoDisputeGame before = _propose(ROOT, 200);
        vm.expectEmit(address(registry));
        emit IAnchorStateRegistry.RespectedGameTypeSet(GameType.wrap(3));
        vm.prank(guardian);
        registry.setRespectedGameType(GameType.wrap(3));
        VetoDisputeGame afterwards = _propose(ROOT, 201);
        assertTrue(registry.isGameRespected(before));
        assertFalse(registry.isGameRespected(afterwards));
        assertTrue(registry.isGameProper(afterwards));
        skip(CLOCK);
        before.resolve();
        afterwards.resolve();
        skip(FINALITY + 1);
        assertTrue(registry.isGameClaimValid(before));
        assertFalse(registry.isGameClaimValid(afterwards));
    }

    /// @dev Games that this registry doesn't judge, though the factory made them.
    function test_isGameRegistered_othersGame_succeeds() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        address payable proxy = _proxy();
        admin.upgradeAndCall(
            proxy,
            address(new AnchorStateRegistry(FINALITY)),
            abi.encodeCall(
                IAnchorStateRegistry.initialize,
                (factory, portal, Proposal({root: Hash.wrap(0), l2SequenceNumber: 0}), VETO_GAME)
            )
        );
        assertFalse(AnchorStateRegistry(proxy).isGameRegistered(game));
    }

    /// @dev Property D6: the anchor only goes forward.
    function testFuzz_setAnchorState_blocks_succeeds(uint64 first, uint64 second) public {
        first = uint64(bound(first, ANCHOR_BLOCK + 1, implementation.newestPossibleBlock()));
        second = uint64(bound(second, ANCHOR_BLOCK + 1, implementation.newestPossibleBlock()));
        VetoDisputeGame one = _propose(keccak256("one"), first);
        VetoDisputeGame two = _propose(keccak256("two"), second);
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.InvalidAnchorGame.selector, one));
        registry.setAnchorState(one);
        skip(CLOCK);
        one.resolve();
        two.resolve();
        skip(FINALITY + 1);
        vm.expectEmit(address(registry));
        emit IAnchorStateRegistry.AnchorUpdated(one);
        registry.setAnchorState(one);
        _assertAnchor(keccak256("one"), first);
        if (second <= first) {
            vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.InvalidAnchorGame.selector, two));
            registry.setAnchorState(two);
            _assertAnchor(keccak256("one"), first);
        } else {
            registry.setAnchorState(two);
            _assertAnchor(keccak256("two"), second);
        }
    }

    /// @dev Property D9: a wrong claim that nobody vetoed, and that became the anchor, can be set aside all the same.
    function test_getAnchorRoot_setAside_isTheFirst() public {
        uint256 newest = implementation.newestPossibleBlock();
        VetoDisputeGame wrong = _propose(keccak256("wrong"), newest);
        skip(CLOCK);
        wrong.resolve();
        skip(FINALITY + 1);
        registry.setAnchorState(wrong);
        _assertAnchor(keccak256("wrong"), newest);
        // A pause alone changes nothing.
        vm.startPrank(guardian);
        portal.pause();
        _assertAnchor(keccak256("wrong"), newest);
        portal.unpause();

        uint256 before = vm.snapshotState();
        registry.blacklistDisputeGame(wrong);
        _assertAnchor(keccak256("anchor"), ANCHOR_BLOCK);
        assertEq(address(registry.anchorGame()), address(wrong));
        vm.revertToState(before);
        registry.updateRetirementTimestamp();
        _assertAnchor(keccak256("anchor"), ANCHOR_BLOCK);
        vm.stopPrank();

        // Right claims can be made again, about older blocks as well, and become the anchor.
        skip(1);
        VetoDisputeGame right = _propose(keccak256("right"), newest - 1);
        skip(CLOCK);
        right.resolve();
        skip(FINALITY + 1);
        right.closeGame();
        _assertAnchor(keccak256("right"), newest - 1);
    }

    function testFuzz_guardianFunctions_notGuardian_revert(address caller) public {
        vm.assume(caller != guardian && caller != address(admin) && caller != address(0));
        VetoDisputeGame game = _propose(ROOT, 200);
        bytes memory expected = abi.encodeWithSelector(IAnchorStateRegistry.Unauthorized.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(expected);
        registry.setRespectedGameType(GameType.wrap(3));
        vm.expectRevert(expected);
        registry.updateRetirementTimestamp();
        vm.expectRevert(expected);
        registry.blacklistDisputeGame(game);
    }

    function test_guardianEvents_succeed() public {
        VetoDisputeGame game = _propose(ROOT, 200);
        vm.startPrank(guardian);
        vm.expectEmit(address(registry));
        emit IAnchorStateRegistry.DisputeGameBlacklisted(game);
        registry.blacklistDisputeGame(game);
        vm.expectEmit(address(registry));
        emit IAnchorStateRegistry.RetirementTimestampSet(block.timestamp);
        registry.updateRetirementTimestamp();
        assertEq(registry.retirementTimestamp(), block.timestamp);
        assertEq(portal.respectedGameTypeUpdatedAt(), block.timestamp);
    }

    function _assertAnchor(bytes32 expectedRoot, uint256 expectedBlock) private view {
        (Hash root, uint256 l2Block) = registry.getAnchorRoot();
        assertEq(Hash.unwrap(root), expectedRoot);
        assertEq(l2Block, expectedBlock);
        (root, l2Block) = registry.anchors(GameType.wrap(0));
        assertEq(Hash.unwrap(root), expectedRoot);
        assertEq(l2Block, expectedBlock);
    }
}
