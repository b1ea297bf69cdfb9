// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";

/// @title IDatanetRegistry
/// @notice Datanets, contributions, their review, and who owns which cluster.
///
///         A contribution is committed to, revealed from 2 to 50 blocks later, and settled from 51 blocks after its
///         commitment on, in the order of commitments, by SKETCH: it begins a cluster, which its contributor owns, or it is a
///         near-duplicate of an earlier one and owns nothing. A new cluster is reviewed by validators (`ClusterReview`).
///         Owners and contributors are payees: who acts for one is `ClaimVault.holderOf`.
interface IDatanetRegistry is IVersioned {
    /// @notice What the contributions are. docs/spec/precompiles.md has the token stream of each.
    enum DataType {
        Text,
        Table,
        Image
    }

    /// @notice Who may contribute: everybody, the leaves of a Merkle tree, or whom a contract lets.
    enum Access {
        Public,
        AllowList,
        Checker
    }

    /// @notice Where a contribution is. `Excused`: its reveal was refused because SKETCH was paused, so that its bond comes
    ///         back.
    enum ContributionStatus {
        None,
        Committed,
        Revealed,
        Excused,
        Clustered,
        Duplicate,
        Unrevealed
    }

    /// @notice What a review came to. `Unreviewed`: no round had its quorum.
    enum Outcome {
        None,
        Accepted,
        Rejected,
        Unreviewed
    }

    /// @notice What a Datanet is created with, and keeps.
    /// @param dataType         What its contributions are.
    /// @param access           Who may contribute.
    /// @param ownerBps         The owner's share of what its clusters earn, basis points; at most the parameter
    ///                         `ownerShareMaxBps`.
    /// @param contributionBond Wei for each contribution; at least the parameter `contributionBond`.
    /// @param licence          Hash of its licence, not zero.
    /// @param allowRoot        With `AllowList`, the root over keccak256(keccak256(abi.encode(contributor))) in sorted pairs;
    ///                         the owner may replace it.
    /// @param checker          With `Checker`, an `IAccessChecker`.
    /// @param adapterLicences  Licences, beside its own, that adapters trained on it may have; at most `MAX_LICENCES`.
    /// @param reviewers        Validators who review, ascending, at least a quorum of `ClusterReview`, at most
    ///                         `MAX_REVIEWERS`. None: every panel is drawn by stake among all active validators.
    struct Terms {
        DataType dataType;
        Access access;
        uint16 ownerBps;
        uint128 contributionBond;
        bytes32 licence;
        bytes32 allowRoot;
        address checker;
        bytes32[] adapterLicences;
        address[] reviewers;
    }

    /// @notice A Datanet.
    /// @param owner         Payee of the owner's share.
    /// @param closed        Whether it takes no more contributions.
    /// @param contributions Commitments made; the contributions' numbers are below it.
    /// @param settled       Of them, those that are settled.
    /// @param clusters      Clusters; their numbers are below it.
    /// @param accepted      Of them, those that share in `distribute`.
    /// @param inReview      Of them, those whose review is not final.
    /// @param bond          Wei held for the Datanet, until it is closed and drained.
    /// @param perCluster    Wei that a cluster that shared from the beginning would have got.
    /// @param dust          Wei of dividends not divided yet, less than one each.
    struct Datanet {
        address owner;
        DataType dataType;
        Access access;
        uint16 ownerBps;
        bool closed;
        uint64 contributions;
        uint64 settled;
        uint32 clusters;
        uint32 accepted;
        uint32 inReview;
        uint128 contributionBond;
        uint128 bond;
        bytes32 licence;
        bytes32 allowRoot;
        address checker;
        uint160 perCluster;
        uint64 dust;
    }

    /// @notice A contribution.
    /// @param contributor Who committed to it.
    /// @param status      Where it is.
    /// @param cluster     With `Clustered`, the cluster that it began.
    struct Contribution {
        address contributor;
        ContributionStatus status;
        uint32 cluster;
    }

    /// @notice What a contributor opens.
    /// @param dataRoot Merkle root over the chunks of the content.
    /// @param salt     Of the commitment.
    /// @param words    MinHash-32 of the content's 5-grams.
    /// @param size     Bytes of the content.
    /// @param tokens   Tokens of its canonical stream.
    /// @param uri      Where the content is; at most `MAX_URI_BYTES`.
    struct Content {
        bytes32 dataRoot;
        bytes32 salt;
        uint32[32] words;
        uint64 size;
        uint64 tokens;
        string uri;
    }

    /// @notice A cluster.
    /// @param contribution  The contribution that began it.
    /// @param withdrawnFrom The epoch from which on it earns nothing; 0: not withdrawn.
    /// @param sharing       Whether it has a part in `distribute`.
    /// @param taken         Of `Datanet.perCluster`, what it was paid or had no part in.
    /// @param outcome       What its review came to so far; `None` before.
    /// @param isFinal       Whether the outcome is final.
    struct Cluster {
        uint64 contribution;
        uint64 withdrawnFrom;
        bool sharing;
        Outcome outcome;
        bool isFinal;
        uint160 taken;
    }

    /// @notice A published version.
    struct Version {
        bytes32 root;
        uint64 timestamp;
    }

    event DatanetCreated(
        uint256 indexed datanet, address indexed owner, bytes32 indexed space, Terms terms, string uri
    );
    event DatanetClosed(uint256 indexed datanet);
    event AllowRootSet(uint256 indexed datanet, bytes32 root);
    event VersionPublished(uint256 indexed datanet, uint256 indexed number, bytes32 root, string uri);

    event ContributionCommitted(
        uint256 indexed datanet, uint64 indexed contribution, address indexed contributor, bytes32 h
    );
    event ContributionRevealed(
        uint256 indexed datanet,
        uint64 indexed contribution,
        bytes32 indexed dataRoot,
        uint64 size,
        uint64 tokens,
        string uri
    );
    /// @notice SKETCH is paused: the contribution may be left unrevealed without loss.
    event ContributionExcused(uint256 indexed datanet, uint64 indexed contribution);
    event ContributionSettled(uint256 indexed datanet, uint64 indexed contribution, ContributionStatus status);
    event ClusterCreated(uint256 indexed datanet, uint32 indexed cluster, uint64 indexed contribution, address owner);
    event ClusterWithdrawn(uint256 indexed datanet, uint32 indexed cluster, uint64 fromEpoch);
    event ClusterReassigned(
        uint256 indexed datanet, uint32 indexed cluster, address indexed newOwner, uint64 fromEpoch
    );

    /// @notice The review came to an outcome, which is or isn't final.
    event OutcomeRecorded(uint256 indexed datanet, uint32 indexed cluster, Outcome outcome, bool isFinal);

    event Distributed(uint256 indexed datanet, uint256 amount, uint256 perCluster, uint32 clusters);
    event SharesTaken(uint256 indexed datanet, uint32 indexed cluster, address indexed owner, uint256 amount);

    /// @notice There is no such Datanet.
    error UnknownDatanet(uint256 datanet);
    /// @notice The Datanet has no such cluster.
    error UnknownCluster(uint256 datanet, uint32 cluster);
    /// @notice The Datanet takes no more contributions.
    error IsClosed(uint256 datanet);
    /// @notice Only who holds the place of `payee` may do this.
    error NotHolder(address caller, address payee);
    /// @notice Only `ParamTimelock` may do this.
    error NotGovernance(address caller);
    /// @notice Only `ClusterReview` may do this.
    error NotClusterReview(address caller);
    /// @notice `msg.value` isn't the bond.
    error WrongBond(uint256 given, uint256 expected);
    /// @notice The list, or the text, is longer than the limit.
    error TooLong(uint256 length, uint256 limit);
    /// @notice The licence is zero.
    error NoLicence();
    /// @notice The owner's share is above the most.
    error OwnerShareTooHigh(uint16 bps, uint256 most);
    /// @notice The contribution bond is below the least.
    error ContributionBondTooLow(uint128 bond, uint256 least);
    /// @notice The reviewers are fewer than a quorum, or don't ascend.
    error InvalidReviewers();
    /// @notice An allow-list without a root, a checker without code, or a root for a Datanet without an allow-list.
    error InvalidAccess();
    /// @notice The Datanet doesn't let this contributor in.
    error AccessDenied(uint256 datanet, address contributor);
    /// @notice The contribution isn't committed and unrevealed.
    error NotRevealable(uint256 datanet, uint64 contribution);
    /// @notice The cluster is withdrawn already.
    error AlreadyWithdrawn(uint256 datanet, uint32 cluster);
    /// @notice A cluster can't belong to nobody.
    error NoOwner();
    /* LIMITS */

    /// @notice Licences that a Datanet may list beside its own.
    function MAX_LICENCES() external view returns (uint256);

    /// @notice Reviewers that a Datanet may list.
    function MAX_REVIEWERS() external view returns (uint256);

    /// @notice Bytes of a URI.
    function MAX_URI_BYTES() external view returns (uint256);

    /// @notice Contributions that one `settle` takes, and clusters that one `takeShares` takes.
    function MAX_PAGE() external view returns (uint256);

    /// @notice Gas that an access checker gets.
    function CHECKER_GAS() external view returns (uint256);

    function initialize(Setting[] calldata settings) external;

    /* DATANETS */

    /// @notice Creates a Datanet; the caller is its owner. `msg.value` is the parameter `datanetBond`.
    /// @dev    Emits `DatanetCreated`.
    function create(Terms calldata terms, string calldata uri) external payable returns (uint256 datanet);

    /// @notice Closes a Datanet for new contributions, for ever; what it has earns on. Once every contribution is settled and
    ///         every review final, the same call gives its bond back. The owner's holder only.
    function close(uint256 datanet) external;

    /// @notice Replaces the root of an allow-list. The owner's holder only. Commitments that were made stand.
    function setAllowRoot(uint256 datanet, bytes32 root) external;

    /// @notice Publishes a version: the Merkle root over the data roots that belong to it. The owner's holder only.
    /// @return number From 0.
    function publishVersion(uint256 datanet, bytes32 root, string calldata uri) external returns (uint256 number);

    /* CONTRIBUTIONS */

    /// @notice Commits to a contribution; the caller is its contributor. `msg.value` is the Datanet's contribution bond.
    /// @dev    Emits `ContributionCommitted`. Whoever copies a commitment loses his bond: it names the contributor.
    /// @param h          keccak256(abi.encode(space, contributor, mhHash, dataRoot, salt)), as SKETCH wants it.
    /// @param permission Allow-list: abi.encode(bytes32[] proof). Checker: what it asks for. Else nothing.
    /// @return contribution Its number in the Datanet, from 0.
    function commit(uint256 datanet, bytes32 h, bytes calldata permission)
        external
        payable
        returns (uint64 contribution);

    /// @notice Opens a commitment 2 to 50 blocks after it. The contributor's holder only, since the size, the tokens and the
    ///         URI are not part of the commitment.
    /// @dev    Emits `ContributionRevealed`, or `ContributionExcused` if SKETCH is paused: it can be tried again.
    function reveal(uint256 datanet, uint64 contribution, Content calldata content) external;

    /// @notice Settles at most `max` contributions in the order of their commitments. Anyone.
    /// @dev    Emits `ContributionSettled`, `ClusterCreated`, `PanelAwaited`. A duplicate's and an excused one's bond goes
    ///         back, an unrevealed one's is burnt, a new cluster's is held until its review is final.
    /// @return done How many were settled.
    function settle(uint256 datanet, uint16 max) external returns (uint16 done);

    /// @notice Withdraws a cluster: it earns nothing from the next epoch on, has no part in later dividends, and should not
    ///         be in new sketch sets. What it earned stays. Its review goes on. The owner's holder only.
    function withdraw(uint256 datanet, uint32 cluster) external;

    /// @notice Gives a cluster to another owner from the next epoch on. `ParamTimelock` only.
    function reassignCluster(uint256 datanet, uint32 cluster, address newOwner) external;

    /// @notice Takes what a review came to. `ClusterReview` only. Once final: the contribution's bond goes back, or is burnt
    ///         if the cluster is rejected; an accepted cluster that isn't withdrawn shares in dividends from now on.
    function recordOutcome(uint256 datanet, uint32 cluster, Outcome outcome, bool isFinal) external;

    /* EARNINGS */

    /// @notice Divides `msg.value` equally among the accepted clusters of a space, who take it later. No accepted cluster, or
    ///         no such space: it goes to the treasury. Less than a wei each is added to the next division.
    function distribute(bytes32 space) external payable;

    /// @notice Pays what `distribute` gave to clusters, to those who owned them in the epoch in which it was distributed.
    ///         Anyone.
    function takeShares(uint256 datanet, uint32[] calldata clusters) external;

    /* READING */

    /// @notice The space of a Datanet, as sketch sets and adapters name it.
    function spaceOf(uint256 datanet) external view returns (bytes32);

    /// @notice The Datanet of a space; 0 if there is none.
    function datanetOf(bytes32 space) external view returns (uint256);

    /// @notice Number of Datanets: the last one's.
    function datanetCount() external view returns (uint256);

    /// @notice A Datanet.
    /// @dev    Reverts with `UnknownDatanet`.
    function datanetAt(uint256 datanet) external view returns (Datanet memory);

    /// @notice Licences, beside the Datanet's own, that adapters trained on it may have.
    function licencesOf(uint256 datanet) external view returns (bytes32[] memory);

    /// @notice The validators who review the Datanet's clusters; none: panels are drawn by stake.
    function reviewersOf(uint256 datanet) external view returns (address[] memory);

    /// @notice A contribution; all zero if there is none.
    function contributionAt(uint256 datanet, uint64 contribution) external view returns (Contribution memory);

    /// @notice A cluster.
    /// @dev    Reverts with `UnknownCluster`.
    function clusterAt(uint256 datanet, uint32 cluster) external view returns (Cluster memory);

    /// @notice Number of versions.
    function versionCount(uint256 datanet) external view returns (uint256);

    /// @notice A version.
    function versionAt(uint256 datanet, uint256 number) external view returns (Version memory);

    /// @notice Accepted clusters of a Datanet that aren't withdrawn.
    function acceptedClusters(uint256 datanet) external view returns (uint32);

    /// @notice Whether a cluster of a space may earn in an epoch: it exists, its review did not reject it, and it wasn't
    ///         withdrawn in an earlier epoch.
    function isEligible(bytes32 space, uint32 cluster, uint64 epoch) external view returns (bool);

    /// @notice Who is paid for a cluster in an epoch: its owner, and the Datanet's owner with his share in basis points.
    /// @dev    Reverts with `UnknownCluster`.
    function payeesOf(bytes32 space, uint32 cluster, uint64 epoch)
        external
        view
        returns (address owner, address datanetOwner, uint16 datanetBps);

    /// @notice What a cluster can take of dividends, wei.
    function sharesOf(uint256 datanet, uint32 cluster) external view returns (uint256);

    /// @notice Whether the terms of the Datanet of a space let an adapter with this licence be offered. An unknown space:
    ///         false.
    function licenceAllows(bytes32 space, bytes32 licence) external view returns (bool);
}
