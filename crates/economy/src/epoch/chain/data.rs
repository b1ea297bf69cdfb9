//! The data of a proposal or of a payment: in the transaction, wherever in it.
//!
//! Mostly the transaction is the call of `EpochSettlement` itself. It may be a contract's, which makes the call
//! in turn with data that stands nowhere in the transaction as such. The settlement logs the scores of such a
//! proposal, so that nobody hides a wrong one from those who would challenge it. It doesn't log results that are
//! paid: for those of a contract a node is asked to run the transaction again (`debug_traceTransaction`).

use crate::epoch::scores::SetResult;
use alloy_primitives::{B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::SolCall;
use anyhow::Context;
use clap::Args;
use openledger_client::{Node, NodeArgs};
use openledger_contracts::EpochSettlement::{ProposalData, finalizeCall, improveCall, proposeCall};
use openledger_primitives::predeploys::EPOCH_SETTLEMENT;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

/// Which node runs transactions again.
#[derive(Debug, Clone, Default, Args)]
pub struct TraceArgs {
    /// JSON-RPC with debug_traceTransaction, which a node serves on its privileged listener: for payments that a contract
    /// made [default: what --chain says, else the node itself]
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
    input: Bytes,
}

/// The scores with this hash that a transaction proposed: logged, or in its input; else `trace` is asked to run it again.
///
/// # Errors
/// A node that doesn't have the transaction, or doesn't run it again where that is needed.
pub async fn proposed_scores(
    node: &Node,
    trace: &Node,
    transaction: B256,
    hash: B256,
) -> anyhow::Result<Bytes> {
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
    let pick = |input: &[u8]| {
        let scores = proposed(input)?;
        (keccak256(scores) == hash).then(|| Bytes::copy_from_slice(scores))
    };
    find_input(node, trace, transaction, pick)
        .await?
        .with_context(|| {
            format!("transaction {transaction} makes no proposal whose scores have hash {hash}")
        })
}

/// The result with this hash that a transaction paid by, if it did.
///
/// # Errors
/// As [`proposed_scores`].
pub async fn paid_result(
    node: &Node,
    trace: &Node,
    transaction: B256,
    hash: B256,
) -> anyhow::Result<Option<SetResult>> {
    let pick = |input: &[u8]| {
        let given = finalizeCall::abi_decode(input).ok()?.result;
        let result = SetResult {
            clusters: given.clusters,
            sums: given.sums,
            shares: given.shares,
        };
        (result.hash() == hash).then_some(result)
    };
    find_input(node, trace, transaction, pick).await
}

/// The first input of a call, the transaction's or one within it, that is what is looked for. Whom the calls are
/// for doesn't matter: hashes tell.
async fn find_input<T>(
    node: &Node,
    trace: &Node,
    transaction: B256,
    pick: impl Fn(&[u8]) -> Option<T>,
) -> anyhow::Result<Option<T>> {
    let found: Option<Transaction> = node
        .request("eth_getTransactionByHash", [transaction])
        .await?;
    let found = found.with_context(|| format!("the node has no transaction {transaction}"))?;
    if let Some(picked) = pick(&found.input) {
        return Ok(Some(picked));
    }
    let options = json!({ "tracer": "callTracer" });
    let calls: Box<RawValue> = trace
        .request("debug_traceTransaction", (transaction, options))
        .await
        .with_context(|| {
            format!(
                "a contract made the calls of {transaction}, whose data shows only where it is run again: name a \
                 node's privileged listener by --trace-url"
            )
        })?;
    Ok(inputs(calls.get()).find_map(|input| pick(&input)))
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
