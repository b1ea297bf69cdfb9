// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../interfaces/IAdapterMarket.sol";
import {IClaimVault} from "../interfaces/IClaimVault.sol";
import {IDatanetRegistry} from "../interfaces/IDatanetRegistry.sol";
import {IEpochQuestions} from "../interfaces/IEpochQuestions.sol";
import {IEpochSettlement, Result, Settlement, Stage} from "../interfaces/IEpochSettlement.sol";
import {Pot} from "../interfaces/IInferenceRouter.sol";
import {Bounds, IParameterized, Setting} from "../interfaces/IParameterized.sol";
import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {ILoraRegistry} from "../interfaces/precompiles/ILoraRegistry.sol";
import {EpochScores} from "../libraries/EpochScores.sol";
import {NativePrecompiles} from "../libraries/NativePrecompiles.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {EpochProposals} from "./EpochProposals.sol";
import {EpochStorage} from "./EpochStorage.sol";
import {Parameterized} from "./Parameterized.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title EpochSettlement
/// @notice Pays: royalties, contributors by their shares and running scores, and what stays unpaid.
/// @dev    Stands behind a `Proxy`. Proposals are in `EpochProposals`, questions to juries in the contract `EpochQuestions`. It holds no OPEN:
///         the vault holds bonds, and contributors' parts under `_poolId`.
contract EpochSettlement is EpochProposals {
    using SafeCast for uint256;

    /// @dev What the payment of a set's clusters needs.
    /// @param part The set's part of the contributors' pool, wei.
    struct Payment {
        uint64 epoch;
        uint64 adapter;
        uint256 part;
        ILoraRegistry.Train trained;
    }

    /// @dev `ValidatorStaking`'s.
    bytes32 private constant UNBONDING_SECONDS = "unbondingSeconds";
    /// @dev `EpochQuestions`'.
    bytes32 private constant QUESTION_BOND = "questionBond";

    /// @dev Parts per million, of `flattenDatanets`.
    uint256 private constant PPM = 1_000_000;

    modifier onlyQuestions() {
        _checkQuestions();
        _;
    }

    constructor() {
        _disableInitializers();
    }

    /// @dev Only what the vault holds for this contract, on its way to a Datanet.
    receive() external payable {
        if (msg.sender != Predeploys.CLAIM_VAULT) revert NotClaimVault(msg.sender);
    }

    /// @inheritdoc IEpochSettlement
    function initialize(Setting[] calldata settings) external initializer {
        _initializeParameters(settings);
    }

    /// @inheritdoc IVersioned
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IParameterized
    function parameters() public pure override returns (Bounds[] memory all) {
        all = new Bounds[](6);
        all[0] = Bounds({name: PROPOSAL_BOND, initial: 1000 ether, min: 10 ether, max: 100_000 ether});
        all[1] = Bounds({name: CHALLENGE_SECONDS, initial: 3 days, min: 10 seconds, max: 7 days});
        all[2] = Bounds({name: PROPOSAL_SECONDS, initial: 7 days, min: 20 seconds, max: 14 days});
        all[3] = Bounds({name: RENEWAL_SECONDS, initial: 1 days, min: 5 seconds, max: 3 days});
        all[4] = Bounds({name: PROPOSER_BPS, initial: 1000, min: 0, max: 5000});
        all[5] = Bounds({name: CARRY_EPOCHS, initial: 4, min: 1, max: 64});
    }

    /* PAYMENT */

    /// @inheritdoc IEpochSettlement
    function finalize(uint64 epoch, uint64 adapter, bytes32[] calldata results, Result calldata result, uint256 max)
        external
        nonReentrant
    {
        Settlement storage settled = _storage().settlements[epoch][adapter];
        if (settled.stage == Stage.Proposed) {
            if (block.timestamp <= settled.deadline) revert WindowOpen(settled.deadline);
            _begin(epoch, adapter, settled);
        } else if (settled.stage != Stage.Paying) {
            revert WrongStage(epoch, adapter, settled.stage);
        }
        _requireHash(results, settled.resultsHash);
        if (settled.set < results.length) {
            bytes32 given = keccak256(abi.encode(result));
            if (given != results[settled.set]) revert WrongResults(given, results[settled.set]);
            _payClusters(epoch, adapter, settled, result, max);
        }
        if (settled.set == results.length) _end(epoch, adapter, settled);
    }

    /// @inheritdoc IEpochSettlement
    function carry(uint64 epoch, uint64 adapter) external nonReentrant {
        Settlement storage settled = _storage().settlements[epoch][adapter];
        (uint64 closed,) = _router().closedAt(epoch);
        if (closed == 0) revert EpochNotClosed(epoch);
        if (settled.stage == Stage.Settled) revert WrongStage(epoch, adapter, settled.stage);
        uint48 until;
        if (settled.stage == Stage.Open) {
            until = _proposeUntil(epoch, settled);
        } else {
            // Results that nobody knows, or that can't be paid, mustn't stop the adapter's epochs.
            until = Math.max(settled.deadline, _storage().accounts[adapter].endedAt).toUint48()
                + parameter(PROPOSAL_SECONDS).toUint48();
        }
        if (block.timestamp <= until) revert ProposalsNotOver(until);
        if (settled.stage != Stage.Paying) {
            _returnBond(epoch, adapter, settled);
            settled.proposer = address(0);
            _begin(epoch, adapter, settled);
        }
        _end(epoch, adapter, settled);
    }

    /// @inheritdoc IEpochSettlement
    function nextOf(uint64 adapter) public view returns (uint64) {
        return _router().nextPaidEpoch(_storage().accounts[adapter].last, adapter);
    }

    /// @inheritdoc IEpochSettlement
    function distributeResidue(uint64 adapter, uint256 max) external nonReentrant {
        Account storage account = _storage().accounts[adapter];
        if (account.residue == 0) {
            // Nobody uses the adapter any more: no epoch takes what was carried.
            uint256 idleUntil = account.last + parameter(CARRY_EPOCHS);
            if (account.carried == 0 || _router().currentEpoch() <= idleUntil || nextOf(adapter) != 0) {
                revert NoResidue(adapter);
            }
            _beginResidue(adapter, account, account.carried);
        }
        (bytes32[] memory spaces, uint32[] memory ppm) = NativePrecompiles.LORA.flattenDatanets(adapter);
        uint256 place = account.nextSpace;
        for (uint256 count = 0; place < spaces.length && count < max; (++place, ++count)) {
            // The last one gets what rounding left.
            uint256 amount = place + 1 == spaces.length
                ? account.residue - account.distributed
                : uint256(account.residue) * ppm[place] / PPM;
            account.distributed += amount.toUint128();
            account.nextSpace = (place + 1).toUint32();
            if (amount != 0) _distribute(adapter, spaces[place], amount);
        }
        if (place == spaces.length) (account.residue, account.distributed, account.nextSpace) = (0, 0, 0);
    }

    /// @inheritdoc IEpochSettlement
    function receivePot() external payable {
        if (msg.sender != Predeploys.INFERENCE_ROUTER) revert NotInferenceRouter(msg.sender);
    }

    /* QUESTIONS */

    /// @inheritdoc IEpochSettlement
    function openQuestion(uint64 epoch, uint64 adapter) external onlyQuestions returns (address) {
        Settlement storage settled = _requireStage(epoch, adapter, Stage.Proposed);
        if (block.timestamp > settled.askUntil) revert AskingOver(settled.askUntil);
        ++settled.openQuestions;
        return settled.proposer;
    }

    /// @inheritdoc IEpochSettlement
    function closeQuestion(uint64 epoch, uint64 adapter) external onlyQuestions {
        --_storage().settlements[epoch][adapter].openQuestions;
    }

    /// @inheritdoc IEpochSettlement
    function voidDraws(uint64 epoch, uint64 adapter, uint16 draws, uint128 fee, address worker, address challenger)
        external
        onlyQuestions
        returns (bool)
    {
        Settlement storage settled = _storage().settlements[epoch][adapter];
        if (settled.voidDraws & draws == draws) return false;
        settled.voidDraws |= draws;
        _router().forfeit(epoch, adapter, worker, fee, challenger);
        if (settled.stage != Stage.Proposed) return true;
        emit Voided(epoch, adapter, settled.proposer);
        _returnBond(epoch, adapter, settled);
        _reopen(settled);
        return true;
    }

    /* READING */

    /// @inheritdoc IEpochSettlement
    function isSettled(uint64 epoch, uint64 adapter) external view returns (bool) {
        Stage stage = _storage().settlements[epoch][adapter].stage;
        return stage == Stage.Paying || stage == Stage.Settled;
    }

    /// @inheritdoc IEpochSettlement
    function runningScoreOf(uint64 adapter, uint64 sketchSet, uint32 cluster)
        external
        view
        returns (int128 score, int128 best)
    {
        Running storage running = _storage().running[adapter][sketchSet][cluster];
        return (running.score, running.best);
    }

    /// @inheritdoc IEpochSettlement
    function carriedOf(uint64 adapter) external view returns (uint128 carried, uint32 unpaidEpochs, uint128 residue) {
        Account storage account = _storage().accounts[adapter];
        return (account.carried, account.unpaidEpochs, account.residue - account.distributed);
    }

    /* INTERNAL */

    /// @dev The modifier is in three functions, and this once.
    function _checkQuestions() private view {
        if (msg.sender != Predeploys.EPOCH_QUESTIONS) revert NotEpochQuestions(msg.sender);
    }

    /// @dev Takes the pot and pays the royalties; what is left, and as much of what was carried, is the contributors' pool.
    function _begin(uint64 epoch, uint64 adapter, Settlement storage settled) private {
        // Where none or a later one is next, the epoch has no pot.
        uint64 next = nextOf(adapter);
        if (next != 0 && next < epoch) revert EarlierEpoch(epoch, adapter);
        Account storage account = _storage().accounts[adapter];
        if (settled.openQuestions != 0) revert QuestionsOpen(settled.openQuestions);
        settled.stage = Stage.Paying;
        _returnBond(epoch, adapter, settled);
        address proposer = settled.proposer;
        Pot memory pot = _router().takePot(epoch, adapter);
        // Who pays little divides little: of what was carried the epoch takes no more than it brought.
        uint128 joining = Math.min(account.carried, pot.contributors).toUint128();
        settled.pool = pot.contributors + joining;
        account.carried -= joining;
        _hold(_poolId(adapter), pot.contributors);
        uint256 reward = proposer == address(0) ? 0 : uint256(pot.stakers) * parameter(PROPOSER_BPS) / BPS;
        if (reward != 0) _credit(proposer, reward);
        IValidatorStaking(Predeploys.VALIDATOR_STAKING).reward{value: pot.stakers - reward}();
        _payRoyalties(epoch, adapter, pot);
        emit RoyaltiesPaid(epoch, adapter, pot.model, pot.adapters, pot.stakers);
    }

    function _payRoyalties(uint64 epoch, uint64 adapter, Pot memory pot) private {
        _payRoyalty(epoch, adapter, _scoring().baseOf(adapter), pot.model);
        (uint64[] memory ids, uint256[] memory amounts) = NativePrecompiles.LORA.royaltyFlow(adapter, pot.adapters);
        for (uint256 i = 0; i < ids.length; ++i) {
            _payRoyalty(epoch, adapter, ids[i], amounts[i]);
        }
    }

    function _payRoyalty(uint64 epoch, uint64 adapter, uint64 id, uint256 amount) private {
        if (amount == 0) return;
        address payee = IAdapterMarket(Predeploys.ADAPTER_MARKET).payeeOf(id);
        _credit(payee, amount);
        emit RoyaltyPaid(epoch, adapter, id, payee, amount);
    }

    function _returnBond(uint64 epoch, uint64 adapter, Settlement storage settled) private {
        uint256 bond = settled.bond;
        settled.bond = 0;
        if (bond != 0) _payOut(_proposalId(epoch, adapter), settled.proposer, bond);
    }

    /// @dev Pays up to `max` clusters of a set's result from where it stopped.
    function _payClusters(uint64 epoch, uint64 adapter, Settlement storage settled, Result calldata result, uint256 max)
        private
    {
        Payment memory payment =
            Payment({epoch: epoch, adapter: adapter, part: 0, trained: _scoring().trainAt(adapter, settled.set)});
        payment.part = uint256(settled.pool) * payment.trained.weightBps / BPS;
        uint256 end = result.clusters.length;
        uint256 first = settled.cluster;
        if (end - first > max) end = first + max;
        uint256 left = settled.pool - settled.paid;
        for (uint256 c = first; c < end; ++c) {
            left -= _payCluster(payment, result, c, left);
        }
        settled.paid = (settled.pool - left).toUint128();
        settled.cluster = end.toUint32();
        if (end == result.clusters.length) (settled.set, settled.cluster) = (settled.set + 1, 0);
    }

    /// @dev Of what a cluster earned, the part by which its running score rose above its maximum.
    function _raise(Payment memory payment, uint32 cluster, int128 sum, uint256 earned) private returns (uint256) {
        Running storage running = _storage().running[payment.adapter][payment.trained.sketchSet][cluster];
        // No sum that isn't wrong brings a score to its bounds; there it stays, since an epoch must end.
        int256 score = int256(running.score) + sum;
        if (score > type(int128).max) score = type(int128).max;
        if (score < type(int128).min) score = type(int128).min;
        // forge-lint: disable-next-line(unsafe-typecast) within the bounds
        running.score = int128(score);
        int256 best = running.best;
        if (score <= best) return 0;
        running.best = running.score;
        // The score was not above its maximum before, so that it rose by at most the sum, which is positive.
        return Math.mulDiv(earned, uint256(score - best), uint256(int256(sum)));
    }

    /// @dev Credits the owners of the cluster at place `c`, with at most what is left. Returns how much.
    function _payCluster(Payment memory payment, Result calldata result, uint256 c, uint256 left)
        private
        returns (uint256 amount)
    {
        ILoraRegistry.Train memory trained = payment.trained;
        uint32 cluster = result.clusters[c];
        uint256 earned = payment.part * result.shares[c] / EpochScores.UNITS;
        amount = Math.min(_raise(payment, cluster, result.sums[c], earned), left);
        if (amount == 0 || _questions().isRejected(trained.sketchSet, cluster)) return 0;
        if (!_registry().isEligible(trained.datanet, cluster, payment.epoch)) return 0;
        _payOwners(payment, cluster, earned, amount);
    }

    function _payOwners(Payment memory payment, uint32 cluster, uint256 earned, uint256 amount) private {
        (uint64 epoch, uint64 adapter) = (payment.epoch, payment.adapter);
        (address owner, address datanetOwner, uint16 datanetBps) =
            _registry().payeesOf(payment.trained.datanet, cluster, epoch);
        uint256 datanetPart = amount * datanetBps / BPS;
        if (datanetPart != 0) _payOut(_poolId(adapter), datanetOwner, datanetPart);
        _payOut(_poolId(adapter), owner, amount - datanetPart);
        emit ClusterPaid(epoch, adapter, payment.trained.sketchSet, cluster, owner, earned, amount, datanetPart);
    }

    /// @dev Carries over what isn't paid, and after too many epochs that left no less than they divided lets it be distributed.
    function _end(uint64 epoch, uint64 adapter, Settlement storage settled) private {
        Account storage account = _storage().accounts[adapter];
        settled.stage = Stage.Settled;
        account.last = epoch;
        account.endedAt = block.timestamp.toUint48();
        uint128 left = account.carried + settled.pool - settled.paid;
        account.unpaidEpochs = left >= settled.pool ? account.unpaidEpochs + 1 : 0;
        // One residue at a time, since its division among Datanets has begun.
        if (account.unpaidEpochs >= parameter(CARRY_EPOCHS) && account.residue == 0) {
            _beginResidue(adapter, account, left);
        } else {
            account.carried = left;
        }
        emit Settled(epoch, adapter, settled.paid, left);
    }

    function _beginResidue(uint64 adapter, Account storage account, uint128 amount) private {
        (account.residue, account.carried, account.unpaidEpochs) = (amount, 0, 0);
        emit ResidueBegan(adapter, amount);
    }

    function _distribute(uint64 adapter, bytes32 space, uint256 amount) private {
        _payOut(_poolId(adapter), address(this), amount);
        IClaimVault(Predeploys.CLAIM_VAULT).claim();
        // What falls on no Datanet, or on one without clusters, the registry gives to the treasury.
        _registry().distribute{value: amount}(space);
        emit ResidueDistributed(adapter, space, amount);
    }

    function _registry() private pure returns (IDatanetRegistry) {
        return IDatanetRegistry(Predeploys.DATANET_REGISTRY);
    }

    function _questions() private pure returns (IEpochQuestions) {
        return IEpochQuestions(Predeploys.EPOCH_QUESTIONS);
    }

    function _credit(address payee, uint256 amount) private {
        IClaimVault(Predeploys.CLAIM_VAULT).credit{value: amount}(payee);
    }

    /// @dev Bond that holds an adapter's contributors' part.
    function _poolId(uint64 adapter) private pure returns (bytes32) {
        return keccak256(abi.encode("contributors", adapter));
    }

    /// @dev A renewed window is no longer than those that it renews, and a worker's stake stays for as long as he can be found out.
    function _checkParameters() internal view override {
        uint256 renewal = _renewal();
        if (renewal > parameter(PROPOSAL_SECONDS)) revert ParametersConflict(RENEWAL_SECONDS, PROPOSAL_SECONDS);
        if (renewal > parameter(CHALLENGE_SECONDS)) revert ParametersConflict(RENEWAL_SECONDS, CHALLENGE_SECONDS);
        IValidatorStaking staking = IValidatorStaking(Predeploys.VALIDATOR_STAKING);
        if (IParameterized(address(staking)).parameter(UNBONDING_SECONDS) < staking.minUnbonding()) {
            revert ParametersConflict(CHALLENGE_SECONDS, UNBONDING_SECONDS);
        }
        if (_questionBond() * 10 < parameter(PROPOSAL_BOND)) revert ParametersConflict(PROPOSAL_BOND, QUESTION_BOND);
    }

    /// @dev At genesis `EpochQuestions` comes later, and checks the relation itself.
    function _questionBond() private view returns (uint256) {
        if (Predeploys.EPOCH_QUESTIONS.code.length == 0) return type(uint128).max;
        try IParameterized(Predeploys.EPOCH_QUESTIONS).parameter(QUESTION_BOND) returns (uint256 bond) {
            return bond;
        } catch {
            return type(uint128).max;
        }
    }
}
