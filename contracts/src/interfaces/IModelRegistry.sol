// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";
import {ILoraRegistry} from "./precompiles/ILoraRegistry.sol";

/// @title IModelRegistry
/// @notice Life of a model: proposal, vote, gathering of data, tuning, feedback, live, retired.
///
///         Every stage before `Live` has a deadline, after which anyone ends it. What becomes of the stake follows from the
///         stage and from numbers alone: docs/spec/protocol.md, Models, has the table. The proposer is a payee: who acts for
///         him is `ClaimVault.holderOf`.
interface IModelRegistry is IVersioned {
    /// @notice Where a model is. `Denied`, `Expired`, `Refused` and `Retired` are ends.
    enum Stage {
        None,
        Proposed,
        Gathering,
        Tuning,
        Feedback,
        Live,
        Retired,
        Denied,
        Expired,
        Refused
    }

    /// @notice What is proposed. Hashes are of documents that the URI leads to.
    /// @param purpose         Hash of what the model is for.
    /// @param architecture    Hash of its configuration: the `configHash` of the base that tuning registers.
    /// @param base            Hash of the weights that tuning begins with.
    /// @param useCase         Hash of how it will be used.
    /// @param datanets        Datanets that it is tuned on, ascending; 1 to `MAX_DATANETS`.
    /// @param clusters        Accepted clusters that these must have together before tuning begins.
    /// @param gatherSeconds   Time for gathering, within the parameters `stepMinSeconds` and `stepMaxSeconds`.
    /// @param tuneSeconds     Time for tuning, likewise.
    /// @param feedbackSeconds Time for feedback, likewise.
    struct Proposal {
        bytes32 purpose;
        bytes32 architecture;
        bytes32 base;
        bytes32 useCase;
        uint256[] datanets;
        uint32 clusters;
        uint32 gatherSeconds;
        uint32 tuneSeconds;
        uint32 feedbackSeconds;
    }

    /// @notice A model.
    /// @param proposer      Payee of the base.
    /// @param stage         Where it is.
    /// @param until         Last second of the stage, for stages with a deadline.
    /// @param snapshot      The time at which gOPEN weighs feedback, seconds.
    /// @param base          Base id in LORA; 0 before tuning is over.
    /// @param stake         Wei held.
    /// @param weight        Sum of the weights of the feedback, wei of gOPEN.
    /// @param weightedScore Sum of weight times score.
    /// @param artefact      Hash of the tuned weights.
    struct Model {
        address proposer;
        Stage stage;
        uint40 until;
        uint40 snapshot;
        uint64 base;
        uint128 stake;
        uint128 weight;
        uint256 weightedScore;
        bytes32 artefact;
        Proposal proposal;
    }

    /// @notice What a model's stake and feedback go by: the parameters of these names when it was proposed.
    struct Terms {
        uint16 denialBurntBps;
        uint16 tuningBurntBps;
        uint16 refusalBurntBps;
        uint8 feedbackThreshold;
        uint128 feedbackWeightMax;
        uint128 feedbackWeightMin;
    }

    event ModelProposed(uint256 indexed model, address indexed proposer, Proposal proposal, string uri);
    /// @notice A model came to a stage; `until` is its deadline, 0 without one.
    event StageEntered(uint256 indexed model, Stage indexed stage, uint256 until);
    event ArtefactSubmitted(uint256 indexed model, uint64 indexed base, bytes32 artefact, string uri);
    event FeedbackGiven(uint256 indexed model, address indexed voter, uint8 score, uint256 weight);
    event StakeSettled(uint256 indexed model, uint256 returned, uint256 burnt);

    /// @notice `msg.value` isn't the stake.
    error WrongStake(uint256 given, uint256 expected);
    /// @notice No Datanets, too many, or not ascending.
    error InvalidDatanets();
    /// @notice The time for a stage is outside of the bounds.
    error InvalidDuration(uint32 given, uint256 min, uint256 max);
    /// @notice The text is longer than the limit.
    error TooLong(uint256 length, uint256 limit);
    /// @notice The model is elsewhere.
    error WrongStage(uint256 model, Stage stage);
    /// @notice The stage ended with that second.
    error DeadlinePassed(uint256 until);
    /// @notice The stage goes on up to and with that second.
    error DeadlineAhead(uint256 until);
    /// @notice Only `ParamTimelock` and the council decide.
    error NotDecider(address caller);
    /// @notice Only who holds the place of `payee` may do this.
    error NotHolder(address caller, address payee);
    /// @notice The Datanets have fewer accepted clusters than the proposal says.
    error TooFewClusters(uint256 clusters, uint256 wanted);
    /// @notice The base isn't of the architecture that was proposed.
    error WrongArchitecture(bytes32 given, bytes32 proposed);
    /// @notice The base may not have an absolute share: only governance asks for one.
    error AbsoluteShare(uint16 absBps);
    /// @notice The score is above 100.
    error InvalidScore(uint8 score);
    /// @notice The voter gave feedback before.
    error AlreadyGiven(address voter);
    /// @notice The voter had no votes at the snapshot.
    error NoWeight(address voter);
    /// @notice Neither the voter's call nor his signature.
    error InvalidSignature(address voter);

    /// @notice Datanets that a proposal may name.
    function MAX_DATANETS() external view returns (uint256);

    /// @notice Bytes of a URI.
    function MAX_URI_BYTES() external view returns (uint256);

    function initialize(Setting[] calldata settings) external;

    /// @notice Proposes a model; the caller is its proposer. `msg.value` is the parameter `stake`. The model keeps the terms of now.
    /// @dev    Emits `ModelProposed`. Reverts with `IDatanetRegistry.UnknownDatanet`, too.
    /// @return model From 1.
    function propose(Proposal calldata proposal, string calldata uri) external payable returns (uint256 model);

    /// @notice Approves or denies a proposal before its deadline. `ParamTimelock`, or the address in the parameter `council`, whose denial
    ///         burns nothing.
    function decide(uint256 model, bool approved) external;

    /// @notice Ends the gathering before its deadline, once the Datanets have the clusters. The proposer's holder.
    function beginTuning(uint256 model) external;

    /// @notice Ends the tuning before its deadline: registers the base in LORA and opens the feedback. The proposer's holder.
    ///         While LORA's registration is paused, it moves the deadline behind the pause instead, by the parameter
    ///         `stepMinSeconds`.
    /// @param artefact Hash of the tuned weights.
    /// @param base     Of the architecture that was proposed, without an absolute share.
    /// @return id The base's, or 0 while LORA is paused.
    function submitArtefact(uint256 model, bytes32 artefact, ILoraRegistry.Base calldata base, string calldata uri)
        external
        returns (uint64 id);

    /// @notice Gives feedback, once a voter. It weighs what gOPEN's `getPastVotes` says for the snapshot, at most `feedbackWeightMax` of
    ///         the model's terms. The voter, or anyone with his signature, EIP-712 or ERC-1271, of
    ///         `Feedback(uint256 model,uint8 score)` in the domain ("ModelRegistry", "1").
    /// @param score 0 to 100.
    function giveFeedback(uint256 model, address voter, uint8 score, bytes calldata signature) external;

    /// @notice Ends the feedback after its deadline. Anyone. By the model's terms: less weight than `feedbackWeightMin`: expired. Else live if
    ///         the weighted mean reaches `feedbackThreshold`, or refused.
    function conclude(uint256 model) external;

    /// @notice Ends a proposal, gathering or tuning whose deadline is over. Anyone.
    function expire(uint256 model) external;

    /// @notice Retires a live model, and deprecates its base in LORA. Its payee stays. The proposer's holder.
    function retire(uint256 model) external;

    /// @notice Number of models: the last one's.
    function modelCount() external view returns (uint256);

    /// @notice A model; stage `None` if there is none.
    function modelAt(uint256 model) external view returns (Model memory);

    /// @notice A model's terms; zeros if there is none.
    function termsOf(uint256 model) external view returns (Terms memory);

    /// @notice The model that stands for a base id; 0 if there is none.
    function modelOfBase(uint64 base) external view returns (uint256);

    /// @notice Whether a voter gave feedback on a model.
    function hasGiven(uint256 model, address voter) external view returns (bool);

    /// @notice What a voter signs.
    function hashFeedback(uint256 model, uint8 score) external view returns (bytes32);

    /// @notice Whom a base id of the LORA registry belongs to, if a live or retired model here stands for it; else zero.
    function payeeOfBase(uint64 base) external view returns (address);
}
