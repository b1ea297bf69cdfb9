// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ClaimVault} from "../../src/protocol/ClaimVault.sol";
import {ProtocolTest} from "./ProtocolTest.sol";
import {Rotations} from "./Rotations.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @dev Takes no payment.
contract Refuser {}

/// @dev Uses up all gas that it is given.
contract Burglar {
    receive() external payable {
        while (true) {}
    }
}

/// @dev Answers a payment with as much data as its gas allows.
contract Bomb {
    receive() external payable {
        assembly {
            revert(0, 0x100000)
        }
    }
}

/// @dev Claims again while it is being paid; takes the payment if `insists` is false.
contract Reenterer {
    bool private immutable insists;

    constructor(bool insists_) {
        insists = insists_;
    }

    receive() external payable {
        try IClaimVault(msg.sender).claimFor(address(this)) {}
        catch {
            require(!insists);
        }
    }
}

/// @dev Is credited while it is being paid, and refuses.
contract CreditedRefuser {
    receive() external payable {
        IClaimVault(msg.sender).credit{value: 1}(address(this));
        revert();
    }
}

/// @dev Forwards what it gets, and so is credited while it is being paid.
contract Forwarder {
    receive() external payable {
        IClaimVault(msg.sender).credit{value: msg.value / 2}(address(this));
    }
}

/// @dev A wallet whose owner signs for it.
contract Wallet {
    address private immutable owner;

    constructor(address owner_) {
        owner = owner_;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recover(hash, signature) == owner ? this.isValidSignature.selector : bytes4(0);
    }

    receive() external payable {}
}

contract ClaimVaultTest is ProtocolTest {
    IClaimVault private constant vault = IClaimVault(Predeploys.CLAIM_VAULT);
    bytes32 private constant ID = keccak256("bond");

    address private immutable alice;
    uint256 private immutable aliceKey;
    address private immutable bob;
    uint256 private immutable bobKey;
    address private immutable carol;
    uint256 private immutable carolKey;
    address private immutable payer = makeAddr("payer");

    constructor() {
        (alice, aliceKey) = makeAddrAndKey("alice");
        (bob, bobKey) = makeAddrAndKey("bob");
        (carol, carolKey) = makeAddrAndKey("carol");
    }

    function setUp() public override {
        super.setUp();
        vm.warp(1_800_000_000);
        vm.deal(payer, 1e24);
        vm.deal(address(this), 1e24);
    }

    /* GENESIS */

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        vault.initialize(new Setting[](0));
        ClaimVault implementation = new ClaimVault();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
    }

    function test_initialize_withSetting_reverts() public {
        Setting[] memory settings = new Setting[](1);
        settings[0] = Setting({name: "anything", value: 1});
        vm.store(address(vault), 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, 0);
        vm.expectRevert(abi.encodeWithSelector(IParameterized.UnknownParameter.selector, bytes32("anything")));
        vault.initialize(settings);
    }

    function test_views_succeeds() public view {
        assertEq(IParameterized(address(vault)).parameters().length, 0);
        assertEq(vault.MAX_PAYEES(), 256);
        assertEq(vault.PAYMENT_GAS(), 100_000);
        assertEq(ClaimVault(address(vault)).version(), "1.0.0");
        (, string memory name, string memory version, uint256 chainId, address verifier,,) =
            ClaimVault(address(vault)).eip712Domain();
        assertEq(name, "ClaimVault");
        assertEq(version, "1");
        assertEq(chainId, block.chainid);
        assertEq(verifier, address(vault));
    }

    function test_receive_plainTransfer_reverts() public {
        (bool sent,) = address(vault).call{value: 1}("");
        assertFalse(sent);
    }

    /* CREDITS AND CLAIMS */

    function testFuzz_credit_thenClaim_succeeds(uint96 first, uint96 second, bool byOther) public {
        vm.deal(payer, uint256(first) + second);
        vm.startPrank(payer);
        vm.expectEmit(address(vault));
        emit IClaimVault.Credited(alice, payer, first);
        vault.credit{value: first}(alice);
        vault.credit{value: second}(alice);
        vm.stopPrank();
        uint256 owed = uint256(first) + second;
        assertEq(vault.claimable(alice), owed);

        vm.prank(byOther ? bob : alice);
        assertEq(byOther ? vault.claimFor(alice) : vault.claim(), owed);
        assertEq(alice.balance, owed);
        assertEq(bob.balance, 0);
        assertEq(vault.claimable(alice), 0);
        assertEq(address(vault).balance, 0);

        // CV2: a second claim pays nothing.
        vm.prank(alice);
        assertEq(vault.claim(), 0);
        assertEq(vault.claimFor(alice), 0);
        assertEq(alice.balance, owed);
    }

    function test_claim_emits_succeeds() public {
        vault.credit{value: 5}(alice);
        vm.expectEmit(address(vault));
        emit IClaimVault.Claimed(alice, bob, 5);
        vm.prank(bob);
        vault.claimFor(alice);
    }

    function test_credit_zeroAddress_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidPayee.selector, address(0)));
        vault.credit{value: 1}(address(0));
    }

    function test_creditMany_succeeds() public {
        (address[] memory payees, uint256[] memory amounts) = _list(3);
        (payees[0], payees[1], payees[2]) = (alice, bob, alice);
        (amounts[0], amounts[1], amounts[2]) = (1, 2, 4);
        vault.creditMany{value: 7}(payees, amounts);
        assertEq(vault.claimable(alice), 5);
        assertEq(vault.claimable(bob), 2);
    }

    function test_creditMany_wrongValue_reverts() public {
        (address[] memory payees, uint256[] memory amounts) = _list(2);
        (payees[0], payees[1]) = (alice, bob);
        (amounts[0], amounts[1]) = (1, 2);
        for (uint256 value = 2; value <= 4; value += 2) {
            vm.expectRevert(abi.encodeWithSelector(IClaimVault.WrongValue.selector, value, 3));
            vault.creditMany{value: value}(payees, amounts);
        }
        amounts[0] = type(uint256).max;
        vm.expectRevert();
        vault.creditMany{value: 1}(payees, amounts);
    }

    function test_creditMany_lengths_reverts() public {
        (address[] memory payees, uint256[] memory amounts) = _list(2);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidLength.selector, 1, 2));
        vault.creditMany(payees, new uint256[](1));
        (payees, amounts) = _list(257);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidLength.selector, 257, 256));
        vault.creditMany(payees, amounts);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidLength.selector, 257, 256));
        vault.claimForMany(payees);
    }

    /// @dev CV3: whoever can't be paid keeps its claim and holds up nobody.
    function test_claimForMany_hostilePayees_succeeds() public {
        (address[] memory payees, uint256[] memory amounts) = _list(8);
        payees[0] = alice;
        payees[1] = address(new Refuser());
        payees[2] = address(new Burglar());
        payees[3] = address(new Bomb());
        payees[4] = address(new CreditedRefuser());
        payees[5] = address(new Reenterer(true));
        payees[6] = address(vault);
        payees[7] = bob;
        for (uint256 i = 0; i < 8; ++i) {
            amounts[i] = 1 ether + i;
        }
        vault.creditMany{value: 8 ether + 28}(payees, amounts);

        uint256 before = gasleft();
        uint256[] memory paid = vault.claimForMany(payees);
        assertLt(before - gasleft(), 1_000_000);
        for (uint256 i = 0; i < 8; ++i) {
            bool honest = payees[i] == alice || payees[i] == bob;
            assertEq(paid[i], honest ? amounts[i] : 0);
            assertEq(vault.claimable(payees[i]), honest ? 0 : amounts[i]);
            assertEq(payees[i].balance, honest ? amounts[i] : payees[i] == address(vault) ? address(vault).balance : 0);
        }
        assertEq(address(vault).balance, 6 ether + 21);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidPayee.selector, payees[1]));
        vault.claimFor(payees[1]);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidPayee.selector, payees[3]));
        vault.claimFor(payees[3]);
    }

    function test_claimForMany_samePayeeTwice_paysOnce_succeeds() public {
        vault.credit{value: 9}(alice);
        (address[] memory payees,) = _list(2);
        (payees[0], payees[1]) = (alice, alice);
        uint256[] memory paid = vault.claimForMany(payees);
        assertEq(paid[0], 9);
        assertEq(paid[1], 0);
        assertEq(alice.balance, 9);
    }

    /// @dev CV2: not even from inside a payment.
    function test_claim_reentered_paysOnce_succeeds() public {
        Reenterer reenterer = new Reenterer(false);
        vault.credit{value: 3}(address(reenterer));
        vault.credit{value: 100}(alice);
        assertEq(vault.claimFor(address(reenterer)), 3);
        assertEq(address(reenterer).balance, 3);
        assertEq(address(vault).balance, 100);
    }

    function test_claim_creditedMeanwhile_keepsBoth_succeeds() public {
        Forwarder forwarder = new Forwarder();
        vault.credit{value: 10}(address(forwarder));
        assertEq(vault.claimFor(address(forwarder)), 10);
        assertEq(vault.claimable(address(forwarder)), 5);
        assertEq(address(vault).balance, 5);
    }

    /* BONDS */

    function testFuzz_bond_succeeds(uint96 first, uint96 second, uint256 out, uint256 burnt) public {
        vm.deal(payer, uint256(first) + second);
        vm.startPrank(payer);
        vm.expectEmit(address(vault));
        emit IClaimVault.Held(payer, ID, first);
        vault.hold{value: first}(ID);
        vault.hold{value: second}(ID);
        uint256 bond = uint256(first) + second;
        assertEq(vault.held(payer, ID), bond);

        out = bound(out, 0, bond);
        burnt = bound(burnt, 0, bond - out);
        vm.expectEmit(address(vault));
        emit IClaimVault.PaidOut(payer, ID, alice, out);
        vault.payOut(ID, alice, out);
        vm.expectEmit(address(vault));
        emit IClaimVault.BondBurnt(payer, ID, burnt);
        vault.burn(ID, burnt);

        assertEq(vault.claimable(alice), out);
        assertEq(vault.held(payer, ID), bond - out - burnt);
        assertEq(address(vault).balance, bond - burnt);
        vm.expectRevert(
            abi.encodeWithSelector(IClaimVault.BondTooSmall.selector, ID, bond - out - burnt, bond - out - burnt + 1)
        );
        vault.payOut(ID, alice, bond - out - burnt + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IClaimVault.BondTooSmall.selector, ID, bond - out - burnt, type(uint256).max)
        );
        vault.burn(ID, type(uint256).max);
        vm.stopPrank();
    }

    /// @dev CV4: a bond is its holder's, under its id.
    function test_bond_ofAnother_reverts() public {
        vm.prank(payer);
        vault.hold{value: 10}(ID);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.BondTooSmall.selector, ID, 0, 1));
        vault.payOut(ID, alice, 1);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.BondTooSmall.selector, ID, 0, 1));
        vault.burn(ID, 1);
        vm.stopPrank();
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.BondTooSmall.selector, bytes32(0), 0, 1));
        vault.payOut(0, alice, 1);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidPayee.selector, address(0)));
        vault.payOut(ID, address(0), 1);
        vm.stopPrank();
    }

    /// @dev What is burnt is with nobody: not even with the contract that burns it.
    function test_burn_isGone_succeeds() public {
        vm.startPrank(payer);
        vault.hold{value: 10 ether}(ID);
        address burner = vm.computeCreateAddress(address(vault), vm.getNonce(address(vault)));
        vault.burn(ID, 10 ether);
        assertEq(address(vault).balance, 0);
        // The burner destroys itself in favour of itself; what it had goes at the end of the transaction.
        assertEq(burner.code.length, 0);
    }

    /* ROTATION */

    function test_rotate_movesClaims_succeeds() public {
        vault.credit{value: 5}(alice);
        vault.credit{value: 7}(bob);
        vm.expectEmit(address(vault));
        emit IClaimVault.Rotated(alice, bob);
        Rotations.rotate(alice, aliceKey, bob, bobKey);

        assertEq(vault.holderOf(alice), bob);
        assertEq(vault.holderOf(bob), bob);
        assertEq(vault.claimable(alice), 12);
        assertEq(vault.claimable(bob), 12);
        assertEq(vault.nonces(alice), 1);

        // Later credits follow, and the old address can't claim them.
        vm.expectEmit(address(vault));
        emit IClaimVault.Credited(bob, address(this), 1);
        vault.credit{value: 1}(alice);
        vm.prank(alice);
        assertEq(vault.claim(), 0);
        assertEq(vault.claimFor(alice), 13);
        assertEq(alice.balance, 0);
        assertEq(bob.balance, 13);
    }

    /// @dev CV5: however often a place is given on, all its addresses lead to who has it now, at the same cost.
    function test_rotate_manyTimes_succeeds() public {
        (address current, uint256 key) = (alice, aliceKey);
        vault.credit{value: 1}(alice);
        for (uint256 i = 1; i <= 100; ++i) {
            (address next, uint256 nextKey) = makeAddrAndKey(vm.toString(i));
            vault.credit{value: i}(next);
            Rotations.rotate(current, key, next, nextKey);
            (current, key) = (next, nextKey);
            assertEq(vault.holderOf(alice), current);
        }
        for (uint256 i = 1; i <= 100; ++i) {
            (address past,) = makeAddrAndKey(vm.toString(i));
            assertEq(vault.holderOf(past), current);
        }
        assertEq(vault.claimable(alice), 5051);
        uint256 before = gasleft();
        vault.holderOf(alice);
        assertLt(before - gasleft(), 15_000);
    }

    /// @dev CV6: without both signatures over this very rotation nothing moves.
    function test_rotate_notSignedByBoth_reverts() public {
        uint256 deadline = block.timestamp;
        bytes memory byAlice = Rotations.sign(aliceKey, alice, bob, 0, deadline);
        bytes memory byBob = Rotations.sign(bobKey, alice, bob, 0, deadline);

        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, bob));
        vault.rotate(alice, bob, deadline, byAlice, byAlice);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, alice));
        vault.rotate(alice, bob, deadline, byBob, byBob);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, alice));
        vault.rotate(alice, bob, deadline + 1, byAlice, byBob);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, alice));
        vault.rotate(alice, carol, deadline, byAlice, byBob);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, bob));
        vault.rotate(bob, alice, deadline, byAlice, byBob);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, alice));
        vault.rotate(alice, bob, deadline, "", byBob);
        bytes memory wrongNonce = Rotations.sign(aliceKey, alice, bob, 1, deadline);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, alice));
        vault.rotate(alice, bob, deadline, wrongNonce, byBob);
        assertEq(vault.holderOf(alice), alice);

        vault.rotate(alice, bob, deadline, byAlice, byBob);
        assertEq(vault.holderOf(alice), bob);
    }

    function test_rotate_onAnotherChain_reverts() public {
        uint256 deadline = block.timestamp;
        bytes memory byAlice = Rotations.sign(aliceKey, alice, bob, 0, deadline);
        bytes memory byBob = Rotations.sign(bobKey, alice, bob, 0, deadline);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, alice));
        vault.rotate(alice, bob, deadline, byAlice, byBob);
    }

    function test_rotate_expired_reverts() public {
        uint256 deadline = block.timestamp;
        bytes memory byAlice = Rotations.sign(aliceKey, alice, bob, 0, deadline);
        bytes memory byBob = Rotations.sign(bobKey, alice, bob, 0, deadline);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.SignatureExpired.selector, deadline));
        vault.rotate(alice, bob, deadline, byAlice, byBob);
    }

    function test_rotate_nonceInvalidated_reverts() public {
        uint256 deadline = block.timestamp;
        bytes memory byAlice = Rotations.sign(aliceKey, alice, bob, 0, deadline);
        bytes memory byBob = Rotations.sign(bobKey, alice, bob, 0, deadline);
        vm.prank(alice);
        vault.invalidateNonce();
        assertEq(vault.nonces(alice), 1);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, alice));
        vault.rotate(alice, bob, deadline, byAlice, byBob);
    }

    /// @dev CV7: a place has one holder, and there are no circles.
    function test_rotate_notRotatable_reverts() public {
        _expectNotRotatable(alice, aliceKey, alice, aliceKey, alice);
        Rotations.rotate(alice, aliceKey, bob, bobKey);
        _expectNotRotatable(alice, aliceKey, carol, carolKey, alice);
        _expectNotRotatable(bob, bobKey, alice, aliceKey, alice);
        _expectNotRotatable(carol, carolKey, alice, aliceKey, alice);
        _expectNotRotatable(carol, carolKey, bob, bobKey, bob);
        Rotations.rotate(bob, bobKey, carol, carolKey);
        _expectNotRotatable(bob, bobKey, carol, carolKey, bob);
        _expectNotRotatable(carol, carolKey, alice, aliceKey, alice);
        _expectNotRotatable(carol, carolKey, bob, bobKey, bob);
        assertEq(vault.holderOf(alice), carol);
    }

    function test_rotate_toWallet_succeeds() public {
        address wallet = address(new Wallet(carol));
        vault.credit{value: 5}(alice);
        uint256 deadline = block.timestamp;
        bytes memory byAlice = Rotations.sign(aliceKey, alice, wallet, 0, deadline);
        bytes memory byBob = Rotations.sign(bobKey, alice, wallet, 0, deadline);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.InvalidSignature.selector, wallet));
        vault.rotate(alice, wallet, deadline, byAlice, byBob);
        vault.rotate(alice, wallet, deadline, byAlice, Rotations.sign(carolKey, alice, wallet, 0, deadline));
        vault.claimFor(alice);
        assertEq(wallet.balance, 5);

        // And back out of it, by ERC-1271 on the other side.
        bytes memory byCarol = Rotations.sign(carolKey, wallet, bob, 0, deadline);
        vault.rotate(wallet, bob, deadline, byCarol, Rotations.sign(bobKey, wallet, bob, 0, deadline));
        assertEq(vault.holderOf(alice), bob);
    }

    /// @dev An account that EIP-7702 gave code which knows no ERC-1271 still has its key.
    function test_rotate_delegatedAccount_succeeds() public {
        vm.etch(alice, type(Refuser).runtimeCode);
        assertGt(alice.code.length, 0);
        Rotations.rotate(alice, aliceKey, bob, bobKey);
        assertEq(vault.holderOf(alice), bob);
    }

    /* HELPERS */

    function _list(uint256 length) private pure returns (address[] memory, uint256[] memory) {
        return (new address[](length), new uint256[](length));
    }

    function _expectNotRotatable(address from, uint256 fromKey, address to, uint256 toKey, address which) private {
        uint256 nonce = vault.nonces(from);
        uint256 deadline = block.timestamp;
        bytes memory fromSignature = Rotations.sign(fromKey, from, to, nonce, deadline);
        bytes memory toSignature = Rotations.sign(toKey, from, to, nonce, deadline);
        vm.expectRevert(abi.encodeWithSelector(IClaimVault.NotRotatable.selector, which));
        vault.rotate(from, to, deadline, fromSignature, toSignature);
    }
}
