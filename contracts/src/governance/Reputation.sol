// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {Decay} from "../libraries/Decay.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";

/// @title Reputation
/// @dev Stands behind a `Proxy`. A checkpoint is what an account has at the end of a second in which it was given points; what
///      it has later follows from the last one, so that the past never changes.
contract Reputation is IReputation, Initializable {
    using Checkpoints for Checkpoints.Trace208;

    /* CONSTANTS */

    /// @inheritdoc IReputation
    /// @dev No parameter: another half-life would change the past.
    uint256 public constant HALF_LIFE = 90 days;
    /// @inheritdoc IReputation
    uint256 public constant PERIOD = 30 days;
    /// @inheritdoc IReputation
    uint256 public constant MAX_POINTS = 100e18;

    /* STORAGE */

    /// @dev What an account was given in the period of that number.
    struct Earned {
        uint48 period;
        uint208 points;
    }

    /// @custom:storage-location erc7201:openledger.storage.Reputation
    struct ReputationStorage {
        mapping(address account => Checkpoints.Trace208) points;
        mapping(address account => Earned) earned;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.Reputation")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x36129bad105e52df954784d5c06cf3c3058bb41f8e548eee3f610fe4f62e1200;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IReputation
    function initialize(Setting[] calldata settings) external initializer {
        if (settings.length != 0) revert IParameterized.UnknownParameter(settings[0].name);
    }

    /* AWARDS */

    /// @inheritdoc IReputation
    function award(address account, uint256 points) external {
        if (!_isAwarder(msg.sender)) revert NotAwarder(msg.sender);
        // What is too much is cut, since a review or a challenge must end whoever made it.
        points = _countEarned(account, points);
        if (points == 0) return;
        uint256 balance = balanceOf(account) + points;
        _reputationStorage().points[account].push(Time.timestamp(), SafeCast.toUint208(balance));
        emit Awarded(account, msg.sender, points, balance);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IReputation
    function balanceOf(address account) public view returns (uint256) {
        (, uint48 since, uint208 points) = _reputationStorage().points[account].latestCheckpoint();
        return Decay.decay(points, Time.timestamp() - since, HALF_LIFE);
    }

    /// @inheritdoc IReputation
    function getPastBalance(address account, uint256 timestamp) external view returns (uint256) {
        if (timestamp >= block.timestamp) revert FutureLookup(timestamp, Time.timestamp());
        Checkpoints.Trace208 storage trace = _reputationStorage().points[account];
        // The first checkpoint after `timestamp`, which the clock keeps within 48 bits.
        uint256 low = 0;
        uint256 high = trace.length();
        while (low < high) {
            uint256 middle = Math.average(low, high);
            if (trace.at(uint32(middle))._key > timestamp) high = middle;
            else low = middle + 1;
        }
        if (low == 0) return 0;
        Checkpoints.Checkpoint208 memory last = trace.at(uint32(low - 1));
        return Decay.decay(last._value, timestamp - last._key, HALF_LIFE);
    }

    /* INTERNAL FUNCTIONS */

    /// @dev Counts what `account` is given in this period, as much of `points` as is left of the most, and returns it.
    function _countEarned(address account, uint256 points) private returns (uint256 given) {
        Earned storage earned = _reputationStorage().earned[account];
        uint48 period = uint48(block.timestamp / PERIOD);
        if (earned.period != period) (earned.period, earned.points) = (period, 0);
        given = Math.min(points, MAX_POINTS - earned.points);
        // At most `MAX_POINTS` together.
        earned.points += uint208(given);
    }

    function _isAwarder(address caller) private pure returns (bool) {
        return caller == Predeploys.CLUSTER_REVIEW || caller == Predeploys.JURY || caller == Predeploys.EPOCH_SETTLEMENT
            || caller == Predeploys.EPOCH_QUESTIONS;
    }

    function _reputationStorage() private pure returns (ReputationStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
