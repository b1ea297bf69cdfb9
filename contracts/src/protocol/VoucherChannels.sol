// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../interfaces/IAdapterMarket.sol";
import {IAgentRegistry} from "../interfaces/IAgentRegistry.sol";
import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {FeeEntry, IInferenceRouter} from "../interfaces/IInferenceRouter.sol";
import {Bounds, Setting} from "../interfaces/IParameterized.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {Channel, IVoucherChannels, Voucher} from "../interfaces/IVoucherChannels.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {Parameterized} from "./Parameterized.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title VoucherChannels
/// @dev   Stands behind a `Proxy`.
contract VoucherChannels is IVoucherChannels, Parameterized, EIP712Upgradeable, ReentrancyGuardTransient {
    using SafeCast for uint256;

    /* TYPES */

    /// @custom:storage-location erc7201:openledger.storage.VoucherChannels
    struct VoucherChannelsStorage {
        mapping(bytes32 id => Channel) channels;
    }

    /* CONSTANTS */

    bytes32 private constant EXIT_SECONDS = "exitSeconds";

    /// @dev Most vouchers of one call.
    uint256 private constant VOUCHERS_MAX = 128;

    /// @dev Most gas for one voucher of several: a payer's contract can't use up the others' by its answer to ERC-1271.
    uint256 private constant SETTLE_GAS_MAX = 500_000;

    bytes32 private constant VOUCHER_TYPEHASH = keccak256(
        "Voucher(bytes32 channel,address payer,address payee,uint256 cumulative,uint64 count,bytes32 leavesRoot,uint64 expiry)"
    );

    /// @dev keccak256(abi.encode(uint256(keccak256("openledger.storage.VoucherChannels")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x0ab506c868b84aa7c846c91c96efdb3dac90dd7e6b594a491d2f26a49d39f200;

    /* CONSTRUCTOR */

    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IVoucherChannels
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
    }

    /* CHANNELS */

    /// @inheritdoc IVoucherChannels
    function openChannel(address payee, uint64 adapter, uint128 platformFee, bytes32 salt)
        external
        payable
        nonReentrant
        returns (bytes32 channel)
    {
        if (msg.value == 0) revert NothingLocked();
        _checkActive(payee);
        if (!IAdapterMarket(Predeploys.ADAPTER_MARKET).isOffered(adapter)) revert AdapterNotOffered(adapter);
        channel = channelIdOf(msg.sender, payee, adapter, platformFee, salt);
        if (_storage().channels[channel].openedAt != 0) revert ChannelExists(channel);

        uint32 policyVersion = IAgentRegistry(Predeploys.AGENT_REGISTRY).versionOf(msg.sender);
        uint128 locked = msg.value.toUint128();
        _storage().channels[channel] = Channel({
            payer: msg.sender,
            adapter: adapter,
            policyVersion: policyVersion,
            payee: payee,
            counted: 0,
            closed: false,
            locked: locked,
            paid: 0,
            platformFee: platformFee,
            openedAt: block.timestamp.toUint64(),
            closesAt: 0
        });
        emit ChannelOpened(channel, msg.sender, payee, adapter, platformFee, salt, policyVersion);
        emit ToppedUp(channel, msg.sender, locked, locked);
    }

    /// @inheritdoc IVoucherChannels
    function topUp(bytes32 channel) external payable {
        if (msg.value == 0) revert NothingLocked();
        Channel storage opened = _open(channel);
        if (opened.closesAt != 0) revert ChannelExiting(channel);
        uint128 amount = msg.value.toUint128();
        uint128 locked = opened.locked + amount;
        opened.locked = locked;
        emit ToppedUp(channel, msg.sender, amount, locked);
    }

    /// @inheritdoc IVoucherChannels
    function startExit(bytes32 channel) external {
        Channel storage opened = _open(channel);
        if (_holderOf(opened.payer) != msg.sender) revert NotPayer(msg.sender, opened.payer);
        if (opened.closesAt != 0) revert ChannelExiting(channel);
        uint64 closesAt = (block.timestamp + parameter(EXIT_SECONDS)).toUint64();
        opened.closesAt = closesAt;
        emit ExitStarted(channel, closesAt);
    }

    /// @inheritdoc IVoucherChannels
    function closeChannel(bytes32 channel) external nonReentrant {
        Channel storage opened = _open(channel);
        uint64 closesAt = opened.closesAt;
        if ((closesAt == 0 || block.timestamp < closesAt) && _holderOf(opened.payee) != msg.sender) {
            revert ExitNotOver(channel, closesAt);
        }
        opened.closed = true;
        // Settling keeps `paid` at or below `locked`.
        (address payer, uint128 rest) = (opened.payer, opened.locked - opened.paid);
        emit ChannelClosed(channel, payer, rest);
        if (rest > 0) IClaimVault(Predeploys.CLAIM_VAULT).credit{value: rest}(payer);
    }

    /// @inheritdoc IVoucherChannels
    function channelIdOf(address payer, address payee, uint64 adapter, uint128 platformFee, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, address(this), payer, payee, adapter, platformFee, salt));
    }

    /// @inheritdoc IVoucherChannels
    function channelOf(bytes32 channel) external view returns (Channel memory) {
        return _storage().channels[channel];
    }

    /* VOUCHERS */

    /// @inheritdoc IVoucherChannels
    function settle(Voucher calldata voucher, bytes calldata signature) external nonReentrant {
        Channel storage stored = _open(voucher.channel);
        Channel memory opened = stored;
        if (voucher.payer != opened.payer || voucher.payee != opened.payee) {
            revert VoucherMismatch(voucher.channel, voucher.payer, voucher.payee);
        }
        if (block.timestamp > voucher.expiry) revert VoucherExpired(voucher.expiry);
        if (voucher.count <= opened.counted) revert CountNotRising(voucher.count, opened.counted);
        if (voucher.cumulative < opened.paid) revert CumulativeBelowPaid(voucher.cumulative, opened.paid);
        if (voucher.cumulative > opened.locked) revert CumulativeAboveLocked(voucher.cumulative, opened.locked);
        // All sums are at most `locked` from here on, and fit in 128 bits.
        uint256 due = voucher.cumulative - opened.paid;
        uint256 platformFees = uint256(voucher.count - opened.counted) * opened.platformFee;
        if (platformFees > due) revert PlatformFeesAboveDue(platformFees, due);
        _checkStaked(opened.payee);
        if (!_isSigned(opened, voucher, signature)) revert InvalidSignature(opened.payer);

        stored.counted = voucher.count;
        stored.paid = uint128(voucher.cumulative);
        uint128 price = uint128(due - platformFees);
        // Every settlement took all platform fees of its calls: the rest of what was paid is prices.
        uint128 paidBefore = uint128(opened.paid - uint256(opened.counted) * opened.platformFee);
        emit Settled(
            voucher.channel,
            opened.payee,
            voucher.count,
            price,
            uint128(platformFees),
            voucher.cumulative,
            voucher.leavesRoot
        );
        FeeEntry memory entry = FeeEntry({
            end: 0,
            paidBefore: paidBefore,
            worker: opened.payee,
            root: voucher.leavesRoot,
            rootSum: paidBefore + price,
            platformFee: opened.platformFee
        });
        IInferenceRouter(Predeploys.INFERENCE_ROUTER).record{value: due}(
            opened.adapter, entry, price, uint128(platformFees)
        );
    }

    /// @inheritdoc IVoucherChannels
    function settleMany(Voucher[] calldata vouchers, bytes[] calldata signatures)
        external
        returns (bool[] memory failed)
    {
        if (vouchers.length > VOUCHERS_MAX) revert InvalidLength(vouchers.length, VOUCHERS_MAX);
        if (signatures.length != vouchers.length) revert InvalidLength(signatures.length, vouchers.length);
        failed = new bool[](vouchers.length);
        for (uint256 i = 0; i < vouchers.length; ++i) {
            try this.settle{gas: SETTLE_GAS_MAX}(vouchers[i], signatures[i]) {}
            catch (bytes memory reason) {
                failed[i] = true;
                emit SettlementFailed(vouchers[i].channel, i, reason);
            }
        }
    }

    /// @inheritdoc IVoucherChannels
    function isSigned(Voucher calldata voucher, bytes calldata signature) external view returns (bool) {
        Channel memory opened = _storage().channels[voucher.channel];
        return opened.openedAt != 0 && voucher.payer == opened.payer && voucher.payee == opened.payee
            && _isSigned(opened, voucher, signature);
    }

    /// @inheritdoc IVoucherChannels
    function hashVoucher(Voucher calldata voucher) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VOUCHER_TYPEHASH, voucher)));
    }

    /* PARAMETERS */

    /// @inheritdoc Parameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](1);
        all[0] = Bounds({name: EXIT_SECONDS, initial: 1 days, min: 10, max: 7 days});
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL FUNCTIONS */

    function _open(bytes32 channel) private view returns (Channel storage opened) {
        opened = _storage().channels[channel];
        if (opened.openedAt == 0) revert UnknownChannel(channel);
        if (opened.closed) revert ChannelAlreadyClosed(channel);
    }

    function _isSigned(Channel memory opened, Voucher calldata voucher, bytes calldata signature)
        private
        view
        returns (bool)
    {
        bytes32 hash = hashVoucher(voucher);
        if (_isSignedBy(opened.payer, hash, signature)) return true;
        if (opened.policyVersion == 0) return false;
        address signer = IAgentRegistry(Predeploys.AGENT_REGISTRY).signerOf(opened.payer, opened.policyVersion);
        return signer != address(0) && _isSignedBy(signer, hash, signature);
    }

    /// @dev The key comes first: an account that has one could run other code later (EIP-7702), and answer ERC-1271 no more.
    function _isSignedBy(address signer, bytes32 hash, bytes calldata signature) private view returns (bool) {
        (address recovered,,) = ECDSA.tryRecoverCalldata(hash, signature);
        if (recovered == signer) return true;
        return signer.code.length > 0 && SignatureChecker.isValidERC1271SignatureNowCalldata(signer, hash, signature);
    }

    function _checkActive(address payee) private view {
        if (!IValidatorStaking(Predeploys.VALIDATOR_STAKING).isActive(IValidatorStaking.Role.Worker, payee)) {
            revert PayeeNotActive(payee);
        }
    }

    /// @dev Who fell below the least stake is paid for what he served all the same. Who left isn't: his stake could be gone before he is found
    ///      out.
    function _checkStaked(address payee) private view {
        if (IValidatorStaking(Predeploys.VALIDATOR_STAKING).stakeOf(IValidatorStaking.Role.Worker, payee) == 0) {
            revert PayeeNotActive(payee);
        }
    }

    function _holderOf(address account) private view returns (address) {
        return IClaimVault(Predeploys.CLAIM_VAULT).holderOf(account);
    }

    /// @dev Constants, so that a genesis needs no strings in storage.
    function _EIP712Name() internal pure override returns (string memory) {
        return "VoucherChannels";
    }

    function _EIP712Version() internal pure override returns (string memory) {
        return "1";
    }

    function _storage() private pure returns (VoucherChannelsStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
