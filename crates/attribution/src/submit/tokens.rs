//! `submit tokens`: an index's tokens are committed to, and its salt is drawn.

use super::{
    super::index::{Documents, drawn_salt},
    SubmissionArgs,
};
use alloy_primitives::B256;
use alloy_sol_types::SolCall;
use clap::Args;
use openledger_client::{Step, event};
use openledger_precompiles::{
    SPAN,
    sketch::{limits::SEED_DELAY, space},
    span::IAttrSpan,
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Flags of `openledger attribution submit tokens`.
#[derive(Debug, Clone, Args)]
pub(super) struct TokensArgs {
    /// The documents, as `index` takes them
    #[arg(value_name = "LIST")]
    list: PathBuf,
    /// The datanet: the index is about its space, of which the account is the registry
    #[arg(long, value_name = "BYTES32", required_unless_present = "subject")]
    datanet: Option<B256>,
    /// The space that the index is about, if it is another registry's
    #[arg(long, value_name = "BYTES32", conflicts_with = "datanet")]
    subject: Option<B256>,
    #[command(flatten)]
    account: SubmissionArgs,
}

/// Runs the command.
pub(super) async fn run(args: TokensArgs) -> anyhow::Result<ExitCode> {
    let list = args.list.clone();
    let (token_root, documents, tokens) = tokio::task::spawn_blocking(move || {
        let documents = Documents::read(&list)?;
        anyhow::Ok((documents.token_root(), documents.len(), documents.tokens()))
    })
    .await??;
    let subject = match (args.subject, args.datanet) {
        (Some(subject), _) => subject,
        (None, datanet) => space(args.account.address()?, datanet.unwrap_or_default()),
    };
    let commit = IAttrSpan::commitTokensCall {
        datanet: subject,
        tokenRoot: token_root,
    }
    .abi_encode();
    let mut sender = args.account.open("tokens", &commit).await?;
    let receipt = sender.send(Step::new("commit", SPAN, commit)).await?;
    let id = event::<IAttrSpan::TokensCommitted>(&receipt)?.id;
    eprintln!(
        "{documents} documents with {tokens} tokens are committed as index {id} in block {}",
        receipt.block()
    );
    let (first, last) = (
        receipt.block() + SEED_DELAY.0,
        receipt.block() + SEED_DELAY.1,
    );
    sender.await_block(first, "its salt is drawn").await?;
    let (salt, _) = drawn_salt(sender.node(), id).await?;
    if args.account.json {
        let result = json!({
            "indexId": id,
            "subject": subject,
            "tokenRoot": token_root,
            "salt": salt.to_string(),
            "openFrom": first,
            "openTo": last,
        });
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        println!("index {id}, salt {salt}, to be opened in blocks {first} to {last}");
    }
    Ok(ExitCode::SUCCESS)
}
