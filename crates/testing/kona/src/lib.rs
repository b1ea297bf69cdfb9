//! Our chain by kona, an implementation of the OP Stack's derivation that shares no code with ours.
//!
//! [`load`] reads our `rollup.json` by kona-genesis, which refuses any field that it doesn't know. The file beside this
//! one is what `openledger` writes for a fixed input: a test of `openledger-cli` regenerates it and compares.
//!
//! [`check`] runs kona's pipeline over a [`Record`] of an L1, made by the journeys of `crates/testing`, and compares
//! each payload attributes with those that our pipeline gave. How the two differ by intent is in
//! `docs/spec/batches.md`, "Against another implementation". Start reading at [`check`].
#![forbid(unsafe_code)]

mod check;
mod record;
mod sources;

pub use check::{Checked, Difference, check};
pub use record::{Derived, L1Block, Record, RecordError};

use kona_genesis::RollupConfig;

/// Parses a `rollup.json` as kona does.
///
/// # Errors
/// An unknown or missing field, or a value of another form.
pub fn load(json: &str) -> serde_json::Result<RollupConfig> {
    serde_json::from_str(json)
}

/// The paths in `ours` or `theirs` at which the other holds another value or none.
pub fn differences(
    path: &str,
    ours: &serde_json::Value,
    theirs: &serde_json::Value,
) -> Vec<String> {
    use serde_json::Value;
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let alone = theirs.keys().filter(|key| !ours.contains_key(*key));
            ours.keys()
                .chain(alone)
                .flat_map(|key| {
                    let value = |of: &serde_json::Map<String, Value>| {
                        of.get(key).cloned().unwrap_or_default()
                    };
                    differences(&format!("{path}.{key}"), &value(ours), &value(theirs))
                })
                .collect()
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => ours
            .iter()
            .zip(theirs)
            .enumerate()
            .flat_map(|(index, (ours, theirs))| {
                differences(&format!("{path}[{index}]"), ours, theirs)
            })
            .collect(),
        // Addresses and hashes differ at most in the case of their digits.
        (Value::String(ours), Value::String(theirs)) if ours.eq_ignore_ascii_case(theirs) => vec![],
        _ if ours == theirs => vec![],
        (Value::Array(ours), Value::Array(theirs)) => {
            vec![format!(
                "{path}: {} here, {} there",
                ours.len(),
                theirs.len()
            )]
        }
        _ => vec![format!("{path}: {ours} here, {theirs} there")],
    }
}

#[cfg(test)]
mod tests {
    use super::{differences, load};
    use serde_json::{Value, json};

    const ROLLUP: &str = include_str!("../rollup.json");

    #[test]
    fn kona_reads_every_field() {
        let config = load(ROLLUP).expect("kona loads our rollup.json");
        let ours: Value = serde_json::from_str(ROLLUP).expect("the file is JSON");
        let theirs = serde_json::to_value(&config).expect("a RollupConfig serialises");
        // What kona adds is what it knows by itself, or is not set.
        let known = |line: &String| !line.contains(": null here");
        // kona keeps these two system settings in forms of its own; derivation compares them.
        let own_form = ["eip1559Params", "operatorFeeParams"];
        let found: Vec<String> = differences("", &ours, &theirs)
            .into_iter()
            .filter(known)
            .filter(|line| !own_form.iter().any(|name| line.contains(name)))
            .collect();
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn kona_sees_isthmus_and_no_later_fork() {
        let config = load(ROLLUP).expect("kona loads our rollup.json");
        let genesis = config.genesis.l2_time;
        assert!(config.is_isthmus_active(genesis));
        assert!(!config.is_interop_active(u64::MAX - 1));
        assert_eq!(config.l2_chain_id.id(), 161_299);
        assert_eq!(config.channel_timeout(genesis), 50);
        assert_eq!(config.max_sequencer_drift(genesis), 1_800);
    }

    #[test]
    fn a_field_of_our_own_is_refused() {
        let mut file: Value = serde_json::from_str(ROLLUP).expect("the file is JSON");
        file["openledger"] = Value::Bool(true);
        assert!(load(&file.to_string()).is_err());
    }

    #[test]
    fn differences_are_seen_on_either_side() {
        let ours = json!({ "a": "0xAB", "b": [1, 2], "c": 3 });
        assert_eq!(differences("", &ours, &ours), Vec::<String>::new());
        let theirs = json!({ "a": "0xab", "b": [1, 4], "d": 3 });
        let found = differences("", &ours, &theirs);
        let paths: Vec<&str> = found
            .iter()
            .map(|line| &line[..line.find(':').expect("a path")])
            .collect();
        assert_eq!(paths, [".b[1]", ".c", ".d"]);
    }
}
