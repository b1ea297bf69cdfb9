use crate::{
    anvil_or_skip,
    support::{Files, client, sender_config, signer, spawn_sender},
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, hex};
use openledger_l1::{
    ArchiveLocation, BlobBlock, BlobSidecar, BlobSource, BlobSourceConfig, BlobSourceError,
    L1Client, L1Error, Severity, TxCandidate,
};
use serde_json::json;
use std::time::Duration;

const TO: Address = Address::repeat_byte(0x42);
const BLOCK: BlobBlock = BlobBlock {
    number: 100,
    hash: B256::repeat_byte(1),
    timestamp: 1_000 + 12 * 7 + 3,
};

fn source(beacon_urls: Vec<String>, archives: Vec<ArchiveLocation>) -> BlobSource {
    BlobSource::new(BlobSourceConfig {
        beacon_urls,
        archives,
        timeout: Duration::from_secs(5),
    })
    .expect("valid")
}

fn sidecar(payloads: &[&[u8]]) -> BlobSidecar {
    BlobSidecar::build(payloads).expect("fits")
}

fn payloads(payloads: &[&[u8]]) -> Vec<Bytes> {
    payloads
        .iter()
        .map(|data| Bytes::copy_from_slice(data))
        .collect()
}

/// A beacon node with the routes given, whose genesis is at 1,000 with slots of 12 s.
async fn beacon(routes: Vec<(String, serde_json::Value)>) -> Files {
    let mut files = vec![
        (
            "/eth/v1/config/spec".to_owned(),
            json!({"data": {"SECONDS_PER_SLOT": "12", "CONFIG_NAME": "test"}}),
        ),
        (
            "/eth/v1/beacon/genesis".to_owned(),
            json!({"data": {"genesis_time": "1000"}}),
        ),
    ];
    files.extend(routes);
    let files = files
        .into_iter()
        .map(|(path, json)| (path, json.to_string().into_bytes()))
        .collect();
    Files::serve(files).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_form_of_beacon_node_is_understood() {
    let wanted = sidecar(&[b"first", b"second"]);
    let other = sidecar(&[b"other"]);
    let hashes = wanted.versioned_hashes();
    let expected = payloads(&[b"first", b"second"]);
    let texts: Vec<String> = wanted.blobs().iter().map(ToString::to_string).collect();
    let query = format!(
        "versioned_hashes={},{}",
        hashes[0].min(hashes[1]),
        hashes[0].max(hashes[1])
    );

    // Newer nodes answer by versioned hash; in any order, with others beside.
    let answer = json!({"data": [texts[1], other.blobs()[0].to_string(), texts[0]]});
    let newer = beacon(vec![(
        format!("/eth/v1/beacon/blobs/7?{query}"),
        answer.clone(),
    )])
    .await;
    let source_of = |node: &Files| source(vec![node.url()], vec![]);
    assert_eq!(
        source_of(&newer)
            .payloads(BLOCK, hashes)
            .await
            .expect("there"),
        expected
    );

    // Without that filter.
    let unfiltered = beacon(vec![("/eth/v1/beacon/blobs/7".into(), answer)]).await;
    assert_eq!(
        source_of(&unfiltered)
            .payloads(BLOCK, hashes)
            .await
            .expect("there"),
        expected
    );

    // Older nodes give proofs.
    let items = |sidecar: &BlobSidecar| -> Vec<serde_json::Value> {
        sidecar.blobs().iter().zip(sidecar.proofs()).map(|(blob, (commitment, proof))| {
            json!({"index": "0", "blob": blob, "kzg_commitment": commitment, "kzg_proof": proof})
        }).collect()
    };
    let sidecars = [items(&other), items(&wanted)].concat();
    let answer = json!({ "data": sidecars });
    let older = beacon(vec![("/eth/v1/beacon/blob_sidecars/7".into(), answer)]).await;
    let older_source = source_of(&older);
    assert_eq!(
        older_source.payloads(BLOCK, hashes).await.expect("there"),
        expected
    );
    assert_eq!(older_source.status().borrow().fetched, 2);
    assert_eq!(older_source.status().borrow().refused, 0);

    // One that gives another blob with the right commitment is not believed; the next is.
    let mut lie = items(&wanted);
    lie[0]["blob"] = json!(other.blobs()[0]);
    let liar = beacon(vec![(
        "/eth/v1/beacon/blob_sidecars/7".into(),
        json!({"data": lie}),
    )])
    .await;
    let both = source(vec![liar.url(), older.url()], vec![]);
    assert_eq!(both.payloads(BLOCK, hashes).await.expect("there"), expected);
    assert_eq!(both.status().borrow().refused, 1);
    assert!(matches!(
        source_of(&liar).blobs(BLOCK, hashes).await,
        Err(BlobSourceError::Missing { missing: 1, hash, .. }) if hash == hashes[0]
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_are_asked_and_not_believed() {
    let wanted = sidecar(&[b"kept"]);
    let hash = wanted.versioned_hashes()[0];
    let blob = wanted.blobs()[0];
    let directory = tempfile::tempdir().expect("temporary directory");
    let archive = || ArchiveLocation::Directory(directory.path().to_owned());
    let empty = source(vec![], vec![archive()]);
    let mut status = empty.status();
    let error = empty
        .blobs(BLOCK, &[hash])
        .await
        .expect_err("nothing there");
    assert!(matches!(
        error,
        BlobSourceError::Missing {
            missing: 1,
            sources: 1,
            ..
        }
    ));
    assert_eq!(error.severity(), Severity::Transient);
    let missing = status.borrow_and_update().missing.expect("an alarm");
    assert_eq!((missing.hash, missing.block.number), (hash, 100));

    // Another blob under its name.
    let path = directory.path().join(hash.to_string());
    std::fs::write(&path, sidecar(&[b"forged"]).blobs()[0]).expect("written");
    assert!(empty.blobs(BLOCK, &[hash]).await.is_err());
    std::fs::write(&path, b"no blob").expect("written");
    assert!(empty.blobs(BLOCK, &[hash]).await.is_err());
    // The same alarm goes on since it began.
    assert_eq!(status.borrow_and_update().missing, Some(missing));
    std::fs::write(&path, blob).expect("written");
    assert_eq!(
        empty.payloads(BLOCK, &[hash]).await.expect("there"),
        payloads(&[b"kept"])
    );
    assert_eq!(status.borrow_and_update().missing, None);

    let http = Files::serve(vec![(
        format!("/v1/{hash}"),
        hex::encode_prefixed(blob).into_bytes(),
    )])
    .await;
    let url = ArchiveLocation::parse(&format!("{}/v1/", http.url())).expect("a URL");
    let unreachable = "http://127.0.0.1:1".to_owned();
    let last = source(vec![unreachable], vec![url]);
    assert_eq!(
        last.payloads(BLOCK, &[hash]).await.expect("there"),
        payloads(&[b"kept"])
    );
    // A block without blobs needs nobody.
    assert_eq!(
        source(vec![], vec![])
            .blobs(BLOCK, &[])
            .await
            .expect("nothing"),
        []
    );
}

#[test]
fn sources_are_checked() {
    let config = |beacon_urls| BlobSourceConfig {
        beacon_urls,
        ..Default::default()
    };
    assert!(matches!(
        BlobSource::new(config(vec!["http://a".into(), "none".into()])),
        Err(BlobSourceError::InvalidUrl { index: 1, .. })
    ));
    assert!(matches!(
        BlobSource::new(config(vec!["http://a".into(); 9])),
        Err(BlobSourceError::SourceCount { given: 9 })
    ));
    let shown = format!(
        "{:?}",
        source(vec!["http://host/secret-key".into()], vec![])
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_l1_takes_blobs_and_gives_them_back() {
    let anvil = anvil_or_skip!("--block-time", "1");
    let client = client(&anvil.url());
    let (sender, _guard) = spawn_sender(&client, 0, sender_config());
    let texts: [&[u8]; 3] = [b"one", b"two", &[7; 100_000]];
    let sidecar = sidecar(&texts);
    let confirmed = sender
        .send_and_confirm(TxCandidate::blobs(TO, sidecar.clone()))
        .await
        .expect("confirmed");
    assert!(confirmed.success && confirmed.fee_wei > 3 * 131_072);
    let block = client
        .block_with_receipts(confirmed.block.hash)
        .await
        .expect("verified");
    let tx = block
        .transactions
        .iter()
        .find(|tx| tx.hash() == confirmed.tx_hash)
        .expect("there");
    assert_eq!(tx.blob_hashes(), sidecar.versioned_hashes());
    assert_eq!(tx.sender(), Some(signer(0).address()));

    // What derivation asks for.
    let config = crate::support::chain_config(TO);
    let batcher = signer(0).address();
    let error = client
        .batch_blobs(&block, &config, batcher)
        .await
        .expect_err("no source");
    assert!(matches!(error, L1Error::NoBlobSource { .. }));
    assert_eq!(error.severity(), Severity::Transient);
    let with_blobs: L1Client = client.clone().with_blobs(source(vec![anvil.url()], vec![]));
    let found = with_blobs
        .batch_blobs(&block, &config, batcher)
        .await
        .expect("there");
    assert_eq!(found.of(confirmed.tx_hash), payloads(&texts));
    let others = with_blobs
        .batch_blobs(&block, &config, Address::ZERO)
        .await
        .expect("none");
    assert_eq!(others.of(confirmed.tx_hash), payloads(&[]));
    // The scan tells the same.
    let scanned = openledger_l1::list_batches(&with_blobs, &config, 1, block.header.number)
        .await
        .expect("read");
    assert_eq!(
        (scanned.len(), scanned[0].blobs, scanned[0].bytes),
        (1, 3, 100_006)
    );
    assert!(scanned[0].frames.is_err());
    let again = client.block_with_receipts(BlockNumberOrTag::Latest).await;
    assert!(again.is_ok());
}
