//! Contributions to clusters, gradients to a sealed set, and scores.

use super::{DATANET, World, mine, tampering, text};
use alloy_primitives::Address;
use anyhow::{Context, ensure};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

const DATA_ROOT: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";
const DIM: &str = "64";

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
    tampering::files_and_state(&world, claim, &space)?;
    tampering::answers(&world)?;
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
