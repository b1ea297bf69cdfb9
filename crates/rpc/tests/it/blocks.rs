use crate::fixture::{CHAIN_ID, COUNTER, Node, READER, quantity};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_names_itself() {
    let node = Node::start().await;
    assert_eq!(
        quantity(&node.call("eth_chainId", json!([])).await),
        CHAIN_ID
    );
    assert_eq!(
        node.call("net_version", json!([])).await,
        CHAIN_ID.to_string()
    );
    assert_eq!(
        node.call("web3_clientVersion", json!([])).await,
        "openledger/test"
    );
    assert_eq!(node.call("net_listening", json!([])).await, true);
    assert_eq!(node.call("net_peerCount", json!([])).await, "0x0");
    assert_eq!(node.call("eth_syncing", json!([])).await, false);
    assert_eq!(
        node.call("web3_sha3", json!(["0x68656c6c6f"])).await,
        json!(keccak256("hello"))
    );
    assert_eq!(node.call("rpc_modules", json!([])).await["eth"], "1.0");
    assert_eq!(
        node.call("eth_accounts", json!([]))
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let config = node.call("eth_config", json!([])).await;
    assert_eq!(quantity(&config["current"]["chainId"]), CHAIN_ID);
    assert_eq!(
        config["current"]["precompiles"]["ECREC"],
        json!(Address::with_last_byte(1))
    );
    assert_eq!(
        (config["next"].clone(), config["last"].clone()),
        (Value::Null, Value::Null)
    );
    let capabilities = node.call("eth_capabilities", json!([])).await;
    assert_eq!(capabilities["state"]["oldestBlock"], "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_headers_and_counts_agree() {
    let node = Node::start().await;
    node.send(COUNTER, 0).await;
    node.mine().await;
    let block = node
        .call("eth_getBlockByNumber", json!(["0x1", false]))
        .await;
    let hash = &block["hash"];
    assert_eq!(
        node.call("eth_getBlockByHash", json!([hash, false])).await,
        block
    );
    let header = node.call("eth_getHeaderByHash", json!([hash])).await;
    assert_eq!(
        node.call("eth_getHeaderByNumber", json!(["latest"])).await,
        header
    );
    for (field, value) in header.as_object().unwrap() {
        assert_eq!(value, &block[field], "{field}");
    }
    // The header's bytes hash to the hash, and the whole block's hold them.
    let raw = node.call("debug_getRawHeader", json!(["0x1"])).await;
    let raw = raw.as_str().unwrap();
    assert_eq!(*hash, json!(keccak256(hex::decode(raw).unwrap())));
    let whole = node.call("debug_getRawBlock", json!(["0x1"])).await;
    assert!(whole.as_str().unwrap().contains(&raw[2..]));
    assert_eq!(
        quantity(&block["size"]) as usize,
        whole.as_str().unwrap().len() / 2 - 1
    );
    assert_eq!(block["transactions"].as_array().unwrap().len(), 2);
    assert_eq!(
        (block["uncles"].clone(), block["withdrawals"].clone()),
        (json!([]), json!([]))
    );
    for (method, params) in [
        ("eth_getBlockTransactionCountByHash", json!([hash])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x1"])),
    ] {
        assert_eq!(node.call(method, params).await, "0x2");
    }
    assert_eq!(
        node.call("eth_getUncleCountByBlockHash", json!([hash]))
            .await,
        "0x0"
    );
    assert_eq!(
        node.call("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"]))
            .await,
        Value::Null
    );
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0xffff", false])),
        ("eth_getBlockByHash", json!([B256::repeat_byte(1), false])),
        ("eth_getHeaderByNumber", json!(["0xffff"])),
        ("eth_getBlockReceipts", json!(["0xffff"])),
        ("eth_getBlockTransactionCountByNumber", json!(["0xffff"])),
        ("eth_getUncleCountByBlockNumber", json!(["0xffff"])),
    ] {
        assert_eq!(node.call(method, params).await, Value::Null, "{method}");
    }
    let receipts = node.call("debug_getRawReceipts", json!(["0x1"])).await;
    assert!(receipts[0].as_str().unwrap().starts_with("0x7e"));
    assert!(receipts[1].as_str().unwrap().starts_with("0x02"));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_read_at_any_block() {
    let node = Node::start().await;
    let sender = node.signers[0].address();
    node.send(COUNTER, 3).await;
    node.mine().await;
    assert_eq!(node.call("eth_getBalance", json!([COUNTER])).await, "0x3");
    assert_eq!(
        node.call("eth_getBalance", json!([COUNTER, "earliest"]))
            .await,
        "0x0"
    );
    let code = node.call("eth_getCode", json!([COUNTER])).await;
    assert!(code.as_str().unwrap().starts_with("0x5f54"));
    assert_eq!(node.call("eth_getCode", json!([sender])).await, "0x");
    for slot in [json!("0x0"), json!("0x00"), json!(B256::ZERO)] {
        assert_eq!(
            node.call("eth_getStorageAt", json!([READER, slot])).await,
            json!(B256::from(U256::from(100)))
        );
    }
    let info = node.call("eth_getAccountInfo", json!([COUNTER])).await;
    assert_eq!(
        info,
        json!({"balance": "0x3", "nonce": "0x1", "code": code})
    );
    let account = node.call("eth_getAccount", json!([COUNTER])).await;
    let proof = node.call("eth_getProof", json!([COUNTER, []])).await;
    assert_eq!(account["storageRoot"], proof["storageHash"]);
    assert_eq!(
        account["codeHash"],
        json!(keccak256(hex::decode(code.as_str().unwrap()).unwrap()))
    );
    assert_eq!(
        node.call("eth_getAccount", json!([Address::repeat_byte(8)]))
            .await,
        Value::Null
    );
    let values = node
        .call(
            "eth_getStorageValues",
            json!([{READER.to_string(): ["0x0", "0x1"]}, "latest"]),
        )
        .await;
    let (_, values) = values.as_object().unwrap().iter().next().unwrap();
    assert_eq!(*values, json!([B256::from(U256::from(100)), B256::ZERO]));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_hold_at_old_blocks_too() {
    let node = Node::start().await;
    for _ in 0..3 {
        node.send(COUNTER, 0).await;
        node.mine().await;
    }
    for number in 0..=3_u64 {
        let tag = format!("{number:#x}");
        let block = node.call("eth_getBlockByNumber", json!([tag, false])).await;
        let proof = node
            .call("eth_getProof", json!([COUNTER, ["0x0", B256::ZERO], tag]))
            .await;
        verify(
            block["stateRoot"].as_str().unwrap(),
            keccak256(COUNTER),
            &proof["accountProof"],
        );
        assert_eq!(quantity(&proof["storageProof"][0]["value"]), number);
        assert_eq!(proof["storageProof"][0]["key"], "0x0");
        assert_eq!(proof["storageProof"][1]["key"], json!(B256::ZERO));
        verify(
            proof["storageHash"].as_str().unwrap(),
            keccak256(B256::ZERO),
            &proof["storageProof"][0]["proof"],
        );
    }
    let absent = node
        .call("eth_getProof", json!([Address::repeat_byte(0xab), ["0x1"]]))
        .await;
    assert_eq!(
        (
            absent["balance"].clone(),
            absent["storageProof"][0]["value"].clone()
        ),
        (json!("0x0"), json!("0x0"))
    );
    let pending = node
        .fail("eth_getProof", json!([COUNTER, [], "pending"]))
        .await;
    assert!(pending["message"].as_str().unwrap().contains("latest"));
}

/// Every node is named by the one before: the first by the root.
fn verify(root: &str, key: B256, proof: &Value) {
    let nodes: Vec<Bytes> = proof
        .as_array()
        .unwrap()
        .iter()
        .map(|node| hex::decode(node.as_str().unwrap()).unwrap().into())
        .collect();
    let root: B256 = root.parse().unwrap();
    if nodes.is_empty() {
        assert_eq!(root, openledger_primitives::EMPTY_ROOT_HASH);
        return;
    }
    assert_eq!(keccak256(&nodes[0]), root);
    for pair in nodes.windows(2) {
        let hash = keccak256(&pair[1]);
        assert!(
            pair[0].windows(32).any(|window| window == hash.as_slice()),
            "a node on the way to {key} is not named by its parent"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_op_node_methods_agree_with_the_blocks() {
    let node = Node::start().await;
    node.mine().await;
    node.mine().await;
    let block = node
        .call("eth_getBlockByNumber", json!(["latest", false]))
        .await;
    let output = node.call("optimism_outputAtBlock", json!(["0x2"])).await;
    let word = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let preimage = [
        vec![0; 32],
        word(&block["stateRoot"]),
        word(&block["withdrawalsRoot"]),
        word(&block["hash"]),
    ]
    .concat();
    assert_eq!(output["outputRoot"], json!(keccak256(preimage)));
    assert_eq!(output["blockRef"]["number"], 2);
    let status = node.call("optimism_syncStatus", json!([])).await;
    assert_eq!(status["unsafe_l2"]["hash"], block["hash"]);
    assert_eq!(
        (
            status["safe_l2"]["number"].clone(),
            status["finalized_l2"]["number"].clone()
        ),
        (json!(0), json!(0))
    );
    let rollup = node.call("optimism_rollupConfig", json!([])).await;
    assert_eq!(rollup["l2_chain_id"], CHAIN_ID);
    let safe = node
        .call("optimism_safeHeadAtL1Block", json!(["0x0"]))
        .await;
    assert_eq!(safe["safeHead"]["number"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_safe_head_of_past_l1_blocks_is_known() {
    use openledger_primitives::BlockNumHash;
    let node = Node::start().await;
    for _ in 0..4 {
        node.mine().await;
    }
    let l1 = |number: u64| BlockNumHash {
        number,
        hash: B256::with_last_byte(number as u8),
    };
    let l2 = |number: u64| BlockNumHash {
        number,
        hash: node.chain.block(number).unwrap().unwrap().hash,
    };
    for (safe, l1) in [(l2(1), l1(5)), (l2(4), l1(7))] {
        node.chain.set_safe(safe).unwrap();
        node.chain.complete_l1(l1, safe).unwrap();
    }
    // Of a block that isn't the safe head nothing is known.
    node.chain.complete_l1(l1(9), l2(3)).unwrap();
    let at = |number: u64| {
        let node = &node;
        async move {
            let params = json!([format!("{number:#x}")]);
            let found = node.call("optimism_safeHeadAtL1Block", params).await;
            (
                found["l1Block"]["number"].clone(),
                found["safeHead"].clone(),
            )
        }
    };
    let json_of = |block: BlockNumHash| json!({"hash": block.hash, "number": block.number});
    assert_eq!(at(5).await, (json!(5), json_of(l2(1))));
    assert_eq!(at(6).await, (json!(5), json_of(l2(1))));
    assert_eq!(at(7).await, (json!(7), json_of(l2(4))));
    assert_eq!(at(1_000).await, (json!(7), json_of(l2(4))));
    // Unwinding takes back what L1 block 7 made safe.
    let (to, finalized) = (l2(3), node.chain.heads().finalized);
    node.chain.set_heads(to, finalized).unwrap();
    assert_eq!(at(7).await, (json!(5), json_of(l2(1))));
    node.chain.unwind(0).unwrap();
    assert_eq!(node.chain.store().safe_head_at(u64::MAX).unwrap(), None);
}
