// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Timelock} from "../../src/governance/Timelock.sol";
import {Bounds, IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IProtocolGovernor} from "../../src/interfaces/IProtocolGovernor.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {GovernanceTest} from "./GovernanceTest.sol";
import {
    TimelockControllerUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/TimelockControllerUpgradeable.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @dev Proposals, their calls, the vote and the quorum.
contract GovernorTest is GovernanceTest {
    bytes32 private constant BALLOT = keccak256("Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)");

    function _somePlan() private pure returns (Plan memory) {
        return _plan(
            PARAM_TIMELOCK,
            Predeploys.GOVERNOR,
            abi.encodeCall(IParameterized.setParameter, ("votingDelaySeconds", 2 days))
        );
    }

    function _proposeCall(address target, uint256 value, bytes memory data) private returns (uint256) {
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _oneCall(target, data);
        values[0] = value;
        vm.prank(proposer);
        return GOVERNOR.propose(targets, values, calldatas, "");
    }

    function _assertState(uint256 id, IGovernor.ProposalState expected) private view {
        assertEq(uint8(GOVERNOR.state(id)), uint8(expected));
    }

    /// @dev A proposal after a vote in which `voter` supported it with `inFavour` of gOPEN.
    function _voted(uint256 inFavour, uint8 support) private returns (uint256 id) {
        vm.prank(voter);
        G_OPEN.withdraw(QUORUM - inFavour);
        skip(1);
        id = _propose(_somePlan());
        _awaitVote();
        _vote(voter, id, support);
        _awaitResult();
    }

    /* SET-UP */

    function test_initialize_defaults_succeeds() public view {
        assertEq(GOVERNOR.name(), "Governor");
        assertEq(GOVERNOR.version(), "1");
        assertEq(address(GOVERNOR.token()), Predeploys.G_OPEN);
        assertEq(GOVERNOR.clock(), block.timestamp);
        assertEq(GOVERNOR.CLOCK_MODE(), "mode=timestamp");
        assertEq(GOVERNOR.proposalThreshold(), 10_000e18);
        assertEq(GOVERNOR.votingDelay(), 1 days);
        assertEq(GOVERNOR.votingPeriod(), 7 days);
        assertEq(GOVERNOR.quorum(block.timestamp - 1), 10_000_000e18);
        assertEq(GOVERNOR.parameter("reputationBps"), 0);
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        GOVERNOR.initialize(new Setting[](0));
    }

    /// @dev Property GN5.
    function test_setParameter_bounds_succeeds() public {
        Bounds[] memory all = GOVERNOR.parameters();
        assertEq(all.length, 7);
        for (uint256 i = 0; i < all.length; ++i) {
            assertEq(GOVERNOR.parameter(all[i].name), all[i].initial);
            _setParameter(Predeploys.GOVERNOR, all[i].name, all[i].max);
            _setParameter(Predeploys.GOVERNOR, all[i].name, all[i].min);
            assertEq(GOVERNOR.parameter(all[i].name), all[i].min);
            vm.expectPartialRevert(IParameterized.ParameterOutOfBounds.selector);
            _setParameter(Predeploys.GOVERNOR, all[i].name, all[i].max + 1);
        }
    }

    /* PROPOSALS */

    function test_propose_belowThreshold_reverts() public {
        vm.prank(proposer);
        G_OPEN.withdraw(1);
        skip(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorInsufficientProposerVotes.selector, proposer, THRESHOLD - 1, THRESHOLD
            )
        );
        _proposeCall(Predeploys.PARAM_TIMELOCK, 0, abi.encodeCall(TimelockControllerUpgradeable.cancel, (0)));
    }

    /// @dev Property GN1.
    function test_propose_timelockCalls_succeeds() public {
        bytes4[3] memory selectors = [
            TimelockControllerUpgradeable.schedule.selector,
            TimelockControllerUpgradeable.scheduleBatch.selector,
            TimelockControllerUpgradeable.cancel.selector
        ];
        for (uint256 i = 0; i < selectors.length; ++i) {
            _assertState(
                _proposeCall(Predeploys.PARAM_TIMELOCK, 0, abi.encodePacked(selectors[i])),
                IGovernor.ProposalState.Pending
            );
            _assertState(
                _proposeCall(Predeploys.CODE_TIMELOCK, 0, abi.encodePacked(selectors[i])),
                IGovernor.ProposalState.Pending
            );
        }
    }

    /// @dev Property GN1.
    function testFuzz_propose_otherTarget_reverts(address target) public {
        vm.assume(target != Predeploys.PARAM_TIMELOCK && target != Predeploys.CODE_TIMELOCK);
        bytes4 selector = TimelockControllerUpgradeable.cancel.selector;
        vm.expectRevert(abi.encodeWithSelector(IProtocolGovernor.CallRefused.selector, target, selector));
        _proposeCall(target, 0, abi.encodeCall(TimelockControllerUpgradeable.cancel, (0)));
    }

    /// @dev Property GN1.
    function testFuzz_propose_otherFunction_reverts(bytes4 selector) public {
        vm.assume(
            selector != TimelockControllerUpgradeable.schedule.selector
                && selector != TimelockControllerUpgradeable.scheduleBatch.selector
                && selector != TimelockControllerUpgradeable.cancel.selector
        );
        address target = Predeploys.CODE_TIMELOCK;
        vm.expectRevert(abi.encodeWithSelector(IProtocolGovernor.CallRefused.selector, target, selector));
        _proposeCall(target, 0, abi.encodePacked(selector, uint256(1)));
    }

    /// @dev Property GN1: what a voter might take for harmless.
    function test_propose_timelockOtherFunctions_reverts() public {
        bytes[5] memory calls = [
            abi.encodeCall(IAccessControl.grantRole, (keccak256("PROPOSER_ROLE"), proposer)),
            abi.encodeCall(TimelockControllerUpgradeable.execute, (voter, 0, "", 0, 0)),
            abi.encodeCall(TimelockControllerUpgradeable.updateDelay, (1)),
            bytes(""),
            // One byte short of `cancel`.
            bytes(hex"c4d252")
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.expectPartialRevert(IProtocolGovernor.CallRefused.selector);
            _proposeCall(Predeploys.CODE_TIMELOCK, 0, calls[i]);
        }
    }

    function test_propose_value_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IProtocolGovernor.ValueRefused.selector, 1));
        _proposeCall(Predeploys.PARAM_TIMELOCK, 1, abi.encodeCall(TimelockControllerUpgradeable.cancel, (0)));
    }

    function test_propose_tooManyCalls_reverts() public {
        uint256 most = GOVERNOR.MAX_CALLS();
        address[] memory targets = new address[](most + 1);
        vm.expectRevert(abi.encodeWithSelector(IProtocolGovernor.TooManyCalls.selector, most + 1, most));
        vm.prank(proposer);
        GOVERNOR.propose(targets, new uint256[](most + 1), new bytes[](most + 1), "");
    }

    function test_propose_listsOfOtherLengths_reverts() public {
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _proposal(_somePlan());
        bytes4 selector = IGovernor.GovernorInvalidProposalLength.selector;
        vm.startPrank(proposer);
        vm.expectRevert(abi.encodeWithSelector(selector, 1, 1, 0));
        GOVERNOR.propose(targets, new uint256[](0), calldatas, "");
        vm.expectRevert(abi.encodeWithSelector(selector, 1, 0, 1));
        GOVERNOR.propose(targets, values, new bytes[](0), "");
        vm.expectRevert(abi.encodeWithSelector(selector, 0, 0, 0));
        GOVERNOR.propose(new address[](0), new uint256[](0), new bytes[](0), "");
    }

    function test_cancel_proposerWhilePending_succeeds() public {
        Plan memory plan = _somePlan();
        uint256 id = _propose(plan);
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _proposal(plan);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, id, anyone));
        vm.prank(anyone);
        GOVERNOR.cancel(targets, values, calldatas, keccak256(bytes(plan.description)));
        vm.prank(proposer);
        GOVERNOR.cancel(targets, values, calldatas, keccak256(bytes(plan.description)));
        _assertState(id, IGovernor.ProposalState.Canceled);
    }

    /* VOTES */

    function test_castVote_once_succeeds() public {
        uint256 id = _propose(_somePlan());
        _awaitVote();
        _vote(voter, id, FOR);
        assertTrue(GOVERNOR.hasVoted(id, voter));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, voter));
        _vote(voter, id, AGAINST);
        vm.expectRevert(IGovernor.GovernorInvalidVoteType.selector);
        _vote(proposer, id, 3);
    }

    /// @dev Property GN2: gOPEN that comes after the snapshot, or moves to another account, doesn't vote.
    function test_castVote_afterSnapshot_weighsNothing_succeeds() public {
        uint256 id = _propose(_somePlan());
        _awaitVote();
        vm.prank(voter);
        G_OPEN.transfer(anyone, QUORUM);
        _wrap(anyone, QUORUM);
        _vote(anyone, id, AGAINST);
        _vote(voter, id, FOR);
        (uint256 against, uint256 inFavour,) = GOVERNOR.proposalVotes(id);
        assertEq(against, 0);
        assertEq(inFavour, QUORUM);
    }

    function test_castVoteBySig_signature_succeeds() public {
        (address carol, uint256 key) = makeAddrAndKey("carol");
        _wrap(carol, 5);
        uint256 id = _propose(_somePlan());
        _awaitVote();
        (, string memory name, string memory version, uint256 chainId, address verifier,,) = GOVERNOR.eip712Domain();
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chainId,
                verifier
            )
        );
        bytes32 ballot = keccak256(abi.encode(BALLOT, id, FOR, carol, 0));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, ballot)));
        vm.prank(anyone);
        GOVERNOR.castVoteBySig(id, FOR, carol, abi.encodePacked(r, s, v));
        (, uint256 inFavour,) = GOVERNOR.proposalVotes(id);
        assertEq(inFavour, 5);
        assertEq(verifier, Predeploys.GOVERNOR);
        assertEq(chainId, block.chainid);
    }

    /* QUORUM */

    /// @dev Property GN3.
    function test_state_quorum_succeeds() public {
        _assertState(_voted(QUORUM, FOR), IGovernor.ProposalState.Succeeded);
    }

    /// @dev Property GN3.
    function test_state_belowQuorum_isDefeated_succeeds() public {
        _assertState(_voted(QUORUM - 1, FOR), IGovernor.ProposalState.Defeated);
    }

    /// @dev Property GN3: abstaining helps the quorum, and nobody.
    function test_state_abstained_isDefeated_succeeds() public {
        uint256 id = _voted(QUORUM, ABSTAIN);
        _assertState(id, IGovernor.ProposalState.Defeated);
    }

    function test_state_abstainedMakesQuorum_succeeds() public {
        uint256 id = _propose(_somePlan());
        _awaitVote();
        _vote(voter, id, ABSTAIN);
        _vote(proposer, id, FOR);
        _awaitResult();
        _assertState(id, IGovernor.ProposalState.Succeeded);
    }

    /// @dev Property GN3.
    function testFuzz_quorum_ofSupply_succeeds(uint128 supply) public {
        supply = uint128(bound(supply, G_OPEN.totalSupply(), 1_000_000_000e18));
        _wrap(anyone, supply - G_OPEN.totalSupply());
        skip(1);
        uint256 part = (uint256(supply) * 5 + 99) / 100;
        assertEq(GOVERNOR.quorum(block.timestamp - 1), part > 10_000_000e18 ? part : 10_000_000e18);
    }

    /// @dev Property GN4: a proposal that failed its quorum doesn't pass when the quorum falls later.
    function test_setParameter_quorumLater_changesNothing_succeeds() public {
        uint256 id = _voted(QUORUM - 1, FOR);
        _setParameter(Predeploys.GOVERNOR, "quorumMin", 1e18);
        _setParameter(Predeploys.GOVERNOR, "quorumBps", 1);
        assertLt(GOVERNOR.quorum(block.timestamp - 1), QUORUM / 1000);
        assertEq(GOVERNOR.proposalQuorum(id), QUORUM);
        _assertState(id, IGovernor.ProposalState.Defeated);
        IProtocolGovernor.Terms memory terms = GOVERNOR.proposalTerms(id);
        assertEq(terms.quorumBps, 500);
        assertEq(terms.quorumMin, QUORUM);
        assertEq(terms.reputationBps, 0);
        assertEq(terms.reputationWeight, 1000);
    }

    /* EXECUTION */

    function test_execute_beforeTheEnd_reverts() public {
        Plan memory plan = _somePlan();
        uint256 id = _propose(plan);
        _awaitVote();
        _vote(voter, id, FOR);
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _proposal(plan);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        GOVERNOR.execute(targets, values, calldatas, keccak256(bytes(plan.description)));
    }

    function test_execute_twice_reverts() public {
        Plan memory plan = _somePlan();
        _pass(plan);
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _proposal(plan);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        GOVERNOR.execute(targets, values, calldatas, keccak256(bytes(plan.description)));
    }

    function test_value_anyFunction_reverts() public {
        vm.deal(anyone, 10);
        bytes memory refusal = abi.encodeWithSelector(IProtocolGovernor.ValueRefused.selector, 3);
        vm.startPrank(anyone);
        (bool success, bytes memory answer) = Predeploys.GOVERNOR.call{value: 3}("");
        assertFalse(success);
        assertEq(answer, refusal);
        vm.expectRevert(refusal);
        GOVERNOR.execute{value: 3}(new address[](0), new uint256[](0), new bytes[](0), 0);
    }

    /// @dev Property GN1: nothing makes the governor call what it likes.
    function testFuzz_relay_anybody_reverts(address caller) public {
        vm.assume(caller != Predeploys.GOVERNOR && caller != Predeploys.PROXY_ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, caller));
        vm.prank(caller);
        GOVERNOR.relay(voter, 0, "");
    }

    /// @dev What was scheduled can be cancelled by another vote before it is due.
    function test_execute_cancelsScheduled_succeeds() public {
        bytes memory data = abi.encodeCall(Timelock.updateDelay, (31 days));
        Plan memory plan = _plan(CODE_TIMELOCK, Predeploys.CODE_TIMELOCK, data);
        _pass(plan);
        bytes32 operation = CODE_TIMELOCK.hashOperation(plan.target, 0, plan.data, 0, plan.salt);
        assertTrue(CODE_TIMELOCK.isOperationPending(operation));

        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) =
            _oneCall(Predeploys.CODE_TIMELOCK, abi.encodeCall(TimelockControllerUpgradeable.cancel, (operation)));
        vm.prank(proposer);
        uint256 id = GOVERNOR.propose(targets, values, calldatas, "no");
        _awaitVote();
        _vote(voter, id, FOR);
        _awaitResult();
        GOVERNOR.execute(targets, values, calldatas, keccak256("no"));
        assertFalse(CODE_TIMELOCK.isOperation(operation));
    }
}
