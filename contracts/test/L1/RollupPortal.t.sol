// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {RollupPortal} from "../../src/L1/RollupPortal.sol";
import {GameType} from "../../src/dispute/Types.sol";
import {IAnchorStateRegistry} from "../../src/interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {IOPEN} from "../../src/interfaces/IOPEN.sol";
import {IRollupPortal} from "../../src/interfaces/IRollupPortal.sol";
import {ISystemConfig} from "../../src/interfaces/ISystemConfig.sol";
import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {ResourceMetering} from "../../src/libraries/ResourceMetering.sol";
import {L1Test} from "./L1Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

/// @dev Deposits as a contract.
contract Depositor {
    function deposit(IRollupPortal portal, IOPEN open, address to, uint256 mint, uint64 gasLimit) external {
        open.approve(address(portal), mint);
        portal.depositERC20Transaction(to, mint, mint, gasLimit, false, "");
    }
}

/// @dev Set-up, deposits, and the pause.
contract RollupPortalTest is L1Test {
    function setUp() public override {
        super.setUp();
        vm.prank(treasury);
        open.transfer(alice, 1000 ether);
        vm.prank(alice);
        open.approve(address(portal), type(uint256).max);
    }

    /* SET-UP */

    function test_initialize_values_succeeds() public view {
        assertEq(address(portal.open()), address(open));
        assertEq(address(portal.systemConfig()), address(config));
        assertEq(address(portal.anchorStateRegistry()), address(registry));
        assertEq(address(portal.disputeGameFactory()), address(factory));
        assertEq(portal.guardian(), guardian);
        assertEq(portal.genesisSupply(), GENESIS_SUPPLY);
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY);
        assertEq(portal.proofMaturityDelaySeconds(), MATURITY);
        assertEq(portal.disputeGameFinalityDelaySeconds(), FINALITY);
        assertEq(GameType.unwrap(portal.respectedGameType()), GameType.unwrap(VETO_GAME));
        assertEq(portal.respectedGameTypeUpdatedAt(), registry.retirementTimestamp());
        assertFalse(portal.disputeGameBlacklist(IDisputeGame(address(1))));
        assertEq(portal.l2Sender(), 0x000000000000000000000000000000000000dEaD);
        assertEq(portal.numProofSubmitters(0), 0);
        assertFalse(portal.paused());
        assertEq(portal.version(), "4.0.0");
        (uint128 baseFee, uint64 bought, uint64 number) = portal.params();
        assertEq(baseFee, 1 gwei);
        assertEq(bought, 0);
        assertEq(number, block.number);
    }

    function test_initialize_twice_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        portal.initialize(config, registry, alice, 0);
        RollupPortal fresh = new RollupPortal(open, MATURITY);
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        fresh.initialize(config, registry, alice, 0);
    }

    /// @dev Property R1.
    function test_initialize_genesisNotLocked_reverts() public {
        _expectRefused(
            config, registry, guardian, 1, abi.encodeWithSelector(IRollupPortal.GenesisNotLocked.selector, 1, 0)
        );
    }

    function test_initialize_zeroAddress_reverts() public {
        bytes memory expected = abi.encodeWithSelector(IRollupPortal.ZeroAddress.selector);
        _expectRefused(ISystemConfig(address(0)), registry, guardian, 0, expected);
        _expectRefused(config, IAnchorStateRegistry(address(0)), guardian, 0, expected);
        _expectRefused(config, registry, address(0), 0, expected);
        vm.expectRevert(expected);
        new RollupPortal(IOPEN(address(0)), MATURITY);
        uint256 most = portal.MAX_PROOF_MATURITY_SECONDS();
        assertEq(new RollupPortal(open, most).proofMaturityDelaySeconds(), most);
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.MaturityDelayTooLong.selector, most + 1, most));
        new RollupPortal(open, most + 1);
    }

    /* DEPOSITS */

    function test_TransactionDeposited_topic_succeeds() public pure {
        assertEq(
            IRollupPortal.TransactionDeposited.selector,
            keccak256("TransactionDeposited(address,address,uint256,bytes)")
        );
    }

    function testFuzz_depositERC20Transaction_account_succeeds(
        address to,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bytes memory data
    ) public {
        mint = bound(mint, 0, 1000 ether);
        gasLimit = uint64(bound(gasLimit, portal.minimumGasLimit(uint64(data.length)), 1_000_000));
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(alice, to, 0, abi.encodePacked(mint, value, gasLimit, false, data));
        vm.prank(alice, alice);
        portal.depositERC20Transaction(to, mint, value, gasLimit, false, data);
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY + mint);
        assertEq(open.balanceOf(alice), 1000 ether - mint);
    }

    /// @dev The bytes of docs/spec/deposits.md.
    function test_depositERC20Transaction_knownBytes_succeeds() public {
        bytes memory opaque = bytes.concat(
            hex"0000000000000000000000000000000000000000000000000de0b6b3a7640000",
            hex"00000000000000000000000000000000000000000000000006f05b59d3b20000",
            hex"00000000000186a0",
            hex"00",
            hex"c0ffee"
        );
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(alice, bob, 0, opaque);
        vm.prank(alice, alice);
        portal.depositERC20Transaction(bob, 1 ether, 0.5 ether, 100_000, false, hex"c0ffee");
    }

    function test_depositERC20Transaction_creation_succeeds() public {
        bytes memory code = hex"600160005560006000f3";
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(
            alice, address(0), 0, abi.encodePacked(uint256(0), uint256(0), uint64(200_000), true, code)
        );
        vm.prank(alice, alice);
        portal.depositERC20Transaction(address(0), 0, 0, 200_000, true, code);
    }

    function test_depositERC20Transaction_creationWithTarget_reverts() public {
        vm.expectRevert(IRollupPortal.BadTarget.selector);
        vm.prank(alice, alice);
        portal.depositERC20Transaction(bob, 0, 0, 200_000, true, "");
    }

    function test_depositERC20Transaction_noAllowance_reverts() public {
        vm.startPrank(treasury, treasury);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(portal), 0, 5));
        portal.depositERC20Transaction(bob, 5, 5, 100_000, false, "");
    }

    /// @dev Property R2: nobody is somebody else on L2.
    function testFuzz_depositERC20Transaction_contract_isAliased(uint256 mint) public {
        mint = bound(mint, 0, 1000 ether);
        Depositor depositor = new Depositor();
        vm.prank(alice);
        open.transfer(address(depositor), mint);
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(
            AddressAliasing.applyAlias(address(depositor)), bob, 0, abi.encodePacked(mint, mint, uint64(50_000), false)
        );
        depositor.deposit(portal, open, bob, mint, 50_000);
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY + mint);
    }

    /// @dev An account that delegates its code (EIP-7702) has a key: it keeps its address.
    function test_depositTransaction_delegatedAccount_isNotAliased() public {
        vm.etch(alice, abi.encodePacked(hex"ef0100", address(new Depositor())));
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(
            alice, bob, 0, abi.encodePacked(uint256(0), uint256(0), uint64(50_000), false)
        );
        vm.prank(alice, bob);
        portal.depositTransaction(bob, 0, 50_000, false, "");
    }

    function test_depositTransaction_message_succeeds() public {
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(
            alice, bob, 0, abi.encodePacked(uint256(0), uint256(0), uint64(50_000), false, hex"1234")
        );
        vm.prank(alice, alice);
        portal.depositTransaction(bob, 0, 50_000, false, hex"1234");
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY);
    }

    /// @dev Property R3: ETH is refused on every path, by name.
    function testFuzz_depositTransaction_value_reverts(uint256 value) public {
        value = bound(value, 1, type(uint128).max);
        vm.deal(alice, value);
        vm.startPrank(alice, alice);
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.EtherRefused.selector, value));
        portal.depositTransaction{value: value}(bob, 0, 50_000, false, "");
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.ValueRefused.selector, value));
        portal.depositTransaction(bob, value, 50_000, false, "");
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.EtherRefused.selector, value));
        portal.donateETH{value: value}();
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.EtherRefused.selector, value));
        (bool success,) = address(portal).call{value: value}("");
        assertTrue(success, "expectRevert turns this around");
        (success,) = address(portal).call{value: value}(
            abi.encodeCall(IRollupPortal.depositERC20Transaction, (bob, 0, 0, 50_000, false, ""))
        );
        assertFalse(success);
        assertEq(address(portal).balance, 0);
    }

    function testFuzz_depositTransaction_gasLimitTooLow_reverts(uint64 gasLimit, uint16 size) public {
        uint64 minimum = 21_000 + 40 * uint64(size);
        gasLimit = uint64(bound(gasLimit, 0, minimum - 1));
        vm.expectRevert(IRollupPortal.SmallGasLimit.selector);
        vm.prank(alice, alice);
        portal.depositTransaction(bob, 0, gasLimit, false, new bytes(size));
    }

    function test_depositTransaction_calldata_bounds() public {
        vm.startPrank(alice, alice);
        portal.depositTransaction(bob, 0, 5_000_000, false, new bytes(120_000));
        vm.expectRevert(IRollupPortal.LargeCalldata.selector);
        portal.depositTransaction(bob, 0, 5_000_000, false, new bytes(120_001));
    }

    function test_depositERC20TransactionWithPermit_signature_succeeds() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        vm.prank(treasury);
        open.transfer(signer, 7 ether);
        (uint8 v, bytes32 r, bytes32 s) = _permit(signer, key, 7 ether);
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(
            signer, bob, 0, abi.encodePacked(uint256(7 ether), uint256(3 ether), uint64(60_000), false, hex"aa")
        );
        vm.prank(signer, signer);
        portal.depositERC20TransactionWithPermit(
            bob, 7 ether, 3 ether, 60_000, false, hex"aa", block.timestamp, v, r, s
        );
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY + 7 ether);
        assertEq(open.allowance(signer, address(portal)), 0);
    }

    /// @dev Somebody sends the permit first: the deposit goes through all the same.
    function test_depositERC20TransactionWithPermit_usedBefore_succeeds() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        vm.prank(treasury);
        open.transfer(signer, 7 ether);
        (uint8 v, bytes32 r, bytes32 s) = _permit(signer, key, 7 ether);
        open.permit(signer, address(portal), 7 ether, block.timestamp, v, r, s);
        vm.prank(signer, signer);
        portal.depositERC20TransactionWithPermit(bob, 7 ether, 7 ether, 60_000, false, "", block.timestamp, v, r, s);
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY + 7 ether);
    }

    function test_depositERC20TransactionWithPermit_othersPermit_reverts() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        vm.prank(treasury);
        open.transfer(signer, 7 ether);
        (uint8 v, bytes32 r, bytes32 s) = _permit(signer, key, 7 ether);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(portal), 0, 7 ether)
        );
        vm.prank(bob, bob);
        portal.depositERC20TransactionWithPermit(bob, 7 ether, 7 ether, 60_000, false, "", block.timestamp, v, r, s);
    }

    /* METERING */

    /// @dev Property R4.
    function test_depositTransaction_blockSoldOut_reverts() public {
        vm.startPrank(alice, alice);
        portal.depositTransaction(bob, 0, 15_000_000, false, "");
        vm.expectRevert(
            abi.encodeWithSelector(ResourceMetering.DepositGasLimitExceeded.selector, 20_000_001, 20_000_000)
        );
        portal.depositTransaction(bob, 0, 5_000_001, false, "");
        portal.depositTransaction(bob, 0, 5_000_000, false, "");
        vm.roll(block.number + 1);
        portal.depositTransaction(bob, 0, 100_000, false, "");
        (, uint64 bought, uint64 number) = portal.params();
        assertEq(bought, 100_000);
        assertEq(number, block.number);
    }

    /// @dev A deposit costs at least as much L1 gas as the L2 gas that it asks for, at the lowest prices.
    function testFuzz_depositTransaction_gas_isBurnt(uint64 gasLimit, uint64 baseFee) public {
        gasLimit = uint64(bound(gasLimit, 21_000, 10_000_000));
        baseFee = uint64(bound(baseFee, 0, 100 gwei));
        vm.fee(baseFee);
        vm.prank(alice, alice);
        uint256 before = gasleft();
        portal.depositTransaction(bob, 0, gasLimit, false, "");
        uint256 used = before - gasleft();
        uint256 price = baseFee > 1 gwei ? baseFee : 1 gwei;
        assertGe(used, uint256(gasLimit) * 1 gwei / price);
    }

    /* PAUSE */

    /// @dev Property R5: a pause ends by itself.
    function testFuzz_pause_expires_succeeds(uint256 later) public {
        later = bound(later, 0, 1000 days);
        vm.expectEmit(address(portal));
        emit IRollupPortal.Paused(uint64(block.timestamp + 45 days));
        vm.prank(guardian);
        portal.pause();
        assertTrue(portal.paused());
        skip(later);
        assertEq(portal.paused(), later < 45 days);
        assertEq(registry.paused(), later < 45 days);
    }

    function testFuzz_pause_again_waits(uint256 later) public {
        later = bound(later, 0, 100 days);
        vm.startPrank(guardian);
        portal.pause();
        uint64 earliest = portal.pausedUntil() + 15 days;
        skip(later);
        if (block.timestamp < earliest) {
            vm.expectRevert(abi.encodeWithSelector(IRollupPortal.PauseTooSoon.selector, earliest));
        }
        portal.pause();
    }

    function test_unpause_guardian_succeeds() public {
        vm.startPrank(guardian);
        portal.unpause();
        assertEq(portal.pausedUntil(), 0);
        portal.pause();
        skip(1 days);
        vm.expectEmit(address(portal));
        emit IRollupPortal.Unpaused();
        portal.unpause();
        assertFalse(portal.paused());
        uint64 end = portal.pausedUntil();
        assertEq(end, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.PauseTooSoon.selector, end + 15 days));
        portal.pause();
        // An end that has passed stays where it was.
        skip(1 days);
        portal.unpause();
        assertEq(portal.pausedUntil(), end);
    }

    function testFuzz_pause_notGuardian_reverts(address caller) public {
        vm.assume(caller != guardian && caller != address(admin) && caller != address(0));
        vm.startPrank(caller);
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.Unauthorized.selector, caller));
        portal.pause();
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.Unauthorized.selector, caller));
        portal.unpause();
    }

    /// @dev Deposits go on during a pause: they can't take anything out.
    function test_depositERC20Transaction_paused_succeeds() public {
        vm.prank(guardian);
        portal.pause();
        vm.prank(alice, alice);
        portal.depositERC20Transaction(bob, 1 ether, 1 ether, 100_000, false, "");
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY + 1 ether);
    }

    function testFuzz_setGuardian_owner_succeeds(address newGuardian, address caller) public {
        vm.assume(newGuardian != address(0) && caller != owner && caller != address(admin) && caller != address(0));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IRollupPortal.Unauthorized.selector, caller));
        portal.setGuardian(newGuardian);

        vm.startPrank(owner);
        vm.expectRevert(IRollupPortal.ZeroAddress.selector);
        portal.setGuardian(address(0));
        vm.expectEmit(address(portal));
        emit IRollupPortal.GuardianSet(newGuardian);
        portal.setGuardian(newGuardian);
        assertEq(portal.guardian(), newGuardian);
        assertEq(registry.guardian(), newGuardian);
    }

    /* INTERNAL FUNCTIONS */

    function _expectRefused(
        ISystemConfig config_,
        IAnchorStateRegistry registry_,
        address guardian_,
        uint256 supply,
        bytes memory expected
    ) private {
        address payable proxy = _proxy();
        address code = address(new RollupPortal(open, MATURITY));
        vm.expectRevert(expected);
        admin.upgradeAndCall(
            proxy, code, abi.encodeCall(IRollupPortal.initialize, (config_, registry_, guardian_, supply))
        );
    }

    function _permit(address signer, uint256 key, uint256 value) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash =
            keccak256(abi.encode(typeHash, signer, address(portal), value, open.nonces(signer), block.timestamp));
        return vm.sign(key, keccak256(abi.encodePacked(hex"1901", open.DOMAIN_SEPARATOR(), structHash)));
    }
}
