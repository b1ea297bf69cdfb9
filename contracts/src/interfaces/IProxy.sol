// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title IProxy
/// @notice ERC-1967 proxy with a transparent admin: the admin's calls reach the functions below, everybody else's calls
///         are delegated to the implementation, whatever their selector. Calls from the zero address count as the
///         admin's: nobody can sign for it, and it is the sender of an `eth_call` that names none.
interface IProxy {
    /// @notice The implementation became `implementation`.
    event Upgraded(address indexed implementation);

    /// @notice The admin changed.
    event AdminChanged(address previousAdmin, address newAdmin);

    /// @notice A call was to be delegated before an implementation was set.
    error ProxyWithoutImplementation();

    /// @notice `implementation` has no code.
    error ImplementationWithoutCode(address implementation);

    /// @notice The zero address cannot be admin.
    error ZeroAdmin();

    /// @notice Sets the implementation. Admin only.
    /// @param newImplementation Address with code.
    function upgradeTo(address newImplementation) external;

    /// @notice Sets the implementation and calls it in the proxy's context, passing on the value sent. Admin only.
    /// @param newImplementation Address with code.
    /// @param data              Calldata of the call.
    /// @return What the call returned.
    function upgradeToAndCall(address newImplementation, bytes calldata data) external payable returns (bytes memory);

    /// @notice Hands the proxy to another admin. Admin only.
    function changeAdmin(address newAdmin) external;

    /// @notice Current admin. Admin only; others are delegated.
    function admin() external returns (address);

    /// @notice Current implementation. Admin only; others are delegated.
    function implementation() external returns (address);
}
