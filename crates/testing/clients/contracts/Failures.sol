// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// Every way for a call to fail that a client decodes.
contract Failures {
    uint256 public touched;

    error Refused(address caller, uint256 code, string why);

    function failWithReason() external pure {
        require(false, "the reason given");
    }

    function failWithCustomError(uint256 code) external view {
        revert Refused(msg.sender, code, "because");
    }

    function failWithPanic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }

    function failSilently() external pure {
        assembly {
            revert(0, 0)
        }
    }

    function failByInvalidOpcode() external pure {
        assembly {
            invalid()
        }
    }

    /// Calls itself with little gas so that the inner call runs out, then fails by the custom error.
    function failInside() external {
        touched = 1;
        try this.failWithCustomError{gas: 30_000}(7) {}
        catch (bytes memory data) {
            assembly {
                revert(add(data, 32), mload(data))
            }
        }
    }

    /// Uses all gas that it is given.
    function burnGas() external {
        while (true) {
            ++touched;
        }
    }

    /// Uses about `rounds` × 100 gas without writing.
    function spin(uint256 rounds) external pure returns (uint256 sum) {
        for (uint256 i = 0; i < rounds; ++i) {
            unchecked {
                sum += uint256(keccak256(abi.encode(i)));
            }
        }
    }
}
