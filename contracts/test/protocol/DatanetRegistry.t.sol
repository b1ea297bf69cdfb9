// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAccessChecker} from "../../src/interfaces/IAccessChecker.sol";
import {IDatanetRegistry} from "../../src/interfaces/IDatanetRegistry.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {DatanetRegistry} from "../../src/protocol/DatanetRegistry.sol";
import {DatanetTest} from "./DatanetTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @dev Answers as it is told to.
contract Checker is IAccessChecker {
    enum Answer {
        Compare,
        Refuse,
        Revert,
        BurnGas
    }

    Answer public answer;

    function setAnswer(Answer given) external {
        answer = given;
    }

    function mayContribute(uint256 datanet, address contributor, bytes calldata proof) external view returns (bool) {
        if (answer == Answer.Refuse) return false;
        if (answer == Answer.Revert) revert("no");
        if (answer == Answer.BurnGas) {
            while (gasleft() > 0) {}
        }
        return keccak256(proof) == keccak256(abi.encode(datanet, contributor));
    }
}

contract DatanetRegistryTest is DatanetTest {
    IAttrSketch private constant SKETCH = NativePrecompiles.SKETCH;

    function _status(uint256 datanet, uint64 contribution) private view returns (uint8) {
        return uint8(registry.contributionAt(datanet, contribution).status);
    }

    /* SET-UP */

    function test_initialize_twice_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        registry.initialize(new Setting[](0));
        DatanetRegistry implementation = new DatanetRegistry();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
        assertEq(registry.version(), "1.0.0");
        assertEq(IParameterized(address(registry)).parameters().length, 3);
    }

    /* DATANETS */

    function test_create_stores_succeeds() public {
        IDatanetRegistry.Terms memory terms = _terms();
        terms.dataType = IDatanetRegistry.DataType.Image;
        terms.reviewers = _sorted(3);
        bytes32 space = keccak256(abi.encode(address(registry), bytes32(uint256(1))));
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.DatanetCreated(1, owner, space, terms, "ipfs://datanet");
        assertEq(_create(terms), 1);
        IDatanetRegistry.Datanet memory made = registry.datanetAt(1);
        assertEq(made.owner, owner);
        assertEq(uint8(made.dataType), uint8(terms.dataType));
        assertEq(made.ownerBps, 1000);
        assertEq(made.contributionBond, BOND);
        assertEq(made.bond, DATANET_BOND);
        assertEq(made.licence, LICENCE);
        assertEq(registry.spaceOf(1), space);
        assertEq(registry.datanetOf(space), 1);
        assertEq(registry.datanetCount(), 1);
        assertEq(registry.licencesOf(1)[0], OTHER_LICENCE);
        assertEq(abi.encode(registry.reviewersOf(1)), abi.encode(terms.reviewers));
        assertEq(_held("datanet", 1, 0), DATANET_BOND);
    }

    function test_create_badTerms_reverts() public {
        vm.startPrank(owner);
        IDatanetRegistry.Terms memory terms = _terms();
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.WrongBond.selector, 1, DATANET_BOND));
        registry.create{value: 1}(terms, "");
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.TooLong.selector, 1025, 1024));
        registry.create{value: DATANET_BOND}(terms, string(new bytes(1025)));
        terms.licence = 0;
        vm.expectRevert(IDatanetRegistry.NoLicence.selector);
        registry.create{value: DATANET_BOND}(terms, "");
        terms = _terms();
        terms.ownerBps = 2001;
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.OwnerShareTooHigh.selector, 2001, 2000));
        registry.create{value: DATANET_BOND}(terms, "");
        terms = _terms();
        terms.contributionBond = 1 ether - 1;
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.ContributionBondTooLow.selector, 1 ether - 1, 1 ether));
        registry.create{value: DATANET_BOND}(terms, "");
        terms = _terms();
        terms.adapterLicences = new bytes32[](17);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.TooLong.selector, 17, 16));
        registry.create{value: DATANET_BOND}(terms, "");
        vm.stopPrank();
    }

    function test_create_badReviewers_reverts() public {
        vm.startPrank(owner);
        IDatanetRegistry.Terms memory terms = _terms();
        terms.reviewers = _sorted(2);
        vm.expectRevert(IDatanetRegistry.InvalidReviewers.selector);
        registry.create{value: DATANET_BOND}(terms, "");
        terms.reviewers = _sorted(3);
        terms.reviewers[1] = terms.reviewers[0];
        vm.expectRevert(IDatanetRegistry.InvalidReviewers.selector);
        registry.create{value: DATANET_BOND}(terms, "");
        terms.reviewers = new address[](16);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.TooLong.selector, 16, 15));
        registry.create{value: DATANET_BOND}(terms, "");
        vm.stopPrank();
    }

    function test_create_badAccess_reverts() public {
        vm.startPrank(owner);
        IDatanetRegistry.Terms memory terms = _terms();
        terms.allowRoot = "root";
        vm.expectRevert(IDatanetRegistry.InvalidAccess.selector);
        registry.create{value: DATANET_BOND}(terms, "");
        terms.access = IDatanetRegistry.Access.Checker;
        vm.expectRevert(IDatanetRegistry.InvalidAccess.selector);
        registry.create{value: DATANET_BOND}(terms, "");
        terms.allowRoot = 0;
        vm.expectRevert(IDatanetRegistry.InvalidAccess.selector);
        registry.create{value: DATANET_BOND}(terms, "");
        terms.access = IDatanetRegistry.Access.AllowList;
        vm.expectRevert(IDatanetRegistry.InvalidAccess.selector);
        registry.create{value: DATANET_BOND}(terms, "");
        vm.stopPrank();
    }

    function test_create_anyNumbers_unknown_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.UnknownDatanet.selector, 0));
        registry.datanetAt(0);
        _create();
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.UnknownDatanet.selector, 2));
        registry.settle(2, 1);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.UnknownCluster.selector, 1, 0));
        registry.clusterAt(1, 0);
    }

    /// @dev DN5.
    function test_close_drained_bondReturns_succeeds() public {
        uint256 datanet = _create();
        uint32 cluster = _cluster(datanet, alice, 1);
        uint64 pending = _commit(datanet, bob, 2);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, alice, owner));
        vm.prank(alice);
        registry.close(datanet);
        vm.prank(owner);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.DatanetClosed(datanet);
        registry.close(datanet);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.IsClosed.selector, datanet));
        vm.prank(alice);
        registry.commit{value: BOND}(datanet, "h", "");
        assertEq(_held("datanet", datanet, 0), DATANET_BOND, "a contribution isn't settled");
        _mine(51, 1);
        registry.settle(datanet, 1);
        assertEq(_status(datanet, pending), uint8(IDatanetRegistry.ContributionStatus.Unrevealed));
        vm.prank(owner);
        registry.close(datanet);
        assertEq(_held("datanet", datanet, 0), DATANET_BOND, "a review isn't final");
        _decide(datanet, cluster, 90);
        _finalize(datanet, cluster);
        vm.startPrank(owner);
        registry.close(datanet);
        registry.close(datanet);
        vm.stopPrank();
        assertEq(_held("datanet", datanet, 0), 0);
        assertEq(vault.claimable(owner), DATANET_BOND);
        assertTrue(registry.isEligible(registry.spaceOf(datanet), cluster, 1));
    }

    function test_publishVersion_byNumber_succeeds() public {
        uint256 datanet = _create();
        vm.startPrank(owner);
        assertEq(registry.publishVersion(datanet, "a", "ipfs://a"), 0);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.VersionPublished(datanet, 1, "b", "ipfs://b");
        assertEq(registry.publishVersion(datanet, "b", "ipfs://b"), 1);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.TooLong.selector, 1025, 1024));
        registry.publishVersion(datanet, "c", string(new bytes(1025)));
        vm.stopPrank();
        assertEq(registry.versionCount(datanet), 2);
        assertEq(registry.versionAt(datanet, 1).root, "b");
        assertEq(registry.versionAt(datanet, 1).timestamp, vm.getBlockTimestamp());
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, alice, owner));
        vm.prank(alice);
        registry.publishVersion(datanet, "c", "");
    }

    /* ACCESS */

    function test_commit_allowList_succeeds() public {
        bytes32 leafA = keccak256(bytes.concat(keccak256(abi.encode(alice))));
        bytes32 leafB = keccak256(bytes.concat(keccak256(abi.encode(bob))));
        IDatanetRegistry.Terms memory terms = _terms();
        terms.access = IDatanetRegistry.Access.AllowList;
        terms.allowRoot = leafA < leafB ? keccak256(abi.encode(leafA, leafB)) : keccak256(abi.encode(leafB, leafA));
        uint256 datanet = _create(terms);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = leafB;
        vm.prank(alice);
        assertEq(registry.commit{value: BOND}(datanet, "h", abi.encode(proof)), 0);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.AccessDenied.selector, datanet, bob));
        vm.prank(bob);
        registry.commit{value: BOND}(datanet, "h", abi.encode(proof));
        vm.expectRevert();
        vm.prank(alice);
        registry.commit{value: BOND}(datanet, "h", "");
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, alice, owner));
        vm.prank(alice);
        registry.setAllowRoot(datanet, leafB);
        vm.startPrank(owner);
        vm.expectRevert(IDatanetRegistry.InvalidAccess.selector);
        registry.setAllowRoot(datanet, 0);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.AllowRootSet(datanet, leafB);
        registry.setAllowRoot(datanet, leafB);
        vm.stopPrank();
        vm.prank(bob);
        assertEq(registry.commit{value: BOND}(datanet, "h", abi.encode(new bytes32[](0))), 1);
        uint256 open = _create();
        vm.expectRevert(IDatanetRegistry.InvalidAccess.selector);
        vm.prank(owner);
        registry.setAllowRoot(open, leafB);
    }

    function test_commit_checker_reverts() public {
        Checker checker = new Checker();
        IDatanetRegistry.Terms memory terms = _terms();
        (terms.access, terms.checker) = (IDatanetRegistry.Access.Checker, address(checker));
        uint256 datanet = _create(terms);
        vm.startPrank(alice);
        assertEq(registry.commit{value: BOND}(datanet, "h", abi.encode(datanet, alice)), 0);
        bytes memory denied = abi.encodeWithSelector(IDatanetRegistry.AccessDenied.selector, datanet, alice);
        vm.expectRevert(denied);
        registry.commit{value: BOND}(datanet, "h", abi.encode(datanet, bob));
        for (uint8 i = 1; i < 4; ++i) {
            checker.setAnswer(Checker.Answer(i));
            uint256 before = gasleft();
            vm.expectRevert(denied);
            registry.commit{value: BOND}(datanet, "h", abi.encode(datanet, alice));
            assertLt(before - gasleft(), registry.CHECKER_GAS() + 100_000, "gas is limited");
        }
        vm.stopPrank();
    }

    /* CONTRIBUTIONS */

    /// @dev DN1, DN2.
    function test_settle_newDuplicateUnrevealed_succeeds() public {
        uint256 datanet = _create();
        _commit(datanet, alice, 1);
        _commit(datanet, bob, 1);
        _commit(datanet, carol, 2);
        assertEq(_held("contribution", datanet, 1), BOND);
        _mine(2, 1);
        // The copy is revealed first, and is a copy all the same.
        _reveal(datanet, bob, 1, 1);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.ContributionRevealed(datanet, 0, _content(1).dataRoot, 1000, 200, "ipfs://content");
        _reveal(datanet, alice, 0, 1);
        _mine(48, 1);
        assertEq(registry.settle(datanet, 3), 0, "too early");
        _mine(1, 1);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.ClusterCreated(datanet, 0, 0, alice);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.ContributionSettled(datanet, 0, IDatanetRegistry.ContributionStatus.Clustered);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.ContributionSettled(datanet, 1, IDatanetRegistry.ContributionStatus.Duplicate);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.ContributionSettled(datanet, 2, IDatanetRegistry.ContributionStatus.Unrevealed);
        assertEq(registry.settle(datanet, 64), 3);
        assertEq(registry.settle(datanet, 64), 0);
        IDatanetRegistry.Datanet memory info = registry.datanetAt(datanet);
        assertEq(info.contributions, 3);
        assertEq(info.settled, 3);
        assertEq(info.clusters, 1);
        assertEq(info.inReview, 1);
        assertEq(_held("contribution", datanet, 0), BOND, "held until the review is final");
        assertEq(_held("contribution", datanet, 1), 0);
        assertEq(_held("contribution", datanet, 2), 0);
        assertEq(vault.claimable(alice), 0);
        assertEq(vault.claimable(bob), BOND, "a duplicate's bond goes back");
        assertEq(vault.claimable(carol), 0, "an unrevealed one's is burnt");
        (address payee,,) = registry.payeesOf(registry.spaceOf(datanet), 0, 1);
        assertEq(payee, alice);
    }

    /// @dev DN2: whoever takes a commitment out of somebody's transaction can't open it.
    function test_reveal_copiedCommitment_reverts() public {
        uint256 datanet = _create();
        bytes32 h = _commitment(datanet, alice, 1);
        vm.prank(bob);
        registry.commit{value: BOND}(datanet, h, "");
        _commit(datanet, alice, 1);
        _mine(2, 1);
        bytes32 commitId = keccak256(abi.encode(registry.spaceOf(datanet), uint64(0)));
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.CommitMismatch.selector, commitId));
        _reveal(datanet, bob, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, bob, alice));
        _reveal(datanet, bob, 1, 1);
        _reveal(datanet, alice, 1, 1);
        _mine(49, 1);
        registry.settle(datanet, 2);
        (address payee,,) = registry.payeesOf(registry.spaceOf(datanet), 0, 1);
        assertEq(payee, alice);
        assertEq(vault.claimable(bob), 0);
    }

    /// @dev DN2: nobody but the registry writes to its space.
    function test_reveal_pastTheRegistry_reverts() public {
        uint256 datanet = _create();
        _commit(datanet, alice, 1);
        _mine(2, 1);
        bytes32 commitId = keccak256(abi.encode(registry.spaceOf(datanet), uint64(0)));
        IDatanetRegistry.Content memory opened = _content(1);
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.CommitMismatch.selector, commitId));
        SKETCH.reveal(bytes32(datanet), commitId, alice, opened.dataRoot, opened.salt, opened.words);
        _mine(60, 1);
        assertEq(SKETCH.settle(bytes32(datanet), 64), 0);
    }

    function test_commit_wrongBond_reverts() public {
        uint256 datanet = _create();
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.WrongBond.selector, BOND - 1, BOND));
        registry.commit{value: BOND - 1}(datanet, "h", "");
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.WrongBond.selector, BOND + 1, BOND));
        registry.commit{value: BOND + 1}(datanet, "h", "");
        vm.stopPrank();
    }

    function test_reveal_wrongMoment_reverts() public {
        uint256 datanet = _create();
        _commit(datanet, alice, 1);
        uint64 made = uint64(vm.getBlockNumber());
        vm.expectRevert(abi.encodeWithSelector(IAttrSketch.RevealWindow.selector, made + 2, made + 50));
        _reveal(datanet, alice, 0, 1);
        _mine(2, 1);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotRevealable.selector, datanet, 1));
        _reveal(datanet, alice, 1, 1);
        IDatanetRegistry.Content memory opened = _content(1);
        opened.uri = string(new bytes(1025));
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.TooLong.selector, 1025, 1024));
        vm.prank(alice);
        registry.reveal(datanet, 0, opened);
        _reveal(datanet, alice, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotRevealable.selector, datanet, 0));
        _reveal(datanet, alice, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.TooLong.selector, 65, 64));
        registry.settle(datanet, 65);
    }

    /// @dev DN3: the order is that of the commitments, whoever settles, however often.
    function test_settle_inOrder_succeeds() public {
        uint256 datanet = _create();
        _commit(datanet, alice, 1);
        _mine(10, 1);
        _commit(datanet, bob, 1);
        _reveal(datanet, alice, 0, 1);
        _mine(2, 1);
        _reveal(datanet, bob, 1, 1);
        _mine(39, 1);
        vm.prank(bob);
        assertEq(registry.settle(datanet, 64), 1, "the second one isn't due");
        assertEq(_status(datanet, 1), uint8(IDatanetRegistry.ContributionStatus.Revealed));
        _mine(10, 1);
        assertEq(registry.settle(datanet, 64), 1);
        assertEq(_status(datanet, 1), uint8(IDatanetRegistry.ContributionStatus.Duplicate));
    }

    /// @dev DN4: the place that a contributor gave away.
    function test_reveal_rotated_succeeds() public {
        uint256 datanet = _create();
        _commit(datanet, alice, 1);
        _mine(2, 1);
        address heir = _rotate("alice", "heir");
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, alice, alice));
        _reveal(datanet, alice, 0, 1);
        _reveal(datanet, heir, 0, 1);
        _mine(49, 1);
        registry.settle(datanet, 1);
        _decide(datanet, 0, 80);
        _finalize(datanet, 0);
        assertEq(vault.claimable(alice), BOND, "what the holder of alice's place is owed");
        vm.prank(heir);
        assertEq(vault.claim(), BOND);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, alice, alice));
        vm.prank(alice);
        registry.withdraw(datanet, 0);
        vm.prank(heir);
        registry.withdraw(datanet, 0);
    }

    /// @dev DN6.
    function test_reveal_paused_bondReturns_succeeds() public {
        uint256 datanet = _create();
        _commit(datanet, alice, 1);
        _commit(datanet, bob, 2);
        _mine(2, 1);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        SKETCH.setPaused(IAttrSketch.reveal.selector, uint64(vm.getBlockTimestamp()) + 20);
        vm.expectEmit(address(registry));
        emit IDatanetRegistry.ContributionExcused(datanet, 0);
        _reveal(datanet, alice, 0, 1);
        _reveal(datanet, bob, 1, 2);
        _mine(21, 1);
        _reveal(datanet, bob, 1, 2);
        _mine(28, 1);
        assertEq(registry.settle(datanet, 2), 2);
        assertEq(_status(datanet, 0), uint8(IDatanetRegistry.ContributionStatus.Unrevealed));
        assertEq(_status(datanet, 1), uint8(IDatanetRegistry.ContributionStatus.Clustered));
        assertEq(vault.claimable(alice), BOND);
    }

    function test_reveal_paused_notTheContributor_reverts() public {
        uint256 datanet = _create();
        _commit(datanet, alice, 1);
        _mine(2, 1);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        SKETCH.setPaused(IAttrSketch.reveal.selector, uint64(vm.getBlockTimestamp()) + 20);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotHolder.selector, bob, alice));
        _reveal(datanet, bob, 0, 1);
    }

    /// @dev DN1: whatever is committed, copied and left unrevealed, the registry's view is the precompile's.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_settle_mirrorsPrecompile_succeeds(uint256 seed) public {
        uint256 datanet = _create();
        uint256 count = 2 + seed % 9;
        uint256[] memory contents = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            contents[i] = uint256(keccak256(abi.encode(seed, i))) % 4;
            _commit(datanet, alice, contents[i]);
        }
        _mine(2, 1);
        bool[4] memory seen;
        uint32 clusters;
        for (uint256 i = 0; i < count; ++i) {
            if (uint256(keccak256(abi.encode(seed, i, "reveal"))) % 4 == 0) continue;
            _reveal(datanet, alice, uint64(i), contents[i]);
        }
        _mine(49, 1);
        uint256 settled;
        while (settled < count) {
            settled += registry.settle(datanet, uint16(1 + seed % 3));
        }
        uint256 burnt;
        for (uint256 i = 0; i < count; ++i) {
            bool revealed = uint256(keccak256(abi.encode(seed, i, "reveal"))) % 4 != 0;
            bool isNew = revealed && !seen[contents[i]];
            if (isNew) {
                seen[contents[i]] = true;
                assertEq(registry.contributionAt(datanet, uint64(i)).cluster, clusters++);
            }
            if (!revealed) burnt += BOND;
            assertEq(_held("contribution", datanet, i), isNew ? BOND : 0);
        }
        assertEq(registry.datanetAt(datanet).clusters, clusters);
        assertEq(SKETCH.clusterCount(registry.spaceOf(datanet)), clusters);
        assertEq(vault.claimable(alice), BOND * (count - clusters) - burnt);
    }

    /* LICENCES, ELIGIBILITY */

    function test_licenceAllows_terms_succeeds() public {
        bytes32 space = registry.spaceOf(_create());
        assertTrue(registry.licenceAllows(space, LICENCE));
        assertTrue(registry.licenceAllows(space, OTHER_LICENCE));
        assertFalse(registry.licenceAllows(space, "proprietary"));
        assertFalse(registry.licenceAllows(space, 0));
        assertFalse(registry.licenceAllows("unknown", LICENCE));
        assertFalse(registry.licenceAllows("unknown", 0));
    }

    function test_isEligible_unknown_succeeds() public {
        bytes32 space = registry.spaceOf(_create());
        assertFalse(registry.isEligible(space, 0, 1));
        assertFalse(registry.isEligible("unknown", 0, 1));
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.UnknownCluster.selector, 1, 0));
        registry.payeesOf(space, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.UnknownDatanet.selector, 0));
        registry.payeesOf("unknown", 0, 1);
    }

    function test_recordOutcome_others_reverts() public {
        uint256 datanet = _create();
        uint32 cluster = _cluster(datanet, alice, 1);
        vm.expectRevert(abi.encodeWithSelector(IDatanetRegistry.NotClusterReview.selector, alice));
        vm.prank(alice);
        registry.recordOutcome(datanet, cluster, IDatanetRegistry.Outcome.Accepted, true);
    }
}
