// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDatanetRegistry} from "../interfaces/IDatanetRegistry.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {DatanetStorage} from "./DatanetStorage.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title ClusterDividends
/// @notice Part of the Datanet registry: who owns a cluster in which epoch, and what is shared equally among the accepted
///         ones.
/// @dev    `Datanet.perCluster` grows by what each sharing cluster gets; a cluster is owed what it grew since
///         `Cluster.taken`. Since a reassignment pays out first, at most one change of owner lies between what was taken and
///         now.
abstract contract ClusterDividends is DatanetStorage {
    using Checkpoints for Checkpoints.Trace160;

    /// @inheritdoc IDatanetRegistry
    function distribute(bytes32 space) external payable nonReentrant {
        if (msg.value == 0) return;
        uint256 datanet = _storage().datanets[space];
        Record storage record = _storage().records[datanet];
        Datanet storage info = record.info;
        uint32 clusters = info.accepted;
        // An unknown space is Datanet 0, which has no clusters.
        if (clusters == 0) {
            VAULT.credit{value: msg.value}(Predeploys.TREASURY);
            return;
        }
        uint256 whole = msg.value + info.dust;
        info.perCluster += SafeCast.toUint160(whole / clusters);
        // Less than `clusters`, which has 32 bits.
        info.dust = uint64(whole % clusters);
        record.perClusterAt.push(_currentEpoch(), info.perCluster);
        VAULT.hold{value: msg.value}(_bondId(BOND_DIVIDENDS, datanet, 0));
        emit Distributed(datanet, msg.value, whole / clusters, clusters);
    }

    /// @inheritdoc IDatanetRegistry
    function takeShares(uint256 datanet, uint32[] calldata clusters) external nonReentrant {
        _requireLength(clusters.length, MAX_PAGE);
        for (uint256 i = 0; i < clusters.length; ++i) {
            (Record storage record,) = _cluster(datanet, clusters[i]);
            _take(record, datanet, clusters[i]);
        }
    }

    /// @inheritdoc IDatanetRegistry
    function withdraw(uint256 datanet, uint32 cluster) external nonReentrant {
        (Record storage record, Cluster storage found) = _cluster(datanet, cluster);
        if (found.withdrawnFrom != 0) revert AlreadyWithdrawn(datanet, cluster);
        uint64 from = _nextEpoch();
        // Who owns it when the withdrawal begins to count.
        _requireHolder(_ownerIn(record, cluster, from));
        found.withdrawnFrom = from;
        if (found.sharing) {
            _take(record, datanet, cluster);
            found.sharing = false;
            --record.info.accepted;
        }
        emit ClusterWithdrawn(datanet, cluster, from);
    }

    /// @inheritdoc IDatanetRegistry
    function reassignCluster(uint256 datanet, uint32 cluster, address newOwner) external nonReentrant {
        if (msg.sender != Predeploys.PARAM_TIMELOCK) revert NotGovernance(msg.sender);
        if (newOwner == address(0)) revert NoOwner();
        (Record storage record,) = _cluster(datanet, cluster);
        _take(record, datanet, cluster);
        uint64 from = _nextEpoch();
        record.owners[cluster].push(from, uint160(newOwner));
        emit ClusterReassigned(datanet, cluster, newOwner, from);
    }

    /// @inheritdoc IDatanetRegistry
    function sharesOf(uint256 datanet, uint32 cluster) external view returns (uint256) {
        (Record storage record, Cluster storage found) = _cluster(datanet, cluster);
        return found.sharing ? record.info.perCluster - found.taken : 0;
    }

    /// @inheritdoc IDatanetRegistry
    function acceptedClusters(uint256 datanet) external view returns (uint32) {
        return _record(datanet).info.accepted;
    }

    /// @inheritdoc IDatanetRegistry
    function payeesOf(bytes32 space, uint32 cluster, uint64 epoch)
        external
        view
        returns (address owner, address datanetOwner, uint16 datanetBps)
    {
        (Record storage record,) = _cluster(_storage().datanets[space], cluster);
        return (_ownerIn(record, cluster, epoch), record.info.owner, record.info.ownerBps);
    }

    /// @dev Whoever began a cluster owns it from epoch 0 on.
    function _setFirstOwner(Record storage record, uint32 cluster, address owner) internal {
        record.owners[cluster].push(0, uint160(owner));
    }

    /// @dev Lets an accepted cluster share in what is distributed from now on.
    function _join(Record storage record, Cluster storage found) internal {
        found.sharing = true;
        found.taken = record.info.perCluster;
        ++record.info.accepted;
    }

    function _ownerIn(Record storage record, uint32 cluster, uint64 epoch) internal view returns (address) {
        return address(record.owners[cluster].upperLookupRecent(epoch));
    }

    /// @dev Pays a cluster's dividends: what was distributed before the epoch of the last change of owner to the owner before
    ///      it, the rest to the owner since.
    function _take(Record storage record, uint256 datanet, uint32 cluster) private {
        Cluster storage found = record.clusters[cluster];
        uint160 total = record.info.perCluster;
        uint160 taken = found.taken;
        if (!found.sharing || total == taken) return;
        found.taken = total;
        Checkpoints.Trace160 storage owners = record.owners[cluster];
        (, uint96 since, uint160 owner) = owners.latestCheckpoint();
        uint160 before = since == 0 ? taken : record.perClusterAt.upperLookupRecent(since - 1);
        if (before > taken) {
            _pay(datanet, cluster, address(owners.upperLookupRecent(since - 1)), before - taken);
            taken = before;
        }
        if (total > taken) _pay(datanet, cluster, address(owner), total - taken);
    }

    function _pay(uint256 datanet, uint32 cluster, address owner, uint256 amount) private {
        VAULT.payOut(_bondId(BOND_DIVIDENDS, datanet, 0), owner, amount);
        emit SharesTaken(datanet, cluster, owner, amount);
    }
}
