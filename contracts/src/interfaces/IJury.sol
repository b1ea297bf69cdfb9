// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IJury
/// @notice Validators drawn by stake compute a vector again, each for itself, and say what came out.
/// @dev    A question's time is divided in advance, from when it was asked: its jury is drawn, commits, reveals, is counted. It ends
///         with the verdict, or, whatever anybody does or leaves undone, undecided after at most three days. Bonds are with who asked.
interface IJury {
    /// @notice What is asked for.
    enum Subject {
        Row,
        Sketch
    }

    /// @notice How a question stands.
    enum Verdict {
        None,
        Open,
        Decided,
        Undecided
    }

    /// @notice A question, as it is now.
    /// @param subject   What is asked for.
    /// @param dim       Entries of the vector.
    /// @param drawBlock The block whose hash draws the jury.
    /// @param askedAt   Whose stakes count, seconds. The ends follow, seconds: until then the jury is drawn, commits, reveals (all three
    ///                  exclusive), and its reveals are counted.
    /// @param jurors    In order of draw; empty before it.
    struct Question {
        Subject subject;
        uint16 dim;
        uint64 drawBlock;
        uint48 askedAt;
        uint48 drawEnd;
        uint48 commitEnd;
        uint48 revealEnd;
        uint48 tallyEnd;
        address[] jurors;
    }

    /// @notice A question was asked. Its times are those of `questionOf`.
    event Asked(bytes32 indexed question, Subject subject, uint16 dim, uint256 drawBlock, address[] excluded);

    /// @notice A jury was drawn. Fewer than a quorum: the question is undecided, and nobody owes a vote.
    event JuryDrawn(bytes32 indexed question, address[] jurors);

    /// @notice A juror committed to what it will reveal.
    event Committed(bytes32 indexed question, address indexed juror, bytes32 choice);

    /// @notice A juror's vector.
    event Revealed(bytes32 indexed question, address indexed juror, bytes sketch);

    /// @notice A jury was counted. `finding` is the hash of its finding if it decided.
    event Tallied(bytes32 indexed question, Verdict verdict, bytes32 finding);

    /// @notice Only `EpochQuestions` asks.
    error NotAsker(address caller);
    /// @notice The question was asked before.
    error AlreadyAsked(bytes32 question);
    /// @notice Nobody asked this question.
    error UnknownQuestion(bytes32 question);
    /// @notice No dimension of sketch sets.
    error InvalidDim(uint256 dim);
    /// @notice The list is longer, or not as long, as `expected`.
    error InvalidLength(uint256 length, uint256 expected);
    /// @notice The block whose hash draws the jury isn't there yet.
    error DrawTooEarly(uint256 drawBlock);
    /// @notice The time for the draw is over, or the block's hash isn't known any more. The question ends undecided.
    error DrawTooLate(bytes32 question);
    /// @notice The jury was drawn before.
    error AlreadyDrawn(bytes32 question);
    /// @notice The address isn't on the question's jury.
    error NotJuror(bytes32 question, address account);
    /// @notice The signature isn't the juror's of this vote.
    error InvalidSignature(address juror);
    /// @notice Zero is no commitment.
    error InvalidChoice();
    /// @notice The time for commitments is over.
    error CommitTooLate(uint256 commitEnd);
    /// @notice The juror has committed, or revealed, before.
    error AlreadyVoted(bytes32 question, address juror);
    /// @notice Others may commit still.
    error RevealTooEarly(uint256 commitEnd);
    /// @notice The time for reveals is over.
    error RevealTooLate(uint256 revealEnd);
    /// @notice The juror committed to something else, or to nothing.
    error WrongReveal(bytes32 question, address juror);
    /// @notice The vector hasn't the question's dimension, or has an entry of −128.
    error InvalidSketch();
    /// @notice Others may reveal still.
    error TallyTooEarly(uint256 revealEnd);
    /// @notice The jury was counted before, or was never drawn.
    error NothingToTally(bytes32 question);
    /// @notice This isn't what the juror revealed; of the zero address: it isn't the sketch in question.
    error WrongSketch(address juror);

    /// @notice Validators of a jury.
    function JURORS() external view returns (uint256);

    /// @notice How many of them must agree.
    function QUORUM() external view returns (uint256);

    /// @notice Longest list of excluded addresses.
    function MAX_EXCLUDED() external view returns (uint256);

    function initialize(Setting[] calldata settings) external;

    /// @notice Asks for a vector. Only `EpochQuestions`, which makes the question's number from what it asks about, holds the bond,
    ///         and publishes what jurors need.
    /// @param dim        64, 128, 256, 512 or 1024.
    /// @param sketchHash keccak256 of the sketch in question; zero for a row.
    /// @param excluded   Who has an interest, at most `MAX_EXCLUDED`: asker, proposer, worker or owner, and who holds their places.
    /// @dev   Reverts with `NotAsker`, `AlreadyAsked`, `InvalidDim`, `InvalidLength`.
    function ask(bytes32 question, Subject subject, uint16 dim, bytes32 sketchHash, address[] calldata excluded)
        external;

    /// @notice Draws the jury, by stakes as they were when the question was asked, with the hash of the second block after it:
    ///         `ValidatorStaking.draw(keccak256(abi.encode(hash, question)), …)`. Anyone may call it.
    /// @dev    Reverts with `UnknownQuestion`, `AlreadyDrawn`, `DrawTooEarly`, `DrawTooLate`.
    function draw(bytes32 question) external returns (address[] memory jurors);

    /// @notice Commits the caller to `choice`, for good.
    /// @param choice `keccak256(abi.encode(juror, salt, sketch))`, with the juror, lest it be copied.
    /// @dev   Reverts with `UnknownQuestion`, `NotJuror`, `InvalidChoice`, `CommitTooLate`, `AlreadyVoted`.
    function commit(bytes32 question, bytes32 choice) external;

    /// @notice `commit` in a juror's name, with its ECDSA signature of `ValidatorStaking.hashVote(roundOf(question), choice)`.
    /// @dev    Reverts with `InvalidSignature` besides.
    function commitFor(bytes32 question, address juror, bytes32 choice, bytes calldata signature) external;

    /// @notice Reveals a juror's vector, once all have committed or the time for it is over. Anyone who knows it may.
    /// @dev    Reverts with `UnknownQuestion`, `NotJuror`, `RevealTooEarly`, `RevealTooLate`, `InvalidSketch`, `WrongReveal`,
    ///         `AlreadyVoted`.
    function reveal(bytes32 question, address juror, bytes calldata sketch, bytes32 salt) external;

    /// @notice Counts the votes once all have revealed or the time for it is over: finds the verdict if there is still time, has those who
    ///         owed a vote slashed, and gives those who agree with the finding reputation. Anyone may call it. A vote is owed by who
    ///         committed to one, and by all of the jury once one of them revealed.
    /// @param sketches What the jurors revealed, in order of draw, empty for who did not, and of a sketch, last, the one in question; anything
    ///                 once the question has ended.
    /// @dev   Of a row: two vectors agree if d²·400 ≤ the squared norm of either. The finding is the first one of the first `QUORUM` jurors,
    ///         in lexical order of their places in the draw, of whom each two agree. Of a sketch: a vector is against it if d²·400 > the
    ///         squared norm of the sketch, else for it. The finding is the first vector of the side that has a `QUORUM`. Reverts with
    ///         `NothingToTally`, `TallyTooEarly`, `InvalidLength`, `WrongSketch`.
    function tally(bytes32 question, bytes[] calldata sketches) external returns (Verdict verdict, bytes32 finding);

    /// @notice How a question stands, and, once decided, the keccak256 of its finding's bytes. What isn't open doesn't change any more.
    function verdictOf(bytes32 question) external view returns (Verdict verdict, bytes32 finding);

    /// @notice A question. Unknown: zeros.
    function questionOf(bytes32 question) external view returns (Question memory);

    /// @notice A juror's commitment, and the hash of what it revealed; zeros before.
    function voteOf(bytes32 question, address juror) external view returns (bytes32 choice, bytes32 sketchHash);

    /// @notice The jurors who agree with the finding, in order of draw: of a sketch, the side that decided. Nobody without a finding.
    function agreeingOf(bytes32 question) external view returns (address[] memory);

    /// @notice What a question is called in votes.
    function roundOf(bytes32 question) external view returns (bytes32);
}
