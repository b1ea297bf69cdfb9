//! Ethereum's state tests, each case at its fork with Ethereum's own fee handling in place of OP's, over
//! our store, trie, commit and root.
//!
//! The suite is optional: it reads the archive that `OPENLEDGER_STATE_TESTS` names (or
//! `../shared/fixtures/ethereum-state-tests.tar.xz` beside the checkout) and says so when it is absent.

mod case;
mod run;

use anyhow::{Context, Result};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Files that are not run, each with the reason.
const SKIPPED: &[(&str, &str)] = &[
    (
        "ValueOverflow.json",
        "the transaction's value does not fit 256 bits",
    ),
    (
        "ValueOverflowParis.json",
        "the transaction's value does not fit 256 bits",
    ),
    ("HighGasPrice.json", "the gas price does not fit 128 bits"),
    (
        "HighGasPriceParis.json",
        "the gas price does not fit 128 bits",
    ),
    // EIP-7610: an account with storage but neither nonce nor code can't arise on a chain that starts
    // after Spurious Dragon, and revm does not check for it.
    (
        "InitCollision.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "InitCollisionParis.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "RevertInCreateInInit.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "RevertInCreateInInit_Paris.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "RevertInCreateInInitCreate2.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "RevertInCreateInInitCreate2Paris.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "create2collisionStorage.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "create2collisionStorageParis.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "dynamicAccountOverwriteEmpty.json",
        "starts from an account with storage only (EIP-7610)",
    ),
    (
        "dynamicAccountOverwriteEmpty_Paris.json",
        "starts from an account with storage only (EIP-7610)",
    ),
];

fn archive() -> PathBuf {
    std::env::var_os("OPENLEDGER_STATE_TESTS").map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../../shared/fixtures/ethereum-state-tests.tar.xz")
        },
        PathBuf::from,
    )
}

fn json_files(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            json_files(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn state_tests() -> Result<()> {
    let archive = archive();
    if !archive.is_file() {
        println!(
            "state tests are absent ({}): nothing was run",
            archive.display()
        );
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let status = Command::new("tar")
        .arg("-xJf")
        .arg(&archive)
        .arg("-C")
        .arg(directory.path())
        .status()
        .context("tar is needed to unpack the state tests")?;
    anyhow::ensure!(status.success(), "tar failed on {}", archive.display());
    let mut files = Vec::new();
    json_files(&directory.path().join("GeneralStateTests"), &mut files)?;
    files.sort();
    anyhow::ensure!(!files.is_empty(), "the archive holds no state tests");
    let only = std::env::var("OPENLEDGER_STATE_TEST").ok();

    let next = AtomicUsize::new(0);
    let results = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..std::thread::available_parallelism().map_or(1, Into::into))
            .map(|_| {
                scope.spawn(|| {
                    let mut report = run::Report::default();
                    let (_directory, store) = run::empty_store().expect("a store");
                    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let name = file
                            .file_name()
                            .and_then(|name| name.to_str())
                            .unwrap_or("");
                        if only
                            .as_ref()
                            .is_some_and(|only| !name.contains(only.as_str()))
                        {
                            continue;
                        }
                        if let Some((_, reason)) = SKIPPED.iter().find(|(skip, _)| *skip == name) {
                            report.skipped.push(format!("{name}: {reason}"));
                            continue;
                        }
                        report.files += 1;
                        if let Err(error) = run::file(file, &store, &mut report) {
                            report.failures.push(format!("{name}: {error:#}"));
                        }
                    }
                    report
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("worker"))
            .collect::<Vec<_>>()
    });
    let mut total = run::Report::default();
    results.into_iter().for_each(|report| total.merge(report));
    for line in &total.skipped {
        println!("skipped {line}");
    }
    println!(
        "state tests: {} cases in {} files passed, {} failed, {} files skipped",
        total.passed,
        total.files,
        total.failures.len(),
        total.skipped.len()
    );
    for failure in total.failures.iter().take(40) {
        println!("FAILED {failure}");
    }
    assert!(
        total.failures.is_empty(),
        "{} state tests failed",
        total.failures.len()
    );
    assert!(
        only.is_some() || total.passed > 20_000,
        "only {} cases ran",
        total.passed
    );
    Ok(())
}
