// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Burner} from "../L2/Burner.sol";
import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {Bounds, IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {SeatTable, Seats} from "../libraries/Seats.sol";
import {SharePool, SharePools} from "../libraries/SharePools.sol";
import {Parameterized} from "./Parameterized.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title ValidatorStaking
/// @dev Rewards reach an account by two accumulators: per wei of all working stake, and per share of a pool. A pool takes what it
///      earned before its stake changes, a position before its shares do. Every division rounds down, so that what is owed
///      never exceeds what is held.
contract ValidatorStaking is IValidatorStaking, IVersioned, Parameterized, EIP712Upgradeable, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using Seats for SeatTable;
    using SharePools for SharePool;

    /* TYPES */

    struct Pool {
        SharePool stake;
        /// Unclaimed commission, wei.
        uint128 commission;
        /// Which of `unbonding` is in use.
        uint32 generation;
        uint16 commissionBps;
        bool registered;
        /// Index of a working validator's seat.
        uint16 seat;
        /// `rewardPerStake` up to which the pool has its rewards.
        uint256 rewardPerStake;
        /// Rewards of a share since ever, times `SCALE`.
        uint256 rewardPerShare;
        /// Stake that leaves. A ruined one is left behind for the next, so that shares can't grow without limit.
        mapping(uint32 generation => SharePool) unbonding;
        mapping(address account => Position) positions;
    }

    struct Position {
        uint128 shares;
        /// Unclaimed rewards, wei.
        uint128 rewards;
        /// The pool's `rewardPerShare` up to which the position has its rewards.
        uint256 rewardPerShare;
        Part[] leaving;
    }

    /// @dev Shares of `unbonding[generation]` that may be withdrawn from a time on.
    struct Part {
        uint128 shares;
        uint48 releaseAt;
        uint32 generation;
    }

    /* CONSTANTS */

    /// @inheritdoc IValidatorStaking
    uint256 public constant MAX_SEATS = 256;

    /// @inheritdoc IValidatorStaking
    uint256 public constant MAX_LEAVING = 32;

    /// @inheritdoc IValidatorStaking
    uint256 public constant MAX_EXCLUDED = 32;

    bytes32 private constant UNBONDING_SECONDS = "unbondingSeconds";
    bytes32 private constant VALIDATOR_STAKE_MIN = "validatorStakeMin";
    bytes32 private constant WORKER_STAKE_MIN = "workerStakeMin";
    bytes32 private constant DELEGATION_MIN = "delegationMin";
    bytes32 private constant VALIDATORS_MAX = "validatorsMax";
    bytes32 private constant COMMISSION_MAX_BPS = "commissionMaxBps";

    bytes32 private constant VOTE_TYPEHASH = keccak256("Vote(bytes32 round,bytes32 choice)");

    uint256 private constant BASIS_POINTS = 10_000;

    /// @dev Fixed point of the accumulators.
    uint256 private constant SCALE = 1 << 128;

    /* STORAGE */

    /// @custom:storage-location erc7201:openledger.storage.ValidatorStaking
    struct ValidatorStakingStorage {
        /// Stake of registered operators, wei.
        uint256 totalStake;
        /// Rewards of a wei of `totalStake` since ever, times `SCALE`.
        uint256 rewardPerStake;
        /// Rewards that came while nobody had staked, wei.
        uint256 undivided;
        /// All stake and all unclaimed rewards, wei.
        uint256 stakeHeld;
        uint256 rewardsHeld;
        mapping(Role role => mapping(address operator => Pool)) pools;
        SeatTable seats;
        mapping(address operator => mapping(bytes32 round => bool)) reported;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.ValidatorStaking")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x83cd2cd7d4391c9d7b4416a932f582567e12261d17558066a30d2306e29d9c00;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IValidatorStaking
    function initialize(Setting[] calldata settings) external initializer {
        __EIP712_init("ValidatorStaking", "1");
        _initializeParameters(settings);
    }

    /* MODIFIERS */

    modifier onlyHolder(address account) {
        if (msg.sender != IClaimVault(Predeploys.CLAIM_VAULT).holderOf(account)) revert NotHolder(msg.sender, account);
        _;
    }

    /* OPERATORS */

    /// @inheritdoc IValidatorStaking
    function register(Role role, uint16 commissionBps) external payable {
        Pool storage pool = _pool(role, msg.sender);
        if (pool.registered) revert AlreadyRegistered(role, msg.sender);
        uint256 max = parameter(COMMISSION_MAX_BPS);
        if (pool.stake.shares > pool.positions[msg.sender].shares) max = Math.min(max, pool.commissionBps);
        if (commissionBps > max) revert CommissionTooHigh(commissionBps, max);

        if (msg.value != 0) _deposit(role, msg.sender, pool);
        _checkOwnStake(role, msg.sender, pool);

        ValidatorStakingStorage storage $ = _stakingStorage();
        pool.commissionBps = commissionBps;
        pool.registered = true;
        pool.rewardPerStake = $.rewardPerStake;
        $.totalStake += pool.stake.assets;
        if (role == Role.Validator) _takeSeat(msg.sender, pool);
        emit Registered(role, msg.sender, commissionBps, pool.stake.assets);
    }

    /// @inheritdoc IValidatorStaking
    function exit(Role role, address operator) external onlyHolder(operator) {
        Pool storage pool = _pool(role, operator);
        if (!pool.registered) revert NotRegistered(role, operator);
        _deregister(role, operator, pool, address(0));
        _undelegate(role, operator, operator, pool.positions[operator].shares);
    }

    /* STAKE */

    /// @inheritdoc IValidatorStaking
    function delegate(Role role, address operator) external payable returns (uint256 shares) {
        Pool storage pool = _pool(role, operator);
        if (!pool.registered) revert NotRegistered(role, operator);
        uint256 min = parameter(DELEGATION_MIN);
        if (msg.value < min) revert DelegationTooSmall(msg.value, min);
        shares = _deposit(role, operator, pool);
        _stakingStorage().totalStake += msg.value;
        _recordStake(role, operator, pool);
    }

    /// @inheritdoc IValidatorStaking
    function undelegate(Role role, address operator, address account, uint256 shares)
        external
        onlyHolder(account)
        returns (uint256 amount)
    {
        amount = _undelegate(role, operator, account, shares);
        Pool storage pool = _pool(role, operator);
        if (account == operator && pool.registered) _checkOwnStake(role, operator, pool);
    }

    /// @inheritdoc IValidatorStaking
    function withdraw(Role role, address operator, address account) external nonReentrant returns (uint256 amount) {
        Pool storage pool = _pool(role, operator);
        Part[] storage leaving = pool.positions[account].leaving;
        uint256 i;
        // Bound: a position has at most MAX_LEAVING parts.
        while (i < leaving.length) {
            Part memory part = leaving[i];
            if (block.timestamp < part.releaseAt) {
                ++i;
                continue;
            }
            amount += pool.unbonding[part.generation].redeem(part.shares);
            leaving[i] = leaving[leaving.length - 1];
            leaving.pop();
        }
        if (amount == 0) return 0;
        _stakingStorage().stakeHeld -= amount;
        emit Withdrawn(role, operator, account, amount);
        IClaimVault(Predeploys.CLAIM_VAULT).credit{value: amount}(account);
    }

    /// @inheritdoc IValidatorStaking
    function claimRewards(Role role, address operator, address account) external nonReentrant returns (uint256 amount) {
        Pool storage pool = _pool(role, operator);
        Position storage position = pool.positions[account];
        _settle(pool);
        _settle(pool, position);
        amount = position.rewards;
        position.rewards = 0;
        if (account == operator) {
            amount += pool.commission;
            pool.commission = 0;
        }
        if (amount == 0) return 0;
        _stakingStorage().rewardsHeld -= amount;
        emit RewardsClaimed(role, operator, account, amount);
        IClaimVault(Predeploys.CLAIM_VAULT).credit{value: amount}(account);
    }

    /// @inheritdoc IValidatorStaking
    function reward() external payable {
        ValidatorStakingStorage storage $ = _stakingStorage();
        $.rewardsHeld += msg.value;
        uint256 amount = $.undivided + msg.value;
        if ($.totalStake == 0) {
            $.undivided = amount;
            return;
        }
        $.undivided = 0;
        $.rewardPerStake += Math.mulDiv(amount, SCALE, $.totalStake);
        emit Rewarded(msg.sender, amount);
    }

    /* OFFENCES */

    /// @inheritdoc IValidatorStaking
    function slash(Role role, address operator, Offence offence, address challenger)
        external
        nonReentrant
        returns (uint256)
    {
        bool allowed = offence == Offence.UnrevealedVote
            ? msg.sender == Predeploys.CLUSTER_REVIEW || msg.sender == Predeploys.JURY
            : offence == Offence.RejectedSketch && msg.sender == Predeploys.EPOCH_QUESTIONS;
        if (!allowed) revert NotReporter(msg.sender, offence);
        return _slash(role, operator, offence, challenger);
    }

    /// @inheritdoc IValidatorStaking
    function reportConflictingVotes(
        address operator,
        bytes32 round,
        bytes32 choiceA,
        bytes32 choiceB,
        bytes calldata signatureA,
        bytes calldata signatureB
    ) external nonReentrant returns (uint256 amount) {
        ValidatorStakingStorage storage $ = _stakingStorage();
        if (choiceA == choiceB) revert VotesAgree(round);
        if ($.reported[operator][round]) revert AlreadyReported(operator, round);
        _checkVote(operator, round, choiceA, signatureA);
        _checkVote(operator, round, choiceB, signatureB);

        $.reported[operator][round] = true;
        emit VotesConflicted(operator, round, choiceA, choiceB);
        amount = _slash(Role.Validator, operator, Offence.ConflictingVotes, msg.sender);
        if (amount == 0) revert NothingStaked(operator);
    }

    /// @inheritdoc IValidatorStaking
    function shareOf(Offence offence) public pure returns (uint256) {
        return offence == Offence.UnrevealedVote ? 100 : 1000;
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IValidatorStaking
    function stakeOf(Role role, address operator) public view returns (uint256) {
        Pool storage pool = _pool(role, operator);
        return pool.registered ? pool.stake.assets : 0;
    }

    /// @inheritdoc IValidatorStaking
    function isActive(Role role, address operator) external view returns (bool) {
        return _pool(role, operator).registered && stakeOf(role, operator) >= _minStake(role);
    }

    /// @inheritdoc IValidatorStaking
    function draw(bytes32 seed, uint256 n, uint256 time, address[] calldata excluded)
        external
        view
        returns (address[] memory)
    {
        if (excluded.length > MAX_EXCLUDED) revert InvalidLength(excluded.length, MAX_EXCLUDED);
        return _stakingStorage().seats.draw(seed, n, time, parameter(VALIDATOR_STAKE_MIN), excluded);
    }

    /// @inheritdoc IValidatorStaking
    function hashVote(bytes32 round, bytes32 choice) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VOTE_TYPEHASH, round, choice)));
    }

    /// @inheritdoc IValidatorStaking
    function validators() external view returns (address[] memory operators, uint256[] memory stakes) {
        return _stakingStorage().seats.list();
    }

    /// @inheritdoc IValidatorStaking
    function poolOf(Role role, address operator) external view returns (PoolState memory) {
        Pool storage pool = _pool(role, operator);
        (, uint256 commission,) = _accrued(pool);
        return PoolState({
            registered: pool.registered,
            commissionBps: pool.commissionBps,
            stake: pool.stake.assets,
            shares: pool.stake.shares,
            leaving: pool.unbonding[pool.generation].assets,
            commission: commission
        });
    }

    /// @inheritdoc IValidatorStaking
    function positionOf(Role role, address operator, address account)
        external
        view
        returns (uint256 shares, uint256 stake, uint256 rewards)
    {
        Pool storage pool = _pool(role, operator);
        Position storage position = pool.positions[account];
        (,, uint256 rewardPerShare) = _accrued(pool);
        shares = position.shares;
        stake = pool.stake.worth(shares);
        rewards = position.rewards + Math.mulDiv(shares, rewardPerShare - position.rewardPerShare, SCALE);
    }

    /// @inheritdoc IValidatorStaking
    function leavingOf(Role role, address operator, address account) external view returns (Leaving[] memory parts) {
        Pool storage pool = _pool(role, operator);
        Part[] storage leaving = pool.positions[account].leaving;
        parts = new Leaving[](leaving.length);
        for (uint256 i = 0; i < parts.length; ++i) {
            Part memory part = leaving[i];
            parts[i] = Leaving({amount: pool.unbonding[part.generation].worth(part.shares), releaseAt: part.releaseAt});
        }
    }

    /// @inheritdoc IValidatorStaking
    function totalStake() external view returns (uint256) {
        return _stakingStorage().totalStake;
    }

    /// @inheritdoc IValidatorStaking
    function holdings() external view returns (uint256 stake, uint256 rewards) {
        ValidatorStakingStorage storage $ = _stakingStorage();
        return ($.stakeHeld, $.rewardsHeld);
    }

    /// @inheritdoc IValidatorStaking
    function minUnbonding() public view returns (uint256) {
        return _window(Predeploys.INFERENCE_ROUTER, "epochSeconds")
            + _window(Predeploys.EPOCH_SETTLEMENT, "proposalSeconds")
            + _window(Predeploys.EPOCH_SETTLEMENT, "renewalSeconds")
            + _window(Predeploys.EPOCH_SETTLEMENT, "challengeSeconds") + _window(Predeploys.JURY, "drawSeconds")
            + _window(Predeploys.JURY, "commitSeconds") + _window(Predeploys.JURY, "revealSeconds")
            + _window(Predeploys.JURY, "tallySeconds");
    }

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](6);
        all[0] = Bounds({name: UNBONDING_SECONDS, initial: 14 days, min: 10 seconds, max: 60 days});
        all[1] = Bounds({name: VALIDATOR_STAKE_MIN, initial: 10_000 ether, min: 1 ether, max: 10_000_000 ether});
        all[2] = Bounds({name: WORKER_STAKE_MIN, initial: 1000 ether, min: 1 ether, max: 1_000_000 ether});
        all[3] = Bounds({name: DELEGATION_MIN, initial: 1 ether, min: 0.001 ether, max: 1000 ether});
        all[4] = Bounds({name: VALIDATORS_MAX, initial: 128, min: 7, max: MAX_SEATS});
        all[5] = Bounds({name: COMMISSION_MAX_BPS, initial: 5000, min: 0, max: BASIS_POINTS});
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* POOLS AND POSITIONS */

    /// @dev Adds `msg.value` to the caller's position. The caller of this function counts it in `totalStake`.
    function _deposit(Role role, address operator, Pool storage pool) private returns (uint256 shares) {
        if (pool.stake.isRuined()) revert PoolRuined(role, operator);
        Position storage position = pool.positions[msg.sender];
        _settle(pool);
        _settle(pool, position);
        shares = pool.stake.deposit(msg.value);
        position.shares += shares.toUint128();
        _stakingStorage().stakeHeld += msg.value;
        emit Delegated(role, operator, msg.sender, msg.value, shares);
    }

    function _undelegate(Role role, address operator, address account, uint256 shares)
        private
        returns (uint256 amount)
    {
        Pool storage pool = _pool(role, operator);
        Position storage position = pool.positions[account];
        if (shares > position.shares) revert NotEnoughShares(position.shares, shares);
        _settle(pool);
        _settle(pool, position);
        amount = pool.stake.redeem(shares);
        position.shares -= shares.toUint128();
        if (pool.registered) {
            _stakingStorage().totalStake -= amount;
            _recordStake(role, operator, pool);
        }

        uint256 releaseAt = block.timestamp + parameter(UNBONDING_SECONDS);
        emit Undelegated(role, operator, account, amount, shares, releaseAt);
        // Shares that slashes have left nothing of.
        if (amount == 0) return 0;
        if (position.leaving.length == MAX_LEAVING) revert TooManyLeaving(MAX_LEAVING);
        if (pool.unbonding[pool.generation].isRuined()) ++pool.generation;
        uint256 parts = pool.unbonding[pool.generation].deposit(amount);
        position.leaving
            .push(Part({shares: parts.toUint128(), releaseAt: releaseAt.toUint48(), generation: pool.generation}));
    }

    /// @dev Ends an operator's work. Its pool keeps its stake.
    function _deregister(Role role, address operator, Pool storage pool, address evictedBy) private {
        _settle(pool);
        pool.registered = false;
        ValidatorStakingStorage storage $ = _stakingStorage();
        $.totalStake -= pool.stake.assets;
        if (role == Role.Validator) $.seats.vacate(pool.seat);
        emit Exited(role, operator, evictedBy);
    }

    /// @dev Gives a pool its rewards until now, and its operator the commission.
    function _settle(Pool storage pool) private {
        (uint256 earned, uint256 commission, uint256 rewardPerShare) = _accrued(pool);
        if (pool.registered) pool.rewardPerStake = _stakingStorage().rewardPerStake;
        if (earned == 0) return;
        pool.commission = commission.toUint128();
        pool.rewardPerShare = rewardPerShare;
    }

    function _settle(Pool storage pool, Position storage position) private {
        uint256 rewards = Math.mulDiv(position.shares, pool.rewardPerShare - position.rewardPerShare, SCALE);
        position.rewards += rewards.toUint128();
        position.rewardPerShare = pool.rewardPerShare;
    }

    /// @dev What a pool has earned since it was last settled, and its commission and rewards of a share with that.
    function _accrued(Pool storage pool)
        private
        view
        returns (uint256 earned, uint256 commission, uint256 rewardPerShare)
    {
        (commission, rewardPerShare) = (pool.commission, pool.rewardPerShare);
        if (pool.registered) {
            uint256 perStake = _stakingStorage().rewardPerStake - pool.rewardPerStake;
            earned = Math.mulDiv(pool.stake.assets, perStake, SCALE);
        }
        if (earned != 0) {
            uint256 part = earned * pool.commissionBps / BASIS_POINTS;
            commission += part;
            // A pool that earns has stake, and stake has shares.
            rewardPerShare += Math.mulDiv(earned - part, SCALE, pool.stake.shares);
        }
    }

    function _checkOwnStake(Role role, address operator, Pool storage pool) private view {
        uint256 own = pool.stake.worth(pool.positions[operator].shares);
        uint256 min = _minStake(role);
        if (own < min) revert StakeTooSmall(own, min);
    }

    /* SEATS */

    /// @dev Gives a validator a free seat, or the one with the least stake.
    function _takeSeat(address operator, Pool storage pool) private {
        (uint256 seat, address evicted) = _stakingStorage().seats.choose(pool.stake.assets, parameter(VALIDATORS_MAX));
        if (evicted != address(0)) {
            _deregister(Role.Validator, evicted, _pool(Role.Validator, evicted), operator);
        }
        pool.seat = seat.toUint16();
        _recordStake(Role.Validator, operator, pool);
    }

    /// @dev Writes a working validator's stake to its seat.
    function _recordStake(Role role, address operator, Pool storage pool) private {
        if (role == Role.Validator) _stakingStorage().seats.record(pool.seat, operator, pool.stake.assets);
    }

    /* SLASHING */

    function _slash(Role role, address operator, Offence offence, address challenger) private returns (uint256 taken) {
        Pool storage pool = _pool(role, operator);
        _settle(pool);
        uint256 share = shareOf(offence);
        uint256 working = pool.stake.lose(share);
        taken = working + pool.unbonding[pool.generation].lose(share);
        if (taken == 0) return 0;

        ValidatorStakingStorage storage $ = _stakingStorage();
        $.stakeHeld -= taken;
        if (pool.registered) {
            $.totalStake -= working;
            _recordStake(role, operator, pool);
        }
        emit Slashed(role, operator, offence, taken, challenger);

        uint256 prize = challenger == address(0) ? 0 : taken / 2;
        new Burner{value: taken - prize}();
        if (prize != 0) IClaimVault(Predeploys.CLAIM_VAULT).credit{value: prize}(challenger);
    }

    function _checkVote(address operator, bytes32 round, bytes32 choice, bytes calldata signature) private view {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(hashVote(round, choice), signature);
        if (failure != ECDSA.RecoverError.NoError || signer != operator) revert InvalidSignature(operator, choice);
    }

    /* PARAMETERS */

    function _minStake(Role role) private view returns (uint256) {
        return parameter(role == Role.Validator ? VALIDATOR_STAKE_MIN : WORKER_STAKE_MIN);
    }

    function _checkParameters() internal view override {
        if (parameter(UNBONDING_SECONDS) < minUnbonding()) {
            revert ParametersConflict(UNBONDING_SECONDS, "challengeSeconds");
        }
    }

    /// @dev A window of another contract; 0 if that one isn't initialised, as at genesis. Those that come later check the relation.
    function _window(address where, bytes32 name) private view returns (uint256) {
        if (where.code.length == 0) return 0;
        try IParameterized(where).parameter(name) returns (uint256 value) {
            return value;
        } catch {
            return 0;
        }
    }

    function _pool(Role role, address operator) private view returns (Pool storage) {
        return _stakingStorage().pools[role][operator];
    }

    function _stakingStorage() private pure returns (ValidatorStakingStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
