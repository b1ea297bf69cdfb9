use alloy_genesis::Genesis;
use alloy_primitives::{
    Bytes,
    hex::{self, FromHexError},
};
use openledger_primitives::{
    ChainConfig, GENESIS_EXTRA_KEY, GenesisExtra, JovianUpgrade, L1ChainConfig,
};
use openledger_protocol::{UpgradeCodeError, check_jovian_upgrade};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Bytes of a header's extra data: version, EIP-1559 denominator and elasticity.
const HOLOCENE_EXTRA_DATA_BYTES: usize = 9;
/// The same with the minimum base fee.
const JOVIAN_EXTRA_DATA_BYTES: usize = 17;

/// Where in a chain's directory the code is that upgrade transactions deploy.
const UPGRADES: &str = "upgrades";
/// Init code of Jovian's `L1Block` in hexadecimal, by the name that it has in the OP specification.
const L1_BLOCK_FILE: &str = "jovian-l1-block-deployment.txt";
/// The same of `GasPriceOracle`.
const GAS_PRICE_ORACLE_FILE: &str = "jovian-gas-price-oracle-deployment.txt";
/// Longest such file, bytes: EIP-3860's longest init code in hexadecimal, and what editors add.
const UPGRADE_FILE_BYTES_MAX: u64 = 2 * 49_152 + 16;

/// The files that define a chain: `genesis.json`, `rollup.json` and `l1.json` of one directory, and under
/// `upgrades` the code that a fork after genesis deploys.
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
    /// A fork that every chain of ours has from genesis on is missing or scheduled later.
    #[error(
        "rollup.json: {name} must be there and not after genesis: this version runs chains that begin with Isthmus"
    )]
    NotAtGenesis {
        /// The field.
        name: &'static str,
    },
    /// Karst is scheduled before Jovian, on which it builds.
    #[error(
        "rollup.json schedules Karst at {karst}, and Jovian not until then: set jovian_time to {karst} or earlier"
    )]
    ForkOrder {
        /// When Karst is scheduled, seconds since the Unix epoch.
        karst: u64,
    },
    /// Karst is scheduled on a chain that began without it.
    #[error(
        "rollup.json schedules Karst at {time}, after genesis: its upgrade transactions would put OP's bridge, \
         messenger and vaults in the place of this chain's (docs/decisions/0009-forks-after-isthmus.md). A new \
         chain can have Karst from genesis on; leave karst_time out of this one's"
    )]
    KarstAfterGenesis {
        /// When it is scheduled, seconds since the Unix epoch.
        time: u64,
    },
    /// The code that Jovian's upgrade transactions deploy isn't there.
    #[error(
        "rollup.json schedules Jovian at {time}, after genesis, and what its first block deploys is missing: put \
         {L1_BLOCK_FILE} and {GAS_PRICE_ORACLE_FILE} of the OP specification (specs/static/bytecode in its \
         repository) into {directory}",
        directory = directory.display()
    )]
    NoUpgradeCode {
        /// When it is scheduled, seconds since the Unix epoch.
        time: u64,
        /// Where it belongs.
        directory: PathBuf,
    },
    /// The code that Jovian's upgrade transactions deploy is another one.
    #[error(
        "{directory}: {source}: take the files of the OP specification as they are",
        directory = directory.display()
    )]
    UpgradeCode {
        /// Where it was found.
        directory: PathBuf,
        /// What is wrong.
        #[source]
        source: UpgradeCodeError,
    },
    /// A file isn't hexadecimal.
    #[error("{path}: {source}", path = path.display())]
    Hex {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: FromHexError,
    },
    /// A fork is scheduled on a chain whose blocks don't come at fixed times.
    #[error(
        "rollup.json schedules Jovian at {time}, after genesis, and the chain is unsettled: forks are activated \
         by blocks at fixed times, which only a settled chain has. Make a new one with Jovian at genesis"
    )]
    Unsettled {
        /// When it is scheduled, seconds since the Unix epoch.
        time: u64,
    },
    /// The genesis block's extra data isn't of the form that its forks prescribe.
    #[error(
        "genesis.json: extraData has {found} bytes, and a genesis with {fork} has {expected}: take the genesis.json \
         that was made with this rollup.json"
    )]
    ExtraData {
        /// The newest fork at genesis that says something of it.
        fork: &'static str,
        /// Bytes that it has then.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// A consensus parameter that no chain can have.
    #[error("rollup.json: {name} must not be zero")]
    Zero {
        /// The parameter.
        name: &'static str,
    },
}

impl ChainFiles {
    /// Reads the files in `directory` and checks that they agree.
    ///
    /// # Errors
    /// [`ChainFilesError`], which names the file.
    pub fn read(directory: &Path) -> Result<Self, ChainFilesError> {
        let mut files = Self {
            genesis: read_json(&directory.join("genesis.json"))?,
            rollup: read_json(&directory.join("rollup.json"))?,
            l1: read_json(&directory.join("l1.json"))?,
        };
        files.check()?;
        if let Some(time) = files.jovian_after_genesis() {
            let directory = directory.join(UPGRADES);
            files.rollup.jovian_upgrade = Some(read_upgrade(&directory, time)?);
        }
        Ok(files)
    }

    /// Whether the three files are in `directory`.
    pub fn exist(directory: &Path) -> bool {
        ["genesis.json", "rollup.json", "l1.json"]
            .iter()
            .all(|name| directory.join(name).is_file())
    }

    /// Writes the files into `directory`, each whole or not at all.
    ///
    /// # Errors
    /// [`ChainFilesError::Io`].
    pub fn write(&self, directory: &Path) -> Result<(), ChainFilesError> {
        write_json(&directory.join("genesis.json"), &self.genesis)?;
        write_json(&directory.join("l1.json"), &self.l1)?;
        if let Some(upgrade) = &self.rollup.jovian_upgrade {
            write_upgrade(&directory.join(UPGRADES), upgrade)?;
        }
        write_json(&directory.join("rollup.json"), &self.rollup)
    }

    /// When Jovian activates, if that isn't genesis.
    fn jovian_after_genesis(&self) -> Option<u64> {
        let genesis = self.rollup.genesis.l2_time;
        self.rollup.forks.jovian_time.filter(|time| *time > genesis)
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
        self.check_forks()
    }

    /// Whether this version can run the chain past all of its forks: better not to begin than to come to a
    /// halt at that second.
    fn check_forks(&self) -> Result<(), ChainFilesError> {
        let (forks, genesis) = (&self.rollup.forks, self.rollup.genesis.l2_time);
        for (name, time) in [
            ("regolith_time", forks.regolith_time),
            ("canyon_time", forks.canyon_time),
            ("delta_time", forks.delta_time),
            ("ecotone_time", forks.ecotone_time),
            ("fjord_time", forks.fjord_time),
            ("granite_time", forks.granite_time),
            ("holocene_time", forks.holocene_time),
            ("isthmus_time", forks.isthmus_time),
        ] {
            if time.is_none_or(|time| time > genesis) {
                return Err(ChainFilesError::NotAtGenesis { name });
            }
        }
        if let Some(karst) = forks.karst_time {
            if forks.jovian_time.is_none_or(|jovian| jovian > karst) {
                return Err(ChainFilesError::ForkOrder { karst });
            }
            if karst > genesis {
                return Err(ChainFilesError::KarstAfterGenesis { time: karst });
            }
        }
        let jovian_later = self.jovian_after_genesis();
        if let Some(time) = jovian_later
            && self.is_unsettled()
        {
            return Err(ChainFilesError::Unsettled { time });
        }
        let (fork, expected) = if forks.jovian_time.is_some() && jovian_later.is_none() {
            ("Jovian", JOVIAN_EXTRA_DATA_BYTES)
        } else {
            ("Holocene", HOLOCENE_EXTRA_DATA_BYTES)
        };
        // Empty means the chain's defaults.
        let found = self.genesis.extra_data.len();
        if found != 0 && found != expected {
            return Err(ChainFilesError::ExtraData {
                fork,
                expected,
                found,
            });
        }
        Ok(())
    }

    /// Whether the chain's maker said that it posts no batches.
    fn is_unsettled(&self) -> bool {
        self.genesis
            .config
            .extra_fields
            .get_deserialized::<GenesisExtra>(GENESIS_EXTRA_KEY)
            .and_then(Result::ok)
            .is_some_and(|extra| !extra.settled)
    }
}

/// What the block that activates Jovian deploys, which every OP chain has the same.
fn read_upgrade(directory: &Path, time: u64) -> Result<JovianUpgrade, ChainFilesError> {
    if !directory.join(L1_BLOCK_FILE).is_file() && !directory.join(GAS_PRICE_ORACLE_FILE).is_file()
    {
        return Err(ChainFilesError::NoUpgradeCode {
            time,
            directory: directory.to_owned(),
        });
    }
    let upgrade = JovianUpgrade {
        l1_block: read_hex(&directory.join(L1_BLOCK_FILE))?,
        gas_price_oracle: read_hex(&directory.join(GAS_PRICE_ORACLE_FILE))?,
    };
    check_jovian_upgrade(&upgrade).map_err(|source| ChainFilesError::UpgradeCode {
        directory: directory.to_owned(),
        source,
    })?;
    Ok(upgrade)
}

fn write_upgrade(directory: &Path, upgrade: &JovianUpgrade) -> Result<(), ChainFilesError> {
    let io = |path: &Path, source| ChainFilesError::Io {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(directory).map_err(|source| io(directory, source))?;
    for (name, code) in [
        (L1_BLOCK_FILE, &upgrade.l1_block),
        (GAS_PRICE_ORACLE_FILE, &upgrade.gas_price_oracle),
    ] {
        let path = directory.join(name);
        fs::write(&path, format!("{code}\n")).map_err(|source| io(&path, source))?;
    }
    Ok(())
}

/// Bytes in hexadecimal, with or without 0x before and space around.
fn read_hex(path: &Path) -> Result<Bytes, ChainFilesError> {
    let io = |source| ChainFilesError::Io {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    fs::File::open(path)
        .map_err(io)?
        .take(UPGRADE_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(io)?;
    let bytes = hex::decode(text.trim()).map_err(|source| ChainFilesError::Hex {
        path: path.to_owned(),
        source,
    })?;
    Ok(bytes.into())
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
