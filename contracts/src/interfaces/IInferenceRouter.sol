// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

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
}

/// @notice What an epoch's requests to an adapter left for others than the platform, wei.
struct Pot {
    uint128 model;
    uint128 adapters;
    uint128 contributors;
    uint128 stakers;
}

/// @title IInferenceRouter
/// @notice Requests with escrow; the fee log and the pots of each (epoch, adapter).
interface IInferenceRouter {
    function initialize(Setting[] calldata settings) external;

    /// @notice The epoch that fees join now, from 1; closed ones are below it.
    function currentEpoch() external view returns (uint64);

    /// @notice Closes the epoch if its time is over, and returns the one that fees join now.
    function closeEpoch() external returns (uint64);

    /// @notice Block and time in which an epoch was closed; zeros while it is open.
    function closedAt(uint64 epoch) external view returns (uint64 blockNumber, uint64 timestamp);

    /// @notice Sum of the prices in a fee log, wei.
    function feesOf(uint64 epoch, uint64 adapter) external view returns (uint128);

    /// @notice The entry that covers the wei at `offset` of a fee log, and the wei before it.
    function entryAt(uint64 epoch, uint64 adapter, uint128 offset)
        external
        view
        returns (FeeEntry memory entry, uint128 start);

    /// @notice What is in a pot and was not taken.
    function potOf(uint64 epoch, uint64 adapter) external view returns (Pot memory);

    /// @notice Sends a pot of a closed epoch, its sum as value, to `EpochSettlement.receivePot`, which alone may call this. Once.
    function takePot(uint64 epoch, uint64 adapter) external returns (Pot memory);

    /// @notice Adds to the fee log, with the prices and platform fees as value. Only `VoucherChannels`.
    function record(uint64 adapter, FeeEntry calldata entry, uint128 price, uint128 platformFees) external payable;

    /// @notice Takes of what a worker is held for in (epoch, adapter): halved between burning and the challenger. Only
    ///         `EpochSettlement`. Returns what was taken.
    function forfeit(uint64 epoch, uint64 adapter, address worker, uint128 amount, address challenger)
        external
        returns (uint128);
}
