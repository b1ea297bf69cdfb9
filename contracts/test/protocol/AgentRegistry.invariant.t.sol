// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Agent, IAgentRegistry, Policy} from "../../src/interfaces/IAgentRegistry.sol";
import {Channel, IVoucherChannels, Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {InferenceTest} from "./InferenceTest.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Three agents that register, change, overspend, leave and come again.
contract AgentHandler is Test {
    IAgentRegistry private constant registry = IAgentRegistry(Predeploys.AGENT_REGISTRY);
    IVoucherChannels private constant channels = IVoucherChannels(Predeploys.VOUCHER_CHANNELS);

    address public immutable owner = makeAddr("owner");
    address public immutable reporter = makeAddr("reporter");
    address private immutable worker;
    uint64 private immutable adapter;

    address[3] public agents;
    uint256[3] private keys;
    bytes32[3] private opened;
    uint256 private salt;

    uint256 public staked;
    uint256 public burnt;
    uint256 public rewarded;
    uint256 public withdrawn;

    constructor(address worker_, uint64 adapter_) {
        (worker, adapter) = (worker_, adapter_);
        (agents[0], keys[0]) = makeAddrAndKey("agent0");
        (agents[1], keys[1]) = makeAddrAndKey("agent1");
        (agents[2], keys[2]) = makeAddrAndKey("agent2");
    }

    /// @dev The agent registers itself, with the owner's money: its owner is itself, too.
    function register(uint256 seed, uint96 stake) external {
        address agent = agents[seed % 3];
        if (registry.agentOf(agent).owner != address(0)) return;
        stake = uint96(bound(stake, 100 ether, 1e24));
        vm.deal(agent, stake);
        vm.prank(agent);
        registry.register{value: stake}(agent, _policy(), 0, "", 0, "");
        staked += stake;
    }

    function addStake(uint256 seed, uint96 amount) external {
        address agent = agents[seed % 3];
        Agent memory registered = registry.agentOf(agent);
        if (registered.owner == address(0) || registered.exitsAt != 0) return;
        vm.deal(address(this), amount);
        registry.addStake{value: amount}(agent);
        staked += amount;
    }

    function setPolicy(uint256 seed) external {
        address agent = agents[seed % 3];
        Agent memory registered = registry.agentOf(agent);
        if (registered.owner == address(0) || registered.exitsAt != 0) return;
        vm.prank(agent);
        registry.setPolicy(agent, _policy());
    }

    function open(uint256 seed) external {
        address agent = agents[seed % 3];
        vm.deal(agent, 1);
        vm.prank(agent);
        opened[seed % 3] = channels.openChannel{value: 1}(worker, adapter, 0, bytes32(++salt));
    }

    /// @dev Reports a voucher of the agent's last channel: within the policy or not.
    function report(uint256 seed, uint8 spent) external {
        bytes32 id = opened[seed % 3];
        if (id == 0) return;
        Channel memory channel = channels.channelOf(id);
        Voucher memory voucher = Voucher(id, channel.payer, channel.payee, spent, 1, 0, 0);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[seed % 3], channels.hashVoucher(voucher));
        Agent memory agent = registry.agentOf(channel.payer);
        bool answers = agent.owner != address(0) && channel.policyVersion >= agent.firstVersion;
        vm.prank(reporter);
        if (!answers || spent <= 100) {
            vm.expectRevert();
        } else {
            burnt += agent.stake - agent.stake / 2;
            rewarded += agent.stake / 2;
        }
        registry.report(voucher, abi.encodePacked(r, s, v));
    }

    function exit(uint256 seed) external {
        address agent = agents[seed % 3];
        Agent memory registered = registry.agentOf(agent);
        if (registered.owner == address(0) || registered.exitsAt != 0) return;
        vm.prank(agent);
        registry.startExit(agent);
    }

    function withdraw(uint256 seed) external {
        address agent = agents[seed % 3];
        Agent memory registered = registry.agentOf(agent);
        bool possible =
            registered.owner != address(0) && registered.exitsAt != 0 && block.timestamp >= registered.exitsAt;
        if (possible) withdrawn += registered.stake;
        else vm.expectRevert();
        registry.withdraw(agent);
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + time % 8 days);
    }

    function _policy() private pure returns (Policy memory) {
        return Policy(100, 100, 100, address(0), new uint64[](0), new address[](0));
    }
}

contract AgentRegistryInvariantTest is InferenceTest {
    IAgentRegistry private constant registry = IAgentRegistry(Predeploys.AGENT_REGISTRY);

    AgentHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new AgentHandler(worker, ADAPTER);
        targetContract(address(handler));
    }

    /// forge-config: default.invariant.runs = 32
    function invariant_stakesAndVersions_succeeds() public view {
        _checkStake();
        _checkVersions();
    }

    /// @dev Property A6: the stakes are what the registry holds; what is gone was withdrawn, or forfeited by the list: half burnt,
    ///      half a reporter's.
    function _checkStake() private view {
        uint256 stakes = 0;
        uint256 credited = 0;
        for (uint256 i = 0; i < 3; ++i) {
            address agent = handler.agents(i);
            stakes += registry.agentOf(agent).stake;
            credited += vault.claimable(agent);
        }
        assertEq(address(registry).balance, stakes);
        assertEq(credited, handler.withdrawn());
        assertEq(vault.claimable(handler.reporter()), handler.rewarded());
        assertEq(handler.staked(), stakes + handler.withdrawn() + handler.burnt() + handler.rewarded());
    }

    /// @dev Property A1: only a registered agent with a stake is under a policy, and one that was in force.
    function _checkVersions() private view {
        for (uint256 i = 0; i < 3; ++i) {
            address agent = handler.agents(i);
            Agent memory registered = registry.agentOf(agent);
            uint32 version = registry.versionOf(agent);
            if (registered.owner == address(0) || registered.exitsAt != 0) {
                assertEq(version, 0);
            } else {
                assertGe(version, registered.firstVersion);
                (, uint64 validFrom) = registry.policyOf(agent, version);
                assertLe(validFrom, block.timestamp);
            }
        }
    }
}
