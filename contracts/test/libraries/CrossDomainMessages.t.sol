// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L2CrossDomainMessenger} from "../../src/L2/L2CrossDomainMessenger.sol";
import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {CrossDomainMessages} from "../../src/libraries/CrossDomainMessages.sol";
import {Test} from "forge-std/Test.sol";

/// @dev The examples of docs/spec/messages.md are read from the page itself.
contract CrossDomainMessagesTest is Test {
    string private page;

    function setUp() public {
        page = vm.readFile("../docs/spec/messages.md");
    }

    function test_encode_example_succeeds() public {
        string memory message = _block("json message");
        bytes memory encoded = CrossDomainMessages.encode(
            vm.parseJsonUint(message, ".nonce"),
            vm.parseJsonAddress(message, ".sender"),
            vm.parseJsonAddress(message, ".target"),
            vm.parseJsonUint(message, ".value"),
            vm.parseJsonUint(message, ".minGasLimit"),
            vm.parseJsonBytes(message, ".message")
        );
        assertEq(encoded, _hex("hex encoded"));
        assertEq(abi.encodePacked(keccak256(encoded)), _hex("hex hash"));
        assertEq(CrossDomainMessages.version(vm.parseJsonUint(message, ".nonce")), 1);
        assertEq(
            new L2CrossDomainMessenger()
                .baseGas(vm.parseJsonBytes(message, ".message"), uint32(vm.parseJsonUint(message, ".minGasLimit"))),
            vm.parseJsonUint(message, ".baseGas")
        );
    }

    function test_applyAlias_examples_succeeds() public view {
        string memory aliases = _block("json aliases");
        uint256 count;
        for (; vm.keyExistsJson(aliases, _item(count, "")); ++count) {
            address l1 = vm.parseJsonAddress(aliases, _item(count, ".l1"));
            address l2 = vm.parseJsonAddress(aliases, _item(count, ".l2"));
            assertEq(AddressAliasing.applyAlias(l1), l2);
            assertEq(AddressAliasing.undoAlias(l2), l1);
        }
        assertEq(count, 3);
    }

    function testFuzz_alias_isOneToOne(address one, address two) public pure {
        assertEq(AddressAliasing.undoAlias(AddressAliasing.applyAlias(one)), one);
        assertEq(AddressAliasing.applyAlias(AddressAliasing.undoAlias(one)), one);
        assertEq(AddressAliasing.applyAlias(one) == AddressAliasing.applyAlias(two), one == two);
        assertTrue(AddressAliasing.applyAlias(one) != one);
    }

    /// @dev Property X6: a nonce's version is what it was made with, and two different messages have different hashes.
    function testFuzz_hash_tellsApart(
        uint256 nonce,
        address sender,
        address target,
        uint256 value,
        uint256 gas,
        bytes memory message,
        bytes memory other
    ) public pure {
        bytes32 hash = CrossDomainMessages.hash(nonce, sender, target, value, gas, message);
        assertEq(
            hash,
            keccak256(
                abi.encodeWithSignature(
                    "relayMessage(uint256,address,address,uint256,uint256,bytes)",
                    nonce,
                    sender,
                    target,
                    value,
                    gas,
                    message
                )
            )
        );
        assertEq(
            hash == CrossDomainMessages.hash(nonce, sender, target, value, gas, other),
            keccak256(message) == keccak256(other)
        );
        assertEq(CrossDomainMessages.version(nonce), nonce >> 240);
    }

    function _item(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat("[", vm.toString(i), "]", field);
    }

    /// @dev Content of the page's one code block with this label.
    function _block(string memory label) private view returns (string memory) {
        string[] memory parts = vm.split(page, string.concat("```", label, "\n"));
        assertEq(parts.length, 2, label);
        return vm.split(parts[1], "```")[0];
    }

    /// @dev The bytes of a block of hexadecimal lines.
    function _hex(string memory label) private view returns (bytes memory) {
        string memory digits = vm.replace(vm.replace(_block(label), "\n", ""), " ", "");
        return vm.parseBytes(string.concat("0x", digits));
    }
}
