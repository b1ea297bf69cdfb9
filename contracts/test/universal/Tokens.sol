// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ILegacyMintableERC20} from "../../src/interfaces/ILegacyMintableERC20.sol";
import {IOptimismMintableERC20} from "../../src/interfaces/IOptimismMintableERC20.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @dev An ordinary token that anybody may mint.
contract TestToken is ERC20 {
    constructor() ERC20("Test", "TST") {}

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @dev Keeps a hundredth of every transfer while its fee is on. As `surcharge`, it takes it from the sender instead.
contract FeeToken is ERC20 {
    bool public on;
    bool public surcharge;

    constructor() ERC20("Fee", "FEE") {}

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function set(bool newOn, bool newSurcharge) external {
        on = newOn;
        surcharge = newSurcharge;
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = on && from != address(0) ? amount / 100 : 0;
        super._update(from, to, surcharge ? amount : amount - fee);
        if (fee != 0) super._update(from, address(0xfee), fee);
    }
}

/// @dev Returns nothing, like some of the first tokens.
contract NoReturnToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @dev Answers false where others revert, and moves nothing.
contract FalseToken {
    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}

/// @dev Says that it moved what it did not.
contract LyingToken {
    function balanceOf(address) external pure returns (uint256) {
        return 1_000_000;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }
}

interface IHook {
    function moved(address from, address to, uint256 amount) external;
}

/// @dev Tells the two ends of a transfer, before and after it.
contract HookToken is ERC20 {
    constructor() ERC20("Hook", "HOOK") {}

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0)) _tell(from, from, to, amount);
        super._update(from, to, amount);
        if (from != address(0)) _tell(to, from, to, amount);
    }

    function _tell(address whom, address from, address to, uint256 amount) private {
        if (whom.code.length == 0) return;
        // Those who don't listen are not bothered, but those who listen may stop the transfer.
        (bool success, bytes memory result) = whom.staticcall(abi.encodeWithSignature("listens()"));
        if (success && result.length == 32 && abi.decode(result, (bool))) IHook(whom).moved(from, to, amount);
    }
}

/// @dev Refuses transfers to blocked accounts.
contract BlockingToken is ERC20 {
    mapping(address => bool) public blocked;

    constructor() ERC20("Block", "BLK") {}

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setBlocked(address account, bool isBlocked) external {
        blocked[account] = isBlocked;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!blocked[to], "blocked");
        super._update(from, to, amount);
    }
}

/// @dev A mintable token of the older form only.
contract LegacyToken is ERC20, ILegacyMintableERC20, IERC165 {
    address private immutable BRIDGE;
    address public l1Token;

    constructor(address bridge, address remote) ERC20("Legacy", "LEG") {
        BRIDGE = bridge;
        l1Token = remote;
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC165).interfaceId || id == type(ILegacyMintableERC20).interfaceId;
    }

    function mint(address to, uint256 amount) external {
        require(msg.sender == BRIDGE);
        _mint(to, amount);
    }

    function burn(address from, uint256 amount) external {
        require(msg.sender == BRIDGE);
        _burn(from, amount);
    }
}

/// @dev Claims to stand for a token that it has nothing to do with, and burns nothing.
contract ForgedToken is IOptimismMintableERC20, IERC165 {
    address public remoteToken;
    address public bridge;

    constructor(address remote) {
        remoteToken = remote;
    }

    function l1Token() external view returns (address) {
        return remoteToken;
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC165).interfaceId || id == type(IOptimismMintableERC20).interfaceId;
    }

    function mint(address, uint256) external {}

    function burn(address, uint256) external {}
}
