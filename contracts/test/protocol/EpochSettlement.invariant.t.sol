// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Result, Scores, Settlement, Stage} from "../../src/interfaces/IEpochSettlement.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {EpochTest} from "./EpochTest.sol";

/// @notice ES1: whatever happens to epochs, in any order, what came in is paid, held, carried or burnt. The test is its own handler, since what
///         serves requests also keeps their log.
contract EpochSettlementInvariantTest is EpochTest {
    uint64 private constant EPOCHS = 8;

    uint256 private fees;
    uint256 private burnt;
    uint256 private start;
    /// @dev Closed epochs of the adapter with fees, and the scores that stand for each.
    uint64[] private closed;
    mapping(uint64 epoch => bytes) private standing;
    mapping(uint64 epoch => bytes) private proposed;
    mapping(uint64 epoch => Served[]) private kept;

    function setUp() public override {
        super.setUp();
        start = _owned();
        targetContract(address(this));
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = this.epoch.selector;
        selectors[1] = this.propose.selector;
        selectors[2] = this.challenge.selector;
        selectors[3] = this.finalize.selector;
        selectors[4] = this.carry.selector;
        selectors[5] = this.distribute.selector;
        targetSelector(FuzzSelector({addr: address(this), selectors: selectors}));
    }

    /// @dev A request or two, and the epoch's end.
    function epoch(uint32 thousands, int8 a, int8 b) external {
        if (closed.length == EPOCHS) return;
        delete served;
        uint256 before = payer.balance;
        int256 first = int256(a) % 2;
        _serve(uint32(bound(thousands, 1, 50)), [first == 0 ? int256(1) : first, int256(b) % 3, 0]);
        if (thousands % 2 == 0) _serve(uint32(bound(thousands, 1, 9)), [int256(1), 0, -1]);
        fees += before - payer.balance;
        uint64 number = _close();
        closed.push(number);
        kept[number] = served;
    }

    /// @dev A right proposal, or one that says too much.
    function propose(uint256 which, bool wrong) external {
        (bool any, uint64 number) = _pick(which);
        (, uint64 closedAt) = router.closedAt(number);
        Settlement memory settled = settlement.settlementOf(number, adapter);
        uint256 until = settled.proposeUntil;
        if (until < closedAt + 7 days) until = closedAt + 7 days;
        if (settled.askUntil != 0 && until > settled.settleUntil - 1 days) until = settled.settleUntil - 1 days;
        if (!any || _stage(number) != Stage.Open || vm.getBlockTimestamp() > until) return;
        _load(number);
        Scores memory scores = _scores(number, SHARP);
        (Result[] memory results, bytes32[] memory hashes) = _results(number, scores);
        if (wrong) {
            results[0].shares[0] = type(uint64).max;
            hashes[0] = keccak256(abi.encode(results[0]));
        }
        _propose(number, scores, hashes);
        standing[number] = abi.encode(scores);
        proposed[number] = abi.encode(results[0]);
    }

    function challenge(uint256 which) external {
        (bool any, uint64 number) = _pick(which);
        if (!any || _stage(number) != Stage.Proposed) return;
        if (vm.getBlockTimestamp() > settlement.settlementOf(number, adapter).deadline) return;
        (bytes32[] memory hashes, Result memory result) = _proposed(proposed[number]);
        bytes memory scores = standing[number];
        bool wrong = result.shares[0] == type(uint64).max;
        if (!wrong) vm.expectRevert();
        vm.prank(challenger);
        settlement.challenge(number, adapter, scores, hashes, 0);
        if (wrong) burnt += PROPOSAL_BOND / 2;
    }

    function finalize(uint256 which, uint256 max, uint256 wait) external {
        vm.warp(vm.getBlockTimestamp() + bound(wait, 0, 4 days));
        (bool any, uint64 number) = _pick(which);
        if (!any) return;
        (bytes memory data, Settlement memory settled) = (proposed[number], settlement.settlementOf(number, adapter));
        if (data.length == 0 || settled.stage == Stage.Open) return;
        (bytes32[] memory hashes, Result memory result) = _proposed(data);
        try settlement.finalize(number, adapter, hashes, result, bound(max, 0, 4)) {
            assertTrue(settled.stage == Stage.Paying || vm.getBlockTimestamp() > settled.deadline);
            if (settlement.isSettled(number, adapter)) router.release(number, adapter, worker);
        } catch {}
    }

    function carry(uint256 which, uint256 wait) external {
        vm.warp(vm.getBlockTimestamp() + bound(wait, 0, 8 days));
        (bool any, uint64 number) = _pick(which);
        if (!any) return;
        try settlement.carry(number, adapter) {
            assertEq(uint8(_stage(number)), uint8(Stage.Settled));
        } catch {}
    }

    function distribute() external {
        (uint128 carried,, uint128 residue) = settlement.carriedOf(adapter);
        try settlement.distributeResidue(adapter, 9) {
            (uint128 left,,) = settlement.carriedOf(adapter);
            // What waited in the epochs that could have taken it isn't touched where another residue is.
            assertEq(left, residue == 0 ? 0 : carried);
        } catch {
            assertEq(residue, 0, "a residue that can't be distributed");
        }
    }

    /// forge-config: default.invariant.runs = 6
    /// forge-config: default.invariant.depth = 30
    function invariant_conservation() public view {
        (uint256 pots, uint256 bonds, uint256 unpaid) = (0, 0, 0);
        for (uint256 i = 0; i < closed.length; ++i) {
            uint64 number = closed[i];
            Settlement memory settled = settlement.settlementOf(number, adapter);
            assertEq(_bond(number), settled.stage == Stage.Proposed ? PROPOSAL_BOND : 0, "bond");
            bonds += _bond(number);
            if (settled.stage == Stage.Paying) unpaid += settled.pool - settled.paid;
            if (settled.stage == Stage.Settled) assertLe(settled.paid, settled.pool, "paid");
            pots += _potAndHold(number);
        }
        (uint128 carried,, uint128 residue) = settlement.carriedOf(adapter);
        assertEq(_pool(), unpaid + carried + residue, "pool");
        assertEq(address(settlement).balance, 0, "settlement");
        assertEq(address(router).balance, pots, "router");
        // All of what the parties have and what is held for them, but for what was burnt.
        assertEq(_owned() + pots + bonds + _pool() + burnt, start, "sum");
    }

    function _potAndHold(uint64 number) private view returns (uint256) {
        return uint256(router.potOf(number, adapter).model) + router.potOf(number, adapter).adapters
            + router.potOf(number, adapter).contributors + router.potOf(number, adapter).stakers
            + router.heldOf(number, adapter, worker);
    }

    /// @dev Balances and claims of all parties, and rewards of stakers.
    function _owned() private view returns (uint256 sum) {
        address[10] memory parties =
            [payer, proposer, challenger, worker, developer, alice, bob, carol, owner, Predeploys.TREASURY];
        for (uint256 i = 0; i < parties.length; ++i) {
            sum += parties[i].balance + _claimable(parties[i]);
        }
        (, uint256 rewards) = staking.holdings();
        sum += rewards;
    }

    function _proposed(bytes memory data) private pure returns (bytes32[] memory hashes, Result memory result) {
        hashes = new bytes32[](1);
        hashes[0] = keccak256(data);
        result = abi.decode(data, (Result));
    }

    function _pick(uint256 which) private view returns (bool any, uint64 number) {
        if (closed.length == 0) return (false, 0);
        return (true, closed[which % closed.length]);
    }

    /// @dev Brings back the log of an epoch.
    function _load(uint64 number) private {
        served = kept[number];
    }
}
