// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDatanetRegistry} from "./IDatanetRegistry.sol";
import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";

/// @title IClusterReview
/// @notice Reviews of new clusters: a panel of validators commits to scores and reveals them; the outcome can be appealed
///         once.
///
///         Waiting → Voting → Decided → (Appealed →) Final; a round without quorum leads back to Waiting, the last one to the
///         outcome `Unreviewed`. Every step but the decision of an appeal is anyone's, and that has a deadline, so that no
///         review stays where it is. Windows are seconds; what had begun keeps the windows that it began with.
interface IClusterReview is IVersioned {
    /// @notice Where a review is.
    enum Status {
        None,
        Waiting,
        Voting,
        Decided,
        Appealed,
        Final
    }

    /// @notice A cluster's review. Times are seconds; they, threshold and quorum are those of the round's beginning.
    /// @param outcome     Of the round, or of the appeal.
    /// @param round       From 0.
    /// @param panel       Validators on the panel.
    /// @param commits     Of them, those who committed.
    /// @param reveals     Of them, those who revealed.
    /// @param drawBlock   Waiting: the block whose hash draws the panel.
    /// @param commitUntil Last time for commitments.
    /// @param revealUntil Last time for reveals.
    /// @param until       Waiting: the time whose stakes draw the panel. Decided: last time for an appeal. Appealed: last
    ///                    time for the decision.
    struct Review {
        Status status;
        IDatanetRegistry.Outcome outcome;
        uint8 round;
        uint8 panel;
        uint8 commits;
        uint8 reveals;
        uint8 threshold;
        uint8 quorum;
        uint40 drawBlock;
        uint40 commitUntil;
        uint40 revealUntil;
        uint40 until;
        address contributor;
        address appellant;
        uint96 appealBond;
    }

    /// @notice A validator's place on a panel.
    /// @param choice   What he committed to; zero: nothing yet.
    /// @param drawn    Whether he is on the panel.
    struct Ballot {
        bytes32 choice;
        bool drawn;
        bool revealed;
        uint8 score;
    }

    event PanelAwaited(uint256 indexed datanet, uint32 indexed cluster, uint8 round, uint256 drawBlock);
    event PanelDrawn(
        uint256 indexed datanet,
        uint32 indexed cluster,
        bytes32 indexed round,
        address[] panel,
        uint256 commitUntil,
        uint256 revealUntil
    );
    event ReviewCommitted(bytes32 indexed round, address indexed reviewer, bytes32 choice);
    event ReviewRevealed(bytes32 indexed round, address indexed reviewer, uint8 score);
    event ReviewDecided(
        uint256 indexed datanet, uint32 indexed cluster, IDatanetRegistry.Outcome outcome, uint256 appealUntil
    );
    event Appealed(
        uint256 indexed datanet, uint32 indexed cluster, address indexed appellant, uint256 until, string uri
    );
    /// @notice `upheld`: the outcome changed, and the bond went back; else it was burnt.
    event AppealDecided(uint256 indexed datanet, uint32 indexed cluster, bool upheld);
    event ReviewFinal(uint256 indexed datanet, uint32 indexed cluster, IDatanetRegistry.Outcome outcome);

    /// @notice Only `DatanetRegistry` may do this.
    error NotDatanetRegistry(address caller);
    /// @notice Only `ParamTimelock` may do this.
    error NotGovernance(address caller);
    /// @notice The review is elsewhere.
    error WrongStatus(Status status);
    /// @notice The panel can't be drawn up to and with that block.
    error NotDrawable(uint256 drawBlock);
    /// @notice The window, from after `from` up to and with `to`, seconds, isn't open.
    error OutsideWindow(uint256 from, uint256 to);
    /// @notice The validator isn't on the panel, or has committed.
    error NotVoting(address reviewer);
    /// @notice Neither the reviewer's call nor his signature.
    error InvalidSignature(address reviewer);
    /// @notice The choice is zero.
    error NoChoice();
    /// @notice What is revealed isn't what the reviewer committed to, or is revealed already.
    error WrongReveal(address reviewer);
    /// @notice `msg.value` isn't the bond.
    error WrongBond(uint256 given, uint256 expected);
    /// @notice The text is longer than the limit.
    error TooLong(uint256 length, uint256 limit);

    /// @notice Validators on a panel.
    function MAX_PANEL() external view returns (uint256);

    /// @notice Bytes of a URI.
    function MAX_URI_BYTES() external view returns (uint256);

    function initialize(Setting[] calldata settings) external;

    /// @notice Begins the review of a cluster. `DatanetRegistry` only.
    function begin(uint256 datanet, uint32 cluster, address contributor) external;

    /// @notice Draws the panel, with the hash of the block after the one that began the round and the stakes of its
    ///         beginning. Anyone. Whoever comes too late for that hash has the panel drawn with the next block's. Fewer
    ///         validators than the quorum: the round fails.
    /// @dev    A sequencer that gives up a block can choose between hashes.
    function drawPanel(uint256 datanet, uint32 cluster) external;

    /// @notice Commits to a score. The reviewer, or anyone with his signature of `ValidatorStaking.hashVote(round, choice)`.
    /// @param choice keccak256(abi.encode(reviewer, uint8 score, bytes32 salt)); it names the reviewer, so that a copy is of
    ///               no use.
    function commitReview(uint256 datanet, uint32 cluster, address reviewer, bytes32 choice, bytes calldata signature)
        external;

    /// @notice Opens a commitment, once the window for them is over or all are there. Anyone who knows score and salt.
    /// @param score 0 to 100.
    function revealReview(uint256 datanet, uint32 cluster, address reviewer, uint8 score, bytes32 salt) external;

    /// @notice Counts a round, once the window for reveals is over or all are there. Anyone. Accepted if the median of the
    ///         revealed scores (the lower of two) reaches the threshold. Fewer reveals than the quorum: another round of
    ///         other stakes and another hash; after the last one the cluster is unreviewed. Who was drawn by stake, or
    ///         committed, and didn't reveal is slashed.
    function closeReview(uint256 datanet, uint32 cluster) external;

    /// @notice Appeals to governance, once, within the window after the outcome. `msg.value` is the parameter `appealBond`.
    /// @param uri The reasons.
    function appeal(uint256 datanet, uint32 cluster, string calldata uri) external payable;

    /// @notice Decides an appeal. `ParamTimelock` only, until the deadline. The bond goes back if the outcome changes, else
    ///         it is burnt.
    function decideAppeal(uint256 datanet, uint32 cluster, bool accepted) external;

    /// @notice Makes an outcome final: nobody appealed in time, or the appeal wasn't decided in time, whose bond then goes
    ///         back. Anyone. Reviewers drawn by stake who agree with the outcome earn reputation.
    function finalizeReview(uint256 datanet, uint32 cluster) external;

    /// @notice A cluster's review; all zero if there is none.
    function reviewOf(uint256 datanet, uint32 cluster) external view returns (Review memory);

    /// @notice Reveals that a round needs now.
    function quorum() external view returns (uint256);

    /// @notice Name of a round of a cluster's review, as votes sign it: keccak256(abi.encode(this, datanet, cluster, round)).
    function roundOf(uint256 datanet, uint32 cluster, uint8 round) external view returns (bytes32);

    /// @notice The validators on a round's panel.
    function panelOf(bytes32 round) external view returns (address[] memory);

    /// @notice A validator's place on a round's panel.
    function ballotOf(bytes32 round, address reviewer) external view returns (Ballot memory);
}
