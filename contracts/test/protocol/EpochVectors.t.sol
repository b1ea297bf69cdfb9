// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEpochSettlement, Result, Scores} from "../../src/interfaces/IEpochSettlement.sol";
import {IInferenceRouter, Pot} from "../../src/interfaces/IInferenceRouter.sol";
import {IParameterized} from "../../src/interfaces/IParameterized.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {EpochTest} from "./EpochTest.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Makes test/protocol/vectors/epochs.json: whole epochs, with everything that their settlement follows from and what the
///         contracts make of it, which crates/economy must compute alike. Each is `abi.encode(Epoch)`.
/// @dev    Compares with the file; with EPOCH_VECTORS=write in the environment it writes the file.
contract EpochVectorsTest is EpochTest {
    /* TYPES */

    struct Fee {
        address worker;
        bytes32 root;
        uint128 rootSum;
        uint128 price;
        uint128 end;
    }

    struct Set {
        uint64 id;
        uint16 dim;
        uint64 lambda;
        bytes records;
    }

    /// @dev What `EpochScoring.compute` says of scores; `results` are `abi.encode(Result)` for each set.
    struct Computed {
        uint16 voidDraws;
        bytes scores;
        bool[] isValid;
        bytes[] results;
    }

    struct Node {
        uint64 id;
        uint64 base;
        uint16 absBps;
        ILoraRegistry.Share[] parents;
    }

    struct Royalty {
        uint64 id;
        uint256 amount;
    }

    struct Payment {
        uint64 sketchSet;
        uint32 cluster;
        address owner;
        uint256 earned;
        uint256 paid;
        uint256 datanetPart;
    }

    struct Epoch {
        uint64 epoch;
        uint64 adapter;
        bytes32 closing;
        bytes32 seed;
        uint128[] offsets;
        Fee[] log;
        Set[] sets;
        Computed[] computed;
        ILoraRegistry.Train[] train;
        Node[] lineage;
        Pot pot;
        uint16 proposerBps;
        Royalty[] royalties;
        uint256 stakers;
        Payment[] payments;
        uint256 paid;
        uint256 carried;
    }

    /* STATE */

    string private constant FILE = "test/protocol/vectors/epochs.json";
    uint256 private constant EPOCHS = 7;
    uint256 private constant OWNER_BPS = 1000;

    Epoch private made;
    uint256 private random;
    uint64 private secondSet;

    /* THE TEST */

    /// @dev Epochs of one adapter after another, so that scores run on and carries carry.
    function test_epochs_equalTheVectors_succeeds() public {
        vm.recordLogs();
        _deriveAdapter();
        bytes[] memory epochs = new bytes[](EPOCHS);
        for (uint256 i = 0; i < EPOCHS; ++i) {
            epochs[i] = _epoch(i);
        }
        string memory json = vm.serializeBytes("vectors", "epochs", epochs);
        if (keccak256(bytes(vm.envOr("EPOCH_VECTORS", string("")))) == keccak256("write")) {
            vm.writeFile(FILE, string.concat(json, "\n"));
        }
        assertEq(keccak256(bytes(vm.readFile(FILE))), keccak256(bytes(string.concat(json, "\n"))), "other vectors");
    }

    /* SET-UP */

    /// @dev An adapter with two sets of gradients, of two Datanets, and one that can't be scored, derived from others.
    function _deriveAdapter() private {
        bytes memory rows = bytes.concat(_row(0, 1), _row(1, 2), _row(2, 0));
        bytes32 secondSpace;
        (secondSet, secondSpace) = _newSetOfAnother(rows, 0);
        uint64 embeddings = _newSet(_rowsOf(3), 1);
        ILoraRegistry.Share[] memory parents = new ILoraRegistry.Share[](2);
        parents[0] = ILoraRegistry.Share(adapter, 3333);
        parents[1] = ILoraRegistry.Share(base, 777);
        ILoraRegistry.Train[] memory train = _trainOn(set);
        uint64 child = _newAdapter("child", train, parents);
        (parents[0].id, parents[1].id) = (adapter, child);
        train = new ILoraRegistry.Train[](3);
        train[0] = ILoraRegistry.Train(space, set, 0, 3001);
        train[1] = ILoraRegistry.Train(space, embeddings, 0, 999);
        train[2] = ILoraRegistry.Train(secondSpace, secondSet, 0, 6000);
        adapter = _newAdapter("grandchild", train, parents);
    }

    /* AN EPOCH */

    function _epoch(uint256 i) private returns (bytes memory) {
        delete made;
        delete served;
        random = uint256(keccak256(abi.encode("epoch", i)));
        // What is harmful for a while, and what nobody can tell from noise.
        uint256 calls = 2 + _pick(7);
        for (uint256 c = 0; c < calls; ++c) {
            bytes memory q = _query(_weights(i));
            bytes[] memory sketches = new bytes[](2);
            (sketches[0], sketches[1]) = (q, _pick(9) == 0 ? new bytes(DIM) : q);
            if (c % 3 == 1) _serveByVoucher(uint128(1 + _pick(9 ether)), uint128(_pick(9 ether)), sketches);
            else _serve(uint32(1 + _pick(5)), sketches);
        }
        uint64 epoch = _close();
        (made.epoch, made.adapter, made.seed) = (epoch, adapter, settlement.seedOf(epoch));
        (uint64 closed,) = router.closedAt(epoch);
        made.closing = _hashOfBlock(closed + 2);
        for (uint256 d = 0; d < DRAWS; ++d) {
            made.offsets.push(scoring.drawOffset(epoch, adapter, d));
        }
        _noteSets();
        _noteLineage();
        _noteLog(epoch);
        made.pot = router.potOf(epoch, adapter);
        made.proposerBps = uint16(IParameterized(address(settlement)).parameter("proposerBps"));
        // In one epoch too few draws are shown for anybody to earn.
        Scores memory scores = _shown(epoch, i == 3 ? 7 : 9 + _pick(8));
        _noteComputed(epoch, 0, scores);
        _noteOthers(epoch, i, scores);
        _settleAs(epoch, scores);
        return abi.encode(made);
    }

    function _weights(uint256 epoch) private returns (int256[3] memory weights) {
        uint256 kind = _pick(6);
        if (kind == 0) return [int256(3), 0, 0];
        if (kind == 1) return [int256(1), 2, 0];
        if (kind == 2) return [int256(1), 0, -1];
        if (kind == 3) return [int256(0), 0, 1];
        if (kind == 4) return epoch % 2 == 0 ? [int256(0), 1, -2] : [int256(0), -2, 1];
        return [int256(1), 1, 1];
    }

    /// @dev The first `count` draws, with witnesses of either precision.
    function _shown(uint64 epoch, uint256 count) private returns (Scores memory scores) {
        scores = _nothing();
        for (uint256 d = 0; d < DRAWS; ++d) {
            if (d < count) _show(scores, epoch, d, _pick(2) == 0 ? SHARP : BLUNT);
        }
    }

    /// @dev The same scores with void draws, and wrong ones.
    function _noteOthers(uint64 epoch, uint256 i, Scores memory scores) private {
        if (i == 1) _noteComputed(epoch, 0x0005, scores);
        if (i == 2) {
            // A witness for another query, of one set.
            scores.witnesses[1].x[2] = _solve([int256(-3), 0, 0], SHARP);
            _noteComputed(epoch, 0, scores);
            // Void, it isn't looked at.
            _noteComputed(epoch, 0x0004, scores);
            _show(scores, epoch, 2, SHARP);
        }
        if (i == 4) {
            // A call that the log doesn't have, even where the draw is void.
            uint128 price = scores.draws[1].price;
            scores.draws[1].price = price + 1;
            _noteComputed(epoch, 0x0002, scores);
            scores.draws[1].price = price;
        }
        if (i == 5) {
            bytes memory x = scores.witnesses[0].x[0];
            (bytes1 high, bytes1 low) = (x[0], x[1]);
            (x[0], x[1]) = (0x40, 0x00);
            _noteComputed(epoch, 0, scores);
            (x[0], x[1]) = (high, low);
        }
    }

    /* WHAT IS NOTED */

    function _noteSets() private {
        _noteSet(set);
        _noteSet(secondSet);
        ILoraRegistry.Train[] memory train = _adapterOf(adapter).train;
        for (uint256 t = 0; t < train.length; ++t) {
            made.train.push(train[t]);
        }
    }

    function _noteSet(uint64 id) private {
        IAttrSketch.SetHeader memory header = SKETCH.header(id);
        bytes memory records;
        for (uint32 r = 0; r < header.rows; ++r) {
            (uint32 cluster, uint16 label, bytes memory v) = SKETCH.row(id, r);
            records = abi.encodePacked(records, cluster, label, v);
        }
        made.sets.push(Set(id, header.dim, header.lambda, records));
    }

    function _noteLineage() private {
        uint64[] memory ids = LORA.lineage(adapter);
        for (uint256 n = 0; n <= ids.length; ++n) {
            uint64 id = n == ids.length ? adapter : ids[n];
            ILoraRegistry.Adapter memory registered = _adapterOf(id);
            Node storage node = made.lineage.push();
            (node.id, node.base, node.absBps) = (id, registered.base, registered.absBps);
            for (uint256 p = 0; p < registered.parents.length; ++p) {
                node.parents.push(registered.parents[p]);
            }
        }
    }

    function _adapterOf(uint64 id) private view returns (ILoraRegistry.Adapter memory registered) {
        (registered,,,) = LORA.get(id);
    }

    function _noteLog(uint64 epoch) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 l = 0; l < logs.length; ++l) {
            if (logs[l].topics[0] != IInferenceRouter.FeeRecorded.selector) continue;
            if (uint256(logs[l].topics[1]) != epoch || uint256(logs[l].topics[2]) != adapter) continue;
            Fee memory fee;
            fee.worker = address(uint160(uint256(logs[l].topics[3])));
            (fee.root, fee.rootSum, fee.price,, fee.end) =
                abi.decode(logs[l].data, (bytes32, uint128, uint128, uint128, uint128));
            made.log.push(fee);
        }
    }

    function _noteComputed(uint64 epoch, uint16 voidDraws, Scores memory scores) private {
        Computed storage computed = made.computed.push();
        (computed.voidDraws, computed.scores) = (voidDraws, abi.encode(scores));
        for (uint256 s = 0; s < scores.witnesses.length; ++s) {
            (bool isValid, Result memory result) = scoring.compute(epoch, adapter, voidDraws, abi.encode(scores), s);
            computed.isValid.push(isValid);
            computed.results.push(abi.encode(result));
        }
    }

    function _settleAs(uint64 epoch, Scores memory scores) private {
        (Result[] memory results, bytes32[] memory hashes) = _results(epoch, scores);
        _propose(epoch, scores, hashes);
        (, uint256 stakersBefore) = staking.holdings();
        _payAll(epoch, results, hashes);
        (, uint256 stakers) = staking.holdings();
        made.stakers = stakers - stakersBefore;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 l = 0; l < logs.length; ++l) {
            bytes32 topic = logs[l].topics[0];
            if (topic == IEpochSettlement.RoyaltyPaid.selector) {
                (, uint256 amount) = abi.decode(logs[l].data, (address, uint256));
                made.royalties.push(Royalty(uint64(uint256(logs[l].topics[3])), amount));
            } else if (topic == IEpochSettlement.ClusterPaid.selector) {
                _notePayment(logs[l]);
            } else if (topic == IEpochSettlement.Settled.selector && logs[l].emitter == address(settlement)) {
                (made.paid, made.carried) = abi.decode(logs[l].data, (uint256, uint256));
            }
        }
    }

    function _notePayment(Vm.Log memory log) private {
        Payment memory payment;
        payment.sketchSet = uint64(uint256(log.topics[3]));
        (payment.cluster, payment.owner, payment.earned, payment.paid, payment.datanetPart) =
            abi.decode(log.data, (uint32, address, uint256, uint256, uint256));
        assertEq(payment.datanetPart, payment.paid * OWNER_BPS / 10_000);
        made.payments.push(payment);
    }

    /// @dev Below `count`, the same in every run.
    function _pick(uint256 count) private returns (uint256) {
        random = uint256(keccak256(abi.encode(random)));
        return random % count;
    }
}
