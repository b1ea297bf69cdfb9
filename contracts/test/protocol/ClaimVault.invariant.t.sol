// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {Refuser} from "./ClaimVault.t.sol";
import {ProtocolTest} from "./ProtocolTest.sol";
import {Rotations} from "./Rotations.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Credits, claims, holds, pays out, burns and rotates at random, and keeps the books by itself.
contract ClaimVaultHandler is Test {
    IClaimVault private constant vault = IClaimVault(Predeploys.CLAIM_VAULT);
    uint256 private constant ACCOUNTS = 6;
    uint256 private constant BONDS = 2;

    uint256[] private keys;
    address[] public accounts;
    /// @dev By account; what the model says.
    mapping(address => uint256) public claims;
    mapping(address => mapping(bytes32 => uint256)) public bonds;
    mapping(address => address) public successor;
    mapping(address => bool) private hasPlace;
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public burnt;

    constructor() {
        for (uint256 i = 0; i < ACCOUNTS; ++i) {
            (address account, uint256 key) = makeAddrAndKey(vm.toString(i));
            accounts.push(account);
            keys.push(key);
        }
        // One that takes no payment.
        vm.etch(accounts[ACCOUNTS - 1], type(Refuser).runtimeCode);
    }

    function count() external view returns (uint256) {
        return accounts.length;
    }

    function credit(uint256 who, uint96 amount) external {
        address payee = accounts[who % ACCOUNTS];
        vm.deal(address(this), amount);
        vault.credit{value: amount}(payee);
        claims[holder(payee)] += amount;
        paidIn += amount;
    }

    function creditMany(uint256 seed) external {
        address[] memory payees = new address[](seed % 7);
        uint256[] memory amounts = new uint256[](payees.length);
        uint256 total;
        for (uint256 i = 0; i < payees.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            payees[i] = accounts[seed % ACCOUNTS];
            amounts[i] = (seed >> 64) % 1e24;
            claims[holder(payees[i])] += amounts[i];
            total += amounts[i];
        }
        vm.deal(address(this), total);
        vault.creditMany{value: total}(payees, amounts);
        paidIn += total;
    }

    function claim(uint256 who) external {
        address account = accounts[who % ACCOUNTS];
        vm.prank(account);
        try vault.claim() returns (uint256 amount) {
            assertEq(amount, claims[account], "claim");
            paidOut += amount;
            claims[account] = 0;
        } catch {
            assertEq(account, accounts[ACCOUNTS - 1], "only the refuser can't claim");
        }
    }

    function claimForMany(uint256 seed) external {
        address[] memory payees = new address[](1 + seed % 5);
        for (uint256 i = 0; i < payees.length; ++i) {
            payees[i] = accounts[(seed >> (8 * (i + 1))) % ACCOUNTS];
        }
        uint256[] memory amounts = vault.claimForMany(payees);
        for (uint256 i = 0; i < payees.length; ++i) {
            address to = holder(payees[i]);
            if (to == accounts[ACCOUNTS - 1]) {
                assertEq(amounts[i], 0, "the refuser isn't paid");
                continue;
            }
            assertEq(amounts[i], claims[to], "claimForMany");
            paidOut += amounts[i];
            claims[to] = 0;
        }
    }

    function hold(uint256 who, uint256 which, uint96 amount) external {
        address account = accounts[who % ACCOUNTS];
        vm.deal(address(this), amount);
        vm.deal(account, account.balance + amount);
        vm.prank(account);
        vault.hold{value: amount}(bytes32(which % BONDS));
        bonds[account][bytes32(which % BONDS)] += amount;
        paidIn += amount;
    }

    function payOut(uint256 who, uint256 which, uint256 to, uint256 amount) external {
        address account = accounts[who % ACCOUNTS];
        address payee = accounts[to % ACCOUNTS];
        bytes32 id = bytes32(which % BONDS);
        amount = bound(amount, 0, bonds[account][id]);
        vm.prank(account);
        vault.payOut(id, payee, amount);
        bonds[account][id] -= amount;
        claims[holder(payee)] += amount;
    }

    function burn(uint256 who, uint256 which, uint256 amount) external {
        address account = accounts[who % ACCOUNTS];
        bytes32 id = bytes32(which % BONDS);
        amount = bound(amount, 0, bonds[account][id]);
        vm.prank(account);
        vault.burn(id, amount);
        bonds[account][id] -= amount;
        burnt += amount;
    }

    function rotate(uint256 from, uint256 to) external {
        (from, to) = (from % ACCOUNTS, to % ACCOUNTS);
        (address a, address b) = (accounts[from], accounts[to]);
        bytes memory signatureA = Rotations.sign(keys[from], a, b, vault.nonces(a), block.timestamp);
        bytes memory signatureB = Rotations.sign(keys[to], a, b, vault.nonces(a), block.timestamp);
        bool possible = a != b && successor[a] == address(0) && successor[b] == address(0) && !hasPlace[b];
        try vault.rotate(a, b, block.timestamp, signatureA, signatureB) {
            assertTrue(possible, "rotated");
            successor[a] = b;
            hasPlace[b] = true;
            claims[b] += claims[a];
            claims[a] = 0;
        } catch {
            assertFalse(possible, "not rotated");
        }
    }

    /// @dev The plain way: from one to the next.
    function holder(address account) public view returns (address) {
        while (successor[account] != address(0)) account = successor[account];
        return account;
    }
}

/// @dev CV1, CV2, CV5: contracts/PROPERTIES.md.
/// forge-config: default.invariant.runs = 24
/// forge-config: default.invariant.fail-on-revert = true
contract ClaimVaultInvariantTest is ProtocolTest {
    IClaimVault private constant vault = IClaimVault(Predeploys.CLAIM_VAULT);

    ClaimVaultHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new ClaimVaultHandler();
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = ClaimVaultHandler.credit.selector;
        selectors[1] = ClaimVaultHandler.creditMany.selector;
        selectors[2] = ClaimVaultHandler.claim.selector;
        selectors[3] = ClaimVaultHandler.claimForMany.selector;
        selectors[4] = ClaimVaultHandler.hold.selector;
        selectors[5] = ClaimVaultHandler.payOut.selector;
        selectors[6] = ClaimVaultHandler.burn.selector;
        selectors[7] = ClaimVaultHandler.rotate.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
        targetContract(address(handler));
    }

    function invariant_balance_isClaimsAndBonds() public view {
        uint256 owed;
        uint256 held;
        for (uint256 i = 0; i < handler.count(); ++i) {
            address account = handler.accounts(i);
            assertEq(vault.holderOf(account), handler.holder(account), "holder");
            assertEq(vault.claimable(account), handler.claims(handler.holder(account)), "claim");
            if (vault.holderOf(account) == account) owed += vault.claimable(account);
            for (uint256 j = 0; j < 2; ++j) {
                assertEq(vault.held(account, bytes32(j)), handler.bonds(account, bytes32(j)), "bond");
                held += vault.held(account, bytes32(j));
            }
        }
        assertEq(address(vault).balance, owed + held, "balance");
        assertEq(handler.paidIn(), owed + held + handler.paidOut() + handler.burnt(), "conservation");
    }
}
