// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {InferenceTest} from "./InferenceTest.sol";

/// @dev A cheat code that forge-std doesn't declare: makes an account's storage cold.
interface ICool {
    function cool(address account) external;
}

/// @dev Gas of paid inference, as `snapshots/VoucherChannelsGasTest.json` commits it: the call alone, without the transaction's
///      21,000 and its calldata. Storage counts as cold, as in a transaction of its own; the epoch has entries already.
contract VoucherChannelsGasTest is InferenceTest {
    function test_settle_gas_succeeds() public {
        bytes32[] memory opened = new bytes32[](21);
        for (uint256 i = 0; i < 21; ++i) {
            opened[i] = _openChannel(10 ether, bytes32(i));
        }
        Voucher[] memory vouchers = new Voucher[](20);
        bytes[] memory signatures = new bytes[](20);
        Voucher memory voucher = _voucher(opened[20], 1 ether, 10);
        channels.settle(voucher, _sign(voucher, payerKey));

        voucher = _voucher(opened[20], 2 ether, 200);
        bytes memory signature = _sign(voucher, payerKey);
        _cool();
        channels.settle(voucher, signature);
        vm.snapshotGasLastCall("settle, 190 new calls");

        for (uint256 i = 0; i < 20; ++i) {
            vouchers[i] = _voucher(opened[i], 1 ether, 100);
            signatures[i] = _sign(vouchers[i], payerKey);
        }
        _cool();
        bool[] memory failed = channels.settleMany(vouchers, signatures);
        vm.snapshotGasLastCall("settleMany, 20 channels of 100 calls");
        for (uint256 i = 0; i < 20; ++i) {
            assertFalse(failed[i]);
        }
        assertEq(router.entryCount(1, ADAPTER), 22);
    }

    function test_request_gas_succeeds() public {
        vm.prank(payer);
        bytes32 id = router.request{value: 1 ether}(ADAPTER, worker, 1500, 400, "prompt", 1);
        vm.prank(worker);
        router.fulfil(id, 400, "output", "sketches");

        _cool();
        vm.prank(payer);
        id = router.request{value: 1 ether}(ADAPTER, worker, 1500, 400, "prompt", 2);
        vm.snapshotGasLastCall("request");
        _cool();
        vm.prank(worker);
        router.fulfil(id, 300, "output", "sketches");
        vm.snapshotGasLastCall("fulfil");
    }

    function _cool() private {
        address[5] memory called = [
            Predeploys.VALIDATOR_STAKING,
            Predeploys.ADAPTER_MARKET,
            Predeploys.INFERENCE_ROUTER,
            Predeploys.VOUCHER_CHANNELS,
            Predeploys.CLAIM_VAULT
        ];
        for (uint256 i = 0; i < called.length; ++i) {
            ICool(address(vm)).cool(called[i]);
            ICool(address(vm)).cool(_implementationOf(called[i]));
        }
    }
}
