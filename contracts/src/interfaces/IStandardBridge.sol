// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVersioned} from "./IVersioned.sol";

/// @title IStandardBridge
/// @notice Brings ERC-20 tokens to the other layer. A pair is a local token and a remote one. Of a pair, one token is
///         locked on its own layer; the other is mintable (see `IOptimismMintableERC20`), names the first, and is minted
///         and burnt on its layer.
///
///         The bridge can't look at the other layer. A pair that isn't one there never arrives: the message fails, and
///         the tokens stay locked.
///
///         Native value is refused: OPEN crosses by the portal and the message passer. Tokens that move another amount
///         than asked (a fee on transfer) are refused, and so are calls back into the bridge from inside a transfer.
///         Tokens whose balances change by themselves (rebasing) should not be bridged: what they lose is missing here.
interface IStandardBridge is IVersioned {
    /// @notice Tokens left for the other layer.
    /// @param localToken  The token here.
    /// @param remoteToken The token there.
    /// @param from        Who gave them.
    /// @param to          Who receives them there.
    /// @param amount      How many, in the token's smallest unit.
    /// @param extraData   Passed on.
    event ERC20BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Tokens came from the other layer. The parameters are those of `ERC20BridgeInitiated`, seen from here.
    event ERC20BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice The bridge takes no native value, nor offers to send it.
    error NativeValueRefused(uint256 value);

    /// @notice A contract called a function whose recipient is the caller itself. It may not be there on the other layer:
    ///         the functions that name a recipient are for it.
    error NotAnEOA(address caller);

    /// @notice The caller is not the messenger, or relays another sender's message.
    error NotOtherBridge(address caller);

    /// @notice Whoever is sent tokens there loses them: nobody, the bridge, the messenger.
    error RecipientRefused(address to);

    /// @notice The token doesn't cross by the bridge.
    error TokenRefused(address token);

    /// @notice The mintable token names another remote token.
    error WrongRemoteToken(address localToken, address expected, address given);

    /// @notice The token moved another amount than it was asked to.
    error WrongAmountMoved(address token, uint256 expected, uint256 actual);

    /// @notice More was asked for than this pair has locked.
    error DepositsExceeded(address localToken, address remoteToken, uint256 deposited, uint256 amount);

    /// @notice Sends the caller's tokens to the same address on the other layer. Not for contracts.
    /// @param localToken  The token here.
    /// @param remoteToken The token there.
    /// @param amount      How many. The bridge must be allowed to take them, unless the token is mintable.
    /// @param minGasLimit Least gas of the call there. If it isn't enough, anybody may repeat the call with more.
    /// @param extraData   Passed on to the events.
    function bridgeERC20(
        address localToken,
        address remoteToken,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;

    /// @notice As `bridgeERC20`, to the recipient `to`.
    function bridgeERC20To(
        address localToken,
        address remoteToken,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;

    /// @notice Gives out what left the other layer. The other bridge only, by message.
    function finalizeBridgeERC20(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) external;

    /// @notice Always reverts: native value doesn't cross here.
    function bridgeETH(uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice Always reverts: native value doesn't cross here.
    function bridgeETHTo(address to, uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice How much of `localToken` is locked here for `remoteToken`.
    function deposits(address localToken, address remoteToken) external view returns (uint256);

    /// @notice The messenger of this layer.
    function messenger() external view returns (address);

    /// @notice The bridge on the other layer.
    function otherBridge() external view returns (address);

    /// @notice The same as `messenger`, under its older name.
    function MESSENGER() external view returns (address);

    /// @notice The same as `otherBridge`, under its older name.
    function OTHER_BRIDGE() external view returns (address);

    /// @notice Whether nothing is finalized at present, as the messenger relays nothing.
    function paused() external view returns (bool);
}
