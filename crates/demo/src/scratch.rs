//! The directory in which everything happens, which is gone afterwards.

use anyhow::Context;
use openledger_economy::FileLock;
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// What the directories' names begin with.
const PREFIX: &str = "openledger-demo-";
/// Held as long as a directory is in use.
const LOCK: &str = "lock";
/// Younger ones may be about to be locked, or be left by processes that still end.
const AGE_MIN: Duration = Duration::from_secs(60);

/// A directory that is removed when this is dropped. What a demonstration left that was killed, the next one removes.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: TempDir,
    _lock: FileLock,
}

impl Scratch {
    /// Makes one among the system's temporary files.
    pub(crate) fn make() -> anyhow::Result<Self> {
        Self::make_in(&env::temp_dir(), AGE_MIN)
    }

    fn make_in(parent: &Path, age_min: Duration) -> anyhow::Result<Self> {
        sweep(parent, age_min);
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = FileLock::take(&directory.path().join(LOCK))?;
        Ok(Self {
            directory,
            _lock: lock.context("somebody else uses a directory that was made just now")?,
        })
    }

    /// Where things go: nothing is there yet.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("run")
    }
}

/// Removes what nobody uses any more. What can't be removed stays: it is in nobody's way.
fn sweep(parent: &Path, age_min: Duration) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let age = entry.metadata().and_then(|found| found.modified());
        let is_old = age.is_ok_and(|made| made.elapsed().is_ok_and(|age| age >= age_min));
        if is_old && matches!(FileLock::take(&entry.path().join(LOCK)), Ok(Some(_))) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_one_left_is_removed_by_the_next() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(format!("{PREFIX}left"));
        let other = parent.path().join("other");
        for directory in [&left, &other] {
            fs::create_dir_all(directory.join("run")).unwrap();
        }
        let used = Scratch::make_in(parent.path(), AGE_MIN).unwrap();
        assert!(left.exists(), "it may be about to be used");
        let next = Scratch::make_in(parent.path(), Duration::ZERO).unwrap();
        assert!(!left.exists() && other.exists());
        assert!(used.directory.path().exists() && next.directory.path().exists());
        let path = used.directory.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }
}
