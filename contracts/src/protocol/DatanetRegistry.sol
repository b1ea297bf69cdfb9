// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAccessChecker} from "../interfaces/IAccessChecker.sol";
import {IClusterReview} from "../interfaces/IClusterReview.sol";
import {IDatanetRegistry} from "../interfaces/IDatanetRegistry.sol";
import {Setting} from "../interfaces/IParameterized.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {IPausable} from "../interfaces/precompiles/IPausable.sol";
import {NativePrecompiles} from "../libraries/NativePrecompiles.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {ClusterDividends} from "./ClusterDividends.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title DatanetRegistry
/// @dev Stands behind a `Proxy`. `ClusterDividends` has the owners of clusters and what they share.
contract DatanetRegistry is ClusterDividends {
    IClusterReview private constant REVIEW = IClusterReview(Predeploys.CLUSTER_REVIEW);

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IDatanetRegistry
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
    }

    /* DATANETS */

    /// @inheritdoc IDatanetRegistry
    function create(Terms calldata terms, string calldata uri) external payable nonReentrant returns (uint256 datanet) {
        _requireLength(bytes(uri).length, MAX_URI_BYTES);
        _checkTerms(terms);
        datanet = ++_storage().count;
        bytes32 space = spaceOf(datanet);
        _storage().datanets[space] = datanet;
        Record storage record = _storage().records[datanet];
        Datanet storage info = record.info;
        (info.owner, info.dataType, info.access, info.ownerBps) =
        (msg.sender, terms.dataType, terms.access, terms.ownerBps);
        (info.contributionBond, info.bond) = (terms.contributionBond, uint128(parameter(DATANET_BOND)));
        (info.licence, info.allowRoot, info.checker) = (terms.licence, terms.allowRoot, terms.checker);
        record.adapterLicences = terms.adapterLicences;
        record.reviewers = terms.reviewers;
        emit DatanetCreated(datanet, msg.sender, space, terms, uri);
        _hold(_bondId(BOND_DATANET, datanet, 0), info.bond);
    }

    /// @inheritdoc IDatanetRegistry
    function close(uint256 datanet) external nonReentrant {
        Datanet storage info = _ofHolder(datanet).info;
        if (!info.closed) {
            info.closed = true;
            emit DatanetClosed(datanet);
        }
        if (info.settled < info.contributions || info.inReview > 0) return;
        uint256 bond = info.bond;
        info.bond = 0;
        _release(_bondId(BOND_DATANET, datanet, 0), info.owner, bond, false);
    }

    /// @inheritdoc IDatanetRegistry
    function setAllowRoot(uint256 datanet, bytes32 root) external {
        Datanet storage info = _ofHolder(datanet).info;
        if (info.access != Access.AllowList || root == 0) revert InvalidAccess();
        info.allowRoot = root;
        emit AllowRootSet(datanet, root);
    }

    /// @inheritdoc IDatanetRegistry
    function publishVersion(uint256 datanet, bytes32 root, string calldata uri) external returns (uint256 number) {
        _requireLength(bytes(uri).length, MAX_URI_BYTES);
        Version[] storage versions = _ofHolder(datanet).versions;
        number = versions.length;
        versions.push(Version(root, uint64(block.timestamp)));
        emit VersionPublished(datanet, number, root, uri);
    }

    /* CONTRIBUTIONS */

    /// @inheritdoc IDatanetRegistry
    function commit(uint256 datanet, bytes32 h, bytes calldata permission)
        external
        payable
        nonReentrant
        returns (uint64 contribution)
    {
        Record storage record = _record(datanet);
        Datanet storage info = record.info;
        if (info.closed) revert IsClosed(datanet);
        if (!_mayContribute(info, datanet, permission)) revert AccessDenied(datanet, msg.sender);
        contribution = info.contributions++;
        record.contributions[contribution] = Contribution(msg.sender, ContributionStatus.Committed, 0);
        emit ContributionCommitted(datanet, contribution, msg.sender, h);
        NativePrecompiles.SKETCH.commitContribution(bytes32(datanet), h);
        _hold(_bondId(BOND_CONTRIBUTION, datanet, contribution), info.contributionBond);
    }

    /// @inheritdoc IDatanetRegistry
    function reveal(uint256 datanet, uint64 contribution, Content calldata content) external {
        _requireLength(bytes(content.uri).length, MAX_URI_BYTES);
        Contribution storage found = _record(datanet).contributions[contribution];
        ContributionStatus status = found.status;
        if (status != ContributionStatus.Committed && status != ContributionStatus.Excused) {
            revert NotRevealable(datanet, contribution);
        }
        _requireHolder(found.contributor);
        bytes32 commitId = keccak256(abi.encode(spaceOf(datanet), contribution));
        try NativePrecompiles.SKETCH
            .reveal(bytes32(datanet), commitId, found.contributor, content.dataRoot, content.salt, content.words) {
            found.status = ContributionStatus.Revealed;
            emit ContributionRevealed(
                datanet, contribution, content.dataRoot, content.size, content.tokens, content.uri
            );
        } catch (bytes memory reason) {
            if (bytes4(reason) != IPausable.Paused.selector) LowLevelCall.bubbleRevert(reason);
            found.status = ContributionStatus.Excused;
            emit ContributionExcused(datanet, contribution);
        }
    }

    /// @inheritdoc IDatanetRegistry
    function settle(uint256 datanet, uint16 max) external nonReentrant returns (uint16 done) {
        _requireLength(max, MAX_PAGE);
        Record storage record = _record(datanet);
        // The precompile's queue is this one: each commitment here is one there.
        while (done < max && NativePrecompiles.SKETCH.settle(bytes32(datanet), 1) == 1) {
            _settled(record, datanet);
            ++done;
        }
    }

    /// @inheritdoc IDatanetRegistry
    function recordOutcome(uint256 datanet, uint32 cluster, Outcome outcome, bool isFinal) external {
        if (msg.sender != address(REVIEW)) revert NotClusterReview(msg.sender);
        (Record storage record, Cluster storage found) = _cluster(datanet, cluster);
        (found.outcome, found.isFinal) = (outcome, isFinal);
        emit OutcomeRecorded(datanet, cluster, outcome, isFinal);
        if (!isFinal) return;
        Datanet storage info = record.info;
        --info.inReview;
        if (outcome == Outcome.Accepted && found.withdrawnFrom == 0) _join(record, found);
        uint64 number = found.contribution;
        address contributor = record.contributions[number].contributor;
        bytes32 id = _bondId(BOND_CONTRIBUTION, datanet, number);
        _release(id, contributor, info.contributionBond, outcome == Outcome.Rejected);
    }

    /* READING */

    /// @inheritdoc IDatanetRegistry
    function spaceOf(uint256 datanet) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), datanet));
    }

    /// @inheritdoc IDatanetRegistry
    function datanetOf(bytes32 space) external view returns (uint256) {
        return _storage().datanets[space];
    }

    /// @inheritdoc IDatanetRegistry
    function datanetCount() external view returns (uint256) {
        return _storage().count;
    }

    /// @inheritdoc IDatanetRegistry
    function datanetAt(uint256 datanet) external view returns (Datanet memory) {
        return _record(datanet).info;
    }

    /// @inheritdoc IDatanetRegistry
    function licencesOf(uint256 datanet) external view returns (bytes32[] memory) {
        return _record(datanet).adapterLicences;
    }

    /// @inheritdoc IDatanetRegistry
    function reviewersOf(uint256 datanet) external view returns (address[] memory) {
        return _record(datanet).reviewers;
    }

    /// @inheritdoc IDatanetRegistry
    function contributionAt(uint256 datanet, uint64 contribution) external view returns (Contribution memory) {
        return _record(datanet).contributions[contribution];
    }

    /// @inheritdoc IDatanetRegistry
    function clusterAt(uint256 datanet, uint32 cluster) external view returns (Cluster memory) {
        (, Cluster storage found) = _cluster(datanet, cluster);
        return found;
    }

    /// @inheritdoc IDatanetRegistry
    function versionCount(uint256 datanet) external view returns (uint256) {
        return _record(datanet).versions.length;
    }

    /// @inheritdoc IDatanetRegistry
    function versionAt(uint256 datanet, uint256 number) external view returns (Version memory) {
        return _record(datanet).versions[number];
    }

    /// @inheritdoc IDatanetRegistry
    function isEligible(bytes32 space, uint32 cluster, uint64 epoch) external view returns (bool) {
        Record storage record = _storage().records[_storage().datanets[space]];
        if (cluster >= record.info.clusters) return false;
        Cluster storage found = record.clusters[cluster];
        return found.outcome != Outcome.Rejected && (found.withdrawnFrom == 0 || epoch < found.withdrawnFrom);
    }

    /// @inheritdoc IDatanetRegistry
    function licenceAllows(bytes32 space, bytes32 licence) external view returns (bool) {
        Record storage record = _storage().records[_storage().datanets[space]];
        if (record.info.licence == 0) return false;
        if (record.info.licence == licence) return true;
        bytes32[] memory allowed = record.adapterLicences;
        for (uint256 i = 0; i < allowed.length; ++i) {
            if (allowed[i] == licence) return true;
        }
        return false;
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL */

    function _ofHolder(uint256 datanet) private view returns (Record storage record) {
        record = _record(datanet);
        _requireHolder(record.info.owner);
    }

    function _checkTerms(Terms calldata terms) private view {
        if (terms.licence == 0) revert NoLicence();
        uint256 most = parameter(OWNER_SHARE_MAX_BPS);
        if (terms.ownerBps > most) revert OwnerShareTooHigh(terms.ownerBps, most);
        uint256 least = parameter(CONTRIBUTION_BOND);
        if (terms.contributionBond < least) revert ContributionBondTooLow(terms.contributionBond, least);
        bool rooted = terms.allowRoot != 0;
        bool coded = terms.checker.code.length > 0;
        if (rooted != (terms.access == Access.AllowList) || coded != (terms.access == Access.Checker)) {
            revert InvalidAccess();
        }
        _requireLength(terms.adapterLicences.length, MAX_LICENCES);
        address[] calldata reviewers = terms.reviewers;
        _requireLength(reviewers.length, MAX_REVIEWERS);
        if (reviewers.length == 0) return;
        if (reviewers.length < REVIEW.quorum()) revert InvalidReviewers();
        for (uint256 i = 1; i < reviewers.length; ++i) {
            if (reviewers[i] <= reviewers[i - 1]) revert InvalidReviewers();
        }
    }

    function _mayContribute(Datanet storage info, uint256 datanet, bytes calldata permission)
        private
        view
        returns (bool)
    {
        if (info.access == Access.Public) return true;
        if (info.access == Access.AllowList) {
            bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(msg.sender))));
            return MerkleProof.verify(abi.decode(permission, (bytes32[])), info.allowRoot, leaf);
        }
        try IAccessChecker(info.checker).mayContribute{gas: CHECKER_GAS}(datanet, msg.sender, permission) returns (
            bool allowed
        ) {
            return allowed;
        } catch {
            return false;
        }
    }

    /// @dev Records what the precompile did with the next contribution: one more cluster, or none.
    function _settled(Record storage record, uint256 datanet) private {
        Datanet storage info = record.info;
        uint64 number = info.settled++;
        Contribution storage found = record.contributions[number];
        ContributionStatus before = found.status;
        uint32 cluster = info.clusters;
        if (before != ContributionStatus.Revealed) {
            found.status = ContributionStatus.Unrevealed;
        } else if (NativePrecompiles.SKETCH.clusterCount(spaceOf(datanet)) == cluster) {
            found.status = ContributionStatus.Duplicate;
        } else {
            (found.status, found.cluster) = (ContributionStatus.Clustered, cluster);
            _begin(record, datanet, cluster, number, found.contributor);
        }
        emit ContributionSettled(datanet, number, found.status);
        if (found.status == ContributionStatus.Clustered) return;
        // Nobody is the worse for a duplicate; a commitment that wasn't opened kept a place in the order for nothing.
        bool burnt = before == ContributionStatus.Committed;
        _release(_bondId(BOND_CONTRIBUTION, datanet, number), found.contributor, info.contributionBond, burnt);
    }

    function _begin(Record storage record, uint256 datanet, uint32 cluster, uint64 number, address owner) private {
        ++record.info.clusters;
        ++record.info.inReview;
        Cluster storage begun = record.clusters[cluster];
        begun.contribution = number;
        _setFirstOwner(record, cluster, owner);
        emit ClusterCreated(datanet, cluster, number, owner);
        REVIEW.begin(datanet, cluster, owner);
    }
}
