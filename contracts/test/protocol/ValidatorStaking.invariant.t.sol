// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {StakingTest} from "./StakingTest.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Stakes, leaves, earns and is slashed at random, and counts what came in and went out.
contract ValidatorStakingHandler is Test {
    IValidatorStaking private constant staking = IValidatorStaking(Predeploys.VALIDATOR_STAKING);
    IClaimVault private constant vault = IClaimVault(Predeploys.CLAIM_VAULT);
    uint256 private constant ACCOUNTS = 5;

    /// @dev The first three are operators now and then; all delegate.
    address[] public accounts;
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public slashed;
    uint256 public undivided;

    constructor() {
        for (uint256 i = 0; i < ACCOUNTS; ++i) {
            accounts.push(makeAddr(string.concat("account ", vm.toString(i))));
        }
    }

    function register(uint256 who, bool worker, uint96 amount, uint16 commissionBps) external {
        address operator = _operator(who);
        amount = uint96(bound(amount, 0, 50_000 ether));
        vm.deal(operator, amount);
        vm.prank(operator);
        try staking.register{value: amount}(_role(worker), commissionBps % 6000) {
            paidIn += amount;
        } catch {}
    }

    function exit(uint256 who, bool worker) external {
        address operator = _operator(who);
        vm.prank(operator);
        try staking.exit(_role(worker), operator) {} catch {}
    }

    function delegate(uint256 who, uint256 to, bool worker, uint96 amount) external {
        address account = accounts[who % ACCOUNTS];
        amount = uint96(bound(amount, 0.9 ether, 1e26));
        vm.deal(account, amount);
        vm.prank(account);
        try staking.delegate{value: amount}(_role(worker), _operator(to)) {
            paidIn += amount;
        } catch {}
    }

    function undelegate(uint256 who, uint256 from, bool worker, uint256 shares) external {
        address account = accounts[who % ACCOUNTS];
        (uint256 held,,) = staking.positionOf(_role(worker), _operator(from), account);
        vm.prank(account);
        try staking.undelegate(_role(worker), _operator(from), account, bound(shares, 0, held)) {} catch {}
    }

    function withdraw(uint256 who, uint256 from, bool worker) external {
        address account = accounts[who % ACCOUNTS];
        uint256 before = vault.claimable(account);
        uint256 amount = staking.withdraw(_role(worker), _operator(from), account);
        assertEq(vault.claimable(account), before + amount, "withdraw");
        paidOut += amount;
    }

    function claimRewards(uint256 who, uint256 from, bool worker) external {
        address account = accounts[who % ACCOUNTS];
        uint256 before = vault.claimable(account);
        uint256 amount = staking.claimRewards(_role(worker), _operator(from), account);
        assertEq(vault.claimable(account), before + amount, "rewards");
        assertEq(staking.claimRewards(_role(worker), _operator(from), account), 0, "twice");
        paidOut += amount;
    }

    function reward(uint96 amount) external {
        undivided = staking.totalStake() == 0 ? undivided + amount : 0;
        vm.deal(address(this), amount);
        staking.reward{value: amount}();
        paidIn += amount;
    }

    function slash(uint256 who, bool worker, bool challenged, uint8 times) external {
        address operator = _operator(who);
        IValidatorStaking.Role role = _role(worker);
        bool rejected = times % 2 == 0;
        for (uint256 i = 0; i < 1 + times % 4; ++i) {
            uint256 held = staking.poolOf(role, operator).stake + staking.poolOf(role, operator).leaving;
            vm.prank(rejected ? Predeploys.EPOCH_QUESTIONS : Predeploys.JURY);
            uint256 amount = staking.slash(
                role,
                operator,
                rejected ? IValidatorStaking.Offence.RejectedSketch : IValidatorStaking.Offence.UnrevealedVote,
                challenged ? address(this) : address(0)
            );
            assertLe(amount, held / (rejected ? 10 : 100), "more than the share");
            slashed += amount;
        }
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + bound(time, 1 hours, 20 days));
    }

    function count() external view returns (uint256) {
        return accounts.length;
    }

    function _operator(uint256 who) private view returns (address) {
        return accounts[who % 3];
    }

    function _role(bool worker) private pure returns (IValidatorStaking.Role) {
        return worker ? IValidatorStaking.Role.Worker : IValidatorStaking.Role.Validator;
    }
}

/// @dev VS4, VS12, VS13: contracts/PROPERTIES.md.
/// forge-config: default.invariant.runs = 48
/// forge-config: default.invariant.fail-on-revert = true
contract ValidatorStakingInvariantTest is StakingTest {
    ValidatorStakingHandler private handler;

    function setUp() public override {
        super.setUp();
        _setParameter(address(staking), "validatorStakeMin", 1 ether);
        _setParameter(address(staking), "workerStakeMin", 1 ether);
        handler = new ValidatorStakingHandler();
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = ValidatorStakingHandler.register.selector;
        selectors[1] = ValidatorStakingHandler.exit.selector;
        selectors[2] = ValidatorStakingHandler.delegate.selector;
        selectors[3] = ValidatorStakingHandler.undelegate.selector;
        selectors[4] = ValidatorStakingHandler.withdraw.selector;
        selectors[5] = ValidatorStakingHandler.claimRewards.selector;
        selectors[6] = ValidatorStakingHandler.reward.selector;
        selectors[7] = ValidatorStakingHandler.slash.selector;
        selectors[8] = ValidatorStakingHandler.pass.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
        targetContract(address(handler));
        // Every run begins with stake in both roles, so that few calls fail.
        for (uint256 i = 0; i < 3; ++i) {
            handler.register(i, true, 20_000 ether, 500);
            handler.register(i, false, 20_000 ether, 500);
        }
    }

    function invariant_stake_isConserved() public view {
        (uint256 stakeHeld, uint256 rewardsHeld) = staking.holdings();
        assertEq(address(staking).balance, stakeHeld + rewardsHeld, "balance");
        assertEq(handler.paidIn(), stakeHeld + rewardsHeld + handler.paidOut() + handler.slashed(), "conservation");
    }

    /// @dev Once a run, since it reads every position.
    function afterInvariant() public view {
        (uint256 stakeHeld, uint256 rewardsHeld) = staking.holdings();
        uint256 stake;
        uint256 working;
        uint256 owed = handler.undivided();
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 r = 0; r < 2; ++r) {
                (uint256 its, uint256 rewards) = _checkPool(IValidatorStaking.Role(r), handler.accounts(i));
                stake += its;
                owed += rewards;
                working += staking.stakeOf(IValidatorStaking.Role(r), handler.accounts(i));
            }
        }
        assertEq(stakeHeld, stake, "stake of pools");
        assertEq(staking.totalStake(), working, "working stake");
        assertLe(owed, rewardsHeld, "more owed than held");
        // A division loses less than a wei, and a call makes at most a dozen.
        assertLe(rewardsHeld - owed, 1000, "dust");
        _checkSeats();
    }

    function _checkSeats() private view {
        (address[] memory operators, uint256[] memory stakes) = staking.validators();
        uint256 registered;
        for (uint256 i = 0; i < handler.count(); ++i) {
            if (staking.poolOf(VALIDATOR, handler.accounts(i)).registered) ++registered;
        }
        assertEq(operators.length, registered);
        for (uint256 i = 0; i < operators.length; ++i) {
            assertTrue(staking.poolOf(VALIDATOR, operators[i]).registered);
            assertEq(stakes[i], staking.stakeOf(VALIDATOR, operators[i]));
        }
    }

    /// @dev Stake of a pool, leaving stake included, and its rewards, after comparing them with the positions'.
    function _checkPool(IValidatorStaking.Role role, address operator)
        private
        view
        returns (uint256 stake, uint256 rewards)
    {
        IValidatorStaking.PoolState memory pool = staking.poolOf(role, operator);
        assertGe(pool.shares, pool.stake, "a share above a wei");
        uint256 shares;
        uint256 worth;
        uint256 leaving;
        rewards = pool.commission;
        for (uint256 i = 0; i < handler.count(); ++i) {
            (uint256 its, uint256 value, uint256 earned) = staking.positionOf(role, operator, handler.accounts(i));
            shares += its;
            worth += value;
            rewards += earned;
            IValidatorStaking.Leaving[] memory parts = staking.leavingOf(role, operator, handler.accounts(i));
            for (uint256 j = 0; j < parts.length; ++j) {
                leaving += parts[j].amount;
            }
        }
        assertEq(shares, pool.shares, "shares of positions");
        assertLe(worth, pool.stake, "worth of positions");
        assertLe(pool.stake - worth, handler.count(), "rounding of positions");
        assertLe(leaving, pool.leaving, "leaving parts");
        assertLe(pool.leaving - leaving, handler.count() * staking.MAX_LEAVING(), "rounding of leaving parts");
        stake = pool.stake + pool.leaving;
    }
}
