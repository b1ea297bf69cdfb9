// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Result, Scores, Settlement, Stage} from "../../src/interfaces/IEpochSettlement.sol";
import {IGOpen} from "../../src/interfaces/IGOpen.sol";
import {Pot, Request, RequestStatus} from "../../src/interfaces/IInferenceRouter.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Channel} from "../../src/interfaces/IVoucherChannels.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {EpochTest} from "./EpochTest.sol";

/// @notice The economy as a whole: requests, channels, epochs, proposals, challenges, juries, stake, votes and claims in any order. The
///         test is its own handler, since what serves requests also keeps their log.
contract ProtocolInvariantTest is EpochTest {
    IValidatorStaking.Role private constant WORKER = IValidatorStaking.Role.Worker;
    IGOpen private constant gOpen = IGOpen(Predeploys.G_OPEN);
    uint256 private constant EPOCHS = 6;
    uint256 private constant LIST_MAX = 12;

    /// @dev Everybody who may own OPEN.
    address[] private parties;
    bytes32[] private requests;
    bytes32[] private opened;
    bytes32[] private asked;
    /// @dev Closed epochs with fees; of each its log, the scores that stand and the result that was proposed.
    uint64[] private closed;
    mapping(uint64 epoch => Served[]) private kept;
    mapping(uint64 epoch => bytes) private standing;
    mapping(uint64 epoch => bytes) private proposed;
    uint256 private number;

    /// @dev All OPEN of parties and contracts at first; what was burnt; what payers paid to the router and the channels.
    uint256 private start;
    uint256 private burnt;
    uint256 private fees;
    /// @dev What of them was credited: refunds, holds, royalties, contributors' shares, the proposers' and challengers' parts.
    uint256 private credited;
    uint256 private burntOfFees;
    /// @dev What stake each operator's pool should have, leaving or not, by deposits, withdrawals and the list of offences.
    mapping(address operator => uint256) private stakes;

    function setUp() public override {
        super.setUp();
        address[10] memory named =
            [payer, proposer, challenger, worker, developer, alice, bob, carol, owner, Predeploys.TREASURY];
        for (uint256 i = 0; i < named.length; ++i) {
            parties.push(named[i]);
        }
        for (uint256 i = 0; i < validators.length; ++i) {
            parties.push(validators[i]);
            stakes[validators[i]] = STAKE;
        }
        // A worker who stays active however often he is slashed here.
        vm.deal(worker, 1_000_000 ether);
        vm.prank(worker);
        staking.delegate{value: 100_000 ether}(WORKER, worker);
        stakes[worker] = 101_000 ether;
        for (uint32 c = 0; c < 2; ++c) {
            _decide(datanet, c, 80);
        }
        for (uint32 c = 0; c < 2; ++c) {
            _finalize(datanet, c);
        }
        router.closeEpoch();
        start = _owned() + _held();
        targetContract(address(this));
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = this.epoch.selector;
        selectors[1] = this.epoch.selector;
        selectors[2] = this.ask.selector;
        selectors[3] = this.request.selector;
        selectors[4] = this.refund.selector;
        selectors[5] = this.channel.selector;
        selectors[6] = this.close.selector;
        selectors[7] = this.propose.selector;
        selectors[8] = this.challenge.selector;
        selectors[9] = this.pay.selector;
        selectors[10] = this.stake.selector;
        selectors[11] = this.vote.selector;
        selectors[12] = this.claim.selector;
        targetSelector(FuzzSelector({addr: address(this), selectors: selectors}));
    }

    /* FEES */

    /// @dev Requests or a voucher, and the epoch's end.
    function epoch(uint32 thousands, int8 a, bool byVoucher) external {
        if (closed.length == EPOCHS) return;
        delete served;
        uint256 before = payer.balance;
        int256[3] memory weights = [int256(a) % 2 == 0 ? int256(1) : -1, int256(a) % 3, 0];
        uint32 size = uint32(bound(thousands, 1, 50));
        _serve(size, weights);
        if (byVoucher) _serveByVoucher(uint128(size) * 1 ether + 7, 2 ether, [int256(1), 0, -1]);
        fees += before - payer.balance;
        uint64 closing = _close();
        closed.push(closing);
        kept[closing] = served;
    }

    /// @dev A request that nobody fulfils.
    function request(uint32 tokens) external {
        if (requests.length == LIST_MAX) return;
        uint128 escrow = uint128(PLATFORM_FEE + (uint256(PRICE) * tokens + 999) / 1000);
        if (payer.balance < escrow + 1) return;
        uint256 nonce = uint256(keccak256(abi.encode(++number)));
        vm.prank(payer);
        bytes32 id = router.request{value: escrow + 1}(adapter, worker, tokens, 0, "", nonce);
        requests.push(id);
        fees += escrow + 1;
        credited += 1;
    }

    function refund(uint256 which) external {
        if (requests.length == 0) return;
        bytes32 id = requests[which % requests.length];
        Request memory made = router.requestOf(id);
        if (made.status != RequestStatus.Open) return;
        if (vm.getBlockTimestamp() <= made.deadline) vm.warp(uint256(made.deadline) + 1);
        router.refund(id);
        credited += made.escrow;
    }

    /// @dev A channel that is never settled, or leaves.
    function channel(uint64 locked, uint256 which) external {
        if (opened.length < LIST_MAX && locked != 0) {
            vm.prank(payer);
            opened.push(channels.openChannel{value: locked}(worker, adapter, 0, keccak256(abi.encode(++number))));
            fees += locked;
        }
        if (opened.length == 0) return;
        Channel memory found = channels.channelOf(opened[which % opened.length]);
        if (found.closed || found.closesAt != 0) return;
        vm.prank(payer);
        channels.startExit(opened[which % opened.length]);
    }

    function close(uint256 which, bool byPayee) external {
        if (opened.length == 0) return;
        bytes32 id = opened[which % opened.length];
        Channel memory found = channels.channelOf(id);
        if (found.closed || (!byPayee && found.closesAt == 0)) return;
        if (!byPayee && vm.getBlockTimestamp() < found.closesAt) vm.warp(found.closesAt);
        if (byPayee) vm.prank(worker);
        channels.closeChannel(id);
        credited += found.locked;
    }

    /* SETTLEMENT */

    /// @dev A right proposal, or one that says too much.
    function propose(uint256 which, bool wrong) external {
        (bool any, uint64 past) = _pick(which);
        if (!any || _stage(past) != Stage.Open) return;
        (bytes memory encoded, bytes memory result) = _make(past, wrong);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = keccak256(result);
        vm.prank(proposer);
        try settlement.propose{value: PROPOSAL_BOND}(past, adapter, encoded, hashes) {
            (standing[past], proposed[past]) = (encoded, result);
        } catch {
            assertGt(vm.getBlockTimestamp(), _proposeUntil(past));
        }
    }

    function _make(uint64 past, bool wrong) private returns (bytes memory encoded, bytes memory result) {
        served = kept[past];
        Scores memory scores = _scores(past, SHARP);
        (Result[] memory results,) = _results(past, scores);
        if (wrong) {
            results[0] = Result({clusters: new uint32[](1), sums: new int128[](1), shares: new uint64[](1)});
            (results[0].sums[0], results[0].shares[0]) = (1e18, type(uint64).max);
        }
        return (abi.encode(scores), abi.encode(results[0]));
    }

    function _proposeUntil(uint64 past) private view returns (uint256 until) {
        (, uint64 closedAt) = router.closedAt(past);
        until = settlement.settlementOf(past, adapter).proposeUntil;
        if (until < closedAt + 7 days) until = closedAt + 7 days;
    }

    function challenge(uint256 which) external {
        (bool any, uint64 past) = _pick(which);
        if (!any || _stage(past) != Stage.Proposed) return;
        if (vm.getBlockTimestamp() > settlement.settlementOf(past, adapter).deadline) return;
        (bytes32[] memory hashes, Result memory result) = _proposed(past);
        bool wrong = result.shares.length == 1;
        bytes memory scores = standing[past];
        vm.prank(challenger);
        if (!wrong) vm.expectRevert();
        settlement.challenge(past, adapter, scores, hashes, 0);
        if (wrong) burnt += PROPOSAL_BOND / 2;
    }

    /// @dev Asks about a row or a draw's sketch; the jury upholds it, rejects it, or doesn't vote.
    function ask(uint256 which, bool ofRow, uint8 place, uint8 verdict) external {
        (bool any, uint64 past) = _pick(which);
        if (!any || _stage(past) != Stage.Proposed) return;
        bytes32 question = _ask(past, ofRow, place);
        if (question == 0) return;
        asked.push(question);
        if (verdict % 3 == 0) _abstain(question);
        else _decideOf(past, question, _subject(past, ofRow, place), verdict % 3 == 1);
    }

    /// @dev The row, or the draw's sketch.
    function _subject(uint64 past, bool ofRow, uint8 place) private returns (bytes memory sketch) {
        if (ofRow) {
            (,, sketch) = SKETCH.row(set, place % 3);
        } else {
            served = kept[past];
            sketch = served[_drawn(past, place % DRAWS)].draw.sketches[0];
        }
    }

    function _decideOf(uint64 past, bytes32 question, bytes memory sketch, bool upheld) private {
        bytes memory finding = upheld ? sketch : new bytes(DIM);
        uint256 hold = router.heldOf(past, adapter, worker);
        uint256 before = _stakeOf(worker);
        _decide(question, finding, sketch);
        // A tenth is the seven jurors', but for what doesn't divide; half of the rest is burnt.
        if (upheld) burnt += (QUESTION_BOND - QUESTION_BOND / 10 / 7 * 7 + 1) / 2;
        // A rejected sketch, once a request: a tenth of the stake, and of the hold the platform's part.
        uint256 taken = before - _stakeOf(worker);
        if (taken != 0) {
            assertApproxEqAbs(taken, stakes[worker] / 10, 2, "by the list");
            stakes[worker] -= taken;
            burnt += taken - taken / 2;
        }
        taken = hold - router.heldOf(past, adapter, worker);
        burnt += taken - taken / 2;
        credited += taken / 2;
        burntOfFees += taken - taken / 2;
    }

    function _ask(uint64 past, bool ofRow, uint8 place) private returns (bytes32 question) {
        bytes memory scores = standing[past];
        bytes memory call = ofRow
            ? abi.encodeCall(questions.askRow, (past, adapter, 0, place % 3))
            : abi.encodeCall(questions.askSketch, (past, adapter, scores, place % DRAWS, 0));
        vm.prank(challenger);
        (bool done, bytes memory answered) = address(questions).call{value: QUESTION_BOND}(call);
        if (done) question = abi.decode(answered, (bytes32));
    }

    /// @dev A jury of which one votes: each of the others loses a hundredth, all of it burnt, as a tenth of the bond is.
    function _abstain(bytes32 question) private {
        _mine(4, 1);
        address[] memory jurors = jury.draw(question);
        IJury.Question memory info = jury.questionOf(question);
        vm.prank(jurors[0]);
        jury.commit(question, keccak256(abi.encode(jurors[0], SALT, new bytes(DIM))));
        vm.warp(info.commitEnd);
        jury.reveal(question, jurors[0], new bytes(DIM), SALT);
        vm.warp(info.tallyEnd);
        jury.tally(question, new bytes[](0));
        for (uint256 i = 1; i < jurors.length; ++i) {
            uint256 taken = stakes[jurors[i]] / 100;
            stakes[jurors[i]] -= taken;
            burnt += taken;
        }
        questions.answer(question, "", "");
        burnt += QUESTION_BOND / 10;
    }

    /// @dev Pays an epoch, carries it, or hands out what waited for too long.
    function pay(uint256 which, uint256 max, uint32 wait) external {
        vm.warp(vm.getBlockTimestamp() + bound(wait, 0, 5 days));
        (bool any, uint64 past) = _pick(which);
        if (!any) return;
        uint256 before = _unsettled();
        _payOne(past, bound(max, 0, 4));
        uint32[] memory shares = new uint32[](2);
        shares[1] = 1;
        registry.takeShares(datanet, shares);
        credited += before - _unsettled();
    }

    function _payOne(uint64 past, uint256 max) private {
        if (proposed[past].length != 0) {
            (bytes32[] memory hashes, Result memory result) = _proposed(past);
            try settlement.finalize(past, adapter, hashes, result, max) {} catch {}
        }
        try settlement.carry(past, adapter) {} catch {}
        (,, uint128 residue) = settlement.carriedOf(adapter);
        if (residue != 0) settlement.distributeResidue(adapter, 1);
        if (settlement.isSettled(past, adapter)) router.release(past, adapter, worker);
    }

    /* STAKE, VOTES, CLAIMS */

    function stake(uint256 which, uint96 amount, uint8 what) external {
        address operator = which % 2 == 0 ? worker : validators[which % VALIDATORS];
        IValidatorStaking.Role role = which % 2 == 0 ? WORKER : IValidatorStaking.Role.Validator;
        amount = uint96(bound(amount, 1 ether, 1000 ether));
        (uint256 shares,, uint256 rewards) = staking.positionOf(role, operator, alice);
        if (what % 4 == 0 && alice.balance >= amount) {
            vm.prank(alice);
            staking.delegate{value: amount}(role, operator);
            stakes[operator] += amount;
        } else if (what % 4 == 1 && shares != 0 && staking.leavingOf(role, operator, alice).length < 32) {
            vm.prank(alice);
            staking.undelegate(role, operator, alice, bound(amount, 1, shares));
        } else if (what % 4 == 2) {
            vm.warp(vm.getBlockTimestamp() + uint256(what) * 1 hours);
            stakes[operator] -= staking.withdraw(role, operator, alice);
        } else {
            uint256 claimed = staking.claimRewards(role, operator, alice);
            assertEq(claimed, rewards);
            credited += claimed;
        }
    }

    function vote(uint256 which, uint96 amount, uint256 to, uint8 what) external {
        address party = parties[which % parties.length];
        amount = uint96(bound(amount, 0, 100 ether));
        vm.startPrank(party);
        if (what % 3 == 0 && party.balance >= amount) gOpen.deposit{value: amount}();
        else if (what % 3 == 1) gOpen.delegate(parties[to % parties.length]);
        else if (gOpen.balanceOf(party) >= amount) gOpen.withdraw(amount);
        vm.stopPrank();
    }

    function claim(uint256 which) external {
        vault.claimFor(parties[which % parties.length]);
    }

    /* INVARIANTS */

    /// @dev One campaign for all of them, since each would make the same calls.
    /// forge-config: default.invariant.runs = 4
    /// forge-config: default.invariant.depth = 60
    function invariant_economy() public view {
        // WP1: nothing is made, nothing lost, and only what a rule burns is burnt.
        assertEq(_owned() + _held() + burnt, start, "sum");
        _checkHolders();
        _checkFees();
        _checkStakes();
        _checkVotes();
    }

    /// @dev WP2: each contract holds what it owes and nothing else, and only those that may hold anything.
    function _checkHolders() private view {
        uint256 owed = router.heldOf(router.currentEpoch(), adapter, worker);
        for (uint256 i = 0; i < requests.length; ++i) {
            Request memory made = router.requestOf(requests[i]);
            if (made.status == RequestStatus.Open) owed += made.escrow;
        }
        for (uint256 i = 0; i < closed.length; ++i) {
            owed += _pot(closed[i]) + router.heldOf(closed[i], adapter, worker);
        }
        assertEq(address(router).balance, owed, "router");
        assertEq(address(channels).balance, _locked(), "channels");
        (uint256 stakeHeld, uint256 rewards) = staking.holdings();
        assertEq(address(staking).balance, stakeHeld + rewards, "staking");
        address[8] memory others = [
            address(settlement),
            address(scoring),
            address(questions),
            address(jury),
            address(registry),
            address(reviews),
            address(market),
            Predeploys.REPUTATION
        ];
        for (uint256 i = 0; i < others.length; ++i) {
            assertEq(others[i].balance, 0, "holds nothing");
        }
    }

    /// @dev WP3: fees are claims (refunds among them), what is on its way, carried, shared by clusters, stakers' with their dust, or burnt.
    function _checkFees() private view {
        assertEq(credited + _unsettled() + address(channels).balance + _escrows() + burntOfFees, fees, "fees");
    }

    /// @dev WP4: stake changes by deposits, withdrawals and offences of the list, and by nothing else.
    function _checkStakes() private view {
        (uint256 stakeHeld,) = staking.holdings();
        uint256 sum = stakes[worker];
        for (uint256 i = 0; i < validators.length; ++i) {
            sum += stakes[validators[i]];
            assertApproxEqAbs(_stakeOf(validators[i]), stakes[validators[i]], LIST_MAX * 100, "validator");
        }
        assertApproxEqAbs(stakeHeld, sum, LIST_MAX * 100, "stake");
    }

    /// @dev WP5: votes are deposits.
    function _checkVotes() private view {
        uint256 votes = 0;
        for (uint256 i = 0; i < parties.length; ++i) {
            votes += gOpen.getVotes(parties[i]);
        }
        assertEq(votes, gOpen.totalSupply(), "votes");
        assertEq(address(gOpen).balance, gOpen.totalSupply(), "deposits");
    }

    /* SUMS */

    /// @dev What belongs to parties: balances and claims.
    function _owned() private view returns (uint256 sum) {
        for (uint256 i = 0; i < parties.length; ++i) {
            sum += parties[i].balance + _claimable(parties[i]);
        }
    }

    /// @dev What contracts hold, the vault its bonds only.
    function _held() private view returns (uint256 sum) {
        sum = address(router).balance + address(channels).balance + address(staking).balance + address(gOpen).balance;
        sum += _pool() + _dividends()
        + vault.held(address(registry), keccak256(abi.encode(bytes32("datanet"), datanet, 0)));
        for (uint256 i = 0; i < 3; ++i) {
            sum += vault.held(address(registry), keccak256(abi.encode(bytes32("contribution"), datanet, i)));
        }
        for (uint256 i = 0; i < closed.length; ++i) {
            sum += _bond(closed[i]);
        }
        for (uint256 i = 0; i < asked.length; ++i) {
            sum += vault.held(address(questions), asked[i]);
        }
    }

    /// @dev Of fees: pots, holds, contributors' pools, dividends of clusters, rewards of stakers.
    function _unsettled() private view returns (uint256 sum) {
        for (uint256 i = 0; i < closed.length; ++i) {
            sum += _pot(closed[i]) + router.heldOf(closed[i], adapter, worker);
        }
        (, uint256 rewards) = staking.holdings();
        return sum + _pool() + _dividends() + rewards;
    }

    function _escrows() private view returns (uint256 sum) {
        for (uint256 i = 0; i < requests.length; ++i) {
            Request memory made = router.requestOf(requests[i]);
            if (made.status == RequestStatus.Open) sum += made.escrow;
        }
    }

    function _locked() private view returns (uint256 sum) {
        for (uint256 i = 0; i < opened.length; ++i) {
            Channel memory found = channels.channelOf(opened[i]);
            if (!found.closed) sum += found.locked - found.paid;
        }
    }

    function _pot(uint64 past) private view returns (uint256) {
        Pot memory pot = router.potOf(past, adapter);
        return uint256(pot.model) + pot.adapters + pot.contributors + pot.stakers;
    }

    function _dividends() private view returns (uint256) {
        return vault.held(address(registry), keccak256(abi.encode(bytes32("dividends"), datanet, 0)));
    }

    /// @dev Stake of an operator's pool, leaving or not.
    function _stakeOf(address operator) private view returns (uint256) {
        IValidatorStaking.Role role = operator == worker ? WORKER : IValidatorStaking.Role.Validator;
        IValidatorStaking.PoolState memory pool = staking.poolOf(role, operator);
        return pool.stake + pool.leaving;
    }

    function _proposed(uint64 past) private view returns (bytes32[] memory hashes, Result memory result) {
        bytes memory data = proposed[past];
        hashes = new bytes32[](1);
        hashes[0] = keccak256(data);
        result = abi.decode(data, (Result));
    }

    function _pick(uint256 which) private view returns (bool any, uint64 past) {
        if (closed.length == 0) return (false, 0);
        return (true, closed[which % closed.length]);
    }
}
