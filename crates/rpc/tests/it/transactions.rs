use crate::fixture::{COUNTER, Node, quantity};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_preconfirmed_transaction_is_not_mined_until_it_is_sealed() {
    let node = Node::start().await;
    let sender = node.signers[0].address();
    let receipt = node.send(COUNTER, 0).await;
    let hash = &receipt["transactionHash"];
    assert_eq!(receipt["preconfirmed"], true);
    assert_eq!(receipt["blockHash"], json!(B256::ZERO));
    assert_eq!(quantity(&receipt["blockNumber"]), 1);
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["logs"].as_array().unwrap().len(), 1);

    // Nothing that speaks of mined transactions knows it.
    assert_eq!(
        node.call("eth_getTransactionReceipt", json!([hash])).await,
        Value::Null
    );
    assert_eq!(
        node.call("eth_getTransactionCount", json!([sender])).await,
        "0x0"
    );
    assert_eq!(
        node.call("eth_getTransactionCount", json!([sender, "pending"]))
            .await,
        "0x1"
    );
    let shown = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(shown["hash"], *hash);
    for field in [
        "blockHash",
        "blockNumber",
        "blockTimestamp",
        "transactionIndex",
    ] {
        assert_eq!(shown[field], Value::Null, "{field}");
    }
    assert_eq!(node.call("eth_getLogs", json!([{}])).await, json!([]));

    // What speaks of the open block does.
    let pending = node.call("eth_getBlockReceipts", json!(["pending"])).await;
    let index = quantity(&receipt["transactionIndex"]) as usize;
    assert_eq!(pending[index], receipt);
    let block = node
        .call("eth_getBlockByNumber", json!(["pending", true]))
        .await;
    assert_eq!(block["hash"], Value::Null);
    assert_eq!(block["number"], "0x1");
    assert_eq!(block["transactions"][index]["hash"], *hash);
    assert_eq!(block["transactions"][index]["blockNumber"], "0x1");
    assert_eq!(block["transactions"][index]["blockHash"], Value::Null);

    assert_eq!(node.mine().await, 1);
    let sealed = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert!(sealed.get("preconfirmed").is_none());
    assert_ne!(sealed["blockHash"], json!(B256::ZERO));
    for (field, value) in sealed.as_object().unwrap() {
        if !["blockHash", "logs"].contains(&field.as_str()) {
            assert_eq!(value, &receipt[field], "{field}");
        }
    }
    assert_eq!(
        node.call("eth_getTransactionCount", json!([sender])).await,
        "0x1"
    );
    let shown = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(shown["blockHash"], sealed["blockHash"]);
    assert_eq!(
        node.call("eth_getLogs", json!([{}]))
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_have_the_fields_of_the_op_stack() {
    let node = Node::start().await;
    let recipient = Address::repeat_byte(0x77);
    let sender = node.signers[0].address();
    let big = |value: &Value| U256::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
    let before = big(&node.call("eth_getBalance", json!([sender])).await);
    let hash = node.send(recipient, 5).await["transactionHash"].clone();
    node.mine().await;
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["type"], "0x2");
    assert_eq!(receipt["gasUsed"], "0x5208");
    assert_eq!(receipt["l1GasPrice"], "0x3b9aca00");
    assert_eq!(receipt["l1BaseFeeScalar"], "0x558");
    assert_eq!(receipt["l1BlobBaseFeeScalar"], "0xc5fc5");
    assert_eq!(receipt["l1BlobBaseFee"], "0x1");
    assert_eq!(
        (
            receipt["operatorFeeScalar"].clone(),
            receipt["operatorFeeConstant"].clone()
        ),
        (json!("0x0"), json!("0x0"))
    );
    let fee = big(&receipt["l1Fee"]);
    assert!(fee > U256::ZERO && quantity(&receipt["l1GasUsed"]) > 0);
    // The receipt accounts for every wei that left.
    let gas = U256::from(21_000) * big(&receipt["effectiveGasPrice"]);
    let after = big(&node.call("eth_getBalance", json!([sender])).await);
    assert_eq!(before - after, gas + fee + U256::from(5));
    assert_eq!(node.call("eth_getBalance", json!([recipient])).await, "0x5");

    let all = node.call("eth_getBlockReceipts", json!(["latest"])).await;
    assert_eq!(all[1], receipt);
    assert_eq!(all[0]["type"], "0x7e");
    assert_eq!(all[0]["l1Fee"], "0x0");
    assert_eq!(all[0]["depositReceiptVersion"], "0x1");
    let mut cumulative = 0;
    for (index, receipt) in all.as_array().unwrap().iter().enumerate() {
        cumulative += quantity(&receipt["gasUsed"]);
        assert_eq!(quantity(&receipt["cumulativeGasUsed"]), cumulative);
        assert_eq!(quantity(&receipt["transactionIndex"]) as usize, index);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_are_shown_as_such() {
    let node = Node::start().await;
    node.mine().await;
    let block = node
        .call("eth_getBlockByNumber", json!(["0x1", true]))
        .await;
    let deposit = &block["transactions"][0];
    assert_eq!(deposit["type"], "0x7e");
    assert_eq!(
        deposit["from"],
        "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001"
    );
    assert_eq!(deposit["isSystemTx"], false);
    assert_eq!(deposit["mint"], "0x0");
    assert_eq!(deposit["gasPrice"], "0x0");
    assert_eq!(deposit["sourceHash"].as_str().unwrap().len(), 66);
    assert_eq!(deposit["depositReceiptVersion"], "0x1");
    let raw = node
        .call(
            "eth_getRawTransactionByBlockNumberAndIndex",
            json!(["0x1", "0x0"]),
        )
        .await;
    assert!(raw.as_str().unwrap().starts_with("0x7e"));
    let bytes = hex::decode(raw.as_str().unwrap()).unwrap();
    assert_eq!(deposit["hash"], json!(keccak256(bytes)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_found_by_every_way() {
    let node = Node::start().await;
    let raw = node.sign(0, Some(COUNTER), 0, Bytes::new()).await;
    let hash = node.call("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(hash, json!(keccak256(hex::decode(&raw).unwrap())));
    assert_eq!(
        node.call("eth_getRawTransactionByHash", json!([hash]))
            .await,
        raw
    );
    node.mine().await;
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    let (block, number, index) = (
        &receipt["blockHash"],
        &receipt["blockNumber"],
        &receipt["transactionIndex"],
    );
    let by_hash = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(
        node.call(
            "eth_getTransactionByBlockHashAndIndex",
            json!([block, index])
        )
        .await,
        by_hash
    );
    assert_eq!(
        node.call(
            "eth_getTransactionByBlockNumberAndIndex",
            json!([number, index])
        )
        .await,
        by_hash
    );
    for params in [json!([block, index]), json!([number, index])] {
        let method = if params[0] == *block {
            "eth_getRawTransactionByBlockHashAndIndex"
        } else {
            "eth_getRawTransactionByBlockNumberAndIndex"
        };
        assert_eq!(node.call(method, params).await, raw);
    }
    let unknown = json!([B256::repeat_byte(9)]);
    for method in [
        "eth_getTransactionByHash",
        "eth_getTransactionReceipt",
        "eth_getRawTransactionByHash",
    ] {
        assert_eq!(node.call(method, unknown.clone()).await, Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_transactions_have_the_texts_that_clients_match() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    let text = async |raw: String| {
        let error = node.fail("eth_sendRawTransaction", json!([raw])).await;
        assert_eq!(error["code"], -32000, "{error}");
        error["message"].as_str().unwrap().to_owned()
    };
    let used = node.sign_nonce(0, 0, Some(COUNTER), 1, Bytes::new());
    assert!(text(used).await.contains("nonce too low"));
    let gapped = node.sign_nonce(0, 5, Some(COUNTER), 0, Bytes::new());
    node.call("eth_sendRawTransaction", json!([gapped])).await;
    assert!(text(gapped).await.contains("already known"));
    let replacement = node.sign_nonce(0, 5, Some(COUNTER), 1, Bytes::new());
    assert!(
        text(replacement)
            .await
            .contains("replacement transaction underpriced")
    );
    let nonsense = node.fail("eth_sendRawTransaction", json!(["0x02c0"])).await;
    assert_eq!(nonsense["code"], -32000);
    let blob = node.fail("eth_sendRawTransaction", json!(["0x03c0"])).await;
    assert!(blob["message"].as_str().unwrap().contains("blob"));
    let odd = node.fail("eth_sendRawTransaction", json!(["0x0"])).await;
    assert_eq!(odd["code"], -32602);
    assert!(odd["message"].as_str().unwrap().contains("transaction"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_transaction_with_a_gap_is_refused_with_the_nonce() {
    let node = Node::start().await;
    let gapped = node.sign_nonce(0, 3, Some(COUNTER), 0, Bytes::new());
    let error = node
        .fail("eth_sendRawTransactionSync", json!([gapped]))
        .await;
    assert_eq!(error["code"], 6);
    assert_eq!(error["data"], "0x0");
    assert_eq!(
        node.call("txpool_status", json!([])).await,
        json!({"pending": "0x0", "queued": "0x0"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_transactions_is_submitted_in_order() {
    let node = Node::start().await;
    let mut batch = Vec::new();
    for nonce in 0..20 {
        let raw = node.sign_nonce(0, nonce, Some(COUNTER), 0, Bytes::new());
        batch.push(json!({"jsonrpc": "2.0", "id": nonce, "method": "eth_sendRawTransaction", "params": [raw]}));
    }
    batch.insert(7, json!({"jsonrpc": "2.0", "id": "bad", "method": "eth_sendRawTransaction", "params": ["0x02"]}));
    batch.insert(
        3,
        json!({"jsonrpc": "2.0", "id": "read", "method": "eth_chainId"}),
    );
    let (_, text) = node.post(json!(batch).to_string()).await;
    let answers: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(answers.len(), 22);
    for (request, answer) in batch.iter().zip(&answers) {
        assert_eq!(request["id"], answer["id"]);
        assert_eq!(
            answer.get("error").is_some(),
            answer["id"] == "bad",
            "{answer}"
        );
    }
    node.mine().await;
    let count = node
        .call("eth_getBlockTransactionCountByNumber", json!(["latest"]))
        .await;
    assert_eq!(quantity(&count), 21);
    assert_eq!(
        node.call("eth_getStorageAt", json!([COUNTER, "0x0"])).await,
        json!(B256::with_last_byte(20))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_is_shown() {
    let node = Node::start().await;
    let sender = node.signers[0].address();
    let raw = node.sign_nonce(0, 2, Some(COUNTER), 7, Bytes::new());
    let hash = node.call("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(node.call("txpool_status", json!([])).await["queued"], "0x1");
    let content = node.call("txpool_content", json!([])).await;
    let key = sender.to_string().to_lowercase();
    let find = |part: &Value| {
        part.as_object()
            .unwrap()
            .iter()
            .find(|(address, _)| address.to_lowercase() == key)
            .map(|(_, of)| of["2"].clone())
            .unwrap()
    };
    assert_eq!(find(&content["queued"])["hash"], hash);
    let from = node.call("txpool_contentFrom", json!([sender])).await;
    assert_eq!(from["queued"]["2"]["hash"], hash);
    assert_eq!(from["pending"], json!({}));
    let inspect = node.call("txpool_inspect", json!([])).await;
    let line = find(&inspect["queued"]);
    assert!(
        line.as_str().unwrap().contains("7 wei + 200000 gas"),
        "{line}"
    );
}
