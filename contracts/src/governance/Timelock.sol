// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {ITimelock} from "../interfaces/ITimelock.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {
    TimelockControllerUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/TimelockControllerUpgradeable.sol";

/// @title Timelock
/// @notice What the two timelocks have in common.
/// @dev The roles' admin is `CodeTimelock`: who may schedule is a matter of 30 days, also where parameters change after two.
abstract contract Timelock is ITimelock, TimelockControllerUpgradeable {
    /* CONSTANTS */

    /// @inheritdoc ITimelock
    uint256 public constant MAX_CALLS = 64;

    bytes32 private constant MIN_DELAY_SECONDS = "minDelaySeconds";

    /* STORAGE */

    /// @custom:storage-location erc7201:openledger.storage.Timelock
    struct TimelockStorage {
        uint256 leastDelay;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.Timelock")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x6be4fb3f410cc709c86a89d46303d9b6d34598033b515d0c041d3ea65e77ff00;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc ITimelock
    function initialize(Setting[] calldata settings) external initializer {
        (uint256 initial, uint256 most) = _delays();
        uint256 delay = initial;
        for (uint256 i = 0; i < settings.length; ++i) {
            if (settings[i].name != MIN_DELAY_SECONDS) revert IParameterized.UnknownParameter(settings[i].name);
            delay = settings[i].value;
        }
        _checkDelay(delay, 1, most);
        _timelockStorage().leastDelay = delay < initial ? delay : initial;

        address[] memory proposers = new address[](1);
        proposers[0] = Predeploys.GOVERNOR;
        // The zero address as executor lets everybody execute.
        address[] memory executors = new address[](1);
        __TimelockController_init(delay, proposers, executors, Predeploys.CODE_TIMELOCK);
        if (address(this) != Predeploys.CODE_TIMELOCK) _revokeRole(DEFAULT_ADMIN_ROLE, address(this));
    }

    /// @notice Refuses: this is how a TimelockController is initialised that isn't a predeploy.
    function initialize(uint256, address[] memory, address[] memory, address) public pure override {
        revert InvalidInitialization();
    }

    /// @notice Refuses: calls bring no OPEN.
    receive() external payable override {
        revert ValueRefused(msg.value);
    }

    /* SCHEDULING */

    /// @inheritdoc TimelockControllerUpgradeable
    function schedule(
        address target,
        uint256 value,
        bytes calldata data,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) public override {
        if (value != 0) revert ValueRefused(value);
        super.schedule(target, value, data, predecessor, salt, delay);
    }

    /// @inheritdoc TimelockControllerUpgradeable
    function scheduleBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) public override {
        if (values.length > MAX_CALLS) revert TooManyCalls(values.length, MAX_CALLS);
        for (uint256 i = 0; i < values.length; ++i) {
            if (values[i] != 0) revert ValueRefused(values[i]);
        }
        super.scheduleBatch(targets, values, payloads, predecessor, salt, delay);
    }

    /// @inheritdoc TimelockControllerUpgradeable
    function execute(address target, uint256 value, bytes calldata payload, bytes32 predecessor, bytes32 salt)
        public
        payable
        override
    {
        if (msg.value != 0) revert ValueRefused(msg.value);
        super.execute(target, value, payload, predecessor, salt);
    }

    /// @inheritdoc TimelockControllerUpgradeable
    function executeBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt
    ) public payable override {
        if (msg.value != 0) revert ValueRefused(msg.value);
        super.executeBatch(targets, values, payloads, predecessor, salt);
    }

    /* DELAY */

    /// @inheritdoc TimelockControllerUpgradeable
    function updateDelay(uint256 newDelay) public override {
        (uint256 least, uint256 most) = delayBounds();
        _checkDelay(newDelay, least, most);
        super.updateDelay(newDelay);
    }

    /// @inheritdoc ITimelock
    function delayBounds() public view returns (uint256 least, uint256 most) {
        (, most) = _delays();
        least = _timelockStorage().leastDelay;
    }

    /* INTERNAL FUNCTIONS */

    /// @dev Default and greatest value of the least delay, seconds.
    function _delays() internal pure virtual returns (uint256 initial, uint256 most);

    function _checkDelay(uint256 delay, uint256 least, uint256 most) private pure {
        if (delay < least || delay > most) {
            revert IParameterized.ParameterOutOfBounds(MIN_DELAY_SECONDS, delay, least, most);
        }
    }

    function _timelockStorage() private pure returns (TimelockStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
