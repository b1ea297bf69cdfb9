// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// Code that an externally owned account delegates to by EIP-7702: several calls in one transaction.
contract BatchAccount {
    struct Call {
        address target;
        uint256 value;
        bytes data;
    }

    event Executed(address indexed account, uint256 calls);

    error NotTheAccount(address caller);

    function execute(Call[] calldata calls) external payable {
        if (msg.sender != address(this)) revert NotTheAccount(msg.sender);
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok, bytes memory data) = calls[i].target.call{value: calls[i].value}(calls[i].data);
            if (!ok) {
                assembly {
                    revert(add(data, 32), mload(data))
                }
            }
        }
        emit Executed(address(this), calls.length);
    }

    receive() external payable {}
}
