// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ILegacyMintableERC20} from "../interfaces/ILegacyMintableERC20.sol";
import {IOptimismMintableERC20} from "../interfaces/IOptimismMintableERC20.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ERC20} from "solady/tokens/ERC20.sol";

/// @title OptimismMintableERC20
/// @notice A token that stands for one on the other layer, where the bridge holds as many as there are here. It has
///         EIP-2612 permits; nobody has an allowance from the beginning.
/// @dev On solady's ERC-20, as OpenZeppelin's takes no names above 31 bytes together with permits.
contract OptimismMintableERC20 is IOptimismMintableERC20, ILegacyMintableERC20, IERC165, IVersioned, ERC20 {
    /* EVENTS AND ERRORS */

    /// @notice The bridge made `amount` for `account`.
    event Mint(address indexed account, uint256 amount);

    /// @notice The bridge took `amount` from `account`.
    event Burn(address indexed account, uint256 amount);

    /// @notice The caller is not the bridge.
    error NotBridge(address caller);

    /* CONSTANTS */

    /// @notice The token on the other layer that this one stands for.
    address public immutable REMOTE_TOKEN;
    /// @notice The bridge that mints and burns.
    address public immutable BRIDGE;
    uint8 private immutable DECIMALS;

    /* STORAGE */

    string private tokenName;
    string private tokenSymbol;

    /* CONSTRUCTOR */

    /// @param initialBridge      The bridge of this layer.
    /// @param initialRemoteToken The token on the other layer.
    constructor(
        address initialBridge,
        address initialRemoteToken,
        string memory initialName,
        string memory initialSymbol,
        uint8 initialDecimals
    ) {
        BRIDGE = initialBridge;
        REMOTE_TOKEN = initialRemoteToken;
        DECIMALS = initialDecimals;
        tokenName = initialName;
        tokenSymbol = initialSymbol;
    }

    /* MODIFIERS */

    modifier onlyBridge() {
        if (msg.sender != BRIDGE) revert NotBridge(msg.sender);
        _;
    }

    /* BRIDGE FUNCTIONS */

    /// @inheritdoc IOptimismMintableERC20
    function mint(address to, uint256 amount)
        external
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _mint(to, amount);
        emit Mint(to, amount);
    }

    /// @inheritdoc IOptimismMintableERC20
    function burn(address from, uint256 amount)
        external
        override(IOptimismMintableERC20, ILegacyMintableERC20)
        onlyBridge
    {
        _burn(from, amount);
        emit Burn(from, amount);
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IOptimismMintableERC20).interfaceId
            || interfaceId == type(ILegacyMintableERC20).interfaceId;
    }

    /// @inheritdoc IOptimismMintableERC20
    function remoteToken() external view returns (address) {
        return REMOTE_TOKEN;
    }

    /// @inheritdoc IOptimismMintableERC20
    function bridge() external view returns (address) {
        return BRIDGE;
    }

    /// @inheritdoc ILegacyMintableERC20
    function l1Token() external view returns (address) {
        return REMOTE_TOKEN;
    }

    /// @notice The same as `bridge`, under its older name.
    function l2Bridge() external view returns (address) {
        return BRIDGE;
    }

    /// @inheritdoc ERC20
    function name() public view override returns (string memory) {
        return tokenName;
    }

    /// @inheritdoc ERC20
    function symbol() public view override returns (string memory) {
        return tokenSymbol;
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    /// @inheritdoc ERC20
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }
}
