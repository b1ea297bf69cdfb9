//! The Otterscan namespace.

use crate::fixture::{COUNTER, Node, READER, REVERTER, quantity};
use alloy_primitives::{Address, Bytes, U256, address, hex};
use serde_json::{Value, json};

const DEAD: Address = address!("000000000000000000000000000000000000dead");
/// Sends the L1 attributes.
const DEPOSITOR: Address = address!("deaddeaddeaddeaddeaddeaddeaddeaddead0001");

/// Creates a contract with 1 wei, sends 2 wei away and asks [`READER`].
fn factory() -> Bytes {
    let mut code =
        hex!("6360015ff35f526004601c6001f0505f5f5f5f600261dead5af1505f5f5f5f73").to_vec();
    code.extend_from_slice(READER.as_slice());
    code.extend_from_slice(&hex!("5afa5000"));
    let mut creation = vec![0x60, u8::try_from(code.len()).unwrap()];
    creation.extend_from_slice(&hex!("8060095f395ff3"));
    creation.extend(code);
    creation.into()
}

async fn send(node: &Node, to: Option<Address>, value: u64, input: Bytes) -> Value {
    let raw = node.sign(0, to, value, input).await;
    let hash = node.call("eth_sendRawTransaction", json!([raw])).await;
    node.mine().await;
    hash
}

/// A node whose block 1 deploys the factory and whose block 2 calls it.
async fn with_factory() -> (Node, Address, [Value; 2]) {
    let node = Node::start().await;
    let deployed = send(&node, None, 0, factory()).await;
    let factory = node.signers[0].address().create(0);
    let called = send(&node, Some(factory), 10, Bytes::new()).await;
    let receipt = node
        .call("eth_getTransactionReceipt", json!([called]))
        .await;
    assert_eq!(receipt["status"], "0x1");
    (node, factory, [deployed, called])
}

#[tokio::test(flavor = "multi_thread")]
async fn code_and_creators_are_found() {
    let (node, factory, [deployed, called]) = with_factory().await;
    assert_eq!(node.call("ots_getApiLevel", json!([])).await, 8);
    let user = node.signers[0].address();
    for (address, block, expected) in [
        (COUNTER, json!("latest"), true),
        (user, json!("latest"), false),
        // The explorer writes numbers as numbers.
        (factory, json!(0), false),
        (factory, json!(1), true),
        (factory, json!("0x1"), true),
    ] {
        let found = node.call("ots_hasCode", json!([address, block])).await;
        assert_eq!(found, expected, "{address} at {block}");
    }
    assert_eq!(node.call("ots_hasCode", json!([factory])).await, true);
    let child = factory.create(1);
    for (address, expected) in [
        (factory, json!({"hash": deployed, "creator": lower(user)})),
        (child, json!({"hash": called, "creator": lower(factory)})),
        // There since genesis, without code, and nowhere.
        (COUNTER, Value::Null),
        (user, Value::Null),
        (Address::repeat_byte(0x77), Value::Null),
    ] {
        let found = node.call("ots_getContractCreator", json!([address])).await;
        assert_eq!(found, expected, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_within_a_transaction_is_listed() {
    let (node, factory, [deployed, called]) = with_factory().await;
    let (user, child) = (node.signers[0].address(), factory.create(1));
    let operations = node
        .call("ots_getInternalOperations", json!([called]))
        .await;
    let expected = json!([
        {"type": 2, "from": lower(factory), "to": lower(child), "value": "0x1"},
        {"type": 0, "from": lower(factory), "to": lower(DEAD), "value": "0x2"},
    ]);
    assert_eq!(operations, expected);
    let none = node
        .call("ots_getInternalOperations", json!([deployed]))
        .await;
    assert_eq!(none, json!([]), "the transaction itself is none");

    let trace = node.call("ots_traceTransaction", json!([called])).await;
    let word = format!("{:#066x}", U256::from(100));
    let expected = json!([
        {"type": "CALL", "depth": 0, "from": lower(user), "to": lower(factory),
         "value": "0xa", "input": "0x", "output": "0x"},
        {"type": "CREATE", "depth": 1, "from": lower(factory), "to": lower(child),
         "value": "0x1", "input": "0x60015ff3", "output": "0x00"},
        {"type": "CALL", "depth": 1, "from": lower(factory), "to": lower(DEAD),
         "value": "0x2", "input": "0x", "output": "0x"},
        {"type": "STATICCALL", "depth": 1, "from": lower(factory), "to": lower(READER),
         "value": null, "input": "0x", "output": word},
    ]);
    assert_eq!(trace, expected);

    let reverted = send(&node, Some(REVERTER), 0, Bytes::new()).await;
    let error = node
        .call("ots_getTransactionError", json!([reverted]))
        .await;
    assert!(error.as_str().unwrap().starts_with("0x08c379a0"), "{error}");
    let fine = node.call("ots_getTransactionError", json!([called])).await;
    assert_eq!(fine, "0x");
    for method in [
        "ots_traceTransaction",
        "ots_getInternalOperations",
        "ots_getTransactionError",
    ] {
        let unknown = node.fail(method, json!([format!("{:#066x}", 7)])).await;
        assert_eq!(unknown["code"], -32000, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_shown_in_short_and_in_pages() {
    let (node, factory, [deployed, _]) = with_factory().await;
    let input = Bytes::from_static(&[1, 2, 3, 4, 5, 6]);
    let third = send(&node, Some(factory), 10, input).await;
    let details = node.call("ots_getBlockDetails", json!([1])).await;
    let block = node
        .call("eth_getBlockByNumber", json!(["0x1", false]))
        .await;
    for field in [
        "hash",
        "number",
        "stateRoot",
        "gasUsed",
        "size",
        "timestamp",
    ] {
        assert_eq!(details["block"][field], block[field], "{field}");
    }
    assert_eq!(details["block"]["transactionCount"], 2);
    assert!(details["block"].get("transactions").is_none());
    assert_eq!(details["block"]["logsBloom"], Value::Null);
    assert_eq!(details["issuance"]["issuance"], "0x0");
    let receipt = node
        .call("eth_getTransactionReceipt", json!([deployed]))
        .await;
    let paid = quantity(&receipt["gasUsed"]) * quantity(&receipt["effectiveGasPrice"]);
    assert_eq!(quantity(&details["totalFees"]), paid);
    let by_hash = node
        .call("ots_getBlockDetailsByHash", json!([block["hash"]]))
        .await;
    assert_eq!(by_hash, details);
    assert_eq!(
        node.call("ots_getBlockDetails", json!([99])).await,
        Value::Null
    );

    let page = |page: u64, size: u64| {
        let node = &node;
        async move {
            let params = json!([3, page, size]);
            node.call("ots_getBlockTransactions", params).await
        }
    };
    let last = page(0, 1).await;
    let transactions = last["fullblock"]["transactions"].as_array().unwrap();
    assert_eq!(transactions.len(), 1);
    assert_eq!(transactions[0]["hash"], third);
    assert_eq!(transactions[0]["input"], "0x01020304");
    assert_eq!(last["fullblock"]["transactionCount"], 2);
    let receipts = last["receipts"].as_array().unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0]["transactionHash"], third);
    assert_eq!(receipts[0]["logs"], Value::Null);
    assert_eq!(
        receipts[0]["timestamp"], last["fullblock"]["timestamp"],
        "as the explorer wants it"
    );
    let first = page(1, 1).await;
    assert_eq!(first["fullblock"]["transactions"][0]["type"], "0x7e");
    let both = page(0, 25).await;
    assert_eq!(both["receipts"].as_array().unwrap().len(), 2);
    assert_eq!(both["receipts"][1]["transactionHash"], third);
    for (number, size) in [(2, 1), (u64::MAX, 1_000), (0, 0)] {
        assert_eq!(page(number, size).await["receipts"], json!([]));
    }
    let large = node
        .fail("ots_getBlockTransactions", json!([3, 0, 1_001]))
        .await;
    assert_eq!(large["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_found_by_sender_and_nonce() {
    let (node, _, [deployed, called]) = with_factory().await;
    for _ in 0..5 {
        node.mine().await;
    }
    let late = send(&node, Some(COUNTER), 0, Bytes::new()).await;
    let user = node.signers[0].address();
    for (nonce, expected) in [
        (json!(0), deployed),
        (json!("0x1"), called),
        (json!(2), late),
        (json!(3), Value::Null),
    ] {
        let found = node
            .call("ots_getTransactionBySenderAndNonce", json!([user, nonce]))
            .await;
        assert_eq!(found, expected, "nonce {nonce}");
    }
    // Deposits have their nonces in their receipts.
    let found = node
        .call("ots_getTransactionBySenderAndNonce", json!([DEPOSITOR, 3]))
        .await;
    let block = node
        .call("eth_getBlockByNumber", json!(["0x4", false]))
        .await;
    assert_eq!(found, block["transactions"][0]);
}

fn lower(address: Address) -> String {
    address.to_string().to_lowercase()
}
