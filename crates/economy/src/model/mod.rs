//! `openledger model`: a model from its proposal to its retirement.

mod command;
mod stage;
mod status;

pub use command::ModelArgs;
pub use stage::Stage;

pub(crate) use command::run;

use crate::{
    contracts::{
        DatanetRegistry, ModelRegistry,
        model_registry::{
            ILoraRegistry::Base,
            IModelRegistry::{Model, Proposal},
        },
    },
    parameter::parameter,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolValue;
use anyhow::ensure;
use openledger_client::{Node, Sender, Step, event};
use openledger_precompiles::lora::ILoraRegistry;
use openledger_primitives::predeploys::{DATANET_REGISTRY, MODEL_REGISTRY};

/// Proposes a model with the stake that the parameter asks for. Answers its number.
///
/// # Errors
/// What the registry refuses.
pub async fn propose(sender: &mut Sender, proposal: Proposal, uri: &str) -> anyhow::Result<U256> {
    let stake = parameter(sender.node(), MODEL_REGISTRY, "stake").await?;
    let call = ModelRegistry::proposeCall {
        proposal,
        uri: uri.to_owned(),
    };
    let step = Step::call("propose the model", MODEL_REGISTRY, &call).paying(stake);
    let receipt = sender.send(step).await?;
    Ok(event::<ModelRegistry::ModelProposed>(&receipt)?.model)
}

/// Approves or denies a proposal, as the council. (`ParamTimelock` decides by a vote.)
///
/// # Errors
/// What the registry refuses.
pub async fn decide(sender: &mut Sender, model: U256, approved: bool) -> anyhow::Result<()> {
    let call = ModelRegistry::decideCall { model, approved };
    let step = Step::call("decide", MODEL_REGISTRY, &call);
    sender.send(step).await.map(drop)
}

/// How many accepted clusters a model's Datanets have.
///
/// # Errors
/// A node that doesn't answer.
pub async fn gathered(node: &Node, proposal: &Proposal) -> anyhow::Result<u64> {
    let mut clusters = 0u64;
    for datanet in &proposal.datanets {
        let call = DatanetRegistry::acceptedClustersCall { datanet: *datanet };
        let accepted = node.ask(DATANET_REGISTRY, call).await?;
        clusters = clusters.saturating_add(u64::from(accepted));
    }
    Ok(clusters)
}

/// Ends the gathering of data, as its proposer.
///
/// # Errors
/// What the registry refuses, such as too few clusters.
pub async fn begin_tuning(sender: &mut Sender, model: U256) -> anyhow::Result<()> {
    let call = ModelRegistry::beginTuningCall { model };
    let step = Step::call("begin the tuning", MODEL_REGISTRY, &call);
    sender.send(step).await.map(drop)
}

/// Ends the tuning, as its proposer: registers the base and opens the feedback. Answers the base's number.
///
/// # Errors
/// What the registry refuses, such as a base of another architecture; LORA being paused, by which the deadline moves.
pub async fn submit_artefact(
    sender: &mut Sender,
    model: U256,
    artefact: B256,
    base: &ILoraRegistry::Base,
    uri: &str,
) -> anyhow::Result<u64> {
    let call = ModelRegistry::submitArtefactCall {
        model,
        artefact,
        // The same type, in the registry's bindings.
        base: Base::abi_decode(&base.abi_encode())?,
        uri: uri.to_owned(),
    };
    let step = Step::call("submit the artefact", MODEL_REGISTRY, &call);
    sender.send(step).await?;
    let base = model_at(sender.node(), model).await?.base;
    ensure!(
        base != 0,
        "LORA is paused: the deadline for tuning moved behind the pause; submit the artefact again then"
    );
    Ok(base)
}

/// Gives feedback in the sender's own name.
///
/// # Errors
/// What the registry refuses, such as no gOPEN at the snapshot.
pub async fn give_feedback(sender: &mut Sender, model: U256, score: u8) -> anyhow::Result<()> {
    let voter = sender.account();
    bring_feedback(sender, model, voter, score, Bytes::new()).await
}

/// Brings a voter's signed feedback.
///
/// # Errors
/// What the registry refuses, such as another's signature.
pub async fn bring_feedback(
    sender: &mut Sender,
    model: U256,
    voter: Address,
    score: u8,
    signature: Bytes,
) -> anyhow::Result<()> {
    let call = ModelRegistry::giveFeedbackCall {
        model,
        voter,
        score,
        signature,
    };
    let step = Step::call("give feedback", MODEL_REGISTRY, &call);
    sender.send(step).await.map(drop)
}

/// What a voter signs, so that somebody else may bring it.
///
/// # Errors
/// A node that doesn't answer.
pub async fn sign_feedback(
    node: &Node,
    key: &PrivateKeySigner,
    model: U256,
    score: u8,
) -> anyhow::Result<Bytes> {
    let call = ModelRegistry::hashFeedbackCall { model, score };
    let hash = node.ask(MODEL_REGISTRY, call).await?;
    Ok(key.sign_hash_sync(&hash)?.as_bytes().to_vec().into())
}

/// Ends a stage whose deadline is over: feedback comes to its outcome, anything before it expires. Answers the stage
/// that the model is in then.
///
/// # Errors
/// A stage without a deadline; what the registry refuses.
pub async fn finish(sender: &mut Sender, model: U256) -> anyhow::Result<Stage> {
    let found = model_at(sender.node(), model).await?;
    let stage = Stage::try_from(found.stage)?;
    ensure!(
        stage.has_deadline(),
        "model {model} is {stage}: it has no deadline"
    );
    let step = if stage == Stage::Feedback {
        let call = ModelRegistry::concludeCall { model };
        Step::call("conclude the feedback", MODEL_REGISTRY, &call)
    } else {
        let call = ModelRegistry::expireCall { model };
        Step::call("end the stage", MODEL_REGISTRY, &call)
    };
    sender.send(step).await?;
    Stage::try_from(model_at(sender.node(), model).await?.stage)
}

/// Retires a live model, as its proposer.
///
/// # Errors
/// What the registry refuses.
pub async fn retire(sender: &mut Sender, model: U256) -> anyhow::Result<()> {
    let call = ModelRegistry::retireCall { model };
    let step = Step::call("retire the model", MODEL_REGISTRY, &call);
    sender.send(step).await.map(drop)
}

/// A model; one that there isn't is in stage [`Stage::None`].
///
/// # Errors
/// A node that doesn't answer.
pub async fn model_at(node: &Node, model: U256) -> anyhow::Result<Model> {
    node.ask(MODEL_REGISTRY, ModelRegistry::modelAtCall { model })
        .await
}
