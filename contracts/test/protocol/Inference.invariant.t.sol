// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FeeEntry, IInferenceRouter, Pot, Request, RequestStatus} from "../../src/interfaces/IInferenceRouter.sol";
import {Channel, IVoucherChannels, Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {InferenceTest, MarketDouble, SettlementDouble} from "./InferenceTest.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Payers, workers, the settlement and time, all doing what they may and some of what they may not.
contract InferenceHandler is Test {
    IInferenceRouter private constant router = IInferenceRouter(Predeploys.INFERENCE_ROUTER);
    IVoucherChannels private constant channels = IVoucherChannels(Predeploys.VOUCHER_CHANNELS);
    MarketDouble private constant market = MarketDouble(Predeploys.ADAPTER_MARKET);
    SettlementDouble private constant settlement = SettlementDouble(Predeploys.EPOCH_SETTLEMENT);

    uint256 private constant LIST_MAX = 20;

    address[2] private workers;
    uint64[2] private adapters;
    bytes32[] public requests;
    bytes32[] public opened;
    mapping(bytes32 channel => uint256) private keys;
    uint256 private nonce;

    /// What was paid in, and what was burnt, wei.
    uint256 public paidIn;
    uint256 public burnt;
    /// What workers were credited, wei.
    uint256 public released;

    constructor(address[2] memory workers_, uint64[2] memory adapters_) {
        workers = workers_;
        adapters = adapters_;
    }

    function requestCount() external view returns (uint256) {
        return requests.length;
    }

    function openedCount() external view returns (uint256) {
        return opened.length;
    }

    /* REQUESTS */

    function request(uint256 seed, uint32 tokensIn, uint32 tokensOutMax, uint96 more) external {
        if (requests.length == LIST_MAX) return;
        (address payer,) = _payer(seed);
        address worker = workers[seed / 2 % 2];
        uint64 adapter = adapters[seed / 4 % 2];
        (uint128 price, uint128 fee) = router.quote(adapter, worker, tokensIn, tokensOutMax);
        uint256 value = uint256(price) + fee + more;
        vm.deal(payer, value);
        vm.prank(payer);
        requests.push(router.request{value: value}(adapter, worker, tokensIn, tokensOutMax, "prompt", ++nonce));
        paidIn += value;
    }

    function fulfil(uint256 seed, uint32 tokensOut) external {
        if (requests.length == 0) return;
        bytes32 id = requests[seed % requests.length];
        Request memory made = router.requestOf(id);
        tokensOut = uint32(bound(tokensOut, 0, made.tokensOutMax));
        bool possible = made.status == RequestStatus.Open && block.timestamp <= made.deadline;
        vm.prank(made.worker);
        if (!possible) vm.expectRevert();
        router.fulfil(id, tokensOut, "output", "sketches");
    }

    function refund(uint256 seed) external {
        if (requests.length == 0) return;
        bytes32 id = requests[seed % requests.length];
        Request memory made = router.requestOf(id);
        bool possible = made.status == RequestStatus.Open && block.timestamp > made.deadline;
        if (!possible) vm.expectRevert();
        router.refund(id);
    }

    function setPrices(uint256 seed, uint64 priceIn, uint64 priceOut, uint64 fee) external {
        market.setOffer(adapters[seed % 2], true, priceIn, priceOut);
        address worker = workers[seed / 2 % 2];
        vm.prank(worker);
        router.setPlatformFee(worker, fee);
    }

    /* CHANNELS */

    function open(uint256 seed, uint96 locked, uint32 fee) external {
        if (opened.length == LIST_MAX) return;
        (address payer, uint256 key) = _payer(seed);
        locked = uint96(bound(locked, 1, type(uint96).max));
        vm.deal(payer, locked);
        vm.prank(payer);
        bytes32 id =
            channels.openChannel{value: locked}(workers[seed / 2 % 2], adapters[seed / 4 % 2], fee, bytes32(++nonce));
        opened.push(id);
        keys[id] = key;
        paidIn += locked;
    }

    function topUp(uint256 seed, uint96 amount) external {
        if (opened.length == 0) return;
        bytes32 id = opened[seed % opened.length];
        Channel memory channel = channels.channelOf(id);
        if (channel.closed || channel.closesAt != 0 || amount == 0) return;
        vm.deal(address(this), amount);
        channels.topUp{value: amount}(id);
        paidIn += amount;
    }

    function settle(uint256 seed, uint96 due, uint8 calls) external {
        if (opened.length == 0) return;
        (Voucher memory voucher, bytes memory signature) = _voucher(seed, due, calls);
        // Some are above the lock, or their platform fees above what is due.
        try channels.settle(voucher, signature) {} catch {}
    }

    function settleMany(uint256 seed, uint96[3] calldata due, uint8[3] calldata calls) external {
        if (opened.length == 0) return;
        Voucher[] memory vouchers = new Voucher[](3);
        bytes[] memory signatures = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            (vouchers[i], signatures[i]) = _voucher(seed / 2 + i, due[i], calls[i]);
        }
        channels.settleMany(vouchers, signatures);
    }

    function exit(uint256 seed) external {
        if (opened.length == 0) return;
        bytes32 id = opened[seed % opened.length];
        Channel memory channel = channels.channelOf(id);
        if (channel.closed || channel.closesAt != 0) return;
        vm.prank(channel.payer);
        channels.startExit(id);
    }

    function close(uint256 seed) external {
        if (opened.length == 0) return;
        bytes32 id = opened[seed % opened.length];
        Channel memory channel = channels.channelOf(id);
        bool byPayee = seed % 7 == 0;
        bool exitOver = channel.closesAt != 0 && block.timestamp >= channel.closesAt;
        if (channel.closed || (!byPayee && !exitOver)) vm.expectRevert();
        if (byPayee) vm.prank(channel.payee);
        channels.closeChannel(id);
    }

    /* EPOCHS */

    function pass(uint32 time) external {
        vm.warp(block.timestamp + time % 12 hours);
        router.closeEpoch();
    }

    function takePot(uint256 seed) external {
        uint64 epoch = uint64(bound(seed, 1, router.currentEpoch()));
        uint64 adapter = adapters[seed % 2];
        Pot memory pot = router.potOf(epoch, adapter);
        bool empty = pot.model == 0 && pot.adapters == 0 && pot.contributors == 0 && pot.stakers == 0;
        if (epoch == router.currentEpoch() || empty) vm.expectRevert();
        settlement.takePot(epoch, adapter);
        if (seed % 3 == 0) settlement.setSettled(epoch, adapter);
    }

    function release(uint256 seed) external {
        uint64 epoch = uint64(bound(seed, 1, router.currentEpoch()));
        uint64 adapter = adapters[seed % 2];
        bool settled = settlement.isSettled(epoch, adapter) || router.feesOf(epoch, adapter) == 0;
        if (epoch == router.currentEpoch() || !settled) {
            vm.expectRevert();
            router.release(epoch, adapter, workers[seed / 2 % 2]);
        } else {
            released += router.release(epoch, adapter, workers[seed / 2 % 2]);
        }
    }

    function forfeit(uint256 seed, uint128 amount) external {
        uint64 epoch = uint64(bound(seed, 1, router.currentEpoch()));
        address challenger = seed % 3 == 0 ? address(0) : makeAddr("challenger");
        uint128 taken = settlement.forfeit(epoch, adapters[seed % 2], workers[seed / 2 % 2], amount, challenger);
        burnt += challenger == address(0) ? taken : taken - taken / 2;
    }

    /* HELPERS */

    function _voucher(uint256 seed, uint96 due, uint8 calls) private view returns (Voucher memory, bytes memory) {
        bytes32 id = opened[seed % opened.length];
        Channel memory channel = channels.channelOf(id);
        Voucher memory voucher = Voucher({
            channel: id,
            payer: channel.payer,
            payee: channel.payee,
            cumulative: uint256(channel.paid) + due,
            count: channel.counted + calls,
            leavesRoot: keccak256(abi.encode(seed)),
            expiry: type(uint64).max
        });
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[id], channels.hashVoucher(voucher));
        return (voucher, abi.encodePacked(r, s, v));
    }

    function _payer(uint256 seed) private returns (address, uint256) {
        return makeAddrAndKey(seed % 2 == 0 ? "payer0" : "payer1");
    }
}

contract InferenceInvariantTest is InferenceTest {
    InferenceHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new InferenceHandler([worker, otherWorker], [ADAPTER, OTHER_ADAPTER]);
        targetContract(address(handler));
    }

    /// @dev One campaign for all of them, since each would make the same calls.
    /// forge-config: default.invariant.runs = 32
    function invariant_sums_succeeds() public view {
        _checkRouterBalance();
        _checkChannelsBalance();
        _checkConservation();
        _checkFeeLog();
    }

    /// @dev Property I8: what the router holds is what it owes.
    function _checkRouterBalance() private view {
        uint256 owed = 0;
        for (uint256 i = 0; i < handler.requestCount(); ++i) {
            Request memory made = router.requestOf(handler.requests(i));
            if (made.status == RequestStatus.Open) owed += made.escrow;
        }
        for (uint64 epoch = 1; epoch <= router.currentEpoch(); ++epoch) {
            owed += _ofEpoch(epoch, ADAPTER) + _ofEpoch(epoch, OTHER_ADAPTER);
        }
        assertEq(address(router).balance, owed);
    }

    /// @dev Property V7: what the channels hold is what was locked and neither paid nor given back.
    function _checkChannelsBalance() private view {
        uint256 locked = 0;
        for (uint256 i = 0; i < handler.openedCount(); ++i) {
            Channel memory channel = channels.channelOf(handler.opened(i));
            assertLe(channel.paid, channel.locked);
            assertLe(uint256(channel.counted) * channel.platformFee, channel.paid);
            if (!channel.closed) locked += channel.locked - channel.paid;
        }
        assertEq(address(channels).balance, locked);
    }

    /// @dev Property I9: no wei is lost or made: all that was paid in is somewhere, or burnt by rule.
    function _checkConservation() private view {
        uint256 found = address(router).balance + address(channels).balance + address(vault).balance
            + address(settlement).balance + handler.burnt();
        assertEq(found, handler.paidIn());
        assertEq(address(settlement).balance, settlement.received());
        assertEq(vault.claimable(worker) + vault.claimable(otherWorker), handler.released());
    }

    /// @dev Property I6: prefix sums rise strictly, each within its tree.
    function _checkFeeLog() private view {
        for (uint64 epoch = 1; epoch <= router.currentEpoch(); ++epoch) {
            uint128 total = router.feesOf(epoch, ADAPTER);
            uint256 count = 0;
            for (uint128 offset = 0; offset < total; ++count) {
                (FeeEntry memory entry, uint128 start) = router.entryAt(epoch, ADAPTER, offset);
                assertEq(start, offset);
                assertGt(entry.end, offset);
                assertEq(entry.rootSum, uint256(entry.paidBefore) + entry.end - offset);
                offset = entry.end;
            }
            assertEq(count, router.entryCount(epoch, ADAPTER));
        }
    }

    function _ofEpoch(uint64 epoch, uint64 adapter) private view returns (uint256) {
        return _sum(router.potOf(epoch, adapter)) + router.heldOf(epoch, adapter, worker)
            + router.heldOf(epoch, adapter, otherWorker);
    }
}
