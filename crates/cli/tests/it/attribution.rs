//! The off-chain side of attribution against a node: made, submitted, scored, verified; and what is
//! tampered with is found.

use crate::{
    lying::LyingNode,
    process::{Dev, command},
};
use alloy_primitives::{Address, B256, Bytes, hex};
use alloy_provider::{Provider, RootProvider};
use anyhow::{Context, ensure};
use openledger_precompiles::{SKETCH, page_address};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

const DATANET: &str = "0x00000000000000000000000000000000000000000000000000000000000000d1";
const DATA_ROOT: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";
const SEAL_ON_DEMAND: [&str; 1] = ["--instant"];
const DIM: &str = "64";

/// A chain and a directory for the files of a test.
struct World {
    dev: Dev,
    files: tempfile::TempDir,
    _home: tempfile::TempDir,
}

impl World {
    fn start() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        Ok(Self {
            dev: Dev::start(home.path(), &SEAL_ON_DEMAND)?,
            files: tempfile::tempdir()?,
            _home: home,
        })
    }

    /// `openledger attribution …` in the files' directory, as the first account.
    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = command();
        command
            .arg("attribution")
            .args(arguments)
            .current_dir(self.files.path())
            .env("OPENLEDGER_RPC_URL", self.dev.text("/rpcUrl")?)
            .env("OPENLEDGER_KEY", self.dev.text("/accounts/0/privateKey")?);
        Ok(command)
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// What a command that ends well prints.
    fn ok(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        ensure!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What a command that exits with 1 says on standard error.
    fn fails(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        ensure!(
            output.status.code() == Some(1),
            "{arguments:?} must fail: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        Ok(String::from_utf8(output.stderr)?)
    }

    fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.ok(arguments)?)?)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        Ok(fs::write(self.files.path().join(name), content)?)
    }

    fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        Ok(fs::read(self.files.path().join(name))?)
    }

    fn account(&self) -> anyhow::Result<Address> {
        Ok(self.dev.text("/accounts/0/address")?.parse()?)
    }
}

/// A text of words that no other number has.
fn text(number: usize, words: usize) -> String {
    let words: Vec<String> = (0..words)
        .map(|word| format!("w{}", (word * word * 31 + number * 7_919) % 10_007))
        .collect();
    words.join(" ")
}

/// A gradient's file.
fn gradient(path: &Path, number: usize) -> anyhow::Result<()> {
    let values: Vec<u8> = (0..300)
        .map(|i| (((i * 37 + number * 101) % 97) as f32 - 48.0) / 48.0)
        .flat_map(f32::to_le_bytes)
        .collect();
    let view = TensorView::new(Dtype::F32, vec![300], &values)?;
    let file = safetensors::serialize([("g", view)], Some(HashMap::new()))?;
    Ok(fs::write(path, file)?)
}

/// Contributions 0 to 3, of which the last is a copy of the first.
fn contributions(world: &World) -> anyhow::Result<()> {
    for number in 0..3 {
        world.write(&format!("{number}.txt"), text(number, 300))?;
    }
    let copy = text(0, 300).replacen("w", "changed-w", 1);
    world.write("3.txt", copy)?;
    let contributor = Address::repeat_byte(0x77);
    world.write(
        "contributions.txt",
        format!("- text 0.txt\n{contributor} text 1.txt\n- text 2.txt\n- text 3.txt\n"),
    )
}

/// Submits the contributions; `flags` beside the usual ones.
fn submit_contributions<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "submit",
        "contributions",
        "contributions.txt",
        "--datanet",
        DATANET,
        "--out",
        "settled.json",
        "--journal",
        "contributions.journal",
    ];
    arguments.extend(flags);
    arguments
}

#[test]
fn rows_are_sketched_submitted_scored_and_verified() -> anyhow::Result<()> {
    let world = World::start()?;
    contributions(&world)?;
    interrupted_submission(&world)?;

    let set = world.json(&[
        "submit",
        "set",
        "--datanet",
        DATANET,
        "--dim",
        DIM,
        "--norm-cap2",
        "20000",
        "--frac-bits",
        "12",
        "--shift",
        "8",
        "--data-root",
        DATA_ROOT,
        "--journal",
        "set.journal",
        "--mine",
        "--json",
    ])?;
    assert_eq!(set["setId"], 1);
    let seed = set["seed"].as_str().context("a seed")?.to_owned();
    let mut rows = String::new();
    for number in 0..12 {
        let name = format!("{number}.safetensors");
        gradient(&world.files.path().join(&name), number)?;
        rows += &format!("{} {} {name}\n", number % 3, number % 2);
    }
    world.write("rows.txt", rows)?;
    world.write("queries.txt", "0 0 2.safetensors\n0 0 7.safetensors\n")?;
    let projection = [
        "--dim",
        DIM,
        "--seed",
        &seed,
        "--frac-bits",
        "12",
        "--shift",
        "8",
        "--norm-cap2",
        "20000",
    ];
    world.ok(&[
        &["sketch", "rows.txt", "--out", "rows.bin"],
        &projection[..],
    ]
    .concat())?;
    world.ok(&[
        &["sketch", "queries.txt", "--raw", "--out", "q.bin"],
        &projection[..],
    ]
    .concat())?;

    refused_rows(&world)?;
    let submit = [
        "submit",
        "rows",
        "rows.bin",
        "--set",
        "1",
        "--journal",
        "rows.journal",
        "--json",
    ];
    let submitted = world.json(&submit)?;
    assert_eq!(submitted["rows"], 12);
    assert!(submitted["transactions"].as_u64() >= Some(2));
    // Again: nothing is left to do.
    assert_eq!(world.json(&submit)?["transactions"], 0);
    let too_soon = world.fails(&[
        "solve",
        "--set",
        "1",
        "--queries",
        "q.bin",
        "--out",
        "w.json",
    ])?;
    assert!(too_soon.contains("NotSealed"), "{too_soon}");
    mine(&world)?;

    world.ok(&[
        "solve",
        "--set",
        "1",
        "--queries",
        "q.bin",
        "--out",
        "w.json",
    ])?;
    world.ok(&[
        "score",
        "influence",
        "--set",
        "1",
        "--witness",
        "w.json",
        "--out",
        "claim.json",
    ])?;
    // The same rows from the file give the same scores.
    let of_file = world.json(&[
        "score",
        "influence",
        "--rows",
        "rows.bin",
        "--dim",
        DIM,
        "--witness",
        "w.json",
        "--json",
    ])?;
    let claim: Value = serde_json::from_slice(&world.read("claim.json")?)?;
    assert_eq!(claim["answer"], of_file);
    assert_eq!(of_file["clusters"].as_array().map(Vec::len), Some(3));
    world.write("one.bin", &world.read("q.bin")?[..64])?;
    world.ok(&["score", "dot", "--set", "1", "--query", "one.bin"])?;
    let wrong_kind = world.fails(&[
        "score", "knn", "--set", "1", "--query", "one.bin", "--label", "1",
    ])?;
    assert!(wrong_kind.contains("WrongKind"), "{wrong_kind}");

    world.ok(&["verify", "claim", "claim.json"])?;
    world.ok(&["verify", "set", "1", "--rows", "rows.bin"])?;
    let registry = world.account()?.to_string();
    let space = [
        "verify",
        "space",
        "--registry",
        &registry,
        "--datanet",
        DATANET,
    ];
    world.ok(&space)?;
    tampered(&world, claim, &space)?;
    lied_to(&world)?;
    world.dev.stop()
}

/// A submission that is killed while it waits goes on where it was, and sends nothing twice.
fn interrupted_submission(world: &World) -> anyhow::Result<()> {
    let mut child = world
        .command(&submit_contributions(&[]))?
        .stdout(Stdio::null())
        .stderr(fs::File::create(world.files.path().join("submit.log"))?)
        .spawn()?;
    let started = Instant::now();
    loop {
        let log = fs::read_to_string(world.files.path().join("submit.log"))?;
        // On this chain nobody makes the blocks until the reveals.
        if log.contains("waiting for block") {
            break;
        }
        ensure!(child.try_wait()?.is_none(), "ended: {log}");
        ensure!(started.elapsed() < Duration::from_secs(60), "{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    let other = world.fails(&[
        "submit",
        "contributions",
        "contributions.txt",
        "--datanet",
        DATA_ROOT,
        "--out",
        "x.json",
        "--journal",
        "contributions.journal",
    ])?;
    assert!(other.contains("with other inputs"), "{other}");

    let settled = world.json(&submit_contributions(&["--mine", "--json"]))?;
    let clusters: Vec<_> = settled
        .as_array()
        .context("a list")?
        .iter()
        .map(|one| (one["cluster"].as_u64(), one["isNew"].as_bool()))
        .collect();
    let expected = [(0, true), (1, true), (2, true), (0, false)];
    assert_eq!(clusters, expected.map(|(c, new)| (Some(c), Some(new))));
    assert_eq!(
        settled[1]["contributor"].as_str(),
        Some("0x7777777777777777777777777777777777777777")
    );
    // What anybody can tell beforehand.
    let foretold = world.json(&["cluster", "contributions.txt", "--json"])?;
    let foretold = foretold.as_array().context("a list")?.iter();
    let foretold: Vec<_> = foretold
        .map(|one| (one["cluster"].as_u64(), one["isNew"].as_bool()))
        .collect();
    assert_eq!(foretold, clusters);
    // Commitments and reveals of the four, and settlement: none twice.
    let journal = String::from_utf8(world.read("contributions.journal")?)?;
    let steps = |what: &str| journal.matches(&format!("\"step\":\"{what}/")).count();
    assert_eq!(
        (steps("commit"), steps("reveal"), steps("settle")),
        (4, 4, 1)
    );
    world.ok(&submit_contributions(&[]))?;
    assert_eq!(world.read("contributions.journal")?, journal.as_bytes());
    Ok(())
}

/// Rows that the chain would refuse are refused before they are sent.
fn refused_rows(world: &World) -> anyhow::Result<()> {
    let mut rows = world.read("rows.bin")?;
    let last = rows.len() - 70;
    rows[last..last + 4].copy_from_slice(&9u32.to_be_bytes());
    world.write("bad.bin", &rows)?;
    let refused = |file: &str| {
        world.fails(&[
            "submit",
            "rows",
            file,
            "--set",
            "1",
            "--journal",
            "bad.journal",
        ])
    };
    let error = refused("bad.bin")?;
    assert!(error.contains("BadRow"), "{error}");
    rows[last..last + 4].copy_from_slice(&2u32.to_be_bytes());
    rows[7] = 0x80;
    world.write("worse.bin", &rows)?;
    let error = world.fails(&[
        "submit",
        "rows",
        "worse.bin",
        "--set",
        "1",
        "--journal",
        "worse.journal",
    ])?;
    assert!(
        error.contains("row 0: entry 1 is -128 (BadInt8)"),
        "{error}"
    );
    let error = world.fails(&[
        "submit",
        "rows",
        "rows.bin",
        "--set",
        "2",
        "--journal",
        "none.journal",
    ])?;
    assert!(error.contains("UnknownSet"), "{error}");
    Ok(())
}

/// Whatever is changed, claims, files or the chain, is named.
fn tampered(world: &World, claim: Value, space: &[&str]) -> anyhow::Result<()> {
    let changed = |pointer: &str, value: Value| -> anyhow::Result<()> {
        let mut claim = claim.clone();
        *claim.pointer_mut(pointer).context("a member")? = value;
        world.write("changed.json", claim.to_string())
    };
    changed("/answer/clusters/1/score", "5".into())?;
    let error = world.fails(&["verify", "claim", "changed.json"])?;
    assert!(
        error.starts_with("DIFFERENT: cluster 1, score: 5 claimed,"),
        "{error}"
    );
    changed("/answer/clusters/2/sumSq", "5".into())?;
    let error = world.fails(&["verify", "claim", "changed.json"])?;
    assert!(
        error.contains("cluster 2, sum of squares: 5 claimed"),
        "{error}"
    );
    changed("/question/queries/0/shift", 3.into())?;
    let error = world.fails(&["verify", "claim", "changed.json"])?;
    assert!(error.contains("WitnessRejected"), "{error}");
    changed("/blockHash", DATA_ROOT.into())?;
    let error = world.fails(&["verify", "claim", "changed.json"])?;
    assert!(error.contains("no such block"), "{error}");

    let rows = world.read("rows.bin")?;
    let mut other = rows.clone();
    other[70 * 2 + 6 + 9] ^= 1;
    world.write("other.bin", &other)?;
    let error = world.fails(&["verify", "set", "1", "--rows", "other.bin"])?;
    assert!(error.contains("DIFFERENT: row 2, entry 9"), "{error}");

    // The page on chain, by a method that local chains alone have.
    let page = page_address(SKETCH, 1, 0);
    let honest: Bytes = [&[0], &rows[..]].concat().into();
    let mut code = honest.to_vec();
    // An entry of row 5 that isn't zero becomes zero, whatever the seed made of it.
    let row = 1 + 70 * 5 + 6;
    let entry = (row..row + 64).find(|at| code[*at] != 0);
    code[entry.context("a row of zeros")?] = 0;
    set_code(world, page, code.into())?;
    let error = world.fails(&["verify", "set", "1"])?;
    assert!(error.contains("DIFFERENT: sumNorm2"), "{error}");
    // The claim is about an earlier block, whose state is as it was.
    world.ok(&["verify", "claim", "claim.json"])?;
    set_code(world, page, honest)?;
    world.ok(&["verify", "set", "1"])?;
    world.ok(space)?;
    Ok(())
}

/// Changes a hexadecimal string's last digit.
fn turn(value: &mut Value) {
    let text = value.as_str().unwrap_or_default();
    let last = if text.ends_with('1') { '2' } else { '1' };
    let kept = &text[..text.len() - 1];
    *value = format!("{kept}{last}").into();
}

/// A node that lies is found out, whatever it lies about.
fn lied_to(world: &World) -> anyhow::Result<()> {
    let url = world.dev.text("/rpcUrl")?;
    let found = |lie: fn(&str, &mut Value), arguments: &[&str]| -> anyhow::Result<String> {
        let node = LyingNode::start(url, lie)?;
        let arguments = [arguments, &["--rpc-url", &node.url]].concat();
        world.fails(&arguments)
    };
    let verify_claim = ["verify", "claim", "claim.json"];
    let error = found(
        |method, result| {
            if method == "eth_call" {
                turn(result);
            }
        },
        &verify_claim,
    )?;
    assert!(
        error.contains("DIFFERENT") && error.contains("on chain"),
        "{error}"
    );
    let error = found(
        |method, result| {
            if method == "eth_getProof"
                && let Some(value) = result.pointer_mut("/storageProof/4/value")
            {
                turn(value);
            }
        },
        &verify_claim,
    )?;
    assert!(error.contains("the proof of slot"), "{error}");
    let error = found(
        |method, result| {
            if method == "eth_getProof" {
                turn(&mut result["codeHash"]);
            }
        },
        &verify_claim,
    )?;
    assert!(error.contains("the proof of account"), "{error}");
    let error = found(
        |method, result| {
            if method == "eth_getCode" {
                turn(result);
            }
        },
        &verify_claim,
    )?;
    assert!(error.contains("as the state says"), "{error}");
    let error = found(
        |method, result| {
            if method == "eth_getBlockByHash" {
                turn(&mut result["stateRoot"]);
            }
        },
        &verify_claim,
    )?;
    assert!(error.contains("header of block"), "{error}");
    let error = found(
        |method, result| {
            if method == "eth_getLogs"
                && let Some(value) = result.pointer_mut("/1/data")
            {
                turn(value);
            }
        },
        &["verify", "set", "1"],
    )?;
    assert!(error.contains("DIFFERENT: digest after row 11"), "{error}");
    Ok(())
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

fn set_code(world: &World, address: Address, code: Bytes) -> anyhow::Result<()> {
    let rpc: RootProvider = world.dev.rpc()?;
    block_on(async {
        let _: Value = rpc
            .raw_request("hardhat_setCode".into(), (address, code))
            .await?;
        let _: Value = rpc.raw_request("evm_mine".into(), ()).await?;
        Ok(())
    })
}

fn mine(world: &World) -> anyhow::Result<()> {
    let rpc: RootProvider = world.dev.rpc()?;
    block_on(async {
        let _: Value = rpc.raw_request("evm_mine".into(), ()).await?;
        Ok(())
    })
}

#[test]
fn documents_are_indexed_submitted_and_matched() -> anyhow::Result<()> {
    let world = World::start()?;
    for number in 0..3 {
        world.write(&format!("{number}.txt"), text(number, 400))?;
    }
    world.write(
        "documents.txt",
        "0 text 0.txt\n1 text 1.txt\n2 text 2.txt\n",
    )?;
    // An answer that takes a stretch of the second document, and one of the third.
    let words = |number: usize| -> Vec<String> {
        text(number, 400).split(' ').map(str::to_owned).collect()
    };
    let mut answer = vec!["something".to_owned(), "new".to_owned()];
    answer.extend_from_slice(&words(1)[50..150]);
    answer.push("and".to_owned());
    answer.extend_from_slice(&words(2)[200..240]);
    let tokens: Vec<u32> = answer
        .iter()
        .map(|word| {
            let [a, b, c, d, ..] = alloy_primitives::keccak256(word).0;
            u32::from_be_bytes([a, b, c, d])
        })
        .collect();
    world.write("answer.json", serde_json::to_string(&tokens)?)?;
    world.write("answer.txt", answer.join(" "))?;

    for (id, flags) in [(1u64, &[][..]), (2, &["--proved"][..])] {
        let number = id.to_string();
        let journal = format!("tokens{id}.journal");
        let tokens = world.json(&[
            "submit",
            "tokens",
            "documents.txt",
            "--datanet",
            DATANET,
            "--journal",
            &journal,
            "--mine",
            "--json",
        ])?;
        assert_eq!(tokens["indexId"], id);
        world.ok(&[
            "index",
            "documents.txt",
            "--index",
            &number,
            "--out",
            "index.json",
            "--proofs",
            "proofs.json",
        ])?;
        let salt = tokens["salt"].as_str().context("a salt")?;
        world.ok(&[
            "index",
            "documents.txt",
            "--salt",
            salt,
            "--out",
            "again.json",
        ])?;
        assert_eq!(world.read("index.json")?, world.read("again.json")?);
        let journal = format!("index{id}.journal");
        let submit = [
            "submit",
            "index",
            "index.json",
            "--index",
            &number,
            "--journal",
            &journal,
            "--json",
        ];
        let submitted = world.json(&[&submit[..], flags].concat())?;
        assert_eq!(submitted["mode"], id);
        assert_eq!(
            world.json(&[&submit[..], flags].concat())?["transactions"],
            0
        );
        mine(&world)?;

        let score = [
            "score",
            "spans",
            "--index",
            &number,
            "--tokens",
            "answer.json",
        ];
        let entries = ["--entries", "index.json", "--out", "claim.json", "--json"];
        let spans = world.json(&[&score[..], &entries].concat())?;
        let won: Vec<_> = spans["clusters"]
            .as_array()
            .context("clusters")?
            .iter()
            .map(|one| (one["cluster"].as_u64(), one["score"].as_str()))
            .collect();
        let text = ["--tokens", "answer.txt", "--kind", "text"];
        let of_text = [&score[..4], &text, &entries[..2], &["--json"]].concat();
        assert_eq!(world.json(&of_text)?, spans);
        // Winnowing finds all but some tokens at a stretch's ends.
        assert_eq!(won.len(), 2);
        assert_eq!((won[0].0, won[1].0), (Some(1), Some(2)));
        let tokens_won = |place: usize| won[place].1.and_then(|n| n.parse::<u32>().ok());
        assert!(
            (85..=100).contains(&tokens_won(0).unwrap_or_default()),
            "{won:?}"
        );
        assert!(
            (25..=40).contains(&tokens_won(1).unwrap_or_default()),
            "{won:?}"
        );

        world.ok(&["verify", "claim", "claim.json"])?;
        let verify = ["verify", "index", &number];
        world.ok(&[&verify[..], &["--entries", "index.json"]].concat())?;
        world.ok(&[&verify[..], &["--documents", "documents.txt"]].concat())?;
        let mut claim: Value = serde_json::from_slice(&world.read("claim.json")?)?;
        claim["answer"]["covered"] = 7.into();
        world.write("changed.json", claim.to_string())?;
        let error = world.fails(&["verify", "claim", "changed.json"])?;
        assert!(
            error.contains("DIFFERENT: tokens covered: 7 claimed"),
            "{error}"
        );
    }
    // One proof a leaf.
    let first = world.read("proofs.json")?;
    let first: Value = serde_json::from_slice(
        first
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default(),
    )?;
    assert_eq!(first["leaf"], 0);
    assert_eq!(
        hex::decode(first["entry"].as_str().unwrap_or_default())?.len(),
        16
    );
    let _: Vec<B256> = serde_json::from_value(first["proof"].clone())?;

    // A document that is changed afterwards, and an index of other documents.
    world.write("1.txt", text(5, 400))?;
    let error = world.fails(&["verify", "index", "1", "--documents", "documents.txt"])?;
    assert!(error.contains("DIFFERENT: token root"), "{error}");
    let error = world.fails(&["index", "documents.txt", "--index", "1", "--out", "x.json"])?;
    assert!(error.contains("is committed"), "{error}");
    world.dev.stop()
}
