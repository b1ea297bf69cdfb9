// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Scores} from "../../src/interfaces/IEpochSettlement.sol";
import {Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {FeeTree} from "../../src/libraries/FeeTree.sol";
import {EpochTest} from "./EpochTest.sol";

/// @notice Draws of calls of a channel that more than one settlement paid for.
contract EpochVouchersTest is EpochTest {
    uint128 private constant FIRST = 5 ether + 1;
    /// @dev What the first call costs by the second voucher's tree.
    uint128 private constant FIRST_RAISED = 9 ether + 4;
    uint128 private constant SECOND = 8 ether + 2;

    bytes32 private channel;

    function setUp() public override {
        super.setUp();
        vm.prank(payer);
        channel = channels.openChannel{value: 100 ether}(worker, adapter, PLATFORM_FEE, "two settlements");
    }

    function _leaf(uint256 number, uint128 price) private view returns (FeeTree.Leaf memory) {
        bytes32 sketches = keccak256(abi.encode(_sketches(number)));
        return FeeTree.Leaf(keccak256(abi.encode(channel, number)), price, sketches);
    }

    function _sketches(uint256 number) private pure returns (bytes[] memory) {
        return _one(_query(number == 1 ? [int256(1), 0, 0] : [int256(0), 1, 0]));
    }

    function _settleTree(uint64 count, uint128 prices, bytes32 root) private {
        Voucher memory voucher = Voucher({
            channel: channel,
            payer: payer,
            payee: worker,
            cumulative: prices + count * PLATFORM_FEE,
            count: count,
            leavesRoot: root,
            expiry: type(uint64).max
        });
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(payerKey, channels.hashVoucher(voucher));
        channels.settle(voucher, abi.encodePacked(r, s, v));
    }

    /// @dev Notes what of a leaf is in the log from `start` on.
    function _note(uint256 start, uint256 paid, FeeTree.Leaf memory leaf, uint256 number) private {
        Served storage made = served.push();
        (made.start, made.paid) = (start, paid);
        (made.draw.requestId, made.draw.price, made.draw.sketches) = (leaf.requestId, leaf.price, _sketches(number));
    }

    function _sibling(FeeTree.Leaf memory leaf, bool isLeft) private pure returns (FeeTree.Sibling memory) {
        return FeeTree.Sibling(FeeTree.hashLeaf(leaf.requestId, leaf.price, leaf.querySketchHash), leaf.price, isLeft);
    }

    /// @dev The first voucher is for one call, the second's tree has it dearer, and one more. Notes the second's leaves from `start` on.
    function _settleSecond(uint256 start, uint128 firstPaid) private {
        FeeTree.Leaf[] memory leaves = new FeeTree.Leaf[](2);
        (leaves[0], leaves[1]) = (_leaf(1, FIRST_RAISED), _leaf(2, SECOND));
        (bytes32 root,) = FeeTree.root(leaves);
        _settleTree(2, FIRST_RAISED + SECOND, root);
        _note(start, FIRST_RAISED - firstPaid, leaves[0], 1);
        served[served.length - 1].draw.proof.push(_sibling(leaves[1], false));
        _note(start + FIRST_RAISED - firstPaid, SECOND, leaves[1], 2);
        served[served.length - 1].draw.proof.push(_sibling(leaves[0], true));
    }

    function _settleFirst() private {
        FeeTree.Leaf[] memory leaves = new FeeTree.Leaf[](1);
        leaves[0] = _leaf(1, FIRST);
        (bytes32 root,) = FeeTree.root(leaves);
        _settleTree(1, FIRST, root);
        _note(0, FIRST, leaves[0], 1);
    }

    /// @dev Every draw is shown by the entry that paid for it, and those of a leaf's part in an entry, and no others, are of one request.
    function _assertDraws(uint64 epoch) private view {
        Scores memory scores = _scores(epoch, SHARP);
        _results(epoch, scores);
        bytes memory encoded = abi.encode(scores);
        for (uint256 i = 0; i < DRAWS; ++i) {
            uint256 place = _drawn(epoch, i);
            uint16 same = 0;
            for (uint256 j = 0; j < DRAWS; ++j) {
                if (_drawn(epoch, j) == place) same |= uint16(1 << j);
            }
            (, uint128 fee, uint16 draws) = scoring.sketchOf(epoch, adapter, encoded, i, 0);
            assertEq(draws, same, "draws of the request");
            assertEq(fee, uint256(served[place].draw.price) * 500 / 10_000 + PLATFORM_FEE);
        }
    }

    /// @dev F1: in one epoch. A leaf that was paid in part has its rest in the second entry.
    function test_draws_leafOverTwoSettlements_succeeds() public {
        _settleFirst();
        _settleSecond(FIRST, FIRST);
        uint64 epoch = _close();
        assertEq(router.feesOf(epoch, adapter), FIRST_RAISED + SECOND);
        assertEq(router.entryCount(epoch, adapter), 2);
        uint256 places = 0;
        for (uint256 i = 0; i < DRAWS; ++i) {
            places |= 1 << _drawn(epoch, i);
        }
        assertEq(places, 7, "each part is drawn");
        _assertDraws(epoch);
        _settle(epoch);
        assertGt(_claimable(alice), 0);
        assertGt(_claimable(bob), 0);
    }

    /// @dev F1: in two epochs. The second's log begins where the first settlement's prices ended.
    function test_draws_leafOverTwoEpochs_succeeds() public {
        _settleFirst();
        _assertDraws(_close());
        delete served;
        _settleSecond(0, FIRST);
        uint64 epoch = _close();
        assertEq(router.feesOf(epoch, adapter), FIRST_RAISED + SECOND - FIRST);
        _assertDraws(epoch);
    }

    /// @dev ES4: the part that the first entry paid for isn't shown by the second tree, though the leaf is the same request's.
    function test_propose_leafOfTheOtherEntry_reverts() public {
        _settleFirst();
        _settleSecond(FIRST, FIRST);
        uint64 epoch = _close();
        Scores memory scores = _scores(epoch, SHARP);
        (, bytes32[] memory hashes) = _results(epoch, scores);
        for (uint256 i = 0; i < DRAWS; ++i) {
            if (_drawn(epoch, i) != 0) continue;
            scores.draws[i] = served[1].draw;
            _expectUnknownDraw(epoch, scores, hashes, i);
            return;
        }
        fail();
    }

    /// @dev V8: what a call of a channel costs is what the payer signs, whatever the market asks for.
    function test_settle_priceIsThePayers_succeeds() public {
        FeeTree.Leaf[] memory leaves = new FeeTree.Leaf[](1);
        leaves[0] = _leaf(1, 1);
        (bytes32 root,) = FeeTree.root(leaves);
        assertGt(market.quote(adapter, 1, 0), 1);
        _settleTree(1, 1, root);
        assertEq(router.feesOf(router.currentEpoch(), adapter), 1);
    }
}
