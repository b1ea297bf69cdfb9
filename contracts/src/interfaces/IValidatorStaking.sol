// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IValidatorStaking
/// @notice Stake of validators and workers, own and delegated; offences; rewards; draws by stake.
/// @dev    All stake that works for an operator is one pool; who put it there has shares of it, the operator like everybody. So a
///         slash or a reward reaches all of them in one write. Stake that leaves waits in a second pool, which is slashed alike.
interface IValidatorStaking {
    /// @notice What an operator stakes for. An address may be both, with separate stakes.
    enum Role {
        Validator,
        Worker
    }

    /// @notice What stake is forfeited for, and for nothing else (docs/spec/protocol.md, Offences).
    enum Offence {
        UnrevealedVote,
        ConflictingVotes,
        RejectedSketch
    }

    /// @notice A pool, as it is now.
    /// @param registered    Whether its operator works.
    /// @param commissionBps The operator's part of the pool's rewards, hundredths of a percent.
    /// @param stake         What works for the operator, own and delegated, wei.
    /// @param shares        Shares of `stake`; never fewer than wei.
    /// @param leaving       What waits for the end of its unbonding, wei.
    /// @param commission    Commission that the operator hasn't claimed, wei.
    struct PoolState {
        bool registered;
        uint16 commissionBps;
        uint256 stake;
        uint256 shares;
        uint256 leaving;
        uint256 commission;
    }

    /// @notice A part of a position that leaves.
    /// @param amount    What it is worth now, wei; a slash makes it less until it is withdrawn.
    /// @param releaseAt From when on it may be withdrawn, seconds.
    struct Leaving {
        uint256 amount;
        uint256 releaseAt;
    }

    /// @notice An operator works from now on. `stake` is its pool's.
    event Registered(Role indexed role, address indexed operator, uint16 commissionBps, uint256 stake);

    /// @notice An operator doesn't work any more: by its own will, or because `evictedBy` has its seat.
    event Exited(Role indexed role, address indexed operator, address evictedBy);

    /// @notice An account has `shares` more in an operator's pool.
    event Delegated(
        Role indexed role, address indexed operator, address indexed account, uint256 amount, uint256 shares
    );

    /// @notice `shares` of an account leave an operator's pool. Until they are withdrawn they can be slashed.
    event Undelegated(
        Role indexed role,
        address indexed operator,
        address indexed account,
        uint256 amount,
        uint256 shares,
        uint256 releaseAt
    );

    /// @notice Stake that had left was credited to its account at `ClaimVault`.
    event Withdrawn(Role indexed role, address indexed operator, address indexed account, uint256 amount);

    /// @notice Rewards, and an operator's commission, were credited to an account at `ClaimVault`.
    event RewardsClaimed(Role indexed role, address indexed operator, address indexed account, uint256 amount);

    /// @notice All stake shares `amount`, which may hold what came while nobody had staked.
    event Rewarded(address indexed from, uint256 amount);

    /// @notice Two votes of one round were shown. `Slashed` follows.
    event VotesConflicted(address indexed operator, bytes32 indexed round, bytes32 choiceA, bytes32 choiceB);

    /// @notice Stake was forfeited: `amount` in all, its lesser half to the challenger if there is one, the rest burnt.
    event Slashed(
        Role indexed role, address indexed operator, Offence indexed offence, uint256 amount, address challenger
    );

    /// @notice Only the contract that the list names for an offence may report it.
    error NotReporter(address caller, Offence offence);
    /// @notice Only who holds the account's place at `ClaimVault` may do this.
    error NotHolder(address caller, address account);
    /// @notice The operator works already.
    error AlreadyRegistered(Role role, address operator);
    /// @notice The operator doesn't work.
    error NotRegistered(Role role, address operator);
    /// @notice The operator's own stake would be below the least one. To take it all back, exit.
    error StakeTooSmall(uint256 stake, uint256 min);
    /// @notice A delegation is below the least one.
    error DelegationTooSmall(uint256 amount, uint256 min);
    /// @notice The commission is above the limit, or above the one that the pool's delegators came for.
    error CommissionTooHigh(uint256 commissionBps, uint256 max);
    /// @notice All seats are taken by validators with at least as much stake; the smallest is `smallest`.
    error NoSeat(uint256 stake, uint256 smallest);
    /// @notice The pool has lost all but a billionth by slashes. Its operator must use another address.
    error PoolRuined(Role role, address operator);
    /// @notice The account has fewer shares.
    error NotEnoughShares(uint256 shares, uint256 wanted);
    /// @notice The account has as many parts leaving as it may. Withdraw those that are due.
    error TooManyLeaving(uint256 max);
    /// @notice The list is longer than the limit.
    error InvalidLength(uint256 length, uint256 max);
    /// @notice The choices are the same.
    error VotesAgree(bytes32 round);
    /// @notice The operator was slashed for this round.
    error AlreadyReported(address operator, bytes32 round);
    /// @notice The signature isn't the operator's of this vote.
    error InvalidSignature(address signer, bytes32 choice);
    /// @notice The operator has no stake that could be slashed.
    error NothingStaked(address operator);

    /// @notice Most validators at a time, whatever the parameter `validatorsMax` says.
    function MAX_SEATS() external view returns (uint256);

    /// @notice Most parts of a position that leave at a time.
    function MAX_LEAVING() external view returns (uint256);

    /// @notice Longest list of excluded addresses in a draw.
    function MAX_EXCLUDED() external view returns (uint256);

    function initialize(Setting[] calldata settings) external;

    /* OPERATORS */

    /// @notice Makes the caller an operator, with `msg.value` added to what it has in its pool. A validator takes a free seat, or that
    ///         of the validator with the least stake if its pool has more.
    /// @dev    While others have stake in the pool, the commission can't be raised. Reverts with `AlreadyRegistered`,
    ///         `CommissionTooHigh`, `StakeTooSmall`, `PoolRuined`, `NoSeat`.
    function register(Role role, uint16 commissionBps) external payable;

    /// @notice Ends an operator's work; its own stake begins to leave. Others' stays where it is, earning nothing, until they
    ///         undelegate it or the operator registers again.
    /// @dev    Reverts with `NotHolder`, `NotRegistered`, `TooManyLeaving`.
    function exit(Role role, address operator) external;

    /* STAKE */

    /// @notice Adds `msg.value` to an operator's pool in the caller's name. An operator adds to its own stake in the same way.
    /// @return shares What the caller gets: `msg.value`, and more after slashes.
    /// @dev    Reverts with `NotRegistered`, `DelegationTooSmall`, `PoolRuined`.
    function delegate(Role role, address operator) external payable returns (uint256 shares);

    /// @notice Lets `shares` of an account leave an operator's pool. They earn nothing from now on, but can be slashed until withdrawn.
    /// @return amount What they are worth now, rounded down.
    /// @dev    Reverts with `NotHolder`, `NotEnoughShares`, `TooManyLeaving`; `StakeTooSmall` for a working operator's own.
    function undelegate(Role role, address operator, address account, uint256 shares) external returns (uint256 amount);

    /// @notice Credits an account at `ClaimVault` with all of its stake whose unbonding is over. Anyone may call it.
    function withdraw(Role role, address operator, address account) external returns (uint256 amount);

    /// @notice Credits an account at `ClaimVault` with its rewards, and with the commission if it is the operator. Anyone may call it.
    function claimRewards(Role role, address operator, address account) external returns (uint256 amount);

    /// @notice Divides `msg.value` among all stake of both roles that works. While there is none, it is kept for the next time.
    function reward() external payable;

    /* OFFENCES */

    /// @notice Takes the offence's share of an operator's stake, leaving stake included; halves it between burning and the
    ///         challenger (zero: all is burnt). Returns what was taken. An unknown operator: 0.
    /// @dev    Reverts with `NotReporter`.
    function slash(Role role, address operator, Offence offence, address challenger) external returns (uint256);

    /// @notice Shows two votes of a validator for one round with different choices, which costs it the share for
    ///         `ConflictingVotes`, once a round. The caller is the challenger. Signatures are ECDSA by the operator's key.
    /// @dev    No ERC-1271: a contract could take its signatures back. Reverts with `VotesAgree`, `AlreadyReported`,
    ///         `InvalidSignature`, `NothingStaked`.
    function reportConflictingVotes(
        address operator,
        bytes32 round,
        bytes32 choiceA,
        bytes32 choiceB,
        bytes calldata signatureA,
        bytes calldata signatureB
    ) external returns (uint256);

    /// @notice The share that an offence costs, hundredths of a percent.
    function shareOf(Offence offence) external pure returns (uint256);

    /* VIEW FUNCTIONS */

    /// @notice Stake that works for an operator now, own and delegated, without what is leaving, wei. An operator that doesn't work: 0.
    function stakeOf(Role role, address operator) external view returns (uint256);

    /// @notice Whether an operator may work: registered, not leaving, with at least the least stake.
    function isActive(Role role, address operator) external view returns (bool);

    /// @notice Draws `n` distinct validators by stake from a seed; fewer if there are no more. `excluded` aren't drawn, nor is who
    ///         had less than the least stake.
    /// @param time Seconds: stakes are those of the end of that second. It must have been fixed before anybody knew the seed,
    ///           or whoever knows it moves stake until he is drawn.
    /// @dev    Draw k takes the validator that covers `uint256(keccak256(abi.encode(seed, k))) mod total`, in order of seats, the last one
    ///         taking the place of one that was drawn. Reverts with `InvalidLength`.
    function draw(bytes32 seed, uint256 n, uint256 time, address[] calldata excluded)
        external
        view
        returns (address[] memory);

    /// @notice EIP-712 hash of `Vote(bytes32 round,bytes32 choice)`, domain ("ValidatorStaking", "1"). What a validator signs
    ///         when it commits to a choice; two for one round are an offence.
    function hashVote(bytes32 round, bytes32 choice) external view returns (bytes32);

    /// @notice The working validators in order of their seats, and their stakes, wei.
    function validators() external view returns (address[] memory operators, uint256[] memory stakes);

    /// @notice An operator's pool.
    function poolOf(Role role, address operator) external view returns (PoolState memory);

    /// @notice An account's shares in a pool, what they are worth, and its unclaimed rewards without commission, wei.
    function positionOf(Role role, address operator, address account)
        external
        view
        returns (uint256 shares, uint256 stake, uint256 rewards);

    /// @notice What of an account is leaving a pool.
    function leavingOf(Role role, address operator, address account) external view returns (Leaving[] memory);

    /// @notice Sum of the stake that works, wei: what `reward` divides by.
    function totalStake() external view returns (uint256);

    /// @notice What the contract holds, wei: stake, leaving or not, and rewards not claimed yet, with what division left over. Their
    ///         sum is its balance.
    function holdings() external view returns (uint256 stake, uint256 rewards);

    /// @notice The least `unbondingSeconds`: as long as a worker or a juror can be found out, from a fulfilled request to the verdict on it.
    function minUnbonding() external view returns (uint256);
}
