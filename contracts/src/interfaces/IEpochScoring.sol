// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Result} from "./IEpochSettlement.sol";
import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";
import {ILoraRegistry} from "./precompiles/ILoraRegistry.sol";

/// @title IEpochScoring
/// @notice What a proposal must be, computed from the chain's data: the part of `EpochSettlement` that only reads. Scores are
///         `abi.encode(Scores)`.
interface IEpochScoring is IVersioned {
    /// @notice Draws, witnesses or shifts aren't as many as they must be.
    error WrongLength(uint256 given, uint256 expected);
    /// @notice The scores are longer than what a challenger's transaction can bring.
    error ScoresTooLong(uint256 given, uint256 limit);
    /// @notice Scores aren't the bytes that `abi.encode` gives.
    error NotCanonical();
    /// @notice A set has so many rows and entries that nobody could refute a wrong proposal in a transaction: `cost` is its gas.
    error SetTooLarge(uint64 sketchSet, uint256 cost);
    /// @notice A draw or witness differs without being better, or nothing differs.
    error NoImprovement();
    /// @notice There is no such draw, or it has no sketch for the set, or it isn't the fee log's.
    error UnknownDraw(uint256 draw);
    error UnknownSet(uint64 adapter, uint256 set);
    /// @notice The seed isn't drawn.
    error NoSeed(uint64 epoch);
    /// @notice Nothing was paid for the adapter in the epoch.
    error NoFees(uint64 epoch, uint64 adapter);

    /// @notice Runs once, at genesis. There are no parameters.
    function initialize(Setting[] calldata settings) external;

    /// @notice Draws of an epoch.
    function DRAWS() external view returns (uint256);

    /// @notice The wei of the fee log that draw `i` is of.
    /// @dev    Reverts with `NoSeed`, `NoFees`.
    function drawOffset(uint64 epoch, uint64 adapter, uint256 i) external view returns (uint128);

    /// @notice The adapter's sketch sets that are scored, with the place of each among its training entries.
    function setsOf(uint64 adapter) external view returns (uint64[] memory sketchSets, uint256[] memory places);

    /// @notice The set at a place of `setsOf`, and its dimension.
    /// @dev    Reverts with `UnknownSet`.
    function setAt(uint64 adapter, uint256 set) external view returns (uint64 sketchSet, uint16 dim);

    /// @notice The training entry of the set at a place of `setsOf`.
    /// @dev    Reverts with `UnknownSet`.
    function trainAt(uint64 adapter, uint256 set) external view returns (ILoraRegistry.Train memory);

    /// @notice The base that an adapter is of.
    function baseOf(uint64 adapter) external view returns (uint64);

    /// @notice Whether scores are what `abi.encode` gives, they and `results` have the lengths that the adapter's sets ask for, and the draws that
    ///         they show are the fee log's. What passes can be computed in a transaction.
    /// @dev    Reverts with `ScoresTooLong`, `NotCanonical`, `WrongLength`, `UnknownDraw`, `SetTooLarge`, or without data if they can't be read.
    /// @return shown Bit i: draw i is shown.
    function checkForm(uint64 epoch, uint64 adapter, bytes calldata scores, uint256 results)
        external
        view
        returns (uint16 shown);

    /// @notice What follows from scores for the set at a place of `setsOf`: false if a draw isn't the fee log's or a witness isn't accepted.
    /// @dev    Reverts with `UnknownSet`, and with `IPausable.Paused` while SKETCH's scores are paused.
    /// @param voidDraws Bit i: draw i counts without a score.
    function compute(uint64 epoch, uint64 adapter, uint16 voidDraws, bytes calldata scores, uint256 set)
        external
        view
        returns (bool isValid, Result memory result);

    /// @notice keccak256 of `abi.encode` of the result that `compute` gives; 0 if that says false.
    /// @dev    Reverts as `compute` does.
    function resultHash(uint64 epoch, uint64 adapter, uint16 voidDraws, bytes calldata scores, uint256 set)
        external
        view
        returns (bytes32);

    /// @notice Whether `better` has a draw more than `old`, or witnesses with at most a quarter of the squared residual, and else the same. What
    ///         is void or without a score is no improvement.
    /// @dev    Reverts with `NoImprovement`. Checks the form of neither.
    function checkImproved(uint64 adapter, uint16 voidDraws, bytes calldata old, bytes calldata better) external view;

    /// @notice A draw's sketch for a set, what its request brought its worker, and the draws that fall on the same request.
    /// @dev    Reverts with `UnknownDraw`, `UnknownSet`.
    /// @return sketch As the fee log has it.
    /// @return fee    The platform's part of its price, and its platform fee, wei.
    /// @return draws  Bit i: draw i.
    function sketchOf(uint64 epoch, uint64 adapter, bytes calldata scores, uint256 draw, uint256 set)
        external
        view
        returns (bytes memory sketch, uint128 fee, uint16 draws);

    /// @notice Who served the request that draw `i` is of.
    function workerOf(uint64 epoch, uint64 adapter, uint256 i) external view returns (address);
}
