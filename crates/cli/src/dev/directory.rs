use anyhow::{Context, bail, ensure};
use openledger_chain::ChainFiles;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Chain files, in the order in which they are written.
const CHAIN_FILES: [&str; 3] = ["genesis.json", "l1.json", "rollup.json"];

/// Where a local chain lives: a directory that is kept, or one that goes when this is dropped.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl DataDirectory {
    /// Opens or creates a directory; a temporary one if none is given.
    pub(crate) fn open(given: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = given else {
            let temporary = tempfile::Builder::new()
                .prefix("openledger-")
                .tempdir()
                .context("can't create a temporary directory: choose one by --data-dir")?;
            return Ok(Self {
                path: temporary.path().to_owned(),
                temporary: Some(temporary),
            });
        };
        fs::create_dir_all(path)
            .with_context(|| format!("can't use {}: choose another --data-dir", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            temporary: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the chain outlives this process.
    pub(crate) const fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// The store's directory.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join("db")
    }

    /// The local L1's state.
    pub(crate) fn l1_state(&self) -> PathBuf {
        self.path.join("l1-state.json")
    }

    /// What the local L1 prints.
    pub(crate) fn l1_log(&self) -> PathBuf {
        self.path.join("l1.log")
    }

    /// The files of the chain that is in the directory; `None` if there is none yet.
    ///
    /// # Errors
    /// If the directory holds a part of a chain.
    pub(crate) fn chain_files(&self) -> anyhow::Result<Option<ChainFiles>> {
        if ChainFiles::exist(&self.path) {
            return ChainFiles::read(&self.path).map(Some).with_context(|| {
                format!(
                    "{} holds no chain that can be resumed: use another --data-dir, or delete it",
                    self.path.display()
                )
            });
        }
        // Chain files are written before the store: without a store, an attempt was interrupted.
        if !self.store().exists() {
            return Ok(None);
        }
        let missing = CHAIN_FILES
            .iter()
            .find(|name| !self.path.join(name).is_file());
        bail!(
            "{} holds a part of a chain only ({} is missing): use another --data-dir, or delete it",
            self.path.display(),
            missing.unwrap_or(&CHAIN_FILES[0])
        )
    }

    /// Checks that a chain that is resumed has its local L1, and removes the rest of an attempt that was
    /// interrupted if a new one is made.
    pub(crate) fn check_l1_state(&self, resumes: bool) -> anyhow::Result<()> {
        let state = self.l1_state();
        if resumes {
            ensure!(
                state.is_file(),
                "{} has no local L1 ({} is missing): name the chain's L1 by --l1.rpc-url, or start a new \
                 chain in another --data-dir",
                self.path.display(),
                "l1-state.json"
            );
        } else if state.exists() {
            fs::remove_file(&state).with_context(|| format!("can't remove {}", state.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_goes_and_a_given_one_stays() {
        let temporary = DataDirectory::open(None).unwrap();
        assert!(!temporary.is_kept());
        let path = temporary.path().to_owned();
        assert!(path.is_dir());
        drop(temporary);
        assert!(!path.exists());

        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        drop(DataDirectory::open(Some(&path)).unwrap());
        assert!(path.is_dir());
    }

    #[test]
    fn a_part_of_a_chain_is_refused_and_nothing_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(Some(parent.path())).unwrap();
        assert!(directory.chain_files().unwrap().is_none());
        fs::write(parent.path().join("genesis.json"), "{}").unwrap();
        assert!(
            directory.chain_files().unwrap().is_none(),
            "an attempt that was interrupted"
        );
        fs::create_dir(directory.store()).unwrap();
        let error = directory.chain_files().unwrap_err().to_string();
        assert!(
            error.contains("l1.json is missing") && error.contains("--data-dir"),
            "{error}"
        );
        for name in CHAIN_FILES {
            fs::write(parent.path().join(name), "{}").unwrap();
        }
        let error = format!("{:#}", directory.chain_files().unwrap_err());
        assert!(
            error.contains("rollup.json") && error.contains("--data-dir"),
            "{error}"
        );
    }

    #[test]
    fn a_resumed_chain_needs_its_l1() {
        let parent = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(Some(parent.path())).unwrap();
        let error = directory.check_l1_state(true).unwrap_err().to_string();
        assert!(error.contains("--l1.rpc-url"), "{error}");
        fs::write(directory.l1_state(), "{}").unwrap();
        directory.check_l1_state(true).unwrap();
        directory.check_l1_state(false).unwrap();
        assert!(
            !directory.l1_state().exists(),
            "a new chain starts a new L1"
        );
    }
}
