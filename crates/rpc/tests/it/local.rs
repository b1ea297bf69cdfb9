use crate::fixture::{COUNTER, Node, READER, config, quantity};
use alloy_primitives::{Address, B256, Signature, U256, eip191_hash_message, hex};
use openledger_rpc::RpcConfig;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_unsettled_chain_changes_at_will() {
    let node = Node::start().await;
    let address = Address::repeat_byte(0x51);
    for prefix in ["hardhat", "anvil"] {
        node.call(
            &format!("{prefix}_setBalance"),
            json!([address, "0x29a2241af62c0000"]),
        )
        .await;
        node.call(
            &format!("{prefix}_setCode"),
            json!([address, "0x5f545f5260205ff3"]),
        )
        .await;
        node.call(&format!("{prefix}_setNonce"), json!([address, "0x9"]))
            .await;
        node.call(
            &format!("{prefix}_setStorageAt"),
            json!([address, "0x0", B256::with_last_byte(7)]),
        )
        .await;
        assert_eq!(
            node.call("eth_getBalance", json!([address])).await,
            "0x29a2241af62c0000"
        );
        assert_eq!(
            node.call("eth_getTransactionCount", json!([address])).await,
            "0x9"
        );
        assert_eq!(
            node.call("eth_call", json!([{"to": address}])).await,
            json!(B256::with_last_byte(7))
        );
    }
    let before = quantity(&node.call("eth_blockNumber", json!([])).await);
    node.call("hardhat_mine", json!(["0x5"])).await;
    node.call("anvil_mine", json!([2])).await;
    assert_eq!(
        quantity(&node.call("eth_blockNumber", json!([])).await),
        before + 7
    );
    assert_eq!(
        node.call(
            "evm_mine",
            json!([{"timestamp": crate::fixture::now() + 1_000}])
        )
        .await,
        "0x0"
    );
    let info = node.call("anvil_nodeInfo", json!([])).await;
    assert_eq!(info["environment"]["chainId"], crate::fixture::CHAIN_ID);
    let metadata = node.call("hardhat_metadata", json!([])).await;
    assert_eq!(metadata["chainId"], crate::fixture::CHAIN_ID);
}

#[tokio::test(flavor = "multi_thread")]
async fn impersonated_accounts_send_without_a_signature() {
    let node = Node::start().await;
    let address = Address::repeat_byte(0x52);
    node.call("anvil_setBalance", json!([address, "0xde0b6b3a7640000"]))
        .await;
    let transaction = json!([{"from": address, "to": COUNTER, "value": "0x5"}]);
    assert_eq!(
        node.fail("eth_sendTransaction", transaction.clone()).await["code"],
        -32000
    );
    node.call("anvil_impersonateAccount", json!([address]))
        .await;
    let hash = node.call("eth_sendTransaction", transaction.clone()).await;
    node.mine().await;
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(
        (receipt["status"].clone(), receipt["from"].clone()),
        (json!("0x1"), json!(address))
    );
    node.call("anvil_stopImpersonatingAccount", json!([address]))
        .await;
    let error = node.fail("eth_sendTransaction", transaction).await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("unknown account")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn local_accounts_sign_and_send() {
    let node = Node::start().await;
    let address = node.signers[0].address();
    let recovered = |signature: &serde_json::Value, hash: B256| {
        let bytes = hex::decode(signature.as_str().unwrap()).unwrap();
        Signature::try_from(&bytes[..])
            .unwrap()
            .recover_address_from_prehash(&hash)
            .unwrap()
    };
    for (method, params) in [
        ("personal_sign", json!(["0x68656c6c6f", address])),
        ("eth_sign", json!([address, "0x68656c6c6f"])),
    ] {
        let signature = node.call(method, params).await;
        assert_eq!(recovered(&signature, eip191_hash_message("hello")), address);
    }
    let typed = json!({
        "domain": {"name": "Test", "chainId": 1},
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
            "Note": [{"name": "text", "type": "string"}]
        },
        "primaryType": "Note",
        "message": {"text": "hello"}
    });
    let signature = node
        .call("eth_signTypedData_v4", json!([address, typed]))
        .await;
    // The same data as JSON in a string.
    assert_eq!(
        node.call("eth_signTypedData_v4", json!([address, typed.to_string()]))
            .await,
        signature
    );
    let hash = node
        .call(
            "eth_sendTransaction",
            json!([{"from": address, "to": READER, "value": "0x1"}]),
        )
        .await;
    node.mine().await;
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], "0x1");
    let signed = node
        .call(
            "eth_signTransaction",
            json!([{"from": address, "to": READER}]),
        )
        .await;
    let sent = node
        .call("eth_sendRawTransaction", json!([signed["raw"]]))
        .await;
    assert_eq!(signed["tx"]["hash"], sent);
    let unknown = node.fail("eth_sign", json!([Address::ZERO, "0x"])).await;
    assert!(
        unknown["message"]
            .as_str()
            .unwrap()
            .contains("unknown account")
    );
    assert_eq!(
        node.call("eth_getBalance", json!([READER])).await,
        json!(format!("{:#x}", U256::from(1)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_chain_refuses_and_names_the_flag() {
    let node = Node::with(RpcConfig {
        settled: true,
        ..config()
    })
    .await;
    for method in [
        "evm_snapshot",
        "evm_revert",
        "evm_mine",
        "evm_increaseTime",
        "evm_setNextBlockTimestamp",
        "evm_setAutomine",
        "evm_setIntervalMining",
        "hardhat_setBalance",
        "anvil_setCode",
        "hardhat_setNonce",
        "anvil_setStorageAt",
        "hardhat_impersonateAccount",
        "anvil_stopImpersonatingAccount",
        "hardhat_mine",
        "anvil_reset",
    ] {
        for params in [json!([]), json!(["0x1"])] {
            let error = node.fail(method, params).await;
            assert_eq!(error["code"], -32000, "{method}");
            assert!(
                error["message"].as_str().unwrap().contains("--no-batcher"),
                "{error}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequencer_is_stopped_and_started() {
    let node = Node::start().await;
    assert_eq!(node.call("admin_sequencerActive", json!([])).await, true);
    let head = node.call("admin_stopSequencer", json!([])).await;
    assert_eq!(node.call("admin_sequencerActive", json!([])).await, false);
    let latest = node
        .call("eth_getBlockByNumber", json!(["latest", false]))
        .await;
    assert_eq!(latest["hash"], head);
    // A transaction that waits is told apart from one that is too slow.
    let raw = node.sign(0, Some(COUNTER), 0, Default::default()).await;
    let error = node
        .fail("eth_sendRawTransactionSync", json!([raw, 50]))
        .await;
    assert_eq!(error["code"], 5);
    assert_eq!(
        node.fail("admin_startSequencer", json!([B256::repeat_byte(1)]))
            .await["code"],
        -32000
    );
    node.call("admin_startSequencer", json!([head])).await;
    assert_eq!(node.call("admin_sequencerActive", json!([])).await, true);
}
