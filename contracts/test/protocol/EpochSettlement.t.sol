// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAdapterMarket} from "../../src/interfaces/IAdapterMarket.sol";
import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {IEpochSettlement, Result, Stage} from "../../src/interfaces/IEpochSettlement.sol";
import {IInferenceRouter, Pot} from "../../src/interfaces/IInferenceRouter.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {ILoraRegistry} from "../../src/interfaces/precompiles/ILoraRegistry.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {EpochTest} from "./EpochTest.sol";

/// @notice Payment: a whole epoch, guards, what isn't paid.
contract EpochSettlementTest is EpochTest {
    /// @dev ES1.
    function test_epoch_wholeToTheWei_succeeds() public {
        uint256 paidIn = payer.balance;
        for (uint32 i = 1; i <= 5; ++i) {
            _serve(i, [int256(1), 2, 0]);
        }
        _serveByVoucher(11 ether + 5, 17 ether + 3, [int256(1), 0, -1]);
        paidIn -= payer.balance;
        uint64 epoch = _close();
        Pot memory pot = router.potOf(epoch, adapter);
        uint256 held = router.heldOf(epoch, adapter, worker);
        assertEq(uint256(pot.model) + pot.adapters + pot.contributors + pot.stakers + held, paidIn);

        (, Result[] memory results, bytes32[] memory hashes) = _proposeAll(epoch);
        assertEq(_bond(epoch), PROPOSAL_BOND);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEpochSettlement.WindowOpen.selector, settlement.settlementOf(epoch, adapter).deadline
            )
        );
        settlement.finalize(epoch, adapter, hashes, results[0], 1);
        vm.warp(uint256(settlement.settlementOf(epoch, adapter).deadline) + 1);
        assertFalse(settlement.isSettled(epoch, adapter));

        _payRoyalties(epoch, pot, results, hashes);
        uint256 contributors = _payByOne(epoch, pot, results, hashes);
        router.release(epoch, adapter, worker);
        assertEq(_claimable(worker), held);
        assertEq(contributors + pot.model + pot.adapters + pot.stakers + held, paidIn);
        assertEq(address(settlement).balance, 0);
        assertEq(address(router).balance, 0);
        assertEq(_bond(epoch), 0);

        uint256 claimable = _claimable(alice);
        uint256 before = alice.balance;
        vm.prank(alice);
        vault.claim();
        assertEq(alice.balance - before, claimable);
        bytes memory expected =
            abi.encodeWithSelector(IEpochSettlement.WrongStage.selector, epoch, adapter, Stage.Settled);
        vm.expectRevert(expected);
        settlement.finalize(epoch, adapter, hashes, results[0], 1);
        vm.expectRevert(expected);
        settlement.carry(epoch, adapter);
    }

    /// @dev Royalties come with the first call, without a cluster if it asks for none.
    function _payRoyalties(uint64 epoch, Pot memory pot, Result[] memory results, bytes32[] memory hashes) private {
        settlement.finalize(epoch, adapter, hashes, results[0], 0);
        _assertStage(epoch, Stage.Paying);
        assertTrue(settlement.isSettled(epoch, adapter));
        uint256 reward = pot.stakers / 10;
        assertEq(_claimable(proposer), PROPOSAL_BOND + reward);
        // Nobody registered a payee for the base.
        assertEq(_claimable(Predeploys.TREASURY), pot.model);
        assertEq(_claimable(developer), pot.adapters);
        (, uint256 rewards) = staking.holdings();
        assertEq(rewards, pot.stakers - reward);
        assertEq(_pool(), pot.contributors);
    }

    /// @dev Pays a cluster a call. Returns what is paid and carried.
    function _payByOne(uint64 epoch, Pot memory pot, Result[] memory results, bytes32[] memory hashes)
        private
        returns (uint256)
    {
        for (uint256 c = 0; c < 3; ++c) {
            _assertStage(epoch, Stage.Paying);
            settlement.finalize(epoch, adapter, hashes, results[0], 1);
        }
        _assertStage(epoch, Stage.Settled);
        // Cluster 2 was only ever harmful.
        assertEq(results[0].shares[2], 0);
        assertEq(_claimable(carol), 0);
        uint256 first = uint256(pot.contributors) * results[0].shares[0] / 1e18;
        uint256 second = uint256(pot.contributors) * results[0].shares[1] / 1e18;
        assertGt(first, 0);
        assertGt(second, 0);
        assertEq(_claimable(alice), first - first / 10);
        assertEq(_claimable(bob), second - second / 10);
        assertEq(_claimable(owner), first / 10 + second / 10);
        (uint128 carried, uint32 unpaid, uint128 residue) = settlement.carriedOf(adapter);
        assertEq(carried, pot.contributors - first - second);
        assertEq(_pool(), carried);
        assertEq(unpaid, 0);
        assertEq(residue, 0);
        return first + second + carried;
    }

    /// @dev ES7.
    function test_finalize_earlierEpochFirst_succeeds() public {
        _serve(3, [int256(1), 0, 0]);
        uint64 first = _close();
        delete served;
        _serve(3, [int256(1), 0, 0]);
        uint64 second = _close();
        (, Result[] memory results, bytes32[] memory hashes) = _proposeAll(second);
        vm.warp(uint256(settlement.settlementOf(second, adapter).deadline) + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.EarlierEpoch.selector, second, adapter));
        settlement.finalize(second, adapter, hashes, results[0], 9);
        _carry(first);
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertEq(carried, _pool());
        settlement.finalize(second, adapter, hashes, results[0], 9);
        _assertStage(second, Stage.Settled);
        // What the first epoch carried was divided in the second.
        assertGt(_claimable(alice), carried);
    }

    /// @dev ES7.
    function test_nextOf_overEmptyEpochs_succeeds() public {
        for (uint256 i = 0; i < 3; ++i) {
            _nextEpoch();
        }
        assertEq(settlement.nextOf(adapter), 0);
        _serve(3, [int256(1), 0, 0]);
        assertEq(settlement.nextOf(adapter), 5);
        uint64 epoch = _close();
        assertEq(epoch, 5);
        _nextEpoch();
        _serve(3, [int256(1), 0, 0]);
        assertEq(settlement.nextOf(adapter), 5);
        settlement.carry(epoch, adapter);
        assertEq(settlement.nextOf(adapter), 7);
        // Nothing was paid in the sixth.
        vm.warp(vm.getBlockTimestamp() + 8 days);
        vm.expectRevert(abi.encodeWithSelector(IInferenceRouter.PotEmpty.selector, 6, adapter));
        settlement.carry(6, adapter);
    }

    /// @dev ES7: however many epochs passed before an adapter's first one, settling that takes the same gas.
    function test_finalize_afterManyEmptyEpochs_takesNoMoreGas() public {
        uint256 start = vm.snapshotState();
        uint256 early = _gasOfCarry();
        vm.revertToState(start);
        for (uint256 i = 0; i < 300; ++i) {
            _nextEpoch();
        }
        assertLe(_gasOfCarry(), early + 5000);
    }

    function _gasOfCarry() private returns (uint256 gas) {
        _serve(4, [int256(1), 0, 0]);
        uint64 epoch = _close();
        (, uint64 closed) = router.closedAt(epoch);
        vm.warp(closed + 7 days + 1);
        gas = gasleft();
        settlement.carry(epoch, adapter);
        gas -= gasleft();
    }

    /// @dev ES13: what is carried for an adapter that nobody uses any more is its Datanets', whatever its developer does.
    function test_residue_ofAnUnusedAdapter_goesToDatanets() public {
        _reviewAll();
        _serve(50, [int256(1), 0, 0]);
        uint64 epoch = _close();
        _carry(epoch);
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertGt(carried, 0);
        vm.prank(developer);
        market.update(adapter, IAdapterMarket.Status.Withdrawn, PRICE, 0, "");
        // Four epochs close after the last one.
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoResidue.selector, adapter));
            settlement.distributeResidue(adapter, 9);
            _nextEpoch();
        }
        vm.expectEmit(address(settlement));
        emit IEpochSettlement.ResidueBegan(adapter, carried);
        settlement.distributeResidue(adapter, 9);
        assertEq(_pool(), 0);
        for (uint32 c = 0; c < 3; ++c) {
            assertEq(registry.sharesOf(datanet, c), carried / 3);
        }
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoResidue.selector, adapter));
        settlement.distributeResidue(adapter, 9);
    }

    /// @dev ES13: as long as an epoch that was paid for isn't settled, what is carried may join it.
    function test_residue_ofAnAdapterInUse_waits() public {
        _serve(50, [int256(1), 0, 0]);
        _carry(_close());
        for (uint256 i = 0; i < 5; ++i) {
            _nextEpoch();
        }
        delete served;
        _serve(1, [int256(1), 0, 0]);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoResidue.selector, adapter));
        settlement.distributeResidue(adapter, 9);
        _settle(_close());
        assertGt(_claimable(alice), 0);
        // The count of epochs begins anew.
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoResidue.selector, adapter));
        settlement.distributeResidue(adapter, 9);
    }

    /// @dev ES8.
    function test_carry_withoutProposal_succeeds() public {
        _serve(4, [int256(1), 0, 0]);
        uint64 epoch = router.currentEpoch();
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.EpochNotClosed.selector, epoch));
        settlement.carry(epoch, adapter);
        _close();
        Pot memory pot = router.potOf(epoch, adapter);
        (, uint64 closed) = router.closedAt(epoch);
        vm.warp(closed + 7 days);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalsNotOver.selector, closed + 7 days));
        settlement.carry(epoch, adapter);
        vm.warp(closed + 7 days + 1);
        bytes memory scores = abi.encode(_nothing());
        vm.prank(proposer);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalsOver.selector, closed + 7 days));
        settlement.propose{value: PROPOSAL_BOND}(epoch, adapter, scores, new bytes32[](1));
        settlement.carry(epoch, adapter);
        assertEq(_claimable(developer), pot.adapters);
        (, uint256 rewards) = staking.holdings();
        assertEq(rewards, pot.stakers);
        (uint128 carried, uint32 unpaid,) = settlement.carriedOf(adapter);
        assertEq(carried, pot.contributors);
        assertEq(unpaid, 1);
    }

    /// @dev ES8.
    function test_residue_afterFourUnpaidEpochs_goesToDatanets() public {
        _reviewAll();
        uint256 contributors = 0;
        for (uint256 i = 0; i < 4; ++i) {
            (, uint32 unpaid, uint128 none) = settlement.carriedOf(adapter);
            assertEq(unpaid, i);
            assertEq(none, 0);
            _serve(3, [int256(1), 0, 0]);
            uint64 epoch = _close();
            contributors += router.potOf(epoch, adapter).contributors;
            _carry(epoch);
        }
        (uint128 carried, uint32 after4, uint128 residue) = settlement.carriedOf(adapter);
        assertEq(carried, 0);
        assertEq(after4, 0);
        assertEq(residue, contributors);
        settlement.distributeResidue(adapter, 1);
        assertEq(_pool(), 0);
        // Shared equally by the three accepted clusters, but for what doesn't divide.
        for (uint32 c = 0; c < 3; ++c) {
            assertEq(registry.sharesOf(datanet, c), contributors / 3);
        }
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NoResidue.selector, adapter));
        settlement.distributeResidue(adapter, 1);
    }

    /// @dev ES8.
    function test_residue_withoutTraining_goesToTreasury() public {
        adapter = _newAdapter("untrained", new ILoraRegistry.Train[](0));
        _setParameter(address(settlement), "carryEpochs", 1);
        bytes[] memory none = new bytes[](0);
        _serveFor(adapter, 3, none);
        uint64 epoch = _close();
        Pot memory pot = router.potOf(epoch, adapter);
        bytes32[] memory hashes = new bytes32[](0);
        _propose(epoch, _nothing(), hashes);
        vm.warp(uint256(settlement.settlementOf(epoch, adapter).deadline) + 1);
        Result memory nothing;
        settlement.finalize(epoch, adapter, hashes, nothing, 0);
        _assertStage(epoch, Stage.Settled);
        uint256 before = _claimable(Predeploys.TREASURY);
        settlement.distributeResidue(adapter, 99);
        assertEq(_claimable(Predeploys.TREASURY) - before, pot.contributors);
        assertEq(_pool(), 0);
    }

    /// @dev ES9.
    function test_runningScore_noiseEarnsNothingTwice_succeeds() public {
        uint128 pool = _epochOf([int256(1), 1, 0]);
        uint256 first = _claimable(bob);
        assertApproxEqRel(first, uint256(pool) * 9 / 20, 1e15);
        (int128 score, int128 best) = settlement.runningScoreOf(adapter, set, 1);
        assertEq(score, best);
        // Harm takes back what it rose …
        _epochOf([int256(1), -1, 0]);
        assertEq(_claimable(bob), first);
        (int128 fallen, int128 kept) = settlement.runningScoreOf(adapter, set, 1);
        assertEq(kept, best);
        assertApproxEqAbs(fallen, 0, uint128(best) / 100);
        // … so that rising as much again earns next to nothing,
        _epochOf([int256(1), 1, 0]);
        assertApproxEqAbs(_claimable(bob), first, first / 100);
        // and only what is above.
        uint256 before = _claimable(bob);
        _epochOf([int256(1), 1, 0]);
        assertGt(_claimable(bob), before + first / 2);
    }

    /// @dev ES10.
    function test_copies_ofACluster_earnNoMore() public {
        // Bob's content once more, by another account: no cluster, no row.
        uint64 copy = _contribute(datanet, alice, 1);
        assertEq(uint8(registry.contributionAt(datanet, copy).status), 5);
        _epochOf([int256(1), 1, 0]);
        assertApproxEqRel(_claimable(bob), _claimable(alice) - BOND, 1e15);
    }

    /// @dev ES11.
    function test_ineligible_earnsNothing_succeeds() public {
        vm.prank(bob);
        registry.withdraw(datanet, 1);
        // From the next epoch on.
        uint128 pool = _epochOf([int256(1), 1, 0]);
        uint256 first = _claimable(bob);
        assertGt(first, pool / 3);
        _epochOf([int256(1), 1, 0]);
        assertEq(_claimable(bob), first);
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertEq(carried, _pool());
        assertGt(carried, pool / 3);
    }

    /// @dev ES1.
    function test_carry_abandonedProposal_succeeds() public {
        _serve(4, [int256(1), 0, 0]);
        uint64 epoch = _close();
        uint128 contributors = router.potOf(epoch, adapter).contributors;
        // A hash that nobody knows what of.
        _propose(epoch, _nothing(), new bytes32[](1));
        uint48 until = settlement.settlementOf(epoch, adapter).deadline + 7 days;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.ProposalsNotOver.selector, until));
        settlement.carry(epoch, adapter);
        vm.warp(until + 1);
        settlement.carry(epoch, adapter);
        _assertStage(epoch, Stage.Settled);
        assertEq(_claimable(proposer), PROPOSAL_BOND);
        (uint128 carried,,) = settlement.carriedOf(adapter);
        assertEq(carried, contributors);
    }

    /// @dev ES1.
    function test_finalize_wrongResultUnchallenged_keepsToThePool() public {
        _serve(4, [int256(1), 0, 0]);
        uint64 epoch = _close();
        uint128 contributors = router.potOf(epoch, adapter).contributors;
        Result[] memory results = new Result[](1);
        results[0] = Result({clusters: new uint32[](2), sums: new int128[](2), shares: new uint64[](2)});
        results[0].clusters[1] = 1;
        (results[0].sums[0], results[0].sums[1]) = (type(int128).max, type(int128).max);
        (results[0].shares[0], results[0].shares[1]) = (0.7e18, type(uint64).max);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = keccak256(abi.encode(results[0]));
        _propose(epoch, _nothing(), hashes);
        _payAll(epoch, results, hashes);
        _assertStage(epoch, Stage.Settled);
        assertEq(_claimable(alice) + _claimable(bob) + _claimable(owner), contributors);
        assertEq(_pool(), 0);
        // The score stays at its bound, and later epochs end.
        delete served;
        _epochOf([int256(1), 1, 0]);
        (int128 score,) = settlement.runningScoreOf(adapter, set, 1);
        assertEq(score, type(int128).max);
    }

    function test_disputedAdapter_settles() public {
        _serve(4, [int256(1), 0, 0]);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        LORA.setStatus(adapter, 2);
        _settle(_close());
        assertGt(_claimable(alice), 0);
    }

    /// @dev ES12.
    function test_others_revert() public {
        vm.deal(alice, 2 ether);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NotInferenceRouter.selector, alice));
        settlement.receivePot{value: 1}();
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NotEpochQuestions.selector, alice));
        settlement.openQuestion(1, adapter);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NotEpochQuestions.selector, alice));
        settlement.closeQuestion(1, adapter);
        vm.expectRevert(abi.encodeWithSelector(IEpochSettlement.NotEpochQuestions.selector, alice));
        settlement.voidDraws(1, adapter, 1, 1, worker, alice);
        (bool sent,) = address(settlement).call{value: 1}("");
        assertFalse(sent);
        vm.stopPrank();
    }

    /// @dev An epoch of one request, settled. Returns the contributors' part of its pot.
    function _epochOf(int256[3] memory weights) private returns (uint128 contributors) {
        delete served;
        _serve(5, weights);
        uint64 epoch = _close();
        contributors = router.potOf(epoch, adapter).contributors;
        _settle(epoch);
    }

    function _reviewAll() private {
        for (uint32 c = 0; c < 3; ++c) {
            _decide(datanet, c, 80);
        }
        for (uint32 c = 0; c < 3; ++c) {
            _finalize(datanet, c);
        }
    }
}
