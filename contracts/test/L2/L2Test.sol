// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {Test} from "forge-std/Test.sol";

/// @title L2Test
/// @notice Starts every test from the L2 genesis that `genesis/layout.json` describes, with the code under test. Initialisers
///         of the protocol's contracts haven't run: `ProtocolTest` runs them.
abstract contract L2Test is Test {
    bytes32 internal constant IMPLEMENTATION_SLOT = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    bytes32 internal constant ADMIN_SLOT = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    address internal immutable feeRecipient = makeAddr("feeRecipient");
    address internal immutable l1CrossDomainMessenger = makeAddr("l1CrossDomainMessenger");
    address internal immutable l1StandardBridge = makeAddr("l1StandardBridge");

    function setUp() public virtual {
        string memory json = vm.readFile("genesis/layout.json");
        bytes memory proxy = vm.getDeployedCode("src/proxy/Proxy.sol:Proxy");
        for (uint256 i; vm.keyExistsJson(json, _key(i, "")); ++i) {
            _place(json, i, proxy);
        }
    }

    function _place(string memory json, uint256 i, bytes memory proxy) private {
        address predeploy = vm.parseJsonAddress(json, _key(i, ".address"));
        string memory artifact = vm.parseJsonString(json, _key(i, ".artifact"));
        bytes memory code = vm.getDeployedCode(string.concat(artifact, ".sol:", artifact));
        if (predeploy == Predeploys.WOPEN) {
            vm.etch(predeploy, code);
        } else {
            vm.etch(predeploy, proxy);
            vm.etch(vm.parseJsonAddress(json, _key(i, ".implementation")), code);
        }
        vm.setNonceUnsafe(predeploy, 1);

        string[] memory slots = vm.parseJsonKeys(json, _key(i, ".storage"));
        for (uint256 j; j < slots.length; ++j) {
            bytes32 value = vm.parseJsonBytes32(json, string.concat(_key(i, ".storage."), slots[j]));
            vm.store(predeploy, vm.parseBytes32(slots[j]), value);
        }
        for (uint256 j; vm.keyExistsJson(json, _dependentKey(i, j, "")); ++j) {
            bytes32 slot = vm.parseJsonBytes32(json, _dependentKey(i, j, ".slot"));
            address value = _chainValue(vm.parseJsonString(json, _dependentKey(i, j, ".value")));
            vm.store(predeploy, slot, vm.load(predeploy, slot) | bytes32(uint256(uint160(value))));
        }
    }

    function _chainValue(string memory name) private view returns (address) {
        if (keccak256(bytes(name)) == keccak256("feeRecipient")) return feeRecipient;
        if (keccak256(bytes(name)) == keccak256("l1CrossDomainMessenger")) return l1CrossDomainMessenger;
        if (keccak256(bytes(name)) == keccak256("l1StandardBridge")) return l1StandardBridge;
        revert(string.concat("unknown chain-dependent value ", name));
    }

    function _key(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(".predeploys[", vm.toString(i), "]", field);
    }

    function _dependentKey(uint256 i, uint256 j, string memory field) private pure returns (string memory) {
        return string.concat(_key(i, ".chainDependent["), vm.toString(j), "]", field);
    }
}
