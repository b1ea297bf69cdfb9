// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAgentRegistry, Policy} from "../../src/interfaces/IAgentRegistry.sol";
import {FeeEntry, IInferenceRouter} from "../../src/interfaces/IInferenceRouter.sol";
import {Bounds, IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Channel, IVoucherChannels, Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {FeeTree} from "../../src/libraries/FeeTree.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {VoucherChannels} from "../../src/protocol/VoucherChannels.sol";
import {InferenceTest} from "./InferenceTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Vm} from "forge-std/Vm.sol";

/// @dev A payer without a key: what it answers about signatures, the test says.
contract ContractPayer {
    enum Answer {
        Agree,
        Refuse,
        Revert,
        BurnGas,
        Reenter,
        Short
    }

    Answer public answer;

    receive() external payable {}

    function setAnswer(Answer answer_) external {
        answer = answer_;
    }

    function open(address payee, uint64 adapter, uint128 platformFee) external returns (bytes32) {
        return IVoucherChannels(Predeploys.VOUCHER_CHANNELS).openChannel{value: address(this).balance}(
            payee, adapter, platformFee, 0
        );
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        if (answer == Answer.Revert) revert();
        if (answer == Answer.BurnGas) {
            for (uint256 i = 0;; ++i) {}
        }
        if (answer == Answer.Short) {
            assembly ("memory-safe") {
                return(0, 4)
            }
        }
        if (answer == Answer.Reenter) {
            // Anything that writes reverts in a static call, and the lock holds, too.
            (bool success,) =
                Predeploys.VOUCHER_CHANNELS.staticcall(abi.encodeCall(IVoucherChannels.closeChannel, (bytes32(0))));
            require(success);
        }
        return answer == Answer.Agree ? this.isValidSignature.selector : bytes4(0);
    }
}

contract VoucherChannelsTest is InferenceTest {
    uint128 private constant LOCKED = 10 ether;

    bytes32 private channel;

    function setUp() public override {
        super.setUp();
        channel = _openChannel(LOCKED, "salt");
    }

    /* CHANNELS */

    function test_openChannel_succeeds() public {
        bytes32 id = keccak256(
            abi.encode(block.chainid, address(channels), payer, otherWorker, OTHER_ADAPTER, uint128(5), bytes32("salt"))
        );
        vm.expectEmit(address(channels));
        emit IVoucherChannels.ChannelOpened(id, payer, otherWorker, OTHER_ADAPTER, 5, "salt", 0);
        vm.expectEmit(address(channels));
        emit IVoucherChannels.ToppedUp(id, payer, 77, 77);
        vm.prank(payer);
        assertEq(channels.openChannel{value: 77}(otherWorker, OTHER_ADAPTER, 5, "salt"), id);
        assertEq(channels.channelIdOf(payer, otherWorker, OTHER_ADAPTER, 5, "salt"), id);
        Channel memory opened = channels.channelOf(id);
        assertEq(opened.payer, payer);
        assertEq(opened.payee, otherWorker);
        assertEq(opened.adapter, OTHER_ADAPTER);
        assertEq(opened.platformFee, 5);
        assertEq(opened.locked, 77);
        assertEq(opened.paid, 0);
        assertEq(opened.counted, 0);
        assertEq(opened.policyVersion, 0);
        assertEq(opened.openedAt, block.timestamp);
        assertEq(opened.closesAt, 0);
        assertFalse(opened.closed);
        assertEq(address(channels).balance, LOCKED + 77);
    }

    function test_openChannel_refused_reverts() public {
        vm.startPrank(payer);
        vm.expectRevert(IVoucherChannels.NothingLocked.selector);
        channels.openChannel(worker, ADAPTER, 0, "s");
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.PayeeNotActive.selector, anyone));
        channels.openChannel{value: 1}(anyone, ADAPTER, 0, "s");
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.AdapterNotOffered.selector, 9));
        channels.openChannel{value: 1}(worker, 9, 0, "s");
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ChannelExists.selector, channel));
        channels.openChannel{value: 1}(worker, ADAPTER, PLATFORM_FEE, "salt");
    }

    function test_topUp_byAnyone_succeeds() public {
        vm.deal(anyone, 10);
        vm.prank(anyone);
        vm.expectEmit(address(channels));
        emit IVoucherChannels.ToppedUp(channel, anyone, 10, LOCKED + 10);
        channels.topUp{value: 10}(channel);
        assertEq(channels.channelOf(channel).locked, LOCKED + 10);
    }

    function test_topUp_refused_reverts() public {
        vm.expectRevert(IVoucherChannels.NothingLocked.selector);
        channels.topUp(channel);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.UnknownChannel.selector, bytes32("no")));
        channels.topUp{value: 1}("no");
        vm.prank(payer);
        channels.startExit(channel);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ChannelExiting.selector, channel));
        channels.topUp{value: 1}(channel);
    }

    /* SETTLEMENT */

    function test_settle_succeeds() public {
        Voucher memory voucher = _voucher(channel, 1 ether, 10);
        uint128 fees = 10 * PLATFORM_FEE;
        uint128 price = 1 ether - fees;
        bytes memory signature = _sign(voucher, payerKey);
        vm.expectEmit(address(channels));
        emit IVoucherChannels.Settled(channel, worker, 10, price, fees, 1 ether, voucher.leavesRoot);
        vm.expectEmit(address(router));
        emit IInferenceRouter.FeeRecorded(1, ADAPTER, worker, voucher.leavesRoot, price, price, fees, price);
        vm.prank(anyone);
        channels.settle(voucher, signature);
        assertEq(address(channels).balance, LOCKED - 1 ether);
        assertEq(address(router).balance, 1 ether);
        assertEq(channels.channelOf(channel).paid, 1 ether);
        assertEq(channels.channelOf(channel).counted, 10);
        assertEq(router.heldOf(1, ADAPTER, worker), price * 5 / 100 + fees);

        // The next one pays the difference; its tree is that of all calls.
        Voucher memory next = _voucher(channel, 3 ether, 15);
        channels.settle(next, _sign(next, payerKey));
        uint128 more = 2 ether - 5 * PLATFORM_FEE;
        assertEq(router.feesOf(1, ADAPTER), price + more);
        (FeeEntry memory entry, uint128 start) = router.entryAt(1, ADAPTER, price);
        assertEq(start, price);
        assertEq(entry.paidBefore, price);
        assertEq(entry.rootSum, price + more);
        assertEq(entry.rootSum, 3 ether - 15 * PLATFORM_FEE);
        assertEq(entry.platformFee, PLATFORM_FEE);
        assertEq(entry.root, next.leavesRoot);
        assertEq(entry.worker, worker);
    }

    /// @dev Property V1: what is paid is what the vouchers add up to, never more than was locked; the count only rises.
    function testFuzz_settle_sequence_succeeds(uint96[8] memory due, uint32[8] memory calls, uint96 fee) public {
        vm.prank(payer);
        bytes32 id = channels.openChannel{value: LOCKED}(worker, ADAPTER, fee, "fuzz");
        uint256 paid = 0;
        uint64 counted = 0;
        uint256 prices = 0;
        for (uint256 i = 0; i < 8; ++i) {
            uint256 cumulative = paid + due[i] % (LOCKED / 4);
            Voucher memory voucher = _voucher(id, cumulative, counted + calls[i] % 4);
            bytes memory signature = _sign(voucher, payerKey);
            uint256 fees = uint256(calls[i] % 4) * fee;
            if (calls[i] % 4 == 0) {
                vm.expectRevert(
                    abi.encodeWithSelector(IVoucherChannels.CountNotRising.selector, voucher.count, counted)
                );
            } else if (cumulative > LOCKED) {
                vm.expectRevert(
                    abi.encodeWithSelector(IVoucherChannels.CumulativeAboveLocked.selector, cumulative, LOCKED)
                );
            } else if (fees > cumulative - paid) {
                vm.expectRevert(
                    abi.encodeWithSelector(IVoucherChannels.PlatformFeesAboveDue.selector, fees, cumulative - paid)
                );
            } else {
                prices += cumulative - paid - fees;
                (paid, counted) = (cumulative, voucher.count);
            }
            channels.settle(voucher, signature);
            assertEq(channels.channelOf(id).paid, paid);
            assertEq(channels.channelOf(id).counted, counted);
            assertEq(address(router).balance, paid);
            assertEq(router.feesOf(1, ADAPTER), prices);
            assertEq(address(channels).balance, 2 * uint256(LOCKED) - paid);
        }
        assertEq(paid - prices, uint256(counted) * fee);
        if (prices == 0) return;
        (FeeEntry memory entry,) = router.entryAt(1, ADAPTER, uint128(prices - 1));
        assertEq(entry.rootSum, prices);
    }

    /// @dev Property V2: every condition of a voucher is checked.
    function test_settle_refused_reverts() public {
        Voucher memory first = _voucher(channel, 1 ether, 10);
        channels.settle(first, _sign(first, payerKey));

        Voucher memory voucher = _voucher(channel, 2 ether, 10);
        _expectRefused(voucher, abi.encodeWithSelector(IVoucherChannels.CountNotRising.selector, 10, 10));
        _expectRefused(first, abi.encodeWithSelector(IVoucherChannels.CountNotRising.selector, 10, 10));
        voucher = _voucher(channel, 1 ether - 1, 11);
        _expectRefused(
            voucher, abi.encodeWithSelector(IVoucherChannels.CumulativeBelowPaid.selector, 1 ether - 1, 1 ether)
        );
        voucher = _voucher(channel, LOCKED + 1, 11);
        _expectRefused(
            voucher, abi.encodeWithSelector(IVoucherChannels.CumulativeAboveLocked.selector, LOCKED + 1, LOCKED)
        );
        voucher = _voucher(channel, type(uint256).max, 11);
        _expectRefused(
            voucher, abi.encodeWithSelector(IVoucherChannels.CumulativeAboveLocked.selector, type(uint256).max, LOCKED)
        );
        voucher = _voucher(channel, 2 ether, type(uint64).max);
        _expectRefused(
            voucher,
            abi.encodeWithSelector(
                IVoucherChannels.PlatformFeesAboveDue.selector, uint256(type(uint64).max - 10) * PLATFORM_FEE, 1 ether
            )
        );
        voucher = _voucher(channel, 2 ether, 11);
        voucher.payee = otherWorker;
        _expectRefused(
            voucher, abi.encodeWithSelector(IVoucherChannels.VoucherMismatch.selector, channel, payer, otherWorker)
        );
        voucher = _voucher(channel, 2 ether, 11);
        voucher.payer = anyone;
        _expectRefused(
            voucher, abi.encodeWithSelector(IVoucherChannels.VoucherMismatch.selector, channel, anyone, worker)
        );
        voucher = _voucher(channel, 2 ether, 11);
        voucher.expiry = uint64(block.timestamp - 1);
        _expectRefused(voucher, abi.encodeWithSelector(IVoucherChannels.VoucherExpired.selector, block.timestamp - 1));
        voucher = _voucher(channel, 2 ether, 11);
        voucher.channel = "no";
        _expectRefused(voucher, abi.encodeWithSelector(IVoucherChannels.UnknownChannel.selector, bytes32("no")));

        _deactivate(worker);
        voucher = _voucher(channel, 2 ether, 11);
        _expectRefused(voucher, abi.encodeWithSelector(IVoucherChannels.PayeeNotActive.selector, worker));
    }

    /// @dev Property V9: who fell below the least stake settles what he has served, while the payer leaves, too; new channels he has none.
    function test_settle_belowTheLeastStake_succeeds() public {
        vm.prank(payer);
        channels.startExit(channel);
        _setParameter(address(staking), "workerStakeMin", 2000 ether);
        assertFalse(staking.isActive(IValidatorStaking.Role.Worker, worker));
        Voucher memory voucher = _voucher(channel, 1 ether, 10);
        channels.settle(voucher, _sign(voucher, payerKey));
        assertEq(channels.channelOf(channel).paid, 1 ether);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.PayeeNotActive.selector, worker));
        channels.openChannel{value: 1 ether}(worker, ADAPTER, PLATFORM_FEE, "another");
    }

    /// @dev Property V3: nobody settles what the payer didn't sign for this channel, on this chain and at this contract.
    function testFuzz_settle_notSigned_reverts(uint8 what, uint256 change) public {
        what %= 8;
        change = bound(change, 1, 1000);
        Voucher memory voucher = _voucher(channel, 1 ether, 10);
        bytes memory signature = _sign(voucher, payerKey);
        if (what == 0) voucher.cumulative += change;
        else if (what == 1) voucher.count += uint64(change);
        else if (what == 2) voucher.leavesRoot = bytes32(change);
        else if (what == 3) voucher.expiry += uint64(change);
        else if (what == 4) voucher.channel = _openChannel(LOCKED, bytes32(change));
        else if (what == 5) signature = _sign(voucher, change);
        else if (what == 6) signature[change % 64] ^= 0x01;
        else signature = new bytes(change % 100);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.InvalidSignature.selector, payer));
        channels.settle(voucher, signature);
        assertFalse(channels.isSigned(voucher, signature));
    }

    function test_hashVoucher_byHand_succeeds() public {
        Voucher memory voucher = _voucher(channel, 1 ether, 10);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("VoucherChannels"),
                keccak256("1"),
                block.chainid,
                address(channels)
            )
        );
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Voucher(bytes32 channel,address payer,address payee,uint256 cumulative,uint64 count,bytes32 leavesRoot,uint64 expiry)"
                ),
                voucher.channel,
                voucher.payer,
                voucher.payee,
                voucher.cumulative,
                voucher.count,
                voucher.leavesRoot,
                voucher.expiry
            )
        );
        bytes32 hash = channels.hashVoucher(voucher);
        assertEq(hash, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        assertTrue(hash != new VoucherChannels().hashVoucher(voucher));
        (, string memory name, string memory version,, address verifying,,) =
            VoucherChannels(address(channels)).eip712Domain();
        assertEq(name, "VoucherChannels");
        assertEq(version, "1");
        assertEq(verifying, address(channels));
        vm.chainId(block.chainid + 1);
        assertTrue(hash != channels.hashVoucher(voucher));
    }

    /// @dev A channel of the payer's, once closed, never comes back, so that its vouchers are of no more use.
    function test_settle_closedChannel_reverts() public {
        Voucher memory voucher = _voucher(channel, 1 ether, 10);
        vm.prank(worker);
        channels.closeChannel(channel);
        _expectRefused(voucher, abi.encodeWithSelector(IVoucherChannels.ChannelAlreadyClosed.selector, channel));
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ChannelExists.selector, channel));
        channels.openChannel{value: 1}(worker, ADAPTER, PLATFORM_FEE, "salt");
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ChannelAlreadyClosed.selector, channel));
        channels.topUp{value: 1}(channel);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ChannelAlreadyClosed.selector, channel));
        channels.startExit(channel);
    }

    /// @dev A tree over the calls is covered wei by wei across two settlements, as a draw would look it up.
    function test_settle_drawsFindTheCalls_succeeds() public {
        vm.prank(payer);
        bytes32 id = channels.openChannel{value: 1000}(worker, OTHER_ADAPTER, 1, "tree");
        FeeTree.Leaf[] memory leaves = new FeeTree.Leaf[](3);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 nonce = uint256(keccak256(abi.encode(id, i + 1, "prompt", "output")));
            leaves[i] = FeeTree.Leaf(router.requestIdOf(payer, nonce), uint128(10 * (i + 1)), bytes32(i));
        }
        Voucher memory voucher = _voucher(id, 12, 2);
        voucher.cumulative = 32;
        FeeTree.Leaf[] memory firstTwo = new FeeTree.Leaf[](2);
        (firstTwo[0], firstTwo[1]) = (leaves[0], leaves[1]);
        (voucher.leavesRoot,) = FeeTree.root(firstTwo);
        channels.settle(voucher, _sign(voucher, payerKey));
        (voucher.cumulative, voucher.count) = (63, 3);
        (voucher.leavesRoot,) = FeeTree.root(leaves);
        channels.settle(voucher, _sign(voucher, payerKey));

        // The first of the third call's 30 wei, then the last one of the second's 20.
        (FeeEntry memory entry, uint128 start) = router.entryAt(1, OTHER_ADAPTER, 30);
        FeeTree.Sibling[] memory proof = new FeeTree.Sibling[](1);
        bytes32 left = FeeTree.hashLeaf(leaves[0].requestId, 10, 0);
        bytes32 right = FeeTree.hashLeaf(leaves[1].requestId, 20, bytes32(uint256(1)));
        proof[0] = FeeTree.Sibling(FeeTree.hashNode(left, 10, right, 20), 30, true);
        assertTrue(FeeTree.covers(entry.root, entry.rootSum, entry.paidBefore + 30 - start, leaves[2], proof));
        (entry, start) = router.entryAt(1, OTHER_ADAPTER, 29);
        proof[0] = FeeTree.Sibling(left, 10, true);
        assertTrue(FeeTree.covers(entry.root, entry.rootSum, entry.paidBefore + 29 - start, leaves[1], proof));
        assertFalse(FeeTree.covers(entry.root, entry.rootSum, entry.paidBefore + 30 - start, leaves[1], proof));
    }

    /* SIGNERS */

    function test_settle_contractPayer_succeeds() public {
        (ContractPayer contractPayer, Voucher memory voucher) = _contractPayer();
        for (uint8 i = 1; i <= uint8(type(ContractPayer.Answer).max); ++i) {
            contractPayer.setAnswer(ContractPayer.Answer(i));
            vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.InvalidSignature.selector, address(contractPayer)));
            channels.settle{gas: 3_000_000}(voucher, "");
        }
        contractPayer.setAnswer(ContractPayer.Answer.Agree);
        channels.settle(voucher, "");
        assertEq(channels.channelOf(voucher.channel).paid, 1 ether);
    }

    /// @dev Property V4: a payer with a key can't take its signatures back by code that its account delegates to (EIP-7702).
    function test_settle_delegatedPayer_succeeds() public {
        Voucher memory voucher = _voucher(channel, 1 ether, 10);
        bytes memory signature = _sign(voucher, payerKey);
        ContractPayer refusing = new ContractPayer();
        vm.etch(payer, abi.encodePacked(hex"ef0100", address(refusing)));
        assertEq(payer.code.length, 23);
        channels.settle(voucher, signature);
        assertEq(channels.channelOf(channel).paid, 1 ether);
    }

    /// @dev The signer that the agent's policy named when the channel was opened, and no later one; the agent's own key, too.
    function test_settle_policySigner_succeeds() public {
        (address signer, uint256 signerKey) = makeAddrAndKey("signer");
        (address later, uint256 laterKey) = makeAddrAndKey("later");
        IAgentRegistry registry = IAgentRegistry(Predeploys.AGENT_REGISTRY);
        Policy memory policy = Policy(1 ether, 10 ether, 10 ether, signer, new uint64[](0), new address[](0));
        vm.startPrank(payer);
        registry.register{value: 100 ether}(payer, policy, 0, "", 0, "");
        vm.stopPrank();
        bytes32 before = channel;
        bytes32 id = _openChannel(LOCKED, "agent");
        assertEq(channels.channelOf(id).policyVersion, 1);
        policy.signer = later;
        vm.prank(payer);
        registry.setPolicy(payer, policy);
        vm.warp(block.timestamp + 1 days);
        bytes32 afterwards = _openChannel(LOCKED, "afterwards");
        assertEq(channels.channelOf(afterwards).policyVersion, 2);

        _expectSigned(_voucher(before, 1 ether, 1), signerKey, false);
        _expectSigned(_voucher(id, 1 ether, 1), signerKey, true);
        _expectSigned(_voucher(id, 2 ether, 2), laterKey, false);
        _expectSigned(_voucher(id, 2 ether, 2), payerKey, true);
        _expectSigned(_voucher(afterwards, 1 ether, 1), signerKey, false);
        _expectSigned(_voucher(afterwards, 1 ether, 1), laterKey, true);

        // The agent is gone; what it signed remains payable.
        vm.prank(payer);
        registry.startExit(payer);
        vm.warp(block.timestamp + 14 days);
        registry.withdraw(payer);
        _expectSigned(_voucher(id, 3 ether, 3), signerKey, true);
        assertEq(channels.channelOf(_openChannel(1, "last")).policyVersion, 0);
    }

    /// @dev No key signs for a policy without a signer: not the zero address that a failed recovery gives either.
    function test_settle_noPolicySigner_reverts() public {
        Policy memory policy = Policy(1 ether, 10 ether, 10 ether, address(0), new uint64[](0), new address[](0));
        vm.prank(payer);
        IAgentRegistry(Predeploys.AGENT_REGISTRY).register{value: 100 ether}(payer, policy, 0, "", 0, "");
        Voucher memory voucher = _voucher(_openChannel(LOCKED, "agent"), 1 ether, 1);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.InvalidSignature.selector, payer));
        channels.settle(voucher, new bytes(65));
    }

    /* SEVERAL */

    /// @dev Property V5: a bad voucher holds up no other, whatever is bad about it.
    function test_settleMany_oneBad_succeeds() public {
        (ContractPayer contractPayer, Voucher memory burning) = _contractPayer();
        contractPayer.setAnswer(ContractPayer.Answer.BurnGas);
        Voucher[] memory vouchers = new Voucher[](5);
        bytes[] memory signatures = new bytes[](5);
        vouchers[0] = _voucher(channel, 1 ether, 10);
        vouchers[1] = burning;
        vouchers[2] = _voucher(channel, 1 ether, 10);
        vouchers[3] = _voucher(channel, 2 ether, 11);
        vouchers[3].channel = "no";
        vouchers[4] = _voucher(channel, 3 ether, 12);
        for (uint256 i = 0; i < 5; ++i) {
            signatures[i] = _sign(vouchers[i], payerKey);
        }
        vm.recordLogs();
        vm.prank(anyone);
        bool[] memory failed = channels.settleMany{gas: 5_000_000}(vouchers, signatures);
        bool[5] memory expected = [false, true, true, true, false];
        for (uint256 i = 0; i < 5; ++i) {
            assertEq(failed[i], expected[i]);
        }
        assertEq(channels.channelOf(channel).paid, 3 ether);
        assertEq(channels.channelOf(burning.channel).paid, 0);

        bytes[5] memory reasons;
        reasons[2] = abi.encodeWithSelector(IVoucherChannels.CountNotRising.selector, 10, 10);
        reasons[3] = abi.encodeWithSelector(IVoucherChannels.UnknownChannel.selector, bytes32("no"));
        uint256 failures = 0;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IVoucherChannels.SettlementFailed.selector) continue;
            (uint256 index, bytes memory reason) = abi.decode(logs[i].data, (uint256, bytes));
            assertEq(logs[i].topics[1], vouchers[index].channel);
            // Whether the contract used up its own call's gas or the whole voucher's, depends on how much there was.
            if (index != 1) assertEq(reason, reasons[index]);
            ++failures;
        }
        assertEq(failures, 3);
    }

    function test_settleMany_lengths_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.InvalidLength.selector, 129, 128));
        channels.settleMany(new Voucher[](129), new bytes[](129));
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.InvalidLength.selector, 1, 2));
        channels.settleMany(new Voucher[](2), new bytes[](1));
        assertEq(channels.settleMany(new Voucher[](0), new bytes[](0)).length, 0);
    }

    /* EXIT */

    /// @dev Property V6: the payer gets back what was not paid, after the exit; until it closes, the payee settles.
    function test_exit_succeeds() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.NotPayer.selector, anyone, payer));
        channels.startExit(channel);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ExitNotOver.selector, channel, 0));
        channels.closeChannel(channel);
        uint64 closesAt = uint64(block.timestamp + 1 days);
        vm.expectEmit(address(channels));
        emit IVoucherChannels.ExitStarted(channel, closesAt);
        vm.prank(payer);
        channels.startExit(channel);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ChannelExiting.selector, channel));
        channels.startExit(channel);

        vm.warp(closesAt - 1);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ExitNotOver.selector, channel, closesAt));
        channels.closeChannel(channel);
        Voucher memory voucher = _voucher(channel, 4 ether, 1);
        channels.settle(voucher, _sign(voucher, payerKey));

        vm.warp(closesAt);
        vm.expectEmit(address(channels));
        emit IVoucherChannels.ChannelClosed(channel, payer, 6 ether);
        vm.prank(anyone);
        channels.closeChannel(channel);
        assertEq(vault.claimable(payer), 6 ether);
        assertEq(address(channels).balance, 0);
        assertTrue(channels.channelOf(channel).closed);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ChannelAlreadyClosed.selector, channel));
        channels.closeChannel(channel);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.UnknownChannel.selector, bytes32("no")));
        channels.closeChannel("no");
    }

    function test_closeChannel_byPayee_succeeds() public {
        vm.prank(otherWorker);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.ExitNotOver.selector, channel, 0));
        channels.closeChannel(channel);
        vm.prank(worker);
        channels.closeChannel(channel);
        assertEq(vault.claimable(payer), LOCKED);
    }

    /// @dev All was paid: nothing is left to credit.
    function test_closeChannel_nothingLeft_succeeds() public {
        Voucher memory voucher = _voucher(channel, LOCKED, 1);
        channels.settle(voucher, _sign(voucher, payerKey));
        vm.prank(worker);
        channels.closeChannel(channel);
        assertEq(vault.claimable(payer), 0);
        assertEq(address(channels).balance, 0);
    }

    /// @dev Who holds the places acts; vouchers stay those of the key that signs.
    function test_exit_rotated_succeeds() public {
        _giveAway(payer, anyone);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.NotPayer.selector, payer, payer));
        channels.startExit(channel);
        vm.prank(anyone);
        channels.startExit(channel);
        _giveAway(worker, otherWorker);
        Voucher memory voucher = _voucher(channel, 4 ether, 1);
        channels.settle(voucher, _sign(voucher, payerKey));
        vm.prank(otherWorker);
        channels.closeChannel(channel);
        assertTrue(channels.channelOf(channel).closed);
    }

    function test_parameters_succeeds() public {
        Bounds[] memory all = IParameterized(address(channels)).parameters();
        assertEq(all.length, 1);
        assertEq(all[0].name, bytes32("exitSeconds"));
        vm.prank(payer);
        channels.startExit(channel);
        uint64 closesAt = channels.channelOf(channel).closesAt;
        _setParameter(address(channels), "exitSeconds", 2 days);
        assertEq(channels.channelOf(channel).closesAt, closesAt, "what had begun keeps its window");
        bytes32 id = _openChannel(1, "later");
        vm.prank(payer);
        channels.startExit(id);
        assertEq(channels.channelOf(id).closesAt, block.timestamp + 2 days);
        vm.expectRevert(
            abi.encodeWithSelector(IParameterized.ParameterOutOfBounds.selector, bytes32("exitSeconds"), 9, 10, 7 days)
        );
        _setParameter(address(channels), "exitSeconds", 9);
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        channels.initialize(new Setting[](0));
        VoucherChannels fresh = new VoucherChannels();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        fresh.initialize(new Setting[](0));
        assertEq(channels.version(), "1.0.0");
    }

    function test_receive_plainValue_reverts() public {
        (bool success,) = address(channels).call{value: 1}("");
        assertFalse(success);
    }

    /* HELPERS */

    function _expectRefused(Voucher memory voucher, bytes memory reason) private {
        bytes memory signature = _sign(voucher, payerKey);
        vm.expectRevert(reason);
        channels.settle(voucher, signature);
    }

    function _expectSigned(Voucher memory voucher, uint256 key, bool expected) private {
        bytes memory signature = _sign(voucher, key);
        assertEq(channels.isSigned(voucher, signature), expected);
        if (!expected) vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.InvalidSignature.selector, payer));
        channels.settle(voucher, signature);
    }

    function _contractPayer() private returns (ContractPayer contractPayer, Voucher memory) {
        contractPayer = new ContractPayer();
        vm.deal(address(contractPayer), LOCKED);
        return (contractPayer, _voucher(contractPayer.open(worker, ADAPTER, PLATFORM_FEE), 1 ether, 10));
    }
}
