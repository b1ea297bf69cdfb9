// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SystemConfig} from "../../src/L1/SystemConfig.sol";
import {ISystemConfig} from "../../src/interfaces/ISystemConfig.sol";
import {Proxy} from "../../src/proxy/Proxy.sol";
import {ProxyAdmin} from "../../src/proxy/ProxyAdmin.sol";
import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

/// @dev What an OP pipeline makes of a `ConfigUpdate` event (OP specification, "System config updates"), and the strictest of
///      what is known to be refused: paddings that aren't zero, lengths and offsets other than the encoder's, unknown types
///      and forms. Then, whether L2's blocks can be made with the result.
library ConfigUpdateModel {
    struct Config {
        address batcher;
        uint32 basefeeScalar;
        uint32 blobbasefeeScalar;
        uint64 gasLimit;
        uint32 denominator;
        uint32 elasticity;
        uint32 operatorFeeScalar;
        uint64 operatorFeeConstant;
        address unsafeBlockSigner;
    }

    error Refused(string reason);

    function apply_(Config memory config, Vm.Log memory log) internal pure {
        _require(log.topics.length == 3, "topics");
        _require(log.topics[0] == keccak256("ConfigUpdate(uint256,uint8,bytes)"), "event");
        _require(log.topics[1] == 0, "version");
        uint256 updateType = uint256(log.topics[2]);
        _require(updateType <= 5, "type");
        uint256 length = updateType == 1 ? 64 : 32;
        _require(log.data.length == 64 + length, "data length");
        _require(_word(log.data, 0) == 32, "offset");
        _require(_word(log.data, 1) == length, "length");
        uint256 value = _word(log.data, 2);

        if (updateType == 0) {
            _require(value >> 160 == 0, "batcher padding");
            config.batcher = address(uint160(value));
        } else if (updateType == 1) {
            uint256 scalar = _word(log.data, 3);
            _require(scalar >> 248 == 1, "scalar version");
            _require((scalar << 8) >> 72 == 0, "scalar padding");
            config.blobbasefeeScalar = uint32(scalar >> 32);
            config.basefeeScalar = uint32(scalar);
        } else if (updateType == 2) {
            _require(value >> 64 == 0, "gas limit padding");
            config.gasLimit = uint64(value);
        } else if (updateType == 3) {
            _require(value >> 160 == 0, "signer padding");
            config.unsafeBlockSigner = address(uint160(value));
        } else if (updateType == 4) {
            _require(value >> 64 == 0, "EIP-1559 padding");
            config.denominator = uint32(value >> 32);
            config.elasticity = uint32(value);
        } else {
            _require(value >> 96 == 0, "operator fee padding");
            config.operatorFeeScalar = uint32(value >> 64);
            config.operatorFeeConstant = uint64(value);
        }
    }

    /// @dev Payload attributes with these parameters are accepted, and blocks with them have a next base fee.
    function check(Config memory config) internal pure {
        // Holocene: both zero, or neither.
        _require((config.denominator == 0) == (config.elasticity == 0), "EIP-1559 parameters");
        // One L1 block's deposits and the attributes must fit.
        _require(config.gasLimit >= 20_000_000 + 1_000_000, "gas limit below deposits");
        _require(config.gasLimit <= 1_000_000_000, "gas limit above maximum");
        if (config.elasticity == 0) return;
        uint256 target = config.gasLimit / config.elasticity;
        _require(target != 0, "gas target of zero");
        // A full block at most doubles the base fee, but for the rounding of the target: so it stays in 64 bits, which
        // pipelines give it, unless somebody fills blocks at 9 OPEN per gas.
        uint256 baseFee = 1 ether;
        uint256 next = baseFee + baseFee * (config.gasLimit - target) / target / config.denominator;
        _require(next <= 2 * baseFee + baseFee / target, "base fee more than doubles");
    }

    function _word(bytes memory data, uint256 index) private pure returns (uint256 word) {
        for (uint256 i = 32 * index; i < 32 * index + 32; ++i) {
            word = (word << 8) | uint8(data[i]);
        }
    }

    function _require(bool condition, string memory reason) private pure {
        if (!condition) revert Refused(reason);
    }
}

/// @dev Property S1: the owner can't say anything by which derivation would stop.
contract SystemConfigParserTest is Test {
    using ConfigUpdateModel for ConfigUpdateModel.Config;

    ProxyAdmin private admin;
    SystemConfig private config;

    function setUp() public {
        admin = new ProxyAdmin(address(this));
    }

    /// @dev Any parameters at all: either they are refused, or every event that they cause is understood, and means them.
    function testFuzz_initialize_anything_isDerivable(ISystemConfig.Parameters memory parameters, uint256 seed) public {
        parameters.owner = address(this);
        parameters.gasLimit = _nearBounds(parameters.gasLimit, seed);
        (parameters.eip1559Denominator, parameters.eip1559Elasticity) = _nearValid(seed);
        if (seed % 3 != 0) parameters.batcherHash = bytes32(uint256(uint160(uint256(parameters.batcherHash))));
        address payable proxy = payable(address(new Proxy(address(admin))));
        address code = address(new SystemConfig());
        vm.recordLogs();
        try admin.upgradeAndCall(proxy, code, abi.encodeCall(ISystemConfig.initialize, (parameters))) {
            config = SystemConfig(proxy);
            _assertDerived(_derive(_emptyConfig(), 6));
        } catch {
            assertTrue(_isBad(parameters));
        }
    }

    /// @dev Any sequence of changes.
    function testFuzz_setters_anything_isDerivable(uint256[8] memory words) public {
        address payable proxy = payable(address(new Proxy(address(admin))));
        ISystemConfig.Parameters memory parameters = ISystemConfig.Parameters({
            owner: address(this),
            batcherHash: bytes32(uint256(1)),
            basefeeScalar: 2,
            blobbasefeeScalar: 3,
            gasLimit: 30_000_000,
            unsafeBlockSigner: address(4),
            eip1559Denominator: 250,
            eip1559Elasticity: 6,
            operatorFeeScalar: 0,
            operatorFeeConstant: 0,
            batchInbox: address(5)
        });
        vm.recordLogs();
        admin.upgradeAndCall(proxy, address(new SystemConfig()), abi.encodeCall(ISystemConfig.initialize, (parameters)));
        config = SystemConfig(proxy);
        ConfigUpdateModel.Config memory derived = _derive(_emptyConfig(), 6);
        for (uint256 i; i < words.length; ++i) {
            vm.recordLogs();
            (bool accepted,) = address(config).call(_setter(words[i]));
            derived = _derive(derived, accepted ? 1 : 0);
            _assertDerived(derived);
        }
    }

    function testFuzz_setBatcherHash_notAddress_reverts(bytes32 hash) public {
        _start();
        if (uint256(hash) >> 160 == 0) hash |= bytes32(uint256(1) << 160);
        vm.expectRevert(abi.encodeWithSelector(ISystemConfig.BatcherHashNotAnAddress.selector, hash));
        config.setBatcherHash(hash);
    }

    function test_setEIP1559Params_bounds() public {
        _start();
        config.setEIP1559Params(5, 6);
        config.setEIP1559Params(999, 1000);
        config.setEIP1559Params(1, 1);
        config.setEIP1559Params(type(uint32).max, 1000);
        _expectOutOfBounds(4, 6);
        _expectOutOfBounds(1000, 1001);
        _expectOutOfBounds(type(uint32).max, type(uint32).max);
    }

    function _expectOutOfBounds(uint32 denominator, uint32 elasticity) private {
        vm.expectRevert(
            abi.encodeWithSelector(ISystemConfig.EIP1559ParamsOutOfBounds.selector, denominator, elasticity)
        );
        config.setEIP1559Params(denominator, elasticity);
    }

    function _start() private {
        testFuzz_setters_anything_isDerivable([uint256(0), 0, 0, 0, 0, 0, 0, 0]);
    }

    /// @dev Calldata of one of the setters; often near the edge of what is allowed.
    function _setter(uint256 word) private pure returns (bytes memory) {
        uint256 kind = word % 6;
        uint256 value = uint256(keccak256(abi.encode(word)));
        if (kind == 0) {
            bytes32 hash = bytes32(word & 64 == 0 ? value : value >> 96);
            return abi.encodeCall(ISystemConfig.setBatcherHash, (hash));
        }
        if (kind == 1) {
            return abi.encodeCall(ISystemConfig.setGasConfigEcotone, (uint32(value), uint32(value >> 32)));
        }
        if (kind == 2) return abi.encodeCall(ISystemConfig.setGasLimit, (_nearBounds(uint64(value), value >> 64)));
        if (kind == 3) return abi.encodeCall(ISystemConfig.setUnsafeBlockSigner, (address(uint160(value))));
        if (kind == 4) {
            (uint32 denominator, uint32 elasticity) = _nearValid(value);
            return abi.encodeCall(ISystemConfig.setEIP1559Params, (denominator, elasticity));
        }
        return abi.encodeCall(ISystemConfig.setOperatorFeeScalars, (uint32(value), uint64(value >> 32)));
    }

    function _nearBounds(uint64 any, uint256 seed) private pure returns (uint64) {
        if (seed % 4 == 0) return 21_000_000 - 2 + uint64(seed >> 8) % 5;
        if (seed % 4 == 1) return 1_000_000_000 - 2 + uint64(seed >> 8) % 5;
        if (seed % 4 == 2) return 21_000_000 + any % 979_000_000;
        return any;
    }

    function _nearValid(uint256 seed) private pure returns (uint32 denominator, uint32 elasticity) {
        denominator = uint32(seed >> 128);
        elasticity = uint32(seed >> 160);
        if (seed % 5 == 0) denominator %= 1500;
        if (seed % 5 <= 1) elasticity %= 1500;
        if (seed % 5 == 2) (denominator, elasticity) = (0, 0);
        if (seed % 5 == 3) {
            (denominator, elasticity) = (elasticity % 1200, elasticity % 1200 + uint32(seed >> 200) % 3);
        }
    }

    /// @dev What was recorded, as derivation sees it.
    function _derive(ConfigUpdateModel.Config memory from, uint256 events)
        private
        returns (ConfigUpdateModel.Config memory derived)
    {
        derived = from;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 updates;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != ISystemConfig.ConfigUpdate.selector) continue;
            assertEq(logs[i].emitter, address(config));
            derived.apply_(logs[i]);
            ++updates;
        }
        assertEq(updates, events);
    }

    function _assertDerived(ConfigUpdateModel.Config memory derived) private view {
        derived.check();
        assertEq(bytes32(uint256(uint160(derived.batcher))), config.batcherHash());
        assertEq(derived.basefeeScalar, config.basefeeScalar());
        assertEq(derived.blobbasefeeScalar, config.blobbasefeeScalar());
        assertEq(derived.gasLimit, config.gasLimit());
        assertEq(derived.denominator, config.eip1559Denominator());
        assertEq(derived.elasticity, config.eip1559Elasticity());
        assertEq(derived.operatorFeeScalar, config.operatorFeeScalar());
        assertEq(derived.operatorFeeConstant, config.operatorFeeConstant());
        assertEq(derived.unsafeBlockSigner, config.unsafeBlockSigner());
    }

    function _emptyConfig() private pure returns (ConfigUpdateModel.Config memory empty) {}

    /// @dev Whether there is a reason to refuse these.
    function _isBad(ISystemConfig.Parameters memory parameters) private pure returns (bool) {
        return parameters.batchInbox == address(0) || uint256(parameters.batcherHash) >> 160 != 0
            || parameters.gasLimit < 21_000_000 || parameters.gasLimit > 1_000_000_000
            || (parameters.eip1559Denominator == 0) != (parameters.eip1559Elasticity == 0)
            || parameters.eip1559Elasticity > 1000
            || parameters.eip1559Elasticity > uint256(parameters.eip1559Denominator) + 1;
    }
}
