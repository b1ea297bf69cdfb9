//! Paid inference: workers that run the trained model, and payers who pay each call by a voucher.

use super::{actor::Actor, datanet::await_time, epochs::events};
use crate::{
    service::Service,
    world::{Request, TOKENS_IN, TOKENS_OUT_MAX},
};
use alloy_primitives::{B256, U256, keccak256, uint};
use anyhow::{Context, ensure};
use futures::future::try_join_all;
use openledger_client::Node;
use openledger_contracts::{InferenceRouter, ValidatorStaking};
use openledger_economy::{
    infer::{
        ChannelTerms, PayerChannel, Prices,
        channel::open_channel,
        channel_view, payer_channel,
        worker::{Model, ModelAnswer, ModelError, Task, Terms, Worker},
    },
    stake::Role,
};
use openledger_primitives::predeploys::{INFERENCE_ROUTER, VALIDATOR_STAKING};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A worker's stake.
const STAKE: U256 = uint!(50_000_000_000_000_000_000_U256);
/// What a worker asks for a call beside its price, wei.
const PLATFORM_FEE: u128 = 1_000_000_000_000_000;
/// What a payer locks in a channel.
const LOCKED: U256 = uint!(200_000_000_000_000_000_000_U256);
/// Seconds for which a voucher is good, and that a worker asks for at least.
const VOUCHER_SECONDS: u64 = 3_600;
const VOUCHER_SECONDS_MIN: u64 = 600;
/// Most wei that a payer gives for a call.
const COST_MAX: u128 = 1_000_000_000_000_000_000;
/// How long a worker keeps a call for who hasn't paid.
const UNPAID: Duration = Duration::from_secs(60);
/// Seconds of an epoch that settling all channels may take.
const SETTLE_SECONDS: u64 = 5;
/// Calls that a model serves at once.
const PARALLEL: usize = 8;

/// The model as a worker runs it.
pub(crate) struct Served(Arc<Service>);

impl std::fmt::Debug for Served {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Served")
    }
}

impl Model for Served {
    async fn run(&self, task: Task) -> Result<ModelAnswer, ModelError> {
        // A prompt of another form is a mistake of whoever asks, and the model says so as it says everything.
        let Some(request) = Request::parse(&task.prompt) else {
            return Ok(ModelAnswer {
                output: "not the measurements of a sample".to_owned(),
                tokens_in: 0,
                tokens_out: 1,
                sketches: Vec::new(),
            });
        };
        let answers = self
            .0
            .answers(&[request])
            .map_err(|error| ModelError::Io(std::io::Error::other(error)))?;
        let Some(answer) = answers.into_iter().next() else {
            return Err(ModelError::Io(std::io::Error::other("no answer")));
        };
        Ok(ModelAnswer {
            output: format!("class {}", answer.label),
            tokens_in: TOKENS_IN,
            tokens_out: request.tokens_out(),
            sketches: vec![answer.sketch.into()],
        })
    }
}

/// An adapter that is served.
pub(crate) struct Serving {
    worker: Worker<Served>,
    /// Where it publishes its calls.
    pub(crate) calls: PathBuf,
    node: Node,
    terms: Terms,
    prices: Prices,
}

/// Registers a worker with its stake and its fee.
pub(crate) async fn register(worker: &Actor) -> anyhow::Result<()> {
    let register = ValidatorStaking::registerCall {
        role: Role::Worker.number(),
        commissionBps: 1_000,
    };
    worker.pay(VALIDATOR_STAKING, &register, STAKE).await?;
    let fee = InferenceRouter::setPlatformFeeCall {
        worker: worker.address(),
        platformFee: PLATFORM_FEE,
    };
    worker.call(INFERENCE_ROUTER, &fee).await?;
    Ok(())
}

/// A payer's channel.
pub(crate) struct Payer {
    channel: PayerChannel,
    /// Its id.
    pub(crate) id: B256,
    _lock: openledger_economy::FileLock,
}

impl Serving {
    /// Begins to serve an adapter.
    pub(crate) async fn begin(
        worker: &Actor,
        adapter: u64,
        service: Arc<Service>,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let terms = Terms {
            chain_id: worker.node().chain_id(),
            worker: worker.address(),
            adapter,
            platform_fee: PLATFORM_FEE,
            tokens_out_max: TOKENS_OUT_MAX,
            expiry_min_seconds: VOUCHER_SECONDS_MIN,
            unpaid: UNPAID,
            parallel: PARALLEL,
            dims: vec![usize::from(service.set().dim)],
        };
        Ok(Self {
            worker: Worker::open(directory, terms.clone(), worker.sender(), Served(service))
                .await?,
            calls: directory.join("calls"),
            node: worker.node().clone(),
            terms,
            prices: Prices {
                price_in: 0,
                price_out: super::adapters::PRICE_OUT.to(),
            },
        })
    }

    /// Opens a payer's channel to the worker.
    pub(crate) async fn open(&self, payer: &Actor, directory: &Path) -> anyhow::Result<Payer> {
        let terms = ChannelTerms {
            payee: self.terms.worker,
            adapter: self.terms.adapter,
            platform_fee: self.terms.platform_fee,
            salt: keccak256(payer.address()),
        };
        let id = open_channel(&mut payer.sender(), directory, &terms, LOCKED).await?;
        let (channel, lock) = payer_channel(directory, id, payer.key().clone())?;
        Ok(Payer {
            channel,
            id,
            _lock: lock,
        })
    }

    /// Serves requests, divided among payers, each paid by a voucher as it is answered.
    pub(crate) async fn serve(
        &self,
        payers: &mut [Payer],
        requests: &[Request],
    ) -> anyhow::Result<()> {
        let count = payers.len();
        let all = payers
            .iter_mut()
            .enumerate()
            .map(|(first, payer)| async move {
                for request in requests.iter().skip(first).step_by(count) {
                    self.call(payer, request).await?;
                }
                anyhow::Ok(())
            });
        try_join_all(all).await?;
        Ok(())
    }

    /// Brings the newest voucher of each of so many channels to the chain, in one transaction.
    pub(crate) async fn settle(&self, channels: usize) -> anyhow::Result<()> {
        let settled = self.worker.settle(None).await?;
        ensure!(
            settled.len() == channels,
            "{} of {channels} channels were settled",
            settled.len()
        );
        Ok(())
    }

    async fn call(&self, payer: &mut Payer, request: &Request) -> anyhow::Result<()> {
        let asked = payer.channel.request(request.prompt(), TOKENS_OUT_MAX)?;
        let offer = self.worker.offer(asked.clone()).await?;
        let view = channel_view(&self.node, payer.id).await?;
        let expiry = view.now + VOUCHER_SECONDS;
        let prices = &self.prices;
        let voucher = payer
            .channel
            .pay(&asked, offer, &view, prices, COST_MAX, expiry)?;
        self.worker.accept(voucher).await?;
        Ok(())
    }
}

/// Waits until what is settled now and in the next seconds is in one epoch.
pub(crate) async fn await_room(node: &Node) -> anyhow::Result<()> {
    let epoch = current_epoch(node).await?;
    let ends = node
        .ask(INFERENCE_ROUTER, InferenceRouter::endsAtCall { epoch })
        .await?;
    // Whatever is paid after the end begins the next one.
    if node.time().await? + SETTLE_SECONDS >= ends {
        await_time(node, ends).await?;
    }
    Ok(())
}

/// The epoch in which an adapter's fees were recorded last.
pub(crate) async fn recorded(node: &Node, adapter: u64) -> anyhow::Result<u64> {
    let all: Vec<InferenceRouter::FeeRecorded> = events(node, INFERENCE_ROUTER).await?;
    let of = all
        .iter()
        .rev()
        .find(|recorded| recorded.adapter == adapter);
    let recorded = of.with_context(|| format!("nothing was paid for adapter {adapter}"))?;
    Ok(recorded.epoch)
}

/// The epoch that runs.
pub(crate) async fn current_epoch(node: &Node) -> anyhow::Result<u64> {
    node.ask(INFERENCE_ROUTER, InferenceRouter::currentEpochCall {})
        .await
}

/// Closes an epoch once it is over, unless somebody else has.
pub(crate) async fn close_epoch(actor: &Actor, epoch: u64) -> anyhow::Result<()> {
    let node = actor.node();
    let ends = node
        .ask(INFERENCE_ROUTER, InferenceRouter::endsAtCall { epoch })
        .await?;
    await_time(node, ends).await?;
    if current_epoch(node).await? == epoch {
        actor
            .call(INFERENCE_ROUTER, &InferenceRouter::closeEpochCall {})
            .await?;
    }
    while current_epoch(node).await? == epoch {
        tokio::time::sleep(super::process::LOOK_INTERVAL).await;
    }
    Ok(())
}

/// The request that each of the calls was which a worker published.
pub(crate) fn prompts(
    directory: &Path,
    channels: &[B256],
    requests: &[Request],
) -> anyhow::Result<BTreeMap<B256, Request>> {
    let directory = openledger_economy::infer::CallsDirectory::open(directory)?;
    let by_prompt: BTreeMap<B256, Request> = requests
        .iter()
        .map(|request| (keccak256(request.prompt()), *request))
        .collect();
    let mut found = BTreeMap::new();
    for channel in channels {
        let calls = directory.channel(*channel)?;
        let calls = calls.with_context(|| format!("channel {channel} has no calls"))?;
        for (place, call) in calls.calls.iter().enumerate() {
            let (Some(id), Some(request)) =
                (calls.request_id(place), by_prompt.get(&call.prompt_hash))
            else {
                continue;
            };
            found.insert(id, *request);
        }
    }
    Ok(found)
}
