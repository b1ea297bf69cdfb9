//! The transactions of an address, in pages.

use crate::fixture::{COUNTER, Node, config, quantity};
use alloy_primitives::{Address, Bytes, hex};
use openledger_store::StoreOptions;
use serde_json::{Value, json};

const BEFORE: &str = "ots_searchTransactionsBefore";
const AFTER: &str = "ots_searchTransactionsAfter";
/// Sends the L1 attributes.
const DEPOSITOR: &str = "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001";

async fn indexing(options: StoreOptions) -> Node {
    let options = StoreOptions {
        index_addresses: true,
        ..options
    };
    Node::with_store(config(), options).await
}

/// Indexes every sealed block, as the node's role does.
fn index(node: &Node) {
    let chain = &node.chain;
    let extend = || {
        chain
            .store()
            .extend_address_index(|number| chain.recent_block(number))
    };
    while !extend().unwrap().done {}
}

/// Puts a transaction into the open block.
async fn send(node: &Node, account: usize, to: Option<Address>, input: Bytes) -> Value {
    let raw = node.sign(account, to, 0, input).await;
    node.call("eth_sendRawTransactionSync", json!([raw])).await["transactionHash"].clone()
}

/// Creates a contract that calls [`COUNTER`], which logs.
fn caller() -> Bytes {
    let mut code = hex!("5f5f5f5f5f73").to_vec();
    code.extend_from_slice(COUNTER.as_slice());
    code.extend_from_slice(&hex!("5af100"));
    let mut creation = vec![0x60, u8::try_from(code.len()).unwrap()];
    creation.extend_from_slice(&hex!("8060095f395ff3"));
    creation.extend(code);
    creation.into()
}

/// The page's transactions, and whether it is the first and the last.
fn shown(page: &Value) -> (Vec<Value>, bool, bool) {
    let hashes = |list: &str, field: &str| -> Vec<Value> {
        let items = page[list].as_array().unwrap().iter();
        items.map(|item| item[field].clone()).collect()
    };
    let found = hashes("txs", "hash");
    assert_eq!(found, hashes("receipts", "transactionHash"));
    (
        found,
        page["firstPage"].as_bool().unwrap(),
        page["lastPage"].as_bool().unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_index_names_the_flag() {
    let node = Node::start().await;
    for method in [BEFORE, AFTER] {
        for params in [json!([COUNTER, 0, 25]), json!([])] {
            let missing = node.fail(method, params).await;
            assert_eq!(missing["code"], -32601);
            let message = missing["message"].as_str().unwrap();
            assert!(
                message.contains(method) && message.contains("--index-addresses"),
                "{message}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_complete_blocks_newest_first() {
    let node = indexing(StoreOptions::default()).await;
    let user = node.signers[0].address();
    let contract = user.create(0);
    // Block 1 creates the contract, 2 calls it twice, 3 is empty, 4 calls the counter by another account.
    let created = send(&node, 0, None, caller()).await;
    node.mine().await;
    let first = send(&node, 0, Some(contract), Bytes::new()).await;
    let second = send(&node, 0, Some(contract), Bytes::new()).await;
    node.mine().await;
    node.mine().await;
    let other = send(&node, 1, Some(COUNTER), Bytes::new()).await;
    node.mine().await;
    // As found by looking through the newest blocks, and then by the index.
    for is_indexed in [false, true] {
        if is_indexed {
            index(&node);
        }
        let by_user = [&second, &first, &created].map(Value::clone);
        let of_counter = [&other, &second, &first].map(Value::clone);
        let cases = [
            (BEFORE, json!([user, 0, 25]), &by_user[..], true, true),
            // Numbers as hex, as everywhere.
            (BEFORE, json!([user, "0x0", "0x3"]), &by_user, true, true),
            (BEFORE, json!([user, 0, 1]), &by_user[..2], true, false),
            (BEFORE, json!([user, 2, 1]), &by_user[2..], false, true),
            (BEFORE, json!([user, 1, 25]), &[], false, true),
            (
                BEFORE,
                json!([user, u64::MAX, 2]),
                &by_user[..2],
                false,
                false,
            ),
            (AFTER, json!([user, 0, 1]), &by_user[2..], false, true),
            (AFTER, json!([user, 0, 2]), &by_user, true, true),
            (AFTER, json!([user, 1, 1]), &by_user[..2], true, false),
            (AFTER, json!([user, 4, 1]), &[], true, false),
            (AFTER, json!([user, u64::MAX, 1]), &[], true, false),
            // The contract: created, then called.
            (BEFORE, json!([contract, 0, 25]), &by_user, true, true),
            // By recipient, and by logs of a contract that was called by another.
            (BEFORE, json!([COUNTER, 0, 25]), &of_counter, true, true),
            (
                BEFORE,
                json!([Address::repeat_byte(7), 0, 25]),
                &[],
                true,
                true,
            ),
            (
                AFTER,
                json!([Address::repeat_byte(7), 0, 25]),
                &[],
                true,
                true,
            ),
        ];
        for (method, params, expected, is_first, is_last) in cases {
            let page = node.call(method, params.clone()).await;
            assert_eq!(
                shown(&page),
                (expected.to_vec(), is_first, is_last),
                "{method} {params}, indexed: {is_indexed}"
            );
        }
        // Every block has one of its, from 4 down.
        let page = node.call(BEFORE, json!([DEPOSITOR, 0, 2])).await;
        let blocks: Vec<u64> = page["txs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tx| quantity(&tx["blockNumber"]))
            .collect();
        assert_eq!(blocks, [4, 3]);
        assert!(!shown(&page).2);
    }

    let page = node.call(BEFORE, json!([user, 0, 25])).await;
    let transaction = node.call("eth_getTransactionByHash", json!([second])).await;
    assert_eq!(page["txs"][0], transaction);
    let mut receipt = node
        .call("eth_getTransactionReceipt", json!([second]))
        .await;
    assert_eq!(receipt["logs"].as_array().unwrap().len(), 1);
    receipt["timestamp"] = transaction["blockTimestamp"].clone();
    assert_eq!(page["receipts"][0], receipt);
    for (params, word) in [
        (json!([user, 0, 1_001]), "1000"),
        (json!([user, 0]), "page size"),
        (json!([user]), "block"),
        (json!([]), "address"),
        (json!([user, "latest", 1]), "block"),
        (json!([user, 0, -1]), "page size"),
    ] {
        let refused = node.fail(BEFORE, params).await;
        assert_eq!(refused["code"], -32602);
        assert!(
            refused["message"].as_str().unwrap().contains(word),
            "{refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unwound_transactions_are_not_found() {
    let node = indexing(StoreOptions::default()).await;
    let user = node.signers[0].address();
    let kept = send(&node, 0, Some(COUNTER), Bytes::new()).await;
    node.mine().await;
    let snapshot = node.call("evm_snapshot", json!([])).await;
    for _ in 0..2 {
        send(&node, 0, Some(COUNTER), Bytes::new()).await;
        node.mine().await;
    }
    index(&node);
    let page = node.call(BEFORE, json!([user, 0, 25])).await;
    assert_eq!(shown(&page).0.len(), 3);
    node.call("evm_revert", json!([snapshot])).await;
    let page = node.call(BEFORE, json!([user, 0, 25])).await;
    assert_eq!(shown(&page).0, std::slice::from_ref(&kept));
    // Another block takes the number of the one that went.
    let late = send(&node, 0, Some(Address::repeat_byte(7)), Bytes::new()).await;
    node.mine().await;
    index(&node);
    let page = node.call(BEFORE, json!([user, 0, 25])).await;
    assert_eq!(shown(&page).0, [late, kept.clone()]);
    let page = node.call(BEFORE, json!([COUNTER, 0, 25])).await;
    assert_eq!(shown(&page).0, [kept]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_behind_or_cut_off_says_so() {
    let node = indexing(StoreOptions {
        unwind_blocks_max: 2,
        ..StoreOptions::default()
    })
    .await;
    let user = node.signers[0].address();
    let old = send(&node, 0, Some(COUNTER), Bytes::new()).await;
    node.mine().await;
    node.call("hardhat_mine", json!(["0x46"])).await;
    let behind = node.fail(BEFORE, json!([user, 0, 25])).await;
    assert_eq!(behind["code"], -32000);
    let message = behind["message"].as_str().unwrap();
    assert!(message.contains("blocks up to 0 of 71"), "{message}");
    index(&node);
    let page = node.call(BEFORE, json!([user, 0, 25])).await;
    assert_eq!(shown(&page), (vec![old], true, true));

    let new = send(&node, 0, Some(COUNTER), Bytes::new()).await;
    node.mine().await;
    let store = node.chain.store();
    let head = store.head().unwrap();
    store.set_heads(head, head).unwrap();
    assert_eq!(store.prune(40, u64::MAX).unwrap().oldest, 40);
    index(&node);
    // Whether there is more is not known.
    for (method, params) in [
        (BEFORE, json!([user, 0, 25])),
        (AFTER, json!([user, 0, 25])),
        (AFTER, json!([user, 39, 25])),
    ] {
        let (found, is_first, is_last) = shown(&node.call(method, params).await);
        assert_eq!((found, is_first, is_last), (vec![new.clone()], true, false));
    }
    for (method, params) in [
        (BEFORE, json!([user, 72, 25])),
        (BEFORE, json!([Address::repeat_byte(7), 0, 25])),
        (AFTER, json!([user, 38, 25])),
    ] {
        let cut_off = node.fail(method, params).await;
        assert_eq!(cut_off["code"], 4444);
        let message = cut_off["message"].as_str().unwrap();
        assert!(message.contains("from block 40 on"), "{message}");
    }
}
