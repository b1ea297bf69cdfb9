//! The batcher against a real L1 and the real inbox.

use crate::{
    BatchKind, Batcher, BatcherConfig, BatcherStatus, BlockSource, DataAvailability,
    testing::{FakeSource, block_batch, chain_config, plain},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::keccak256;
use alloy_signer_local::PrivateKeySigner;
use openledger_l1::{
    BatchTx, BlobSource, BlobSourceConfig, CommitmentChain, CommitmentStatus, DeployConfig,
    InboxReader, L1Client, RequestConfig, TxCandidate, TxSender, TxSenderConfig, anvil::Anvil,
    deploy_contracts, list_batches, list_channels,
};
use openledger_primitives::{ChainConfig, GenesisId};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Keys of the first two accounts that anvil funds.
const DEPLOYER: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const BATCHER: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

struct L1 {
    anvil: Anvil,
    client: L1Client,
    chain: Arc<ChainConfig>,
}

/// An L1 with the contracts; `None` where the operator asked for no such tests.
async fn l1() -> Option<L1> {
    let anvil = Anvil::start(&["--block-time", "1"]).await.expect("anvil")?;
    let blobs = BlobSource::new(BlobSourceConfig {
        beacon_urls: vec![anvil.url()],
        ..Default::default()
    });
    let client = L1Client::new(&[anvil.url()], RequestConfig::default())
        .expect("a valid URL")
        .with_blobs(blobs.expect("a valid URL"));
    let deployer: PrivateKeySigner = DEPLOYER.parse().expect("a key");
    let batcher: PrivateKeySigner = BATCHER.parse().expect("a key");
    let deploy = DeployConfig {
        base_fee_scalar: 1,
        blob_base_fee_scalar: 1,
        ..DeployConfig::new(deployer.address(), batcher.address())
    };
    let contracts = deploy_contracts(&client, deployer, &deploy)
        .await
        .expect("deployed");
    let origin = client.latest().await.expect("reachable");
    let mut chain = chain_config();
    chain.genesis.l1 = GenesisId {
        number: origin.number,
        hash: origin.hash(),
    };
    chain.genesis.system_config = deploy.system_config();
    chain.batch_inbox_address = contracts.batch_inbox;
    chain.l1_system_config_address = contracts.system_config;
    Some(L1 {
        anvil,
        client,
        chain: Arc::new(chain),
    })
}

impl L1 {
    fn sender(&self, shutdown: &CancellationToken) -> TxSender {
        let config = TxSenderConfig {
            poll_interval: Duration::from_millis(100),
            ..Default::default()
        };
        let signer: PrivateKeySigner = BATCHER.parse().expect("a key");
        TxSender::spawn(self.client.clone(), signer, config, shutdown.clone()).0
    }

    /// A batcher whose confirmed blocks become safe, as derivation would make them.
    fn batcher(
        &self,
        config: BatcherConfig,
        source: &Arc<FakeSource>,
        shutdown: &CancellationToken,
    ) -> (watch::Receiver<BatcherStatus>, JoinHandle<()>) {
        let (batcher, task) = Batcher::run(
            config,
            source.clone(),
            self.client.clone(),
            self.sender(shutdown),
            Vec::new(),
            shutdown.clone(),
        );
        let (mut status, source) = (batcher.status(), source.clone());
        let follows = tokio::spawn(async move {
            while status.changed().await.is_ok() {
                source.set_safe(status.borrow().confirmed_to);
            }
        });
        // The safe head has followed to the end, too: the next run begins there.
        let ended = tokio::spawn(async move {
            task.await.expect("no panic").expect("no failure");
            follows.await.expect("no panic");
        });
        (batcher.status(), ended)
    }

    async fn posted(&self) -> Vec<BatchTx> {
        let latest = self.client.latest().await.expect("reachable").number;
        list_batches(&self.client, &self.chain, 0, latest)
            .await
            .expect("read")
    }
}

async fn confirmed(status: &mut watch::Receiver<BatcherStatus>, block: u64) {
    let reached = status.wait_for(|status| status.confirmed_to >= block);
    tokio::time::timeout(Duration::from_secs(120), reached)
        .await
        .expect("in time")
        .expect("running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_posted_is_on_l1_and_committed_to() {
    let Some(l1) = l1().await else { return };
    let source = Arc::new(FakeSource::new());
    let config = BatcherConfig {
        tx_bytes_target: 20_000,
        channel_txs_target: 2,
        poll_interval: Duration::from_millis(100),
        ..plain(l1.chain.clone())
    };
    let shutdown = CancellationToken::new();
    let (mut status, ended) = l1.batcher(config.clone(), &source, &shutdown);
    for size in 0..30 {
        source.seal(1, &[size * 100, 300]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    confirmed(&mut status, 30).await;
    assert_eq!(status.borrow().restarts, 0);
    shutdown.cancel();
    ended.await.expect("ends");

    // A new run goes on where the safe head is, with larger transactions than one frame holds.
    let shutdown = CancellationToken::new();
    let (mut status, ended) = l1.batcher(config, &source, &shutdown);
    source.seal(3, &[40_000, 20_000]);
    source.seal(2, &[]);
    confirmed(&mut status, 35).await;
    shutdown.cancel();
    ended.await.expect("ends");

    let posted = l1.posted().await;
    assert!(posted.len() >= 8, "{}", posted.len());
    let mut data = Vec::new();
    for (index, tx) in (0..).zip(&posted) {
        assert!(tx.bytes <= 20_000);
        assert_eq!(tx.frames.as_ref().expect("frames").len(), 1);
        assert!(
            tx.frames
                .as_ref()
                .expect("frames")
                .iter()
                .all(|frame| frame.ignored.is_none())
        );
        assert!(matches!(tx.commitment, CommitmentStatus::Recorded { index: i, .. } if i == index));
        let block = l1
            .client
            .block_with_receipts(tx.l1_block.hash)
            .await
            .expect("verified");
        data.push(block.transactions[tx.index].input().clone());
    }
    let recomputed = CommitmentChain::of(data.iter().map(|data| (data.as_ref(), &[][..])));
    let reader = InboxReader::new(l1.client.clone(), l1.chain.batch_inbox_address);
    let batcher = l1.chain.genesis.system_config.batcher_address;
    assert_eq!(
        reader
            .chain_of(batcher, BlockId::latest())
            .await
            .expect("read"),
        recomputed
    );
    assert!(
        matches!(posted.last().map(|tx| tx.commitment), Some(CommitmentStatus::Recorded { head, .. }) if head == recomputed.head)
    );

    let latest = l1.client.latest().await.expect("reachable").number;
    let channels = list_channels(&l1.client, &l1.chain, 0, latest)
        .await
        .expect("read");
    assert!(channels.iter().any(|channel| channel.frames > 1));
    let mut next = 1;
    for (ordinal, channel) in (0..).zip(&channels) {
        assert_eq!((channel.ordinal, &channel.defect), (ordinal, &None));
        assert_eq!(channel.transactions.len(), channel.frames as usize);
        assert!(channel.compressed_bytes < channel.uncompressed_bytes + 100);
        assert_eq!(channel.block_range().map(|range| range.0), Some(next));
        for batch in &channel.batches {
            let expected = block_batch(&source, next);
            assert_eq!(batch.block_number, Some(next));
            assert_eq!(batch.parent_hash, Some(expected.parent_hash));
            let hashes: Vec<_> = expected.transactions.iter().map(keccak256).collect();
            assert_eq!(batch.transaction_hashes, hashes);
            next += 1;
        }
    }
    assert_eq!(next, 36);
    // Each channel is found by a scan that begins in its first L1 block.
    let second = &channels[1];
    let found = list_channels(
        &l1.client,
        &l1.chain,
        second.opened.number,
        second.closed.number,
    )
    .await;
    assert!(
        found
            .expect("read")
            .iter()
            .any(|channel| channel.id == second.id)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_the_inbox_did_not_record_is_reported() {
    let Some(l1) = l1().await else { return };
    let shutdown = CancellationToken::new();
    let _guard = shutdown.clone().drop_guard();
    let sender = l1.sender(&shutdown);
    let inbox = l1.chain.batch_inbox_address;
    let frames = openledger_protocol::encode_frames_tx(&[openledger_protocol::Frame {
        id: [1; 16],
        number: 0,
        data: vec![7; 10],
        is_last: true,
    }]);
    let good = TxCandidate::call(inbox, frames.clone());
    // Enough gas to be included, too little to be recorded.
    let starved = good.clone().with_gas_limit(30_000);
    let garbage = TxCandidate::call(inbox, vec![1, 2, 3]);
    for (candidate, success) in [
        (good.clone(), true),
        (starved, false),
        (garbage, true),
        (good, true),
    ] {
        let sent = sender.send_and_confirm(candidate).await.expect("included");
        assert_eq!(sent.success, success);
    }
    let posted = l1.posted().await;
    let statuses: Vec<_> = posted
        .iter()
        .map(|tx| match tx.commitment {
            CommitmentStatus::Recorded { index, .. } => Some(index),
            CommitmentStatus::Missing => None,
            CommitmentStatus::Broken { .. } => panic!("{tx:?}"),
        })
        .collect();
    assert_eq!(statuses, [Some(0), None, Some(1), Some(2)]);
    assert_eq!(
        posted
            .iter()
            .map(|tx| tx.frames.is_ok())
            .collect::<Vec<_>>(),
        [true, true, false, true]
    );
    // The channel's content is no zlib stream: each time it is complete, and defective.
    let latest = l1.client.latest().await.expect("reachable").number;
    let channels = list_channels(&l1.client, &l1.chain, 0, latest)
        .await
        .expect("read");
    assert_eq!(channels.len(), 3);
    assert!(
        channels
            .iter()
            .all(|channel| channel.defect.is_some() && channel.batches.is_empty())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_l1_reorg_loses_no_batch() {
    let Some(l1) = l1().await else { return };
    let source = Arc::new(FakeSource::new());
    let shutdown = CancellationToken::new();
    let config = BatcherConfig {
        poll_interval: Duration::from_millis(100),
        ..plain(l1.chain.clone())
    };
    let (mut status, ended) = l1.batcher(config, &source, &shutdown);
    source.seal(5, &[100]);
    let snapshot = l1
        .anvil
        .request("evm_snapshot", serde_json::json!([]))
        .await
        .expect("snapshot");
    confirmed(&mut status, 5).await;
    l1.anvil
        .request("evm_revert", serde_json::json!([snapshot]))
        .await
        .expect("reverted");
    source.seal(5, &[200]);
    confirmed(&mut status, 10).await;
    shutdown.cancel();
    ended.await.expect("ends");

    let latest = l1.client.latest().await.expect("reachable").number;
    let channels = list_channels(&l1.client, &l1.chain, 0, latest)
        .await
        .expect("read");
    let numbers: Vec<_> = channels
        .iter()
        .flat_map(|channel| &channel.batches)
        .filter_map(|batch| batch.block_number)
        .collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    assert_eq!(source.unsafe_head().number, 10);
    let block = l1
        .client
        .block_with_receipts(BlockNumberOrTag::Latest)
        .await
        .expect("verified");
    assert!(block.header.number >= channels.last().expect("channels").closed.number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_and_calldata_take_turns() {
    let Some(l1) = l1().await else { return };
    let source = Arc::new(FakeSource::new());
    let mut next = 1;
    for (data_availability, sizes) in [
        (DataAvailability::Blobs, &[90_000, 90_000, 90_000][..]),
        (DataAvailability::Calldata, &[5_000]),
        (DataAvailability::Blobs, &[100]),
    ] {
        let config = BatcherConfig {
            data_availability,
            poll_interval: Duration::from_millis(100),
            blobs_per_tx: 2,
            ..BatcherConfig::new(l1.chain.clone())
        };
        assert_eq!(config.batch_kind, BatchKind::Span);
        let shutdown = CancellationToken::new();
        let (mut status, ended) = l1.batcher(config, &source, &shutdown);
        source.seal(9, &[]);
        source.seal(1, sizes);
        confirmed(&mut status, next + 9).await;
        assert_eq!(status.borrow().restarts, 0);
        // The next batcher begins where this one ended, whether the follower saw it already or not.
        source.set_safe(next + 9);
        shutdown.cancel();
        ended.await.expect("ends");
        next += 10;
    }

    let posted = l1.posted().await;
    let blobs: Vec<_> = posted.iter().map(|tx| tx.blobs).collect();
    // Three blobs' worth of data are two transactions.
    assert!(
        blobs.contains(&2) && blobs.contains(&0) && blobs.contains(&1),
        "{blobs:?}"
    );
    for (index, tx) in (0..).zip(&posted) {
        assert!(tx.frames.is_ok());
        assert!(matches!(tx.commitment, CommitmentStatus::Recorded { index: i, .. } if i == index));
    }
    let latest = l1.client.latest().await.expect("reachable").number;
    let channels = list_channels(&l1.client, &l1.chain, 0, latest)
        .await
        .expect("read");
    let mut next = 1;
    for batch in channels.iter().flat_map(|channel| &channel.batches) {
        let expected = block_batch(&source, next);
        assert_eq!(batch.block_number, Some(next));
        assert_eq!(batch.epoch_num, expected.epoch_num);
        let hashes: Vec<_> = expected.transactions.iter().map(keccak256).collect();
        assert_eq!(batch.transaction_hashes, hashes);
        next += 1;
    }
    assert_eq!(next, 31);
    // Contract and transactions agree about the blobs too.
    let mut chain = CommitmentChain::default();
    for tx in &posted {
        let block = l1
            .client
            .block_with_receipts(tx.l1_block.hash)
            .await
            .expect("verified");
        let tx = &block.transactions[tx.index];
        chain.extend(tx.input(), tx.blob_hashes());
    }
    let reader = InboxReader::new(l1.client.clone(), l1.chain.batch_inbox_address);
    let batcher = l1.chain.genesis.system_config.batcher_address;
    assert_eq!(
        reader
            .chain_of(batcher, BlockId::latest())
            .await
            .expect("read"),
        chain
    );
}
