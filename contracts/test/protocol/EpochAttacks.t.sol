// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../../src/interfaces/IAdapterMarket.sol";
import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {IDatanetRegistry} from "../../src/interfaces/IDatanetRegistry.sol";
import {IEpochSettlement, Result, Scores, Settlement, Stage} from "../../src/interfaces/IEpochSettlement.sol";
import {IInferenceRouter, Pot} from "../../src/interfaces/IInferenceRouter.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {EpochTest} from "./EpochTest.sol";

/// @dev A payee that calls the economy while it is being paid.
contract Meddler {
    IEpochSettlement private constant settlement = IEpochSettlement(Predeploys.EPOCH_SETTLEMENT);
    IInferenceRouter private constant router = IInferenceRouter(Predeploys.INFERENCE_ROUTER);
    IValidatorStaking private constant staking = IValidatorStaking(Predeploys.VALIDATOR_STAKING);

    uint64 private immutable epoch;
    uint64 private immutable adapter;
    address private immutable worker;
    /// What succeeded, a bit each.
    uint256 public done;

    constructor(uint64 epoch_, uint64 adapter_, address worker_) {
        (epoch, adapter, worker) = (epoch_, adapter_, worker_);
    }

    receive() external payable {
        try IClaimVault(msg.sender).claim() {
            done |= 1;
        } catch {}
        // It claims from the vault itself, which is in the middle of a claim.
        try settlement.distributeResidue(adapter, 9) {
            done |= 2;
        } catch {}
        try router.release(epoch, adapter, worker) {
            done |= 4;
        } catch {}
        try staking.claimRewards(IValidatorStaking.Role.Worker, worker, address(this)) {
            done |= 8;
        } catch {}
    }
}

/// @notice What somebody could try to take or to block, and what becomes of it.
contract EpochAttacksTest is EpochTest {
    /// @dev An epoch of one request, settled by a right proposal. Returns the contributors' part of its pot.
    function _epochOf(uint32 thousands, int256[3] memory weights) private returns (uint128 contributors) {
        delete served;
        _serve(thousands, weights);
        uint64 epoch = _close();
        contributors = router.potOf(epoch, adapter).contributors;
        _settle(epoch);
    }

    /// @dev An epoch without a proposal.
    function _unpaidEpoch(uint32 thousands) private returns (uint128 contributors) {
        delete served;
        _serve(thousands, [int256(1), 0, 0]);
        uint64 epoch = _close();
        contributors = router.potOf(epoch, adapter).contributors;
        _carry(epoch);
    }

    /* MONEY THAT WAITS */

    /// @dev ES13: the only payer of a quiet epoch doesn't get to divide what others paid before.
    function test_quietEpoch_ofOnePayer_dividesNoMoreThanTwiceWhatItBrings() public {
        uint128 waiting = _unpaidEpoch(50);
        uint128 brought = _epochOf(1, [int256(0), 1, 0]);
        uint256 taken = _claimable(bob) + _claimable(owner);
        assertApproxEqRel(taken, 2 * uint256(brought), 1e15);
        assertLe(taken, 2 * uint256(brought));
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertEq(carried, waiting + brought - taken);
        assertEq(_pool(), carried);
    }

    /// @dev ES13: what is too much for the epochs that follow reaches the Datanets all the same.
    function test_carried_moreThanEpochsTake_reachesDatanets() public {
        uint128 sum = _unpaidEpoch(50);
        for (uint256 i = 1; i < 4; ++i) {
            (uint128 waits, uint32 unpaid,) = settlement.carriedOf(adapter);
            assertGt(waits, 0);
            assertEq(unpaid, i);
            sum += _epochOf(1, [int256(0), 1, 0]);
        }
        (uint128 carried, uint32 after4, uint128 residue) = settlement.carriedOf(adapter);
        assertEq(carried, 0);
        assertEq(after4, 0);
        assertEq(residue, sum - _claimable(bob) - _claimable(owner));
        uint256 before = _claimable(Predeploys.TREASURY);
        settlement.distributeResidue(adapter, 9);
        // No cluster is accepted yet.
        assertEq(_claimable(Predeploys.TREASURY) - before, residue);
        assertEq(_pool(), 0);
    }

    /// @dev ES13: where epochs bring enough, all that was carried joins them, and the count begins anew.
    function test_carried_thatEpochsTake_isDivided() public {
        uint128 sum = _unpaidEpoch(3);
        sum += _epochOf(5, [int256(0), 1, 0]);
        assertApproxEqRel(_claimable(bob) + _claimable(owner), sum, 1e15);
        (, uint32 unpaid, uint128 residue) = settlement.carriedOf(adapter);
        assertEq(unpaid, 0);
        assertEq(residue, 0);
    }

    /// @dev ES1: a half paid epoch whose rest nobody pays ends, and its rest waits for the next.
    function test_carry_halfPaid_succeeds() public {
        _serve(5, [int256(1), 1, 0]);
        uint64 epoch = _close();
        uint128 pool = router.potOf(epoch, adapter).contributors;
        (, Result[] memory results, bytes32[] memory hashes) = _proposeAll(epoch);
        uint48 deadline = settlement.settlementOf(epoch, adapter).deadline;
        vm.warp(uint256(deadline) + 1);
        settlement.finalize(epoch, adapter, hashes, results[0], 1);
        uint256 paid = settlement.settlementOf(epoch, adapter).paid;
        assertGt(paid, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalsNotOver.selector, deadline + 7 days));
        settlement.carry(epoch, adapter);
        vm.warp(uint256(deadline) + 7 days + 1);
        settlement.carry(epoch, adapter);
        _assertStage(epoch, Stage.Settled);
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertEq(carried, pool - paid);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.WrongStage.selector, epoch, adapter, Stage.Settled));
        settlement.finalize(epoch, adapter, hashes, results[0], 9);
    }

    /* PROPOSALS THAT NOBODY COULD REFUTE */

    /// @dev ES4: a sketch with an entry of −128, which rows can't have, is scored as any: it shields no wrong proposal.
    function test_sketch_ofLeastEntries_isScoredAndRefuted() public {
        bytes memory least = new bytes(DIM);
        bytes memory witness;
        int256 rowWeight = int256(DIM) * ENTRY * ENTRY;
        int256 divisor = rowWeight + (3 * rowWeight + 1023) / 1024;
        for (uint256 d = 0; d < DIM; ++d) {
            least[d] = 0x80;
            witness = abi.encodePacked(witness, int16(-128 * int256(1 << 26) / divisor));
        }
        _serve(5, _one(least));
        uint64 epoch = _close();
        Scores memory scores = _nothing();
        for (uint256 i = 0; i < DRAWS; ++i) {
            scores.draws[i] = served[0].draw;
            (scores.witnesses[0].x[i], scores.witnesses[0].shift[i]) = (witness, 26);
        }
        (Result[] memory results, bytes32[] memory right) = _results(epoch, scores);
        assertLt(results[0].sums[0], 0, "all of it is against cluster 0");
        bytes32[] memory wrong = new bytes32[](1);
        _propose(epoch, scores, wrong);
        _challenge(epoch, scores, wrong);
        _propose(epoch, scores, right);
        bytes memory encoded = abi.encode(scores);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalHolds.selector, right[0]));
        settlement.challenge(epoch, adapter, encoded, right, 0);
    }

    /// @dev A worker who commits to no sketch is paid, but what his calls brought for contributors reaches nobody who paid or served.
    function test_worker_withoutSketches_contributorsPartIsCarried() public {
        _serve(5, new bytes[](0));
        uint64 epoch = _close();
        uint128 pool = router.potOf(epoch, adapter).contributors;
        (, bytes32[] memory hashes) = _results(epoch, _nothing());
        _propose(epoch, _nothing(), hashes);
        Result[] memory results = new Result[](1);
        _payAll(epoch, results, hashes);
        (uint128 carried, uint32 unpaid,) = settlement.carriedOf(adapter);
        assertEq(carried, pool);
        assertEq(unpaid, 1);
    }

    /* EPOCHS THAT NOBODY COULD SETTLE */

    /// @dev ES14: royalties of the widest lineage that the market lists fit into a transaction of 30 million gas, precompiles' included.
    function test_royalties_widestLineage_fitsIntoATransaction() public {
        uint256 nodes = market.MAX_ANCESTORS() + 1;
        // LORA reads 41 slots for an adapter with 8 parents and 16 training sets.
        uint256 getGas = 100_000;
        _serve(5, [int256(1), 0, 0]);
        uint64 epoch = _close();
        (, Result[] memory results, bytes32[] memory hashes) = _proposeAll(epoch);
        uint256 amount = router.potOf(epoch, adapter).adapters;
        uint64[] memory ids = new uint64[](nodes);
        uint256[] memory amounts = new uint256[](nodes);
        (ILoraRegistry.Adapter memory node,,,) = LORA.get(adapter);
        node.parents = new ILoraRegistry.Share[](8);
        node.train = new ILoraRegistry.Train[](16);
        for (uint64 i = 0; i < nodes; ++i) {
            (ids[i], amounts[i]) = (1000 + i, amount / nodes);
            node.developer = address(uint160(0xdead0000 + i));
            vm.mockCall(
                address(LORA),
                abi.encodeCall(ILoraRegistry.get, (ids[i])),
                abi.encode(node, uint64(0), uint8(1), uint16(128))
            );
        }
        amounts[0] += amount % nodes;
        vm.mockCall(
            address(LORA), abi.encodeCall(ILoraRegistry.royaltyFlow, (adapter, amount)), abi.encode(ids, amounts)
        );
        vm.warp(uint256(settlement.settlementOf(epoch, adapter).deadline) + 1);
        uint256 before = gasleft();
        settlement.finalize(epoch, adapter, hashes, results[0], 0);
        uint256 gas = before - gasleft() + nodes * getGas;
        assertLt(gas, 30_000_000);
        assertEq(_claimable(address(uint160(0xdead0000 + nodes - 1))), amount / nodes);
    }

    /// @dev ES14: a wider one isn't listed, and so has no epochs.
    function test_list_tooManyAncestors_reverts() public {
        uint64 wide = 77;
        ILoraRegistry.Adapter memory node;
        (node.base, node.developer) = (base, developer);
        uint256 limit = market.MAX_ANCESTORS();
        vm.mockCall(address(LORA), abi.encodeCall(ILoraRegistry.statusOf, (wide)), abi.encode(uint8(0)));
        vm.mockCall(address(LORA), abi.encodeCall(ILoraRegistry.lineage, (wide)), abi.encode(new uint64[](0)));
        _mockAncestors(wide, node, limit + 1);
        vm.startPrank(developer);
        vm.expectRevert(abi.encodeWithSelector(IAdapterMarket.TooManyAncestors.selector, limit + 1, limit));
        market.list(wide, 1, 1, "");
        _mockAncestors(wide, node, limit);
        market.list(wide, 1, 1, "");
        vm.stopPrank();
    }

    /// @dev AM1: the widest lineage that the market lists, each of it trained on 16 of 128 Datanets, is listed in a transaction of 30 million gas.
    function test_list_widestLineage_fitsIntoATransaction() public {
        uint64 wide = 77;
        uint256 limit = market.MAX_ANCESTORS();
        ILoraRegistry.Adapter memory node;
        (node.base, node.developer) = (base, developer);
        node.parents = new ILoraRegistry.Share[](8);
        _mockAncestors(wide, node, limit);
        uint64[] memory ids = new uint64[](limit);
        node.train = new ILoraRegistry.Train[](16);
        for (uint64 i = 0; i < limit; ++i) {
            ids[i] = 1000 + i;
            for (uint256 t = 0; t < 16; ++t) {
                node.train[t].datanet = keccak256(abi.encode((i * 16 + t * 37) % market.MAX_DATANETS()));
            }
            _mockAncestors(ids[i], node, limit);
        }
        vm.mockCall(address(LORA), abi.encodeCall(ILoraRegistry.statusOf, (wide)), abi.encode(uint8(0)));
        vm.mockCall(address(LORA), abi.encodeCall(ILoraRegistry.lineage, (wide)), abi.encode(ids));
        vm.mockCall(
            address(registry), abi.encodeWithSelector(IDatanetRegistry.licenceAllows.selector), abi.encode(true)
        );
        vm.prank(developer);
        uint256 before = gasleft();
        market.list(wide, 1, 1, "");
        uint256 used = before - gasleft();
        // LORA reads 41 slots for an adapter with 8 parents and 16 training sets, and the registry four for a licence.
        assertLt(used + limit * 100_000 + market.MAX_DATANETS() * 12_000, 25_000_000);
        assertTrue(market.isOffered(wide));
    }

    function _mockAncestors(uint64 id, ILoraRegistry.Adapter memory node, uint256 ancestors) private {
        vm.mockCall(
            address(LORA),
            abi.encodeCall(ILoraRegistry.get, (id)),
            abi.encode(node, uint64(0), uint8(16), uint16(ancestors))
        );
    }

    /* CALLS AND PLACES IN THE MIDST OF IT */

    /// @dev CV2: who calls the economy while it is being paid gets what it is owed, once, and nobody else's.
    function test_claim_callingBack_takesNothingElse() public {
        _setParameter(address(settlement), "carryEpochs", 1);
        _serve(5, [int256(1), 0, 0]);
        uint64 epoch = _close();
        uint256 hold = router.heldOf(epoch, adapter, worker);
        Meddler meddler = new Meddler(epoch, adapter, worker);
        vm.prank(developer);
        market.setPayee(adapter, address(meddler));
        uint128 royalties = router.potOf(epoch, adapter).adapters;
        _carry(epoch);
        assertEq(_claimable(address(meddler)), royalties);
        vault.claimFor(address(meddler));
        assertEq(address(meddler).balance, royalties);
        // It released the worker's hold, as anyone may, and took rewards that it doesn't have.
        assertEq(meddler.done(), 4 | 8);
        assertEq(_claimable(address(meddler)), 0);
        assertEq(_claimable(worker), hold);
        // The residue is all there.
        (,, uint128 residue) = settlement.carriedOf(adapter);
        assertEq(_pool(), residue);
        settlement.distributeResidue(adapter, 9);
        assertEq(_pool(), 0);
        assertEq(address(settlement).balance, 0);
    }

    /// @dev CV5: places that move between a proposal and its payment take what is due along, and no more.
    function test_rotation_betweenProposalAndPayment_movesWhatIsDue() public {
        _serve(5, [int256(1), 1, 0]);
        uint64 epoch = _close();
        Pot memory pot = router.potOf(epoch, adapter);
        uint256 hold = router.heldOf(epoch, adapter, worker);
        (, Result[] memory results, bytes32[] memory hashes) = _proposeAll(epoch);
        address newBob = _rotate("bob", "new bob");
        address newWorker = _rotate("worker", "new worker");
        address newProposer = _rotate("proposer", "new proposer");
        _payAll(epoch, results, hashes);
        router.release(epoch, adapter, worker);
        uint256 second = uint256(pot.contributors) * results[0].shares[1] / 1e18;
        assertEq(newBob.balance + _claimable(newBob), second - second / 10);
        assertEq(_claimable(newWorker), hold);
        assertEq(_claimable(newProposer), PROPOSAL_BOND + pot.stakers / 10);
        // The old addresses have nothing of their own any more.
        vm.prank(bob);
        assertEq(vault.claim(), 0);
        assertEq(_claimable(bob), second - second / 10);
        // The stake stays the old operator's pool, which the new holder alone can end.
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IValidatorStaking.NotHolder.selector, worker, worker));
        staking.exit(IValidatorStaking.Role.Worker, worker);
        vm.prank(newWorker);
        staking.exit(IValidatorStaking.Role.Worker, worker);
    }

    /// @dev EQ3: a place given away in between doesn't shield the worker's stake.
    function test_rotation_ofAnAccusedWorker_shieldsNothing() public {
        _serve(5, [int256(1), 1, 0]);
        uint64 epoch = _close();
        (Scores memory scores,,) = _proposeAll(epoch);
        bytes memory encoded = abi.encode(scores);
        vm.prank(challenger);
        bytes32 question = questions.askSketch{value: QUESTION_BOND}(epoch, adapter, encoded, 0, 0);
        address newWorker = _rotate("worker", "new worker");
        vm.prank(newWorker);
        staking.exit(IValidatorStaking.Role.Worker, worker);
        _decide(question, new bytes(DIM), _query([int256(1), 1, 0]));
        vm.warp(vm.getBlockTimestamp() + 15 days);
        assertEq(staking.withdraw(IValidatorStaking.Role.Worker, worker, worker), 900 ether);
        assertEq(_claimable(newWorker), 900 ether);
    }

    /* QUESTIONS ACROSS PROPOSALS */

    /// @dev EQ6: a question stays open when its proposal goes, and counts for the one that follows.
    function test_question_overANewProposal_delaysAndCounts() public {
        _serve(5, [int256(1), 1, 0]);
        uint64 epoch = _close();
        Scores memory scores = _scores(epoch, SHARP);
        bytes32[] memory wrong = new bytes32[](1);
        _propose(epoch, scores, wrong);
        vm.prank(challenger);
        bytes32 row = questions.askRow{value: QUESTION_BOND}(epoch, adapter, 0, 1);
        _challenge(epoch, scores, wrong);
        (, Result[] memory results, bytes32[] memory hashes) = _proposeAll(epoch);
        uint48 deadline = settlement.settlementOf(epoch, adapter).deadline;
        _tally(row, _query([int256(0), 0, 4]));
        vm.warp(uint256(deadline) + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.QuestionsOpen.selector, 1));
        settlement.finalize(epoch, adapter, hashes, results[0], 9);
        questions.answer(row, _query([int256(0), 0, 4]), "");
        _assertStage(epoch, Stage.Proposed);
        settlement.finalize(epoch, adapter, hashes, results[0], 9);
        assertEq(_claimable(bob), 0, "the verdict counts for the new proposal");
        assertGt(_claimable(alice), 0);
    }

    /// @dev EQ6: two requests' sketches asked about under one proposal; the second verdict voids the proposal that came meanwhile.
    function test_questions_ofTwoRequests_voidOneAfterTheOther() public {
        _serve(5, [int256(1), 0, 0]);
        _serve(5, [int256(0), 1, 0]);
        uint64 epoch = _close();
        (uint256 first, uint256 other) = (0, 1);
        while (_drawn(epoch, other) == _drawn(epoch, first)) {
            ++other;
        }
        (Scores memory scores,,) = _proposeAll(epoch);
        bytes memory encoded = abi.encode(scores);
        vm.startPrank(challenger);
        bytes32 a = questions.askSketch{value: QUESTION_BOND}(epoch, adapter, encoded, first, 0);
        bytes32 b = questions.askSketch{value: QUESTION_BOND}(epoch, adapter, encoded, other, 0);
        vm.stopPrank();
        _tally(a, new bytes(DIM), scores.draws[first].sketches[0]);
        _mine(1, 1);
        bytes memory finding = new bytes(DIM);
        questions.answer(a, finding, scores.draws[first].sketches[0]);
        uint16 void = settlement.settlementOf(epoch, adapter).voidDraws;
        assertEq(_claimable(proposer), PROPOSAL_BOND);

        // Another's proposal, with the first request's draws void, while the second question is open.
        (, bytes32[] memory hashes) = _results(epoch, scores);
        vm.deal(alice, PROPOSAL_BOND);
        vm.prank(alice);
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, encoded, hashes);
        _tally(b, finding, scores.draws[other].sketches[0]);
        questions.answer(b, finding, scores.draws[other].sketches[0]);
        assertEq(_claimable(alice), PROPOSAL_BOND, "void by no fault of hers");
        Settlement memory settled = settlement.settlementOf(epoch, adapter);
        assertEq(uint8(settled.stage), uint8(Stage.Open));
        assertEq(settled.voidDraws, type(uint16).max);
        assertNotEq(void, settled.voidDraws);
        assertEq(settled.openQuestions, 0);
        assertEq(staking.stakeOf(IValidatorStaking.Role.Worker, worker), 810 ether);
        _settle(epoch);
        _assertStage(epoch, Stage.Settled);
    }
}
