// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../interfaces/IJury.sol";
import {Bounds, IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Sketches} from "../libraries/Sketches.sol";
import {Parameterized} from "./Parameterized.sol";
import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Jury
/// @dev Calls `ValidatorStaking` and `Reputation` only, and holds nothing.
contract Jury is IJury, IVersioned, Parameterized {
    using SafeCast for uint256;

    /* TYPES */

    struct Vote {
        bytes32 choice;
        bytes32 sketchHash;
    }

    struct Case {
        Question question;
        /// Hash of the sketch in question; zero for a row.
        bytes32 sketchHash;
        /// Who isn't drawn.
        address[] excluded;
        /// How many jurors have committed, and revealed.
        uint8 committed;
        uint8 revealed;
        /// Whether nothing changes any more.
        bool tallied;
        /// Bit i: juror i agrees with the finding.
        uint8 agreeing;
        /// Hash of the finding; zero: none.
        bytes32 finding;
        mapping(address juror => Vote) votes;
    }

    /* CONSTANTS */

    /// @inheritdoc IJury
    uint256 public constant JURORS = 7;

    /// @inheritdoc IJury
    uint256 public constant QUORUM = 5;

    /// @inheritdoc IJury
    uint256 public constant MAX_EXCLUDED = 8;

    bytes32 private constant DRAW_SECONDS = "drawSeconds";
    bytes32 private constant COMMIT_SECONDS = "commitSeconds";
    bytes32 private constant REVEAL_SECONDS = "revealSeconds";
    bytes32 private constant TALLY_SECONDS = "tallySeconds";
    bytes32 private constant AGREEMENT_POINTS = "agreementPoints";

    /// @dev Blocks from the question to the one whose hash draws its jury.
    uint256 private constant DRAW_DELAY_BLOCKS = 2;

    /// @dev Vectors agree up to a twentieth of their norms: d² · 20² ≤ n².
    uint256 private constant TOLERANCE2 = 400;

    IValidatorStaking private constant STAKING = IValidatorStaking(Predeploys.VALIDATOR_STAKING);

    /* STORAGE */

    /// @custom:storage-location erc7201:openledger.storage.Jury
    struct JuryStorage {
        mapping(bytes32 question => Case) cases;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.Jury")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x6d45867765fd9a2913fb24de2f79158dd37de81bfe73b094cf3188e6e3fd1a00;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IJury
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
    }

    /* QUESTIONS */

    /// @inheritdoc IJury
    function ask(bytes32 question, Subject subject, uint16 dim, bytes32 sketchHash, address[] calldata excluded)
        external
    {
        if (msg.sender != Predeploys.EPOCH_QUESTIONS) revert NotAsker(msg.sender);
        if (dim != 64 && dim != 128 && dim != 256 && dim != 512 && dim != 1024) revert InvalidDim(dim);
        if (excluded.length > MAX_EXCLUDED) revert InvalidLength(excluded.length, MAX_EXCLUDED);
        Case storage asked = _juryStorage().cases[question];
        Question storage info = asked.question;
        if (info.askedAt != 0) revert AlreadyAsked(question);

        uint256 drawEnd = block.timestamp + parameter(DRAW_SECONDS);
        uint256 commitEnd = drawEnd + parameter(COMMIT_SECONDS);
        uint256 revealEnd = commitEnd + parameter(REVEAL_SECONDS);
        (info.subject, info.dim) = (subject, dim);
        info.drawBlock = (block.number + DRAW_DELAY_BLOCKS).toUint64();
        info.askedAt = block.timestamp.toUint48();
        info.drawEnd = drawEnd.toUint48();
        info.commitEnd = commitEnd.toUint48();
        info.revealEnd = revealEnd.toUint48();
        info.tallyEnd = (revealEnd + parameter(TALLY_SECONDS)).toUint48();
        (asked.sketchHash, asked.excluded) = (sketchHash, excluded);
        emit Asked(question, subject, dim, info.drawBlock, excluded);
    }

    /// @inheritdoc IJury
    function draw(bytes32 question) external returns (address[] memory jurors) {
        Case storage asked = _case(question);
        Question storage info = asked.question;
        if (asked.tallied || info.jurors.length != 0) revert AlreadyDrawn(question);
        if (block.timestamp >= info.drawEnd) revert DrawTooLate(question);
        if (block.number <= info.drawBlock) revert DrawTooEarly(info.drawBlock);
        bytes32 blockHash = Blockhash.blockHash(info.drawBlock);
        if (blockHash == 0) revert DrawTooLate(question);

        bytes32 seed = keccak256(abi.encode(blockHash, question));
        jurors = STAKING.draw(seed, JURORS, info.askedAt, asked.excluded);
        emit JuryDrawn(question, jurors);
        // Too few can't decide, so nobody owes a vote.
        if (jurors.length < QUORUM) asked.tallied = true;
        else info.jurors = jurors;
    }

    /* VOTES */

    /// @inheritdoc IJury
    function commit(bytes32 question, bytes32 choice) external {
        _commit(question, msg.sender, choice);
    }

    /// @inheritdoc IJury
    function commitFor(bytes32 question, address juror, bytes32 choice, bytes calldata signature) external {
        bytes32 digest = STAKING.hashVote(roundOf(question), choice);
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure != ECDSA.RecoverError.NoError || signer != juror) revert InvalidSignature(juror);
        _commit(question, juror, choice);
    }

    /// @inheritdoc IJury
    function reveal(bytes32 question, address juror, bytes calldata sketch, bytes32 salt) external {
        Case storage asked = _case(question);
        Question storage info = asked.question;
        _checkJuror(question, info, juror);
        if (block.timestamp < info.commitEnd && asked.committed < info.jurors.length) {
            revert RevealTooEarly(info.commitEnd);
        }
        if (block.timestamp >= info.revealEnd) revert RevealTooLate(info.revealEnd);
        if (!Sketches.isSketch(sketch, info.dim)) revert InvalidSketch();
        Vote storage vote = asked.votes[juror];
        if (vote.choice != keccak256(abi.encode(juror, salt, sketch))) revert WrongReveal(question, juror);
        if (vote.sketchHash != 0) revert AlreadyVoted(question, juror);
        vote.sketchHash = keccak256(sketch);
        ++asked.revealed;
        emit Revealed(question, juror, sketch);
    }

    /// @inheritdoc IJury
    function tally(bytes32 question, bytes[] calldata sketches) external returns (Verdict verdict, bytes32 finding) {
        Case storage asked = _case(question);
        Question storage info = asked.question;
        address[] memory jurors = info.jurors;
        if (asked.tallied || jurors.length == 0) revert NothingToTally(question);
        if (block.timestamp < info.revealEnd && asked.revealed < jurors.length) revert TallyTooEarly(info.revealEnd);

        asked.tallied = true;
        uint256 agreeing;
        // Counted too late, a verdict isn't found any more, but who owes a vote still pays for it.
        if (block.timestamp < info.tallyEnd) (finding, agreeing) = _find(asked, jurors, sketches);
        // forge-lint: disable-next-line(unsafe-typecast) a bit for each of 7 jurors
        (asked.finding, asked.agreeing) = (finding, uint8(agreeing));
        verdict = finding == 0 ? Verdict.Undecided : Verdict.Decided;
        emit Tallied(question, verdict, finding);

        _settleJurors(asked, jurors, agreeing);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IJury
    function verdictOf(bytes32 question) external view returns (Verdict, bytes32) {
        Case storage asked = _juryStorage().cases[question];
        Question storage info = asked.question;
        if (info.askedAt == 0) return (Verdict.None, 0);
        if (asked.finding != 0) return (Verdict.Decided, asked.finding);
        bool over = asked.tallied || block.timestamp >= info.tallyEnd
            || (block.timestamp >= info.drawEnd && info.jurors.length == 0);
        return (over ? Verdict.Undecided : Verdict.Open, 0);
    }

    /// @inheritdoc IJury
    function questionOf(bytes32 question) external view returns (Question memory) {
        return _juryStorage().cases[question].question;
    }

    /// @inheritdoc IJury
    function voteOf(bytes32 question, address juror) external view returns (bytes32 choice, bytes32 sketchHash) {
        Vote storage vote = _juryStorage().cases[question].votes[juror];
        return (vote.choice, vote.sketchHash);
    }

    /// @inheritdoc IJury
    function agreeingOf(bytes32 question) external view returns (address[] memory agreeing) {
        Case storage asked = _juryStorage().cases[question];
        address[] memory jurors = asked.question.jurors;
        uint256 mask = asked.agreeing;
        agreeing = new address[](jurors.length);
        uint256 count;
        for (uint256 i = 0; i < jurors.length; ++i) {
            if (mask & (1 << i) != 0) agreeing[count++] = jurors[i];
        }
        assembly ("memory-safe") {
            mstore(agreeing, count)
        }
    }

    /// @inheritdoc IJury
    function roundOf(bytes32 question) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), question));
    }

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](5);
        // The greatest values of the four add up to less than three days. The draw is the shortest: a hash is known for 8,191 blocks.
        all[0] = Bounds({name: DRAW_SECONDS, initial: 1 hours, min: 5 seconds, max: 2 hours});
        all[1] = Bounds({name: COMMIT_SECONDS, initial: 24 hours, min: 5 seconds, max: 36 hours});
        all[2] = Bounds({name: REVEAL_SECONDS, initial: 12 hours, min: 5 seconds, max: 24 hours});
        all[3] = Bounds({name: TALLY_SECONDS, initial: 6 hours, min: 5 seconds, max: 8 hours});
        all[4] = Bounds({name: AGREEMENT_POINTS, initial: 1e18, min: 0, max: 100e18});
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _commit(bytes32 question, address juror, bytes32 choice) private {
        Case storage asked = _case(question);
        Question storage info = asked.question;
        _checkJuror(question, info, juror);
        if (choice == 0) revert InvalidChoice();
        if (block.timestamp >= info.commitEnd) revert CommitTooLate(info.commitEnd);
        Vote storage vote = asked.votes[juror];
        if (vote.choice != 0) revert AlreadyVoted(question, juror);
        vote.choice = choice;
        ++asked.committed;
        emit Committed(question, juror, choice);
    }

    /// @dev Slashes who owed a vote, and gives those who agree with the finding reputation. A vote is owed by who committed to one, and by all
    ///      once one of them revealed: where nobody did, nobody may have been able to.
    function _settleJurors(Case storage asked, address[] memory jurors, uint256 agreeing) private {
        uint256 points = parameter(AGREEMENT_POINTS);
        bool allOwe = asked.revealed != 0;
        for (uint256 i = 0; i < jurors.length; ++i) {
            Vote storage vote = asked.votes[jurors[i]];
            if (vote.sketchHash == 0) {
                if (!allOwe && vote.choice == 0) continue;
                STAKING.slash(
                    IValidatorStaking.Role.Validator, jurors[i], IValidatorStaking.Offence.UnrevealedVote, address(0)
                );
            } else if (agreeing & (1 << i) != 0 && points != 0) {
                IReputation(Predeploys.REPUTATION).award(jurors[i], points);
            }
        }
    }

    /// @dev The finding's hash, zero if there is none, and a bit for each juror who agrees with it.
    function _find(Case storage asked, address[] memory jurors, bytes[] calldata sketches)
        private
        view
        returns (bytes32 finding, uint256 agreeing)
    {
        uint256 count = jurors.length;
        bool isRow = asked.question.subject == Subject.Row;
        uint256 expected = isRow ? count : count + 1;
        if (sketches.length != expected) revert InvalidLength(sketches.length, expected);
        bytes[] memory revealed = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 sketchHash = asked.votes[jurors[i]].sketchHash;
            if (sketchHash == 0 ? sketches[i].length != 0 : keccak256(sketches[i]) != sketchHash) {
                revert WrongSketch(jurors[i]);
            }
            revealed[i] = sketches[i];
        }
        if (!isRow && keccak256(sketches[count]) != asked.sketchHash) revert WrongSketch(address(0));

        bool found;
        uint256 first;
        (found, first, agreeing) = isRow ? _findVector(revealed) : _findSide(revealed, sketches[count]);
        if (found) finding = keccak256(revealed[first]);
    }

    /// @dev Of a row's vectors: whether a quorum agrees, whose is the finding, and who agrees with it.
    function _findVector(bytes[] memory revealed) private pure returns (bool found, uint256 first, uint256 agreeing) {
        uint256 count = revealed.length;
        uint256[] memory norms = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            norms[i] = Sketches.norm2(revealed[i]);
        }
        // Bit j of peers[i]: both revealed, and they agree.
        uint256[] memory peers = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            if (revealed[i].length == 0) continue;
            peers[i] |= 1 << i;
            for (uint256 j = i + 1; j < count; ++j) {
                if (revealed[j].length == 0) continue;
                uint256 scaled = Sketches.distance2(revealed[i], revealed[j]) * TOLERANCE2;
                if (scaled > norms[i] || scaled > norms[j]) continue;
                peers[i] |= 1 << j;
                peers[j] |= 1 << i;
            }
        }
        (found, first) = _firstOfQuorum(peers);
        if (found) agreeing = peers[first];
    }

    /// @dev Of a sketch's vectors: whether a quorum is against the sketch, or for it, and who is on that side. Jurors who are against it needn't
    ///      agree with each other: a worker who shows the content to some of them only would have it so.
    function _findSide(bytes[] memory revealed, bytes memory sketch)
        private
        pure
        returns (bool found, uint256 first, uint256 agreeing)
    {
        uint256 norm2 = Sketches.norm2(sketch);
        uint256[2] memory sides;
        uint256[2] memory counts;
        for (uint256 i = 0; i < revealed.length; ++i) {
            if (revealed[i].length == 0) continue;
            uint256 side = Sketches.distance2(sketch, revealed[i]) * TOLERANCE2 > norm2 ? 1 : 0;
            sides[side] |= 1 << i;
            ++counts[side];
        }
        if (counts[0] < QUORUM && counts[1] < QUORUM) return (false, 0, 0);
        agreeing = counts[0] < QUORUM ? sides[1] : sides[0];
        while (agreeing & (1 << first) == 0) ++first;
        return (true, first, agreeing);
    }

    /// @dev The first member of the lexically first set of `QUORUM` jurors of whom each two agree: sets are compared by their
    ///      members in order of draw, so that the set found has the least first member of all such sets.
    function _firstOfQuorum(uint256[] memory peers) private pure returns (bool found, uint256 first) {
        for (first = 0; first + QUORUM <= peers.length; ++first) {
            // Later jurors who agree with this one.
            if (_hasClique(peers, (peers[first] >> (first + 1)) << (first + 1), QUORUM - 1)) return (true, first);
        }
        return (false, 0);
    }

    /// @dev Whether `size` of the `candidates` agree with each other. At most 2^6 steps for a jury of seven.
    function _hasClique(uint256[] memory peers, uint256 candidates, uint256 size) private pure returns (bool) {
        if (size == 0) return true;
        for (uint256 i = 0; candidates >> i != 0; ++i) {
            if (candidates & (1 << i) == 0) continue;
            candidates ^= 1 << i;
            if (_hasClique(peers, candidates & peers[i], size - 1)) return true;
        }
        return false;
    }

    function _checkJuror(bytes32 question, Question storage info, address account) private view {
        address[] memory jurors = info.jurors;
        for (uint256 i = 0; i < jurors.length; ++i) {
            if (jurors[i] == account) return;
        }
        revert NotJuror(question, account);
    }

    /// @dev Who votes here can be slashed until the verdict: the relation that `ValidatorStaking` checks from its side.
    function _checkParameters() internal view override {
        if (address(STAKING).code.length == 0) return;
        if (IParameterized(address(STAKING)).parameter("unbondingSeconds") < STAKING.minUnbonding()) {
            revert ParametersConflict(COMMIT_SECONDS, "unbondingSeconds");
        }
    }

    function _case(bytes32 question) private view returns (Case storage asked) {
        asked = _juryStorage().cases[question];
        if (asked.question.askedAt == 0) revert UnknownQuestion(question);
    }

    function _juryStorage() private pure returns (JuryStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
