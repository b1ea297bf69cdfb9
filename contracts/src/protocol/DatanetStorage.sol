// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IDatanetRegistry} from "../interfaces/IDatanetRegistry.sol";
import {IInferenceRouter} from "../interfaces/IInferenceRouter.sol";
import {Bounds} from "../interfaces/IParameterized.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "./Parameterized.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title DatanetStorage
/// @notice What the parts of the Datanet registry share: storage, parameters, bonds, who may call.
abstract contract DatanetStorage is IDatanetRegistry, Parameterized, ReentrancyGuardTransient {
    /* CONSTANTS */

    /// @inheritdoc IDatanetRegistry
    uint256 public constant MAX_LICENCES = 16;
    /// @inheritdoc IDatanetRegistry
    uint256 public constant MAX_REVIEWERS = 15;
    /// @inheritdoc IDatanetRegistry
    uint256 public constant MAX_URI_BYTES = 1024;
    /// @inheritdoc IDatanetRegistry
    uint256 public constant MAX_PAGE = 64;
    /// @inheritdoc IDatanetRegistry
    uint256 public constant CHECKER_GAS = 200_000;

    bytes32 internal constant DATANET_BOND = "datanetBond";
    bytes32 internal constant CONTRIBUTION_BOND = "contributionBond";
    bytes32 internal constant OWNER_SHARE_MAX_BPS = "ownerShareMaxBps";

    /// @dev What a bond is for: the first part of its id in the vault.
    bytes32 internal constant BOND_DATANET = "datanet";
    bytes32 internal constant BOND_CONTRIBUTION = "contribution";
    bytes32 internal constant BOND_DIVIDENDS = "dividends";

    IClaimVault internal constant VAULT = IClaimVault(Predeploys.CLAIM_VAULT);

    /* STORAGE */

    /// @dev A Datanet with its lists. `owners` of a cluster go by the epoch from which on they own it; `perClusterAt` is
    ///      `Datanet.perCluster` after each epoch.
    struct Record {
        Datanet info;
        bytes32[] adapterLicences;
        address[] reviewers;
        Version[] versions;
        mapping(uint256 number => Contribution) contributions;
        mapping(uint256 number => Cluster) clusters;
        mapping(uint256 number => Checkpoints.Trace160) owners;
        Checkpoints.Trace160 perClusterAt;
    }

    /// @custom:storage-location erc7201:openledger.storage.DatanetRegistry
    struct DatanetRegistryStorage {
        uint256 count;
        mapping(uint256 datanet => Record) records;
        mapping(bytes32 space => uint256) datanets;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.DatanetRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x89e21eb98a99ad74696ff9cc7f797d53cf7230fa3926bb449dd08a57f81bef00;

    function _storage() internal pure returns (DatanetRegistryStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }

    function _record(uint256 datanet) internal view returns (Record storage record) {
        record = _storage().records[datanet];
        if (record.info.owner == address(0)) revert UnknownDatanet(datanet);
    }

    function _cluster(uint256 datanet, uint32 cluster)
        internal
        view
        returns (Record storage record, Cluster storage found)
    {
        record = _record(datanet);
        if (cluster >= record.info.clusters) revert UnknownCluster(datanet, cluster);
        found = record.clusters[cluster];
    }

    /* PARAMETERS */

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](3);
        all[0] = Bounds(DATANET_BOND, 100 ether, 0, 1_000_000 ether);
        all[1] = Bounds(CONTRIBUTION_BOND, 1 ether, 0, 10_000 ether);
        all[2] = Bounds(OWNER_SHARE_MAX_BPS, 2000, 0, 5000);
    }

    /* BONDS AND CALLERS */

    function _bondId(bytes32 what, uint256 datanet, uint256 number) internal pure returns (bytes32) {
        return keccak256(abi.encode(what, datanet, number));
    }

    /// @dev Passes `msg.value`, which must be `bond`, on to the vault.
    function _hold(bytes32 id, uint256 bond) internal {
        if (msg.value != bond) revert WrongBond(msg.value, bond);
        if (bond > 0) VAULT.hold{value: bond}(id);
    }

    /// @dev Gives a bond back, or burns it.
    function _release(bytes32 id, address payee, uint256 bond, bool burnt) internal {
        if (bond == 0) return;
        if (burnt) VAULT.burn(id, bond);
        else VAULT.payOut(id, payee, bond);
    }

    function _requireHolder(address payee) internal view {
        if (VAULT.holderOf(payee) != msg.sender) revert NotHolder(msg.sender, payee);
    }

    function _requireLength(uint256 length, uint256 limit) internal pure {
        if (length > limit) revert TooLong(length, limit);
    }

    function _nextEpoch() internal view returns (uint64) {
        return _currentEpoch() + 1;
    }

    function _currentEpoch() internal view returns (uint64) {
        return IInferenceRouter(Predeploys.INFERENCE_ROUTER).currentEpoch();
    }
}
