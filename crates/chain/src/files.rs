use alloy_genesis::Genesis;
use openledger_primitives::{ChainConfig, L1ChainConfig};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The files that define a chain: `genesis.json`, `rollup.json` and `l1.json` of one directory.
#[derive(Debug, Clone)]
pub struct ChainFiles {
    /// `genesis.json`: the genesis state in geth's form; our own settings under `config.openledger`.
    pub genesis: Genesis,
    /// `rollup.json`: consensus parameters in op-node's form.
    pub rollup: ChainConfig,
    /// `l1.json`: what derivation must know of the L1.
    pub l1: L1ChainConfig,
}

/// Why chain files can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ChainFilesError {
    /// A file can't be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file doesn't have the expected form.
    #[error("{path}: {source}", path = path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// Two files name different chain ids.
    #[error("{what} chain id is {first} in one file and {second} in another")]
    ChainId {
        /// `L1` or `L2`.
        what: &'static str,
        /// The one.
        first: u64,
        /// The other.
        second: u64,
    },
    /// A fork whose rules this version lacks.
    #[error(
        "rollup.json schedules {fork} at {time}, and this version knows the rules up to Isthmus: \
         take a version that knows {fork}, or leave {name} out"
    )]
    Fork {
        /// The fork.
        fork: &'static str,
        /// The field.
        name: &'static str,
        /// When it is scheduled, seconds since the Unix epoch.
        time: u64,
    },
    /// A consensus parameter that no chain can have.
    #[error("rollup.json: {name} must not be zero")]
    Zero {
        /// The parameter.
        name: &'static str,
    },
}

impl ChainFiles {
    /// Reads the three files in `directory` and checks that they agree.
    ///
    /// # Errors
    /// [`ChainFilesError`], which names the file.
    pub fn read(directory: &Path) -> Result<Self, ChainFilesError> {
        let files = Self {
            genesis: read_json(&directory.join("genesis.json"))?,
            rollup: read_json(&directory.join("rollup.json"))?,
            l1: read_json(&directory.join("l1.json"))?,
        };
        files.check()?;
        Ok(files)
    }

    /// Whether the three files are in `directory`.
    pub fn exist(directory: &Path) -> bool {
        ["genesis.json", "rollup.json", "l1.json"]
            .iter()
            .all(|name| directory.join(name).is_file())
    }

    /// Writes the three files into `directory`, each whole or not at all.
    ///
    /// # Errors
    /// [`ChainFilesError::Io`].
    pub fn write(&self, directory: &Path) -> Result<(), ChainFilesError> {
        write_json(&directory.join("genesis.json"), &self.genesis)?;
        write_json(&directory.join("l1.json"), &self.l1)?;
        write_json(&directory.join("rollup.json"), &self.rollup)
    }

    fn check(&self) -> Result<(), ChainFilesError> {
        let (first, second) = (self.genesis.config.chain_id, self.rollup.l2_chain_id);
        if first != second {
            return Err(ChainFilesError::ChainId {
                what: "L2",
                first,
                second,
            });
        }
        let (first, second) = (self.l1.chain_id, self.rollup.l1_chain_id);
        if first != second {
            return Err(ChainFilesError::ChainId {
                what: "L1",
                first,
                second,
            });
        }
        for (name, value) in [
            ("block_time", self.rollup.block_time),
            ("seq_window_size", self.rollup.seq_window_size),
            ("channel_timeout", self.rollup.channel_timeout),
            (
                "chain_op_config.eip1559Elasticity",
                self.rollup.chain_op_config.elasticity,
            ),
            (
                "chain_op_config.eip1559DenominatorCanyon",
                self.rollup.chain_op_config.denominator_canyon,
            ),
        ] {
            if value == 0 {
                return Err(ChainFilesError::Zero { name });
            }
        }
        let forks = &self.rollup.forks;
        for (fork, name, time) in [
            ("Jovian", "jovian_time", forks.jovian_time),
            ("Karst", "karst_time", forks.karst_time),
        ] {
            if let Some(time) = time {
                return Err(ChainFilesError::Fork { fork, name, time });
            }
        }
        Ok(())
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ChainFilesError> {
    let bytes = fs::read(path).map_err(|source| ChainFilesError::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&bytes).map_err(|source| ChainFilesError::Form {
        path: path.to_owned(),
        source,
    })
}

/// Writes beside the file and renames, so that a crash leaves the old file or the new one.
fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), ChainFilesError> {
    let form = |source| ChainFilesError::Form {
        path: path.to_owned(),
        source,
    };
    let io = |source| ChainFilesError::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = serde_json::to_vec_pretty(value).map_err(form)?;
    bytes.push(b'\n');
    let partial = path.with_extension("json.partial");
    fs::write(&partial, bytes).map_err(io)?;
    fs::rename(&partial, path).map_err(io)
}
