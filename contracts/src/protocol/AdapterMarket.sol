// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../interfaces/IAdapterMarket.sol";
import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IDatanetRegistry} from "../interfaces/IDatanetRegistry.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {Bounds, Setting} from "../interfaces/IParameterized.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {IAttrSketch} from "../interfaces/precompiles/IAttrSketch.sol";
import {ILoraRegistry} from "../interfaces/precompiles/ILoraRegistry.sol";
import {NativePrecompiles} from "../libraries/NativePrecompiles.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "./Parameterized.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title AdapterMarket
/// @dev Stands behind a `Proxy`. It takes no value and calls only precompiles and predeploys.
contract AdapterMarket is IAdapterMarket, Parameterized {
    /* CONSTANTS */

    /// @inheritdoc IAdapterMarket
    uint256 public constant MAX_DATANETS = 128;
    /// @inheritdoc IAdapterMarket
    uint256 public constant MAX_ANCESTORS = 128;
    /// @inheritdoc IAdapterMarket
    uint256 public constant MAX_URI_BYTES = 1024;
    /// @inheritdoc IAdapterMarket
    uint256 public constant MAX_TOKENS = type(uint64).max;

    uint256 private constant PRICED_TOKENS = 1000;
    uint8 private constant IN_USE = 0;
    /// @dev Kind of the sketch sets that epochs are scored by.
    uint8 private constant INFLUENCE = 0;
    bytes32 private constant PRICE_MAX = "priceMax";

    IClaimVault private constant VAULT = IClaimVault(Predeploys.CLAIM_VAULT);
    IDatanetRegistry private constant DATANETS = IDatanetRegistry(Predeploys.DATANET_REGISTRY);
    ILoraRegistry private constant LORA = NativePrecompiles.LORA;
    IAttrSketch private constant SKETCH = NativePrecompiles.SKETCH;

    /* STORAGE */

    /// @custom:storage-location erc7201:openledger.storage.AdapterMarket
    struct AdapterMarketStorage {
        mapping(uint64 adapter => Listing) listings;
        mapping(uint64 id => address) payees;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.AdapterMarket")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x86537a7f7ab6fc13deb8ed86bdc26ac9d01653c28cbfb8a882ee1a419e4d7100;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IAdapterMarket
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
    }

    /* LISTINGS */

    /// @inheritdoc IAdapterMarket
    function list(uint64 adapter, uint128 priceIn, uint128 priceOut, string calldata uri) external {
        ILoraRegistry.Adapter memory registered = _ofHolder(adapter);
        if (registered.base == adapter) revert NotAdapter(adapter);
        if (_storage().listings[adapter].status != Status.None) revert AlreadyListed(adapter);
        uint8 status = LORA.statusOf(adapter);
        if (status != IN_USE) revert NotInUse(adapter, status);
        (,,, uint16 ancestors) = LORA.get(adapter);
        if (ancestors > MAX_ANCESTORS) revert TooManyAncestors(ancestors, MAX_ANCESTORS);
        _checkSets(registered.train);
        _checkDatanets(adapter, registered);
        _set(adapter, Listing(Status.Active, priceIn, priceOut), uri);
        emit Listed(adapter, registered.developer, priceIn, priceOut, uri);
    }

    /// @inheritdoc IAdapterMarket
    function update(uint64 adapter, Status status, uint128 priceIn, uint128 priceOut, string calldata uri) external {
        Status before = _storage().listings[adapter].status;
        if (before == Status.None || before == Status.Withdrawn) revert NotListed(adapter);
        if (status == Status.None) revert InvalidStatus(status);
        _ofHolder(adapter);
        _set(adapter, Listing(status, priceIn, priceOut), uri);
        emit ListingUpdated(adapter, status, priceIn, priceOut, uri);
    }

    /// @inheritdoc IAdapterMarket
    function setPayee(uint64 id, address payee) external {
        _ofHolder(id);
        _storage().payees[id] = payee;
        emit PayeeSet(id, payee);
    }

    /* READING */

    /// @inheritdoc IAdapterMarket
    function listingOf(uint64 adapter) external view returns (Listing memory) {
        return _storage().listings[adapter];
    }

    /// @inheritdoc IAdapterMarket
    function payeeOf(uint64 id) external view returns (address payee) {
        payee = _storage().payees[id];
        if (payee != address(0)) return payee;
        try LORA.get(id) returns (ILoraRegistry.Adapter memory registered, uint64, uint8, uint16) {
            payee = registered.base == id
                ? IModelRegistry(Predeploys.MODEL_REGISTRY).payeeOfBase(id)
                : registered.developer;
        } catch (bytes memory reason) {
            // Whatever else it is, lack of gas above all, must not give the treasury what is somebody's.
            if (bytes4(reason) != ILoraRegistry.UnknownNode.selector) LowLevelCall.bubbleRevert(reason);
        }
        if (payee == address(0)) payee = Predeploys.TREASURY;
    }

    /// @inheritdoc IAdapterMarket
    function quote(uint64 adapter, uint256 tokensIn, uint256 tokensOut) external view returns (uint256) {
        if (!isOffered(adapter)) revert NotOffered(adapter);
        uint256 most = Math.max(tokensIn, tokensOut);
        if (most > MAX_TOKENS) revert TooManyTokens(most, MAX_TOKENS);
        Listing memory listing = _storage().listings[adapter];
        return Math.ceilDiv(tokensIn * listing.priceIn + tokensOut * listing.priceOut, PRICED_TOKENS);
    }

    /// @inheritdoc IAdapterMarket
    function isOffered(uint64 adapter) public view returns (bool) {
        return _storage().listings[adapter].status == Status.Active && LORA.statusOf(adapter) == IN_USE;
    }

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](1);
        all[0] = Bounds(PRICE_MAX, 1000 ether, 1, 1_000_000 ether);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL */

    /// @dev What LORA has under an id whose developer's place the caller holds.
    function _ofHolder(uint64 id) private view returns (ILoraRegistry.Adapter memory registered) {
        (registered,,,) = LORA.get(id);
        if (VAULT.holderOf(registered.developer) != msg.sender) revert NotHolder(msg.sender, registered.developer);
    }

    function _set(uint64 adapter, Listing memory listing, string calldata uri) private {
        if (bytes(uri).length > MAX_URI_BYTES) revert TooLong(bytes(uri).length, MAX_URI_BYTES);
        uint256 most = parameter(PRICE_MAX);
        if (listing.priceIn > most) revert PriceTooHigh(listing.priceIn, most);
        if (listing.priceOut > most) revert PriceTooHigh(listing.priceOut, most);
        _storage().listings[adapter] = listing;
    }

    /// @dev A Datanet has one set that is scored, so that what the settlement does by the set it does by the cluster: the guard, the running
    ///      score, and what only raises its maximum.
    function _checkSets(ILoraRegistry.Train[] memory train) private view {
        for (uint256 i = 0; i < train.length; ++i) {
            if (train[i].sketchSet == 0 || SKETCH.header(train[i].sketchSet).kind != INFLUENCE) {
                train[i].sketchSet = 0;
                continue;
            }
            for (uint256 j = 0; j < i; ++j) {
                if (train[j].sketchSet != 0 && train[j].datanet == train[i].datanet) {
                    revert SeveralSets(train[i].datanet);
                }
            }
        }
    }

    /// @dev Whatever it and its ancestors were trained on, by `Train` entries and not by what is paid for them: links and entries of no weight
    ///      pay nothing, and are use all the same.
    function _checkDatanets(uint64 adapter, ILoraRegistry.Adapter memory registered) private view {
        bytes32[] memory spaces = new bytes32[](MAX_DATANETS);
        uint256 count = _addDatanets(spaces, 0, registered.train, registered.licence);
        uint64[] memory ancestors = LORA.lineage(adapter);
        for (uint256 i = 0; i < ancestors.length; ++i) {
            (ILoraRegistry.Adapter memory ancestor,,,) = LORA.get(ancestors[i]);
            count = _addDatanets(spaces, count, ancestor.train, registered.licence);
        }
    }

    /// @dev Adds the spaces of `train` that aren't among the first `count` of `spaces`, which ascend, and checks their terms. Returns how many
    ///      there are then.
    function _addDatanets(bytes32[] memory spaces, uint256 count, ILoraRegistry.Train[] memory train, bytes32 licence)
        private
        view
        returns (uint256)
    {
        for (uint256 i = 0; i < train.length; ++i) {
            bytes32 space = train[i].datanet;
            (uint256 place, uint256 end) = (0, count);
            while (place < end) {
                uint256 middle = (place + end) / 2;
                if (spaces[middle] < space) place = middle + 1;
                else end = middle;
            }
            if (place < count && spaces[place] == space) continue;
            if (count == MAX_DATANETS) revert TooManyDatanets(count + 1, MAX_DATANETS);
            if (!DATANETS.licenceAllows(space, licence)) revert LicenceNotAllowed(space, licence);
            for (uint256 k = count++; k > place; --k) {
                spaces[k] = spaces[k - 1];
            }
            spaces[place] = space;
        }
        return count;
    }

    function _storage() private pure returns (AdapterMarketStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
