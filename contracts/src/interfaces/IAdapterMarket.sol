// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Setting} from "./IParameterized.sol";
import {IVersioned} from "./IVersioned.sol";

/// @title IAdapterMarket
/// @notice Who is paid for a registry id, at which price it serves, and whether it does. Developers are payees: who acts for
///         one is `ClaimVault.holderOf`.
interface IAdapterMarket is IVersioned {
    /// @notice What the developer says of an adapter. `Withdrawn` is for ever.
    enum Status {
        None,
        Active,
        Paused,
        Withdrawn
    }

    /// @notice Terms of an adapter.
    /// @param priceIn  Wei for a thousand tokens in; at most the parameter `priceMax`.
    /// @param priceOut Wei for a thousand tokens out, likewise.
    struct Listing {
        Status status;
        uint128 priceIn;
        uint128 priceOut;
    }

    event Listed(uint64 indexed adapter, address indexed developer, uint128 priceIn, uint128 priceOut, string uri);
    event ListingUpdated(uint64 indexed adapter, Status indexed status, uint128 priceIn, uint128 priceOut, string uri);
    event PayeeSet(uint64 indexed id, address indexed payee);

    /// @notice Only who holds the place of `payee` may do this.
    error NotHolder(address caller, address payee);
    /// @notice The id is a base's.
    error NotAdapter(uint64 id);
    /// @notice The adapter was listed before.
    error AlreadyListed(uint64 adapter);
    /// @notice The adapter isn't listed, or is withdrawn.
    error NotListed(uint64 adapter);
    /// @notice The adapter is deprecated or disputed in LORA.
    error NotInUse(uint64 adapter, uint8 status);
    /// @notice The terms of the Datanet of this space don't let an adapter with this licence be offered, or nobody knows the
    ///         space.
    error LicenceNotAllowed(bytes32 space, bytes32 licence);
    /// @notice More Datanets stand behind the adapter than one listing checks.
    error TooManyDatanets(uint256 datanets, uint256 limit);
    /// @notice The adapter names several sketch sets of kind 0 of the Datanet of this space. Epochs are scored by one, so that a cluster has one
    ///         share and one running score.
    error SeveralSets(bytes32 space);
    /// @notice More ancestors than get their royalties in one transaction, so that no epoch of the adapter could be settled.
    error TooManyAncestors(uint256 ancestors, uint256 limit);
    /// @notice The price is above the most.
    error PriceTooHigh(uint128 price, uint256 most);
    /// @notice The status isn't one to set.
    error InvalidStatus(Status status);
    /// @notice The text is longer than the limit.
    error TooLong(uint256 length, uint256 limit);
    /// @notice The adapter isn't offered.
    error NotOffered(uint64 adapter);
    /// @notice More tokens than a call can have.
    error TooManyTokens(uint256 tokens, uint256 limit);

    /// @notice Datanets that one listing checks, the adapter's own and its ancestors'.
    function MAX_DATANETS() external view returns (uint256);

    /// @notice Ancestors of an adapter that is listed, its base included.
    function MAX_ANCESTORS() external view returns (uint256);

    /// @notice Bytes of a URI.
    function MAX_URI_BYTES() external view returns (uint256);

    /// @notice Tokens in, and tokens out, of a call.
    function MAX_TOKENS() external view returns (uint256);

    function initialize(Setting[] calldata settings) external;

    /// @notice Lists an adapter, active. The developer's holder. The terms of every Datanet that it, or an adapter that it
    ///         descends from, was trained on must allow its licence, whatever weight `Train` entries and links have; Datanets are those of
    ///         `DatanetRegistry`, and other spaces are refused, since nobody could be paid for them. Of each Datanet it has one sketch set
    ///         of kind 0 at most.
    /// @dev    Emits `Listed`. Reverts with `NotHolder`, `NotAdapter`, `AlreadyListed`, `NotInUse`, `TooManyAncestors`, `SeveralSets`,
    ///         `LicenceNotAllowed`, `TooManyDatanets`, `TooLong`, `PriceTooHigh`. Terms of a Datanet never change, so that what was allowed stays allowed.
    function list(uint64 adapter, uint128 priceIn, uint128 priceOut, string calldata uri) external;

    /// @notice Changes prices, status or metadata. The developer's holder. Prices count from the next quote on.
    /// @param status `Active`, `Paused` or, for ever, `Withdrawn`.
    function update(uint64 adapter, Status status, uint128 priceIn, uint128 priceOut, string calldata uri) external;

    /// @notice Sets whom royalties of a registry id, adapter or base, go to; the zero address unsets it. The holder of the
    ///         developer's place; of a base, of who registered it. It needs no listing.
    function setPayee(uint64 id, address payee) external;

    /// @notice An adapter's listing.
    function listingOf(uint64 adapter) external view returns (Listing memory);

    /// @notice Whom royalties of a registry id go to: the payee that was set; else an adapter's developer, or a base's
    ///         model's payee in `ModelRegistry`; else the treasury.
    function payeeOf(uint64 id) external view returns (address);

    /// @notice Price of a call, wei: ⌈(tokensIn · priceIn + tokensOut · priceOut) / 1000⌉.
    /// @dev    Reverts with `NotOffered`, `TooManyTokens`.
    function quote(uint64 adapter, uint256 tokensIn, uint256 tokensOut) external view returns (uint256);

    /// @notice Whether the adapter is offered: listed, active, and neither deprecated nor disputed in LORA.
    function isOffered(uint64 adapter) external view returns (bool);
}
