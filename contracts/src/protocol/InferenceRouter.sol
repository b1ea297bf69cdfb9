// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Burner} from "../L2/Burner.sol";
import {IAdapterMarket} from "../interfaces/IAdapterMarket.sol";
import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IEpochSettlement} from "../interfaces/IEpochSettlement.sol";
import {FeeEntry, IInferenceRouter, Pot, Request, RequestStatus, Split} from "../interfaces/IInferenceRouter.sol";
import {Bounds, IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {FeeTree} from "../libraries/FeeTree.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "./Parameterized.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title InferenceRouter
/// @dev   Stands behind a `Proxy`.
contract InferenceRouter is IInferenceRouter, Parameterized, ReentrancyGuardTransient {
    using SafeCast for uint256;

    /* TYPES */

    struct Fee {
        bool published;
        uint128 amount;
    }

    /// @dev One slot. The split is the parameters' when the epoch began; contributors get the rest of it.
    struct Epoch {
        uint64 endsAt;
        uint64 closedBlock;
        uint64 closedTime;
        uint16 platform;
        uint16 model;
        uint16 adapters;
        uint16 stakers;
    }

    /// @dev A `FeeEntry` without what follows from its neighbour: `paidBefore` is `rootSum` less the entry's own prices.
    struct Entry {
        uint128 end;
        uint128 rootSum;
        bytes32 root;
        address worker;
        uint96 platformFee;
    }

    /// @custom:storage-location erc7201:openledger.storage.InferenceRouter
    struct InferenceRouterStorage {
        uint64 currentEpoch;
        mapping(address worker => Fee) fees;
        mapping(bytes32 requestId => Request) requests;
        mapping(uint64 epoch => Epoch) epochs;
        mapping(uint64 epoch => mapping(uint64 adapter => Entry[])) log;
        mapping(uint64 epoch => mapping(uint64 adapter => Pot)) pots;
        mapping(uint64 epoch => mapping(uint64 adapter => mapping(address worker => uint128))) holds;
        /// The epoch with prices that follows one; the first one follows 0.
        mapping(uint64 adapter => mapping(uint64 epoch => uint64)) nextPaid;
        mapping(uint64 adapter => uint64) lastPaid;
    }

    /* CONSTANTS */

    bytes32 private constant EPOCH_SECONDS = "epochSeconds";
    bytes32 private constant FULFIL_SECONDS = "fulfilSeconds";
    bytes32 private constant PLATFORM_BPS = "platformBps";
    bytes32 private constant MODEL_BPS = "modelBps";
    bytes32 private constant ADAPTERS_BPS = "adaptersBps";
    bytes32 private constant STAKERS_BPS = "stakersBps";
    /// @dev `ValidatorStaking`'s.
    bytes32 private constant UNBONDING_SECONDS = "unbondingSeconds";

    uint256 private constant BPS = 10_000;

    /// @dev Least that the other parts leave for contributors.
    uint256 private constant CONTRIBUTORS_BPS_MIN = 2000;

    /// @dev Prices are for so many tokens.
    uint256 private constant PRICED_TOKENS = 1000;

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.InferenceRouter")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xe3a27380fba99e4f02d63c645ae6fa21be6bd74355b0ccecf589043363ae7800;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IInferenceRouter
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
        _beginEpoch(1);
    }

    /* WORKERS */

    /// @inheritdoc IInferenceRouter
    function setPlatformFee(address worker, uint128 platformFee) external {
        _checkHolder(worker);
        _storage().fees[worker] = Fee({published: true, amount: platformFee});
        emit PlatformFeeSet(worker, platformFee);
    }

    /// @inheritdoc IInferenceRouter
    function unsetPlatformFee(address worker) external {
        _checkHolder(worker);
        delete _storage().fees[worker];
        emit PlatformFeeUnset(worker);
    }

    /// @inheritdoc IInferenceRouter
    function platformFeeOf(address worker) public view returns (uint128) {
        Fee storage fee = _storage().fees[worker];
        if (!fee.published) revert NoPlatformFee(worker);
        return fee.amount;
    }

    /* REQUESTS */

    /// @inheritdoc IInferenceRouter
    function quote(uint64 adapter, address worker, uint32 tokensIn, uint32 tokensOutMax)
        external
        view
        returns (uint128 price, uint128 platformFee)
    {
        (uint128 priceIn, uint128 priceOut) = _prices(adapter);
        return (_price(priceIn, priceOut, tokensIn, tokensOutMax), platformFeeOf(worker));
    }

    /// @inheritdoc IInferenceRouter
    function request(
        uint64 adapter,
        address worker,
        uint32 tokensIn,
        uint32 tokensOutMax,
        bytes32 promptHash,
        uint256 nonce
    ) external payable nonReentrant returns (bytes32 requestId) {
        _checkActive(worker);
        Request memory made = Request({
            payer: msg.sender,
            adapter: adapter,
            tokensIn: tokensIn,
            worker: worker,
            deadline: (block.timestamp + parameter(FULFIL_SECONDS)).toUint48(),
            tokensOutMax: tokensOutMax,
            status: RequestStatus.Open,
            priceIn: 0,
            priceOut: 0,
            escrow: 0,
            platformFee: platformFeeOf(worker),
            contentHash: promptHash
        });
        (made.priceIn, made.priceOut) = _prices(adapter);
        made.escrow = _price(made.priceIn, made.priceOut, tokensIn, tokensOutMax) + made.platformFee;
        if (msg.value < made.escrow) revert WrongValue(msg.value, made.escrow);

        requestId = requestIdOf(msg.sender, nonce);
        InferenceRouterStorage storage $ = _storage();
        if ($.requests[requestId].status != RequestStatus.None) revert RequestExists(requestId);
        $.requests[requestId] = made;
        emit Requested(
            requestId,
            msg.sender,
            worker,
            adapter,
            tokensIn,
            tokensOutMax,
            promptHash,
            nonce,
            made.escrow,
            made.deadline
        );
        _credit(msg.sender, msg.value - made.escrow);
    }

    /// @inheritdoc IInferenceRouter
    function fulfil(bytes32 requestId, uint32 tokensOut, bytes32 outputHash, bytes32 querySketchHash)
        external
        nonReentrant
    {
        Request storage stored = _storage().requests[requestId];
        Request memory made = stored;
        if (made.status != RequestStatus.Open) revert RequestNotOpen(requestId, made.status);
        _checkHolder(made.worker);
        if (block.timestamp > made.deadline) revert DeadlineOver(requestId, made.deadline);
        if (tokensOut > made.tokensOutMax) revert TooManyTokens(tokensOut, made.tokensOutMax);
        _checkActive(made.worker);

        stored.status = RequestStatus.Fulfilled;
        stored.contentHash = keccak256(abi.encode(made.contentHash, outputHash));
        uint128 price = _price(made.priceIn, made.priceOut, made.tokensIn, tokensOut);
        emit Fulfilled(requestId, made.worker, tokensOut, outputHash, querySketchHash, price, made.platformFee);
        bytes32 root = FeeTree.hashLeaf(requestId, price, querySketchHash);
        FeeEntry memory entry = FeeEntry({
            end: 0, paidBefore: 0, worker: made.worker, root: root, rootSum: price, platformFee: made.platformFee
        });
        _append(made.adapter, entry, price, made.platformFee);
        // A price rises with its tokens: at most the escrow is taken.
        _credit(made.payer, made.escrow - made.platformFee - price);
    }

    /// @inheritdoc IInferenceRouter
    function refund(bytes32 requestId) external nonReentrant {
        Request storage stored = _storage().requests[requestId];
        if (stored.status != RequestStatus.Open) revert RequestNotOpen(requestId, stored.status);
        if (block.timestamp <= stored.deadline) revert DeadlineNotOver(requestId, stored.deadline);
        stored.status = RequestStatus.Refunded;
        emit Refunded(requestId, stored.payer, stored.escrow);
        _credit(stored.payer, stored.escrow);
    }

    /// @inheritdoc IInferenceRouter
    function requestIdOf(address payer, uint256 nonce) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), payer, nonce));
    }

    /// @inheritdoc IInferenceRouter
    function requestOf(bytes32 requestId) external view returns (Request memory) {
        return _storage().requests[requestId];
    }

    /* EPOCHS */

    /// @inheritdoc IInferenceRouter
    function currentEpoch() external view returns (uint64) {
        return _storage().currentEpoch;
    }

    /// @inheritdoc IInferenceRouter
    function closeEpoch() public returns (uint64) {
        uint64 epoch = _storage().currentEpoch;
        Epoch storage open = _storage().epochs[epoch];
        if (block.timestamp < open.endsAt) return epoch;
        open.closedBlock = block.number.toUint64();
        open.closedTime = block.timestamp.toUint64();
        emit EpochClosed(epoch, open.closedBlock, open.closedTime);
        _beginEpoch(epoch + 1);
        return epoch + 1;
    }

    /// @inheritdoc IInferenceRouter
    function closedAt(uint64 epoch) external view returns (uint64 blockNumber, uint64 timestamp) {
        Epoch storage closed = _storage().epochs[epoch];
        return (closed.closedBlock, closed.closedTime);
    }

    /// @inheritdoc IInferenceRouter
    function endsAt(uint64 epoch) external view returns (uint64) {
        return _storage().epochs[epoch].endsAt;
    }

    /// @inheritdoc IInferenceRouter
    function splitOf(uint64 epoch) external view returns (Split memory split) {
        if (epoch == 0 || epoch > _storage().currentEpoch) return split;
        return _split(_storage().epochs[epoch]);
    }

    /* FEE LOG AND POTS */

    /// @inheritdoc IInferenceRouter
    function feesOf(uint64 epoch, uint64 adapter) public view returns (uint128) {
        Entry[] storage log = _storage().log[epoch][adapter];
        return log.length == 0 ? 0 : log[log.length - 1].end;
    }

    /// @inheritdoc IInferenceRouter
    function entryCount(uint64 epoch, uint64 adapter) external view returns (uint256) {
        return _storage().log[epoch][adapter].length;
    }

    /// @inheritdoc IInferenceRouter
    function entryAt(uint64 epoch, uint64 adapter, uint128 offset)
        external
        view
        returns (FeeEntry memory entry, uint128 start)
    {
        Entry[] storage log = _storage().log[epoch][adapter];
        uint128 total = feesOf(epoch, adapter);
        if (offset >= total) revert OffsetBeyondLog(offset, total);
        // The first entry that ends above the offset: it is within [low, high], and the last one does.
        uint256 low = 0;
        uint256 high = log.length - 1;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (log[middle].end > offset) high = middle;
            else low = middle + 1;
        }
        Entry storage found = log[low];
        start = low == 0 ? 0 : log[low - 1].end;
        entry = FeeEntry({
            end: found.end,
            paidBefore: found.rootSum - (found.end - start),
            worker: found.worker,
            root: found.root,
            rootSum: found.rootSum,
            platformFee: found.platformFee
        });
    }

    /// @inheritdoc IInferenceRouter
    function nextPaidEpoch(uint64 epoch, uint64 adapter) external view returns (uint64) {
        return _storage().nextPaid[adapter][epoch];
    }

    /// @inheritdoc IInferenceRouter
    function potOf(uint64 epoch, uint64 adapter) external view returns (Pot memory) {
        return _storage().pots[epoch][adapter];
    }

    /// @inheritdoc IInferenceRouter
    function takePot(uint64 epoch, uint64 adapter) external nonReentrant returns (Pot memory pot) {
        _checkEpochSettlement();
        _checkClosed(epoch);
        pot = _storage().pots[epoch][adapter];
        uint256 sum = uint256(pot.model) + pot.adapters + pot.contributors + pot.stakers;
        if (sum == 0) revert PotEmpty(epoch, adapter);
        delete _storage().pots[epoch][adapter];
        emit PotTaken(epoch, adapter, pot);
        IEpochSettlement(Predeploys.EPOCH_SETTLEMENT).receivePot{value: sum}();
    }

    /// @inheritdoc IInferenceRouter
    function record(uint64 adapter, FeeEntry calldata entry, uint128 price, uint128 platformFees)
        external
        payable
        nonReentrant
    {
        if (msg.sender != Predeploys.VOUCHER_CHANNELS) revert NotVoucherChannels(msg.sender);
        uint256 expected = uint256(price) + platformFees;
        if (msg.value != expected) revert WrongValue(msg.value, expected);
        uint256 rootSum = uint256(entry.paidBefore) + price;
        if (entry.rootSum != rootSum) revert WrongRootSum(entry.rootSum, rootSum);
        _append(adapter, entry, price, platformFees);
    }

    /* HOLDS */

    /// @inheritdoc IInferenceRouter
    function heldOf(uint64 epoch, uint64 adapter, address worker) external view returns (uint128) {
        return _storage().holds[epoch][adapter][worker];
    }

    /// @inheritdoc IInferenceRouter
    function release(uint64 epoch, uint64 adapter, address worker) external nonReentrant returns (uint128 amount) {
        _checkClosed(epoch);
        // Without prices there is nothing to draw from, so that nothing can be forfeited.
        if (feesOf(epoch, adapter) > 0 && !IEpochSettlement(Predeploys.EPOCH_SETTLEMENT).isSettled(epoch, adapter)) {
            revert NotSettled(epoch, adapter);
        }
        amount = _storage().holds[epoch][adapter][worker];
        if (amount == 0) return 0;
        delete _storage().holds[epoch][adapter][worker];
        emit HoldReleased(epoch, adapter, worker, amount);
        _credit(worker, amount);
    }

    /// @inheritdoc IInferenceRouter
    function forfeit(uint64 epoch, uint64 adapter, address worker, uint128 amount, address challenger)
        external
        nonReentrant
        returns (uint128 taken)
    {
        _checkEpochSettlement();
        uint128 held = _storage().holds[epoch][adapter][worker];
        taken = amount < held ? amount : held;
        if (taken == 0) return 0;
        _storage().holds[epoch][adapter][worker] = held - taken;
        uint128 reward = challenger == address(0) ? 0 : taken / 2;
        emit HoldForfeited(epoch, adapter, worker, taken, taken - reward, challenger);
        new Burner{value: taken - reward}();
        _credit(challenger, reward);
    }

    /* PARAMETERS */

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](6);
        all[0] = Bounds({name: EPOCH_SECONDS, initial: 1 days, min: 10, max: 7 days});
        all[1] = Bounds({name: FULFIL_SECONDS, initial: 1 hours, min: 5, max: 1 days});
        all[2] = Bounds({name: PLATFORM_BPS, initial: 500, min: 0, max: 2000});
        all[3] = Bounds({name: MODEL_BPS, initial: 2000, min: 0, max: 4000});
        all[4] = Bounds({name: ADAPTERS_BPS, initial: 2500, min: 0, max: 5000});
        all[5] = Bounds({name: STAKERS_BPS, initial: 500, min: 0, max: 2000});
    }

    /// @inheritdoc Parameterized
    function _checkParameters() internal view override {
        uint256 others =
            parameter(PLATFORM_BPS) + parameter(MODEL_BPS) + parameter(ADAPTERS_BPS) + parameter(STAKERS_BPS);
        if (others > BPS - CONTRIBUTORS_BPS_MIN) revert ParametersConflict(ADAPTERS_BPS, MODEL_BPS);
        // A worker's stake stays for as long as he can be found out.
        IValidatorStaking staking = IValidatorStaking(Predeploys.VALIDATOR_STAKING);
        if (IParameterized(Predeploys.VALIDATOR_STAKING).parameter(UNBONDING_SECONDS) < staking.minUnbonding()) {
            revert ParametersConflict(EPOCH_SECONDS, UNBONDING_SECONDS);
        }
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    /// @dev Divides a price, and adds it to the log, the pot and the hold of the epoch that is open now.
    function _append(uint64 adapter, FeeEntry memory entry, uint128 price, uint128 platformFees) private {
        InferenceRouterStorage storage $ = _storage();
        uint64 epoch = closeEpoch();
        uint128 end = feesOf(epoch, adapter);
        uint128 held = platformFees;
        if (price > 0) {
            if (end == 0) {
                $.nextPaid[adapter][$.lastPaid[adapter]] = epoch;
                $.lastPaid[adapter] = epoch;
            }
            end += price;
            $.log[epoch][adapter].push(_entry(entry, end));
            held += _divide(epoch, adapter, price);
        }
        if (held > 0) $.holds[epoch][adapter][entry.worker] += held;
        emit FeeRecorded(epoch, adapter, entry.worker, entry.root, entry.rootSum, price, platformFees, end);
    }

    /// @dev A platform fee that doesn't fit, above all OPEN that there is, counts as the most that does.
    function _entry(FeeEntry memory entry, uint128 end) private pure returns (Entry memory) {
        return Entry({
            end: end,
            rootSum: entry.rootSum,
            root: entry.root,
            worker: entry.worker,
            platformFee: Math.min(entry.platformFee, type(uint96).max).toUint96()
        });
    }

    /// @dev Adds a price's parts to the pot, and returns the platform's. All but the contributors' are rounded down.
    function _divide(uint64 epoch, uint64 adapter, uint128 price) private returns (uint128 platform) {
        Split memory split = _split(_storage().epochs[epoch]);
        Pot memory pot = _storage().pots[epoch][adapter];
        platform = _part(price, split.platform);
        uint128 model = _part(price, split.model);
        uint128 adapters = _part(price, split.adapters);
        uint128 stakers = _part(price, split.stakers);
        pot.model += model;
        pot.adapters += adapters;
        pot.stakers += stakers;
        // The others have less than 10,000 basis points together.
        pot.contributors += price - platform - model - adapters - stakers;
        _storage().pots[epoch][adapter] = pot;
    }

    function _beginEpoch(uint64 epoch) private {
        InferenceRouterStorage storage $ = _storage();
        $.currentEpoch = epoch;
        // The bounds of the parameters are within the types.
        Epoch memory begun = Epoch({
            endsAt: (block.timestamp + parameter(EPOCH_SECONDS)).toUint64(),
            closedBlock: 0,
            closedTime: 0,
            platform: parameter(PLATFORM_BPS).toUint16(),
            model: parameter(MODEL_BPS).toUint16(),
            adapters: parameter(ADAPTERS_BPS).toUint16(),
            stakers: parameter(STAKERS_BPS).toUint16()
        });
        $.epochs[epoch] = begun;
        emit EpochBegan(epoch, begun.endsAt, _split($.epochs[epoch]));
    }

    function _split(Epoch storage epoch) private view returns (Split memory split) {
        split.platform = epoch.platform;
        split.model = epoch.model;
        split.adapters = epoch.adapters;
        split.stakers = epoch.stakers;
        split.contributors = uint16(BPS) - split.platform - split.model - split.adapters - split.stakers;
    }

    /// @dev Price of a thousand tokens in and out at present: quotes of exactly that.
    function _prices(uint64 adapter) private view returns (uint128 priceIn, uint128 priceOut) {
        IAdapterMarket market = IAdapterMarket(Predeploys.ADAPTER_MARKET);
        return
            (market.quote(adapter, PRICED_TOKENS, 0).toUint128(), market.quote(adapter, 0, PRICED_TOKENS).toUint128());
    }

    /// @dev As `AdapterMarket.quote`, with prices as they were: rounded up.
    function _price(uint128 priceIn, uint128 priceOut, uint32 tokensIn, uint32 tokensOut)
        private
        pure
        returns (uint128)
    {
        return Math.ceilDiv(uint256(priceIn) * tokensIn + uint256(priceOut) * tokensOut, PRICED_TOKENS).toUint128();
    }

    function _part(uint128 price, uint16 bps) private pure returns (uint128) {
        return (uint256(price) * bps / BPS).toUint128();
    }

    function _credit(address payee, uint256 amount) private {
        if (amount > 0) IClaimVault(Predeploys.CLAIM_VAULT).credit{value: amount}(payee);
    }

    function _checkHolder(address worker) private view {
        if (IClaimVault(Predeploys.CLAIM_VAULT).holderOf(worker) != msg.sender) revert NotWorker(msg.sender, worker);
    }

    function _checkActive(address worker) private view {
        if (!IValidatorStaking(Predeploys.VALIDATOR_STAKING).isActive(IValidatorStaking.Role.Worker, worker)) {
            revert WorkerNotActive(worker);
        }
    }

    function _checkEpochSettlement() private view {
        if (msg.sender != Predeploys.EPOCH_SETTLEMENT) revert NotEpochSettlement(msg.sender);
    }

    function _checkClosed(uint64 epoch) private view {
        if (_storage().epochs[epoch].closedTime == 0) revert EpochNotClosed(epoch);
    }

    function _storage() private pure returns (InferenceRouterStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
