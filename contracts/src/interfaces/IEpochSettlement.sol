// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FeeTree} from "../libraries/FeeTree.sol";
import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";

/// @notice A drawn request, as a proposal shows it. Without sketches it counts without a score, and all of it is empty.
/// @param requestId What names the request.
/// @param price     Its price, wei.
/// @param sketches  Its query's sketches, one for each of the adapter's sketch sets, of its dimension; their hash is in the fee log.
/// @param proof     From its leaf to the root of its entry of the fee log.
struct Draw {
    bytes32 requestId;
    uint128 price;
    bytes[] sketches;
    FeeTree.Sibling[] proof;
}

/// @notice What solves a sketch set's draws: one witness and shift for each draw, empty for those that aren't shown.
struct Witnesses {
    bytes[] x;
    uint8[] shift;
}

/// @notice What a proposer claims to be right: all draws, and witnesses for each sketch set of the adapter.
struct Scores {
    Draw[] draws;
    Witnesses[] witnesses;
}

/// @notice What follows for one sketch set. Empty if too few draws have a score. Proposals name it by keccak256 of `abi.encode(Result)`.
/// @param clusters The set's clusters, ascending.
/// @param sums     Their signed scores, summed over the draws.
/// @param shares   Their shares of the set's part, of `EpochScores.UNITS`.
struct Result {
    uint32[] clusters;
    int128[] sums;
    uint64[] shares;
}

/// @notice How far the settlement of (epoch, adapter) is.
enum Stage {
    Open,
    Proposed,
    Paying,
    Settled
}

/// @notice The settlement of (epoch, adapter).
/// @param stage          How far it is.
/// @param deadline       Until then a proposal may be challenged, seconds.
/// @param improveUntil   Until then it may be improved, seconds: the first deadline of the first of those that took each other's place.
/// @param askUntil       Until then a jury may be asked, seconds: the first proposal's first deadline; 0 before it.
/// @param proposeUntil   Until then proposals are taken, seconds, once it was moved; else the end of the epoch's own window.
/// @param openQuestions  Questions to juries that aren't answered.
/// @param voidDraws      Bit i: draw i counts without a score, since a jury rejected its sketch.
/// @param showUntil      Until then draws may be shown that no proposal showed before, seconds: as long before `askUntil` as a window is renewed.
/// @param shownDraws     Bit i: a proposal showed draw i.
/// @param proposer       Whose proposal stands.
/// @param bond           What is held for it, wei.
/// @param scoresHash     keccak256 of the proposal's scores, `abi.encode(Scores)`.
/// @param resultsHash    keccak256 of `abi.encode(bytes32[])`, the hashes of the results of the adapter's sets.
/// @param pool           What is paid out to contributors, wei, from the payment of the royalties on.
/// @param paid           What of it is paid, wei.
/// @param set            Place of the result that is paid next.
/// @param cluster        Place in it of the cluster that is paid next.
/// @param settleUntil    Then the last window to challenge ends, seconds, but for a pause of the scores.
/// @param replaced       How many proposals improvements replaced.
struct Settlement {
    Stage stage;
    uint48 deadline;
    uint48 improveUntil;
    uint48 askUntil;
    uint48 proposeUntil;
    uint16 openQuestions;
    uint16 voidDraws;
    uint16 set;
    uint32 cluster;
    uint48 showUntil;
    uint16 shownDraws;
    address proposer;
    uint128 bond;
    uint128 pool;
    uint128 paid;
    uint48 settleUntil;
    uint16 replaced;
    bytes32 scoresHash;
    bytes32 resultsHash;
}

/// @notice A proposal that an improvement replaced.
/// @param proposer    Whose.
/// @param deadline    Until then it may be challenged, seconds.
/// @param voidDraws   Draws that counted without a score when it stood.
/// @param bond        What is held for it, wei; 0 once it is refuted or given back.
/// @param scoresHash  As in `Settlement`.
/// @param resultsHash As in `Settlement`.
struct Replaced {
    address proposer;
    uint48 deadline;
    uint16 voidDraws;
    uint128 bond;
    bytes32 scoresHash;
    bytes32 resultsHash;
}

/// @title IEpochSettlement
/// @notice Divides the pots of each (epoch, adapter) by scores that anyone can compute again: docs/spec/protocol.md, Settlement of an
///         epoch.
interface IEpochSettlement is IVersioned {
    /* EVENTS */

    /// @notice The seed of an epoch's draws.
    event SeedDrawn(uint64 indexed epoch, bytes32 seed);
    /// @notice The hash of the block was lost: that of the second block after `blockNumber` counts.
    event SeedPostponed(uint64 indexed epoch, uint64 blockNumber);
    /// @notice A proposal stands, as a first one or in an earlier one's place. Its scores are the transaction's, or those of `ProposalData`; of each set's
    ///         result it names the hash.
    event Proposed(
        uint64 indexed epoch,
        uint64 indexed adapter,
        address indexed proposer,
        bytes32 scoresHash,
        bytes32[] results,
        uint48 deadline
    );
    /// @notice The scores of a proposal that something else than a transaction of an account without code makes: they needn't be in
    ///         the transaction then, and nobody should be able to hide what he proposes.
    event ProposalData(uint64 indexed epoch, uint64 indexed adapter, bytes scores);
    /// @notice While scoring is paused nobody can refute: what stands may be challenged for a while after the pause.
    event DeadlineMoved(uint64 indexed epoch, uint64 indexed adapter, uint48 deadline);
    /// @notice A proposal was wrong, and its bond is forfeited.
    event Refuted(uint64 indexed epoch, uint64 indexed adapter, address indexed proposer, address challenger);
    /// @notice An improvement replaced a proposal, which is the one at `place` in `replacedOf` now.
    event ProposalReplaced(uint64 indexed epoch, uint64 indexed adapter, uint256 place, address proposer);
    /// @notice A replaced proposal was wrong, and its bond is forfeited. What stands isn't touched.
    event ReplacedRefuted(
        uint64 indexed epoch, uint64 indexed adapter, uint256 place, address proposer, address challenger
    );
    /// @notice A proposal is void by no fault of its own: a jury rejected one of its draws.
    event Voided(uint64 indexed epoch, uint64 indexed adapter, address indexed proposer);
    /// @notice Model, adapters, stakers and the proposer were paid.
    event RoyaltiesPaid(uint64 indexed epoch, uint64 indexed adapter, uint256 model, uint256 adapters, uint256 stakers);
    /// @notice A registry id got its part of the adapters' royalties, or a base of the model's.
    event RoyaltyPaid(uint64 indexed epoch, uint64 indexed adapter, uint64 indexed id, address payee, uint256 amount);
    /// @notice A cluster's owner was paid, and of it the Datanet's owner `datanetPart`. `earned` is what its share came to
    ///         before the running score.
    event ClusterPaid(
        uint64 indexed epoch,
        uint64 indexed adapter,
        uint64 indexed sketchSet,
        uint32 cluster,
        address owner,
        uint256 earned,
        uint256 paid,
        uint256 datanetPart
    );
    /// @notice (epoch, adapter) is settled: `carried` is all that waits for the adapter's later epochs.
    event Settled(uint64 indexed epoch, uint64 indexed adapter, uint256 paid, uint256 carried);
    /// @notice What stayed unpaid for too long, or is of an adapter that isn't used any more, is being distributed.
    event ResidueBegan(uint64 indexed adapter, uint256 amount);
    /// @notice A part of what stayed unpaid for too long went to a Datanet's clusters, or to the treasury for space 0.
    event ResidueDistributed(uint64 indexed adapter, bytes32 indexed space, uint256 amount);

    /* ERRORS */

    error EpochNotClosed(uint64 epoch);
    /// @notice The block whose hash is the seed isn't there yet.
    error SeedTooEarly(uint256 blockNumber);
    error SeedAlreadyDrawn(uint64 epoch);
    error NoSeed(uint64 epoch);
    /// @notice The settlement isn't at the stage that this needs.
    error WrongStage(uint64 epoch, uint64 adapter, Stage stage);
    /// @notice Nothing was paid for the adapter in the epoch.
    error NoFees(uint64 epoch, uint64 adapter);
    /// @notice `msg.value` isn't the bond.
    error WrongBond(uint256 given, uint256 expected);
    error ProposalsOver(uint48 proposeUntil);
    error ProposalsNotOver(uint48 proposeUntil);
    error WindowOver(uint48 deadline);
    error WindowOpen(uint48 deadline);
    /// @notice These aren't the scores or results of the proposal.
    error WrongScores(bytes32 given, bytes32 expected);
    error WrongResults(bytes32 given, bytes32 expected);
    /// @notice Draws that nobody can be asked about any more can't be shown for the first time.
    error ShownTooLate(uint16 draws, uint48 showUntil);
    /// @notice No bond of a replaced proposal is held there.
    error NoBond(uint64 epoch, uint64 adapter, uint256 place);
    /// @notice The proposal is right: the challenge fails.
    error ProposalHolds(bytes32 resultsHash);
    /// @notice Nobody can ask any more.
    error AskingOver(uint48 askUntil);
    error QuestionsOpen(uint16 count);
    /// @notice An earlier epoch of the adapter comes first.
    error EarlierEpoch(uint64 epoch, uint64 adapter);
    /// @notice The adapter has no residue to distribute.
    error NoResidue(uint64 adapter);
    error NotEpochQuestions(address caller);
    error NotInferenceRouter(address caller);
    error NotClaimVault(address caller);

    function initialize(Setting[] calldata settings) external;

    /* PROPOSALS */

    /// @notice Draws an epoch's seed: `keccak256(blockhash(closed + 2) ‖ u64be epoch)`. If that hash is lost, the present block takes
    ///         the place of `closed`, and it returns 0. Anyone.
    /// @dev    Reverts with `EpochNotClosed`, `SeedAlreadyDrawn`, `SeedTooEarly`.
    function drawSeed(uint64 epoch) external returns (bytes32);

    /// @notice An epoch's seed; 0 before it is drawn.
    function seedOf(uint64 epoch) external view returns (bytes32);

    /// @notice Proposes; `msg.value` is the bond. `scores` is `abi.encode(Scores)`, `results` the hash of each set's `Result`, here and below.
    /// @dev    Reverts with `NoSeed`, `NoFees`, `WrongStage`, `ProposalsOver`, `WrongBond`, `ShownTooLate`, and as `IEpochScoring.checkForm` does.
    function propose(uint64 epoch, uint64 adapter, bytes calldata scores, bytes32[] calldata results) external payable;

    /// @notice Computes the result of the set at a place again and, if it isn't the proposal's, takes its bond, half of it for the caller. If
    ///         scoring is paused, it moves the deadline to after the pause instead.
    /// @dev    Reverts with `WrongStage`, `WindowOver`, `WrongScores`, `WrongResults`, `IEpochScoring.UnknownSet`, `ProposalHolds`.
    function challenge(uint64 epoch, uint64 adapter, bytes calldata scores, bytes32[] calldata results, uint256 set)
        external;

    /// @notice Takes the proposer's place and reward, by showing draws that it left out, or witnesses with at most a quarter of the squared
    ///         residual. What is replaced may be challenged until its deadline; then its bond goes back.
    /// @dev    Reverts with `WrongStage`, `WindowOver`, `WrongBond`, `WrongScores`, `ShownTooLate`, and as `IEpochScoring.checkForm` and
    ///         `checkImproved` do.
    function improve(
        uint64 epoch,
        uint64 adapter,
        bytes calldata old,
        bytes calldata better,
        bytes32[] calldata results
    ) external payable;

    /// @notice Does to the replaced proposal at `place` what `challenge` does to the one that stands. What stands isn't touched.
    /// @dev    Reverts with `NoBond`, and as `challenge` does.
    function challengeReplaced(
        uint64 epoch,
        uint64 adapter,
        uint256 place,
        bytes calldata scores,
        bytes32[] calldata results,
        uint256 set
    ) external;

    /// @notice Gives the bond of the replaced proposal at `place` back, once it can't be challenged any more. Anyone.
    /// @dev    Reverts with `NoBond`, `WindowOpen`.
    function returnBond(uint64 epoch, uint64 adapter, uint256 place) external;

    /// @notice The replaced proposal at a place, from 0 in the order in which they were replaced; empty if there is none.
    function replacedOf(uint64 epoch, uint64 adapter, uint256 place) external view returns (Replaced memory);

    /* QUESTIONS */

    /// @notice Counts a question on (epoch, adapter), which delays it, and returns who proposed. Only `EpochQuestions`.
    /// @dev    Reverts with `NotEpochQuestions`, `WrongStage`, `AskingOver`.
    function openQuestion(uint64 epoch, uint64 adapter) external returns (address proposer);

    /// @notice Counts it off again. Only `EpochQuestions`.
    function closeQuestion(uint64 epoch, uint64 adapter) external;

    /// @notice Makes draws of one request count without a score from now on, and what was proposed with them void by no fault of its own;
    ///         the worker forfeits what the request brought him. Only `EpochQuestions`.
    /// @param draws Bit i: draw i.
    /// @param fee   What it brought: the platform's part of its price, and its platform fee, wei.
    /// @return Whether they weren't void before; if they were, nothing follows.
    function voidDraws(uint64 epoch, uint64 adapter, uint16 draws, uint128 fee, address worker, address challenger)
        external
        returns (bool);

    /* PAYMENT */

    /// @notice Settles (epoch, adapter): first the royalties, then up to `max` clusters of the result that is next; called again for the
    ///         rest and for the other sets.
    /// @param result The result at `Settlement.set`; anything where the adapter has no sets.
    /// @dev    Reverts with `WrongStage`, `WindowOpen`, `QuestionsOpen`, `WrongResults`, `EarlierEpoch`.
    function finalize(uint64 epoch, uint64 adapter, bytes32[] calldata results, Result calldata result, uint256 max)
        external;

    /// @notice Settles (epoch, adapter) without a proposal, once there can't be one, or without the rest of one that nobody has finalized for as
    ///         long as proposals are taken: pays the royalties and carries the contributors' part over.
    /// @dev    Reverts with `WrongStage`, `EpochNotClosed`, `ProposalsNotOver`, `QuestionsOpen`, `EarlierEpoch`.
    function carry(uint64 epoch, uint64 adapter) external;

    /// @notice Gives what an adapter's contributors were not paid for too many epochs to its Datanets, by `flattenDatanets`, up to `max` of
    ///         them; called again for the rest. So it does with what was carried where `carryEpochs` epochs have closed since the adapter's last
    ///         one, and nothing was paid for it since.
    /// @dev    Reverts with `NoResidue`.
    function distributeResidue(uint64 adapter, uint256 max) external;

    /// @notice Takes a pot from the router, in the call in which it asked for it.
    function receivePot() external payable;

    /* READING */

    /// @notice The adapter's first epoch with prices that isn't settled, the open one included; 0 if there is none.
    function nextOf(uint64 adapter) external view returns (uint64);

    /// @notice Whether nothing can change any more about what workers are paid for (epoch, adapter): royalties are paid.
    function isSettled(uint64 epoch, uint64 adapter) external view returns (bool);

    function settlementOf(uint64 epoch, uint64 adapter) external view returns (Settlement memory);

    /// @notice A cluster's running score for an adapter's set, and its maximum so far.
    function runningScoreOf(uint64 adapter, uint64 sketchSet, uint32 cluster)
        external
        view
        returns (int128 score, int128 best);

    /// @notice What is carried to an adapter's later epochs, wei, each of which takes at most as much as it brings; epochs in a row that left
    ///         no less to carry than they divided, as those without a payment always do; what is being distributed, wei.
    function carriedOf(uint64 adapter) external view returns (uint128 carried, uint32 unpaidEpochs, uint128 residue);
}
