use openledger_kona_check::{Derived, Difference, Record, check};
use serde_json::Value;
use std::{fs, path::PathBuf};

/// The record that holds all that derivation must get right.
const INDEPENDENT: &str = "independent";

/// Journeys in which kona is known to differ, and whether this is how (`docs/spec/batches.md`, "Where kona reads
/// otherwise").
const KNOWN: [(&str, fn(&Difference) -> bool); 2] = [
    // A singular batch on another parent, which kona takes.
    ("adversary-frames_without_effect", |difference| {
        matches!(difference, Difference::Attributes { .. })
    }),
    // A blob of nothing but zeros, if the seed says that it is included, at which kona halts.
    ("batcher-address_already_reserved", |difference| {
        matches!(difference, Difference::Halt { .. })
    }),
];

fn directory() -> PathBuf {
    std::env::var_os("OPENLEDGER_RECORDS")
        .expect("OPENLEDGER_RECORDS names the directory of the records: scripts/test.sh kona makes them")
        .into()
}

/// The records in the order of their names.
fn records() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory())
        .expect("the directory of the records")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    found.sort();
    found
}

fn independent() -> Vec<u8> {
    fs::read(directory().join(format!("{INDEPENDENT}.json"))).expect("a readable record")
}

/// Another digit in the place of one of a hexadecimal string, counted from its end.
fn change(value: &mut Value, from_end: usize) {
    let text = value.as_str().expect("a string").to_owned();
    let at = text.len() - 1 - from_end;
    let other = if &text[at..=at] == "1" { "2" } else { "1" };
    *value = format!("{}{other}{}", &text[..at], &text[at + 1..]).into();
}

#[test]
fn kona_derives_the_same_attributes() {
    let records = records();
    assert!(
        !records.is_empty(),
        "there are no records: scripts/test.sh kona makes them"
    );
    let mut failed = 0;
    for path in &records {
        let name = path.file_stem().unwrap_or_default().display();
        let record = Record::parse(&fs::read(path).expect("a readable record")).expect("a record");
        match check(record) {
            Ok(checked) => {
                println!(
                    "{name}: {} L2 blocks from {} L1 blocks",
                    checked.l2_blocks, checked.l1_blocks
                );
                assert!(checked.l2_blocks > 0, "{name}");
            }
            Err(difference) => {
                let path = path.to_string_lossy();
                let known = KNOWN
                    .iter()
                    .any(|(name, is_so)| path.contains(name) && is_so(&difference));
                failed += usize::from(!known);
                println!("{name}: {difference}");
            }
        }
    }
    assert_eq!(failed, 0, "records differ");
}

#[test]
fn a_change_of_any_attribute_is_found() {
    let record = Record::parse(&independent()).expect("a record");
    let fields = record.derived[0]
        .attributes
        .as_object()
        .expect("attributes");
    let names: Vec<String> = fields.keys().cloned().collect();
    assert_eq!(names.len(), 9);
    for (block, name) in (20..).zip(&names) {
        let mut changed = record.clone();
        match &mut changed.derived[block].attributes[name] {
            value @ Value::String(_) => change(value, 0),
            Value::Bool(set) => *set = !*set,
            // Any byte of any transaction, for instance this one.
            Value::Array(transactions) if !transactions.is_empty() => {
                change(&mut transactions[0], 9)
            }
            Value::Array(withdrawals) => withdrawals.push(Value::Null),
            other => panic!("{name} is {other}"),
        }
        let outcome = check(changed);
        let Err(Difference::Attributes { number, paths, .. }) = outcome else {
            panic!("{name}: {outcome:?}");
        };
        assert_eq!(number, block as u64 + 1);
        assert_eq!(paths.len(), 1, "{paths:?}");
        assert!(paths[0].starts_with(&format!(".{name}")), "{paths:?}");
    }
    for change in [
        |block: &mut Derived| block.derived_from += 1,
        |block: &mut Derived| block.is_last_in_span = !block.is_last_in_span,
    ] {
        let mut changed = record.clone();
        change(&mut changed.derived[30]);
        let outcome = check(changed);
        assert!(
            matches!(outcome, Err(Difference::Attributes { number: 31, .. })),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_block_more_or_less_is_found() {
    let mut record = Record::parse(&independent()).expect("a record");
    let last = record.derived.pop().expect("a block");
    let outcome = check(record.clone());
    assert!(
        matches!(outcome, Err(Difference::More { .. })),
        "{outcome:?}"
    );
    record.derived.extend([last.clone(), last]);
    let outcome = check(record);
    assert!(
        matches!(outcome, Err(Difference::Ends { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_change_of_l1_is_found() {
    let json = independent();
    // What a blob holds is looked at by kona alone.
    let mut record = Record::parse(&json).expect("a record");
    for blob in record.blobs.values_mut() {
        blob[40] ^= 1;
    }
    let outcome = check(record);
    assert!(outcome.is_err(), "{outcome:?}");
    // What headers commit to is looked at when the record is read.
    let mut record: Value = serde_json::from_slice(&json).expect("JSON");
    let l1 = record["l1"].as_array().expect("L1 blocks");
    let is_empty = |block: &Value| block["transactions"].as_array().is_some_and(Vec::is_empty);
    let filled = l1
        .iter()
        .position(|block| !is_empty(block))
        .expect("a block with transactions");
    // The header in its parent beacon block root.
    for (path, from_end) in [
        ("/transactions/0", 140),
        ("/receipts/0", 20),
        ("/header", 90),
    ] {
        let path = format!("/l1/{filled}{path}");
        let place = record.pointer_mut(&path).expect("a field");
        let before = place.clone();
        change(place, from_end);
        let outcome = Record::parse(record.to_string().as_bytes());
        assert!(outcome.is_err(), "{path}");
        *record.pointer_mut(&path).expect("a field") = before;
    }
    Record::parse(record.to_string().as_bytes()).expect("as it was");
}
