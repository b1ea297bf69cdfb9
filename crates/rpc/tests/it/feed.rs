//! The feed of sealed blocks.

use crate::fixture::{CHAIN_ID, COUNTER, Node, config, feed_key};
use futures::StreamExt as _;
use openledger_protocol::FeedMessage;
use openledger_rpc::{Limits, RpcConfig, RpcContext, serve};
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message},
};
use tokio_util::sync::CancellationToken;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn subscribe(node: &Node, query: &str) -> Socket {
    connect_async(format!("{}/feed{query}", node.ws))
        .await
        .unwrap()
        .0
}

/// The next block; `None` when the server closes.
async fn next(socket: &mut Socket) -> Option<FeedMessage> {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(10), socket.next());
        match message.await.unwrap() {
            Some(Ok(Message::Binary(bytes))) => {
                return Some(FeedMessage::decode(CHAIN_ID, &bytes).unwrap());
            }
            Some(Ok(Message::Ping(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_come_from_where_they_are_asked_for_and_as_they_are_sealed() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    node.mine().await;
    node.mine().await;
    let mut socket = subscribe(&node, "?from=1").await;
    for number in 1..=2 {
        let message = next(&mut socket).await.unwrap();
        assert_eq!(message.signer, feed_key().address());
        assert_eq!(
            message.block,
            node.chain.block(number).unwrap().unwrap().block
        );
    }
    node.send(COUNTER, 0).await;
    let number = node.mine().await;
    let message = next(&mut socket).await.unwrap();
    assert_eq!(message.block.header.number, number);
    assert_eq!(
        message.block,
        node.chain.block(number).unwrap().unwrap().block
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_was_told_of_a_block_which_left_the_chain_is_closed() {
    let node = Node::start().await;
    for _ in 0..3 {
        node.mine().await;
    }
    let mut socket = subscribe(&node, "?from=1").await;
    for number in 1..=3 {
        let block = next(&mut socket).await.unwrap().block;
        assert_eq!(block.header.number, number);
    }
    let chain = node.chain.clone();
    tokio::task::spawn_blocking(move || chain.unwind(1).unwrap())
        .await
        .unwrap();
    assert!(next(&mut socket).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_number_the_next_block_comes_first() {
    let node = Node::start().await;
    let before = node.mine().await;
    let mut socket = subscribe(&node, "").await;
    // Nobody tells when the subscription stands: blocks are sealed until one is told.
    let told = async { next(&mut socket).await.unwrap().block.header.number };
    let mining = async {
        loop {
            node.mine().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let told = tokio::select! {
        told = told => told,
        () = mining => unreachable!("it goes on for ever"),
    };
    assert!(told > before);
    node.mine().await;
    assert_eq!(
        next(&mut socket).await.unwrap().block.header.number,
        told + 1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_comes_in_order_and_goes_on_with_new_blocks() {
    let node = Node::start().await;
    // More than are read at a time, and than are kept signed.
    node.call("hardhat_mine", json!(["0x32"])).await;
    let mut sockets = Vec::new();
    for from in [0, 1, 20, 49] {
        sockets.push((from, subscribe(&node, &format!("?from={from}")).await));
    }
    let mut parent = None;
    for (from, socket) in &mut sockets {
        for number in (*from).max(1)..=50 {
            let block = next(socket).await.unwrap().block;
            assert_eq!(block.header.number, number);
            if number > (*from).max(1) {
                assert_eq!(parent, Some(block.header.parent_hash));
            }
            parent = Some(block.header.hash_slow());
        }
    }
    node.send(COUNTER, 0).await;
    assert_eq!(node.mine().await, 51);
    let expected = node.chain.block(51).unwrap().unwrap().block.clone();
    for (_, socket) in &mut sockets {
        assert_eq!(next(socket).await.unwrap().block, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_goes_back_so_far_and_says_what_to_do() {
    let node = Node::with(RpcConfig {
        limits: Limits {
            feed_blocks_max: 3,
            ..Limits::default()
        },
        ..config()
    })
    .await;
    node.call("hardhat_mine", json!(["0x8"])).await;
    for from in [0, 1, 4] {
        match connect_async(format!("{}/feed?from={from}", node.ws)).await {
            Err(tungstenite::Error::Http(answer)) => {
                assert_eq!(answer.status(), 410);
                let text = String::from_utf8(answer.body().clone().unwrap()).unwrap();
                assert!(text.contains("block 5") && text.contains("L1"), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    let mut socket = subscribe(&node, "?from=5").await;
    assert_eq!(next(&mut socket).await.unwrap().block.header.number, 5);
    // Of what is to come, too.
    let mut socket = subscribe(&node, "?from=9").await;
    node.mine().await;
    assert_eq!(next(&mut socket).await.unwrap().block.header.number, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_key_has_no_feed() {
    let node = Node::start().await;
    let context = RpcContext::new(node.chain.clone(), "verifier".into());
    let server = serve(config(), context, CancellationToken::new())
        .await
        .unwrap();
    assert!(
        connect_async(format!("ws://{}/feed", server.http()))
            .await
            .is_err()
    );
    // What is no number is refused, not taken for none.
    assert!(
        connect_async(format!("{}/feed?from=x", node.ws))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_the_first_trouble() {
    let node = Node::start().await;
    let (start, starting) = tokio::sync::watch::channel(None);
    let (watchdog, stall) = tokio::sync::watch::channel(None);
    let context = RpcContext {
        troubles: vec![starting, stall],
        ..RpcContext::new(node.chain.clone(), "verifier".into())
    };
    let server = serve(config(), context, CancellationToken::new())
        .await
        .unwrap();
    let health = || async {
        let answer = reqwest::get(format!("http://{}/health", server.http()))
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = health().await;
    assert!(status == 200 && text.contains(r#""status":"ok""#), "{text}");
    let tells = async |trouble| {
        let (status, text) = health().await;
        assert!(
            status == 503 && text.contains(&format!(r#""status":"{trouble}""#)),
            "{text}"
        );
    };
    watchdog.send_replace(Some("the safe head stands still".into()));
    tells("the safe head stands still").await;
    start.send_replace(Some("the L1 can't be read".into()));
    tells("the L1 can't be read").await;
    start.send_replace(None);
    tells("the safe head stands still").await;
    watchdog.send_replace(None);
    assert_eq!(health().await.0, 200);
}
