// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title INativePrecompile
/// @notice What the chain's native precompiles have in common. They are called by CALL and STATICCALL, take no value, call
///         nobody, and accept exactly the calldata that `abi.encode` gives, at most 131,072 bytes. A refusal reverts with one
///         of the errors declared by the precompile's interface and returns the gas that is left; a call that runs out of
///         gas takes all of it.
///
///         Checks come in this order: call scheme, value, gas of the call, calldata, static write, pause, existence,
///         authority, then the function's own.
interface INativePrecompile {
    /// @notice The call is a DELEGATECALL or CALLCODE.
    error BadCallScheme();

    /// @notice The call brings value.
    error NoValue();

    /// @notice The calldata is too long, has an unknown selector, or isn't what `abi.encode` gives for any arguments.
    error BadAbi();

    /// @notice The function writes state, and the call is static.
    error StaticWrite();

    /// @notice The caller may not do this.
    error Unauthorized(address caller);

    /// @notice The address of the page to be written has code or a nonce already.
    error PageOccupied(address page);
}
