use super::*;

#[tokio::test]
async fn what_is_cancelled_is_posted_again() {
    let source = Arc::new(FakeSource::new());
    let l1 = FakeL1::new();
    let settings = BatcherConfig {
        channel_duration_max: 0,
        ..config()
    };
    let (batcher, task, shutdown) = start(settings, &source, &l1);
    let status = batcher.status();
    for sent in 1..=3 {
        source.seal(1, &[100]);
        until("a transaction is sent", || l1.waiting() == sent).await;
    }
    let (first, confirmed) = l1.take();
    let (second, cancelled) = l1.take();
    let (third, given_back) = l1.take();
    for candidate in [&first, &second, &third] {
        let gas = candidate.data_gas.expect("said");
        assert_eq!((gas.present.blob_gas, gas.other.blob_gas), (0, 131_072));
        assert!(!candidate.begins);
    }
    cancelled
        .send(Err(SendError::Cancelled { fee_wei: 7 }))
        .expect("awaited");
    until("the second is sent again", || l1.waiting() == 1).await;
    let (again, result) = l1.take();
    assert_eq!(blocks_in(&source, &again.data), (2, 3));
    assert!(again.begins);
    // What was given behind it is of no use, what went before it is.
    given_back
        .send(Err(SendError::Cancelled { fee_wei: 0 }))
        .expect("awaited");
    confirmed.send(Ok(l1.confirmed())).expect("awaited");
    until("the first is confirmed", || {
        status.borrow().confirmed_to == 1
    })
    .await;
    result.send(Ok(l1.confirmed())).expect("awaited");
    until("all is confirmed", || status.borrow().confirmed_to == 3).await;
    source.seal(1, &[100]);
    until("the next is sent", || l1.waiting() == 1).await;
    assert!(!l1.take().0.begins);
    let seen = status.borrow().clone();
    assert_eq!(
        (seen.restarts, seen.cancelled_txs, seen.fee_wei),
        (0, 2, 17)
    );
    shutdown.cancel();
    assert!(task.await.expect("ends").is_ok());
}
