// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {GovernanceExecutor} from "../../src/L1/GovernanceExecutor.sol";
import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IGovernanceExecutor} from "../../src/interfaces/IGovernanceExecutor.sol";
import {IParameterized} from "../../src/interfaces/IParameterized.sol";
import {IProxyAdmin} from "../../src/interfaces/IProxyAdmin.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {IPausable} from "../../src/interfaces/precompiles/IPausable.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {Proxy} from "../../src/proxy/Proxy.sol";
import {ProxyAdmin} from "../../src/proxy/ProxyAdmin.sol";
import {TwoLayersTest} from "../universal/TwoLayersTest.sol";
import {GovernanceTest} from "./GovernanceTest.sol";
import {
    TimelockControllerUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/TimelockControllerUpgradeable.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @dev What an upgrade puts behind a proxy.
contract Upgraded {
    function upgraded() external pure returns (bool) {
        return true;
    }
}

/// @dev From gOPEN to what governance can do, on both layers.
contract GovernanceJourneyTest is TwoLayersTest, GovernanceTest {
    ProxyAdmin private constant ADMIN = ProxyAdmin(Predeploys.PROXY_ADMIN);

    function setUp() public override(TwoLayersTest, GovernanceTest) {
        TwoLayersTest.setUp();
        GovernanceTest.setUp();
    }

    /// @dev Votes → `ParamTimelock` → a native precompile's function is paused, for all callers, until its time.
    function test_journey_pauseOfPrecompile_succeeds() public {
        bytes4 selector = IAttrSketch.commitContribution.selector;
        uint64 until = uint64(block.timestamp + 1 days + 7 days + 2 days + 1 + 3 days);
        Plan memory plan = _plan(
            PARAM_TIMELOCK, address(NativePrecompiles.SKETCH), abi.encodeCall(IPausable.setPaused, (selector, until))
        );
        _pass(plan);
        NativePrecompiles.SKETCH.commitContribution(0, 0);
        skip(2 days);
        vm.expectEmit(address(NativePrecompiles.SKETCH));
        emit IPausable.PauseSet(selector, until);
        _carryOut(plan);

        vm.expectRevert(abi.encodeWithSelector(IPausable.Paused.selector, selector, until));
        NativePrecompiles.SKETCH.commitContribution(0, 0);
        // Claims don't stand still.
        NativePrecompiles.SKETCH.settle(0, 1);
        vm.warp(until);
        NativePrecompiles.SKETCH.commitContribution(0, 0);
    }

    function test_journey_pauseByAnother_reverts() public {
        address[4] memory others = [Predeploys.CODE_TIMELOCK, Predeploys.GOVERNOR, voter, Predeploys.PROXY_ADMIN];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectPartialRevert(bytes4(keccak256("Unauthorized(address)")));
            vm.prank(others[i]);
            NativePrecompiles.SKETCH.setPaused(IAttrSketch.reveal.selector, uint64(block.timestamp + 1));
        }
    }

    /// @dev Votes → `ParamTimelock` → a parameter.
    function test_journey_parameter_succeeds() public {
        Plan memory plan = _plan(
            PARAM_TIMELOCK,
            Predeploys.GOVERNOR,
            abi.encodeCall(IParameterized.setParameter, ("votingPeriodSeconds", 3 days))
        );
        _pass(plan);
        skip(2 days);
        _carryOut(plan);
        assertEq(GOVERNOR.votingPeriod(), 3 days);
    }

    /// @dev Votes → `ParamTimelock` → the treasury → a claim.
    function test_journey_treasury_succeeds() public {
        vm.deal(Predeploys.TREASURY, 100e18);
        Plan memory plan =
            _plan(PARAM_TIMELOCK, Predeploys.TREASURY, abi.encodeCall(ITreasury.spend, (bob, 40e18, "an audit")));
        _pass(plan);
        skip(2 days);
        _carryOut(plan);
        assertEq(IClaimVault(Predeploys.CLAIM_VAULT).claimable(bob), 40e18);
        assertEq(Predeploys.TREASURY.balance, 60e18);
        vm.prank(bob);
        IClaimVault(Predeploys.CLAIM_VAULT).claim();
        assertEq(bob.balance, 40e18);
    }

    /// @dev Property TL5: votes → `CodeTimelock` → `ProxyAdmin` → other code, and not a second sooner than thirty days.
    function test_journey_upgrade_succeeds() public {
        address next = address(new Upgraded());
        bytes memory upgrade = abi.encodeCall(IProxyAdmin.upgrade, (payable(Predeploys.TREASURY), next));
        Plan memory plan = _plan(CODE_TIMELOCK, Predeploys.PROXY_ADMIN, upgrade);
        _pass(plan);
        skip(30 days - 1);
        vm.expectPartialRevert(TimelockControllerUpgradeable.TimelockUnexpectedOperationState.selector);
        _carryOut(plan);
        skip(1);
        _carryOut(plan);
        assertTrue(Upgraded(Predeploys.TREASURY).upgraded());
    }

    /// @dev Property TL5: two days of `ParamTimelock` don't lead to code.
    function test_journey_upgradeByParameters_reverts() public {
        bytes memory upgrade =
            abi.encodeCall(IProxyAdmin.upgrade, (payable(Predeploys.TREASURY), address(new Upgraded())));
        Plan memory plan = _plan(PARAM_TIMELOCK, Predeploys.PROXY_ADMIN, upgrade);
        _pass(plan);
        skip(2 days);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, Predeploys.PARAM_TIMELOCK));
        _carryOut(plan);
    }

    /// @dev Votes → `CodeTimelock` → the messengers → `GovernanceExecutor` → L1's ProxyAdmin → other code on L1.
    function test_journey_upgradeOnL1_succeeds() public {
        GovernanceExecutor executor = new GovernanceExecutor(l1Messenger, Predeploys.CODE_TIMELOCK);
        ProxyAdmin l1Admin = new ProxyAdmin(address(executor));
        Proxy proxy = new Proxy(address(l1Admin));
        IGovernanceExecutor.Call[] memory calls = new IGovernanceExecutor.Call[](1);
        calls[0] = IGovernanceExecutor.Call(
            address(l1Admin), abi.encodeCall(IProxyAdmin.upgrade, (payable(address(proxy)), address(new Upgraded())))
        );
        bytes memory message = abi.encodeCall(IGovernanceExecutor.execute, (calls));
        Plan memory plan = _plan(
            CODE_TIMELOCK,
            Predeploys.L2_CROSS_DOMAIN_MESSENGER,
            abi.encodeCall(ICrossDomainMessenger.sendMessage, (address(executor), message, 200_000))
        );
        _pass(plan);
        skip(30 days);
        vm.recordLogs();
        _carryOut(plan);
        assertTrue(_carryToL1(_recordedWithdrawal()));
        assertTrue(Upgraded(address(proxy)).upgraded());
    }
}
