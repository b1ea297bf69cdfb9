use crate::fixture::{BURNER, COUNTER, GAS_TELLER, Node, READER, REVERTER, TOPIC, quantity};
use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::{Value, json};

fn word(value: u64) -> Value {
    json!(B256::from(U256::from(value)))
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_return_revert_and_halt() {
    let node = Node::start().await;
    assert_eq!(
        node.call("eth_call", json!([{"to": READER}])).await,
        word(100)
    );
    assert_eq!(
        node.call("eth_call", json!([{"to": READER}, "latest"]))
            .await,
        word(100)
    );
    let reverted = node.fail("eth_call", json!([{"to": REVERTER}])).await;
    assert_eq!(reverted["code"], 3);
    assert_eq!(reverted["message"], "execution reverted: no");
    assert!(reverted["data"].as_str().unwrap().starts_with("0x08c379a0"));
    let starved = node
        .fail("eth_call", json!([{"to": BURNER, "gas": "0x186a0"}]))
        .await;
    assert_eq!(
        (starved["code"].clone(), starved["message"].clone()),
        (json!(-32000), json!("out of gas"))
    );
    // A call changes nothing.
    assert_eq!(
        node.call("eth_call", json!([{"to": COUNTER}])).await,
        word(1)
    );
    assert_eq!(
        node.call("eth_call", json!([{"to": COUNTER}])).await,
        word(1)
    );
    let poor = json!([{"from": Address::repeat_byte(9), "to": COUNTER, "value": "0x1"}]);
    let error = node.fail("eth_call", poor).await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("insufficient funds"),
        "{error}"
    );
    let other = node
        .fail("eth_call", json!([{"to": COUNTER, "chainId": "0x1"}]))
        .await;
    assert_eq!(other["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_see_the_block_that_is_named() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    let at = async |id: Value| node.call("eth_call", json!([{"to": COUNTER}, id])).await;
    assert_eq!(at(json!("pending")).await, word(2));
    assert_eq!(at(json!("latest")).await, word(1));
    node.mine().await;
    node.send(COUNTER, 0).await;
    node.mine().await;
    assert_eq!(at(json!("latest")).await, word(3));
    assert_eq!(at(json!("0x1")).await, word(2));
    assert_eq!(at(json!({"blockNumber": "0x0"})).await, word(1));
    let block = node
        .call("eth_getBlockByNumber", json!(["0x1", false]))
        .await;
    assert_eq!(
        at(json!({"blockHash": block["hash"], "requireCanonical": true})).await,
        word(2)
    );
    for tag in ["earliest", "safe", "finalized"] {
        assert_eq!(at(json!(tag)).await, word(1), "{tag}");
    }
    let unknown = node
        .fail("eth_call", json!([{"to": COUNTER}, "0xff"]))
        .await;
    assert_eq!(unknown["code"], -32001);
    let unknown = json!([{"to": COUNTER}, {"blockHash": B256::repeat_byte(1)}]);
    assert_eq!(node.fail("eth_call", unknown).await["code"], -32001);
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_are_seen_by_the_call_alone() {
    let node = Node::start().await;
    let call = async |state: Value, block: Value| {
        node.call("eth_call", json!([{"to": READER}, "latest", state, block]))
            .await
    };
    let slot = B256::ZERO.to_string();
    let with = |field: &str| json!({READER.to_string(): {field: {&slot: word(7)}}});
    assert_eq!(call(with("stateDiff"), Value::Null).await, word(7));
    assert_eq!(call(with("state"), Value::Null).await, word(7));
    assert_eq!(
        call(json!({READER.to_string(): {"state": {}}}), Value::Null).await,
        word(0)
    );
    // NUMBER PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
    let code = json!({READER.to_string(): {"code": "0x435f5260205ff3"}});
    assert_eq!(call(code, json!({"number": "0x539"})).await, word(1337));
    let rich = Address::repeat_byte(5);
    let funded = json!([{"from": rich, "to": COUNTER, "value": "0x5"}, "latest", {rich.to_string(): {"balance": "0x5"}}]);
    assert_eq!(node.call("eth_call", funded).await, word(1));
    assert_eq!(call(Value::Null, Value::Null).await, word(100));
    // The identity precompile answers from another address.
    let moved = Address::repeat_byte(0x44);
    let identity = Address::with_last_byte(4);
    let params = json!([
        {"to": moved, "input": "0x1234"},
        "latest",
        {identity.to_string(): {"movePrecompileToAddress": moved}}
    ]);
    assert_eq!(node.call("eth_call", params).await, "0x1234");
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_suffice_and_hardly_exceed() {
    let node = Node::start().await;
    let sender = node.signers[0].address();
    let estimate =
        async |request: Value| quantity(&node.call("eth_estimateGas", json!([request])).await);
    assert_eq!(
        estimate(json!({"from": sender, "to": Address::repeat_byte(3), "value": "0x1"})).await,
        21_000
    );
    let gas = estimate(json!({"from": sender, "to": COUNTER})).await;
    let receipt = node.send(COUNTER, 0).await;
    let used = quantity(&receipt["gasUsed"]);
    assert!(
        gas >= used && gas <= used + used / 10,
        "estimated {gas}, used {used}"
    );
    let reverted = node
        .fail("eth_estimateGas", json!([{"to": REVERTER}]))
        .await;
    assert_eq!(
        (reverted["code"].clone(), reverted["message"].clone()),
        (json!(3), json!("execution reverted: no"))
    );
    let endless = node.fail("eth_estimateGas", json!([{"to": BURNER}])).await;
    assert!(
        endless["message"]
            .as_str()
            .unwrap()
            .contains("gas required exceeds allowance")
    );
    // Who can't pay is told how much of it is the L1 fee.
    let poor = json!([{"from": Address::repeat_byte(9), "to": COUNTER, "gasPrice": "0x3b9aca00"}]);
    let error = node.fail("eth_estimateGas", poor).await;
    let text = error["message"].as_str().unwrap();
    assert!(
        text.contains("insufficient funds for gas * price + value"),
        "{text}"
    );
    assert!(text.contains("L1 fee "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_lists_name_what_is_touched() {
    let node = Node::start().await;
    let list = node
        .call("eth_createAccessList", json!([{"to": READER}]))
        .await;
    assert_eq!(
        list["accessList"],
        json!([{"address": READER, "storageKeys": [B256::ZERO]}])
    );
    assert!(quantity(&list["gasUsed"]) > 21_000);
    let failed = node
        .call("eth_createAccessList", json!([{"to": REVERTER}]))
        .await;
    assert_eq!(failed["error"], "execution reverted: no");
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_of_calls_share_their_state() {
    let node = Node::start().await;
    let calls = json!([{"to": COUNTER}, {"to": REVERTER}, {"to": COUNTER}]);
    let results = node
        .call(
            "eth_callMany",
            json!([[{"transactions": calls}], {"blockNumber": "latest"}]),
        )
        .await;
    assert_eq!(results[0][0]["value"], word(1));
    assert_eq!(results[0][1]["error"]["code"], 3);
    assert_eq!(results[0][2]["value"], word(2));
    assert_eq!(
        node.call("eth_call", json!([{"to": COUNTER}])).await,
        word(1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn simulations_build_blocks_upon_each_other() {
    let node = Node::start().await;
    let rich = Address::repeat_byte(0xcc);
    let payload = json!({
        "blockStateCalls": [
            {
                "stateOverrides": {rich.to_string(): {"balance": "0xde0b6b3a7640000"}},
                "calls": [{"from": rich, "to": COUNTER}, {"from": rich, "to": REVERTER}]
            },
            {
                "blockOverrides": {"baseFeePerGas": "0x9", "number": "0x5"},
                "calls": [{"from": rich, "to": Address::repeat_byte(1), "value": "0x5"}, {"to": COUNTER}]
            }
        ],
        "traceTransfers": true,
        "returnFullTransactions": true
    });
    let blocks = node
        .call("eth_simulateV1", json!([payload, "latest"]))
        .await;
    let blocks = blocks.as_array().unwrap();
    // Blocks 2 to 4 fill the gap.
    let numbers: Vec<u64> = blocks
        .iter()
        .map(|block| quantity(&block["number"]))
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    for pair in blocks.windows(2) {
        assert_eq!(pair[1]["parentHash"], pair[0]["hash"]);
        assert!(quantity(&pair[1]["timestamp"]) > quantity(&pair[0]["timestamp"]));
    }
    let first = &blocks[0]["calls"];
    assert_eq!(
        (first[0]["status"].clone(), first[0]["returnData"].clone()),
        (json!("0x1"), word(1))
    );
    assert_eq!(first[0]["logs"][0]["topics"], json!([TOPIC]));
    assert_eq!(first[0]["logs"][0]["blockHash"], blocks[0]["hash"]);
    assert_eq!(
        (
            first[1]["status"].clone(),
            first[1]["error"]["code"].clone()
        ),
        (json!("0x0"), json!(3))
    );
    let last = &blocks[4];
    assert_eq!(last["baseFeePerGas"], "0x9");
    let transfer = &last["calls"][0]["logs"][0];
    assert_eq!(
        transfer["address"],
        "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
    );
    assert_eq!(transfer["data"], word(5));
    assert_eq!(last["calls"][1]["returnData"], word(2));
    assert_eq!(last["transactions"][0]["from"], json!(rich));
    // The state root is that of the simulated state.
    assert_ne!(blocks[0]["stateRoot"], blocks[4]["stateRoot"]);
    assert_ne!(blocks[0]["stateRoot"], json!(B256::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_state_root_is_the_one_that_sealing_gives() {
    let node = Node::start().await;
    node.mine().await;
    // Nothing but the system calls of an empty block, at the next block's time.
    let head = node
        .call("eth_getBlockByNumber", json!(["latest", false]))
        .await;
    let proof = node
        .call("eth_getProof", json!([COUNTER, ["0x0"], "latest"]))
        .await;
    assert_eq!(
        json!(keccak256(
            alloy_primitives::hex::decode(proof["accountProof"][0].as_str().unwrap()).unwrap()
        )),
        head["stateRoot"]
    );
    let one = |calls: Value| json!([{"blockStateCalls": [{"calls": calls}]}, "latest"]);
    let empty = node.call("eth_simulateV1", one(json!([]))).await;
    let again = node.call("eth_simulateV1", one(json!([]))).await;
    assert_eq!(empty[0]["stateRoot"], again[0]["stateRoot"]);
    let changed = node
        .call("eth_simulateV1", one(json!([{"to": COUNTER}])))
        .await;
    assert_ne!(changed[0]["stateRoot"], empty[0]["stateRoot"]);
    assert_eq!(changed[0]["withdrawalsRoot"], head["withdrawalsRoot"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn simulations_refuse_what_can_not_be() {
    let node = Node::start().await;
    let sender = node.signers[0].address();
    node.send(COUNTER, 0).await;
    node.mine().await;
    let code = async |payload: Value| {
        node.fail("eth_simulateV1", json!([payload, "latest"]))
            .await["code"]
            .as_i64()
            .unwrap()
    };
    let used = json!({"from": sender, "to": COUNTER, "nonce": "0x0"});
    assert_eq!(
        code(json!({"blockStateCalls": [{"calls": [used]}], "validation": true})).await,
        -38010
    );
    let numbers = json!([{"blockOverrides": {"number": "0xfffff0"}}, {"blockOverrides": {"number": "0xffff00"}}]);
    assert_eq!(code(json!({"blockStateCalls": numbers})).await, -38020);
    let times = json!([{"blockOverrides": {"time": "0xfffffff0"}}, {"blockOverrides": {"time": "0xffffff00"}}]);
    assert_eq!(code(json!({"blockStateCalls": times})).await, -38021);
    let poor = json!({"from": Address::repeat_byte(9), "to": COUNTER, "value": "0x1"});
    assert_eq!(
        code(json!({"blockStateCalls": [{"calls": [poor]}]})).await,
        -38014
    );
    assert_eq!(
        code(json!({"blockStateCalls": vec![json!({}); 257]})).await,
        -38026
    );
    let large = json!({"to": COUNTER, "gas": "0xfffffff"});
    assert_eq!(
        code(json!({"blockStateCalls": [{"calls": [large]}]})).await,
        -38015
    );
    assert_eq!(code(json!({})).await, -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_call_does_not_hold_up_others() {
    let node = Node::start().await;
    let slow = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": BURNER, "gas": "0xffffffffffff"}]});
    let slow: Vec<Value> = vec![slow; 12];
    let slow = node.post(json!(slow).to_string());
    let quick = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let started = std::time::Instant::now();
        for _ in 0..20 {
            node.call("eth_blockNumber", json!([])).await;
        }
        started.elapsed()
    };
    let ((_, text), elapsed) = tokio::join!(slow, quick);
    assert!(elapsed.as_millis() < 1_000, "{elapsed:?}");
    let answers: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| answer["error"]["message"] == "out of gas"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_filled_in() {
    let node = Node::start().await;
    let sender = node.signers[0].address();
    let filled = node
        .call(
            "eth_fillTransaction",
            json!([{"from": sender, "to": COUNTER}]),
        )
        .await;
    let tx = &filled["tx"];
    assert_eq!(
        (tx["type"].clone(), tx["nonce"].clone()),
        (json!("0x2"), json!("0x0"))
    );
    assert_eq!(quantity(&tx["chainId"]), crate::fixture::CHAIN_ID);
    assert!(quantity(&tx["gas"]) > 21_000 && quantity(&tx["maxFeePerGas"]) > 0);
    assert!(tx.get("blockHash").is_none());
    assert!(filled["raw"].as_str().unwrap().starts_with("0x02"));
}

#[tokio::test(flavor = "multi_thread")]
async fn fees() {
    let node = Node::start().await;
    for _ in 0..4 {
        node.send(COUNTER, 0).await;
        node.mine().await;
    }
    let tip = quantity(&node.call("eth_maxPriorityFeePerGas", json!([])).await);
    let base_fee = quantity(&node.call("eth_baseFee", json!([])).await);
    assert_eq!(
        quantity(&node.call("eth_gasPrice", json!([])).await),
        tip + base_fee
    );
    assert_eq!(node.call("eth_blobBaseFee", json!([])).await, "0x1");
    let history = node
        .call("eth_feeHistory", json!(["0x3", "latest", [0, 50.5, 100]]))
        .await;
    assert_eq!(history["oldestBlock"], "0x2");
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 4);
    assert_eq!(history["gasUsedRatio"].as_array().unwrap().len(), 3);
    assert_eq!(history["reward"], json!(vec![vec!["0x3b9aca00"; 3]; 3]));
    let block = node
        .call("eth_getBlockByNumber", json!(["0x3", false]))
        .await;
    assert_eq!(history["baseFeePerGas"][1], block["baseFeePerGas"]);
    assert_eq!(quantity(&history["baseFeePerGas"][3]), base_fee);
    let all = node
        .call("eth_feeHistory", json!([2_000, "0x2", null]))
        .await;
    assert_eq!(
        (all["oldestBlock"].clone(), all.get("reward")),
        (json!("0x0"), None)
    );
    for percentiles in [
        json!([50, 10]),
        json!([101]),
        json!([-1]),
        json!(["50"]),
        json!(vec![1; 101]),
    ] {
        let error = node
            .fail("eth_feeHistory", json!(["0x1", "latest", percentiles]))
            .await;
        assert_eq!(error["code"], -32602);
        assert!(error["message"].as_str().unwrap().contains("percentile"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn short_calls_answer_what_long_ones_do() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    // With overrides, even empty ones, a call takes the way over the workers.
    let long =
        async |request: &Value, id: &str| node.answer("eth_call", json!([request, id, {}])).await;
    // PUSH2 loops JUMPDEST … JUMPI: more steps than a short call may take, few enough to end.
    let looping = "0x61ffff5b600190038060035700";
    let code = json!({GAS_TELLER.to_string(): {"code": looping}});
    let pairing = Address::with_last_byte(8);
    let identity = Address::with_last_byte(4);
    for request in [
        json!({"to": READER}),
        json!({"to": COUNTER}),
        json!({"to": REVERTER}),
        json!({"to": GAS_TELLER}),
        json!({"to": GAS_TELLER, "gas": "0x186a0"}),
        json!({"to": GAS_TELLER, "gas": "0x5207"}),
        json!({"to": BURNER, "gas": "0x186a0"}),
        json!({"to": identity, "input": "0x0102"}),
        json!({"to": pairing}),
        json!({"to": Address::repeat_byte(1)}),
        json!({"input": "0x5f5ff3"}),
        json!({"to": COUNTER, "value": "0xffffffffffffffffffffffffffffff"}),
        json!({"from": node.signers[0].address(), "to": COUNTER, "gasPrice": "0x3b9aca00"}),
    ] {
        for id in ["latest", "pending"] {
            let short = node.answer("eth_call", json!([request, id])).await;
            assert_eq!(short, long(&request, id).await, "{request} {id}");
        }
    }
    assert_eq!(
        node.call("eth_call", json!([{"to": GAS_TELLER}, "latest", code]))
            .await,
        "0x"
    );
    // The head's accounts and slots are remembered no longer than it is the head.
    assert_eq!(
        node.call("eth_call", json!([{"to": COUNTER}])).await,
        word(1)
    );
    node.mine().await;
    assert_eq!(
        node.call("eth_call", json!([{"to": COUNTER}])).await,
        word(2)
    );
    node.call(
        "anvil_setStorageAt",
        json!([READER, "0x0", B256::with_last_byte(9)]),
    )
    .await;
    assert_eq!(
        node.call("eth_call", json!([{"to": READER}])).await,
        word(9)
    );
}
