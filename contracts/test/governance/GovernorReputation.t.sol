// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IParameterized} from "../../src/interfaces/IParameterized.sol";
import {IProtocolGovernor} from "../../src/interfaces/IProtocolGovernor.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {GovernanceTest} from "./GovernanceTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @dev Reputation beside gOPEN in the vote.
contract GovernorReputationTest is GovernanceTest {
    address private immutable reviewer = makeAddr("reviewer");
    address private immutable juror = makeAddr("juror");

    function setUp() public override {
        super.setUp();
        _setParameter(Predeploys.GOVERNOR, "reputationBps", 2000);
    }

    function _start() private returns (uint256 id) {
        id = _propose(
            _plan(
                PARAM_TIMELOCK,
                Predeploys.GOVERNOR,
                abi.encodeCall(IParameterized.setParameter, ("votingDelaySeconds", 2 days))
            )
        );
        _awaitVote();
    }

    function _total(IProtocolGovernor.Tally memory tally) private pure returns (uint256) {
        return tally.against + tally.inFavour + tally.abstained;
    }

    function _assertState(uint256 id, IGovernor.ProposalState expected) private view {
        assertEq(uint8(GOVERNOR.state(id)), uint8(expected));
    }

    /// @dev Property GN6.
    function test_castVote_reputationOff_countsNothing_succeeds() public {
        _setParameter(Predeploys.GOVERNOR, "reputationBps", 0);
        _award(reviewer, 1000e18);
        uint256 id = _start();
        // What is switched on later is for later proposals.
        _setParameter(Predeploys.GOVERNOR, "reputationBps", 2000);
        _vote(voter, id, FOR);
        _vote(reviewer, id, AGAINST);
        assertEq(_total(GOVERNOR.proposalReputationVotes(id)), 0);
    }

    /// @dev Property GN4: nor does what is switched off, or weighs otherwise, during a vote change it.
    function test_castVote_reputationOffLater_countsStill_succeeds() public {
        _award(reviewer, 2e18);
        uint256 id = _start();
        _setParameter(Predeploys.GOVERNOR, "reputationBps", 0);
        _setParameter(Predeploys.GOVERNOR, "reputationWeight", 7);
        _vote(voter, id, FOR);
        _vote(reviewer, id, AGAINST);
        uint256 points = REPUTATION.getPastBalance(reviewer, GOVERNOR.proposalSnapshot(id));
        assertEq(GOVERNOR.proposalReputationVotes(id).against, points * 1000);
    }

    /// @dev Property GN7: what a voter had at the snapshot, decayed to it; not what he gets later.
    function test_castVote_atSnapshot_succeeds() public {
        _award(reviewer, 2e18);
        skip(90 days - 1 days);
        uint256 id = _start();
        // A second after the snapshot.
        _award(reviewer, 1_000_000e18);
        _vote(voter, id, FOR);
        vm.expectEmit(Predeploys.GOVERNOR);
        emit IProtocolGovernor.ReputationVoteCast(reviewer, id, FOR, 1000e18);
        _vote(reviewer, id, FOR);
        assertEq(GOVERNOR.proposalReputationVotes(id).inFavour, 1000e18);
        // gOPEN is counted apart.
        (, uint256 inFavour,) = GOVERNOR.proposalVotes(id);
        assertEq(inFavour, QUORUM);
    }

    /// @dev Property GN6: it decides where gOPEN doesn't.
    function test_state_reputationDecides_succeeds() public {
        _wrap(anyone, QUORUM);
        _award(reviewer, 1e18);
        skip(1);
        uint256 id = _start();
        _vote(voter, id, FOR);
        _vote(anyone, id, AGAINST);
        _vote(reviewer, id, FOR);
        _awaitResult();
        _assertState(id, IGovernor.ProposalState.Succeeded);
    }

    /// @dev Property GN6: however much there is, a quarter of gOPEN, which is a fifth of all, is the most that it weighs.
    function test_state_reputationBeyondItsPart_succeeds() public {
        _wrap(anyone, QUORUM * 2);
        _award(reviewer, 1_000_000e18);
        skip(1);
        uint256 id = _start();
        _vote(voter, id, FOR);
        _vote(anyone, id, AGAINST);
        _vote(reviewer, id, FOR);
        assertEq(GOVERNOR.proposalReputationVotes(id).inFavour, QUORUM * 3 / 4);
        _awaitResult();
        _assertState(id, IGovernor.ProposalState.Defeated);
    }

    /// @dev Property GN3: reputation makes no quorum.
    function test_state_reputationNoQuorum_isDefeated_succeeds() public {
        vm.prank(voter);
        G_OPEN.withdraw(1);
        _award(reviewer, 1_000_000e18);
        skip(1);
        uint256 id = _start();
        _vote(voter, id, FOR);
        _vote(reviewer, id, FOR);
        _awaitResult();
        _assertState(id, IGovernor.ProposalState.Defeated);
    }

    function test_castVote_onlyReputation_weighsNothing_succeeds() public {
        _award(reviewer, 1_000_000e18);
        skip(1);
        uint256 id = _start();
        _vote(reviewer, id, FOR);
        assertEq(_total(GOVERNOR.proposalReputationVotes(id)), 0);
    }

    /// @dev Property GN6, for any votes: the part holds, and what is scaled is scaled alike.
    function testFuzz_proposalReputationVotes_part_succeeds(
        uint96[3] memory votes,
        uint80[3] memory points,
        uint16 bps,
        uint24 weight
    ) public {
        bps = uint16(bound(bps, 1, 2000));
        weight = uint24(bound(weight, 1, 1_000_000));
        _setParameter(Predeploys.GOVERNOR, "reputationBps", bps);
        _setParameter(Predeploys.GOVERNOR, "reputationWeight", weight);
        address[3] memory voters = [anyone, reviewer, juror];
        for (uint256 i = 0; i < 3; ++i) {
            points[i] = uint80(bound(points[i], 0, 1_000_000e18));
            _wrap(voters[i], votes[i]);
            _award(voters[i], points[i]);
        }
        skip(1);
        uint256 id = _start();
        uint256[3] memory raw;
        uint256 sum;
        uint256 cast;
        for (uint256 i = 0; i < 3; ++i) {
            _vote(voters[i], id, uint8(i));
            raw[i] = REPUTATION.getPastBalance(voters[i], GOVERNOR.proposalSnapshot(id)) * weight;
            sum += raw[i];
            cast += votes[i];
        }

        IProtocolGovernor.Tally memory tally = GOVERNOR.proposalReputationVotes(id);
        uint256 total = _total(tally);
        // total / (total + cast) ≤ bps / 10000.
        assertLe(total * 10_000, (total + cast) * bps);
        uint256[3] memory scaled = [tally.against, tally.inFavour, tally.abstained];
        uint256 most = cast * bps / (10_000 - bps);
        for (uint256 i = 0; i < 3; ++i) {
            if (sum <= most) assertEq(scaled[i], raw[i]);
            else assertEq(scaled[i], raw[i] * most / sum);
        }
        if (sum > most) assertGe(total + 3, most);
    }
}
