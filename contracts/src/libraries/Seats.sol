// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IValidatorStaking} from "../interfaces/IValidatorStaking.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @notice Seats, with all that ever stood in them.
struct SeatTable {
    /// Who has ever had a seat. A member's number is its place in the list, from 1.
    address[] members;
    mapping(address member => uint256) numbers;
    /// Seats that were ever taken.
    uint256 count;
    /// For each, who has it since a time: its number (64 bits), its stake in wei (96 bits). Zero: free.
    mapping(uint256 seat => Checkpoints.Trace160) seats;
}

/// @title Seats
/// @notice A bounded number of seats, taken by stake, and draws by the stakes of a past time.
/// @dev    Seats keep their history so that a draw can't be moved by whoever sees its seed: not by stake, not by leaving.
library Seats {
    using Checkpoints for Checkpoints.Trace160;
    using SafeCast for uint256;

    /* TABLE */

    /// @notice The seat for a newcomer: a free one, or, once `max` are taken, that with the least stake, whose member is returned, too.
    /// @dev    Reverts with `NoSeat` if that one has at least as much.
    function choose(SeatTable storage table, uint256 stake, uint256 max)
        internal
        view
        returns (uint256 seat, address evicted)
    {
        uint256 count = table.count;
        uint256 taken;
        uint256 smallest = type(uint256).max;
        uint256 smallestSeat;
        uint256 smallestNumber;
        seat = count;
        for (uint256 i = 0; i < count; ++i) {
            (uint256 number, uint256 its) = _unpack(table.seats[i].latest());
            if (number == 0) {
                seat = i;
                continue;
            }
            ++taken;
            if (its < smallest) (smallest, smallestSeat, smallestNumber) = (its, i, number);
        }
        if (taken < max) return (seat, address(0));
        if (stake <= smallest) revert IValidatorStaking.NoSeat(stake, smallest);
        return (smallestSeat, table.members[smallestNumber - 1]);
    }

    /// @notice Writes who has a seat, a chosen one or its own, and its stake, from now on.
    function record(SeatTable storage table, uint256 seat, address member, uint256 stake) internal {
        uint256 number = table.numbers[member];
        if (number == 0) {
            table.members.push(member);
            number = table.members.length;
            table.numbers[member] = number;
        }
        if (seat == table.count) table.count = seat + 1;
        // 2^96 wei are more than seventy times the supply.
        table.seats[seat].push(block.timestamp.toUint96(), ((number << 96) | stake.toUint96()).toUint160());
    }

    /// @notice Frees a seat from now on.
    function vacate(SeatTable storage table, uint256 seat) internal {
        table.seats[seat].push(block.timestamp.toUint96(), 0);
    }

    /// @notice Members in order of their seats, and their stakes, now.
    function list(SeatTable storage table) internal view returns (address[] memory members, uint256[] memory stakes) {
        uint256 count;
        members = new address[](table.count);
        stakes = new uint256[](table.count);
        for (uint256 i = 0; i < members.length; ++i) {
            (uint256 number, uint256 stake) = _unpack(table.seats[i].latest());
            if (number == 0) continue;
            (members[count], stakes[count]) = (table.members[number - 1], stake);
            ++count;
        }
        assembly ("memory-safe") {
            // Bound: `count` is at most their length.
            mstore(members, count)
            mstore(stakes, count)
        }
    }

    /* DRAWS */

    /// @notice See `IValidatorStaking.draw`. Who had less than `min`, at least 1 wei, isn't drawn. O(seats · (n + excluded)).
    function draw(
        SeatTable storage table,
        bytes32 seed,
        uint256 n,
        uint256 time,
        uint256 min,
        address[] calldata excluded
    ) internal view returns (address[] memory drawn) {
        (uint256[] memory numbers, uint256[] memory stakes, uint256 left) = _drawable(table, time, min, excluded);
        uint256 total;
        for (uint256 i = 0; i < left; ++i) {
            total += stakes[i];
        }

        drawn = new address[](Math.min(n, left));
        for (uint256 k = 0; k < drawn.length; ++k) {
            uint256 point = uint256(keccak256(abi.encode(seed, k))) % total;
            uint256 i;
            // Ends: `point` is below the sum of the stakes that are left.
            while (point >= stakes[i]) {
                point -= stakes[i];
                ++i;
            }
            drawn[k] = table.members[numbers[i] - 1];
            total -= stakes[i];
            --left;
            (numbers[i], stakes[i]) = (numbers[left], stakes[left]);
        }
    }

    /// @dev Numbers and stakes of those who can be drawn, in order of seats: the first `count` of each list.
    function _drawable(SeatTable storage table, uint256 time, uint256 min, address[] calldata excluded)
        private
        view
        returns (uint256[] memory numbers, uint256[] memory stakes, uint256 count)
    {
        uint256[] memory barred = new uint256[](excluded.length);
        for (uint256 i = 0; i < excluded.length; ++i) {
            barred[i] = table.numbers[excluded[i]];
        }

        uint256 seats = table.count;
        numbers = new uint256[](seats);
        stakes = new uint256[](seats);
        for (uint256 i = 0; i < seats; ++i) {
            (uint256 number, uint256 stake) = _unpack(table.seats[i].upperLookupRecent(time.toUint96()));
            if (stake < min || _isIn(barred, number)) continue;
            (numbers[count], stakes[count]) = (number, stake);
            ++count;
        }
    }

    function _isIn(uint256[] memory numbers, uint256 number) private pure returns (bool) {
        for (uint256 i = 0; i < numbers.length; ++i) {
            if (numbers[i] == number) return true;
        }
        return false;
    }

    function _unpack(uint160 value) private pure returns (uint256 number, uint256 stake) {
        return (value >> 96, uint96(value));
    }
}
