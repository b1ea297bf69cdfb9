// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Bounds, IParameterized} from "../interfaces/IParameterized.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {SeatTable, Seats} from "../libraries/Seats.sol";
import {SharePool, SharePools} from "../libraries/SharePools.sol";
import {Parameterized} from "./Parameterized.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title StakePools
/// @notice Part of `ValidatorStaking`: storage and parameters, how stake and rewards move between pools and positions, seats.
/// @dev Rewards reach an account by two accumulators: per wei of all working stake, and per share of a pool. A pool takes what it
///      earned before its stake changes, a position before its shares do. Every division rounds down, so that what is owed
///      never exceeds what is held.
abstract contract StakePools is IValidatorStaking, Parameterized {
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

    bytes32 internal constant UNBONDING_SECONDS = "unbondingSeconds";
    bytes32 internal constant VALIDATOR_STAKE_MIN = "validatorStakeMin";
    bytes32 internal constant WORKER_STAKE_MIN = "workerStakeMin";
    bytes32 internal constant DELEGATION_MIN = "delegationMin";
    bytes32 internal constant VALIDATORS_MAX = "validatorsMax";
    bytes32 internal constant COMMISSION_MAX_BPS = "commissionMaxBps";

    uint256 internal constant BASIS_POINTS = 10_000;

    /// @dev Fixed point of the accumulators.
    uint256 internal constant SCALE = 1 << 128;

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

    /* PARAMETERS */

    /// @inheritdoc IValidatorStaking
    function minUnbonding() public view returns (uint256) {
        uint256 review =
            _window(Predeploys.CLUSTER_REVIEW, "commitSeconds") + _window(Predeploys.CLUSTER_REVIEW, "revealSeconds");
        uint256 settlement = _window(Predeploys.INFERENCE_ROUTER, "epochSeconds")
            + _window(Predeploys.EPOCH_SETTLEMENT, "proposalSeconds")
            + _window(Predeploys.EPOCH_SETTLEMENT, "renewalSeconds")
            + _window(Predeploys.EPOCH_SETTLEMENT, "challengeSeconds") + _window(Predeploys.JURY, "drawSeconds")
            + _window(Predeploys.JURY, "commitSeconds") + _window(Predeploys.JURY, "revealSeconds")
            + _window(Predeploys.JURY, "tallySeconds");
        return Math.max(settlement, review);
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

    function _minStake(Role role) internal view returns (uint256) {
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

    /* POOLS AND POSITIONS */

    /// @dev Adds `msg.value` to the caller's position. The caller of this function counts it in `totalStake`.
    function _deposit(Role role, address operator, Pool storage pool) internal returns (uint256 shares) {
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
        internal
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
    function _deregister(Role role, address operator, Pool storage pool, address evictedBy) internal {
        _settle(pool);
        pool.registered = false;
        ValidatorStakingStorage storage $ = _stakingStorage();
        $.totalStake -= pool.stake.assets;
        if (role == Role.Validator) $.seats.vacate(pool.seat);
        emit Exited(role, operator, evictedBy);
    }

    /// @dev Gives a pool its rewards until now, and its operator the commission.
    function _settle(Pool storage pool) internal {
        (uint256 earned, uint256 commission, uint256 rewardPerShare) = _accrued(pool);
        if (pool.registered) pool.rewardPerStake = _stakingStorage().rewardPerStake;
        if (earned == 0) return;
        pool.commission = commission.toUint128();
        pool.rewardPerShare = rewardPerShare;
    }

    function _settle(Pool storage pool, Position storage position) internal {
        uint256 rewards = Math.mulDiv(position.shares, pool.rewardPerShare - position.rewardPerShare, SCALE);
        position.rewards += rewards.toUint128();
        position.rewardPerShare = pool.rewardPerShare;
    }

    /// @dev What a pool has earned since it was last settled, and its commission and rewards of a share with that.
    function _accrued(Pool storage pool)
        internal
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

    function _checkOwnStake(Role role, address operator, Pool storage pool) internal view {
        uint256 own = pool.stake.worth(pool.positions[operator].shares);
        uint256 min = _minStake(role);
        if (own < min) revert StakeTooSmall(own, min);
    }

    /* SEATS */

    /// @dev Gives a validator a free seat, or the one with the least stake.
    function _takeSeat(address operator, Pool storage pool) internal {
        (uint256 seat, address evicted) = _stakingStorage().seats.choose(pool.stake.assets, parameter(VALIDATORS_MAX));
        if (evicted != address(0)) {
            _deregister(Role.Validator, evicted, _pool(Role.Validator, evicted), operator);
        }
        pool.seat = seat.toUint16();
        _recordStake(Role.Validator, operator, pool);
    }

    /// @dev Writes a working validator's stake to its seat.
    function _recordStake(Role role, address operator, Pool storage pool) internal {
        if (role == Role.Validator) _stakingStorage().seats.record(pool.seat, operator, pool.stake.assets);
    }

    /* STORAGE OF A POOL */

    function _pool(Role role, address operator) internal view returns (Pool storage) {
        return _stakingStorage().pools[role][operator];
    }

    function _stakingStorage() internal pure returns (ValidatorStakingStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
