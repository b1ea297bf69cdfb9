//! What a sender that starts again does with what was sent before.

use crate::{
    anvil_or_skip,
    sender::{blob_candidate, candidate},
    support::{
        Lagging, client, client_of, mine, pooled, sender_config, signer, spawn_sender, until,
    },
};
use alloy_eips::BlockId;
use openledger_l1::{L1Client, SendError, SenderJournal, TxSender, TxSenderConfig};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

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
    // A reorg may still drop them.
    assert_eq!(files(), 4);
    mine(&anvil, sender_config().retain_blocks + 1).await;
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
    // So it is by the run after that, though it was confirmed before.
    let mut confirmed = Vec::new();
    for _ in 0..2 {
        let (_sender, mut resumed, task, shutdown) = start(sender_config());
        let left = resumed.pop().expect("one");
        assert_eq!(
            (left.tag.to_vec(), left.nonce, resumed.len()),
            (vec![9], 4, 0)
        );
        confirmed.push(left.result.await.expect("answered").expect("confirmed"));
        shutdown.cancel();
        task.await.expect("ends");
    }
    assert_eq!((confirmed[0].nonce, confirmed[0]), (4, confirmed[1]));
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

/// As of nodes that keep receipts for a while only.
#[tokio::test]
async fn what_has_no_receipts_any_more_is_in_nobodys_way() {
    let anvil = Arc::new(anvil_or_skip!());
    let directory = tempfile::tempdir().expect("temporary directory");
    let start = |client: &L1Client| {
        let shutdown = CancellationToken::new();
        let (sender, resumed, task) = TxSender::spawn_with_journal(
            client.clone(),
            signer(0),
            TxSenderConfig {
                in_flight_max: 2,
                ..sender_config()
            },
            SenderJournal::open(directory.path()).expect("journal"),
            shutdown.clone(),
        )
        .expect("read");
        (sender, resumed, task, shutdown)
    };
    let (sender, _, task, shutdown) = start(&client(&anvil.url()));
    for byte in 1..=4 {
        sender
            .send_and_confirm(candidate(byte))
            .await
            .expect("confirmed");
    }
    shutdown.cancel();
    task.await.expect("ends");

    let lagging = Lagging::behind(&anvil, u64::MAX).await;
    lagging.withhold_receipts(true);
    let (sender, resumed, _task, shutdown) = start(&client_of(&[lagging.url()]));
    let _guard = shutdown.drop_guard();
    assert_eq!(resumed.len(), 4);
    let next = sender.send(candidate(5)).await.expect("queued");
    until("the node has seen it", async || lagging.lacked() > 0).await;
    // All at once, and not one a block.
    mine(&anvil, 3).await;
    for tx in resumed {
        let result = tx.result.await.expect("answered");
        assert!(
            matches!(result, Err(SendError::NonceTaken { .. })),
            "{result:?}"
        );
    }
    lagging.withhold_receipts(false);
    assert_eq!(next.await.expect("answered").expect("confirmed").nonce, 4);
}
