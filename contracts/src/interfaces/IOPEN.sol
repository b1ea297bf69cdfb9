// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title IOPEN
/// @notice OPEN on L1: an ERC-20 with 18 decimals, permits (ERC-2612) and votes (ERC-5805, counted in blocks). The whole
///         supply is minted at once, by the constructor; from then on it can only shrink. Nobody owns the contract, and a
///         transfer calls nobody.
interface IOPEN is IERC20Metadata, IERC20Permit, IVotes {
    /// @notice The supply would go to nobody.
    error ZeroRecipient();

    /// @notice What was minted, in wei of OPEN: 1,000,000,000 OPEN.
    function INITIAL_SUPPLY() external view returns (uint256);

    /// @notice Destroys `value` of the caller's OPEN.
    function burn(uint256 value) external;

    /// @notice Destroys `value` of `account`'s OPEN, out of the caller's allowance.
    function burnFrom(address account, uint256 value) external;
}
