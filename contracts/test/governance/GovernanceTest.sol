// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {CodeTimelock} from "../../src/governance/CodeTimelock.sol";
import {Governor} from "../../src/governance/Governor.sol";
import {ParamTimelock} from "../../src/governance/ParamTimelock.sol";
import {Reputation} from "../../src/governance/Reputation.sol";
import {Timelock} from "../../src/governance/Timelock.sol";
import {IGOpen} from "../../src/interfaces/IGOpen.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "../protocol/ProtocolTest.sol";

/// @title GovernanceTest
/// @notice Governance as at genesis, with a voter who alone makes the quorum, and what it takes to have something done.
abstract contract GovernanceTest is ProtocolTest {
    /// @dev A proposal of one call to a timelock, which schedules one call.
    struct Plan {
        Timelock timelock;
        address target;
        bytes data;
        bytes32 salt;
        string description;
    }

    uint8 internal constant AGAINST = 0;
    uint8 internal constant FOR = 1;
    uint8 internal constant ABSTAIN = 2;

    uint256 internal constant QUORUM = 10_000_000e18;
    uint256 internal constant THRESHOLD = 10_000e18;

    /// @dev ERC-7201 slot of `openledger.storage.Reputation`, where its checkpoints are.
    bytes32 private constant REPUTATION_STORAGE = 0x36129bad105e52df954784d5c06cf3c3058bb41f8e548eee3f610fe4f62e1200;

    IGOpen internal constant G_OPEN = IGOpen(Predeploys.G_OPEN);
    Governor internal constant GOVERNOR = Governor(payable(Predeploys.GOVERNOR));
    ParamTimelock internal constant PARAM_TIMELOCK = ParamTimelock(payable(Predeploys.PARAM_TIMELOCK));
    CodeTimelock internal constant CODE_TIMELOCK = CodeTimelock(payable(Predeploys.CODE_TIMELOCK));
    Reputation internal constant REPUTATION = Reputation(Predeploys.REPUTATION);

    address internal immutable voter = makeAddr("voter");
    address internal immutable proposer = makeAddr("proposer");
    address internal immutable anyone = makeAddr("anyone");

    function setUp() public virtual override {
        vm.warp(1_700_000_000);
        super.setUp();
        _wrap(voter, QUORUM);
        _wrap(proposer, THRESHOLD);
        skip(1);
    }

    /// @dev Gives `account` gOPEN for native OPEN of its own.
    function _wrap(address account, uint256 amount) internal {
        vm.deal(account, amount);
        vm.prank(account);
        G_OPEN.deposit{value: amount}();
    }

    /// @dev Gives any number of points, as many awards would: a checkpoint of this second.
    function _award(address account, uint256 points) internal {
        bytes32 trace = keccak256(abi.encode(account, REPUTATION_STORAGE));
        uint256 balance = REPUTATION.balanceOf(account) + points;
        uint256 length = uint256(vm.load(Predeploys.REPUTATION, trace));
        vm.store(Predeploys.REPUTATION, trace, bytes32(length + 1));
        bytes32 last = bytes32(uint256(keccak256(abi.encode(trace))) + length);
        vm.store(Predeploys.REPUTATION, last, bytes32(balance << 48 | vm.getBlockTimestamp()));
        assertEq(REPUTATION.balanceOf(account), balance);
    }

    function _plan(Timelock timelock, address target, bytes memory data) internal pure returns (Plan memory) {
        return Plan(timelock, target, data, keccak256(data), "a plan");
    }

    function _scheduleCall(Plan memory plan) internal view returns (bytes memory) {
        return abi.encodeCall(
            Timelock.schedule, (plan.target, 0, plan.data, bytes32(0), plan.salt, plan.timelock.getMinDelay())
        );
    }

    /// @dev The arguments of `propose` and `execute`.
    function _proposal(Plan memory plan)
        internal
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calldatas)
    {
        return _oneCall(address(plan.timelock), _scheduleCall(plan));
    }

    function _oneCall(address target, bytes memory data)
        internal
        pure
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calldatas)
    {
        (targets, values, calldatas) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], calldatas[0]) = (target, data);
    }

    function _propose(Plan memory plan) internal returns (uint256) {
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _proposal(plan);
        vm.prank(proposer);
        return GOVERNOR.propose(targets, values, calldatas, plan.description);
    }

    function _vote(address account, uint256 id, uint8 support) internal {
        vm.prank(account);
        GOVERNOR.castVote(id, support);
    }

    /// @dev From the proposal until voting has begun.
    function _awaitVote() internal {
        skip(GOVERNOR.votingDelay() + 1);
    }

    /// @dev From the first second of voting until it is over.
    function _awaitResult() internal {
        skip(GOVERNOR.votingPeriod());
    }

    function _execute(Plan memory plan) internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) = _proposal(plan);
        vm.prank(anyone);
        GOVERNOR.execute(targets, values, calldatas, keccak256(bytes(plan.description)));
    }

    /// @dev Proposes, has it voted and scheduled.
    function _pass(Plan memory plan) internal {
        uint256 id = _propose(plan);
        _awaitVote();
        _vote(voter, id, FOR);
        _awaitResult();
        _execute(plan);
    }

    /// @dev Executes what is scheduled, as anyone. Expected reverts are this call's.
    function _carryOut(Plan memory plan) internal {
        vm.prank(anyone);
        plan.timelock.execute(plan.target, 0, plan.data, bytes32(0), plan.salt);
    }
}
