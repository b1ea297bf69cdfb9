// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev What the messenger sees of the portal, without proofs.
contract PortalStub {
    struct Deposit {
        address from;
        address to;
        uint64 gasLimit;
        bytes data;
    }

    address private constant NOBODY = 0x000000000000000000000000000000000000dEaD;

    address public open;
    address public l2Sender = NOBODY;
    bool public paused;
    Deposit[] private made;

    constructor(address newOpen) {
        open = newOpen;
    }

    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        external
        payable
    {
        require(msg.value == 0 && value == 0 && !isCreation, "value or creation");
        made.push(Deposit(msg.sender, to, gasLimit, data));
    }

    function setPaused(bool isPaused) external {
        paused = isPaused;
    }

    /// @dev Calls as the portal does for a withdrawal of `sender`, with exactly `gasLimit`.
    function finalize(address sender, address target, uint256 gasLimit, bytes calldata data)
        external
        returns (bool success, bytes memory result)
    {
        require(!paused && l2Sender == NOBODY, "paused or nested");
        l2Sender = sender;
        (success, result) = target.call{gas: gasLimit}(data);
        l2Sender = NOBODY;
    }

    function count() external view returns (uint256) {
        return made.length;
    }

    function deposit(uint256 index) external view returns (Deposit memory) {
        return made[index];
    }

    function last() external view returns (Deposit memory) {
        return made[made.length - 1];
    }
}
