//! Endpoints that lag behind the L1, as those of providers that spread requests over many nodes do.

use crate::{
    anvil_or_skip,
    support::{
        Lagging, chain_config, client_of, mine, payload, sender_config, spawn_sender, until,
    },
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::Address;
use openledger_l1::{
    L1Client, L1Error, L1Event, L1Heads, L1Watcher, ReadAhead, RequestConfig, TxCandidate,
    WatcherConfig, anvil::Anvil,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const TO: Address = Address::repeat_byte(0x42);

/// A block of one transaction.
async fn mine_transaction(client: &L1Client) -> u64 {
    let (sender, _guard) = spawn_sender(client, 0, sender_config());
    let sent = sender
        .send_and_confirm(TxCandidate::call(TO, payload(7, 100)))
        .await
        .expect("confirmed");
    sent.block.number
}

fn watcher_config() -> WatcherConfig {
    WatcherConfig {
        poll_interval: Duration::from_millis(20),
        backoff_max: Duration::from_millis(100),
        ring_capacity: 16,
        events_capacity: 64,
    }
}

fn latest(watcher: &L1Watcher) -> u64 {
    let heads = watcher.heads();
    let heads = heads.borrow();
    heads.latest.as_ref().map_or(0, |latest| latest.number)
}

fn heads(client: &Anvil, number: u64) -> impl Future<Output = watch::Receiver<L1Heads>> {
    let url = client.url();
    async move {
        let header = client_of(&[url])
            .header_by_number(number)
            .await
            .expect("reachable");
        watch::channel(L1Heads {
            latest: Some(header.expect("it was mined")),
            reachable: true,
            ..L1Heads::default()
        })
        .1
    }
}

#[tokio::test]
async fn what_one_endpoint_lacks_another_gives() {
    let anvil = Arc::new(anvil_or_skip!());
    let number = mine_transaction(&client_of(&[anvil.url()])).await;
    let lagging = Lagging::behind(&anvil, number - 1).await;
    let config = RequestConfig {
        cooldown: Duration::from_secs(3_600),
        ..RequestConfig::default()
    };
    let both = || L1Client::new(&[lagging.url(), anvil.url()], config).expect("valid URLs");
    let both_again = both();
    let both = both();
    let header = both.header_by_number(number).await.expect("reachable");
    let header = header.expect("the second has it");
    assert_eq!(lagging.lacked(), 1);
    assert_eq!(both.lag_status().absences, 1);
    // It is passed over for a while.
    let by_hash = both.header_by_hash(header.hash()).await.expect("reachable");
    assert_eq!((by_hash, lagging.lacked()), (Some(header.clone()), 1));
    // A block that is there, whose receipts are not yet.
    lagging.catch_up(number);
    lagging.withhold_receipts(true);
    let block = both_again
        .block_with_receipts(header.hash())
        .await
        .expect("the second has the receipts");
    assert_eq!((block.receipts.len(), lagging.lacked()), (1, 2));
    // What nobody has is no failure of anybody.
    let missing = both.header_by_number(number + 1).await.expect("reachable");
    assert_eq!(missing, None);
    let waiting = both.lag_status().waiting;
    assert_eq!(waiting, None);
}

#[tokio::test]
async fn a_block_that_exists_is_waited_for() {
    let anvil = Arc::new(anvil_or_skip!());
    let number = mine_transaction(&client_of(&[anvil.url()])).await;
    let lagging = Lagging::behind(&anvil, number - 1).await;
    lagging.withhold_receipts(true);
    let client = client_of(&[lagging.url()]);
    assert!(matches!(
        client.block_with_receipts(BlockNumberOrTag::Number(number)).await,
        Err(error @ L1Error::BlockNotFound { .. }) if error.is_absence()
    ));
    let waiter = tokio::spawn({
        let client = client.clone();
        async move { client.existing_block(number).await }
    });
    let awaited = || client.lag_status().waiting.map(|block| block.number);
    until("it is told that the block is waited for", async || {
        awaited() == Some(number)
    })
    .await;
    // First the block comes, then its receipts.
    lagging.catch_up(number);
    let before = lagging.lacked();
    until("the receipts are asked for", async || {
        lagging.lacked() > before
    })
    .await;
    assert_eq!(awaited(), Some(number));
    assert!(!waiter.is_finished());
    lagging.withhold_receipts(false);
    let block = waiter.await.expect("ends").expect("verified");
    assert_eq!((block.header.number, block.receipts.len()), (number, 1));
    assert_eq!(awaited(), None);
    assert!(client.lag_status().absences > 0);
    // Who gives up waits no longer.
    lagging.catch_up(number - 1);
    let waiter = tokio::spawn({
        let client = client.clone();
        async move { client.existing_header(number).await }
    });
    until("it is waited for again", async || awaited() == Some(number)).await;
    waiter.abort();
    assert!(waiter.await.expect_err("aborted").is_cancelled());
    assert_eq!(awaited(), None);
}

#[tokio::test]
async fn the_whole_l1_has_all_that_exists() {
    let anvil = anvil_or_skip!();
    let client = client_of(&[anvil.url()]).of_whole_l1();
    assert!(matches!(
        client.existing_header(5).await,
        Err(L1Error::BlockNotFound { .. })
    ));
}

#[tokio::test]
async fn a_head_that_lags_is_no_reorg() {
    let anvil = Arc::new(anvil_or_skip!("--slots-in-an-epoch", "2"));
    mine(&anvil, 10).await;
    let lagging = Lagging::behind(&anvil, 10).await;
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let client = client_of(&[lagging.url()]);
    let (watcher, _task) = L1Watcher::spawn(client, watcher_config(), stop);
    until("block 10 is seen", async || latest(&watcher) == 10).await;
    let mut events = watcher.subscribe();
    let finalized = watcher.heads().borrow().finalized.clone();
    // Another node behind the same URL, for many polls: within the kept headers, and before them.
    for newest in [7, 2] {
        lagging.catch_up(newest);
        let before = lagging.lacked();
        let client = client_of(&[lagging.url()]);
        until("it was asked often", async || {
            let _ = client.header_by_number(10).await;
            lagging.lacked() > before + 20
        })
        .await;
        assert_eq!(latest(&watcher), 10);
        assert_eq!(watcher.heads().borrow().finalized, finalized);
    }
    lagging.catch_up(u64::MAX);
    mine(&anvil, 2).await;
    until("block 12 is seen", async || latest(&watcher) == 12).await;
    while let Ok(event) = events.try_recv() {
        assert!(matches!(event, L1Event::NewHead(_)), "{event:?}");
    }

    // Another block below the known head is proof, also while the L1 is shorter.
    let snapshot = anvil
        .request("evm_snapshot", json!([]))
        .await
        .expect("snapshot");
    mine(&anvil, 4).await;
    until("block 16 is seen", async || latest(&watcher) == 16).await;
    anvil
        .request("evm_revert", json!([snapshot]))
        .await
        .expect("reverted");
    anvil
        .request("evm_increaseTime", json!([100]))
        .await
        .expect("set");
    mine(&anvil, 1).await;
    until("block 13 is seen in its new form", async || {
        latest(&watcher) == 13
    })
    .await;
    let reorg = loop {
        match events.recv().await.expect("an event") {
            L1Event::NewHead(_) => {}
            event => break event,
        }
    };
    assert!(matches!(
        reorg,
        L1Event::Reorg { common_ancestor: Some(ancestor), old, new }
            if (ancestor.number, old.number, new.number) == (12, 16, 13)
    ));
}

#[tokio::test]
async fn blocks_are_read_ahead_in_order_through_a_lag() {
    let anvil = Arc::new(anvil_or_skip!());
    let whole = client_of(&[anvil.url()]);
    mine(&anvil, 6).await;
    let number = mine_transaction(&whole).await;
    mine(&anvil, 20).await;
    let last = number + 20;
    let lagging = Lagging::behind(&anvil, 3).await;
    lagging.withhold_receipts(true);
    let client = client_of(&[lagging.url()]);
    let config = Arc::new(chain_config(Address::repeat_byte(0xff)));
    let told = heads(&anvil, last).await;
    let batcher = Address::repeat_byte(1);
    let mut reader = ReadAhead::spawn(client.clone(), config, told, 1, batcher);
    let mut parent = None;
    for expected in 1..=last {
        let block = tokio::time::timeout(Duration::from_secs(60), reader.next());
        let block = block.await.expect("in time").expect("more");
        let block = block.expect("an absence is no error");
        assert_eq!(block.data.header.number, expected);
        assert!(parent.is_none_or(|parent| parent == block.data.header.parent_hash));
        assert_eq!((block.batcher, block.is_final), (batcher, false));
        assert_eq!(block.data.receipts.len(), usize::from(expected == number));
        parent = Some(block.data.hash);
        // It comes slower than it is read.
        if expected == 3 {
            until("the lag is told", async || {
                client.lag_status().waiting.map(|block| block.number) == Some(4)
            })
            .await;
            lagging.catch_up(u64::MAX);
            lagging.withhold_receipts(false);
        }
    }
    assert_eq!(client.lag_status().waiting, None);
    // Whoever told heads is gone, so that there is no more.
    assert!(reader.next().await.is_none());
}
