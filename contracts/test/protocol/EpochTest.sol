// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../../src/interfaces/IAdapterMarket.sol";
import {IEpochQuestions} from "../../src/interfaces/IEpochQuestions.sol";
import {IEpochScoring} from "../../src/interfaces/IEpochScoring.sol";
import {Draw, IEpochSettlement, Result, Scores, Stage, Witnesses} from "../../src/interfaces/IEpochSettlement.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {IVoucherChannels, Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {IAttrSketch} from "../../src/interfaces/precompiles/IAttrSketch.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {FeeTree} from "../../src/libraries/FeeTree.sol";
import {NativePrecompiles} from "../../src/libraries/NativePrecompiles.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {DatanetTest} from "./DatanetTest.sol";

/// @notice What tests of an epoch's settlement start with: a Datanet whose clusters 0, 1 and 2 are alice's, bob's and carol's, an adapter
///         trained on a row of each, a worker, a payer. The rows have entries ±100 and are orthogonal, so that the witness for a sum of
///         rows is a sum of rows.
abstract contract EpochTest is DatanetTest {
    /// @dev A request as it stands in the fee log.
    struct Served {
        uint256 start;
        uint256 paid;
        Draw draw;
    }

    IEpochSettlement internal constant settlement = IEpochSettlement(Predeploys.EPOCH_SETTLEMENT);
    IEpochScoring internal constant scoring = IEpochScoring(Predeploys.EPOCH_SCORING);
    IEpochQuestions internal constant questions = IEpochQuestions(Predeploys.EPOCH_QUESTIONS);
    IJury internal constant jury = IJury(Predeploys.JURY);
    IVoucherChannels internal constant channels = IVoucherChannels(Predeploys.VOUCHER_CHANNELS);
    IAdapterMarket internal constant market = IAdapterMarket(Predeploys.ADAPTER_MARKET);
    IAttrSketch internal constant SKETCH = NativePrecompiles.SKETCH;
    ILoraRegistry internal constant LORA = NativePrecompiles.LORA;

    uint256 internal constant DIM = 64;
    int256 internal constant ENTRY = 100;
    uint256 internal constant DRAWS = 16;
    uint8 internal constant SHARP = 27;
    uint8 internal constant BLUNT = 24;
    uint256 internal constant PROPOSAL_BOND = 1000 ether;
    uint256 internal constant QUESTION_BOND = 200 ether;
    /// @dev Of a thousand tokens in: a request of n thousand tokens costs n times that.
    uint128 internal constant PRICE = 7 ether + 13;
    uint128 internal constant PLATFORM_FEE = 3 ether + 1;
    bytes private constant JSON =
        '{"layers.0.q_proj.lora_A.weight":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]},"layers.0.q_proj.lora_B.weight":{"dtype":"F32","shape":[4,2],"data_offsets":[64,96]}}';

    address internal immutable developer = makeAddr("developer");
    address internal immutable worker = makeAddr("worker");
    address internal immutable proposer = makeAddr("proposer");
    address internal immutable challenger = makeAddr("challenger");
    address internal immutable payer;
    uint256 internal immutable payerKey;

    uint256 internal datanet;
    bytes32 internal space;
    uint64 internal set;
    uint64 internal adapter;
    uint64 internal base;
    Served[] internal served;
    uint256 private nonce;

    constructor() {
        (payer, payerKey) = makeAddrAndKey("payer");
    }

    function setUp() public virtual override {
        super.setUp();
        address[4] memory rich = [payer, proposer, challenger, worker];
        for (uint256 i = 0; i < rich.length; ++i) {
            vm.deal(rich[i], 100_000 ether);
        }
        datanet = _create();
        space = registry.spaceOf(datanet);
        _contributeAll();
        set = _newSet(_rowsOf(3), 0);
        base = LORA.registerBase(_base());
        adapter = _newAdapter("weights", _trainOn(set));
        vm.startPrank(worker);
        staking.register{value: 1000 ether}(IValidatorStaking.Role.Worker, 0);
        router.setPlatformFee(worker, PLATFORM_FEE);
        vm.stopPrank();
        // The first epoch began long ago.
        router.closeEpoch();
    }

    /* DATA AND ADAPTERS */

    /// @dev Clusters 0 to 2.
    function _contributeAll() internal {
        address[3] memory contributors = [alice, bob, carol];
        for (uint64 i = 0; i < 3; ++i) {
            _commit(datanet, contributors[i], i);
        }
        _mine(2, 1);
        for (uint64 i = 0; i < 3; ++i) {
            _reveal(datanet, contributors[i], i, i);
        }
        _mine(49, 1);
        assertEq(registry.settle(datanet, 3), 3);
    }

    /// @dev Sign of entry `d` of pattern `k`: patterns are orthogonal.
    function _sign(uint256 k, uint256 d) internal pure returns (int256) {
        uint256 bits = k & d;
        int256 sign = 1;
        for (; bits != 0; bits &= bits - 1) {
            sign = -sign;
        }
        return sign;
    }

    function _row(uint32 cluster, uint256 pattern) internal pure returns (bytes memory record) {
        record = abi.encodePacked(cluster, uint16(0), new bytes(DIM));
        for (uint256 d = 0; d < DIM; ++d) {
            record[6 + d] = bytes1(uint8(int8(ENTRY * _sign(pattern, d))));
        }
    }

    /// @dev A set about another Datanet like the first one, with clusters of the same owners.
    function _newSetOfAnother(bytes memory rows, uint8 kind) internal returns (uint64 id, bytes32 other) {
        (uint256 firstDatanet, bytes32 firstSpace) = (datanet, space);
        datanet = _create();
        other = registry.spaceOf(datanet);
        space = other;
        _contributeAll();
        id = _newSet(rows, kind);
        (datanet, space) = (firstDatanet, firstSpace);
    }

    /// @dev A row of each of the first clusters, of the pattern of its number.
    function _rowsOf(uint32 count) internal pure returns (bytes memory rows) {
        for (uint32 c = 0; c < count; ++c) {
            rows = bytes.concat(rows, _row(c, c));
        }
    }

    function _newSet(bytes memory rows, uint8 kind) internal returns (uint64 id) {
        vm.startPrank(developer);
        id = SKETCH.openSet(space, uint16(DIM), kind, uint32(DIM * 10_000), 0, 0, 0, 0);
        _mineAs(developer, 2);
        SKETCH.drawSeed(id);
        SKETCH.appendRows(id, rows);
        SKETCH.seal(id);
        vm.stopPrank();
    }

    function _mineAs(address account, uint256 count) private {
        vm.stopPrank();
        _mine(count, 1);
        vm.startPrank(account);
    }

    function _base() private pure returns (ILoraRegistry.Base memory described) {
        (described.namePrefix, described.layers) = ("layers.", 1);
        described.modules = new ILoraRegistry.Module[](1);
        described.modules[0] = ILoraRegistry.Module("q_proj", 8, 4);
    }

    function _trainOn(uint64 sketchSet) internal view returns (ILoraRegistry.Train[] memory train) {
        train = new ILoraRegistry.Train[](1);
        train[0] = ILoraRegistry.Train(space, sketchSet, 0, 10_000);
    }

    function _newAdapter(bytes32 weights, ILoraRegistry.Train[] memory train) internal returns (uint64) {
        return _newAdapter(weights, train, new ILoraRegistry.Share[](0));
    }

    function _newAdapter(bytes32 weights, ILoraRegistry.Train[] memory train, ILoraRegistry.Share[] memory parents)
        internal
        returns (uint64 id)
    {
        id = _registerAdapter(weights, train, parents);
        vm.prank(developer);
        market.list(id, PRICE, 0, "");
    }

    /// @dev The same without the listing.
    function _registerAdapter(bytes32 weights, ILoraRegistry.Train[] memory train, ILoraRegistry.Share[] memory parents)
        internal
        returns (uint64)
    {
        bytes memory length = new bytes(8);
        length[0] = bytes1(uint8(JSON.length));
        bytes memory header = bytes.concat(length, JSON);
        ILoraRegistry.Adapter memory made;
        made.base = base;
        (made.rank, made.alpha, made.moduleMask, made.layerTo) = (2, 4, 1, 1);
        (made.headerHash, made.dataRoot, made.dataLen) = (keccak256(header), weights, 96);
        (made.chunkLog2, made.developer, made.version, made.licence) = (12, developer, 1, LICENCE);
        (made.train, made.parents) = (train, parents);
        LORA.commitAdapter(keccak256(abi.encode(developer, made.headerHash, weights, SALT)));
        _mine(2, 1);
        vm.prank(developer);
        return LORA.registerAdapter(made, header, SALT);
    }

    /* REQUESTS */

    /// @dev Sketch of a query: a quarter of the sum of the rows' patterns times `weights`, whose magnitudes add up to at most 5.
    function _query(int256[3] memory weights) internal pure returns (bytes memory q) {
        q = new bytes(DIM);
        for (uint256 d = 0; d < DIM; ++d) {
            int256 entry = 0;
            for (uint256 k = 0; k < 3; ++k) {
                entry += ENTRY / 4 * weights[k] * _sign(k, d);
            }
            q[d] = bytes1(uint8(int8(entry)));
        }
    }

    /// @dev Solves for the query that is `_query(weights)` over a set of one row of each pattern; magnitudes add up to at most 3.
    function _solve(int256[3] memory weights, uint8 shift) internal pure returns (bytes memory x) {
        int256 rowWeight = int256(DIM) * ENTRY * ENTRY;
        int256 divisor = rowWeight + (3 * rowWeight + 1023) / 1024;
        for (uint256 d = 0; d < DIM; ++d) {
            int256 entry = 0;
            for (uint256 k = 0; k < 3; ++k) {
                entry += weights[k] * _sign(k, d);
            }
            int256 scaled = entry * (ENTRY / 4) * int256(1 << shift);
            int256 half = scaled < 0 ? -divisor / 2 : divisor / 2;
            x = abi.encodePacked(x, int16((scaled + half) / divisor));
        }
    }

    /// @dev The weights that a sketch of `_query` has, from its products with the patterns.
    function _weightsOf(bytes memory q) internal pure returns (int256[3] memory weights) {
        for (uint256 k = 0; k < 3; ++k) {
            int256 product = 0;
            for (uint256 d = 0; d < DIM; ++d) {
                product += int256(int8(uint8(q[d]))) * _sign(k, d);
            }
            weights[k] = product / (int256(DIM) * ENTRY / 4);
        }
    }

    function _one(bytes memory sketch) internal pure returns (bytes[] memory sketches) {
        sketches = new bytes[](1);
        sketches[0] = sketch;
    }

    /// @dev A request of so many thousand tokens, with that query, served.
    function _serve(uint32 thousands, bytes[] memory sketches) internal returns (bytes32 requestId) {
        return _serveFor(adapter, thousands, sketches);
    }

    function _serve(uint32 thousands, int256[3] memory weights) internal returns (bytes32) {
        return _serve(thousands, _one(_query(weights)));
    }

    function _serveFor(uint64 id, uint32 thousands, bytes[] memory sketches) internal returns (bytes32 requestId) {
        uint128 price = thousands * PRICE;
        vm.prank(payer);
        requestId = router.request{value: price + PLATFORM_FEE}(id, worker, thousands * 1000, 0, "prompt", ++nonce);
        uint256 start = router.feesOf(router.currentEpoch(), id);
        vm.prank(worker);
        router.fulfil(requestId, 0, "output", keccak256(abi.encode(sketches)));
        Served storage made = served.push();
        (made.start, made.paid) = (start, price);
        made.draw.requestId = requestId;
        made.draw.price = price;
        made.draw.sketches = sketches;
    }

    /// @dev Two calls of a channel, settled by one voucher.
    function _serveByVoucher(uint128 first, uint128 second, int256[3] memory weights) internal {
        _serveByVoucher(first, second, _one(_query(weights)));
    }

    function _serveByVoucher(uint128 first, uint128 second, bytes[] memory sketches) internal {
        uint128 cumulative = first + second + 2 * PLATFORM_FEE;
        vm.prank(payer);
        bytes32 channel = channels.openChannel{value: cumulative}(worker, adapter, PLATFORM_FEE, bytes32(++nonce));
        FeeTree.Leaf[] memory leaves = new FeeTree.Leaf[](2);
        bytes32 sketchHash = keccak256(abi.encode(sketches));
        leaves[0] = FeeTree.Leaf(keccak256(abi.encode(channel, 1)), first, sketchHash);
        leaves[1] = FeeTree.Leaf(keccak256(abi.encode(channel, 2)), second, sketchHash);
        (bytes32 root,) = FeeTree.root(leaves);
        uint256 start = router.feesOf(router.currentEpoch(), adapter);
        _settleVoucher(channel, cumulative, root);
        _push(start, leaves[0], leaves[1], false, sketches);
        _push(start + first, leaves[1], leaves[0], true, sketches);
    }

    function _settleVoucher(bytes32 channel, uint128 cumulative, bytes32 root) private {
        Voucher memory voucher = Voucher({
            channel: channel,
            payer: payer,
            payee: worker,
            cumulative: cumulative,
            count: 2,
            leavesRoot: root,
            expiry: uint64(vm.getBlockTimestamp() + 1 hours)
        });
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(payerKey, channels.hashVoucher(voucher));
        channels.settle(voucher, abi.encodePacked(r, s, v));
    }

    /// @dev Notes one of two leaves of a voucher.
    function _push(
        uint256 start,
        FeeTree.Leaf memory leaf,
        FeeTree.Leaf memory other,
        bool isRight,
        bytes[] memory sketches
    ) private {
        Served storage made = served.push();
        (made.start, made.paid) = (start, leaf.price);
        Draw storage draw = made.draw;
        (draw.requestId, draw.price, draw.sketches) = (leaf.requestId, leaf.price, sketches);
        bytes32 hash = FeeTree.hashLeaf(other.requestId, other.price, other.querySketchHash);
        draw.proof.push(FeeTree.Sibling(hash, other.price, isRight));
    }

    /* PROPOSALS */

    /// @dev Closes the epoch and draws its seed.
    function _close() internal returns (uint64 epoch) {
        epoch = router.currentEpoch();
        vm.warp(router.endsAt(epoch));
        _mine(1, 0);
        router.closeEpoch();
        _mine(3, 1);
        settlement.drawSeed(epoch);
    }

    /// @dev Where in the log of the test a draw falls.
    function _drawn(uint64 epoch, uint256 i) internal view returns (uint256) {
        uint256 offset = scoring.drawOffset(epoch, adapter, i);
        for (uint256 k = 0; k < served.length; ++k) {
            if (served[k].start <= offset && offset < served[k].start + served[k].paid) return k;
        }
        revert("not in the log");
    }

    /// @dev No draws at all.
    function _nothing() internal view returns (Scores memory scores) {
        (uint64[] memory sets,) = scoring.setsOf(adapter);
        scores.draws = new Draw[](DRAWS);
        scores.witnesses = new Witnesses[](sets.length);
        for (uint256 s = 0; s < sets.length; ++s) {
            scores.witnesses[s].x = new bytes[](DRAWS);
            scores.witnesses[s].shift = new uint8[](DRAWS);
        }
    }

    /// @dev Shows draw `i` as the log has it, with witnesses of that shift.
    function _show(Scores memory scores, uint64 epoch, uint256 i, uint8 shift) internal view {
        Draw memory draw = served[_drawn(epoch, i)].draw;
        scores.draws[i] = draw;
        for (uint256 s = 0; s < scores.witnesses.length; ++s) {
            scores.witnesses[s].x[i] = _solve(_weightsOf(draw.sketches[s]), shift);
            scores.witnesses[s].shift[i] = shift;
        }
    }

    /// @dev All draws, with witnesses of that shift.
    function _scores(uint64 epoch, uint8 shift) internal view returns (Scores memory scores) {
        scores = _nothing();
        for (uint256 i = 0; i < DRAWS; ++i) {
            _show(scores, epoch, i, shift);
        }
    }

    /// @dev What follows from scores that are right.
    function _results(uint64 epoch, Scores memory scores)
        internal
        view
        returns (Result[] memory results, bytes32[] memory hashes)
    {
        results = new Result[](scores.witnesses.length);
        hashes = new bytes32[](results.length);
        uint16 voidDraws = settlement.settlementOf(epoch, adapter).voidDraws;
        for (uint256 s = 0; s < results.length; ++s) {
            bool isValid;
            (isValid, results[s]) = scoring.compute(epoch, adapter, voidDraws, abi.encode(scores), s);
            assertTrue(isValid, "not valid");
            hashes[s] = keccak256(abi.encode(results[s]));
        }
    }

    function _propose(uint64 epoch, Scores memory scores, bytes32[] memory hashes) internal {
        vm.prank(proposer);
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, abi.encode(scores), hashes);
    }

    /// @dev A draw that isn't the log's can't be proposed.
    function _expectUnknownDraw(uint64 epoch, Scores memory scores, bytes32[] memory hashes, uint256 draw) internal {
        bytes memory encoded = abi.encode(scores);
        vm.prank(proposer);
        vm.expectRevert(abi.encodeWithSelector(IEpochScoring.UnknownDraw.selector, draw));
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, encoded, hashes);
    }

    /// @dev Leaves a draw out.
    function _omit(Scores memory scores, uint256 i) internal view {
        scores.draws[i] = _nothing().draws[i];
        for (uint256 s = 0; s < scores.witnesses.length; ++s) {
            (scores.witnesses[s].x[i], scores.witnesses[s].shift[i]) = ("", 0);
        }
    }

    /// @dev A right proposal of all draws.
    function _proposeAll(uint64 epoch)
        internal
        returns (Scores memory scores, Result[] memory results, bytes32[] memory hashes)
    {
        scores = _scores(epoch, SHARP);
        (results, hashes) = _results(epoch, scores);
        _propose(epoch, scores, hashes);
    }

    function _challenge(uint64 epoch, Scores memory scores, bytes32[] memory hashes) internal {
        vm.prank(challenger);
        settlement.challenge(epoch, adapter, abi.encode(scores), hashes, 0);
    }

    function _improve(uint64 epoch, Scores memory old, Scores memory better, bytes32[] memory hashes) internal {
        vm.prank(challenger);
        settlement.improve{value: PROPOSAL_BOND}(epoch, adapter, abi.encode(old), abi.encode(better), hashes);
    }

    /// @dev Lets the windows pass, and pays everything.
    function _payAll(uint64 epoch, Result[] memory results, bytes32[] memory hashes) internal {
        vm.warp(uint256(settlement.settlementOf(epoch, adapter).deadline) + 1);
        for (uint256 s = 0; s < results.length; ++s) {
            settlement.finalize(epoch, adapter, hashes, results[s], type(uint256).max);
        }
    }

    /// @dev From the close to the payment.
    function _settle(uint64 epoch) internal returns (Result[] memory results) {
        bytes32[] memory hashes;
        (, results, hashes) = _proposeAll(epoch);
        _payAll(epoch, results, hashes);
    }

    /// @dev Waits until there can't be a proposal, and carries.
    function _carry(uint64 epoch) internal {
        (, uint64 closed) = router.closedAt(epoch);
        vm.warp(closed + 7 days + 1);
        settlement.carry(epoch, adapter);
    }

    function _stage(uint64 epoch) internal view returns (Stage) {
        return settlement.settlementOf(epoch, adapter).stage;
    }

    function _assertStage(uint64 epoch, Stage stage) internal view {
        assertEq(uint8(_stage(epoch)), uint8(stage), "stage");
    }

    function _claimable(address account) internal view returns (uint256) {
        return vault.claimable(account);
    }

    function _pool() internal view returns (uint256) {
        return vault.held(address(settlement), keccak256(abi.encode("contributors", adapter)));
    }

    function _bond(uint64 epoch) internal view returns (uint256) {
        return vault.held(address(settlement), keccak256(abi.encode("proposal", epoch, adapter)));
    }

    /* JURIES */

    /// @dev Lets the whole jury of a question find that, and answers.
    function _decide(bytes32 question, bytes memory finding, bytes memory sketch) internal {
        _tally(question, finding, sketch);
        questions.answer(question, finding, sketch);
    }

    /// @dev The same without the answer; of a row.
    function _tally(bytes32 question, bytes memory finding) internal {
        _tally(question, finding, "");
    }

    /// @dev The same without the answer.
    function _tally(bytes32 question, bytes memory finding, bytes memory sketch) internal {
        bytes[] memory findings = new bytes[](7);
        for (uint256 i = 0; i < 7; ++i) {
            findings[i] = finding;
        }
        _tallyEach(question, findings, sketch);
    }

    /// @dev Lets each juror find its own vector, in order of draw, and has them counted; empty: it commits to nothing.
    function _tallyEach(bytes32 question, bytes[] memory findings, bytes memory sketch)
        internal
        returns (address[] memory jurors)
    {
        _mine(4, 1);
        jurors = jury.draw(question);
        bool ofSketch = jury.questionOf(question).subject == IJury.Subject.Sketch;
        bytes[] memory revealed = new bytes[](ofSketch ? jurors.length + 1 : jurors.length);
        if (ofSketch) revealed[jurors.length] = sketch;
        bool all = true;
        for (uint256 i = 0; i < jurors.length; ++i) {
            all = all && findings[i].length != 0;
            if (findings[i].length == 0) continue;
            vm.prank(jurors[i]);
            jury.commit(question, keccak256(abi.encode(jurors[i], SALT, findings[i])));
        }
        if (!all) vm.warp(jury.questionOf(question).commitEnd);
        for (uint256 i = 0; i < jurors.length; ++i) {
            revealed[i] = findings[i];
            if (findings[i].length != 0) jury.reveal(question, jurors[i], findings[i], SALT);
        }
        if (!all) vm.warp(jury.questionOf(question).revealEnd);
        jury.tally(question, revealed);
    }
}
