// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";

/// @notice A question to a jury.
/// @param epoch   Epoch and adapter that it delays.
/// @param isRow   About a row of `sketchSet`; else about a draw's sketch.
/// @param place   The row; or bit i: draw i is of the request whose sketch it is.
/// @param fee     What the request brought its worker, wei; 0 for a row.
/// @param subject keccak256 of the sketch in question; zero for a row.
/// @param asker   Who holds `bond` for it, wei. Zero once it is answered.
/// @param accused The set's owner, or the request's worker.
struct JuryQuestion {
    uint64 epoch;
    uint64 adapter;
    uint64 sketchSet;
    uint32 place;
    bool isRow;
    address asker;
    uint128 bond;
    uint128 fee;
    bytes32 subject;
    address accused;
}

/// @title IEpochQuestions
/// @notice What the chain can't decide about an epoch's settlement: whether a row or a sketch is what data, model and prompt give. Asks
///         a jury, and acts on its verdict. Scores are `abi.encode(Scores)`.
interface IEpochQuestions is IVersioned {
    /// @notice A jury was asked; `question` is its number there.
    event Asked(
        uint64 indexed epoch, uint64 indexed adapter, bytes32 indexed question, address asker, uint64 sketchSet
    );
    /// @notice A question was answered. Not decided: nothing follows, and the bond goes back but for a tenth, which is burnt.
    event Answered(bytes32 indexed question, bool decided, bool rejected);
    /// @notice A row was rejected, and with it what its cluster would earn in the set.
    event ClusterRejected(uint64 indexed sketchSet, uint32 indexed cluster, uint32 row);
    /// @notice `msg.value` isn't the bond.
    error WrongBond(uint256 given, uint256 expected);
    /// @notice These aren't the scores of the proposal that stands.
    error WrongScores(bytes32 given, bytes32 expected);
    /// @notice A jury rejected the draw's sketch before.
    error DrawIsVoid(uint256 draw);
    /// @notice It was asked about before, and either decided, or open, or asked about twice.
    error AlreadyAsked(bytes32 question);
    error UnknownQuestion(bytes32 question);
    /// @notice The jury isn't done.
    error QuestionOpen(bytes32 question);
    /// @notice The bytes aren't the finding, or not the sketch in question.
    error WrongSketch(bytes32 given, bytes32 expected);

    function initialize(Setting[] calldata settings) external;

    /// @notice Asks a jury whether a draw's sketch for a set is what prompt and model give; `msg.value` is the bond. What wasn't decided may be
    ///         asked about once more.
    /// @param set Place of the set in `IEpochScoring.setsOf`.
    function askSketch(uint64 epoch, uint64 adapter, bytes calldata scores, uint256 draw, uint256 set)
        external
        payable
        returns (bytes32 question);

    /// @notice Asks a jury whether a row of one of the adapter's sketch sets is what data and model give; `msg.value` is the bond. What wasn't
    ///         decided may be asked about once more.
    function askRow(uint64 epoch, uint64 adapter, uint256 set, uint32 row) external payable returns (bytes32 question);

    /// @notice Bond of the next question on (epoch, adapter), wei: the parameter, doubled for every four that are open.
    function bondOf(uint64 epoch, uint64 adapter) external view returns (uint256);

    /// @notice Acts on a jury's verdict. Anyone. A tenth of the bond is divided among the jurors who agree with the finding, where the asker
    ///         or the worker loses something by it; what is left is the asker's if the jury rejects, else halved: burnt, and for the accused.
    /// @param finding What the jury found; anything if it didn't decide.
    /// @param sketch  The sketch in question; anything for a row.
    function answer(bytes32 question, bytes calldata finding, bytes calldata sketch) external;

    /// @notice A question; zeros once it is answered.
    function questionOf(bytes32 question) external view returns (JuryQuestion memory);

    /// @notice Whether a jury rejected a row of the cluster in the set: it earns nothing there any more.
    function isRejected(uint64 sketchSet, uint32 cluster) external view returns (bool);
}
