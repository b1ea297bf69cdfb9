use crate::{
    anvil_or_skip,
    support::{Proxy, client, mine, payload, pooled, sender_config, signer, spawn_sender, until},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, Bytes};
use openledger_l1::{
    BlobSidecar, Obstacle, RemoteSigner, SendError, TxCandidate, TxSender, TxSenderConfig,
};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(crate) const TO: Address = Address::repeat_byte(0x42);

pub(crate) fn candidate(byte: u8) -> TxCandidate {
    TxCandidate::call(TO, payload(byte, 200)).with_gas_limit(100_000)
}

#[tokio::test]
async fn candidates_are_confirmed_in_order() {
    let anvil = anvil_or_skip!("--block-time", "1");
    let client = client(&anvil.url());
    let config = TxSenderConfig {
        in_flight_max: 4,
        ..sender_config()
    };
    let (sender, _guard) = spawn_sender(&client, 0, config);
    let mut results = Vec::new();
    for byte in 0..10 {
        results.push(sender.send(candidate(byte)).await.expect("queued"));
    }
    let mut last = (0, 0);
    for (byte, result) in (0_u8..).zip(results) {
        let confirmed = result.await.expect("answered").expect("confirmed");
        let block = client
            .block_with_receipts(confirmed.block.hash)
            .await
            .expect("verified");
        let index = block
            .transactions
            .iter()
            .position(|tx| tx.hash() == confirmed.tx_hash)
            .expect("included");
        assert_eq!(block.transactions[index].input(), &payload(byte, 200));
        assert_eq!(confirmed.nonce, u64::from(byte));
        assert!(confirmed.success && confirmed.gas_used >= 21_000 && confirmed.fee_wei > 0);
        let place = (confirmed.block.number, index + 1);
        assert!(place > last, "{place:?} after {last:?}");
        last = place;
    }
    until("nothing is in flight", async || {
        sender.status().borrow().in_flight == 0
    })
    .await;
    assert_eq!(sender.status().borrow().next_nonce, Some(10));
}

#[tokio::test]
async fn a_reorg_before_confirmation_is_survived() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let config = TxSenderConfig {
        confirmations: 3,
        ..sender_config()
    };
    let (sender, _guard) = spawn_sender(&client, 0, config);
    let snapshot = anvil
        .request("evm_snapshot", json!([]))
        .await
        .expect("snapshot");
    let result = sender.send(candidate(1)).await.expect("queued");
    let nonce = || client.nonce(signer(0).address(), BlockId::latest());
    until("it is in a block", async || {
        nonce().await.is_ok_and(|nonce| nonce == 1)
    })
    .await;
    // Time to see it there.
    tokio::time::sleep(Duration::from_millis(300)).await;
    anvil
        .request("evm_revert", json!([snapshot]))
        .await
        .expect("reverted");
    assert_eq!(nonce().await.expect("reachable"), 0);
    mine(&anvil, 2).await;
    until("it is in a block again", async || {
        nonce().await.is_ok_and(|nonce| nonce == 1)
    })
    .await;
    mine(&anvil, 2).await;
    let confirmed = result.await.expect("answered").expect("confirmed");
    assert_eq!(confirmed.nonce, 0);
    let header = client
        .header_by_number(confirmed.block.number)
        .await
        .expect("reachable")
        .expect("exists");
    assert_eq!(header.hash(), confirmed.block.hash);
}

#[tokio::test]
async fn a_reorg_after_confirmation_is_repaired() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    let snapshot = anvil
        .request("evm_snapshot", json!([]))
        .await
        .expect("snapshot");
    for byte in 0..3 {
        sender
            .send_and_confirm(candidate(byte))
            .await
            .expect("confirmed");
    }
    anvil
        .request("evm_revert", json!([snapshot]))
        .await
        .expect("reverted");
    mine(&anvil, 1).await;
    // The next one has nonce 3, which the L1 could never include if the others were not sent again.
    let confirmed = sender
        .send_and_confirm(candidate(3))
        .await
        .expect("confirmed");
    assert_eq!(confirmed.nonce, 3);
    let mut inputs = Vec::new();
    for number in 1..=confirmed.block.number {
        let block = client
            .block_with_receipts(BlockNumberOrTag::Number(number))
            .await
            .expect("verified");
        inputs.extend(block.transactions.iter().map(|tx| tx.input()[0]));
    }
    assert_eq!(inputs, [0, 1, 2, 3]);
}

#[tokio::test]
async fn an_outage_is_waited_out() {
    let anvil = anvil_or_skip!();
    let proxy = Proxy::to(anvil.port()).await;
    let client = client(&proxy.url());
    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    sender
        .send_and_confirm(candidate(0))
        .await
        .expect("confirmed");
    proxy.cut();
    let mut results = Vec::new();
    for byte in 1..4 {
        results.push(sender.send(candidate(byte)).await.expect("queued"));
    }
    until("the outage is noticed", async || {
        sender.status().borrow().obstacle == Some(Obstacle::Unreachable)
    })
    .await;
    proxy.mend();
    for (nonce, result) in (1_u64..).zip(results) {
        assert_eq!(
            result.await.expect("answered").expect("confirmed").nonce,
            nonce
        );
    }
    until("it is over", async || {
        sender.status().borrow().obstacle.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_candidate_whose_receiver_is_gone_is_not_sent() {
    let anvil = anvil_or_skip!("--no-mining");
    let client = client(&anvil.url());
    let config = TxSenderConfig {
        in_flight_max: 1,
        queue_max: 2,
        ..sender_config()
    };
    let (sender, _guard) = spawn_sender(&client, 0, config);
    let first = sender.send(candidate(1)).await.expect("queued");
    until("it is in the pool", async || {
        pooled(&anvil, sender.account()).await.len() == 1
    })
    .await;
    let withdrawn = sender.try_send(candidate(2)).expect("queued");
    let last = sender.try_send(candidate(3)).expect("queued");
    assert!(matches!(
        sender.try_send(candidate(4)),
        Err(SendError::QueueFull { waiting: 2 })
    ));
    drop(withdrawn);
    mine(&anvil, 1).await;
    assert_eq!(first.await.expect("answered").expect("confirmed").nonce, 0);
    until("the last is in the pool", async || {
        pooled(&anvil, sender.account()).await.len() == 1
    })
    .await;
    mine(&anvil, 1).await;
    let last = last.await.expect("answered").expect("confirmed");
    assert_eq!(last.nonce, 1);
    let block = client
        .block_with_receipts(last.block.hash)
        .await
        .expect("verified");
    assert_eq!(block.transactions[0].input(), &payload(3, 200));
}

#[tokio::test]
async fn hopeless_candidates_fail_alone() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    // Less gas than any transaction takes; init code that reverts at once.
    let little = TxCandidate::call(TO, Bytes::new()).with_gas_limit(1);
    assert!(matches!(
        sender.send_and_confirm(little).await,
        Err(SendError::Refused(_))
    ));
    let reverting = TxCandidate::create(vec![0x5f, 0x5f, 0xfd]);
    assert!(matches!(
        sender.send_and_confirm(reverting.clone()).await,
        Err(SendError::WouldFail(_))
    ));
    // With a gas limit it is sent, and confirmed as failed.
    let confirmed = sender
        .send_and_confirm(reverting.with_gas_limit(100_000))
        .await
        .expect("included");
    assert!(!confirmed.success);
    assert_eq!(confirmed.nonce, 0);
    assert_eq!(
        sender
            .send_and_confirm(candidate(1))
            .await
            .expect("confirmed")
            .nonce,
        1
    );
}

#[tokio::test]
async fn an_account_with_another_user_is_noticed() {
    let anvil = anvil_or_skip!("--no-mining");
    let client = client(&anvil.url());
    let config = TxSenderConfig {
        resubmit_after: Duration::from_secs(60),
        ..sender_config()
    };
    let (sender, _guard) = spawn_sender(&client, 0, config);
    let result = sender.send(candidate(1)).await.expect("queued");
    until("it is in the pool", async || {
        pooled(&anvil, signer(0).address()).await.len() == 1
    })
    .await;
    // The other user's transaction takes its place.
    anvil
        .request("anvil_dropAllTransactions", json!([]))
        .await
        .expect("dropped");
    let foreign =
        json!([{ "from": signer(0).address(), "to": TO, "gas": "0x7530", "nonce": "0x0" }]);
    anvil
        .request("eth_sendTransaction", foreign)
        .await
        .expect("sent");
    mine(&anvil, 1).await;
    // Enough blocks that it is no endpoint that lags.
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        mine(&anvil, 1).await;
    }
    let account = signer(0).address();
    assert!(matches!(
        result.await.expect("answered"),
        Err(SendError::NonceTaken { account: a, nonce: 0 }) if a == account
    ));
    let result = sender.send(candidate(2)).await.expect("queued");
    until("the next is in the pool", async || {
        pooled(&anvil, account).await.len() == 1
    })
    .await;
    mine(&anvil, 1).await;
    assert_eq!(result.await.expect("answered").expect("confirmed").nonce, 1);
}

#[tokio::test]
async fn an_empty_account_waits_for_funds() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let key = alloy_signer_local::PrivateKeySigner::random();
    let account = key.address();
    let shutdown = CancellationToken::new();
    let _guard = shutdown.clone().drop_guard();
    let config = TxSenderConfig {
        resubmit_after: Duration::from_millis(400),
        ..sender_config()
    };
    let (sender, _task) = TxSender::spawn(client, key, config, shutdown);
    let result = sender.send(candidate(1)).await.expect("queued");
    until("the alarm is raised", async || {
        let status = *sender.status().borrow();
        status.balance_low && status.obstacle == Some(Obstacle::InsufficientFunds)
    })
    .await;
    anvil
        .request("anvil_setBalance", json!([account, "0xde0b6b3a7640000"]))
        .await
        .expect("funded");
    result.await.expect("answered").expect("confirmed");
    until("the alarm is over", async || {
        !sender.status().borrow().balance_low
    })
    .await;
}

pub(crate) fn blob_candidate(text: &[u8]) -> TxCandidate {
    TxCandidate::blobs(TO, BlobSidecar::build(&[text]).expect("fits"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_signer_signs() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let start = |account| {
        let shutdown = CancellationToken::new();
        let remote = RemoteSigner::new(&anvil.url(), account).expect("a URL");
        let (sender, _task) =
            TxSender::spawn(client.clone(), remote, sender_config(), shutdown.clone());
        (sender, shutdown.drop_guard())
    };
    let (sender, _guard) = start(signer(2).address());
    let confirmed = sender
        .send_and_confirm(candidate(5))
        .await
        .expect("confirmed");
    let block = client
        .block_with_receipts(confirmed.block.hash)
        .await
        .expect("verified");
    assert_eq!(block.transactions[0].sender(), Some(signer(2).address()));
    assert_eq!(block.transactions[0].input(), &payload(5, 200));

    // An account that the service doesn't have: it waits and says so.
    let (sender, _guard) = start(Address::repeat_byte(9));
    let result = sender.send(candidate(6)).await.expect("queued");
    until("the sender waits", async || {
        sender.status().borrow().obstacle == Some(Obstacle::Signer)
    })
    .await;
    drop(result);
}
