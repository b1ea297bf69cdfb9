//! The demonstration on a chain: a fresh local one with its L1, and everybody who takes part.
//!
//! Start reading at [`run`]. Each part has a file: [`datanet`], [`model`], [`adapters`], [`inference`], [`epochs`].

mod actor;
mod adapters;
mod cast;
mod datanet;
mod epochs;
mod inference;
mod model;
mod process;

pub(crate) use process::Binary;

use crate::{
    data::Settled,
    progress::Progress,
    service::{Service, form_of},
    study::{EPOCHS, Trained, requests},
    world::{CONTRIBUTORS, COPIER, Cheats, Contribution, FLOODER, Field, Request, World},
};
use actor::Actor;
use adapters::Lineage;
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, U256, keccak256, uint};
use anyhow::{Context, ensure};
use cast::Cast;
use datanet::{Datanet, File};
use futures::future::{try_join, try_join_all, try_join3};
use inference::{Payer, Serving};
use openledger_attribution::{
    sketch::SketchForm,
    submit::adapter::{AdapterFile, BaseFile},
};
use openledger_client::{LocalChain, Node};
use openledger_contracts::{EpochSettlement, ValidatorStaking};
use openledger_economy::epoch::{pots::Key, propose::Draft, scores::SetResult};
use openledger_primitives::predeploys::{EPOCH_SETTLEMENT, VALIDATOR_STAKING};
use process::Process;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// Longest that the chain may take to start, and the verifier to follow it.
const START_TIMEOUT: Duration = Duration::from_secs(120);
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest that all of it may take on the slowest machine: a chain that makes no more blocks is waited for no longer.
const PLAY_TIMEOUT: Duration = Duration::from_secs(1_200);
/// A validator's stake.
const VALIDATOR_STAKE: U256 = uint!(200_000_000_000_000_000_000_U256);
const VALIDATOR_ROLE: u8 = 0;
/// Part of the derived adapter's royalties that its parent gets, hundredths of a percent.
const PARENT_BPS: u16 = 2_000;
/// The derived adapter has one in so many of the requests.
const DERIVED_PART: usize = 3;

/// What the chain did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the first Datanet's contributors were paid for each epoch of the first adapter, wei, before the Datanet's owner's part.
    pub(crate) paid: Vec<u128>,
    /// The same for the derived adapter.
    pub(crate) derived_paid: Vec<u128>,
    /// What the first adapter's developer got of the derived adapter's royalties, wei.
    pub(crate) parent_royalty: u128,
    /// Results of the first adapter's epochs.
    pub(crate) results: Vec<SetResult>,
    /// The first adapter's requests that were drawn, by epoch.
    pub(crate) drawn: Vec<Vec<Request>>,
    /// Their sketches, as the chain has them.
    pub(crate) sketches: Vec<Vec<Vec<u8>>>,
    /// The seed of the first adapter's set.
    pub(crate) set_seed: u64,
    /// What the first adapter's epochs' pools were, wei.
    pub(crate) pools: Vec<u128>,
    /// What was contributed to the first Datanet, in the order of the chain's commitments.
    pub(crate) contributions: Vec<Contribution>,
    /// The clusters, as the chain settled them.
    pub(crate) settled: Settled,
    /// What everybody claimed, by name.
    pub(crate) claims: Vec<(String, U256)>,
    /// Calls that were paid by vouchers.
    pub(crate) calls: usize,
    /// Who refuted the dishonest proposal.
    pub(crate) refuted_by: String,
    /// The last line of `openledger epoch verify`.
    pub(crate) verified: String,
    /// Epochs of adapters that were settled.
    pub(crate) settlements: usize,
    /// Number and hash of the chain's last block here.
    pub(crate) last_block: (u64, B256),
    /// The verifier's hash of that block.
    pub(crate) verifier_hash: B256,
}

/// Runs all of it with the world of a seed, and stops what it started.
///
/// # Errors
/// Whatever doesn't work.
pub(crate) async fn run(
    binary: &Binary,
    directory: &Path,
    world: &World,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let chain_directory = directory.join("chain");
    let chain = path_text(&chain_directory)?;
    let accounts = cast::ACCOUNTS.to_string();
    let mut process = binary.start(
        "chain",
        &[
            "dev",
            "--data-dir",
            chain,
            "--http.port",
            "0",
            "--l1.port",
            "0",
            "--accounts",
            &accounts,
        ],
    )?;
    let local = process
        .until("the chain runs", START_TIMEOUT, async || {
            LocalChain::read_if_any(&chain_directory)
        })
        .await?;
    progress.say(format!("a chain and its L1 run, {accounts} accounts"));
    let play = Play {
        binary,
        directory,
        chain,
        world,
        progress,
        node: Node::connect(&local.rpc_url, Some(local.chain_id)).await?,
        local,
    };
    let outcome = tokio::time::timeout(PLAY_TIMEOUT, play.run()).await;
    // Both, so that a failure of the play isn't hidden by one of the chain that follows from it.
    let stopped = process.stop().await;
    let outcome =
        outcome.with_context(|| format!("it took longer than {} s", PLAY_TIMEOUT.as_secs()))??;
    stopped?;
    Ok(outcome)
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .context("the temporary directory's name isn't UTF-8")
}

/// A port that nobody listens on.
fn free_port() -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port().to_string())
}

/// What all parts need.
struct Play<'a> {
    binary: &'a Binary,
    directory: &'a Path,
    chain: &'a str,
    world: &'a World,
    progress: &'a Progress,
    node: Node,
    local: LocalChain,
}

/// A Datanet that was contributed to.
struct Contributed {
    datanet: Datanet,
    last_block: u64,
    contributions: Vec<Contribution>,
    settled: Settled,
    data_root: B256,
}

/// An adapter that is trained, with its set opened.
struct Prepared {
    service: Arc<Service>,
    file: std::path::PathBuf,
}

impl Play<'_> {
    async fn run(&self) -> anyhow::Result<Outcome> {
        let cast = Cast::new(&self.node, &self.local)?;
        let (first, second) = self.begin(&cast).await?;
        let model = model::propose(&cast, &[first, second]).await?;
        let (first, second) = self.contribute(&cast, first, second).await?;
        let (trained, derived) = self.trained(&first, &second)?;
        let (prepared, further) = try_join(
            self.prepare(&cast.adapter_developer, &first, &trained, "first"),
            self.prepare(&cast.derived_developer, &second, &derived, "derived"),
        )
        .await?;
        self.progress
            .say("models trained, sets opened, seeds drawn; waiting for the clusters".to_owned());
        self.settle(&cast, &first, &second).await?;
        // Rows name clusters that there are.
        try_join3(
            self.review(&cast, &first, &second),
            adapters::fill(&cast.adapter_developer, &prepared.service),
            adapters::fill(&cast.derived_developer, &further.service),
        )
        .await?;
        let file = AdapterFile::read(&prepared.file)?;
        let base = model::tune(&cast.model_developer, model, &file).await?;
        let base = file.base_file(base, 1);
        let (adapter, ()) = try_join(
            adapters::register(
                &cast.adapter_developer,
                &prepared.file,
                Lineage {
                    base: &base,
                    datanet: &first.datanet,
                    set: prepared.service.set().id,
                    parent: None,
                },
            ),
            model::conclude(&cast, model),
        )
        .await?;
        let derived_adapter = self
            .register_derived(&cast, &further, &base, &second, adapter)
            .await?;
        self.progress.say(format!(
            "the model is live; adapter {adapter} offered, and adapter {derived_adapter}, derived from it"
        ));
        let served = Served {
            adapter,
            derived: derived_adapter,
            service: prepared.service,
            derived_service: further.service,
        };
        self.inference(&cast, first, served).await
    }

    /// Datanets, validators and workers.
    async fn begin(&self, cast: &Cast) -> anyhow::Result<(Datanet, Datanet)> {
        let validators = cast.validators.iter().map(|validator| async move {
            let call = ValidatorStaking::registerCall {
                role: VALIDATOR_ROLE,
                commissionBps: 1_000,
            };
            validator
                .pay(VALIDATOR_STAKING, &call, VALIDATOR_STAKE)
                .await
                .map(drop)
        });
        try_join_all(validators).await?;
        try_join(
            inference::register(&cast.worker),
            inference::register(&cast.derived_worker),
        )
        .await?;
        let first = datanet::create(&cast.datanet_owner, "demo:plants").await?;
        let second = datanet::create(&cast.datanet_owner, "demo:more plants").await?;
        self.progress.say(format!(
            "{} validators and 2 workers staked, 2 Datanets created",
            cast.validators.len()
        ));
        Ok((first, second))
    }

    /// Commits and reveals.
    async fn contribute(
        &self,
        cast: &Cast,
        first: Datanet,
        second: Datanet,
    ) -> anyhow::Result<(Contributed, Contributed)> {
        let contributed = async |field, datanet: Datanet| {
            let contributions = self.world.contributions(field, Cheats::ALL);
            let files: Vec<File> = contributions
                .iter()
                .map(File::new)
                .collect::<anyhow::Result<_>>()?;
            let bytes: Vec<u8> = files
                .iter()
                .flat_map(|file| file.document.bytes.clone())
                .collect();
            // Who copies saw what was committed to.
            let (copies, originals): (Vec<File>, Vec<File>) =
                files.into_iter().partition(|file| file.from.0 == COPIER);
            let waves = [originals, copies];
            let (last_block, numbers) = datanet::contribute(cast, &datanet, &waves).await?;
            // In the order in which the chain has them, which is that of the commitments.
            let mut order: Vec<usize> = (0..numbers.len()).collect();
            order.sort_unstable_by_key(|place| numbers[*place]);
            let in_order: Vec<_> = order
                .iter()
                .map(|place| contributions[*place].clone())
                .collect();
            anyhow::Ok(Contributed {
                datanet,
                last_block,
                settled: Settled::new(datanet.space, &in_order)?,
                contributions: in_order,
                data_root: keccak256(bytes),
            })
        };
        // Nobody contributes to both.
        let (first, second) = try_join(
            contributed(Field::First, first),
            contributed(Field::Second, second),
        )
        .await?;
        self.progress.say(format!(
            "{} contributions committed to and revealed",
            first.contributions.len() + second.contributions.len()
        ));
        Ok((first, second))
    }

    fn trained(
        &self,
        first: &Contributed,
        second: &Contributed,
    ) -> anyhow::Result<(Trained, Trained)> {
        let trained = Trained::on(self.world, first.settled.clone())?;
        let derived = trained.further(second.settled.clone())?;
        Ok((trained, derived))
    }

    /// A trained adapter's file, and its set with the seed that the chain drew.
    async fn prepare(
        &self,
        developer: &Actor,
        on: &Contributed,
        trained: &Trained,
        name: &str,
    ) -> anyhow::Result<Prepared> {
        let file = self.directory.join(format!("{name}.safetensors"));
        candle_core::safetensors::save(&trained.adapter.safetensors()?, &file)?;
        let gradients = trained
            .adapter
            .gradients(&trained.base, &on.settled.samples())?;
        let form: SketchForm = form_of(&gradients);
        let (form, set) = adapters::open(developer, &on.datanet, &form, on.data_root).await?;
        let service = Service::new(&trained.base, &trained.adapter, &on.settled, form, set)?;
        Ok(Prepared {
            service: Arc::new(service),
            file,
        })
    }

    /// Clusters; fails if the chain settles anything otherwise than computed here.
    async fn settle(
        &self,
        cast: &Cast,
        first: &Contributed,
        second: &Contributed,
    ) -> anyhow::Result<()> {
        for contributed in [first, second] {
            let outcomes = datanet::settle(
                &cast.datanet_owner,
                &contributed.datanet,
                contributed.last_block,
            )
            .await?;
            let expected: Vec<datanet::Settled> = contributed
                .settled
                .outcomes
                .iter()
                .map(|(cluster, is_new)| match is_new {
                    true => datanet::Settled::Cluster(*cluster),
                    false => datanet::Settled::Duplicate,
                })
                .collect();
            ensure!(
                outcomes == expected,
                "the chain settled other clusters than the same rule here"
            );
        }
        let clusters = |contributed: &Contributed| contributed.settled.owners.len() as u32;
        self.progress.say(format!(
            "{} clusters; {} contributions are copies and own nothing",
            clusters(first) + clusters(second),
            first
                .settled
                .outcomes
                .iter()
                .filter(|(_, is_new)| !is_new)
                .count()
        ));
        Ok(())
    }

    /// Reviews of the clusters.
    async fn review(
        &self,
        cast: &Cast,
        first: &Contributed,
        second: &Contributed,
    ) -> anyhow::Result<()> {
        let clusters = |contributed: &Contributed| contributed.settled.owners.len() as u32;
        for contributed in [first, second] {
            datanet::review(cast, &contributed.datanet, clusters(contributed)).await?;
        }
        for contributed in [first, second] {
            datanet::finish_reviews(cast, &contributed.datanet, clusters(contributed)).await?;
        }
        self.progress.say("all clusters reviewed and accepted: their form is right, their worth is to be measured".to_owned());
        Ok(())
    }

    async fn register_derived(
        &self,
        cast: &Cast,
        further: &Prepared,
        base: &BaseFile,
        second: &Contributed,
        parent: u64,
    ) -> anyhow::Result<u64> {
        let lineage = Lineage {
            base,
            datanet: &second.datanet,
            set: further.service.set().id,
            parent: Some((parent, PARENT_BPS)),
        };
        adapters::register(&cast.derived_developer, &further.file, lineage).await
    }

    async fn inference(
        &self,
        cast: &Cast,
        first: Contributed,
        served: Served,
    ) -> anyhow::Result<Outcome> {
        let worker = self.directory.join("worker");
        let derived_worker = self.directory.join("derived-worker");
        let serving = Serving::begin(
            &cast.worker,
            served.adapter,
            served.service.clone(),
            &worker,
        )
        .await?;
        let derived = Serving::begin(
            &cast.derived_worker,
            served.derived,
            served.derived_service.clone(),
            &derived_worker,
        )
        .await?;
        let directories: Vec<_> = (0..cast.payers.len())
            .map(|number| self.directory.join(format!("payer-{number}")))
            .collect();
        let opened = cast.payers.iter().zip(&directories);
        let opened = opened.map(|(payer, directory)| serving.open(payer, directory));
        let derived_payer = self.directory.join("derived-payer");
        let (mut payers, opened) = try_join(
            try_join_all(opened),
            derived.open(&cast.council, &derived_payer),
        )
        .await?;
        let mut derived_payers = vec![opened];
        let mut watcher = epochs::watch(self.binary, self.chain)?;
        let verifier = self.verifier()?;
        let mut record = Record::default();
        // A fresh epoch, so that all of its time is there.
        let current = inference::current_epoch(&self.node).await?;
        inference::close_epoch(&cast.council, current).await?;
        for number in 0..EPOCHS {
            let asked = requests(self.world, Field::First, number);
            let more: Vec<Request> = requests(self.world, Field::Second, number)
                .into_iter()
                .step_by(DERIVED_PART)
                .collect();
            try_join(
                serving.serve(&mut payers, &asked),
                derived.serve(&mut derived_payers, &more),
            )
            .await?;
            inference::await_room(&self.node).await?;
            try_join(
                serving.settle(payers.len()),
                derived.settle(derived_payers.len()),
            )
            .await?;
            record.calls += asked.len() + more.len();
            record.asked.extend(asked);
            self.progress.say(format!(
                "{} calls paid by vouchers and settled",
                record.calls
            ));
            let epoch = inference::recorded(&self.node, served.adapter).await?;
            let derived_epoch = inference::recorded(&self.node, served.derived).await?;
            inference::close_epoch(&cast.council, epoch.max(derived_epoch)).await?;
            record
                .keys
                .extend([(epoch, served.adapter), (derived_epoch, served.derived)]);
            record.epochs.push(epoch);
            let directories = epochs::directories(&[&serving.calls, &derived.calls])?;
            let closed = [epoch, derived_epoch];
            epochs::seeds(&self.node, &closed, &mut watcher).await?;
            let (honest, more) = try_join(
                epochs::draft(&self.node, (epoch, served.adapter), &directories),
                epochs::draft(&self.node, (derived_epoch, served.derived), &directories),
            )
            .await?;
            let mut sender = cast.proposer.sender();
            if number == 0 {
                let target = first
                    .settled
                    .owners
                    .iter()
                    .position(|owner| *owner == FLOODER);
                let target = target.context("the flooder has a cluster")? as u32;
                let mut liar = cast.liar.sender();
                let (by, _) = try_join(
                    epochs::lie(&mut liar, &honest, target, &mut watcher),
                    more.send(&mut sender),
                )
                .await?;
                record.refuted_by = cast.name(by);
                self.progress.say(format!(
                    "epoch {epoch}: a proposal that gives all to {} was refuted by the {}",
                    crate::world::name(FLOODER),
                    record.refuted_by
                ));
            } else {
                more.send(&mut sender).await?;
            }
            honest.send(&mut sender).await?;
            self.progress
                .say(format!("epoch {epoch}: honest proposals for both adapters"));
            record.drafts.push(honest);
        }
        epochs::paid(&self.node, &record.keys, &mut watcher).await?;
        watcher.stop().await?;
        self.progress.say("all epochs paid".to_owned());
        let claims = epochs::claim(cast).await?;
        let total: U256 = claims.iter().map(|(_, amount)| *amount).sum();
        self.progress.say(format!(
            "claims: {} OPEN",
            openledger_client::decimal(total)
        ));
        record.prompts(&serving.calls, &payers)?;
        let mut outcome = self.outcome(cast, &served, record).await?;
        let mut by_name: BTreeMap<String, U256> = BTreeMap::new();
        for (address, amount) in claims.into_iter().filter(|(_, amount)| !amount.is_zero()) {
            *by_name.entry(cast.name(address)).or_default() += amount;
        }
        outcome.claims = by_name.into_iter().collect();
        self.verify(verifier, &mut outcome).await?;
        (outcome.contributions, outcome.settled) = (first.contributions, first.settled);
        Ok(outcome)
    }

    /// A verifier that has nothing but L1 and the chain's files.
    fn verifier(&self) -> anyhow::Result<(Process, String)> {
        let l1 = self
            .local
            .l1_url
            .as_deref()
            .context("the chain has an L1")?;
        let data = self.directory.join("verifier");
        let (port, privileged) = (free_port()?, free_port()?);
        let arguments = [
            "verifier",
            "--l1.rpc-url",
            l1,
            "--l1.beacon-url",
            l1,
            "--chain",
            self.chain,
            "--data-dir",
            path_text(&data)?,
            "--http.port",
            &port,
            "--privileged.port",
            &privileged,
        ];
        let process = self.binary.start("verifier", &arguments)?;
        Ok((process, format!("http://127.0.0.1:{port}")))
    }

    /// Waits until the verifier has what the chain has, and computes all payouts again from what it says.
    async fn verify(
        &self,
        (mut verifier, url): (Process, String),
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let (number, hash) = outcome.last_block;
        let chain_id = self.local.chain_id;
        let same = async || {
            let Ok(node) = Node::connect(&url, Some(chain_id)).await else {
                return anyhow::Ok(None);
            };
            let header = node.header(BlockNumberOrTag::Number(number)).await?;
            anyhow::Ok(header.map(|header| header.hash))
        };
        let derived = verifier
            .until(
                "the verifier has derived the chain from L1",
                FOLLOW_TIMEOUT,
                same,
            )
            .await?;
        ensure!(
            derived == hash,
            "the verifier derived block {number} {derived} from L1, the chain has {hash}"
        );
        outcome.verifier_hash = derived;
        self.progress.say(format!(
            "a verifier derived block {number} {derived} from L1 alone"
        ));
        let printed = epochs::verify(self.binary, &url).await?;
        outcome.verified = printed.lines().last().unwrap_or_default().to_owned();
        self.progress.say(format!(
            "epoch verify, asking the verifier: {}",
            outcome.verified
        ));
        verifier.stop().await
    }

    /// What the chain paid, by its events.
    async fn outcome(
        &self,
        cast: &Cast,
        served: &Served,
        record: Record,
    ) -> anyhow::Result<Outcome> {
        let (mut paid, mut derived_paid) = (vec![0u128; CONTRIBUTORS], vec![0u128; CONTRIBUTORS]);
        let all: Vec<EpochSettlement::ClusterPaid> =
            epochs::events(&self.node, EPOCH_SETTLEMENT).await?;
        for event in all {
            let who = cast
                .contributor(event.owner)
                .with_context(|| format!("{} is no contributor", event.owner))?;
            let sums = if event.adapter == served.adapter {
                &mut paid
            } else {
                &mut derived_paid
            };
            sums[who] += event.paid.saturating_to::<u128>();
        }
        let royalties: Vec<EpochSettlement::RoyaltyPaid> =
            epochs::events(&self.node, EPOCH_SETTLEMENT).await?;
        let to_parent = royalties
            .iter()
            .filter(|paid| (paid.adapter, paid.id) == (served.derived, served.adapter));
        let parent_royalty: U256 = to_parent.map(|paid| paid.amount).sum();
        let mut pools = Vec::new();
        for epoch in &record.epochs {
            let call = EpochSettlement::settlementOfCall {
                epoch: *epoch,
                adapter: served.adapter,
            };
            let settled = self.node.ask(EPOCH_SETTLEMENT, call).await?;
            pools.push(settled.pool);
        }
        let results = record
            .drafts
            .iter()
            .filter_map(|draft| draft.results.first().cloned());
        let results = results.collect();
        let head = self.node.head().await?;
        Ok(Outcome {
            paid,
            derived_paid,
            parent_royalty: parent_royalty.saturating_to(),
            results,
            drawn: record.drawn()?,
            sketches: record.sketches(),
            set_seed: served.service.seed(),
            pools,
            contributions: Vec::new(),
            settled: Settled::default(),
            claims: Vec::new(),
            calls: record.calls,
            refuted_by: record.refuted_by.clone(),
            verified: String::new(),
            settlements: record.keys.len(),
            last_block: (head, self.node.block_hash(head).await?),
            verifier_hash: B256::ZERO,
        })
    }
}

/// The adapters in service.
struct Served {
    adapter: u64,
    derived: u64,
    service: Arc<Service>,
    derived_service: Arc<Service>,
}

/// What happened in the epochs.
#[derive(Debug, Default)]
struct Record {
    /// Epochs of the first adapter.
    epochs: Vec<u64>,
    /// Of both.
    keys: Vec<Key>,
    drafts: Vec<Draft>,
    asked: Vec<Request>,
    by_id: BTreeMap<B256, Request>,
    calls: usize,
    refuted_by: String,
}

impl Record {
    /// Finds which request each of the worker's calls was.
    fn prompts(&mut self, calls: &Path, payers: &[Payer]) -> anyhow::Result<()> {
        let channels: Vec<B256> = payers.iter().map(|payer| payer.id).collect();
        self.by_id = inference::prompts(calls, &channels, &self.asked)?;
        Ok(())
    }

    /// The requests that were drawn, by epoch.
    fn drawn(&self) -> anyhow::Result<Vec<Vec<Request>>> {
        let requests = |draft: &Draft| {
            let shown = draft.scores.draws.iter().filter(|draw| draw.is_shown());
            let found = shown.map(|draw| {
                let request = self.by_id.get(&draw.request_id).copied();
                request.with_context(|| format!("nobody asked for {}", draw.request_id))
            });
            found.collect::<anyhow::Result<Vec<_>>>()
        };
        self.drafts.iter().map(requests).collect()
    }

    /// Their sketches.
    fn sketches(&self) -> Vec<Vec<Vec<u8>>> {
        let sketches = |draft: &Draft| {
            let shown = draft.scores.draws.iter();
            shown
                .filter_map(|draw| Some(draw.sketches.first()?.to_vec()))
                .collect()
        };
        self.drafts.iter().map(sketches).collect()
    }
}
