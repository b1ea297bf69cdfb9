use crate::fixture::{COUNTER, Node, config, quantity};
use futures::{SinkExt as _, StreamExt as _};
use openledger_rpc::{Limits, RpcConfig};
use serde_json::{Value, json};
use std::{collections::VecDeque, time::Duration};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    notices: VecDeque<Value>,
    next: u64,
}

impl Socket {
    async fn open(node: &Node) -> Self {
        let (stream, _) = connect_async(&node.ws).await.unwrap();
        Self {
            stream,
            notices: VecDeque::new(),
            next: 1,
        }
    }

    async fn receive(&mut self) -> Option<Message> {
        tokio::time::timeout(Duration::from_secs(10), self.stream.next())
            .await
            .expect("a message in time")
            .and_then(Result::ok)
    }

    async fn answer(&mut self) -> Value {
        loop {
            match self.receive().await.expect("an open connection") {
                Message::Text(text) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    if value["method"] == "eth_subscription" {
                        self.notices.push_back(value["params"].clone());
                    } else {
                        return value;
                    }
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.stream
            .send(Message::Text(body.to_string().into()))
            .await
            .unwrap();
        let answer = self.answer().await;
        assert_eq!(answer["id"], id);
        answer
    }

    async fn subscribe(&mut self, params: Value) -> Value {
        let answer = self.call("eth_subscribe", params).await;
        assert!(answer["result"].is_string(), "{answer}");
        answer["result"].clone()
    }

    /// The next notice of a subscription.
    async fn notice(&mut self, subscription: &Value) -> Value {
        loop {
            if let Some(at) = self
                .notices
                .iter()
                .position(|notice| notice["subscription"] == *subscription)
            {
                return self.notices.remove(at).unwrap()["result"].clone();
            }
            match self.receive().await.expect("an open connection") {
                Message::Text(text) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(value["method"], "eth_subscription", "{value}");
                    self.notices.push_back(value["params"].clone());
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_tell_what_happens() {
    let node = Node::start().await;
    let mut socket = Socket::open(&node).await;
    let heads = socket.subscribe(json!(["newHeads"])).await;
    let logs = socket
        .subscribe(json!(["logs", {"address": COUNTER}]))
        .await;
    let none = socket
        .subscribe(json!(["logs", {"topics": [alloy_primitives::B256::ZERO]}]))
        .await;
    let hashes = socket.subscribe(json!(["newPendingTransactions"])).await;
    let whole = socket
        .subscribe(json!(["newPendingTransactions", true]))
        .await;
    let receipts = socket.subscribe(json!(["preconfirmations"])).await;
    let syncing = socket.subscribe(json!(["syncing"])).await;
    assert_eq!(socket.notice(&syncing).await, false);

    let receipt = node.send(COUNTER, 0).await;
    let hash = receipt["transactionHash"].clone();
    assert_eq!(socket.notice(&hashes).await, hash);
    let shown = socket.notice(&whole).await;
    assert_eq!(
        (shown["hash"].clone(), shown["blockNumber"].clone()),
        (hash.clone(), Value::Null)
    );
    // Deposits of the open block are told, too.
    loop {
        let told = socket.notice(&receipts).await;
        assert_eq!(told["preconfirmed"], true);
        if told["transactionHash"] == hash {
            assert_eq!(told, receipt);
            break;
        }
    }
    assert!(
        !socket
            .notices
            .iter()
            .any(|notice| notice["subscription"] == heads)
    );

    node.mine().await;
    let head = socket.notice(&heads).await;
    assert_eq!(head["number"], "0x1");
    let header = node.call("eth_getHeaderByNumber", json!(["0x1"])).await;
    assert_eq!(head, header);
    let log = socket.notice(&logs).await;
    assert_eq!(
        (log["transactionHash"].clone(), log["removed"].clone()),
        (hash, json!(false))
    );
    assert_eq!(log["blockHash"], head["hash"]);

    assert_eq!(
        socket.call("eth_unsubscribe", json!([heads])).await["result"],
        true
    );
    assert_eq!(
        socket.call("eth_unsubscribe", json!([heads])).await["result"],
        false
    );
    node.mine().await;
    node.send(COUNTER, 0).await;
    socket.notice(&hashes).await;
    assert!(
        !socket
            .notices
            .iter()
            .any(|notice| { notice["subscription"] == heads || notice["subscription"] == none })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_unwound_blocks_are_told_as_removed() {
    let node = Node::start().await;
    let snapshot = node.call("evm_snapshot", json!([])).await;
    let mut socket = Socket::open(&node).await;
    let logs = socket.subscribe(json!(["logs", {}])).await;
    node.send(COUNTER, 0).await;
    node.mine().await;
    let told = socket.notice(&logs).await;
    node.call("evm_revert", json!([snapshot])).await;
    let mut taken_back = socket.notice(&logs).await;
    assert_eq!(taken_back["removed"], true);
    taken_back["removed"] = json!(false);
    assert_eq!(taken_back, told);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_works_as_over_http() {
    let node = Node::start().await;
    let mut socket = Socket::open(&node).await;
    assert_eq!(
        quantity(&socket.call("eth_chainId", json!([])).await["result"]),
        crate::fixture::CHAIN_ID
    );
    assert_eq!(
        socket.call("eth_noSuchMethod", json!([])).await["error"]["code"],
        -32601
    );
    assert_eq!(
        socket.call("eth_subscribe", json!(["everything"])).await["error"]["code"],
        -32602
    );
    assert_eq!(
        socket.call("eth_subscribe", json!([])).await["error"]["code"],
        -32602
    );
    assert_eq!(
        socket
            .call("eth_call", json!([{"to": crate::fixture::REVERTER}]))
            .await["error"]["code"],
        3
    );
    for (text, code) in [("garbage", -32700), ("{}", -32600), ("[]", -32600)] {
        socket
            .stream
            .send(Message::Text(text.into()))
            .await
            .unwrap();
        assert_eq!(socket.answer().await["error"]["code"], code);
    }
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_call", "params": [{"to": COUNTER}]}
    ]);
    // Some clients send bytes.
    socket
        .stream
        .send(Message::Binary(batch.to_string().into_bytes().into()))
        .await
        .unwrap();
    let answers = socket.answer().await;
    assert_eq!(
        (answers[0]["id"].clone(), answers[1]["id"].clone()),
        (json!(1), json!(2))
    );
    let error = node.fail("eth_subscribe", json!(["newHeads"])).await;
    assert!(error["message"].as_str().unwrap().contains("WebSocket"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded() {
    let limits = Limits {
        subscriptions_per_connection_max: 2,
        body_bytes_max: 10_000,
        ..Limits::default()
    };
    let node = Node::with(RpcConfig { limits, ..config() }).await;
    let mut socket = Socket::open(&node).await;
    let first = socket.subscribe(json!(["newHeads"])).await;
    socket.subscribe(json!(["newHeads"])).await;
    let third = socket.call("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(third["error"]["code"], -32005);
    assert!(
        third["error"]["message"]
            .as_str()
            .unwrap()
            .contains("subscriptions_per_connection_max")
    );
    socket.call("eth_unsubscribe", json!([first])).await;
    socket.subscribe(json!(["newHeads"])).await;
    let large = "x".repeat(20_000);
    socket
        .stream
        .send(Message::Text(large.into()))
        .await
        .unwrap();
    loop {
        match socket.receive().await {
            None | Some(Message::Close(_)) => break,
            Some(_) => {}
        }
    }
    // The node goes on.
    assert_eq!(node.call("eth_blockNumber", json!([])).await, "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_does_not_read_is_disconnected() {
    let limits = Limits {
        connection_queue_max: 4,
        ..Limits::default()
    };
    let node = Node::with(RpcConfig { limits, ..config() }).await;
    let mut socket = Socket::open(&node).await;
    for _ in 0..16 {
        socket.subscribe(json!(["newHeads"])).await;
    }
    // Each block is sixteen notices, of which no more than four wait.
    for _ in 0..50 {
        node.mine().await;
    }
    let mut reason = None;
    while let Some(message) = socket.receive().await {
        if let Message::Close(frame) = message {
            reason = frame.map(|frame| frame.reason.to_string());
            break;
        }
    }
    let reason = reason.expect("a reason");
    assert!(reason.contains("lagged"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_closes_connections() {
    let node = Node::start().await;
    let mut socket = Socket::open(&node).await;
    socket.subscribe(json!(["newHeads"])).await;
    node.stop().await;
    loop {
        match socket.receive().await {
            None => break,
            Some(Message::Close(frame)) => {
                assert!(frame.unwrap().reason.contains("shutting down"));
                break;
            }
            Some(_) => {}
        }
    }
}
