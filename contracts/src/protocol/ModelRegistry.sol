// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IDatanetRegistry} from "../interfaces/IDatanetRegistry.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {Bounds, Setting} from "../interfaces/IParameterized.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {ILoraRegistry} from "../interfaces/precompiles/ILoraRegistry.sol";
import {IPausable} from "../interfaces/precompiles/IPausable.sol";
import {NativePrecompiles} from "../libraries/NativePrecompiles.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "./Parameterized.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title ModelRegistry
/// @dev Stands behind a `Proxy`.
contract ModelRegistry is IModelRegistry, Parameterized, EIP712Upgradeable, ReentrancyGuardTransient {
    /* CONSTANTS */

    /// @inheritdoc IModelRegistry
    uint256 public constant MAX_DATANETS = 16;
    /// @inheritdoc IModelRegistry
    uint256 public constant MAX_URI_BYTES = 1024;

    /// @dev Length of the error `Paused(bytes4,uint64)`.
    uint256 private constant PAUSED_BYTES = 68;
    uint256 private constant SCORE_MAX = 100;
    uint256 private constant BASIS_POINTS = 10_000;
    uint8 private constant IN_USE = 0;
    uint8 private constant DEPRECATED = 1;
    bytes32 private constant FEEDBACK_TYPE = keccak256("Feedback(uint256 model,uint8 score)");

    bytes32 private constant STAKE = "stake";
    bytes32 private constant DECISION_SECONDS = "decisionSeconds";
    bytes32 private constant STEP_MIN_SECONDS = "stepMinSeconds";
    bytes32 private constant STEP_MAX_SECONDS = "stepMaxSeconds";
    bytes32 private constant DENIAL_BURNT_BPS = "denialBurntBps";
    bytes32 private constant TUNING_BURNT_BPS = "tuningBurntBps";
    bytes32 private constant REFUSAL_BURNT_BPS = "refusalBurntBps";
    bytes32 private constant FEEDBACK_WEIGHT_MAX = "feedbackWeightMax";
    bytes32 private constant FEEDBACK_WEIGHT_MIN = "feedbackWeightMin";
    bytes32 private constant FEEDBACK_THRESHOLD = "feedbackThreshold";
    bytes32 private constant COUNCIL = "council";

    IClaimVault private constant VAULT = IClaimVault(Predeploys.CLAIM_VAULT);
    IDatanetRegistry private constant DATANETS = IDatanetRegistry(Predeploys.DATANET_REGISTRY);

    /* STORAGE */

    /// @custom:storage-location erc7201:openledger.storage.ModelRegistry
    struct ModelRegistryStorage {
        uint256 count;
        mapping(uint256 model => Model) models;
        mapping(uint64 base => uint256) modelOfBase;
        mapping(uint256 model => mapping(address voter => bool)) given;
        mapping(uint256 model => Terms) terms;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.ModelRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xcbe6ec4a17d7f9d3c5d1a39a9242e27975e309a89d123fc696d0e32b5bf57d00;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IModelRegistry
    function initialize(Setting[] calldata settings) external initializer {
        __EIP712_init("ModelRegistry", "1");
        _initializeParameters(settings);
    }

    /* STAGES */

    /// @inheritdoc IModelRegistry
    function propose(Proposal calldata proposal, string calldata uri)
        external
        payable
        nonReentrant
        returns (uint256 model)
    {
        uint256 stake = parameter(STAKE);
        if (msg.value != stake) revert WrongStake(msg.value, stake);
        _checkUri(uri);
        _checkProposal(proposal);
        model = ++_storage().count;
        Model storage proposed = _storage().models[model];
        // A parameter's most is below 2^128.
        (proposed.proposer, proposed.stake, proposed.proposal) = (msg.sender, uint128(stake), proposal);
        _storage().terms[model] = _terms();
        emit ModelProposed(model, msg.sender, proposal, uri);
        _enter(proposed, model, Stage.Proposed, parameter(DECISION_SECONDS));
        if (stake > 0) VAULT.hold{value: stake}(bytes32(model));
    }

    /// @inheritdoc IModelRegistry
    function decide(uint256 model, bool approved) external nonReentrant {
        // Nobody calls from the zero address, which stands for no council.
        if (msg.sender != Predeploys.PARAM_TIMELOCK && uint160(msg.sender) != parameter(COUNCIL)) {
            revert NotDecider(msg.sender);
        }
        Model storage proposed = _inStage(model, Stage.Proposed);
        if (approved) {
            _enter(proposed, model, Stage.Gathering, proposed.proposal.gatherSeconds);
        } else {
            // One address alone, whatever it thinks of a proposal, takes nobody's stake.
            bool byVote = msg.sender == Predeploys.PARAM_TIMELOCK;
            _end(proposed, model, Stage.Denied, byVote ? _storage().terms[model].denialBurntBps : 0);
        }
    }

    /// @inheritdoc IModelRegistry
    function beginTuning(uint256 model) external {
        Model storage gathered = _inStage(model, Stage.Gathering);
        _requireHolder(gathered.proposer);
        uint256[] memory datanets = gathered.proposal.datanets;
        uint256 clusters;
        for (uint256 i = 0; i < datanets.length; ++i) {
            clusters += DATANETS.acceptedClusters(datanets[i]);
        }
        uint256 wanted = gathered.proposal.clusters;
        if (clusters < wanted) revert TooFewClusters(clusters, wanted);
        _enter(gathered, model, Stage.Tuning, gathered.proposal.tuneSeconds);
    }

    /// @inheritdoc IModelRegistry
    function submitArtefact(uint256 model, bytes32 artefact, ILoraRegistry.Base calldata base, string calldata uri)
        external
        returns (uint64 id)
    {
        _checkUri(uri);
        Model storage tuned = _inStage(model, Stage.Tuning);
        _requireHolder(tuned.proposer);
        bytes32 architecture = tuned.proposal.architecture;
        if (base.configHash != architecture) revert WrongArchitecture(base.configHash, architecture);
        if (base.absBps != 0) revert AbsoluteShare(base.absBps);
        try NativePrecompiles.LORA.registerBase(base) returns (uint64 registered) {
            id = registered;
        } catch (bytes memory reason) {
            _extend(tuned, model, reason);
            return 0;
        }
        (tuned.base, tuned.artefact, tuned.snapshot) = (id, artefact, uint40(block.timestamp - 1));
        _storage().modelOfBase[id] = model;
        emit ArtefactSubmitted(model, id, artefact, uri);
        _enter(tuned, model, Stage.Feedback, tuned.proposal.feedbackSeconds);
    }

    /// @inheritdoc IModelRegistry
    function giveFeedback(uint256 model, address voter, uint8 score, bytes calldata signature) external nonReentrant {
        Model storage tuned = _inStage(model, Stage.Feedback);
        if (score > SCORE_MAX) revert InvalidScore(score);
        mapping(address => bool) storage given = _storage().given[model];
        if (given[voter]) revert AlreadyGiven(voter);
        if (msg.sender != voter) {
            bytes32 digest = hashFeedback(model, score);
            if (!SignatureChecker.isValidSignatureNowCalldata(voter, digest, signature)) {
                revert InvalidSignature(voter);
            }
        }
        uint256 votes = IVotes(Predeploys.G_OPEN).getPastVotes(voter, tuned.snapshot);
        uint256 weight = Math.min(votes, _storage().terms[model].feedbackWeightMax);
        if (weight == 0) revert NoWeight(voter);
        given[voter] = true;
        // All OPEN is below 2^90 wei.
        tuned.weight += uint128(weight);
        tuned.weightedScore += weight * score;
        emit FeedbackGiven(model, voter, score, weight);
    }

    /// @inheritdoc IModelRegistry
    function conclude(uint256 model) external nonReentrant {
        Model storage tuned = _overdue(model);
        if (tuned.stage != Stage.Feedback) revert WrongStage(model, tuned.stage);
        uint256 weight = tuned.weight;
        Terms memory terms = _storage().terms[model];
        // Without any feedback there is no mean, whatever the terms.
        if (weight == 0 || weight < terms.feedbackWeightMin) _end(tuned, model, Stage.Expired, 0);
        else if (tuned.weightedScore >= weight * terms.feedbackThreshold) _end(tuned, model, Stage.Live, 0);
        else _end(tuned, model, Stage.Refused, terms.refusalBurntBps);
    }

    /// @inheritdoc IModelRegistry
    function expire(uint256 model) external nonReentrant {
        Model storage late = _overdue(model);
        Stage stage = late.stage;
        if (stage == Stage.Feedback) revert WrongStage(model, stage);
        _end(late, model, Stage.Expired, stage == Stage.Tuning ? _storage().terms[model].tuningBurntBps : 0);
    }

    /// @inheritdoc IModelRegistry
    function retire(uint256 model) external {
        Model storage live = _storage().models[model];
        if (live.stage != Stage.Live) revert WrongStage(model, live.stage);
        _requireHolder(live.proposer);
        live.stage = Stage.Retired;
        emit StageEntered(model, Stage.Retired, 0);
        // A disputed base stays disputed.
        if (NativePrecompiles.LORA.statusOf(live.base) == IN_USE) {
            NativePrecompiles.LORA.setStatus(live.base, DEPRECATED);
        }
    }

    /* READING */

    /// @inheritdoc IModelRegistry
    function modelCount() external view returns (uint256) {
        return _storage().count;
    }

    /// @inheritdoc IModelRegistry
    function modelAt(uint256 model) external view returns (Model memory) {
        return _storage().models[model];
    }

    /// @inheritdoc IModelRegistry
    function termsOf(uint256 model) external view returns (Terms memory) {
        return _storage().terms[model];
    }

    /// @inheritdoc IModelRegistry
    function modelOfBase(uint64 base) external view returns (uint256) {
        return _storage().modelOfBase[base];
    }

    /// @inheritdoc IModelRegistry
    function hasGiven(uint256 model, address voter) external view returns (bool) {
        return _storage().given[model][voter];
    }

    /// @inheritdoc IModelRegistry
    function hashFeedback(uint256 model, uint8 score) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(FEEDBACK_TYPE, model, score)));
    }

    /// @inheritdoc IModelRegistry
    function payeeOfBase(uint64 base) external view returns (address) {
        Model storage model = _storage().models[_storage().modelOfBase[base]];
        return model.stage == Stage.Live || model.stage == Stage.Retired ? model.proposer : address(0);
    }

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](11);
        all[0] = Bounds(STAKE, 1000 ether, 0, 1_000_000 ether);
        all[1] = Bounds(DECISION_SECONDS, 21 days, 1, 90 days);
        all[2] = Bounds(STEP_MIN_SECONDS, 1 days, 1, 30 days);
        all[3] = Bounds(STEP_MAX_SECONDS, 180 days, 1, 730 days);
        all[4] = Bounds(DENIAL_BURNT_BPS, 1000, 0, BASIS_POINTS);
        all[5] = Bounds(TUNING_BURNT_BPS, BASIS_POINTS, 0, BASIS_POINTS);
        all[6] = Bounds(REFUSAL_BURNT_BPS, 5000, 0, BASIS_POINTS);
        all[7] = Bounds(FEEDBACK_WEIGHT_MAX, 100_000 ether, 1, 100_000_000 ether);
        all[8] = Bounds(FEEDBACK_WEIGHT_MIN, 100_000 ether, 1, 100_000_000 ether);
        all[9] = Bounds(FEEDBACK_THRESHOLD, 50, 1, SCORE_MAX);
        all[10] = Bounds(COUNCIL, 0, 0, type(uint160).max);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL */

    /// @inheritdoc Parameterized
    function _checkParameters() internal view override {
        if (parameter(STEP_MIN_SECONDS) > parameter(STEP_MAX_SECONDS)) {
            revert ParametersConflict(STEP_MIN_SECONDS, STEP_MAX_SECONDS);
        }
    }

    /// @dev Terms of now, whose bounds are below 2^16, 2^8 and 2^128.
    function _terms() private view returns (Terms memory) {
        return Terms({
            denialBurntBps: uint16(parameter(DENIAL_BURNT_BPS)),
            tuningBurntBps: uint16(parameter(TUNING_BURNT_BPS)),
            refusalBurntBps: uint16(parameter(REFUSAL_BURNT_BPS)),
            feedbackThreshold: uint8(parameter(FEEDBACK_THRESHOLD)),
            feedbackWeightMax: uint128(parameter(FEEDBACK_WEIGHT_MAX)),
            feedbackWeightMin: uint128(parameter(FEEDBACK_WEIGHT_MIN))
        });
    }

    function _checkUri(string calldata uri) private pure {
        if (bytes(uri).length > MAX_URI_BYTES) revert TooLong(bytes(uri).length, MAX_URI_BYTES);
    }

    function _checkProposal(Proposal calldata proposal) private view {
        uint256[] calldata datanets = proposal.datanets;
        if (datanets.length == 0 || datanets.length > MAX_DATANETS) revert InvalidDatanets();
        for (uint256 i = 0; i < datanets.length; ++i) {
            if (i > 0 && datanets[i] <= datanets[i - 1]) revert InvalidDatanets();
            // Reverts for one that isn't there.
            DATANETS.acceptedClusters(datanets[i]);
        }
        (uint256 min, uint256 max) = (parameter(STEP_MIN_SECONDS), parameter(STEP_MAX_SECONDS));
        _checkDuration(proposal.gatherSeconds, min, max);
        _checkDuration(proposal.tuneSeconds, min, max);
        _checkDuration(proposal.feedbackSeconds, min, max);
    }

    function _checkDuration(uint32 given, uint256 min, uint256 max) private pure {
        if (given < min || given > max) revert InvalidDuration(given, min, max);
    }

    function _requireHolder(address payee) private view {
        if (VAULT.holderOf(payee) != msg.sender) revert NotHolder(msg.sender, payee);
    }

    /// @dev A model in that stage, before its deadline.
    function _inStage(uint256 model, Stage stage) private view returns (Model storage found) {
        found = _storage().models[model];
        if (found.stage != stage) revert WrongStage(model, found.stage);
        if (block.timestamp > found.until) revert DeadlinePassed(found.until);
    }

    /// @dev A model whose stage has a deadline that is over.
    function _overdue(uint256 model) private view returns (Model storage found) {
        found = _storage().models[model];
        if (found.stage < Stage.Proposed || found.stage > Stage.Feedback) revert WrongStage(model, found.stage);
        if (block.timestamp <= found.until) revert DeadlineAhead(found.until);
    }

    /// @dev Nobody loses his stake because LORA is paused: he has the least time of a stage after the pause. Any other
    ///      `reason` reverts.
    function _extend(Model storage tuned, uint256 model, bytes memory reason) private {
        if (bytes4(reason) != IPausable.Paused.selector || reason.length != PAUSED_BYTES) {
            LowLevelCall.bubbleRevert(reason);
        }
        uint256 pausedUntil;
        assembly ("memory-safe") {
            // Behind the length, the selector and the selector that is paused.
            pausedUntil := mload(add(reason, 0x44))
        }
        uint256 until = Math.max(tuned.until, pausedUntil + parameter(STEP_MIN_SECONDS));
        tuned.until = SafeCast.toUint40(until);
        emit StageEntered(model, Stage.Tuning, until);
    }

    function _enter(Model storage found, uint256 model, Stage stage, uint256 time) private {
        (found.stage, found.until) = (stage, uint40(block.timestamp + time));
        emit StageEntered(model, stage, found.until);
    }

    /// @dev Leaves the stages with a deadline: burns a part of the stake, rounded down, and gives the rest back.
    function _end(Model storage found, uint256 model, Stage stage, uint256 burntBps) private {
        uint256 stake = found.stake;
        uint256 burnt = stake * burntBps / BASIS_POINTS;
        (found.stage, found.until, found.stake) = (stage, 0, 0);
        emit StageEntered(model, stage, 0);
        emit StakeSettled(model, stake - burnt, burnt);
        if (burnt > 0) VAULT.burn(bytes32(model), burnt);
        if (stake > burnt) VAULT.payOut(bytes32(model), found.proposer, stake - burnt);
    }

    function _storage() private pure returns (ModelRegistryStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
