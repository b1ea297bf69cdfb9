// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Breach, IAgentRegistry, Policy} from "../../src/interfaces/IAgentRegistry.sol";
import {Channel, Voucher} from "../../src/interfaces/IVoucherChannels.sol";
import {FeeTree} from "../../src/libraries/FeeTree.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {InferenceTest} from "./InferenceTest.sol";

/// @notice Makes test/protocol/vectors/inference.json: names, sums, prices, vouchers and policies as the contracts have them, which
///         crates/economy must compute alike. Each is `abi.encode` of its struct.
/// @dev    Compares with the file; with INFERENCE_VECTORS=write in the environment it writes the file.
contract InferenceVectorsTest is InferenceTest {
    /* TYPES */

    struct Names {
        uint256 chainId;
        address payer;
        address payee;
        uint64 adapter;
        uint128 platformFee;
        bytes32 salt;
        bytes32 channel;
        uint256 nonce;
        bytes32 requestId;
        uint64 number;
        bytes32 promptHash;
        bytes32 outputHash;
        bytes32 contentHash;
        bytes32 callId;
        bytes[] sketches;
        bytes32 querySketchHash;
    }

    struct Tree {
        FeeTree.Leaf[] leaves;
        bytes32 root;
        uint256 sum;
    }

    struct Price {
        uint128 priceIn;
        uint128 priceOut;
        uint32 tokensIn;
        uint32 tokensOut;
        uint128 price;
    }

    struct Signed {
        Voucher voucher;
        uint256 chainId;
        bytes32 hash;
        bytes signature;
        bool isSigned;
    }

    struct Spending {
        Policy policy;
        Channel channel;
        Voucher voucher;
        uint64 time;
        uint8 breach;
    }

    /* CONSTANTS */

    string private constant FILE = "test/protocol/vectors/inference.json";
    uint256 private constant NAMES = 6;
    uint256 private constant TREES = 10;
    uint256 private constant PRICES = 12;
    uint256 private constant VOUCHERS = 10;
    uint256 private constant SPENDINGS = 40;

    IAgentRegistry private constant agents = IAgentRegistry(Predeploys.AGENT_REGISTRY);

    function test_vectors_areTheFile_succeeds() public {
        string memory json = string.concat(
            "{\n",
            _section("names", _names()),
            ",\n",
            _section("trees", _trees()),
            ",\n",
            _section("prices", _prices()),
            ",\n",
            _section("vouchers", _vouchers()),
            ",\n",
            _section("spendings", _spendings()),
            "\n}\n"
        );
        if (keccak256(bytes(vm.envOr("INFERENCE_VECTORS", string("")))) == keccak256("write")) {
            vm.writeFile(FILE, json);
        }
        assertEq(
            keccak256(bytes(json)),
            keccak256(bytes(vm.readFile(FILE))),
            "run with INFERENCE_VECTORS=write if that is meant"
        );
    }

    /* VECTORS */

    function _names() private returns (bytes[] memory all) {
        all = new bytes[](NAMES);
        uint256 chainId = block.chainid;
        for (uint256 i = 0; i < NAMES; ++i) {
            if (i > 2) vm.chainId(161_299 + i);
            Names memory names;
            names.chainId = block.chainid;
            names.payer = address(uint160(_word("payer", i)));
            names.payee = address(uint160(_word("payee", i)));
            names.adapter = uint64(_word("adapter", i));
            names.platformFee = uint128(_word("fee", i));
            names.salt = bytes32(_word("salt", i));
            names.channel = channels.channelIdOf(names.payer, names.payee, names.adapter, names.platformFee, names.salt);
            names.nonce = _word("nonce", i);
            names.requestId = router.requestIdOf(names.payer, names.nonce);
            names.number = uint64(_word("number", i));
            names.promptHash = bytes32(_word("prompt", i));
            names.outputHash = bytes32(_word("output", i));
            names.contentHash = keccak256(abi.encode(names.promptHash, names.outputHash));
            uint256 nonce =
                uint256(keccak256(abi.encode(names.channel, names.number, names.promptHash, names.outputHash)));
            names.callId = router.requestIdOf(names.payer, nonce);
            names.sketches = _sketches(i);
            names.querySketchHash = keccak256(abi.encode(names.sketches));
            all[i] = abi.encode(names);
        }
        vm.chainId(chainId);
    }

    function _trees() private pure returns (bytes[] memory all) {
        all = new bytes[](TREES);
        for (uint256 i = 0; i < TREES; ++i) {
            uint256 count = i < 8 ? i + 1 : 20 * i + 7;
            FeeTree.Leaf[] memory leaves = new FeeTree.Leaf[](count);
            for (uint256 j = 0; j < count; ++j) {
                uint256 word = _word("leaf", i * 1000 + j);
                uint128 price = word % 3 == 0 ? 0 : word % 3 == 1 ? uint32(word >> 8) : uint120(word >> 8);
                leaves[j] = FeeTree.Leaf(bytes32(word), price, keccak256(abi.encode(word)));
            }
            (bytes32 root, uint256 sum) = FeeTree.root(leaves);
            all[i] = abi.encode(Tree(leaves, root, sum));
        }
    }

    function _prices() private returns (bytes[] memory all) {
        all = new bytes[](PRICES);
        for (uint256 i = 0; i < PRICES; ++i) {
            Price memory price;
            price.priceIn = i == 0 ? 0 : uint96(_word("priceIn", i));
            price.priceOut = i == 1 ? 0 : uint64(_word("priceOut", i));
            price.tokensIn = uint32(_word("in", i)) % uint32(10 ** (i % 10));
            price.tokensOut = i == 2 ? type(uint32).max : uint32(_word("out", i)) % uint32(10 ** (i % 8));
            market.setOffer(ADAPTER, true, price.priceIn, price.priceOut);
            (price.price,) = router.quote(ADAPTER, worker, price.tokensIn, price.tokensOut);
            all[i] = abi.encode(price);
        }
        market.setOffer(ADAPTER, true, PRICE_IN, PRICE_OUT);
    }

    function _vouchers() private returns (bytes[] memory all) {
        all = new bytes[](VOUCHERS);
        bytes32 channel = _openChannel(1 ether, "vouchers");
        for (uint256 i = 0; i < VOUCHERS; ++i) {
            Voucher memory voucher = _voucher(channel, _word("cumulative", i), uint64(_word("count", i)));
            voucher.expiry = uint64(_word("expiry", i));
            bytes memory signature = _sign(voucher, payerKey);
            // One of another key, and what isn't the form of a signature.
            if (i == 5) signature = _sign(voucher, 1);
            else if (i == 6) signature[64] = bytes1(uint8(signature[64]) - 27);
            else if (i == 7) signature = _withHighS(signature);
            else if (i == 8) signature = bytes.concat(signature, hex"00");
            else if (i == 9) voucher.count += 1;
            bytes32 hash = channels.hashVoucher(voucher);
            all[i] = abi.encode(Signed(voucher, block.chainid, hash, signature, channels.isSigned(voucher, signature)));
        }
    }

    function _spendings() private returns (bytes[] memory all) {
        all = new bytes[](SPENDINGS);
        for (uint256 i = 0; i < SPENDINGS; ++i) {
            (address agent, uint256 key) = makeAddrAndKey(vm.toString(_word("agent", i)));
            key;
            vm.deal(agent, 1000 ether);
            Policy memory policy = Policy({
                callMax: uint128(10 + _word("callMax", i) % 20),
                channelMax: uint128(50 + _word("channelMax", i) % 200),
                dayMax: uint128(40 + _word("dayMax", i) % 60),
                signer: address(0),
                adapters: new uint64[](_word("adapters", i) % 3),
                payees: new address[](_word("payees", i) % 3)
            });
            for (uint256 j = 0; j < policy.adapters.length; ++j) {
                policy.adapters[j] = _word("which", i + j) % 4 == 0 ? OTHER_ADAPTER : ADAPTER;
            }
            for (uint256 j = 0; j < policy.payees.length; ++j) {
                policy.payees[j] = _word("whom", i + j) % 4 == 0 ? otherWorker : worker;
            }
            vm.startPrank(agent);
            agents.register{value: 100 ether}(agent, policy, 0, "", 0, "");
            bytes32 channel = channels.openChannel{value: 1 ether}(worker, ADAPTER, 1, "spending");
            vm.stopPrank();
            vm.warp(block.timestamp + _word("time", i) % 3 days);
            uint64 count = uint64(1 + _word("calls", i) % 20);
            Voucher memory voucher =
                _voucher(channel, _word("spent", i) % (uint256(policy.callMax) * count + 20), count);
            Breach breach = agents.breachOf(voucher);
            all[i] = abi.encode(
                Spending(policy, channels.channelOf(channel), voucher, uint64(block.timestamp), uint8(breach))
            );
        }
    }

    /* HELPERS */

    function _sketches(uint256 i) private pure returns (bytes[] memory sketches) {
        sketches = new bytes[](i % 4);
        for (uint256 j = 0; j < sketches.length; ++j) {
            sketches[j] = new bytes(32 * (1 + (i + j) % 3));
            for (uint256 k = 0; k < sketches[j].length; ++k) {
                sketches[j][k] = bytes1(uint8(_word("sketch", i * 1000 + j * 100 + k)));
            }
        }
    }

    function _withHighS(bytes memory signature) private pure returns (bytes memory) {
        (bytes32 r, uint256 s) = (bytes32(0), 0);
        uint8 v = uint8(signature[64]);
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        uint256 n = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        return abi.encodePacked(r, n - s, v == 27 ? uint8(28) : uint8(27));
    }

    function _word(string memory what, uint256 i) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(what, i)));
    }

    function _section(string memory name, bytes[] memory all) private pure returns (string memory text) {
        text = string.concat("  \"", name, "\": [\n");
        for (uint256 i = 0; i < all.length; ++i) {
            text = string.concat(text, "    \"", vm.toString(all[i]), i + 1 == all.length ? "\"\n" : "\",\n");
        }
        return string.concat(text, "  ]");
    }
}
