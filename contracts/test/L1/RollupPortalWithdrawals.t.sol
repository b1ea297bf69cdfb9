// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {GameStatus, GameType} from "../../src/dispute/Types.sol";
import {VetoDisputeGame} from "../../src/dispute/VetoDisputeGame.sol";
import {IDisputeGame} from "../../src/interfaces/IDisputeGame.sol";
import {IRollupPortal} from "../../src/interfaces/IRollupPortal.sol";
import {OutputRoots} from "../../src/libraries/OutputRoots.sol";
import {Withdrawals} from "../../src/libraries/Withdrawals.sol";
import {L1Test} from "./L1Test.sol";
import {LeafTrie} from "./LeafTrie.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @dev Records how it was called, and what it saw.
contract Recorder {
    IRollupPortal private immutable portal;
    IERC20 private immutable open;
    address public sender;
    uint256 public balance;
    uint256 public value;
    uint256 public gas;
    bytes public data;

    constructor(IRollupPortal portal_, IERC20 open_) {
        portal = portal_;
        open = open_;
    }

    fallback() external payable {
        gas = gasleft();
        sender = portal.l2Sender();
        balance = open.balanceOf(address(this));
        value = msg.value;
        data = msg.data;
    }
}

/// @dev Tries to have a withdrawal paid from inside another's call.
contract Reentrant {
    IRollupPortal private immutable portal;
    bytes public inner;
    bool public reentered;
    bytes public reason;

    constructor(IRollupPortal portal_) {
        portal = portal_;
    }

    function setInner(bytes calldata inner_) external {
        inner = inner_;
    }

    fallback() external {
        (reentered, reason) = address(portal).call(inner);
    }
}

/// @dev Never comes back well.
contract Refuser {
    fallback() external {
        // A long answer, which nobody should copy.
        bytes memory long = new bytes(100_000);
        assembly {
            revert(add(long, 0x20), mload(long))
        }
    }
}

/// @dev Proving and paying withdrawals.
contract RollupPortalWithdrawalsTest is L1Test {
    using Withdrawals for Withdrawals.Withdrawal;

    /* PROVING */

    /// @dev Property R6. Proofs of real tries: see `vectors/README.md`.
    function test_proveWithdrawalTransaction_fixedVectors_succeeds() public {
        string memory json = vm.readFile("test/L1/vectors/withdrawals.json");
        uint256 proven;
        for (uint256 stage; vm.keyExistsJson(json, _stage(stage, "")); ++stage) {
            OutputRoots.Proof memory root = OutputRoots.Proof({
                version: 0,
                stateRoot: vm.parseJsonBytes32(json, _stage(stage, ".stateRoot")),
                messagePasserStorageRoot: vm.parseJsonBytes32(json, _stage(stage, ".messagePasserStorageRoot")),
                latestBlockhash: vm.parseJsonBytes32(json, _stage(stage, ".latestBlockhash"))
            });
            assertEq(OutputRoots.hash(root), vm.parseJsonBytes32(json, _stage(stage, ".outputRoot")), "output root");
            _propose(OutputRoots.hash(root), ANCHOR_BLOCK + 1 + stage);
            uint256 index = factory.gameCount() - 1;
            skip(1);

            bytes[] memory othersProof;
            for (uint256 i; vm.keyExistsJson(json, _vector(stage, i, "")); ++i) {
                (Withdrawals.Withdrawal memory withdrawal, bytes[] memory proof) = _readVector(json, stage, i);
                bytes32 hash = withdrawal.hash();
                assertEq(hash, vm.parseJsonBytes32(json, _vector(stage, i, ".withdrawalHash")), "withdrawal hash");
                _expectMerkleRefusals(withdrawal, index, root, proof, othersProof);

                vm.expectEmit(address(portal));
                emit IRollupPortal.WithdrawalProven(hash, withdrawal.sender, withdrawal.target);
                vm.expectEmit(address(portal));
                emit IRollupPortal.WithdrawalProvenExtension1(hash, alice);
                vm.prank(alice);
                portal.proveWithdrawalTransaction(withdrawal, index, root, proof);
                othersProof = proof;
                ++proven;
            }
        }
        assertEq(proven, 9);
        vm.snapshotGasLastCall("RollupPortal", "prove, 3 trie nodes");
    }

    /// @dev No change of one byte of a proof passes. Nodes that aren't RLP any more may fail in any way.
    function testFuzz_proveWithdrawalTransaction_changedProof_reverts(uint256 node, uint256 position, uint8 change)
        public
    {
        vm.assume(change != 0);
        string memory json = vm.readFile("test/L1/vectors/withdrawals.json");
        (Withdrawals.Withdrawal memory withdrawal, bytes[] memory proof) = _readVector(json, 2, 1);
        OutputRoots.Proof memory root = OutputRoots.Proof({
            version: 0,
            stateRoot: vm.parseJsonBytes32(json, _stage(2, ".stateRoot")),
            messagePasserStorageRoot: vm.parseJsonBytes32(json, _stage(2, ".messagePasserStorageRoot")),
            latestBlockhash: vm.parseJsonBytes32(json, _stage(2, ".latestBlockhash"))
        });
        _propose(OutputRoots.hash(root), ANCHOR_BLOCK + 1);
        skip(1);
        bytes memory changed = proof[node % proof.length];
        position %= changed.length;
        changed[position] = bytes1(uint8(changed[position]) ^ change);
        vm.expectRevert();
        portal.proveWithdrawalTransaction(withdrawal, 0, root, proof);
    }

    /// @dev Property R6: no other withdrawal is proved by a proof of this one.
    function testFuzz_proveWithdrawalTransaction_changedWithdrawal_reverts(
        Withdrawals.Withdrawal memory other,
        bytes32 seed
    ) public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(address(0xCAFE), uint256(seed), abi.encode(seed));
        vm.assume(other.target != address(portal) && other.target != address(open));
        vm.assume(other.target != address(admin) && other.target != address(0));
        vm.assume(other.hash() != withdrawal.hash());
        (, uint256 index) = _proposeFor(withdrawal);
        skip(1);
        OutputRoots.Proof memory root = LeafTrie.outputRootProof(withdrawal.hash());
        bytes[] memory proof = LeafTrie.proof(withdrawal.hash());
        vm.expectRevert(IRollupPortal.InvalidMerkleProof.selector);
        portal.proveWithdrawalTransaction(other, index, root, proof);
    }

    function test_proveWithdrawalTransaction_state_succeeds() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 1 ether, "");
        (VetoDisputeGame game, uint256 index) = _proposeFor(withdrawal);
        skip(1);
        _prove(alice, withdrawal, index);
        _prove(bob, withdrawal, index);
        bytes32 hash = withdrawal.hash();
        assertEq(portal.numProofSubmitters(hash), 2);
        assertEq(portal.proofSubmitters(hash, 0), alice);
        assertEq(portal.proofSubmitters(hash, 1), bob);
        (IDisputeGame provingGame, uint64 timestamp) = portal.provenWithdrawals(hash, alice);
        assertEq(address(provingGame), address(game));
        assertEq(timestamp, block.timestamp);
        assertFalse(portal.finalizedWithdrawals(hash));
    }

    function test_proveWithdrawalTransaction_wrongOutputRootProof_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 1 ether, "");
        (, uint256 index) = _proposeFor(withdrawal);
        skip(1);
        OutputRoots.Proof memory root = LeafTrie.outputRootProof(withdrawal.hash());
        bytes[] memory proof = LeafTrie.proof(withdrawal.hash());
        root.latestBlockhash = keccak256("another");
        vm.expectRevert(IRollupPortal.InvalidProof.selector);
        portal.proveWithdrawalTransaction(withdrawal, index, root, proof);
    }

    function test_proveWithdrawalTransaction_tooManyNodes_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 1 ether, "");
        (, uint256 index) = _proposeFor(withdrawal);
        skip(1);
        OutputRoots.Proof memory root = LeafTrie.outputRootProof(withdrawal.hash());
        vm.expectRevert(IRollupPortal.InvalidMerkleProof.selector);
        portal.proveWithdrawalTransaction(withdrawal, index, root, new bytes[](66));
    }

    function test_proveWithdrawalTransaction_sameSecond_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 1 ether, "");
        (, uint256 index) = _proposeFor(withdrawal);
        _expectProveRevert(
            withdrawal, index, abi.encodeWithSelector(IRollupPortal.OptimismPortal_InvalidProofTimestamp.selector)
        );
    }

    function test_proveWithdrawalTransaction_badGame_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 1 ether, "");
        (VetoDisputeGame game, uint256 index) = _proposeFor(withdrawal);
        bytes memory expected = abi.encodeWithSelector(IRollupPortal.InvalidDisputeGame.selector);
        skip(1);
        uint256 before = vm.snapshotState();

        vm.prank(challenger);
        game.veto();
        _expectProveRevert(withdrawal, index, expected);

        vm.revertToState(before);
        vm.prank(guardian);
        registry.blacklistDisputeGame(game);
        assertTrue(portal.disputeGameBlacklist(game));
        _expectProveRevert(withdrawal, index, expected);

        vm.revertToState(before);
        vm.prank(guardian);
        registry.updateRetirementTimestamp();
        _expectProveRevert(withdrawal, index, expected);

        // It is what the type was when the game was made that counts.
        vm.revertToState(before);
        vm.prank(guardian);
        registry.setRespectedGameType(GameType.wrap(1));
        _prove(alice, withdrawal, index);
        Withdrawals.Withdrawal memory later = _withdrawal(bob, 2 ether, "");
        (, index) = _proposeFor(later);
        skip(1);
        _expectProveRevert(later, index, abi.encodeWithSelector(IRollupPortal.InvalidDisputeGame.selector));
    }

    /// @dev Property R7: what could drain or change the portal is no target.
    function test_proveWithdrawalTransaction_refusedTarget_reverts() public {
        address[4] memory targets = [address(portal), address(open), address(admin), address(0)];
        for (uint256 i; i < targets.length; ++i) {
            Withdrawals.Withdrawal memory withdrawal =
                _withdrawal(targets[i], 0, abi.encodeCall(IERC20.transfer, (bob, GENESIS_SUPPLY)));
            (, uint256 index) = _proposeFor(withdrawal);
            skip(1);
            bytes memory expected = abi.encodeWithSelector(IRollupPortal.BadTarget.selector);
            _expectProveRevert(withdrawal, index, expected);
            vm.expectRevert(expected);
            portal.finalizeWithdrawalTransaction(withdrawal);
        }
    }

    /* PAYING */

    function test_finalizeWithdrawalTransaction_account_succeeds() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 3 ether, "");
        _ripen(withdrawal);
        vm.expectEmit(address(portal));
        emit IRollupPortal.WithdrawalFinalized(withdrawal.hash(), true);
        vm.prank(alice);
        portal.finalizeWithdrawalTransaction(withdrawal);
        vm.snapshotGasLastCall("RollupPortal", "finalize, no call");
        assertEq(open.balanceOf(bob), 3 ether);
        assertEq(open.balanceOf(address(portal)), GENESIS_SUPPLY - 3 ether);
        assertTrue(portal.finalizedWithdrawals(withdrawal.hash()));
    }

    /// @dev Property R8: the OPEN is there before the call, and the call carries no ETH.
    function testFuzz_finalizeWithdrawalTransaction_contract_succeeds(uint256 value, bytes memory data) public {
        value = bound(value, 0, GENESIS_SUPPLY);
        vm.assume(data.length > 0);
        Recorder recorder = new Recorder(portal, open);
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(address(recorder), value, data);
        withdrawal.gasLimit = 1_000_000;
        _ripen(withdrawal);
        vm.deal(address(portal), 1 ether);
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
        assertEq(recorder.sender(), bob);
        assertEq(recorder.balance(), value);
        assertEq(recorder.value(), 0);
        assertEq(recorder.data(), data);
        assertEq(portal.l2Sender(), 0x000000000000000000000000000000000000dEaD);
    }

    /// @dev Property R9.
    function test_finalizeWithdrawalTransaction_twice_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 3 ether, "");
        (, uint256 index) = _proposeFor(withdrawal);
        skip(1);
        _prove(bob, withdrawal, index);
        _prove(alice, withdrawal, index);
        skip(MATURITY + 1);
        _game(index).resolve();
        skip(FINALITY + 1);
        vm.prank(alice);
        portal.finalizeWithdrawalTransaction(withdrawal);
        // Neither by the same proof nor by another's.
        vm.prank(alice);
        vm.expectRevert(IRollupPortal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransaction(withdrawal);
        vm.prank(bob);
        vm.expectRevert(IRollupPortal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransaction(withdrawal);
        // Nor after it was proved again.
        _prove(treasury, withdrawal, index);
        skip(MATURITY + 1);
        vm.prank(treasury);
        vm.expectRevert(IRollupPortal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransaction(withdrawal);
        assertEq(open.balanceOf(bob), 3 ether);
    }

    function test_checkWithdrawal_stages_revert() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 3 ether, "");
        bytes32 hash = withdrawal.hash();
        vm.expectRevert(IRollupPortal.OptimismPortal_Unproven.selector);
        portal.checkWithdrawal(hash, alice);
        (VetoDisputeGame game, uint256 index) = _proposeFor(withdrawal);
        skip(1);
        _prove(alice, withdrawal, index);
        skip(MATURITY);
        vm.expectRevert(IRollupPortal.OptimismPortal_ProofNotOldEnough.selector);
        portal.checkWithdrawal(hash, alice);
        skip(1);
        vm.expectRevert(IRollupPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(hash, alice);
        game.resolve();
        skip(FINALITY);
        vm.expectRevert(IRollupPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(hash, alice);
        skip(1);
        portal.checkWithdrawal(hash, alice);
        vm.expectRevert(IRollupPortal.OptimismPortal_Unproven.selector);
        portal.checkWithdrawal(hash, bob);
    }

    /// @dev A game that says it was made after the proof is none.
    function test_checkWithdrawal_gameYoungerThanProof_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 3 ether, "");
        VetoDisputeGame game = _ripen(withdrawal);
        vm.mockCall(address(game), abi.encodeCall(IDisputeGame.createdAt, ()), abi.encode(uint64(block.timestamp)));
        vm.expectRevert(IRollupPortal.OptimismPortal_InvalidProofTimestamp.selector);
        portal.checkWithdrawal(withdrawal.hash(), alice);
    }

    function test_finalizeWithdrawalTransaction_gameSetAside_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 3 ether, "");
        VetoDisputeGame game = _ripen(withdrawal);
        uint256 before = vm.snapshotState();
        vm.startPrank(guardian);
        registry.blacklistDisputeGame(game);
        vm.expectRevert(IRollupPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
        vm.revertToState(before);
        registry.updateRetirementTimestamp();
        vm.expectRevert(IRollupPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
    }

    function test_finalizeWithdrawalTransaction_vetoedGame_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 3 ether, "");
        (VetoDisputeGame game, uint256 index) = _proposeFor(withdrawal);
        skip(1);
        _prove(alice, withdrawal, index);
        vm.prank(challenger);
        game.veto();
        skip(MATURITY + FINALITY + 1);
        assertEq(uint8(game.status()), uint8(GameStatus.CHALLENGER_WINS));
        vm.expectRevert(IRollupPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
    }

    /// @dev Property R5.
    function test_finalizeWithdrawalTransaction_paused_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 3 ether, "");
        _ripen(withdrawal);
        Withdrawals.Withdrawal memory other = _withdrawal(bob, 4 ether, "");
        (, uint256 index) = _proposeFor(other);
        skip(1);
        vm.prank(guardian);
        portal.pause();
        bytes memory expected = abi.encodeWithSelector(IRollupPortal.CallPaused.selector);
        vm.expectRevert(expected);
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
        _expectProveRevert(other, index, expected);

        vm.warp(portal.pausedUntil());
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
        _prove(alice, other, index);
        assertEq(open.balanceOf(bob), 3 ether);
    }

    /// @dev Property R10.
    function test_finalizeWithdrawalTransaction_reentered_reverts() public {
        Reentrant reentrant = new Reentrant(portal);
        Withdrawals.Withdrawal memory outer = _withdrawal(address(reentrant), 1 ether, hex"01");
        outer.gasLimit = 1_000_000;
        Withdrawals.Withdrawal memory inner = _withdrawal(bob, 1 ether, "");
        (, uint256 index) = _proposeFor(inner);
        skip(1);
        _prove(alice, inner, index);
        _ripen(outer);
        _game(index).resolve();
        skip(FINALITY + 1);
        bytes memory call = abi.encodeCall(IRollupPortal.finalizeWithdrawalTransactionExternalProof, (inner, alice));
        reentrant.setInner(call);
        portal.finalizeWithdrawalTransactionExternalProof(outer, alice);
        assertFalse(reentrant.reentered());
        assertEq(
            reentrant.reason(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        assertFalse(portal.finalizedWithdrawals(inner.hash()));
        // It can be paid afterwards, in the same transaction even.
        portal.finalizeWithdrawalTransactionExternalProof(inner, alice);
        assertEq(open.balanceOf(bob), 1 ether);
    }

    /// @dev A failing call doesn't take the OPEN back; a long answer costs nothing here.
    function test_finalizeWithdrawalTransaction_failingCall_paysAllTheSame() public {
        Refuser refuser = new Refuser();
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(address(refuser), 3 ether, hex"01");
        withdrawal.gasLimit = 1_000_000;
        _ripen(withdrawal);
        uint256 before = vm.snapshotState();
        vm.expectEmit(address(portal));
        emit IRollupPortal.WithdrawalFinalized(withdrawal.hash(), false);
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
        assertEq(open.balanceOf(address(refuser)), 3 ether);

        vm.revertToState(before);
        vm.prank(address(1), address(1));
        vm.expectRevert(IRollupPortal.OptimismPortal_GasEstimation.selector);
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
    }

    /// @dev Property R11: a call gets the gas that it was promised, or the withdrawal stays as it was.
    function testFuzz_finalizeWithdrawalTransaction_gas_isPromised(uint256 gas, uint256 promised) public {
        promised = bound(promised, 150_000, 5_000_000);
        gas = bound(gas, 100_000, 6_000_000);
        Recorder recorder = new Recorder(portal, open);
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(address(recorder), 1, hex"01");
        withdrawal.gasLimit = promised;
        _ripen(withdrawal);
        (bool success,) = address(portal).call{gas: gas}(
            abi.encodeCall(IRollupPortal.finalizeWithdrawalTransactionExternalProof, (withdrawal, alice))
        );
        assertEq(portal.finalizedWithdrawals(withdrawal.hash()), success);
        // The recorder measures after its dispatch, which costs below 200 gas.
        if (success) assertGe(recorder.gas() + 200, promised);
        else assertEq(open.balanceOf(address(recorder)), 0);
    }

    function test_finalizeWithdrawalTransaction_impossibleGas_reverts() public {
        uint256[2] memory limits = [uint256(1) << 250, type(uint256).max];
        for (uint256 i; i < limits.length; ++i) {
            Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, 1, hex"01");
            withdrawal.gasLimit = limits[i];
            _ripen(withdrawal);
            vm.expectPartialRevert(IRollupPortal.InsufficientGas.selector);
            portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
        }
    }

    /// @dev More than is locked can't be paid: nothing happens.
    function test_finalizeWithdrawalTransaction_moreThanLocked_reverts() public {
        Withdrawals.Withdrawal memory withdrawal = _withdrawal(bob, GENESIS_SUPPLY + 1, "");
        _ripen(withdrawal);
        vm.expectRevert();
        portal.finalizeWithdrawalTransactionExternalProof(withdrawal, alice);
        assertFalse(portal.finalizedWithdrawals(withdrawal.hash()));
    }

    /* INTERNAL FUNCTIONS */

    function _expectProveRevert(Withdrawals.Withdrawal memory withdrawal, uint256 index, bytes memory expected)
        private
    {
        OutputRoots.Proof memory root = LeafTrie.outputRootProof(withdrawal.hash());
        bytes[] memory proof = LeafTrie.proof(withdrawal.hash());
        vm.expectRevert(expected);
        portal.proveWithdrawalTransaction(withdrawal, index, root, proof);
    }

    /// @dev The proof without its last node, with a node too many, and another withdrawal's proof.
    function _expectMerkleRefusals(
        Withdrawals.Withdrawal memory withdrawal,
        uint256 index,
        OutputRoots.Proof memory root,
        bytes[] memory proof,
        bytes[] memory othersProof
    ) private {
        bytes memory expected = abi.encodeWithSelector(IRollupPortal.InvalidMerkleProof.selector);
        bytes[] memory shorter = new bytes[](proof.length - 1);
        bytes[] memory longer = new bytes[](proof.length + 1);
        for (uint256 i; i < proof.length; ++i) {
            if (i < shorter.length) shorter[i] = proof[i];
            longer[i] = proof[i];
        }
        longer[proof.length] = proof[proof.length - 1];
        vm.expectRevert(expected);
        portal.proveWithdrawalTransaction(withdrawal, index, root, shorter);
        vm.expectRevert(expected);
        portal.proveWithdrawalTransaction(withdrawal, index, root, longer);
        if (othersProof.length == 0) return;
        vm.expectRevert(expected);
        portal.proveWithdrawalTransaction(withdrawal, index, root, othersProof);
    }

    function _game(uint256 index) private view returns (VetoDisputeGame) {
        (,, IDisputeGame game) = factory.gameAtIndex(index);
        return VetoDisputeGame(address(game));
    }

    function _readVector(string memory json, uint256 stage, uint256 i)
        private
        pure
        returns (Withdrawals.Withdrawal memory withdrawal, bytes[] memory proof)
    {
        withdrawal = Withdrawals.Withdrawal({
            nonce: vm.parseJsonUint(json, _vector(stage, i, ".nonce")),
            sender: vm.parseJsonAddress(json, _vector(stage, i, ".sender")),
            target: vm.parseJsonAddress(json, _vector(stage, i, ".target")),
            value: vm.parseJsonUint(json, _vector(stage, i, ".value")),
            gasLimit: vm.parseJsonUint(json, _vector(stage, i, ".gasLimit")),
            data: vm.parseJsonBytes(json, _vector(stage, i, ".data"))
        });
        proof = vm.parseJsonBytesArray(json, _vector(stage, i, ".proof"));
    }

    function _stage(uint256 stage, string memory field) private pure returns (string memory) {
        return string.concat(".stages[", vm.toString(stage), "]", field);
    }

    function _vector(uint256 stage, uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(_stage(stage, ".withdrawals["), vm.toString(i), "]", field);
    }
}
