//! What the sender offers, and what waits for what.

use crate::{
    anvil_or_skip,
    sender::{blob_candidate, candidate},
    support::{client, mine, pooled, sender_config, spawn_sender, until},
};
use alloy_eips::BlockId;
use openledger_l1::{Obstacle, Pressure, TxSenderConfig};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_stuck_transaction_is_sent_again_with_higher_fees() {
    let anvil = anvil_or_skip!("--no-mining");
    let client = client(&anvil.url());
    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    let first = sender.send(candidate(1)).await.expect("queued");
    let second = sender.send(candidate(2)).await.expect("queued");
    until("both are in the pool", async || {
        pooled(&anvil, sender.account()).await.len() == 2
    })
    .await;
    let before = pooled(&anvil, sender.account()).await;
    until("the first offers more, twice", async || {
        let now = pooled(&anvil, sender.account()).await;
        now.len() == 2 && now[0].1 * 100 >= before[0].1 * 121
    })
    .await;
    // What only waits behind it is left alone.
    assert_eq!(pooled(&anvil, sender.account()).await[1], before[1]);
    mine(&anvil, 1).await;
    let first = first.await.expect("answered").expect("confirmed");
    let second = second.await.expect("answered").expect("confirmed");
    assert_eq!((first.nonce, second.nonce), (0, 1));
    assert_eq!(first.block, second.block);
    let block = client
        .block_with_receipts(first.block.hash)
        .await
        .expect("verified");
    assert_eq!(block.transactions.len(), 2);
}

#[tokio::test]
async fn fees_stay_below_the_maximum() {
    let anvil = anvil_or_skip!("--no-mining");
    let client = client(&anvil.url());
    let fee_max_wei = 3_000_000_000;
    let config = TxSenderConfig {
        fee_max_wei,
        fee_target_wei: fee_max_wei,
        resubmit_after: Duration::from_millis(100),
        tip_min_wei: 1_000_000,
        ..sender_config()
    };
    let (sender, _guard) = spawn_sender(&client, 0, config);
    let result = sender.send(candidate(1)).await.expect("queued");
    let mut status = sender.status();
    let reached = |obstacle| matches!(obstacle, Some(Obstacle::FeesTooHigh { .. }));
    let waited = tokio::time::timeout(
        Duration::from_secs(20),
        status.wait_for(|status| reached(status.obstacle)),
    );
    waited.await.expect("in time").expect("running");
    let [(0, fee)] = pooled(&anvil, sender.account()).await[..] else {
        panic!("one transaction")
    };
    assert!(
        fee <= fee_max_wei && fee * 115 > fee_max_wei * 100 / 2,
        "{fee}"
    );
    mine(&anvil, 1).await;
    result.await.expect("answered").expect("confirmed");

    // A base fee above the maximum: it waits, and goes on when fees fall.
    anvil
        .request("anvil_setNextBlockBaseFeePerGas", json!(["0x12a05f2000"]))
        .await
        .expect("set");
    mine(&anvil, 1).await;
    let result = sender.send(candidate(2)).await.expect("queued");
    until("the sender waits", async || {
        reached(sender.status().borrow().obstacle)
    })
    .await;
    assert!(pooled(&anvil, sender.account()).await.is_empty());
    let before = client
        .nonce(sender.account(), BlockId::latest())
        .await
        .expect("nonce");
    anvil
        .request("anvil_setNextBlockBaseFeePerGas", json!(["0x3b9aca00"]))
        .await
        .expect("set");
    mine(&anvil, 1).await;
    // It may have been sent before that block, and be in it.
    until("it is sent", async || {
        let mined = client
            .nonce(sender.account(), BlockId::latest())
            .await
            .expect("nonce");
        mined > before || pooled(&anvil, sender.account()).await.len() == 1
    })
    .await;
    mine(&anvil, 1).await;
    result.await.expect("answered").expect("confirmed");
    until("nothing is in the way", async || {
        sender.status().borrow().obstacle.is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinds_wait_for_each_other() {
    let anvil = anvil_or_skip!("--no-mining");
    let client = client(&anvil.url());
    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    let mut results = Vec::new();
    for candidate in [
        candidate(1),
        candidate(2),
        blob_candidate(b"a"),
        blob_candidate(b"b"),
        candidate(3),
    ] {
        results.push(sender.send(candidate).await.expect("queued"));
    }
    for pending in [2, 2, 1] {
        until("those of one kind are in the pool", async || {
            pooled(&anvil, sender.account()).await.len() == pending
        })
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(pooled(&anvil, sender.account()).await.len(), pending);
        if pending == 2 {
            assert_eq!(
                sender.status().borrow().obstacle,
                Some(Obstacle::OtherCarrier)
            );
        }
        mine(&anvil, 1).await;
    }
    let mut blocks = Vec::new();
    for (nonce, result) in (0_u64..).zip(results) {
        let confirmed = result.await.expect("answered").expect("confirmed");
        assert_eq!(confirmed.nonce, nonce);
        blocks.push(confirmed.block.number);
    }
    assert_eq!(blocks, [1, 1, 2, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_blob_transaction_doubles_its_fees() {
    let anvil = anvil_or_skip!("--no-mining");
    let client = client(&anvil.url());
    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    let result = sender.send(blob_candidate(b"stuck")).await.expect("queued");
    until("it is in the pool", async || {
        pooled(&anvil, sender.account()).await.len() == 1
    })
    .await;
    let [(0, before)] = pooled(&anvil, sender.account()).await[..] else {
        panic!("one")
    };
    until("it offers twice as much", async || {
        matches!(pooled(&anvil, sender.account()).await[..], [(0, now)] if now >= 2 * before)
    })
    .await;
    mine(&anvil, 1).await;
    let confirmed = result.await.expect("answered").expect("confirmed");
    assert_eq!(confirmed.nonce, 0);
}

#[tokio::test]
async fn pressure_raises_what_is_paid() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let config = TxSenderConfig {
        fee_target_wei: 1_000_000,
        tip_min_wei: 2_000_000,
        ..sender_config()
    };
    let (sender, _guard) = spawn_sender(&client, 0, config);
    let result = sender.send(candidate(1)).await.expect("queued");
    until("the sender waits", async || {
        matches!(
            sender.status().borrow().obstacle,
            Some(Obstacle::FeesTooHigh { .. })
        )
    })
    .await;
    sender.set_pressure(Pressure {
        deadline_permille: 800,
        ..Pressure::default()
    });
    result.await.expect("answered").expect("confirmed");
}
