//! When channels are closed, and how much is held.

use super::*;

#[test]
fn a_channel_closes_when_its_time_is_over() {
    let source = FakeSource::new();
    source.seal(3, &[10, 20]);
    let mut pipeline = pipeline(
        &source,
        BatcherConfig {
            channel_duration_max: 2,
            ..config()
        },
    );
    assert_eq!(
        pipeline.advance(&source, l1(10)).expect("advances"),
        Advance::Idle
    );
    assert_eq!(pipeline.cursor(), source.unsafe_head());
    assert!(pipeline.next_tx().is_none());
    source.seal(1, &[]);
    pipeline.advance(&source, l1(11)).expect("advances");
    assert!(pipeline.next_tx().is_none());
    pipeline.advance(&source, l1(12)).expect("advances");
    let sent = send_all(&mut pipeline);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].to, config().chain.batch_inbox_address);
    assert_eq!(pipeline.submitted_to(), 4);
    assert_eq!(pipeline.confirmed_to(), 0);
    let expected: Vec<_> = (1..=4).map(|number| block_batch(&source, number)).collect();
    assert_eq!(decode(sent.iter().map(data)), expected);

    let confirmed = pipeline
        .confirm(sent[0].info, inclusion(13), 26)
        .expect("in time");
    assert_eq!(
        confirmed,
        [ConfirmedChannel {
            to: source.unsafe_head(),
            inclusion: inclusion(13)
        }]
    );
    assert_eq!((pipeline.confirmed_to(), pipeline.pending_txs()), (4, 0));
}

#[test]
fn without_a_duration_a_channel_closes_at_once() {
    let source = FakeSource::new();
    source.seal(3, &[]);
    let mut pipeline = pipeline(
        &source,
        BatcherConfig {
            channel_duration_max: 0,
            ..config()
        },
    );
    pipeline.advance(&source, l1(10)).expect("advances");
    assert_eq!(send_all(&mut pipeline).len(), 1);
    assert_eq!(pipeline.submitted_to(), 3);
    pipeline.advance(&source, l1(11)).expect("advances");
    assert!(send_all(&mut pipeline).is_empty());
}

#[test]
fn a_sequencing_window_that_ends_closes_the_channel() {
    let source = FakeSource::new();
    source.seal(1, &[]);
    let config = BatcherConfig {
        channel_duration_max: 1_000_000,
        window_margin: 20,
        ..config()
    };
    let window = config.chain.seq_window_size;
    let mut pipeline = pipeline(&source, config);
    // Blocks of the source have L1 origin 1.
    pipeline
        .advance(&source, l1(1 + window - 21))
        .expect("advances");
    assert!(pipeline.next_tx().is_none());
    pipeline
        .advance(&source, l1(1 + window - 20))
        .expect("advances");
    assert!(pipeline.next_tx().is_some());
}

#[test]
fn what_is_held_is_bounded() {
    let source = FakeSource::new();
    source.seal(400, &[700]);
    let config = BatcherConfig {
        tx_bytes_target: 2_000,
        channels_in_flight_max: 3,
        txs_in_flight_max: 2,
        blocks_per_step: 5,
        ..config()
    };
    let mut pipeline = pipeline(&source, config);
    let mut steps = 0;
    while pipeline.advance(&source, l1(10)).expect("advances") == Advance::More {
        steps += 1;
        assert!(pipeline.cursor().number <= steps * 5);
    }
    assert_eq!(pipeline.closed.len(), 3);
    let read = pipeline.cursor().number;
    assert!(read < 40, "{read}");
    let sent = send_all(&mut pipeline);
    assert_eq!((sent.len(), pipeline.pending_txs()), (2, 2));
    // A confirmation makes room for one more.
    pipeline
        .confirm(sent[0].info, inclusion(11), 22)
        .expect("in time");
    pipeline.advance(&source, l1(11)).expect("advances");
    assert!(pipeline.cursor().number > read);
    assert_eq!(send_all(&mut pipeline).len(), 1);
    assert!(pipeline.closed.len() <= 3);
}
