//! Derivation from a simulated L1: the chain that comes out, and what an endpoint that lags does not do to it.

use alloy_primitives::{B256, U256};
use anyhow::{Context as _, Result};
use openledger_chain::{
    Chain, Derivation, Heads, OnContradiction, SafeBlock, TrackError, newest_with_origin,
    start_driver, unwind_lost_origins,
};
use openledger_l1::{
    BlobSidecar, BlobSource, BlobSourceConfig, L1Client, L1Heads, RequestConfig, TxCandidate,
    TxSender, TxSenderConfig,
};
use openledger_primitives::{BlockNumHash, ChainConfig};
use openledger_testing::{
    posted::{Posted, PostedCarrier, PostedOptions},
    simulated_l1::{Order, SidecarRule},
};
use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Whose blobs are sent.
const KEY: B256 = B256::repeat_byte(0x51);
/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn client(posted: &Posted) -> Result<L1Client> {
    let config = RequestConfig {
        backoff: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        ..RequestConfig::default()
    };
    let blobs = BlobSource::new(BlobSourceConfig {
        beacon_urls: vec![posted.l1.url()],
        ..BlobSourceConfig::default()
    })?;
    Ok(L1Client::new(&[posted.l1.url()], config)?.with_blobs(blobs))
}

/// A chain that was built and posted, and a verifier's in a directory of its own, which is to derive it. `sync` says
/// whether writes wait for the disk.
async fn posted(
    options: PostedOptions,
    sync: bool,
) -> Result<(Posted, TempDir, Arc<Chain>, L1Client)> {
    let posted = Posted::build(options).await?;
    let directory = tempfile::tempdir()?;
    let chain = posted.verifier(&directory.path().join("verifier"), sync)?;
    let client = client(&posted)?;
    Ok((posted, directory, chain, client))
}

/// The L1's heads as a watcher would tell them.
async fn heads(client: &L1Client) -> Result<L1Heads> {
    Ok(L1Heads {
        latest: Some(client.latest().await?),
        safe: None,
        finalized: client
            .header_by_tag(openledger_l1::L1Tag::Finalized)
            .await?,
        reachable: true,
    })
}

/// Derives all that the L1 holds, and tells what was seen.
async fn derive(chain: &Arc<Chain>, client: &L1Client) -> Result<Vec<SafeBlock>> {
    let told = heads(client).await?;
    let last = told.latest.as_ref().map_or(0, |latest| latest.number);
    let (_sender, told) = watch::channel(told);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = seen.clone();
    let mut derivation = Derivation::start(
        chain.clone(),
        client.clone(),
        told,
        OnContradiction::Follow,
        move |block| {
            note.lock().expect("nobody panicked").push(block);
            true
        },
    )
    .await?;
    while derivation.next_l1() <= last {
        derivation.next().await?.context("there is more")?;
    }
    let seen = std::mem::take(&mut *seen.lock().expect("nobody panicked"));
    Ok(seen)
}

fn hashes(chain: &Chain) -> Result<Vec<B256>> {
    let head = chain.head().number;
    let hash = |number| chain.store().block_hash(number)?.context("it is canonical");
    (0..=head).map(hash).collect()
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect(what)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_derived_is_what_was_built() -> Result<()> {
    let options = PostedOptions {
        transfer_blocks: 30,
        transfers: 12,
        empty_blocks: 150,
        final_depth: 6,
        ..PostedOptions::default()
    };
    let (posted, _directory, chain, client) = posted(options, true).await?;
    let mut events = chain.subscribe();
    let seen = derive(&chain, &client).await?;
    let built = hashes(&posted.chain)?;
    assert_eq!(built.len(), 181);
    assert_eq!(hashes(&chain)?, built);
    // Each block was told once, in order, as executed, and announced.
    let numbers: Vec<u64> = seen.iter().map(|safe| safe.block.number()).collect();
    assert_eq!(numbers, (1..=180).collect::<Vec<_>>());
    assert!(seen.iter().all(|safe| safe.executed));
    assert!(events.try_recv().is_ok());
    let last = seen.last().context("blocks were derived")?;
    let recorded = chain.store().safe_head_at(last.l1.number)?;
    assert_eq!(
        recorded.map(|record| (record.l1, record.safe.number)),
        Some((last.l1, 180))
    );
    let Heads {
        unsafe_head,
        safe,
        finalized,
    } = chain.heads();
    assert_eq!((unsafe_head.number, safe), (180, unsafe_head));
    let final_l1 = posted.l1.state().finalized();
    let by_then = seen.iter().rev().find(|safe| safe.l1.number <= final_l1);
    assert_eq!(
        finalized.number,
        by_then.map_or(0, |safe| safe.block.number())
    );
    assert!(finalized.number > 0, "{final_l1}");
    // What groups leave on the disk is what single blocks would.
    let report = chain.store().verify(&mut |_, _| ())?;
    assert_eq!(report.difference, None);
    for number in [1, 31, 64, 65, 128, 180] {
        let (ours, theirs) = (chain.block(number)?, posted.chain.block(number)?);
        let receipts = |block: Option<Arc<openledger_primitives::SealedBlock>>| {
            block.map(|block| (block.receipts.clone(), block.senders.clone()))
        };
        assert_eq!(receipts(ours), receipts(theirs));
    }
    // The state at any height is there, and blocks can be taken back within a group.
    let unwound = chain.unwind(finalized.number.max(100))?;
    assert!(!unwound.is_empty());
    let report = chain.store().verify(&mut |_, _| ())?;
    assert_eq!(report.difference, None);
    let again = derive(&chain, &client).await?;
    assert!(!again.is_empty());
    assert_eq!(hashes(&chain)?, built);
    // A second look finds every block there already.
    chain.set_heads(finalized, finalized)?;
    let again = derive(&chain, &client).await?;
    assert!(again.iter().all(|safe| !safe.executed) && !again.is_empty());
    assert_eq!(chain.heads().safe, unsafe_head);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn derivation_stops_where_it_is_told_to() -> Result<()> {
    let options = PostedOptions {
        transfer_blocks: 0,
        empty_blocks: 100,
        span_blocks: 100,
        carrier: PostedCarrier::Calldata,
        ..PostedOptions::default()
    };
    let (posted, _directory, chain, client) = posted(options, false).await?;
    let (_sender, told) = watch::channel(heads(&client).await?);
    let stop = |block: SafeBlock| block.block.number() < 10;
    let mut derivation = Derivation::start(
        chain.clone(),
        client.clone(),
        told,
        OnContradiction::Follow,
        stop,
    )
    .await?;
    while in_time("the end", derivation.next())
        .await?
        .context("more")?
        .goes_on
    {}
    // Whole groups are written, and nothing that was not told.
    let head = chain.head().number;
    assert!((10..100).contains(&head), "{head}");
    assert_eq!(hashes(&chain)?, hashes(&posted.chain)?[..=head as usize]);
    // The resident trie stands where the chain does.
    drop(derivation);
    derive(&chain, &client).await?;
    assert_eq!(hashes(&chain)?, hashes(&posted.chain)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_lags_takes_nothing_back() -> Result<()> {
    let options = PostedOptions {
        transfer_blocks: 0,
        empty_blocks: 120,
        carrier: PostedCarrier::Calldata,
        final_depth: 4,
        ..PostedOptions::default()
    };
    let (posted, _directory, chain, client) = posted(options, false).await?;
    derive(&chain, &client).await?;
    let before = chain.heads();
    assert!(before.finalized.number > 0 && before.safe.number == 120);

    // It lacks the origins of all but the first blocks: nothing is concluded from that.
    let l1_head = posted.l1.state().head().header.number;
    posted.l1.state().faults.lag = l1_head - 1;
    let waiting = tokio::spawn({
        let (chain, client) = (chain.clone(), client.clone());
        async move {
            let newest = newest_with_origin(&chain, &client, 120).await?;
            let driver = start_driver(&chain, &client, OnContradiction::Follow).await?;
            let unwound = unwind_lost_origins(&chain, &client).await?;
            anyhow::Ok((newest.number, driver.safe().number, unwound))
        }
    });
    in_time("somebody waits for a block", async {
        while client.lag_status().absences < 5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(!waiting.is_finished());
    assert!(client.lag_status().waiting.is_some());
    assert_eq!(chain.heads(), before);
    posted.l1.state().faults.lag = 0;
    let (newest, begins_at, unwound) = in_time("it caught up", waiting).await??;
    assert_eq!((newest, unwound), (120, 0));
    // Derivation begins where it is sure to come to the same again.
    assert!((before.finalized.number..=120).contains(&begins_at));
    assert_eq!(chain.heads(), before);

    // Another block in the place of an origin is proof. Of what is final it is an alarm, and no more.
    let newest_origin = newest_with_origin(&chain, &client, 120).await?.l1_origin;
    let depth = l1_head - newest_origin.number + 1;
    posted.l1.state().reorganize(depth);
    let left = newest_with_origin(&chain, &client, 120).await?;
    assert!(left.number < 120 && left.l1_origin.number < newest_origin.number);
    let id = |number| -> Result<BlockNumHash> {
        let hash = chain.store().block_hash(number)?.context("canonical")?;
        Ok(BlockNumHash { number, hash })
    };
    let final_one = id(120)?;
    chain.set_heads(final_one, final_one)?;
    let error = newest_with_origin(&chain, &client, 120).await;
    assert!(
        matches!(error, Err(TrackError::FinalizedGone { number: 120, .. })),
        "{error:?}"
    );
    let error = start_driver(&chain, &client, OnContradiction::Follow).await;
    assert!(matches!(error, Err(TrackError::FinalizedGone { .. })));
    assert_eq!(chain.heads().finalized, final_one);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_are_withheld_are_waited_for() -> Result<()> {
    let options = PostedOptions {
        transfer_blocks: 2,
        empty_blocks: 20,
        carrier: PostedCarrier::Calldata,
        ..PostedOptions::default()
    };
    let (posted, _directory, chain, client) = posted(options, false).await?;
    posted.l1.state().faults.receipts_withheld = true;
    let deriving = tokio::spawn({
        let (chain, client) = (chain.clone(), client.clone());
        async move { derive(&chain, &client).await.map(|seen| seen.len()) }
    });
    in_time("receipts are missed", async {
        while client.lag_status().waiting.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(!deriving.is_finished());
    posted.l1.state().faults.receipts_withheld = false;
    assert_eq!(in_time("derivation ends", deriving).await??, 22);
    assert_eq!(client.lag_status().waiting, None);
    Ok(())
}

/// An L1 past Osaka takes blobs with a proof for each cell only; what was sent with them is read like any.
#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_proved_as_the_l1_wants_it() -> Result<()> {
    let posted = Posted::build(PostedOptions {
        transfer_blocks: 0,
        empty_blocks: 1,
        carrier: PostedCarrier::Calldata,
        ..PostedOptions::default()
    })
    .await?;
    posted.l1.state().sidecars = SidecarRule::CellProofs;
    let client = client(&posted)?;
    let key = alloy_signer_local::PrivateKeySigner::from_bytes(&KEY)?;
    let account = key.address();
    let funds = Order {
        value: U256::from(10_u64.pow(18)),
        ..Order::call(account, Vec::new())
    };
    posted.l1.state().order(&funds, &posted.batcher)?;
    posted.l1.state().mine();
    let shutdown = CancellationToken::new();
    let _guard = shutdown.clone().drop_guard();
    let (sender, _task) = TxSender::spawn(client.clone(), key, TxSenderConfig::default(), shutdown);
    let payloads = [b"one".as_slice(), b"two"];
    let blobs = tokio::task::spawn_blocking(move || BlobSidecar::build(&payloads)).await??;
    let candidate = TxCandidate::blobs(account, blobs);
    let mut sent = tokio::spawn(async move { sender.send_and_confirm(candidate).await });
    let confirmed = in_time("it is confirmed", async {
        loop {
            posted.l1.state().mine();
            let pause = Duration::from_millis(50);
            if let Ok(done) = tokio::time::timeout(pause, &mut sent).await {
                break done;
            }
        }
    })
    .await??;
    assert!(confirmed.success);
    let block = client.existing_block(confirmed.block.number).await?;
    let config = ChainConfig {
        batch_inbox_address: account,
        ..posted.files.rollup.clone()
    };
    let read = client.batch_blobs(&block, &config, account).await?;
    assert_eq!(
        read.of(confirmed.tx_hash),
        payloads.map(alloy_primitives::Bytes::from_static)
    );
    Ok(())
}
