//! What a run of `openledger l1 deploy` leaves for the next: `deploy.json` beside the chain's files.

use crate::files::read_json_if_any;
use alloy_primitives::{Address, B256};
use anyhow::{Context, ensure};
use openledger_primitives::{GenesisId, L1Contracts};
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// Its name.
const FILE: &str = "deploy.json";
/// Longest that it may be, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How far a deployment is. Addresses follow from the account and its first nonce; how many steps are
/// done, the account's nonce says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DeployState {
    /// Chain id of the L1.
    pub(super) l1_chain_id: u64,
    /// The account that deploys.
    pub(super) deployer: Address,
    /// Its nonce when it began.
    pub(super) first_nonce: u64,
    /// Says whether the settings are the same (`DeployConfig::digest`).
    pub(super) config: B256,
    /// Where the contracts are or will be.
    pub(super) contracts: L1Contracts,
    /// The L1 block that the chain begins after, once the contracts are set up.
    pub(super) origin: Option<Origin>,
    /// Whether all is done.
    pub(super) complete: bool,
}

/// An L1 block and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    /// The block.
    pub(super) block: GenesisId,
    /// Its timestamp, seconds.
    pub(super) timestamp: u64,
}

impl DeployState {
    /// Reads the state in a directory; `None` if there is none.
    ///
    /// # Errors
    /// A file that can't be read or isn't one.
    pub(super) fn read(directory: &Path) -> anyhow::Result<Option<Self>> {
        read_json_if_any(&directory.join(FILE), FILE_BYTES_MAX)
    }

    /// Writes it, whole or not at all, before anything that relies on it is done.
    ///
    /// # Errors
    /// If it can't be written.
    pub(super) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let (path, partial) = (directory.join(FILE), directory.join("deploy.json.partial"));
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        fs::write(&partial, text)
            .and_then(|()| fs::File::open(&partial)?.sync_all())
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("can't write {}", path.display()))
    }

    /// Checks that a later run means the same deployment.
    ///
    /// # Errors
    /// The first thing that differs.
    pub(super) fn check(
        &self,
        l1_chain_id: u64,
        deployer: Address,
        config: B256,
    ) -> anyhow::Result<()> {
        ensure!(
            self.l1_chain_id == l1_chain_id,
            "the deployment was begun on L1 {}, and this is {l1_chain_id}",
            self.l1_chain_id
        );
        ensure!(
            self.deployer == deployer,
            "the deployment was begun by {}, and the key is of {deployer}",
            self.deployer
        );
        ensure!(
            self.config == config,
            "the settings of the contracts changed since the deployment was begun: restore them, or begin anew \
             in another --out"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_and_is_recognised() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(DeployState::read(directory.path()).unwrap(), None);
        let state = DeployState {
            l1_chain_id: 1,
            deployer: Address::repeat_byte(2),
            first_nonce: 3,
            config: B256::repeat_byte(4),
            contracts: L1Contracts::default(),
            origin: Some(Origin {
                block: GenesisId {
                    hash: B256::repeat_byte(5),
                    number: 6,
                },
                timestamp: 7,
            }),
            complete: false,
        };
        state.write(directory.path()).unwrap();
        let read = DeployState::read(directory.path()).unwrap();
        assert_eq!(read.as_ref(), Some(&state));
        let (account, config) = (state.deployer, state.config);
        state.check(1, account, config).unwrap();
        assert!(state.check(2, account, config).is_err());
        assert!(state.check(1, Address::ZERO, config).is_err());
        assert!(state.check(1, account, B256::ZERO).is_err());
        fs::write(directory.path().join(FILE), "{").unwrap();
        assert!(DeployState::read(directory.path()).is_err());
    }
}
