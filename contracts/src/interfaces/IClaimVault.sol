// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IClaimVault
/// @notice What is owed to whom, and bonds. Payees are addresses; an address may give its place to another one, with all its claims.
interface IClaimVault {
    event Credited(address indexed payee, address indexed from, uint256 amount);
    event Claimed(address indexed payee, address indexed caller, uint256 amount);
    event Held(address indexed holder, bytes32 indexed id, uint256 amount);
    event PaidOut(address indexed holder, bytes32 indexed id, address indexed payee, uint256 amount);
    event BondBurnt(address indexed holder, bytes32 indexed id, uint256 amount);
    event Rotated(address indexed from, address indexed to);

    /// @notice The zero address, or an address that can't be paid, was named.
    error InvalidPayee(address payee);
    /// @notice `msg.value` isn't the sum of the amounts.
    error WrongValue(uint256 given, uint256 expected);
    /// @notice The lists differ in length, or are longer than the limit.
    error InvalidLength(uint256 length, uint256 expected);
    /// @notice The bond is smaller than what is taken of it.
    error BondTooSmall(bytes32 id, uint256 held, uint256 wanted);
    /// @notice The address has given its place away, or has somebody's already.
    error NotRotatable(address account);
    /// @notice The place was given away too often.
    error RotatedTooOften(address account);
    error InvalidSignature(address signer);
    error SignatureExpired(uint256 deadline);

    /// @notice Runs once, at genesis.
    function initialize(Setting[] calldata settings) external;

    /// @notice Credits `msg.value` to the holder of `payee`'s place.
    function credit(address payee) external payable;

    /// @notice Credits several payees; `msg.value` is the sum.
    function creditMany(address[] calldata payees, uint256[] calldata amounts) external payable;

    /// @notice Pays the caller what it is owed. Nothing owed: pays nothing, and returns 0.
    function claim() external returns (uint256);

    /// @notice Pays somebody what he is owed, to the holder of his place. Anyone may call it.
    function claimFor(address payee) external returns (uint256);

    /// @notice `claimFor` of several; one that can't be paid keeps its claim and holds up nobody.
    function claimForMany(address[] calldata payees) external returns (uint256[] memory);

    /// @notice What the holder of `payee`'s place is owed, wei.
    function claimable(address payee) external view returns (uint256);

    /// @notice Adds `msg.value` to the caller's bond `id`.
    function hold(bytes32 id) external payable;

    /// @notice Takes of the caller's bond `id` and credits a payee.
    function payOut(bytes32 id, address payee, uint256 amount) external;

    /// @notice Takes of the caller's bond `id` and burns it.
    function burn(bytes32 id, uint256 amount) external;

    /// @notice What is held under (holder, id), wei.
    function held(address holder, bytes32 id) external view returns (uint256);

    /// @notice Who holds the place of `account` now: itself, unless it gave it away.
    function holderOf(address account) external view returns (address);

    /// @notice Gives `from`'s place, claims included, to `to`. Both sign `Rotate(address from,address to,uint256 nonce,uint256
    ///         deadline)`, EIP-712 or ERC-1271, domain ("ClaimVault", "1"); the nonce is `nonces(from)`.
    function rotate(
        address from,
        address to,
        uint256 deadline,
        bytes calldata fromSignature,
        bytes calldata toSignature
    ) external;

    /// @notice The nonce of the next rotation of `account`.
    function nonces(address account) external view returns (uint256);
}
