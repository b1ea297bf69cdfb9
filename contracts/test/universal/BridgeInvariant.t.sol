// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IL1CrossDomainMessenger} from "../../src/interfaces/IL1CrossDomainMessenger.sol";
import {IL1StandardBridge} from "../../src/interfaces/IL1StandardBridge.sol";
import {IL2CrossDomainMessenger} from "../../src/interfaces/IL2CrossDomainMessenger.sol";
import {IL2StandardBridge} from "../../src/interfaces/IL2StandardBridge.sol";
import {IL2ToL1MessagePasser} from "../../src/interfaces/IL2ToL1MessagePasser.sol";
import {IStandardBridge} from "../../src/interfaces/IStandardBridge.sol";
import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {PortalStub} from "./PortalStub.sol";
import {BlockingToken} from "./Tokens.sol";
import {TwoLayersTest} from "./TwoLayersTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

/// @dev Moves tokens both ways, carries messages late, with too little gas, twice, or not at all, and forges some.
contract BridgeHandler is Test {
    struct Crossing {
        bytes encoded;
        uint64 gasLimit;
        uint256 amount;
        bool toL2;
        bool brought;
    }

    IL1CrossDomainMessenger private immutable L1_MESSENGER;
    IL1StandardBridge private immutable L1_BRIDGE;
    PortalStub private immutable PORTAL;
    IL2CrossDomainMessenger private constant L2_MESSENGER =
        IL2CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    IL2StandardBridge private constant L2_BRIDGE = IL2StandardBridge(Predeploys.L2_STANDARD_BRIDGE);

    BlockingToken public immutable TOKEN;
    IERC20 public immutable MINTABLE;
    bool public immutable TOKEN_IS_ON_L1;

    Crossing[] private crossings;
    address[4] private people;

    constructor(
        IL1CrossDomainMessenger l1Messenger,
        IL1StandardBridge l1Bridge,
        PortalStub portal,
        BlockingToken token,
        IERC20 mintable,
        bool tokenIsOnL1
    ) {
        (L1_MESSENGER, L1_BRIDGE, PORTAL) = (l1Messenger, l1Bridge, portal);
        (TOKEN, MINTABLE, TOKEN_IS_ON_L1) = (token, mintable, tokenIsOnL1);
        people = [makeAddr("ann"), makeAddr("ben"), makeAddr("cleo"), makeAddr("dan")];
        for (uint256 i; i < people.length; ++i) {
            token.give(people[i], 1_000_000);
        }
    }

    /// @dev Locks tokens.
    function lock(uint256 who, uint256 whom, uint256 amount, uint32 minGasLimit) external {
        address from = people[who % people.length];
        amount = bound(amount, 0, TOKEN.balanceOf(from));
        address bridge = TOKEN_IS_ON_L1 ? address(L1_BRIDGE) : address(L2_BRIDGE);
        vm.startPrank(from);
        TOKEN.approve(bridge, amount);
        _leave(bridge, address(TOKEN), address(MINTABLE), whom, amount, minGasLimit, TOKEN_IS_ON_L1);
        vm.stopPrank();
    }

    /// @dev Burns what stands for them.
    function burn(uint256 who, uint256 whom, uint256 amount, uint32 minGasLimit) external {
        address from = people[who % people.length];
        amount = bound(amount, 0, MINTABLE.balanceOf(from));
        address bridge = TOKEN_IS_ON_L1 ? address(L2_BRIDGE) : address(L1_BRIDGE);
        vm.startPrank(from);
        _leave(bridge, address(MINTABLE), address(TOKEN), whom, amount, minGasLimit, !TOKEN_IS_ON_L1);
        vm.stopPrank();
    }

    /// @dev Brings a message, or brings it once more.
    function bring(uint256 which) external {
        if (crossings.length == 0) return;
        Crossing storage crossing = crossings[which % crossings.length];
        bytes32 msgHash = keccak256(crossing.encoded);
        bool before = _arrived(crossing.toL2, msgHash);
        if (crossing.toL2) {
            vm.prank(AddressAliasing.applyAlias(address(L1_MESSENGER)));
            (bool ignored,) = address(L2_MESSENGER).call{gas: crossing.gasLimit}(crossing.encoded);
            ignored;
        } else {
            if (PORTAL.paused()) return;
            PORTAL.finalize(
                Predeploys.L2_CROSS_DOMAIN_MESSENGER, address(L1_MESSENGER), crossing.gasLimit, crossing.encoded
            );
        }
        crossing.brought = true;
        _note(before, crossing.toL2, msgHash);
    }

    /// @dev Repeats a message as anybody, with any gas.
    function replay(uint256 which, uint256 gas) external {
        if (crossings.length == 0) return;
        Crossing storage crossing = crossings[which % crossings.length];
        bytes32 msgHash = keccak256(crossing.encoded);
        bool before = _arrived(crossing.toL2, msgHash);
        address messenger = crossing.toL2 ? address(L2_MESSENGER) : address(L1_MESSENGER);
        vm.prank(people[which % people.length]);
        (bool success,) = messenger.call{gas: bound(gas, 30_000, 1_000_000)}(crossing.encoded);
        if (!crossing.brought) assertFalse(success, "a message that was never brought was replayed");
        _note(before, crossing.toL2, msgHash);
    }

    /// @dev Asks for tokens by a message that no bridge sent.
    function forge(uint256 who, uint256 amount, bool onL2) external {
        address forger = people[who % people.length];
        bool locked = onL2 != TOKEN_IS_ON_L1;
        (address local, address remote) =
            locked ? (address(TOKEN), address(MINTABLE)) : (address(MINTABLE), address(TOKEN));
        bytes memory data =
            abi.encodeCall(IStandardBridge.finalizeBridgeERC20, (local, remote, forger, forger, amount, ""));
        bytes memory encoded = abi.encodeWithSignature(
            "relayMessage(uint256,address,address,uint256,uint256,bytes)",
            (uint256(1) << 240) | (uint256(1) << 100) | crossings.length,
            forger,
            onL2 ? address(L2_BRIDGE) : address(L1_BRIDGE),
            0,
            0,
            data
        );
        vm.startPrank(forger);
        (bool direct,) = (onL2 ? address(L2_BRIDGE) : address(L1_BRIDGE)).call(data);
        assertFalse(direct);
        vm.stopPrank();
        if (onL2) {
            vm.prank(AddressAliasing.applyAlias(address(L1_MESSENGER)));
            (bool ignored,) = address(L2_MESSENGER).call{gas: 1_000_000}(encoded);
            ignored;
        } else if (!PORTAL.paused()) {
            PORTAL.finalize(Predeploys.L2_CROSS_DOMAIN_MESSENGER, address(L1_MESSENGER), 1_000_000, encoded);
        }
    }

    /// @dev Refuses transfers to somebody for a while.
    function setBlocked(uint256 who, bool isBlocked) external {
        TOKEN.setBlocked(people[who % people.length], isBlocked);
    }

    function setPaused(bool isPaused) external {
        PORTAL.setPaused(isPaused);
    }

    /// @dev Amounts that left and have not arrived: to where the token is locked, and to where it is minted.
    function inFlight() external view returns (uint256 amount) {
        for (uint256 i; i < crossings.length; ++i) {
            if (!_arrived(crossings[i].toL2, keccak256(crossings[i].encoded))) amount += crossings[i].amount;
        }
    }

    /// @dev Everything arrives in the end, whatever was done to it.
    function settle() external {
        PORTAL.setPaused(false);
        for (uint256 i; i < people.length; ++i) {
            TOKEN.setBlocked(people[i], false);
        }
        for (uint256 i; i < crossings.length; ++i) {
            Crossing storage crossing = crossings[i];
            if (_arrived(crossing.toL2, keccak256(crossing.encoded))) continue;
            if (!crossing.brought) this.bring(i);
            if (_arrived(crossing.toL2, keccak256(crossing.encoded))) continue;
            address messenger = crossing.toL2 ? address(L2_MESSENGER) : address(L1_MESSENGER);
            (bool success,) = messenger.call{gas: 10_000_000}(crossing.encoded);
            assertTrue(success);
            assertTrue(_arrived(crossing.toL2, keccak256(crossing.encoded)), "locked for good");
        }
    }

    function _leave(
        address bridge,
        address local,
        address remote,
        uint256 whom,
        uint256 amount,
        uint32 minGasLimit,
        bool toL2
    ) private {
        vm.recordLogs();
        IStandardBridge(bridge)
            .bridgeERC20To(local, remote, people[whom % people.length], amount, minGasLimit % 300_000, "");
        if (toL2) {
            PortalStub.Deposit memory deposit = PORTAL.last();
            crossings.push(Crossing(deposit.data, deposit.gasLimit - 21_000, amount, true, false));
            return;
        }
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IL2ToL1MessagePasser.MessagePassed.selector) continue;
            (, uint256 gasLimit, bytes memory data,) = abi.decode(logs[i].data, (uint256, uint256, bytes, bytes32));
            crossings.push(Crossing(data, uint64(gasLimit), amount, false, false));
        }
    }

    function _note(bool before, bool toL2, bytes32 msgHash) private {
        bool later = _arrived(toL2, msgHash);
        assertTrue(later || !before, "undone");
    }

    function _arrived(bool toL2, bytes32 msgHash) private view returns (bool) {
        return toL2 ? L2_MESSENGER.successfulMessages(msgHash) : L1_MESSENGER.successfulMessages(msgHash);
    }
}

/// @dev Properties E1 and E3: nothing is made, and nothing is lost.
abstract contract BridgeInvariantTest is TwoLayersTest {
    BridgeHandler private handler;
    BlockingToken private token;
    IERC20 private mintable;

    function _tokenIsOnL1() internal pure virtual returns (bool);

    function setUp() public override {
        super.setUp();
        token = new BlockingToken();
        mintable = IERC20(
            (_tokenIsOnL1() ? L2_FACTORY : l1Factory).createOptimismMintableERC20(address(token), "There", "THR")
        );
        handler = new BridgeHandler(l1Messenger, l1Bridge, portal, token, mintable, _tokenIsOnL1());
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = BridgeHandler.lock.selector;
        selectors[1] = BridgeHandler.burn.selector;
        selectors[2] = BridgeHandler.bring.selector;
        selectors[3] = BridgeHandler.replay.selector;
        selectors[4] = BridgeHandler.forge.selector;
        selectors[5] = BridgeHandler.setBlocked.selector;
        selectors[6] = BridgeHandler.setPaused.selector;
        // Twice as often.
        selectors[7] = BridgeHandler.bring.selector;
        selectors[8] = BridgeHandler.lock.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    function _locked() private view returns (uint256 deposited, uint256 held) {
        address bridge = _tokenIsOnL1() ? address(l1Bridge) : address(L2_BRIDGE);
        deposited = l1Bridge.deposits(address(token), address(mintable))
            + L2_BRIDGE.deposits(address(token), address(mintable));
        held = token.balanceOf(bridge);
    }

    function invariant_lockedIsMintedAndInFlight() public view {
        (uint256 deposited, uint256 held) = _locked();
        assertEq(held, deposited);
        // What is on its way to be locked was minted nowhere yet; what is on its way back was burnt already.
        assertEq(deposited, mintable.totalSupply() + handler.inFlight());
    }

    function afterInvariant() public {
        handler.settle();
        assertEq(handler.inFlight(), 0);
        (uint256 deposited, uint256 held) = _locked();
        assertEq(deposited, mintable.totalSupply());
        assertEq(held, deposited);
    }
}

contract L1TokenInvariantTest is BridgeInvariantTest {
    function _tokenIsOnL1() internal pure override returns (bool) {
        return true;
    }
}

contract L2TokenInvariantTest is BridgeInvariantTest {
    function _tokenIsOnL1() internal pure override returns (bool) {
        return false;
    }
}
