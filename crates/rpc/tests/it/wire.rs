use crate::fixture::{Node, config};
use openledger_rpc::{Limits, RpcConfig};
use serde_json::{Value, json};

fn code(text: &str) -> i64 {
    let answer: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
    answer["error"]["code"]
        .as_i64()
        .unwrap_or_else(|| panic!("{text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_are_answered_by_the_right_code() {
    let node = Node::start().await;
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for body in [
        "".into(),
        "{".into(),
        "eth_chainId".into(),
        "[".repeat(1_000_000),
        "{}{}".into(),
    ] {
        let (status, text) = node.post(body).await;
        assert_eq!((status, code(&text)), (200, -32700));
    }
    for body in [
        "null".into(),
        "{}".into(),
        "[]".into(),
        format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000)),
    ] {
        assert_eq!(code(&node.post(body).await.1), -32600);
    }
    for params in [
        "\"0x1\"".into(),
        "5".into(),
        "{}".into(),
        deep(100_000),
        format!("[{}]", deep(100_000)),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"eth_call","params":{params}}}"#);
        assert_eq!(code(&node.post(body).await.1), -32602);
    }
    let (_, text) = node.post(&[0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d][..]).await;
    assert_eq!(code(&text), -32700);
    assert_eq!(node.call("eth_blockNumber", json!([])).await, "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_strict_and_named() {
    let node = Node::start().await;
    let address = "0x00000000000000000000000000000000000c0001";
    for (method, params, name) in [
        ("eth_getBalance", json!([]), "address"),
        ("eth_getBalance", json!(["0x12"]), "address"),
        ("eth_getBalance", json!([address, "0x01"]), "block"),
        ("eth_getBalance", json!([address, "LATEST"]), "block"),
        ("eth_getBalance", json!([address, 1]), "block"),
        ("eth_getBlockByNumber", json!(["0x0", "yes"]), "hydrated"),
        ("eth_getBlockByHash", json!(["0x12"]), "hash"),
        (
            "eth_getTransactionByBlockNumberAndIndex",
            json!(["0x0", "0x01"]),
            "index",
        ),
        ("eth_getStorageAt", json!([address, "five"]), "slot"),
        ("eth_getProof", json!([address, "0x0"]), "key"),
        ("eth_getProof", json!([address, vec!["0x0"; 1_025]]), "1024"),
        (
            "eth_call",
            json!([{"to": address, "gas": "0x05208"}]),
            "transaction.gas",
        ),
        (
            "eth_call",
            json!([{"to": address}, "latest", {address: {"balance": "lots"}}]),
            "balance",
        ),
        (
            "eth_getLogs",
            json!([{"topics": ["0x12"]}]),
            "filter.topics[0]",
        ),
        (
            "eth_getLogs",
            json!([{"address": vec![address; 1_001]}]),
            "1000",
        ),
        ("eth_getFilterChanges", json!(["latest"]), "filter"),
        ("eth_feeHistory", json!(["0x01", "latest"]), "blockCount"),
        ("eth_chainId", json!(["0x1"]), "argument"),
        ("eth_simulateV1", json!([{}]), "blockStateCalls"),
    ] {
        let error = node.fail(method, params).await;
        assert_eq!(error["code"], -32602, "{method}: {error}");
        assert!(
            error["message"].as_str().unwrap().contains(name),
            "{method}: {error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_bounded() {
    let limits = Limits {
        body_bytes_max: 2_000,
        batch_requests_max: 5,
        response_bytes_max: 500,
        ..Limits::default()
    };
    let node = Node::with(RpcConfig { limits, ..config() }).await;
    let (status, text) = node.post(" ".repeat(3_000)).await;
    assert_eq!((status, code(&text)), (413, -32005));
    assert!(text.contains("body_bytes_max"));
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let (_, text) = node.post(format!("[{}]", [one; 6].join(","))).await;
    assert_eq!(code(&text), -32005);
    assert!(text.contains("batch_requests_max") && text.contains('5'));
    let (_, text) = node.post(format!("[{}]", [one; 5].join(","))).await;
    assert_eq!(serde_json::from_str::<Vec<Value>>(&text).unwrap().len(), 5);
    let large = node
        .fail("eth_getBlockByNumber", json!(["0x0", false]))
        .await;
    assert_eq!(large["code"], -32005);
    assert!(
        large["message"]
            .as_str()
            .unwrap()
            .contains("response_bytes_max")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn http_is_strict_where_it_protects() {
    let node = Node::with(RpcConfig {
        cors_origins: vec!["http://good.test".into()],
        ..config()
    })
    .await;
    let client = reqwest::Client::new();
    for method in [
        reqwest::Method::GET,
        reqwest::Method::PUT,
        reqwest::Method::DELETE,
    ] {
        let status = client
            .request(method, &node.url)
            .send()
            .await
            .unwrap()
            .status();
        assert_eq!(status, 405);
    }
    assert_eq!(node.get("/nowhere").await.0, 404);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let plain = client
        .post(&node.url)
        .header("content-type", "text/plain")
        .body(body);
    assert_eq!(plain.send().await.unwrap().status(), 415);
    for (origin, allowed) in [("http://good.test", true), ("http://evil.test", false)] {
        let preflight = client
            .request(reqwest::Method::OPTIONS, &node.url)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
            .await
            .unwrap();
        assert_eq!(preflight.status(), 204);
        let header = preflight.headers().get("access-control-allow-origin");
        assert_eq!(
            header.map(|value| value.to_str().unwrap()),
            allowed.then_some(origin)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_have_no_answer() {
    let node = Node::start().await;
    let one = r#"{"jsonrpc":"2.0","method":"eth_chainId"}"#;
    for body in [one.to_owned(), format!("[{one},{one}]")] {
        assert_eq!(node.post(body).await, (200, String::new()));
    }
}
