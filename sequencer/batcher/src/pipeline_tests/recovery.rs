//! What goes wrong on L2 and L1, and what is posted then.

use super::*;

#[test]
fn an_unwound_block_is_posted_again_in_its_new_form() {
    // Shorter, of equal length, and longer: each is noticed.
    for sealed in [1, 2, 3] {
        let source = FakeSource::new();
        source.seal(6, &[5]);
        let mut pipeline = pipeline(&source, config());
        pipeline.advance(&source, l1(10)).expect("advances");
        pipeline.advance(&source, l1(11)).expect("advances");
        let sent = send_all(&mut pipeline);
        pipeline
            .confirm(sent[0].info, inclusion(11), 22)
            .expect("in time");
        source.set_safe(4);
        let posted = pipeline.cursor();

        source.unwind(4);
        source.seal(sealed, &[6, 6]);
        let outcome = pipeline.advance(&source, l1(12)).expect("advances");
        assert_eq!(outcome, Advance::Unwound { posted });
        assert_eq!((pipeline.submitted_to(), pipeline.confirmed_to()), (4, 4));
        pipeline.advance(&source, l1(12)).expect("advances");
        pipeline.advance(&source, l1(13)).expect("advances");
        let again = send_all(&mut pipeline);
        let expected: Vec<_> = (5..=4 + sealed)
            .map(|number| block_batch(&source, number))
            .collect();
        assert_eq!(decode(again.iter().map(data)), expected);
    }
}

/// Channels of two blocks each, of which the first `confirmed` are on L1.
fn channels_of_two(
    source: &FakeSource,
    count: u64,
    confirmed: usize,
) -> (Pipeline, Vec<ChannelTx>) {
    let config = BatcherConfig {
        channel_duration_max: 0,
        safe_lag_max: 10,
        ..config()
    };
    let mut pipeline = pipeline(source, config);
    let mut sent = Vec::new();
    for _ in 0..count {
        source.seal(2, &[5]);
        pipeline.advance(source, l1(10)).expect("advances");
        sent.extend(send_all(&mut pipeline));
    }
    for tx in &sent[..confirmed] {
        pipeline
            .confirm(tx.info, inclusion(11), 22)
            .expect("in time");
    }
    (pipeline, sent)
}

#[test]
fn what_is_still_canonical_is_not_posted_twice() {
    let source = FakeSource::new();
    let (mut pipeline, sent) = channels_of_two(&source, 3, 1);
    source.set_safe(2);
    pipeline.advance(&source, l1(11)).expect("advances");
    let posted = pipeline.cursor();

    // An L1 reorg: the safe head goes back, and blocks 5 and 6 had an origin that is gone. The first
    // channel is on the new branch as well, and the second may be any time.
    source.set_safe(0);
    source.unwind(4);
    source.seal(3, &[6]);
    let outcome = pipeline.advance(&source, l1(12)).expect("advances");
    assert_eq!(outcome, Advance::Unwound { posted });
    assert_eq!((pipeline.cursor().number, pipeline.pending_txs()), (4, 1));
    assert_eq!((pipeline.submitted_to(), pipeline.confirmed_to()), (4, 2));
    assert!(pipeline.channel(sent[1].info).is_some());
    assert!(pipeline.channel(sent[2].info).is_none());
    pipeline.advance(&source, l1(12)).expect("advances");
    let again = send_all(&mut pipeline);
    let expected: Vec<_> = (5..=7).map(|number| block_batch(&source, number)).collect();
    assert_eq!(decode(again.iter().map(data)), expected);
    for tx in [&sent[1], &again[0]] {
        pipeline
            .confirm(tx.info, inclusion(13), 26)
            .expect("in time");
    }
    assert_eq!((pipeline.confirmed_to(), pipeline.pending_txs()), (7, 0));

    // Nothing that was posted is canonical any more.
    source.unwind(1);
    let posted = pipeline.cursor();
    let outcome = pipeline.advance(&source, l1(14)).expect("advances");
    assert_eq!(outcome, Advance::Unwound { posted });
    assert_eq!((pipeline.cursor().number, pipeline.confirmed_to()), (0, 0));
}

#[test]
fn what_is_confirmed_and_canonical_is_waited_for_anew() {
    let source = FakeSource::new();
    let (mut pipeline, _) = channels_of_two(&source, 2, 2);
    source.unwind(3);
    source.seal(2, &[6]);
    let outcome = pipeline.advance(&source, l1(18)).expect("advances");
    assert!(matches!(outcome, Advance::Unwound { .. }));
    assert_eq!((pipeline.cursor().number, pipeline.confirmed_to()), (2, 2));
    // Ten L1 blocks from here on, not from when it was first confirmed.
    pipeline.advance(&source, l1(18)).expect("advances");
    let outcome = pipeline.advance(&source, l1(28)).expect("advances");
    assert_eq!(outcome, Advance::Idle);
    let outcome = pipeline.advance(&source, l1(29)).expect("advances");
    let stalled = RestartReason::SafeHeadStalled {
        safe: 0,
        expected: 2,
        l1_number: 29,
    };
    assert_eq!(outcome, Advance::Restart(stalled));
}

#[test]
fn a_safe_head_that_goes_back_further_is_followed() {
    let source = FakeSource::new();
    source.seal(6, &[5]);
    let mut pipeline = pipeline(&source, config());
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let sent = send_all(&mut pipeline);
    pipeline
        .confirm(sent[0].info, inclusion(11), 22)
        .expect("in time");
    source.set_safe(6);
    pipeline.advance(&source, l1(12)).expect("advances");
    let posted = pipeline.cursor();

    // An L1 reorg unwinds blocks 5 and 6: the channel is of no use any more, not even for those before. What
    // the L1 has of those is not known before it is derived again.
    source.unwind(4);
    source.seal(1, &[6]);
    let outcome = pipeline.advance(&source, l1(12)).expect("advances");
    assert_eq!(outcome, Advance::Unwound { posted });
    assert_eq!(pipeline.cursor().number, 4);
    pipeline.advance(&source, l1(12)).expect("advances");
    source.set_safe(2);
    let reason = RestartReason::SafeHeadBack {
        safe: 2,
        began_at: 4,
    };
    assert_eq!(
        pipeline.advance(&source, l1(13)).expect("advances"),
        Advance::Restart(reason)
    );
    pipeline.restart(source.safe_head());
    pipeline.advance(&source, l1(13)).expect("advances");
    // It moves on, and what comes after that is another reorg.
    source.set_safe(3);
    pipeline.advance(&source, l1(14)).expect("advances");
    let again = send_all(&mut pipeline);
    let expected: Vec<_> = (3..=5).map(|number| block_batch(&source, number)).collect();
    assert_eq!(decode(again.iter().map(data)), expected);
    source.set_safe(0);
    assert_eq!(
        pipeline.advance(&source, l1(15)).expect("advances"),
        Advance::Idle
    );
}

#[test]
fn channels_that_were_safe_are_not_posted_again() {
    let source = FakeSource::new();
    let (mut pipeline, _) = channels_of_two(&source, 3, 3);
    source.set_safe(4);
    pipeline.advance(&source, l1(12)).expect("advances");
    let posted = pipeline.cursor();
    // The first two are still right, wherever the L1 includes them next.
    source.unwind(5);
    let outcome = pipeline.advance(&source, l1(13)).expect("advances");
    assert_eq!(outcome, Advance::Unwound { posted });
    source.set_safe(0);
    let outcome = pipeline.advance(&source, l1(13)).expect("advances");
    assert_eq!(outcome, Advance::Idle);
    let again = send_all(&mut pipeline);
    assert_eq!(decode(again.iter().map(data)), [block_batch(&source, 5)]);
}

#[test]
fn a_channel_that_is_late_is_posted_again() {
    let source = FakeSource::new();
    source.seal(8, &[900]);
    let config = BatcherConfig {
        tx_bytes_target: 1_500,
        channel_txs_target: 4,
        ..config()
    };
    let mut pipeline = pipeline(&source, config);
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let sent = send_all(&mut pipeline);
    let first = usize::from(pipeline.channel(sent[0].info).expect("held").txs_total);
    assert!(first >= 3, "{first}");
    let channel = pipeline.channel(sent[0].info).expect("held").id;
    pipeline
        .confirm(sent[0].info, inclusion(20), 40)
        .expect("in time");
    // 50 blocks since Granite; the block at the limit still counts.
    assert_eq!(
        pipeline.advance(&source, l1(70)).expect("advances"),
        Advance::Idle
    );
    let reason = RestartReason::ChannelTimedOut {
        channel,
        opened: 20,
        timeout: 50,
    };
    assert_eq!(
        pipeline.advance(&source, l1(71)).expect("advances"),
        Advance::Restart(reason.clone())
    );
    // The same is seen when the last frame arrives too late.
    for tx in &sent[1..first - 1] {
        assert_eq!(pipeline.confirm(tx.info, inclusion(70), 140), Ok(vec![]));
    }
    assert_eq!(
        pipeline.confirm(sent[first - 1].info, inclusion(71), 142),
        Err(reason)
    );
    assert_eq!(pipeline.confirmed_to(), 0);

    pipeline.restart(source.safe_head());
    pipeline.advance(&source, l1(72)).expect("advances");
    pipeline.advance(&source, l1(73)).expect("advances");
    let again = send_all(&mut pipeline);
    assert_ne!(pipeline.channel(again[0].info).expect("held").id, channel);
    let batches = decode(again.iter().map(data));
    assert_eq!(batches[0], block_batch(&source, 1));
}

#[test]
fn a_safe_head_that_does_not_follow_is_waited_for_then_posted_for_again() {
    let source = FakeSource::new();
    source.seal(4, &[]);
    let mut pipeline = pipeline(
        &source,
        BatcherConfig {
            safe_lag_max: 10,
            ..config()
        },
    );
    let post = |pipeline: &mut Pipeline, at: u64| {
        pipeline.advance(&source, l1(at)).expect("advances");
        pipeline.advance(&source, l1(at + 1)).expect("advances");
        let sent = send_all(pipeline);
        assert_eq!(sent.len(), 1);
        pipeline
            .confirm(sent[0].info, inclusion(at + 1), 0)
            .expect("in time");
    };
    // Each time it gets twice as long.
    let mut at = 100;
    for patience in [10, 20, 40] {
        post(&mut pipeline, at);
        at += 1;
        source.set_safe(1);
        assert_eq!(
            pipeline
                .advance(&source, l1(at + patience))
                .expect("advances"),
            Advance::Idle
        );
        let reason = RestartReason::SafeHeadStalled {
            safe: 1,
            expected: 4,
            l1_number: at + patience + 1,
        };
        let outcome = pipeline
            .advance(&source, l1(at + patience + 1))
            .expect("advances");
        assert_eq!(outcome, Advance::Restart(reason));
        pipeline.restart(source.safe_head());
        at += patience + 2;
    }
    post(&mut pipeline, at);
    source.set_safe(4);
    assert_eq!(
        pipeline
            .advance(&source, l1(at + 10_000))
            .expect("advances"),
        Advance::Idle
    );
    assert_eq!(pipeline.safe_watch.awaited(), 0);
    assert_eq!(pipeline.safe_watch.stalls(), 0);
}

#[test]
fn a_safe_head_ahead_is_followed() {
    let source = FakeSource::new();
    let mut pipeline = pipeline(&source, config());
    source.seal(9, &[]);
    source.set_safe(5);
    assert_eq!(
        pipeline.advance(&source, l1(10)).expect("advances"),
        Advance::Restart(RestartReason::SafeHeadAhead { safe: 5, posted: 0 })
    );
    pipeline.restart(source.safe_head());
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let batches = decode(send_all(&mut pipeline).iter().map(data));
    assert_eq!(
        batches,
        (6..=9)
            .map(|number| block_batch(&source, number))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_store_that_fails_stops_nothing() {
    let source = FakeSource::new();
    source.seal(3, &[]);
    let mut pipeline = pipeline(&source, config());
    source.fail_at(Some(2));
    assert!(matches!(
        pipeline.advance(&source, l1(10)),
        Err(PipelineError::Source { number: 2, .. })
    ));
    source.fail_at(None);
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let batches = decode(send_all(&mut pipeline).iter().map(data));
    assert_eq!(batches.len(), 3);
}
