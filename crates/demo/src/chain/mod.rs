//! The demonstration on a chain: a fresh local one with its L1, and everybody who takes part.
//!
//! Start reading at [`run`]. Each part has a file: [`contributions`] with [`datanet`], [`model`], [`adapters`], [`served`] with
//! [`inference`] and [`epochs`], [`verifier`], [`outcome`].

mod actor;
mod adapters;
mod cast;
mod contributions;
mod datanet;
mod epochs;
mod inference;
mod model;
mod outcome;
mod process;
mod served;
mod verifier;

pub(crate) use outcome::Outcome;
pub(crate) use process::Binary;

use crate::{progress::Progress, world::World};
use adapters::Lineage;
use alloy_primitives::{U256, uint};
use anyhow::Context;
use cast::Cast;
use contributions::{Contributed, Prepared};
use datanet::Datanet;
use futures::future::{try_join, try_join_all, try_join3};
use openledger_attribution::submit::adapter::{AdapterFile, BaseFile};
use openledger_client::{LocalChain, Node};
use openledger_contracts::ValidatorStaking;
use openledger_economy::stake::Role;
use openledger_primitives::predeploys::VALIDATOR_STAKING;
use served::Served;
use std::{path::Path, time::Duration};

/// Longest that the chain may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest that all of it may take on the slowest machine: a chain that makes no more blocks is waited for no longer.
const PLAY_TIMEOUT: Duration = Duration::from_secs(1_200);
/// A validator's stake.
const VALIDATOR_STAKE: U256 = uint!(200_000_000_000_000_000_000_U256);
/// Part of the derived adapter's royalties that its parent gets, hundredths of a percent.
const PARENT_BPS: u16 = 2_000;

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

impl Play<'_> {
    async fn run(&self) -> anyhow::Result<Outcome> {
        let cast = Cast::new(&self.node, &self.local)?;
        let (first, second) = self.begin(&cast).await?;
        let datanets = [first, second];
        // The vote on the model and what the timelock takes pass while data is gathered.
        let gathering = async {
            let (first, second) = self.contribute(&cast, first, second).await?;
            let (trained, derived) = self.trained(&first, &second)?;
            let (prepared, further) = try_join(
                self.prepare(&cast.adapter_developer, &first, &trained, "first"),
                self.prepare(&cast.derived_developer, &second, &derived, "derived"),
            )
            .await?;
            self.progress.say(
                "models trained, sets opened, seeds drawn; waiting for the clusters".to_owned(),
            );
            self.settle(&cast, &first, &second).await?;
            // Rows name clusters that there are.
            try_join3(
                self.review(&cast, &first, &second),
                adapters::fill(&cast.adapter_developer, &prepared.service),
                adapters::fill(&cast.derived_developer, &further.service),
            )
            .await?;
            anyhow::Ok((first, second, prepared, further))
        };
        let (model, (first, second, prepared, further)) =
            try_join(model::propose(&cast, &datanets), gathering).await?;
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
                role: Role::Validator.number(),
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
}
