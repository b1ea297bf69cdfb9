//! The corpora of the precompiles' fuzz targets, replayed; and the seeds in them, made.

#[path = "../../../fuzz/precompiles.rs"]
mod targets;

use alloy_primitives::{Address, hex};
use openledger_precompiles::{LORA, Outcome, SKETCH, SPAN, SPLIT};
use std::{fs, path::PathBuf};

const TARGETS: [(&str, Address, fn(&[u8])); 4] = [
    ("sketch", SKETCH, targets::sketch),
    ("span", SPAN, targets::span),
    ("split", SPLIT, targets::split),
    ("lora", LORA, targets::lora),
];
/// Inputs of this test at most, cut off ones included, so that it takes seconds.
const CUTS: usize = 4;

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

#[test]
fn seeds_are_as_they_are_made() {
    let write = std::env::var_os("OPENLEDGER_WRITE_SEEDS").is_some();
    for (target, address, _) in TARGETS {
        for (index, seed) in targets::seeds(address).into_iter().enumerate() {
            let path = corpus(target).join(format!("seed-{index:02}"));
            if write {
                fs::create_dir_all(corpus(target)).expect("a writable folder");
                fs::write(&path, &seed).expect("a writable file");
            }
            let found = fs::read(&path).expect("a readable file");
            assert_eq!(hex::encode(found), hex::encode(seed), "{}", path.display());
        }
    }
}

#[test]
fn seeds_reach_what_lies_behind_the_checks() {
    for (_, address, _) in TARGETS {
        let seeds = targets::seeds(address);
        for (number, template) in targets::templates(address).enumerate() {
            let seed = seeds
                .iter()
                .find(|seed| seed[0] == number as u8)
                .expect("each case has a seed");
            let outcome = targets::outcome(address, seed);
            let refused = template.name == "setPaused, not the timelock's";
            match outcome {
                Some(Outcome::Success { .. }) if !refused => {}
                Some(Outcome::Revert { .. }) if refused => {}
                outcome => panic!("{}: {outcome:?}", template.name),
            }
        }
    }
}

#[test]
fn corpora_replay() {
    for (target, address, run) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(corpus(target)).expect("a corpus") {
            let data = fs::read(entry.expect("an entry").path()).expect("a readable file");
            run(&data);
            for cut in 1..=CUTS {
                run(&data[..data.len() * cut / (CUTS + 1)]);
            }
            files += 1;
        }
        let seeds = targets::seeds(address).len();
        assert!(files >= seeds, "{target} has {files} files");
    }
}
