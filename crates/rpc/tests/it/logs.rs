use crate::fixture::{COUNTER, Node, READER, TOPIC, config, quantity};
use alloy_primitives::B256;
use openledger_rpc::{Limits, RpcConfig};
use serde_json::{Value, json};
use std::time::Duration;

async fn count(node: &Node, filter: Value) -> usize {
    node.call("eth_getLogs", json!([filter]))
        .await
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_found_by_what_they_are() {
    let node = Node::start().await;
    for _ in 0..3 {
        node.send(COUNTER, 0).await;
        node.send(COUNTER, 0).await;
        node.mine().await;
    }
    let all = json!({"fromBlock": "0x0"});
    assert_eq!(count(&node, all).await, 6);
    assert_eq!(
        count(&node, json!({})).await,
        2,
        "latest if nothing is said"
    );
    assert_eq!(
        count(
            &node,
            json!({"fromBlock": "0x1", "toBlock": "0x2", "address": COUNTER})
        )
        .await,
        4
    );
    assert_eq!(
        count(&node, json!({"fromBlock": "earliest", "topics": [TOPIC]})).await,
        6
    );
    assert_eq!(
        count(
            &node,
            json!({"fromBlock": "earliest", "topics": [[B256::ZERO, TOPIC]]})
        )
        .await,
        6
    );
    assert_eq!(
        count(&node, json!({"fromBlock": "earliest", "topics": [null]})).await,
        6
    );
    assert_eq!(
        count(
            &node,
            json!({"fromBlock": "earliest", "topics": [B256::ZERO]})
        )
        .await,
        0
    );
    assert_eq!(
        count(
            &node,
            json!({"fromBlock": "earliest", "topics": [TOPIC, null]})
        )
        .await,
        0
    );
    assert_eq!(
        count(&node, json!({"fromBlock": "0x0", "address": [READER]})).await,
        0
    );
    assert_eq!(
        count(
            &node,
            json!({"fromBlock": "0x0", "address": [READER, COUNTER]})
        )
        .await,
        6
    );
    let block = node
        .call("eth_getBlockByNumber", json!(["0x2", false]))
        .await;
    let logs = node
        .call("eth_getLogs", json!([{"blockHash": block["hash"]}]))
        .await;
    assert_eq!(logs.as_array().unwrap().len(), 2);
    for (index, log) in logs.as_array().unwrap().iter().enumerate() {
        assert_eq!(quantity(&log["logIndex"]) as usize, index);
        assert_eq!(log["removed"], false);
        assert_eq!(log["blockTimestamp"], block["timestamp"]);
        let receipt = node
            .call("eth_getTransactionReceipt", json!([log["transactionHash"]]))
            .await;
        assert_eq!(receipt["logs"], json!([log]));
    }
    let unknown = node
        .fail("eth_getLogs", json!([{"blockHash": B256::ZERO}]))
        .await;
    assert_eq!(unknown["code"], -32001);
    let backwards = node
        .fail(
            "eth_getLogs",
            json!([{"fromBlock": "0x3", "toBlock": "0x1"}]),
        )
        .await;
    assert_eq!(backwards["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_bounded() {
    let limits = Limits {
        logs_block_range_max: 5,
        logs_max: 3,
        filters_max: 2,
        ..Limits::default()
    };
    let node = Node::with(RpcConfig { limits, ..config() }).await;
    for _ in 0..4 {
        node.send(COUNTER, 0).await;
        node.mine().await;
    }
    let wide = node
        .fail(
            "eth_getLogs",
            json!([{"fromBlock": "0x0", "toBlock": "0x5"}]),
        )
        .await;
    assert_eq!(wide["code"], -32005);
    assert!(
        wide["message"]
            .as_str()
            .unwrap()
            .contains("logs_block_range_max")
    );
    let many = node
        .fail("eth_getLogs", json!([{"fromBlock": "0x0"}]))
        .await;
    assert_eq!(many["code"], -32005);
    assert!(many["message"].as_str().unwrap().contains("logs_max"));
    assert_eq!(count(&node, json!({"fromBlock": "0x2"})).await, 3);
    node.call("eth_newBlockFilter", json!([])).await;
    node.call("eth_newBlockFilter", json!([])).await;
    let third = node.fail("eth_newBlockFilter", json!([])).await;
    assert!(third["message"].as_str().unwrap().contains("filters_max"));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_tell_each_change_once() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    node.mine().await;
    let logs = node
        .call(
            "eth_newFilter",
            json!([{"address": COUNTER, "fromBlock": "0x0"}]),
        )
        .await;
    let blocks = node.call("eth_newBlockFilter", json!([])).await;
    let pending = node
        .call("eth_newPendingTransactionFilter", json!([]))
        .await;
    let poll = async |id: &Value| node.call("eth_getFilterChanges", json!([id])).await;
    assert_eq!(
        poll(&logs).await,
        json!([]),
        "changes are what comes after the filter"
    );
    let receipt = node.send(COUNTER, 0).await;
    assert_eq!(poll(&logs).await, json!([]), "not sealed yet");
    node.mine().await;
    let changes = poll(&logs).await;
    assert_eq!(changes[0]["transactionHash"], receipt["transactionHash"]);
    assert_eq!(changes.as_array().unwrap().len(), 1);
    assert_eq!(poll(&logs).await, json!([]));
    let head = node
        .call("eth_getBlockByNumber", json!(["latest", false]))
        .await;
    assert_eq!(poll(&blocks).await, json!([head["hash"]]));
    assert_eq!(poll(&blocks).await, json!([]));
    // The hub hears of pending transactions a moment later.
    let mut seen = Vec::new();
    for _ in 0..100 {
        seen.extend(poll(&pending).await.as_array().unwrap().clone());
        if !seen.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(seen, [receipt["transactionHash"].clone()]);
    assert_eq!(
        node.call("eth_getFilterLogs", json!([logs]))
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        node.fail("eth_getFilterLogs", json!([blocks])).await["message"],
        "filter not found"
    );
    for id in [&logs, &blocks, &pending] {
        assert_eq!(node.call("eth_uninstallFilter", json!([id])).await, true);
        assert_eq!(node.call("eth_uninstallFilter", json!([id])).await, false);
        let gone = node.fail("eth_getFilterChanges", json!([id])).await;
        assert_eq!(
            (gone["code"].clone(), gone["message"].clone()),
            (json!(-32000), json!("filter not found"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unwind_takes_back_is_told_as_removed() {
    let node = Node::start().await;
    node.mine().await;
    let filter = node
        .call("eth_newFilter", json!([{"address": COUNTER}]))
        .await;
    let blocks = node.call("eth_newBlockFilter", json!([])).await;
    let snapshot = node.call("evm_snapshot", json!([])).await;
    let gone = node.send(COUNTER, 0).await;
    node.mine().await;
    let told = node.call("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(told[0]["removed"], false);
    // Fills the cache that must not outlive the unwind.
    assert_eq!(count(&node, json!({"fromBlock": "0x0"})).await, 1);
    assert_eq!(node.call("evm_revert", json!([snapshot])).await, true);
    assert_eq!(count(&node, json!({"fromBlock": "0x0"})).await, 0);
    let mut removed = json!([]);
    for _ in 0..100 {
        removed = node.call("eth_getFilterChanges", json!([filter])).await;
        if removed != json!([]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(removed[0]["removed"], true);
    assert_eq!(removed[0]["transactionHash"], gone["transactionHash"]);
    assert_eq!(removed[0]["blockHash"], told[0]["blockHash"]);
    node.call("eth_getFilterChanges", json!([blocks])).await;
    node.mine().await;
    let head = node
        .call("eth_getBlockByNumber", json!(["latest", false]))
        .await;
    let hashes = node.call("eth_getFilterChanges", json!([blocks])).await;
    assert!(hashes.as_array().unwrap().contains(&head["hash"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_ranges_are_searched_with_and_without_criteria() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    node.mine().await;
    node.call("hardhat_mine", json!(["0x12c"])).await;
    node.send(COUNTER, 0).await;
    let last = node.mine().await;
    let by_anything = json!({"fromBlock": "0x0"});
    let by_address = json!({"fromBlock": "0x0", "address": COUNTER});
    for criteria in [by_anything, by_address] {
        let logs = node.call("eth_getLogs", json!([criteria])).await;
        let blocks: Vec<u64> = logs
            .as_array()
            .unwrap()
            .iter()
            .map(|log| quantity(&log["blockNumber"]))
            .collect();
        assert_eq!(blocks, [1, last], "{criteria}");
    }
    // The default allows for more than a day of blocks.
    assert_eq!(Limits::default().logs_block_range_max, 100_000);
}
