use crate::{
    anvil_or_skip,
    support::{Proxy, client, mine, payload, pooled, sender_config, signer, spawn_sender, until},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, Bytes};
use openledger_l1::{
    BlobSidecar, Obstacle, Pressure, RemoteSigner, SendError, SenderJournal, TxCandidate, TxSender,
    TxSenderConfig,
};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const TO: Address = Address::repeat_byte(0x42);

fn candidate(byte: u8) -> TxCandidate {
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
async fn a_restart_begins_behind_what_is_pending() {
    let anvil = anvil_or_skip!("--no-mining");
    let client = client(&anvil.url());
    let shutdown = CancellationToken::new();
    let (sender, task) =
        TxSender::spawn(client.clone(), signer(0), sender_config(), shutdown.clone());
    let left = sender.send(candidate(1)).await.expect("queued");
    until("it is in the pool", async || {
        pooled(&anvil, signer(0).address()).await.len() == 1
    })
    .await;
    shutdown.cancel();
    task.await.expect("ends");
    assert!(matches!(left.await, Ok(Err(SendError::Stopped)) | Err(_)));
    assert!(matches!(
        sender.send(candidate(9)).await,
        Err(SendError::Stopped)
    ));

    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    let result = sender.send(candidate(2)).await.expect("queued");
    until("both are in the pool", async || {
        pooled(&anvil, signer(0).address()).await.len() == 2
    })
    .await;
    mine(&anvil, 1).await;
    assert_eq!(result.await.expect("answered").expect("confirmed").nonce, 1);
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

fn blob_candidate(text: &[u8]) -> TxCandidate {
    TxCandidate::blobs(TO, BlobSidecar::build(&[text]).expect("fits"))
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_takes_up_what_was_sent() {
    let anvil = anvil_or_skip!("--no-mining");
    let client = client(&anvil.url());
    let directory = tempfile::tempdir().expect("temporary directory");
    let open = || SenderJournal::open(directory.path()).expect("journal");
    let start = |config: TxSenderConfig| {
        let shutdown = CancellationToken::new();
        let (sender, resumed, task) = TxSender::spawn_with_journal(
            client.clone(),
            signer(0),
            config,
            open(),
            shutdown.clone(),
        )
        .expect("read");
        (sender, resumed, task, shutdown)
    };
    let in_pool = async |count: usize| {
        until("they are in the pool", async || {
            pooled(&anvil, signer(0).address()).await.len() == count
        })
        .await;
    };
    let files = || std::fs::read_dir(directory.path()).expect("there").count();

    let (sender, resumed, task, shutdown) = start(TxSenderConfig {
        in_flight_max: 3,
        ..sender_config()
    });
    assert!(resumed.is_empty());
    for (byte, tag) in [(1, "first"), (2, "second"), (3, "third")] {
        let _sent = sender
            .send(candidate(byte).with_tag(tag.as_bytes().to_vec()))
            .await
            .expect("queued");
        in_pool(usize::from(byte)).await;
    }
    // No room in flight, so it isn't sent, and a dropped receiver takes it back.
    drop(sender.send(candidate(9)).await.expect("queued"));
    shutdown.cancel();
    task.await.expect("ends");
    assert_eq!(files(), 3);
    // The pool forgets; the first is in a block meanwhile.
    anvil
        .request("anvil_dropAllTransactions", json!([]))
        .await
        .expect("dropped");

    let (sender, resumed, task, shutdown) = start(sender_config());
    let tags: Vec<_> = resumed.iter().map(|tx| tx.tag.to_vec()).collect();
    assert_eq!(
        tags,
        [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()]
    );
    in_pool(3).await;
    let fourth = sender.send(candidate(4)).await.expect("queued");
    in_pool(4).await;
    mine(&anvil, 1).await;
    for tx in resumed {
        let confirmed = tx.result.await.expect("answered").expect("confirmed");
        assert_eq!(confirmed.nonce, tx.nonce);
    }
    assert_eq!(fourth.await.expect("answered").expect("confirmed").nonce, 3);
    until("the journal is empty", async || files() == 0).await;

    // Included while nobody looked: found, not sent again. Blobs come back too.
    let _left = sender
        .send(blob_candidate(b"left").with_tag(vec![9]))
        .await
        .expect("queued");
    in_pool(1).await;
    shutdown.cancel();
    task.await.expect("ends");
    mine(&anvil, 1).await;
    let (_sender, mut resumed, _task, shutdown) = start(sender_config());
    let _guard = shutdown.drop_guard();
    let left = resumed.pop().expect("one");
    assert_eq!(
        (left.tag.to_vec(), left.nonce, resumed.len()),
        (vec![9], 4, 0)
    );
    assert_eq!(
        left.result
            .await
            .expect("answered")
            .expect("confirmed")
            .nonce,
        4
    );
    assert_eq!(
        client
            .nonce(signer(0).address(), BlockId::pending())
            .await
            .expect("nonce"),
        5
    );

    // Another account's records are left alone.
    let _ = TxSender::spawn_with_journal(
        client.clone(),
        signer(1),
        sender_config(),
        open(),
        CancellationToken::new(),
    )
    .expect("read");
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
