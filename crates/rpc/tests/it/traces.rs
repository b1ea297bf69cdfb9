use crate::fixture::{BURNER, COUNTER, Node, READER, REVERTER, config, quantity};
use alloy_primitives::{B256, U256, hex, keccak256};
use openledger_rpc::{Limits, RpcConfig};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_traced_on_the_state_that_they_met() {
    let node = Node::start().await;
    // Two in one block: the second's trace needs the first's effect.
    node.send(COUNTER, 0).await;
    let second = node.send(COUNTER, 0).await;
    let hash = second["transactionHash"].clone();
    let open = node
        .call(
            "debug_traceTransaction",
            json!([hash, {"tracer": "callTracer"}]),
        )
        .await;
    node.mine().await;
    let frame = node
        .call(
            "debug_traceTransaction",
            json!([hash, {"tracer": "callTracer", "tracerConfig": {"withLog": true}}]),
        )
        .await;
    assert_eq!(frame["type"], "CALL");
    assert_eq!(frame["to"], json!(COUNTER));
    assert_eq!(frame["gasUsed"], second["gasUsed"]);
    assert_eq!(frame["output"], json!(B256::from(U256::from(2))));
    assert_eq!(frame["logs"].as_array().unwrap().len(), 1);
    assert_eq!(
        open["output"], frame["output"],
        "the open block's transactions are traced, too"
    );

    let state = node
        .call(
            "debug_traceTransaction",
            json!([hash, {"tracer": "prestateTracer"}]),
        )
        .await;
    assert_eq!(
        state[COUNTER.to_string().to_lowercase()]["storage"][B256::ZERO.to_string()],
        json!(B256::with_last_byte(1))
    );
    let diff = node
        .call(
            "debug_traceTransaction",
            json!([hash, {"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}}]),
        )
        .await;
    let counter = COUNTER.to_string().to_lowercase();
    assert_eq!(
        diff["post"][&counter]["storage"][B256::ZERO.to_string()],
        json!(B256::with_last_byte(2))
    );
    let sender = node.signers[0].address().to_string().to_lowercase();
    assert_eq!(
        (
            diff["pre"][&sender]["nonce"].clone(),
            diff["post"][&sender]["nonce"].clone()
        ),
        (json!(1), json!(2))
    );

    let steps = node
        .call(
            "debug_traceTransaction",
            json!([hash, {"disableStorage": true}]),
        )
        .await;
    assert_eq!(steps["failed"], false);
    assert_eq!(steps["gas"].as_u64().unwrap(), quantity(&second["gasUsed"]));
    let ops: Vec<&str> = steps["structLogs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["op"].as_str().unwrap())
        .collect();
    assert!(ops.contains(&"SSTORE") && ops.last() == Some(&"RETURN"));
    for tracer in ["4byteTracer", "noopTracer"] {
        assert_eq!(
            node.call("debug_traceTransaction", json!([hash, {"tracer": tracer}]))
                .await,
            json!({})
        );
    }
    let flat = node
        .call(
            "debug_traceTransaction",
            json!([hash, {"tracer": "flatCallTracer"}]),
        )
        .await;
    assert_eq!(flat[0]["transactionHash"], hash);
    let unknown = node
        .fail("debug_traceTransaction", json!([B256::ZERO]))
        .await;
    assert_eq!(unknown["code"], -32000);
    let tracer = node
        .fail(
            "debug_traceTransaction",
            json!([hash, {"tracer": "function() {}"}]),
        )
        .await;
    assert_eq!(tracer["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_blocks_and_calls_are_traced() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    node.mine().await;
    let options = json!({"tracer": "callTracer"});
    let traces = node
        .call("debug_traceBlockByNumber", json!(["0x1", options]))
        .await;
    let block = node
        .call("eth_getBlockByNumber", json!(["0x1", false]))
        .await;
    let hashes: Vec<Value> = traces
        .as_array()
        .unwrap()
        .iter()
        .map(|trace| trace["txHash"].clone())
        .collect();
    assert_eq!(json!(hashes), block["transactions"]);
    assert_eq!(
        node.call("debug_traceBlockByHash", json!([block["hash"], options]))
            .await,
        traces
    );
    assert_eq!(
        node.call("debug_traceBlockByNumber", json!(["earliest", options]))
            .await,
        json!([])
    );
    let frame = node
        .call(
            "debug_traceCall",
            json!([{"to": READER}, "latest", options]),
        )
        .await;
    assert_eq!(frame["output"], json!(B256::from(U256::from(100))));
    let slot = B256::ZERO.to_string();
    let overridden = json!({"tracer": "callTracer", "stateOverrides": {READER.to_string(): {"stateDiff": {slot: B256::with_last_byte(9)}}}});
    let frame = node
        .call(
            "debug_traceCall",
            json!([{"to": READER}, "latest", overridden]),
        )
        .await;
    assert_eq!(frame["output"], json!(B256::with_last_byte(9)));
    let reverted = node
        .call(
            "debug_traceCall",
            json!([{"to": REVERTER}, "latest", options]),
        )
        .await;
    assert_eq!(reverted["revertReason"], "no");
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_bounded() {
    let limits = Limits {
        trace_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let node = Node::with(RpcConfig { limits, ..config() }).await;
    let large = node
        .fail("debug_traceCall", json!([{"to": BURNER}, "latest", {}]))
        .await;
    assert_eq!(large["code"], -32005);
    assert!(
        large["message"]
            .as_str()
            .unwrap()
            .contains("trace_bytes_max"),
        "{large}"
    );
    let limits = Limits {
        trace_timeout: std::time::Duration::from_millis(50),
        call_gas_max: u64::MAX,
        ..Limits::default()
    };
    let node = Node::with(RpcConfig { limits, ..config() }).await;
    let started = std::time::Instant::now();
    let endless =
        json!([{"to": BURNER, "gas": "0xfffffffffffff"}, "latest", {"tracer": "callTracer"}]);
    let slow = node.fail("debug_traceCall", endless).await;
    assert_eq!(slow["code"], -32002);
    assert!(slow["message"].as_str().unwrap().contains("trace_timeout"));
    assert!(started.elapsed().as_secs() < 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_holds_what_the_block_needs() {
    let node = Node::start().await;
    node.mine().await;
    node.send(COUNTER, 0).await;
    node.mine().await;
    let parent = node
        .call("eth_getBlockByNumber", json!(["0x1", false]))
        .await;
    let witness = node.call("debug_executionWitness", json!(["0x2"])).await;
    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let list = |name: &str| -> Vec<Vec<u8>> {
        witness[name]
            .as_array()
            .unwrap()
            .iter()
            .map(bytes)
            .collect()
    };
    let root: B256 = parent["stateRoot"].as_str().unwrap().parse().unwrap();
    assert!(list("state").iter().any(|node| keccak256(node) == root));
    let code = bytes(&node.call("eth_getCode", json!([COUNTER])).await);
    assert!(list("codes").contains(&code));
    assert!(list("keys").contains(&COUNTER.to_vec()));
    let hash: B256 = parent["hash"].as_str().unwrap().parse().unwrap();
    assert_eq!(keccak256(list("headers").last().unwrap()), hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_in_openethereums_form() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    let second = node.send(COUNTER, 5).await;
    node.mine().await;
    let hash = second["transactionHash"].clone();
    let traces = node.call("trace_transaction", json!([hash])).await;
    assert_eq!(traces.as_array().unwrap().len(), 1);
    let trace = &traces[0];
    assert_eq!(
        (trace["type"].clone(), trace["blockNumber"].clone()),
        (json!("call"), json!(1))
    );
    assert_eq!(
        (
            trace["action"]["to"].clone(),
            trace["action"]["value"].clone()
        ),
        (json!(COUNTER), json!("0x5"))
    );
    assert_eq!(trace["result"]["output"], json!(B256::from(U256::from(2))));
    assert_eq!(trace["transactionPosition"], 2);
    assert_eq!(node.call("trace_get", json!([hash, []])).await, *trace);
    assert_eq!(
        node.call("trace_get", json!([hash, ["0x0"]])).await,
        Value::Null
    );
    assert_eq!(
        node.call("trace_transaction", json!([B256::ZERO])).await,
        Value::Null
    );

    let block = node.call("trace_block", json!(["0x1"])).await;
    assert_eq!(block.as_array().unwrap().len(), 3);
    assert_eq!(block[2], *trace);
    let found = node
        .call(
            "trace_filter",
            json!([{"fromBlock": "0x0", "toAddress": [COUNTER]}]),
        )
        .await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    let one = json!([{"fromBlock": "0x0", "toAddress": [COUNTER], "after": 1, "count": 1}]);
    assert_eq!(node.call("trace_filter", one).await, json!([trace]));
    let wide = node
        .fail(
            "trace_filter",
            json!([{"fromBlock": "0x0", "toBlock": "0xffff"}]),
        )
        .await;
    assert_eq!(wide["code"], -32005);

    let call = node
        .call("trace_call", json!([{"to": READER}, ["trace"]]))
        .await;
    assert_eq!(call["output"], json!(B256::from(U256::from(100))));
    assert_eq!(
        (call["vmTrace"].clone(), call["stateDiff"].clone()),
        (Value::Null, Value::Null)
    );
    let all = node
        .call(
            "trace_replayTransaction",
            json!([hash, ["trace", "vmTrace", "stateDiff"]]),
        )
        .await;
    let counter = COUNTER.to_string().to_lowercase();
    let slot = &all["stateDiff"][&counter]["storage"][B256::ZERO.to_string()]["*"];
    assert_eq!(
        (slot["from"].clone(), slot["to"].clone()),
        (
            json!(B256::with_last_byte(1)),
            json!(B256::with_last_byte(2))
        )
    );
    assert!(!all["vmTrace"]["ops"].as_array().unwrap().is_empty());
    let replayed = node
        .call("trace_replayBlockTransactions", json!(["0x1", ["trace"]]))
        .await;
    assert_eq!(replayed[2]["transactionHash"], hash);
    let types = node
        .fail("trace_call", json!([{"to": READER}, ["everything"]]))
        .await;
    assert_eq!(types["code"], -32602);
}
