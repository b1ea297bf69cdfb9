// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title IPausable
/// @notice Pauses of a native precompile's functions, one by one. Functions that write state or score can be paused; getters,
///         challenges, `settle`, `royaltyFlow`, `flattenDatanets` and all of SPLIT never can, so that claims can't be frozen.
interface IPausable {
    /// @notice A function is paused while the block's timestamp is below `untilTimestamp`, in seconds; a time that isn't ahead
    ///         lifts the pause.
    event PauseSet(bytes4 indexed selector, uint64 untilTimestamp);

    /// @notice The function called is paused until that timestamp, in seconds.
    error Paused(bytes4 selector, uint64 until);

    /// @notice The function can't be paused.
    error NotPausable(bytes4 selector);

    /// @notice The pause would be longer than 14 days: `latest` is the last end it can have, in seconds.
    error PauseTooLong(uint64 until, uint64 latest);

    /// @notice The function was paused within the last 30 days: not again before that timestamp, in seconds.
    error PauseTooSoon(uint64 notBefore);

    /// @notice Pauses a function, or lifts its pause by a time that isn't ahead. The parameter timelock only.
    /// @param selector       Which function of this precompile.
    /// @param untilTimestamp Seconds; at most 14 days ahead, and not ahead again within 30 days of the last pause's beginning.
    function setPaused(bytes4 selector, uint64 untilTimestamp) external;
}
