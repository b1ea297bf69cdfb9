//! What blocks become: batches, payloads, transactions.

use super::*;

#[test]
fn deposits_are_left_out_and_a_block_without_attributes_is_refused() {
    let source = FakeSource::new();
    source.seal(1, &[30]);
    let mut block = source.block(1).expect("readable").expect("exists");
    // A user deposit behind the attributes.
    block
        .body
        .transactions
        .insert(1, block.body.transactions[0].clone());
    let batch = batch_of(&block).expect("valid");
    assert_eq!((batch.epoch_num, batch.transactions.len()), (1, 1));
    block.body.transactions.drain(..2);
    assert!(matches!(
        batch_of(&block),
        Err(BatchOfBlockError::Attributes { number: 1, .. })
    ));
    block.body.transactions.clear();
    assert_eq!(
        batch_of(&block),
        Err(BatchOfBlockError::Empty { number: 1 })
    );
}

#[test]
fn blobs_share_a_transaction() {
    let source = FakeSource::new();
    // Incompressible: about 500 kB, four blobs.
    source.seal(25, &[20_000]);
    let config = BatcherConfig {
        batch_kind: BatchKind::Span,
        compression: Compression::Brotli(5),
        data_availability: DataAvailability::Auto,
        blobs_per_tx: 3,
        channel_txs_target: 2,
        ..config()
    };
    let mut pipeline = pipeline(&source, config.clone());
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(11)).expect("advances");
    let sent = send_all(&mut pipeline);
    let shape: Vec<_> = sent
        .iter()
        .map(|tx| (tx.carrier, tx.payloads.len()))
        .collect();
    assert_eq!(shape, [(Carrier::Blobs, 3), (Carrier::Blobs, 1)]);
    assert!(
        sent[0]
            .payloads
            .iter()
            .all(|payload| payload.len() == 130_044)
    );
    let tags: Vec<_> = sent
        .iter()
        .map(|tx| (tx.tag.from, tx.tag.to.number, tx.tag.index, tx.tag.total))
        .collect();
    assert_eq!(tags, [(1, 25, 0, 2), (1, 25, 1, 2)]);
    assert_eq!(pipeline.carrier(), Some(Carrier::Blobs));
    assert!(pipeline.backlog_bytes(25) > 500_000);
    assert_eq!(pipeline.window_left(l1(11)), Some(1 + 3_600 - 11));
    assert_eq!(pipeline.waited(l1(15)), 8);
}

#[test]
fn a_channel_of_spans_is_filled_and_not_overfilled() {
    let source = FakeSource::new();
    source.seal(200, &[3_000; 4]);
    let config = BatcherConfig {
        batch_kind: BatchKind::Span,
        compression: Compression::Brotli(5),
        blocks_per_step: 1_000,
        channels_in_flight_max: 100,
        txs_in_flight_max: 1_000,
        ..config()
    };
    let target = config.channel_bytes_target(Carrier::Calldata);
    let mut pipeline = pipeline(&source, config);
    pipeline.advance(&source, l1(10)).expect("advances");
    let sizes: Vec<_> = pipeline
        .closed
        .iter()
        .map(|channel| channel.compressed_bytes)
        .collect();
    assert!(sizes.len() > 10, "{sizes:?}");
    for size in sizes {
        // A block is a tenth of the target.
        assert!(
            size <= target + target / 50 && size >= target * 85 / 100,
            "{size} of {target}"
        );
    }
    assert!(pipeline.closed.iter().all(|channel| channel.txs_total <= 2));
}

#[test]
fn what_would_come_out_wrong_is_not_posted() {
    let source = FakeSource::new();
    source.seal(6, &[50]);
    let config = BatcherConfig {
        batch_kind: BatchKind::Span,
        compression: Compression::Brotli(5),
        channel_duration_max: 0,
        ..config()
    };
    let mut pipeline = pipeline(&source, config);
    pipeline.corrupt_next = true;
    let outcome = pipeline.advance(&source, l1(10)).expect("advances");
    assert_eq!(
        outcome,
        Advance::Restart(RestartReason::NotRederived {
            from: 1,
            to: 6,
            difference: RederiveError::Block { index: 5 }
        })
    );
    assert!(pipeline.next_tx().is_none());
    pipeline.restart(source.safe_head());
    pipeline.advance(&source, l1(10)).expect("advances");
    // In the plainest form, once.
    let batches = decode(send_all(&mut pipeline).iter().map(data));
    assert_eq!(batches.len(), 6);
    source.seal(1, &[]);
    pipeline.advance(&source, l1(11)).expect("advances");
    let again = send_all(&mut pipeline);
    let [frame] = &decode_frames(&data(&again[0])).expect("frames")[..] else {
        panic!("one frame")
    };
    assert_eq!(frame.data[0], 1, "brotli again");
}
