// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../../src/interfaces/ICrossDomainMessenger.sol";
import {IHook} from "./Tokens.sol";

/// @dev Takes any call, unless it was told to refuse.
contract Target {
    bool public refuses;
    uint256 public calls;
    uint256 public gasGot;
    bytes public data;
    address public messageSender;

    function setRefuses(bool newRefuses) external {
        refuses = newRefuses;
    }

    fallback() external {
        gasGot = gasleft();
        require(!refuses, "refused");
        ++calls;
        data = msg.data;
        messageSender = ICrossDomainMessenger(msg.sender).xDomainMessageSender();
    }
}

/// @dev Only notes the gas that it got.
contract GasMeter {
    uint256 public gasGot;

    fallback() external {
        gasGot = gasleft();
    }
}

/// @dev Returns as much as it can pay for, or reverts with it, or uses up all gas, or does so by an invalid instruction.
contract Glutton {
    enum Way {
        Return,
        Revert,
        Loop,
        Invalid
    }

    Way private way;
    uint256 private size;

    function set(Way newWay, uint256 newSize) external {
        way = newWay;
        size = newSize;
    }

    fallback() external {
        uint256 length = size;
        if (way == Way.Return) {
            assembly {
                return(0, length)
            }
        } else if (way == Way.Revert) {
            assembly {
                revert(0, length)
            }
        } else if (way == Way.Loop) {
            while (true) ++length;
        } else {
            assembly {
                invalid()
            }
        }
    }
}

/// @dev Makes a call from inside a message, once it is armed.
contract Reenterer {
    address private whom;
    bytes private inner;
    bool private armed;
    uint256 public calls;
    bool public innerSuccess;
    bytes public innerResult;

    function arm(address newWhom, bytes calldata newInner) external {
        whom = newWhom;
        inner = newInner;
        armed = true;
    }

    function run() external {
        require(armed, "not yet");
        ++calls;
        (innerSuccess, innerResult) = whom.call(inner);
    }
}

/// @dev Sends as a contract.
contract Caller {
    function call(address target, bytes calldata data) external payable returns (bool success, bytes memory result) {
        (success, result) = target.call{value: msg.value}(data);
    }
}

/// @dev Calls back from inside a transfer of a `HookToken`.
contract HookListener is IHook {
    bool public listens;
    address private whom;
    bytes private data;
    bool private strict;
    uint256 public told;
    bool public innerSuccess;
    bytes public innerResult;

    function arm(address newWhom, bytes calldata newData, bool newStrict) external {
        (listens, whom, data, strict) = (true, newWhom, newData, newStrict);
    }

    function disarm() external {
        listens = false;
    }

    function moved(address, address, uint256) external {
        ++told;
        (innerSuccess, innerResult) = whom.call(data);
        if (strict && !innerSuccess) {
            bytes memory reason = innerResult;
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
    }

    function call(address target, bytes calldata callData) external returns (bool success, bytes memory result) {
        (success, result) = target.call(callData);
    }
}
