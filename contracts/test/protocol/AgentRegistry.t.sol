// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Agent, Breach, IAgentRegistry, Policy} from "../../src/interfaces/IAgentRegistry.sol";
import {Bounds, IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {AgentRegistry} from "../../src/protocol/AgentRegistry.sol";
import {InferenceTest} from "./InferenceTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract AgentRegistryTest is InferenceTest {
    uint128 private constant STAKE = 100 ether + 1;

    IAgentRegistry private constant registry = IAgentRegistry(Predeploys.AGENT_REGISTRY);

    address private immutable owner = makeAddr("owner");
    address private immutable signer;
    uint256 private immutable signerKey;

    constructor() {
        (signer, signerKey) = makeAddrAndKey("signer");
    }

    /// @dev The payer is the agent.
    function setUp() public override {
        super.setUp();
        vm.deal(owner, 1e24);
        // Noon, so that a day's end is known.
        vm.warp(block.timestamp / 1 days * 1 days + 12 hours);
    }

    /* REGISTRATION */

    function test_register_succeeds() public {
        Policy memory policy = _policy();
        vm.expectEmit(address(registry));
        emit IAgentRegistry.AgentRegistered(payer, owner, STAKE, 1);
        vm.expectEmit(address(registry));
        emit IAgentRegistry.PolicySet(payer, 1, uint64(block.timestamp), policy);
        vm.expectEmit(address(registry));
        emit IAgentRegistry.ManifestSet(payer, "hash", "ipfs://manifest");
        _register(policy);

        Agent memory agent = registry.agentOf(payer);
        assertEq(agent.owner, owner);
        assertEq(agent.stake, STAKE);
        assertEq(agent.exitsAt, 0);
        assertEq(agent.firstVersion, 1);
        assertEq(registry.versionOf(payer), 1);
        assertEq(registry.signerOf(payer, 1), signer);
        (Policy memory stored, uint64 validFrom) = registry.policyOf(payer, 1);
        assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(policy)));
        assertEq(validFrom, block.timestamp);
        assertEq(address(registry).balance, STAKE);
    }

    /// @dev An agent that is its own owner agrees by calling.
    function test_register_itself_succeeds() public {
        vm.prank(payer);
        registry.register{value: STAKE}(payer, _policy(), 0, "", 0, "");
        assertEq(registry.agentOf(payer).owner, payer);
    }

    function test_register_refused_reverts() public {
        Policy memory policy = _policy();
        uint256 deadline = block.timestamp;
        bytes memory agreed = _agreement(owner, deadline);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.InvalidAgent.selector, address(0)));
        registry.register{value: STAKE}(address(0), policy, 0, "", deadline, agreed);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.StakeTooSmall.selector, 100 ether - 1, 100 ether));
        registry.register{value: 100 ether - 1}(payer, policy, 0, "", deadline, agreed);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.InvalidSignature.selector, payer));
        registry.register{value: STAKE}(payer, policy, 0, "", deadline + 1, agreed);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.TooLong.selector, 513, 512));
        registry.register{value: STAKE}(payer, policy, 0, string(new bytes(513)), deadline, agreed);
        policy.adapters = new uint64[](33);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.TooLong.selector, 33, 32));
        registry.register{value: STAKE}(payer, policy, 0, "", deadline, agreed);
        policy.adapters = new uint64[](0);
        policy.payees = new address[](33);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.TooLong.selector, 33, 32));
        registry.register{value: STAKE}(payer, policy, 0, "", deadline, agreed);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.SignatureExpired.selector, deadline));
        registry.register{value: STAKE}(payer, _policy(), 0, "", deadline, agreed);
        vm.stopPrank();
        // Somebody else than whom the agent agreed to.
        vm.warp(deadline);
        vm.deal(anyone, STAKE);
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.InvalidSignature.selector, payer));
        registry.register{value: STAKE}(payer, _policy(), 0, "", deadline, agreed);

        _register(_policy());
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.AlreadyRegistered.selector, payer));
        registry.register{value: STAKE}(payer, _policy(), 0, "", deadline, agreed);
    }

    function test_ownerFunctions_access_reverts() public {
        bytes memory unknown = abi.encodeWithSelector(IAgentRegistry.NotRegistered.selector, payer);
        vm.expectRevert(unknown);
        registry.setPolicy(payer, _policy());
        vm.expectRevert(unknown);
        registry.setManifest(payer, 0, "");
        vm.expectRevert(unknown);
        registry.startExit(payer);
        vm.expectRevert(unknown);
        registry.withdraw(payer);
        vm.expectRevert(unknown);
        registry.addStake{value: 1}(payer);

        _register(_policy());
        bytes memory refused = abi.encodeWithSelector(IAgentRegistry.NotOwner.selector, payer, owner);
        vm.startPrank(payer);
        vm.expectRevert(refused);
        registry.setPolicy(payer, _policy());
        vm.expectRevert(refused);
        registry.setManifest(payer, 0, "");
        vm.expectRevert(refused);
        registry.startExit(payer);
        vm.stopPrank();
        // Whoever was given the owner's place is the owner.
        _giveAway(owner, anyone);
        vm.prank(anyone);
        vm.expectEmit(address(registry));
        emit IAgentRegistry.ManifestSet(payer, "h", "u");
        registry.setManifest(payer, "h", "u");
    }

    /* POLICY */

    /// @dev Property A1: a change of policy concerns channels that are opened after its delay.
    function test_setPolicy_later_succeeds() public {
        _register(_policy());
        Policy memory policy = _policy();
        policy.channelMax = 1;
        uint64 validFrom = uint64(block.timestamp + 1 days);
        vm.expectEmit(address(registry));
        emit IAgentRegistry.PolicySet(payer, 2, validFrom, policy);
        vm.prank(owner);
        registry.setPolicy(payer, policy);
        vm.warp(validFrom - 1);
        assertEq(registry.versionOf(payer), 1);
        bytes32 before = _openChannel(10 ether, "before");
        // One that isn't in force yet is replaced.
        policy.channelMax = 2;
        validFrom = uint64(block.timestamp + 1 days);
        vm.prank(owner);
        registry.setPolicy(payer, policy);
        vm.warp(validFrom - 1);
        assertEq(registry.versionOf(payer), 1);
        vm.warp(validFrom);
        assertEq(registry.versionOf(payer), 2);
        bytes32 afterwards = _openChannel(10 ether, "afterwards");
        (Policy memory stored,) = registry.policyOf(payer, 2);
        assertEq(stored.channelMax, 2);
        assertEq(channels.channelOf(before).policyVersion, 1);
        assertEq(channels.channelOf(afterwards).policyVersion, 2);
        assertEq(uint8(registry.breachOf(_voucher(before, 3, 3))), uint8(Breach.None));
        assertEq(uint8(registry.breachOf(_voucher(afterwards, 3, 3))), uint8(Breach.Channel));
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.UnknownVersion.selector, payer, 3));
        registry.policyOf(payer, 3);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.UnknownVersion.selector, payer, 0));
        registry.signerOf(payer, 0);
    }

    /// @dev Less than the least stake is no stake.
    function test_addStake_succeeds() public {
        _register(_policy());
        _setParameter(address(registry), "stakeMin", 200 ether);
        assertEq(registry.versionOf(payer), 0);
        vm.deal(anyone, 100 ether);
        vm.prank(anyone);
        vm.expectEmit(address(registry));
        emit IAgentRegistry.StakeAdded(payer, anyone, 100 ether, STAKE + 100 ether);
        registry.addStake{value: 100 ether}(payer);
        assertEq(registry.versionOf(payer), 1);
        assertEq(registry.agentOf(payer).stake, STAKE + 100 ether);
    }

    /* EXIT */

    function test_exit_succeeds() public {
        _register(_policy());
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.ExitNotOver.selector, payer, 0));
        registry.withdraw(payer);
        uint64 exitsAt = uint64(block.timestamp + 14 days);
        vm.startPrank(owner);
        vm.expectEmit(address(registry));
        emit IAgentRegistry.ExitStarted(payer, exitsAt);
        registry.startExit(payer);
        assertEq(registry.versionOf(payer), 0);
        bytes memory exiting = abi.encodeWithSelector(IAgentRegistry.Exiting.selector, payer);
        vm.expectRevert(exiting);
        registry.startExit(payer);
        vm.expectRevert(exiting);
        registry.setPolicy(payer, _policy());
        vm.expectRevert(exiting);
        registry.addStake{value: 1}(payer);
        vm.warp(exitsAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.ExitNotOver.selector, payer, exitsAt));
        registry.withdraw(payer);
        vm.stopPrank();
        vm.warp(exitsAt);
        vm.expectEmit(address(registry));
        emit IAgentRegistry.StakeWithdrawn(payer, owner, STAKE);
        vm.prank(anyone);
        registry.withdraw(payer);
        assertEq(vault.claimable(owner), STAKE);
        assertEq(address(registry).balance, 0);
        assertEq(registry.agentOf(payer).owner, address(0));
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.NotRegistered.selector, payer));
        registry.withdraw(payer);
    }

    /* REPORTS */

    /// @dev Property A2: each breach that a voucher shows costs the whole stake, half of it burnt; the voucher remains payable.
    function test_report_eachBreach_succeeds() public {
        _register(_policy());
        bytes32 allowed = _openChannel(20 ether, "allowed");
        _expectForfeited(_voucher(allowed, 5 ether, 4), Breach.Call);
        _expectForfeited(_voucher(allowed, 8 ether + 1, 9), Breach.Channel);
        _expectForfeited(_voucher(allowed, 6 ether + 1, 7), Breach.Day);
        vm.startPrank(payer);
        bytes32 adapter = channels.openChannel{value: 1 ether}(worker, OTHER_ADAPTER, 0, 0);
        bytes32 payee = channels.openChannel{value: 1 ether}(otherWorker, ADAPTER, 0, 0);
        vm.stopPrank();
        _expectForfeited(_voucher(adapter, 1, 1), Breach.Adapter);
        _expectForfeited(_voucher(payee, 1, 1), Breach.Payee);
        // A voucher over nothing for calls that cost something.
        _expectForfeited(_voucher(allowed, 1, 0), Breach.Call);
    }

    /// @dev Property A3: a voucher within the policy costs nothing, to the last wei of each limit.
    function test_report_withinPolicy_reverts() public {
        _register(_policy());
        bytes32 id = _openChannel(20 ether, "allowed");
        _expectWithin(_voucher(id, 1 ether, 1));
        _expectWithin(_voucher(id, 6 ether, 6));
        _expectWithin(_voucher(id, 0, 0));
        // The day's limit is counted for each day since the channel was opened, the first one whole.
        Voucher memory nextDay = _voucher(id, 8 ether, 8);
        assertEq(uint8(registry.breachOf(nextDay)), uint8(Breach.Day));
        vm.warp(block.timestamp + 12 hours - 1);
        assertEq(uint8(registry.breachOf(nextDay)), uint8(Breach.Day));
        vm.warp(block.timestamp + 1);
        _expectWithin(nextDay);
    }

    /// @dev Property A3: for any voucher the verdict is the model's.
    function testFuzz_breachOf_isTheModels_succeeds(
        uint96 callMax,
        uint96 channelMax,
        uint96 dayMax,
        uint96 spent,
        uint16 count,
        uint32 later
    ) public {
        Policy memory policy = _policy();
        (policy.callMax, policy.channelMax, policy.dayMax) = (callMax, channelMax, dayMax);
        _register(policy);
        bytes32 id = _openChannel(1, "fuzz");
        uint256 first = block.timestamp / 1 days;
        vm.warp(block.timestamp + later);
        Breach expected = Breach.None;
        if (spent > uint256(callMax) * count) expected = Breach.Call;
        else if (spent > channelMax) expected = Breach.Channel;
        else if (spent > dayMax * (block.timestamp / 1 days - first + 1)) expected = Breach.Day;
        assertEq(uint8(registry.breachOf(_voucher(id, spent, count))), uint8(expected));
    }

    /// @dev Nothing listed: anybody, anything.
    function test_breachOf_emptyLists_succeeds() public {
        Policy memory policy = _policy();
        (policy.adapters, policy.payees) = (new uint64[](0), new address[](0));
        _register(policy);
        vm.prank(payer);
        bytes32 id = channels.openChannel{value: 1 ether}(otherWorker, OTHER_ADAPTER, 0, 0);
        assertEq(uint8(registry.breachOf(_voucher(id, 1, 1))), uint8(Breach.None));
    }

    /// @dev Property A4: only what was signed counts, in a channel that the policy was in force for.
    function test_report_notProved_reverts() public {
        bytes32 before = _openChannel(20 ether, "before");
        _register(_policy());
        bytes32 id = _openChannel(20 ether, "allowed");
        Voucher memory voucher = _voucher(id, 9 ether, 1);
        bytes memory bySomebody = _sign(voucher, 5);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.InvalidSignature.selector, payer));
        registry.report(voucher, bySomebody);
        bytes memory signature = _sign(voucher, payerKey);
        voucher.channel = before;
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.InvalidSignature.selector, payer));
        registry.report(voucher, signature);
        // Of a channel from before the agent was one.
        signature = _sign(voucher, payerKey);
        assertEq(uint8(registry.breachOf(voucher)), uint8(Breach.None));
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.NotStaked.selector, payer, 0));
        registry.report(voucher, signature);
        voucher.channel = "no";
        signature = _sign(voucher, payerKey);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.InvalidSignature.selector, payer));
        registry.report(voucher, signature);
    }

    /// @dev Property A5: a stake is forfeited once, and a later stake doesn't answer for what was signed under an earlier one. What
    ///      is leaving answers until it has left.
    function test_report_onceAStake_reverts() public {
        _register(_policy());
        bytes32 id = _openChannel(20 ether, "allowed");
        Voucher memory voucher = _voucher(id, 9 ether, 1);
        bytes memory signature = _sign(voucher, signerKey);
        vm.prank(owner);
        registry.startExit(payer);
        vm.warp(block.timestamp + 14 days);
        registry.report(voucher, signature);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.NotRegistered.selector, payer));
        registry.withdraw(payer);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.NotStaked.selector, payer, 1));
        registry.report(voucher, signature);

        _register(_policy());
        assertEq(registry.agentOf(payer).firstVersion, 2);
        assertEq(registry.versionOf(payer), 2);
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.NotStaked.selector, payer, 1));
        registry.report(voucher, signature);
        voucher = _voucher(_openChannel(1, "second"), 9 ether, 1);
        registry.report(voucher, _sign(voucher, payerKey));
        assertEq(vault.claimable(address(this)), 2 * uint256(STAKE / 2));
        assertEq(address(registry).balance, 0);
    }

    /// @dev A change that was never in force, of an agent that is gone, is no version of the next one's.
    function test_register_again_afterPendingChange_succeeds() public {
        _register(_policy());
        vm.prank(owner);
        registry.setPolicy(payer, _policy());
        Voucher memory voucher = _voucher(_openChannel(1, "c"), 9 ether, 1);
        registry.report(voucher, _sign(voucher, payerKey));
        _register(_policy());
        assertEq(registry.versionOf(payer), 3);
        assertEq(registry.agentOf(payer).firstVersion, 3);
        vm.prank(owner);
        registry.setPolicy(payer, _policy());
        assertEq(registry.versionOf(payer), 3);
        vm.warp(block.timestamp + 1 days);
        assertEq(registry.versionOf(payer), 4);
    }

    /* PARAMETERS AND INITIALISATION */

    function test_parameters_succeeds() public {
        Bounds[] memory all = IParameterized(address(registry)).parameters();
        assertEq(all.length, 3);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(IParameterized(address(registry)).parameter(all[i].name), all[i].initial);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IParameterized.ParameterOutOfBounds.selector, all[i].name, all[i].min - 1, all[i].min, all[i].max
                )
            );
            _setParameter(address(registry), all[i].name, all[i].min - 1);
        }
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        registry.initialize(new Setting[](0));
        AgentRegistry fresh = new AgentRegistry();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        fresh.initialize(new Setting[](0));
        assertEq(registry.version(), "1.0.0");
        (, string memory name, string memory number,, address verifying,,) =
            AgentRegistry(address(registry)).eip712Domain();
        assertEq(name, "AgentRegistry");
        assertEq(number, "1");
        assertEq(verifying, address(registry));
    }

    /* HELPERS */

    /// @dev One adapter, one payee; 1 OPEN a call, 6 a day, 8 a channel.
    function _policy() private view returns (Policy memory policy) {
        policy = Policy(1 ether, 8 ether, 6 ether, signer, new uint64[](2), new address[](2));
        (policy.adapters[0], policy.adapters[1]) = (99, ADAPTER);
        (policy.payees[0], policy.payees[1]) = (anyone, worker);
    }

    function _register(Policy memory policy) private {
        bytes memory agreed = _agreement(owner, block.timestamp);
        vm.prank(owner);
        registry.register{value: STAKE}(payer, policy, "hash", "ipfs://manifest", block.timestamp, agreed);
    }

    /// @dev The agent's signature, by the type and domain of the documentation.
    function _agreement(address to, uint256 deadline) private view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("AgentRegistry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        bytes32 structHash = keccak256(
            abi.encode(keccak256("Register(address agent,address owner,uint256 deadline)"), payer, to, deadline)
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(payerKey, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        return abi.encodePacked(r, s, v);
    }

    /// @dev Reports in a copy of the state, so that the next breach finds a stake.
    function _expectForfeited(Voucher memory voucher, Breach breach) private {
        uint256 state = vm.snapshotState();
        assertEq(uint8(registry.breachOf(voucher)), uint8(breach));
        bytes memory signature = _sign(voucher, signerKey);
        uint128 reward = STAKE / 2;
        vm.expectEmit(address(registry));
        emit IAgentRegistry.StakeForfeited(payer, anyone, voucher.channel, breach, STAKE, STAKE - reward);
        vm.prank(anyone);
        registry.report(voucher, signature);
        assertEq(vault.claimable(anyone), reward);
        assertEq(address(vault).balance, reward);
        assertEq(address(registry).balance, 0);
        assertEq(registry.versionOf(payer), 0);
        assertTrue(channels.isSigned(voucher, signature));
        if (voucher.count > 0) {
            channels.settle(voucher, signature);
            assertEq(channels.channelOf(voucher.channel).paid, voucher.cumulative);
        }
        assertTrue(vm.revertToState(state));
    }

    function _expectWithin(Voucher memory voucher) private {
        bytes memory signature = _sign(voucher, signerKey);
        assertEq(uint8(registry.breachOf(voucher)), uint8(Breach.None));
        vm.expectRevert(abi.encodeWithSelector(IAgentRegistry.WithinPolicy.selector, voucher.channel));
        registry.report(voucher, signature);
    }
}
