// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClusterReview} from "../../src/interfaces/IClusterReview.sol";
import {IDatanetRegistry} from "../../src/interfaces/IDatanetRegistry.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {DatanetTest} from "./DatanetTest.sol";

/// @dev Three contributors, validators and governance who do everything that they can with one Datanet, in any order.
contract DatanetHandler is DatanetTest {
    uint256 public datanet;
    bytes32 public space;
    uint256[] private contents;

    /// Wei that came, and those that were burnt.
    uint256 public came;
    uint256 public burnt;

    function setUp() public override {
        super.setUp();
        datanet = _create();
        space = registry.spaceOf(datanet);
        vm.deal(address(this), 1_000_000 ether);
        // Something to begin with.
        for (uint256 i = 0; i < 3; ++i) {
            commit(i, i);
        }
        _mine(2, 1);
        for (uint256 i = 0; i < 3; ++i) {
            _reveal(datanet, _actor(i), uint64(i), i);
        }
        _mine(49, 1);
        registry.settle(datanet, 3);
        _decide(datanet, 0, 80);
        _finalize(datanet, 0);
        _decide(datanet, 1, 80);
        distribute(1001);
    }

    function _actor(uint256 seed) private view returns (address) {
        return seed % 3 == 0 ? alice : seed % 3 == 1 ? bob : carol;
    }

    /// @dev A cluster whose review is there.
    function _pick(uint256 seed, IClusterReview.Status status) private view returns (bool found, uint32 cluster) {
        uint32 clusters = registry.datanetAt(datanet).clusters;
        for (uint256 i = 0; i < clusters; ++i) {
            cluster = uint32((seed % clusters + i) % clusters);
            if (reviews.reviewOf(datanet, cluster).status == status) return (true, cluster);
        }
    }

    function commit(uint256 actor, uint256 content) public {
        content %= 8;
        contents.push(content);
        came += BOND;
        vm.deal(_actor(actor), BOND);
        _commit(datanet, _actor(actor), content);
    }

    function reveal(uint256 seed) external {
        uint64 contribution = uint64(seed % contents.length);
        address contributor = registry.contributionAt(datanet, contribution).contributor;
        vm.prank(contributor);
        try registry.reveal(datanet, contribution, _content(contents[contribution])) {} catch {}
    }

    function settle(uint16 max) external {
        _mine(10, 1);
        uint64 from = registry.datanetAt(datanet).settled;
        uint16 done = registry.settle(datanet, max % 65);
        for (uint64 i = from; i < from + done; ++i) {
            bool lost = registry.contributionAt(datanet, i).status == IDatanetRegistry.ContributionStatus.Unrevealed;
            if (lost) burnt += BOND;
        }
    }

    function review(uint256 seed, uint8 score, uint8 silent) external {
        (bool found, uint32 cluster) = _pick(seed, IClusterReview.Status.Waiting);
        if (!found) return;
        address[] memory panel = _draw(datanet, cluster);
        for (uint256 i = 0; i < panel.length; ++i) {
            _vote(datanet, cluster, panel[i], score % 101);
        }
        for (uint256 i = 0; i < panel.length; ++i) {
            if (silent >> i & 1 == 0) _open(datanet, cluster, panel[i], score % 101);
        }
        if (reviews.reviewOf(datanet, cluster).status != IClusterReview.Status.Voting) return;
        vm.warp(uint256(reviews.reviewOf(datanet, cluster).revealUntil) + 1);
        reviews.closeReview(datanet, cluster);
    }

    function finalize(uint256 seed) external {
        (bool found, uint32 cluster) = _pick(seed, IClusterReview.Status.Decided);
        if (!found) (found, cluster) = _pick(seed, IClusterReview.Status.Appealed);
        if (!found) return;
        _finalize(datanet, cluster);
        _countRejected(cluster);
    }

    function appeal(uint256 seed) external {
        (bool found, uint32 cluster) = _pick(seed, IClusterReview.Status.Decided);
        if (!found || vm.getBlockTimestamp() > reviews.reviewOf(datanet, cluster).until) return;
        came += APPEAL_BOND;
        vm.deal(carol, APPEAL_BOND);
        vm.prank(carol);
        reviews.appeal{value: APPEAL_BOND}(datanet, cluster, "");
    }

    function decideAppeal(uint256 seed, bool accepted) external {
        (bool found, uint32 cluster) = _pick(seed, IClusterReview.Status.Appealed);
        if (!found || vm.getBlockTimestamp() > reviews.reviewOf(datanet, cluster).until) return;
        IDatanetRegistry.Outcome before = reviews.reviewOf(datanet, cluster).outcome;
        vm.prank(Predeploys.PARAM_TIMELOCK);
        reviews.decideAppeal(datanet, cluster, accepted);
        if (reviews.reviewOf(datanet, cluster).outcome == before) burnt += APPEAL_BOND;
        _countRejected(cluster);
    }

    function _countRejected(uint32 cluster) private {
        if (_outcome(datanet, cluster) == IDatanetRegistry.Outcome.Rejected) burnt += BOND;
    }

    function distribute(uint64 amount) public {
        came += amount;
        registry.distribute{value: amount}(space);
    }

    function takeShares(uint256 seed) external {
        uint32[] memory clusters = new uint32[](1);
        clusters[0] = uint32(seed % registry.datanetAt(datanet).clusters);
        registry.takeShares(datanet, clusters);
    }

    function withdraw(uint256 seed) external {
        uint32 cluster = uint32(seed % registry.datanetAt(datanet).clusters);
        (address holder,,) = registry.payeesOf(space, cluster, type(uint64).max);
        vm.prank(holder);
        try registry.withdraw(datanet, cluster) {} catch {}
    }

    function reassign(uint256 seed, uint256 actor) external {
        uint32 cluster = uint32(seed % registry.datanetAt(datanet).clusters);
        vm.prank(Predeploys.PARAM_TIMELOCK);
        registry.reassignCluster(datanet, cluster, _actor(actor));
    }

    function nextEpoch() external {
        _nextEpoch();
    }

    function contributions() external view returns (uint256) {
        return contents.length;
    }

    /// @dev What everybody who may get something is owed.
    function owed() external view returns (uint256) {
        return
            vault.claimable(alice) + vault.claimable(bob) + vault.claimable(carol)
                + vault.claimable(Predeploys.TREASURY);
    }
}

contract DatanetRegistryInvariantTest is DatanetTest {
    DatanetHandler private handler;

    function setUp() public override {
        handler = new DatanetHandler();
        handler.setUp();
        bytes4[] memory selectors = new bytes4[](12);
        selectors[0] = DatanetHandler.commit.selector;
        selectors[1] = DatanetHandler.reveal.selector;
        selectors[2] = DatanetHandler.settle.selector;
        selectors[3] = DatanetHandler.review.selector;
        selectors[4] = DatanetHandler.finalize.selector;
        selectors[5] = DatanetHandler.appeal.selector;
        selectors[6] = DatanetHandler.decideAppeal.selector;
        selectors[7] = DatanetHandler.distribute.selector;
        selectors[8] = DatanetHandler.takeShares.selector;
        selectors[9] = DatanetHandler.withdraw.selector;
        selectors[10] = DatanetHandler.reassign.selector;
        selectors[11] = DatanetHandler.nextEpoch.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    /// @dev DN9, DV1: what came is held, owed or burnt; a bond is held exactly as long as its reason is there.
    /// forge-config: default.invariant.runs = 12
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_moneyIsConserved() public view {
        uint256 datanet = handler.datanet();
        IDatanetRegistry.Datanet memory info = registry.datanetAt(datanet);
        uint256 held;
        for (uint64 i = 0; i < handler.contributions(); ++i) {
            IDatanetRegistry.Contribution memory made = registry.contributionAt(datanet, i);
            bool open = i >= info.settled;
            if (made.status == IDatanetRegistry.ContributionStatus.Clustered) {
                open = !registry.clusterAt(datanet, made.cluster).isFinal;
            }
            assertEq(_held("contribution", datanet, i), open ? BOND : 0, "a contribution's bond");
            if (open) held += BOND;
        }
        uint256 shares = info.dust;
        uint32 sharing;
        uint32 inReview;
        for (uint32 i = 0; i < info.clusters; ++i) {
            IDatanetRegistry.Cluster memory cluster = registry.clusterAt(datanet, i);
            IClusterReview.Review memory review = reviews.reviewOf(datanet, i);
            uint256 bond = review.status == IClusterReview.Status.Appealed ? APPEAL_BOND : 0;
            assertEq(vault.held(address(reviews), keccak256(abi.encode("appeal", datanet, i))), bond, "an appeal's");
            assertEq(cluster.isFinal, review.status == IClusterReview.Status.Final);
            bool accepted = cluster.isFinal && cluster.outcome == IDatanetRegistry.Outcome.Accepted;
            assertEq(cluster.sharing, accepted && cluster.withdrawnFrom == 0, "who shares");
            held += bond;
            shares += registry.sharesOf(datanet, i);
            if (cluster.sharing) ++sharing;
            if (!cluster.isFinal) ++inReview;
        }
        assertEq(info.accepted, sharing);
        assertEq(info.inReview, inReview);
        assertEq(_held("dividends", datanet, 0), shares, "dividends");
        assertEq(handler.came(), held + shares + handler.owed() + handler.burnt(), "all of it");
        assertEq(address(registry).balance + address(reviews).balance, 0);
    }
}
