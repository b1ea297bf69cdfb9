//! Loads our `rollup.json` by kona-genesis, an independent implementation of the OP Stack's chain
//! configuration that refuses any field that it doesn't know.
//!
//! `rollup.json` beside this file is what `openledger` writes for a fixed input: a test of
//! `openledger-cli` regenerates it and compares, so that this crate, which shares no code with the
//! workspace, checks what the command really writes. Start reading at [`load`].
#![forbid(unsafe_code)]

use kona_genesis::RollupConfig;

/// Parses a `rollup.json` as kona does.
///
/// # Errors
/// An unknown or missing field, or a value of another form.
pub fn load(json: &str) -> serde_json::Result<RollupConfig> {
    serde_json::from_str(json)
}

#[cfg(test)]
mod tests {
    use super::load;
    use serde_json::Value;

    const ROLLUP: &str = include_str!("../rollup.json");

    /// The paths in `ours` at which `theirs` holds another value or none.
    fn differences(path: &str, ours: &Value, theirs: &Value) -> Vec<String> {
        match (ours, theirs) {
            (Value::Object(ours), Value::Object(theirs)) => ours
                .iter()
                .flat_map(|(key, value)| {
                    let other = theirs.get(key).unwrap_or(&Value::Null);
                    differences(&format!("{path}.{key}"), value, other)
                })
                .collect(),
            // Addresses and hashes differ at most in the case of their digits.
            (Value::String(ours), Value::String(theirs)) if ours.eq_ignore_ascii_case(theirs) => {
                vec![]
            }
            _ if ours == theirs => vec![],
            _ => vec![format!("{path}: {ours} here, {theirs} there")],
        }
    }

    #[test]
    fn kona_reads_every_field() {
        let config = load(ROLLUP).expect("kona loads our rollup.json");
        let ours: Value = serde_json::from_str(ROLLUP).expect("the file is JSON");
        let theirs = serde_json::to_value(&config).expect("a RollupConfig serialises");
        // kona keeps these three system settings in forms of its own; they are compared below.
        let own_form = ["eip1559Params", "operatorFeeParams"];
        let found: Vec<String> = differences("", &ours, &theirs)
            .into_iter()
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
}
