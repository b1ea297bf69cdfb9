//! The life of the model: proposed, approved, gathered, tuned, judged, live.

use super::{
    actor::Actor,
    cast::Cast,
    datanet::{Datanet, LICENCE, await_time},
};
use crate::network::{MODULES, PREFIX, SIZES};
use alloy_primitives::{B256, Bytes, U256, keccak256, uint};
use alloy_sol_types::SolCall;
use anyhow::{Context, ensure};
use openledger_attribution::submit::adapter::AdapterFile;
use openledger_client::event;
use openledger_contracts::{
    ModelRegistry,
    model_registry::{
        ILoraRegistry::{Base, Module},
        IModelRegistry::Proposal,
    },
};
use openledger_economy::governance::{self, Support, Timelock};
use openledger_primitives::predeploys::MODEL_REGISTRY;

/// A proposal's stake, as the local chain's parameters have it.
const STAKE: U256 = uint!(10_000_000_000_000_000_000_U256);
/// What the council wraps to vote on the model, and to weigh its feedback.
const VOTES: U256 = uint!(1_000_000_000_000_000_000_000_U256);
/// Seconds for gathering, tuning and feedback.
const GATHER_SECONDS: u32 = 600;
const TUNE_SECONDS: u32 = 600;
const FEEDBACK_SECONDS: u32 = 3;
/// Accepted clusters that the model asks for.
const CLUSTERS_MIN: u32 = 10;
/// What the council finds of it, of 100.
const FEEDBACK: u8 = 90;
/// What the registry calls a live model.
const LIVE: u8 = 5;

/// What names the architecture.
fn architecture() -> B256 {
    keccak256(format!("mlp {SIZES:?}"))
}

/// Proposes the model, and has governance vote for it: with gOPEN, by which feedback is weighed later as well.
pub(crate) async fn propose(cast: &Cast, datanets: &[Datanet]) -> anyhow::Result<U256> {
    let node = cast.council.node();
    let mut council = cast.council.sender();
    governance::wrap(&mut council, VOTES, cast.council.address()).await?;
    // A proposer's votes are those of the second before.
    await_time(node, node.time().await? + 1).await?;
    let call = ModelRegistry::proposeCall {
        proposal: Proposal {
            purpose: keccak256("tells diseases of crops apart"),
            architecture: architecture(),
            base: keccak256("demo base"),
            useCase: keccak256("advice to farmers"),
            datanets: datanets.iter().map(|datanet| datanet.number).collect(),
            clusters: CLUSTERS_MIN,
            gatherSeconds: GATHER_SECONDS,
            tuneSeconds: TUNE_SECONDS,
            feedbackSeconds: FEEDBACK_SECONDS,
        },
        uri: "demo:model".to_owned(),
    };
    let receipt = cast
        .model_developer
        .pay(MODEL_REGISTRY, &call, STAKE)
        .await?;
    let model = event::<ModelRegistry::ModelProposed>(&receipt)?.model;
    let decision = ModelRegistry::decideCall {
        model,
        approved: true,
    };
    let id = governance::propose(
        &mut council,
        Timelock::Parameters,
        MODEL_REGISTRY,
        decision.abi_encode().into(),
        "the model that tells diseases of crops apart",
    )
    .await?;
    let proposed = governance::proposal(node, id).await?;
    await_time(node, proposed.vote_start + 1).await?;
    governance::vote(&mut council, id, Support::For, "it is of use").await?;
    await_time(node, proposed.vote_end + 1).await?;
    governance::queue(&mut council, &proposed).await?;
    let ready = governance::ready_at(node, &proposed).await?;
    await_time(node, ready.context("the decision is scheduled")?).await?;
    governance::execute(&mut council, &proposed).await?;
    Ok(model)
}

/// Hands in the tuned model's base; answers its number in the registry of adapters.
pub(crate) async fn tune(
    developer: &Actor,
    model: U256,
    file: &AdapterFile,
) -> anyhow::Result<u64> {
    let begin = ModelRegistry::beginTuningCall { model };
    developer.call(MODEL_REGISTRY, &begin).await?;
    let declared = file.base("demo base", b"", 1, LICENCE);
    let modules = declared.modules.into_iter().map(|module| Module {
        path: module.path,
        inDim: module.inDim,
        outDim: module.outDim,
    });
    let modules: Vec<_> = modules.collect();
    ensure!(
        modules.len() == MODULES.len() && declared.namePrefix.as_ref() == PREFIX.as_bytes(),
        "the adapter's file doesn't name the model's matrices"
    );
    let call = ModelRegistry::submitArtefactCall {
        model,
        artefact: keccak256(&file.header),
        base: Base {
            nameHash: declared.nameHash,
            configHash: architecture(),
            namePrefix: declared.namePrefix,
            layers: declared.layers,
            modules,
            licence: LICENCE,
            absBps: 0,
        },
        uri: "demo:artefact".to_owned(),
    };
    let receipt = developer.call(MODEL_REGISTRY, &call).await?;
    Ok(event::<ModelRegistry::ArtefactSubmitted>(&receipt)?.base)
}

/// Feedback, and its conclusion: the model is live.
pub(crate) async fn conclude(cast: &Cast, model: U256) -> anyhow::Result<()> {
    let node = cast.council.node();
    let feedback = ModelRegistry::giveFeedbackCall {
        model,
        voter: cast.council.address(),
        score: FEEDBACK,
        signature: Bytes::new(),
    };
    cast.council.call(MODEL_REGISTRY, &feedback).await?;
    let asked = ModelRegistry::modelAtCall { model };
    let open = alloy_eips::BlockNumberOrTag::Pending;
    let found = node.ask_at(MODEL_REGISTRY, asked.clone(), open).await?;
    await_time(node, found.until.to::<u64>() + 1).await?;
    cast.model_developer
        .call(MODEL_REGISTRY, &ModelRegistry::concludeCall { model })
        .await?;
    let found = node.ask_at(MODEL_REGISTRY, asked, open).await?;
    ensure!(
        found.stage == LIVE,
        "the model is in stage {} and not live",
        found.stage
    );
    Ok(())
}
