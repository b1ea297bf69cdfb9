// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClaimVault} from "../../src/interfaces/IClaimVault.sol";
import {IClusterReview} from "../../src/interfaces/IClusterReview.sol";
import {IDatanetRegistry} from "../../src/interfaces/IDatanetRegistry.sol";
import {IInferenceRouter} from "../../src/interfaces/IInferenceRouter.sol";
import {IReputation} from "../../src/interfaces/IReputation.sol";
import {IValidatorStaking} from "../../src/interfaces/IValidatorStaking.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {ProtocolTest} from "./ProtocolTest.sol";
import {Rotations} from "./Rotations.sol";

/// @notice What tests of Datanets start with: seven active validators, a Datanet's owner, contributors.
abstract contract DatanetTest is ProtocolTest {
    IDatanetRegistry internal constant registry = IDatanetRegistry(Predeploys.DATANET_REGISTRY);
    IClusterReview internal constant reviews = IClusterReview(Predeploys.CLUSTER_REVIEW);
    IClaimVault internal constant vault = IClaimVault(Predeploys.CLAIM_VAULT);
    IValidatorStaking internal constant staking = IValidatorStaking(Predeploys.VALIDATOR_STAKING);
    IReputation internal constant reputation = IReputation(Predeploys.REPUTATION);
    IInferenceRouter internal constant router = IInferenceRouter(Predeploys.INFERENCE_ROUTER);

    uint256 internal constant VALIDATORS = 7;
    uint256 internal constant STAKE = 20_000 ether;
    uint256 internal constant DATANET_BOND = 100 ether;
    uint128 internal constant BOND = 2 ether;
    uint256 internal constant APPEAL_BOND = 100 ether;
    bytes32 internal constant LICENCE = "CC-BY";
    bytes32 internal constant OTHER_LICENCE = "CC-BY-SA";
    bytes32 internal constant SALT = "salt";

    address internal immutable owner = makeAddr("owner");
    address internal immutable alice = makeAddr("alice");
    address internal immutable bob = makeAddr("bob");
    address internal immutable carol = makeAddr("carol");
    mapping(address validator => uint256) internal keys;
    address[] internal validators;

    function setUp() public virtual override {
        super.setUp();
        vm.roll(1000);
        vm.warp(1_000_000);
        for (uint256 i = 0; i < VALIDATORS; ++i) {
            (address validator, uint256 key) = makeAddrAndKey(string.concat("validator", vm.toString(i)));
            keys[validator] = key;
            validators.push(validator);
            vm.deal(validator, STAKE);
            vm.prank(validator);
            staking.register{value: STAKE}(IValidatorStaking.Role.Validator, 0);
        }
        address[4] memory rich = [owner, alice, bob, carol];
        for (uint256 i = 0; i < rich.length; ++i) {
            vm.deal(rich[i], 10_000 ether);
        }
    }

    /* DATANETS */

    function _terms() internal pure returns (IDatanetRegistry.Terms memory terms) {
        terms.ownerBps = 1000;
        terms.contributionBond = BOND;
        terms.licence = LICENCE;
        terms.adapterLicences = new bytes32[](1);
        terms.adapterLicences[0] = OTHER_LICENCE;
    }

    function _create(IDatanetRegistry.Terms memory terms) internal returns (uint256) {
        vm.prank(owner);
        return registry.create{value: DATANET_BOND}(terms, "ipfs://datanet");
    }

    function _create() internal returns (uint256) {
        return _create(_terms());
    }

    /// @dev The first `count` validators, ascending.
    function _sorted(uint256 count) internal view returns (address[] memory sorted) {
        sorted = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            sorted[i] = validators[i];
            for (uint256 j = i; j > 0 && sorted[j - 1] > sorted[j]; --j) {
                (sorted[j - 1], sorted[j]) = (sorted[j], sorted[j - 1]);
            }
        }
    }

    /* CONTRIBUTIONS */

    /// @dev What a contributor opens; the same `content` gives the same signature.
    function _content(uint256 content) internal pure returns (IDatanetRegistry.Content memory opened) {
        for (uint256 i = 0; i < 32; ++i) {
            opened.words[i] = uint32(uint256(keccak256(abi.encode(content, i))));
        }
        (opened.dataRoot, opened.salt, opened.size, opened.tokens) = (keccak256(abi.encode(content)), SALT, 1000, 200);
        opened.uri = "ipfs://content";
    }

    function _commitment(uint256 datanet, address contributor, uint256 content) internal view returns (bytes32) {
        IDatanetRegistry.Content memory opened = _content(content);
        bytes memory packed;
        for (uint256 i = 0; i < 32; ++i) {
            packed = abi.encodePacked(packed, opened.words[i]);
        }
        return
            keccak256(
                abi.encode(registry.spaceOf(datanet), contributor, keccak256(packed), opened.dataRoot, opened.salt)
            );
    }

    function _commit(uint256 datanet, address contributor, uint256 content) internal returns (uint64) {
        bytes32 h = _commitment(datanet, contributor, content);
        uint128 bond = registry.datanetAt(datanet).contributionBond;
        vm.prank(contributor);
        return registry.commit{value: bond}(datanet, h, "");
    }

    function _reveal(uint256 datanet, address contributor, uint64 contribution, uint256 content) internal {
        vm.prank(contributor);
        registry.reveal(datanet, contribution, _content(content));
    }

    /// @dev Contributes alone, to the end of the settlement.
    function _contribute(uint256 datanet, address contributor, uint256 content) internal returns (uint64 contribution) {
        contribution = _commit(datanet, contributor, content);
        _mine(2, 1);
        _reveal(datanet, contributor, contribution, content);
        _mine(49, 1);
        assertEq(registry.settle(datanet, 1), 1);
    }

    /// @dev A new cluster.
    function _cluster(uint256 datanet, address contributor, uint256 content) internal returns (uint32) {
        uint64 contribution = _contribute(datanet, contributor, content);
        IDatanetRegistry.Contribution memory made = registry.contributionAt(datanet, contribution);
        assertEq(uint8(made.status), uint8(IDatanetRegistry.ContributionStatus.Clustered));
        return made.cluster;
    }

    /* REVIEWS */

    function _draw(uint256 datanet, uint32 cluster) internal returns (address[] memory) {
        _mine(2, 1);
        reviews.drawPanel(datanet, cluster);
        return reviews.panelOf(_round(datanet, cluster));
    }

    function _round(uint256 datanet, uint32 cluster) internal view returns (bytes32) {
        return reviews.roundOf(datanet, cluster, reviews.reviewOf(datanet, cluster).round);
    }

    function _choice(address reviewer, uint8 score) internal pure returns (bytes32) {
        return keccak256(abi.encode(reviewer, score, SALT));
    }

    function _vote(uint256 datanet, uint32 cluster, address reviewer, uint8 score) internal {
        vm.prank(reviewer);
        reviews.commitReview(datanet, cluster, reviewer, _choice(reviewer, score), "");
    }

    function _open(uint256 datanet, uint32 cluster, address reviewer, uint8 score) internal {
        reviews.revealReview(datanet, cluster, reviewer, score, SALT);
    }

    /// @dev Lets every reviewer give that score, and counts.
    function _decide(uint256 datanet, uint32 cluster, uint8 score) internal returns (address[] memory panel) {
        panel = _draw(datanet, cluster);
        for (uint256 i = 0; i < panel.length; ++i) {
            _vote(datanet, cluster, panel[i], score);
        }
        for (uint256 i = 0; i < panel.length; ++i) {
            _open(datanet, cluster, panel[i], score);
        }
        reviews.closeReview(datanet, cluster);
    }

    function _finalize(uint256 datanet, uint32 cluster) internal {
        uint256 until = reviews.reviewOf(datanet, cluster).until;
        if (vm.getBlockTimestamp() <= until) vm.warp(until + 1);
        reviews.finalizeReview(datanet, cluster);
    }

    /// @dev A new cluster with a final outcome.
    function _reviewed(uint256 datanet, address contributor, uint256 content, bool accepted)
        internal
        returns (uint32 cluster)
    {
        cluster = _cluster(datanet, contributor, content);
        _decide(datanet, cluster, accepted ? 80 : 20);
        _finalize(datanet, cluster);
    }

    function _outcome(uint256 datanet, uint32 cluster) internal view returns (IDatanetRegistry.Outcome) {
        return registry.clusterAt(datanet, cluster).outcome;
    }

    /* OTHERS */

    /// @dev Closes the epoch.
    function _nextEpoch() internal returns (uint64) {
        vm.warp(vm.getBlockTimestamp() + 30 days);
        return router.closeEpoch();
    }

    function _held(bytes32 what, uint256 datanet, uint256 number) internal view returns (uint256) {
        return vault.held(address(registry), keccak256(abi.encode(what, datanet, number)));
    }

    /// @dev Gives the place of `from`, whose key is known, to `to`.
    function _rotate(string memory from, string memory to) internal returns (address) {
        (address giver, uint256 giverKey) = makeAddrAndKey(from);
        (address taker, uint256 takerKey) = makeAddrAndKey(to);
        Rotations.rotate(giver, giverKey, taker, takerKey);
        return taker;
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}
