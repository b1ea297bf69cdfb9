// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IEpochQuestions, JuryQuestion} from "../interfaces/IEpochQuestions.sol";
import {IEpochScoring} from "../interfaces/IEpochScoring.sol";
import {IEpochSettlement, Settlement} from "../interfaces/IEpochSettlement.sol";
import {IJury} from "../interfaces/IJury.sol";
import {Bounds, Setting} from "../interfaces/IParameterized.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {IAttrSketch} from "../interfaces/precompiles/IAttrSketch.sol";
import {NativePrecompiles} from "../libraries/NativePrecompiles.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Sketches} from "../libraries/Sketches.sol";
import {Parameterized} from "./Parameterized.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title EpochQuestions
/// @dev   Stands behind a `Proxy`. It holds no OPEN: the vault holds bonds.
contract EpochQuestions is IEpochQuestions, Parameterized, ReentrancyGuardTransient {
    using SafeCast for uint256;

    /// @dev Whether something was asked about: once, once and undecided, so that it may be again, or again.
    enum Asking {
        Never,
        Once,
        Undecided,
        Again
    }

    /// @custom:storage-location erc7201:openledger.storage.EpochQuestions
    struct EpochQuestionsStorage {
        mapping(bytes32 question => JuryQuestion) questions;
        mapping(bytes32 subject => Asking) asked;
        mapping(uint64 sketchSet => mapping(uint32 cluster => bool)) rejected;
    }

    /// @dev A vector is rejected if its squared distance from the finding is above its squared norm over this.
    uint256 private constant TOLERANCE = 400;
    /// @dev Reputation of a question that costs a worker his stake.
    uint256 private constant UPHELD_POINTS = 10e18;
    /// @dev So many open questions on (epoch, adapter) double the next one's bond: who asks a lot at once keeps jurors from answering.
    uint256 private constant QUESTIONS_A_DOUBLING = 4;
    /// @dev A bond over this is the jurors' who agree, or burnt where nothing is decided.
    uint256 private constant JURORS_DIVISOR = 10;

    bytes32 private constant QUESTION_BOND = "questionBond";
    /// @dev `EpochSettlement`'s.
    bytes32 private constant PROPOSAL_BOND = "proposalBond";

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.EpochQuestions")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x47daeb1d25563a1e7e5c0a6c254b82776fec1911e670a01ae56012f838e7a400;

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IEpochQuestions
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](1);
        all[0] = Bounds({name: QUESTION_BOND, initial: 200 ether, min: 1 ether, max: 100_000 ether});
    }

    /// @inheritdoc IEpochQuestions
    function askSketch(uint64 epoch, uint64 adapter, bytes calldata scores, uint256 draw, uint256 set)
        external
        payable
        nonReentrant
        returns (bytes32)
    {
        Settlement memory settled = _settlement().settlementOf(epoch, adapter);
        if (keccak256(scores) != settled.scoresHash) revert WrongScores(keccak256(scores), settled.scoresHash);
        if ((settled.voidDraws >> draw) & 1 == 1) revert DrawIsVoid(draw);
        JuryQuestion memory question;
        (question.epoch, question.adapter, question.asker) = (epoch, adapter, msg.sender);
        bytes memory sketch;
        (sketch, question.fee, question.place) = _scoring().sketchOf(epoch, adapter, scores, draw, set);
        question.subject = keccak256(sketch);
        uint16 dim;
        (question.sketchSet, dim) = _scoring().setAt(adapter, set);
        question.accused = _scoring().workerOf(epoch, adapter, draw);
        return _ask(question, dim);
    }

    /// @inheritdoc IEpochQuestions
    function askRow(uint64 epoch, uint64 adapter, uint256 set, uint32 row)
        external
        payable
        nonReentrant
        returns (bytes32)
    {
        (uint64 sketchSet, uint16 dim) = _scoring().setAt(adapter, set);
        // Reverts for a row that isn't there.
        NativePrecompiles.SKETCH.row(sketchSet, row);
        JuryQuestion memory question = JuryQuestion({
            epoch: epoch,
            adapter: adapter,
            sketchSet: sketchSet,
            place: row,
            isRow: true,
            asker: msg.sender,
            bond: 0,
            fee: 0,
            subject: 0,
            accused: NativePrecompiles.SKETCH.header(sketchSet).owner
        });
        return _ask(question, dim);
    }

    /// @inheritdoc IEpochQuestions
    function answer(bytes32 id, bytes calldata finding, bytes calldata sketch) external nonReentrant {
        EpochQuestionsStorage storage $ = _storage();
        JuryQuestion memory question = $.questions[id];
        if (question.asker == address(0)) revert UnknownQuestion(id);
        (IJury.Verdict verdict, bytes32 found) = _jury().verdictOf(id);
        if (verdict == IJury.Verdict.Open) revert QuestionOpen(id);
        delete $.questions[id];
        _settlement().closeQuestion(question.epoch, question.adapter);
        if (verdict != IJury.Verdict.Decided) {
            _endUndecided($, id, question);
            return;
        }
        if (keccak256(finding) != found) revert WrongSketch(keccak256(finding), found);
        (bool rejected, bool isPaidFor) =
            question.isRow ? (_judgeRow(question, finding), false) : _judgeSketch(question, finding, sketch);
        // Jurors have the same, whether the asker or the worker pays for it. Where neither loses anything, nobody does.
        uint256 rest = question.bond;
        if (!rejected || isPaidFor) rest -= _payJurors(id, rest / JURORS_DIVISOR);
        if (rejected) _vault().payOut(id, question.asker, rest);
        else _forfeit(id, rest, question.accused);
        emit Answered(id, true, rejected);
    }

    /// @inheritdoc IEpochQuestions
    function bondOf(uint64 epoch, uint64 adapter) public view returns (uint256) {
        // All OPEN there is doesn't pay for 128 at once, so that no bit is lost.
        return
            parameter(QUESTION_BOND)
                << (_settlement().settlementOf(epoch, adapter).openQuestions / QUESTIONS_A_DOUBLING);
    }

    /// @inheritdoc IEpochQuestions
    function questionOf(bytes32 question) external view returns (JuryQuestion memory) {
        return _storage().questions[question];
    }

    /// @inheritdoc IEpochQuestions
    function isRejected(uint64 sketchSet, uint32 cluster) external view returns (bool) {
        return _storage().rejected[sketchSet][cluster];
    }

    function _ask(JuryQuestion memory question, uint16 dim) private returns (bytes32 id) {
        uint256 bond = bondOf(question.epoch, question.adapter);
        address proposer = _settlement().openQuestion(question.epoch, question.adapter);
        if (msg.value != bond) revert WrongBond(msg.value, bond);
        EpochQuestionsStorage storage $ = _storage();
        // A row is asked about once an epoch, a sketch once for what it is; and once more where it wasn't decided.
        id = _subjectOf(question);
        Asking asked = $.asked[id];
        if (asked == Asking.Once || asked == Asking.Again) revert AlreadyAsked(id);
        $.asked[id] = asked == Asking.Never ? Asking.Once : Asking.Again;
        if (asked == Asking.Undecided) id = keccak256(abi.encode(id, Asking.Again));
        question.bond = bond.toUint128();
        $.questions[id] = question;
        _vault().hold{value: bond}(id);
        _callJury(id, question, dim, proposer);
        emit Asked(question.epoch, question.adapter, id, question.asker, question.sketchSet);
    }

    /// @dev Neither asker, proposer and accused judge, nor who holds their places.
    function _callJury(bytes32 id, JuryQuestion memory question, uint16 dim, address proposer) private {
        address[] memory excluded = new address[](6);
        (excluded[0], excluded[1], excluded[2]) = (question.asker, proposer, question.accused);
        for (uint256 i = 0; i < 3; ++i) {
            excluded[3 + i] = _vault().holderOf(excluded[i]);
        }
        IJury.Subject subject = question.isRow ? IJury.Subject.Row : IJury.Subject.Sketch;
        _jury().ask(id, subject, dim, question.subject, excluded);
    }

    /// @dev What a question is about. It is the first question's number.
    function _subjectOf(JuryQuestion memory question) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                question.epoch, question.adapter, question.sketchSet, question.place, question.isRow, question.subject
            )
        );
    }

    /// @dev Nothing follows, but jurors were called on: a tenth of the bond is burnt.
    function _endUndecided(EpochQuestionsStorage storage $, bytes32 id, JuryQuestion memory question) private {
        bytes32 subject = _subjectOf(question);
        if ($.asked[subject] == Asking.Once) $.asked[subject] = Asking.Undecided;
        uint256 burnt = question.bond / JURORS_DIVISOR;
        if (burnt != 0) _vault().burn(id, burnt);
        _vault().payOut(id, question.asker, question.bond - burnt);
        emit Answered(id, false, false);
    }

    /// @dev Divides up to `amount` of a bond equally among the jurors who agree with the finding; what doesn't divide stays.
    function _payJurors(bytes32 id, uint256 amount) private returns (uint256 paid) {
        address[] memory jurors = _jury().agreeingOf(id);
        // A finding has a quorum.
        uint256 share = amount / jurors.length;
        for (uint256 i = 0; i < jurors.length; ++i) {
            _vault().payOut(id, jurors[i], share);
        }
        return share * jurors.length;
    }

    function _judgeRow(JuryQuestion memory question, bytes calldata finding) private returns (bool rejected) {
        IAttrSketch sketches = NativePrecompiles.SKETCH;
        (uint64 d2, uint64 n2,) = sketches.rowDistance(question.sketchSet, question.place, finding);
        rejected = uint256(d2) * TOLERANCE > n2;
        if (!rejected) return rejected;
        (uint32 cluster,,) = sketches.row(question.sketchSet, question.place);
        _storage().rejected[question.sketchSet][cluster] = true;
        emit ClusterRejected(question.sketchSet, cluster, question.place);
    }

    /// @dev A request is punished once, whichever of its sketches are rejected. Reputation is for that punishment alone: who asks about a row
    ///      of his own set, or once more about a request, makes nobody lose anything.
    /// @return rejected   Whether the jury rejects the sketch.
    /// @return isPunished Whether that costs the worker something, and the asker is rewarded with half of it.
    function _judgeSketch(JuryQuestion memory question, bytes calldata finding, bytes calldata sketch)
        private
        returns (bool rejected, bool isPunished)
    {
        if (keccak256(sketch) != question.subject) revert WrongSketch(keccak256(sketch), question.subject);
        rejected = Sketches.distance2(sketch, finding) * TOLERANCE > Sketches.norm2(sketch);
        if (!rejected) return (false, false);
        (address worker, address asker) = (question.accused, question.asker);
        // forge-lint: disable-next-line(unsafe-typecast) a bit for each of 16 draws
        uint16 draws = uint16(question.place);
        if (!_settlement().voidDraws(question.epoch, question.adapter, draws, question.fee, worker, asker)) {
            return (true, false);
        }
        IValidatorStaking(Predeploys.VALIDATOR_STAKING)
            .slash(IValidatorStaking.Role.Worker, worker, IValidatorStaking.Offence.RejectedSketch, asker);
        IReputation(Predeploys.REPUTATION).award(asker, UPHELD_POINTS);
        return (true, true);
    }

    /// @dev Half of a bond, the greater one, is burnt; the rest is `to`'s.
    function _forfeit(bytes32 id, uint256 amount, address to) private {
        uint256 part = amount / 2;
        _vault().burn(id, amount - part);
        _vault().payOut(id, to, part);
    }

    /// @dev A question must be worth a tenth of a proposal's bond. At genesis the settlement stands before this contract does.
    function _checkParameters() internal view override {
        uint256 proposalBond = Parameterized(Predeploys.EPOCH_SETTLEMENT).parameter(PROPOSAL_BOND);
        if (parameter(QUESTION_BOND) * 10 < proposalBond) revert ParametersConflict(QUESTION_BOND, PROPOSAL_BOND);
    }

    function _settlement() private pure returns (IEpochSettlement) {
        return IEpochSettlement(Predeploys.EPOCH_SETTLEMENT);
    }

    function _jury() private pure returns (IJury) {
        return IJury(Predeploys.JURY);
    }

    function _vault() private pure returns (IClaimVault) {
        return IClaimVault(Predeploys.CLAIM_VAULT);
    }

    function _scoring() private pure returns (IEpochScoring) {
        return IEpochScoring(Predeploys.EPOCH_SCORING);
    }

    function _storage() private pure returns (EpochQuestionsStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
