// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OPEN} from "../../src/L1/OPEN.sol";
import {IOPEN} from "../../src/interfaces/IOPEN.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Test} from "forge-std/Test.sol";

contract OPENTest is Test {
    OPEN private open;
    address private immutable treasury = makeAddr("treasury");
    address private immutable bob = makeAddr("bob");

    function setUp() public {
        open = new OPEN(treasury);
    }

    function test_constructor_supply_succeeds() public view {
        assertEq(open.name(), "OpenLedger");
        assertEq(open.symbol(), "OPEN");
        assertEq(open.decimals(), 18);
        assertEq(open.INITIAL_SUPPLY(), 1_000_000_000e18);
        assertEq(open.totalSupply(), 1_000_000_000e18);
        assertEq(open.balanceOf(treasury), 1_000_000_000e18);
    }

    function test_constructor_zeroRecipient_reverts() public {
        vm.expectRevert(IOPEN.ZeroRecipient.selector);
        new OPEN(address(0));
    }

    /// @dev Property O1.
    function testFuzz_burn_balance_succeeds(uint256 value) public {
        value = bound(value, 0, open.INITIAL_SUPPLY());
        vm.prank(treasury);
        open.burn(value);
        assertEq(open.totalSupply(), open.INITIAL_SUPPLY() - value);
        assertEq(open.balanceOf(treasury), open.INITIAL_SUPPLY() - value);
    }

    function test_burn_tooMuch_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, bob, 0, 1));
        vm.prank(bob);
        open.burn(1);
    }

    function test_burnFrom_allowance_succeeds() public {
        vm.prank(treasury);
        open.approve(bob, 5);
        vm.startPrank(bob);
        open.burnFrom(treasury, 5);
        assertEq(open.totalSupply(), open.INITIAL_SUPPLY() - 5);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, bob, 0, 1));
        open.burnFrom(treasury, 1);
    }

    function test_permit_signature_succeeds() public {
        (address signer, uint256 key) = makeAddrAndKey("signer");
        bytes32 digest = _digest(signer, bob, 5, 0, block.timestamp);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        open.permit(signer, bob, 5, block.timestamp, v, r, s);
        assertEq(open.allowance(signer, bob), 5);
        assertEq(open.nonces(signer), 1);
    }

    function test_permit_othersSignature_reverts() public {
        (address signer,) = makeAddrAndKey("signer");
        (address thief, uint256 key) = makeAddrAndKey("thief");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _digest(signer, bob, 5, 0, block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612InvalidSigner.selector, thief, signer));
        open.permit(signer, bob, 5, block.timestamp, v, r, s);
    }

    function test_delegate_votes_succeeds() public {
        assertEq(open.getVotes(treasury), 0);
        vm.prank(treasury);
        open.delegate(treasury);
        assertEq(open.getVotes(treasury), open.INITIAL_SUPPLY());
        vm.roll(block.number + 1);
        vm.prank(treasury);
        open.transfer(bob, 10);
        assertEq(open.getVotes(treasury), open.INITIAL_SUPPLY() - 10);
        assertEq(open.getPastVotes(treasury, block.number - 1), open.INITIAL_SUPPLY());
    }

    function _digest(address from, address spender, uint256 value, uint256 nonce, uint256 deadline)
        private
        view
        returns (bytes32)
    {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash = keccak256(abi.encode(typeHash, from, spender, value, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", open.DOMAIN_SEPARATOR(), structHash));
    }
}
