//! A second batcher with the same key, which reads the sequencer's blocks over JSON-RPC: what an operator
//! has who starts a replacement while the first still runs.

use crate::{World, l1::L1};
use alloy_eips::{BlockNumHash, Decodable2718 as _};
use alloy_primitives::{Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context as _, Result};
use openledger_batcher::{Batcher, BatcherConfig, BlockSource, SourceError};
use openledger_l1::{L1Client, RequestConfig, TxSender, TxSenderConfig};
use openledger_primitives::{Block, BlockBody, Header, Transaction};
use openledger_testing::rpc::Client;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const POLL: Duration = Duration::from_millis(25);

pub(crate) struct SecondBatcher {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<Result<()>>>,
}

/// The sequencer's blocks, its heads as last seen.
struct Remote {
    address: SocketAddr,
    runtime: Handle,
    heads: Mutex<(BlockNumHash, BlockNumHash)>,
}

impl Remote {
    async fn look(&self) -> Result<()> {
        let mut client = Client::open(self.address).await?;
        let status = client.call("optimism_syncStatus", json!([])).await?;
        let id = |head: &Value| -> Result<BlockNumHash> {
            Ok(BlockNumHash {
                number: head["number"].as_u64().context("a number")?,
                hash: serde_json::from_value(head["hash"].clone())?,
            })
        };
        let heads = (id(&status["unsafe_l2"])?, id(&status["safe_l2"])?);
        *self.heads.lock().expect("no panic holds it") = heads;
        Ok(())
    }

    async fn fetch(&self, number: u64) -> Result<Option<Block>> {
        let mut client = Client::open(self.address).await?;
        let id = format!("{number:#x}");
        let header = client.call("debug_getRawHeader", json!([id])).await?;
        if header.is_null() {
            return Ok(None);
        }
        let raw: Bytes = serde_json::from_value(header)?;
        let header: Header = alloy_rlp::decode_exact(&raw)?;
        let count = client
            .call("eth_getBlockTransactionCountByNumber", json!([id]))
            .await?;
        let count = openledger_testing::rpc::quantity(&count)?;
        let mut transactions = Vec::new();
        for index in 0..count {
            let raw = client
                .call(
                    "eth_getRawTransactionByBlockNumberAndIndex",
                    json!([id, format!("{index:#x}")]),
                )
                .await?;
            let raw: Bytes = serde_json::from_value(raw)?;
            transactions.push(Transaction::decode_2718_exact(&raw)?);
        }
        Ok(Some(Block {
            header,
            body: BlockBody {
                transactions,
                ommers: Vec::new(),
                withdrawals: Some(Default::default()),
            },
        }))
    }
}

impl BlockSource for Remote {
    fn unsafe_head(&self) -> BlockNumHash {
        self.heads.lock().expect("no panic holds it").0
    }

    fn safe_head(&self) -> BlockNumHash {
        self.heads.lock().expect("no panic holds it").1
    }

    fn fees_collected(&self, _: u64) -> Result<Option<U256>, SourceError> {
        Ok(None)
    }

    fn block(&self, number: u64) -> Result<Option<Block>, SourceError> {
        Ok(self.runtime.block_on(self.fetch(number))?)
    }
}

impl SecondBatcher {
    pub(crate) async fn start<L: L1>(world: &mut World<L>) -> Result<Self> {
        let stop = CancellationToken::new();
        let remote = Arc::new(Remote {
            address: world.sequencer()?.address(),
            runtime: Handle::current(),
            heads: Mutex::default(),
        });
        remote.look().await?;
        let looking = tokio::spawn({
            let (remote, stop) = (remote.clone(), stop.clone());
            async move {
                while !stop.is_cancelled() {
                    // What is not answered this time is answered next time.
                    let _ = remote.look().await;
                    tokio::time::sleep(POLL).await;
                }
                Ok(())
            }
        });
        let client = L1Client::new(&[world.l1.url()], RequestConfig::default())?;
        let signer = PrivateKeySigner::from_bytes(&world.batcher.key())?;
        let sender_config = TxSenderConfig {
            poll_interval: POLL,
            ..TxSenderConfig::default()
        };
        let (sender, sending) =
            TxSender::spawn(client.clone(), signer, sender_config, stop.clone());
        let mut config = BatcherConfig {
            poll_interval: POLL,
            ..BatcherConfig::new(Arc::new(world.files.rollup.clone()))
        };
        (world.tuning.batcher)(&mut config);
        let (_, batching) = Batcher::run(config, remote, client, sender, Vec::new(), stop.clone());
        let tasks = vec![
            looking,
            tokio::spawn(async move { Ok(sending.await?) }),
            tokio::spawn(async move { Ok(batching.await??) }),
        ];
        Ok(Self { stop, tasks })
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        for task in self.tasks {
            task.await??;
        }
        Ok(())
    }
}
