//! The data of a proposal or of a payment: in the transaction, wherever in it.
//!
//! Mostly the transaction is the call of `EpochSettlement` itself. It may be a contract's, which makes the call
//! in turn with data that stands nowhere in the transaction as such. The settlement logs the scores of such a
//! proposal, so that nobody hides a wrong one from those who would challenge it. It doesn't log results that are
//! paid, which follow from the scores unless they are wrong: for wrong ones that a contract paid by a node is asked to run the
//! transaction again (`debug_traceTransaction`).

use crate::epoch::scores::SetResult;
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::SolCall;
use anyhow::Context;
use clap::Args;
use openledger_client::{Node, NodeArgs};
use openledger_contracts::EpochSettlement::{ProposalData, finalizeCall, improveCall, proposeCall};
use openledger_primitives::predeploys::EPOCH_SETTLEMENT;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use std::collections::BTreeSet;

/// Which node runs transactions again.
#[derive(Debug, Clone, Default, Args)]
pub struct TraceArgs {
    /// JSON-RPC with debug_traceTransaction, which a node serves on its privileged listener: needed only where a contract paid by a wrong
    /// result that nobody had challenged [default: what --chain says, else the node itself]
    #[arg(
        long,
        env = "OPENLEDGER_TRACE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub trace_url: Option<String>,
}

impl TraceArgs {
    /// Connects to it, if it is another than the node.
    ///
    /// # Errors
    /// If it doesn't answer, or is another chain's.
    pub async fn connect(&self, args: &NodeArgs, node: &Node) -> anyhow::Result<Node> {
        let local = args.local()?.and_then(|local| local.privileged_url);
        match self.trace_url.as_ref().or(local.as_ref()) {
            Some(url) => Node::connect(url, Some(node.chain_id()))
                .await
                .context("--trace-url"),
            None => Ok(node.clone()),
        }
    }
}

/// What is asked of a transaction.
#[derive(Debug, Deserialize)]
struct Transaction {
    /// None where a contract is created.
    to: Option<Address>,
    input: Bytes,
}

/// The scores with this hash that a transaction proposed: in its input, or, where anything but an account without code proposes, logged.
///
/// # Errors
/// A node that doesn't have the transaction, or whose transaction and receipt don't have the scores.
pub async fn proposed_scores(node: &Node, transaction: B256, hash: B256) -> anyhow::Result<Bytes> {
    let receipt = node.receipt(transaction).await?;
    let logs = receipt.iter().flat_map(|receipt| &receipt.logs);
    let logged = logs
        .filter(|log| log.address() == EPOCH_SETTLEMENT)
        .filter_map(|log| log.log_decode::<ProposalData>().ok())
        .map(|log| log.inner.data.scores)
        .find(|scores| keccak256(scores) == hash);
    if let Some(scores) = logged {
        return Ok(scores);
    }
    let input = read(node, transaction).await?.input;
    let scores = proposed(&input).filter(|scores| keccak256(scores) == hash);
    scores.map(Bytes::copy_from_slice).with_context(|| {
        format!(
            "neither transaction {transaction} nor its events have the scores with hash {hash}: the node leaves something out, ask another \
             one"
        )
    })
}

/// The result with this hash that one of these transactions paid by, if one did. `trace` is asked only if none has it in its input, and only
/// to run those again that call something else than the settlement.
///
/// # Errors
/// A node that doesn't have a transaction; `trace` not running one again where that is needed.
pub async fn paid_result(
    node: &Node,
    trace: &Node,
    transactions: &BTreeSet<B256>,
    hash: B256,
) -> anyhow::Result<Option<SetResult>> {
    let pick = |input: &[u8]| {
        let given = finalizeCall::abi_decode(input).ok()?.result;
        let result = SetResult {
            clusters: given.clusters,
            sums: given.sums,
            shares: given.shares,
        };
        // Whom the calls are for doesn't matter: hashes tell.
        (result.hash() == hash).then_some(result)
    };
    let mut indirect = Vec::new();
    for transaction in transactions {
        let found = read(node, *transaction).await?;
        if let Some(result) = pick(&found.input) {
            return Ok(Some(result));
        }
        if found.to != Some(EPOCH_SETTLEMENT) {
            indirect.push(*transaction);
        }
    }
    for transaction in indirect {
        let options = json!({ "tracer": "callTracer" });
        let calls: Box<RawValue> = trace
            .request("debug_traceTransaction", (transaction, options))
            .await
            .with_context(|| {
                format!(
                    "a contract made the calls of {transaction}, which paid by a wrong result: what that is shows only where the \
                     transaction is run again (debug_traceTransaction): name a node's privileged listener by --trace-url"
                )
            })?;
        if let Some(result) = inputs(calls.get()).find_map(|input| pick(&input)) {
            return Ok(Some(result));
        }
    }
    Ok(None)
}

/// A transaction, as the node has it.
async fn read(node: &Node, transaction: B256) -> anyhow::Result<Transaction> {
    let found: Option<Transaction> = node
        .request("eth_getTransactionByHash", [transaction])
        .await?;
    found.with_context(|| format!("the node has no transaction {transaction}"))
}

/// The inputs of all calls, in the text of what `callTracer` answers. Not parsed as what it is: calls can be within each
/// other deeper than a parser of JSON goes, and then would hide.
fn inputs(text: &str) -> impl Iterator<Item = Vec<u8>> {
    const NAME: &str = "\"input\"";
    text.match_indices(NAME).filter_map(|(at, _)| {
        let value = text.get(at + NAME.len()..)?.trim_start();
        let value = value.strip_prefix(':')?.trim_start();
        let (value, _) = value.strip_prefix('"')?.split_once('"')?;
        hex::decode(value).ok()
    })
}

/// The new scores in the input of `propose` or `improve`, found as the contract finds them, in whatever order and with whatever
/// else the arguments stand there.
pub(in crate::epoch) fn proposed(input: &[u8]) -> Option<&[u8]> {
    let (selector, arguments) = input.split_first_chunk::<4>()?;
    let place = match *selector {
        proposeCall::SELECTOR => 2,
        improveCall::SELECTOR => 3,
        _ => return None,
    };
    let word = |at: usize| -> Option<usize> {
        let word = arguments.get(at..at.checked_add(32)?)?;
        usize::try_from(U256::from_be_slice(word)).ok()
    };
    let offset = word(place * 32)?;
    let length = word(offset)?;
    let start = offset.checked_add(32)?;
    arguments.get(start..start.checked_add(length)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_propose_are_read() {
        let (scores, results) = (Bytes::from(vec![1; 40]), vec![B256::repeat_byte(7)]);
        let propose = proposeCall {
            epoch: 3,
            adapter: 4,
            scores: scores.clone(),
            results: results.clone(),
        }
        .abi_encode();
        assert_eq!(proposed(&propose), Some(scores.as_ref()));
        let improve = improveCall {
            epoch: 3,
            adapter: 4,
            old: Bytes::from(vec![2; 7]),
            better: scores.clone(),
            results,
        }
        .abi_encode();
        assert_eq!(proposed(&improve), Some(scores.as_ref()));
        // What follows, and how the last word is filled, doesn't matter to the contract either.
        let whole = [&propose[..], &[9; 100]].concat();
        assert_eq!(proposed(&whole), Some(scores.as_ref()));
        for cut in 0..propose.len() {
            let found = proposed(&propose[..cut]);
            assert!(found.is_none() || found == Some(&scores[..]), "{cut}");
        }
        let mut far = propose;
        far[4 + 2 * 32..4 + 3 * 32].fill(0xff);
        assert_eq!(proposed(&far), None);
        assert_eq!(proposed(&[]), None);
    }

    #[test]
    fn inputs_are_found_however_deep_they_are() {
        let mut text = r#"{"input" : "0x0102"}"#.to_owned();
        for _ in 0..1_024 {
            text = format!(r#"{{"input":"0x00","to":"0x11","calls":[{text}]}}"#);
        }
        let found: Vec<Vec<u8>> = inputs(&text).collect();
        assert_eq!(found.len(), 1_025);
        assert_eq!(found.last(), Some(&vec![1, 2]));
        assert_eq!(inputs(r#"{"input":"#).count(), 0);
        assert_eq!(inputs(r#"{"input":"zz"}"#).count(), 0);
    }
}
