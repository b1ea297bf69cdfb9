// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {INativePrecompile} from "../../src/interfaces/precompiles/INativePrecompile.sol";
import {IPausable} from "../../src/interfaces/precompiles/IPausable.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";

/// @title PausesReference
/// @notice Pauses of a precompile's functions, written plainly.
abstract contract PausesReference is INativePrecompile, IPausable {
    uint64 private constant PAUSE_MAX = 14 days;
    uint64 private constant PAUSE_INTERVAL = 30 days;

    struct Pause {
        uint64 until;
        uint64 since;
    }

    mapping(bytes4 selector => Pause) private pauses;

    modifier whenNotPaused() {
        uint64 until = pauses[msg.sig].until;
        if (block.timestamp < until) revert Paused(msg.sig, until);
        _;
    }

    /// @inheritdoc IPausable
    function setPaused(bytes4 selector, uint64 untilTimestamp) external {
        if (!_isPausable(selector)) revert NotPausable(selector);
        if (msg.sender != Predeploys.PARAM_TIMELOCK) revert Unauthorized(msg.sender);
        Pause storage pause = pauses[selector];
        if (untilTimestamp > block.timestamp) {
            uint64 latest = uint64(block.timestamp) + PAUSE_MAX;
            if (untilTimestamp > latest) revert PauseTooLong(untilTimestamp, latest);
            uint64 notBefore = pause.since == 0 ? 0 : pause.since + PAUSE_INTERVAL;
            if (block.timestamp < notBefore) revert PauseTooSoon(notBefore);
            pause.since = uint64(block.timestamp);
        }
        pause.until = untilTimestamp;
        emit PauseSet(selector, untilTimestamp);
    }

    /// @notice Whether a function has `whenNotPaused`.
    function _isPausable(bytes4 selector) internal pure virtual returns (bool);
}
