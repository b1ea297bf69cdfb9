// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Burner} from "../L2/Burner.sol";
import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {Bounds, Setting} from "../interfaces/IParameterized.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Parameterized} from "./Parameterized.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title ClaimVault
/// @dev The balance is the sum of all claims and bonds (and of what was forced on the contract without a call, which is lost).
///      Only a claim calls foreign code, after it has written off what it pays.
contract ClaimVault is IClaimVault, IVersioned, Parameterized, EIP712Upgradeable, ReentrancyGuardTransient {
    /* CONSTANTS */

    /// @inheritdoc IClaimVault
    uint256 public constant MAX_PAYEES = 256;

    /// @inheritdoc IClaimVault
    uint256 public constant PAYMENT_GAS = 100_000;

    bytes32 private constant ROTATE_TYPEHASH =
        keccak256("Rotate(address from,address to,uint256 nonce,uint256 deadline)");

    /* STORAGE */

    /// @custom:storage-location erc7201:openledger.storage.ClaimVault
    struct ClaimVaultStorage {
        /// What holders of places are owed, wei.
        mapping(address holder => uint256) claims;
        mapping(address holder => mapping(bytes32 id => uint256)) bonds;
        /// The address whose place this one was given; zero: none.
        mapping(address account => address) origins;
        /// Who has the place that began with this address; zero: itself.
        mapping(address origin => address) holders;
        mapping(address account => uint256) nonces;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.ClaimVault")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x4b9fd02d5e311feaf56bf1e6c60966ff3772c2a38b75c61a21e2e925f3071100;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IClaimVault
    function initialize(Setting[] calldata settings) external initializer {
        __EIP712_init("ClaimVault", "1");
        _initializeParameters(settings);
    }

    /* CREDITS */

    /// @inheritdoc IClaimVault
    function credit(address payee) external payable {
        _credit(payee, msg.value);
    }

    /// @inheritdoc IClaimVault
    function creditMany(address[] calldata payees, uint256[] calldata amounts) external payable {
        if (payees.length > MAX_PAYEES) revert InvalidLength(payees.length, MAX_PAYEES);
        if (amounts.length != payees.length) revert InvalidLength(amounts.length, payees.length);
        uint256 total;
        for (uint256 i = 0; i < payees.length; ++i) {
            _credit(payees[i], amounts[i]);
            total += amounts[i];
        }
        if (msg.value != total) revert WrongValue(msg.value, total);
    }

    /* CLAIMS */

    /// @inheritdoc IClaimVault
    function claim() external nonReentrant returns (uint256) {
        return _claimOrRevert(msg.sender);
    }

    /// @inheritdoc IClaimVault
    function claimFor(address payee) external nonReentrant returns (uint256) {
        return _claimOrRevert(holderOf(payee));
    }

    /// @inheritdoc IClaimVault
    function claimForMany(address[] calldata payees) external nonReentrant returns (uint256[] memory paid) {
        if (payees.length > MAX_PAYEES) revert InvalidLength(payees.length, MAX_PAYEES);
        paid = new uint256[](payees.length);
        for (uint256 i = 0; i < payees.length; ++i) {
            (, paid[i]) = _claim(holderOf(payees[i]), PAYMENT_GAS);
        }
    }

    /* BONDS */

    /// @inheritdoc IClaimVault
    function hold(bytes32 id) external payable {
        _vaultStorage().bonds[msg.sender][id] += msg.value;
        emit Held(msg.sender, id, msg.value);
    }

    /// @inheritdoc IClaimVault
    function payOut(bytes32 id, address payee, uint256 amount) external {
        _take(id, amount);
        emit PaidOut(msg.sender, id, payee, amount);
        _credit(payee, amount);
    }

    /// @inheritdoc IClaimVault
    function burn(bytes32 id, uint256 amount) external {
        _take(id, amount);
        emit BondBurnt(msg.sender, id, amount);
        new Burner{value: amount}();
    }

    /* ROTATION */

    /// @inheritdoc IClaimVault
    function rotate(
        address from,
        address to,
        uint256 deadline,
        bytes calldata fromSignature,
        bytes calldata toSignature
    ) external {
        ClaimVaultStorage storage $ = _vaultStorage();
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        if (holderOf(from) != from) revert NotRotatable(from);
        if (to == from || $.origins[to] != address(0) || $.holders[to] != address(0)) revert NotRotatable(to);

        uint256 nonce = $.nonces[from]++;
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(ROTATE_TYPEHASH, from, to, nonce, deadline)));
        if (!_hasSigned(from, digest, fromSignature)) revert InvalidSignature(from);
        if (!_hasSigned(to, digest, toSignature)) revert InvalidSignature(to);

        address origin = $.origins[from] == address(0) ? from : $.origins[from];
        $.origins[to] = origin;
        $.holders[origin] = to;
        $.claims[to] += $.claims[from];
        $.claims[from] = 0;
        emit Rotated(from, to);
    }

    /// @inheritdoc IClaimVault
    function invalidateNonce() external {
        ++_vaultStorage().nonces[msg.sender];
    }

    /* VIEW FUNCTIONS */

    /// @inheritdoc IClaimVault
    function claimable(address payee) external view returns (uint256) {
        return _vaultStorage().claims[holderOf(payee)];
    }

    /// @inheritdoc IClaimVault
    function held(address holder, bytes32 id) external view returns (uint256) {
        return _vaultStorage().bonds[holder][id];
    }

    /// @inheritdoc IClaimVault
    function holderOf(address account) public view returns (address) {
        // Every address of a place's history names the place by its first one: two reads, however often it was given on.
        ClaimVaultStorage storage $ = _vaultStorage();
        address origin = $.origins[account];
        address holder = $.holders[origin == address(0) ? account : origin];
        return holder == address(0) ? account : holder;
    }

    /// @inheritdoc IClaimVault
    function nonces(address account) external view returns (uint256) {
        return _vaultStorage().nonces[account];
    }

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory) {
        return new Bounds[](0);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _credit(address payee, uint256 amount) private {
        if (payee == address(0)) revert InvalidPayee(payee);
        address holder = holderOf(payee);
        _vaultStorage().claims[holder] += amount;
        emit Credited(holder, msg.sender, amount);
    }

    function _take(bytes32 id, uint256 amount) private {
        ClaimVaultStorage storage $ = _vaultStorage();
        uint256 bond = $.bonds[msg.sender][id];
        if (amount > bond) revert BondTooSmall(id, bond, amount);
        // Bound: the check above.
        unchecked {
            $.bonds[msg.sender][id] = bond - amount;
        }
    }

    function _claimOrRevert(address holder) private returns (uint256 amount) {
        bool taken;
        (taken, amount) = _claim(holder, gasleft());
        if (!taken) revert InvalidPayee(holder);
    }

    /// @dev Pays a holder all that it is owed, or leaves its claim as it is.
    function _claim(address holder, uint256 gasLimit) private returns (bool taken, uint256 amount) {
        ClaimVaultStorage storage $ = _vaultStorage();
        amount = $.claims[holder];
        if (amount == 0) return (true, 0);

        $.claims[holder] = 0;
        // In assembly, since Solidity copies the returned data, and the caller would pay for as much as the payee likes.
        assembly ("memory-safe") {
            taken := call(gasLimit, holder, amount, 0, 0, 0, 0)
        }
        if (!taken) {
            // The payee may have been credited meanwhile.
            $.claims[holder] += amount;
            return (false, 0);
        }
        emit Claimed(holder, msg.sender, amount);
    }

    /// @dev An account with code may sign by its key all the same: EIP-7702 gives code to accounts that have one.
    function _hasSigned(address signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return signer.code.length != 0 && SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    function _vaultStorage() private pure returns (ClaimVaultStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
