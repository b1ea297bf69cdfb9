//! Traces in OpenEthereum's form say of calls to the precompiles what go-ethereum's call tracer says.

use super::views::Frame;
use alloy_primitives::B256;
use anyhow::{Context as _, Result};
use openledger_testing::rpc::Client;
use serde_json::{Value, json};

/// A flat trace without its gas limit, which depends on who asks, and without where it stands on the chain.
#[derive(Debug, PartialEq)]
struct FlatTrace {
    address: Vec<u64>,
    kind: String,
    from: Value,
    to: Value,
    input: Value,
    subtraces: usize,
    fails: bool,
    /// Gas used and output; none of a call that took all of its gas.
    result: Option<(Value, Value)>,
}

impl FlatTrace {
    fn read(trace: &Value) -> Result<Self> {
        let address = trace["traceAddress"].as_array().context("an address")?;
        let action = &trace["action"];
        let result = trace["result"].as_object();
        Ok(Self {
            address: address.iter().filter_map(Value::as_u64).collect(),
            kind: action["callType"].as_str().context("a kind")?.to_owned(),
            from: action["from"].clone(),
            to: action["to"].clone(),
            input: action["input"].clone(),
            subtraces: trace["subtraces"].as_u64().context("a number")? as usize,
            fails: trace["error"].is_string(),
            result: result.map(|result| (result["gasUsed"].clone(), result["output"].clone())),
        })
    }

    /// Of an answer's traces, in their order.
    fn read_all<'a>(traces: impl IntoIterator<Item = &'a Value>) -> Result<Vec<Self>> {
        traces.into_iter().map(Self::read).collect()
    }
}

/// The traces that a call tracer's frame stands for.
fn flatten(frame: &Value, address: &[u64], traces: &mut Vec<FlatTrace>) -> Result<()> {
    let none = Vec::new();
    let inner = frame["calls"].as_array().unwrap_or(&none);
    let error = frame["error"].as_str();
    let output = frame.get("output").cloned().unwrap_or_else(|| json!("0x"));
    // A refusal has a result, running out of gas hasn't.
    let has_result = matches!(error, None | Some("execution reverted"));
    traces.push(FlatTrace {
        address: address.to_vec(),
        kind: frame["type"].as_str().context("a kind")?.to_lowercase(),
        from: frame["from"].clone(),
        to: frame["to"].clone(),
        input: frame["input"].clone(),
        subtraces: inner.len(),
        fails: error.is_some(),
        result: has_result.then(|| (frame["gasUsed"].clone(), output)),
    });
    for (index, inner) in (0..).zip(inner) {
        flatten(inner, &[address, &[index]].concat(), traces)?;
    }
    Ok(())
}

fn list(answer: &Value) -> Result<&Vec<Value>> {
    answer.as_array().context("a list of traces")
}

/// Recipients and inputs of the calls within a call tracer's frame, in their order.
fn calls_of(frame: &Value) -> Vec<(&Value, &Value)> {
    let inner = frame["calls"].as_array().into_iter().flatten();
    inner
        .flat_map(|call| [vec![(&call["to"], &call["input"])], calls_of(call)].concat())
        .collect()
}

/// Every method that answers flat traces, against the frames of the transactions `hashes`.
pub(super) async fn agree(
    client: &mut Client,
    hashes: &[B256],
    frames: &[Frame<'_>],
) -> Result<()> {
    let mut all = Vec::new();
    for (hash, frame) in hashes.iter().zip(frames) {
        let mut expected = Vec::new();
        flatten(frame.0, &[], &mut expected)?;
        let answer = client.call("trace_transaction", json!([hash])).await?;
        let localized = list(&answer)?;
        assert_eq!(FlatTrace::read_all(localized)?, expected);
        for trace in localized {
            assert_eq!(trace["transactionHash"], json!(hash));
            let address: Vec<String> = list(&trace["traceAddress"])?
                .iter()
                .map(|index| format!("{:#x}", index.as_u64().unwrap_or(u64::MAX)))
                .collect();
            let one = client.call("trace_get", json!([hash, address])).await?;
            assert_eq!(one, *trace);
        }
        let replayed = client.call("trace_replayTransaction", json!([hash, ["trace"]]));
        assert_eq!(
            FlatTrace::read_all(list(&replayed.await?["trace"])?)?,
            expected
        );
        let tracer = json!([hash, {"tracer": "flatCallTracer"}]);
        let flat = client.call("debug_traceTransaction", tracer).await?;
        assert_eq!(FlatTrace::read_all(list(&flat)?)?, expected);
        // As a part among others it says the same, and so do they.
        let parts = json!({"flatCallTracer": {}, "callTracer": {}});
        let mux = json!([hash, {"tracer": "muxTracer", "tracerConfig": parts}]);
        let mux = client.call("debug_traceTransaction", mux).await?;
        assert_eq!(
            FlatTrace::read_all(list(&mux["flatCallTracer"])?)?,
            expected
        );
        assert_eq!(calls_of(&mux["callTracer"]), calls_of(frame.0));
        all.extend(localized.iter().cloned());
    }
    let block = &all.first().context("traces")?["blockNumber"];
    let block = json!(format!("{:#x}", block.as_u64().context("a number")?));
    let is_theirs = |trace: &&Value| {
        hashes
            .iter()
            .any(|hash| trace["transactionHash"] == json!(hash))
    };
    let answer = client.call("trace_block", json!([block])).await?;
    let of_block: Vec<&Value> = list(&answer)?.iter().filter(is_theirs).collect();
    assert_eq!(of_block, all.iter().collect::<Vec<_>>());
    let filter = json!([{"fromBlock": block, "toBlock": block}]);
    let answer = client.call("trace_filter", filter).await?;
    let filtered: Vec<&Value> = list(&answer)?.iter().filter(is_theirs).collect();
    assert_eq!(filtered, all.iter().collect::<Vec<_>>());
    let answer = client.call("trace_replayBlockTransactions", json!([block, ["trace"]]));
    let answer = answer.await?;
    let replayed: Vec<&Value> = list(&answer)?.iter().filter(is_theirs).collect();
    assert_eq!(replayed.len(), hashes.len());
    let replayed: Vec<&Value> = replayed
        .into_iter()
        .map(|transaction| list(&transaction["trace"]))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(FlatTrace::read_all(replayed)?, FlatTrace::read_all(&all)?);
    Ok(())
}

/// Traces of a call that isn't sent say of the calls within it what the transaction's frame says.
pub(super) async fn foretell(
    client: &mut Client,
    request: Value,
    at: &Value,
    frame: &Frame<'_>,
) -> Result<()> {
    let mut expected = Vec::new();
    flatten(frame.0, &[], &mut expected)?;
    let called = client
        .call("trace_call", json!([request, ["trace"], at]))
        .await?;
    let traces = FlatTrace::read_all(list(&called["trace"])?)?;
    assert_eq!(traces.len(), expected.len());
    // What the transaction costs itself is in the whole's gas of one alone.
    assert_eq!(traces[1..], expected[1..]);
    assert_eq!(
        traces[0].result.as_ref().map(|result| &result.1),
        expected[0].result.as_ref().map(|result| &result.1)
    );
    for (tracer, within) in [("callTracer", "/calls"), ("flatCallTracer", "")] {
        let options = json!({"tracer": tracer});
        let called = client
            .call("debug_traceCall", json!([request, at, options]))
            .await?;
        let found = called.pointer(within).and_then(Value::as_array);
        let none = Vec::new();
        match tracer {
            "callTracer" => {
                let frames = frame.0["calls"].as_array().unwrap_or(&none);
                let found = found.unwrap_or(&none);
                assert_eq!(found.len(), frames.len());
                for (found, frame) in found.iter().zip(frames) {
                    for member in ["type", "from", "to", "input", "output", "error", "gasUsed"] {
                        assert_eq!(found[member], frame[member], "{member}");
                    }
                }
            }
            _ => {
                let flat = FlatTrace::read_all(found.context("a list")?)?;
                assert_eq!(flat[1..], expected[1..]);
            }
        }
    }
    Ok(())
}
