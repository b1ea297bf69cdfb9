// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    FeeEntry,
    IInferenceRouter,
    Pot,
    Request,
    RequestStatus,
    Split
} from "../../src/interfaces/IInferenceRouter.sol";
import {Bounds, IParameterized, Setting} from "../../src/interfaces/IParameterized.sol";
import {FeeTree} from "../../src/libraries/FeeTree.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {InferenceRouter} from "../../src/protocol/InferenceRouter.sol";
import {InferenceTest, MarketDouble} from "./InferenceTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

contract InferenceRouterTest is InferenceTest {
    bytes32 private constant PROMPT = keccak256("prompt");
    bytes32 private constant OUTPUT = keccak256("output");
    bytes32 private constant SKETCHES = keccak256("sketches");

    /// @dev 1,500 tokens in and 400 out: 1.5 · 3e15 + 0.4 · (7e15 + 1), rounded up.
    uint128 private constant PRICE_MAX = 73e14 + 1;

    /* REQUESTS */

    function test_request_exactValue_succeeds() public {
        (uint128 price, uint128 fee) = router.quote(ADAPTER, worker, 1500, 400);
        assertEq(price, PRICE_MAX);
        assertEq(fee, PLATFORM_FEE);
        bytes32 id = keccak256(abi.encode(block.chainid, address(router), payer, uint256(5)));
        uint48 deadline = uint48(block.timestamp + 1 hours);
        vm.expectEmit(address(router));
        emit IInferenceRouter.Requested(
            id, payer, worker, ADAPTER, 1500, 400, PROMPT, 5, PRICE_MAX + PLATFORM_FEE, deadline
        );
        assertEq(_request(price + fee, 5), id);
        assertEq(router.requestIdOf(payer, 5), id);

        Request memory made = router.requestOf(id);
        assertEq(made.payer, payer);
        assertEq(made.adapter, ADAPTER);
        assertEq(made.worker, worker);
        assertEq(made.tokensIn, 1500);
        assertEq(made.tokensOutMax, 400);
        assertEq(made.deadline, deadline);
        assertEq(uint8(made.status), uint8(RequestStatus.Open));
        assertEq(made.priceIn, PRICE_IN);
        assertEq(made.priceOut, PRICE_OUT);
        assertEq(made.escrow, PRICE_MAX + PLATFORM_FEE);
        assertEq(made.platformFee, PLATFORM_FEE);
        assertEq(made.contentHash, PROMPT);
        assertEq(address(router).balance, PRICE_MAX + PLATFORM_FEE);
        assertEq(vault.claimable(payer), 0);
    }

    function test_request_moreValue_isCreditedBack_succeeds() public {
        _request(PRICE_MAX + PLATFORM_FEE + 99, 5);
        assertEq(vault.claimable(payer), 99);
        assertEq(address(router).balance, PRICE_MAX + PLATFORM_FEE);
    }

    /// @dev Whatever a worker or developer changes in between, a payer gives no more than he sent.
    function test_request_lessValue_reverts() public {
        vm.prank(worker);
        router.setPlatformFee(worker, PLATFORM_FEE + 1);
        uint256 sent = PRICE_MAX + PLATFORM_FEE;
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.WrongValue.selector, sent, sent + 1));
        _request(sent, 5);
    }

    function test_request_inactiveWorker_reverts() public {
        _deactivate(worker);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.WorkerNotActive.selector, worker));
        _request(1 ether, 5);
    }

    function test_request_noPlatformFee_reverts() public {
        vm.prank(worker);
        vm.expectEmit(address(router));
        emit IInferenceRouter.PlatformFeeUnset(worker);
        router.unsetPlatformFee(worker);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NoPlatformFee.selector, worker));
        _request(1 ether, 5);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NoPlatformFee.selector, worker));
        router.quote(ADAPTER, worker, 1, 1);
    }

    function test_request_adapterNotOffered_reverts() public {
        market.setOffer(ADAPTER, false, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(MarketDouble.NotOffered.selector, ADAPTER));
        _request(1 ether, 5);
    }

    /// @dev Property I1: a request id is used once, whatever became of the request.
    function test_request_usedNonce_reverts() public {
        bytes32 open = _request(1 ether, 1);
        bytes32 fulfilled = _request(1 ether, 2);
        bytes32 refunded = _request(1 ether, 3);
        _fulfil(fulfilled, 400);
        vm.warp(block.timestamp + 2 hours);
        router.refund(refunded);
        bytes32[3] memory ids = [open, fulfilled, refunded];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.RequestExists.selector, ids[i]));
            _request(1 ether, i + 1);
        }
        _request(1 ether, 4);
    }

    /// @dev Property I1: another chain, router, payer or nonce is another request.
    function testFuzz_requestIdOf_bindsAll_succeeds(uint64 chain, address payer_, uint256 nonce) public {
        chain = uint64(bound(chain, 1, type(uint64).max - 1));
        vm.assume(chain != block.chainid);
        bytes32 id = router.requestIdOf(payer_, nonce);
        assertEq(id, keccak256(abi.encode(block.chainid, address(router), payer_, nonce)));
        assertTrue(id != new InferenceRouter().requestIdOf(payer_, nonce));
        assertTrue(id != router.requestIdOf(address(uint160(payer_) ^ 1), nonce));
        assertTrue(id != router.requestIdOf(payer_, nonce ^ 1));
        vm.chainId(chain);
        assertTrue(id != router.requestIdOf(payer_, nonce));
    }

    /* WORKERS */

    function test_setPlatformFee_notHolder_reverts() public {
        vm.startPrank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NotWorker.selector, anyone, worker));
        router.setPlatformFee(worker, 1);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NotWorker.selector, anyone, worker));
        router.unsetPlatformFee(worker);
    }

    /// @dev Who was given the worker's place acts for it, and the old address no more.
    function test_fulfil_rotatedWorker_succeeds() public {
        bytes32 id = _request(1 ether, 1);
        _giveAway(worker, anyone);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NotWorker.selector, worker, worker));
        router.fulfil(id, 1, OUTPUT, SKETCHES);
        vm.prank(anyone);
        router.fulfil(id, 1, OUTPUT, SKETCHES);
        vm.prank(anyone);
        router.setPlatformFee(worker, 3);
        assertEq(router.platformFeeOf(worker), 3);
    }

    /* FULFILMENT */

    function test_fulfil_part_succeeds() public {
        bytes32 id = _request(PRICE_MAX + PLATFORM_FEE, 5);
        // 4.5e15 and 0.1 · (7e15 + 1), rounded up.
        uint128 price = 52e14 + 1;
        bytes32 leaf = FeeTree.hashLeaf(id, price, SKETCHES);
        vm.expectEmit(address(router));
        emit IInferenceRouter.Fulfilled(id, worker, 100, OUTPUT, SKETCHES, price, PLATFORM_FEE);
        vm.expectEmit(address(router));
        emit IInferenceRouter.FeeRecorded(1, ADAPTER, worker, leaf, price, price, PLATFORM_FEE, price);
        _fulfil(id, 100);

        assertEq(uint8(router.requestOf(id).status), uint8(RequestStatus.Fulfilled));
        assertEq(router.requestOf(id).contentHash, keccak256(abi.encode(PROMPT, OUTPUT)));
        assertEq(vault.claimable(payer), PRICE_MAX - price);
        assertEq(router.feesOf(1, ADAPTER), price);
        assertEq(router.entryCount(1, ADAPTER), 1);
        (FeeEntry memory entry, uint128 start) = router.entryAt(1, ADAPTER, price - 1);
        assertEq(start, 0);
        assertEq(entry.end, price);
        assertEq(entry.paidBefore, 0);
        assertEq(entry.worker, worker);
        assertEq(entry.root, leaf);
        assertEq(entry.rootSum, price);
        assertEq(entry.platformFee, PLATFORM_FEE);
        // 5, 20, 25 and 5 %, rounded down; the rest is the contributors'.
        Pot memory pot = router.potOf(1, ADAPTER);
        assertEq(pot.model, 104e13);
        assertEq(pot.adapters, 130e13);
        assertEq(pot.stakers, 26e13);
        assertEq(pot.contributors, 234e13 + 1);
        assertEq(router.heldOf(1, ADAPTER, worker), 26e13 + PLATFORM_FEE);
        assertEq(address(router).balance, price + PLATFORM_FEE);
    }

    /// @dev Property I2: every wei of an escrow is the payer's, the worker's or in the pot; property I3: each part is its share,
    ///      rounded down, and the contributors' the rest.
    function testFuzz_fulfil_isExact_succeeds(
        uint96 priceIn,
        uint96 priceOut,
        uint96 fee,
        uint32 tokensIn,
        uint32 tokensOutMax,
        uint32 tokensOut
    ) public {
        tokensOut = uint32(bound(tokensOut, 0, tokensOutMax));
        market.setOffer(ADAPTER, true, priceIn, priceOut);
        vm.prank(worker);
        router.setPlatformFee(worker, fee);
        uint256 most = Math.ceilDiv(uint256(priceIn) * tokensIn + uint256(priceOut) * tokensOutMax, 1000);
        uint256 price = Math.ceilDiv(uint256(priceIn) * tokensIn + uint256(priceOut) * tokensOut, 1000);
        vm.deal(payer, most + fee);
        vm.prank(payer);
        bytes32 id = router.request{value: most + fee}(ADAPTER, worker, tokensIn, tokensOutMax, PROMPT, 1);
        assertEq(payer.balance, 0);
        _fulfil(id, tokensOut);

        Pot memory pot = router.potOf(1, ADAPTER);
        assertEq(pot.model, price * 20 / 100);
        assertEq(pot.adapters, price * 25 / 100);
        assertEq(pot.stakers, price * 5 / 100);
        assertEq(pot.contributors, price - price * 20 / 100 - price * 25 / 100 - 2 * (price * 5 / 100));
        assertEq(router.heldOf(1, ADAPTER, worker), price * 5 / 100 + fee);
        assertEq(vault.claimable(payer), most - price);
        assertEq(_sum(pot) + router.heldOf(1, ADAPTER, worker), price + fee);
        assertEq(address(router).balance, price + fee);
        assertEq(router.feesOf(1, ADAPTER), price);
        assertEq(router.entryCount(1, ADAPTER), price == 0 ? 0 : 1);
    }

    /// @dev Prices are those of the request: neither the developer nor the worker changes it any more.
    function test_fulfil_changedPrices_succeeds() public {
        bytes32 id = _request(PRICE_MAX + PLATFORM_FEE, 5);
        market.setOffer(ADAPTER, false, type(uint128).max, type(uint128).max);
        vm.prank(worker);
        router.unsetPlatformFee(worker);
        _fulfil(id, 400);
        assertEq(router.feesOf(1, ADAPTER), PRICE_MAX);
        assertEq(router.heldOf(1, ADAPTER, worker), PRICE_MAX * 5 / 100 + PLATFORM_FEE);
    }

    function test_fulfil_notWorker_reverts() public {
        bytes32 id = _request(1 ether, 1);
        vm.prank(otherWorker);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NotWorker.selector, otherWorker, worker));
        router.fulfil(id, 1, OUTPUT, SKETCHES);
    }

    function test_fulfil_inactiveWorker_reverts() public {
        bytes32 id = _request(1 ether, 1);
        _deactivate(worker);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.WorkerNotActive.selector, worker));
        _fulfil(id, 1);
    }

    function test_fulfil_tooManyTokens_reverts() public {
        bytes32 id = _request(1 ether, 1);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.TooManyTokens.selector, 401, 400));
        _fulfil(id, 401);
    }

    function test_fulfil_twiceOrUnknown_reverts() public {
        bytes32 id = _request(1 ether, 1);
        _fulfil(id, 1);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.RequestNotOpen.selector, id, RequestStatus.Fulfilled));
        _fulfil(id, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceRouter.RequestNotOpen.selector, bytes32("no"), RequestStatus.None)
        );
        _fulfil("no", 1);
    }

    /// @dev Property I4: until the deadline only the worker, after it only a refund, and each once.
    function testFuzz_deadline_succeeds(uint32 later) public {
        bytes32 id = _request(1 ether, 1);
        uint48 deadline = router.requestOf(id).deadline;
        vm.warp(block.timestamp + later);
        uint256 before = vault.claimable(payer);
        if (later <= 1 hours) {
            vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.DeadlineNotOver.selector, id, deadline));
            router.refund(id);
            _fulfil(id, 400);
            assertEq(vault.claimable(payer), before);
        } else {
            vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.DeadlineOver.selector, id, deadline));
            _fulfil(id, 400);
            vm.expectEmit(address(router));
            emit IInferenceRouter.Refunded(id, payer, PRICE_MAX + PLATFORM_FEE);
            vm.prank(anyone);
            router.refund(id);
            assertEq(vault.claimable(payer), before + PRICE_MAX + PLATFORM_FEE);
            assertEq(address(router).balance, 0);
        }
        vm.warp(uint256(deadline) + 1);
        RequestStatus status = later <= 1 hours ? RequestStatus.Fulfilled : RequestStatus.Refunded;
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.RequestNotOpen.selector, id, status));
        router.refund(id);
    }

    /* EPOCHS */

    function test_closeEpoch_byTime_succeeds() public {
        uint64 end = router.endsAt(1);
        assertEq(end, block.timestamp + 1 days);
        assertEq(router.currentEpoch(), 1);
        vm.warp(end - 1);
        assertEq(router.closeEpoch(), 1);
        (uint64 number, uint64 time) = router.closedAt(1);
        assertEq(number, 0);
        assertEq(time, 0);

        vm.warp(end + 5);
        vm.roll(77);
        vm.expectEmit(address(router));
        emit IInferenceRouter.EpochClosed(1, 77, end + 5);
        vm.expectEmit(address(router));
        emit IInferenceRouter.EpochBegan(2, end + 5 + 1 days, Split(500, 2000, 2500, 4500, 500));
        vm.prank(anyone);
        assertEq(router.closeEpoch(), 2);
        assertEq(router.currentEpoch(), 2);
        (number, time) = router.closedAt(1);
        assertEq(number, 77);
        assertEq(time, end + 5);
        assertEq(router.closeEpoch(), 2);
        assertEq(router.endsAt(2), end + 5 + 1 days);
        assertEq(router.endsAt(3), 0);
    }

    /// @dev Property I5: nothing joins an epoch whose time is over, though nobody closed it.
    function test_append_closesEpoch_succeeds() public {
        bytes32 id = _request(1 ether, 1);
        vm.warp(router.endsAt(1) - 1);
        _record(ADAPTER, worker, "root", 0, 10, 0);
        assertEq(router.feesOf(1, ADAPTER), 10);
        vm.warp(router.endsAt(1));
        _record(ADAPTER, worker, "root", 0, 20, 0);
        assertEq(router.feesOf(1, ADAPTER), 10);
        assertEq(router.feesOf(2, ADAPTER), 20);
        router.refund(id);
        vm.warp(router.endsAt(2) - 1);
        bytes32 late = _request(1 ether, 2);
        vm.warp(router.endsAt(2));
        _fulfil(late, 400);
        assertEq(router.feesOf(2, ADAPTER), 20);
        assertEq(router.feesOf(3, ADAPTER), PRICE_MAX);
    }

    /// @dev What an epoch began with holds until its end.
    function test_splitOf_parameters_fromTheNextEpochOn_succeeds() public {
        _setParameter(address(router), "platformBps", 1000);
        _setParameter(address(router), "epochSeconds", 2 days);
        Split memory split = router.splitOf(1);
        assertEq(split.platform, 500);
        assertEq(split.contributors, 4500);
        _record(ADAPTER, worker, "root", 0, 10_000, 0);
        assertEq(router.heldOf(1, ADAPTER, worker), 500);
        _endEpoch();
        assertEq(router.endsAt(2), block.timestamp + 2 days);
        split = router.splitOf(2);
        assertEq(split.platform, 1000);
        assertEq(split.model, 2000);
        assertEq(split.adapters, 2500);
        assertEq(split.contributors, 4000);
        assertEq(split.stakers, 500);
        _record(ADAPTER, worker, "root", 0, 10_000, 0);
        assertEq(router.heldOf(2, ADAPTER, worker), 1000);
        assertEq(router.splitOf(3).contributors, 0);
        assertEq(router.splitOf(0).contributors, 0);
    }

    /* FEE LOG */

    function test_record_voucher_succeeds() public {
        _record(ADAPTER, worker, "first", 500, 100, 3);
        _record(ADAPTER, otherWorker, "second", 0, 50, 4);
        assertEq(router.feesOf(1, ADAPTER), 150);
        (FeeEntry memory entry, uint128 start) = router.entryAt(1, ADAPTER, 99);
        assertEq(start, 0);
        assertEq(entry.end, 100);
        assertEq(entry.paidBefore, 500);
        assertEq(entry.rootSum, 600);
        assertEq(entry.root, "first");
        assertEq(entry.worker, worker);
        (entry, start) = router.entryAt(1, ADAPTER, 100);
        assertEq(start, 100);
        assertEq(entry.end, 150);
        assertEq(entry.paidBefore, 0);
        assertEq(entry.rootSum, 50);
        assertEq(entry.worker, otherWorker);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.OffsetBeyondLog.selector, 150, 150));
        router.entryAt(1, ADAPTER, 150);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.OffsetBeyondLog.selector, 0, 0));
        router.entryAt(1, OTHER_ADAPTER, 0);
    }

    /// @dev Property I10: epochs with prices are found one after the other, whatever lies between them.
    function test_nextPaidEpoch_overEmptyEpochs_succeeds() public {
        assertEq(router.nextPaidEpoch(0, ADAPTER), 0);
        _endEpoch();
        // Platform fees alone are no prices.
        _record(ADAPTER, worker, "root", 0, 0, 5);
        assertEq(router.nextPaidEpoch(0, ADAPTER), 0);
        _record(ADAPTER, worker, "root", 0, 7, 0);
        _record(ADAPTER, worker, "root", 7, 7, 0);
        _record(OTHER_ADAPTER, worker, "root", 0, 7, 0);
        for (uint256 i = 0; i < 3; ++i) {
            _endEpoch();
        }
        assertEq(router.nextPaidEpoch(2, ADAPTER), 0);
        _record(ADAPTER, worker, "root", 14, 7, 0);
        assertEq(router.nextPaidEpoch(0, ADAPTER), 2);
        assertEq(router.nextPaidEpoch(2, ADAPTER), 5);
        assertEq(router.nextPaidEpoch(5, ADAPTER), 0);
        assertEq(router.nextPaidEpoch(0, OTHER_ADAPTER), 2);
        assertEq(router.nextPaidEpoch(2, OTHER_ADAPTER), 0);
    }

    function test_record_refused_reverts() public {
        FeeEntry memory entry =
            FeeEntry({end: 0, paidBefore: 5, worker: worker, root: "root", rootSum: 15, platformFee: 0});
        vm.deal(anyone, 100);
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NotVoucherChannels.selector, anyone));
        router.record{value: 10}(ADAPTER, entry, 10, 0);
        vm.deal(address(channels), 100);
        vm.startPrank(address(channels));
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.WrongValue.selector, 10, 11));
        router.record{value: 10}(ADAPTER, entry, 10, 1);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.WrongRootSum.selector, 15, 16));
        router.record{value: 11}(ADAPTER, entry, 11, 0);
        router.record{value: 10}(ADAPTER, entry, 10, 0);
    }

    /// @dev Property I6: each wei of a log is covered by the entry that a walk from the beginning finds.
    function testFuzz_entryAt_isTheModels_succeeds(uint64[12] memory prices, uint64[12] memory before, uint256 draw)
        public
    {
        uint256 total = 0;
        uint256 entries = 0;
        for (uint256 i = 0; i < prices.length; ++i) {
            if (prices[i] % 5 == 0) prices[i] = 0;
            if (prices[i] % 5 == 1) prices[i] = 1;
            if (prices[i] > 0) ++entries;
            _record(ADAPTER, worker, bytes32(i), before[i], prices[i], 1);
            total += prices[i];
        }
        assertEq(router.feesOf(1, ADAPTER), total);
        assertEq(router.entryCount(1, ADAPTER), entries);
        assertEq(router.heldOf(1, ADAPTER, worker) + _sum(router.potOf(1, ADAPTER)), total + prices.length);
        uint256 start = 0;
        uint256 drawn = total == 0 ? 0 : draw % total;
        for (uint256 i = 0; i < prices.length; ++i) {
            if (prices[i] == 0) continue;
            uint256 end = start + prices[i];
            uint256[3] memory offsets = [start, end - 1, drawn >= start && drawn < end ? drawn : start];
            for (uint256 j = 0; j < 3; ++j) {
                (FeeEntry memory entry, uint128 from) = router.entryAt(1, ADAPTER, uint128(offsets[j]));
                assertEq(from, start);
                assertEq(entry.end, end);
                assertEq(entry.root, bytes32(i));
                assertEq(entry.paidBefore, before[i]);
                assertEq(entry.rootSum, uint256(before[i]) + prices[i]);
            }
            start = end;
        }
    }

    /* POTS */

    function test_takePot_once_succeeds() public {
        _record(ADAPTER, worker, "root", 0, 1000, 7);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.EpochNotClosed.selector, 1));
        settlement.takePot(1, ADAPTER);
        _endEpoch();
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NotEpochSettlement.selector, address(this)));
        router.takePot(1, ADAPTER);

        vm.expectEmit(address(router));
        emit IInferenceRouter.PotTaken(1, ADAPTER, Pot(200, 250, 450, 50));
        Pot memory pot = settlement.takePot(1, ADAPTER);
        assertEq(_sum(pot), 950);
        assertEq(settlement.received(), 950);
        assertEq(address(settlement).balance, 950);
        assertEq(address(router).balance, 57);
        assertEq(_sum(router.potOf(1, ADAPTER)), 0);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.PotEmpty.selector, 1, ADAPTER));
        settlement.takePot(1, ADAPTER);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.PotEmpty.selector, 1, OTHER_ADAPTER));
        settlement.takePot(1, OTHER_ADAPTER);
    }

    /* HOLDS */

    /// @dev Property I7: a worker is paid only what can't be forfeited any more, and once.
    function test_release_onceSettled_succeeds() public {
        _record(ADAPTER, worker, "root", 0, 1000, 7);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.EpochNotClosed.selector, 1));
        router.release(1, ADAPTER, worker);
        _endEpoch();
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NotSettled.selector, 1, ADAPTER));
        router.release(1, ADAPTER, worker);
        settlement.setSettled(1, ADAPTER);
        vm.expectEmit(address(router));
        emit IInferenceRouter.HoldReleased(1, ADAPTER, worker, 57);
        vm.prank(anyone);
        assertEq(router.release(1, ADAPTER, worker), 57);
        assertEq(vault.claimable(worker), 57);
        assertEq(router.release(1, ADAPTER, worker), 0);
        assertEq(router.release(1, ADAPTER, otherWorker), 0);
        assertEq(vault.claimable(worker), 57);
        assertEq(address(router).balance, 950);
    }

    /// @dev Where all calls were free nothing is drawn and nobody settles: platform fees don't wait for that.
    function test_release_withoutPrices_succeeds() public {
        _record(ADAPTER, worker, "root", 0, 0, 7);
        assertEq(router.entryCount(1, ADAPTER), 0);
        _endEpoch();
        assertEq(router.release(1, ADAPTER, worker), 7);
        assertEq(address(router).balance, 0);
    }

    function test_forfeit_halves_succeeds() public {
        _record(ADAPTER, worker, "root", 0, 1000, 7);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.NotEpochSettlement.selector, address(this)));
        router.forfeit(1, ADAPTER, worker, 1, anyone);
        vm.expectEmit(address(router));
        emit IInferenceRouter.HoldForfeited(1, ADAPTER, worker, 21, 11, anyone);
        assertEq(settlement.forfeit(1, ADAPTER, worker, 21, anyone), 21);
        assertEq(vault.claimable(anyone), 10);
        assertEq(router.heldOf(1, ADAPTER, worker), 36);
        assertEq(address(router).balance, 950 + 36);
        // Without a challenger all is burnt; no more is taken than there is.
        vm.expectEmit(address(router));
        emit IInferenceRouter.HoldForfeited(1, ADAPTER, worker, 36, 36, address(0));
        assertEq(settlement.forfeit(1, ADAPTER, worker, 100, address(0)), 36);
        assertEq(settlement.forfeit(1, ADAPTER, worker, 100, anyone), 0);
        assertEq(settlement.forfeit(1, ADAPTER, otherWorker, 100, anyone), 0);
        assertEq(address(router).balance, 950);
        assertEq(vault.claimable(anyone), 10);
        assertEq(address(vault).balance, 10);
    }

    function test_forfeit_oneWei_isBurnt_succeeds() public {
        _record(ADAPTER, worker, "root", 0, 0, 1);
        assertEq(settlement.forfeit(1, ADAPTER, worker, 1, anyone), 1);
        assertEq(vault.claimable(anyone), 0);
        assertEq(address(router).balance, 0);
    }

    /* PARAMETERS AND INITIALISATION */

    function test_parameters_bounds_succeeds() public {
        Bounds[] memory all = IParameterized(address(router)).parameters();
        assertEq(all.length, 6);
        for (uint256 i = 0; i < all.length; ++i) {
            assertEq(IParameterized(address(router)).parameter(all[i].name), all[i].initial);
            uint256 above = all[i].max + 1;
            vm.expectRevert(
                abi.encodeWithSelector(
                    IParameterized.ParameterOutOfBounds.selector, all[i].name, above, all[i].min, all[i].max
                )
            );
            _setParameter(address(router), all[i].name, above);
            _setParameter(address(router), all[i].name, all[i].min);
            vm.expectRevert(abi.encodeWithSelector(IParameterized.NotParamTimelock.selector, address(this)));
            IParameterized(address(router)).setParameter(all[i].name, all[i].min);
        }
    }

    /// @dev A worker's stake must not leave before an epoch that it served is beyond doubt.
    function test_setParameter_epochAboveUnbonding_reverts() public {
        _setParameter(address(router), "epochSeconds", 7 days);
        _setParameter(address(router), "epochSeconds", 1 days);
        _setParameter(address(staking), "unbondingSeconds", staking.minUnbonding());
        vm.expectRevert(
            abi.encodeWithSelector(
                IParameterized.ParametersConflict.selector, bytes32("epochSeconds"), bytes32("unbondingSeconds")
            )
        );
        _setParameter(address(router), "epochSeconds", 1 days + 1);
    }

    /// @dev Property I3: the parts never make up more than what there is, and contributors keep a fifth.
    function testFuzz_parameters_split_succeeds(uint16 platform, uint16 model, uint16 adapters, uint16 stakers) public {
        platform = uint16(bound(platform, 0, 2000));
        model = uint16(bound(model, 0, 4000));
        adapters = uint16(bound(adapters, 0, 5000));
        stakers = uint16(bound(stakers, 0, 2000));
        uint256 others = uint256(platform) + model + adapters + stakers;
        Setting[] memory settings = new Setting[](4);
        settings[0] = Setting("platformBps", platform);
        settings[1] = Setting("modelBps", model);
        settings[2] = Setting("adaptersBps", adapters);
        settings[3] = Setting("stakersBps", stakers);
        _place(address(router), "InferenceRouter.sol:InferenceRouter");
        vm.store(address(router), 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00, 0);
        if (others > 8000) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IParameterized.ParametersConflict.selector, bytes32("adaptersBps"), bytes32("modelBps")
                )
            );
            router.initialize(settings);
            return;
        }
        router.initialize(settings);
        Split memory split = router.splitOf(1);
        assertEq(split.contributors, 10_000 - others);
        _record(ADAPTER, worker, "root", 0, 12_345_678_901, 0);
        assertEq(_sum(router.potOf(1, ADAPTER)) + router.heldOf(1, ADAPTER, worker), 12_345_678_901);
        assertEq(router.potOf(1, ADAPTER).adapters, uint256(12_345_678_901) * adapters / 10_000);
    }

    function test_initialize_again_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        router.initialize(new Setting[](0));
        InferenceRouter implementation = InferenceRouter(_implementationOf(address(router)));
        assertEq(implementation.version(), "1.0.0");
        InferenceRouter fresh = new InferenceRouter();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        fresh.initialize(new Setting[](0));
    }

    /// @dev What nobody accounts for doesn't get in.
    function test_receive_plainValue_reverts() public {
        (bool success,) = address(router).call{value: 1}("");
        assertFalse(success);
    }

    /* HELPERS */

    function _request(uint256 value, uint256 nonce) private returns (bytes32) {
        vm.prank(payer);
        return router.request{value: value}(ADAPTER, worker, 1500, 400, PROMPT, nonce);
    }

    function _fulfil(bytes32 id, uint32 tokensOut) private {
        vm.prank(worker);
        router.fulfil(id, tokensOut, OUTPUT, SKETCHES);
    }
}
