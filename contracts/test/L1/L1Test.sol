// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OPEN} from "../../src/L1/OPEN.sol";
import {RollupPortal} from "../../src/L1/RollupPortal.sol";
import {SystemConfig} from "../../src/L1/SystemConfig.sol";
import {AnchorStateRegistry} from "../../src/dispute/AnchorStateRegistry.sol";
import {DisputeGameFactory} from "../../src/dispute/DisputeGameFactory.sol";
import {Claim, Duration, GameType, Hash, Proposal, Timestamp} from "../../src/dispute/Types.sol";
import {VetoDisputeGame} from "../../src/dispute/VetoDisputeGame.sol";
import {IAnchorStateRegistry} from "../../src/interfaces/IAnchorStateRegistry.sol";
import {IDisputeGameFactory} from "../../src/interfaces/IDisputeGameFactory.sol";
import {IRollupPortal} from "../../src/interfaces/IRollupPortal.sol";
import {ISystemConfig} from "../../src/interfaces/ISystemConfig.sol";
import {IVetoDisputeGame} from "../../src/interfaces/IVetoDisputeGame.sol";
import {OutputRoots} from "../../src/libraries/OutputRoots.sol";
import {Withdrawals} from "../../src/libraries/Withdrawals.sol";
import {Proxy} from "../../src/proxy/Proxy.sol";
import {ProxyAdmin} from "../../src/proxy/ProxyAdmin.sol";
import {LeafTrie} from "./LeafTrie.sol";
import {Test} from "forge-std/Test.sol";

/// @dev Deploys L1's contracts the way a deployment does: behind proxies, the genesis' OPEN locked before the portal starts.
abstract contract L1Test is Test {
    uint256 internal constant MATURITY = 7 days;
    uint256 internal constant FINALITY = 3.5 days;
    uint64 internal constant CLOCK = 3.5 days;
    uint64 internal constant FALLBACK = 7 days;
    uint256 internal constant BOND = 0.08 ether;
    uint256 internal constant GENESIS_SUPPLY = 250_000_000 ether;
    uint256 internal constant ANCHOR_BLOCK = 100;
    uint64 internal constant GENESIS_TIMESTAMP = 1_690_000_000;
    uint64 internal constant BLOCK_TIME = 2;
    GameType internal constant VETO_GAME = GameType.wrap(1612);

    address internal immutable owner = makeAddr("owner");
    address internal immutable guardian = makeAddr("guardian");
    address internal immutable proposer = makeAddr("proposer");
    address internal immutable challenger = makeAddr("challenger");
    address internal immutable treasury = makeAddr("treasury");
    address internal immutable alice = makeAddr("alice");
    address internal immutable bob = makeAddr("bob");

    ProxyAdmin internal admin;
    OPEN internal open;
    SystemConfig internal config;
    RollupPortal internal portal;
    AnchorStateRegistry internal registry;
    DisputeGameFactory internal factory;
    VetoDisputeGame internal implementation;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(20_000_000);
        admin = new ProxyAdmin(address(this));
        open = new OPEN(treasury);
        config = SystemConfig(_proxy());
        portal = RollupPortal(_proxy());
        registry = AnchorStateRegistry(_proxy());
        factory = DisputeGameFactory(_proxy());

        admin.upgradeAndCall(
            payable(address(config)),
            address(new SystemConfig()),
            abi.encodeCall(ISystemConfig.initialize, (_parameters()))
        );
        admin.upgradeAndCall(
            payable(address(factory)),
            address(new DisputeGameFactory()),
            abi.encodeCall(IDisputeGameFactory.initialize, (owner))
        );
        vm.prank(treasury);
        open.transfer(address(portal), GENESIS_SUPPLY);
        admin.upgradeAndCall(
            payable(address(portal)),
            address(new RollupPortal(open, MATURITY)),
            abi.encodeCall(IRollupPortal.initialize, (config, registry, guardian, GENESIS_SUPPLY))
        );
        Proposal memory anchor = Proposal({root: Hash.wrap(keccak256("anchor")), l2SequenceNumber: ANCHOR_BLOCK});
        admin.upgradeAndCall(
            payable(address(registry)),
            address(new AnchorStateRegistry(FINALITY)),
            abi.encodeCall(IAnchorStateRegistry.initialize, (factory, portal, anchor, VETO_GAME))
        );
        implementation = _implementation();
        vm.startPrank(owner);
        factory.setImplementation(VETO_GAME, implementation);
        factory.setInitBond(VETO_GAME, BOND);
        vm.stopPrank();
        vm.warp(block.timestamp + 12);
        vm.deal(proposer, 100 ether);
    }

    function _proxy() internal returns (address payable) {
        return payable(address(new Proxy(address(admin))));
    }

    function _parameters() internal view returns (ISystemConfig.Parameters memory) {
        return ISystemConfig.Parameters({
            owner: owner,
            batcherHash: bytes32(uint256(0xBA7C)),
            basefeeScalar: 1368,
            blobbasefeeScalar: 810_949,
            gasLimit: 30_000_000,
            unsafeBlockSigner: address(0x5168),
            eip1559Denominator: 250,
            eip1559Elasticity: 6,
            operatorFeeScalar: 0,
            operatorFeeConstant: 0,
            batchInbox: address(0x1B0C)
        });
    }

    function _implementation() internal returns (VetoDisputeGame) {
        return new VetoDisputeGame(_gameParameters());
    }

    function _gameParameters() internal view returns (IVetoDisputeGame.Parameters memory) {
        return IVetoDisputeGame.Parameters({
            gameType: VETO_GAME,
            maxClockDuration: Duration.wrap(CLOCK),
            anchorStateRegistry: registry,
            proposer: proposer,
            challenger: challenger,
            proposerFallbackSeconds: Duration.wrap(FALLBACK),
            genesisTimestamp: Timestamp.wrap(GENESIS_TIMESTAMP),
            blockTime: Duration.wrap(BLOCK_TIME)
        });
    }

    /// @dev A game about `root` at an L2 block, made by the proposer.
    function _propose(bytes32 root, uint256 l2Block) internal returns (VetoDisputeGame) {
        vm.prank(proposer);
        return VetoDisputeGame(address(factory.create{value: BOND}(VETO_GAME, Claim.wrap(root), abi.encode(l2Block))));
    }

    /// @dev A game about an L2 that recorded nothing but this withdrawal, and its index.
    function _proposeFor(Withdrawals.Withdrawal memory withdrawal)
        internal
        returns (VetoDisputeGame game, uint256 index)
    {
        game = _propose(OutputRoots.hash(LeafTrie.outputRootProof(Withdrawals.hash(withdrawal))), ANCHOR_BLOCK + 1);
        index = factory.gameCount() - 1;
    }

    function _prove(address submitter, Withdrawals.Withdrawal memory withdrawal, uint256 index) internal {
        bytes32 hash = Withdrawals.hash(withdrawal);
        OutputRoots.Proof memory rootProof = LeafTrie.outputRootProof(hash);
        bytes[] memory proof = LeafTrie.proof(hash);
        vm.prank(submitter);
        portal.proveWithdrawalTransaction(withdrawal, index, rootProof, proof);
    }

    /// @dev Takes a withdrawal so far that alice can have it paid.
    function _ripen(Withdrawals.Withdrawal memory withdrawal) internal returns (VetoDisputeGame game) {
        uint256 index;
        (game, index) = _proposeFor(withdrawal);
        skip(1);
        _prove(alice, withdrawal, index);
        skip(MATURITY + 1);
        game.resolve();
        skip(FINALITY + 1);
    }

    function _withdrawal(address target, uint256 value, bytes memory data)
        internal
        view
        returns (Withdrawals.Withdrawal memory)
    {
        return Withdrawals.Withdrawal({
            nonce: Withdrawals.versionedNonce(7, 1),
            sender: bob,
            target: target,
            value: value,
            gasLimit: 100_000,
            data: data
        });
    }
}
