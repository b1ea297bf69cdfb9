//! The flags that say what an adapter is, for every command that registers one.

use super::{AdapterFile, AdapterTerms, BaseFile, read_file};
use alloy_primitives::{Address, B256};
use clap::Args;
use openledger_client::files;
use openledger_precompiles::lora::ILoraRegistry;
use std::path::PathBuf;

/// What an adapter is.
#[derive(Debug, Clone, Args)]
pub struct AdapterFlags {
    /// The adapter's weights, as PEFT writes them: safetensors
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Its base, as `openledger model tune` or `attribution submit base` writes it
    #[arg(long, value_name = "FILE")]
    pub base: PathBuf,
    /// The adapter's alpha, if it isn't in adapter_config.json
    #[arg(long, value_name = "ALPHA")]
    pub alpha: Option<u32>,
    /// Its version
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub version: u32,
    /// The adapter of the account's that it takes the place of
    #[arg(long, value_name = "ID", default_value_t = 0)]
    pub supersedes: u64,
    /// An adapter that it is made of, and that one's share of its royalties in basis points; may be repeated
    #[arg(long = "parent", value_name = "ID:BPS", value_parser = parent)]
    pub parents: Vec<(u64, u16)>,
}

impl AdapterFlags {
    /// Reads the files, and declares the adapter as `developer`'s, trained on `train` and under a licence.
    ///
    /// # Errors
    /// Files that can't be read, or don't fit each other; no alpha, or one that the registry can't record.
    pub async fn declare(
        &self,
        train: Vec<ILoraRegistry::Train>,
        licence: B256,
        developer: Address,
    ) -> anyhow::Result<(AdapterFile, ILoraRegistry::Adapter)> {
        let file = read_file(&self.file).await?;
        let base: BaseFile = files::read_json(&self.base)?;
        let terms = AdapterTerms {
            alpha: self.alpha,
            version: self.version,
            supersedes: self.supersedes,
            parents: self.parents.clone(),
            train,
            licence,
        };
        let adapter = terms.declare(&self.file, &file, &base, developer)?;
        Ok((file, adapter))
    }
}

/// What is no parent.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not ID:BPS")]
struct BadParent;

fn parent(text: &str) -> Result<(u64, u16), BadParent> {
    let (id, share) = text.split_once(':').ok_or(BadParent)?;
    match (id.parse(), share.parse()) {
        (Ok(id), Ok(share)) => Ok((id, share)),
        _ => Err(BadParent),
    }
}

/// What is no training set.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not {form}")]
pub struct BadTrain {
    /// What is expected.
    pub form: &'static str,
}

/// Reads DATA:SET[:INDEX]:BPS: `space` reads DATA, which names what the space is of; `form` is what is said to be expected.
///
/// # Errors
/// Any other text.
pub fn train(
    text: &str,
    form: &'static str,
    space: impl Fn(&str) -> Option<B256>,
) -> Result<ILoraRegistry::Train, BadTrain> {
    let parts: Vec<&str> = text.split(':').collect();
    let (data, set, index, weight) = match parts[..] {
        [data, set, weight] => (data, set, "0", weight),
        [data, set, index, weight] => (data, set, index, weight),
        _ => return Err(BadTrain { form }),
    };
    match (space(data), set.parse(), index.parse(), weight.parse()) {
        (Some(datanet), Ok(sketch_set), Ok(span_index), Ok(weight_bps)) => {
            Ok(ILoraRegistry::Train {
                datanet,
                sketchSet: sketch_set,
                spanIndex: span_index,
                weightBps: weight_bps,
            })
        }
        _ => Err(BadTrain { form }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_named_with_their_shares() {
        assert_eq!(parent("12:500").unwrap(), (12, 500));
        for wrong in ["12", "12:", ":5", "12:70000", "-1:5"] {
            assert!(parent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn training_sets_are_named_with_their_weights() {
        let space = |text: &str| (text == "2").then(|| B256::repeat_byte(7));
        let read = |text: &str| train(text, "D:SET[:INDEX]:BPS", space);
        let named = read("2:7:10000").unwrap();
        assert_eq!(named.datanet, B256::repeat_byte(7));
        assert_eq!(
            (named.sketchSet, named.spanIndex, named.weightBps),
            (7, 0, 10_000)
        );
        let named = read("2:7:9:1").unwrap();
        assert_eq!((named.spanIndex, named.weightBps), (9, 1));
        for wrong in ["", "2:7", "2:7:9:1:1", "x:7:1", "2:7:70000", "2:7::1"] {
            let error = read(wrong).unwrap_err().to_string();
            assert_eq!(error, "not D:SET[:INDEX]:BPS", "{wrong}");
        }
    }
}
