// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L1CrossDomainMessenger} from "../../src/L1/L1CrossDomainMessenger.sol";
import {L1StandardBridge} from "../../src/L1/L1StandardBridge.sol";
import {IL1CrossDomainMessenger} from "../../src/interfaces/IL1CrossDomainMessenger.sol";
import {IL1StandardBridge} from "../../src/interfaces/IL1StandardBridge.sol";
import {IL2CrossDomainMessenger} from "../../src/interfaces/IL2CrossDomainMessenger.sol";
import {IL2StandardBridge} from "../../src/interfaces/IL2StandardBridge.sol";
import {IL2ToL1MessagePasser} from "../../src/interfaces/IL2ToL1MessagePasser.sol";
import {IOptimismMintableERC20Factory} from "../../src/interfaces/IOptimismMintableERC20Factory.sol";
import {IProxy} from "../../src/interfaces/IProxy.sol";
import {IRollupPortal} from "../../src/interfaces/IRollupPortal.sol";
import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {OptimismMintableERC20Factory} from "../../src/universal/OptimismMintableERC20Factory.sol";
import {L2Test} from "../L2/L2Test.sol";
import {PortalStub} from "./PortalStub.sol";
import {TestToken} from "./Tokens.sol";
import {Vm} from "forge-std/Vm.sol";

/// @title TwoLayersTest
/// @notice Both layers in one state: L2's predeploys as genesis has them, L1's contracts behind proxies, and a stub for
///         the portal. What crosses is carried by hand.
abstract contract TwoLayersTest is L2Test {
    /// @dev A withdrawal as the message passer's event has it.
    struct Sent {
        address sender;
        address target;
        uint256 gasLimit;
        bytes data;
    }

    IL2CrossDomainMessenger internal constant L2_MESSENGER =
        IL2CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    IL2StandardBridge internal constant L2_BRIDGE = IL2StandardBridge(Predeploys.L2_STANDARD_BRIDGE);
    IOptimismMintableERC20Factory internal constant L2_FACTORY =
        IOptimismMintableERC20Factory(Predeploys.OPTIMISM_MINTABLE_ERC20_FACTORY);

    /// @dev Gas of a transaction and of a byte of its calldata that isn't zero.
    uint256 internal constant TX_GAS = 21_000;
    uint256 internal constant BYTE_GAS = 16;

    address internal immutable l1ProxyAdmin = makeAddr("l1ProxyAdmin");
    address internal immutable alice = makeAddr("alice");
    address internal immutable bob = makeAddr("bob");
    address internal immutable mallory = makeAddr("mallory");

    IL1CrossDomainMessenger internal l1Messenger;
    IL1StandardBridge internal l1Bridge;
    IOptimismMintableERC20Factory internal l1Factory;
    PortalStub internal portal;
    TestToken internal open;

    function setUp() public virtual override {
        super.setUp();
        open = new TestToken();
        portal = new PortalStub(address(open));
        l1Messenger = IL1CrossDomainMessenger(l1CrossDomainMessenger);
        _placeProxy(
            l1CrossDomainMessenger,
            address(new L1CrossDomainMessenger()),
            abi.encodeCall(IL1CrossDomainMessenger.initialize, (IRollupPortal(address(portal))))
        );
        l1Bridge = IL1StandardBridge(l1StandardBridge);
        _placeProxy(
            l1StandardBridge,
            address(new L1StandardBridge()),
            abi.encodeCall(IL1StandardBridge.initialize, (l1CrossDomainMessenger))
        );
        l1Factory = IOptimismMintableERC20Factory(makeAddr("l1Factory"));
        _placeProxy(
            address(l1Factory),
            address(new OptimismMintableERC20Factory()),
            abi.encodeCall(IOptimismMintableERC20Factory.initialize, (l1StandardBridge))
        );
    }

    /// @dev Carries the newest deposit to L2, with the gas that is left of its limit after the dearest calldata.
    function _carryToL2() internal returns (bool success) {
        PortalStub.Deposit memory deposit = portal.last();
        vm.prank(AddressAliasing.applyAlias(deposit.from));
        (success,) = deposit.to.call{gas: deposit.gasLimit - TX_GAS - BYTE_GAS * deposit.data.length}(deposit.data);
    }

    /// @dev Carries a withdrawal to L1.
    function _carryToL1(Sent memory sent) internal returns (bool success) {
        (success,) = portal.finalize(sent.sender, sent.target, sent.gasLimit, sent.data);
    }

    /// @dev The one withdrawal since `vm.recordLogs`.
    function _recordedWithdrawal() internal returns (Sent memory sent) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 found;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IL2ToL1MessagePasser.MessagePassed.selector) continue;
            sent.sender = address(uint160(uint256(logs[i].topics[2])));
            sent.target = address(uint160(uint256(logs[i].topics[3])));
            uint256 value;
            (value, sent.gasLimit, sent.data,) = abi.decode(logs[i].data, (uint256, uint256, bytes, bytes32));
            assertEq(value, 0);
            ++found;
        }
        assertEq(found, 1);
    }

    /// @dev Repeats a message by its encoding, as anybody.
    function _replay(address messenger, bytes memory encoded) internal returns (bool success, bytes memory result) {
        vm.prank(mallory);
        (success, result) = messenger.call(encoded);
    }

    function _placeProxy(address where, address implementation, bytes memory initialize) private {
        deployCodeTo("src/proxy/Proxy.sol:Proxy", abi.encode(l1ProxyAdmin), where);
        vm.prank(l1ProxyAdmin);
        IProxy(where).upgradeToAndCall(implementation, initialize);
    }
}
