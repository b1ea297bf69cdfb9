use crate::{
    anvil_or_skip,
    support::{Proxy, client, mine, until},
};
use openledger_l1::{L1Event, L1Watcher, WatcherConfig};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn config() -> WatcherConfig {
    WatcherConfig {
        poll_interval: Duration::from_millis(40),
        backoff_max: Duration::from_millis(200),
        ring_capacity: 16,
        events_capacity: 16,
    }
}

fn latest(watcher: &L1Watcher) -> Option<u64> {
    watcher
        .heads()
        .borrow()
        .latest
        .as_ref()
        .map(|header| header.number)
}

#[tokio::test]
async fn heads_are_followed() {
    let anvil = anvil_or_skip!("--slots-in-an-epoch", "2");
    let stop = CancellationToken::new();
    let (watcher, task) = L1Watcher::spawn(client(&anvil.url()), config(), stop.clone());
    until("genesis is seen", async || latest(&watcher) == Some(0)).await;
    let mut events = watcher.subscribe();
    mine(&anvil, 5).await;
    until("block 5 is seen", async || latest(&watcher) == Some(5)).await;
    assert_eq!(watcher.kept(), Some((0, 5)));
    for number in 0..=5 {
        assert_eq!(watcher.header(number).expect("kept").number, number);
    }
    assert!(matches!(events.recv().await, Ok(L1Event::NewHead(head)) if head.number <= 5));
    let heads = watcher.heads().borrow().clone();
    let number =
        |header: &Option<openledger_primitives::SealedHeader>| header.as_ref().map(|h| h.number);
    assert!(heads.reachable);
    assert!(number(&heads.finalized) <= number(&heads.safe) && number(&heads.safe) < Some(5));

    // More blocks at once than the ring holds.
    mine(&anvil, 40).await;
    until("block 45 is seen", async || latest(&watcher) == Some(45)).await;
    assert_eq!(watcher.kept(), Some((30, 45)));
    while let Ok(event) = events.try_recv() {
        assert!(matches!(event, L1Event::NewHead(_)), "{event:?}");
    }
    stop.cancel();
    task.await.expect("ends");
}

#[tokio::test]
async fn a_reorg_is_told_with_its_common_ancestor() {
    let anvil = anvil_or_skip!();
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let (watcher, _task) = L1Watcher::spawn(client(&anvil.url()), config(), stop);
    mine(&anvil, 3).await;
    until("block 3 is seen", async || latest(&watcher) == Some(3)).await;
    let ancestor = watcher.header(3).expect("kept");
    let snapshot = anvil
        .request("evm_snapshot", json!([]))
        .await
        .expect("snapshot");
    mine(&anvil, 3).await;
    until("block 6 is seen", async || latest(&watcher) == Some(6)).await;
    let old = watcher.header(6).expect("kept");
    let mut events = watcher.subscribe();

    anvil
        .request("evm_revert", json!([snapshot]))
        .await
        .expect("reverted");
    anvil
        .request("evm_increaseTime", json!([100]))
        .await
        .expect("set");
    mine(&anvil, 4).await;
    until("block 7 is seen", async || latest(&watcher) == Some(7)).await;
    let event = events.recv().await.expect("an event");
    let L1Event::Reorg {
        common_ancestor,
        old: before,
        ..
    } = event
    else {
        panic!("{event:?}")
    };
    let common_ancestor = common_ancestor.expect("it is kept");
    assert_eq!(
        (common_ancestor.number, common_ancestor.hash),
        (3, ancestor.hash())
    );
    assert_eq!((before.number, before.hash), (6, old.hash()));
    assert_ne!(watcher.header(4).expect("kept").hash(), old.hash());
    assert_eq!(watcher.header(3).expect("kept"), ancestor);
}

#[tokio::test]
async fn a_rollback_of_a_whole_l1_is_a_reorg() {
    let anvil = anvil_or_skip!();
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    mine(&anvil, 2).await;
    let snapshot = anvil
        .request("evm_snapshot", json!([]))
        .await
        .expect("snapshot");
    mine(&anvil, 30).await;
    let client = client(&anvil.url()).of_whole_l1();
    let (watcher, _task) = L1Watcher::spawn(client, config(), stop);
    until("block 32 is seen", async || latest(&watcher) == Some(32)).await;
    // The watcher began here: it knows this header alone.
    assert_eq!(watcher.kept(), Some((32, 32)));
    let mut events = watcher.subscribe();
    anvil
        .request("evm_revert", json!([snapshot]))
        .await
        .expect("reverted");
    until("block 2 is seen", async || latest(&watcher) == Some(2)).await;
    assert!(matches!(
        events.recv().await,
        Ok(L1Event::Reorg { common_ancestor: None, old, new }) if (old.number, new.number) == (32, 2)
    ));
}

#[tokio::test]
async fn an_outage_keeps_the_last_heads() {
    let anvil = anvil_or_skip!();
    let proxy = Proxy::to(anvil.port()).await;
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let (watcher, _task) = L1Watcher::spawn(client(&proxy.url()), config(), stop);
    mine(&anvil, 2).await;
    until("block 2 is seen", async || latest(&watcher) == Some(2)).await;
    proxy.cut();
    until("the outage is noticed", async || {
        !watcher.heads().borrow().reachable
    })
    .await;
    mine(&anvil, 3).await;
    assert_eq!(latest(&watcher), Some(2));
    proxy.mend();
    until("block 5 is seen", async || latest(&watcher) == Some(5)).await;
    assert!(watcher.heads().borrow().reachable);
    assert!((2..=5).all(|number| watcher.header(number).is_some()));
}
