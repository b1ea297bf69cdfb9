//! What the contracts say, in vectors that `contracts/test/protocol/InferenceVectors.t.sol` writes.

use super::*;
use alloy_primitives::{Address, Bytes, U256, hex};
use alloy_sol_types::{SolValue, sol};
use serde::Deserialize;
use std::{collections::BTreeSet, fs, path::Path};

mod abi {
    use super::sol;

    sol! {
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

        struct Leaf {
            bytes32 requestId;
            uint128 price;
            bytes32 querySketchHash;
        }

        struct Tree {
            Leaf[] leaves;
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

        struct Voucher {
            bytes32 channel;
            address payer;
            address payee;
            uint256 cumulative;
            uint64 count;
            bytes32 leavesRoot;
            uint64 expiry;
        }

        struct Signed {
            Voucher voucher;
            uint256 chainId;
            bytes32 hash;
            bytes signature;
            bool isSigned;
        }

        struct Policy {
            uint128 callMax;
            uint128 channelMax;
            uint128 dayMax;
            address signer;
            uint64[] adapters;
            address[] payees;
        }

        struct Channel {
            address payer;
            uint64 adapter;
            uint32 policyVersion;
            address payee;
            uint64 counted;
            bool closed;
            uint128 locked;
            uint128 paid;
            uint128 platformFee;
            uint64 openedAt;
            uint64 closesAt;
        }

        struct Spending {
            Policy policy;
            Channel channel;
            Voucher voucher;
            uint64 time;
            uint8 breach;
        }
    }
}

#[derive(Deserialize)]
struct Vectors {
    names: Vec<Bytes>,
    trees: Vec<Bytes>,
    prices: Vec<Bytes>,
    vouchers: Vec<Bytes>,
    spendings: Vec<Bytes>,
}

fn vectors() -> Vectors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../contracts/test/protocol/vectors/inference.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn decoded<T: SolValue + From<<T::SolType as alloy_sol_types::SolType>::RustType>>(
    all: &[Bytes],
) -> Vec<T> {
    assert!(all.len() > 5);
    all.iter()
        .map(|bytes| T::abi_decode(bytes).unwrap())
        .collect()
}

fn voucher(voucher: &abi::Voucher) -> Voucher {
    Voucher {
        channel: voucher.channel,
        payer: voucher.payer,
        payee: voucher.payee,
        cumulative: voucher.cumulative,
        count: voucher.count,
        leaves_root: voucher.leavesRoot,
        expiry: voucher.expiry,
    }
}

#[test]
fn names_are_the_contracts() {
    let mut sketch_counts = BTreeSet::new();
    for names in decoded::<abi::Names>(&vectors().names) {
        let chain_id: u64 = names.chainId.to();
        let channel = channel_id(
            chain_id,
            names.payer,
            names.payee,
            names.adapter,
            names.platformFee,
            names.salt,
        );
        assert_eq!(channel, names.channel);
        assert_eq!(
            request_id(chain_id, names.payer, names.nonce),
            names.requestId
        );
        assert_eq!(
            content_hash(names.promptHash, names.outputHash),
            names.contentHash
        );
        let nonce = call_nonce(channel, names.number, names.promptHash, names.outputHash);
        assert_eq!(request_id(chain_id, names.payer, nonce), names.callId);
        assert_eq!(query_sketch_hash(&names.sketches), names.querySketchHash);
        sketch_counts.insert(names.sketches.len());
    }
    assert!(sketch_counts.into_iter().eq(0..4));
}

#[test]
fn sum_trees_are_the_library_s() {
    for tree in decoded::<abi::Tree>(&vectors().trees) {
        let leaves: Vec<Leaf> = tree
            .leaves
            .iter()
            .map(|leaf| Leaf {
                request_id: leaf.requestId,
                price: leaf.price,
                query_sketch_hash: leaf.querySketchHash,
            })
            .collect();
        let ours = FeeTree::new(&leaves).unwrap();
        let root = ours.root().unwrap();
        assert_eq!((root.hash, U256::from(root.sum)), (tree.root, tree.sum));
        let mut frontier = FeeFrontier::default();
        for leaf in &leaves {
            frontier.append(leaf).unwrap();
        }
        assert_eq!(frontier.root(), Some(root));
    }
}

#[test]
fn prices_are_the_router_s() {
    for vector in decoded::<abi::Price>(&vectors().prices) {
        let prices = Prices {
            price_in: vector.priceIn,
            price_out: vector.priceOut,
        };
        let price = prices.price(vector.tokensIn, vector.tokensOut);
        assert_eq!(price, Some(vector.price));
    }
}

#[test]
fn vouchers_are_hashed_and_recovered_as_on_chain() {
    let mut signed_count = 0;
    for vector in decoded::<abi::Signed>(&vectors().vouchers) {
        let chain_id: u64 = vector.chainId.to();
        let signed = SignedVoucher {
            voucher: voucher(&vector.voucher),
            signature: vector.signature,
        };
        assert_eq!(signed.voucher.hash(chain_id), vector.hash);
        let by_payer = signed.signer(chain_id) == Some(signed.voucher.payer);
        assert_eq!(
            by_payer,
            vector.isSigned,
            "{}",
            hex::encode(&signed.signature)
        );
        signed_count += usize::from(by_payer);
    }
    assert_eq!(signed_count, 5);
}

#[test]
fn breaches_are_the_registry_s() {
    let mut seen = BTreeSet::new();
    for vector in decoded::<abi::Spending>(&vectors().spendings) {
        let policy = Policy {
            call_max: vector.policy.callMax,
            channel_max: vector.policy.channelMax,
            day_max: vector.policy.dayMax,
            signer: vector.policy.signer,
            adapters: vector.policy.adapters,
            payees: vector.policy.payees,
        };
        let breach = policy.breach(
            vector.channel.adapter,
            vector.channel.openedAt,
            &voucher(&vector.voucher),
            vector.time,
        );
        let number = match breach {
            None => 0,
            Some(Breach::Adapter) => 1,
            Some(Breach::Payee) => 2,
            Some(Breach::Call) => 3,
            Some(Breach::Channel) => 4,
            Some(Breach::Day) => 5,
        };
        assert_eq!(number, vector.breach);
        assert_ne!(vector.channel.payer, Address::ZERO);
        seen.insert(number);
    }
    assert!(seen.into_iter().eq(0..=5));
}
