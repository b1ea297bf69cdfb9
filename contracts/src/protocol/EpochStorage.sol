// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochScoring} from "../interfaces/IEpochScoring.sol";
import {IEpochSettlement, Replaced, Settlement, Stage} from "../interfaces/IEpochSettlement.sol";
import {IInferenceRouter} from "../interfaces/IInferenceRouter.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "./Parameterized.sol";

/// @title EpochStorage
/// @notice What the parts of `EpochSettlement` share: its storage.
abstract contract EpochStorage is IEpochSettlement, Parameterized {
    /* TYPES */

    struct Running {
        int128 score;
        int128 best;
    }

    /// @param carried      Joins later epochs' pools, wei. Held by the vault, as `residue` is.
    /// @param last         The adapter's last epoch that is settled; 0 if none is.
    /// @param unpaidEpochs Settled in a row that left no less to carry than they divided.
    /// @param residue      Being distributed, wei, of which `distributed` is.
    /// @param nextSpace    Place of the space that comes next in the distribution.
    /// @param endedAt      When that was, seconds.
    struct Account {
        uint128 carried;
        uint64 last;
        uint32 unpaidEpochs;
        uint32 nextSpace;
        uint128 residue;
        uint128 distributed;
        uint48 endedAt;
    }

    /// @custom:storage-location erc7201:openledger.storage.EpochSettlement
    struct EpochSettlementStorage {
        mapping(uint64 epoch => bytes32) seeds;
        mapping(uint64 epoch => uint64) seedBlocks;
        mapping(uint64 epoch => mapping(uint64 adapter => Settlement)) settlements;
        mapping(uint64 adapter => Account) accounts;
        mapping(uint64 adapter => mapping(uint64 sketchSet => mapping(uint32 cluster => Running))) running;
        mapping(uint64 epoch => mapping(uint64 adapter => mapping(uint256 place => Replaced))) replaced;
    }

    /* CONSTANTS */

    bytes32 internal constant PROPOSAL_BOND = "proposalBond";
    bytes32 internal constant CHALLENGE_SECONDS = "challengeSeconds";
    bytes32 internal constant PROPOSAL_SECONDS = "proposalSeconds";
    bytes32 internal constant RENEWAL_SECONDS = "renewalSeconds";
    bytes32 internal constant PROPOSER_BPS = "proposerBps";
    bytes32 internal constant CARRY_EPOCHS = "carryEpochs";

    uint256 internal constant BPS = 10_000;

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.EpochSettlement")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xf9b4885810f364de70e32c533b0c0bffafa47d2578c7e0da84913f0c9b5bdb00;

    /* READING */

    /// @inheritdoc IEpochSettlement
    function seedOf(uint64 epoch) public view returns (bytes32) {
        return _storage().seeds[epoch];
    }

    /// @inheritdoc IEpochSettlement
    function settlementOf(uint64 epoch, uint64 adapter) external view returns (Settlement memory) {
        return _storage().settlements[epoch][adapter];
    }

    /* INTERNAL */

    function _scoring() internal pure returns (IEpochScoring) {
        return IEpochScoring(Predeploys.EPOCH_SCORING);
    }

    function _router() internal pure returns (IInferenceRouter) {
        return IInferenceRouter(Predeploys.INFERENCE_ROUTER);
    }

    function _requireStage(uint64 epoch, uint64 adapter, Stage stage)
        internal
        view
        returns (Settlement storage settled)
    {
        settled = _storage().settlements[epoch][adapter];
        if (settled.stage != stage) revert WrongStage(epoch, adapter, settled.stage);
    }

    /// @dev Bond of a proposal, as the vault knows it.
    function _proposalId(uint64 epoch, uint64 adapter) internal pure returns (bytes32) {
        return keccak256(abi.encode("proposal", epoch, adapter));
    }

    function _storage() internal pure returns (EpochSettlementStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
