// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IClaimVault
/// @notice What is owed to whom, and bonds. Payees are addresses; an address may give its place to another one, with all its claims.
interface IClaimVault {
    /// @notice A payee is owed more: `payee` holds the place that was credited.
    event Credited(address indexed payee, address indexed from, uint256 amount);
    /// @notice A payee was paid all that it was owed.
    event Claimed(address indexed payee, address indexed caller, uint256 amount);
    /// @notice A bond grew.
    event Held(address indexed holder, bytes32 indexed id, uint256 amount);
    /// @notice A part of a bond was credited to a payee.
    event PaidOut(address indexed holder, bytes32 indexed id, address indexed payee, uint256 amount);
    /// @notice A part of a bond was burnt.
    event BondBurnt(address indexed holder, bytes32 indexed id, uint256 amount);
    /// @notice `to` has `from`'s place, and its claims.
    event Rotated(address indexed from, address indexed to);

    /// @notice The zero address was credited, or an address that doesn't take its payment claimed.
    error InvalidPayee(address payee);
    /// @notice `msg.value` isn't the sum of the amounts.
    error WrongValue(uint256 given, uint256 expected);
    /// @notice A list is longer than `expected`, the limit, or not as long as the other one.
    error InvalidLength(uint256 length, uint256 expected);
    /// @notice The bond is smaller than what is taken of it.
    error BondTooSmall(bytes32 id, uint256 held, uint256 wanted);
    /// @notice The address has given its place away, or was to get one while it has somebody's, or had one.
    error NotRotatable(address account);
    /// @notice The signature isn't one by `signer` of this rotation.
    error InvalidSignature(address signer);
    /// @notice The deadline is over.
    error SignatureExpired(uint256 deadline);

    /// @notice Longest list of `creditMany` and `claimForMany`.
    function MAX_PAYEES() external view returns (uint256);

    /// @notice Gas that `claimForMany` gives each payee's code.
    function PAYMENT_GAS() external view returns (uint256);

    /// @notice Runs once, at genesis. There are no parameters.
    function initialize(Setting[] calldata settings) external;

    /// @notice Credits `msg.value` to the holder of `payee`'s place.
    /// @dev    Calls nobody. Reverts with `InvalidPayee` for the zero address, and for nothing else.
    function credit(address payee) external payable;

    /// @notice Credits several payees; `msg.value` is the sum.
    /// @dev    Reverts with `InvalidLength`, `WrongValue`, and `InvalidPayee` for the zero address.
    function creditMany(address[] calldata payees, uint256[] calldata amounts) external payable;

    /// @notice Pays the caller what it is owed. Nothing owed: pays nothing, and returns 0.
    /// @dev    Reverts with `InvalidPayee` if the caller doesn't take it.
    function claim() external returns (uint256);

    /// @notice Pays somebody what he is owed, to the holder of his place. Anyone may call it.
    /// @dev    Reverts with `InvalidPayee` if the holder doesn't take it.
    function claimFor(address payee) external returns (uint256);

    /// @notice `claimFor` of several; one that doesn't take its payment, or needs more than `PAYMENT_GAS`, keeps its claim, counts
    ///         as 0, and holds up nobody.
    /// @dev    Reverts with `InvalidLength`.
    function claimForMany(address[] calldata payees) external returns (uint256[] memory);

    /// @notice What the holder of `payee`'s place is owed, wei.
    function claimable(address payee) external view returns (uint256);

    /// @notice Adds `msg.value` to the caller's bond `id`.
    function hold(bytes32 id) external payable;

    /// @notice Takes of the caller's bond `id` and credits a payee.
    /// @dev    Reverts with `BondTooSmall`, `InvalidPayee`.
    function payOut(bytes32 id, address payee, uint256 amount) external;

    /// @notice Takes of the caller's bond `id` and burns it: the OPEN is gone for good.
    /// @dev    Reverts with `BondTooSmall`.
    function burn(bytes32 id, uint256 amount) external;

    /// @notice What is held under (holder, id), wei.
    function held(address holder, bytes32 id) external view returns (uint256);

    /// @notice Who holds the place of `account` now: itself, unless it gave it away.
    function holderOf(address account) external view returns (address);

    /// @notice Gives `from`'s place, with its claims and those places that it was given, to `to`, for good. Both sign
    ///         `Rotate(address from,address to,uint256 nonce,uint256 deadline)` (EIP-712, domain ("ClaimVault", "1")), by their key
    ///         or, having code, by ERC-1271. The nonce is `nonces(from)`; the deadline a time in seconds. Anyone may bring it.
    /// @dev    `to` must never have taken part in a rotation: what it was owed itself is then added to `from`'s. Reverts with
    ///         `SignatureExpired`, `NotRotatable`, `InvalidSignature`.
    function rotate(
        address from,
        address to,
        uint256 deadline,
        bytes calldata fromSignature,
        bytes calldata toSignature
    ) external;

    /// @notice The nonce of the next rotation of `account`.
    function nonces(address account) external view returns (uint256);

    /// @notice Makes the rotations that the caller has signed with its present nonce void.
    function invalidateNonce() external;
}
