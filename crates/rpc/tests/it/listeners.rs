use crate::fixture::{Node, config};
use openledger_rpc::{Limits, Namespace, RpcConfig, RpcContext, RpcError, serve};
use serde_json::json;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

fn two() -> RpcConfig {
    RpcConfig {
        privileged: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        public_namespaces: Namespace::public(),
        settled: true,
        ..config()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn privileged_namespaces_are_on_their_own_listener() {
    let node = Node::with(two()).await;
    let privileged = node.privileged.clone().unwrap();
    for method in [
        "debug_traceTransaction",
        "admin_stopSequencer",
        "miner_setMaxDASize",
    ] {
        let error = node.fail(method, json!([])).await;
        assert_eq!(error["code"], -32601, "{method}");
        assert!(
            error["message"].as_str().unwrap().contains("privileged"),
            "{error}"
        );
    }
    let there = node
        .fail_at(&privileged, "debug_traceTransaction", json!([]))
        .await;
    assert_eq!(there["code"], -32602);
    // What changes a local chain is on neither.
    for url in [&node.url, &privileged] {
        for method in ["anvil_setBalance", "eth_sendTransaction", "personal_sign"] {
            assert_eq!(
                node.fail_at(url, method, json!([])).await["code"],
                -32601,
                "{method}"
            );
        }
    }
    let client = reqwest::Client::new();
    let metrics = client
        .get(format!("{privileged}/metrics"))
        .send()
        .await
        .unwrap();
    assert_eq!(metrics.status(), 200);
    let text = metrics.text().await.unwrap();
    assert!(text.contains("openledger_head_number 0\n"), "{text}");
    assert!(text.contains("openledger_rpc_failures_total{method=\"debug_traceTransaction\"} 1\n"));
    assert!(
        text.lines()
            .all(|line| line.starts_with('#') || line.starts_with("openledger_"))
    );
    assert_eq!(node.get("/metrics").await.0, 404);
    // No page of a stranger reaches it.
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"admin_sequencerActive"}"#;
    let foreign = client
        .post(&privileged)
        .header("origin", "http://evil.test")
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for() {
    let node = Node::with(RpcConfig {
        token: Some("secret".into()),
        ..two()
    })
    .await;
    let url = node.privileged.clone().unwrap();
    let client = reqwest::Client::new();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"admin_sequencerActive"}"#;
    for (token, status) in [
        (None, 401),
        (Some("Bearer wrong"), 401),
        (Some("Bearer secret"), 200),
    ] {
        let mut request = client
            .post(&url)
            .header("content-type", "application/json")
            .body(body);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_served_is_said_at_once() {
    let node = Node::start().await;
    let taken: SocketAddr = node.url.strip_prefix("http://").unwrap().parse().unwrap();
    let context = || RpcContext::new(node.chain.clone(), String::new());
    let error = serve(
        RpcConfig {
            http: taken,
            ..config()
        },
        context(),
        CancellationToken::new(),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, RpcError::PortInUse { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&taken.port().to_string()) && text.contains("--http.port"),
        "{text}"
    );
    let open = RpcConfig {
        privileged: Some("0.0.0.0:0".parse().unwrap()),
        ..config()
    };
    let error = serve(open, context(), CancellationToken::new())
        .await
        .unwrap_err();
    assert!(matches!(error, RpcError::TokenNeeded { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_takes_no_transactions() {
    let node = Node::start().await;
    let context = RpcContext::new(node.chain.clone(), "verifier".into());
    let server = serve(config(), context, CancellationToken::new())
        .await
        .unwrap();
    let url = format!("http://{}", server.http());
    let raw = node.sign(0, None, 0, Default::default()).await;
    let error = node
        .fail_at(&url, "eth_sendRawTransaction", json!([raw]))
        .await;
    assert_eq!(error["code"], -32000);
    assert!(
        error["message"].as_str().unwrap().contains("no sequencer"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_the_truth_about_the_head() {
    let node = Node::start().await;
    let (status, text) = node.get("/health").await;
    assert_eq!(status, 200, "{text}");
    let health: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (health["headNumber"].clone(), health["status"].clone()),
        (json!(0), json!("ok"))
    );
    assert!(health["headAgeSeconds"].as_u64().unwrap() >= 59);
    let strict = RpcConfig {
        health_head_age_max: Duration::from_secs(10),
        ..config()
    };
    let node = Node::with(strict).await;
    assert_eq!(node.get("/health").await.0, 503);
    node.mine().await;
    assert_eq!(node.get("/health").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_limit_are_refused() {
    let limits = Limits {
        connections_max: 2,
        ..Limits::default()
    };
    let node = Node::with(RpcConfig { limits, ..config() }).await;
    let address = node.url.strip_prefix("http://").unwrap().to_owned();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(tokio::net::TcpStream::connect(&address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut third = tokio::net::TcpStream::connect(&address).await.unwrap();
    let mut text = String::new();
    let read = tokio::io::AsyncReadExt::read_to_string(&mut third, &mut text);
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap()
        .unwrap();
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    drop(held);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(node.call("eth_blockNumber", json!([])).await, "0x0");
}
