// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../../src/interfaces/IAdapterMarket.sol";
import {IDatanetRegistry} from "../../src/interfaces/IDatanetRegistry.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {Setting} from "../../src/interfaces/IParameterized.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {AdapterMarket} from "../../src/protocol/AdapterMarket.sol";
import {DatanetTest} from "./DatanetTest.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

contract AdapterMarketTest is DatanetTest {
    IAdapterMarket private constant market = IAdapterMarket(Predeploys.ADAPTER_MARKET);
    ILoraRegistry private constant LORA = NativePrecompiles.LORA;
    IAttrSketch private constant SKETCH = NativePrecompiles.SKETCH;
    uint256 private constant DIM = 64;
    bytes private constant JSON =
        '{"layers.0.q_proj.lora_A.weight":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]},"layers.0.q_proj.lora_B.weight":{"dtype":"F32","shape":[4,2],"data_offsets":[64,96]}}';

    uint64 private base;
    bytes private header;
    uint256 private content;

    function setUp() public override {
        super.setUp();
        bytes memory length = new bytes(8);
        length[0] = bytes1(uint8(JSON.length));
        header = bytes.concat(length, JSON);
        ILoraRegistry.Base memory described;
        (described.namePrefix, described.layers) = ("layers.", 2);
        described.modules = new ILoraRegistry.Module[](1);
        described.modules[0] = ILoraRegistry.Module("q_proj", 8, 4);
        vm.prank(bob);
        base = LORA.registerBase(described);
    }

    /* ADAPTERS */

    function _adapter(bytes32 licence) private returns (ILoraRegistry.Adapter memory adapter) {
        adapter.base = base;
        (adapter.rank, adapter.alpha, adapter.moduleMask, adapter.layerTo) = (2, 4, 1, 1);
        (adapter.headerHash, adapter.dataRoot, adapter.dataLen) = (keccak256(header), bytes32(++content), 96);
        (adapter.chunkLog2, adapter.developer, adapter.version) = (12, alice, 1);
        adapter.licence = licence;
    }

    function _register(ILoraRegistry.Adapter memory adapter) private returns (uint64) {
        LORA.commitAdapter(keccak256(abi.encode(adapter.developer, adapter.headerHash, adapter.dataRoot, SALT)));
        _mine(2, 1);
        vm.prank(adapter.developer);
        return LORA.registerAdapter(adapter, header, SALT);
    }

    /// @dev A sealed set about `subject`, which has a cluster.
    function _set(bytes32 subject) private returns (uint64 id) {
        id = SKETCH.openSet(subject, uint16(DIM), 1, 0, 0, 0, 0, 0);
        _mine(2, 1);
        SKETCH.drawSeed(id);
        SKETCH.appendRows(id, abi.encodePacked(uint32(0), uint16(0), new bytes(DIM)));
        SKETCH.seal(id);
        _mine(1, 1);
    }

    function _trainedOn(bytes32 subject, bytes32 licence) private returns (uint64) {
        ILoraRegistry.Adapter memory adapter = _adapter(licence);
        adapter.train = new ILoraRegistry.Train[](1);
        adapter.train[0] = ILoraRegistry.Train(subject, _set(subject), 0, 10_000);
        return _register(adapter);
    }

    function _datanet() private returns (bytes32) {
        uint256 datanet = _create();
        _cluster(datanet, alice, datanet);
        return registry.spaceOf(datanet);
    }

    function _listed() private returns (uint64 adapter) {
        adapter = _register(_adapter(LICENCE));
        vm.prank(alice);
        market.list(adapter, 3, 7, "ipfs://card");
    }

    /* LISTING */

    function test_initialize_twice_reverts() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        market.initialize(new Setting[](0));
        AdapterMarket implementation = new AdapterMarket();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(new Setting[](0));
        assertEq(market.version(), "1.0.0");
    }

    function test_list_offers_succeeds() public {
        uint64 adapter = _register(_adapter(LICENCE));
        assertFalse(market.isOffered(adapter));
        vm.expectEmit(address(market));
        emit IAdapterMarket.Listed(adapter, alice, 3, 7, "ipfs://card");
        vm.prank(alice);
        market.list(adapter, 3, 7, "ipfs://card");
        assertTrue(market.isOffered(adapter));
        assertEq(market.listingOf(adapter).priceIn, 3);
        assertEq(market.listingOf(adapter).priceOut, 7);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.AlreadyListed.selector, adapter));
        vm.prank(alice);
        market.list(adapter, 3, 7, "");
    }

    function test_list_hostile_reverts() public {
        uint64 adapter = _register(_adapter(LICENCE));
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotHolder.selector, bob, alice));
        vm.prank(bob);
        market.list(adapter, 1, 1, "");
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotAdapter.selector, base));
        vm.prank(bob);
        market.list(base, 1, 1, "");
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(ILoraRegistry.UnknownNode.selector, 99));
        market.list(99, 1, 1, "");
        uint128 tooMuch = 1000 ether + 1;
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.PriceTooHigh.selector, tooMuch, 1000 ether));
        market.list(adapter, tooMuch, 0, "");
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.PriceTooHigh.selector, tooMuch, 1000 ether));
        market.list(adapter, 0, tooMuch, "");
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.TooLong.selector, 1025, 1024));
        market.list(adapter, 0, 0, string(new bytes(1025)));
        LORA.setStatus(adapter, 1);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotInUse.selector, adapter, 1));
        market.list(adapter, 0, 0, "");
        vm.stopPrank();
    }

    /// @dev AM1: own training sets.
    function test_list_licences_reverts() public {
        bytes32 space = _datanet();
        uint64 allowed = _trainedOn(space, OTHER_LICENCE);
        uint64 forbidden = _trainedOn(space, "proprietary");
        vm.startPrank(alice);
        market.list(allowed, 1, 1, "");
        vm.expectRevert(
            abi.encodeWithSelector(IAdapterMarket.LicenceNotAllowed.selector, space, bytes32("proprietary"))
        );
        market.list(forbidden, 1, 1, "");
        vm.stopPrank();
    }

    /// @dev AM1: a space of another registry has nobody who could be paid.
    function test_list_unknownSpace_reverts() public {
        bytes32 h = keccak256("h");
        SKETCH.commitContribution("d", h);
        bytes32 space = keccak256(abi.encode(address(this), bytes32("d")));
        uint64 set = SKETCH.openSet(space, uint16(DIM), 1, 0, 0, 0, 0, 0);
        ILoraRegistry.Adapter memory adapter = _adapter(LICENCE);
        adapter.train = new ILoraRegistry.Train[](1);
        adapter.train[0] = ILoraRegistry.Train(space, set, 0, 10_000);
        // The set stands for one of a registry that isn't this one.
        IAttrSketch.SetHeader memory described = SKETCH.header(set);
        described.sealedBlock = 1;
        vm.mockCall(address(SKETCH), abi.encodeCall(IAttrSketch.header, (set)), abi.encode(described));
        uint64 id = _register(adapter);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.LicenceNotAllowed.selector, space, LICENCE));
        vm.prank(alice);
        market.list(id, 1, 1, "");
    }

    /// @dev AM1: what an ancestor was trained on counts, too.
    function test_list_ancestorsLicence_reverts() public {
        bytes32 space = _datanet();
        uint64 parent = _trainedOn(space, LICENCE);
        ILoraRegistry.Adapter memory child = _adapter("proprietary");
        child.parents = new ILoraRegistry.Share[](1);
        child.parents[0] = ILoraRegistry.Share(parent, 2000);
        uint64 id = _register(child);
        vm.expectRevert(
            abi.encodeWithSelector(IAdapterMarket.LicenceNotAllowed.selector, space, bytes32("proprietary"))
        );
        vm.prank(alice);
        market.list(id, 1, 1, "");
    }

    /// @dev AM1: what is used counts, whatever is paid for it: a link of no weight, two links of a ten-thousandth each, and a Datanet without
    ///      any weight of an ancestor's.
    function test_list_ancestorWithoutWeight_reverts() public {
        bytes32 space = _datanet();
        uint64 parent = _trainedOn(space, LICENCE);
        uint64 thin = _childOf(parent, 1, LICENCE);
        uint64[3] memory children = [
            _childOf(parent, 0, "proprietary"),
            _childOf(thin, 1, "proprietary"),
            _childOf(_ofTwo(space), 5000, "proprietary")
        ];
        vm.startPrank(alice);
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAdapterMarket.LicenceNotAllowed.selector, space, bytes32("proprietary"))
            );
            market.list(children[i], 1, 1, "");
        }
        market.list(thin, 1, 1, "");
        vm.stopPrank();
    }

    function _childOf(uint64 parent, uint16 relBps, bytes32 licence) private returns (uint64) {
        ILoraRegistry.Adapter memory child = _adapter(licence);
        child.parents = new ILoraRegistry.Share[](1);
        child.parents[0] = ILoraRegistry.Share(parent, relBps);
        return _register(child);
    }

    /// @dev Trained on a Datanet that anybody may use, and, without weight, on `space`.
    function _ofTwo(bytes32 space) private returns (uint64) {
        IDatanetRegistry.Terms memory terms = _terms();
        terms.adapterLicences = new bytes32[](2);
        (terms.adapterLicences[0], terms.adapterLicences[1]) = (LICENCE, "proprietary");
        uint256 free = _create(terms);
        _cluster(free, bob, free);
        bytes32 freeSpace = registry.spaceOf(free);
        ILoraRegistry.Adapter memory adapter = _adapter(LICENCE);
        adapter.train = new ILoraRegistry.Train[](2);
        adapter.train[0] = ILoraRegistry.Train(freeSpace, _set(freeSpace), 0, 10_000);
        adapter.train[1] = ILoraRegistry.Train(space, _set(space), 0, 0);
        return _register(adapter);
    }

    /// @dev The Datanets behind an adapter are counted each once: 128 are listed, 129 refused.
    function test_list_manyDatanets_reverts() public {
        uint64 parent = _register(_adapter(LICENCE));
        uint64 adapter = _childOf(parent, 100, LICENCE);
        vm.mockCall(
            address(registry), abi.encodeWithSelector(IDatanetRegistry.licenceAllows.selector), abi.encode(true)
        );
        _pretendTrain(parent, 129);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.TooManyDatanets.selector, 129, 128));
        vm.prank(alice);
        market.list(adapter, 1, 1, "");
        _pretendTrain(parent, 128);
        vm.prank(alice);
        market.list(adapter, 1, 1, "");
        assertTrue(market.isOffered(adapter));
    }

    /// @dev As if an adapter were trained on so many Datanets, and on each of them twice.
    function _pretendTrain(uint64 id, uint256 count) private {
        (ILoraRegistry.Adapter memory found, uint64 params, uint8 depth, uint16 ancestors) = LORA.get(id);
        found.train = new ILoraRegistry.Train[](2 * count);
        for (uint256 i = 0; i < 2 * count; ++i) {
            found.train[i].datanet = bytes32(i % count + 1);
        }
        vm.mockCall(address(LORA), abi.encodeCall(ILoraRegistry.get, (id)), abi.encode(found, params, depth, ancestors));
    }

    /// @dev AM5: a Datanet has one set that is scored; sets of labels beside it, and sets of other Datanets, as many as LORA takes.
    function test_list_severalSetsOfADatanet_reverts() public {
        (bytes32 space, bytes32 other) = (_datanet(), _datanet());
        ILoraRegistry.Adapter memory adapter = _adapter(LICENCE);
        adapter.train = new ILoraRegistry.Train[](4);
        adapter.train[0] = ILoraRegistry.Train(space, _set(space), 0, 1000);
        adapter.train[1] = ILoraRegistry.Train(space, _set(space), 0, 4000);
        adapter.train[2] = ILoraRegistry.Train(other, _set(other), 0, 1000);
        adapter.train[3] = ILoraRegistry.Train(space, _set(space), 0, 4000);
        uint64 id = _register(adapter);
        _pretendKind(adapter.train[1].sketchSet, 0);
        _pretendKind(adapter.train[2].sketchSet, 0);
        _pretendKind(adapter.train[3].sketchSet, 0);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.SeveralSets.selector, space));
        market.list(id, 1, 1, "");
        vm.stopPrank();
        _pretendKind(adapter.train[3].sketchSet, 1);
        vm.prank(alice);
        market.list(id, 1, 1, "");
    }

    function _pretendKind(uint64 set, uint8 kind) private {
        IAttrSketch.SetHeader memory found = SKETCH.header(set);
        found.kind = kind;
        vm.mockCall(address(SKETCH), abi.encodeCall(IAttrSketch.header, (set)), abi.encode(found));
    }

    /* STATUS */

    /// @dev AM2.
    function test_update_status_succeeds() public {
        uint64 adapter = _listed();
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotHolder.selector, bob, alice));
        vm.prank(bob);
        market.update(adapter, IAdapterMarket.Status.Paused, 1, 1, "");
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.InvalidStatus.selector, IAdapterMarket.Status.None));
        market.update(adapter, IAdapterMarket.Status.None, 1, 1, "");
        market.update(adapter, IAdapterMarket.Status.Paused, 1, 1, "");
        assertFalse(market.isOffered(adapter));
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotOffered.selector, adapter));
        market.quote(adapter, 1, 1);
        vm.expectEmit(address(market));
        emit IAdapterMarket.ListingUpdated(adapter, IAdapterMarket.Status.Active, 1000, 2000, "ipfs://new");
        market.update(adapter, IAdapterMarket.Status.Active, 1000, 2000, "ipfs://new");
        assertEq(market.quote(adapter, 1, 1), 3);
        market.update(adapter, IAdapterMarket.Status.Withdrawn, 0, 0, "");
        assertFalse(market.isOffered(adapter));
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotListed.selector, adapter));
        market.update(adapter, IAdapterMarket.Status.Active, 1, 1, "");
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.AlreadyListed.selector, adapter));
        market.list(adapter, 1, 1, "");
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotListed.selector, adapter + 1));
        market.update(adapter + 1, IAdapterMarket.Status.Active, 1, 1, "");
        vm.stopPrank();
    }

    /// @dev AM2: LORA's status counts at once.
    function test_isOffered_deprecatedOrDisputed_succeeds() public {
        uint64 adapter = _listed();
        vm.prank(alice);
        LORA.setStatus(adapter, 1);
        assertFalse(market.isOffered(adapter));
        vm.prank(alice);
        LORA.setStatus(adapter, 0);
        assertTrue(market.isOffered(adapter));
        // The same bytes under an earlier commitment.
        ILoraRegistry.Adapter memory original = _adapter(LICENCE);
        original.developer = carol;
        LORA.commitAdapter(keccak256(abi.encode(carol, original.headerHash, original.dataRoot, SALT)));
        ILoraRegistry.Adapter memory copy = original;
        copy.developer = alice;
        uint64 copied = _register(copy);
        vm.prank(alice);
        market.list(copied, 1, 1, "");
        assertTrue(market.isOffered(copied));
        original.developer = carol;
        vm.prank(carol);
        LORA.registerAdapter(original, header, SALT);
        assertEq(LORA.statusOf(copied), 2);
        assertFalse(market.isOffered(copied));
    }

    /* PRICES */

    /// @dev AM3: rounded up once.
    function testFuzz_quote_roundedUp_succeeds(uint128 priceIn, uint128 priceOut, uint64 tokensIn, uint64 tokensOut)
        public
    {
        (priceIn, priceOut) = (uint128(bound(priceIn, 0, 1000 ether)), uint128(bound(priceOut, 0, 1000 ether)));
        uint64 adapter = _listed();
        vm.prank(alice);
        market.update(adapter, IAdapterMarket.Status.Active, priceIn, priceOut, "");
        uint256 exact = uint256(tokensIn) * priceIn + uint256(tokensOut) * priceOut;
        uint256 quoted = market.quote(adapter, tokensIn, tokensOut);
        assertGe(quoted * 1000, exact);
        assertLt(quoted * 1000, exact + 1000);
        assertEq(market.quote(adapter, 1000, 0), priceIn);
        assertEq(market.quote(adapter, 0, 1000), priceOut);
    }

    function test_quote_hostile_reverts() public {
        uint64 adapter = _listed();
        uint256 limit = market.MAX_TOKENS();
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.TooManyTokens.selector, limit + 1, limit));
        market.quote(adapter, limit + 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.TooManyTokens.selector, type(uint256).max, limit));
        market.quote(adapter, 0, type(uint256).max);
        assertEq(market.quote(adapter, 0, 0), 0);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotOffered.selector, 99));
        market.quote(99, 0, 0);
    }

    /* PAYEES */

    /// @dev AM4.
    function test_payeeOf_chain_succeeds() public {
        uint64 adapter = _register(_adapter(LICENCE));
        assertEq(market.payeeOf(adapter), alice);
        assertEq(market.payeeOf(base), Predeploys.TREASURY);
        assertEq(market.payeeOf(99), Predeploys.TREASURY);
        assertEq(market.payeeOf(0), Predeploys.TREASURY);
        vm.mockCall(Predeploys.MODEL_REGISTRY, abi.encodeCall(IModelRegistry.payeeOfBase, (base)), abi.encode(owner));
        assertEq(market.payeeOf(base), owner);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotHolder.selector, bob, alice));
        vm.prank(bob);
        market.setPayee(adapter, bob);
        vm.expectEmit(address(market));
        emit IAdapterMarket.PayeeSet(adapter, carol);
        vm.prank(alice);
        market.setPayee(adapter, carol);
        assertEq(market.payeeOf(adapter), carol);
        vm.prank(alice);
        market.setPayee(adapter, address(0));
        assertEq(market.payeeOf(adapter), alice);
        vm.prank(bob);
        market.setPayee(base, carol);
        assertEq(market.payeeOf(base), carol);
    }

    /// @dev AM4: whoever pays out with too little gas pays nobody else.
    function test_payeeOf_littleGas_reverts() public {
        uint64 adapter = _register(_adapter(LICENCE));
        for (uint256 gasLimit = 5000; gasLimit < 300_000; gasLimit += 5000) {
            try market.payeeOf{gas: gasLimit}(adapter) returns (address payee) {
                assertEq(payee, alice);
            } catch {}
        }
        // What a precompile that runs out of gas returns.
        vm.mockCallRevert(address(LORA), abi.encodeCall(ILoraRegistry.get, (adapter)), "");
        vm.expectRevert(bytes(""));
        market.payeeOf(adapter);
    }

    /// @dev AM4: the developer's place.
    function test_list_rotated_succeeds() public {
        uint64 adapter = _register(_adapter(LICENCE));
        address heir = _rotate("alice", "heir");
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.NotHolder.selector, alice, alice));
        vm.prank(alice);
        market.list(adapter, 1, 1, "");
        vm.prank(heir);
        market.list(adapter, 1, 1, "");
        assertEq(market.payeeOf(adapter), alice, "whose place the heir holds");
    }
}
