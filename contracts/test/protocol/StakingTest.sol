// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "./ProtocolTest.sol";

/// @notice What tests of staked validators start with.
abstract contract StakingTest is ProtocolTest {
    IValidatorStaking.Role internal constant VALIDATOR = IValidatorStaking.Role.Validator;
    IValidatorStaking.Role internal constant WORKER = IValidatorStaking.Role.Worker;
    IValidatorStaking.Offence internal constant UNREVEALED = IValidatorStaking.Offence.UnrevealedVote;
    IValidatorStaking.Offence internal constant CONFLICTING = IValidatorStaking.Offence.ConflictingVotes;
    IValidatorStaking.Offence internal constant REJECTED = IValidatorStaking.Offence.RejectedSketch;

    uint256 internal constant MIN_STAKE = 10_000 ether;
    uint256 internal constant UNBONDING = 14 days;

    IValidatorStaking internal constant staking = IValidatorStaking(Predeploys.VALIDATOR_STAKING);
    IClaimVault internal constant vault = IClaimVault(Predeploys.CLAIM_VAULT);

    function setUp() public virtual override {
        super.setUp();
        vm.warp(1_800_000_000);
        vm.roll(1000);
    }

    function _register(IValidatorStaking.Role role, address operator, uint16 commissionBps, uint256 stake) internal {
        vm.deal(operator, operator.balance + stake);
        vm.prank(operator);
        staking.register{value: stake}(role, commissionBps);
    }

    function _delegate(IValidatorStaking.Role role, address operator, address account, uint256 amount)
        internal
        returns (uint256)
    {
        vm.deal(account, account.balance + amount);
        vm.prank(account);
        return staking.delegate{value: amount}(role, operator);
    }

    function _undelegate(IValidatorStaking.Role role, address operator, address account, uint256 shares)
        internal
        returns (uint256)
    {
        vm.prank(account);
        return staking.undelegate(role, operator, account, shares);
    }

    function _exit(IValidatorStaking.Role role, address operator) internal {
        vm.prank(operator);
        staking.exit(role, operator);
    }

    function _slashWorker(address operator, address challenger) internal returns (uint256) {
        vm.prank(Predeploys.EPOCH_QUESTIONS);
        return staking.slash(WORKER, operator, REJECTED, challenger);
    }

    function _slashValidator(address operator, address challenger) internal returns (uint256) {
        vm.prank(Predeploys.JURY);
        return staking.slash(VALIDATOR, operator, UNREVEALED, challenger);
    }

    function _reward(uint256 amount) internal {
        vm.deal(address(this), amount);
        staking.reward{value: amount}();
    }

    function _shares(IValidatorStaking.Role role, address operator, address account) internal view returns (uint256 n) {
        (n,,) = staking.positionOf(role, operator, account);
    }

    function _stake(IValidatorStaking.Role role, address operator, address account) internal view returns (uint256 n) {
        (, n,) = staking.positionOf(role, operator, account);
    }

    function _rewards(IValidatorStaking.Role role, address operator, address account)
        internal
        view
        returns (uint256 n)
    {
        (,, n) = staking.positionOf(role, operator, account);
    }

    /// @dev `n` validators with a key each, `validator 0` and so on, with this stake.
    function _validators(uint256 n, uint256 stake) internal returns (address[] memory list, uint256[] memory keys) {
        list = new address[](n);
        keys = new uint256[](n);
        for (uint256 i = 0; i < n; ++i) {
            (list[i], keys[i]) = makeAddrAndKey(string.concat("validator ", vm.toString(i)));
            _register(VALIDATOR, list[i], 0, stake);
        }
    }

    /// @dev Signature of a vote, its hash built here from EIP-712.
    function _signVote(uint256 key, bytes32 round, bytes32 choice) internal view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("ValidatorStaking"),
                keccak256("1"),
                block.chainid,
                address(staking)
            )
        );
        bytes32 message = keccak256(abi.encode(keccak256("Vote(bytes32 round,bytes32 choice)"), round, choice));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked("\x19\x01", domain, message)));
        return abi.encodePacked(r, s, v);
    }
}
