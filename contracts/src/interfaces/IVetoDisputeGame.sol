// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BondDistributionMode, Duration, GameType, Timestamp} from "../dispute/Types.sol";
import {IAnchorStateRegistry} from "./IAnchorStateRegistry.sol";
import {IDisputeGame} from "./IDisputeGame.sol";

/// @title IVetoDisputeGame
/// @notice A game without proofs: a claim holds unless the challenger vetoes it while a clock runs. The proposer makes
///         the claims; when it has been silent for long enough, or its last claim was vetoed, anybody may, with the bond,
///         until it speaks again.
///
///         The bond goes back to the claim's creator if the claim holds, and to the challenger if it is vetoed; to the
///         creator, too, if the guardian sets the game aside before the result counts.
interface IVetoDisputeGame is IDisputeGame {
    /// @notice What all games of one implementation share.
    /// @param gameType                The type under which the factory lists them.
    /// @param maxClockDuration        Seconds in which a claim can be vetoed.
    /// @param anchorStateRegistry     Judges them.
    /// @param proposer                Who may always make claims.
    /// @param challenger              Who may veto.
    /// @param proposerFallbackSeconds Seconds of the proposer's silence after which anybody may make claims.
    /// @param genesisTimestamp        When L2's block 0 was made.
    /// @param blockTime               Seconds between L2 blocks.
    struct Parameters {
        GameType gameType;
        Duration maxClockDuration;
        IAnchorStateRegistry anchorStateRegistry;
        address proposer;
        address challenger;
        Duration proposerFallbackSeconds;
        Timestamp genesisTimestamp;
        Duration blockTime;
    }

    /// @notice It is settled who gets the bond.
    event GameClosed(BondDistributionMode bondDistributionMode);

    /// @notice The bond was paid.
    event CreditClaimed(address indexed recipient, uint256 amount);

    /// @notice Only the factory starts games.
    error NotFactory(address caller);

    /// @notice The game was started before.
    error AlreadyInitialized();

    /// @notice The extra data is not the number of an L2 block below 2^64 in 32 bytes.
    error BadExtraData(bytes extraData);

    /// @notice The claim is about a block that is not after the anchor's.
    error BlockNotAfterAnchor(uint256 l2BlockNumber, uint256 anchor);

    /// @notice The claim is about a block that L1 can't hold yet: there are none after `newest`.
    error BlockNotPossible(uint256 l2BlockNumber, uint256 newest);

    /// @notice A parameter of the implementation is out of its range, both ends of which are possible.
    error ParameterOutOfRange(uint256 given, uint256 least, uint256 most);

    /// @notice An account that must be named is zero.
    error ZeroAddress();

    /// @notice Others than the proposer may make claims from `openAt` on.
    error ProposerNotSilent(uint256 openAt);

    /// @notice The caller is not the challenger.
    error NotChallenger(address caller);

    /// @notice The game was decided before.
    error GameNotInProgress();

    /// @notice A veto came too late.
    error ClockExpired(uint256 expiredAt);

    /// @notice The claim can still be vetoed.
    error ClockNotExpired(uint256 expiresAt);

    /// @notice The result doesn't count yet.
    error GameNotFinalized();

    /// @notice Nothing is paid during a pause.
    error GamePaused();

    /// @notice The recipient has nothing to claim.
    error NoCreditToClaim(address recipient);

    /// @notice The recipient does not take the bond.
    error BondTransferFailed(address recipient);

    /// @notice Refutes the claim. Challenger only, while the clock runs.
    function veto() external;

    /// @notice Settles who gets the bond, and makes the claim the anchor if it can be. Anybody may call, once the result
    ///         counts and there is no pause.
    function closeGame() external;

    /// @notice Pays the bond to `recipient`, whose it is; closes the game first. Anybody may call.
    function claimCredit(address recipient) external;

    /// @notice What `recipient` gets of the bond, in wei of ETH, as things stand.
    function credit(address recipient) external view returns (uint256);

    /// @notice The bond that the game holds, in wei of ETH.
    function bond() external view returns (uint256);

    /// @notice Who gets the bond: the winner or, refunded, the creator.
    function bondDistributionMode() external view returns (BondDistributionMode);

    /// @notice From when on others than the proposer may make claims, as things stand. Zero, which is at once, while the
    ///         proposer's last word is a claim that was vetoed.
    function openToAllAt() external view returns (uint256);

    /// @notice When the clock runs out.
    function expiresAt() external view returns (Timestamp);

    /// @notice Seconds in which a claim can be vetoed.
    function maxClockDuration() external view returns (Duration);

    /// @notice Seconds of the proposer's silence after which anybody may make claims.
    function proposerFallbackSeconds() external view returns (Duration);

    /// @notice When L2's block 0 was made.
    function genesisTimestamp() external view returns (Timestamp);

    /// @notice Seconds between L2 blocks.
    function blockTime() external view returns (Duration);

    /// @notice The newest L2 block that L1 can hold now: no block's time is more than `SEQUENCER_DRIFT_SECONDS` ahead of
    ///         the L1 block that it is derived from. Claims about later blocks are refused, since one that nobody vetoed
    ///         would be an anchor that no right claim can follow for as long.
    function newestPossibleBlock() external view returns (uint256);

    /// @notice Seconds that an L2 block's time may be ahead of L1's (derivation's `max_sequencer_drift` since Fjord).
    function SEQUENCER_DRIFT_SECONDS() external view returns (uint64);

    /// @notice Longest `maxClockDuration`, seconds.
    function MAX_CLOCK_SECONDS() external view returns (uint64);

    /// @notice Longest `proposerFallbackSeconds`, seconds.
    function MAX_FALLBACK_SECONDS() external view returns (uint64);

    /// @notice Who may always make claims.
    function proposer() external view returns (address);

    /// @notice Who may veto.
    function challenger() external view returns (address);
}
