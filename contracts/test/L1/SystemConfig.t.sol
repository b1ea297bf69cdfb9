// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SystemConfig} from "../../src/L1/SystemConfig.sol";
import {ISystemConfig} from "../../src/interfaces/ISystemConfig.sol";
import {Proxy} from "../../src/proxy/Proxy.sol";
import {ProxyAdmin} from "../../src/proxy/ProxyAdmin.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Test} from "forge-std/Test.sol";

contract SystemConfigTest is Test {
    address private immutable owner = makeAddr("owner");
    ProxyAdmin private admin;
    SystemConfig private config;
    address private implementation;

    function setUp() public {
        vm.roll(1234);
        admin = new ProxyAdmin(address(this));
        implementation = address(new SystemConfig());
        config = _deploy(_parameters());
    }

    function test_initialize_parameters_succeeds() public view {
        assertEq(config.owner(), owner);
        assertEq(config.batcherHash(), bytes32(uint256(uint160(0xBA7C))));
        assertEq(config.basefeeScalar(), 1368);
        assertEq(config.blobbasefeeScalar(), 810_949);
        assertEq(config.scalar(), (uint256(1) << 248) | (uint256(810_949) << 32) | 1368);
        assertEq(config.overhead(), 0);
        assertEq(config.gasLimit(), 30_000_000);
        assertEq(config.unsafeBlockSigner(), address(0x5168));
        assertEq(config.eip1559Denominator(), 250);
        assertEq(config.eip1559Elasticity(), 6);
        assertEq(config.operatorFeeScalar(), 11);
        assertEq(config.operatorFeeConstant(), 12);
        assertEq(config.batchInbox(), address(0x1B0C));
        assertEq(config.startBlock(), 1234);
        assertEq(config.minimumGasLimit(), 21_000_000);
        assertEq(config.maximumGasLimit(), 1_000_000_000);
        assertEq(config.VERSION(), 0);
        assertEq(config.version(), "1.1.0");
        assertEq(config.resourceConfig().maxResourceLimit, 20_000_000);
        assertEq(config.resourceConfig().systemTxMaxGas, 1_000_000);
    }

    function test_initialize_events_succeeds() public {
        Proxy proxy = new Proxy(address(admin));
        vm.expectEmit(address(proxy));
        emit ISystemConfig.ConfigUpdate(
            0, ISystemConfig.UpdateType.BATCHER, abi.encode(bytes32(uint256(uint160(0xBA7C))))
        );
        vm.expectEmit(address(proxy));
        emit ISystemConfig.ConfigUpdate(
            0,
            ISystemConfig.UpdateType.FEE_SCALARS,
            abi.encode(uint256(0), (uint256(1) << 248) | (uint256(810_949) << 32) | 1368)
        );
        vm.expectEmit(address(proxy));
        emit ISystemConfig.ConfigUpdate(0, ISystemConfig.UpdateType.GAS_LIMIT, abi.encode(uint256(30_000_000)));
        vm.expectEmit(address(proxy));
        emit ISystemConfig.ConfigUpdate(0, ISystemConfig.UpdateType.UNSAFE_BLOCK_SIGNER, abi.encode(address(0x5168)));
        vm.expectEmit(address(proxy));
        emit ISystemConfig.ConfigUpdate(
            0, ISystemConfig.UpdateType.EIP_1559_PARAMS, abi.encode((uint256(250) << 32) | 6)
        );
        vm.expectEmit(address(proxy));
        emit ISystemConfig.ConfigUpdate(0, ISystemConfig.UpdateType.OPERATOR_FEE, abi.encode((uint256(11) << 64) | 12));
        admin.upgradeAndCall(
            payable(address(proxy)), implementation, abi.encodeCall(ISystemConfig.initialize, (_parameters()))
        );
    }

    function test_ConfigUpdate_topic_succeeds() public pure {
        assertEq(ISystemConfig.ConfigUpdate.selector, keccak256("ConfigUpdate(uint256,uint8,bytes)"));
        assertEq(uint8(ISystemConfig.UpdateType.OPERATOR_FEE), 5);
    }

    function test_initialize_twice_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        config.initialize(_parameters());
    }

    function test_initialize_implementation_reverts() public {
        assertEq(SystemConfig(implementation).owner(), address(0));
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        SystemConfig(implementation).initialize(_parameters());
    }

    function test_initialize_badParameters_reverts() public {
        ISystemConfig.Parameters memory parameters = _parameters();
        parameters.owner = address(0);
        _expectRefused(parameters, abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));

        parameters = _parameters();
        parameters.batchInbox = address(0);
        _expectRefused(parameters, abi.encodeWithSelector(ISystemConfig.ZeroBatchInbox.selector));

        parameters = _parameters();
        parameters.gasLimit = 20_999_999;
        _expectRefused(parameters, _gasLimitError(20_999_999));

        parameters = _parameters();
        parameters.eip1559Denominator = 0;
        _expectRefused(
            parameters, abi.encodeWithSelector(ISystemConfig.IncompleteEIP1559Params.selector, uint32(0), uint32(6))
        );
    }

    function test_slots_readWithoutCalling_succeeds() public view {
        // The OP Stack's slots; the first is where nodes read the signer.
        assertEq(config.BATCH_INBOX_SLOT(), 0x71ac12829d66ee73d8d95bff50b3589745ce57edae70a3fb111a2342464dc597);
        assertEq(config.START_BLOCK_SLOT(), 0xa11ee3ab75b40e88a0105e935d17cd36c8faee0138320d776c411291bdbbb19f);
        assertEq(config.UNSAFE_BLOCK_SIGNER_SLOT(), 0x65a7ed542fb37fe237fdfbdd70b31598523fe5b32879e307bae27a0bd9581c08);
        assertEq(
            vm.load(address(config), config.UNSAFE_BLOCK_SIGNER_SLOT()), bytes32(uint256(uint160(address(0x5168))))
        );
        assertEq(vm.load(address(config), config.BATCH_INBOX_SLOT()), bytes32(uint256(uint160(address(0x1B0C)))));
        assertEq(vm.load(address(config), config.START_BLOCK_SLOT()), bytes32(uint256(1234)));
    }

    function testFuzz_setBatcherHash_owner_succeeds(address batcher) public {
        bytes32 hash = bytes32(uint256(uint160(batcher)));
        _expectUpdate(ISystemConfig.UpdateType.BATCHER, abi.encode(hash));
        config.setBatcherHash(hash);
        assertEq(config.batcherHash(), hash);
    }

    function testFuzz_setGasConfigEcotone_owner_succeeds(uint32 basefeeScalar, uint32 blobbasefeeScalar) public {
        uint256 scalar = (uint256(1) << 248) | (uint256(blobbasefeeScalar) << 32) | basefeeScalar;
        _expectUpdate(ISystemConfig.UpdateType.FEE_SCALARS, abi.encode(uint256(0), scalar));
        config.setGasConfigEcotone(basefeeScalar, blobbasefeeScalar);
        assertEq(config.basefeeScalar(), basefeeScalar);
        assertEq(config.blobbasefeeScalar(), blobbasefeeScalar);
        assertEq(config.scalar(), scalar);
    }

    function testFuzz_setGasLimit_withinBounds_succeeds(uint64 gasLimit) public {
        gasLimit = uint64(bound(gasLimit, 21_000_000, 1_000_000_000));
        _expectUpdate(ISystemConfig.UpdateType.GAS_LIMIT, abi.encode(uint256(gasLimit)));
        config.setGasLimit(gasLimit);
        assertEq(config.gasLimit(), gasLimit);
    }

    function testFuzz_setGasLimit_outOfBounds_reverts(uint64 gasLimit) public {
        vm.assume(gasLimit < 21_000_000 || gasLimit > 1_000_000_000);
        vm.expectRevert(_gasLimitError(gasLimit));
        vm.prank(owner);
        config.setGasLimit(gasLimit);
    }

    function testFuzz_setUnsafeBlockSigner_owner_succeeds(address signer) public {
        _expectUpdate(ISystemConfig.UpdateType.UNSAFE_BLOCK_SIGNER, abi.encode(signer));
        config.setUnsafeBlockSigner(signer);
        assertEq(config.unsafeBlockSigner(), signer);
    }

    function testFuzz_setEIP1559Params_bothNonzero_succeeds(uint32 denominator, uint32 elasticity) public {
        elasticity = uint32(bound(elasticity, 1, 1000));
        denominator = uint32(bound(denominator, elasticity == 1 ? 1 : elasticity - 1, type(uint32).max));
        _expectUpdate(ISystemConfig.UpdateType.EIP_1559_PARAMS, abi.encode((uint256(denominator) << 32) | elasticity));
        config.setEIP1559Params(denominator, elasticity);
        assertEq(config.eip1559Denominator(), denominator);
        assertEq(config.eip1559Elasticity(), elasticity);
    }

    function test_setEIP1559Params_bothZero_succeeds() public {
        _expectUpdate(ISystemConfig.UpdateType.EIP_1559_PARAMS, abi.encode(uint256(0)));
        config.setEIP1559Params(0, 0);
        assertEq(config.eip1559Denominator(), 0);
        assertEq(config.eip1559Elasticity(), 0);
    }

    function testFuzz_setEIP1559Params_oneZero_reverts(uint32 nonzero) public {
        vm.assume(nonzero != 0);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(ISystemConfig.IncompleteEIP1559Params.selector, uint32(0), nonzero));
        config.setEIP1559Params(0, nonzero);
        vm.expectRevert(abi.encodeWithSelector(ISystemConfig.IncompleteEIP1559Params.selector, nonzero, uint32(0)));
        config.setEIP1559Params(nonzero, 0);
    }

    function testFuzz_setOperatorFeeScalars_owner_succeeds(uint32 scalar, uint64 constant_) public {
        _expectUpdate(ISystemConfig.UpdateType.OPERATOR_FEE, abi.encode((uint256(scalar) << 64) | constant_));
        config.setOperatorFeeScalars(scalar, constant_);
        assertEq(config.operatorFeeScalar(), scalar);
        assertEq(config.operatorFeeConstant(), constant_);
    }

    function testFuzz_setters_notOwner_reverts(address caller) public {
        vm.assume(caller != owner && caller != address(admin) && caller != address(0));
        bytes memory expected = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(expected);
        config.setBatcherHash(0);
        vm.expectRevert(expected);
        config.setGasConfigEcotone(0, 0);
        vm.expectRevert(expected);
        config.setGasLimit(30_000_000);
        vm.expectRevert(expected);
        config.setUnsafeBlockSigner(caller);
        vm.expectRevert(expected);
        config.setEIP1559Params(1, 1);
        vm.expectRevert(expected);
        config.setOperatorFeeScalars(0, 0);
        vm.expectRevert(expected);
        config.transferOwnership(caller);
    }

    function _parameters() private view returns (ISystemConfig.Parameters memory) {
        return ISystemConfig.Parameters({
            owner: owner,
            batcherHash: bytes32(uint256(uint160(0xBA7C))),
            basefeeScalar: 1368,
            blobbasefeeScalar: 810_949,
            gasLimit: 30_000_000,
            unsafeBlockSigner: address(0x5168),
            eip1559Denominator: 250,
            eip1559Elasticity: 6,
            operatorFeeScalar: 11,
            operatorFeeConstant: 12,
            batchInbox: address(0x1B0C)
        });
    }

    function _deploy(ISystemConfig.Parameters memory parameters) private returns (SystemConfig) {
        address payable proxy = payable(address(new Proxy(address(admin))));
        admin.upgradeAndCall(proxy, implementation, abi.encodeCall(ISystemConfig.initialize, (parameters)));
        return SystemConfig(proxy);
    }

    function _expectRefused(ISystemConfig.Parameters memory parameters, bytes memory expected) private {
        address payable proxy = payable(address(new Proxy(address(admin))));
        vm.expectRevert(expected);
        admin.upgradeAndCall(proxy, implementation, abi.encodeCall(ISystemConfig.initialize, (parameters)));
    }

    /// @dev The next call is the owner's, and emits this.
    function _expectUpdate(ISystemConfig.UpdateType updateType, bytes memory data) private {
        vm.expectEmit(address(config));
        emit ISystemConfig.ConfigUpdate(0, updateType, data);
        vm.prank(owner);
    }

    function _gasLimitError(uint64 gasLimit) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            ISystemConfig.GasLimitOutOfBounds.selector, gasLimit, uint64(21_000_000), uint64(1_000_000_000)
        );
    }
}
