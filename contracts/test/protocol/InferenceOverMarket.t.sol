// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../../src/interfaces/IAdapterMarket.sol";
import {Request} from "../../src/interfaces/IInferenceRouter.sol";
import {IVoucherChannels} from "../../src/interfaces/IVoucherChannels.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {InferenceTest} from "./InferenceTest.sol";

/// @dev Paid inference with `AdapterMarket` itself, over an adapter of the registry.
contract InferenceOverMarketTest is InferenceTest {
    IAdapterMarket private constant realMarket = IAdapterMarket(Predeploys.ADAPTER_MARKET);
    ILoraRegistry private constant LORA = NativePrecompiles.LORA;
    bytes private constant JSON =
        '{"layers.0.q_proj.lora_A.weight":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]},"layers.0.q_proj.lora_B.weight":{"dtype":"F32","shape":[4,2],"data_offsets":[64,96]}}';

    address private immutable developer = makeAddr("developer");
    uint64 private adapter;

    function setUp() public override {
        super.setUp();
        _place(address(market), "AdapterMarket.sol:AdapterMarket");

        ILoraRegistry.Base memory base;
        (base.namePrefix, base.layers) = ("layers.", 1);
        base.modules = new ILoraRegistry.Module[](1);
        base.modules[0] = ILoraRegistry.Module("q_proj", 8, 4);
        bytes memory length = new bytes(8);
        length[0] = bytes1(uint8(JSON.length));
        bytes memory header = bytes.concat(length, JSON);
        ILoraRegistry.Adapter memory made;
        made.base = LORA.registerBase(base);
        (made.rank, made.alpha, made.moduleMask, made.layerTo) = (2, 4, 1, 1);
        (made.headerHash, made.dataRoot, made.dataLen) = (keccak256(header), "weights", 96);
        (made.chunkLog2, made.developer, made.version) = (12, developer, 1);
        LORA.commitAdapter(keccak256(abi.encode(developer, made.headerHash, made.dataRoot, bytes32("salt"))));
        _mine(2, 1);
        vm.startPrank(developer);
        adapter = LORA.registerAdapter(made, header, "salt");
        realMarket.list(adapter, PRICE_IN, PRICE_OUT, "");
        vm.stopPrank();
    }

    /// @dev The router's price is the market's, to the wei, and remains so for a request that was made.
    function testFuzz_quote_isTheMarkets_succeeds(uint32 tokensIn, uint32 tokensOutMax, uint32 tokensOut) public {
        tokensIn = uint32(bound(tokensIn, 0, 1_000_000));
        tokensOutMax = uint32(bound(tokensOutMax, 0, 1_000_000));
        tokensOut = uint32(bound(tokensOut, 0, tokensOutMax));
        (uint128 price, uint128 fee) = router.quote(adapter, worker, tokensIn, tokensOutMax);
        assertEq(price, realMarket.quote(adapter, tokensIn, tokensOutMax));
        uint256 used = realMarket.quote(adapter, tokensIn, tokensOut);

        vm.prank(payer);
        bytes32 id = router.request{value: uint256(price) + fee}(adapter, worker, tokensIn, tokensOutMax, "prompt", 1);
        vm.prank(developer);
        realMarket.update(adapter, IAdapterMarket.Status.Paused, 1, 1, "");
        vm.prank(worker);
        router.fulfil(id, tokensOut, "output", "sketches");
        assertEq(router.feesOf(1, adapter), used);
        assertEq(vault.claimable(payer), price - used);
        Request memory made = router.requestOf(id);
        assertEq(made.priceIn, PRICE_IN);
        assertEq(made.priceOut, PRICE_OUT);
    }

    function test_paused_reverts() public {
        vm.prank(developer);
        realMarket.update(adapter, IAdapterMarket.Status.Paused, 1, 1, "");
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotOffered.selector, adapter));
        router.request{value: 1 ether}(adapter, worker, 1, 1, "prompt", 1);
        vm.expectRevert(abi.encodeWithSelector(IVoucherChannels.AdapterNotOffered.selector, adapter));
        channels.openChannel{value: 1 ether}(worker, adapter, 0, 0);
        vm.stopPrank();
        vm.prank(developer);
        realMarket.update(adapter, IAdapterMarket.Status.Active, 1, 1, "");
        vm.prank(payer);
        channels.openChannel{value: 1 ether}(worker, adapter, 0, 0);
    }
}
