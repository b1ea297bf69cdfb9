// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";

/// @title IDatanetRegistry
/// @notice Datanets, contributions, their review, and who owns which cluster.
interface IDatanetRegistry {
    function initialize(Setting[] calldata settings) external;

    /// @notice The space of a Datanet, as sketch sets and adapters name it.
    function spaceOf(uint256 datanet) external view returns (bytes32);

    /// @notice The Datanet of a space; 0 if there is none.
    function datanetOf(bytes32 space) external view returns (uint256);

    /// @notice Whether a cluster of a space may earn: it exists and its review did not reject it.
    function isEligible(bytes32 space, uint32 cluster) external view returns (bool);

    /// @notice Who is paid for a cluster in an epoch: its owner, and the Datanet's owner with his share in basis points.
    function payeesOf(bytes32 space, uint32 cluster, uint64 epoch)
        external
        view
        returns (address owner, address datanetOwner, uint16 datanetBps);

    /// @notice Divides `msg.value` equally among the accepted clusters of a space, who take it later. No accepted cluster, or no
    ///         such space: it goes to the treasury.
    function distribute(bytes32 space) external payable;

    /// @notice Whether the terms of the Datanet of a space let an adapter with this licence be offered.
    function licenceAllows(bytes32 space, bytes32 licence) external view returns (bool);
}
