// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Burner} from "../L2/Burner.sol";
import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {Setting} from "../interfaces/IParameterized.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {SeatTable, Seats} from "../libraries/Seats.sol";
import {SharePool, SharePools} from "../libraries/SharePools.sol";
import {StakePools} from "./StakePools.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title ValidatorStaking
/// @dev Stands behind a `Proxy`. `StakePools` says how stake and rewards move.
contract ValidatorStaking is StakePools, IVersioned, EIP712Upgradeable, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using Seats for SeatTable;
    using SharePools for SharePool;

    /* CONSTANTS */

    /// @inheritdoc IValidatorStaking
    uint256 public constant MAX_EXCLUDED = 32;

    bytes32 private constant VOTE_TYPEHASH = keccak256("Vote(bytes32 round,bytes32 choice)");

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

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
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
}
