// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {FeeEntry, IInferenceRouter, Pot} from "../../src/interfaces/IInferenceRouter.sol";
import {Setting} from "../../src/interfaces/IParameterized.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Channel, IVoucherChannels, Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "./ProtocolTest.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @dev Stands for `AdapterMarket`: the test says the prices of a thousand tokens.
contract MarketDouble {
    error NotOffered(uint64 adapter);

    struct Offer {
        bool offered;
        uint128 priceIn;
        uint128 priceOut;
    }

    mapping(uint64 adapter => Offer) private offers;

    function setOffer(uint64 adapter, bool offered, uint128 priceIn, uint128 priceOut) external {
        offers[adapter] = Offer(offered, priceIn, priceOut);
    }

    function isOffered(uint64 adapter) external view returns (bool) {
        return offers[adapter].offered;
    }

    function quote(uint64 adapter, uint256 tokensIn, uint256 tokensOut) external view returns (uint256) {
        Offer memory offer = offers[adapter];
        if (!offer.offered) revert NotOffered(adapter);
        return Math.ceilDiv(tokensIn * offer.priceIn + tokensOut * offer.priceOut, 1000);
    }
}

/// @dev Stands for `EpochSettlement`: takes pots, and the test says what is settled.
contract SettlementDouble {
    mapping(uint64 epoch => mapping(uint64 adapter => bool)) public isSettled;
    uint256 public received;

    function setSettled(uint64 epoch, uint64 adapter) external {
        isSettled[epoch][adapter] = true;
    }

    function receivePot() external payable {
        require(msg.sender == Predeploys.INFERENCE_ROUTER);
        received += msg.value;
    }

    function takePot(uint64 epoch, uint64 adapter) external returns (Pot memory) {
        return IInferenceRouter(Predeploys.INFERENCE_ROUTER).takePot(epoch, adapter);
    }

    function forfeit(uint64 epoch, uint64 adapter, address worker, uint128 amount, address challenger)
        external
        returns (uint128)
    {
        return IInferenceRouter(Predeploys.INFERENCE_ROUTER).forfeit(epoch, adapter, worker, amount, challenger);
    }
}

/// @notice What tests of paid inference start with: two adapters on offer, two active workers, a payer with OPEN.
abstract contract InferenceTest is ProtocolTest {
    uint64 internal constant ADAPTER = 7;
    uint64 internal constant OTHER_ADAPTER = 8;
    uint128 internal constant PRICE_IN = 3e15;
    uint128 internal constant PRICE_OUT = 7e15 + 1;
    uint128 internal constant PLATFORM_FEE = 1e13 + 7;

    IInferenceRouter internal constant router = IInferenceRouter(Predeploys.INFERENCE_ROUTER);
    IVoucherChannels internal constant channels = IVoucherChannels(Predeploys.VOUCHER_CHANNELS);
    IClaimVault internal constant vault = IClaimVault(Predeploys.CLAIM_VAULT);
    IValidatorStaking internal constant staking = IValidatorStaking(Predeploys.VALIDATOR_STAKING);
    MarketDouble internal constant market = MarketDouble(Predeploys.ADAPTER_MARKET);
    SettlementDouble internal constant settlement = SettlementDouble(Predeploys.EPOCH_SETTLEMENT);

    address internal immutable payer;
    uint256 internal immutable payerKey;
    address internal immutable worker = makeAddr("worker");
    address internal immutable otherWorker = makeAddr("otherWorker");
    address internal immutable anyone = makeAddr("anyone");

    constructor() {
        (payer, payerKey) = makeAddrAndKey("payer");
    }

    function setUp() public virtual override {
        vm.warp(1_800_000_000);
        super.setUp();
        vm.etch(address(market), type(MarketDouble).runtimeCode);
        vm.etch(address(settlement), type(SettlementDouble).runtimeCode);
        market.setOffer(ADAPTER, true, PRICE_IN, PRICE_OUT);
        market.setOffer(OTHER_ADAPTER, true, 1000, 0);
        address[2] memory workers = [worker, otherWorker];
        for (uint256 i = 0; i < 2; ++i) {
            _activate(workers[i]);
            vm.prank(workers[i]);
            router.setPlatformFee(workers[i], PLATFORM_FEE);
        }
        vm.deal(payer, 1e24);
    }

    /// @dev Adds to the fee log as `VoucherChannels` does.
    function _record(uint64 adapter, address by, bytes32 root, uint128 paidBefore, uint128 price, uint128 fees)
        internal
    {
        vm.deal(address(channels), address(channels).balance + price + fees);
        vm.prank(address(channels));
        router.record{value: price + fees}(
            adapter,
            FeeEntry({
                end: 0, paidBefore: paidBefore, worker: by, root: root, rootSum: paidBefore + price, platformFee: fees
            }),
            price,
            fees
        );
    }

    /// @dev Closes the epoch as soon as it can be closed.
    function _endEpoch() internal returns (uint64 closed) {
        closed = router.currentEpoch();
        vm.warp(router.endsAt(closed));
        vm.roll(block.number + 1);
        assertEq(router.closeEpoch(), closed + 1);
    }

    function _sum(Pot memory pot) internal pure returns (uint256) {
        return uint256(pot.model) + pot.adapters + pot.contributors + pot.stakers;
    }

    /// @dev The payer opens a channel of the worker's with this much in it.
    function _openChannel(uint128 locked, bytes32 salt) internal returns (bytes32) {
        vm.prank(payer);
        return channels.openChannel{value: locked}(worker, ADAPTER, PLATFORM_FEE, salt);
    }

    function _voucher(bytes32 channel, uint256 cumulative, uint64 count) internal view returns (Voucher memory) {
        Channel memory opened = channels.channelOf(channel);
        return Voucher({
            channel: channel,
            payer: opened.payer,
            payee: opened.payee,
            cumulative: cumulative,
            count: count,
            leavesRoot: keccak256(abi.encode(channel, count)),
            expiry: uint64(block.timestamp + 1 hours)
        });
    }

    function _sign(Voucher memory voucher, uint256 key) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, channels.hashVoucher(voucher));
        return abi.encodePacked(r, s, v);
    }

    function _activate(address operator) internal {
        vm.deal(operator, 1000 ether);
        vm.prank(operator);
        staking.register{value: 1000 ether}(IValidatorStaking.Role.Worker, 0);
    }

    function _deactivate(address operator) internal {
        vm.prank(operator);
        staking.exit(IValidatorStaking.Role.Worker, operator);
    }

    /// @dev `to` has the place of `from` from now on, as after a rotation.
    function _giveAway(address from, address to) internal {
        vm.mockCall(address(vault), abi.encodeCall(IClaimVault.holderOf, (from)), abi.encode(to));
    }
}
