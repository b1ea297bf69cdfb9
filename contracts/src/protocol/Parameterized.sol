// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Bounds, IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Parameterized
/// @notice Keeps a contract's parameters. A contract lists them in `parameters` and calls `_initializeParameters` once.
abstract contract Parameterized is IParameterized, Initializable {
    /// @dev A value and whether the parameter exists, in one slot.
    struct Stored {
        bool exists;
        uint248 value;
    }

    /// @custom:storage-location erc7201:openledger.storage.Parameterized
    struct ParameterizedStorage {
        mapping(bytes32 name => Stored) values;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.Parameterized")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x4ff6aa3a6ac6030a07193ae41634d05ab6db55e97f365ebd1daf11613ac07400;

    /// @inheritdoc IParameterized
    function parameter(bytes32 name) public view returns (uint256) {
        Stored storage stored = _parameterStorage().values[name];
        if (!stored.exists) revert UnknownParameter(name);
        return stored.value;
    }

    /// @inheritdoc IParameterized
    function parameters() public view virtual returns (Bounds[] memory);

    /// @inheritdoc IParameterized
    function setParameter(bytes32 name, uint256 value) external {
        if (msg.sender != Predeploys.PARAM_TIMELOCK) revert NotParamTimelock(msg.sender);
        _setParameter(parameters(), name, value);
        _checkParameters();
    }

    /// @dev Gives every parameter its default, then those of `settings` their value.
    function _initializeParameters(Setting[] calldata settings) internal onlyInitializing {
        Bounds[] memory all = parameters();
        for (uint256 i = 0; i < all.length; ++i) {
            _setParameter(all, all[i].name, all[i].initial);
        }
        for (uint256 i = 0; i < settings.length; ++i) {
            _setParameter(all, settings[i].name, settings[i].value);
        }
        _checkParameters();
    }

    /// @dev Reverts with `ParametersConflict` where parameters don't go together. Called after every change.
    function _checkParameters() internal view virtual {}

    function _setParameter(Bounds[] memory all, bytes32 name, uint256 value) private {
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].name != name) continue;
            (uint256 min, uint256 max) = (all[i].min, all[i].max);
            if (value < min || value > max) revert ParameterOutOfBounds(name, value, min, max);
            _parameterStorage().values[name] = Stored({exists: true, value: SafeCast.toUint248(value)});
            emit ParameterSet(name, value);
            return;
        }
        revert UnknownParameter(name);
    }

    function _parameterStorage() private pure returns (ParameterizedStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
