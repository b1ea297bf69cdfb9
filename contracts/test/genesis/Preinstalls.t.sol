// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {WOPEN} from "../../src/L2/WOPEN.sol";
import {Test} from "forge-std/Test.sol";

interface IMulticall3 {
    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }

    struct Result {
        bool success;
        bytes returnData;
    }

    function aggregate3(Call3[] calldata calls) external payable returns (Result[] memory);
    function getChainId() external view returns (uint256);
}

interface ICreate2Deployer {
    function deploy(uint256 value, bytes32 salt, bytes memory code) external;
    function computeAddress(bytes32 salt, bytes32 codeHash) external view returns (address);
}

interface IPermit2 {
    function DOMAIN_SEPARATOR() external view returns (bytes32);
    function approve(address token, address spender, uint160 amount, uint48 expiration) external;
    function transferFrom(address from, address to, uint160 amount, address token) external;
}

interface IEntryPoint {
    function depositTo(address account) external payable;
    function balanceOf(address account) external view returns (uint256);
    function getSenderAddress(bytes calldata initCode) external;
    function senderCreator() external view returns (address);
    function getDomainSeparatorV4() external view returns (bytes32);
    function handleOps(PackedUserOperation[] calldata ops, address payable beneficiary) external;

    struct PackedUserOperation {
        address sender;
        uint256 nonce;
        bytes initCode;
        bytes callData;
        bytes32 accountGasLimits;
        uint256 preVerificationGas;
        bytes32 gasFees;
        bytes paymasterAndData;
        bytes signature;
    }
}

interface ISenderCreator {
    function createSender(bytes calldata initCode) external returns (address);
}

interface IERC1820 {
    function setInterfaceImplementer(address account, bytes32 interfaceHash, address implementer) external;
    function getInterfaceImplementer(address account, bytes32 interfaceHash) external view returns (address);
    function getManager(address account) external view returns (address);
}

/// @dev An account's factory, as the entry points call it.
contract Factory {
    function make() external returns (address) {
        return address(new WOPEN{salt: 0}());
    }
}

/// @dev Places `artifacts/preinstalls.json` and uses each contract. That the code is the canonical one is shown by
///      `tools/preinstalls.mjs`, which derives it.
contract PreinstallsTest is Test {
    address private constant DETERMINISTIC_DEPLOYER = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    address private constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;
    address private constant ENTRY_POINT_V07 = 0x0000000071727De22E5E9d8BAf0edAc6f37da032;
    address private constant ENTRY_POINT_V08 = 0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108;
    address private constant SENDER_CREATOR_V07 = 0xEFC2c1444eBCC4Db75e7613d20C6a62fF67A167C;
    address private constant SENDER_CREATOR_V08 = 0x449ED7C3e6Fee6a97311d4b55475DF59C44AdD33;
    address private constant BEACON_ROOTS = 0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02;
    address private constant HISTORY_STORAGE = 0x0000F90827F1C53a10cb7A02335B175320002935;
    address private constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;

    uint256 private count;

    function setUp() public {
        string memory json = vm.readFile("artifacts/preinstalls.json");
        for (uint256 i;; ++i) {
            string memory key = string.concat("[", vm.toString(i), "]");
            if (!vm.keyExistsJson(json, key)) break;
            address account = vm.parseJsonAddress(json, string.concat(key, ".address"));
            vm.etch(account, vm.parseJsonBytes(json, string.concat(key, ".code")));
            vm.setNonceUnsafe(account, uint64(vm.parseJsonUint(json, string.concat(key, ".nonce"))));
            if (vm.keyExistsJson(json, string.concat(key, ".storage"))) {
                string[] memory slots = vm.parseJsonKeys(json, string.concat(key, ".storage"));
                for (uint256 j; j < slots.length; ++j) {
                    bytes32 value = vm.parseJsonBytes32(json, string.concat(key, ".storage.", slots[j]));
                    vm.store(account, vm.parseBytes32(slots[j]), value);
                }
            }
            ++count;
        }
        vm.chainId(161_201);
    }

    function test_preinstalls_count_succeeds() public view {
        assertEq(count, 11);
    }

    function test_multicall3_aggregates_succeeds() public {
        IMulticall3 multicall = IMulticall3(0xcA11bde05977b3631167028862bE2a173976CA11);
        IMulticall3.Call3[] memory calls = new IMulticall3.Call3[](2);
        calls[0] = IMulticall3.Call3(address(multicall), false, abi.encodeCall(IMulticall3.getChainId, ()));
        calls[1] = IMulticall3.Call3(address(this), true, hex"01020304");
        IMulticall3.Result[] memory results = multicall.aggregate3(calls);
        assertEq(abi.decode(results[0].returnData, (uint256)), 161_201);
        assertFalse(results[1].success);
    }

    function test_deterministicDeployer_deploys_succeeds() public {
        bytes memory code = type(WOPEN).creationCode;
        (bool success, bytes memory result) = DETERMINISTIC_DEPLOYER.call(bytes.concat(bytes32(uint256(7)), code));
        assertTrue(success);
        address expected = vm.computeCreate2Address(bytes32(uint256(7)), keccak256(code), DETERMINISTIC_DEPLOYER);
        assertEq(address(bytes20(result)), expected);
        assertEq(WOPEN(payable(expected)).symbol(), "WOPEN");
    }

    function test_create2Deployer_deploys_succeeds() public {
        ICreate2Deployer deployer = ICreate2Deployer(0x13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2);
        assertEq(address(deployer).codehash, 0xb0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2);
        bytes memory code = type(WOPEN).creationCode;
        deployer.deploy(0, bytes32(uint256(7)), code);
        address made = deployer.computeAddress(bytes32(uint256(7)), keccak256(code));
        assertEq(made, vm.computeCreate2Address(bytes32(uint256(7)), keccak256(code), address(deployer)));
        assertEq(WOPEN(payable(made)).symbol(), "WOPEN");
    }

    /// @dev The cached domain separator is another chain's: it must be computed anew on this one, and used from the cache
    ///      on that one.
    function test_permit2_domainSeparator_succeeds() public {
        assertEq(IPermit2(PERMIT2).DOMAIN_SEPARATOR(), _permit2Domain(161_201));
        vm.chainId(1612);
        assertEq(IPermit2(PERMIT2).DOMAIN_SEPARATOR(), _permit2Domain(1612));
    }

    function test_permit2_transfers_succeeds() public {
        WOPEN token = new WOPEN();
        token.deposit{value: 5}();
        token.approve(PERMIT2, 5);
        IPermit2(PERMIT2).approve(address(token), address(0xB0B), 5, type(uint48).max);
        vm.prank(address(0xB0B));
        IPermit2(PERMIT2).transferFrom(address(this), address(0xB0B), 5, address(token));
        assertEq(token.balanceOf(address(0xB0B)), 5);
    }

    function test_entryPoints_deposit_succeeds() public {
        address[2] memory entryPoints = [ENTRY_POINT_V07, ENTRY_POINT_V08];
        for (uint256 i; i < 2; ++i) {
            IEntryPoint(entryPoints[i]).depositTo{value: 5}(address(0xB0B));
            assertEq(IEntryPoint(entryPoints[i]).balanceOf(address(0xB0B)), 5);
            // Not reentrant: the lock works from the storage given.
            vm.prank(address(0xEEEE), address(0xEEEE));
            IEntryPoint(entryPoints[i]).handleOps(new IEntryPoint.PackedUserOperation[](0), payable(address(0xB0B)));
        }
        assertEq(vm.load(ENTRY_POINT_V07, bytes32(uint256(2))), bytes32(uint256(1)));
    }

    /// @dev An entry point reaches its own sender creator: it asks it to make the account, and reports the address.
    function test_entryPoints_senderCreator_succeeds() public {
        address[2] memory entryPoints = [ENTRY_POINT_V07, ENTRY_POINT_V08];
        address[2] memory creators = [SENDER_CREATOR_V07, SENDER_CREATOR_V08];
        Factory factory = new Factory();
        bytes memory initCode = abi.encodePacked(factory, Factory.make.selector);
        address account = vm.computeCreate2Address(bytes32(0), keccak256(type(WOPEN).creationCode), address(factory));
        for (uint256 i; i < 2; ++i) {
            vm.expectCall(creators[i], abi.encodeCall(ISenderCreator.createSender, (initCode)));
            vm.expectRevert(abi.encodeWithSignature("SenderAddressResult(address)", account));
            IEntryPoint(entryPoints[i]).getSenderAddress(initCode);
            assertEq(creators[i], vm.computeCreateAddress(entryPoints[i], 1));
            assertEq(vm.getNonce(entryPoints[i]), 2);
        }
        assertEq(IEntryPoint(ENTRY_POINT_V08).senderCreator(), SENDER_CREATOR_V08);
    }

    function test_entryPointV08_domainSeparator_succeeds() public {
        assertEq(IEntryPoint(ENTRY_POINT_V08).getDomainSeparatorV4(), _entryPointDomain(161_201));
        vm.chainId(1612);
        assertEq(IEntryPoint(ENTRY_POINT_V08).getDomainSeparatorV4(), _entryPointDomain(1612));
    }

    function test_erc1820_registers_succeeds() public {
        IERC1820 registry = IERC1820(0x1820a4B7618BdE71Dce8cdc73aAB6C95905faD24);
        assertEq(registry.getManager(address(this)), address(this));
        registry.setInterfaceImplementer(address(0), keccak256("Test"), address(0));
        assertEq(registry.getInterfaceImplementer(address(this), keccak256("Test")), address(0));
        registry.setInterfaceImplementer(address(this), keccak256("Test"), address(this));
        assertEq(registry.getInterfaceImplementer(address(this), keccak256("Test")), address(this));
    }

    function test_beaconRoots_systemCall_succeeds() public {
        vm.warp(1_700_000_000);
        vm.prank(SYSTEM);
        (bool set,) = BEACON_ROOTS.call(abi.encode(bytes32(uint256(0xBEAC))));
        (bool got, bytes memory root) = BEACON_ROOTS.call(abi.encode(uint256(1_700_000_000)));
        assertTrue(set && got);
        assertEq(bytes32(root), bytes32(uint256(0xBEAC)));
    }

    function test_historyStorage_systemCall_succeeds() public {
        vm.roll(100);
        vm.prank(SYSTEM);
        (bool set,) = HISTORY_STORAGE.call(abi.encode(bytes32(uint256(0x1235))));
        (bool got, bytes memory hash) = HISTORY_STORAGE.call(abi.encode(uint256(99)));
        assertTrue(set && got);
        assertEq(bytes32(hash), bytes32(uint256(0x1235)));
    }

    /// @dev For ERC-1820: this contract implements the interface for itself.
    function canImplementInterfaceForAddress(bytes32, address) external pure returns (bytes32) {
        return keccak256("ERC1820_ACCEPT_MAGIC");
    }

    function _permit2Domain(uint256 chainId) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
        return keccak256(abi.encode(typeHash, keccak256("Permit2"), chainId, PERMIT2));
    }

    function _entryPointDomain(uint256 chainId) private pure returns (bytes32) {
        bytes32 typeHash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        return keccak256(abi.encode(typeHash, keccak256("ERC4337"), keccak256("1"), chainId, ENTRY_POINT_V08));
    }
}
