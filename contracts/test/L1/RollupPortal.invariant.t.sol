// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OPEN} from "../../src/L1/OPEN.sol";
import {RollupPortal} from "../../src/L1/RollupPortal.sol";
import {AnchorStateRegistry} from "../../src/dispute/AnchorStateRegistry.sol";
import {DisputeGameFactory} from "../../src/dispute/DisputeGameFactory.sol";
import {Claim, GameType} from "../../src/dispute/Types.sol";
import {VetoDisputeGame} from "../../src/dispute/VetoDisputeGame.sol";
import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {IRollupPortal} from "../../src/interfaces/IRollupPortal.sol";
import {OutputRoots} from "../../src/libraries/OutputRoots.sol";
import {Withdrawals} from "../../src/libraries/Withdrawals.sol";
import {L1Test} from "./L1Test.sol";
import {LeafTrie} from "./LeafTrie.sol";
import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

/// @dev A withdrawal's target that does what it can to be paid twice: it finalizes again from inside the call, and sends what
///      it got back into the portal as a deposit.
contract HostileTarget {
    RollupPortal private immutable portal;
    OPEN private immutable open;

    constructor(RollupPortal portal_, OPEN open_) {
        portal = portal_;
        open = open_;
    }

    fallback() external {
        // The calldata is the withdrawal's own data: one word, what to do.
        uint256 action = abi.decode(msg.data, (uint256));
        if (action == 0) revert();
        if (action == 1) {
            uint256 balance = open.balanceOf(address(this));
            open.approve(address(portal), balance);
            portal.depositERC20Transaction(address(this), balance, balance, 50_000, false, "");
        } else {
            (bool success,) = address(portal)
                .call(
                    abi.encodeCall(
                        IRollupPortal.finalizeWithdrawalTransactionExternalProof,
                        (Withdrawals.Withdrawal(0, msg.sender, address(1), 0, 0, ""), msg.sender)
                    )
                );
            assert(!success);
        }
    }
}

/// @dev A model of L2 beside the real L1 contracts: deposits are derived from the portal's events, withdrawals are burnt from
///      the model's balances, and every withdrawal gets an output root of its own.
contract PortalHandler is Test {
    using Withdrawals for Withdrawals.Withdrawal;

    struct Deposit {
        address from;
        address to;
        uint256 mint;
        uint256 value;
    }

    struct Record {
        Withdrawals.Withdrawal withdrawal;
        uint256 gameIndex;
        bool proposed;
        bool honest;
        uint256 paid;
    }

    uint256 private constant BOND = 0.08 ether;
    uint256 private constant ACTORS = 4;
    uint256 private constant RECORDS_MAX = 40;
    uint256 private constant TARGETS = 6;

    OPEN private immutable open;
    RollupPortal private immutable portal;
    DisputeGameFactory private immutable factory;
    AnchorStateRegistry private immutable registry;
    address private immutable guardian;
    address private immutable proposer;
    address private immutable challenger;
    address private immutable proxyAdmin;
    HostileTarget private immutable hostile;
    GameType private immutable gameType;

    uint256 public l2Supply;
    uint256 public donated;
    uint256 public deposited;
    uint256 public minted;
    uint256 public pauseCalledAt;
    mapping(address account => uint256) public l2Balances;
    Deposit[] private queue;
    uint256 private derived;
    Record[] private records;

    constructor(
        RollupPortal portal_,
        OPEN open_,
        GameType gameType_,
        address guardian_,
        address proposer_,
        address challenger_,
        address proxyAdmin_
    ) {
        portal = portal_;
        open = open_;
        registry = AnchorStateRegistry(address(portal_.anchorStateRegistry()));
        factory = DisputeGameFactory(address(portal_.disputeGameFactory()));
        gameType = gameType_;
        guardian = guardian_;
        proposer = proposer_;
        challenger = challenger_;
        proxyAdmin = proxyAdmin_;
        hostile = new HostileTarget(portal_, open_);
        // The genesis gives everything to the first actor.
        l2Supply = portal_.genesisSupply();
        l2Balances[actor(0)] = l2Supply;
    }

    function actor(uint256 seed) public pure returns (address) {
        return address(uint160(0x1000 + seed % ACTORS));
    }

    /* L1 TO L2 */

    function deposit(uint256 who, uint256 to, uint256 mint, uint256 value, bool byContract) external {
        address from = actor(who);
        mint = bound(mint, 0, open.balanceOf(from));
        vm.roll(block.number + 1);
        vm.recordLogs();
        vm.startPrank(from, byContract ? address(this) : from);
        open.approve(address(portal), mint);
        portal.depositERC20Transaction(actor(to), mint, value, 50_000, false, "");
        vm.stopPrank();
        deposited += mint;
        _queueLogs();
    }

    /// @dev L2 executes the next deposit.
    function derive() external {
        if (derived == queue.length) return;
        Deposit memory next = queue[derived++];
        l2Supply += next.mint;
        minted += next.mint;
        l2Balances[next.from] += next.mint;
        // The call fails without the balance; what was minted stays.
        if (l2Balances[next.from] < next.value) return;
        l2Balances[next.from] -= next.value;
        l2Balances[next.to] += next.value;
    }

    /// @dev OPEN that is sent straight to the portal belongs to nobody.
    function donate(uint256 who, uint256 value) external {
        value = bound(value, 0, open.balanceOf(actor(who)) / 1000);
        vm.prank(actor(who));
        open.transfer(address(portal), value);
        donated += value;
    }

    /* L2 TO L1 */

    function withdraw(uint256 who, uint256 target, uint256 value, uint256 action) external {
        if (records.length == RECORDS_MAX) return;
        address from = actor(who);
        value = bound(value, 0, l2Balances[from]);
        l2Balances[from] -= value;
        l2Supply -= value;
        address[TARGETS] memory targets =
            [actor(action), address(hostile), address(portal), address(open), proxyAdmin, actor(who)];
        address to = targets[target % TARGETS];
        bytes memory data = to == address(open)
            ? abi.encodeCall(open.transfer, (from, open.balanceOf(address(portal))))
            : to == address(hostile) ? abi.encode(action % 3) : bytes("");
        Record storage record = records.push();
        record.honest = true;
        record.withdrawal = Withdrawals.Withdrawal({
            nonce: Withdrawals.versionedNonce(uint240(records.length), 1),
            sender: from,
            target: to,
            value: value,
            gasLimit: 400_000,
            data: data
        });
    }

    /// @dev A withdrawal that never happened on L2: whoever proposes a root that has it is vetoed.
    function forge(uint256 who, uint256 value) external {
        if (records.length == RECORDS_MAX) return;
        Record storage record = records.push();
        record.withdrawal = Withdrawals.Withdrawal({
            nonce: Withdrawals.versionedNonce(uint240(records.length), 1),
            sender: actor(who),
            target: actor(who),
            value: bound(value, 1, open.balanceOf(address(portal))),
            gasLimit: 0,
            data: ""
        });
    }

    function propose(uint256 seed) external {
        if (records.length == 0) return;
        Record storage record = records[seed % records.length];
        if (record.proposed) return;
        record.proposed = true;
        bytes32 root = OutputRoots.hash(LeafTrie.outputRootProof(record.withdrawal.hash()));
        (, uint256 anchor) = registry.getAnchorRoot();
        vm.deal(proposer, BOND);
        vm.prank(proposer);
        IDisputeGame game = factory.create{value: BOND}(gameType, Claim.wrap(root), abi.encode(anchor + 1));
        record.gameIndex = factory.gameCount() - 1;
        if (record.honest) return;
        vm.prank(challenger);
        VetoDisputeGame(address(game)).veto();
    }

    function prove(uint256 seed, uint256 who) external {
        if (records.length == 0) return;
        Record storage record = records[seed % records.length];
        if (!record.proposed) return;
        bytes32 hash = record.withdrawal.hash();
        OutputRoots.Proof memory root = LeafTrie.outputRootProof(hash);
        vm.prank(actor(who));
        try portal.proveWithdrawalTransaction(record.withdrawal, record.gameIndex, root, LeafTrie.proof(hash)) {}
            catch {}
    }

    function resolve(uint256 seed) external {
        uint256 count = factory.gameCount();
        if (count == 0) return;
        (,, IDisputeGame game) = factory.gameAtIndex(seed % count);
        try game.resolve() {} catch {}
        try VetoDisputeGame(address(game)).closeGame() {} catch {}
    }

    function finalize(uint256 seed, uint256 who) external {
        if (records.length == 0) return;
        _finalize(records[seed % records.length], actor(who));
    }

    /// @dev Everything that takes time, at once, for one withdrawal: random steps alone seldom get so far.
    function complete(uint256 seed, uint256 who) external {
        if (records.length == 0) return;
        this.propose(seed);
        skip(1);
        this.prove(seed, who);
        skip(8 days);
        this.resolve(records[seed % records.length].gameIndex);
        skip(4 days);
        _finalize(records[seed % records.length], actor(who));
        _finalize(records[seed % records.length], actor(who));
    }

    /* TIME AND ROLES */

    function wait_(uint256 time) external {
        skip(bound(time, 1, 10 days));
    }

    function pause() external {
        vm.prank(guardian);
        try portal.pause() {
            pauseCalledAt = block.timestamp;
        } catch {}
    }

    function unpause() external {
        vm.prank(guardian);
        portal.unpause();
    }

    function blacklist(uint256 seed) external {
        uint256 count = factory.gameCount();
        // Seldom: everything behind it stops for good.
        if (count == 0 || seed % 16 != 0) return;
        (,, IDisputeGame game) = factory.gameAtIndex(seed % count);
        vm.prank(guardian);
        registry.blacklistDisputeGame(game);
    }

    /* SUMS */

    function pendingDeposits() external view returns (uint256 sum) {
        for (uint256 i = derived; i < queue.length; ++i) {
            sum += queue[i].mint;
        }
    }

    function unfinalizedWithdrawals() external view returns (uint256 sum) {
        for (uint256 i; i < records.length; ++i) {
            if (records[i].honest && records[i].paid == 0) sum += records[i].withdrawal.value;
        }
    }

    function l2Balance() external view returns (uint256 sum) {
        for (uint256 i; i < ACTORS; ++i) {
            sum += l2Balances[actor(i)] + l2Balances[_aliased(actor(i))];
        }
        sum += l2Balances[_aliased(address(hostile))] + l2Balances[address(hostile)];
    }

    function checkRecords() external view {
        for (uint256 i; i < records.length; ++i) {
            Record storage record = records[i];
            assertLe(record.paid, 1, "paid twice");
            assertEq(portal.finalizedWithdrawals(record.withdrawal.hash()), record.paid == 1);
            address target = record.withdrawal.target;
            if (!record.honest || target == address(portal) || target == address(open) || target == proxyAdmin) {
                assertEq(record.paid, 0, "paid though refused");
            }
        }
    }

    /* INTERNAL FUNCTIONS */

    function _finalize(Record storage record, address submitter) private {
        uint256 before = open.balanceOf(address(portal));
        vm.roll(block.number + 1);
        vm.recordLogs();
        try portal.finalizeWithdrawalTransactionExternalProof(record.withdrawal, submitter) {
            ++record.paid;
            uint256 brought = _queueLogs();
            deposited += brought;
            assertEq(open.balanceOf(address(portal)), before - record.withdrawal.value + brought);
        } catch {
            assertEq(open.balanceOf(address(portal)), before);
            _queueLogs();
        }
    }

    /// @dev Derivation's part: every deposit event, in order.
    function _queueLogs() private returns (uint256 brought) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IRollupPortal.TransactionDeposited.selector) continue;
            bytes memory opaque = abi.decode(logs[i].data, (bytes));
            (uint256 mint, uint256 value) = abi.decode(opaque, (uint256, uint256));
            queue.push(
                Deposit({
                    from: address(uint160(uint256(logs[i].topics[1]))),
                    to: address(uint160(uint256(logs[i].topics[2]))),
                    mint: mint,
                    value: value
                })
            );
            brought += mint;
        }
    }

    function _aliased(address account) private pure returns (address) {
        unchecked {
            return address(uint160(account) + uint160(0x1111000000000000000000000000000000001111));
        }
    }
}

contract RollupPortalInvariantTest is L1Test {
    PortalHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new PortalHandler(portal, open, VETO_GAME, guardian, proposer, challenger, address(admin));
        for (uint256 i; i < 4; ++i) {
            address account = handler.actor(i);
            vm.prank(treasury);
            open.transfer(account, 1_000_000 ether);
        }
        bytes4[] memory selectors = new bytes4[](15);
        selectors[0] = PortalHandler.deposit.selector;
        selectors[1] = PortalHandler.derive.selector;
        selectors[2] = PortalHandler.donate.selector;
        selectors[3] = PortalHandler.withdraw.selector;
        selectors[4] = PortalHandler.forge.selector;
        selectors[5] = PortalHandler.propose.selector;
        selectors[6] = PortalHandler.prove.selector;
        selectors[7] = PortalHandler.resolve.selector;
        selectors[8] = PortalHandler.finalize.selector;
        selectors[9] = PortalHandler.complete.selector;
        selectors[10] = PortalHandler.wait_.selector;
        selectors[11] = PortalHandler.pause.selector;
        selectors[12] = PortalHandler.unpause.selector;
        selectors[13] = PortalHandler.blacklist.selector;
        // Twice as often: without withdrawals nothing happens.
        selectors[14] = PortalHandler.withdraw.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
    }

    /// @dev Property R12: what is locked covers L2's supply, the withdrawals that were not paid yet and the deposits that were
    ///      not derived yet; exactly, but for what was sent straight to the portal.
    function invariant_lockedCoversClaims() public view {
        uint256 claims = handler.l2Supply() + handler.unfinalizedWithdrawals() + handler.pendingDeposits();
        assertGe(open.balanceOf(address(portal)), claims);
        assertEq(open.balanceOf(address(portal)) - handler.donated(), claims);
    }

    /// @dev Property R9: nothing is paid twice, nothing that is refused is paid, nothing that never happened is paid.
    function invariant_noDoubleFinalize() public view {
        handler.checkRecords();
    }

    /// @dev Property R13: L2 mints what was locked, once.
    function invariant_noDoubleMint() public view {
        assertEq(handler.minted() + handler.pendingDeposits(), handler.deposited());
        assertEq(handler.l2Balance(), handler.l2Supply());
    }

    /// @dev Property R5: every pause ends, by the guardian or by itself.
    function invariant_pauseEnds() public view {
        if (portal.paused()) assertLt(block.timestamp, handler.pauseCalledAt() + 45 days);
        assertLe(portal.pausedUntil(), handler.pauseCalledAt() + 45 days);
        assertEq(open.totalSupply(), open.INITIAL_SUPPLY());
    }

    /// @dev Not one withdrawal paid would make the rest empty talk: this walks the handler's path by hand.
    function test_handler_path_succeeds() public {
        handler.deposit(1, 2, 5 ether, 5 ether, false);
        handler.derive();
        handler.withdraw(2, 1, 3 ether, 1);
        handler.complete(0, 3);
        assertEq(handler.unfinalizedWithdrawals(), 0);
        assertEq(handler.pendingDeposits(), 3 ether);
        handler.derive();
        handler.forge(1, 1 ether);
        handler.complete(1, 1);
        handler.withdraw(0, 3, 1 ether, 0);
        handler.complete(2, 1);
        assertEq(handler.unfinalizedWithdrawals(), 1 ether);
        invariant_lockedCoversClaims();
        invariant_noDoubleFinalize();
        invariant_noDoubleMint();
        invariant_pauseEnds();
    }
}
