// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";

/// @notice An entry of an adapter's fee log: a fulfilled request, or the new calls of a settled voucher.
struct FeeEntry {
    /// Prefix sum of the prices up to and with this entry, wei.
    uint128 end;
    /// Sum of the prices of the calls of the channel that earlier vouchers settled; 0 for a request.
    uint128 paidBefore;
    /// Who served.
    address worker;
    /// `keccak256(0x00 ‖ abi.encode(requestId, price, querySketchHash))` for a request; a voucher's `leavesRoot`.
    bytes32 root;
    /// Sum of the prices in the tree under `root`: the request's price, or all of the channel's.
    uint128 rootSum;
    /// Platform fee of each of its calls, wei.
    uint128 platformFee;
}

/// @notice What an epoch's requests to an adapter left for others than the platform, wei.
struct Pot {
    uint128 model;
    uint128 adapters;
    uint128 contributors;
    uint128 stakers;
}

/// @notice How an epoch's prices are divided, basis points; together 10,000.
struct Split {
    uint16 platform;
    uint16 model;
    uint16 adapters;
    uint16 contributors;
    uint16 stakers;
}

/// @notice Where a request stands.
enum RequestStatus {
    None,
    Open,
    Fulfilled,
    Refunded
}

/// @notice A request.
struct Request {
    /// Who paid, and gets back what isn't used.
    address payer;
    uint64 adapter;
    uint32 tokensIn;
    /// Who is to serve it.
    address worker;
    /// Last second in which it can be fulfilled.
    uint48 deadline;
    uint32 tokensOutMax;
    RequestStatus status;
    /// Price of a thousand tokens in when the request was made, wei.
    uint128 priceIn;
    /// Price of a thousand tokens out when the request was made, wei.
    uint128 priceOut;
    /// What is set aside, wei: the price of all tokens that were allowed, and the platform fee.
    uint128 escrow;
    uint128 platformFee;
    /// The prompt's hash; from its fulfilment on `keccak256(abi.encode(promptHash, outputHash))`.
    bytes32 contentHash;
}

/// @title IInferenceRouter
/// @notice Requests with escrow; the fee log and the pots of each (epoch, adapter). Its balance is the escrow of open requests,
///         the pots that were not taken and what workers are held for.
///
///         A request names one worker, who may fulfil it until its deadline; afterwards anyone has the payer refunded. Prices are
///         those of when the request was made. What a request or a voucher leaves joins the epoch that is open then.
interface IInferenceRouter is IVersioned {
    /* EVENTS */

    /// @notice A worker asks for this much a request.
    event PlatformFeeSet(address indexed worker, uint128 platformFee);
    /// @notice A worker takes no requests any more.
    event PlatformFeeUnset(address indexed worker);
    event Requested(
        bytes32 indexed requestId,
        address indexed payer,
        address indexed worker,
        uint64 adapter,
        uint32 tokensIn,
        uint32 tokensOutMax,
        bytes32 promptHash,
        uint256 nonce,
        uint128 escrow,
        uint48 deadline
    );
    event Fulfilled(
        bytes32 indexed requestId,
        address indexed worker,
        uint32 tokensOut,
        bytes32 outputHash,
        bytes32 querySketchHash,
        uint128 price,
        uint128 platformFee
    );
    /// @notice `amount` went back to the payer: all of a request that nobody fulfilled.
    event Refunded(bytes32 indexed requestId, address indexed payer, uint128 amount);
    /// @notice Prices and platform fees joined (epoch, adapter). Without a price there is no entry of the fee log, and `end` stays.
    event FeeRecorded(
        uint64 indexed epoch,
        uint64 indexed adapter,
        address indexed worker,
        bytes32 root,
        uint128 rootSum,
        uint128 price,
        uint128 platformFees,
        uint128 end
    );
    event EpochBegan(uint64 indexed epoch, uint64 endsAt, Split split);
    event EpochClosed(uint64 indexed epoch, uint64 blockNumber, uint64 timestamp);
    event PotTaken(uint64 indexed epoch, uint64 indexed adapter, Pot pot);
    /// @notice A worker was credited what he was held for.
    event HoldReleased(uint64 indexed epoch, uint64 indexed adapter, address indexed worker, uint128 amount);
    /// @notice Of what a worker was held for, `amount` was taken; `burnt` of it burnt, the rest the challenger's.
    event HoldForfeited(
        uint64 indexed epoch,
        uint64 indexed adapter,
        address indexed worker,
        uint128 amount,
        uint128 burnt,
        address challenger
    );

    /* ERRORS */

    /// @notice The caller doesn't hold the worker's place.
    error NotWorker(address caller, address worker);
    /// @notice The worker has no stake to work with now.
    error WorkerNotActive(address worker);
    /// @notice The worker takes no requests: it has not said what it asks for.
    error NoPlatformFee(address worker);
    /// @notice `msg.value` is less than the price and the platform fee, or isn't what is recorded.
    error WrongValue(uint256 given, uint256 expected);
    /// @notice The payer used the nonce before.
    error RequestExists(bytes32 requestId);
    /// @notice There is no such request, or it was fulfilled or refunded.
    error RequestNotOpen(bytes32 requestId, RequestStatus status);
    /// @notice The deadline is over.
    error DeadlineOver(bytes32 requestId, uint48 deadline);
    /// @notice The worker may still fulfil the request.
    error DeadlineNotOver(bytes32 requestId, uint48 deadline);
    /// @notice More tokens than the payer allowed.
    error TooManyTokens(uint32 given, uint32 max);
    error NotVoucherChannels(address caller);
    error NotEpochSettlement(address caller);
    /// @notice The tree's sum isn't what was settled before and the new prices.
    error WrongRootSum(uint128 given, uint256 expected);
    error EpochNotClosed(uint64 epoch);
    /// @notice The fee log ends before this wei.
    error OffsetBeyondLog(uint128 offset, uint128 total);
    /// @notice Nothing was paid for the adapter in the epoch, or the pot was taken.
    error PotEmpty(uint64 epoch, uint64 adapter);
    /// @notice What the worker is held for may still be forfeited.
    error NotSettled(uint64 epoch, uint64 adapter);

    /// @notice Runs once, at genesis, after `ValidatorStaking`'s. The first epoch begins.
    function initialize(Setting[] calldata settings) external;

    /* WORKERS */

    /// @notice Sets what a worker asks for a request, wei; it takes requests from then on. Only who holds its place.
    function setPlatformFee(address worker, uint128 platformFee) external;

    /// @notice Ends a worker's taking of new requests. Only who holds its place.
    function unsetPlatformFee(address worker) external;

    /// @notice What a worker asks for a request.
    /// @dev    Reverts with `NoPlatformFee`.
    function platformFeeOf(address worker) external view returns (uint128);

    /* REQUESTS */

    /// @notice What a request must bring at present: the price of all tokens that it allows, and the platform fee, wei.
    /// @dev    Reverts with `NoPlatformFee`, or as `AdapterMarket.quote`.
    function quote(uint64 adapter, address worker, uint32 tokensIn, uint32 tokensOutMax)
        external
        view
        returns (uint128 price, uint128 platformFee);

    /// @notice Asks a worker for a call. `msg.value` is the most that the payer would give: what is above `quote` is credited
    ///         back at once.
    /// @param promptHash `keccak256` of the prompt, salted if it is to stay unguessed.
    /// @param nonce      Of the payer's choice, each once.
    /// @dev    Reverts with `WorkerNotActive`, `NoPlatformFee`, `WrongValue`, `RequestExists`, or as `AdapterMarket.quote`.
    function request(
        uint64 adapter,
        address worker,
        uint32 tokensIn,
        uint32 tokensOutMax,
        bytes32 promptHash,
        uint256 nonce
    ) external payable returns (bytes32 requestId);

    /// @notice Takes the price of the tokens used and the platform fee; the rest is credited to the payer. Only who holds the
    ///         worker's place, while the worker is active, until the deadline.
    /// @dev    Reverts with `RequestNotOpen`, `NotWorker`, `DeadlineOver`, `TooManyTokens`, `WorkerNotActive`.
    function fulfil(bytes32 requestId, uint32 tokensOut, bytes32 outputHash, bytes32 querySketchHash) external;

    /// @notice Credits all of a request to its payer after the deadline. Anyone.
    /// @dev    Reverts with `RequestNotOpen`, `DeadlineNotOver`.
    function refund(bytes32 requestId) external;

    /// @notice `keccak256(abi.encode(chainId, router, payer, nonce))`. A call of a channel has the nonce
    ///         `uint256(keccak256(abi.encode(channel, number, promptHash, outputHash)))`, number from 1, so that its id binds them.
    function requestIdOf(address payer, uint256 nonce) external view returns (bytes32);

    /// @notice A request; all zero if there is none.
    function requestOf(bytes32 requestId) external view returns (Request memory);

    /* EPOCHS */

    /// @notice The epoch that is open, from 1; closed ones are below it. One whose time is over closes before anything joins it.
    function currentEpoch() external view returns (uint64);

    /// @notice Closes the epoch if its time is over, and returns the one that fees join now.
    function closeEpoch() external returns (uint64);

    /// @notice Block and time in which an epoch was closed; zeros while it is open.
    function closedAt(uint64 epoch) external view returns (uint64 blockNumber, uint64 timestamp);

    /// @notice First second in which an epoch may be closed; 0 for one that hasn't begun.
    function endsAt(uint64 epoch) external view returns (uint64);

    /// @notice How an epoch's prices are divided: as the parameters were when it began.
    function splitOf(uint64 epoch) external view returns (Split memory);

    /* FEE LOG AND POTS */

    /// @notice Sum of the prices in a fee log, wei.
    function feesOf(uint64 epoch, uint64 adapter) external view returns (uint128);

    /// @notice Number of the entries of a fee log.
    function entryCount(uint64 epoch, uint64 adapter) external view returns (uint256);

    /// @notice The entry that covers the wei at `offset` of a fee log, and the wei before it. In the entry's tree that is the wei at
    ///         `paidBefore + offset − start`.
    /// @dev    Reverts with `OffsetBeyondLog`.
    function entryAt(uint64 epoch, uint64 adapter, uint128 offset)
        external
        view
        returns (FeeEntry memory entry, uint128 start);

    /// @notice The first epoch after `epoch` in which a price was paid for the adapter, the open one included; 0 if there is none. `epoch` is
    ///         such a one itself, or 0.
    function nextPaidEpoch(uint64 epoch, uint64 adapter) external view returns (uint64);

    /// @notice What is in a pot and was not taken.
    function potOf(uint64 epoch, uint64 adapter) external view returns (Pot memory);

    /// @notice Sends a pot of a closed epoch, its sum as value, to `EpochSettlement.receivePot`, which alone may call this. Once.
    /// @dev    Reverts with `NotEpochSettlement`, `EpochNotClosed`, `PotEmpty`.
    function takePot(uint64 epoch, uint64 adapter) external returns (Pot memory);

    /// @notice Adds to the fee log, with the prices and platform fees as value. Only `VoucherChannels`. `entry.end` is ignored: the log
    ///         says where the entry ends. Without a price there is no entry.
    /// @dev    Reverts with `NotVoucherChannels`, `WrongValue`, `WrongRootSum`.
    function record(uint64 adapter, FeeEntry calldata entry, uint128 price, uint128 platformFees) external payable;

    /* HOLDS */

    /// @notice What a worker is held for in (epoch, adapter), wei: its part of the prices, and its platform fees.
    function heldOf(uint64 epoch, uint64 adapter, address worker) external view returns (uint128);

    /// @notice Credits a worker what it is held for. Anyone, once (epoch, adapter) is settled. Nothing held: returns 0.
    /// @dev    Reverts with `EpochNotClosed`, `NotSettled`.
    function release(uint64 epoch, uint64 adapter, address worker) external returns (uint128);

    /// @notice Takes of what a worker is held for in (epoch, adapter), at most all: halved between burning and the challenger (zero:
    ///         all is burnt). Only `EpochSettlement`. Returns what was taken.
    /// @dev    Reverts with `NotEpochSettlement`.
    function forfeit(uint64 epoch, uint64 adapter, address worker, uint128 amount, address challenger)
        external
        returns (uint128);
}
