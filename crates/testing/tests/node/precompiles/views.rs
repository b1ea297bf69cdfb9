//! What a node tells of such calls: traces, `eth_call` and `eth_estimateGas` agree with the receipts.

use super::{
    GAS_LIMIT, Workload, flat_traces,
    relay::{self, Scheme, Step},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolError};
use anyhow::{Context as _, Result};
use openledger_precompiles::{
    CommonErrors, SKETCH, SPLIT, gas, sketch::IAttrSketch as Sketch, split::IAttrSplit as Split,
};
use openledger_rpc::{Namespace, RpcConfig, RpcContext, serve};
use openledger_testing::rpc::{Client, quantity};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio_util::sync::CancellationToken;

const SCORES: [i64; 4] = [9_000, 500, 499, 1];

fn split() -> Bytes {
    let call = Split::splitCall {
        total: U256::from(1_000),
        s: SCORES.to_vec(),
        minBps: 500,
        topK: 2,
    };
    call.abi_encode().into()
}

fn parts() -> Bytes {
    let parts = [947, 53, 0, 0].map(U256::from);
    Split::splitCall::abi_encode_returns(&parts.to_vec()).into()
}

/// What `split` takes, by the specification.
fn split_gas() -> u64 {
    gas::call(split().len() as u64) + 120 * SCORES.len() as u64
}

/// A contribution of a datanet of its own, so that each is the first of its space.
fn commit(datanet: u8) -> Bytes {
    let call = Sketch::commitContributionCall {
        datanet: B256::repeat_byte(datanet),
        h: B256::repeat_byte(1),
    };
    call.abi_encode().into()
}

fn unknown_set() -> Bytes {
    Sketch::sealCall { setId: 99 }.abi_encode().into()
}

/// A frame of the call tracer.
pub(super) struct Frame<'a>(pub(super) &'a Value);

impl Frame<'_> {
    #[track_caller]
    fn check(&self, kind: &str, to: Address, input: &Bytes, output: &[u8], error: Option<&str>) {
        let frame = self.0;
        assert_eq!(frame["type"], kind, "{frame}");
        assert_eq!(frame["to"], json!(to), "{frame}");
        assert_eq!(frame["input"], json!(input), "{frame}");
        let expected = if output.is_empty() {
            Value::Null
        } else {
            json!(Bytes::copy_from_slice(output))
        };
        assert_eq!(frame["output"], expected, "{frame}");
        assert_eq!(frame["error"].as_str(), error, "{frame}");
    }

    fn gas_used(&self) -> Result<u64> {
        quantity(&self.0["gasUsed"])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_calls_and_estimates_agree_with_the_receipts() -> Result<()> {
    let mut workload = Workload::start(7).await?;
    let sender = workload.fixture.wallets[4].address();
    let relay = workload.relay;
    let before = workload.fixture.chain.head().number;
    let steps = [
        Step::must(SPLIT, split()),
        Step::may(Scheme::Static, SKETCH, u64::MAX, 0, commit(9)),
        Step::may(Scheme::Delegate, SPLIT, u64::MAX, 0, split()),
        Step::may(Scheme::Call, SPLIT, u64::MAX, 1, split()),
        Step::may(Scheme::Call, SPLIT, split_gas() - 1, 0, split()),
        Step::may(Scheme::Call, SPLIT, split_gas(), 0, split()),
    ];
    let list = relay::calldata(&steps);
    let starved = 21_000 + 40 * commit(2).len() as u64 + 1;
    for (to, input, gas_limit, succeeds) in [
        (SPLIT, split(), GAS_LIMIT, true),
        (SKETCH, commit(1), GAS_LIMIT, true),
        (SKETCH, unknown_set(), GAS_LIMIT, false),
        (SKETCH, commit(2), starved, false),
        (relay, list.clone(), GAS_LIMIT, true),
    ] {
        workload
            .send(4, TxKind::Call(to), 0, input, gas_limit, succeeds)
            .await?;
    }
    let hashes = std::mem::take(&mut workload.hashes);
    workload.seal().await?;

    let shutdown = CancellationToken::new();
    let config = RpcConfig {
        http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        privileged: None,
        public_namespaces: Namespace::ALL.into(),
        settled: false,
        ..RpcConfig::default()
    };
    let context = RpcContext::new(workload.fixture.chain.clone(), "openledger/test".into());
    let server = serve(config, context, shutdown.clone()).await?;
    let mut client = Client::open(server.http).await?;

    let (mut frames, mut receipts) = (Vec::new(), Vec::new());
    for hash in &hashes {
        let tracer = json!([hash, {"tracer": "callTracer"}]);
        frames.push(client.call("debug_traceTransaction", tracer).await?);
        let receipt = client.call("eth_getTransactionReceipt", json!([hash]));
        receipts.push(receipt.await?);
    }
    for (frame, receipt) in frames.iter().zip(&receipts) {
        assert_eq!(frame["gasUsed"], receipt["gasUsed"]);
    }
    let (reverted, starved) = (Some("execution reverted"), Some("out of gas"));
    let [one, two, three, four, five] = &frames[..] else {
        anyhow::bail!("{} traces", frames.len())
    };
    let [one, two, three, four, five] = [one, two, three, four, five].map(Frame);
    one.check("CALL", SPLIT, &split(), &parts(), None);
    let id = Sketch::commitContributionCall::abi_decode_returns(&bytes(&two.0["output"])?)?;
    let space = openledger_precompiles::sketch::space(sender, B256::repeat_byte(1));
    assert_eq!(id, openledger_precompiles::sketch::commit_id(space, 0));
    two.check("CALL", SKETCH, &commit(1), id.as_slice(), None);
    let refusal = Sketch::UnknownSet { setId: 99 }.abi_encode();
    three.check("CALL", SKETCH, &unknown_set(), &refusal, reverted);
    four.check("CALL", SKETCH, &commit(2), &[], starved);

    let inner: Vec<Frame<'_>> = five.0["calls"]
        .as_array()
        .context("inner calls")?
        .iter()
        .map(Frame)
        .collect();
    assert_eq!(inner.len(), steps.len());
    inner[0].check("CALL", SPLIT, &split(), &parts(), None);
    assert_eq!(inner[0].gas_used()?, split_gas());
    let refusal = CommonErrors::StaticWrite {}.abi_encode();
    inner[1].check("STATICCALL", SKETCH, &commit(9), &refusal, reverted);
    assert_eq!(inner[1].gas_used()?, gas::call(commit(9).len() as u64));
    let refusal = CommonErrors::BadCallScheme {}.abi_encode();
    inner[2].check("DELEGATECALL", SPLIT, &split(), &refusal, reverted);
    assert_eq!(inner[2].gas_used()?, 0);
    let refusal = CommonErrors::NoValue {}.abi_encode();
    inner[3].check("CALL", SPLIT, &split(), &refusal, reverted);
    assert_eq!(inner[3].gas_used()?, 0);
    inner[4].check("CALL", SPLIT, &split(), &[], starved);
    assert_eq!(inner[4].gas_used()?, split_gas() - 1);
    inner[5].check("CALL", SPLIT, &split(), &parts(), None);

    let flat: Vec<Frame<'_>> = frames.iter().map(Frame).collect();
    flat_traces::agree(&mut client, &hashes, &flat).await?;

    // Calls on the state that the transactions met say what they did.
    let at = json!(format!("{before:#x}"));
    let request = |to: Address, input: &Bytes| json!({"from": sender, "to": to, "input": input});
    for (to, input, frame) in [(SPLIT, split(), &one), (SKETCH, commit(1), &two)] {
        let called = client
            .call("eth_call", json!([request(to, &input), at]))
            .await?;
        assert_eq!(called, frame.0["output"]);
    }
    for (to, input, frame) in [
        (SPLIT, split(), &one),
        (SKETCH, unknown_set(), &three),
        (relay, list, &five),
    ] {
        flat_traces::foretell(&mut client, request(to, &input), &at, frame).await?;
    }
    let refused = client
        .try_call("eth_call", json!([request(SKETCH, &unknown_set()), at]))
        .await?;
    assert_eq!(refused.map_err(|refusal| refusal.code), Err(3));

    // An estimate suffices, is hardly more than what is used, and what is used less one doesn't suffice.
    for (to, input, receipt) in [
        (SPLIT, split(), &receipts[0]),
        (SKETCH, commit(1), &receipts[1]),
    ] {
        let estimate = client.call("eth_estimateGas", json!([request(to, &input), at]));
        let estimate = quantity(&estimate.await?)?;
        let used = quantity(&receipt["gasUsed"])?;
        assert!(
            (used..=used + used / 50).contains(&estimate),
            "{estimate} for {used}"
        );
        for (gas_limit, suffices) in [(estimate, true), (used, true), (used - 1, false)] {
            let mut request = request(to, &input);
            request["gas"] = json!(format!("{gas_limit:#x}"));
            let called = client.try_call("eth_call", json!([request, at])).await?;
            assert_eq!(called.is_ok(), suffices, "{gas_limit} of {used}");
        }
    }
    let refused = client
        .try_call(
            "eth_estimateGas",
            json!([request(SKETCH, &unknown_set()), at]),
        )
        .await?;
    assert_eq!(refused.map_err(|refusal| refusal.code), Err(3));

    shutdown.cancel();
    server.ended().await?;
    workload.builder.stop()
}

fn bytes(value: &Value) -> Result<Bytes> {
    Ok(value.as_str().context("bytes")?.parse()?)
}
