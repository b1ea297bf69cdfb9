use crate::{
    anvil_or_skip,
    support::{
        Proxy, client, client_of, fake_endpoint, mine, payload, sender_config, signer, spawn_sender,
    },
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256};
use openledger_l1::{L1Error, L1Tag, TxCandidate};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::test]
async fn blocks_of_a_real_l1_pass_verification() {
    let anvil = anvil_or_skip!("--slots-in-an-epoch", "2");
    let client = client(&anvil.url());
    client
        .require_chain_id(31337)
        .await
        .expect("anvil's chain id");
    assert!(matches!(
        client.require_chain_id(1).await,
        Err(L1Error::WrongChain {
            expected: 1,
            actual: 31337
        })
    ));

    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    let to = Address::repeat_byte(0x42);
    let sent = sender
        .send_and_confirm(TxCandidate::call(to, payload(7, 5_000)))
        .await
        .expect("confirmed");
    mine(&anvil, 12).await;

    let latest = client
        .header_by_tag(L1Tag::Latest)
        .await
        .expect("reachable")
        .expect("exists");
    assert_eq!(latest.number, 13);
    assert!(
        client
            .header_by_number(14)
            .await
            .expect("reachable")
            .is_none()
    );
    assert!(
        client
            .header_by_hash(B256::repeat_byte(1))
            .await
            .expect("reachable")
            .is_none()
    );
    let finalized = client
        .header_by_tag(L1Tag::Finalized)
        .await
        .expect("reachable")
        .expect("exists");
    assert!(finalized.number < latest.number, "{}", finalized.number);

    for number in 0..=13 {
        let header = client
            .header_by_number(number)
            .await
            .expect("verified")
            .expect("exists");
        assert_eq!(header.number, number);
        let by_hash = client
            .header_by_hash(header.hash())
            .await
            .expect("verified")
            .expect("exists");
        assert_eq!(by_hash, header);
        let block = client
            .block_with_receipts(header.hash())
            .await
            .expect("verified");
        assert_eq!((block.hash, &block.header), (header.hash(), header.inner()));
        assert_eq!(block.transactions.len(), block.receipts.len());
    }
    let block = client
        .block_with_receipts(BlockNumberOrTag::Number(sent.block.number))
        .await
        .expect("verified");
    assert_eq!(block.id(), sent.block);
    let [tx] = block.transactions.as_slice() else {
        panic!("one transaction")
    };
    assert_eq!(
        (tx.hash(), tx.sender(), tx.to()),
        (sent.tx_hash, Some(sender.account()), Some(to))
    );
    assert_eq!(tx.input(), &payload(7, 5_000));
    assert!(matches!(
        client
            .block_with_receipts(BlockNumberOrTag::Number(99))
            .await,
        Err(L1Error::BlockNotFound {
            id: BlockId::Number(BlockNumberOrTag::Number(99))
        })
    ));
    let paid = sent.fee_wei;
    let before = alloy_primitives::U256::from(10_000_000_000_000_000_000_000_u128);
    let balance = client
        .balance(signer(0).address(), BlockId::latest())
        .await
        .expect("reachable");
    assert_eq!(before - balance, alloy_primitives::U256::from(paid));
}

#[tokio::test]
async fn a_dead_endpoint_is_passed_over() {
    let anvil = anvil_or_skip!();
    let proxy = Proxy::to(anvil.port()).await;
    // Nothing listens on the first; the second can be cut; the third always works.
    let client = client_of(&["http://127.0.0.1:1".into(), proxy.url(), anvil.url()]);
    assert_eq!(client.chain_id().await.expect("the second answers"), 31337);
    proxy.cut();
    assert_eq!(client.chain_id().await.expect("the third answers"), 31337);

    let cut_only = client_of(&[proxy.url()]);
    assert!(matches!(
        cut_only.chain_id().await,
        Err(L1Error::Transport { .. } | L1Error::Timeout { .. })
    ));
    proxy.mend();
    assert_eq!(cut_only.chain_id().await.expect("mended"), 31337);
}

#[tokio::test]
async fn every_transaction_type_and_impersonation_pass_verification() {
    let anvil = anvil_or_skip!();
    let client = client(&anvil.url());
    let (from, to) = (signer(0).address(), Address::repeat_byte(0x42));
    let stranger = Address::repeat_byte(0x77);
    anvil
        .request("anvil_impersonateAccount", json!([stranger]))
        .await
        .expect("impersonated");
    anvil
        .request("anvil_setBalance", json!([stranger, "0xde0b6b3a7640000"]))
        .await
        .expect("funded");
    let access = json!([{ "address": to, "storageKeys": [B256::repeat_byte(1)] }]);
    for tx in [
        json!({ "from": from, "to": to, "gasPrice": "0x77359400", "data": "0x01" }),
        json!({ "from": from, "to": to, "gasPrice": "0x77359400", "accessList": access, "data": "0x02" }),
        json!({ "from": from, "to": to, "maxFeePerGas": "0x77359400", "data": "0x03" }),
        json!({ "from": stranger, "to": to, "data": "0x04" }),
    ] {
        anvil
            .request("eth_sendTransaction", json!([tx]))
            .await
            .expect("sent");
    }
    let mut senders = Vec::new();
    for (number, tx_type) in (1_u64..).zip([0, 1, 2, 2]) {
        let block = client
            .block_with_receipts(BlockNumberOrTag::Number(number))
            .await
            .expect("verified");
        let [tx] = block.transactions.as_slice() else {
            panic!("one transaction")
        };
        assert_eq!(tx.envelope.tx_type() as u8, tx_type);
        assert_eq!(tx.input().as_ref(), [number as u8]);
        senders.push(tx.sender());
    }
    assert_eq!(senders[..3], [Some(from); 3]);
    // Nobody signed for the stranger, and what the signature says is not believed.
    assert_ne!(senders[3], Some(stranger));
}

#[tokio::test]
async fn an_endpoint_that_lies_is_found_out_and_passed_over() {
    let anvil = anvil_or_skip!();
    let honest = client(&anvil.url());
    let (sender, _guard) = spawn_sender(&honest, 0, sender_config());
    let to = Address::repeat_byte(0x42);
    let sent = sender
        .send_and_confirm(TxCandidate::call(to, payload(7, 100)))
        .await
        .expect("confirmed");

    let block = anvil
        .request("eth_getBlockByNumber", json!(["0x1", true]))
        .await
        .expect("a block");
    let receipts = anvil
        .request("eth_getBlockReceipts", json!(["0x1"]))
        .await
        .expect("receipts");
    let serve = |block: Value, receipts: Value| {
        fake_endpoint(move |method, _| {
            std::future::ready(match method.as_str() {
                "eth_getBlockReceipts" => receipts.clone(),
                _ => block.clone(),
            })
        })
    };
    let hash = sent.block.hash;

    // The whole truth.
    let url = serve(block.clone(), receipts.clone()).await;
    client(&url)
        .block_with_receipts(hash)
        .await
        .expect("verified");
    // A header that doesn't hash to what it says.
    let mut lie = block.clone();
    lie["gasUsed"] = json!("0x1");
    let url = serve(lie, receipts.clone()).await;
    assert!(matches!(
        client(&url).block_with_receipts(hash).await,
        Err(L1Error::HeaderHash { number: 1, claimed, .. }) if claimed == hash
    ));
    // An honest block in place of another.
    let url = serve(block.clone(), receipts.clone()).await;
    assert!(matches!(
        client(&url).header_by_number(2).await,
        Err(L1Error::HeaderNumber {
            requested: 2,
            returned: 1
        })
    ));
    assert!(matches!(
        client(&url).header_by_hash(B256::repeat_byte(3)).await,
        Err(L1Error::HeaderHash { number: 1, .. })
    ));
    // A transaction with other calldata.
    let mut lie = block.clone();
    lie["transactions"][0]["input"] = json!("0x08");
    let url = serve(lie, receipts.clone()).await;
    assert!(matches!(
        client(&url).block_with_receipts(hash).await,
        Err(L1Error::TransactionsRoot { number: 1, .. })
    ));
    // A transaction left out.
    let mut lie = block.clone();
    lie["transactions"] = json!([]);
    let url = serve(lie, receipts.clone()).await;
    assert!(matches!(
        client(&url).block_with_receipts(hash).await,
        Err(L1Error::TransactionsRoot { number: 1, .. })
    ));
    // A lie about sender and hash changes nothing: both are recomputed.
    let mut lie = block.clone();
    lie["transactions"][0]["from"] = json!(Address::repeat_byte(9));
    lie["transactions"][0]["hash"] = json!(B256::repeat_byte(9));
    let url = serve(lie, receipts.clone()).await;
    let read = client(&url)
        .block_with_receipts(hash)
        .await
        .expect("the rest is true");
    assert_eq!(read.transactions[0].hash(), sent.tx_hash);
    assert_eq!(read.transactions[0].sender(), Some(sender.account()));
    // A receipt that says that the transaction failed.
    let mut lie = receipts.clone();
    lie[0]["status"] = json!("0x0");
    let liar = serve(block.clone(), lie).await;
    assert!(matches!(
        client(&liar).block_with_receipts(hash).await,
        Err(L1Error::ReceiptsRoot { number: 1, .. })
    ));
    // With an honest endpoint behind it, the liar does no harm.
    let both = client_of(&[liar, anvil.url()]);
    assert_eq!(
        both.block_with_receipts(hash).await.expect("verified").hash,
        hash
    );
}

#[tokio::test]
async fn an_endpoint_that_hangs_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let config = openledger_l1::RequestConfig {
        timeout: Duration::from_millis(100),
        attempts: 2,
        ..Default::default()
    };
    let client = openledger_l1::L1Client::new(&[url], config).expect("valid");
    assert!(matches!(
        client.chain_id().await,
        Err(L1Error::Timeout { method: "eth_chainId", after, .. }) if after == Duration::from_millis(100)
    ));
}
