// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Claim, GameStatus} from "../../src/dispute/Types.sol";
import {VetoDisputeGame} from "../../src/dispute/VetoDisputeGame.sol";
import {IRollupPortal} from "../../src/interfaces/IRollupPortal.sol";
import {OutputRoots} from "../../src/libraries/OutputRoots.sol";
import {Withdrawals} from "../../src/libraries/Withdrawals.sol";
import {L1Test} from "./L1Test.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

/// @dev The examples of docs/spec/deposits.md and outputs.md, read from the pages, are what the contracts do.
contract SpecTest is L1Test {
    using RLP for RLP.Encoder;

    struct Deposit {
        address from;
        address to;
        uint256 mint;
        uint256 value;
        uint64 gasLimit;
        bytes data;
        bytes32 l1BlockHash;
        uint256 logIndex;
    }

    string private deposits;
    string private outputs;

    function setUp() public override {
        super.setUp();
        deposits = vm.readFile("../docs/spec/deposits.md");
        outputs = vm.readFile("../docs/spec/outputs.md");
    }

    function test_depositERC20Transaction_example_succeeds() public {
        Deposit memory deposit = _deposit();
        vm.prank(treasury);
        open.transfer(deposit.from, deposit.mint);
        vm.startPrank(deposit.from, deposit.from);
        open.approve(address(portal), deposit.mint);
        vm.expectEmit(address(portal));
        emit IRollupPortal.TransactionDeposited(deposit.from, deposit.to, 0, _hex(deposits, "hex opaque-data"));
        portal.depositERC20Transaction(deposit.to, deposit.mint, deposit.value, deposit.gasLimit, false, deposit.data);
        assertEq(
            IRollupPortal.TransactionDeposited.selector,
            0xb3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32
        );
    }

    /// @dev What derivation makes of the event.
    function test_deposit_transaction_succeeds() public view {
        Deposit memory deposit = _deposit();
        bytes32 sourceHash =
            keccak256(abi.encode(uint256(0), keccak256(abi.encode(deposit.l1BlockHash, deposit.logIndex))));
        assertEq(abi.encodePacked(sourceHash), _hex(deposits, "hex source-hash"));
        RLP.Encoder memory fields = RLP.encoder();
        fields.push(sourceHash).push(deposit.from).push(deposit.to).push(deposit.mint).push(deposit.value);
        fields.push(uint256(deposit.gasLimit)).push(uint256(0)).push(deposit.data);
        bytes memory transaction = bytes.concat(hex"7e", RLP.encode(fields));
        assertEq(transaction, _hex(deposits, "hex transaction"));
        assertEq(abi.encodePacked(keccak256(transaction)), _hex(deposits, "hex transaction-hash"));
    }

    /// @dev The example is proved and paid.
    function test_finalizeWithdrawalTransaction_example_succeeds() public {
        string memory json = _block(outputs, "json withdrawal");
        Withdrawals.Withdrawal memory withdrawal = Withdrawals.Withdrawal({
            nonce: vm.parseJsonUint(json, ".nonce"),
            sender: vm.parseJsonAddress(json, ".sender"),
            target: vm.parseJsonAddress(json, ".target"),
            value: vm.parseJsonUint(json, ".value"),
            gasLimit: vm.parseJsonUint(json, ".gasLimit"),
            data: vm.parseJsonBytes(json, ".data")
        });
        bytes32 hash = Withdrawals.hash(withdrawal);
        assertEq(abi.encodePacked(hash), _hex(outputs, "hex withdrawal-hash"));
        assertEq(abi.encodePacked(keccak256(abi.encode(hash, uint256(0)))), _hex(outputs, "hex slot"));

        bytes[] memory proof = new bytes[](1);
        proof[0] = _hex(outputs, "hex leaf");
        bytes memory output = _hex(outputs, "hex output");
        assertEq(output.length, 128);
        OutputRoots.Proof memory rootProof = abi.decode(output, (OutputRoots.Proof));
        bytes32 root = OutputRoots.hash(rootProof);
        assertEq(abi.encodePacked(root), _hex(outputs, "hex output-root"));

        bytes memory extraData = _hex(outputs, "hex extra-data");
        assertEq(
            abi.encodePacked(factory.getGameUUID(VETO_GAME, Claim.wrap(root), extraData)),
            _hex(outputs, "hex game-uuid")
        );
        vm.prank(proposer);
        VetoDisputeGame game =
            VetoDisputeGame(address(factory.create{value: BOND}(VETO_GAME, Claim.wrap(root), extraData)));
        assertEq(game.l2BlockNumber(), 1000);
        _assertCloneLayout(game, root, extraData);
        skip(1);
        vm.startPrank(alice);
        portal.proveWithdrawalTransaction(withdrawal, 0, rootProof, proof);
        skip(MATURITY + 1);
        assertEq(uint8(game.resolve()), 2);
        assertEq(uint8(GameStatus.CHALLENGER_WINS), 1);
        skip(FINALITY + 1);
        portal.finalizeWithdrawalTransaction(withdrawal);
        assertEq(open.balanceOf(withdrawal.target), withdrawal.value);
    }

    /// @dev The time of the example is the one at which all tests start.
    function test_newestPossibleBlock_example_succeeds() public view {
        string memory json = _block(outputs, "json newest-block");
        assertEq(vm.parseJsonUint(json, ".l1Timestamp"), block.timestamp);
        assertEq(vm.parseJsonUint(json, ".genesisTimestamp"), GENESIS_TIMESTAMP);
        assertEq(vm.parseJsonUint(json, ".blockTime"), BLOCK_TIME);
        assertEq(vm.parseJsonUint(json, ".newestPossibleBlock"), implementation.newestPossibleBlock());
    }

    function _deposit() private view returns (Deposit memory) {
        string memory json = _block(deposits, "json deposit");
        return Deposit({
            from: vm.parseJsonAddress(json, ".from"),
            to: vm.parseJsonAddress(json, ".to"),
            mint: vm.parseJsonUint(json, ".mint"),
            value: vm.parseJsonUint(json, ".value"),
            gasLimit: uint64(vm.parseJsonUint(json, ".gasLimit")),
            data: vm.parseJsonBytes(json, ".data"),
            l1BlockHash: vm.parseJsonBytes32(json, ".l1BlockHash"),
            logIndex: vm.parseJsonUint(json, ".logIndex")
        });
    }

    function _assertCloneLayout(VetoDisputeGame game, bytes32 root, bytes memory extraData) private view {
        bytes memory code = address(game).code;
        bytes memory expected = abi.encodePacked(proposer, root, blockhash(block.number - 1), extraData);
        assertEq(code.length, 45 + expected.length);
        for (uint256 i; i < expected.length; ++i) {
            assertEq(code[45 + i], expected[i]);
        }
    }

    /// @dev The bytes of a hex block, without its comments.
    function _hex(string memory page, string memory name) private pure returns (bytes memory) {
        string[] memory lines = vm.split(_block(page, name), "\n");
        string memory digits = "0x";
        for (uint256 i; i < lines.length; ++i) {
            string memory line = vm.split(lines[i], "#")[0];
            digits = string.concat(digits, vm.replace(line, " ", ""));
        }
        return vm.parseBytes(digits);
    }

    /// @dev What stands in the page's block of this name.
    function _block(string memory page, string memory name) private pure returns (string memory) {
        string[] memory parts = vm.split(page, string.concat("```", name, "\n"));
        assertEq(parts.length, 2, name);
        return vm.split(parts[1], "```")[0];
    }
}
