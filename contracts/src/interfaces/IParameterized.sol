// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice A value for a parameter.
struct Setting {
    bytes32 name;
    uint256 value;
}

/// @notice What a parameter may be.
struct Bounds {
    bytes32 name;
    uint256 initial;
    uint256 min;
    uint256 max;
}

/// @title IParameterized
/// @notice A contract with named numbers that governance may change within bounds. Names are ASCII, left-aligned; units are
///         part of the contract's documentation: seconds, wei, basis points.
interface IParameterized {
    /// @notice A parameter has a new value, at genesis or later.
    event ParameterSet(bytes32 indexed name, uint256 value);

    /// @notice The contract has no such parameter.
    error UnknownParameter(bytes32 name);

    /// @notice The value is outside of the parameter's bounds.
    error ParameterOutOfBounds(bytes32 name, uint256 value, uint256 min, uint256 max);

    /// @notice The value does not go with that of another parameter.
    error ParametersConflict(bytes32 name, bytes32 other);

    /// @notice Only `ParamTimelock` sets parameters.
    error NotParamTimelock(address caller);

    /// @notice Value of a parameter.
    /// @dev    Reverts with `UnknownParameter`.
    function parameter(bytes32 name) external view returns (uint256);

    /// @notice All parameters with default and bounds, in the order of docs/spec/parameters.md.
    function parameters() external view returns (Bounds[] memory);

    /// @notice Sets a parameter.
    /// @dev    Reverts with `NotParamTimelock`, `UnknownParameter`, `ParameterOutOfBounds`, `ParametersConflict`.
    function setParameter(bytes32 name, uint256 value) external;
}
