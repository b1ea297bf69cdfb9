//! What is taken up after a restart, and given up after a cancellation.

use super::*;

#[test]
fn what_an_earlier_run_sent_is_not_posted_again() {
    let source = FakeSource::new();
    source.seal(30, &[700]);
    let config = BatcherConfig {
        tx_bytes_target: 1_500,
        channel_txs_target: 2,
        channel_duration_max: 0,
        txs_in_flight_max: 5,
        ..config()
    };
    let mut before = pipeline(&source, config.clone());
    before.advance(&source, l1(10)).expect("advances");
    let sent = send_all(&mut before);
    let total = usize::from(sent[0].tag.total);
    assert!(total >= 2 && sent.len() == 5, "{total}");
    let tags = |txs: &[ChannelTx]| -> Vec<_> {
        txs.iter()
            .map(|tx| ChannelTag::decode(&tx.tag.encode()))
            .collect()
    };

    // All that was sent; the last channel only in part.
    let whole = sent.len() / total;
    let mut after = pipeline(&source, config.clone());
    let infos = after.resume(&tags(&sent), &source, 20).expect("read");
    assert_eq!(infos.iter().flatten().count(), whole * total);
    let last = sent[whole * total - 1].tag.to;
    assert_eq!((after.cursor(), after.submitted_to()), (last, last.number));
    assert_eq!(after.pending_txs(), whole * total);
    for info in infos.into_iter().flatten() {
        after.confirm(info, inclusion(12), 24).expect("in time");
    }
    assert_eq!(after.confirmed_to(), last.number);
    after.advance(&source, l1(12)).expect("advances");
    let next = send_all(&mut after);
    assert_eq!(next[0].tag.from, last.number + 1);

    // Nothing of it is of use if a part of the first channel is gone, or the chain is another.
    let mut partial = pipeline(&source, config.clone());
    let infos = partial
        .resume(&tags(&sent[1..]), &source, 20)
        .expect("read");
    let infos: Vec<_> = infos.into_iter().flatten().collect();
    assert!(infos.is_empty(), "{infos:?}");
    source.unwind(0);
    source.seal(30, &[700]);
    let mut other = pipeline(&source, config);
    let infos = other.resume(&tags(&sent), &source, 20).expect("read");
    assert_eq!(infos, vec![None; 5]);
    assert_eq!(other.cursor().number, 0);
    assert_eq!(
        other.resume(&[None, None], &source, 20).expect("read"),
        [None, None]
    );
}

#[test]
fn what_was_sent_in_place_of_something_is_what_counts() {
    let source = FakeSource::new();
    let config = BatcherConfig {
        channel_duration_max: 0,
        ..config()
    };
    let mut before = pipeline(&source, config.clone());
    let mut sent = Vec::new();
    let mut post = |pipeline: &mut Pipeline, blocks| {
        source.seal(blocks, &[700]);
        pipeline.advance(&source, l1(10)).expect("advances");
        sent.extend(send_all(pipeline));
    };
    // Channels of blocks 1 and 2, of 3 and of 4; then those of 3 and 4 again, in one.
    for blocks in [2, 1, 1] {
        post(&mut before, blocks);
    }
    assert!(before.cancel(ChannelTxInfo {
        channel: 1,
        index: 0
    }));
    post(&mut before, 0);
    // Channels of a chain that was unwound, and of what came in its place.
    post(&mut before, 3);
    let unwound = before.cursor().number;
    source.unwind(5);
    before.advance(&source, l1(11)).expect("unwound");
    post(&mut before, 2);
    let froms: Vec<_> = sent.iter().map(|tx| tx.tag.from).collect();
    assert_eq!(
        (froms.as_slice(), unwound),
        ([1, 3, 4, 3, 5, 5].as_slice(), 7)
    );

    let tags: Vec<_> = sent.iter().map(|tx| Some(tx.tag)).collect();
    let mut after = pipeline(&source, config);
    let infos = after.resume(&tags, &source, 20).expect("read");
    let taken_up: Vec<_> = infos.iter().map(Option::is_some).collect();
    assert_eq!(taken_up, [true, false, false, true, false, true]);
    assert_eq!(
        (after.cursor(), after.pending_txs()),
        (source.unsafe_head(), 3)
    );
    for info in infos.into_iter().flatten() {
        after.confirm(info, inclusion(12), 24).expect("in time");
    }
    assert_eq!((after.confirmed_to(), after.pending_txs()), (7, 0));
}

#[test]
fn what_is_cancelled_is_put_into_channels_anew() {
    let source = FakeSource::new();
    source.seal(30, &[700]);
    let config = BatcherConfig {
        tx_bytes_target: 1_500,
        channel_txs_target: 2,
        channel_duration_max: 0,
        txs_in_flight_max: 6,
        ..config()
    };
    let mut pipeline = pipeline(&source, config);
    pipeline.advance(&source, l1(10)).expect("advances");
    let sent = send_all(&mut pipeline);
    let total = usize::from(sent[0].tag.total);
    assert!(total >= 2 && sent.len() == 6, "{total}");
    let (first, second) = (sent[0].tag, sent[total].tag);
    let of_first = &sent[..total];
    let of_second = &sent[total..2 * total];

    // The second channel's last transaction: the first channel is not concerned.
    assert!(pipeline.cancel(of_second[total - 1].info));
    assert_eq!(pipeline.cursor(), first.to);
    assert_eq!(pipeline.submitted_to(), first.to.number);
    assert_eq!(pipeline.pending_txs(), 5);
    for tx in of_first {
        pipeline
            .confirm(tx.info, inclusion(11), 22)
            .expect("in time");
    }
    assert_eq!(pipeline.confirmed_to(), first.to.number);
    // What is left of the others is counted, and changes nothing.
    for (index, tx) in sent[total..].iter().enumerate() {
        if tx.info == of_second[total - 1].info {
            continue;
        }
        if index % 2 == 0 {
            assert!(!pipeline.cancel(tx.info));
        } else {
            pipeline
                .confirm(tx.info, inclusion(11), 22)
                .expect("in time");
        }
    }
    assert_eq!(pipeline.pending_txs(), 0);
    assert_eq!(pipeline.cursor(), first.to);
    assert_eq!(pipeline.confirmed_to(), first.to.number);

    pipeline.advance(&source, l1(12)).expect("advances");
    let again = send_all(&mut pipeline);
    assert_eq!(again[0].tag.from, second.from);
    assert_ne!(again[0].tag.id, second.id);
    // With nothing before it, it goes back to what is settled.
    assert!(pipeline.cancel(again[0].info));
    assert_eq!(pipeline.cursor(), first.to);
    pipeline.advance(&source, l1(13)).expect("advances");
    assert_eq!(send_all(&mut pipeline)[0].tag.from, second.from);
}

#[test]
fn what_is_cancelled_is_posted_at_once() {
    let source = FakeSource::new();
    source.seal(3, &[10]);
    let config = BatcherConfig {
        channel_duration_max: 25,
        ..config()
    };
    let mut pipeline = pipeline(&source, config);
    pipeline.advance(&source, l1(10)).expect("advances");
    pipeline.advance(&source, l1(35)).expect("advances");
    let sent = send_all(&mut pipeline);
    source.seal(2, &[10]);
    pipeline.advance(&source, l1(36)).expect("advances");
    assert_eq!(pipeline.waited(l1(40)), 10);

    assert!(pipeline.cancel(sent[0].info));
    pipeline.advance(&source, l1(40)).expect("advances");
    let again = send_all(&mut pipeline);
    let tag = again[0].tag;
    assert_eq!((again.len(), tag.from, tag.to.number), (1, 1, 5));
    // It has waited since it was closed first.
    assert_eq!(pipeline.waited(l1(41)), 12);

    // Others wait for more blocks as ever.
    pipeline
        .confirm(again[0].info, inclusion(41), 82)
        .expect("in time");
    source.seal(1, &[10]);
    pipeline.advance(&source, l1(42)).expect("advances");
    pipeline.advance(&source, l1(66)).expect("advances");
    assert!(pipeline.next_tx().is_none());
    pipeline.advance(&source, l1(67)).expect("advances");
    assert_eq!(send_all(&mut pipeline)[0].tag.from, 6);
    assert_eq!(pipeline.waited(l1(70)), 6);
}

#[test]
fn what_is_cancelled_is_carried_in_what_is_cheaper() {
    let source = FakeSource::new();
    let config = BatcherConfig {
        channel_duration_max: 0,
        data_availability: DataAvailability::Auto,
        ..BatcherConfig::new(config().chain)
    };
    let mut pipeline = pipeline(&source, config);
    let carrier = |pipeline: &mut Pipeline, cancel: Option<ChannelTxInfo>, l1| {
        match cancel {
            Some(info) => assert!(pipeline.cancel(info)),
            None => source.seal(1, &[100_000]),
        }
        pipeline.advance(&source, l1).expect("advances");
        let sent = send_all(pipeline);
        assert_eq!(sent.len(), 1);
        (sent[0].carrier, sent[0].info)
    };
    let (first, _) = carrier(&mut pipeline, None, l1(10));
    assert_eq!(first, Carrier::Blobs);
    // Calldata is cheaper, though not by so much that it is worth a wait.
    let params = alloy_eips::eip7840::BlobParams::prague();
    let excess_blob_gas = (0..)
        .step_by(100_000)
        .find(|excess| params.calc_blob_fee(*excess) >= 35_000_000_000);
    let dearer = L1Point {
        excess_blob_gas,
        ..l1(11)
    };
    let (second, info) = carrier(&mut pipeline, None, dearer);
    assert_eq!(second, Carrier::Blobs);
    let (again, _) = carrier(&mut pipeline, Some(info), dearer);
    assert_eq!(again, Carrier::Calldata);
}
