// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IClusterReview} from "../interfaces/IClusterReview.sol";
import {IDatanetRegistry} from "../interfaces/IDatanetRegistry.sol";
import {Bounds, IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "./Parameterized.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title ClusterReview
/// @dev Stands behind a `Proxy`.
contract ClusterReview is IClusterReview, Parameterized, ReentrancyGuardTransient {
    /* CONSTANTS */

    /// @inheritdoc IClusterReview
    uint256 public constant MAX_PANEL = 15;
    /// @inheritdoc IClusterReview
    uint256 public constant MAX_URI_BYTES = 1024;

    uint256 private constant SCORE_MAX = 100;

    bytes32 private constant REVIEWERS = "reviewers";
    bytes32 private constant QUORUM = "quorum";
    bytes32 private constant ROUNDS = "rounds";
    bytes32 private constant THRESHOLD = "threshold";
    bytes32 private constant COMMIT_SECONDS = "commitSeconds";
    bytes32 private constant REVEAL_SECONDS = "revealSeconds";
    bytes32 private constant AGREEMENT_POINTS = "agreementPoints";
    bytes32 private constant APPEAL_SECONDS = "appealSeconds";
    bytes32 private constant APPEAL_BOND = "appealBond";
    bytes32 private constant DECISION_SECONDS = "decisionSeconds";

    /// @dev A parameter of `ValidatorStaking`.
    bytes32 private constant UNBONDING_SECONDS = "unbondingSeconds";

    IClaimVault private constant VAULT = IClaimVault(Predeploys.CLAIM_VAULT);
    IDatanetRegistry private constant REGISTRY = IDatanetRegistry(Predeploys.DATANET_REGISTRY);
    IReputation private constant REPUTATION = IReputation(Predeploys.REPUTATION);
    IValidatorStaking private constant STAKING = IValidatorStaking(Predeploys.VALIDATOR_STAKING);

    /* STORAGE */

    /// @custom:storage-location erc7201:openledger.storage.ClusterReview
    struct ClusterReviewStorage {
        mapping(uint256 datanet => mapping(uint32 cluster => Review)) reviews;
        mapping(bytes32 round => address[]) panels;
        mapping(bytes32 round => mapping(address reviewer => Ballot)) ballots;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.ClusterReview")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xf8e48c94005c4328cdcf4eb88a55a4b80cbc88e50e1fc9b711d9310994ac4200;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IClusterReview
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
    }

    /* ROUNDS */

    /// @inheritdoc IClusterReview
    function begin(uint256 datanet, uint32 cluster, address contributor) external {
        if (msg.sender != address(REGISTRY)) revert NotDatanetRegistry(msg.sender);
        Review storage review = _review(datanet, cluster, Status.None);
        review.contributor = contributor;
        _await(review, datanet, cluster, 0);
    }

    /// @inheritdoc IClusterReview
    function drawPanel(uint256 datanet, uint32 cluster) external {
        Review storage review = _review(datanet, cluster, Status.Waiting);
        uint256 drawBlock = review.drawBlock;
        if (block.number <= drawBlock) revert NotDrawable(drawBlock);
        bytes32 seed = Blockhash.blockHash(drawBlock);
        if (seed == 0) {
            // The history of hashes has forgotten it.
            _await(review, datanet, cluster, review.round);
            return;
        }
        bytes32 round = roundOf(datanet, cluster, review.round);
        address[] memory panel = REGISTRY.reviewersOf(datanet);
        panel = panel.length == 0 ? _drawByStake(keccak256(abi.encode(seed, round)), review) : _activeOf(panel);
        if (panel.length < quorum()) {
            _fail(review, datanet, cluster);
            return;
        }
        _seat(review, round, panel);
        emit PanelDrawn(datanet, cluster, round, panel, review.commitUntil, review.revealUntil);
    }

    /// @inheritdoc IClusterReview
    function commitReview(uint256 datanet, uint32 cluster, address reviewer, bytes32 choice, bytes calldata signature)
        external
        nonReentrant
    {
        Review storage review = _review(datanet, cluster, Status.Voting);
        _requireUntil(review.commitUntil);
        if (choice == 0) revert NoChoice();
        bytes32 round = roundOf(datanet, cluster, review.round);
        Ballot storage ballot = _storage().ballots[round][reviewer];
        if (!ballot.drawn || ballot.choice != 0) revert NotVoting(reviewer);
        if (msg.sender != reviewer) {
            bytes32 digest = STAKING.hashVote(round, choice);
            if (!SignatureChecker.isValidSignatureNowCalldata(reviewer, digest, signature)) {
                revert InvalidSignature(reviewer);
            }
        }
        ballot.choice = choice;
        ++review.commits;
        emit ReviewCommitted(round, reviewer, choice);
    }

    /// @inheritdoc IClusterReview
    function revealReview(uint256 datanet, uint32 cluster, address reviewer, uint8 score, bytes32 salt) external {
        Review storage review = _review(datanet, cluster, Status.Voting);
        if (review.commits < review.panel && block.timestamp <= review.commitUntil) {
            revert OutsideWindow(review.commitUntil, review.revealUntil);
        }
        _requireUntil(review.revealUntil);
        bytes32 round = roundOf(datanet, cluster, review.round);
        Ballot storage ballot = _storage().ballots[round][reviewer];
        bool right = score <= SCORE_MAX && ballot.choice == keccak256(abi.encode(reviewer, score, salt));
        if (!right || ballot.revealed) revert WrongReveal(reviewer);
        (ballot.revealed, ballot.score) = (true, score);
        ++review.reveals;
        emit ReviewRevealed(round, reviewer, score);
    }

    /// @inheritdoc IClusterReview
    function closeReview(uint256 datanet, uint32 cluster) external nonReentrant {
        Review storage review = _review(datanet, cluster, Status.Voting);
        if (review.reveals < review.panel) _requireAfter(review.revealUntil);
        bool byStake = REGISTRY.reviewersOf(datanet).length == 0;
        uint256 median = _count(roundOf(datanet, cluster, review.round), review, byStake);
        if (review.reveals < review.quorum) {
            _fail(review, datanet, cluster);
        } else {
            bool accepted = median >= review.threshold;
            _decide(review, datanet, cluster, _outcome(accepted));
        }
    }

    /* APPEAL */

    /// @inheritdoc IClusterReview
    function appeal(uint256 datanet, uint32 cluster, string calldata uri) external payable nonReentrant {
        Review storage review = _review(datanet, cluster, Status.Decided);
        _requireUntil(review.until);
        if (bytes(uri).length > MAX_URI_BYTES) revert TooLong(bytes(uri).length, MAX_URI_BYTES);
        uint256 bond = parameter(APPEAL_BOND);
        if (msg.value != bond) revert WrongBond(msg.value, bond);
        // A parameter's most is below 2^96.
        (review.status, review.appellant, review.appealBond) = (Status.Appealed, msg.sender, uint96(bond));
        review.until = _deadline(DECISION_SECONDS);
        emit Appealed(datanet, cluster, msg.sender, review.until, uri);
        if (bond > 0) VAULT.hold{value: bond}(_bondId(datanet, cluster));
    }

    /// @inheritdoc IClusterReview
    function decideAppeal(uint256 datanet, uint32 cluster, bool accepted) external nonReentrant {
        if (msg.sender != Predeploys.PARAM_TIMELOCK) revert NotGovernance(msg.sender);
        Review storage review = _review(datanet, cluster, Status.Appealed);
        _requireUntil(review.until);
        bool upheld = _outcome(accepted) != review.outcome;
        review.outcome = _outcome(accepted);
        emit AppealDecided(datanet, cluster, upheld);
        if (upheld) _returnBond(review, datanet, cluster);
        else if (review.appealBond > 0) VAULT.burn(_bondId(datanet, cluster), review.appealBond);
        _finish(review, datanet, cluster);
    }

    /// @inheritdoc IClusterReview
    function finalizeReview(uint256 datanet, uint32 cluster) external nonReentrant {
        bool appealed = _storage().reviews[datanet][cluster].status == Status.Appealed;
        Review storage review = _review(datanet, cluster, appealed ? Status.Appealed : Status.Decided);
        _requireAfter(review.until);
        if (appealed) _returnBond(review, datanet, cluster);
        _finish(review, datanet, cluster);
    }

    /* READING */

    /// @inheritdoc IClusterReview
    function reviewOf(uint256 datanet, uint32 cluster) external view returns (Review memory) {
        return _storage().reviews[datanet][cluster];
    }

    /// @inheritdoc IClusterReview
    function quorum() public view returns (uint256) {
        return parameter(QUORUM);
    }

    /// @inheritdoc IClusterReview
    function roundOf(uint256 datanet, uint32 cluster, uint8 round) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), datanet, cluster, round));
    }

    /// @inheritdoc IClusterReview
    function panelOf(bytes32 round) external view returns (address[] memory) {
        return _storage().panels[round];
    }

    /// @inheritdoc IClusterReview
    function ballotOf(bytes32 round, address reviewer) external view returns (Ballot memory) {
        return _storage().ballots[round][reviewer];
    }

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](10);
        all[0] = Bounds(REVIEWERS, 5, 1, MAX_PANEL);
        all[1] = Bounds(QUORUM, 3, 1, MAX_PANEL);
        all[2] = Bounds(ROUNDS, 2, 1, 5);
        all[3] = Bounds(THRESHOLD, 50, 1, SCORE_MAX);
        all[4] = Bounds(COMMIT_SECONDS, 1 days, 1, 7 days);
        all[5] = Bounds(REVEAL_SECONDS, 1 days, 1, 7 days);
        all[6] = Bounds(AGREEMENT_POINTS, 1 ether, 0, 1000 ether);
        all[7] = Bounds(APPEAL_SECONDS, 3 days, 1, 30 days);
        all[8] = Bounds(APPEAL_BOND, 100 ether, 0, 1_000_000 ether);
        all[9] = Bounds(DECISION_SECONDS, 21 days, 1, 90 days);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL */

    /// @inheritdoc Parameterized
    function _checkParameters() internal view override {
        if (parameter(QUORUM) > parameter(REVIEWERS)) revert ParametersConflict(QUORUM, REVIEWERS);
        // Whoever leaves can be slashed until the round is counted.
        uint256 unbonding = IParameterized(address(STAKING)).parameter(UNBONDING_SECONDS);
        if (parameter(COMMIT_SECONDS) + parameter(REVEAL_SECONDS) > unbonding) {
            revert ParametersConflict(REVEAL_SECONDS, UNBONDING_SECONDS);
        }
    }

    function _review(uint256 datanet, uint32 cluster, Status wanted) private view returns (Review storage review) {
        review = _storage().reviews[datanet][cluster];
        if (review.status != wanted) revert WrongStatus(review.status);
    }

    /// @dev Begins a round: the panel will be drawn with the next block's hash, which nobody knows yet, by the stakes of now.
    function _await(Review storage review, uint256 datanet, uint32 cluster, uint8 round) private {
        (review.status, review.round) = (Status.Waiting, round);
        (review.drawBlock, review.until) = (uint40(block.number + 1), uint40(block.timestamp));
        emit PanelAwaited(datanet, cluster, round, block.number + 1);
    }

    /// @dev The contributor and whoever holds his place aren't drawn.
    function _drawByStake(bytes32 seed, Review storage review) private view returns (address[] memory) {
        address[] memory excluded = new address[](2);
        (excluded[0], excluded[1]) = (review.contributor, VAULT.holderOf(review.contributor));
        return STAKING.draw(seed, parameter(REVIEWERS), review.until, excluded);
    }

    function _activeOf(address[] memory reviewers) private view returns (address[] memory active) {
        active = new address[](reviewers.length);
        uint256 count;
        for (uint256 i = 0; i < reviewers.length; ++i) {
            if (STAKING.isActive(IValidatorStaking.Role.Validator, reviewers[i])) active[count++] = reviewers[i];
        }
        assembly ("memory-safe") {
            mstore(active, count)
        }
    }

    function _seat(Review storage review, bytes32 round, address[] memory panel) private {
        for (uint256 i = 0; i < panel.length; ++i) {
            _storage().ballots[round][panel[i]].drawn = true;
        }
        _storage().panels[round] = panel;
        // The numbers' bounds are below 2^8.
        (review.status, review.panel, review.commits, review.reveals) = (Status.Voting, uint8(panel.length), 0, 0);
        (review.threshold, review.quorum) = (uint8(parameter(THRESHOLD)), uint8(quorum()));
        review.commitUntil = _deadline(COMMIT_SECONDS);
        review.revealUntil = uint40(review.commitUntil + parameter(REVEAL_SECONDS));
    }

    /// @dev Slashes who owed a reveal, and gives the median of the scores, the lower of two; 0 without scores. Reviewers whom
    ///      a Datanet lists didn't ask to be listed, so that they owe nothing until they commit.
    function _count(bytes32 round, Review storage review, bool byStake) private returns (uint256) {
        address[] memory panel = _storage().panels[round];
        uint256[] memory scores = new uint256[](review.reveals);
        uint256 count;
        for (uint256 i = 0; i < panel.length; ++i) {
            Ballot memory ballot = _storage().ballots[round][panel[i]];
            if (ballot.revealed) {
                uint256 place = count++;
                for (; place > 0 && scores[place - 1] > ballot.score; --place) {
                    scores[place] = scores[place - 1];
                }
                scores[place] = ballot.score;
            } else if (byStake || ballot.choice != 0) {
                STAKING.slash(
                    IValidatorStaking.Role.Validator, panel[i], IValidatorStaking.Offence.UnrevealedVote, address(0)
                );
            }
        }
        return count == 0 ? 0 : scores[(count - 1) / 2];
    }

    /// @dev A round without quorum: another one, or no outcome.
    function _fail(Review storage review, uint256 datanet, uint32 cluster) private {
        uint8 next = review.round + 1;
        if (next < parameter(ROUNDS)) _await(review, datanet, cluster, next);
        else _decide(review, datanet, cluster, IDatanetRegistry.Outcome.Unreviewed);
    }

    function _decide(Review storage review, uint256 datanet, uint32 cluster, IDatanetRegistry.Outcome outcome) private {
        (review.status, review.outcome, review.until) = (Status.Decided, outcome, _deadline(APPEAL_SECONDS));
        emit ReviewDecided(datanet, cluster, outcome, review.until);
        REGISTRY.recordOutcome(datanet, cluster, outcome, false);
    }

    function _finish(Review storage review, uint256 datanet, uint32 cluster) private {
        review.status = Status.Final;
        emit ReviewFinal(datanet, cluster, review.outcome);
        REGISTRY.recordOutcome(datanet, cluster, review.outcome, true);
        // Reviewers whom a Datanet lists could be its owner's, and agree with each other about whatever he contributes.
        if (REGISTRY.reviewersOf(datanet).length == 0) _award(roundOf(datanet, cluster, review.round), review);
    }

    /// @dev Reputation for reviewers of the last round who said what became the outcome.
    function _award(bytes32 round, Review storage review) private {
        IDatanetRegistry.Outcome outcome = review.outcome;
        uint256 points = parameter(AGREEMENT_POINTS);
        address[] memory panel = _storage().panels[round];
        for (uint256 i = 0; i < panel.length; ++i) {
            Ballot memory ballot = _storage().ballots[round][panel[i]];
            bool agrees = _outcome(ballot.score >= review.threshold) == outcome;
            if (ballot.revealed && agrees) REPUTATION.award(panel[i], points);
        }
    }

    function _returnBond(Review storage review, uint256 datanet, uint32 cluster) private {
        uint256 bond = review.appealBond;
        if (bond > 0) VAULT.payOut(_bondId(datanet, cluster), review.appellant, bond);
    }

    function _outcome(bool accepted) private pure returns (IDatanetRegistry.Outcome) {
        return accepted ? IDatanetRegistry.Outcome.Accepted : IDatanetRegistry.Outcome.Rejected;
    }

    function _bondId(uint256 datanet, uint32 cluster) private pure returns (bytes32) {
        return keccak256(abi.encode("appeal", datanet, cluster));
    }

    function _deadline(bytes32 window) private view returns (uint40) {
        return uint40(block.timestamp + parameter(window));
    }

    function _requireUntil(uint256 last) private view {
        if (block.timestamp > last) revert OutsideWindow(0, last);
    }

    function _requireAfter(uint256 last) private view {
        if (block.timestamp <= last) revert OutsideWindow(last, type(uint40).max);
    }

    function _storage() private pure returns (ClusterReviewStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
