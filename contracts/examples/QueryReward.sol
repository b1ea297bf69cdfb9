// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "openledger/src/interfaces/IClaimVault.sol";
import {IDatanetRegistry} from "openledger/src/interfaces/IDatanetRegistry.sol";
import {IInferenceRouter} from "openledger/src/interfaces/IInferenceRouter.sol";
import {NativePrecompiles} from "openledger/src/libraries/NativePrecompiles.sol";
import {Predeploys} from "openledger/src/libraries/Predeploys.sol";

/// @title QueryReward
/// @notice Divides a payment among those whose data a query is most like: the owners of the clusters whose rows have the
///         greatest products with it.
contract QueryReward {
    IClaimVault private constant VAULT = IClaimVault(Predeploys.CLAIM_VAULT);
    IDatanetRegistry private constant REGISTRY = IDatanetRegistry(Predeploys.DATANET_REGISTRY);
    IInferenceRouter private constant ROUTER = IInferenceRouter(Predeploys.INFERENCE_ROUTER);

    /// @notice Clusters that share a payment.
    uint16 public constant SHARES_MAX = 8;

    event Rewarded(uint64 indexed sketchSet, address indexed from, address[] owners, uint256[] amounts);

    /// @notice No cluster that may earn has a positive score.
    error NothingScored(uint64 sketchSet);

    /// @notice Divides `msg.value` in proportion to the scores, to the wei. Owners claim it at the vault.
    /// @param query As many int8 entries as the set's dimension.
    function reward(uint64 sketchSet, bytes calldata query) external payable {
        (uint32[] memory clusters, int128[] memory scores) = NativePrecompiles.SKETCH.scoreDot(sketchSet, query);
        // Every positive score passes with z = 0; `gate` only brings them to the size that `split` takes.
        int64[] memory weights = NativePrecompiles.SPLIT.gate(scores, new uint128[](scores.length), 0);
        bytes32 space = NativePrecompiles.SKETCH.header(sketchSet).subject;
        uint64 epoch = ROUTER.currentEpoch();
        for (uint256 i = 0; i < clusters.length; ++i) {
            if (weights[i] > 0 && !REGISTRY.isEligible(space, clusters[i], epoch)) weights[i] = 0;
        }
        uint256[] memory amounts = NativePrecompiles.SPLIT.split(msg.value, weights, 0, SHARES_MAX);

        address[] memory owners = new address[](clusters.length);
        uint256 count = 0;
        for (uint256 i = 0; i < clusters.length; ++i) {
            if (amounts[i] == 0) continue;
            (owners[count],,) = REGISTRY.payeesOf(space, clusters[i], epoch);
            amounts[count++] = amounts[i];
        }
        if (count == 0) revert NothingScored(sketchSet);
        assembly ("memory-safe") {
            mstore(owners, count)
            mstore(amounts, count)
        }
        emit Rewarded(sketchSet, msg.sender, owners, amounts);
        VAULT.creditMany{value: msg.value}(owners, amounts);
    }
}
