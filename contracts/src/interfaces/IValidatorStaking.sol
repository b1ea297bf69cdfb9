// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IValidatorStaking
/// @notice Stake of validators and workers, own and delegated; offences; rewards; draws by stake.
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

    event Slashed(
        Role indexed role, address indexed operator, Offence indexed offence, uint256 amount, address challenger
    );

    /// @notice Only the contract that the list names for an offence may report it.
    error NotReporter(address caller, Offence offence);

    function initialize(Setting[] calldata settings) external;

    /// @notice Stake that works for an operator now, own and delegated, without what is leaving, wei.
    function stakeOf(Role role, address operator) external view returns (uint256);

    /// @notice Whether an operator may work: registered, not leaving, with at least the least stake.
    function isActive(Role role, address operator) external view returns (bool);

    /// @notice Takes the offence's share of an operator's stake, leaving stake included; halves it between burning and the
    ///         challenger (zero: all is burnt). Returns what was taken. An unknown operator: 0.
    /// @dev    Reverts with `NotReporter`.
    function slash(Role role, address operator, Offence offence, address challenger) external returns (uint256);

    /// @notice Divides `msg.value` among all stake of both roles.
    function reward() external payable;

    /// @notice Draws `n` distinct active validators by stake from a seed; fewer if there are no more. `excluded` aren't drawn.
    function draw(bytes32 seed, uint256 n, address[] calldata excluded) external view returns (address[] memory);

    /// @notice EIP-712 hash of `Vote(bytes32 round,bytes32 choice)`, domain ("ValidatorStaking", "1"). What a validator signs
    ///         when it commits to a choice; two for one round are an offence.
    function hashVote(bytes32 round, bytes32 choice) external view returns (bytes32);
}
